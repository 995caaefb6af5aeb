"""Rules about arguments that belong together; each returns "" or a clause that says what does not fit."""

from __future__ import annotations

from .shape import Args


def _text(args: Args, name: str) -> str:
    value = args.get(name, "")
    return value if isinstance(value, str) else ""


def bookmark_of_snapshot(args: Args) -> str:
    """A bookmark is made in the dataset of its snapshot."""
    same = _text(args, "bookmark").split("#")[0] == _text(args, "snapshot").split("@")[0]
    return "" if same else "bookmark and snapshot must be of the same dataset"


def below_snapshot(args: Args) -> str:
    """What is snapshotted along with a dataset lies below it."""
    below = args.get("also")
    if not isinstance(below, list):
        return ""
    above = _text(args, "snapshot").split("@")[0]
    outside = next((name for name in below if not str(name).startswith(f"{above}/")), "")
    return f"also names {outside}, which is not below {above}" if outside else ""


def origin_fits(args: Args) -> str:
    """Intermediate snapshots can be sent from a snapshot only; an incremental send needs something to start from."""
    if args.get("intermediates") is not True:
        return ""
    origin = _text(args, "from")
    if not origin:
        return "intermediates needs from"
    return "intermediates needs a snapshot in from, not a bookmark" if "#" in origin else ""


def snapshot_needs_read(args: Args) -> str:
    """A peer takes snapshots of what it may read."""
    return "may_snapshot needs may_read" if args.get("may_snapshot") is True and not _text(args, "may_read") else ""


def token_fits(args: Args) -> str:
    """A resume token must be for the snapshot that is named with it."""
    from .resumetoken import mismatch

    return mismatch(_text(args, "token"), args.get("snapshot"), args.get("guid"), args.get("raw"))


def beside_itself(args: Args) -> str:
    """What is set aside stays next to where it was, under a name that says so."""
    start = f"{_text(args, 'dataset')}-kept-"
    to = _text(args, "to")
    fits = to.startswith(start) and to != start and "/" not in to[len(start) :]
    return "" if fits else f"to must be {start} and a word behind it"


def one_redundancy(args: Args) -> str:
    """A pool's groups are of one kind, unless an administrator insists."""
    from .vdevs import mixed

    words = args.get("vdevs")
    broken = mixed(words) if isinstance(words, list) and args.get("force") is not True else ""
    return f"vdevs {broken}" if broken else ""


def listed_value(args: Args) -> str:
    """One property of an existing dataset, and its value."""
    from .properties import problem

    name, value = _text(args, "property"), _text(args, "value")
    return problem(name, value, _text(args, "dataset"), ("filesystem", "volume"), birth=False)


def _listed(args: Args, dataset: str, target: tuple[str, ...]) -> str:
    from .properties import problem

    given = args.get("properties")
    for name, value in given.items() if isinstance(given, dict) else ():
        broken = problem(name, value, _text(args, dataset), target, birth=True)
        if broken:
            return broken
    return ""


def filesystem_properties(args: Args) -> str:
    """The properties of a new file system."""
    return _listed(args, "dataset", ("filesystem",))


def volume_properties(args: Args) -> str:
    """The properties of a new volume; its size is an argument of its own."""
    given = args.get("properties")
    if isinstance(given, dict) and "volsize" in given:
        return "volsize is given as the argument size"
    return _listed(args, "dataset", ("volume",))


def pool_properties(args: Args) -> str:
    """The properties of a new pool and of its root file system."""
    return _listed(args, "pool", ("pool", "filesystem"))


def same_pool(args: Args) -> str:
    """A dataset stays in its pool, and never goes below itself."""
    old, new = _text(args, "dataset"), _text(args, "to")
    if old.split("/")[0] != new.split("/")[0]:
        return "dataset and to must be in the same pool"
    return "to must not be the dataset itself or lie below it" if f"{new}/".startswith(f"{old}/") else ""


def same_dataset(args: Args) -> str:
    """Two snapshots of one dataset, and not the same one."""
    first, second = _text(args, "snapshot"), _text(args, "to")
    if not second:
        return ""
    if first.split("@")[0] != second.split("@")[0]:
        return "snapshot and to must be of the same dataset"
    return "to is the snapshot itself" if first == second else ""


def clone_in_pool(args: Args) -> str:
    """A clone shares its blocks with the snapshot, so it is in the same pool."""
    same = _text(args, "snapshot").split("/")[0].split("@")[0] == _text(args, "dataset").split("/")[0]
    return "" if same else "snapshot and dataset must be in the same pool"


def clone_properties(args: Args) -> str:
    """The properties of a clone, which may be a file system or a volume."""
    given = args.get("properties")
    if isinstance(given, dict) and {"volsize", "volblocksize"} & set(given):
        return "the size of a clone is that of the snapshot"
    return _listed(args, "dataset", ("filesystem", "volume"))


def inheritable(args: Args) -> str:
    """A property that can come from above."""
    from .properties import inherit_problem

    return inherit_problem(_text(args, "property"))


def always(_args: Args) -> str:
    """A passphrase comes behind the request."""
    return "always"


def key_is_given(args: Args) -> str:
    """A passphrase comes behind the request unless the key is in a file."""
    return "" if args.get("from_file") is True else "given"


def key_is_wanted(args: Args) -> str:
    """A passphrase comes behind the request when the new dataset is to be encrypted with one of its own."""
    return "wanted" if args.get("encrypted") is True else ""
