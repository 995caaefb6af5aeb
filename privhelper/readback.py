"""What is read back after a verb acted: the evidence that goes into the answer."""

from __future__ import annotations

from collections.abc import Callable

from .checks import Found, guid_of, no_links, nothing_is_hidden, snapshots_of, zfs_get
from .failure import Failure, one_line
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
            return {"pool": name, **_let_in(name, args)}
    raise Failure("failed", f"zpool imported a pool, but none with the GUID {args['guid']} is listed.")


def _let_in(pool: str, args: Args) -> Found:
    """Mount what may be mounted, then let the next start import the pool, too: by then it mounts and shares nothing
    that was refused now. One that is read-only cannot be changed, so no start imports it."""
    try:
        readonly, known = args.get("readonly") is True, args.get("known") is True
        found: Found = {"not_mounted": _mount_all(pool, keep=readonly or known), "unshared": []}
        if not readonly:
            found["unshared"] = [] if known else _unshare(pool)
            _run([ZPOOL, "set", "cachefile=", pool])
    except Failure as error:
        raise Failure(error.code, f"{error} No start imports {pool} now; export it and import it again.") from None
    return found


def _unshare(pool: str) -> list[str]:
    """Switch off what the pool itself would share at the next start; returns what was on."""
    # Names alone: the values are the pool's, and could look like rows.
    of = ["-t", "filesystem", "-s", "local,received", "-o", "name,property"]
    rows = ask([ZFS, "get", "-H", "-r", *of, "sharenfs,sharesmb", pool]).splitlines()
    was: list[str] = []
    for name, _, shared in (row.partition("\t") for row in rows):
        value = zfs_get(name, shared)
        if value != "off":
            _run([ZFS, "set", f"{shared}=off", name])
            was.append(f"{name}: {shared} was {one_line(value)}")
    return was


def _run(argv: list[str]) -> None:
    output = run(argv, 60)
    if output.status != 0:
        raise failure(argv, output)


def _mount_all(pool: str, *, keep: bool) -> list[str]:
    """Mount the file systems of a pool that wants them mounted; returns those that were not, each with the reason.
    What may not be mounted is not mounted by the next start either: it gets canmount=noauto, but with `keep`."""
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
                raise Failure("refused", f"{refused}.")
            no_links(mountpoint)
            nothing_is_hidden(mountpoint, name)
        except Failure as reason:
            if not keep:
                _run([ZFS, "set", "canmount=noauto", name])
            left.append(f"{name}: {reason}{'' if keep else ' It has canmount=noauto now.'}")
            continue
        try:
            _run([ZFS, "mount", "--", name])
        except Failure as reason:  # a key that is not loaded, for instance
            left.append(f"{name}: {reason}")
    return left


def _pool_setting(args: Args) -> Found:
    """The setting as it is now. Raises Failure when it is another."""
    name, _, wanted = str(args["setting"]).partition("=")
    now = ask([ZPOOL, "get", "-H", "-p", "-o", "value", name, str(args["pool"])]).rstrip("\n")
    if now != wanted:
        raise Failure("failed", f"zpool took the order, but {name} of {args['pool']} is {now}.")
    return {"setting": f"{name}={now}"}


def _pool_upgraded(args: Args) -> Found:
    """How many features there are. Raises Failure when one is not switched on."""
    listed = ask([ZPOOL, "get", "-H", "-p", "-o", "property,value", "all", str(args["pool"])])
    rows = [line.split("\t") for line in listed.splitlines() if line.startswith("feature@")]
    off = next((row[0] for row in rows if row[1:] == ["disabled"]), "")
    if off:
        raise Failure("failed", f"zpool upgraded {args['pool']}, but {off} is still disabled.")
    return {"features": len(rows)}


def _checkpoint(args: Args) -> Found:
    """The bytes that the checkpoint holds; none when there is no checkpoint."""
    told = ask([ZPOOL, "get", "-H", "-p", "-o", "value", "checkpoint", str(args["pool"])]).rstrip("\n")
    return {"checkpoint": told}


def _discarded(args: Args) -> Found:
    """The bytes still to give back, or none. Raises Failure when the checkpoint is there and is not given up."""
    found = _checkpoint(args)
    if found["checkpoint"] != "-":
        told = ask([ZPOOL, "status", "--", str(args["pool"])])
        if not any(line.startswith("checkpoint: discarding") for line in told.split("\n")):
            found = _checkpoint(args)  # that may have ended in between
            if found["checkpoint"] != "-":
                raise Failure("failed", f"zpool took the order, but {args['pool']} keeps its checkpoint.")
    return found


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


def _of_devices(name: str) -> Callable[[Args], Found]:
    """A read-back of devices.py, which is loaded when it is asked for."""

    def evidence_of(args: Args) -> Found:
        from . import devices

        found: Found = getattr(devices, name.replace("-", "_"))(args)
        return found

    return evidence_of


_DEVICES = ("vdev-there", "vdev-gone", "vdev-new", "vdevs-added", "vdev-removed", "pool-split")
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
    **{name: _of_devices(name) for name in _DEVICES},
    "pool-setting": _pool_setting,
    "pool-upgraded": _pool_upgraded,
    "checkpoint": _checkpoint,
    "checkpoint-discarded": _discarded,
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
