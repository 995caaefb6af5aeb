"""What retention does with the snapshots of a task, for a preview, for the record and for a person."""

from __future__ import annotations

from ...lazyclass import dataclass

SOURCE, TARGET = "source", "target"
UNKNOWN = "whether it went is not known"
"""How an error begins of what was to be destroyed and may have been."""
BEGUN = f"{UNKNOWN}: nothing is on record since it was about to be destroyed"
"""The error of what is about to be destroyed: it stands until it is known what became of it."""


@dataclass(frozen=True, slots=True)
class PruneWish:
    """What is asked for. A policy that is None is the task's own."""

    dry: bool = True
    """Only show what would go."""
    keep_source: str | None = None
    keep_target: str | None = None
    backlog: int | None = None
    let_go: str | None = None
    """With `dry`: as if an administrator had let names go that begin so (`privhelper/let_go.py`)."""
    ahead: bool = False
    """As it will be when a run has brought everything to the target."""


@dataclass(frozen=True, slots=True)
class Judged:
    """One snapshot, and what becomes of it."""

    dataset: str
    snapshot: str
    """Name behind the `@`."""
    guid: str
    keep: bool
    why: str
    destroyed: bool = False
    """It was destroyed, and is not listed any more."""
    error: str = ""
    """Why it is still there although it was to go; begins with UNKNOWN where it may have gone."""

    @property
    def unknown(self) -> bool:
        """Whether it was to go, and may have gone."""
        return self.error.startswith(UNKNOWN)

    def fate(self, *, dry: bool) -> str:
        """What becomes, or became, of it in a word."""
        if self.keep or dry:
            return "stays" if self.keep else "goes"
        return "gone" if self.destroyed else "unclear" if self.unknown else "LEFT"


@dataclass(frozen=True, slots=True)
class SideReport:
    """One side of a task."""

    side: str
    """`source` or `target`."""
    place: str
    """Which box."""
    policy: str = ""
    judged: tuple[Judged, ...] = ()
    frees: int | None = None
    """Bytes that what goes occupies alone, as ZFS estimates it; None is unknown."""
    problem: str = ""
    """Why nothing, or not all, could be looked at or destroyed here, a sentence."""
    note: str = ""
    """What is old by its date alone, and what to do about it, in sentences."""

    @property
    def goes(self) -> tuple[Judged, ...]:
        """Those that the policy lets go."""
        return tuple(item for item in self.judged if not item.keep)


@dataclass(frozen=True, slots=True)
class Pruning:
    """Both sides of a task; a side without a policy is not in it."""

    task: str
    dry: bool
    sides: tuple[SideReport, ...] = ()


@dataclass(frozen=True, slots=True)
class Pruned:
    """The record of one snapshot that retention destroyed, could not, or is about to destroy."""

    side: str
    dataset: str
    snapshot: str
    guid: str
    at: float
    """Unix seconds."""
    error: str = ""
    """Why it is still there, or UNKNOWN and why; empty when it is gone."""
