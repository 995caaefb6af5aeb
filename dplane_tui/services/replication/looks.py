"""The part of the replication service that only looks: comparing and verifying what both sides have."""

from __future__ import annotations

import abc
import json
from typing import TYPE_CHECKING, Protocol

from privhelper import grammar

from ...errors import CommandError, RefusedError
from ...text import clean
from . import codec, records
from .model import Copies, Copy, Run

if TYPE_CHECKING:
    from .compare import Comparison
    from .content import Verified, Wish


class Looks(Protocol):
    """Every method raises only `DPlaneError`s."""

    async def compare(self, name: str) -> Comparison:
        """What the source has, what the target has, what both have. Nothing is changed, and no run is disturbed."""
        ...

    async def copies(self, name: str) -> tuple[Copy, ...]:
        """Every snapshot the target has, and which of them are proven. The source is not asked: it may be gone."""
        ...

    async def verify(self, name: str, wish: Wish) -> str:
        """Start reading the same snapshots on both sides and comparing what is in them; returns the run's id."""
        ...


class LocalLooks(abc.ABC):
    """The same for this machine; `LocalReplication` has the rest."""

    @abc.abstractmethod
    async def queue(self, name: str, mode: str = "run", request: str = "") -> Run: ...

    @abc.abstractmethod
    async def _launch(self, run: Run) -> None: ...

    @abc.abstractmethod
    async def _asked(self, name: str, mode: str, request: str = "") -> Run: ...

    async def compare(self, name: str) -> Comparison:
        from .compare import Comparison

        done = await self._asked(name, "compare")
        try:
            return codec.decode(Comparison, json.loads(done.plan))
        except ValueError as error:
            raise CommandError(f"The stored comparison cannot be understood: {error}.") from None

    async def copies(self, name: str) -> tuple[Copy, ...]:
        done = await self._asked(name, "compare", records.COPIES)
        try:
            return codec.decode(Copies, json.loads(done.plan)).copies
        except ValueError as error:
            raise CommandError(f"What is at the target cannot be understood: {error}.") from None

    async def verify(self, name: str, wish: Wish) -> str:
        run = await self.queue(name, "verify", codec.dumps(check_wish(wish)))
        await self._launch(run)
        return run.id


def check_wish(wish: Wish) -> Wish:
    """`wish` if it makes sense. Raises RefusedError."""
    below, snapshot = clean(wish.below or "", 60), clean(wish.snapshot, 60)
    if wish.below and (problem := grammar.dataset_problem(f"pool/{wish.below}")):
        raise RefusedError(f"The dataset “{below}” {problem}.")
    if wish.snapshot and (problem := grammar.component_problem(wish.snapshot)):
        raise RefusedError(f"The snapshot “{snapshot}” {problem}.")
    if not 1 <= wish.percent <= 100:
        raise RefusedError("A sample is 1 to 100 percent.")
    return wish


def found_by(run: Run) -> Verified | None:
    """What a verification found; None when it came to nothing. Raises CommandError."""
    from .content import Verified

    if not run.plan:
        return None
    try:
        return codec.decode(Verified, json.loads(run.plan))
    except ValueError as error:
        raise CommandError(f"What the verification found cannot be understood: {error}.") from None
