"""What does not fit is cut with a mark: lines that are left out, and no label of a form is cut at all."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from dplane_tui.widgets.fields import LABEL
from dplane_tui.widgets.layout import Pieces, at_most, paragraphs

SCREENS = Path(__file__).parents[2] / "dplane_tui" / "screens"
_FIELD = re.compile(r'(?:TextField|Choice)\(\s*"([^"]+)"')


def text(lines: list[Pieces]) -> list[str]:
    return ["".join(piece for piece, _ in line) for line in lines]


@given(st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "Zs"]), max_size=200), st.integers(0, 6),
       st.integers(8, 40))  # fmt: skip
def test_lines_that_are_left_out_are_marked_within_the_width(words: str, most: int, width: int) -> None:
    lines: list[Pieces] = [[(" ", "text"), *line] for line in paragraphs(words, width - 1)]
    shown = at_most(lines, most, width)
    assert len(shown) == min(most, len(lines))
    assert all(cell_len(line) <= width for line in text(shown))
    if len(lines) <= most:
        assert shown == lines
    elif shown:
        assert text(shown)[-1].endswith("…")
        assert shown[:-1] == lines[: most - 1]


def test_the_mark_stands_behind_the_words_or_in_place_of_the_last_cell() -> None:
    told: list[Pieces] = [[(" ", "text"), ("tank, backup;", "good")], [(" ", "text"), ("memory.", "good")]]
    assert text(at_most(told, 1, 40)) == [" tank, backup; …"]
    assert text(at_most(told, 1, 14)) == [" tank, backup…"]
    assert at_most(told, 1, 40)[0][-1][1] == "good"


@pytest.mark.parametrize("page", sorted(SCREENS.glob("*.py")), ids=lambda page: page.stem)
def test_no_label_of_a_form_is_cut(page: Path) -> None:
    long = [label for label in _FIELD.findall(page.read_text()) if len(label) > LABEL - 2]
    assert long == []
