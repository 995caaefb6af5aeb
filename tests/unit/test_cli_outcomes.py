"""Every command: `ok` follows the exit code, options count wherever they stand, errors name what was meant."""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from dplane_tui import paths
from dplane_tui.aside import aside
from dplane_tui.cli import main
from dplane_tui.cli.completion import commands
from dplane_tui.cli.main import GROUPS, build_parser, run
from dplane_tui.cli.output import Result, rewrite, say, show
from dplane_tui.cli.parsing import below, everyone, subparsers
from dplane_tui.errors import DPlaneError, MissingError
from dplane_tui.services.host import LocalHost, Output
from dplane_tui.services.jobs import Progress, files
from dplane_tui.services.replication import options, records
from dplane_tui.services.replication.model import Conflict, Peer, Plan, Task
from dplane_tui.services.replication.service import LocalReplication
from dplane_tui.services.store import open_store
from dplane_tui.services.zfs.model import Dataset
from privhelper.audit import GENESIS, seal

PARSER = build_parser((), every_group=True)
LEAVES = [command.path for command in commands(PARSER) if command.path and not subparsers(below(PARSER, command.path))]
# What stands for each positional argument: nothing of these names is anywhere.
WORDS = {
    "pool": "nopool", "dataset": "nopool/data", "below": "nopool/data", "snapshot": "nopool/data@x", "name": "nobody",
    "where": "someone@127.0.0.1:1", "run": "replicate-no-1", "job": "replicate-no-1", "layout": "nodisk",
    "property": "compression=lz4", "shell": "bash", "words": "pool", "rate": "2M",
    "to": "nopool/c", "screen": "pools", "terminal": "tty1", "kind": "scrub", "disk": "ata-nodisk",
    "setting": "autoexpand=on", "device": "ata-old", "new": "ata-new", "account": "anna", "state": "on", "quota": "10G",
    "what": "ntfy",
}  # fmt: skip
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"
# What stands for the value of each option that a command cannot do without.
REQUIRED = {
    "source": "nopool/a", "to": "nopool/b", "fingerprint": "SHA256:" + "A" * 43, "line": f"dplane-offer-1 nobody {KEY}",
}  # fmt: skip
READING = {
    "pool list", "pool repair", "pool show", "pool disks", "pool importable", "dataset list", "dataset show",
    "snapshot list", "pool chart", "pool temperatures",
    "replicate list", "replicate check", "replicate compare",
    "replicate show", "replicate runs", "replicate run-show", "replicate notices",
    "peer list", "peer accepted", "notify list", "notify status",
    "peer show", "peer probe", "peer test", "docker list", "docker logs", "job list", "job watch", "audit show",
    "audit verify", "health", "doctor", "completion", "help", "show", "kiosk status",
    "files cat", "files diff", "files ls", "files versions",
    "dataset users", "dataset groups", "dataset allow", "dataset shares",
    "dataset tree", "dataset get", "dataset space", "dataset locked", "dataset protection", "snapshot holds",
    "snapshot diff", "policy list", "policy show", "policy preview", "policy runs", "policy templates", "schedule list",
}  # fmt: skip

each_command = pytest.mark.parametrize("path", LEAVES, ids=" ".join)


class Nothing(LocalHost):
    """A machine on which no program is installed, so that no test can touch the one it runs on."""

    name = "bare"

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[Sequence[str]] = []

    async def run(self, argv: Sequence[str], **_options: Any) -> Output:
        self.asked.append(argv)
        raise MissingError(f"{argv[0]} is not installed on bare.", "Install it.")

    async def open(self, argv: Sequence[str]) -> Any:
        self.asked.append(argv)
        raise MissingError(f"{argv[0]} is not installed on bare.", "Install it.")

    async def read_files(self, patterns: Sequence[str]) -> dict[str, str]:
        ours = [one for one in patterns if one.startswith(str(paths.current().run))]
        return await super().read_files(ours) if ours else {}


