"""Charts on the screen: measured only while they are seen, whole at any size, and a failure is a sentence."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any

import pytest

from dplane_tui.errors import CommandError
from dplane_tui.screens.chart_rows import device_lines
from dplane_tui.services.capacity.model import History
from dplane_tui.services.zfs.iostat import Measured, Rates
from dplane_tui.terminal.profile import detect
from tests.console.conftest import Opener
from tests.console.fakes import FakeServices

OLD = ["ata-old", "29.0M", "256K", "55", "5.2", "ms", "-", "3+1", "│"]
VT220 = detect({"TERM": "vt220", "LANG": "C"})


async def test_a_pool_has_its_past_its_date_and_what_goes_on_now(console: Opener) -> None:
    services = FakeServices()
    async with console(services) as seen:
        await seen.until_text("vault")
        await seen.press("H")
        await seen.until_text("It is full about 20")
        await seen.until_text("29.0M/s  59 operations/s, 3.1 ms each")
        assert "tank has 3.00G of 9.00G allocated (33 %)." in seen.text
        assert "20d ago" in seen.text
        assert "\u28ff" in seen.text, "braille where everything is shown"
        assert services.measured == [("tank", 2.0)]
        await seen.press("escape")
        assert "Charts of tank" not in seen.text
        await seen.until(lambda: services.measured[-1] == ("tank", 0.0))


async def test_each_disk_has_its_rates_waits_and_queue(console: Opener) -> None:
    async with console(size=(80, 24)) as seen:
        await seen.until_text("vault")
        await seen.press("H")
        await seen.until_text("59 operations/s")
        await seen.press("v")
        await seen.until(lambda: any(line.split()[1:] == OLD for line in seen.text.splitlines()))
        lines = [line.strip("│ ") for line in seen.text.splitlines()]
        assert next(line for line in lines if "QUEUE" in line).split()[:2] == ["DEVICE", "READ/s"]
        new = next(line for line in lines if line.startswith("ata-new"))
        assert new.split()[1:] == ["0B", "256K", "16", "-", "80", "us", "?"]
        assert "It is full about" not in seen.text
        await seen.press("v")
        await seen.until_text("It is full about 20")


@pytest.mark.parametrize(("width", "height"), [(36, 4), (56, 9), (56, 2), (56, 1), (56, 0), (76, 30), (10, 5)])
def test_the_devices_fit_and_keep_what_tells_them_apart(width: int, height: int) -> None:
    names = [f"ata-WDC_WD40EFRX-68N32N0_WD-WCC7K{number}" for number in range(6)]
    lines = device_lines(dict.fromkeys(names, Rates(1, 2, 3, 4, 0.5, None, 6, 7)), width, height)
    text = ["".join(piece for piece, _ in line) for line in lines]
    assert len(text) <= height
    if width >= 36:
        assert all(len(line) <= width or line.startswith("…and") for line in text)
        assert sum(f"K{number} " in line for number in range(6) for line in text) == min(6, max(0, height - 2))
        assert not text or "W WAIT" in text[0]


async def test_nothing_is_measured_while_something_lies_over_it(console: Opener) -> None:
    services = FakeServices()
    async with console(services) as seen:
        await seen.until_text("vault")
        await seen.press("H")
        await seen.until(lambda: bool(services.measured))
        from dplane_tui.widgets.dialogs import Confirm

        await seen.app.push_screen(Confirm("Over it?", "Yes.", "Yes"))
        await seen.until(lambda: services.measured[-1] == ("tank", 0.0))
        assert len(services.measured) == 2
        await seen.press("escape")
        await seen.until(lambda: len(services.measured) == 3)


@pytest.mark.parametrize("size", [(60, 15), (80, 24), (200, 60)])
async def test_it_is_whole_at_any_size(console: Opener, size: tuple[int, int]) -> None:
    async with console(size=(100, 30)) as seen:
        await seen.until_text("vault")
        await seen.press("H")
        await seen.until_text("operations/s")
        await seen.pilot.resize_terminal(*size)
        await seen.settle()
        await seen.until(lambda: len(seen.text.splitlines()) == size[1])
        for text in ("tank has 3.00G", "It is full about 20", "reads", "writes", "operations/s"):
            assert text in seen.text


async def test_a_serial_line_has_blocks_and_a_slower_pace(console: Opener) -> None:
    services = FakeServices()
    async with console(services, profile=VT220) as seen:
        await seen.until_text("vault")
        await seen.press("H")
        await seen.until_text("It is full about 20")
        assert services.measured[0] == ("tank", 4.0)
        assert not any("\u2800" <= char <= "\u28ff" for char in seen.text)
        assert "\u2588" in seen.text  # the driver makes a # of it


async def test_what_cannot_be_read_is_a_sentence(console: Opener) -> None:
    services = FakeServices()

    async def lost(_pool: str) -> History:
        raise CommandError("dplane on nas-a ended with status 1 and no answer.")

    async def gone(_pool: str, _every: float) -> AsyncGenerator[Measured, None]:
        raise CommandError("zpool iostat ended with status 1: no such pool.")
        yield

    services.history_told = lost  # type: ignore[method-assign,assignment]  # the fault
    services.rates = gone  # type: ignore[method-assign,assignment]  # the fault
    async with console(services) as seen:
        await seen.until_text("vault")
        await seen.press("H")
        await seen.until_text("ended with status 1 and no answer.")
        await seen.until_text("zpool iostat ended with status 1")
        await seen.press("escape")
        assert "Charts of" not in seen.text


async def test_a_disk_tells_how_warm_it_was(console: Opener) -> None:
    async with console(section="health") as seen:
        await seen.until_text("vdb")
        await seen.press("tab", "down", "enter")
        await seen.until_text("in 20d (21 samples).")
        assert "60°" in seen.text
        await seen.press("escape")


async def test_a_disk_of_which_nothing_is_known_says_so(console: Opener) -> None:
    services: Any = FakeServices()
    services.days = -1
    async with console(services, section="health") as seen:
        await seen.until_text("vdb")
        await seen.press("tab", "enter")
        await seen.until_text("nothing is noted yet")
