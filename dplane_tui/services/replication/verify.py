"""The content of both sides, compared: the same snapshot is read on each, and only what was read counts as equal."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from privhelper.content import sampled

from ... import text
from ...errors import BadNewsError, CommandError, DPlaneError, MissingError, RefusedError
from ...lazyclass import dataclass
from ..host.lines import LineReader
from . import answers, codec, records
from .content import Account, Checked, Difference, Tally, Verified, Wish, compare
from .execute import Outcome
from .model import Task
from .plan import members, target_of
from .read import Dataset, Point, Side
from .sides import Sides, other_box
from .stream import Command

if TYPE_CHECKING:
    from .job import Job

SILENT_SECONDS = 900.0  # a box that reads says so every two seconds
STORED_DIFFERENCES = 500
_END_SECONDS = 10.0
_LOST = 255


@dataclass(frozen=True, slots=True)
class _Same:
    """A snapshot that both sides have, perhaps by other names."""

    here: Point
    there: Point


async def verify(job: Job) -> Outcome:
    """The job of a verification. Raises BadNewsError when something differs, CommandError when not all could be read.

    What was found is stored with the run either way.
    """
    task = await records.task(job.store, job.run.task)
    wish = codec.decode(Wish, json.loads(job.request))
    peer = await other_box(job, task)
    if peer is not None and not peer.product:
        raise RefusedError(
            f"{peer.name} has no D-Plane, so nothing there can read a snapshot for us.",
            "Install D-Plane there and pair again; `dplane replicate compare` works without.",
        )
    found = Verified(wish.percent, wish.seed or secrets.token_hex(4))
    job.report.update(stage="connecting")
    async with Sides(job, task, peer) as sides:
        job.report.update(stage="reading both sides")
        here, there = await sides.read()
        names = chosen_datasets(task, here, wish)
        for number, name in enumerate(names):
            job.report.update(stage=f"comparing {text.clean(name)}", stages_done=number, stages_total=len(names))
            target = target_of(task, name)
            checked, differences = await _dataset(job, sides, found, here[name], (target, there.get(target)), wish)
            kept = (*found.differences, *differences)[:STORED_DIFFERENCES]
            found = replace(found, datasets=(*found.datasets, checked), differences=kept)
            total = sum(one.bytes for one in found.datasets)
            await records.update_run(job.store, job.run.id, log=job.report.log, plan=codec.dumps(found), bytes=total)
    return judged(found)


def chosen_datasets(task: Task, here: Side, wish: Wish) -> list[str]:
    """The datasets that are verified. Raises MissingError for one that the task has not."""
    names = members(task, here)
    if wish.below is None:
        return names
    wanted = f"{task.source}/{wish.below}" if wish.below else task.source
    if wanted not in names:
        raise MissingError(
            f"The task {task.name} has no dataset {text.clean(wanted, 100)}.", "`dplane replicate compare` lists them."
        )
    return [wanted]


def same_snapshot(here: Dataset, there: Dataset, wanted: str) -> _Same | None:
    """The snapshot that is read: the newest that both have by GUID, or the one called `wanted` at the source."""
    theirs = {point.guid: point for point in there.snapshots}
    for point in reversed(here.snapshots):
        if point.guid in theirs and wanted in ("", point.name):
            return _Same(point, theirs[point.guid])
    return None


def obstacle(here: Dataset, there: Dataset | None, target: str, wanted: str) -> str:
    """Why a dataset cannot be compared at all, a sentence; empty when it can."""
    if there is None:
        return f"The target has no {target}, so there is nothing to compare with."
    if same_snapshot(here, there, wanted) is None:
        what = f"the snapshot @{wanted}" if wanted else "a snapshot"
        return f"{here.name} and {target} do not both have {what}, so nothing can be compared."
    for dataset, where in ((here, "here"), (there, "there")):
        if dataset.properties.get("keystatus") == "unavailable":
            return f"{dataset.name} is encrypted and its key is not loaded {where}: what is in it is not known."
    if here.kind != there.kind:
        return f"{here.name} is a {here.kind}, and {target} is not."
    return ""


async def _dataset(
    job: Job, sides: Sides, found: Verified, here: Dataset, copy: tuple[str, Dataset | None], wish: Wish
) -> tuple[Checked, Sequence[Difference]]:
    """Read one dataset on both sides and compare. Raises UnreachableError."""
    target, there = copy
    same = same_snapshot(here, there, wish.snapshot) if there is not None else None
    checked = Checked(here.name, target, same.here.name if same else "")
    problem = obstacle(here, there, target, wish.snapshot)
    if problem or there is None or same is None:
        return replace(checked, problem=problem), ()
    request = {"guid": same.here.guid, "percent": found.percent, "seed": found.seed}
    near = await sides.content(False, dataset=here.name, snapshot=same.here.name, **request)
    far = await sides.content(True, dataset=target, snapshot=same.there.name, **request)
    before = sum(one.bytes for one in found.datasets)
    tally = Tally(here.name)
    async with _telling(near) as left, _telling(far) as right:
        ours = Account(
            sides.source_name, same.here.guid, left.lines(), lambda count: job.report.bytes(before + count, None)
        )
        theirs = Account(sides.target_name, same.here.guid, right.lines(), lambda _count: None)
        try:
            await compare(ours.items(), theirs.items(), tally, sampled(found.seed, found.percent))
        except DPlaneError as error:
            problem = error.message
        if theirs.broken:
            problem = await _why(right, sides.target_name, sides, target=True) or problem
        elif ours.broken:
            problem = await _why(left, sides.source_name, sides, target=False) or problem
        elif not problem and (await left.ended(), await right.ended()) != (0, 0):
            problem = "One of the boxes told everything, and ended with an error all the same."
        elif not problem and ours.kind != theirs.kind:
            problem = "The two boxes do not hold the same kind of dataset."
    return _checked(checked, tally, ours, problem, same.here.guid), tally.differences


async def _why(telling: _Telling, name: str, sides: Sides, *, target: bool) -> str:
    """Why a side broke off, as it says itself. Raises UnreachableError when it was the connection."""
    status = await telling.ended()
    if status == _LOST and sides.is_remote(target):
        raise sides.lost()
    return f"{name} could not read it: {telling.said}" if telling.said else ""


def _checked(checked: Checked, tally: Tally, ours: Account, problem: str, guid: str) -> Checked:
    note = ""
    if tally.without_attributes:
        note = f"Extended attributes of {tally.without_attributes} were not compared: one side shows none (xattr=off)."
    return replace(
        checked,
        guid="" if problem else guid,
        equal=not problem and not tally.differing and not tally.unread,
        items=tally.items,
        hashed=tally.hashed,
        bytes=ours.bytes,
        differing=tally.differing,
        unread=tally.unread,
        problem=problem,
        note=note,
    )


def judged(found: Verified) -> Outcome:
    """The outcome of what was found. Raises BadNewsError for a difference, CommandError for what is not known."""
    differing = sum(one.differing for one in found.datasets)
    unread = sum(one.unread for one in found.datasets)
    problems = [one.problem for one in found.datasets if one.problem]
    compared = [one for one in found.datasets if not one.problem]
    if differing:
        first = next((one for one in found.differences if "could not be read" not in one.what), None)
        # A sentence goes far (mails, files of progress, a kiosk), the names of what people keep do not.
        where = f", the first of them in {first.dataset}" if first else ""
        raise BadNewsError(
            f"{differing} thing(s) are not the same on both boxes{where}.",
            "Look at both pools (`zpool status -v`) before you delete anything; `dplane replicate run-show` lists all.",
        )
    if problems or unread:
        what = problems[0] if problems else f"{unread} thing(s) could not be read on one of the boxes."
        more = f" And {len(problems) - 1} more dataset(s) could not." if len(problems) > 1 else ""
        raise CommandError(f"Not everything could be compared, so nothing is claimed of the whole. {what}{more}")
    items, hashed = sum(one.items for one in compared), sum(one.hashed for one in compared)
    size = text.size(sum(one.bytes for one in compared))
    sample = "" if found.percent == 100 else f" (a sample of {found.percent} %)"
    notes = [one.note for one in compared if one.note]
    message = f"Equal on both boxes: {items} thing(s) compared, {hashed} of them by content{sample}, {size} read."
    return Outcome("succeeded", " ".join([message, *notes[:1]]))


class _Telling:
    """A program that tells what is in a snapshot."""

    def __init__(self, process: asyncio.subprocess.Process, stream: asyncio.StreamReader, said: bytearray) -> None:
        self._process = process
        self._stream = stream
        self._said = said

    async def _read(self, count: int) -> bytes:
        try:
            return await asyncio.wait_for(self._stream.read(count), SILENT_SECONDS)
        except TimeoutError:
            raise CommandError(f"A box said nothing for {text.duration(SILENT_SECONDS)} while it read.") from None

    def lines(self) -> AsyncIterator[str]:
        """What it tells."""
        return LineReader(self._read).lines()

    async def ended(self) -> int | None:
        """Its exit status; None when it does not end."""
        with contextlib.suppress(TimeoutError):
            return await asyncio.wait_for(self._process.wait(), _END_SECONDS)
        return None

    @property
    def said(self) -> str:
        """Its last words on standard error."""
        return text.clean(self._said.decode("utf-8", "replace").strip(), 300)


@contextlib.asynccontextmanager
async def _telling(command: Command) -> AsyncIterator[_Telling]:
    """Start it; at the end nobody listens any more, which ends it, also where it runs as root."""
    loop = asyncio.get_running_loop()
    source, sink = os.pipe2(os.O_CLOEXEC)
    stream = asyncio.StreamReader()
    pipe, _ = await loop.connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(stream), os.fdopen(source, "rb", buffering=0)
    )
    try:
        process = await asyncio.create_subprocess_exec(
            *command.argv,
            stdin=asyncio.subprocess.PIPE,
            stdout=sink,
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, "LC_ALL": "C"},
        )
    except FileNotFoundError:
        pipe.close()
        raise MissingError(f"{command.argv[0]} is not installed on this machine.") from None
    finally:
        os.close(sink)
    assert process.stdin
    assert process.stderr
    said = bytearray()
    listening = asyncio.create_task(answers.keep_last(process.stderr.read, said))
    try:
        process.stdin.write(command.first)
        process.stdin.close()
        yield _Telling(process, stream, said)
    finally:
        pipe.close()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), _END_SECONDS)
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):  # sudo's child belongs to root
                process.terminate()
        listening.cancel()
