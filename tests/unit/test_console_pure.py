"""The console's pure parts: columns, cutting, what was painted, styles, glyphs, profiles, ages."""

from __future__ import annotations

import pyte
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from dplane_tui.state import Snapshot, diff
from dplane_tui.terminal.output import merge_styles
from dplane_tui.terminal.painted import Painted
from dplane_tui.terminal.profile import detect
from dplane_tui.terminal.symbols import CONSOLE_SAFE, translator
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
    painted = Painted()
    whole, lean = (pyte.Screen(20, 6) for _ in range(2))
    for screen in (whole, lean):
        screen.reset_mode(pyte.modes.DECAWM)
    all_of_it, fresh = pyte.Stream(whole), pyte.Stream(lean)
    for fragments in frames:
        frame = "".join(f"\x1b[{y};{x}H\x1b[{colour}m{text}\x1b[0m" for y, x, text, colour in fragments) + "\x1b[1;1H"
        all_of_it.feed(frame)
        fresh.feed(merge_styles(painted.fresh(frame)))
        assert whole.display == lean.display
        for y in range(6):
            assert [whole.buffer[y][x].fg for x in range(20)] == [lean.buffer[y][x].fg for x in range(20)]


def test_the_same_frame_again_costs_nothing() -> None:
    painted = Painted()
    frame = "\x1b[1;1Habc\n\x1b[2;1Hdef\x1b[1;1H"
    assert painted.fresh(frame)
    assert painted.fresh(frame) == ""
    painted.forget()
    assert painted.fresh(frame)
    assert painted.fresh("\x1b[?1049l") == "\x1b[?1049l"
    assert painted.fresh(frame)  # a mode was set: trust nothing


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
        ({"TERM": "linux", "LANG": "C.UTF-8"}, "/dev/ttyS0", "serial", "console", "mono"),
        ({"TERM": "dumb"}, "", "dumb", "ascii", "mono"),
        ({}, "", "dumb", "ascii", "mono"),
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
