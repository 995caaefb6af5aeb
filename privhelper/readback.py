"""What is read back after a verb acted: the evidence that goes into the answer."""

from __future__ import annotations

from collections.abc import Callable

from .checks import Found, guid_of, no_links, snapshots_of, zfs_get
from .failure import Failure
from .places import ZFS, ZPOOL
from .programs import ask, failure, run
from .properties import FILESYSTEM, problem
from .shape import Args


def _guid(what: str) -> Callable[[Args], Found]:
    return lambda args: {"guid": guid_of(what, str(args[what]))}


def _property(args: Args) -> Found:
    return {"value": zfs_get(str(args["dataset"]), str(args["property"]))}


def _import(args: Args) -> Found:
    """The name of the pool that has the GUID now, and its file systems mounted where the rules let them be."""
    for line in ask([ZPOOL, "list", "-H", "-p", "-o", "name,guid"]).splitlines():
        name, _, guid = line.partition("\t")
        if guid == args["guid"]:
            return {"pool": name, "not_mounted": _mount_all(name)}
    raise Failure("failed", f"zpool imported a pool, but none with the GUID {args['guid']} is listed.")


def _mount_all(pool: str) -> list[str]:
    """Mount the file systems of a pool that wants them mounted; returns those that were not, each with the reason."""
    columns = ["-t", "filesystem", "-o", "name,canmount,mounted"]
    listed = ask([ZFS, "list", "-H", "-p", "-r", *columns, "--", pool])
    rows = [line.split("\t") for line in listed.splitlines()]
    wanted = [name for name, canmount, mounted in rows if (canmount, mounted) == ("on", "no")]
    # Each asked for alone: in a table, a mountpoint with a line end in it could vouch for another file system.
    paths = [(zfs_get(name, "mountpoint"), name) for name in wanted]
    left: list[str] = []
    # In the order of the mountpoints, so that what lies below another is mounted after it.
    for mountpoint, name in sorted(paths):
        if not mountpoint.startswith("/"):
            continue
        try:
            refused = problem("mountpoint", mountpoint, name, (FILESYSTEM,), birth=False)
            if refused:
                raise Failure("refused", refused)
            no_links(mountpoint)
            argv = [ZFS, "mount", "--", name]
            output = run(argv, 60)
            if output.status != 0:
                raise failure(argv, output)
        except Failure as reason:
            left.append(f"{name}: {reason}")
    return left


def _pruned(args: Args) -> Found:
    """What is left of the snapshots that were to go. Raises Failure when one is."""
    chosen = args["snapshots"]
    assert isinstance(chosen, dict)
    left = sorted(set(chosen) & set(snapshots_of(str(args["dataset"]))))
    if left:
        raise Failure("failed", f"zfs destroyed, but {args['dataset']}@{left[0]} is still listed.")
    return {"destroyed": sorted(chosen)}


def _aside(args: Args) -> Found:
    """It is there under its new name, and nothing is under the old one. Raises Failure when not."""
    if zfs_get(str(args["to"]), "guid") != args["guid"]:
        raise Failure("failed", f"zfs renamed, but {args['to']} is not what was {args['dataset']}.")
    output = run([ZFS, "list", "-H", "-o", "name", "--", str(args["dataset"])], 60)
    if output.status == 0:
        raise Failure("failed", f"zfs renamed, but {args['dataset']} is still listed.")
    return {"to": args["to"]}


def _rolled(args: Args) -> Found:
    """The snapshot is the newest of its dataset now. Raises Failure when not."""
    dataset, _, wanted = str(args["snapshot"]).partition("@")
    there = snapshots_of(dataset)
    if max(there, key=lambda name: there[name][1]) != wanted:
        raise Failure("failed", f"zfs rolled back, but {dataset} still has newer snapshots than @{wanted}.")
    return {"newest": wanted}


def _mounted(args: Args) -> Found:
    """Where it is mounted now. Raises Failure when it is not."""
    name = str(args["dataset"])
    if zfs_get(name, "mounted") != "yes":
        raise Failure("failed", f"zfs mounted {name}, but says that it is not mounted.")
    return {"mountpoint": zfs_get(name, "mountpoint")}


def _of_trees(name: str) -> Callable[[Args], Found]:
    """A read-back of trees.py, which is loaded when it is asked for."""

    def evidence_of(args: Args) -> Found:
        from . import trees

        found: Found = getattr(trees, name.replace("-", "_"))(args)
        return found

    return evidence_of


def _account_quota(args: Args) -> Found:
    from .accounts import account_quota

    return account_quota(args)


def _share(args: Args) -> Found:
    from .shares import read_back

    return read_back(args)


_TREES = ("promoted", "unmounted", "inherited", "key-loaded", "key-unloaded", "key-changed", "snapshot-renamed")


def _policy_snapshots(args: Args) -> Found:
    """The GUID that each snapshot has now. Raises Failure when one is not listed."""
    datasets = args["datasets"]
    assert isinstance(datasets, list)
    names = [f"{dataset}@{args['name']}" for dataset in datasets]
    listed = ask([ZFS, "list", "-H", "-p", "-t", "snapshot", "-o", "name,guid", "--", *names])
    found = dict(line.split("\t") for line in listed.splitlines())
    missing = next((name for name in names if name not in found), "")
    if missing:
        raise Failure("failed", f"zfs took the snapshots, but {missing} is not listed.")
    return {"guids": {dataset: found[name] for dataset, name in zip(datasets, names, strict=True)}}


def _policy_unset(args: Args) -> Found:
    """What counts now. Raises Failure when the dataset still has a policy of its own."""
    told = ask([ZFS, "get", "-H", "-p", "-o", "value,source", "dplane:policy", str(args["dataset"])]).rstrip("\n")
    value, _, source = told.partition("\t")
    if source == "local":
        raise Failure("failed", f"zfs took the order, but {args['dataset']} still has a policy of its own.")
    return {"value": value}


AFTER: dict[str, Callable[[Args], Found]] = {
    "pool": _guid("pool"),
    "dataset": _guid("dataset"),
    "snapshot": _guid("snapshot"),
    "bookmark": _guid("bookmark"),
    "property": _property,
    "import": _import,
    "mounted": _mounted,
    "aside": _aside,
    "rolled": _rolled,
    "pruned": _pruned,
    **{name: _of_trees(name) for name in _TREES},
    "policy-snapshots": _policy_snapshots,
    "policy-unset": _policy_unset,
    "account-quota": _account_quota,
    "share": _share,
}


def evidence(name: str, args: Args) -> Found:
    """What the verb's read-back finds. Raises Failure that says the act itself was done."""
    try:
        return AFTER[name](args)
    except Failure as error:
        raise Failure("failed", f"It was done, but could not be read back: {error}") from None
