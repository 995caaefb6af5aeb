"""`dplane replicate check`: how old the copies are, as one line for Nagios and everything that understands its form."""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from typing import Any, ClassVar

from .. import text
from ..errors import BadNewsError, DPlaneError
from ..lazyclass import dataclass
from ..services.host import Host
from ..services.replication.coverage import some
from ..services.replication.freshness import AHEAD, ENDED_BADLY, LATE, anew_words, can_look, of_age
from ..services.replication.model import TaskStatus
from ..services.replication.service import open_replication
from .output import Result

STATES = ("OK", "WARNING", "CRITICAL", "UNKNOWN")
"""In the order of their exit codes."""
_WORST_FIRST = ("CRITICAL", "UNKNOWN", "WARNING", "OK")


class WarningNews(BadNewsError):
    """Nagios's WARNING."""

    code = "warning"
    exit_code: ClassVar[int] = 1


class CriticalNews(BadNewsError):
    """Nagios's CRITICAL."""

    code = "critical"
    exit_code: ClassVar[int] = 2


class UnknownNews(BadNewsError):
    """Nagios's UNKNOWN."""

    code = "unknown"
    exit_code: ClassVar[int] = 3


_ERRORS: dict[str, type[BadNewsError]] = {"WARNING": WarningNews, "CRITICAL": CriticalNews, "UNKNOWN": UnknownNews}


@dataclass(frozen=True, slots=True)
class Verdict:
    """One task, judged. `age` and `rpo` in seconds; `age` None: nothing was ever proven, or it cannot be told."""

    task: str
    state: str
    why: str
    """A clause that begins with the task's name."""
    age: float | None
    rpo: int
    anew_known: bool
    """Whether it is known if one of its datasets was made anew since it was proven; of a pull, and of what is late, it
    is not asked."""

    @property
    def perfdata(self) -> str:
        """`'name'=age;warn;crit;min`; no age warns by itself, so that field is empty."""
        age = "U" if self.age is None else f"{max(0.0, self.age):.0f}s"
        return f"'{self.task}'={age};;{self.rpo};0"


def add(verbs: Any) -> None:
    """Add the verb to those of `dplane replicate`."""
    check = verbs.add_parser("check", help="how old the copies are, in Nagios form: exit code 0, 1, 2 or 3")
    check.add_argument("name", nargs="?", metavar="TASK", help="this task alone (default: all)")
    check.epilog = (
        "OK (0): proven at the target within its RPO. WARNING (1): in time, but the last run did not end well or left "
        "something out, or a dataset was made anew since. "
        "CRITICAL (2): late, or never proven. UNKNOWN (3): no task, or it could not be found out."
    )
    check.set_defaults(handler=_check, reads=True)


async def _check(host: Host, args: argparse.Namespace) -> Result:
    try:
        tasks = await open_replication(host).tasks(look=True)
    except DPlaneError as error:
        return _result("UNKNOWN", str(error), ())
    except OSError as error:
        return _result("UNKNOWN", f"The system refused: {error.strerror or error}.", ())
    if args.name is not None:
        tasks = tuple(item for item in tasks if item.task.name == args.name)
        if not tasks:
            return _result("UNKNOWN", f"there is no replication task called {text.clean(args.name, 60)}", ())
    return answer(tasks, time.time())


def answer(tasks: Sequence[TaskStatus], now: float) -> Result:
    """All of `tasks` in one line; the worst decides. No task is UNKNOWN: nothing is kept anywhere."""
    if not tasks:
        return _result("UNKNOWN", "no replication task is set up, so nothing is proven to be anywhere else", ())
    found = [verdict(item, now) for item in tasks]
    worst = min((item.state for item in found), key=_WORST_FIRST.index)
    return _result(worst, f"{_said(found)}{_not_told(tasks)}", found)


def _said(found: Sequence[Verdict]) -> str:
    if len(found) == 1:
        return found[0].why
    told = sorted((item for item in found if item.state != "OK"), key=lambda item: _WORST_FIRST.index(item.state))
    if not told:
        oldest = max(found, key=lambda item: item.age or 0.0)
        return f"all {len(found)} tasks are in time; the oldest: {oldest.why}"
    return f"{len(told)} of {len(found)} tasks: {'; '.join(item.why for item in told)}"


def _not_told(tasks: Sequence[TaskStatus]) -> str:
    names = [item.task.name for item in tasks if item.anew is None]
    return f"; whether a dataset of {some(names)} was made anew since is not known: ZFS did not tell" if names else ""


def verdict(item: TaskStatus, now: float) -> Verdict:
    """One task at the Unix time `now`."""
    task, last = item.task, item.ended
    age = None if item.fresh_at is None else now - item.fresh_at
    ended = ENDED_BADLY.get(last.state, "") if last is not None else ""
    said = text.clean(last.message).rstrip(".") if ended and last is not None else ""
    run = f"its last run {ended}{f': {said}' if said else ''}" if ended else ""
    target = task.target if task.peer is None else f"{task.peer}:{task.target}"
    proven = f"proven at {target} up to {text.duration(age)} ago, its limit is {text.duration(task.rpo)}"

    def judged(state: str, why: str) -> Verdict:
        return Verdict(task.name, state, f"{task.name} {why}", age, task.rpo, can_look(item) and item.anew is not None)

    if item.verified_at is None:
        return judged("CRITICAL", f"was never proven at {target}{f'; {run}' if run else ''}")
    if age is None:
        return judged("UNKNOWN", "does not tell how old its copy is")
    stands = of_age(age, task.rpo)
    if stands == AHEAD:
        return judged("UNKNOWN", f"is proven up to a time that has not come yet ({target}): a clock is wrong")
    if stands == LATE:
        return judged("CRITICAL", f"is late: {proven}{f'; {run}' if run else ''}")
    if item.anew:
        return judged(
            "WARNING", f"is not proven: {anew_words(item)}{f'; {run}' if run else ''}; before, it was {proven}"
        )
    if run:
        return judged("WARNING", f"is in time, but {run}; {proven}")
    if item.notes:
        more = f" And {len(item.notes) - 1} more of this kind." if len(item.notes) > 1 else ""
        return judged("WARNING", f"is in time, but {text.clean(item.notes[0])}{more} It is {proven}")
    return judged("OK", f"is {proven}")


def _result(state: str, why: str, found: Sequence[Verdict]) -> Result:
    """The line, on which a `|` may stand only where the figures begin."""
    said = text.clean(why).replace("|", "/").rstrip(".")
    figures = " ".join(text.clean(item.perfdata).replace("|", "/") for item in found)
    line = f"{state} - {said}{f' | {figures}' if figures else ''}"
    data = {"state": state, "status": STATES.index(state), "line": line, "tasks": list(found)}
    kind = _ERRORS.get(state)
    return Result(data, line, kind(f"{said[:1].upper()}{said[1:]}.") if kind else None)
