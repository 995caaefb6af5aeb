"""The devices of a pool as ZFS tells them now: looked at right before one is touched, and read back after."""

from __future__ import annotations

from .checks import Found
from .failure import Failure
from .places import DISKS, ZPOOL
from .programs import Output, ask
from .shape import Args, Verb

_LIMIT = 60  # seconds; a pool that is suspended may not answer
_LOOKS = 4  # a small resilver may end between two listings, and then the disk that was replaced is gone
HEALTHY = "ONLINE"


class Device:
    """One line of `zpool status`: a disk or a group of them."""

    __slots__ = ("depth", "guid", "heading", "note", "path", "state")

    def __init__(self, guid: str, path: str, state: str, note: str, depth: int, heading: str) -> None:
        self.guid = guid
        self.path = path
        self.state = state
        self.note = note
        self.depth = depth
        self.heading = heading  # "spares", "logs", …; "" for what holds the data


def _lines(told: str) -> list[tuple[int, str, str, str, str]]:
    """Depth, name, state, the words behind it and the heading above, for each device in `zpool status`."""
    found: list[tuple[int, str, str, str, str]] = []
    inside, heading = False, ""
    for line in told.split("\n"):
        if line.startswith("\t") and line.split()[:2] == ["NAME", "STATE"]:
            inside = True
        elif inside and not line.startswith("\t"):
            break
        elif inside:
            body = line[1:]
            name, _, rest = body.strip().partition("  ")
            words = rest.split()
            if not words:  # the heading of a class has no state
                heading = name
                continue
            counted = len(words) > 3 and all(word[0].isdigit() for word in words[1:4])
            note = " ".join(words[4 if counted else 1 :])
            found.append((len(body) - len(body.lstrip()), name, words[0], note, heading))
    return found


def devices(pool: str) -> list[Device]:
    """All devices of a pool, in ZFS's order, the pool itself first. Raises Failure."""
    for _ in range(_LOOKS):
        by_guid = _lines(ask([ZPOOL, "status", "-g", "--", pool], _LIMIT))
        by_path = _lines(ask([ZPOOL, "status", "-P", "--", pool], _LIMIT))
        if [line[0] for line in by_guid] == [line[0] for line in by_path]:
            pairs = zip(by_guid, by_path, strict=True)
            return [Device(one[1], other[1], other[2], other[3], other[0], other[4]) for one, other in pairs]
    raise Failure("changed", f"The devices of {pool} change at this moment; look again.")


def _wanted(args: Args) -> Device | None:
    return next((one for one in devices(str(args["pool"]))[1:] if one.guid == args["vdev"]), None)


def vdev(_verb: Verb, args: Args) -> Found:
    """The device with that GUID is in the pool. Raises Failure `changed`."""
    if _wanted(args) is None:
        raise Failure("changed", f"The pool {args['pool']} has no device with the GUID {args['vdev']} (any more).")
    return {}


def vdev_there(args: Args) -> Found:
    """How the device is now. Raises Failure when it is gone."""
    found = _wanted(args)
    if found is None:
        raise Failure("failed", f"zpool ended well, but {args['pool']} has no device {args['vdev']} now.")
    return {"state": found.state, "note": found.note}


def vdev_gone(args: Args) -> Found:
    """The device is no longer in use in the pool. Raises Failure when it is."""
    # A spare that is detached goes back to the spares under the same GUID, waiting or lost as it may be.
    if any(one.guid == args["vdev"] and one.heading != "spares" for one in devices(str(args["pool"]))[1:]):
        raise Failure("failed", f"zpool ended well, but {args['pool']} still has the device {args['vdev']}.")
    return {"gone": args["vdev"]}


def vdev_new(args: Args) -> Found:
    """The GUID and state of the disk that was put in. Raises Failure when it is not in the pool."""
    name = str(args["new"]) if "new" in args else str(args.get("spare", ""))
    for one in devices(str(args["pool"]))[1:]:
        # A disk whose label was lost may take its own place: then there are two of that path for a while.
        if _is(one.path, name) and one.state not in ("AVAIL", "INUSE") and one.guid != args["vdev"]:
            return {"new_vdev": one.guid, "state": one.state, "note": one.note}
    raise Failure("failed", f"zpool ended well, but {name} is not among the devices of {args['pool']}.")


def vdevs_added(args: Args) -> Found:
    """The GUIDs of the disks that were added. Raises Failure when one is not in the pool."""
    from .vdevs import is_word

    words = args["vdevs"]
    assert isinstance(words, list)
    there = devices(str(args["pool"]))[1:]
    found = {}
    for name in words:
        if not is_word(name):
            found[name] = next((one.guid for one in there if _is(one.path, name)), "")
    missing = next((name for name in found if not found[name]), "")
    if missing:
        raise Failure("failed", f"zpool ended well, but {missing} is not among the devices of {args['pool']}.")
    return {"added": found}


def vdev_removed(args: Args) -> Found:
    """Whether the device is gone already, or its data is still being copied away. Raises Failure when neither is so."""
    found = _wanted(args)
    if found is not None and not found.path.startswith("indirect"):
        told = ask([ZPOOL, "status", "-P", "--", str(args["pool"])], _LIMIT).split("\n")
        if any(line.startswith("remove: ") and " in progress " in line for line in told):
            return {"outcome": "removing", "state": found.state}
        found = _wanted(args)  # it may have ended in between
    if found is None or found.path.startswith("indirect"):
        return {"outcome": "removed"}
    raise Failure(
        "failed", f"zpool ended well, but {args['pool']} still has the device {args['vdev']}, and no removal goes on."
    )


def pool_split(args: Args) -> Found:
    """The GUID of the pool that was split off. Raises Failure when it is not to be found on the disks."""
    name, told = "", ask([ZPOOL, "import"], 300)
    for line in told.split("\n"):
        field, _, value = line.strip().partition(": ")
        if field == "pool":
            name = value
        elif field == "id" and name == args["to"]:
            return {"split": value}
    raise Failure("failed", f"zpool ended well, but there is no pool {args['to']} on the disks.")


def previewed(args: Args, output: Output) -> Found:
    """What a look at a rewind told. A pool that needed none may be imported now: it goes back. Raises Failure."""
    told: Found = {"stdout": output.text, "stderr": output.stderr.decode("utf-8", "replace"), "status": output.status}
    if output.status == 0:  # else nothing was imported, and a pool of that GUID was so before
        for line in ask([ZPOOL, "list", "-H", "-p", "-o", "name,guid"]).splitlines():
            name, _, guid = line.partition("\t")
            if guid == args["guid"]:
                ask([ZPOOL, "export", "--", name])
    return told


def _is(path: str, name: str) -> bool:
    whole = f"{DISKS}/{name}"
    part = path.removeprefix(f"{whole}-part")  # a missing disk is told by its GUID: digits, with no prefix to remove
    return path in (whole, name) or (part != path and part.isdigit())
