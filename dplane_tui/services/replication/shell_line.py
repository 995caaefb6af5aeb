"""A shell's line taken apart into commands and their words, as a POSIX shell does it. Pure; nothing is filled in."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ...lazyclass import dataclass

_TOKEN = re.compile(
    r"(?P<nothing>[ \t\r]+|\#[^\n]*)"  # a # within a word is none of these
    r"|(?P<redirection>[0-9]?(?:<<<|<<-?|<[&>]?|>[>&|]?)|&>>?)"  # of one digit, as dash has it
    r"|(?P<sign>&&|\|\||[|&;()\n])"
    r"|(?P<word>(?:'[^']*'|\"(?:[^\"\\]|\\.)*\"|\\.|[^ \t\r\n'\"\\<>|&;()])+)",
    re.DOTALL,
)
_QUOTED = re.compile(r"'(?P<single>[^']*)'|\"(?P<double>(?:[^\"\\]|\\.)*)\"|\\(?P<one>.)", re.DOTALL)
_ESCAPED = re.compile(r"\\([$`\"\\])")
_NESTED = re.compile(r"\$\(|`|[<>]\(|\$\{(?![A-Za-z0-9_]+\})")
_FILLED_IN = re.compile(r"\$[A-Za-z0-9_{(@*#?!$\0-]|`|[<>]\(")


@dataclass(slots=True)
class Command:
    """A simple command."""

    words: list[str]
    """Without quotes and redirections."""
    before: str = ""
    """The signs between it and the one before, as `&&` or `;(`."""


@dataclass(frozen=True, slots=True)
class ShellLine:
    """What is known of a line without running a shell."""

    commands: tuple[Command, ...]
    open: str
    """The part of it in which a shell looks for something to fill in, without comments."""

    @property
    def filled_in(self) -> bool:
        """Whether a shell would put something else in the place of a part of it, so that the words do not say all."""
        return bool(_FILLED_IN.search(self.open))

    @property
    def nested(self) -> bool:
        """Whether a part of it is a line of its own (`$(…)`, `${x:-…}`), with commands, quotes and `#` of its own.

        Such commands are none of `commands`, and what is told of quotes and comments need not be so.
        """
        return bool(_NESTED.search(self.open))


def read(line: str) -> ShellLine:
    """What the line consists of. Raises ValueError for quotes that are open."""
    found = [Command([])]
    text = ""
    target = False
    for token in _tokens(line):
        if token["nothing"]:
            text += token[0] if token[0][0] != "#" else ""
            continue
        text += token[0]
        if token["sign"]:
            found += [] if not found[-1].words else [Command([])]
            found[-1].before += token[0]
        elif token["word"] and not target:
            found[-1].words.append(_QUOTED.sub(_meant, token[0]))
        target = bool(token["redirection"])
    return ShellLine(tuple(one for one in found if one.words), _QUOTED.sub(_looked_into, text))


def _tokens(line: str) -> Iterator[re.Match[str]]:
    at = 0
    while at < len(line):
        token = _TOKEN.match(line, at)
        if token is None:
            raise ValueError("a quote is open")
        yield token
        at = token.end()


def _meant(quoted: re.Match[str]) -> str:
    return quoted["single"] or quoted["one"] or _ESCAPED.sub(r"\1", quoted["double"] or "")


def _looked_into(quoted: re.Match[str]) -> str:
    """Within single quotes and behind a backslash a shell fills in nothing. The mark tells a `$` that stands before."""
    return "\0" + re.sub(r"\\.", "", quoted["double"] or "", flags=re.DOTALL)
