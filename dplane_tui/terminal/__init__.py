"""What this terminal can do, and how to speak to it."""

from __future__ import annotations

from .profile import Profile, detect

__all__ = ["Profile", "detect"]
