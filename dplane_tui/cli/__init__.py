"""The command line: `dplane GROUP VERB …`, plain or `--json`, without Textual."""

from __future__ import annotations

from .main import run

__all__ = ["run"]
