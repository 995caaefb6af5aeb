"""How a command says what it found: plain text or one JSON object, and an exit code."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Sequence
from typing import Any

from ..errors import DPlaneError
from ..text import clean


@dataclasses.dataclass(frozen=True, slots=True)
class Result:
    """What a command hands back: `data` for `--json`, `text` for a person, the exit code."""

    data: Any
    text: str = ""
    exit_code: int = 0


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
    """Print a result on standard output; returns the exit code."""
    if as_json:
        print(json.dumps({"ok": True, "data": plain(result.data)}, ensure_ascii=True))
    elif result.text:
        print(result.text)
    return result.exit_code


def show_error(error: DPlaneError, as_json: bool) -> int:
    """Tell an error: JSON on standard output, or a sentence on standard error; returns the exit code."""
    if as_json:
        body = {"code": error.code, "message": error.message, "next": error.next_step}
        print(json.dumps({"ok": False, "error": body}, ensure_ascii=True))
    else:
        print(f"dplane: {clean(str(error))}", file=sys.stderr)
    return error.exit_code
