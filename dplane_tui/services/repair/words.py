"""Advice and damage in lines, the same on the screen and in the command. Pure; names in them are not cleaned yet."""

from __future__ import annotations

from ...text import size
from ..zfs.vdevs import Whereabouts
from . import damage as damages
from .model import Advice, Damage

_SHOWN = 20


def disk_lines(disk: Whereabouts) -> list[str]:
    """Which physical disk it is, as far as it is known."""
    kind = " ".join(filter(None, (disk.model, f"serial {disk.serial}" if disk.serial else "", size(disk.size))))
    here = (
        f"{disk.device}, {kind}"
        if disk.device
        else "not found among the disks of this box; what is printed on it is in its name"
    )
    lines = [f"Disk: {disk.name}", f"  {here}"]
    if disk.slot:
        lines.append(f"  In {disk.slot}")
    if disk.guid:
        lines.append(f"  GUID {disk.guid}{f', {disk.path}' if disk.path else ''}")
    return lines


def size_words(advice: Advice) -> str:
    """How large the disk must be that takes the place, as far as that is known."""
    if advice.needed is None:
        return "How large it must be is not known; ZFS refuses one that is too small."
    return f"It must have {size(advice.needed)} or more."


def advice_lines(advice: Advice) -> list[str]:
    """What happened, to which disk, what to do."""
    if not advice.broken:
        return [f"Nothing is wrong with {advice.pool}.", *advice.happened, *advice.todo]
    lines = [*advice.happened]
    if advice.disk is not None:
        lines += disk_lines(advice.disk)
    lines += advice.todo
    if advice.act == "replace":
        lines.append(size_words(advice))
        lines += [f"  free: {disk.id}, {size(disk.size)} {disk.model}".rstrip() for disk in advice.fitting[:_SHOWN]]
        lines += [f"  spare: {name}" for name in advice.spares]
    return [*lines, *(f"Besides: {other}" for other in advice.besides)]


def damage_lines(damage: Damage) -> list[str]:
    """Each damaged file, and where a good one may still be."""
    lines = [f"Damaged for good, as ZFS names it ({damage.total}):"]
    for one in damage.found[:_SHOWN]:
        lines += [f"  {one.name}", *(f"    {said}" for said in damages.sentences(one))]
    if damage.total > _SHOWN:
        lines.append(f"  … and {damage.total - _SHOWN} more")
    return [*lines, *([damage.unknown] if damage.unknown else [])]
