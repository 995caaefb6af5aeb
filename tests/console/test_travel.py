"""Places: back to the same row, kept from session to session, and a hostile file that changes nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import ClassVar

import pytest
from textual import events

from dplane_tui import kept
from dplane_tui.place import Place, from_data, to_data
from tests.console.conftest import Opener
from tests.console.fakes import FakeServices


async def test_back_goes_through_tabs_and_rows(console: Opener) -> None:
    async with console() as seen:
        await seen.until_text("vault")
        await seen.press("t", "tab", "down", "down")
        before = seen.app.current.place()
        assert before.tab == "datasets"
        assert before.focus == "detail"
        await seen.press("3", "down", "4", "minus")
        await seen.until_text("> job")
        await seen.press("minus")
        await seen.until_text("datasets]")
        assert seen.app.current.place() == before


async def test_the_next_session_knows_rows_orders_and_the_way_back(console: Opener, tmp_path: Path) -> None:
    async with console() as seen:
        await seen.until_text("vault")
        await seen.press("down", "s", "R", "3", "down")
        await seen.until_text("> job")
        await seen.press("q")
    file = tmp_path / "dplane" / "places.json"
    assert file.stat().st_mode & 0o077 == 0
    async with console(section="start") as seen:
        await seen.until_text("- goes back to Docker, where you were last time.")
        await seen.press("4")
        await seen.until(lambda: seen.app.section == "health")
        assert seen.app.toast[0] == "", "- goes to Start now"
        await seen.press("minus", "minus")
        await seen.until_text("> job")
        assert "last time" not in seen.text
        await seen.press("1")
        await seen.until_text("> vault")
        assert "POOL▼" in seen.text


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        "[" * 100_000,
        '{"places": {"": {"pools": {"section": "pools", "rows": [["pools"]]}}}}',
        '{"last": ["", {"section": "../../etc"}]}',
        '{"last": ["", {"section": "attic"}]}',
        '{"seen": {"a": 1e400}}',
        f'{{"seen": {{"a": {10**400}}}}}',
        '{"seen": {"a": "now"}}',
        '{"places": ' + json.dumps({str(n): {} for n in range(100)}) + "}",
        '{"last": ["", {"section": "pools", "sorts": [["pools", -1, true]]}]}',
        " " * 300_000,
    ],
)
async def test_a_file_that_makes_no_sense_is_passed_over_and_told(console: Opener, tmp_path: Path, text: str) -> None:
    (tmp_path / "dplane").mkdir()
    (tmp_path / "dplane" / "places.json").write_text(text)
    async with console() as seen:
        await seen.until_text("vault")
        assert "last time" not in seen.text
        assert "not used" in (tmp_path / "dplane" / "console.log").read_text()
        await seen.press("q")
    assert kept.read().last is not None  # and a good one has taken its place


async def test_what_is_no_longer_there_is_not_found_and_nothing_breaks(console: Opener, tmp_path: Path) -> None:
    hostile = "\x1b[31mgone\u202e"
    place = Place("pools", "no-such-tab", (("pools", hostile), ("nowhere", "x")), "nowhere", (("pools", 63, True),))
    kept.write(kept.Kept({"": {"pools": place}}, ("", place)))
    async with console() as seen:
        await seen.until_text("> tank")
        assert "\x1b" not in seen.text


def test_a_place_survives_its_file() -> None:
    place = Place("pools", "datasets", (("pools", "1001"), ("detail", "tank/ü é")), "detail", (("detail", 2, True),))
    again = from_data(json.loads(json.dumps(to_data(place))))
    assert again == place
    assert again.sorts == place.sorts


async def test_the_dataset_and_the_snapshot_under_the_cursor_come_along_into_files(console: Opener) -> None:
    class Files:
        asked: ClassVar[list[str]] = []

        async def places(self, dataset: str) -> tuple[()]:
            self.asked.append(dataset)
            return ()

    services = FakeServices()
    services.__dict__["files"] = Files()
    async with console(services, section="datasets") as seen:
        await seen.until_text("anna")
        await seen.press("down", "F")
        await seen.until_text("tank/home has no snapshot  any more")
        await seen.press("6")
        await seen.until_text("tank/home@daily-2")
        await seen.press("down", "F")
        await seen.until_text("tank/home has no snapshot daily-2 any more")
        await seen.press("1")
        await seen.until_text("vault")
        await seen.press("F")
        assert seen.app.section == "files"
    assert Files.asked == ["tank/home", "tank/home"], "a pool is no dataset: Files stays as it was left"


async def test_keys_typed_while_a_section_is_made_are_for_the_next_one(console: Opener) -> None:
    async with console(section="start") as seen:
        await seen.until_text("What to know")
        for key in "123":  # a slow box reads them together
            seen.app.screen.post_message(events.Key(key, key))
        await seen.until(lambda: seen.app.section == "docker")
        await seen.until_text("Containers of Docker")
        # Whoever typed beyond a change, or a cursor's move, had other rows in mind.
        for key in ("5", "D", "3"):
            seen.app.screen.post_message(events.Key(key, None))
        await seen.until_text("anna")
        await seen.settle()
        assert (seen.app.section, len(seen.app.screen_stack)) == ("datasets", 1)
        for key in ("2", "right_square_bracket"):
            seen.app.screen.post_message(events.Key(key, None))
        await seen.until(lambda: seen.app.section == "replication" and "[peers]" in seen.text)
