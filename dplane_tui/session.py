"""What this session did: what was asked for, what came of it, what was said. Plain data, in memory only."""

from __future__ import annotations

import time
from collections import deque
from contextvars import ContextVar
from dataclasses import replace

from .lazyclass import dataclass

MOST = 500
answered: ContextVar[bool | None] = ContextVar("answered", default=None)
"""Whether the last question of this task was answered or cancelled; None: it asked none. A text to read is none."""
_KIND = {"good": "done", "bad": "failed", "warn": "refused"}


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the log."""

    at: float
    """Unix seconds."""
    kind: str
    """`asked` (an action was begun), `left` (and its question cancelled), `done`, `failed`, `refused` or `said`."""
    box: str
    """The host as people call it."""
    text: str
    role: str = "text"
    """How it is drawn."""


class SessionLog:
    """The latest entries, oldest first."""

    def __init__(self) -> None:
        self.entries: deque[Entry] = deque(maxlen=MOST)

    def asked(self, box: str, action: str, about: str) -> Entry:
        """A person began an action that changes something; `about` is what was under the cursor."""
        entry = Entry(time.time(), "asked", box, f"{action}: {about}" if about else action, "strong")
        self.entries.append(entry)
        return entry

    def left(self, entry: Entry) -> None:
        """What `entry` asked for was cancelled in its dialog. What was said since stays true: then nothing changes."""
        if not self.entries or self.entries[-1] is not entry:
            return
        self.entries[-1] = replace(entry, kind="left", text=f"opened, cancelled: {entry.text}", role="dim")

    def said(self, box: str, text: str, role: str) -> None:
        """The console said `text`; the role tells whether that is success or failure."""
        self.entries.append(Entry(time.time(), _KIND.get(role, "said"), box, text, role))
