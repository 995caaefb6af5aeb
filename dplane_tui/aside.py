"""What a process says besides its result: to the journal, or to the person who waits for it."""

from __future__ import annotations

import sys

from .text import clean


def aside(text: str) -> None:
    """One line on standard error in the product's name, made safe. Raises OSError."""
    print(f"dplane: {clean(text)}", file=sys.stderr, flush=True)
