"""What the verbs of verbs_trees look at right before they act, and what is read back afterwards."""

from __future__ import annotations

from . import let_go
from .checks import Found, inherited_mountpoint, no_links, nothing_is_hidden, snapshots_of, zfs_get
from .copied import MARK, SAFE, key_problem
from .failure import Failure
from .places import ZFS
from .programs import ask, run
from .properties import mountpoint_problem
from .shape import Args, Verb


def _place(name: str, path: str) -> None:
    """Refuse a place where the door mounts nothing. Raises Failure `refused`."""
    if not path.startswith("/"):
        return
    if mountpoint_problem(path):
        raise Failure("refused", f"{name} would be mounted at {path}, where the door mounts nothing.")
    no_links(path)
    nothing_is_hidden(path, name)


def rename(_verb: Verb, args: Args) -> Found:
    """It ends in a place where the door may mount, unless it has a mountpoint of its own, which stays."""
    old, new = str(args["dataset"]), str(args["to"])
    if zfs_get(old, "type") == "filesystem":
        source = ask([ZFS, "get", "-H", "-p", "-o", "source", "mountpoint", old]).rstrip("\n")
        if source not in ("local", "received"):
            _place(new, inherited_mountpoint(new))
    return {}


def snapshot_name(_verb: Verb, args: Args) -> Found:
    """It does not become one that retention may destroy: a person's own snapshot must not go by another name. Raises
    Failure `refused`."""
    dataset, _, old = str(args["snapshot"]).partition("@")
    new = str(args["to"]).partition("@")[2]
    begins = let_go.of_dataset(dataset, lambda words: ask([ZFS, *words]))
    if let_go.covers(begins, new) and not let_go.covers(begins, old):
        raise Failure(
            "refused",
            f"{dataset}@{old} would get a name that {let_go.MARK} lets retention destroy. Choose one that begins "
            f"otherwise than {' and '.join(begins)}.",
        )
    return {}


def inherit(_verb: Verb, args: Args) -> Found:
    """A mountpoint that comes from above is one that the door would set."""
    if args["property"] == "mountpoint":
        name = str(args["dataset"])
        _place(name, inherited_mountpoint(name) if "/" in name else f"/{name}")
    if args["property"] == "canmount":
        _place(str(args["dataset"]), zfs_get(str(args["dataset"]), "mountpoint").removesuffix("\n"))
    return {}


def clone(_verb: Verb, args: Args) -> Found:
    """It is of the kind that says what makes it harmless; one of a file system is mounted where the door may mount."""
    given, origin, kind = args.get("properties"), str(args["snapshot"]).split("@")[0], str(args["kind"])
    there = zfs_get(origin, "type")
    if there != kind:
        raise Failure("refused", f"{origin} is a {there}, not a {kind}.")
    path = str(given["mountpoint"]) if isinstance(given, dict) and "mountpoint" in given else ""
    if kind == "filesystem":
        _place(str(args["dataset"]), path or inherited_mountpoint(str(args["dataset"])))
    return {}


def own_key(_verb: Verb, args: Args) -> Found:
    """It is no copy. Raises Failure `refused` with what to do instead."""
    name = str(args["dataset"])
    told = ask([ZFS, "get", "-H", "-p", "-o", "property,value,source", ",".join(SAFE), name])
    # None of these values is a text of people's, and that of the mark is asked for apart.
    rows = [line.split("\t") for line in told.splitlines()]
    settings = {row[0]: (row[1], row[2]) for row in rows if len(row) == 3}
    source = ask([ZFS, "get", "-H", "-p", "-o", "source", MARK, name]).rstrip("\n")
    if source in ("local", "received"):
        settings[MARK] = (zfs_get(name, MARK), source)
    problem = key_problem(name, settings)
    if problem:
        raise Failure("refused", problem)
    return {}


def chosen(_verb: Verb, args: Args) -> Found:
    """Each snapshot is the one that was seen."""
    dataset, wanted = str(args["dataset"]), args["snapshots"]
    assert isinstance(wanted, dict)
    there = snapshots_of(dataset)
    for name, guid in wanted.items():
        now = there.get(name, ("", 0))[0]
        if now != guid:
            raise Failure("changed", f"{dataset}@{name} is {'not what you saw' if now else 'gone'}.")
    return {}


def promoted(args: Args) -> Found:
    """It hangs on no snapshot of another dataset any more. Raises Failure when it does."""
    origin = zfs_get(str(args["dataset"]), "origin")
    if origin != "-":
        raise Failure("failed", f"zfs promoted, but {args['dataset']} still hangs on {origin}.")
    return {}


def unmounted(args: Args) -> Found:
    """It is not mounted any more. Raises Failure when it is."""
    if zfs_get(str(args["dataset"]), "mounted") != "no":
        raise Failure("failed", f"zfs unmounted {args['dataset']}, but says that it is still mounted.")
    return {}


def inherited(args: Args) -> Found:
    """The value it has now, and where that comes from. Raises Failure when it is still its own."""
    told = ask([ZFS, "get", "-H", "-p", "-o", "value,source", str(args["property"]), str(args["dataset"])])
    value, _, source = told.rstrip("\n").rpartition("\t")
    if source == "local":
        raise Failure("failed", f"zfs took it back, but {args['property']} of {args['dataset']} is still its own.")
    return {"value": value, "source": source}


def _key(args: Args, wanted: str, word: str) -> Found:
    status = zfs_get(str(args["dataset"]), "keystatus")
    if status != wanted:
        raise Failure("failed", f"zfs {word} the key of {args['dataset']}, but says that it is {status}.")
    return {"key": status}


def key_loaded(args: Args) -> Found:
    """The key is there. Raises Failure when not."""
    return _key(args, "available", "loaded")


def key_unloaded(args: Args) -> Found:
    """The key is gone. Raises Failure when not."""
    return _key(args, "unavailable", "unloaded")


def key_changed(args: Args) -> Found:
    """It is an encryption root with a passphrase that is asked for. Raises Failure when not."""
    name = str(args["dataset"])
    told = [zfs_get(name, one) for one in ("encryptionroot", "keyformat", "keylocation")]
    if told != [name, "passphrase", "prompt"]:
        raise Failure("failed", f"zfs changed the key, but {name} says {', '.join(told)}.")
    return {"key": zfs_get(name, "keystatus")}


def snapshot_renamed(args: Args) -> Found:
    """It is there under its new name, and nothing is under the old one. Raises Failure when not."""
    if zfs_get(str(args["to"]), "guid") != args["guid"]:
        raise Failure("failed", f"zfs renamed, but {args['to']} is not what was {args['snapshot']}.")
    if run([ZFS, "list", "-H", "-t", "snapshot", "-o", "name", "--", str(args["snapshot"])], 60).status == 0:
        raise Failure("failed", f"zfs renamed, but {args['snapshot']} is still listed.")
    return {"to": args["to"]}
