"""How a command says what it found: plain text or one JSON object, and an exit code."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Sequence
from typing import Any

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


def show(result: Result, as_json: bool) -> int:
    """Print a result, on standard output all of it; returns the exit code. Raises OSError."""
    error = result.error
    if as_json:
        answer: dict[str, Any] = {"ok": error is None, "data": plain(result.data)}
        if error is not None:
            answer["error"] = error.as_object()
        print(json.dumps(answer, ensure_ascii=True), flush=True)
        return result.exit_code
    if result.text:
        print(result.text, flush=True)
    if error is not None and not (result.text and isinstance(error, BadNewsError)):  # there the text is the news
        _complain(error)
    return result.exit_code


def show_error(error: DPlaneError, as_json: bool) -> int:
    """Tell an error, as JSON on standard output or a sentence on standard error; returns the exit code.

    Raises OSError.
    """
    if as_json:
        print(json.dumps({"ok": False, "error": error.as_object()}, ensure_ascii=True), flush=True)
    else:
        _complain(error)
    return error.exit_code


def _complain(error: DPlaneError) -> None:
    print(f"dplane: {clean(str(error))}", file=sys.stderr, flush=True)
