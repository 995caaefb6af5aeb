"""A box with 1,000 datasets and 100,000 snapshots that is a program: `zfs` and `zpool` on a PATH of their own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from time import monotonic, perf_counter

from dplane_tui.services.zfs.shelf import SHELF_COLUMNS
from dplane_tui.services.zfs.tree import TREE_COLUMNS

from ._pty import OURS, OURS_DRAWN, OnPty
from .run import CannotMeasureError

DATASETS, EACH = 1000, 100
PACE = 20e-6
"""Seconds a line: quicker than any ZFS that lists snapshots with their sizes, so that ours gets no time for nothing."""
_BLOCK = 500
_SETTLED = 5.0

_FAKE = """#!{python}
import sys, time
here = {here!r}
words = sys.argv[1:]
if words[:1] == ["version"]:
    print("zfs-2.3.9-1")
elif words[:1] == ["list"]:
    columns = words[words.index("-Hpo") + 1]
    name = {{{shelf!r}: "shelf", {tree!r}: "tree", "name,createtxg,creation": "newest"}}[columns]
    with open(here + "/listed", "a") as log:
        log.write(name + "\\n")
    pace = {pace!r} if words[-1] != "unpaced" else 0
    begun, done, block = time.monotonic(), 0, []
    with open(here + "/" + name) as source:
        for line in source:
            block.append(line)
            if len(block) == {block}:
                sys.stdout.write("".join(block)); sys.stdout.flush()
                done += len(block); block = []
                left = begun + done * pace - time.monotonic()
                if left > 0:
                    time.sleep(left)
    sys.stdout.write("".join(block))
"""


def _tree_line(name: str, guid: int) -> str:
    value = {
        "name": name, "type": "filesystem", "guid": str(guid), "createtxg": "1", "used": "1073741824",
        "available": "1099511627776", "referenced": "536870912", "mounted": "yes", "encryption": "off",
        "compressratio": "1.50", "quota": "0", "creation": "1760000000", "canmount": "on", "mountpoint": f"/{name}",
        "readonly": "off", "compression": "lz4",
    }  # fmt: skip
    return "\t".join(value.get(column, "-") for column in TREE_COLUMNS.split(",")) + "\n"


def build(scratch: Path) -> Path:
    """Write the listings and the programs below `scratch`; returns the folder for the PATH."""
    names = ["tank", *(f"tank/share{n // 50:02d}/user-{n:04d}" for n in range(1, DATASETS))]
    with (scratch / "tree").open("w") as tree, (scratch / "shelf").open("w") as shelf:
        newest = (scratch / "newest").open("w")
        for number, name in enumerate(names):
            tree.write(_tree_line(name, 1000 + number))
            for at in range(EACH):
                guid = 10**18 + number * 1000 + at
                short = f"autosnap_2026-{1 + at // 28:02d}-{1 + at % 28:02d}_00:00:01_daily"
                created = 1_760_000_000 + at * 86400
                shelf.write(f"{name}@{short}\t{guid}\t{100 + at}\t{created}\t{at * 4096 * number}\t536870912\t0\n")
                newest.write(f"{name}@{short}\t{100 + at}\t{created}\n")
        newest.close()
    bin = scratch / "bin"
    bin.mkdir()
    text = _FAKE.format(
        python=sys.executable, here=str(scratch), shelf=SHELF_COLUMNS, tree=TREE_COLUMNS, pace=PACE, block=_BLOCK
    )
    (bin / "zfs").write_text(text)
    (bin / "zpool").write_text("#!/bin/sh\nexit 0\n")
    for program in bin.iterdir():
        program.chmod(0o755)
    return bin


def bare(bin: Path, columns: str, *more: str) -> float:
    """Seconds of the one `zfs list` itself, read to its end as a pipe is."""
    begun = perf_counter()
    subprocess.run([str(bin / "zfs"), "list", "-Hpo", columns, "-t", "x", *more], stdout=subprocess.PIPE, check=True)
    return perf_counter() - begun


def listed(bin: Path) -> list[str]:
    """Which listings were asked for so far."""
    log = bin.parent / "listed"
    return log.read_text().split() if log.exists() else []


class Box:
    """The console on that box, at its first screen."""

    def __init__(self, scratch: Path, bin: Path) -> None:
        self.bin = bin
        (bin.parent / "listed").unlink(missing_ok=True)
        self.program = OnPty(OURS, scratch, path=f"{bin}:{os.environ['PATH']}")

    def __enter__(self) -> Box:
        self.program.drawn(OURS_DRAWN)
        self.program.idle_memory(_SETTLED)  # what it loads behind its first frame is there
        return self

    def __exit__(self, *error: object) -> None:
        self.program.__exit__(None, None, None)

    def opened(self, key: bytes, mark: str) -> float:
        """Seconds from the key to the frame that has `mark` in it."""
        begun = perf_counter()
        self.program.send(key)
        end = monotonic() + 300
        wanted = re.compile(mark.encode())
        while not wanted.search(self.program.fresh()):
            if monotonic() > end:
                raise CannotMeasureError(f"it never showed {mark}")
        return perf_counter() - begun

    def scroll(self) -> None:
        """Over the whole list, sorted three ways; raises CannotMeasureError when that listed anything again."""
        before = listed(self.bin)
        for keys in (b"G", b"g", b"s", b"s", b"G", b"R", b"g"):
            self.program.send(keys)
            self.program.quiet(1.0)
        if listed(self.bin) != before:
            raise CannotMeasureError("scrolling listed the snapshots again")
