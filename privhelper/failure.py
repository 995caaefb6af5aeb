"""How a request can end badly: one of the exit codes and one sentence."""

from __future__ import annotations

CODES = {"failed": 1, "refused": 2, "role": 3, "changed": 4, "unavailable": 5, "timeout": 6}


class Failure(Exception):
    """A request that was not done, or not to its end; `code` is a key of CODES, str() is one sentence."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def one_line(raw: bytes | str, limit: int = 400) -> str:
    """What a program said, as one line without control characters; only the last words are kept when it is long."""
    said = raw.decode("utf-8", "replace") if isinstance(raw, bytes) else raw
    said = " ".join("".join(c if c.isprintable() else " " for c in said).split())
    return said if len(said) <= limit else "…" + said[-limit:]
