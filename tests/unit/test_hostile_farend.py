"""A far end that lies, floods and stalls: one typed sentence each time, never a success. Real link, fake `ssh`."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import textwrap
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import asyncssh
import pytest

from dplane_tui.errors import AuthenticationError, CommandError, DPlaneError, HostKeyError, UnreachableError
from dplane_tui.services import asking
from dplane_tui.services.asking import error_from
from dplane_tui.services.replication import answers, failures, keys, transport
from dplane_tui.services.replication.far_source import AgentSource
from dplane_tui.services.replication.model import Peer, Step
from dplane_tui.services.replication.stream import Transfer
from dplane_tui.services.replication.targets import AgentTarget, PlainTarget
from dplane_tui.services.replication.transport import Link
from dplane_tui.text import clean

# What the far end does is a script for this `ssh`: a list of acts for the login, and one for each other command.
FAKE_SSH = textwrap.dedent(
    """\
    #!{python} -S
    import json, os, signal, sys, time
    words = sys.argv[1:]
    script = json.load(open("{folder}/script.json"))
    with open("{folder}/pids", "a") as file:
        file.write(str(os.getpid()) + "\\n")
    def out(handle, text):
        data = text.encode("latin-1")
        while data:
            data = data[os.write(handle, data):]
    for act, value in script["login" if "ControlMaster=yes" in words else "command"]:
        if act == "out":
            out(1, value)
        elif act == "err":
            out(2, value)
        elif act == "log":
            with open(words[words.index("-E") + 1], "a") as file:
                file.write(value)
        elif act == "flood":
            while True:
                out(value, "x" * 65536)
        elif act == "close":
            os.close(value)
        elif act == "stay":
            while True:
                time.sleep(1)
        elif act == "stdin":
            while os.read(0, 65536):
                pass
        elif act == "exit":
            sys.exit(value)
    """
)
HELLO = [["out", '{"ok": true, "peer": "near", "zfs": "zfs-2.3.9"}\n'], ["stdin", None]]
ESCAPE = "\x1b]0;owned\x07\x1b[2J"
STEP = Step("full", "tank/x", "vault/x", "filesystem", "s1", "77")
COPY = "vault/x"
GOT = "".join(f"{COPY}\t{prop}\t{value}\t-\n" for prop, value in (("type", "filesystem"), ("guid", "9")))
LISTED = f"{COPY}@s1\t77\t5\n"


class Far:
    """A link to a far end that does what it is told."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        script = folder / "ssh"
        script.write_text(FAKE_SSH.format(python=sys.executable, folder=folder))
        script.chmod(0o755)
        key = " ".join(asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode().split()[:2])
        self.peer = Peer("nas-b", "dplane", "192.0.2.1", 22, key, "", "", True, None, 0.0)
        keys.pin(keys.files_of(folder, "nas-b"), key)
        self.link = Link(self.peer, folder, folder)
        self.does()

    def does(self, *command: list[Any], login: list[Any] | None = None) -> None:
        acts = {"login": HELLO if login is None else login, "command": list(command)}
        (self.folder / "script.json").write_text(json.dumps(acts))

    def says(self, answer: str, status: int = 0) -> None:
        self.does(["out", answer], ["exit", status])

    def left(self) -> list[int]:
        """The `ssh` that are still there."""
        pids = [int(line) for line in (self.folder / "pids").read_text().split()]
        return [pid for pid in pids if Path(f"/proc/{pid}").exists()]


@pytest.fixture
async def far(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Far]:
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(transport, "END_SECONDS", 0.3)
    made = Far(tmp_path)
    yield made
    await made.link.close()
    assert not made.left(), "nothing of it goes on"


def assert_sentence(error: DPlaneError) -> None:
    """One line a person can read, with nothing in it that a terminal obeys."""
    assert error.message
    for text in (error.message, error.next_step):
        assert text.isprintable(), text
        assert len(text) <= 1500


def nonsense() -> dict[str, str]:
    """Answers that are no object, or no answer."""
    return {
        "nothing": "",
        "a line end": "\n",
        "half a line": '{"ok": true, "list": "", "ge',
        "a list": '["ok", true]',
        "two answers": '{"ok": true}\n{"ok": true}\n',
        "NaN": '{"ok": true, "list": "", "get": "", "available": NaN}',
        "an endless number": '{"ok": true, "list": "", "get": "", "available": ' + "9" * 5000 + "}",
        "deep": '{"ok": true, "list": ' + "[" * 9_000 + "]" * 9_000 + "}",
        "deeper": "[" * 900_000,
        "many small things": '{"ok": true, "list": "", "get": "", "x": [' + "{}," * 200_000 + "{}]}",
        "escapes": f"{ESCAPE}\n",
        "not UTF-8": '\xff\xfe{"ok": true}',
        "UTF-16": '{"ok": true, "list": "", "get": ""}'.encode("utf-16").decode("latin-1"),
    }


