"""Faults at chosen calls of a run's programs, in the practice boxes: what is called is known, and one call goes wrong.

`zfs`, `zpool` and `ssh` of a box are moved aside and `faults/shim` stands in their places; the product is as it was.
"""

from __future__ import annotations

import json
import re
import shlex
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .replication_lab import Boxes

SHIM = Path(__file__).parent / "faults" / "shim"
PROGRAMS = {"nas-a": ("/usr/sbin/zfs", "/usr/sbin/zpool", "/usr/bin/ssh"), "nas-b": ("/usr/sbin/zfs",)}
UNIT = "dplane-matrix"
REAL = "/usr/local/lib/faults/zfs"
KILL_JOB = f"systemctl kill --signal=KILL --kill-whom=all {UNIT}.service"
KILL_FAR = f"""pkill -KILL -f '[l]ibexec/privhelper|[d]plane agent|[s]shd.*: dplane'
pkill -KILL -f '^{REAL}'; :"""
WAIT = ": >/run/faults/asked; until [ -e /run/faults/go ]; do sleep 0.2; done"
_CHANGING = {"snapshot", "bookmark", "destroy", "create", "set", "receive", "hold", "release", "rename", "rollback"}
_INSTALL = """
set -e
mkdir -p /usr/local/lib/faults /run/systemd/system
cat >/usr/local/lib/faults/shim
chmod 755 /usr/local/lib/faults/shim
for program in %(programs)s; do
    [ -e /usr/local/lib/faults/${program##*/} ] || mv "$program" /usr/local/lib/faults/
    ln -sf /usr/local/lib/faults/shim "$program"
done
printf '%%s\\n' 'dplane ALL=(root) NOPASSWD: /usr/bin/systemctl start dplane-fault@*' >/etc/sudoers.d/dplane-fault
chmod 440 /etc/sudoers.d/dplane-fault
cd /run/systemd/system
printf '[Service]\\nType=oneshot\\nExecStart=/bin/sh /run/faults/act.%%%%i\\n' >dplane-fault@.service
systemctl daemon-reload
systemctl stop docker.socket docker containerd 2>/dev/null || :
"""
_REMOVE = """
for program in %(programs)s; do mv -f /usr/local/lib/faults/${program##*/} "$program"; done
rm -rf /etc/sudoers.d/dplane-fault /run/systemd/system/dplane-fault@.service /usr/local/lib/faults /run/faults
"""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong at one call."""

    box: str
    pattern: str
    """For the call as a line, with `*`: `zfs receive *`."""
    act: str
    """Shell words that do it, as root, outside of every job."""
    turn: int = 1
    when: str = "before"
    """`before`, `after`, `within-input`, `within-output`, `truncated` or `garbled`."""
    bytes: int = 0

    @property
    def place(self) -> str:
        """Where it strikes, for people."""
        what = self.pattern.replace("*", "").replace('"op": ', "").replace('"', "").strip()
        where = {"within-input": "in the middle of", "within-output": "in the middle of"}.get(self.when, self.when)
        return f"{self.box}: {where} {what}{f' (call {self.turn})' if self.turn > 1 else ''}"


Listing = dict[str, str]


@dataclass(frozen=True, slots=True)
class State:
    """What both boxes list: names of datasets, snapshots and bookmarks with their GUIDs."""

    here: Listing
    there: Listing


class Faults:
    """The pair of boxes with the shim in place."""

    def __init__(self, boxes: Boxes) -> None:
        self.boxes = boxes
        self.box = {"nas-a": boxes.a, "nas-b": boxes.b}

    def shell(self, box: str, script: str, input: str | None = None, check: bool = True) -> str:
        """A script in a box, as root; what it wrote."""
        argv = ("bash", "-c", script) if input is not None else ("bash", "-s")
        done = self.box[box].ssh(*argv, input=script if input is None else input, check=check)
        return str(done.stdout)

    def install(self) -> None:
        """Put the shim in place."""
        for name, programs in PROGRAMS.items():
            self.shell(name, _INSTALL % {"programs": " ".join(programs)}, SHIM.read_text())

    def remove(self) -> None:
        """Put the programs back."""
        for name, programs in PROGRAMS.items():
            self.shell(name, _REMOVE % {"programs": " ".join(programs)})

    def arm(self, *faults: Fault) -> None:
        """Forget what was, and have these faults happen."""
        for name in self.box:
            lines = [
                "rm -rf /run/faults",
                "mkdir -m 777 /run/faults",
                ": >/run/faults/log",
                "chmod 666 /run/faults/log",
            ]
            for number, fault in enumerate(faults):
                if fault.box == name:
                    told = f"{fault.pattern}\n{fault.turn}\n{fault.when}\n{fault.bytes}\n"
                    lines.append(f"printf %s {shlex.quote(fault.act)} >/run/faults/act.{number}")
                    lines.append(f"printf %s {shlex.quote(told)} >/run/faults/armed.{number}")
            self.shell(name, "\n".join(lines))

    def disarm(self) -> None:
        """From here on nothing goes wrong, and nothing is written down."""
        for name in self.box:
            self.shell(name, "rm -rf /run/faults")

    def struck(self) -> set[int]:
        """The numbers of the armed faults that happened."""
        told = [self.shell(name, "cd /run/faults && ls | sed -n 's/^fired[.]//p'", check=False) for name in self.box]
        return {int(number) for text in told for number in text.split()}

    def calls(self, box: str) -> list[str]:
        """What was called in a box since `arm`."""
        return self.shell(box, "cat /run/faults/log").splitlines()

    def run(self, task: str) -> Any:
        """A whole run in a unit of its own, as user dplane; the run as the store has it, whatever became of it."""
        return self._ended(task, self._started(task))

    def run_beside(self, task: str, box: str, outside: Callable[[], None], back: Callable[[], None]) -> Any:
        """The same; when the armed fault of `box` waits (`WAIT`), `outside` is done, and `back` at the run's end."""
        with ThreadPoolExecutor(1) as other:
            running = other.submit(self._started, task)
            while self.box[box].ssh("test", "-e", "/run/faults/asked", check=False).returncode:
                assert not running.done(), "the fault did not happen"
                time.sleep(0.5)
            outside()
            text = running.result()
        back()
        return self._ended(task, text)

    def _started(self, task: str) -> str:
        words = f"systemd-run --quiet --wait --pipe --collect --unit={UNIT} -p User=dplane -p UMask=0002"
        return self.shell("nas-a", f"{words} dplane replicate run {shlex.quote(task)} --foreground --json", check=False)

    def _ended(self, task: str, text: str) -> Any:
        if text.strip():
            answer = json.loads(text)
            return answer["data"] if "data" in answer else answer["error"]
        return self.boxes.dplane("replicate", "runs", task, "--limit", "1")[0]

    def go(self, box: str) -> None:
        """Let the call go on that waits."""
        self.shell(box, ": >/run/faults/go")

    def listing(self, box: str, top: str) -> Listing:
        """Everything below `top` with its GUID, from the real program, behind the product's back."""
        text = self.shell(box, f"{REAL} list -Hpr -t all -s createtxg -o name,guid {top} 2>/dev/null", check=False)
        return dict(line.split("\t") for line in text.splitlines())

    def state(self, source: str, target: str, *, pulled: bool = False) -> State:
        """What both boxes list; `pulled`: the source is on nas-b."""
        here, there = ("nas-b", "nas-a") if pulled else ("nas-a", "nas-b")
        return State(self.listing(here, source), self.listing(there, target))

    def assert_whole(self, source: str, copy: str, state: State, *, pulled: bool = False) -> None:
        """The copy has each snapshot of the source and the same files, and the run left nothing of its own behind."""
        ours = {name.partition("@")[2]: guid for name, guid in state.here.items() if name.startswith(f"{source}@")}
        theirs = {name.partition("@")[2]: guid for name, guid in state.there.items() if name.startswith(f"{copy}@")}
        assert ours
        assert ours.items() <= theirs.items(), f"{ours.keys() - theirs.keys()} did not arrive"
        marks = [name for name in state.here if name.startswith(f"{source}#dplane-")]
        assert len(marks) == 1, f"old bases stay: {marks}"
        newest = next(reversed(ours))
        here, there = ("nas-b", "nas-a") if pulled else ("nas-a", "nas-b")
        sums = [self.sums(box, f"{name}@{newest}") for box, name in ((here, source), (there, copy))]
        assert sums[0]
        assert sums[0] == sums[1]
        left = self.shell(there, f"{REAL} get -Hpo value receive_resume_token {copy}; ls /var/lib/dplane/ssh")
        assert left.startswith("-\n"), left
        assert "begun-" not in left

    def sums(self, box: str, snapshot: str) -> str:
        """SHA-256 of every file of a snapshot, with its name."""
        return self.shell(
            box,
            f"mkdir -p /mnt/look && mount -t zfs -o ro '{snapshot}' /mnt/look && cd /mnt/look && "
            "find . -type f | sort | xargs -d '\\n' sha256sum; cd / && umount /mnt/look",
        )


