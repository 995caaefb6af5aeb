"""What the terminal shows already, so that it need not be sent again."""

from __future__ import annotations

import re

from rich.cells import cell_len

_MOVE = re.compile(r"\x1b\[(\d+);(\d+)H")
_STYLE = re.compile(r"\x1b\[[0-9;]*m")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class Painted:
    """The fragments last written, by place. A fragment written over another, even in part, takes its place."""

    def __init__(self) -> None:
        self._rows: dict[int, list[tuple[int, int, str]]] = {}
        self._cursor = ""

    def forget(self) -> None:
        """Trust nothing: the terminal was resized, cleared, or lost bytes."""
        self._rows.clear()
        self._cursor = ""

    def fresh(self, frame: str) -> str:
        """The part of `frame` (fragments, each behind a move of the cursor) that the terminal does not show yet."""
        first, *parts = _MOVE.split(frame)
        if first or not parts:
            self.forget()
            return frame
        out: list[str] = []
        cursor = ""
        for row, column, text in zip(parts[::3], parts[1::3], parts[2::3], strict=True):
            move = f"\x1b[{row};{column}H"
            body = text.rstrip("\r\n")
            plain = _STYLE.sub("", body)
            if _CONTROL.search(plain):
                self.forget()
                return frame
            if not plain:
                cursor = move + body
            elif self._take(int(row), int(column), cell_len(plain), body):
                out.append(move + body)
        if cursor and (out or cursor != self._cursor):
            out.append(cursor)
            self._cursor = cursor
        return "".join(out)

    def _take(self, row: int, column: int, width: int, text: str) -> bool:
        """Remember a fragment; False when it is there already."""
        there = self._rows.setdefault(row, [])
        if (column, width, text) in there:
            return False
        end = column + width
        there[:] = [one for one in there if one[0] >= end or one[0] + one[1] <= column]
        there.append((column, width, text))
        return True
