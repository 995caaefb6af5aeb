"""docs/fault-matrix.md: what was made to go wrong, where, and what came of it. The page is its own store."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "fault-matrix.md"
HEAD = """# The fault matrix

Each row is a run of replication between the two boxes of the practice pair, in which one thing went wrong at one call
of `zfs`, `zpool` or `ssh`, and the run after it. After both, the boxes were asked behind the product's back: every
snapshot that was there before is there with the same GUID, what the store calls proven is listed by both boxes, and at
the end the copy has every snapshot of the source and the same files by checksum. A row stands here only when all of
that held; where the next run needed a person, the row says what was mended. `make matrix` runs everything again, some
hours, and rewrites the rows. A row is of the last time that its fault was made, which can be before the newest
change of the engine; `git log docs/fault-matrix.md` tells when.

Kills are made before every call, and after each that changes something, on both sides, of a push, of a pull, and of a
run of a tree. The cable is cut and the power fails where bytes flow and where they have just arrived, of a push only;
the other faults of a stream are made in a push, five of them in a pull. Not made on the boxes: faults of a volume, of
a copy within one box, and with a peer that has only ZFS and SSH. On ZFS 2.1 only the faults of a stream and the cut
cable were made.

| ZFS | fault | where | the run | the next run |
|---|---|---|---|---|
"""


@dataclass(frozen=True, slots=True)
class Row:
    """One fault and its outcome."""

    zfs: str
    fault: str
    where: str
    run: str
    next_run: str

    def line(self) -> str:
        """As a line of the table."""
        cells = (self.zfs, self.fault, self.where, self.run, self.next_run)
        return "| " + " | ".join(" ".join(cell.replace("|", "/").split()) for cell in cells) + " |"


def with_row(page: str, row: Row) -> str:
    """`page` with that row: in the place of the row of the same fault and place, else behind the others of its ZFS."""
    lines = page.partition("\n|---|---|---|---|---|\n")[2].splitlines()
    key = row.line().split(" | ")[:3]
    if any(line.split(" | ")[:3] == key for line in lines):
        lines = [row.line() if line.split(" | ")[:3] == key else line for line in lines]
    else:
        lines.append(row.line())
    return HEAD + "".join(f"{line}\n" for line in sorted(lines, key=lambda line: line.split(" | ")[0]))


def record(row: Row) -> None:
    """Write the row into the page, and print it."""
    print(row.line(), flush=True)
    PAGE.write_text(with_row(PAGE.read_text() if PAGE.exists() else "", row))