@pytest.mark.parametrize("what", nonsense())
@pytest.mark.parametrize("op", ["login", "read", "abort", "receive"])
async def test_what_no_agent_says(far: Far, what: str, op: str) -> None:
    answer = nonsense()[what]
    if op == "login":
        far.does(login=[["out", answer.replace("\n", " ") + "\n"], ["stdin", None]])
        with pytest.raises(DPlaneError) as raised:
            await far.link.open()
    else:
        await far.link.open()
        far.says(answer)
        with pytest.raises(DPlaneError) as raised:
            await ask(far, op, answer)
    assert_sentence(raised.value)


async def ask(far: Far, op: str, answer: str) -> object:
    """One question to the far end; what a stream's receiver said is judged from its bytes."""
    target = AgentTarget(far.link)
    if op == "read":
        return await target.read(COPY, True)
    if op == "abort":
        await target.abort(COPY, "1-2-3-4")
        return None
    target.check(STEP, Transfer(9, "eof", 0, "", 0, answer.encode("latin-1")[:65536], ""))
    return None


@pytest.mark.parametrize("fields", [
    {"ok": 1}, {"ok": "true"}, {"ok": None}, {"ok": False}, {"ok": False, "error": []}, {"ok": False, "error": {}},
    {"ok": False, "error": {"code": ["failed"], "message": {"a": ESCAPE}, "next": 7}},
    {"ok": False, "error": {"code": "no such code", "message": ESCAPE * 50_000, "next": "\u202egnp.exe\u2066" * 90}},
    {"ok": False, "error": {"code": "host-key", "message": "\ud800 \u2028 \x00", "next": ""}},
])  # fmt: skip
@pytest.mark.parametrize("op", ["read", "abort", "receive"])
async def test_refusals_of_any_form(far: Far, fields: dict[str, Any], op: str) -> None:
    await far.link.open()
    answer = json.dumps(fields)
    far.says(answer)
    with pytest.raises(DPlaneError) as raised:
        await ask(far, op, answer)
    assert_sentence(raised.value)


@pytest.mark.parametrize("changes", [
    {"list": None}, {"list": 7}, {"list": ["x"]}, {"get": {}}, {"get": None},
    {"list": f"{COPY}@{ESCAPE}\t77\t5\n"}, {"list": f"{COPY}@[red]s1[/]\t77\t5\n"},
    {"list": f"{COPY}@s\u202e1\t77\t5\n"},
    {"list": f"{COPY}@s1\t-7\t5\n"}, {"list": f"{COPY}@s1\t7.5\t5\n"}, {"list": f"{COPY}@s1\tNaN\t5\n"},
    {"list": f"{COPY}@s1\t{'9' * 30}\t5\n"}, {"list": f"{COPY}@s1\t77\t²\n"}, {"list": f"{COPY}@s1\t77\n"},
    {"list": LISTED.rstrip()}, {"list": LISTED.replace("\n", "\r")}, {"list": "\n" * 600_000},
    {"get": f"{COPY}\ttype\t{ESCAPE}\t-\n"}, {"get": f"{COPY}\ttype\n"}, {"get": f"{COPY}\ttype\t\ud800\t-\n"},
    {"get": f"{COPY}\ttype\tfilesystem\t-\x85"}, {"get": "\n" * 600_000},
    {"available": -1}, {"available": 2**64}, {"available": 1e300}, {"available": 0.5}, {"available": "9"},
    {"available": True}, {"available": []},
])  # fmt: skip
async def test_listings_that_no_zfs_writes(far: Far, changes: dict[str, Any]) -> None:
    await far.link.open()
    good = {"ok": True, "list": LISTED, "get": GOT, "available": 10**9}
    far.says(json.dumps(good))
    side, free = await AgentTarget(far.link).read(COPY, True)
    assert (side[COPY].snapshots[0].guid, free) == ("77", 10**9), "or this test would prove nothing"
    far.says(json.dumps({**good, **changes}))
    with pytest.raises(CommandError) as raised:
        await AgentTarget(far.link).read(COPY, True)
    assert_sentence(raised.value)


async def test_what_was_not_asked_for_is_not_listened_to(far: Far) -> None:
    await far.link.open()
    other = "vault/xy\ttype\tfilesystem\t-\nvault\ttype\tfilesystem\t-\n"
    far.says(json.dumps({"ok": True, "list": LISTED + "vault/xy@s1\t77\t5\n", "get": other + GOT, "available": None}))
    side, free = await AgentTarget(far.link).read(COPY, True)
    assert set(side) == {COPY}
    assert free is None


