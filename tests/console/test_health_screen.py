"""The Health screen: unknown is shown as unknown, one failing source hides nothing else."""

from __future__ import annotations

from typing import Any

from dplane_tui.errors import MissingError
from dplane_tui.services.health.model import Health
from tests.console.conftest import Opener
from tests.console.fakes import FakeServices


async def test_enter_on_news_of_a_pool_leads_to_the_pool(console: Opener) -> None:
    async with console(section="health") as seen:
        await seen.until_text("Pool vault is DEGRADED")
        await seen.until_text("Service docker.service has failed")
        await seen.press("enter")
        await seen.until(lambda: seen.app.section == "pools")
        await seen.until_text("> vault")
        await seen.press("minus")
        await seen.until_text("Service docker.service has failed")
        await seen.press("down", "down", "enter")
        await seen.until_text("LEVEL")
        assert len(seen.app.screen_stack) == 2, "other news is read in full"


async def test_vitals_news_and_tabs(console: Opener) -> None:
    async with console(section="health") as seen:
        await seen.until_text("vault is DEGRADED")
        assert "3% of 2 cores" in seen.text
        assert "180M of at most 500M" in seen.text
        await seen.until_text("virtio disks tell no SMART")
        for text in ("DEGRADED", "in time", "docker.service", "51°C"):
            await seen.press("t")
            await seen.until_text(text)


async def test_unknown_is_unknown(console: Opener) -> None:
    services = FakeServices()

    async def bare(previous: Health | None = None) -> Health:
        return Health(1_800_000_000.0)

    async def no_disks(_disks: Any) -> Any:
        raise MissingError("smartmontools is not installed.", "apt-get install smartmontools")

    services.health.read = bare  # type: ignore[method-assign]  # nothing known
    services.health.disks = no_disks  # type: ignore[method-assign,assignment]  # nothing known
    services.fake_zfs.failure = MissingError("ZFS is not installed.")
    async with console(services, section="health") as seen:
        await seen.until_text("Memory  unknown")
        await seen.until_text("smartmontools is not installed")
        assert "? cores" in seen.text
        assert "ok " not in "\n".join(line for line in seen.text.split("\n") if "pools" in line or "disks" in line)


async def test_a_task_is_read_in_full_under_its_own_name(console: Opener) -> None:
    async with console(section="health") as seen:
        await seen.until_text("vault is DEGRADED")
        await seen.press("right_square_bracket", "right_square_bracket")
        await seen.until_text("[tasks]")
        await seen.until_text("in time")
        await seen.press("tab", "enter")
        await seen.until_text("─ tasks: home ─")
        line = next(line for line in seen.text.split("\n") if "NEWEST PROVEN" in line and "ago" in line)
        assert "NEWEST PROVEN  " in line
