"""The walk with keys alone: pool, pair, protect, watch, evidence, again; on whatever line the console runs."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Protocol

import pytest

from tests.lab.conftest import PracticeBox, PracticePair

MEGABYTES = 48
NAMES = {
    "tab": "\t",
    "enter": "\r",
    "down": "\x1b[B",
    "right": "\x1b[C",
    "left": "\x1b[D",
    "escape": "\x1b",
    "clear": "\x15",
    "space": " ",
}


class Screen(Protocol):
    """A terminal as a person has it: keys go in, a screen is there to read."""

    @property
    def text(self) -> str:
        """The screen."""
        ...

    def read(self, seconds: float = 0.1) -> bytes:
        """What comes within `seconds`."""
        ...

    def until(self, seen: Callable[[], bool], what: str = "it") -> None:
        """Read until `seen`; fails with the screen if it never comes."""
        ...

    def until_text(self, text: str) -> None:
        """Read until `text` is on the screen."""
        ...

    def send(self, data: bytes) -> None:
        """Type."""
        ...


class Keys:
    """Types into a console on nas-a."""

    terminal: Screen

    def open(self) -> None:
        """Start the console."""
        raise NotImplementedError

    def leave(self) -> None:
        """Close the console by its key; it must end well."""
        raise NotImplementedError

    def see(self, text: str) -> None:
        """Wait until `text` is on the screen."""
        self.terminal.until_text(text)

    def press(self, *keys: str) -> None:
        """Type, each as the terminal sends it."""
        for key in keys:
            self.terminal.send(NAMES.get(key, key).encode())
            self.terminal.read(0.3)

    def open_form(self, key: str, title: str) -> None:
        """Press `key` until the form is there: what it needs of the list behind it may not have been read yet."""
        for _ in range(20):
            self.press(key)
            for _ in range(40):
                if title in self.terminal.text:
                    return
                self.terminal.read(0.5)
        pytest.fail(f"{title} did not open:\n{self.terminal.text}")

    def _see_marks(self, number: int) -> None:
        self.terminal.until(lambda: self.terminal.text.count("[x]") == number, "the mark")

    def _line_of_cursor(self) -> str:
        return next((text for text in self.terminal.text.split("\n") if text[1:4] == " > " or "│ > " in text), "")

    def mark_free_disks(self, number: int) -> None:
        """In the list of disks: mark the first free ones."""
        marked = 0
        for _ in range(12):
            here = self._line_of_cursor()
            if " free" in here and "[ ]" in here and marked < number:
                self.press("space")
                self._see_marks(marked + 1)
                marked += 1
            if marked == number:
                return
            self.press("down")
        pytest.fail(f"no {number} free disks:\n{self.terminal.text}")


def make_pool(keys: Keys) -> None:
    """A mirror called tank and a dataset in it, by the wizard."""
    keys.see("nas-a: ")  # Start: it never says more than was read
    keys.press("1")
    keys.see("This box has no pools")
    keys.press("n")
    keys.see("New pool")
    keys.press("clear", "tank", "tab", "tab")
    keys.mark_free_disks(2)
    keys.see("Usable about")
    keys.press("enter", "enter")
    keys.see("zpool create tank mirror")
    keys.press("tab", "enter")
    keys.see("tank was created and is ONLINE")
    keys.see("> tank")
    keys.open_form("a", "New dataset")
    keys.press("data", "tab", "tab", "tab", "tab", "enter", "enter")
    keys.see("tank/data was created (GUID")


def pair_and_protect(keys: Keys, pair: PracticePair, fingerprint: str) -> None:
    """Pair nas-b by its fingerprint and password, then protect the dataset there by the wizard, and start its run."""
    keys.press("2")
    keys.see("[tasks]")
    keys.press("n")
    keys.see("Pair a box")
    keys.press("nas-b", "enter", pair.nas_b.address, "enter", "enter", "enter", "enter", "enter")
    keys.see(fingerprint)
    keys.press("tab", "enter")
    keys.see("used once to hand over")
    keys.press("practice", "enter")
    keys.see("Paired with nas-b")
    keys.open_form("a", "Protect a dataset: which?")
    keys.press("G", "enter")
    keys.see("Protect tank/data: where to?")
    keys.press("enter")
    keys.see("Protect tank/data: how?")
    keys.press("left")
    keys.see("by hand")
    keys.press("enter", "enter", "enter", "enter", "enter", "enter")
    keys.see("The first run: about")
    keys.press("tab", "enter")
    keys.see("Run data now?")
    keys.press("tab", "enter")
    keys.see("data was made and its run")


def checksum(box: PracticeBox, path: str) -> str:
    """Of all files below `path`, in order."""
    return box.ssh("sh", "-c", f"cd {path} && find . -type f | sort | xargs sha256sum").stdout


def run_and_close_in_the_middle(keys: Keys, here: PracticeBox) -> None:
    """See the run's progress, close the console; the run goes on."""
    keys.terminal.until(lambda: "ETA" in keys.terminal.text and "M/" in keys.terminal.text, "progress")
    keys.leave()
    listed = json.loads(here.ssh("dplane", "replicate", "list", "--json").stdout)
    assert listed["data"][0]["last"]["state"] in {"running", "succeeded"}


