"""Work that runs outside the console, under systemd, and reports through files."""

from __future__ import annotations

from .model import ACTIVE, FINISHED, Progress
from .service import JobService

__all__ = ["ACTIVE", "FINISHED", "JobService", "Progress"]
