"""Charts of a pool and of a disk as lines. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..services.capacity.model import History, Warmth
from ..services.capacity.series import spread
from ..services.capacity.words import sentences, warm_words
from ..services.zfs.iostat import Rates
from ..text import duration, size
from ..widgets.chart import chart, columns, spark, widened
from ..widgets.layout import Pieces, cut, paragraphs

_SCALE = 6  # cells before the chart: what its top and bottom stand for
_HIGHEST, _WARM_HEIGHT = 10, 4
_LABEL = 7
SPARKS = 24
"""Measurements that are shown."""


def history_lines(found: History, width: int, height: int, glyphs: str, now: float) -> list[Pieces]:
    """How full the pool was in `height` lines at most: the sentences first, the chart where room is left."""
    told = sentences(found, now)
    lines = [line for text in told[:3] for line in paragraphs(text, width)]
    room = min(_HIGHEST, height - len(lines) - 1)
    past = [one for one in found.samples if one.at <= now]
    if room < 2 or len(past) < 2:
        return lines[:height]
    cells = max(1, width - _SCALE)
    values, span = spread([(one.at, float(one.allocated)) for one in past], now, columns(cells, glyphs))
    drawn = chart(widened(values, columns(cells, glyphs)), cells, room, glyphs, top=float(past[-1].size))
    marks = ["100%", *[""] * (room - 2), "0%"]
    lines += [[(f"{mark:>4}  ", "dim"), (line, "accent")] for mark, line in zip(marks, drawn, strict=True)]
    return [*lines, _axis(span, max(len(line) for line in drawn))]


def _axis(span: float, cells: int) -> Pieces:
    left = f"{duration(span).split(' ')[0]} ago"
    return [(" " * _SCALE, "text"), (f"{left}{'now'.rjust(max(4, cells - len(left)))}", "dim")]


def now_lines(seen: Sequence[Rates], problem: str, every: float, width: int) -> list[Pieces]:
    """What is read and written now: the last measurements and the newest in figures."""
    if problem:
        return paragraphs(problem, width, "bad")
    if not seen:
        return [[(f"Measuring what is read and written, {every:.0f} s…", "dim")]]
    last, shown = seen[-1], seen[-SPARKS:]
    room = width >= _LABEL + SPARKS + 30

    def line(label: str, data: Sequence[float], ops: float, wait: float | None) -> Pieces:
        figures = f"{size(data[-1])}/s  {ops:.0f} operations/s" + (f", {_wait(wait)} each" if wait is not None else "")
        drawn = [(f"{spark(data):>{SPARKS}}  ", "accent")] if room else []
        return [(f"{label:<{_LABEL}}", "dim"), *drawn, (figures, "text")]

    return [
        line("reads", [one.read_bytes for one in shown], last.read_ops, last.read_wait),
        line("writes", [one.write_bytes for one in shown], last.write_ops, last.write_wait),
    ]


def device_lines(devices: Mapping[str, Rates], width: int, height: int) -> list[Pieces]:
    """What each group and disk does now, in `height` lines at most; how many there was no room for."""
    if not devices:
        return [[("Measuring each disk…", "dim")]]
    titles = list(_FIGURES)
    while width - sum(_FIGURES[title] for title in titles) < _NAME and len(titles) > 1:
        titles.remove(next(title for title in _DEAREST_LAST if title in titles))
    name = max(1, min(width - sum(_FIGURES[title] for title in titles), max(_LABEL, *map(len, devices))))

    def line(first: str, figures: Mapping[str, str], role: str) -> Pieces:
        cells = "".join(f"{figures[title]:>{_FIGURES[title]}}" for title in titles)
        return [(cut(first, name, middle=True) + cells, role)]

    shown = list(devices.items())
    room = height - 1 if len(shown) < height else max(0, height - 2)
    lines = [line("DEVICE", {title: title for title in titles}, "dim")]
    lines += [line(device, _figures(one), "text") for device, one in shown[:room]]
    if room < len(shown):
        lines.append([(f"…and {len(shown) - room} more: a taller window shows them.", "dim")])
    return lines[: max(0, height)]


_FIGURES = {"READ/s": 8, "WRITE/s": 9, "OPS/s": 7, "R WAIT": 9, "W WAIT": 9, "QUEUE": 9}
"""Width of each figure of a device by its title. QUEUE: waiting + at work."""
_DEAREST_LAST = ("OPS/s", "R WAIT", "READ/s", "WRITE/s", "QUEUE", "W WAIT")
"""Which goes first where the names of the devices would have no room."""
_NAME = 18


def _figures(one: Rates) -> dict[str, str]:
    waits = (_wait(wait) if wait is not None else "-" for wait in (one.read_wait, one.write_wait))
    queue = "?" if one.waiting is None or one.working is None else f"{one.waiting}+{one.working}"
    figures = (size(one.read_bytes), size(one.write_bytes), f"{one.read_ops + one.write_ops:.0f}", *waits, queue)
    return dict(zip(_FIGURES, figures, strict=True))


def _wait(seconds: float) -> str:
    if seconds >= 1:
        return f"{seconds:.1f} s"
    return f"{seconds * 1e3:.1f} ms" if seconds >= 0.0001 else f"{seconds * 1e6:.0f} us"


def warm_lines(found: Warmth, width: int, glyphs: str, now: float) -> list[Pieces]:
    """How warm a disk was: the sentence, and a chart when there is more than one sample."""
    lines = paragraphs(warm_words(found, now), width)
    past = [one for one in found.samples if one.at <= now]
    if len(past) < 2:
        return lines
    cells = max(1, width - _SCALE)
    values, span = spread([(one.at, one.celsius) for one in past], now, columns(cells, glyphs))
    top = max(60.0, *(one.celsius for one in past))
    drawn = chart(widened(values, columns(cells, glyphs)), cells, _WARM_HEIGHT, glyphs, top=top)
    marks = [f"{top:.0f}°", *[""] * (_WARM_HEIGHT - 2), "0°"]
    lines += [[(f"{mark:>4}  ", "dim"), (line, "accent")] for mark, line in zip(marks, drawn, strict=True)]
    return [*lines, _axis(span, max(len(line) for line in drawn))]
