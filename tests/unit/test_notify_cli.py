"""`dplane notify add`, `list`, `test` and `remove`: from the words to the real helper and a real server, and back."""

from __future__ import annotations

import asyncio
import io
import json
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dplane_tui.cli import ask, main, notify_add
from dplane_tui.cli.main import run
from dplane_tui.errors import CommandError, MissingError, NotAllowedError, RefusedError
from dplane_tui.services.door import Door
from dplane_tui.services.notify.channels import ChannelService
from dplane_tui.services.notify.service import NotifyService
from dplane_tui.services.notify.wanted import Wanted, check, request, split

from .notify_box import Box, BoxHost, needs_root
from .notify_servers import web

pytestmark = needs_root
Command = Callable[..., tuple[int, dict[str, Any]]]
TOPIC, TOKEN = "/a-topic-7f3k29", "tk_veryprivate"


@pytest.fixture
def box(tmp_path: Path) -> Box:
    return Box(tmp_path)


@pytest.fixture
def host(box: Box) -> BoxHost:
    return BoxHost(box)


@pytest.fixture
def dplane(host: BoxHost, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """The command line on that box; `behind` is its standard input."""
    monkeypatch.setattr(main, "connect", lambda _name: host)

    def command(*words: str, behind: str = "") -> tuple[int, dict[str, Any]]:
        read, write = os.pipe()
        os.write(write, behind.encode())
        os.close(write)
        with os.fdopen(read) as source:
            monkeypatch.setattr("sys.stdin", source)
            status = run(["notify", *words, "--json"])
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        return status, json.loads(out)

    return command


def test_a_channel_is_made_tried_listed_and_removed(dplane: Command, host: BoxHost) -> None:
    with web() as server:
        words = ("add", "ntfy", "phone", "--token", "--event", "failed", "--task", "photos", "--secret-stdin")
        status, answer = dplane(*words, behind=f"{server.url}{TOPIC}\n{TOKEN}\n")
        assert (status, answer["data"]["where"]) == (0, f"{server.url}/…")
        assert host.asked == ["notify-web", "notify-list"], "what is told was read back"
        assert dplane(*words, behind=f"{server.url}{TOPIC}\n{TOKEN}\n")[0] == 4, "not replaced unless asked for"
        status, answer = dplane("test", "phone")
        assert (status, answer["data"][0]["accepted"], answer["data"][0]["answer"][:8]) == (0, True, "HTTP 200")
        assert (server.requests[0].path, server.requests[0].headers["Authorization"]) == (TOPIC, f"Bearer {TOKEN}")
        status, answer = dplane("list")
        assert time.time() - answer["data"]["channels"][0].pop("since") < 60
        assert answer["data"] == {"channels": [{"name": "phone", "kind": "ntfy", "where": f"{server.url}/…",
            "events": ["failed"], "tasks": ["photos"], "made": True}], "problems": []}  # fmt: skip
        server.answers[:] = [404]
        status, answer = dplane("test")
        assert (status, answer["error"]["code"]) == (1, "failed")
        assert "phone: HTTP 404" in answer["error"]["message"]
    status, answer = dplane("remove", "phone", "--dry-run")
    assert (status, answer["data"]["now"]["name"]) == (0, "phone")
    status, answer = dplane("remove", "phone")
    assert (status, answer["error"]["code"]) == (2, "usage"), "it has to be confirmed"
    assert dplane("remove", "phone", "--confirm", "fone")[0] == 4
    assert dplane("remove", "phone", "--confirm", "phone")[0] == 0
    assert dplane("list")[1]["data"]["channels"] == []
    assert dplane("remove", "phone", "--confirm", "phone")[0] == 6
    assert dplane("test", "phone")[0] == 6


def test_a_mail_with_its_password(dplane: Command, box: Box) -> None:
    words = ["add", "mail", "ann", "--server", "smtp.example.org", "--from", "nas@example.org", "--user", "nas"]
    words += ["--to", "ann@example.org", "--to", "bob@example.org", "--security", "tls", "--port", "4650"]
    status, answer = dplane(*words)
    assert (status, answer["error"]["code"]) == (2, "usage")
    assert "The password of nas has to be typed" in answer["error"]["message"]
    status, answer = dplane(*words, "--stdin", behind="hunter 2\n")
    assert (status, answer["data"]["where"]) == (0, "ann@example.org, bob@example.org by smtp.example.org:4650")
    assert [path.read_text() for path in box.made.glob("ann@*.secret")] == ["hunter 2\n"]


@pytest.mark.parametrize(
    ("words", "behind", "status", "said"),
    [
        (("mail", "ann"), "", 2, "needs --server and --from and --to"),
        (("mail", "ann", "--server", "a", "--from", "a", "--to", "a", "--token"), "", 2, "wants --user"),
        (("ntfy", "p", "--server", "a"), "", 2, "--server belongs to mail"),
        (("ntfy", "p"), "", 2, "The address has to be typed"),
        (("pigeon", "p"), "", 2, "pigeon"),
        (("ntfy", "p", "--stdin"), "", 4, "The address was not given"),
        (("ntfy", "p", "--stdin"), "https://ntfy.sh\n", 4, "names no topic"),
        (("ntfy", "p", "--stdin"), "http://ntfy.sh/x\n", 4, "must begin with https://"),
        (("ntfy", "p", "--stdin"), "https://u:p@ntfy.sh/x\n", 4, "holds a user or password"),
        (("ntfy", "p", "--stdin", "--token"), "https://ntfy.sh/x\n", 4, "The token was not given"),
        (("ntfy", "p", "--stdin", "--event", "all"), "https://ntfy.sh/x\n", 4, "is none of"),
        (("ping", "p", "--stdin", "--event", "late"), "https://hc.example/x\n", 4, "neither events nor a token"),
        (("ntfy", "a b", "--stdin"), "https://ntfy.sh/x\n", 4, "The name holds a space"),
    ],
)
def test_what_makes_no_sense_never_reaches_the_door(
    dplane: Command, host: BoxHost, words: tuple[str, ...], behind: str, status: int, said: str
) -> None:
    ended, answer = dplane("add", *words, behind=behind)
    assert ended == status
    assert said in answer["error"]["message"]
    assert host.asked == []


async def test_on_a_terminal_secrets_are_typed_unseen(monkeypatch: pytest.MonkeyPatch, host: BoxHost) -> None:
    asked: list[tuple[str, bool]] = []

    async def answer(question: str, *, secret: bool = False) -> str:
        asked.append((question, secret))
        return "tk_1" if secret else "https://ntfy.sh/x"

    monkeypatch.setattr(notify_add, "can_ask", lambda: True)
    monkeypatch.setattr(notify_add, "ask_line", answer)
    args = main.build_parser(["notify"]).parse_args(["notify", "add", "ntfy", "phone", "--token"])
    result = await args.handler(host, args)
    assert asked == [("The address: ", False), ("The token: ", True)]
    assert "The channel phone of nas-b is set up: ntfy, https://ntfy.sh/…" in result.text
    assert "`dplane notify test phone`" in result.text


async def test_several_lines_of_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    for given, wanted in (("a\nb\nc", ["a\n", "b\n"]), ("a", ["a", ""]), ("a\n", ["a\n", ""]), ("", ["", ""])):
        read, write = os.pipe()
        os.write(write, given.encode())
        os.close(write)
        with os.fdopen(read) as source:
            monkeypatch.setattr("sys.stdin", source)
            assert await ask.read_lines(2) == wanted


def closed(_self: NotifyService) -> None:
    """What it is for an account that is neither root nor the service."""
    raise NotAllowedError("It may not be read.")


def test_who_may_not_read_the_file_asks_the_helper(
    dplane: Command, host: BoxHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    host.local = True
    monkeypatch.setattr(NotifyService, "config", closed)
    assert dplane("list")[0] == 0
    assert dplane("test")[0] == 6
    assert host.asked == ["notify-list", "notify-test"]


def test_what_stands_in_the_file_is_its_owners(dplane: Command, box: Box) -> None:
    (box.config / "notify.toml").write_text('[channel.old]\nkind = "ntfy"\nurl = "https://ntfy.example.org/mine"\n')
    status, answer = dplane("remove", "old", "--confirm", "old")
    assert (status, answer["error"]["code"]) == (4, "refused")
    assert "its owner's" in answer["error"]["message"]
    assert dplane("add", "ntfy", "old", "--stdin", behind="https://ntfy.sh/x\n")[0] == 4
    (box.config / "notify.toml").write_text("[channel.x]\n")
    status, answer = dplane("list")
    assert (status, answer["error"]["code"]) == (3, "bad-news")


class Answers(Door):
    """A door that says what the test wants, verb by verb."""

    def __init__(self, **answers: object) -> None:
        super().__init__(BoxHost.__new__(BoxHost))
        self._answers = answers
        self._host.name = "nas-b"  # type: ignore[misc]  # a host of ours

    async def call(self, verb: str, *, stream: bytes = b"", timeout: float = 0, **args: Any) -> dict[str, Any]:
        told = self._answers.get(verb.replace("-", "_"), {"ok": True})
        return told if isinstance(told, dict) and "ok" in told else {"ok": True, "stdout": json.dumps(told)}


def service(**answers: object) -> ChannelService:
    door = Answers(**answers)
    return ChannelService(door._host, door)


async def test_only_what_was_read_back_is_success() -> None:
    wanted = Wanted("ntfy", "phone", url="https://ntfy.sh/x")
    nothing: dict[str, Any] = {"data": {"channels": [], "problems": ["Channel “phone” is left out: why not."]}}
    with pytest.raises(CommandError, match="not in use: Channel “phone” is left out"):
        await service(notify_list=nothing).add(wanted)
    owners = {"data": {"channels": [{"name": "phone", "kind": "ntfy", "where": "x"}]}}
    with pytest.raises(CommandError, match="not in use"):
        await service(notify_list=owners).add(wanted)
    still = {"data": {"channels": [{"name": "phone", "kind": "ntfy", "where": "x", "made": True}]}}
    with pytest.raises(CommandError, match="still lists it"):
        await service(notify_list=still).remove("phone")
    odd: dict[str, Any]
    for odd in ({"data": []}, {"data": [{"channel": "other", "accepted": True, "answer": "x"}]}):
        with pytest.raises(CommandError, match="without an answer of a server"):
            await service(notify_test=odd).test("phone")
    for odd in ({"data": {}}, {"data": [{"channel": 5}]}):
        with pytest.raises(CommandError, match="does not understand"):
            await service(notify_test=odd).test("phone")
    with pytest.raises(CommandError, match="ended without an answer"):
        await service(notify_test={"ok": True, "stdout": "x"}).test()
    missing = {"ok": False, "error": {"code": "missing", "message": "There is no channel called phone.", "next": ""}}
    with pytest.raises(MissingError, match="no channel called phone"):
        await service(notify_test={"ok": True, "stdout": json.dumps(missing)}).test("phone")


def test_an_address_is_cut_where_its_secret_begins() -> None:
    for url, cut in (
        ("https://ntfy.sh/x?y=1", ("https://ntfy.sh", "/x?y=1")),
        ("HTTPS://ntfy.sh:8443/x", ("https://ntfy.sh:8443", "/x")),
        ("https://hook.example?key=1", ("https://hook.example", "?key=1")),
        ("https://hook.example", ("https://hook.example", "/")),
        ("http://[::1]:80/x", ("http://[::1]:80", "/x")),
    ):
        assert split(url) == cut
    wanted = Wanted("webhook", "home", url="https://h.example/secret", secret="tk")
    check(wanted)
    verb, args, behind = request(wanted)
    assert (verb, args["site"], behind) == ("notify-web", "https://h.example", b"/secret\ntk\n")
    assert "secret" not in f"{args}"
    assert "/secret" not in repr(wanted)
    assert "tk" not in repr(wanted)
    with pytest.raises(RefusedError, match="needs the user"):
        check(Wanted("mail", "a", server="a", sender="a", to=("a",), secret="x"))
    with pytest.raises(RefusedError, match="travel readable"):
        check(Wanted("mail", "a", server="a", sender="a", to=("a",), user="u", secret="x", security="none"))


def test_the_text_of_the_list(
    host: BoxHost, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(main, "connect", lambda _name: host)
    monkeypatch.setattr("sys.stdin", io.StringIO())
    assert run(["notify", "list"]) == 0
    assert "`dplane notify add` makes one" in capsys.readouterr().out


def test_what_an_earlier_channel_of_the_name_sent_is_not_told_of_the_new_one(
    dplane: Command, box: Box, host: BoxHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    with web() as server:
        dplane("add", "ntfy", "phone", "--stdin", behind=f"{server.url}{TOPIC}\n")
        assert dplane("test", "phone")[0] == 0
    for name, folder in (("CONFIG", "etc"), ("STATE", "own"), ("RUN", "run")):
        monkeypatch.setenv(f"DPLANE_{name}_DIR", str(box.root / folder))

    def states() -> list[tuple[str, bool | None]]:
        found = asyncio.run(NotifyService(host).status())
        return [(state.channel, state.accepted) for state in found.channels]

    assert states() == [("phone", True)]
    later = time.time() + 1
    os.utime(box.made / "phone.toml", (later, later))
    while time.time() < later:
        time.sleep(0.05)
    assert states() == [("phone", None)], "this one never sent anything"
    assert dplane("remove", "phone", "--confirm", "phone")[0] == 0
    assert states() == []
    # Who may not read the configuration sees what was sent, until the next check has forgotten it.
    monkeypatch.setattr(NotifyService, "config", closed)
    assert states() == [("phone", True)]
    subprocess.run([box.root / "releases/1/bin/dplane", "notify", "check"], check=True, capture_output=True)
    assert states() == []
