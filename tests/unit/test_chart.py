"""Charts: never wider or higher than asked, what rises is drawn rising, and unknown is never drawn as a value."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dplane_tui.terminal.symbols import SPARK
from dplane_tui.widgets.chart import ASCII, BLOCKS, BRAILLE, MISSING, chart, columns, set_for, spark, squeezed, widened

SETS = st.sampled_from((BRAILLE, BLOCKS, ASCII))
NUMBERS = st.floats(0, 1e18, allow_nan=False)
VALUES = st.lists(st.none() | st.floats(-1e6, 1e18, allow_nan=False), max_size=300)
SIZES = st.integers(-2, 60)
_LEFT, _RIGHT = 0x47, 0xB8  # dots of a braille cell


def drawn(lines: list[str], glyphs: str) -> list[int]:
    """The height of each column as a person sees it, in the smallest steps."""
    width = max((len(line) for line in lines), default=0)
    found = []
    for at in range(width):
        cells = [line[at] for line in lines]
        if glyphs == BRAILLE:
            codes = [ord(cell) - 0x2800 if cell >= "\u2800" else 0 for cell in cells]
            found += [sum((code & side).bit_count() for code in codes) for side in (_LEFT, _RIGHT)]
        else:
            marks = SPARK if glyphs == BLOCKS else "_=#"
            found.append(sum(marks.index(cell) + 1 for cell in cells if cell in marks))
    return found


@given(VALUES, SIZES, st.integers(-2, 12), SETS, st.none() | st.floats(0, 1e9))
def test_never_wider_or_higher_than_asked(
    values: list[float | None], width: int, height: int, glyphs: str, top: float | None
) -> None:
    lines = chart(values, width, height, glyphs, top)
    assert len(lines) == (height if values and width > 0 and height > 0 else 0)
    assert all(len(line) <= width for line in lines)
    assert len({len(line) for line in lines}) <= 1


@given(st.lists(NUMBERS, min_size=1, max_size=300), st.integers(1, 60), st.integers(1, 8), SETS)
def test_what_rises_is_drawn_rising(values: list[float], width: int, height: int, glyphs: str) -> None:
    lines = chart(sorted(values), width, height, glyphs)
    bars = drawn(lines, glyphs)[: min(len(values), columns(width, glyphs))]
    assert bars == sorted(bars)
    assert all(bar >= 1 for bar in bars), "zero is the lowest height, not nothing"
    if max(values) > 0:
        assert bars[-1] == height * {BRAILLE: 4, BLOCKS: 8, ASCII: 3}[glyphs]


@given(st.lists(st.none(), min_size=1, max_size=99), st.integers(1, 60), st.integers(1, 8), SETS)
def test_unknown_has_no_height(values: list[None], width: int, height: int, glyphs: str) -> None:
    lines = chart(values, width, height, glyphs)
    assert set("".join(lines[:-1])) <= {" "}
    assert set(lines[-1]) <= {MISSING, "."}
    assert not any(drawn(lines, glyphs))


@given(VALUES, st.integers(1, 60))
def test_no_peak_is_lost(values: list[float | None], most: int) -> None:
    shown = squeezed(values, most)
    known = [value for value in values if value is not None]
    assert max((one for one in shown if one is not None), default=None) == max(known, default=None)
    assert len(shown) == min(len(values), most)


@given(st.lists(NUMBERS, max_size=99), st.integers(0, 60))
def test_few_values_fill_the_width_and_none_is_lost(values: list[float], most: int) -> None:
    wide = widened(values, most)
    assert len(wide) <= max(most, len(values))
    assert 2 * len(wide) > most or not values
    assert list(dict.fromkeys(wide)) == list(dict.fromkeys(values))


@pytest.mark.parametrize("glyphs", [BRAILLE, BLOCKS, ASCII])
def test_no_value_and_one_value(glyphs: str) -> None:
    assert chart([], 10, 3, glyphs) == []
    (line,) = chart([5.0], 10, 1, glyphs)
    assert line == {BRAILLE: "⡇", BLOCKS: "█", ASCII: "#"}[glyphs]
    assert chart([0.0], 1, 1, glyphs) == [{BRAILLE: "⡀", BLOCKS: "▁", ASCII: "_"}[glyphs]]


def test_it_looks_as_it_should() -> None:
    assert chart([0, 1, 2, 3, 4, 5, 6, 7, 8], 9, 2) == ["    ▁▂▄▆█", "▁▃▅▇█████"]
    assert chart([1, None, 3], 3, 1, ASCII) == ["=.#"]
    assert chart([1, 4, None, None], 9, 1, BRAILLE) == ["⣼·"]
    assert chart([50.0], 1, 1, top=100.0) == [SPARK[4]]
    assert chart([150.0], 1, 1, top=100.0) == ["█"]


def test_a_line_of_the_history_is_a_chart_one_high() -> None:
    assert spark([0.0, None, 3.5, 7.0]) == "▁·▅█"
    assert spark([]) == ""
    assert spark([0.0, 0.0]) == "▁▁"


def test_what_shows_everything_gets_braille_and_others_blocks() -> None:
    assert [set_for(symbols) for symbols in ("unicode", "console", "ascii")] == [BRAILLE, BLOCKS, BLOCKS]