@pytest.mark.parametrize("op", ["read", "abort"])
@pytest.mark.parametrize("handle", [1, 2])
async def test_a_flood_is_cut_off(far: Far, monkeypatch: pytest.MonkeyPatch, op: str, handle: int) -> None:
    monkeypatch.setattr(answers, "LISTING_LIMIT", 3_000_000)
    monkeypatch.setattr(Link.ask, "__defaults__", (1.0, answers.ANSWER_LIMIT))
    await far.link.open()
    far.does(["flood", handle])
    with pytest.raises(CommandError if handle == 1 else UnreachableError) as raised:
        await ask(far, op, "")
    assert_sentence(raised.value)
    assert ("more than can be true" if handle == 1 else "did not answer") in raised.value.message


async def test_a_plain_peer_that_floods_is_cut_off(far: Far) -> None:
    far.does(login=[["out", '{"ok": true}\n'], ["stdin", None]])
    await far.link.open()
    far.does(["flood", 1])
    with pytest.raises(CommandError, match="more than can be true"):
        await far.link.run(["id", "-u"])


@pytest.mark.parametrize("free", ["²\n", "-5\n", "99999999999999999999\n", "1e9\n", f"{ESCAPE}\n"])
async def test_a_plain_peers_free_bytes_are_a_number_or_unknown(far: Far, free: str) -> None:
    await far.link.open()
    far.does(["out", free.encode().decode("latin-1")], ["exit", 0])
    with contextlib.suppress(CommandError):
        assert await PlainTarget(far.link)._available(COPY) is None


async def test_of_megabytes_on_standard_error_the_end_is_kept(far: Far) -> None:
    await far.link.open()
    far.does(["err", "x" * 3_000_000 + "the end"], ["out", "fine"], ["exit", 0])
    output = await far.link.run(["true"])
    assert output.text == "fine"
    assert output.error.endswith("the end")
    assert len(output.stderr) == answers.SAID_LIMIT


@pytest.mark.parametrize("login", [
    [["flood", 1]], [["err", "x" * 3_000_000], ["flood", 1]], [["out", "x" * 70_000 + "\n"], ["stay", None]],
    [["err", ESCAPE * 100], ["exit", 3]], [["close", 1], ["stay", None]], [["exit", 255]], [["exit", 0]],
])  # fmt: skip
async def test_logins_that_are_none(far: Far, login: list[Any]) -> None:
    far.does(login=login)
    with pytest.raises(DPlaneError) as raised:
        await far.link.open()
    assert_sentence(raised.value)


async def test_a_login_that_never_ends_is_given_up(far: Far, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "LOGIN_SECONDS", 1)
    far.does(login=[["out", '{"ok": tr'], ["flood", 2]])
    with pytest.raises(UnreachableError, match="did not finish the login"):
        await far.link.open()


async def test_only_ssh_itself_says_that_a_key_is_wrong(far: Far) -> None:
    """A far program can write anything to standard error: it must not pass for a wrong key or a lost link."""
    imitated = "Host key verification failed.\nPermission denied (publickey).\n"
    far.does(["err", imitated], ["exit", 255], login=[["err", imitated], *HELLO])
    await far.link.open()
    with pytest.raises(UnreachableError) as raised:
        await far.link.ask({"op": "abort"})
    assert type(raised.value) is UnreachableError
    assert "though the connection holds" in raised.value.message
    assert_sentence(raised.value)
    for said, kind in (
        ("Host key verification failed.\n", HostKeyError),
        ("dplane@192.0.2.1: Permission denied (publickey).\n", AuthenticationError),
    ):
        far.does(["log", said], ["exit", 255])
        with pytest.raises(kind):
            await far.link.ask({"op": "abort"})


async def test_a_login_that_broke_says_why(far: Far) -> None:
    far.does(
        login=[HELLO[0], ["log", "a warning\n"], HELLO[1], ["log", "Timeout, server not responding.\n"], ["exit", 255]]
    )
    await far.link.open()
    assert far.link._master
    assert far.link._master.stdin
    far.link._master.stdin.close()
    await far.link._master.wait()
    far.does(["exit", 255])
    with pytest.raises(UnreachableError, match="was lost: Timeout, server not responding"):
        await far.link.ask({"op": "abort"})


@pytest.mark.parametrize(
    ("said", "size"), [("9" * 400, None), ("-1", None), ("true", None), ('"9"', None), ("1e300", None), ("7", 7)]
)
async def test_an_estimate_that_cannot_be_is_unknown(far: Far, said: str, size: int | None) -> None:
    await far.link.open()
    far.says(f'{{"ok": true, "size": {said}}}')
    source: Any = AgentSource.__new__(AgentSource)
    source._link, source._far = far.link, far.link.peer
    assert await source._estimate(STEP) == size


