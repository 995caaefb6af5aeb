"""What console tests share: the app on made-up services, and the screen as text."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest
from textual.pilot import Pilot

from dplane_tui.app import Console
from dplane_tui.screens.base import LEAST
from dplane_tui.terminal.profile import Profile, detect
from tests.console.fakes import FakeServices

FULL = detect({"TERM": "xterm-256color", "LANG": "C.UTF-8"})
MONO = detect({"TERM": "xterm-256color", "LANG": "C.UTF-8", "NO_COLOR": "1"})

SECTION_KEYS = {"pools": "1", "replication": "2", "docker": "3", "health": "4", "datasets": "5", "snapshots": "6"}


@pytest.fixture(autouse=True)
def own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test writes into the person's own folders."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))


class Seen:
    """The running console with what a test asks of it."""

    def __init__(self, app: Console, pilot: Pilot[int], services: FakeServices) -> None:
        self.app, self.pilot, self.services = app, pilot, services

    @property
    def text(self) -> str:
        """The screen as text, one line a row."""
        strips = self.app.screen._compositor.render_strips()
        return "\n".join("".join(segment.text for segment in strip).rstrip() for strip in strips)

    @property
    def said(self) -> str:
        """The screen as running text, however its lines are broken; of a line that a dialog lies on, the dialog's."""
        lines = (line.split("│", 1)[1].rsplit("│", 1)[0] if line.count("│") > 1 else line for line in self.lines)
        return " ".join(" ".join(lines).split())

    @property
    def lines(self) -> list[str]:
        """The screen's lines."""
        return self.text.split("\n")

    async def until_said(self, text: str) -> None:
        """Wait until `text` is on the screen, however its lines are broken."""
        await self.until(lambda: text in self.said)

    async def press(self, *keys: str) -> None:
        """Press and let everything settle."""
        for key in keys:
            await self.pilot.press(key)
            await self.settle()

    async def type(self, text: str) -> None:
        """Press the letters of `text`."""
        names = {
            "/": "slash",
            "-": "minus",
            ".": "full_stop",
            " ": "space",
            "@": "at",
            ":": "colon",
            "!": "exclamation_mark",
        }
        for letter in text:
            await self.pilot.press(names.get(letter, letter))
        await self.settle()

    async def settle(self) -> None:
        """Wait until the tasks a key started have got somewhere."""
        for _ in range(3):
            await self.pilot.pause()

    async def until(self, seen: Callable[[], bool]) -> None:
        """Wait for `seen`; fails with the screen's text if it never comes."""
        for _ in range(200):
            await self.pilot.pause(0.02)
            if seen():
                return
        pytest.fail(f"never came:\n{self.text}")

    async def until_text(self, text: str) -> None:
        """Wait until `text` is on the screen."""
        await self.until(lambda: text in self.text)


Opener = Callable[..., AbstractAsyncContextManager[Seen]]


@pytest.fixture
def console() -> Opener:
    """`async with console(size=(80, 24)) as seen:`"""

    @asynccontextmanager
    async def opened(
        services: FakeServices | None = None,
        size: tuple[int, int] = (80, 24),
        profile: Profile = FULL,
        section: str = "",
        **options: object,
    ) -> AsyncIterator[Seen]:
        services = services or FakeServices()
        app = Console(services, profile, **options)  # type: ignore[arg-type]  # a test's own options
        async with app.run_test(size=size) as pilot:
            seen = Seen(app, pilot, services)
            await seen.until(lambda: app.role != "" or not services.host.groups)  # type: ignore[attr-defined]  # fake
            if min(size[0] - LEAST[0], size[1] - LEAST[1]) < 0:  # there the keys of sections do nothing
                # Start reads the pools, which not every section does.
                await seen.until(
                    lambda: bool(app.poller.snapshot("pools").taken_at or app.poller.snapshot("pools").error)
                )
                app.go(section or "pools")
            elif section != "start":  # what the console opens with
                await seen.press(SECTION_KEYS[section or "pools"])
            await seen.settle()
            yield seen

    return opened
