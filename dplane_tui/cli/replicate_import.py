"""`dplane replicate import-syncoid`: what takes the place of a syncoid command, or of those of crontabs."""

from __future__ import annotations

import argparse
import asyncio
import os
import stat
import sys
from collections import Counter
from collections.abc import Sequence
from typing import Any

from .. import text
from ..errors import BadNewsError, CommandError, MissingError, UsageError
from ..services.host import Host
from ..services.replication import crontabs, moving, syncoid
from ..services.replication.crontabs import Crontabs
from ..services.replication.moving import Stored
from ..services.replication.service import ReplicationService, open_replication
from ..services.replication.syncoid import Proposal
from .output import Result
from .task_words import doubt

_LIMIT = 1024 * 1024
_THERE, _PLANNED, _DOUBTFUL, _LACKS = "THERE ALREADY", "IN THAT TASK", "DOUBTFUL", "NOT THE SAME"
_COMPARE = "TO BE COMPARED"
_COUNTED = (
    (_THERE, "needs none", "need none"),
    (_PLANNED, "is in the task of an earlier line", "are in tasks of earlier lines"),
    (_DOUBTFUL, "has a task that is in doubt", "have a task that is in doubt"),
    (_COMPARE, "has a task whose times are to be compared", "have a task whose times are to be compared"),
    (_LACKS, "has a task that does not do the same", "have a task that does not do the same"),
)


def add(verbs: Any) -> None:
    """Add the verb."""
    verb = verbs.add_parser(
        "import-syncoid",
        help="propose tasks for a syncoid command (behind --) or crontabs; nothing is done without --apply",
    )
    verb.add_argument("words", nargs="*", metavar="SYNCOID-ARGUMENT", help="as they stand behind `syncoid`")
    verb.add_argument(
        "--crontab",
        nargs="?",
        const=True,
        metavar="FILE",
        help="every syncoid of a crontab, a user's or the system's; - reads; without FILE: of the box's own crontabs",
    )
    verb.add_argument("--apply", action="store_true", help="store the tasks whose peer is paired already")
    verb.set_defaults(handler=_import)


async def _import(host: Host, args: argparse.Namespace) -> Result:
    if bool(args.words) == (args.crontab is not None):
        raise UsageError(
            "Nothing to read: give a syncoid command line or a crontab, one of the two.",
            "`dplane replicate import-syncoid -- -r tank/data root@nas:backup/data`, or --crontab /etc/crontab.",
        )
    service = open_replication(host)
    peers = await service.peers()
    tasks = await service.tasks(look=True)
    pools = await _pools(host)
    found: Sequence[Proposal]
    read = Crontabs({})
    if args.crontab is None:
        taken = {item.task.name for item in tasks}
        one = syncoid.propose(_without_name(args.words), pools=pools, peers=peers, taken=taken)
        found = [moving.settled(one, tasks)]
    else:
        own = args.crontab is True
        read = await crontabs.look(host) if own else Crontabs(await asyncio.to_thread(_one, args.crontab))
        found = moving.of_crontabs(read.texts, pools, peers, tasks)
    done = await _apply(service, found) if args.apply and found else _proposed(found)
    return done if args.crontab is not True else _with_unseen(done, read)


def _proposed(found: Sequence[Proposal]) -> Result:
    """What could be done."""
    if not found:
        return Result([], "No syncoid is run by what was read. A script that a crontab starts is not looked into.")
    ready = sum(one.task is not None for one in found)
    heads = Counter(_head(one) for one in found)
    none = "".join(
        f", {heads[head]} {single if heads[head] == 1 else several}"
        for head, single, several in _COUNTED
        if heads[head]
    )
    last = f"{ready} of {len(found)} can be a task{none}. "
    last += "Nothing was done: type the commands, or add --apply." if ready else "Nothing was done."
    problem = next((said for one in found if (said := moving.why_none(one))), "")
    return Result(found, f"{_shown(found)}\n\n{last}", BadNewsError(problem) if problem else None)


def _with_unseen(done: Result, read: Crontabs) -> Result:
    """`done`, with the crontabs that could not be looked at: then it is not known that this is all."""
    data = done.data if isinstance(done.data, dict) else {"proposals": done.data}
    lines = [text.clean(f"NOT LOOKED AT  {path}: {why}") for path, why in read.unseen]
    problem = done.error
    if lines and problem is None:
        problem = BadNewsError(f"Not every crontab could be looked at: {read.unseen[0][0]}, {read.unseen[0][1]}.")
    return Result({**data, "unseen": read.unseen}, "\n".join([done.text, *lines]), problem)


