"""What the line sends becomes the keys a person pressed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.events import Key, Paste

from dplane_tui.terminal.keyboard import Keyboard


def keys(*chunks: bytes) -> list[str]:
    keyboard = Keyboard()
    found = [event for chunk in chunks for event in keyboard.feed(chunk)]
    keyboard._parser._timeout_time = 0.0 if keyboard._parser._timeout_time is not None else None
    found += keyboard.tick()
    return [event.key for event in found if isinstance(event, Key)]


@pytest.mark.parametrize(
    ("chunks", "wanted"),
    [
        ([b"\x1b"], ["escape"]),
        ([b"\x1bq"], ["escape", "q"]),
        ([b"\x1b", b"q"], ["escape", "q"]),
        ([b"\x1b2\x1b\x1b[A"], ["escape", "2", "escape", "up"]),
        ([b"\x1b", b":x"], ["escape", "colon", "x"]),
        ([b"\x1b\r"], ["escape", "enter"]),
        ([b"\x1b[", b"B"], ["down"]),
        ([b"\x1bOA\x1b[1~"], ["up", "home"]),
        ([b"\x1b\x03"], ["escape", "ctrl+c"]),
        ([b"\x1b", b"G"], ["escape", "G"]),
        ([b"\x1bXq", b"\x1bPq", b"\x1b-q"], ["escape", "X", "q", "escape", "P", "q", "escape", "minus", "q"]),
        ([b"\x1b\x7f"], ["ctrl+w"]),  # Alt+Backspace takes a word away, and leaves no dialog
        (["\x1bé".encode()], ["escape", "é"]),
        ([b"\x1b[[A\x1b[[E"], ["f1", "f5"]),
        ([b"\x1b[A\x1b[1;5Cj\x1b[3~"], ["up", "ctrl+right", "j", "delete"]),
        (["é".encode()[:1], "é".encode()[1:]], ["é"]),
    ],
)
def test_keys_are_what_was_pressed(chunks: list[bytes], wanted: list[str]) -> None:
    found = keys(*chunks)
    assert [{"latin_small_letter_e_with_acute": "é"}.get(key, key) for key in found] == wanted


@given(st.lists(st.binary(max_size=40), max_size=6))
def test_noise_never_ends_it(noise: list[bytes]) -> None:
    keyboard = Keyboard()
    for chunk in noise:
        list(keyboard.feed(chunk))
    list(keyboard.feed(b"\x1b\\\x07"))
    assert keyboard.patience() is None or keyboard.patience() >= 0  # type: ignore[operator]


@pytest.mark.parametrize(
    "noise",
    [
        b"\xff",
        b"\x1b[97;1;99999999999u",
        b"\x1b[99999999999u",
        b"\x1b[M\xff\xff\xff",
        b"q\x80D\r",
        b"\x1b[48;9;9;9;9t",
        b"\x1b[M!!!",
        b"\x1b[>0q",
    ],
)
@pytest.mark.parametrize("kitty", [False, True])
def test_noise_is_no_key_and_the_next_key_is_one(noise: bytes, kitty: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("textual.constants.DISABLE_KITTY_KEY", not kitty)  # the console reads none of those keys
    keyboard = Keyboard()
    found = list(keyboard.feed(noise))
    assert not [event for event in found if isinstance(event, Key) and event.key in {"q", "D", "enter"}]
    keyboard._noisy_until = 0.0
    assert [event.key for event in keyboard.feed(b"j") if isinstance(event, Key)] == ["j"]


def test_letters_of_a_sequence_that_nobody_knows_are_no_keys_however_it_comes() -> None:
    for chunks in ([b"\x1b[>1;9u"], [bytes([one]) for one in b"\x1b[>1;9u"], [b"\x1b[>1;", b"9u"]):
        keyboard = Keyboard()
        found = [event for chunk in chunks for event in keyboard.feed(chunk)]
        if keyboard._parser._timeout_time is not None:
            keyboard._parser._timeout_time = 0.0
        found += [*keyboard.tick(), *keyboard.feed(b"j")]
        assert [event.key for event in found if isinstance(event, Key)] == ["j"]


def test_what_follows_noise_at_once_is_noise_too() -> None:
    keyboard = Keyboard()
    assert not list(keyboard.feed(b"\xff\xfe"))
    assert not list(keyboard.feed(b"D\r"))


def test_a_paste_without_an_end_is_over_when_nothing_more_comes() -> None:
    keyboard = Keyboard()
    assert not list(keyboard.feed(b"\x1b[200~vault\r"))
    assert keyboard.patience()
    keyboard._pasting_until = 0.001
    assert not list(keyboard.tick())
    assert [event.key for event in keyboard.feed(b"j") if isinstance(event, Key)] == ["j"]


def test_a_paste_is_one_paste_however_it_is_cut() -> None:
    keyboard = Keyboard()
    found = [event for part in (b"\x1b[200~va", b"ult\x1b[20", b"1~j") for event in keyboard.feed(part)]
    assert [event.text for event in found if isinstance(event, Paste)] == ["vault"]
    assert [event.key for event in found if isinstance(event, Key)] == ["j"]


def test_mouse_focus_and_windows_are_nothing_to_it() -> None:
    assert not list(Keyboard().feed(b"\x1b[<0;3;3M\x1b[<0;3;3m\x1b[I\x1b[O\x1b[?2026;1$y"))
