"""A crontab's lines that run a program, and when: as a task's schedule. Pure; nothing of it is evaluated by a shell."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from ...errors import UsageError
from ...lazyclass import dataclass
from . import launched, schedule, shell_line

LINES_LIMIT = 5000
_LINE_LIMIT = 8192
_ENVIRONMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\s*=")
_VARIABLE = re.compile(r"\$\{?([A-Za-z_][A-Za-z0-9_]*)")
_TIMES = tuple("0123456789*@")
"""What a crontab's line begins with; no pool's name does so, nor does a command's."""
_FIELD = r"[0-9A-Za-z*,/~-]+"
_ENTRY = re.compile(rf"({_FIELD})\s+({_FIELD})\s+({_FIELD})\s+({_FIELD})\s+({_FIELD})\s+(\S.*)")
_ROOTS = re.compile(rf"(?:@[a-z]+|(?:{_FIELD} +){{5}}) *root ", re.IGNORECASE)
"""A line that root runs, in the form that names who."""
_NAMED = {
    "@reboot": "boot 1m",
    "@hourly": "hourly",
    "@daily": "daily 00:00",
    "@midnight": "daily 00:00",
    "@weekly": "weekly Sun 00:00",
    "@monthly": "monthly 1 00:00",
    "@yearly": "*-01-01 00:00:00",
    "@annually": "*-01-01 00:00:00",
}
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


@dataclass(frozen=True, slots=True)
class Found:
    """One run of a program in a crontab, or a line that names it and whose run is not understood."""

    line: int
    words: tuple[str, ...]
    """Its arguments, without the program's own name."""
    schedule: str
    """In the notation of a task's schedule; empty when `problem` says why it is not known."""
    problem: str = ""
    zone: str = ""
    """The time zone that the crontab sets for it; empty is the machine's."""
    beside: tuple[str, ...] = ()
    """What else the line does, the names of those commands."""
    command: str = ""
    """All that the line runs."""


def programs(text: str, name: str, users: bool | None = None) -> tuple[Found, ...]:
    """Each run of the program `name` that the crontab `text` has, and each line that names it and is not understood.

    `users` says whether a user's name stands before each command, as in the system's; None: it does where root's does.
    Raises UsageError for a text that is too large.
    """
    lines = [line.replace("\t", " ").strip() for line in text.split("\n")]
    if len(lines) > LINES_LIMIT:
        raise UsageError(f"The crontab has more than {LINES_LIMIT} lines.", "Give only the lines that matter.")
    named = any(_ROOTS.match(line) for line in lines) if users is None else users
    found: list[Found] = []
    holding: set[str] = set()
    zone = ""
    for number, line in enumerate(lines, 1):
        if not line or line.startswith("#"):
            continue
        if _ENVIRONMENT.match(line):
            key, _, value = line.partition("=")
            zone = value.strip().strip("\"'")[:60] if key.strip() in ("CRON_TZ", "TZ") else zone
            (holding.add if name in value.lower() else holding.discard)(key.strip())
            continue
        when, command = _split(line[:_LINE_LIMIT])
        held = not holding.isdisjoint(_VARIABLE.findall(command))
        if name not in command.lower() and not held:  # a variable of that name counts
            continue
        if when and named:
            command = command.partition(" ")[2].lstrip() or command
        if len(line) > _LINE_LIMIT or not line.isprintable():
            problem = "the line is too long, or holds what is not text"
            found.append(Found(number, (), "", problem, command=command))
            continue
        runs = _runs(number, when, command, name, zone)
        found += runs or ([Found(number, (), _when(when)[0], launched.FILLED_IN, command=command)] if held else [])
    return tuple(found)


def pasted(line: str, name: str) -> Found:
    """The run of the program `name` in one line that a person gives: a shell's, a crontab's, or its arguments alone.

    Raises UsageError for what is no such line.
    """
    if line.strip()[:1] in _TIMES:
        return _only(programs(line.strip(), name), name)
    try:
        if name not in line:
            return _only([Found(0, tuple(one.words), "") for one in shell_line.read(line).commands], name)
        read = launched.read(line, name)
    except ValueError:
        raise UsageError("The line cannot be taken apart: its quotes do not match.", "Is it whole?") from None
    return _only([Found(0, run.words, "", run.problem, "", read.beside, line) for run in read.runs], name)


def _only(found: Sequence[Found], name: str) -> Found:
    if not found:
        raise UsageError(f"There is no {name} command in it.", "Paste it as it stands in the shell or the crontab.")
    if len(found) > 1:
        raise UsageError(f"The line runs {name} {len(found)} times.", "Paste one command at a time.")
    return replace(found[0], line=0)


