"""The whole way with keys alone, on the practice pair: the console here, the boxes there."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab import walk
from tests.lab.conftest import PracticePair
from tests.lab.vt_picture import svg_of
from tests.pty import conftest as line
from tests.pty.conftest import Terminal

pytestmark = [pytest.mark.lab, pytest.mark.long]  # minutes; the other tests ask the same by command


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Emulated boxes take their time."""
    monkeypatch.setattr(line, "PATIENCE", 900.0)


class FromHere(walk.Keys):
    """A console of this machine that looks at nas-a."""

    terminal: Terminal

    def __init__(self, pair: PracticePair, state: Path) -> None:
        self._env = {
            "PATH": os.environ["PATH"],
            "HOME": str(state),
            "XDG_STATE_HOME": str(state),
            "DPLANE_SSH_CONFIG": str(pair.ssh_config),
            "TERM": "xterm-256color",
            "LANG": "C.UTF-8",
        }
        self.open()

    def open(self) -> None:
        self.terminal = Terminal([sys.executable, "-m", "dplane_tui", "--host", "nas-a"], self._env, (100, 30))

    def leave(self) -> None:
        self.press("q")
        assert self.terminal.ended() == 0
        self.terminal.close()

    def keep(self, name: str) -> None:
        """Keep the screen as a picture, where DPLANE_PICTURES names a folder."""
        if folder := os.environ.get("DPLANE_PICTURES"):
            self.terminal.read(2.0)
            (Path(folder) / f"{name}.svg").write_text(svg_of(self.terminal.screen, colours=True), encoding="utf-8")


@pytest.fixture
def keys(fresh_pair: PracticePair, tmp_path: Path, patient: None) -> Iterator[FromHere]:
    """The console, opened on nas-a."""
    one = FromHere(fresh_pair, tmp_path)
    yield one
    one.terminal.close()


def test_with_keys_alone(keys: FromHere, fresh_pair: PracticePair) -> None:
    walk.whole(keys, fresh_pair)
