"""The SQLite store: tasks, runs and their evidence. Many short-lived processes use it at once."""

from __future__ import annotations

from .access import Store, open_store
from .prepare import Notice

__all__ = ["Notice", "Store", "open_store"]
