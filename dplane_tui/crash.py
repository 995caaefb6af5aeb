"""What happens to an error nobody foresaw: a redacted line in a log file, one sentence for the person."""

from __future__ import annotations

import os
import re
import select
import time
import traceback

from . import paths
from .text import clean

_LIMIT = 1024 * 1024
_SECRET = re.compile(r"(?i)(pass(?:word|phrase)?|secret|token|key)(['\"]?\s*[=:]\s*)\S+")


def where() -> str:
    """The log file, as a person would type it."""
    path, home = str(paths.current().log), os.path.expanduser("~")
    return "~" + path[len(home) :] if path.startswith(home + "/") else path


def log(error: BaseException) -> None:
    """Append the traceback, without the values of variables and with what looks like a secret taken out."""
    text = "".join(traceback.format_exception(error, limit=-30))
    _append(_SECRET.sub(r"\1\2[redacted]", text))


def note(sentence: str) -> None:
    """Append a sentence about something that was passed over."""
    _append(clean(sentence, 1000) + "\n")


def _append(text: str) -> None:
    path = paths.current().log
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists() and path.stat().st_size > _LIMIT:
            path.replace(path.with_suffix(".log.1"))
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="replace") as file:
            file.write(time.strftime("%Y-%m-%dT%H:%M:%S%z ") + text + "\n")
    except OSError:
        return  # a full disk must not turn one failure into two


def tell() -> None:
    """Write the sentence to standard error, unless the terminal takes nothing: then nobody is there to read it."""
    try:
        if select.select([], [2], [], 1.0)[1]:
            os.write(2, (sentence() + "\n").encode())
    except OSError:
        return


def sentence() -> str:
    """What the person reads when the console had to close."""
    return (
        "D-Plane console had to close because of an error of its own. Pools, transfers and containers are not "
        f"touched by that. The details are in {where()}."
    )