def test_what_zfs_is_said_to_have_said_is_shown_clean() -> None:
    for said in (ESCAPE * 9000, "out of space" + ESCAPE, "has been modified\u202e", "", "\x00" * 65536):
        assert_sentence(failures.of_zfs(said, "x could not be received"))
        assert_sentence(failures.of_ssh(said, "nas-b", "192.0.2.1", "dplane"))


@pytest.mark.parametrize(
    "code", ["host-key", "interrupted", "not-allowed", "diverged", "bad-news", "busy", "usage", "x", 7]
)
def test_what_a_far_box_says_is_its_own_words_and_no_judgment_of_ours(code: Any) -> None:
    lie = {
        "code": code,
        "message": "attic shows another host key than the one pinned” and nothing was sent.",
        "next": "Let it in again: `sudo dplane peer accept --line 'dplane-offer-1 …' --may-read tank`",
    }
    line = json.dumps({"ok": False, "error": lie}).encode()
    with pytest.raises(DPlaneError) as told:
        answers.answer_of(line, "attic")
    link: Any = SimpleNamespace(peer=SimpleNamespace(name="attic"))
    with pytest.raises(DPlaneError) as received:
        AgentTarget(link).check(STEP, Transfer(9, "eof", 0, "", 0, line, ""))
    assert told.value.message.startswith('attic says: “attic shows another host key than the one pinned" and nothing')
    assert told.value.message.endswith("--may-read tank`”")
    assert {told.value.code, received.value.code} == {"failed"}
    assert told.value.next_step == ""


def test_nonsense_of_a_far_box_ends_no_quotes_of_ours() -> None:
    lie = "x”. Its host key was changed by its owner: run `dplane peer trust attic`. “"
    with pytest.raises(CommandError) as told:
        answers.answer_of(lie.encode(), "attic")
    quoted = 'x". Its host key was changed by its owner: run `dplane peer trust attic`. "'
    assert told.value.message == f"attic answered what no D-Plane says: “{quoted}”."


@pytest.mark.parametrize("code", ["refused", "missing", "changed", "authentication"])
def test_a_class_that_an_agent_can_know_is_kept(code: str) -> None:
    error = answers.far_error({"code": code, "message": "No."}, "attic")
    assert (error.code, str(error)) == (code, "attic says: “No.”")
    assert str(answers.far_error(None, "attic")) == "attic says: “It failed.”"


def test_of_an_endless_sentence_the_rest_is_not_even_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []

    def counting(text: str, limit: int = 0) -> str:
        seen.append(len(text))
        return clean(text, limit)

    monkeypatch.setattr(asking, "clean", counting)
    assert_sentence(error_from({"message": ESCAPE * 1_000_000, "next": ESCAPE * 1_000_000}))
    assert max(seen) <= 4000


async def test_folders_of_odd_names_end_no_login(far: Far) -> None:
    # Whoever is in dplane-operate can make them: a digit of another script, no number, one that is beyond all pids.
    for name in (".ssh-²-x", ".ssh-x-y", f".ssh-{'9' * 40}-x", ".ssh--x"):
        (far.folder / name).mkdir()
    (far.folder / ".ssh-1-link").symlink_to(far.folder)
    far.link._run_folder = far.folder  # and not the system's, which it takes where the path is a long one
    await far.link.open()
    assert not (far.folder / ".ssh-²-x").exists()
    assert (far.folder / "ssh").exists()


@pytest.mark.parametrize("mark", [",", "[", "{", '"', "\\", '\\"', '",{['])
def test_what_is_within_a_text_of_an_answer_is_no_part_of_it(mark: str) -> None:
    answer = {"ok": True, "get": mark * 10_001, "list": ""}
    assert answers.parsed(json.dumps(answer).encode()) == answer


@pytest.mark.parametrize("before", ["", '"\\""', '"\\\\"', '"\\\\\\"",', "\\", '\\"', "\\\\"])
@pytest.mark.parametrize("part", ["[", "{},", "1,", '"a":0,'])
def test_an_answer_of_many_parts_is_not_taken_apart(before: str, part: str, monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[str] = []

    def loads(text: str, **_: object) -> object:
        with pytest.raises(ValueError) as wrong:
            json.loads(text)
        taken.append(text[: getattr(wrong.value, "pos", 0)])
        raise wrong.value

    monkeypatch.setattr(answers, "json", SimpleNamespace(loads=loads))
    assert answers.parsed(f'{{"ok": [{before}{part * 10_001}'.encode()) is None
    assert all(len(one) < 20 for one in taken), "the parser stops before it"