def _split(line: str) -> tuple[tuple[str, ...], str]:
    """When, and the rest of a line: its command, behind a user's name in a system crontab."""
    if line.startswith("@"):
        word, *rest = line.split(None, 1)
        return (word.lower(),), "".join(rest)
    entry = _ENTRY.fullmatch(line)
    return (entry.groups()[:5], entry[6]) if entry else ((), line)


def _when(when: tuple[str, ...]) -> tuple[str, str]:
    """A crontab's time as a schedule, and else why it is none."""
    try:
        return schedule_of(when), ""
    except ValueError as error:
        return "", str(error)


def _runs(number: int, when: tuple[str, ...], command: str, name: str, zone: str) -> list[Found]:
    planned, unplanned = _when(when)
    try:
        line = launched.read(without_input(command), name)
    except ValueError:
        return [Found(number, (), planned, "its quotes do not match", zone, command=command)]
    return [
        Found(number, run.words, planned, run.problem or unplanned, zone, line.beside, command) for run in line.runs
    ]


def without_input(command: str) -> str:
    """A crontab's command: what follows a bare % would be its standard input, and `\\%` is a percent sign."""
    return re.split(r"(?<!\\)%", command, maxsplit=1)[0].replace("\\%", "%")


def schedule_of(when: tuple[str, ...]) -> str:
    """A crontab's time in the notation of a task's schedule. Raises ValueError with the clause that says why not."""
    if not when:
        raise ValueError("when it runs cannot be understood")
    if len(when) == 1:
        if when[0] not in _NAMED:
            raise ValueError(f"{when[0][:20]} is no time that cron has")
        return _NAMED[when[0]]
    minute, hour, day, month, weekday = when
    clock = f"{_field(hour, 0, 23)}:{_field(minute, 0, 59)}:00"
    months, dates, days = _field(month, 1, 12, _MONTHS), _field(day, 1, 31), _weekdays(weekday)
    either = not day.startswith("*") and not weekday.startswith("*")  # else cron runs only when both fit
    date = f"{months}-*" if either and not days else f"{months}-{dates}"
    if re.fullmatch(r"\d\d:\d\d:00", clock) and date == "*-*" and (not days or days.isalpha()):
        text = f"weekly {days} {clock[:5]}" if days else f"daily {clock[:5]}"
    elif days and either:
        text = f"*-{date} {clock}; {days} *-{months}-* {clock}"
    else:
        text = f"{days} *-{date} {clock}" if days else f"*-{date} {clock}"
    try:
        schedule.parse(text)
    except UsageError as error:
        raise ValueError(f"systemd has no such time ({error.message.rstrip('.')})") from None
    return text


def _field(text: str, low: int, high: int, names: tuple[str, ...] = ()) -> str:
    """A field of cron as systemd writes it."""
    parts = []
    for part in text.lower().split(","):
        span, _, step = part.partition("/")
        first, dash, last = span.partition("-")
        if span == "*":
            found = "*" if not step else f"{low:02d}"
        else:
            ends = [_number(end, low, high, names) for end in ((first, last) if dash else (first,))]
            if ends[0] > ends[-1]:
                raise ValueError(f"{text[:20]} goes backwards")
            if step and not dash:
                ends.append(high)
            found = "..".join(f"{end:02d}" for end in ends)
        if step and not (step.isascii() and step.isdigit() and 0 < int(step) <= high):
            raise ValueError(f"{text[:20]} cannot be understood")
        parts.append(f"{found}/{int(step)}" if step and step != "1" else "*" if step and span == "*" else found)
    return ",".join(parts)


def _number(text: str, low: int, high: int, names: tuple[str, ...]) -> int:
    number = names.index(text) + low if text in names else int(text) if re.fullmatch(r"[0-9]{1,2}", text) else -1
    if not low <= number <= high:
        raise ValueError(f"{text[:20]} is not from {low} to {high}")
    return number


def _weekdays(text: str) -> str:
    """The days of the week as systemd names them; empty for every day."""
    if text == "*":
        return ""
    chosen: set[int] = set()
    for part in text.lower().split(","):
        span, _, step = part.partition("/")
        first, dash, last = span.partition("-")
        low = 0 if span == "*" else _number(first, 0, 7, _DAYS)
        high = 6 if span == "*" else _number(last, 0, 7, _DAYS) if dash else low
        if low > high or (step and not re.fullmatch(r"[1-7]", step)):
            raise ValueError(f"{text[:20]} cannot be understood")
        chosen.update(day % 7 for day in range(low, high + 1, int(step or 1)))
    if len(chosen) == 7:
        return ""
    return ",".join(_DAYS[day].capitalize() for day in sorted(chosen))
