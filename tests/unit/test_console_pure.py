"""The console's pure parts: columns, cutting, what was painted, styles, glyphs, profiles, ages."""

from __future__ import annotations

import base64
import itertools
import re

import pyte
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from dplane_tui.state import Snapshot, diff
from dplane_tui.terminal.acts import clipboard
from dplane_tui.terminal.grid import Grid
from dplane_tui.terminal.profile import detect
from dplane_tui.terminal.styles import canonical, transition
from dplane_tui.terminal.symbols import CONSOLE_SAFE, translator
from dplane_tui.text import clean
from dplane_tui.theme import NAMES, ROLES, load
from dplane_tui.widgets.gauge import text_bar
from dplane_tui.widgets.layout import GAP, Column, cut, fit, matches, row, wrap

ANY = st.text(max_size=60)


@settings(deadline=None)
@given(ANY, st.integers(0, 40), st.booleans(), st.booleans())
def test_cut_fills_its_cells_exactly_and_is_clean(text: str, width: int, right: bool, middle: bool) -> None:
    shown = cut(text, width, right, middle)
    assert cell_len(shown) == width
    assert not any(ord(char) < 0x20 or 0x7F <= ord(char) < 0xA0 for char in shown)


@settings(deadline=None)
@given(st.lists(st.text(alphabet="ab 界é", max_size=30), max_size=4), st.integers(4, 30))
def test_wrap_never_exceeds_and_loses_no_letter(paragraphs: list[str], width: int) -> None:
    text = "\n".join(paragraphs)
    lines = wrap(text, width)
    assert all(cell_len(line) <= width for line in lines)
    assert "".join("".join(lines).split()) == "".join(text.split())


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(1, 20), st.integers(0, 40)), min_size=1, max_size=8),
    st.integers(1, 140),
)
def test_fit_never_exceeds_unless_nothing_can_go(specs: list[tuple[int, int, int]], width: int) -> None:
    columns = [Column(f"C{n}", drop=drop, least=least) for n, (drop, least, _) in enumerate(specs)]
    shown = fit(columns, [wanted for _, _, wanted in specs], width)
    total = sum(size for _, size in shown) + GAP * (len(shown) - 1)
    must = [i for i, column in enumerate(columns) if column.drop == 0] or [shown[0][0]]
    least = sum(columns[i].least for i in must) + GAP * (len(must) - 1)
    assert {i for i in must if columns[i].drop == 0} <= {i for i, _ in shown}
    if least <= width:
        assert total <= width
    assert [i for i, _ in shown] == sorted(i for i, _ in shown)


def test_filter_words_and_inverse() -> None:
    one = row("k", "tank/home", "ONLINE")
    assert matches(one, "home online")
    assert not matches(one, "home faulted")
    assert matches(one, "!faulted")
    assert not matches(one, "!online")
    assert matches(one, "!")


FRAGMENTS = st.lists(
    st.tuples(
        st.integers(1, 5),
        st.integers(1, 10),
        st.text(alphabet="abc \u2500", min_size=1, max_size=8),
        st.integers(30, 37),
    ),
    max_size=12,
)


@settings(deadline=None)
@given(st.lists(FRAGMENTS, max_size=6))
def test_what_is_left_out_changes_nothing_on_the_screen(frames: list[list[tuple[int, int, str, int]]]) -> None:
    grid = Grid(20, 6)
    whole, lean = (pyte.Screen(20, 6) for _ in range(2))
    for screen in (whole, lean):
        screen.reset_mode(pyte.modes.DECAWM)
    all_of_it, fresh = pyte.Stream(whole), pyte.Stream(lean)
    for number, fragments in enumerate(frames):
        frame = "".join(f"\x1b[{y};{x}H\x1b[{colour}m{text}\x1b[0m" for y, x, text, colour in fragments) + "\x1b[1;1H"
        all_of_it.feed(frame)
        grid.put(frame)
        if number % 2:  # what the line could not carry yet is not lost, and not sent twice
            continue
        while grid.waiting:
            fresh.feed(grid.changes(10))
        same_screens(whole, lean)
    fresh.feed(grid.changes())
    same_screens(whole, lean)
    assert grid.changes() == ""


def same_screens(one: pyte.Screen, other: pyte.Screen) -> None:
    """Glyphs, colours and attributes, as a person sees them: the foreground of a blank is not seen."""
    assert one.display == other.display
    for y, x in itertools.product(range(one.lines), range(one.columns)):
        left, right = one.buffer[y][x], other.buffer[y][x]
        assert (left.fg, left.bold, left.reverse) == (right.fg, right.bold, right.reverse), (y, x)


