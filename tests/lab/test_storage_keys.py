"""Bad days with keys alone: a disk written over, a box that boots with a locked dataset, a file deleted by mistake."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.lab.test_console import FromHere
from tests.lab.test_files import MAKE, STATE
from tests.lab.test_pool_repair import fill, leaves, read_again
from tests.lab.test_pools import Command
from tests.pty import conftest as line

pytestmark = [pytest.mark.lab, pytest.mark.long]
SECRET = "a long passphrase"


@pytest.fixture
def dplane(fresh_pair: Any) -> Command:
    """The command on nas-a, which has made a raidz1 called tank of three disks."""
    one = Command(fresh_pair.nas_a)
    one("pool", "create", "tank", "raidz1", *one.free_disks()[:3])
    return one


@pytest.fixture
def keys(dplane: Command, fresh_pair: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FromHere]:
    """The console, opened on nas-a when its pool is there."""
    assert dplane("pool", "show", "tank")["state"] == "ONLINE"
    monkeypatch.setattr(line, "PATIENCE", 900.0)  # emulated boxes take their time
    one = FromHere(fresh_pair, tmp_path)
    one.see("nas-a: ")
    yield one
    one.terminal.close()


def to_row(keys: FromHere, text: str) -> None:
    """Move the cursor down until it is on the row with this text."""
    for _ in range(30):
        keys.terminal.read(1.0)
        if any("> " in row and text in row for row in keys.terminal.text.split("\n")):
            return
        keys.press("down")
    pytest.fail(f"no row says {text}:\n{keys.terminal.text}")


def test_a_disk_written_over_is_found_explained_and_made_whole(
    keys: FromHere, dplane: Command, fresh_pair: Any
) -> None:
    box = fresh_pair.nas_a
    before = fill(box)
    disk = list(leaves(dplane("pool", "show", "tank")))[2]
    over = (f"of=/dev/disk/by-id/{disk}-part1", "bs=1M", "seek=16", "count=400", "conv=notrunc,fsync")
    box.ssh("dd", "if=/dev/zero", *over)
    keys.press("1")
    keys.see("> tank")

    def scrub() -> None:
        keys.open_form("b", "Scrub of tank")
        keys.press("enter")
        keys.see("The scrub of tank is")
        box.ssh("zpool", "wait", "-t", "scrub", "tank")

    scrub()
    keys.open_form("y", "Repair of tank")
    keys.see(disk)
    keys.see("came back other than they were written")
    keys.keep("storage-repair")
    keys.see("y clear the errors")
    keys.press("y")
    keys.see("Sets the counts to zero")
    keys.press("tab", "enter")
    keys.see("Nothing is wrong with tank.")
    keys.press("escape")
    box.ssh("zpool", "wait", "-t", "resilver", "tank")
    scrub()
    keys.open_form("y", "Nothing is wrong with tank.")
    pool = dplane("pool", "show", "tank")
    assert (pool["state"], pool["data_errors"], pool["scan"]["errors"]) == ("ONLINE", 0, 0)
    assert read_again(box, "tank", "/tank/data") == before


def test_a_locked_dataset_is_unlocked_at_the_console_after_a_boot(
    keys: FromHere, dplane: Command, fresh_pair: Any
) -> None:
    box = fresh_pair.nas_a
    keys.press("5")
    keys.see("> tank")
    keys.open_form("a", "New dataset")
    keys.press("safe", *["tab"] * 5, "space", "tab", SECRET, "tab", SECRET, "enter", "enter")
    keys.see("tank/safe was created with a key of its own.")
    box.ssh("sh", "-c", "echo hidden >/tank/safe/letter; zpool sync tank")
    to_row(keys, " safe ")
    keys.press("C")
    keys.see("Lock tank/safe?")
    keys.press("tab", "enter")
    keys.see("tank/safe waits for its passphrase: E unlocks it.")
    assert box.ssh("ls", "/tank/safe").stdout == ""
    keys.leave()

    box.power_cut()
    box.power_on()
    [waits] = dplane("dataset", "locked", status=3)
    assert waits["dataset"] == "tank/safe"
    keys.open()
    keys.see("tank/safe waits for its key")  # on Start
    keys.keep("storage-start")
    to_row(keys, "tank/safe")
    keys.press("enter")
    keys.see("tank/safe waits for its passphrase: E unlocks it.")
    keys.keep("storage-locked")
    keys.press("E")
    keys.see("Unlock tank/safe")
    keys.press("not the passphrase", "enter")
    keys.see("Incorrect key")
    keys.press("E")
    keys.see("Unlock tank/safe")
    keys.press(SECRET, "enter")
    keys.see("tank/safe is unlocked; 1 mounted.")
    assert box.ssh("cat", "/tank/safe/letter").stdout == "hidden\n"
    log = box.ssh("sh", "-c", "cat /var/log/dplane/*; journalctl --no-pager -b").stdout
    assert SECRET not in log


def test_a_file_deleted_by_mistake_is_found_an_hour_back_and_is_as_it_was(
    keys: FromHere, dplane: Command, fresh_pair: Any
) -> None:
    box = fresh_pair.nas_a
    box.ssh("zfs", "create", "-o", "xattr=sa", "-o", "acltype=posixacl", "tank/files")
    box.ssh("python3", "-c", MAKE)
    dplane("snapshot", "create", "tank/files@hour")
    box.ssh("rm", "/tank/files/docs/letter")
    keys.press("F")
    keys.see("No dataset is chosen.")
    keys.open_form("d", "Whose files?")
    to_row(keys, "tank/files")
    keys.press("enter")
    keys.see("tank/files:/ (now)")
    to_row(keys, "docs/")
    keys.press("enter")
    keys.see("tank/files:/docs (now)")
    keys.see("deep/")
    assert "letter" not in keys.terminal.text
    keys.press("[")
    keys.see("─ tank/files@hour:/docs")  # not yet there while it says that it reads
    keys.press("A")
    keys.see("Go on as root?")
    keys.press("tab", "enter")
    keys.terminal.until(
        lambda: "Go on as root?" not in keys.terminal.text and "as root" in keys.terminal.text, "the caption"
    )
    to_row(keys, "letter")
    keys.keep("storage-files")
    keys.press("b")
    keys.see("Bring back letter")
    to_row(keys, "in its place")
    keys.press("enter")
    keys.see("Bring back letter?")
    keys.press("tab", "enter")
    keys.see("letter was restored")

    def state(path: str) -> Any:
        return json.loads(box.ssh("python3", "-c", STATE, path).stdout)

    assert state("/tank/files/docs/letter") == state("/tank/files/.zfs/snapshot/hour/docs/letter")
    assert state("/tank/files/docs/letter")[1:3] == [1234, 4321]
