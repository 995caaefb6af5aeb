"""Timers that start the product's scheduled work: one systemd timer file each, made of fixed lines and checked values.

`NAME` is `dplane-scheduled@<timer>.timer`; it starts `dplane-scheduled@<timer>.service`, which runs as the user dplane.
"""

from __future__ import annotations

import os

from .failure import Failure
from .places import SYSTEMCTL, SYSTEMD_ANALYZE, UNITS
from .shape import Args

PREFIX = "dplane-scheduled@"
_LIMIT = 60
_LINES = {"boot": "OnBootSec", "every": "OnUnitActiveSec", "calendar": "OnCalendar"}
_SHOWN = "ActiveState,NextElapseUSecRealtime,NextElapseUSecMonotonic,LastTriggerUSec"


def unit(timer: str) -> str:
    """The name of a timer's unit."""
    return f"{PREFIX}{timer}.timer"


def content(timer: str, when: list[str]) -> str:
    """The unit file. All values have passed their grammar: none holds a line end, a % or a backslash."""
    lines = [
        "# Written by D-Plane; `dplane replicate set`, `dplane policy` and `dplane schedule` change it.",
        "[Unit]",
        f"Description=D-Plane: {timer}",
    ]
    lines += ["", "[Timer]"]
    for entry in when:
        kind, _, value = entry.partition(":")
        lines.append(f"{_LINES[kind]}={value}{'s' if kind != 'calendar' else ''}")
        if kind == "every":  # the first time, for an interval counts from the last start
            lines.append("OnActiveSec=60s")
    # What was missed while the box was off is caught up; several timers do not start in the same second.
    lines += ["Persistent=true", "RandomizedDelaySec=30s", "AccuracySec=15s", "", "[Install]", "WantedBy=timers.target"]
    return "\n".join(lines) + "\n"


def change(verb: str, args: Args) -> dict[str, object]:
    """Do `timer-set` or `timer-remove`; returns what systemd then says of the timer. Raises Failure."""
    from . import programs

    programs.prepare()
    name = unit(str(args["timer"]))
    try:
        if verb == "timer-set":
            when = args["when"]
            assert isinstance(when, list)
            for entry in when:
                if entry.startswith("calendar:"):
                    _ask([SYSTEMD_ANALYZE, "calendar", "--", entry.removeprefix("calendar:")])
            _write(name, content(str(args["timer"]), when))
            _ask([SYSTEMCTL, "daemon-reload"])
            _ask([SYSTEMCTL, "enable", "--", name])
            _ask([SYSTEMCTL, "restart", "--", name])
        elif os.path.lexists(f"{UNITS}/{name}"):
            _ask([SYSTEMCTL, "disable", "--now", "--", name])
            os.unlink(f"{UNITS}/{name}")
            _ask([SYSTEMCTL, "daemon-reload"])
    except OSError as error:
        raise Failure("failed", f"{UNITS}/{name} cannot be changed: {error.strerror}.") from None
    shown = dict(line.partition("=")[::2] for line in _ask([SYSTEMCTL, "show", "-p", _SHOWN, "--", name]).splitlines())
    wanted = "active" if verb == "timer-set" else "inactive"
    if shown.get("ActiveState") != wanted:
        raise Failure("failed", f"systemd says that {name} is {shown.get('ActiveState', 'unknown')}, not {wanted}.")
    return {"timer": shown}


def _ask(argv: list[str]) -> str:
    from . import programs

    return programs.ask(argv, _LIMIT)


def _write(name: str, text: str) -> None:
    new = f"{UNITS}/.{name}.new"
    try:  # noqa: SIM105 (contextlib is slow to import)
        os.unlink(new)
    except FileNotFoundError:
        pass
    file = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
    with os.fdopen(file, "w", encoding="ascii") as target:
        os.fchmod(target.fileno(), 0o644)
        target.write(text)
        target.flush()
        os.fsync(target.fileno())
    os.rename(new, f"{UNITS}/{name}")
