"""What a run kept besides its evidence, for who reads it: the plan that it carried out, and its log. Pure."""

from __future__ import annotations

import json
import time

from . import codec
from .model import LogLine, Plan, Run

UNREADABLE = "what was kept of it cannot be understood by this release"
_OF_A_PLAN = ("run", "restore", "plan")
"""Kinds of run that store a plan of streams; what others store there has words of its own."""


def plan_of(run: Run) -> Plan | str | None:
    """The plan as it was made last, or why it cannot be shown; None when there is none."""
    if run.kind not in _OF_A_PLAN or not run.plan:
        return None
    try:
        found = json.loads(run.plan)
        return None if isinstance(found, dict) and found.keys() == {"own"} else codec.decode(Plan, found)
    except (ValueError, RecursionError):
        return UNREADABLE


def moment(line: LogLine) -> str:
    """When a line was said, in the time of who reads it."""
    try:
        return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(line.at))
    except (ValueError, OverflowError, OSError):
        return "?"
