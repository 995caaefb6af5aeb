"""What the Files screen does: goes through folders and time, shows, compares, brings back."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

from textual.widget import Widget

from ..errors import DPlaneError, RefusedError, StoppedError
from ..services.files import versions as compared
from ..services.files.model import NOW, Content, Measured, Place, readable
from ..services.files.service import NEWEST, newest_holder
from ..services.files.words import preview
from ..text import size
from ..widgets.dialogs import Choose, Confirm, Form, Reader, TypedConfirm, ask
from ..widgets.fields import TextField
from ..widgets.layout import Column, Pieces, row
from . import files_rows as rows

if TYPE_CHECKING:
    from ..app import Console
    from .files import FilesScreen

_HOW = (Column("WHERE", least=10), Column("WHAT THAT MEANS", grow=True))
_ROLES = {"+": "good", "-": "bad", "@": "accent"}


class KeptConfirm(TypedConfirm):
    """A typed confirmation for what replaces something and keeps it."""

    def content(self) -> Iterable[Widget]:
        found = tuple(super().content())
        self._note.show([[("To go on, type the name: ", "warn"), (self._object, "strong")]])
        return found


class FilesActs:
    """The acts of the Files screen, loaded with their dialogs when the first is asked for."""

    def __init__(self, screen: FilesScreen) -> None:
        self._screen = screen
        self._restoring: asyncio.Task[object] | None = None

    @property
    def console(self) -> Console:
        """The app."""
        return self._screen.console

    # -- going about -------------------------------------------------------------------------------------------

    async def do_file_open(self) -> None:
        """Into a folder; a file, or a version of one, is shown."""
        screen = self._screen
        if screen.version is not None:
            place = screen.version.holders[0]
            if screen.version.entry.kind == "dir":
                assert screen.found is not None
                await screen.go(place, screen.found.path)
            else:
                await self._view(place, self._path())
            return
        entry = screen.chosen()
        if entry.kind == "dir":
            if entry.mount:
                raise RefusedError(f"{readable(entry.name)} is another dataset.", "d chooses a dataset.")
            await screen.go(screen.here(), screen.path_of(entry))
        else:
            await self._view(screen.here(), screen.path_of(entry))

    async def do_file_up(self) -> None:
        """To the folder above."""
        screen = self._screen
        above, _, name = screen.path.rpartition(b"/")
        if screen.path:
            await screen.go(screen.here(), above, name)

    async def do_file_older(self) -> None:
        """One snapshot back."""
        await self._step(1)

    async def do_file_newer(self) -> None:
        """One snapshot on."""
        await self._step(-1)

    async def _step(self, step: int) -> None:
        screen = self._screen
        place, entry = screen.here(), screen.entry
        at = next((n for n, one in enumerate(screen.places) if one == place), 0) + step
        if not 0 <= at < len(screen.places):
            raise RefusedError("There is no older snapshot." if step > 0 else "This is the dataset as it is now.")
        await screen.go(screen.places[at], screen.path, entry.name if entry else b"")

    async def do_file_at(self) -> None:
        """Choose the snapshot."""
        screen = self._screen
        place = screen.here()
        screen.places = await screen.files.places(place.dataset)
        listed = rows.place_rows(screen.places, time.time())
        dialog = Choose(f"{place.dataset} as it was", rows.PLACES, listed, pick="Look", first=place.snapshot or "/")
        chosen = await ask(self.console, dialog)
        if chosen is not None:
            wanted = NOW if chosen == "/" else chosen
            await screen.go(next(one for one in screen.places if one.snapshot == wanted), screen.path)

    async def do_file_dataset(self) -> None:
        """Choose the dataset."""
        screen = self._screen
        found = await screen.files.datasets()
        if not found:
            raise RefusedError(f"{self.console.host_name} has no mounted file system of ZFS.")
        listed = [row(one.name, one.name, one.mountpoint or "?") for one in found]
        first = screen.where.dataset if screen.where else ""
        chosen = await ask(self.console, Choose("Whose files?", rows.DATASETS, listed, pick="Look", first=first))
        if chosen is not None:
            await screen.begin(chosen)

    async def do_file_path(self) -> None:
        """Type a path."""
        screen = self._screen
        place = screen.here()
        field = TextField("Path", readable(screen.path), id="path", hint="from the top of the dataset")
        values = await ask(self.console, Form(f"Folder of {place.name}", (field,), "Go"))
        if values is not None:
            await screen.go(place, values["path"].strip("/").encode("utf-8", "surrogateescape"))

    async def do_file_root(self) -> None:
        """Through the door, or as oneself again."""
        screen = self._screen
        place = screen.here()
        if not screen.as_root:
            text = (
                "Files are then read and restored as root, whoever they belong to, and each act is written into the "
                "audit log. A again goes back to your own rights."
            )
            if not await ask(self.console, Confirm("Go on as root?", text, "As root")):
                return
        screen.as_root = not screen.as_root
        try:
            await screen.go(place, screen.path)
        except DPlaneError:
            screen.as_root = not screen.as_root
            screen._caption()
            raise

    # -- looking -----------------------------------------------------------------------------------------------

    def _path(self) -> bytes:
        """The path of what is meant: of the versions, while the cursor is there, else of the entry."""
        screen = self._screen
        if screen.version is not None and screen.found is not None:
            return screen.found.path
        return screen.path_of(screen.chosen())

    async def _view(self, place: Place, path: bytes) -> None:
        content = await self._screen.files.read(place, path, as_root=self._screen.as_root)
        if not compared.is_text(content.data):
            raise RefusedError(
                f"{readable(path)} is not text ({size(content.size)}).",
                f"`dplane files cat {place.name} …` writes it out.",
            )
        lines: list[Pieces] = [[(line, "text")] for line in compared.lines(content)[:20_000]]
        if not content.whole:
            lines.append([(f"… the first {size(len(content.data))} of {size(content.size)} are shown.", "warn")])
        await ask(self.console, Reader(f"{place.name}:/{readable(path)}", lines))

    async def do_file_versions(self) -> None:
        """Every version of the thing under the cursor."""
        screen = self._screen
        place, entry = screen.here(), screen.chosen()
        name = readable(entry.name)

        def progress(looked: int, of: int) -> None:
            self._tell(f"Looking for versions of {name}: {looked} of {min(of, NEWEST)} snapshots…")

        found = await screen.files.versions(
            place.dataset, screen.path_of(entry), as_root=screen.as_root, progress=progress
        )
        self.console.say("")
        if screen.where == place:
            screen.show_versions(found)

    async def do_file_compare(self) -> None:
        """What differs between the one under the cursor and the one that is there now."""
        screen = self._screen
        path = self._path()
        place = screen.version.holders[0] if screen.version is not None else screen.here()
        if not place.snapshot:
            raise RefusedError("This is the file as it is now: there is nothing to compare.", "v shows older versions.")
        now = await screen.files.place(place.dataset)
        contents: list[Content] = [await screen.files.read(one, path, as_root=screen.as_root) for one in (place, now)]
        names = (f"@{place.snapshot}", "now")
        lines = compared.difference(contents[0], contents[1], names)
        told: list[Pieces] = [[(line, _ROLES.get(line[:1], "text"))] for line in lines]
        title = f"{readable(path)}: @{place.snapshot} and now"
        await ask(self.console, Reader(title, told or [[("They are the same.", "good")]]))

    # -- bringing back -----------------------------------------------------------------------------------------

    async def do_file_restore(self) -> str | None:
        """Bring the thing under the cursor back."""
        screen = self._screen
        if self._restoring is not None:
            raise RefusedError("A restore is running already.", "x stops it.")
        path = self._path()
        place = newest_holder(screen.version) if screen.version is not None else screen.here()
        if not place.snapshot:
            raise RefusedError("This is the dataset as it is now.", "v shows older versions, [ goes back in time.")
        measured = await screen.files.measure(place, path, as_root=screen.as_root)
        over = await self._where(measured)
        if over is None or not await self._sure(measured, over):
            return None
        return await self._restore(measured, over)

    async def _where(self, measured: Measured) -> bool | None:
        """In its old place, beside it, or None for not at all."""
        name = readable(measured.path.rpartition(b"/")[2])
        place = ("over", "in its place", "nothing is there now" if measured.there is None else "what is there is kept")
        beside = ("beside", "beside it", f"as {name}.restored-{measured.place.snapshot}")
        options = (place, beside) if measured.there is None else (beside, place)
        dialog = Choose(f"Bring back {name}", _HOW, [row(*option) for option in options], pick="Go on")
        chosen = await ask(self.console, dialog)
        return None if chosen is None else chosen == "over"

    async def _sure(self, measured: Measured, over: bool) -> bool:
        name = readable(measured.path.rpartition(b"/")[2])
        text = preview(measured, over)
        if over and measured.there is not None:
            return await ask(self.console, KeptConfirm(f"Replace {name}", text, name, "Restore")) is True
        return await ask(self.console, Confirm(f"Bring back {name}?", "\n".join(text), "Restore")) is True

    async def _restore(self, measured: Measured, over: bool) -> str:
        screen = self._screen
        name = readable(measured.path.rpartition(b"/")[2])

        def progress(done: int) -> None:
            share = min(100, done * 50 // max(1, measured.size))  # each byte is copied, then read back
            self._tell(f"Restoring {name}: {share} % copied and read back. x stops it.")

        self._tell(f"Restoring {name}…")
        work = asyncio.create_task(screen.files.restore(measured, over=over, as_root=screen.as_root, progress=progress))
        self._restoring = work
        try:
            done = await work
        except asyncio.CancelledError:
            if not self.console.is_running:
                raise
            raise StoppedError(f"The restore of {name} was told to stop; it removes what it had begun.") from None
        finally:
            work.cancel()
            self._restoring = None
        if screen.where is not None and not screen.where.snapshot:
            screen.do_refresh()
        return done.sentence()

    def do_file_stop(self) -> None:
        """Stop the restore that is running."""
        if self._restoring is None:
            self.console.say("No restore is running.")
        else:
            self._restoring.cancel()

    def _tell(self, text: str) -> None:
        """Say how far it is, without a line in the list of messages for each step."""
        self.console.toast = (text, "dim")
        self.console.retell()
