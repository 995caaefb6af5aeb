"""Which columns fit, how wide, and text cut to cells. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len, set_cell_size

from ..lazyclass import dataclass
from ..text import clean

GAP = 2
Pieces = Sequence[tuple[str, str]]
"""A line of text as (text, role) from left to right."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One value of a row: what stands there, the role it is drawn in, what it sorts by."""

    text: str
    style: str = "text"
    order: float | str | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table. `key` says which thing it is, whatever its place."""

    key: str
    cells: tuple[Cell, ...]
    depth: int = 0
    """Indentation in a tree."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column. Those with the highest `drop` go first when the terminal is narrow; 0 always stays."""

    title: str
    drop: int = 0
    right: bool = False
    least: int = 3
    """Narrowest useful width."""
    most: int = 60
    grow: bool = False
    """Takes the width that is left."""
    middle: bool = False
    """Too long a text loses its middle: both ends of a disk's id tell it apart."""


def row(key: str, *cells: Cell | str, depth: int = 0) -> Row:
    """A row; plain strings become plain cells."""
    return Row(key, tuple(c if isinstance(c, Cell) else Cell(c) for c in cells), depth)


def fit(columns: Sequence[Column], wanted: Sequence[int], width: int) -> tuple[tuple[int, int], ...]:
    """(column index, cells) of the columns to show in `width` cells, given each one's widest content."""
    shown = list(range(len(columns)))
    size = {i: max(columns[i].least, min(columns[i].most, wanted[i])) for i in shown}

    def total(sizes: dict[int, int]) -> int:
        return sum(sizes[i] for i in shown) + GAP * (len(shown) - 1)

    least = {i: min(size[i], columns[i].least) if not columns[i].right else size[i] for i in size}
    while len(shown) > 1 and total(least) > width:
        candidates = [i for i in shown if columns[i].drop]
        if not candidates:
            break
        # The dearest loss last: highest drop first, the rightmost of equals.
        shown.remove(max(candidates, key=lambda i: (columns[i].drop, i)))
    over = total(size) - width
    for i in sorted(shown, key=lambda i: (not columns[i].grow, -size[i])):
        if over <= 0:
            break
        cut = min(over, size[i] - least[i])
        size[i] -= cut
        over -= cut
    if over > 0:
        size[shown[0]] = max(1, size[shown[0]] - over)
    growing = [i for i in shown if columns[i].grow]
    if over < 0 and growing:
        size[growing[0]] += -over
    return tuple((i, size[i]) for i in shown)


def cut(text: str, width: int, right: bool = False, middle: bool = False) -> str:
    """`text`, cleaned, in exactly `width` cells; `…` stands for what does not fit."""
    if width <= 0:
        return ""
    text = clean(text)
    length = cell_len(text)
    if length > width and middle and width > 8 and text.isascii():
        head = (width - 1) // 2
        return text[:head] + "…" + text[head + 1 - width :]
    if length > width:
        return set_cell_size(text, width - 1).rstrip("\u200d") + "…" if width > 1 else "…"
    pad = " " * (width - length)
    return pad + text if right else text + pad


def wrap(text: str, width: int) -> list[str]:
    """`text` in lines of at most `width` cells, broken at spaces where it can be."""
    lines: list[str] = []
    for paragraph in text.split("\n"):
        paragraph = clean(paragraph)
        indent = min(len(paragraph) - len(paragraph.lstrip(" ")), width // 2)
        line = " " * indent
        for word in paragraph.strip(" ").split(" "):
            while cell_len(word) > width - indent:
                if line.strip():
                    lines.append(line)
                    line = ""
                head = set_cell_size(word, max(1, width)).rstrip()
                lines.append(head)
                word = word[max(1, len(head)) :]
            if not line.strip():
                line += word
            elif cell_len(line) + 1 + cell_len(word) <= width:
                line += " " + word
            else:
                lines.append(line)
                line = word
        lines.append(line)
    return lines


def paragraphs(text: str, width: int, role: str = "text") -> list[Pieces]:
    """`text` wrapped to lines of pieces."""
    return [[(line, role)] for line in wrap(text, width)]


def at_most(lines: Sequence[Pieces], most: int, width: int) -> list[Pieces]:
    """The first lines; where some are left out, the last that is shown ends with `…`, within `width` cells."""
    shown = list(lines[: max(0, most)])
    if not shown or len(lines) <= len(shown):
        return shown
    *before, (text, role) = shown[-1] or ((" ", "dim"),)
    body, room = clean(text).rstrip(), max(1, width - sum(cell_len(clean(piece)) for piece, _ in before))
    fits = cell_len(body) + 2 <= room
    marked = f"{body} …" if fits else set_cell_size(body, min(room - 1, cell_len(body))).rstrip() + "…"
    return [*shown[:-1], [*before, (marked, role)]]


def matches(row: Row, query: str) -> bool:
    """Whether a row stays under the filter `query`: every word somewhere in it; with `!` before it, none."""
    inverse = query.startswith("!")
    words = query.lstrip("!").lower().split()
    if not words:
        return True
    whole = " ".join(cell.text for cell in row.cells).lower()
    return all(word in whole for word in words) != inverse


def order_by(column: int) -> object:
    """A sort key over rows: numbers before words, unknown last."""

    def key(row: Row) -> tuple[int, float, str]:
        cell = row.cells[column]
        value = cell.order if cell.order is not None else cell.text.lower()
        if isinstance(value, str):
            return (1 if value not in {"", "?", "-"} else 2, 0.0, value)
        return (0, float(value), "")

    return key
