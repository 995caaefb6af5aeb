"""What a person has in front of them at a practice box: its serial line as a vt220, and its own screen and keyboard."""

from __future__ import annotations

import base64
import re
import select
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pyte
import pytest
from dplane_lab.qmp import Qmp
from dplane_lab.screen import save_screen

from .conftest import PracticeBox

PATIENCE = 900.0  # seconds: emulated boxes take their time
PROMPT = re.compile(r"\w+@nas-[ab]:[^\n]*\$ *$")


class Wire:
    """Waiting for what is to be seen."""

    @property
    def text(self) -> str:
        """The screen."""
        raise NotImplementedError

    def read(self, seconds: float = 0.1) -> bytes:
        """Let it go on for up to `seconds`; what came, where that can be told."""
        raise NotImplementedError

    def send(self, data: bytes) -> None:
        """Type."""
        raise NotImplementedError

    def picture(self, target: Path) -> None:
        """Keep what is seen now as a picture."""
        raise NotImplementedError

    def until(self, seen: Callable[[], bool], what: str = "it") -> None:
        """Read until `seen`; fails with the screen if it never comes."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            self.read()
            if seen():
                return
        pytest.fail(f"{what} never came:\n{self.text}")

    def until_text(self, text: str) -> None:
        """Read until `text` is on the screen."""
        self.until(lambda: text in self.text, text)

    def at_prompt(self) -> bool:
        """Whether a shell waits on the last line that has anything."""
        return bool(PROMPT.search(self.text.rstrip()[-80:]))

    def log_in(self, user: str, password: str) -> None:
        """From the login prompt to a shell, or stay in the one that is there."""
        self.send(b"\r")
        self.until(lambda: self.at_prompt() or "login:" in self.text.rstrip()[-40:], "a prompt")
        if not self.at_prompt():
            self.send(f"{user}\r".encode())
            self.until_text("Password:")
            self.send(f"{password}\r".encode())
            self.until(self.at_prompt, "the shell")


class SerialWire(Wire):
    """The serial line of a box, with an emulator of a vt220 at its end, which answers when it is asked for its size."""

    def __init__(self, box: PracticeBox) -> None:
        self._link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._link.connect(str(box.serial_socket))
        self.screen = pyte.Screen(80, 24)
        self._stream = pyte.ByteStream(self.screen)
        self._asked = 0
        self.written = b""

    @property
    def text(self) -> str:
        return "\n".join(row.rstrip() for row in self.screen.display)

    def read(self, seconds: float = 0.1) -> bytes:
        got = b""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0 and select.select([self._link], [], [], left)[0]:
            part = self._link.recv(65536)
            if not part:
                break
            got += part
        self.written += got
        self._stream.feed(got)
        if self.written.count(b"\x1b[6n") > self._asked:
            self._asked += 1
            self.send(f"\x1b[{self.screen.lines};{self.screen.columns}R".encode())
        return got

    def send(self, data: bytes) -> None:
        self._link.sendall(data)

    def picture(self, target: Path) -> None:
        from .vt_picture import svg_of

        target.with_suffix(".svg").write_text(svg_of(self.screen), encoding="utf-8")

    def close(self) -> None:
        """Leave the line."""
        self._link.close()


_SHIFTED = dict(zip('~!@#$%^&*()_+{}|:"<>?', "`1234567890-=[]\\;',./", strict=True))
_CODES = {
    "\r": "ret", "\t": "tab", " ": "spc", "\x1b": "esc", "-": "minus", "=": "equal", "[": "bracket_left",
    "]": "bracket_right", ";": "semicolon", "'": "apostrophe", "`": "grave_accent", "\\": "backslash", ",": "comma",
    ".": "dot", "/": "slash", "\x1b[A": "up", "\x1b[B": "down", "\x1b[C": "right", "\x1b[D": "left",
}  # fmt: skip


def strokes(data: str) -> list[list[str]]:
    """The keys of a US keyboard, with those held beside them, that make `data`; raises KeyError for what it has not."""
    found: list[list[str]] = []
    for part in re.findall(r"\x1b\[[ABCD]|[\s\S]", data):
        if part in _CODES:
            found.append([_CODES[part]])
        elif part in _SHIFTED:
            under = _SHIFTED[part]
            found.append(["shift", _CODES.get(under, under)])
        elif part < " ":
            found.append(["ctrl", chr(ord(part) + 96)])
        else:
            found.append(["shift", part.lower()] if part.isupper() else [part])
    return found


class OwnScreen(Wire):
    """The screen and the keyboard of a box. What it shows is read from the kernel's memory of the virtual console."""

    def __init__(self, box: PracticeBox) -> None:
        self._box = box
        self._text = ""

    @property
    def text(self) -> str:
        return self._text

    def read(self, seconds: float = 0.1) -> bytes:
        """Look once. The size stands in the first two bytes of vcsa, the text in UTF-32 in vcsu."""
        said = self._box.ssh("sh", "-c", "head -c 2 /dev/vcsa1 | base64; base64 -w0 /dev/vcsu1").stdout.split("\n")
        lines, columns = base64.b64decode(said[0])
        cells = base64.b64decode(said[1]).decode("utf-32-le", "replace")
        assert len(cells) == lines * columns
        self._text = "\n".join(cells[at : at + columns].rstrip() for at in range(0, len(cells), columns))
        return b""

    def send(self, data: bytes) -> None:
        state = self._box.pair.running(self._box.node)
        with Qmp(self._box.pair.box(state, self._box.node).socket("qmp"), self._box.name) as qmp:
            for keys in strokes(data.decode()):
                qmp.command("send-key", keys=[{"type": "qcode", "data": key} for key in keys], hold_time=20)
                time.sleep(0.06)

    def picture(self, target: Path) -> None:
        save_screen(self._box.pair, self._box.node, target.with_suffix(".png"))