def read_evidence(keys: Keys) -> tuple[str, str]:
    """Open the console again, see the run finish, read its evidence: the snapshot's name and its GUID at the target."""
    keys.open()
    keys.see("tank")
    keys.press("2")
    keys.terminal.until(lambda: keys.terminal.text.count("succeeded") > 1, "the finished run among its task's runs")
    keys.press("enter", "enter")
    keys.see("proven: both sides have the same GUID")
    lines = keys.terminal.text.split("\n")
    guid = next(text.split("target GUID")[1].split()[0] for text in lines if "target GUID" in text)
    name = next(text.split("@")[1].split()[0] for text in lines if "tank/data@" in text)
    keys.press("escape")
    keys.terminal.until(lambda: "same GUID" not in keys.terminal.text, "the list")
    keys.leave()
    return name, guid


def run_twice_more(keys: Keys, here: PracticeBox) -> None:
    """Write again and run: an increment. Run once more: nothing new, in time, with the age of the copy."""
    here.ssh("dd", "if=/dev/urandom", "of=/tank/data/more", "bs=1M", "count=2")
    keys.open()
    keys.see("tank")
    keys.press("2")
    keys.see("> data")
    keys.press("u")
    keys.see("was started")
    keys.terminal.until(lambda: keys.terminal.text.count("succeeded") > 2, "the second run in the list")
    keys.press("u")
    keys.see("nothing-new")
    keys.see("data is in time")
    keys.leave()
    runs = json.loads(here.ssh("dplane", "replicate", "runs", "data", "--json").stdout)["data"]
    assert [run["state"] for run in runs] == ["nothing-new", "succeeded", "succeeded"]
    assert runs[1]["evidence"][0]["base"]
    assert runs[1]["bytes"] < 8 * 1024 * 1024 < runs[2]["bytes"]
    assert runs[0]["bytes"] == 0


def whole(keys: Keys, pair: PracticePair) -> None:
    """All of it, and what both boxes say afterwards."""
    here, there = pair.nas_a, pair.nas_b
    there.ssh("zpool", "create", "-f", "backup", "mirror", there.disk(1), there.disk(2))
    shown = there.ssh("ssh-keygen", "-lf", "/etc/ssh/ssh_host_ed25519_key.pub").stdout.split()[1]
    make_pool(keys)
    here.ssh("dd", "if=/dev/urandom", "of=/tank/data/big", "bs=1M", f"count={MEGABYTES}")
    pair_and_protect(keys, pair, shown)
    run_and_close_in_the_middle(keys, here)
    name, guid = read_evidence(keys)
    for box, dataset in ((here, "tank/data"), (there, "backup/data")):
        assert box.ssh("zfs", "get", "-Hpo", "value", "guid", f"{dataset}@{name}").stdout.strip() == guid
    there.ssh("mkdir", "-p", "/mnt/copy")
    there.ssh("mount", "-t", "zfs", f"backup/data@{name}", "/mnt/copy")
    assert checksum(there, "/mnt/copy") == checksum(here, "/tank/data")
    there.ssh("umount", "/mnt/copy")
    run_twice_more(keys, here)