def test_the_same_frame_again_costs_nothing() -> None:
    grid = Grid(20, 6)
    frame = "\x1b[1;1Habc\n\x1b[2;1Hdef\x1b[1;1H"
    grid.put(frame)
    assert grid.changes() == "\x1b[1Habc\x1b[2Hdef"
    grid.put(frame)
    assert not grid.waiting
    grid.forget()
    assert grid.changes().count("abc") == 1
    grid.put("\x1b[1;2HB\x1b[1;1H")
    assert grid.changes() == "\x1b[1;2HB"
    grid.put("\x1b[1;1H   \x1b[1;1H")
    grid.put(frame)
    assert grid.changes() == "\x1b[1;2Hb"  # what went back to how it was shown is not sent


def test_the_newest_lines_go_first_and_old_states_never() -> None:
    grid = Grid(20, 6)
    for line in (1, 2, 3):
        grid.put(f"\x1b[{line};1Hold{line}\x1b[1;1H")
    grid.put("\x1b[3;1Hnew3\x1b[1;1H")
    assert grid.changes(1) == "\x1b[3Hnew3"
    assert grid.changes() == "\x1b[2Hold2\x1b[1Hold1"


def test_another_size_keeps_what_still_fits() -> None:
    grid = Grid(10, 3)
    grid.put("\x1b[1;1H0123456789\x1b[3;1Hgone\x1b[1;1H")
    grid.changes()
    grid.resize(5, 2)
    assert grid.changes() == "\x1b[1H01234"
    grid.put("\x1b[9;9Hoff\x1b[2;4Habc\x1b[1;1H")
    assert grid.changes() == "\x1b[2;4Hab"


def test_a_wide_character_is_written_whole_and_the_next_gets_its_place() -> None:
    grid = Grid(10, 1)
    grid.put("\x1b[1;1Ha漢b\x1b[1;1H")
    assert grid.changes() == "\x1b[1Ha漢\x1b[1;4Hb"
    grid.put("\x1b[1;3Hx\x1b[1;1H")
    assert grid.changes() == "\x1b[1;2H x"


def test_control_characters_in_a_frame_never_reach_the_terminal() -> None:
    grid = Grid(20, 1)
    grid.put("\x1b[1;1Ha\x07\x9b\x0eb\x1b]52;c;x\x1b[1;1H")
    sent = grid.changes()
    assert sent.startswith("\x1b[1Ha?")
    assert not re.search("[\x00-\x1a\x1c-\x1f\x7f-\x9f]|\x1b(?!\\[)", sent)


@pytest.mark.parametrize(
    ("old", "new", "way"),
    [
        ("", "1", "\x1b[1m"),
        ("1", "", "\x1b[m"),
        ("1", "7", "\x1b[0;7m"),
        ("31;42", "32;42", "\x1b[32m"),
        ("38;2;1;2;3;48;5;7", "38;2;1;2;3;48;5;8", "\x1b[48;5;8m"),
        ("31", "1;31", "\x1b[1m"),
        ("31;44", "31", "\x1b[0;31m"),
        ("97;101", "97;101", ""),
    ],
)
def test_the_way_between_styles_is_short(old: str, new: str, way: str) -> None:
    assert transition(canonical(old), canonical(new)) == way


def test_a_vt220_gets_only_attributes_it_has() -> None:
    assert canonical("1;2;3;9;38;2;1;2;3;48;5;7", True) == "1"
    assert canonical("39;49;7;91;104", True) == "7;31;44"


@pytest.mark.parametrize(("baud", "every"), [(115200, 5.0), (9600, 10.4), (1200, 83.3), (0, 10.0)])
def test_a_line_is_asked_no_more_than_it_carries(baud: int, every: float) -> None:
    assert detect({"TERM": "vt220"}, "/dev/ttyS0", baud=baud).every == every
    assert detect({"TERM": "vt220"}, "/dev/pts/0", baud=baud).every == 10.0  # a pseudo-terminal's speed means nothing


@settings(deadline=None)
@given(st.text(max_size=80))
def test_translation_keeps_the_width_and_the_set(text: str) -> None:
    ascii_only, console = translator("ascii"), translator("console")
    assert ascii_only is not None
    assert console is not None
    assert all(ord(char) < 0x80 for char in text.translate(ascii_only))
    odd = {char for char in text.translate(console) if ord(char) > 0x7E}
    assert all(char in CONSOLE_SAFE or 0xA0 <= ord(char) < 0x180 for char in odd)
    for char in "─│┌┐└┘█░▒▲▼…≤×→·•—“”":
        assert cell_len(char.translate(ascii_only)) == 1
        assert cell_len(char.translate(console)) == 1
    assert translator("unicode") is None


