"""Asking a `dplane` that prints one JSON object and ends: neither SQLite nor an engine is loaded here for it."""

from __future__ import annotations

import json
import sys
from typing import Any

from ..errors import CommandError, DPlaneError, MissingError
from ..text import clean
from .host import Host

_DPLANE = "/usr/local/bin/dplane"
_SECONDS = 90.0  # a Pi that is busy starts Python in ten


async def ask(host: Host, *words: str, kind: type) -> Any:
    """The `data` that `dplane --json WORDS` tells there, a `kind` (list or dict), also when it comes with bad news.

    Raises the error that it told, MissingError, CommandError.
    """
    start = [sys.executable, "-P", "-m", "dplane_tui"] if host.local else [_DPLANE]
    output = await host.run([*start, "--json", *words], timeout=_SECONDS)
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
    if not isinstance(data, kind):  # data that comes with an error is bad news, not a failure
        raise error_from(answer.get("error"))
    return data


def not_understood(host: Host, error: ValueError) -> CommandError:
    """That what it told is not what this release knows."""
    return CommandError(
        f"{host.name} answered what this release does not understand: {error}.", "Use the same D-Plane release on both."
    )


def error_from(data: Any) -> DPlaneError:
    """The exception for an error object `{"code", "message", "next"}` of another process."""
    fields = data if isinstance(data, dict) else {}
    message = _said(fields.get("message")) or "The other process failed without saying why."
    kinds: list[type[DPlaneError]] = [DPlaneError]
    for kind in kinds:
        kinds += kind.__subclasses__()
    chosen = next((kind for kind in kinds if kind.code == fields.get("code")), CommandError)
    return chosen(message, _said(fields.get("next")))


def _said(value: Any) -> str:
    """A sentence of the other process; of a long one the rest is not even looked at."""
    return clean(value[:4000], 1000) if isinstance(value, str) else ""
