"""What this session did: what was asked for, what came of it, what was said. Plain data, in memory only."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass

MOST = 500
_KIND = {"good": "done", "bad": "failed", "warn": "refused"}


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the log."""

    at: float
    """Unix seconds."""
    kind: str
    """`asked` (an action was begun), `done`, `failed`, `refused` or `said`."""
    box: str
    """The host as people call it."""
    text: str
    role: str = "text"
    """How it is drawn."""


class SessionLog:
    """The latest entries, oldest first."""

    def __init__(self) -> None:
        self.entries: deque[Entry] = deque(maxlen=MOST)

    def asked(self, box: str, action: str, about: str) -> None:
        """A person began an action that changes something; `about` is what was under the cursor."""
        self.entries.append(Entry(time.time(), "asked", box, f"{action}: {about}" if about else action, "strong"))

    def said(self, box: str, text: str, role: str) -> None:
        """The console said `text`; the role tells whether that is success or failure."""
        self.entries.append(Entry(time.time(), _KIND.get(role, "said"), box, text, role))
