"""The table: only changed rows are painted, the cursor stays on its thing, columns go by their worth."""

from __future__ import annotations

import pytest
from textual.app import App, ComposeResult
from textual.geometry import Region

from dplane_tui.widgets.layout import Cell, Column, Row, row
from dplane_tui.widgets.table import Table

COLUMNS = (Column("NAME", least=4), Column("SIZE", drop=1, right=True), Column("NOTE", drop=2, least=8, grow=True))


def rows(*names: str, **sizes: int) -> list[Row]:
    """Rows by name; a size where one is given."""
    return [row(name, name, Cell(str(sizes.get(name, 1)), order=float(sizes.get(name, 1))), "note") for name in names]


class Stage(App[None]):
    """One table."""

    def compose(self) -> ComposeResult:
        self.table = Table(COLUMNS, caption="Things")
        yield self.table

    def on_mount(self) -> None:
        self.table.focus()


@pytest.fixture
def painted(monkeypatch: pytest.MonkeyPatch) -> list[Region | None]:
    """Regions that were asked to be painted; None for the whole table."""
    asked: list[Region | None] = []
    refresh = Table.refresh

    def spy(self: Table, *regions: Region, **options: bool) -> Table:
        asked.extend(regions or (None,))
        return refresh(self, *regions, **options)

    monkeypatch.setattr(Table, "refresh", spy)
    return asked


async def test_only_changed_rows_are_painted(painted: list[Region | None]) -> None:
    async with Stage().run_test(size=(60, 12)) as pilot:
        table = pilot.app.query_one(Table)
        table.set_rows(rows("alpha", "beta", "gamma"))
        await pilot.pause()
        painted.clear()
        table.set_rows(rows("alpha", "beta", "gamma"))
        assert painted == []
        table.set_rows(rows("alpha", "beta", "gamma", beta=7))
        assert painted == [Region(0, 3, 60, 1)]
        painted.clear()
        await pilot.press("down")
        assert painted == [Region(0, 2, 60, 1), Region(0, 3, 60, 1)]


async def test_the_cursor_stays_on_its_thing() -> None:
    async with Stage().run_test(size=(60, 12)) as pilot:
        table = pilot.app.query_one(Table)
        table.set_rows(rows("alpha", "beta", "gamma"))
        await pilot.press("down")
        assert table.key == "beta"
        table.set_rows(rows("aaa", "alpha", "beta", "gamma"))
        assert table.key == "beta"
        table.set_rows(rows("aaa", "gamma"))
        assert table.key == "gamma"
        table.set_rows([])
        assert table.key is None
        table.set_rows(rows("x"))
        assert table.key == "x"


async def test_sorting_by_each_column_and_back() -> None:
    async with Stage().run_test(size=(60, 12)) as pilot:
        table = pilot.app.query_one(Table)
        table.set_rows(rows("b", "c", "a", b=10, c=9, a=100))
        await pilot.pause()
        assert [table.sort_next() for _ in range(2)] == ["NAME", "SIZE"]
        assert [one.key for one in table.rows] == ["c", "b", "a"]
        table.sort_reverse()
        assert [one.key for one in table.rows] == ["a", "b", "c"]


async def test_long_lists_scroll_and_keep_the_cursor_seen() -> None:
    async with Stage().run_test(size=(60, 12)) as pilot:
        table = pilot.app.query_one(Table)
        table.set_rows(rows(*(f"n{i:03}" for i in range(240))))
        await pilot.press("G")
        assert table.key == "n239"
        strips = pilot.app.screen._compositor.render_strips()
        text = "\n".join(strip.text for strip in strips)
        assert "> n239" in text
        assert "240↑" in text
        await pilot.press("pageup", "k", "g")
        assert table.key == "n000"
        table.set_filter("n00")
        assert len(table.rows) == 10


async def test_a_filter_that_nothing_matches_is_not_told_as_there_being_nothing() -> None:
    async with Stage().run_test(size=(60, 12)) as pilot:
        table = pilot.app.query_one(Table)
        table.set_rows(rows("alpha", "beta"), "There is no thing.")
        table.set_filter("zzz")
        await pilot.pause()
        shown = "\n".join(strip.text for strip in pilot.app.screen._compositor.render_strips())
        assert "Nothing matches the filter. Esc clears it." in shown
        assert "There is no thing." not in shown
        table.set_rows([], "There is no thing.")
        await pilot.pause()
        shown = "\n".join(strip.text for strip in pilot.app.screen._compositor.render_strips())
        assert "There is no thing." in shown
        assert "filter" not in shown.replace("Things", "")
