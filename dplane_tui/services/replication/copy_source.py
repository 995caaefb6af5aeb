"""A copy as the source of a restore: it is sent as it was at a snapshot, and nothing is changed where it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..door import Door
from .asof import AsOf
from .far_source import FarSource, source_at
from .model import Match, Step, Task
from .read import Dataset, Side
from .source import LocalSource
from .targets import LocalTarget
from .transport import Link

if TYPE_CHECKING:
    from ..host import Host
    from .job import Job
    from .model import Peer


class CopyHere(LocalSource):
    """A copy on this machine."""

    def __init__(self, host: Host, door: Door, task: Task, until: AsOf | None) -> None:
        super().__init__(host, door, task, None)
        self._until = until
        self.without: tuple[str, ...] = ()

    @property
    def whole(self) -> Side:
        """What was read last, before it was cut to the snapshot that is wanted."""
        return self._side

    async def level(self, dataset: str) -> Dataset | None:
        """A copy above; None when there is none. Raises DPlaneError."""
        side, _ = await LocalTarget(self._host, self._door).read(dataset, False)
        return side.get(dataset)

    async def read(self) -> Side:
        side = await super().read()
        if self._until is None:
            return side
        found, self.without = self._until.of(side, self._task.source)
        return found

    # A restore goes on from what has arrived. A bookmark on the copy would be nobody's, and keep its snapshot for ever.

    async def keep_bases(self, steps: Sequence[Step]) -> None:  # noqa: ARG002
        return None

    async def keep_base(self, step: Step) -> None:  # noqa: ARG002
        return None

    async def drop_all_old_bases(self, steps: Sequence[Step | Match]) -> None:  # noqa: ARG002
        return None

    async def drop_old_bases(self, step: Step | Match) -> None:  # noqa: ARG002
        return None


def copy_at(job: Job, peer: Peer | None, back: Task, until: AsOf | None) -> CopyHere | FarSource:
    """The copy at `peer`, or on this machine."""
    if peer is None:
        return CopyHere(job.host, Door(job.host), back, until)
    return source_at(Link(peer, job.where.ssh, job.where.jobs), back, until)
