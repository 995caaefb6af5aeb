"""What the line sends becomes the keys a person pressed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.events import Key

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
