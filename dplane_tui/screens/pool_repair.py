"""The guided repair of a pool: what happened, which disk, what to do, and the one key that does it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..actions import ROLES
from ..errors import DPlaneError
from ..services.repair.model import LABEL, ROLE, Advice, Damage, Done
from ..services.repair.words import damage_lines, disk_lines, size_words
from ..services.zfs.vdevs import disk_name
from ..text import size
from ..widgets.dialogs import Choose, Confirm, Reader, TypedConfirm, ask
from ..widgets.layout import Column, Pieces, row

if TYPE_CHECKING:
    from ..app import Console

DO, AGAIN, LIGHT = "y", "r", "l"
_COLUMNS = (
    Column("DISK", least=16, most=60, grow=True, middle=True),
    Column("SIZE", right=True, least=5),
    Column("MODEL", drop=1, least=6, most=20),
)
_MEANS = {
    "online": "ZFS writes onto it what it missed, then it counts again.",
    "clear": "Sets the counts to zero and tries the disks again. What caused the errors stays: mend it first.",
    "scrub": "Reads everything and repairs what is wrong. The pool can be used meanwhile.",
}


async def repair(console: Console, pool: str) -> str | None:
    """Show what is advised for the pool, do it, and look again, until the person leaves."""
    service = console.services.repair
    said: Done | None = None
    lit = False
    while True:
        console.say(f"Looking at {pool} and its disks…", "dim")
        advice, damage = await service.look(pool)
        console.say(said.said if said else "", "good" if said is None or said.good else "warn")
        answer = await ask(console, page(console, advice, damage))
        if answer is None:
            return None
        if answer == AGAIN:
            said = None
            continue
        try:
            if answer == LIGHT and advice.disk is not None:
                slot = await service.locate(advice.disk.name, not lit)
                lit = not lit
                said = Done(f"The light at {slot} is {'on' if lit else 'off'}.")
                continue
            said = await _do(console, advice)
        except DPlaneError as error:
            said = None
            await ask(console, Reader("That did not work", [[(str(error), "bad")]]))


def lines(advice: Advice, damage: Damage | None) -> list[Pieces]:
    """The page as a person reads it."""
    if not advice.broken:
        said = [f"Nothing is wrong with {advice.pool}.", *advice.happened, *advice.todo]
        return [[(one, "good" if one is said[0] else "text")] for one in said]
    found: list[Pieces] = [[("What happened", "strong")]]
    found += [[("  ", "text"), (one, "text")] for one in advice.happened]
    if advice.disk is not None:
        found += [
            [("  ", "text"), (one, "strong" if one.startswith("Disk:") else "dim")] for one in disk_lines(advice.disk)
        ]
    found += [[], [("What to do", "strong")]]
    found += [[("  ", "text"), (one, "text")] for one in advice.todo]
    if advice.besides:
        found += [[], [("Besides", "strong")], *([("  ", "text"), (one, "warn")] for one in advice.besides)]
    if damage is not None:
        found += [[], *([(one, "text")] for one in damage_lines(damage))]
    return found


def page(console: Console, advice: Advice, damage: Damage | None) -> Reader:
    """The page, with the one key where there is something to do that this account may do."""
    label, need = LABEL[advice.act], ROLE[advice.act]
    role = "view" if console.read_only else console.role
    held = ROLES.index(role if role in ROLES else "")
    keys, below = [AGAIN], f"{AGAIN} looks again"
    if advice.disk is not None and advice.disk.slot and held >= ROLES.index("operate"):
        keys, below = [*keys, LIGHT], f"{below}   {LIGHT} its light"
    if label and held >= ROLES.index(need):
        keys, below = [DO, *keys], f"{DO} {label}   {below}"
    elif label:
        below = f"To {label} needs the role {need}.   {below}"
    return Reader(f"Repair of {advice.pool}", lines(advice, damage), keys, below)


async def _do(console: Console, advice: Advice) -> Done | None:
    new = ""
    if advice.act == "replace":
        new = await _successor(console, advice) or ""
        if not new:
            return None
    name = disk_name(advice.vdev) if advice.vdev is not None else advice.pool
    means = _MEANS.get(advice.act, "")
    title = f"{LABEL[advice.act].capitalize()}: {name}?"
    if advice.act == "detach" and advice.vdev is not None:
        preview = [f"{name}, GUID {advice.vdev.guid}, leaves {advice.pool}: what is on it is no copy any more."]
        sure = await ask(console, TypedConfirm(title, preview, name, "Detach"))
    else:
        sure = await ask(console, Confirm(title, means or _overwrites(advice, new), "Do it"))
    if sure is not True:
        return None
    console.say("Asking ZFS…", "dim")
    return await console.services.repair.do(advice, new)


def _overwrites(advice: Advice, new: str) -> str:
    """What a replacement does, to which disks."""
    disk = next((one for one in advice.fitting if one.id == new), None)
    about = f" ({size(disk.size)} {disk.model or '?'}, {disk.device})" if disk is not None else ", a spare of the pool,"
    lost = advice.disk
    old = f"{lost.name}, {size(lost.size)} {lost.model}".rstrip() if lost is not None and lost.size else "the other"
    return (
        f"In the pool {advice.pool}, {new}{about} takes the place of {old}. Everything on {new} is overwritten. ZFS "
        "then writes the data anew, for hours on a large pool, which can be used meanwhile."
    )


async def _successor(console: Console, advice: Advice) -> str | None:
    ways = [row(disk.id, disk.id, size(disk.size), disk.model or "?") for disk in advice.fitting]
    ways += [row(name, name, "", "spare of the pool") for name in advice.spares]
    which = Choose("Which disk takes the place?", _COLUMNS, ways, size_words(advice), pick="This one")
    return await ask(console, which)
