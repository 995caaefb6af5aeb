"""`dplane pool|dataset|snapshot|audit`: exit codes, JSON, and that nothing is destroyed without the object's name."""

from __future__ import annotations

import io
import json
import os
import pty
import sys
from typing import Any

import pytest

from dplane_tui.cli import run
from dplane_tui.cli.audit import row, verdict
from dplane_tui.cli.pool import describe, pick, scan_text
from dplane_tui.errors import MissingError, UsageError
from dplane_tui.services.zfs.model import Importable, Pool, Scan, Vdev
from privhelper.audit import GENESIS, own_hash, seal
from tests.unit.test_zfs_service import PlayedBox, scan
from tests.unit.test_zfs_service import row as dataset_row


class Cli:
    """The command line on a played box."""

    def __init__(self, box: PlayedBox, capsys: pytest.CaptureFixture[str]) -> None:
        self.box = box
        self._capsys = capsys

    def __call__(self, *words: str) -> tuple[int, str, str]:
        """Exit code, standard output, standard error."""
        status = run(list(words))
        out, err = self._capsys.readouterr()
        return status, out, err

    def json(self, *words: str) -> tuple[int, Any]:
        """Exit code and the object that `--json` prints."""
        status, out, _ = self(*words, "--json")
        return status, json.loads(out)

    def verbs(self) -> list[str]:
        """What was asked of the door, dry runs left out."""
        return [request["verb"] for request in self.box.requests if not request.get("dry_run")]


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Cli:
    """The command line on a box with one pool and one dataset with a snapshot."""

    class Closing(PlayedBox):
        async def close(self) -> None:
            return None

    box = Closing()
    box.add_pool("tank", 7)
    box.datasets = [dataset_row("tank/a", 77)]
    box.snapshots = ["tank/a@x\t5\t10\t1\t1\t1"]
    box.answer = {"destroys": ["tank/a", "tank/a@x"], "plan": "f" * 64, "stdout": "reclaim\t4096\n"}
    monkeypatch.setattr("dplane_tui.cli.main.connect", lambda _name: box)
    return Cli(box, capsys)


def type_in(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """Sit at a terminal and type that; nothing is Ctrl-D."""
    screen, keyboard = pty.openpty()
    os.write(screen, text.encode() or b"\x04")
    monkeypatch.setattr(sys, "stdin", os.fdopen(keyboard))


def test_list_and_check(cli: Cli) -> None:
    status, out, _ = cli("pool", "list", "--check")
    assert status == 0
    assert out.splitlines()[1].split()[:2] == ["tank", "ONLINE"]
    cli.box.pools["tank"]["error_count"] = 2
    status, out, _ = cli("pool", "list", "--check")
    assert (status, out.splitlines()[-1]) == (3, "tank has 2 files with permanent errors.")
    assert cli.json("pool", "list")[0] == 0
    status, answer = cli.json("pool", "list", "--check")
    assert (status, answer["ok"], answer["data"][0]["guid"]) == (3, False, "7")
    assert answer["error"]["code"] == "bad-news"
    assert answer["error"]["message"] == "tank has 2 files with permanent errors."


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (("pool", "show", "nope"), "pool nope"),
        (("pool", "scrub", "nope"), "pool nope"),
        (("dataset", "show", "nope"), "dataset nope"),
        (("dataset", "list", "nope"), "dataset nope"),
        (("dataset", "destroy", "nope", "--confirm", "nope"), "dataset nope"),
        (("snapshot", "list", "nope/x"), "dataset nope/x"),
        (("snapshot", "create", "nope@x"), "dataset nope"),
        (("snapshot", "destroy", "nope@x"), "snapshot nope@x"),
        (("snapshot", "rollback", "nope@x"), "snapshot nope@x"),
    ],
)
def test_a_name_that_nothing_has_is_a_sentence_and_a_code(cli: Cli, words: tuple[str, ...], what: str) -> None:
    if words[0] != "pool":
        cli.box.fails = {"zfs": "cannot open 'nope': dataset does not exist"}
    status, out, err = cli(*words)
    assert (status, out) == (6, "")
    assert err.startswith(f"dplane: There is no {what} on box.")
    assert "shows the ones there are." in err
    status, answer = cli.json(*words)
    assert (status, answer["ok"], answer["error"]["code"]) == (6, False, "missing")


