"""`dplane kiosk`: what is shown before, what is asked of the door, and what systemd's answers are taken for."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Sequence
from typing import Any, cast

import pytest

from dplane_tui.cli import kiosk as command
from dplane_tui.cli.main import build_parser
from dplane_tui.errors import CommandError, DPlaneError, MissingError, RefusedError, UsageError
from dplane_tui.services.door import Door
from dplane_tui.services.host import Host, Output
from dplane_tui.services.kiosk import Preview, Setup
from dplane_tui.services.sign_in import SignIn

DROP_IN = "/etc/systemd/system/dplane-serial@ttyS0.service.d/dplane.conf"
TEXT = (
    "[Service]\nEnvironment=DPLANE_LINE=kiosk\nEnvironment=DPLANE_LOCK_AFTER=120\nEnvironment=DPLANE_LINE_SPEED=9600\n"
)


class Box:
    """A host whose door and systemd answer as the test wants; what was asked of the door is kept."""

    name, local = "nas-a", False

    def __init__(self) -> None:
        self.requests: list[dict[str, Any]] = []
        self.sent = b""
        self.files: dict[str, str] = {}
        self.console = {"ActiveState": "active", "UnitFileState": "enabled", "User": "dplane-kiosk", "NRestarts": "2"}
        self.session = {"ActiveState": "inactive", "User": ""}
        self.states: list[str] = []
        """What the session is at the next looks."""
        self.stays = ["tty2"]
        self.after: dict[str, str] = {DROP_IN: TEXT}

    async def run(self, argv: Sequence[str], *, stdin: bytes = b"", timeout: float = 30) -> Output:
        if argv[0] == "systemctl":
            unit = argv[-1]
            if "session" in unit and self.states:
                self.session["ActiveState"] = self.states.pop(0)
            shown = self.session if "session" in unit else self.console
            return Output(0, "".join(f"{k}={v}\n" for k, v in shown.items()).encode(), b"")
        if argv[0] == "readlink":
            return Output(0, b"/opt/dplane/releases/1/libexec/privhelper\n", b"")
        if argv[0] == "id":
            return Output(0, b"1000\n", b"")
        line, _, self.sent = stdin.partition(b"\n")
        request = json.loads(line)
        self.requests.append(request)
        answer: dict[str, Any] = {"ok": True, "verb": request["verb"], "getty": "serial-getty@ttyS0.service"}
        if request["verb"] == "sign-in":
            answer["terminal"] = "tty1"
        if request.get("dry_run"):
            answer |= {"takes": "serial-getty@ttyS0.service", "login_now": True, "stays": self.stays, "on": False}
        else:
            self.files = dict(self.after) if request["verb"] == "kiosk-enable" else {}
        return Output(0, json.dumps(answer).encode(), b"")

    async def read_files(self, paths: Sequence[str]) -> dict[str, str]:
        assert all("*" in path for path in paths)
        return self.files

    async def close(self) -> None:
        return None


async def do(box: Box, *words: str) -> Any:
    args: argparse.Namespace = build_parser(["kiosk"]).parse_args(["kiosk", *words])
    return await args.handler(box, args)


async def test_it_is_said_before_what_goes_and_what_stays(capsys: pytest.CaptureFixture[str]) -> None:
    box = Box()
    result = await do(box, "enable", "ttyS0", "--dry-run")
    for words in (
        "login prompt there (serial-getty@ttyS0.service) goes away",
        "logged in there now is logged out",
        "log in at tty2",
        "`dplane kiosk disable ttyS0`",
    ):
        assert words in result.text
    assert [request.get("dry_run") for request in box.requests] == [True]


async def test_on_is_said_when_systemd_says_so() -> None:
    box = Box()
    result = await do(box, "enable", "ttyS0", "--speed", "9600", "--lock-after", "2m", "--confirm", "ttyS0")
    assert box.requests[1] == {"verb": "kiosk-enable", "terminal": "ttyS0", "speed": 9600, "lock_after": 120}
    assert "dplane-serial@ttyS0.service is active" in result.text
    assert (result.data.speed, result.data.lock_after, result.data.restarts) == (9600, 120, 2)
    for changed in ({"ActiveState": "activating"}, {"UnitFileState": "disabled"}, {"ActiveState": "failed"}):
        box = Box()
        box.console |= changed
        with pytest.raises(CommandError):
            await do(box, "enable", "ttyS0", "--confirm", "ttyS0")
    box = Box()
    box.after = {}
    with pytest.raises(CommandError, match="not there"):
        await do(box, "enable", "ttyS0", "--confirm", "ttyS0")


async def test_the_last_place_needs_a_yes_and_every_change_its_name() -> None:
    box = Box()
    with pytest.raises(UsageError):
        await do(box, "enable", "ttyS0")
    with pytest.raises(RefusedError):
        await do(box, "enable", "ttyS0", "--confirm", "ttyS1")
    box.stays = []
    with pytest.raises(RefusedError, match="last place"):
        await do(box, "enable", "ttyS0", "--confirm", "ttyS0")
    assert all(request.get("dry_run") for request in box.requests)
    await do(box, "enable", "ttyS0", "--confirm", "ttyS0", "--yes")
    assert box.requests[-1]["last"] is True
    with pytest.raises(RefusedError, match="always ends"):
        await do(Box(), "enable", "ttyS0", "--lock-after", "off", "--confirm", "ttyS0")


async def test_status_tells_what_is_and_not_what_was_asked_for() -> None:
    box = Box()
    assert "No terminal" in (await do(box, "status")).text
    box.files = {DROP_IN: TEXT, "/etc/systemd/system/dplane-x@y.service.d/dplane.conf": "", "/x": TEXT}
    result = await do(box, "status")
    assert (result.exit_code, len(result.data)) == (0, 1)
    box.session = {"ActiveState": "active", "User": "ann"}
    assert "signed in: ann" in (await do(box, "status")).text
    box.session = {"ActiveState": "inactive", "User": ""}
    box.console["ActiveState"] = "failed"
    result = await do(box, "status")
    assert result.exit_code == 3
    assert "journalctl -u dplane-serial@ttyS0.service" in result.text


async def test_taking_it_away_names_who_is_signed_out() -> None:
    box = Box()
    with pytest.raises(MissingError):
        await do(box, "disable", "ttyS0", "--confirm", "ttyS0")
    box.files = {DROP_IN: TEXT}
    box.session = {"ActiveState": "active", "User": "ann"}
    assert "ann, who is signed in there, is signed out" in (await do(box, "disable", "ttyS0", "--dry-run")).text
    assert box.requests == []
    result = await do(box, "disable", "ttyS0", "--confirm", "ttyS0")
    assert box.requests == [{"verb": "kiosk-disable", "terminal": "ttyS0"}]
    assert "login prompt back" in result.text


def test_a_console_that_is_there_already_is_told_apart() -> None:
    text = command.told(Preview("tty1", "getty@tty1.service", False, (), True), Setup("tty1", view_only=True))
    assert "signed out" in text
    assert "nobody can sign in there" in text
    assert "No other place is left" in text


async def test_a_password_goes_behind_the_request_and_never_into_it() -> None:
    box = Box()
    service = SignIn(Door(cast(Host, box)))
    assert await service.sign_in("ann", "pass wörd") == "tty1"
    assert box.requests == [{"verb": "sign-in", "user": "ann"}]
    assert box.sent == "pass wörd\n".encode()
    await service.unlock("x")
    assert (box.requests[-1], box.sent) == ({"verb": "unlock"}, b"x\n")
    for bad in ("", "a\nb", "a\0b", "x" * 513):
        with pytest.raises(DPlaneError):
            await service.unlock(bad)
    assert len(box.requests) == 2


async def test_a_console_of_root_says_that_it_cannot_be_locked(monkeypatch: pytest.MonkeyPatch) -> None:
    """The door refuses to unlock for root, who has a password all the same: it would be locked for ever."""
    box = Box()
    service = SignIn(Door(cast(Host, box)))
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert "root is asked for no password" in await service.possible()
    assert box.requests == []
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert await service.possible() == ""
    assert box.requests == [{"verb": "unlock", "dry_run": True}]


@pytest.mark.parametrize(
    ("states", "there", "words"),
    [
        (["inactive", "activating", "active", "active"], True, "Signed in: your console is open on tty1."),
        (["activating", "active", "failed"], False, "did not come up on tty1: systemd says it is failed (exit-code)."),
        (["activating", "inactive"], False, "systemd says it is inactive (exit-code)."),
        (["active", "deactivating"], False, "systemd says it is deactivating"),
        (["inactive"], False, "systemd says it is inactive"),
        (["activating"], False, "still starts your console on tty1; whether it comes up is not known."),
        ([""], False, "systemd says it is unknown"),
    ],
)
async def test_a_session_is_open_only_when_systemd_said_so_twice(states: list[str], there: bool, words: str) -> None:
    box = Box()
    box.states = list(states)
    box.session |= {"Result": "exit-code" if not there else "success"}
    found = await SignIn(Door(cast(Host, box)), cast(Host, box), apart=0).came_up("tty1")
    assert found.there is there
    assert words in found.told
    assert ("is open" in found.told) is there


@pytest.mark.parametrize("terminal", ["", "tty1; reboot", "../tty1", "pts/3"])
async def test_an_answer_without_a_terminal_is_no_success(terminal: str) -> None:
    box = Box()
    found = await SignIn(Door(cast(Host, box)), cast(Host, box), apart=0).came_up(terminal)
    assert not found.there
    assert "not known" in found.told


async def test_a_systemd_that_tells_nothing_is_no_success() -> None:
    class Silent(Box):
        async def run(self, argv: Sequence[str], *, stdin: bytes = b"", timeout: float = 30) -> Output:
            raise MissingError("There is no systemctl here.")

    found = await SignIn(Door(cast(Host, Silent())), cast(Host, Silent()), apart=0).came_up("tty1")
    assert not found.there
    assert "There is no systemctl here." in found.told