@pytest.mark.parametrize(
    ("env", "line", "kind", "symbols", "theme"),
    [
        ({"TERM": "xterm-256color", "LANG": "en_US.UTF-8"}, "/dev/pts/1", "full", "unicode", "dark"),
        ({"TERM": "xterm", "LANG": "C.UTF-8"}, "/dev/pts/1", "full", "unicode", "ansi16"),
        ({"TERM": "tmux-256color", "LC_ALL": "C"}, "", "full", "ascii", "dark"),
        ({"TERM": "xterm-256color", "LANG": "C", "LC_CTYPE": "C.UTF-8"}, "", "full", "ascii", "dark"),
        ({"TERM": "xterm-256color"}, "", "full", "unicode", "dark"),
        ({"TERM": "linux", "LANG": "C.UTF-8"}, "/dev/tty1", "console", "console", "ansi16"),
        ({"TERM": "linux", "NO_COLOR": "1"}, "/dev/tty1", "console", "console", "mono"),
        ({"TERM": "vt220"}, "/dev/ttyS0", "serial", "ascii", "mono"),
        ({"TERM": "linux", "LANG": "C.UTF-8"}, "/dev/ttyS0", "serial", "console", "ansi16"),
        ({"TERM": "dumb"}, "", "plain", "unicode", "mono"),
        ({}, "", "plain", "unicode", "mono"),
        ({"TERM": "xterm-256color", "LANG": "C.UTF-8", "NO_COLOR": "1"}, "", "full", "unicode", "mono"),
    ],
)
def test_profiles(env: dict[str, str], line: str, kind: str, symbols: str, theme: str) -> None:
    found = detect(env, line)
    assert (found.kind, found.symbols, found.theme) == (kind, symbols, theme)


@pytest.mark.parametrize("name", NAMES)
def test_themes_have_every_role_and_keep_the_cursor_visible(name: str) -> None:
    look = load(name)
    assert look.styles.keys() >= ROLES
    cursor, text = look["cursor"], look["text"]
    assert cursor.reverse or cursor.bgcolor != text.bgcolor
    if name == "ansi16":
        assert not [role for role, style in look.styles.items() if style.bgcolor and (style.bgcolor.number or 0) > 7]
    if name == "mono":
        assert not [role for role, style in look.styles.items() if style.color or style.bgcolor]


def test_a_person_may_say_what_the_terminal_is() -> None:
    env = {"TERM": "xterm-256color", "LANG": "C.UTF-8"}
    serial = detect(env, "/dev/pts/1", "serial")
    assert (serial.kind, serial.symbols, serial.alternate, serial.paste) == ("serial", "console", False, False)
    assert not detect({"TERM": "linux"}).alternate, "a virtual console has no second screen, so its one is cleared"
    assert detect({"TERM": "vt220"}, "/dev/ttyS0", "full").kind == "full"
    assert detect({"TERM": "dumb"}, "", "serial").kind == "serial"


def test_a_snapshot_tells_its_age_without_ticking() -> None:
    one: Snapshot[int] = Snapshot()
    assert one.age(100.0) == "reading…"
    assert one.failed("no").age(100.0) == "no data"
    one = one.good(1, 100.0)
    assert one.age(101.0) == one.age(105.0) == "≤5s old"
    assert one.age(109.0) == "9s old"
    assert one.failed("no").age(103.0) == "3s old"
    assert one.failed("no").value == 1
    assert not one.stale(115.0)
    assert one.age(117.0) == "STALE 17s old"


def test_diff() -> None:
    found = diff([("a", 1), ("b", 2)], [("b", 3), ("c", 4)])
    assert [set(part) for part in (found.added, found.removed, found.changed)] == [{"c"}, {"a"}, {"b"}]
    assert not diff([("a", 1)], [("a", 1)])


def test_bars() -> None:
    assert text_bar(0, 4) == "░░░░"
    assert text_bar(1, 4) == "█░░░"  # something is never nothing
    assert text_bar(100, 4) == "████"
    assert text_bar(None, 4) == "░░░░"


@given(st.text(max_size=80))
def test_nothing_leaves_a_name_on_its_way_to_the_clipboard(text: str) -> None:
    sent = clipboard(text)
    inside = sent.removeprefix("\x1b]52;c;").removesuffix("\x1b\\")
    assert re.fullmatch("[A-Za-z0-9+/=]*", inside)
    assert base64.b64decode(inside).decode() == clean(text)


def test_a_row_that_is_another_altogether_is_few_bytes() -> None:
    grid = Grid(80, 24, plain=True)
    grid.put("\x1b[9;1H" + "a" * 80 + "\x1b[1;1H")
    grid.changes()
    grid.put("\x1b[9;1H> \x1b[1mvault \x1b[0m  \x1b[1mDEGRADED\x1b[0m  " + "b" * 60 + "\x1b[1;1H")
    assert len(grid.changes()) <= 150
