"""A snapshot as the planner sees it, and whose it is by its name. Pure."""

from __future__ import annotations

import re

from ...lazyclass import dataclass
from ..replication.plan import OWN_SNAPSHOT

POLICY_SNAPSHOT = f"{OWN_SNAPSHOT}auto-"
"""How the names of snapshots begin that a dataset's policy took; the UTC time stands behind it."""
TASKS, POLICY, ALL = "tasks", "policy", "all"
"""Whose snapshots a plan may let go: those of replication tasks, those of the dataset's policy, or both."""
_MAKERS = {"syncoid_": "syncoid", "autosnap_": "sanoid", "zrepl_": "zrepl", "bzfs_": "bzfs"}
_DATE = re.compile(r"(?<![0-9.:])(?:19|20)[0-9]{2}-?(?:0[1-9]|1[0-2])-?(?:0[1-9]|[12][0-9]|3[01])")


@dataclass(frozen=True, slots=True)
class Point:
    """One snapshot of a dataset."""

    name: str
    """Behind the `@`."""
    guid: str
    createtxg: int
    """Orders the snapshots of a dataset, whatever the clock said."""
    creation: int
    """Unix seconds, by the clock of the box that took it; a received copy keeps it. 0 is unknown."""
    holds: int = 0
    clones: tuple[str, ...] = ()
    """Datasets that were cloned from it."""
    written: int | None = None
    """Bytes that were written between the snapshot before and it; None is unknown."""
    peer: str = ""
    """The peer that had it taken here, by root's mark; empty for this box's own."""
    let_go: str = ""
    """Of one that D-Plane did not take: how the names begin that an administrator lets go, it among them."""

    @property
    def ours(self) -> bool:
        """Whether D-Plane took it."""
        return self.name.startswith(OWN_SNAPSHOT)

    @property
    def owner(self) -> str:
        """POLICY or TASKS; empty for what D-Plane did not take."""
        return "" if not self.ours else POLICY if self.name.startswith(POLICY_SNAPSHOT) else TASKS

    @property
    def maker(self) -> str:
        """The other tool whose name it has; empty for a person's own or an unknown tool's."""
        return next((maker for prefix, maker in _MAKERS.items() if self.name.startswith(prefix)), "")

    @property
    def family(self) -> str:
        """What the names have in common that the same job of another tool gives: all before the last date."""
        dates = [found.start() for found in _DATE.finditer(self.name)]
        return self.name[: dates[-1]] if dates else self.let_go or self.name
