"""When a task runs by itself: what a person types, as systemd's timer settings, and when that will be. Pure but for one
question to systemd.

Notation, several joined by `;`: `every 15m`, `hourly`, `daily 02:30`, `weekly Sun 03:00`, `monthly 1 04:00`,
`boot 10m`, or a systemd calendar expression (systemd.time(7)).
"""

from __future__ import annotations

import json
import re

from ...errors import UsageError
from ...text import clean
from ..host import Host
from . import rates

PREFIX = "dplane-scheduled@"
SHORTEST = 300
_UNITS = {"m": 60, "h": 3600, "d": 86400}
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_TIME = r"(\d{1,2}):(\d{2})"
_ONE_TIME = re.compile(rf"calendar:(?:.* )?{_TIME}(?::\d{{2}})?")
_MIDNIGHT = tuple(f"calendar:{word}" for word in ("daily", "weekly", "monthly", "quarterly", "yearly"))
_CALENDAR = re.compile(r"[A-Za-z0-9*][A-Za-z0-9 ,.\-/:*~]{0,119}")
Starts = dict[str, tuple[float | None, float | None]]
"""The next and the last start of each timer of ours, by its name, Unix seconds."""


def timer(task: str) -> str:
    """The name of a task's timer."""
    return f"task-{task}"


def catch_up(task: str) -> str:
    """The name of the timer that makes up a start of a task that was outside of its hours."""
    return f"catchup-{task}"


def parse(text: str) -> list[str]:
    """The door's `when` that `text` says; empty for never. Raises UsageError."""
    return [_one(part.strip()) for part in text.split(";") if part.strip()]


def _one(text: str) -> str:
    low = text.lower()
    if found := re.fullmatch(r"(every|boot) (\d{1,5})([mhd])", low):
        seconds = int(found[2]) * _UNITS[found[3]]
        least = SHORTEST if found[1] == "every" else 60
        if seconds < least:
            raise UsageError(f"“{clean(text, 40)}” is too often.", f"{least // 60} minute(s) is the least.")
        return f"{found[1]}:{seconds}"
    if found := re.fullmatch(rf"daily {_TIME}", low):
        return f"calendar:*-*-* {_clock(found[1], found[2], text)}"
    if (found := re.fullmatch(rf"weekly ([a-z]{{3}}) {_TIME}", low)) and found[1] in DAYS:
        return f"calendar:{found[1].capitalize()} *-*-* {_clock(found[2], found[3], text)}"
    if (found := re.fullmatch(rf"monthly (\d{{1,2}}) {_TIME}", low)) and 0 < int(found[1]) < 29:
        return f"calendar:*-*-{int(found[1]):02d} {_clock(found[2], found[3], text)}"
    if (low.split(" ")[0] in ("every", "boot", "daily", "weekly", "monthly") and " " in low) or not _is_calendar(text):
        raise UsageError(
            f"“{clean(text, 40)}” is not a time that can be planned.",
            "Write it as every 1h, daily 02:30, weekly Sun 03:00, monthly 1 04:00, boot 10m, "
            "or a systemd calendar expression such as Mon..Fri 22:00.",
        )
    return f"calendar:{text}"


def refuse_never(text: str, window: str) -> None:
    """Raise UsageError when a part of the schedule has one time of day and that is outside of the hours `window`.

    What has several times, or none that can be told without systemd, passes.
    """
    if not window:
        return
    span = rates.parse_span(window)
    for part, when in zip((part.strip() for part in text.split(";") if part.strip()), parse(text), strict=True):
        found = _ONE_TIME.fullmatch(when)
        minute = int(found[1]) * 60 + int(found[2]) if found else 0 if when.lower() in _MIDNIGHT else None
        if minute is not None and not span.holds(minute):
            raise UsageError(
                f"“{clean(part, 40)}” would never start the task: it may start only at {window}.",
                "Choose a time within those hours, or other hours (--window).",
            )


def _is_calendar(text: str) -> bool:
    """Whether systemd may understand it: the door asks systemd itself before it is used."""
    words = ("hourly", "daily", "weekly", "monthly", "quarterly", "yearly")
    return bool(_CALENDAR.fullmatch(text)) and (text.lower() in words or any(mark in text for mark in ":*-"))


def _clock(hour: str, minute: str, text: str) -> str:
    if int(hour) > 23 or int(minute) > 59:
        raise UsageError(f"“{clean(text, 40)}” has no such time of day.", "Write it as 02:30.")
    return f"{int(hour):02d}:{minute}:00"


def next_run(known: Starts, task: str, begun: float | None) -> float | None:
    """The next start of a task whose last run began at `begun`, Unix seconds; None where systemd tells none."""
    due, _ = known.get(timer(task), (None, None))
    again, _ = known.get(catch_up(task), (None, None))
    if again is None or not is_missed(known, task, begun):
        return due
    return again if due is None else min(due, again)


def is_missed(known: Starts, task: str, begun: float | None) -> bool:
    """Whether no run of the task began (the last one at `begun`) since its timer last went off, as far as is known."""
    _, fired = known.get(timer(task), (None, None))
    return fired is None or begun is None or begun < fired


async def next_starts(host: Host) -> dict[str, float]:
    """The next start of each timer of ours by the timer's name, Unix seconds; nothing where systemd does not tell."""
    return {name: due for name, (due, _) in (await starts(host)).items() if due is not None}


async def starts(host: Host) -> Starts:
    """The next and the last start of each timer of ours, by the timer's name; None where systemd tells none."""
    argv = ["systemctl", "list-timers", "--all", "--output=json", "--no-pager", f"{PREFIX}*"]
    answer = await host.run(argv, timeout=20)
    try:
        listed = json.loads(answer.text) if answer.status == 0 else []
    except ValueError:
        return {}
    found: Starts = {}
    for item in listed if isinstance(listed, list) else ():
        unit = item.get("unit") if isinstance(item, dict) else None
        if isinstance(unit, str) and unit.startswith(PREFIX):
            found[unit.removeprefix(PREFIX).removesuffix(".timer")] = (_when(item.get("next")), _when(item.get("last")))
    return found


def _when(value: object) -> float | None:
    return value / 1_000_000 if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None