async def _pools(host: Host) -> tuple[str, ...]:
    """The pools of the box; none where there is no ZFS to ask (a name with a colon is then a host's)."""
    try:
        output = await host.run(["zpool", "list", "-H", "-o", "name"])
    except MissingError:
        return ()
    return tuple(output.text.split("\n"))[:-1] if output.status == 0 else ()


def _without_name(words: Sequence[str]) -> list[str]:
    """The arguments, also when the command's own name was pasted along."""
    return list(words[1:] if words[0].rpartition("/")[2] == "syncoid" else words)


def _one(path: str) -> dict[str, str]:
    """A crontab's text by its path; of what is read from elsewhere by none. Raises UsageError, MissingError."""
    return {"" if path == "-" else path: _read(path)}


def _read(path: str) -> str:
    """The text of a crontab. Raises UsageError, MissingError."""
    try:
        handle = sys.stdin.fileno() if path == "-" else os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        if path != "-" and not stat.S_ISREG(os.fstat(handle).st_mode):
            os.close(handle)
            raise UsageError(f"{text.clean(path, 100)} is not a file.", "Give a crontab, such as /etc/cron.d/syncoid.")
        with os.fdopen(handle, "rb", closefd=path != "-") as file:
            raw = file.read(_LIMIT + 1)
    except OSError as error:
        raise MissingError(
            f"The crontab {text.clean(path, 100)} cannot be read: {error.strerror}.",
            "`crontab -l > FILE` writes a user's crontab into a file.",
        ) from None
    if len(raw) > _LIMIT:
        raise UsageError(f"{text.clean(path, 100)} is too large to be a crontab.", "Give only the lines that matter.")
    return raw.decode("utf-8", "replace")


def _head(one: Proposal) -> str:
    """How the task that is for the same two places stands to the line; empty where there is none."""
    if not one.there:
        return ""
    if one.lacks:
        return _LACKS
    if one.planned:
        return _PLANNED
    return _DOUBTFUL if one.doubt else _COMPARE if one.compare else _THERE


def _shown(found: Sequence[Proposal]) -> str:
    return "\n\n".join(map(_describe, found))


def _describe(one: Proposal) -> str:
    place = f"{f'{one.file} ' if one.file else ''}line {one.line}: " if one.line else ""
    lines = [f"{place}{one.origin}"]
    lines += [f"  {command}" for command in one.commands]
    lines += [f"  NO TASK: {one.problem}"] if one.problem else []
    lines += [f"  {_head(one)}: {moving.there_words(one)}"] if one.there else []
    width = max((len(note.option) for note in one.notes), default=0)
    lines += [f"    {note.option.ljust(width)}  {note.fate}: {note.text}" for note in one.notes]
    lines += [f"    {said}" for said in doubt(one.task)] if one.task is not None else []
    if one.task is not None and one.task.peer is not None:
        lines.append(
            "    If the target exists and that box has D-Plane, an administrator there lets this box go on with it: "
            f"dplane peer adopt THIS-BOX {one.task.target}"
        )
    return "\n".join(text.clean(line) for line in lines)


async def _apply(service: ReplicationService, found: Sequence[Proposal]) -> Result:
    """Store what can be stored, and say what was not and why."""
    done = await moving.store(service, found)
    stored = [task.name for task in done.made]
    data = {
        "proposals": found,
        "stored": stored,
        "there": done.there,
        "doubtful": done.doubtful,
        "compare": done.compare,
        "left": done.left,
    }
    problem = None
    if done.left:
        kind = BadNewsError if stored else CommandError
        problem = kind(f"{len(done.left)} of {len(found)} could not be stored: {done.left[0]}")
    return Result(data, "\n".join([_shown(found), "", *map(text.clean, outcome(done))]), problem)


def outcome(done: Stored) -> list[str]:
    """What came of it, and which lines can go from the crontab: only those of known times whose copy is proven."""
    lines = [f"stored    {one.name}: late when it is older than {text.duration(one.rpo)}" for one in done.made]
    lines += [f"there     {name}" for name in done.there]
    lines += [f"doubtful  {why}" for why in done.doubtful]
    lines += [f"compare   {why}" for why in done.compare]
    lines += [f"NOT       {why}" for why in done.left]
    if done.there:
        lines.append("The line of what is there can go from the crontab.")
    if done.compare:
        lines.append("A line that was given without its times can go once you compared them; --crontab reads both.")
    if done.made:
        lines.append("`dplane replicate run NAME --dry-run` shows what the first run of each would do.")
    if done.made or done.doubtful:
        lines.append(
            f"Leave the line in the crontab of what is {'stored' if done.made else 'doubtful'} until a run has proven "
            "the copy: this command, given again, then calls it doubtful no more."
        )
    return lines
