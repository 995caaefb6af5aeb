"""How a command says what it found: plain text or one JSON object, and an exit code.

All that a command prints goes through here (ruff finds a `print` elsewhere), so no escape of a foreign name gets out.
"""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Sequence
from typing import Any

from ..aside import aside
from ..errors import BadNewsError, DPlaneError
from ..text import clean


@dataclasses.dataclass(frozen=True, slots=True)
class Result:
    """What a command hands back: `data` for `--json`, `text` for a person, and why it is no success if it is none.

    The exit code and `ok` both come from `error`, so they cannot disagree.
    """

    data: Any
    text: str = ""
    error: DPlaneError | None = None

    @property
    def exit_code(self) -> int:
        """What the command ends with."""
        return self.error.exit_code if self.error else 0


def plain(value: Any) -> Any:
    """`value` with data classes turned into dicts, ready for JSON."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Aligned columns with a header; cells are cleaned. Columns whose cells are all numbers align right."""
    cells = [[clean(cell) for cell in row] for row in rows]
    widths = [max([len(title), *(len(row[i]) for row in cells)]) for i, title in enumerate(head)]
    right = [
        bool(cells) and all(row[i][:1].isdigit() or row[i] in {"", "-", "?"} for row in cells) for i in range(len(head))
    ]

    def line(row: Sequence[str]) -> str:
        padded = (cell.rjust(w) if r else cell.ljust(w) for cell, w, r in zip(row, widths, right, strict=True))
        return "  ".join(padded).rstrip()

    return "\n".join([line(head), *(line(row) for row in cells)])


def safe(text: str) -> str:
    """`text` with its line ends, and nothing else that a terminal could obey."""
    return "\n".join(map(clean, text.split("\n")))


def say(text: str, *, beside: bool = False, end: str = "\n", flush: bool = True) -> None:
    """Print `text` made safe, on standard output or, `beside` it, on standard error. Raises OSError."""
    print(safe(text), end=end, file=sys.stderr if beside else sys.stdout, flush=flush)


def rewrite(text: str, width: int) -> int:
    """Write over the last `width` characters of the line on standard error, or wipe them; returns what it is long."""
    shown = clean(text)
    print(f"\r{shown.ljust(width)}{'' if shown else chr(13)}", end="", file=sys.stderr, flush=True)
    return len(shown)


def show(result: Result, as_json: bool) -> int:
    """Print a result, on standard output all of it; returns the exit code. Raises OSError."""
    error = result.error
    if as_json:
        answer: dict[str, Any] = {"ok": error is None, "data": plain(result.data)}
        if error is not None:
            answer["error"] = error.as_object()
        say(json.dumps(answer, ensure_ascii=True))
        return result.exit_code
    if result.text:
        say(result.text)
    if error is not None and not (result.text and isinstance(error, BadNewsError)):  # there the text is the news
        aside(str(error))
    return result.exit_code


def show_error(error: DPlaneError, as_json: bool) -> int:
    """Tell an error, as JSON on standard output or a sentence on standard error; returns the exit code.

    Raises OSError.
    """
    if as_json:
        say(json.dumps({"ok": False, "error": error.as_object()}, ensure_ascii=True))
    else:
        aside(str(error))
    return error.exit_code
