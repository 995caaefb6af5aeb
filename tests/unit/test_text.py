"""Foreign bytes made safe to show, numbers made easy to read."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dplane_tui.text import age, clean, clean_lines, duration, quoted, size


@given(st.text())
def test_nothing_a_terminal_obeys_comes_through(text: str) -> None:
    shown = clean(text)
    assert len(shown) == len(text)
    assert not any(unicodedata.category(char) in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"} for char in shown)
    assert clean(shown) == shown


@given(st.text(min_size=1), st.integers(1, 20))
def test_limit_holds(text: str, limit: int) -> None:
    shown = clean(text, limit)
    assert len(shown) <= limit
    assert shown == clean(text) or shown.endswith("…")


@pytest.mark.parametrize(
    ("hostile", "shown"),
    [
        ("a\x1b]0;title\x07b", "a�]0;title�b"),
        ("a\nb\tc\rd", "a b c d"),
        ("evil\u202egnp.exe", "evil�gnp.exe"),
        ("c1\x9b31m", "c1�31m"),
        ("[bold]ünïcode ✓[/]", "[bold]ünïcode ✓[/]"),
    ],
)
def test_known_tricks(hostile: str, shown: str) -> None:
    assert clean(hostile) == shown


def test_lines() -> None:
    assert clean_lines("\r\n\na\x1b\nb\r\n\n") == ["a�", "b"]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "?"),
        (0, "0B"),
        (1023, "1023B"),
        (1024, "1.00K"),
        (1536 * 1024, "1.50M"),
        (10 * 2**30, "10.0G"),
        (100 * 2**40, "100T"),
        (5000 * 2**60, "5000E"),
    ],
)
def test_size(value: int | None, shown: str) -> None:
    assert size(value) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (None, "?"),
        (0, "0s"),
        (59.6, "1m"),
        (61, "1m 1s"),
        (3600, "1h"),
        (12000, "3h 20m"),
        (90061, "1d 1h"),
        (-5, "0s"),
    ],
)
def test_duration(seconds: float | None, shown: str) -> None:
    assert duration(seconds) == shown


def test_age() -> None:
    assert age(None, 5) == "never"
    assert age(2, 5) == "3s ago"


def test_words_of_others_cannot_end_their_quotes() -> None:
    assert quoted("a” b “c\x1b\n") == '“a" b "c\ufffd ”'
    assert quoted("abcdef", 4) == "“abc…”"
