"""From what a pool tells, and the disks that are there, to what happened and the one thing to do. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from ...lazyclass import dataclass
from ...text import age, duration, size
from ..replication.freshness import SKEW
from ..zfs.model import HEALTHY, LABEL_LOST, Disk, Pool, Scan, Vdev
from ..zfs.vdevs import can_lose, disk_name, find_disk, fitting, needed, path_of, whereabouts
from .model import Act, Advice

_AWAY = ("REMOVED", "UNAVAIL", "OFFLINE", "FAULTED", "SPLIT")
_FINE = (HEALTHY, "AVAIL", "INUSE")
_RECENT = 86400.0  # seconds in which a scrub still says how things are
_OF_DISKS = ("ata-", "nvme-", "scsi-", "usb-", "virtio-", "wwn-", "mmc-")  # not dm-: those are no whole disks


@dataclass(frozen=True, slots=True)
class _Trouble:
    """A disk that is not as it should be."""

    leaf: Vdev
    top: Vdev
    within: Vdev | None
    """The replacement, or the spare with what it stands in for, that it is part of."""


def advise(pool: Pool, disks: Iterable[Disk], now: float, slots: Mapping[str, str] | None = None) -> Advice:
    """What a person should know and do `now` (Unix seconds). `slots`: where a disk sits, in words, by kernel name."""
    known = tuple(disks)
    troubles = _troubles(pool, known)
    if pool.state == "SUSPENDED":
        found = _suspended(pool, troubles, known)
    elif _resilvering(pool.scan):
        found = _waiting(pool, troubles)
    elif lost := next((top for top in pool.vdevs if _too_many(top)), None):
        found = _lost(pool, lost, known)
    elif pool.state in ("UNAVAIL", "FAULTED") and any(one.top.role == "log" for one in troubles):
        found = _without_log(pool, [one.leaf for one in troubles if one.top.role == "log"], known)
    elif troubles:
        found = _one(pool, troubles[0], known)
        found = replace(found, besides=tuple(_short(other) for other in troubles[1:]))
    elif pool.data_errors:
        found = _damaged(pool)
    else:
        found = _counted(pool, now)
    if pool.data_errors and found.act not in ("scrub",) and not any("permanent" in line for line in found.besides):
        found = replace(found, besides=(*found.besides, f"{_files(pool)} have permanent errors."))
    about = found.vdev or (troubles[0].leaf if troubles else None)
    if about is not None and not about.children:
        found = replace(found, disk=whereabouts(about, known, dict(slots or {})))
    return found


def needs_advice(pool: Pool) -> bool:
    """Whether a person should look: something is wrong, or is being mended."""
    return pool.trouble() != "" or _resilvering(pool.scan)


# -- what is wrong -------------------------------------------------------------------------------------------------


def _troubles(pool: Pool, disks: tuple[Disk, ...]) -> list[_Trouble]:
    """Worst first: data before logs, logs before cache and spares; what nothing stands in for first."""
    found: list[_Trouble] = []
    for top in pool.vdevs:
        found += _below(top, top, None, disks)
    order = {"data": 0, "special": 0, "dedup": 0, "log": 1, "spare": 2, "cache": 3}

    def rank(one: _Trouble) -> tuple[int, bool, bool]:
        return order.get(one.top.role, 0), one.within is not None, one.leaf.state == "DEGRADED"

    return sorted(found, key=rank)


def _below(node: Vdev, top: Vdev, within: Vdev | None, disks: tuple[Disk, ...]) -> list[_Trouble]:
    if not node.children:
        return [_Trouble(node, top, within)] if node.state not in _FINE or _vanished(node, disks) else []
    inner = node if node.kind in ("spare", "replacing") else within
    return [found for child in node.children for found in _below(child, top, inner, disks)]


def _vanished(leaf: Vdev, disks: tuple[Disk, ...]) -> bool:
    """Whether a disk is away though ZFS has not said so yet: it only counts what it could not read or write."""
    named = disk_name(leaf).startswith(_OF_DISKS) and path_of(leaf).startswith("/dev/disk/by-id/")
    failing = bool(leaf.read_errors or leaf.write_errors)
    return failing and named and bool(disks) and find_disk(leaf, disks) is None


def _too_many(top: Vdev) -> bool:
    """Whether more of a group is away than it can lose, or its only disk."""
    if top.role in ("cache", "spare", "log"):
        return False
    if not top.children:
        return top.state in ("REMOVED", "UNAVAIL", "FAULTED", "OFFLINE")
    return sum(child.state in _AWAY for child in top.children) > can_lose(top)


def _resilvering(scan: Scan | None) -> bool:
    return scan is not None and scan.kind == "resilver" and scan.state == "scanning"


def eta_words(scan: Scan) -> str:
    """How far a scan is and how long it takes still, only as far as ZFS tells."""
    done = "an unknown part" if scan.percent is None else f"{scan.percent:.0f} %"
    if scan.eta is None:
        return f"{done} is done; ZFS cannot tell yet how long it takes."
    return f"{done} is done; at the rate so far it takes {duration(scan.eta)} more."


def _files(pool: Pool) -> str:
    count = pool.data_errors or 0
    return f"{count} file{'s' if count != 1 else ''} of {pool.name}"


def _short(one: _Trouble) -> str:
    behind = f" ({one.leaf.note})" if one.leaf.note else ""
    return f"{disk_name(one.leaf)} of {one.top.name} is {one.leaf.state}{behind}, too."


def _left(top: Vdev) -> str:
    """What the group can still lose."""
    left = can_lose(top) - sum(child.state in _AWAY for child in top.children)
    if not top.children:
        return ""
    if left <= 0:
        return (
            f"The pool goes on without it, but {top.name} has no redundancy left: one more loss in it takes the pool."
        )
    return f"The pool goes on without it, and {top.name} can lose {left} more."


def _role(top: Vdev) -> str:
    """What its loss means when it holds no data of its own."""
    if top.role == "cache":
        return "It is a cache: nothing is lost with it, reading is only slower."
    if top.role == "log":
        return "It is a log: the pool goes on without it, synchronous writes are only slower."
    return "It is a spare that was waiting: the data is not touched by this." if top.role == "spare" else _left(top)


# -- what to do ----------------------------------------------------------------------------------------------------


def _advice(pool: Pool, act: Act, happened: Iterable[str], todo: Iterable[str], vdev: Vdev | None = None) -> Advice:
    return Advice(pool.name, pool.guid, act, tuple(filter(None, happened)), tuple(filter(None, todo)), vdev)


def _suspended(pool: Pool, troubles: list[_Trouble], disks: tuple[Disk, ...]) -> Advice:
    away = [one.leaf for one in troubles if find_disk(one.leaf, disks) is None]
    happened = [f"{pool.name} stopped all reading and writing, because too many of its disks do not answer."]
    happened.append(
        "ZFS keeps what was written before on those disks; whether all of it is there shows when they are back. "
        "Programs that use it wait."
    )
    if not pool.vdevs:
        happened.append("ZFS does not tell which disks, because its commands wait as well.")
    if away:
        names = ", ".join(disk_name(one) for one in away)
        return _advice(
            pool, "clear", [*happened, f"Away now: {names}."],
            ["Connect the disks again: cable, power, controller. Do not restart the box before.",
             "Then clear lets the pool go on; while they are away it stays as it is."],
        )  # fmt: skip
    return _advice(
        pool, "clear", [*happened, "Its disks are connected." if pool.vdevs else ""],
        ["Check cables and power, then clear: the pool tries its disks again and goes on."],
    )  # fmt: skip


def _waiting(pool: Pool, troubles: list[_Trouble]) -> Advice:
    scan = pool.scan
    assert scan is not None
    new = [one for top in pool.vdevs for _, one in top.walk() if one.kind in ("replacing", "spare") and one.children]
    happened = [f"{pool.name} is resilvering: it writes what is missing onto a disk. {eta_words(scan)}"]
    for one in new:
        old, fresh = disk_name(one.children[0]), disk_name(one.children[-1])
        what = "takes the place of" if one.kind == "replacing" else "stands in, as a spare, for"
        happened.append(f"{fresh} {what} {old}.")
    todo = ["Wait. The pool can be used meanwhile; pull no disk of it."]
    inner = {id(child) for one in new for child in one.children}
    found = _advice(pool, "wait", happened, todo)
    return replace(found, besides=tuple(_short(one) for one in troubles if id(one.leaf) not in inner))


def _lost(pool: Pool, top: Vdev, disks: tuple[Disk, ...]) -> Advice:
    away = [leaf for _, leaf in top.walk() if not leaf.children and leaf.state in _AWAY]
    back = next((leaf for leaf in away if _is_back(leaf, disks) and leaf.state != "FAULTED"), None)
    names = ", ".join(disk_name(leaf) for leaf in away)
    group = f"{len(away)} disks of {top.name}" if top.children else f"The disk {disk_name(top)}"
    happened = [
        f"{group} {'are' if top.children else 'is'} away ({names}): more than it can lose.",
        "What was on them cannot be rebuilt from the others.",
    ]
    if back is not None:
        return _advice(
            pool, "online", [*happened, f"{disk_name(back)} is connected again."],
            ["Bring it online again: with enough of its disks back, the pool is whole."], back,
        )  # fmt: skip
    if any(leaf.state == "FAULTED" for leaf in away):
        return _advice(
            pool, "clear", happened,
            ["Check cables and power of these disks first.",
             "Then clear: ZFS tries them again, and if they answer the data is back. Replace none of them before."],
        )  # fmt: skip
    return _advice(
        pool, "nothing", happened,
        ["Connect the disks again, as many as you can; then open this page once more.",
         "Do not create, replace or format anything on them: they hold the data.",
         "If they are gone for good, destroy the pool and restore it from its copies."],
    )  # fmt: skip


def _without_log(pool: Pool, logs: list[Vdev], disks: tuple[Disk, ...]) -> Advice:
    """ZFS waits for a log, because the last synchronous writes may be in it alone."""
    names = ", ".join(disk_name(leaf) for leaf in logs)
    happened = [
        f"{pool.name} is {pool.state} and waits for its log ({names}): the last synchronous writes may be in it alone.",
        "ZFS does not say that any of the disks with data has failed.",
    ]
    back = next((leaf for leaf in logs if _is_back(leaf, disks) and leaf.state != "FAULTED"), None)
    if back is not None:
        return _advice(
            pool, "online", [*happened, f"{disk_name(back)} is connected again."],
            ["Bring it online again: ZFS then reads what the log holds, and the pool goes on."], back,
        )  # fmt: skip
    return _advice(
        pool, "nothing", happened,
        ["Connect the log again, then open this page once more. The pool need not be destroyed.",
         f"If it is gone for good, `dplane pool clear {pool.name}` lets ZFS go on without it: the writes that were in "
         "the log alone are lost then."],
    )  # fmt: skip


def _is_back(leaf: Vdev, disks: tuple[Disk, ...]) -> bool:
    """Whether a disk is connected that ZFS may not have looked at again."""
    label_lost = any(words in leaf.note for words in LABEL_LOST)
    return not label_lost and find_disk(leaf, disks) is not None


def _one(pool: Pool, one: _Trouble, disks: tuple[Disk, ...]) -> Advice:
    leaf, name = one.leaf, disk_name(one.leaf)
    if one.within is not None:
        return _inner(pool, one, one.within, disks)
    if leaf.state == "OFFLINE":
        happened = [f"{name} was taken offline by an administrator.", _role(one.top)]
        if find_disk(leaf, disks) is None and leaf.kind == "disk":
            return _successor(pool, one, [*happened, "It is not among the disks of this box now."], disks)
        return _advice(pool, "online", happened, ["If nothing is done to it any more, bring it online again."], leaf)
    if leaf.state in ("REMOVED", "UNAVAIL") or (leaf.state != "FAULTED" and _vanished(leaf, disks)):
        if _is_back(leaf, disks):
            return _advice(
                pool, "online", [f"{name} was away and is connected again; ZFS does not use it yet.", _role(one.top)],
                ["Bring it online again: ZFS then writes only what it missed."], leaf,
            )  # fmt: skip
        if any(words in leaf.note for words in LABEL_LOST):
            what = f"{name} is connected, but what ZFS had written on it is not there: it was overwritten."
        else:
            what = f"{name} is away: it was pulled out, its cable or power is lost, or it died."
        return _successor(pool, one, [what, _role(one.top)], disks)
    counts = _counts(leaf)
    why = f" ({leaf.note})" if leaf.note else ""
    if leaf.state == "FAULTED":
        what = f"ZFS stopped using {name}{why}{': it had ' + counts if counts else ''}."
    else:
        what = f"{name} is {leaf.state}{why}{': it had ' + counts if counts else ''}. ZFS goes on using it."
    return _successor(pool, one, [what, _role(one.top)], disks)


def _inner(pool: Pool, one: _Trouble, within: Vdev, disks: tuple[Disk, ...]) -> Advice:
    """A disk that is being replaced, or that a spare stands in for."""
    leaf, name = one.leaf, disk_name(one.leaf)
    other = next((child for child in within.children if child is not leaf), leaf)
    first, new = within.children[0], within.children[-1]
    if within.kind == "replacing" and new.state not in _FINE:
        old = disk_name(first)
        return _advice(
            pool, "detach", [f"{disk_name(new)}, which was to replace {old}, is {new.state}.", _left(one.top)],
            ["Take it out again, which ends this replacement; then another disk can take the place."], new,
        )  # fmt: skip
    if within.kind == "replacing":
        return _advice(
            pool, "wait", [f"{name} ({leaf.state}) is being replaced by {disk_name(other)}.", _left(one.top)],
            ["Wait until ZFS has written everything onto the new disk; it then lets go of the old one by itself."],
        )  # fmt: skip
    if new is leaf and first.state not in _AWAY:
        return _advice(
            pool, "detach",
            [f"{name}, the spare that stands in for {disk_name(first)}, is {leaf.state}; {disk_name(first)} itself is "
             f"{first.state}."],
            [f"Take the spare out again: {disk_name(first)} stays in its place, and {name} goes back to the spares."],
            leaf,
        )  # fmt: skip
    if new is not leaf and other.state in _FINE:
        happened = [f"{name} is {leaf.state}; the spare {disk_name(other)} stands in for it and holds all its data."]
        found = fitting(pool, leaf, disks)
        if found:
            advice = _advice(
                pool, "replace", happened,
                [f"Replace {name} by a new disk; the spare then goes back to waiting."], leaf,
            )  # fmt: skip
            return replace(advice, fitting=found, needed=needed(pool, leaf, disks))
        return _advice(
            pool, "detach", happened,
            [f"There is no free disk of {_least(pool, leaf, disks)} for it. Put one in and open this page again.",
             f"Or take {name} out: the spare then stays in its place for good, and the pool has one spare less."], leaf,
        )  # fmt: skip
    if not first.children:
        one = replace(one, leaf=first)
    happened = [f"{disk_name(first)} is {first.state}; {disk_name(new)}, the spare for it, is {new.state}."]
    return _successor(pool, one, [*happened, _left(one.top)], disks)


def _least(pool: Pool, leaf: Vdev, disks: tuple[Disk, ...]) -> str:
    least = needed(pool, leaf, disks)
    return "its size" if least is None else f"{size(least)} or more"


def _successor(pool: Pool, one: _Trouble, happened: list[str], disks: tuple[Disk, ...]) -> Advice:
    """Replace it, if there is something to replace it by."""
    leaf, name = one.leaf, disk_name(one.leaf)
    found = fitting(pool, leaf, disks)
    waiting = [spare for spare in pool.leaves() if spare.role == "spare" and spare.state == "AVAIL"]
    spares = tuple(disk_name(spare) for spare in waiting) if one.top.role not in ("cache", "spare", "log") else ()
    retry = leaf.state in ("FAULTED", "DEGRADED")
    if one.top.role in ("cache", "spare"):
        again = "put it back in and bring it online" if not retry else "check its cable and clear its errors"
        return _advice(
            pool, "clear" if retry else "nothing", happened,
            [f"Either {again}, or remove it from the pool."], leaf if retry else None,
        )  # fmt: skip
    if found or spares:
        who = "a free disk" if found else "the spare"
        back = (
            "" if retry or leaf.state == "OFFLINE" else " Or put it back in: this page then offers to bring it online."
        )
        todo = [f"Replace {name} by {who}: ZFS writes its data anew from the others.{back}"]
        if retry:
            todo.append("If a cable or the power was the cause and is mended, clearing its errors is enough.")
        made = _advice(pool, "replace", happened, todo, leaf)
        return replace(made, fitting=found, spares=spares, needed=needed(pool, leaf, disks))
    want = f"There is no free disk of {_least(pool, leaf, disks)} in this box: put one in and open this page again."
    if retry:
        return _advice(
            pool, "clear", happened,
            [want, "If a cable or the power was the cause and is mended, clear makes ZFS try it again."], leaf,
        )  # fmt: skip
    return _advice(pool, "nothing", happened, [want, f"Or put {name} back in."])


def _damaged(pool: Pool) -> Advice:
    return _advice(
        pool, "scrub",
        [f"{_files(pool)} {'are' if pool.data_errors != 1 else 'is'} damaged, and no second copy of that part is "
         "left in the pool. The other files are not affected."],
        ["Bring the files back from a snapshot or from a copy, or delete them.",
         "Then scrub: it reads everything and takes off the list what is well again (it may need two)."],
    )  # fmt: skip


def _counts(leaf: Vdev) -> str:
    """Its errors in words."""
    parts = (
        (leaf.read_errors, "could not be read"),
        (leaf.write_errors, "could not be written"),
        (leaf.checksum_errors, "came back other than they were written"),
    )
    return ", ".join(f"{count} blocks that {what}" for count, what in parts if count)


def _counted(pool: Pool, now: float) -> Advice:
    """All disks are in use; some may have made mistakes that ZFS put right."""
    bad = [leaf for leaf in pool.leaves() if _counts(leaf)]
    scan = pool.scan
    if not bad:
        if pool.state != HEALTHY:
            return _advice(pool, "clear", [f"{pool.name} is {pool.state}. {pool.status}"], [pool.action or "Clear it."])
        said = [f"ZFS says: {pool.status}"] if pool.status else []
        return replace(_advice(pool, "nothing", said, [pool.action] if said else []), broken=False)
    happened = [f"{disk_name(leaf)} had {_counts(leaf)}." for leaf in bad]
    happened.append(
        "ZFS put right what it read; no file is known to be damaged."
        if pool.data_errors == 0
        else "Whether files are damaged is not known."
    )
    if any(leaf.checksum_errors for leaf in bad):
        happened.append(
            "A disk that gives back other data was written over by something else, has a bad cable or controller, "
            "or is dying."
        )
    about = bad[0]
    if scan is not None and scan.kind == "scrub" and scan.state == "scanning":
        return _advice(pool, "wait", happened, [f"A scrub is looking at everything. {eta_words(scan)}"], about)
    clean_scrub = scan is not None and scan.kind == "scrub" and scan.state == "finished" and scan.errors == 0
    # Errors have no time: those found since an old scrub may have more behind them.
    if clean_scrub and scan is not None and scan.ended is not None and -SKEW <= now - scan.ended < _RECENT:
        return _advice(
            pool, "clear", [*happened, f"The scrub that ended {age(scan.ended, now)} found everything whole after it."],
            ["Check cable and power of the disk, and its SMART values (Health, key 4).",
             "Then clear the counts. If they come back, replace the disk."], about,
        )  # fmt: skip
    return _advice(
        pool, "scrub", happened,
        ["Scrub the pool: it reads everything and repairs from the redundancy what is wrong."], about,
    )  # fmt: skip
