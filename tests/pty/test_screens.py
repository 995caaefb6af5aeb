"""Every screen as a person sees it, through an emulator, in each profile and locale, compared with the file of it.

`DPLANE_SNAPSHOTS=write pytest tests/pty/test_screens.py` writes the files anew; read what changed before you keep it.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from tests.console.test_snapshots import steady
from tests.pty.conftest import Start, Terminal

pytestmark = pytest.mark.pty
FOLDER = Path(__file__).parent / "snapshots"
PROFILES = {"full": "xterm-256color", "console": "linux", "serial": "vt220"}
LOCALES = {"utf8": "C.UTF-8", "c": "C"}
SCREENS = {"pools": (b"1", "vault"), "replication": (b"2", "Nothing new"), "docker": (b"3", "web"),
           "health": (b"4", "vdb")}  # fmt: skip
SIZES = (
    ((200, 60), "vault"),
    ((40, 10), "too small"),
    ((80, 24), "vault"),
    ((4, 2), ""),
    ((60, 15), "vault"),
    ((132, 43), "vault"),
    ((39, 9), "too small"),
    ((200, 60), "vault"),
)
_AGES = re.compile(r"<\d+s old|\b\d+m( ago)?\b")
# What is between the two others waits for `make test-all`: these take long.
LATER = {"console": pytest.mark.long}
profiles = pytest.mark.parametrize("profile", [pytest.param(name, marks=LATER.get(name, ())) for name in PROFILES])


def seen(one: Terminal) -> str:
    """The screen without what time changes."""
    return steady(_AGES.sub("\u22645s old", one.text))


@profiles
@pytest.mark.parametrize("locale", LOCALES)
def test_every_screen_is_what_it_was(terminal: Start, profile: str, locale: str) -> None:
    one = terminal(TERM=PROFILES[profile], LANG=LOCALES[locale])
    one.until_text("vault")
    for screen, (key, mark) in SCREENS.items():
        one.send(key)
        one.until_text(mark)
        one.quiet(0.7)
        file = FOLDER / f"{screen}-{profile}-{locale}.txt"
        if os.environ.get("DPLANE_SNAPSHOTS") == "write":
            FOLDER.mkdir(exist_ok=True)
            file.write_text(seen(one))
        assert seen(one) == file.read_text()
    one.send(b"q")
    assert one.ended() == 0


@profiles
def test_any_size_and_every_change_of_it(terminal: Start, profile: str) -> None:
    one = terminal(TERM=PROFILES[profile])
    one.until_text("vault")
    for size, text in SIZES:
        one.resize(*size)
        if text:
            one.until_text(text)
        one.quiet(0.5)
        if size[1] >= 15:
            assert "quit" in one.screen.display[size[1] - 1], "the last line is the last line"
            assert one.screen.display[0].startswith(" nas-a")
    before = one.text
    one.send(b"\x0c")
    one.quiet(0.7)
    assert one.text == before, "drawn again it is the same"
    one.send(b"q")
    assert one.ended() == 0