def test_an_import_of_which_something_is_left_is_bad_news(cli: Cli) -> None:
    found = "   pool: old\n     id: 9\n  state: ONLINE\n config:\n\n\told  ONLINE\n\t  sda  ONLINE\n"
    cli.box.does = lambda request: cli.box.add_pool("old", 9) if request["verb"] == "pool-import" else None
    cli.box.answer = {"stdout": found}
    status, out, err = cli("pool", "import", "old")
    assert (status, out, err) == (0, "Pool old is imported and ONLINE, GUID 9.\n", "")
    cli.box.answer = {"stdout": found, "not_mounted": ["old/e: property mountpoint must not."], "unshared": []}
    status, out, _ = cli("pool", "import", "old")
    assert (status, out.splitlines()[1]) == (3, "Not mounted: old/e: property mountpoint must not.")
    status, answer = cli.json("pool", "import", "old")
    assert (status, answer["data"]["guid"], answer["data"]["not_mounted"]) == (3, "9", cli.box.answer["not_mounted"])
    assert "old/e" in answer["error"]["message"]


DESTRUCTIVE = [
    (("pool", "destroy", "tank"), "tank"),
    (("dataset", "destroy", "tank/a", "-r"), "tank/a"),
    (("snapshot", "destroy", "tank/a@x"), "tank/a@x"),
    (("snapshot", "rollback", "tank/a@x", "--destroy-newer"), "tank/a@x"),
]


@pytest.mark.parametrize(("words", "name"), DESTRUCTIVE)
def test_nothing_is_destroyed_without_its_name(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], name: str
) -> None:
    type_in(monkeypatch, f"{name}x\n")
    status, out, err = cli(*words)
    assert (status, out) == (4, "")
    assert f"Type {name} to go on" in err
    assert "so nothing was done" in err
    for given in ("", "\n", f" {name}\n", "y\n"):
        type_in(monkeypatch, given)
        assert cli(*words)[0] == 4
    assert cli(*words, "--confirm", name.upper())[0] == 4
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{name}\n"))
    assert cli(*words)[0] == 2  # no terminal: a pipe is no confirmation
    type_in(monkeypatch, f"{name}\n")
    assert cli.json(*words)[0] == 2  # --json asks nothing
    assert cli(*words, "--dry-run")[0] == 0
    assert cli.verbs() == []


@pytest.mark.parametrize(("words", "name"), DESTRUCTIVE)
def test_with_its_name_it_is_done(cli: Cli, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], name: str) -> None:
    def does(request: dict[str, Any]) -> None:
        if request.get("dry_run"):
            return
        if request["verb"] != "snapshot-rollback":
            cli.box.pools.clear()
            cli.box.datasets, cli.box.snapshots = [], []

    cli.box.does = does
    type_in(monkeypatch, f"{name}\n")
    status, out, _ = cli(*words)
    assert (status, len(cli.verbs())) == (0, 1)
    assert name.partition("@")[0] in out


def test_rollback_keeps_newer_snapshots_unless_told(cli: Cli) -> None:
    status, _, err = cli("snapshot", "rollback", "tank/a@x", "--confirm", "tank/a@x")
    assert status == 2
    assert "--destroy-newer" in err
    assert cli.verbs() == []


def test_preview_lists_what_goes(cli: Cli) -> None:
    _, out, _ = cli("dataset", "destroy", "tank/a", "-r", "--dry-run")
    assert out.splitlines() == ["Destroys 2 objects and gives back 4.00K:", "  tank/a", "  tank/a@x"]
    _, answer = cli.json("dataset", "destroy", "tank/a", "-r", "--dry-run")
    assert answer["data"]["objects"] == ["tank/a", "tank/a@x"]


