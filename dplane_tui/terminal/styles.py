"""Text attributes of a terminal: what a style comes to, and the shortest way from one to another. Pure."""

from __future__ import annotations

from functools import lru_cache

_PLAIN_ATTRIBUTES = frozenset({"1", "4", "5", "7"})
"""What a vt100 knows: bold, underline, blink, reverse."""


@lru_cache(512)
def _slots(style: str) -> tuple[frozenset[str], str, str]:
    """(attributes, foreground, background) of SGR parameters; the terminal's own colours are empty."""
    attributes: set[str] = set()
    ground = ["", ""]
    numbers = iter(style.split(";"))
    for number in numbers:
        if number in {"38", "48"}:
            kind = next(numbers, "")
            rest = [next(numbers, "") for _ in range({"5": 1, "2": 3}.get(kind, 0))]
            ground[number == "48"] = ";".join((number, kind, *rest))
        elif number in {"", "0"}:
            attributes.clear()
            ground = ["", ""]
        elif number in {"39", "49"}:
            ground[number == "49"] = ""
        elif len(number) >= 2 and number[0] in "349" and number[-2:] != "49":
            ground[number[0] == "4"] = number
        elif number.startswith("10") and len(number) == 3:
            ground[1] = number
        else:
            attributes.add(number)
    return frozenset(attributes), ground[0], ground[1]


def _join(attributes: frozenset[str], *grounds: str) -> str:
    return ";".join([*sorted(attributes), *(ground for ground in grounds if ground)])


@lru_cache(512)
def canonical(style: str, plain: bool = False) -> str:
    """SGR parameters in one spelling; empty for none. `plain`: only what a vt220, or 8 colours, can show."""
    attributes, front, back = _slots(style)
    if plain:
        attributes &= _PLAIN_ATTRIBUTES
        front, back = _eight(front), _eight(back)
    return _join(attributes, front, back)


def _eight(ground: str) -> str:
    """A colour among the eight; empty for what is none of them or of their bright ones."""
    if len(ground) == 2 and ground[0] == "9":
        return "3" + ground[1]
    if len(ground) == 3 and ground.startswith("10"):
        return "4" + ground[2]
    return ground if len(ground) == 2 else ""


@lru_cache(1024)
def transition(old: str, new: str) -> str:
    """What turns the canonical style `old` into `new`; empty when they are the same."""
    if old == new:
        return ""
    if not new:
        return "\x1b[m"
    had, front, back = _slots(old)
    attributes, new_front, new_back = _slots(new)
    if had - attributes or (front and not new_front) or (back and not new_back):
        return f"\x1b[0;{new}m"
    more = _join(attributes - had, new_front * (new_front != front), new_back * (new_back != back))
    return f"\x1b[{more}m"
