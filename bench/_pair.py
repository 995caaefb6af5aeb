"""The practice pair for the benches of replication: pools, a tree, and the four ways to bring it to the other box.

What is measured is measured inside nas-a, with its own clock, so that this machine's way into the box does not count.
Other tools come from the folder that DPLANE_BENCH_TOOLS names: Debian packages of syncoid (`sanoid`) and what it needs,
and the wheel of bzfs. They are put into the running boxes only; the saved state never has them.
"""

from __future__ import annotations

import os
import shlex
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from .run import CannotMeasureError

ROOT = Path(__file__).parents[1]
DATASETS = 20
TASK = "tree"
SOURCE = "tank/tree"
BY_HAND, OURS, SYNCOID, BZFS = "vault/hand/tree", "vault/ours/tree", "vault/syncoid/tree", "vault/bzfs/tree"
SSH = "ssh -o BatchMode=yes -o Compression=no root@nas-b"
JOB = "runuser -u dplane -- /opt/dplane/current/bin/dplane replicate run {} --foreground --json"
_TOOLS = "/srv/bench-tools"
_READY = "/srv/bench-ready"  # in nas-a: the boxes are prepared for the benches


@dataclass(frozen=True, slots=True)
class Way:
    """One way to bring the source's snapshots to its own target: a shell line in nas-a."""

    name: str
    target: str
    line: str


class Boxes:
    """Both boxes, prepared once for all benches of a run."""

    def __init__(self, pair: Any) -> None:
        self._a, self._b = pair.nas_a, pair.nas_b
        self._round = 0

    def a(self, script: str) -> str:
        """Run a shell script in nas-a as root; returns what it prints."""
        return str(self._a.ssh("bash", "-ec", script).stdout)

    def b(self, script: str) -> str:
        """The same in nas-b."""
        return str(self._b.ssh("bash", "-ec", script).stdout)

    def timed(self, line: str) -> float:
        """Seconds that a shell line takes in nas-a. A line that fails is no measurement: it raises AssertionError."""
        begin, end = '"$EPOCHREALTIME"', '"$EPOCHREALTIME"'
        said = self.a(
            f'b={begin}; ( {line} ) >/tmp/bench-out 2>&1 || {{ cat /tmp/bench-out; exit 9; }}; e={end}\necho "$b $e"'
        )
        start, stop = said.split()[-2:]
        return float(stop) - float(start)

    def snapshot(self) -> str:
        """Write a little into each dataset and take the next snapshot of the tree; returns its name."""
        self._round += 1
        name = f"r{os.getpid()}-{self._round}"
        self.a(
            "for f in $(zfs list -H -o mountpoint -r tank/tree); do "
            f"head -c 65536 /dev/urandom > $f/{name}; done; zpool sync tank; zfs snapshot -r {SOURCE}@{name}; sync"
        )
        return name

    def newest(self) -> str:
        """The newest snapshot of the tree, taken now when there is none."""
        found = self.a(f"zfs list -H -t snapshot -o name -s createtxg -d 1 {SOURCE}").split()
        return found[-1].partition("@")[2] if found else self.snapshot()

    def keep_snapshots(self, count: int) -> str:
        """Bring the tree to so many snapshots, without bookmarks; returns the newest one's name."""
        self.a(f"zfs list -H -o name -t bookmark -r {SOURCE} | xargs -r -n1 zfs destroy")
        found = self.a(f"zfs list -H -t snapshot -o name -s createtxg -d 1 {SOURCE}").split()
        for old in found[: max(0, len(found) - count)]:
            self.a(f"zfs destroy -r {old}")
        for _ in range(count - len(found)):
            self.snapshot()
        return self.newest()

    def base(self, target: str) -> str:
        """The newest snapshot that a target has."""
        return self.b(f"zfs list -H -t snapshot -o name -s createtxg -d 1 {target}").split()[-1].partition("@")[2]

    def assert_same(self, target: str) -> None:
        """The target has the source's newest snapshot of each dataset, by GUID; else it was no measurement."""
        name = self.newest()
        here = self.a(f"zfs list -H -t snapshot -o name,guid -r {SOURCE} | grep '@{name}\\s' | cut -f2 | sort").split()
        there = self.b(f"zfs list -H -t snapshot -o name,guid -r {target} | grep '@{name}\\s' | cut -f2 | sort").split()
        assert here
        assert here == there, f"{target} does not have what was sent: {len(there)} of {len(here)}"


