"""A picture of the screen, as text and as SVG, for asking for help; with names hidden if the person wants it so."""

from __future__ import annotations

import io
import os
import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.console import Console as Paper
from rich.segment import Segment, Segments
from rich.style import Style
from textual.strip import Strip

from ..errors import CommandError
from ..paths import user_state
from ..veil import Veil
from ..widgets.dialogs import Choose, ask
from ..widgets.layout import Column, row

if TYPE_CHECKING:
    from ..app import Console

_VEIL = Veil()
"""One for all pictures of a session: an alias means the same in each."""
_WAYS = (
    row("hidden", "names hidden", "hosts, pools, datasets, disks, GUIDs, addresses become aliases"),
    row("plain", "as it is", "every name as it stands on the screen"),
)


async def shoot(app: Console) -> str | None:
    """Ask how, and write the screen as it is now into two files; returns the sentence with their place."""
    strips, title = app.screen._compositor.render_strips(), "D-Plane console"
    columns = (Column("PICTURE", least=12), Column("WHAT IT SHOWS", grow=True))
    way = await ask(app, Choose("Picture of this screen", columns, _WAYS, pick="Write it"))
    if way is None:
        return None
    if way == "hidden":
        _VEIL.learn(names(app))
        strips = [veiled(strip, _VEIL) for strip in strips]
    base = _write(strips, title)
    home = os.path.expanduser("~")
    place = f"~{str(base)[len(home) :]}" if str(base).startswith(home + "/") else str(base)
    told = "" if way == "plain" else " Names the console knows are hidden; look through it before you send it."
    return f"Written: {place}.txt and .svg.{told}"


def names(app: Console) -> dict[str, set[str]]:
    """What the console knows by name, by kind."""
    found: dict[str, set[str]] = {"host": {app.host_name}, "pool": set(), "disk": set(), "set": set(), "addr": set()}

    for pool in app.poller.snapshot("pools").value or ():
        found["pool"].add(pool.name)
        for top in pool.vdevs:
            for _, vdev in top.walk():
                if not vdev.children:
                    found["disk"] |= {vdev.name, vdev.path.rpartition("/")[2]} if vdev.path else {vdev.name}
    for disk in app.poller.snapshot("smart").value or ():
        found["disk"] |= {disk.id, disk.id.rpartition("_")[2]}
    for source in ("datasets", "all-datasets"):
        for one in app.poller.snapshot(source).value or ():
            found["set"] |= set(one.name.split("/")[1:])
    for status in app.poller.snapshot("tasks").value or ():
        for place in (status.task.source, status.task.target):
            pool_name, *rest = place.split("/")
            found["pool"].add(pool_name)
            found["set"] |= set(rest)
        found["host"] |= {status.task.peer or "", status.task.source_peer or ""}
    for peer in app.poller.snapshot("peers").value or ():
        found["host"].add(peer.name)
        found["addr"].add(peer.address)
    if app.fleet is not None:
        found["host"] |= {name for name in app.fleet.names if name}
    return found


def veiled(strip: Strip, veil: Veil) -> Strip:
    """`strip` with its names hidden, every cell in the style it had."""
    styles: list[Style | None] = []
    for segment in strip:
        styles += [segment.style] * cell_len(segment.text)
    segments, at = [], 0
    for letter in veil.hide(strip.text):
        segments.append(Segment(letter, styles[min(at, len(styles) - 1)] if styles else None))
        at += cell_len(letter)
    return Strip(Segment.simplify(segments))


def svg(strips: Sequence[Strip], title: str) -> str:
    """The strips as an SVG that asks no other machine for anything."""
    from rich._export_format import CONSOLE_SVG_FORMAT

    width = max((strip.cell_length for strip in strips), default=80)
    paper = Paper(
        width=width, height=len(strips), file=io.StringIO(), force_terminal=True, color_system="truecolor",
        record=True, legacy_windows=False, safe_box=False,
    )  # fmt: skip
    for strip in strips:
        paper.print(Segments([*strip, Segment("\n")]), end="")
    no_fonts = re.sub(r"@font-face\s*\{\{.*?\}\}", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)
    return paper.export_svg(title=title, code_format=no_fonts)


def _write(strips: Sequence[Strip], title: str) -> Path:
    """Write both files, readable for the person alone; returns their path without the ending. Raises CommandError."""
    folder = user_state() / "screenshots"
    base = folder / time.strftime("dplane-%Y%m%d-%H%M%S")
    text = "\n".join(strip.text.rstrip() for strip in strips) + "\n"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for ending, content in (("txt", text), ("svg", svg(strips, title))):
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
            with os.fdopen(os.open(f"{base}.{ending}", flags, 0o600), "w", encoding="utf-8") as file:
                file.write(content)
    except OSError as error:
        raise CommandError(f"The picture could not be written to {folder}: {error.strerror}.") from None
    return base
