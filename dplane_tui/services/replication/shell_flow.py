"""Which commands a shell's line may never get to. Pure; nothing is evaluated by a shell."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import dropwhile

from ...lazyclass import dataclass, field
from .shell_line import Command

_KEYWORDS = frozenset(("{", "}", "!", "if", "then", "elif", "else", "fi", "while", "until", "do", "done"))
_CONDITION = frozenset(("if", "elif", "while", "until"))
_OPENING = frozenset(("{", "if", "do", "case"))
_CLOSING = frozenset(("}", "fi", "done", "esac"))
_CONSTANT = {"true": True, ":": True, "false": False}
"""What always ends the same way: as a condition it switches off what follows, or is none."""
_END = frozenset(("exit", "return"))
_ASSIGNED = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\+?=")
_SIGN = re.compile(r"(&&|\|\||\(\)|[|&;()\n])\n*")


def is_before(word: str) -> bool:
    """Whether a command's own name still follows the word."""
    return word in _KEYWORDS or bool(_ASSIGNED.match(word))


def base(word: str) -> str:
    """A program's name without its folder."""
    return word.rpartition("/")[2]


def barriers(commands: Sequence[Command]) -> list[str]:
    """For each command the name of an earlier one that keeps the line from it, whatever happens; else empty."""
    line = _Line()
    return [line.reach(one) for one in commands]


@dataclass(frozen=True, slots=True)
class _Block:
    """What is open around a command."""

    opened: str
    """Its first word, or `(`."""
    depends: bool
    """Whether it depends on something that it is entered; never so within a subshell, which is all that ends there."""
    stop: str
    """What kept the line from going on when it was opened."""


@dataclass(slots=True)
class _Line:
    """How far a line was followed."""

    stop: str = ""
    depends: bool = False
    """Whether the next command runs only if those before it ended so or so."""
    last: str = ""
    always: bool | None = None
    """How the `last` command ends, if always the same way."""
    blocks: list[_Block] = field(default_factory=list)

    def reach(self, one: Command) -> str:
        """Go on to the next command; what keeps the line from it."""
        for sign in _SIGN.findall(one.before):
            self._join(sign)
        stop = self.stop
        words = list(dropwhile(is_before, one.words))
        keywords = one.words[: len(one.words) - len(words)]
        for word in (*keywords, *words[:1]):
            self._open_or_close(word)
        head = base(words[0]) if words else ""
        self.last, self.always = head, None
        if head in _CONSTANT:
            self.always = _CONSTANT[head] != ("!" in keywords)
            ends = not _CONDITION.isdisjoint(keywords)
        else:
            depends = self.depends or (self.blocks[-1].depends if self.blocks else False)
            ends = (head in _END or (head == "exec" and len(words) > 1)) and not depends
        self.stop = stop or (head if ends else "")
        return stop

    def _join(self, sign: str) -> None:
        if sign == "(":
            self.blocks.append(_Block(sign, False, self.stop))
        elif sign == ")":  # else a pattern of `case` ends
            self.stop = self.blocks.pop().stop if self.blocks and self.blocks[-1].opened == "(" else self.stop
            return
        elif sign in ("&&", "||") and self.always is not None and self.always != (sign == "&&"):
            self.stop = self.stop or self.last
        self.depends = sign in ("|", "()") or (sign in ("&&", "||") and self.always is None)

    def _open_or_close(self, word: str) -> None:
        inside = self.blocks[-1] if self.blocks else _Block("", False, "")
        if word in _OPENING:
            depends = inside.depends or self.depends or word != "{"
            self.blocks.append(_Block(word, depends, self.stop))
            self.depends = False
        elif word in _CLOSING and inside.opened in _OPENING:
            self.blocks.pop()
