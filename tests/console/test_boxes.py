"""Several boxes: one is shown, the others are told by their worst news, and what cannot be reached says so."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from dplane_tui import hosts, kept
from dplane_tui.errors import UnreachableError, UsageError
from dplane_tui.screens.boxes import box_rows, fleet_line, worst_of
from dplane_tui.services import fleet as fleets
from dplane_tui.services.bundle import Services
from dplane_tui.services.fleet import Fleet
from dplane_tui.services.policies.model import Policies
from tests.console.conftest import Opener
from tests.console.fake_policies import troubled
from tests.console.fakes import FakeServices, tank


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first logins are not spread over seconds."""
    monkeypatch.setattr(fleets, "_APART", 0.0)


class Farm:
    """Made-up boxes by name, and how often each was opened."""

    def __init__(self) -> None:
        self.opened: list[str | None] = []
        self.made: list[FakeServices] = []
        self.down: set[str | None] = set()

    def connect(self, name: str | None) -> Services:
        services = FakeServices(name or "here")
        if name == "calm":
            services.fake_zfs.pool_list = [tank()]
        if name in self.down:

            async def lost(*_: object) -> None:
                raise UnreachableError(f"{name} did not answer within 15 s.")

            services.health.read = lost  # type: ignore[method-assign,assignment]  # the fault
        self.opened.append(name)
        self.made.append(services)
        return services


async def test_a_table_on_start_a_line_elsewhere_and_one_key_to_the_next(console: Opener) -> None:
    farm = Farm()
    farm.down = {"lost"}
    kept.write(kept.Kept({}, None, {"lost": time.time() - 400}))
    boxes = ("nas-a", "calm", "lost")
    async with console(section="start", host="nas-a", boxes=boxes, connect=farm.connect, size=(100, 30)) as seen:
        await seen.until_text("Not reached, last seen 6m ago. lost did not answer within 15 s.")
        await seen.until_text("Service docker.service has failed.")
        assert "now shown" in seen.text
        await seen.press("1")
        await seen.until_text("lost unknown: Not reached")
        line = next(line for line in seen.text.split("\n") if line.startswith(" B "))
        assert line.startswith(" B calm bad: Service docker.service has failed.")
        await seen.press("B")
        await seen.until(lambda: seen.text.startswith(" calm"))
        assert seen.services.closed
        assert "vault" not in seen.text.split("\n", 4)[4]
        await seen.press("minus")
        await seen.until(lambda: seen.text.startswith(" nas-a"))
        await seen.press("0", "tab", "down", "enter")
        await seen.until(lambda: seen.text.startswith(" calm"))
        assert farm.opened.count("lost") == 1  # a box that is down is asked again on what was opened for it
        await seen.press("q")
    assert all(one.closed for one in farm.made)
    assert {"nas-a", "calm", "lost"} <= kept.read().seen.keys()


async def test_one_box_has_no_fleet_and_says_how_to_have_one(console: Opener) -> None:
    async with console() as seen:
        await seen.press("B")
        assert "opened for one box" in seen.text
        assert seen.app.fleet is None


async def test_hidden_boxes_are_read_once_a_minute_and_their_disks_more_rarely(monkeypatch: pytest.MonkeyPatch) -> None:
    naps: list[float] = []
    looks = asyncio.Semaphore(0)
    real = asyncio.sleep

    async def nap(seconds: float) -> None:
        naps.append(seconds)
        await real(0)
        if len(naps) > 4:
            await asyncio.Event().wait()

    monkeypatch.setattr("dplane_tui.services.fleet.asyncio.sleep", nap)
    services = FakeServices("b")
    read = asked = 0
    disks, status = services.health.disks, services.fake_policies.status

    async def counted(found: object) -> object:
        nonlocal read
        read += 1
        return await disks(found)  # type: ignore[arg-type]  # handed on

    async def policies() -> Policies:
        nonlocal asked
        asked += 1
        return await status()

    services.fake_policies.status = policies  # type: ignore[method-assign]  # counts
    services.health.disks = counted  # type: ignore[method-assign,assignment]  # counts
    one = Fleet(("a", "b"), lambda _name: services, looks.release, lambda error: pytest.fail(str(error)))
    one.start("a")
    for _ in range(4):
        await looks.acquire()
    await one.close()
    assert set(naps[1:]) == {60.0}
    assert (read, asked) == (1, 1)
    assert services.closed


async def test_a_policy_that_is_late_on_another_box_is_its_worst_news() -> None:
    services, told = FakeServices("b"), asyncio.Event()
    services.fake_zfs.pool_list = [tank()]
    services.fake_policies.found = troubled()
    one = Fleet(("a", "b"), lambda _name: services, told.set, lambda error: pytest.fail(str(error)))
    one.start("a")
    await told.wait()
    said = one.said("b").value or ()
    await one.close()
    assert [item.about for item in said if item.where == "policies"] == ["tank/late"]
    assert [item.level for item in said if item.where == "policies"] == ["bad"]


async def test_an_error_of_ours_is_logged_and_the_box_unknown() -> None:
    crashed: list[BaseException] = []
    told = asyncio.Event()

    def broken(_name: str | None) -> Services:
        raise ZeroDivisionError

    one = Fleet(("a", "b"), broken, told.set, crashed.append)
    one.start("a")
    await told.wait()
    await one.close()
    assert len(crashed) == 1
    assert worst_of(one, "b", time.time()) == (
        "unknown",
        "Not reached, never seen from here. Looking at it failed in a way we did not foresee; the log has it.",
    )


def test_what_was_not_looked_at_is_unknown_never_well() -> None:
    one = Fleet(("a", None, "b"), lambda _name: FakeServices(), lambda: None, lambda _error: None)
    assert worst_of(one, "b", 1e9) == ("unknown", "Not looked at yet.")
    one.recall({"": 1e9 - 30})
    assert worst_of(one, None, 1e9)[1] == "Not looked at yet, last seen less than a minute ago."
    rows = box_rows(one, "a", (), 1e9)
    assert [row.cells[1].text for row in rows] == ["unknown"] * 3
    assert "All is well" not in str(fleet_line(one, "a", 1e9))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('hosts = ["nas-b", "admin@nas-c:2222", "nas-b"]', (None, "nas-b", "admin@nas-c:2222")),
        ('this-machine = false\nhosts = ["nas-b"]', ("nas-b",)),
        ("", (None,)),
    ],
)
def test_the_list_of_boxes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, found: tuple[str | None, ...]
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert hosts.read() == ()
    hosts.file().parent.mkdir()
    hosts.file().write_text(text)
    assert hosts.read() == found


@pytest.mark.parametrize(
    "text",
    ["hosts = 3", "hosts = [3]", 'hosts = ["-oProxyCommand=x"]', 'host = ["a"]', "=", 'hosts = ["a b"]',
     "this-machine = 1", "hosts = [" + ",".join(f'"n{n}"' for n in range(40)) + "]"],
)  # fmt: skip
def test_a_list_that_makes_no_sense_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    hosts.file().parent.mkdir()
    hosts.file().write_text(text)
    with pytest.raises(UsageError):
        hosts.read()
