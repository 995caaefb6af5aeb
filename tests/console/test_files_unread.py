"""The Files screen where nothing can be read at first: it says so in place of the rows, and tries again."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from dplane_tui.errors import CommandError, DPlaneError
from dplane_tui.screens.files import browse
from dplane_tui.services.files.model import Listing, Place
from tests.console.conftest import Opener
from tests.console.fakes import FakeServices


@dataclass
class Files:
    """A service whose first answers are failures."""

    fails: list[DPlaneError] = field(default_factory=list)

    async def places(self, dataset: str) -> tuple[Place, ...]:
        if self.fails:
            raise self.fails.pop()
        return (Place(dataset, "7"),)

    async def list(self, place: Place, path: bytes, *, as_root: bool = False) -> Listing:
        return Listing(place, path, ())


@pytest.fixture
def files() -> Files:
    return Files()


@pytest.fixture
def services(files: Files) -> FakeServices:
    made = FakeServices()
    made.__dict__["files"] = files
    return made


async def test_a_first_read_that_fails_is_said_where_the_files_would_be_and_r_reads_again(
    console: Opener, services: FakeServices, files: Files
) -> None:
    files.fails = [CommandError("tank/a is not mounted.")]
    async with console(services) as seen:
        app: Any = seen.app
        browse(app, "tank/a")
        await seen.until_text("r  read again   d  choose another dataset")
        assert seen.text.count("tank/a is not mounted.") == 2, "in the list and in the line of messages"
        assert "─ tank/a " in seen.text
        assert "Reading…" not in seen.text
        await seen.press("r")
        await seen.until_text("This folder is empty.")


async def test_after_a_failed_read_no_key_acts_on_the_dataset_before(
    console: Opener, services: FakeServices, files: Files
) -> None:
    async with console(services) as seen:
        app: Any = seen.app
        browse(app, "tank/a")
        await seen.until_text("─ tank/a:/ (now)")
        files.fails = [CommandError("tank/b is locked.")]
        screen = app.section_screen("files")
        screen.look(screen.begin("tank/b"))
        await seen.until_text("tank/b is locked.")
        await seen.press("p")
        await seen.until_text("No dataset is chosen.")
        screen.look(screen.begin("tank/b", "gone"))
        await seen.until_text("tank/b has no snapshot gone any more.")
        assert "Reading…" not in seen.text
