"""Files: a dataset as it is or was, folder by folder; versions of one thing; looked at, compared, brought back."""

from __future__ import annotations

from collections.abc import Coroutine, Iterable
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, cast

from textual.widget import Widget

from ..errors import DPlaneError, RefusedError
from ..services.files.model import NOW, Entry, Listing, Place, Version, Versions, readable
from ..services.files.words import told_of
from ..widgets.bars import Lines, show
from ..widgets.layout import at_most, paragraphs
from ..widgets.table import Table
from . import files_rows as rows
from .base import Section

if TYPE_CHECKING:
    from ..app import Console
    from ..services.files.service import FilesService


def browse(console: Console, dataset: str, snapshot: str = NOW) -> None:
    """Show the files of a dataset, as they are or as they were at a snapshot."""
    screen = cast("FilesScreen", console.section_screen("files"))
    screen.start(dataset, snapshot)
    console.go("files")


class FilesScreen(Section):
    """The folder above; below, when asked for, the versions of one thing in it."""

    section: ClassVar[str] = "files"
    DEFAULT_CSS = "FilesScreen #versions { display: none; } FilesScreen #note { display: none; }"

    def __init__(self) -> None:
        super().__init__()
        self.where: Place | None = None
        self.path = b""
        self.as_root = False
        self.places: tuple[Place, ...] = ()
        self.listing: Listing | None = None
        self.found: Versions | None = None
        self._wanted = ("", NOW)
        self._begun = ("", NOW)
        self._asked = 0  # counts requests: an answer to an older one is dropped

    def body(self) -> Iterable[Widget]:
        self.entries = Table(rows.ENTRIES, caption="Files", id="entries")
        self.entries.message = "No dataset is chosen.\n\nd  choose one"
        self.note = Lines(id="note")
        self.versions = Table(rows.VERSIONS, id="versions")
        return (self.entries, self.note, self.versions)

    @property
    def files(self) -> FilesService:
        """The service."""
        return self.console.services.files

    @cached_property
    def acts(self) -> object:
        from .files_acts import FilesActs

        return FilesActs(self)

    # -- where it is -------------------------------------------------------------------------------------------

    def start(self, dataset: str, snapshot: str = NOW) -> None:
        """Begin at the top of a dataset."""
        self._wanted = (dataset, snapshot)

    def entered(self) -> None:
        super().entered()
        if self.console.section == self.section and self.ready and self._wanted[0]:
            dataset, snapshot = self._wanted
            self._wanted = ("", NOW)
            self.look(self.begin(dataset, snapshot))

    def host_changed(self) -> None:
        super().host_changed()
        self.where, self.places, self.listing, self.path, self.as_root = None, (), None, b"", False
        self._begun = ("", NOW)
        if self.ready:
            self.close_versions()
            self.entries.set_rows((), "No dataset is chosen.\n\nd  choose one")
            self.entries.set_caption("Files")

    async def begin(self, dataset: str, snapshot: str = NOW) -> None:
        """Show the top of a dataset; where that cannot be read, say so in its place. Raises DPlaneError."""
        self._asked += 1
        asked = self._asked
        self._begun = (dataset, snapshot)
        self.where, self.places, self.path, self.listing = None, (), b"", None  # what a key acts on is what is shown
        self.entries.set_rows((), "Reading…")
        self.entries.set_caption(dataset)
        try:
            places = await self.files.places(dataset)
            if asked != self._asked:
                return
            self.places = places
            await self.go(self._place(dataset, snapshot), b"")
        except DPlaneError as error:
            if self._begun == (dataset, snapshot) and self.where is None:
                self.entries.set_rows((), f"{error}\n\nr  read again   d  choose another dataset")
                self.entries.set_caption(dataset)
            raise

    def _place(self, dataset: str, snapshot: str) -> Place:
        """The snapshot among the places. Raises RefusedError when it is gone."""
        place = next((one for one in self.places if one.snapshot == snapshot), None)
        if place is None:
            raise RefusedError(f"{dataset} has no snapshot {snapshot} any more.", "d shows the dataset as it is.")
        return place

    async def go(self, place: Place, path: bytes, cursor: bytes = b"") -> None:
        """Show a folder; where it cannot be read, stay where it was. Raises DPlaneError."""
        self._asked += 1
        asked = self._asked
        # The caption stays with the rows until others are there: what it says is what a key acts on.
        self.entries.set_caption(self.entries.caption, f"reading {place.name}:/{readable(path)}…")
        try:
            listing = await self.files.list(place, path, as_root=self.as_root)
        except DPlaneError as error:
            if asked == self._asked:
                if self.listing is None:
                    self.entries.set_rows((), str(error))
                self._caption()
            raise
        if asked != self._asked:
            return
        self.where, self.path, self.listing = place, path, listing
        self.close_versions()
        self.entries.set_filter("")
        self.entries.set_rows(rows.entry_rows(listing.entries), "This folder is empty.")
        if cursor:
            self.entries.select(cursor.hex())
        self._caption()
        self.tell()

    def _caption(self) -> None:
        if self.where is None:
            self.entries.set_caption("Files")
            return
        whole = "" if not (self.listing and self.listing.cut) else "the first names only"
        root = "as root" if self.as_root else ""
        self.entries.set_caption(
            f"{self.where.name}:/{readable(self.path)}{'' if self.where.snapshot else ' (now)'}",
            ", ".join(word for word in (root, whole) if word),
        )

    def look(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something that only reads."""
        self.console.act(work)

    def here(self) -> Place:
        """The place that is shown. Raises RefusedError."""
        if self.where is None:
            raise RefusedError("No dataset is chosen.", "d chooses one.")
        return self.where

    @property
    def entry(self) -> Entry | None:
        """What the cursor of the folder stands on."""
        found = self.listing.entries if self.listing else ()
        return next((one for one in found if rows.key(one) == self.entries.key), None)

    @property
    def about(self) -> str:
        """Among versions, whose they are: a version's row has no name."""
        said = super().about
        return f"{readable(self.found.path)} of {said}" if self.found and said and self.table is self.versions else said

    def chosen(self) -> Entry:
        """The same. Raises RefusedError when there is nothing."""
        self.here()
        if self.entry is None:
            raise RefusedError("Nothing is under the cursor.")
        return self.entry

    def path_of(self, entry: Entry) -> bytes:
        """The path of something in the folder."""
        return self.path + b"/" + entry.name if self.path else entry.name

    # -- versions ----------------------------------------------------------------------------------------------

    @property
    def version(self) -> Version | None:
        """The version under the cursor, while the cursor is among versions."""
        if self.found is None or self.focused is not self.versions or self.versions.key is None:
            return None
        return self.found.versions[int(self.versions.key)]

    def show_versions(self, found: Versions) -> None:
        """Show the versions of one thing below the folder."""
        self.found = found
        self.versions.set_rows(rows.version_rows(found.versions), "Nothing of that name was found.")
        self.versions.set_caption(f"Versions of {readable(found.path)}")
        lines = [line for text in told_of(found) for line in paragraphs(text, max(20, self.size.width - 2), "dim")]
        self.note.show(at_most([[(" ", "text"), *line] for line in lines], 3, self.size.width - 1))
        show(self.note, True)
        show(self.versions, True)
        self.versions.focus()

    def close_versions(self) -> None:
        """Back to the folder alone."""
        self.found = None
        show(self.note, False)
        show(self.versions, False)
        if self.focused is self.versions or self.focused is None:
            self.entries.focus()

    def do_back(self) -> None:
        """Close the versions, else as everywhere."""
        if self.found is not None and not self.versions.query_text:
            self.close_versions()
        else:
            super().do_back()

    def do_refresh(self) -> None:
        """Read the folder again."""
        if self.where is not None:
            entry = self.entry
            self.look(self.go(self.where, self.path, entry.name if entry else b""))
        elif self._begun[0]:
            self.look(self.begin(*self._begun))
