"""The tasks of a box, asked of a `dplane` that prints them and ends: neither SQLite nor the engine is loaded here."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from ...errors import CommandError, MissingError
from ..host import Host

if TYPE_CHECKING:
    from .model import TaskStatus

_DPLANE = "/usr/local/bin/dplane"
_SECONDS = 90.0  # a Pi that is busy starts Python in ten


async def task_states(host: Host) -> tuple[TaskStatus, ...]:
    """What `dplane replicate list` says there. Raises the error that it told, MissingError, CommandError."""
    start = [sys.executable, "-P", "-m", "dplane_tui"] if host.local else [_DPLANE]
    output = await host.run([*start, "--json", "replicate", "list"], timeout=_SECONDS)
    try:
        answer = json.loads(output.text)
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict):
        if output.status == 127:
            raise MissingError(
                f"D-Plane is not installed on {host.name}.", "Install it there with `sudo make install`."
            )
        raise CommandError(f"dplane on {host.name} ended with status {output.status} and no answer.")
    data = answer.get("data")
    if not isinstance(data, list):  # data that comes with an error is bad news, not a failure
        from .pairing import error_from

        raise error_from(answer.get("error"))
    if not data:
        return ()
    from .codec import decode
    from .model import TaskStatus

    try:
        return tuple(decode(TaskStatus, item) for item in data)
    except ValueError as error:
        raise CommandError(
            f"{host.name} answered what this release does not understand: {error}.",
            "Use the same D-Plane release on both.",
        ) from None
