"""Several streams, one behind the other, over one channel: one `send` and one `receive` of the helpers for all of them.

What each dataset costs by itself (sudo, Python, a channel, a bookmark, an estimate) is most of a run of small
increments. The helpers on both sides judge and write down each stream as if it came alone. When a convoy breaks, what
arrived is not guessed: both sides are read again, and what is missing goes dataset by dataset.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from ...errors import CommandError, DPlaneError
from ...lazyclass import dataclass
from ..door import request_line
from .model import Match, Step
from .stream import Command, Transfer

if TYPE_CHECKING:
    from .source import Source

STEPS = 100  # so many go together; the helper takes more
BYTES = 48 * 1024  # of requests: less than an empty pipe takes


class BrokenConvoyError(DPlaneError):
    """Not everything of a convoy arrived, and nobody lost the connection. What did is for a reading to tell."""


@runtime_checkable
class ManySource(Protocol):
    """A source that can send several streams with one program."""

    async def send_many(self, steps: Sequence[Step]) -> Command:
        """The program that writes the streams of all these steps."""
        ...

    async def keep_bases(self, steps: Sequence[Step]) -> None:
        """`keep_base` for all of them."""
        ...

    async def drop_all_old_bases(self, steps: Sequence[Step | Match]) -> None:
        """`drop_old_bases` for all of them."""
        ...


@runtime_checkable
class ManyTarget(Protocol):
    """A target that may be able to receive several streams with one program."""

    async def receive_many(self, steps: Sequence[Step]) -> Command | None:
        """The program that receives the streams of all these steps; None when it has to be one by one."""
        ...


@dataclass(frozen=True, slots=True)
class Part:
    """What the receiving side tells of one stream of a convoy."""

    bytes: int
    seconds: float


def groups(steps: Sequence[Step], together: bool) -> Iterator[tuple[Step, ...]]:
    """The steps in their order, those that may travel together in one tuple. A resumed stream goes alone."""
    held: list[Step] = []
    size = 0
    for step in steps:
        weight = len(step.dataset) + len(step.target) + 600
        if held and (not together or step.token or len(held) == STEPS or size + weight > BYTES):
            yield tuple(held)
            held, size = [], 0
        if step.token:
            yield (step,)
            continue
        held.append(step)
        size += weight
    if held:
        yield tuple(held)


def is_below(dataset: str, names: Iterable[str]) -> bool:
    """Whether it is one of these, or lies below one."""
    return any(f"{dataset}/".startswith(f"{name}/") for name in names)


async def drop_old_bases(source: Source, steps: Sequence[Step | Match]) -> None:
    """Forget the bases that are of no use after these steps were proven."""
    if len(steps) > 1 and isinstance(source, ManySource):
        await source.drop_all_old_bases(steps)
        return
    for step in steps:
        await source.drop_old_bases(step)


def requests(verb: str, each: Sequence[dict[str, Any]]) -> bytes:
    """What the helper reads to do `verb` for each of these arguments."""
    body = b"".join(request_line(verb, args) for args in each)
    return request_line("several", {"of": verb, "bytes": len(body)}) + body


def parts(steps: Sequence[Step], done: Transfer) -> list[Part]:
    """What came of each step, as the receiving side tells it. Raises CommandError for an answer that cannot be true."""
    found: list[Part] = []
    for entry in _entries(done.receive_out):
        count, seconds = entry.get("bytes"), entry.get("seconds")
        sound = isinstance(count, int) and isinstance(seconds, int | float) and not isinstance(count, bool)
        if not sound or not (0 <= count <= done.count and 0 <= seconds < 1e9):  # type: ignore[operator]
            raise _untrue()
        found.append(Part(int(count or 0), float(seconds or 0)))
    if len(found) != len(steps) or sum(part.bytes for part in found) > done.count:
        raise _untrue()
    return found


def _entries(said: bytes) -> list[dict[str, Any]]:
    """The helper's lines, or the list in the agent's answer."""
    try:
        lines = [json.loads(line) for line in said.splitlines()]
    except (ValueError, RecursionError):
        raise _untrue() from None
    if len(lines) == 1 and isinstance(lines[0], dict) and isinstance(lines[0].get("parts"), list):
        lines = lines[0]["parts"]
    if not all(isinstance(entry, dict) for entry in lines):
        raise _untrue()
    return lines


def _untrue() -> CommandError:
    return CommandError("The receiving side answered about several streams with what cannot be true.")
