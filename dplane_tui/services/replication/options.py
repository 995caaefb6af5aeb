"""A task's options as a person types them, and as the far `dplane` command is told them: one table. Pure."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from ...errors import UsageError
from ...text import clean
from ..retention import policy
from . import rates, schedule
from .model import Options, Task

BACKLOG_LIMIT = 100_000
_UNITS = {"m": 60, "h": 3600, "d": 86400, "w": 604800}


class Flag(NamedTuple):
    """One option of `dplane replicate add|set`."""

    field: str
    flag: str
    metavar: str
    help: str


FLAGS = (
    Flag("include", "--include", "PATTERN", "only datasets below the source that match, with their parents (repeat)"),
    Flag("exclude", "--exclude", "PATTERN", "not these, nor what is below them: 'cache', '*/tmp' (repeat)"),
    Flag("initial", "--initial", "all|newest", "what the first run brings: all snapshots, or the newest alone"),
    Flag("intermediates", "--newest-only", "yes|no", "leave out the snapshots between two runs"),
    Flag("limit", "--limit", "RATE", "bytes a second: 2M, or by hours: '08:00-18:00=1M full'"),
    Flag("window", "--window", "HOURS", "scheduled runs start only then: 22:00-06:00"),
    Flag("schedule", "--schedule", "WHEN", "'every 1h', 'daily 02:30', 'boot 10m', or a systemd calendar expression"),
    Flag("keep_source", "--keep-source", "POLICY", "retention of our snapshots here, after a proven run"),
    Flag("keep_target", "--keep-target", "POLICY", "the same at the target"),
    Flag("backlog", "--backlog", "N", "with --keep-source: so many wait for a target that is away, at most (500)"),
)


def change(options: Options, given: dict[str, Any]) -> Options:
    """`options` with the fields of `given` (as typed, None is not given), checked. Raises UsageError."""
    fields: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    for name in ("include", "exclude"):
        if name in fields:
            fields[name] = tuple(pattern for pattern in fields[name] if pattern)
    if "intermediates" in fields:
        fields["intermediates"] = not _yes(fields["intermediates"])
    if "backlog" in fields:
        fields["backlog"] = number(fields["backlog"])
    changed = check(Options(**{**_fields(options), **fields}))
    if (changed.schedule, changed.window) != (options.schedule, options.window):
        schedule.refuse_never(changed.schedule, changed.window)
    return changed


def check(options: Options) -> Options:
    """`options` if all of it makes sense. Raises UsageError."""
    for pattern in (*options.include, *options.exclude):
        if len(pattern) > 255 or pattern.startswith("/") or not pattern.isprintable():
            raise UsageError(
                f"“{clean(pattern, 60)}” is not a pattern of datasets below the source.",
                "Write it relative to the source, such as cache or */tmp.",
            )
    if options.initial not in ("all", "newest"):
        raise UsageError(f"--initial is all or newest, not “{clean(options.initial, 20)}”.")
    rates.parse(options.limit)
    if options.window:
        rates.parse_span(options.window)
    schedule.parse(options.schedule)
    policy.parse(options.keep_source)
    policy.parse(options.keep_target)
    if not 1 <= options.backlog <= BACKLOG_LIMIT:
        raise UsageError(f"--backlog is a number of snapshots from 1 to {BACKLOG_LIMIT}, not {options.backlog}.")
    return options


def words(after: Options, before: Options | None = None) -> list[str]:
    """The flags that make `after` of `before` (of the default ones). `--flag=value`, so that no value is a flag."""
    found: list[str] = []
    for flag in FLAGS:
        old, new = getattr(before or Options(), flag.field), getattr(after, flag.field)
        if old == new:
            continue
        if isinstance(new, tuple):
            found += [f"{flag.flag}={item}" for item in new or ("",)]  # an empty one clears the list
        elif isinstance(new, bool):
            found.append(f"{flag.flag}={'no' if new else 'yes'}")
        else:
            found.append(f"{flag.flag}={new}")
    return found


def describe(options: Options, task: str) -> list[str]:
    """What differs from the default, a line each; `task` is whose options they are."""
    lines = [word.removeprefix("--").replace("=", ": ", 1) for word in words(options)]
    return [*lines, *([f"PAUSED: `dplane replicate resume {task}` lets it go on"] if options.paused else [])]


def stream_words(task: Task) -> str:
    """How a task sends what is encrypted."""
    if task.raw is None:
        return "as the dataset is: raw if it is encrypted"
    return "raw (what is encrypted stays so on the way)" if task.raw else "plain (what is encrypted is sent decrypted)"


def _yes(value: object) -> bool:
    if isinstance(value, bool):
        return value
    if value not in ("yes", "no"):
        raise UsageError(f"--newest-only is yes or no, not “{clean(str(value), 20)}”.")
    return value == "yes"


def number(value: object) -> int:
    """`--backlog` as typed. Raises UsageError."""
    text = str(value)
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise UsageError(f"--backlog is a number of snapshots, not “{clean(text, 20)}”.")
    return int(text)


def seconds(value: str) -> int:
    """`90m`, `24h`, `7d` or plain seconds. Raises UsageError."""
    found = re.fullmatch(r"(\d{1,9})([mhdw]?)", value)
    if not found:
        raise UsageError(f"“{clean(value, 20)}” is not a time.", "Write it as 90m, 24h, 7d or in seconds.")
    return int(found[1]) * _UNITS.get(found[2], 1)


def as_typed(time: int) -> str:
    """Seconds the way `seconds` takes them, in the largest unit that fits."""
    unit = next((unit for unit in ("w", "d", "h", "m") if time and time % _UNITS[unit] == 0), "")
    return f"{time // _UNITS.get(unit, 1)}{unit}"


def _fields(options: Options) -> dict[str, Any]:
    return {name: getattr(options, name) for name in Options.__dataclass_fields__}
