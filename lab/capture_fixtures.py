#!/usr/bin/python3 -B
"""Capture what ZFS says in every state of a pool, on a real box, into tests/fixtures/zfs/<version>/.

Run it while the pair is up. It resets the pair before and after, because one pool ends suspended.
"""

from __future__ import annotations

import io
import sys
import tarfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from dplane_lab.config import NODES
from dplane_lab.errors import LabError
from dplane_lab.pair import Pair
from dplane_lab.paths import REPO

FIXTURES = REPO / "tests" / "fixtures" / "zfs"
DISKS = ("vdb", "vdc", "vdd")


def main() -> int:
    """Reset the pair, run capture.sh in nas-a, unpack what it kept, reset again; returns the exit code."""
    node = NODES[0]
    try:
        pair = Pair()
        pair.reset()
        script = (FIXTURES / "capture.sh").read_bytes()
        done = pair.login.run(node, ["sh", "-s", *DISKS], script, timeout=1800)
        if done.returncode or not done.stdout:
            words = done.stderr.decode(errors="replace").strip().splitlines() or ["it said nothing"]
            raise LabError(f"The capture in {node.name} failed: {words[-1]}")
        version = pair.login.need(node, ["cat", "/sys/module/zfs/version"]).split("-")[0].strip()
        target = FIXTURES / version
        with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
            for entry in archive:
                held = archive.extractfile(entry) if entry.isfile() else None
                path = Path(entry.name)
                if held is None or path.is_absolute() or ".." in path.parts:
                    continue
                (target / path).parent.mkdir(parents=True, exist_ok=True)
                (target / path).write_bytes(held.read())
        pair.reset()
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1
    print(f"{len(list(target.rglob('*')))} files in {target}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