def test_create_dry_run_and_scrub(cli: Cli) -> None:
    status, answer = cli.json("pool", "create", "new", "mirror", "ata-a", "ata-b", "--dry-run")
    assert (status, answer["data"]["words"]) == (0, ["mirror", "ata-a", "ata-b"])
    assert cli.verbs() == []
    cli.box.pools["tank"]["scan_stats"] = {**scan("SCANNING"), "to_examine": 100, "issued": 50}
    status, out, _ = cli("pool", "scrub", "tank")
    assert (status, out) == (0, "tank: scrub 50 %.\n")


def test_set_wants_name_and_value(cli: Cli) -> None:
    cli.box.values["quota"] = "1024"
    assert cli("dataset", "set", "tank/a", "quota")[0] == 2
    assert cli("dataset", "set", "tank/a", "quota=1K")[:2] == (0, "quota of tank/a is 1024.\n")


def test_hostile_names_reach_no_terminal(cli: Cli) -> None:
    cli.box.datasets = [dataset_row("tank/a", 77).replace("/tank/a", "/tank\x1b]0;x\x07")]
    _, out, _ = cli("dataset", "list")
    assert "\x1b" not in out
    assert "�]0;x�" in out


def test_describe_shows_the_tree() -> None:
    leaf = Vdev("sda", "disk", "FAULTED", read_errors=3, write_errors=None, checksum_errors=0, note="too many errors")
    pool = Pool("t", "1", "DEGRADED", vdevs=(Vdev("mirror-0", "mirror", "DEGRADED", children=(leaf,)),), status="Bad.")
    text = describe(pool, 0)
    assert "ZFS says: Bad." in text
    line = text.splitlines()[-1]
    assert line.split() == ["sda", "FAULTED", "3", "?", "0", "too", "many", "errors"]
    assert line.startswith("  sda")


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (None, "never scanned"),
        (Scan("scrub", "finished", ended=0, errors=0), "scrub 1m ago, 0 errors"),
        (Scan("scrub", "finished"), "scrub at an unknown time, ? errors"),
        (Scan("resilver", "scanning", percent=12.4, eta=90), "resilver 12 %, 1m 30s left"),
        (Scan("resilver", "scanning"), "resilver ? %"),
        (Scan("scrub", "paused", percent=50), "scrub paused at 50 %"),
        (Scan("scrub", "canceled", ended=0), "scrub canceled 1m ago"),
    ],
)
def test_scan_words(found: Scan | None, words: str) -> None:
    assert scan_text(found, 60) == words


def test_pick_by_name_or_guid() -> None:
    two = (Importable("a", "1", "ONLINE"), Importable("a", "2", "ONLINE"))
    assert pick(two, "2") is two[1]
    with pytest.raises(UsageError, match="2 pools are called a"):
        pick(two, "a")
    with pytest.raises(MissingError):
        pick(two, "b")
    assert pick((Importable("2", "3", "ONLINE"), *two), "2") is two[1], (
        "a GUID is asked for, whatever has its digits for a name"
    )


def chain() -> list[bytes]:
    """A log of three entries."""
    lines: list[bytes] = []
    head = GENESIS
    for number in (1, 2, 3):
        lines.append(seal({"phase": "done", "verb": "noop", "args": {"n": number}, "code": 0}, number, head))
        head = own_hash(lines[-1])
    return lines


def test_audit_verdict() -> None:
    lines = chain()
    good = verdict(lines)
    assert (good.exit_code, good.data["unbroken"], good.data["lines"]) == (0, True, 3)
    assert verdict(lines, own_hash(lines[1])).exit_code == 0
    for place in range(len(lines[1])):
        changed = bytearray(lines[1])
        changed[place] ^= 1
        broken = verdict([lines[0], bytes(changed), lines[2]])
        assert (broken.exit_code, broken.data["unbroken"]) == (3, False)
    assert verdict([lines[0], lines[2]]).exit_code == 3
    assert verdict(lines[:2], own_hash(lines[2])).exit_code == 3
    assert "begins with entry 2" in verdict(lines[1:]).text


def test_audit_rows_survive_anything() -> None:
    assert row({"unreadable": "x"})[-1] == "x"
    assert row({})[0] == "?"
    assert row({"seq": 1, "time": "now", "args": {"pool": "t", "guid": "5"}, "message": "No."})[-1] == "pool=t No."