class Cli:
    """The command line on a bare machine, with a state folder of its own."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self.host = Nothing()
        self.names: list[str | None] = []
        self._capsys = capsys

    def connect(self, name: str | None) -> Nothing:
        """What the command line calls to get its host."""
        self.names.append(name)
        return self.host

    def __call__(self, *words: str) -> tuple[int, str, str]:
        """Exit code, standard output, standard error."""
        status = run(words)
        out, err = self._capsys.readouterr()
        return status, out, err

    def json(self, *words: str) -> tuple[int, dict[str, Any]]:
        """Exit code and the one object on standard output, which has to agree with it."""
        status, out, err = self(*words, "--json")
        assert out.count("\n") == 1
        answer = json.loads(out)
        assert answer["ok"] is (status == 0), (words, status, answer)
        assert "Traceback" not in err
        if status:
            assert set(answer) - {"data"} == {"ok", "error"}
            assert set(answer["error"]) == {"code", "message", "next"}
            assert status in {kind.exit_code for kind in kinds(DPlaneError) if kind.code == answer["error"]["code"]}
        else:
            assert set(answer) == {"ok", "data"}
        return status, answer


def kinds(base: type[DPlaneError]) -> set[type[DPlaneError]]:
    return {base}.union(*(kinds(child) for child in base.__subclasses__()))


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Cli:
    monkeypatch.setenv("DPLANE_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("DPLANE_RUN_DIR", str(tmp_path / "run"))
    made = Cli(capsys)
    monkeypatch.setattr(main, "connect", made.connect)
    return made


def complete(path: tuple[str, ...]) -> list[str]:
    """A whole command line for a command: its words, its arguments, the options it cannot do without."""
    words = list(path)
    for action in below(PARSER, path)._actions:
        if not action.option_strings and not isinstance(action, argparse._SubParsersAction):
            words += [WORDS[action.dest]] if action.nargs not in {"?"} else []
        elif action.required:
            words += [action.option_strings[0], REQUIRED[action.dest]]
    return words


@each_command
def test_ok_follows_the_exit_code_of_every_command(cli: Cli, path: tuple[str, ...]) -> None:
    words = complete(path)
    status, answer = cli.json(*words)
    plain, out, err = cli(*words) if path != ("replicate", "add") else (status, "a", "")
    assert plain == status
    if status not in {0, 3}:
        assert err.startswith("dplane: ")
        assert err.count("\n") == 1, "an error is one line"
        assert answer["error"]["message"].endswith("."), "an error is a sentence"
    assert out or err


@each_command
def test_what_a_command_does_not_know_is_told_with_its_usage(cli: Cli, path: tuple[str, ...]) -> None:
    status, answer = cli.json(*complete(path), "--sideways")
    assert (status, answer["error"]["code"]) == (2, "usage")
    assert f"dplane {' '.join(path)}" in answer["error"]["next"]
    assert cli.host.asked == []


@each_command
@pytest.mark.parametrize("before", [True, False])
def test_read_only_lets_through_what_changes_nothing(cli: Cli, path: tuple[str, ...], before: bool) -> None:
    words = complete(path)
    status, answer = cli.json(*(["--read-only", *words] if before else [*words, "--read-only"]))
    refused = status == 5 and "--read-only forbids that" in answer["error"]["message"]
    assert refused is (" ".join(path) not in READING)
    assert not (refused and cli.host.asked), "nothing was done before it was refused"


@each_command
def test_host_counts_before_and_behind_a_command(cli: Cli, path: tuple[str, ...]) -> None:
    words = [*complete(path), "--read-only"] if " ".join(path) not in READING else complete(path)
    changing = words[-1] == "--read-only"
    cli("--host", "nas-b", *words)
    cli(*words, "--host", "nas-b")
    cli(path[0], "--host=nas-b", *words[1:])
    assert cli.names == ([] if changing else ["nas-b"] * 3)


def test_a_dry_run_is_let_through_read_only(cli: Cli) -> None:
    assert cli("pool", "destroy", "nopool", "--dry-run", "--read-only")[0] == 6
    assert cli("pool", "destroy", "nopool", "--read-only")[0] == 5


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("fly",), "`dplane` has no command “fly”."),
        (("poool", "list"), "(did you mean pool?)"),
        (("pool", "scrubb", "tank"), "`dplane pool` has no command “scrubb” (did you mean scrub?)."),
        (("pool",), "`dplane pool` needs another word."),
        (("pool", "scrub"), "It is written: dplane pool scrub POOL"),
        (("--host",), "Argument --host: expected one argument."),
        (("--jso",), "This is not understood: --jso."),
        (("pool", "list", "--che"), "This is not understood: --che."),
        (("help", "fly"), "There is no command `dplane fly`."),
        (("help", "pool", "fly"), "`dplane pool` takes one of: list,"),
        (("peer", "add", "attic\x1b[2J", "a@b", "\x1b[31m"), "This is not understood: \ufffd[31m."),
    ],
)
def test_usage_errors_name_what_was_meant(cli: Cli, words: tuple[str, ...], said: str) -> None:
    status, out, err = cli(*words)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert said in err
    assert "\x1b" not in err
    for name, (_module, help_text) in GROUPS.items():
        assert help_text or name not in err.replace(said, ""), "what is not for people is not listed"
    status, answer = cli.json(*words)
    assert (status, answer["error"]["code"]) == (2, "usage")


def test_help_is_what_the_option_prints(cli: Cli) -> None:
    status, out, _ = cli("help", "pool", "scrub")
    assert (status, out) == (0, cli("pool", "scrub", "--help")[1])
    assert out.startswith("usage: dplane pool scrub POOL")
    assert "\n\nRead every block of a pool and repair what is wrong.\n\n" in out
    assert "a range (old%new)" in cli("help", "snapshot", "destroy")[1]
    assert all(
        one.description for _, _, group in subparsers(build_parser((), every_group=True)) for one in everyone(group)
    )
    assert cli("help")[1] == cli("--help")[1]
    assert "docker-worker" not in cli("help")[1]


async def _stored(*tasks: Task, peers: Sequence[Peer] = ()) -> None:
    async with open_store(paths.current().database, write=True) as store:
        for peer in peers:
            await records.put_peer(store, peer)
        for task in tasks:
            await records.add_task(store, task)


def test_bad_news_is_no_success_and_carries_its_data(cli: Cli) -> None:
    asyncio.run(_stored(Task("photos", "tank/photos", None, "vault/photos", created=1.0)))
    assert cli.json("replicate", "list")[0] == 0
    status, answer = cli.json("replicate", "list", "--check")
    assert (status, answer["error"]["code"]) == (3, "bad-news")
    assert answer["error"]["message"] == "photos was never proven."
    assert [item["task"]["name"] for item in answer["data"]] == ["photos"]
    status, out, err = cli("replicate", "list", "--check")
    assert (status, err) == (3, ""), "in plain text the list is the news"
    assert "photos" in out
    for words, key in ((("health",), "verdict"), (("doctor",), "checks")):
        status, answer = cli.json(*words)
        assert status in {3, 6}
        assert key in answer["data"]


def test_a_run_that_failed_is_told_with_its_evidence(cli: Cli) -> None:
    asyncio.run(_stored(Task("photos", "tank/photos", None, "vault/photos", created=1.0)))
    status, answer = cli.json("replicate", "run", "photos", "--foreground")
    assert status not in {0, 3}
    assert answer["data"]["state"] == "failed"
    assert answer["error"]["message"] == answer["data"]["message"]
    status, out, err = cli("replicate", "run", "photos", "--foreground")
    assert "state     failed" in out
    assert err.startswith("dplane: ")
    [newest, _] = cli.json("replicate", "runs", "photos")[1]["data"]
    assert newest["state"] == "failed"
    run_id = newest["id"]
    assert cli.json("replicate", "run-show", run_id)[0] == 0, "to show a failed run is no failure"


def test_a_restore_and_a_verification_run_in_the_foreground_and_are_listed_as_what_they_are(cli: Cli) -> None:
    asyncio.run(_stored(Task("photos", "tank/photos", None, "vault/photos", created=1.0)))
    for words, kind in (
        (("verify", "photos", "--content"), "verify"),
        (("restore", "photos", "--to", "tank/again"), "restore"),
    ):
        status, answer = cli.json("replicate", *words)
        assert "`--foreground`" in answer["error"]["next"], "nothing is installed here that could run it"
        status, answer = cli.json("replicate", *words, "--foreground")
        assert status not in {0, 3}, "there is no ZFS here"
        assert (answer["data"]["kind"], answer["data"]["state"]) == (kind, "failed")
        assert cli("replicate", *words, "--foreground", "--detach")[0] == 2
    shown = cli("replicate", "runs", "photos")[1]
    assert shown.split()[:4] == ["RUN", "TASK", "KIND", "STATE"]
    assert shown.count("  verification  ") == shown.count("  restore ") == 2
    newest = cli.json("replicate", "runs", "photos")[1]["data"][0]
    assert "kind      restore" in cli("replicate", "run-show", newest["id"])[1]


def test_a_plan_with_conflicts_is_no_success(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = Plan("photos", "", False, conflicts=(Conflict("tank/a", "vault/a", "no-common", "They share nothing."),))

    async def planned(_self: LocalReplication, _name: str) -> Plan:
        return plan

    monkeypatch.setattr(LocalReplication, "plan", planned)
    status, answer = cli.json("replicate", "run", "photos", "--dry-run")
    assert (status, answer["error"]["code"]) == (4, "diverged")
    assert "They share nothing." in answer["error"]["message"]
    assert answer["data"]["conflicts"][0]["kind"] == "no-common"
    status, out, err = cli("replicate", "run", "photos", "--dry-run")
    assert "CONFLICT  They share nothing." in out
    assert "cannot be sent" in err


@pytest.mark.parametrize(("state", "status", "code"), [("succeeded", 0, ""), ("failed", 1, "failed"),
                                                       ("cancelled", 130, "interrupted")])  # fmt: skip
def test_watching_a_job_ends_as_the_job_did(cli: Cli, state: str, status: int, code: str) -> None:
    folder = paths.current().jobs
    folder.mkdir(parents=True)
    files.write(folder, Progress("replicate-x-1", "replicate", state, error="No more room", updated=time.time()))
    ended, answer = cli.json("job", "watch", "replicate-x-1")
    assert ended == status
    assert answer["data"]["state"] == state
    assert answer.get("error", {"code": ""})["code"] == code


def test_a_broken_audit_log_is_no_success(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [seal({"phase": "done", "verb": "noop"}, 1, GENESIS)]

    async def log(_host: LocalHost) -> list[bytes]:
        return lines

    monkeypatch.setattr("dplane_tui.cli.audit.read_log", log)
    assert cli.json("audit", "verify")[0] == 0
    lines[0] = lines[0].replace(b"noop", b"nope")
    status, answer = cli.json("audit", "verify")
    assert (status, answer["error"]["code"], answer["data"]["unbroken"]) == (3, "bad-news", False)
    status, out, err = cli("audit", "verify")
    assert (status, err) == (3, "")
    assert out.startswith("The audit log is broken: ")


def test_every_error_makes_its_result_a_failure() -> None:
    for kind in kinds(DPlaneError):
        assert Result({}, "x", kind("No.")).exit_code == kind.exit_code != 0


PEER = Peer("attic", "dplane", "10.0.0.1", 22, "ssh-ed25519 k", "SHA256:f", "SHA256:g", True)


@pytest.mark.parametrize(
    "words",
    [
        ("replicate", "show", "X"), ("replicate", "runs", "X"), ("replicate", "run", "X"), ("replicate", "remove", "X"),
        ("replicate", "run-show", "X"), ("replicate", "cancel", "X"), ("replicate", "run", "X", "--dry-run"),
        ("replicate", "add", "new", "--source", "a/b", "--to", "X:c/d"), ("peer", "show", "X"), ("peer", "test", "X"),
        ("peer", "remove", "X"), ("peer", "remove", "X", "--yes"), ("peer", "revoke", "X", "--yes"),
        ("peer", "key", "rotate", "X"), ("peer", "trust", "X", "--fingerprint", "SHA256:x"), ("job", "watch", "X"),
        ("job", "stop", "X"),
        ("job", "run", "X"), ("job", "run", "replicate-X-1"),
    ],
    ids=" ".join,
)  # fmt: skip
def test_a_name_that_nothing_has_is_missing_everywhere(cli: Cli, words: tuple[str, ...]) -> None:
    asyncio.run(_stored(Task("photos", "tank/photos", None, "vault/photos", created=1.0), peers=[PEER]))
    status, answer = cli.json(*words)
    assert (status, answer["error"]["code"]) == (6, "missing")
    assert answer["error"]["message"].startswith("There is no ")
    assert "`dplane " in answer["error"]["next"]
    pools = [["zpool", "list", "-H", "-o", "name"]] if words[1] == "add" else []  # a pool's name may hold a colon
    assert cli.host.asked == pools, "looked up before anything else"


def test_runs_of_a_task_that_was_removed_stay_to_be_seen(cli: Cli) -> None:
    asyncio.run(_stored(Task("photos", "tank/photos", None, "vault/photos", created=1.0)))
    assert cli("replicate", "runs", "photos")[:2] == (0, "No run yet.\n")
    cli("replicate", "run", "photos", "--foreground")
    assert cli("replicate", "remove", "photos")[0] == 0
    assert len(cli.json("replicate", "runs", "photos")[1]["data"]) == 1


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (("a b", "someone@127.0.0.1:1"), 4, "“a b” holds a space"),
        (("../x", "someone@127.0.0.1:1"), 4, "must start with"),
        (("ä", "someone@127.0.0.1:1"), 4, "the character U+00E4"),
        (("x" * 200, "someone@127.0.0.1:1"), 4, "longer than"),
        (("attic", "127.0.0.1:1"), 2, "The account at the far box is missing."),
        (("attic", "someone@127.0.0.1:0"), 2, "is not an address"),
        (("attic", "-oProxyCommand=x@y"), 2, "required: USER@HOST"),
    ],
)
def test_a_pairing_that_cannot_be_is_refused_before_the_network(
    cli: Cli, words: tuple[str, ...], status: int, said: str
) -> None:
    ended, answer = cli.json("peer", "add", *words)
    assert (ended, cli.host.asked) == (status, [])
    assert said in answer["error"]["message"]


def test_a_target_without_a_place_says_how_to_write_it(cli: Cli) -> None:
    status, answer = cli.json("replicate", "add", "photos", "--source", "tank/photos", "--to", "attic")
    assert status == 2
    assert "--to attic:POOL/DATASET" in answer["error"]["next"]


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (ZeroDivisionError("hush \x1b[2J"), 1, "D-Plane made a mistake (ZeroDivisionError at cli/main.py:"),
        (PermissionError(13, "Permission denied", "/etc/x"), 1, "The system refused: /etc/x: Permission denied."),
        (KeyboardInterrupt(), 130, "Interrupted."),
    ],
)
def test_what_nobody_foresaw_is_a_sentence_too(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, error: BaseException, status: int, said: str
) -> None:
    async def break_down(*_args: object) -> Result:
        raise error

    monkeypatch.setattr("dplane_tui.cli.replicate_list._list", break_down)
    ended, out, err = cli("replicate", "list")
    assert (ended, out) == (status, "")
    assert said in err
    assert "hush" not in err, "what an error of ours holds may be a secret"
    assert cli.json("replicate", "list")[0] == status


def test_times_and_counts_are_checked(cli: Cli) -> None:
    for words in (
        "replicate runs --limit 0",
        "replicate runs --limit 1e3",
        "audit show -n x",
        "docker logs x --tail -1",
    ):
        assert cli.json(*words.split())[0] == 2
    for good, value in (("90m", 5400), ("24h", 86400), ("60", 60)):
        assert options.seconds(good) == value


ESCAPES = "\x1b]52;c;cm0gLXJmIH4K\x07\x1b[2J\x9b6A\u202e\r"


def test_nothing_that_is_printed_is_obeyed_by_a_terminal_but_its_line_ends(capsys: pytest.CaptureFixture[str]) -> None:
    show(Result(None, f"one {ESCAPES}\n  two"), as_json=False)
    out, err = capsys.readouterr()
    assert (out.splitlines()[0].startswith("one \ufffd]52"), out.endswith("\n  two\n"), err) == (True, True, "")
    show(Result(None, "", MissingError(f"{ESCAPES}.")), as_json=False)
    aside(f"{ESCAPES}\nanother line")
    say(f"{ESCAPES}\n? ", beside=True, end="")
    told = capsys.readouterr()
    assert (told.out, told.err.count("\n"), told.err.endswith("\n? ")) == ("", 3, True)
    assert not set("\x1b\x07\x9b\u202e\r") & set(out + told.err)
    assert rewrite(f"1 %{ESCAPES}", 0) == len("1 %" + ESCAPES)
    rewrite("", 3)
    assert capsys.readouterr().err.replace("\ufffd", "") == "\r1 %]52;c;cm0gLXJmIH4K[2J6A \r   \r"


def test_a_name_with_a_line_end_says_no_line_of_its_own(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    async def listed(_self: object) -> tuple[Dataset, ...]:
        return (Dataset("tank\nAll is well.\x1b[2J", "filesystem", "1", referenced=10**9),)

    monkeypatch.setattr("dplane_tui.services.zfs.service.ZfsService.datasets", listed)
    _, out, _ = cli("replicate", "list")
    assert out.splitlines()[-1] == "In no task: tank All is well.\ufffd[2J."
