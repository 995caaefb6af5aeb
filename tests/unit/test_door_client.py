"""The console's side of the door: what it sends, and what it makes of every kind of answer."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from dplane_tui.errors import (
    ChangedError,
    CommandError,
    DPlaneError,
    MissingError,
    NotAllowedError,
    RefusedError,
    TimedOutError,
)
from dplane_tui.services.door import Door, request_line
from dplane_tui.services.host.base import DEFAULT_TIMEOUT, Output

HELPER = "/opt/dplane/releases/1/libexec/privhelper"


class FarHost:
    """A box on which `readlink` and `id` answer, and the helper says what the test wants."""

    name = "box"
    local = False

    def __init__(self, *answers: Output, uid: str = "1000", helpers: Sequence[str] = (HELPER,)) -> None:
        self.answers = list(answers)
        self.uid = uid
        self.helpers = list(helpers)
        self.asked: list[tuple[tuple[str, ...], bytes]] = []

    async def run(self, argv: Sequence[str], *, stdin: bytes = b"", timeout: float = DEFAULT_TIMEOUT) -> Output:
        if argv[0] == "readlink":
            helper = self.helpers.pop(0) if len(self.helpers) > 1 else self.helpers[0]
            return Output(0 if helper else 1, f"{helper}\n".encode() if helper else b"", b"")
        if argv[0] == "id":
            return Output(0, f"{self.uid}\n".encode(), b"")
        self.asked.append((tuple(argv), stdin))
        return self.answers.pop(0)


def door(host: FarHost) -> Door:
    """The door of that box."""
    return Door(host)  # type: ignore[arg-type]  # only `run` is needed


def said(status: int, **answer: object) -> Output:
    """The helper's answer."""
    return Output(status, json.dumps(answer).encode() + b"\n", b"")


def test_request_is_one_ascii_line_without_what_is_none() -> None:
    line = request_line("scrub-start", {"pool": "tänk\n", "guid": "1", "vdev": None, "force": False})
    assert line.isascii()
    assert line.count(b"\n") == 1
    assert json.loads(line) == {"verb": "scrub-start", "pool": "tänk\n", "guid": "1", "force": False}


async def test_call_goes_through_sudo_to_the_resolved_file_with_the_stream_behind() -> None:
    host = FarHost(said(0, ok=True, verb="noop", guid="7"), said(0, ok=True, verb="noop"))
    found = door(host)
    assert (await found.call("receive", stream=b"BYTES", dataset="a/b"))["guid"] == "7"
    await found.call("noop")
    assert host.asked[0] == (("sudo", "-n", HELPER), b'{"verb":"receive","dataset":"a/b"}\nBYTES')


async def test_root_needs_no_sudo() -> None:
    host = FarHost(said(0, ok=True, verb="noop"), uid="0")
    await door(host).call("noop")
    assert host.asked[0][0] == (HELPER,)


@pytest.mark.parametrize(
    ("code", "status", "kind", "exit_code"),
    [
        ("refused", 2, RefusedError, 4),
        ("role", 3, NotAllowedError, 5),
        ("changed", 4, ChangedError, 4),
        ("unavailable", 5, MissingError, 6),
        ("timeout", 6, TimedOutError, 1),
        ("failed", 1, CommandError, 1),
        ("news", 1, CommandError, 1),
    ],
)
async def test_each_code_is_an_error_with_the_helpers_sentence(
    code: str, status: int, kind: type[DPlaneError], exit_code: int
) -> None:
    host = FarHost(said(status, ok=False, error={"code": code, "message": "No\x1b[31m: it is so."}))
    with pytest.raises(kind) as caught:
        await door(host).call("noop")
    assert caught.value.message == "No�[31m: it is so."
    assert caught.value.exit_code == exit_code


@pytest.mark.parametrize(
    "stderr",
    [
        "sudo: a password is required",
        "Sorry, user owner is not allowed to execute '/opt/x' as root on box.",
        "owner is not in the sudoers file.\nThis incident has been reported.",
        "sudo: interactive authentication is required",
    ],
)
async def test_sudo_says_no(stderr: str) -> None:
    with pytest.raises(NotAllowedError, match="sudo does not let this user"):
        await door(FarHost(Output(1, b"", stderr.encode()))).call("noop")


async def test_after_an_upgrade_the_new_release_is_asked_once() -> None:
    newer = HELPER.replace("/1/", "/2/")
    no = Output(1, b"", b"sudo: a password is required")
    host = FarHost(no, said(0, ok=True, verb="noop"), helpers=[HELPER, newer])
    await door(host).call("noop")
    assert [argv[-1] for argv, _ in host.asked] == [HELPER, newer]
    again = FarHost(no, no, helpers=[HELPER])
    with pytest.raises(NotAllowedError):
        await door(again).call("noop")
    assert len(again.asked) == 1


@pytest.mark.parametrize(
    "output",
    [
        Output(0, b"", b""),
        Output(0, b"not json", b""),
        Output(0, b"[1]", b""),
        Output(0, b'{"ok": "true"}', b""),
        Output(1, b'{"ok": true}', b""),
        Output(-9, b"", b"Killed"),
        Output(0, b"[" * 100_000, b""),
    ],
)
async def test_success_is_only_what_says_so(output: Output) -> None:
    with pytest.raises(CommandError, match="no answer"):
        await door(FarHost(output)).call("noop")


async def test_not_installed() -> None:
    with pytest.raises(MissingError, match="D-Plane is not installed on box"):
        await door(FarHost(helpers=[""])).call("noop")
