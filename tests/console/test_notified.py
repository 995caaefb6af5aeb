"""Who is told of alarms: shown, with what did not arrive; what cannot be read is a sentence."""

from __future__ import annotations

import json
import time
from typing import Any, cast

import pytest

from dplane_tui.errors import CommandError, MissingError
from dplane_tui.line import KIOSK, Line
from dplane_tui.services.host import Host, Output
from dplane_tui.services.notify.glance import notices_told, status_told
from dplane_tui.services.notify.model import Alarm, ChannelState, Status
from tests.console.conftest import MONO, Opener
from tests.console.fakes import FakeServices


async def test_what_arrived_and_what_did_not_is_shown(console: Opener) -> None:
    services, now = FakeServices(), time.time()
    services.told = Status(
        (
            ChannelState("ann", now - 600, True, "250 ok", "photos is late", now - 600),
            ChannelState("phone", now - 300, False, "403 forbid\x1b[2Jden", "photos is late", now - 86400, 3),
            ChannelState("unused"),
        ),
        (Alarm("k", "late", "photos", True, 2, "photos is late", "", False, now - 7200, now),),
        ("channel.x: “kind” is missing.",),
    )
    services.notices = ((now - 3600, "The store was restored from its copy of yesterday."),)
    async with console(services, profile=MONO) as seen:
        await seen.until_text("vault")
        await seen.press("M")
        await seen.until_text("Who is told of alarms")
        text = seen.said
        assert "channel.x: “kind” is missing." in text
        assert "ann: accepted, 10m ago: photos is late" in text
        assert "phone: NOT ACCEPTED, 5m ago: photos is late" in text
        assert "the last one that was taken: 1d ago; 3 failed since" in text
        assert "\x1b" not in seen.text
        assert "unused: nothing was sent on it yet" in text
        assert "since 2h ago: photos is late" in text
        await seen.press("G")
        assert "1h ago: The store was restored from its copy of yesterday." in seen.said
        assert "An administrator makes, tries and removes channels here" in seen.said


async def test_channels_that_may_not_be_read_are_not_called_none(console: Opener) -> None:
    services = FakeServices()
    services.host.groups = "owner dplane-operate"  # type: ignore[attr-defined]  # a fake
    services.told = Status(readable=False)
    async with console(services) as seen:
        await seen.until_text("vault")
        await seen.press("M")
        await seen.until_text("Channels: not known")
        assert "Nobody is told anything" not in seen.text


async def test_nobody_is_told_and_what_is_not_known_is_not_called_nothing(console: Opener) -> None:
    services = FakeServices()
    services.notices = CommandError("The store cannot be read.")
    async with console(services) as seen:
        await seen.until_text("vault")
        await seen.press("M")
        await seen.until_text("Nobody is told anything")
        assert "What the store has to say: unknown" in seen.text
        assert "The store cannot be read." in seen.text
        await seen.press("escape")
        services.told = MissingError("D-Plane is not installed on nas-a.")
        await seen.press("M")
        await seen.until_text("D-Plane is not installed on nas-a.")


async def test_a_terminal_for_everybody_does_not_show_who_is_told(console: Opener) -> None:
    async with console(line=Line(part=KIOSK)) as seen:
        await seen.until_text("vault")
        await seen.press("M")
        assert "Who is told" not in seen.text


class Told:
    """A host that says one thing."""

    name, local = "nas-b", False

    def __init__(self, data: object) -> None:
        self._said = json.dumps({"ok": True, "data": data}).encode()

    async def run(self, argv: Any, **_: Any) -> Output:
        return Output(0, self._said, b"")


async def test_what_the_other_process_tells_is_taken_for_what_it_is() -> None:
    status = await status_told(cast(Host, Told({"channels": [{"channel": "ann", "accepted": True}]})))
    assert status.channels == (ChannelState("ann", accepted=True),)
    assert await notices_told(cast(Host, Told([{"at": 5, "text": "moved"}]))) == ((5.0, "moved"),)
    for odd in ([{"at": True, "text": "x"}], [{"at": 1.0}], ["x"]):
        with pytest.raises(CommandError, match="does not understand"):
            await notices_told(cast(Host, Told(odd)))
    with pytest.raises(CommandError, match="does not understand"):
        await status_told(cast(Host, Told({"channels": [{"channel": 5}]})))