def assert_nothing_lost(before: State, after: State, but: tuple[str, ...] = ()) -> None:
    """Each dataset and snapshot that was there is there, the same; our bookmarks may go. `but` was destroyed by us."""
    for old, new in ((before.here, after.here), (before.there, after.there)):
        for name, guid in old.items():
            if "#dplane-" not in name and name not in but:
                assert new.get(name) == guid, f"{name} was lost"


def assert_no_false_success(run: Any, after: State) -> None:
    """What the store calls proven, both boxes list; a run that is called good proves something."""
    good = run.get("state") in {"succeeded", "nothing-new"}
    assert not good or run["evidence"], "a success without evidence"
    for proof in run.get("evidence", ()):
        same = proof["source_guid"] == proof["target_guid"]
        assert same or not good, "a success with evidence against it"
        if same:
            assert after.here.get(f"{proof['dataset']}@{proof['snapshot']}") == proof["source_guid"]
            assert after.there.get(f"{proof['target']}@{proof['snapshot']}") == proof["target_guid"]


def boundaries(box: str, calls: list[str], act: str) -> list[Fault]:
    """A fault before each of these calls, and after each that changes something."""
    seen: dict[str, int] = {}
    found: list[Fault] = []
    for call in calls:
        pattern = pattern_of(call)
        seen[pattern] = turn = seen.get(pattern, 0) + 1
        found.append(Fault(box, pattern, act, turn))
        if call.split(" ")[1] in _CHANGING:
            found.append(Fault(box, pattern, act, turn, "after"))
    return found


def pattern_of(call: str) -> str:
    """The pattern for calls of this kind."""
    program, verb, *_ = [*call.split(" "), ""]
    if program == "ssh":
        op = re.search(r'"op": "([a-z]+)"', call)
        return f'ssh *"op": "{op[1]}"*' if op else "ssh *"
    return f"{program} {verb}*"


def outcome(run: Any) -> str:
    """How a run ended, for the table."""
    state, code, message = run.get("state", "?"), run.get("error_code", ""), run.get("message", "")
    return f"{state}{f' ({code})' if code else ''}: {message}" if state == "failed" else str(state)
