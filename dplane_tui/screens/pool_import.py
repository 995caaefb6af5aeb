"""Imports that take more than a choice: other folders, destroyed pools, other names, read-only, back to before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from privhelper.kinds import DISK_FOLDERS

from ..services.zfs.model import Importable, Imported
from ..text import clean
from ..widgets.dialogs import Choose, Form, Reader, TypedConfirm, ask
from ..widgets.fields import Choice, TextField
from ..widgets.layout import Pieces
from .pool_rows import IMPORTABLE, importable_rows
from .sure import choose_way

if TYPE_CHECKING:
    from ..app import Console

_WAYS = (
    ("as", "as it is", "import it under its own name"),
    ("name", "other name", "import it under another name"),
    ("readonly", "read-only", "nothing is written to its disks"),
    ("rewind", "rewind", "without its last moments, when it cannot be imported otherwise"),
    ("checkpoint", "checkpoint", "as it was at its checkpoint; all since is lost"),
)


async def import_other(console: Console) -> str | None:
    """Where to look, which pool, in which way."""
    service = console.services.repair
    fields = (
        Choice("Look in", (("", "where zpool looks by itself"), *((name, name) for name in DISK_FOLDERS)), id="folder"),
        Choice("For", (("", "pools that are not imported"), ("yes", "destroyed pools")), id="destroyed"),
    )
    values = await ask(console, Form("Import a pool in another way", fields, "Look"))
    if values is None:
        return None
    folder, destroyed = values["folder"] or None, bool(values["destroyed"])
    console.say("Looking for pools on the disks…", "dim")
    found = await service.importable_in(folder, destroyed)
    console.say("")
    if not found:
        return "No such pool was found on the disks."
    chosen = await ask(console, Choose("Which pool?", IMPORTABLE, importable_rows(found), pick="This one"))
    one = next((candidate for candidate in found if candidate.guid == chosen), None)
    if one is None:
        return None
    way = await choose_way(console, f"Import {one.name}", _WAYS[:3] if destroyed else _WAYS)
    if way is None:
        return None
    if way in ("rewind", "checkpoint"):
        return await _back(console, one, folder, way == "checkpoint")
    name = None
    if way == "name":
        named = await ask(console, Form(f"Import {one.name}", (TextField("Name", one.name, id="name"),), "Import"))
        if named is None:
            return None
        name = named["name"].strip()
    console.say(f"Importing {one.name}…", "dim")
    pool = await service.import_other(one, name, readonly=way == "readonly", folder=folder, destroyed=destroyed)
    return await imported(console, pool)


async def _back(console: Console, one: Importable, folder: str | None, checkpoint: bool) -> str | None:
    service = console.services.repair
    if checkpoint:
        lines = [f"{one.name} goes back to its checkpoint: everything written since is lost."]
    else:
        console.say("Asking ZFS what would be lost…", "dim")
        lines = ["ZFS says:", await service.rewind_preview(one, folder)]
        console.say("")
    if await ask(console, TypedConfirm(f"Import {one.name}", lines, one.name, "Import")) is not True:
        return None
    pool = await service.rewind(one, None, folder, checkpoint)
    return await imported(console, pool)


async def imported(console: Console, pool: Imported) -> str | None:
    """Tell what came of an import; what of the pool is not as it wants to be stays on the screen until it was read."""
    told = f"{pool.name} was imported; it is {pool.state}."
    left = pool.left()
    if not left:
        return told
    console.say(f"{told} Not all of it is as it was: {'; '.join(clean(one, 200) for one in left)}", "warn")
    lines: list[Pieces] = [[(clean(one, 500), "text")] for one in (told, *left)]
    await ask(console, Reader(f"Not all of {clean(pool.name, 40)} is as it was", lines))
    return None
