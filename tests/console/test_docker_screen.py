"""The Docker section by keys: what it shows, acts that ask first, the log, and that the child ends with the screen."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from textual.pilot import Pilot

from dplane_tui.app import Console
from dplane_tui.errors import CommandError, MissingError, NotAllowedError
from dplane_tui.screens.docker import DockerScreen
from dplane_tui.services.docker.model import Container, Engine
from dplane_tui.terminal.profile import detect

from .fakes import FakeServices


def text(app: Console) -> str:
    """What the screen shows."""
    strips = app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip).rstrip() for strip in strips)


async def until(pilot: Pilot[Any], test: Callable[[], bool]) -> None:
    """Wait for `test`; the limit only keeps a broken test from hanging."""
    app = pilot.app
    assert isinstance(app, Console)
    for _ in range(200):
        await pilot.pause(0.05)
        if test():
            return
    raise AssertionError(text(app))


@contextlib.asynccontextmanager
async def opened(services: FakeServices, size: tuple[int, int] = (80, 24)) -> AsyncIterator[tuple[Console, Pilot[Any]]]:
    """A console that stands on the Docker section, as an operator."""
    app = Console(services, detect({"TERM": "xterm-256color", "LANG": "C.UTF-8"}))
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        app.role = "admin"
        await pilot.press("3")
        await until(pilot, lambda: app.section == "docker" and app.screen.is_mounted)
        yield app, pilot


async def test_list_at_80_columns() -> None:
    async with opened(FakeServices()) as (app, pilot):
        await until(pilot, lambda: "web" in text(app))
        shown = text(app)
        assert "Containers of Docker 26.1" in shown
        for part in ("running", "healthy", "1.5%", "32.0M", "exited (1)", "nginx:1.27"):
            assert part in shown
        assert "0.0.0.0:8080->80/tcp" in shown  # in the particulars, where the column has no room
        assert all(len(line) <= 80 for line in shown.splitlines())


@pytest.mark.parametrize("size", [(60, 18), (132, 43), (200, 60)])
async def test_other_sizes(size: tuple[int, int]) -> None:
    async with opened(FakeServices(), size) as (app, pilot):
        await until(pilot, lambda: "web" in text(app))
        assert "running" in text(app)


async def test_no_engine_is_a_calm_sentence() -> None:
    services = FakeServices()
    services.fake_docker.failure = MissingError("There is no Docker engine on nas-a.", "Install one with `apt`.")
    async with opened(services) as (app, pilot):
        await until(pilot, lambda: "There is no Docker engine on nas-a." in text(app))
        assert "Install one" in text(app)
        await pilot.press("escape", "tab", "f", "u", "x", "e", "enter")  # nothing to act on, nothing breaks
        await until(pilot, lambda: "no container under the cursor" in text(app))
        services.fake_docker.failure = None
        await pilot.press("r")
        await until(pilot, lambda: "nginx:1.27" in text(app))


async def test_no_right_says_what_to_do() -> None:
    services = FakeServices()
    services.fake_docker.failure = NotAllowedError(
        "This user may not use the Docker engine.", "sudo adduser YOU docker"
    )
    async with opened(services) as (app, pilot):
        await until(pilot, lambda: "sudo adduser YOU docker" in text(app))


async def test_a_failed_reading_keeps_the_list_and_says_so() -> None:
    services = FakeServices()
    async with opened(services) as (app, pilot):
        await until(pilot, lambda: "web" in text(app))
        services.fake_docker.failure = MissingError("The Docker engine on nas-a does not answer.")
        await pilot.press("r")
        await until(pilot, lambda: "does not answer" in text(app))
        assert "nginx:1.27" in text(app)


async def test_stop_asks_and_enter_at_once_is_no() -> None:
    services = FakeServices()
    async with opened(services) as (app, pilot):
        await until(pilot, lambda: "web" in text(app))
        await pilot.press("x")
        await until(pilot, lambda: "Stop web?" in text(app))
        await pilot.press("enter")
        await until(pilot, lambda: "Stop web?" not in text(app))
        assert services.fake_docker.calls == []
        await pilot.press("x")
        await until(pilot, lambda: "Stop web?" in text(app))
        await pilot.press("tab", "enter")
        await until(pilot, lambda: services.fake_docker.calls == [("stop", "c1")])
        await until(pilot, lambda: "web is stopped" in text(app))


async def test_start_and_its_failure() -> None:
    services = FakeServices()

    async def fails(container_id: str, action: str) -> Container:
        raise CommandError(f"Container job was started on nas-a but exited with code 1. ({container_id} {action})")

    services.fake_docker.act = fails  # type: ignore[method-assign]
    async with opened(services) as (app, pilot):
        await until(pilot, lambda: "web" in text(app))
        await pilot.press("j", "u")
        await until(pilot, lambda: "exited with code 1. (c2 start)" in text(app))
        assert "job runs" not in text(app)


async def test_a_viewer_may_not_act() -> None:
    services = FakeServices()
    async with opened(services) as (app, pilot):
        await until(pilot, lambda: "web" in text(app))
        app.role = "view"
        await pilot.press("e", "x", "u")
        await until(pilot, lambda: "needs the role operate" in text(app))
        assert services.fake_docker.calls == []


async def test_log_follows_holds_finds_and_closes() -> None:
    async with opened(FakeServices()) as (app, pilot):
        await until(pilot, lambda: "web" in text(app))
        await pilot.press("enter")
        await until(pilot, lambda: "line 29 of c1" in text(app))
        assert "Log of web" in text(app)
        assert "following" in text(app)
        await pilot.press("f")
        await until(pilot, lambda: "held" in text(app))
        await pilot.press("slash", *"line 3 ", "enter")
        await until(pilot, lambda: "line 3 of c1" in text(app))
        await pilot.press("slash", *"nowhere", "enter")
        await until(pilot, lambda: "No line of this log has" in text(app))
        await pilot.press("G")
        await until(pilot, lambda: "line 29 of c1" in text(app))
        await pilot.press("escape")
        await until(pilot, lambda: "Log of web" not in text(app))
        assert "nginx:1.27" in text(app)


async def test_a_log_that_ends_says_why() -> None:
    services = FakeServices()

    async def breaks(container_id: str, tail: int = 200, *, follow: bool = True) -> AsyncIterator[str]:
        yield f"last words of {container_id}"
        raise MissingError("The Docker engine is not running.")

    services.fake_docker.logs = breaks  # type: ignore[method-assign]
    async with opened(services, (120, 30)) as (app, pilot):
        await until(pilot, lambda: "web" in text(app))
        await pilot.press("enter")
        await until(pilot, lambda: "last words of c1" in text(app) and "is not running" in text(app))


async def test_a_flood_leaves_the_console_usable() -> None:
    services = FakeServices()

    async def floods(container_id: str, tail: int = 200, *, follow: bool = True) -> AsyncIterator[str]:
        number = 0
        while True:  # never gives way by itself
            number += 1
            yield f"flood {number}"

    services.fake_docker.logs = floods  # type: ignore[method-assign]
    async with opened(services) as (app, pilot):
        await until(pilot, lambda: "web" in text(app))
        await pilot.press("enter")
        await until(pilot, lambda: "flood" in text(app))
        await pilot.press("escape")
        await until(pilot, lambda: "nginx:1.27" in text(app) and "flood" not in text(app))


async def test_the_child_ends_with_the_screen() -> None:
    services = FakeServices()
    async with opened(services) as (app, pilot):
        await until(pilot, lambda: "web" in text(app))
        await pilot.press("enter")
        await until(pilot, lambda: "line 29" in text(app))
        assert services.fake_docker.closed == 0
        await pilot.press("1")
        await until(pilot, lambda: services.fake_docker.closed == 1)
        await pilot.press("3")
        await until(pilot, lambda: "web" in text(app))
        assert "Log of web" not in text(app)


async def test_leaving_during_a_stop_lets_it_end_first() -> None:
    services = FakeServices()
    ended = asyncio.Event()

    async def slowly(container_id: str, action: str) -> Container:
        await ended.wait()
        return Container(container_id, "web", "nginx", "exited", "Exited (0)")

    services.fake_docker.act = slowly  # type: ignore[method-assign]
    async with opened(services) as (app, pilot):
        await until(pilot, lambda: "web" in text(app))
        await pilot.press("x")
        await until(pilot, lambda: "Stop web?" in text(app))
        await pilot.press("tab", "enter")
        await until(pilot, lambda: "stop…" in text(app))
        await pilot.press("1")
        await until(pilot, lambda: app.section == "pools")
        assert services.fake_docker.closed == 0
        ended.set()
        await until(pilot, lambda: services.fake_docker.closed == 1 and "web is stopped" in text(app))


async def test_hostile_names_are_shown_and_obeyed_by_nobody() -> None:
    services = FakeServices()
    evil = Container("x", "[red]a\x1b[2J\u202eb[/red]", "i\x07m", "running", "Up\nnow", ports=("[bold]1",))

    async def engine(*, stats: bool = True) -> Engine:
        return Engine("1\x1b", (evil,))

    services.fake_docker.engine = engine  # type: ignore[method-assign]
    async with opened(services, (132, 43)) as (app, pilot):
        await until(pilot, lambda: "[red]a" in text(app))
        shown = text(app)
        assert not set("\x1b\x07\u202e") & set(shown)
        assert "[bold]1" in shown
        await pilot.press("x")
        await until(pilot, lambda: "Stop " in text(app))
        assert not set("\x1b\x07\u202e") & set(text(app))
        assert isinstance(app._sections["docker"], DockerScreen)