def ways() -> tuple[Way, ...]:
    """Ours, the pipe by hand, syncoid and bzfs, each to a target of its own."""
    bzfs = f"PYTHONPATH={_TOOLS}/bzfs python3 -m bzfs_main.bzfs"
    return (
        Way("ours", OURS, JOB.format(TASK)),
        Way("by hand", BY_HAND, ""),
        Way("syncoid", SYNCOID, f"syncoid -r --no-sync-snap {SOURCE} root@nas-b:{SYNCOID}"),
        Way("bzfs", BZFS, f"{bzfs} --recursive {SOURCE} root@nas-b:{BZFS}"),
    )


@cache
def boxes() -> Boxes:
    """The running pair, prepared. Raises CannotMeasureError."""
    sys.path.insert(0, str(ROOT / "lab"))
    from dplane_lab.errors import LabError
    from dplane_lab.pair import Pair

    from tests.lab.conftest import PracticePair
    from tests.lab.replication_lab import Boxes as Lab

    running = Pair()
    state = running.state()
    if state is None or any(node.process is None for node in state.nodes.values()):
        raise CannotMeasureError("the practice pair does not run; start it with lab/lab up")
    try:
        pair = PracticePair(running)
        made = Boxes(pair)
        if made.a(f"test -e {_READY} && echo ready || true").strip() != "ready":
            _prepare(made, Lab(pair))
    except LabError as error:
        raise CannotMeasureError(str(error)) from None
    return made


def _prepare(made: Boxes, lab: Any) -> None:
    tools = os.environ.get("DPLANE_BENCH_TOOLS")
    if not tools:
        raise CannotMeasureError("DPLANE_BENCH_TOOLS does not name the folder with syncoid's packages and bzfs's wheel")
    for box, run in ((lab.a, made.a), (lab.b, made.b)):
        run(f"rm -rf {_TOOLS}")
        box.copy_in(Path(tools), _TOOLS)
        run(f"dpkg -i --force-depends {_TOOLS}/*.deb; python3 -m zipfile -e {_TOOLS}/bzfs-*.whl {_TOOLS}/bzfs")
    lab.make_pools()
    lab.pair_up()
    key = made.a("test -e $HOME/.ssh/id_ed25519 || ssh-keygen -q -t ed25519 -N '' -f $HOME/.ssh/id_ed25519; "
                 "cat $HOME/.ssh/id_ed25519.pub").strip()  # fmt: skip
    made.b(f"mkdir -p $HOME/.ssh; echo {shlex.quote(key)} >> $HOME/.ssh/authorized_keys")
    made.a(f"ssh -o StrictHostKeyChecking=accept-new root@nas-b true; {SSH} true")
    made.b("for t in hand ours syncoid bzfs; do [ $t = ours ] || zfs create -u -o canmount=off vault/$t; done")
    made.a(f"zfs create {SOURCE}; for i in $(seq {DATASETS - 1}); do zfs create {SOURCE}/d$i; done; touch {_READY}")
    made.a(f"dplane replicate add {TASK} --source {SOURCE} --to nas-b:{OURS} --recursive --no-snapshot")


def blob(pair: Boxes) -> str:
    """A dataset with 64 MB of bytes that do not compress, its snapshot and its task `blob`; returns the dataset."""
    name = "tank/blob"
    pair.a(
        f"zfs list -H -o name {name} >/dev/null 2>&1 || {{ zfs create {name}; "
        f"dd if=/dev/urandom of=/{name}/blob bs=1M count=64 status=none; zfs snapshot {name}@b; "
        f"dplane replicate add blob --source {name} --to nas-b:vault/ours/blob --no-snapshot; }}"
    )
    return name
