"""The command line's parser: its errors are sentences, and some options count wherever they stand."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NoReturn

from ..errors import UsageError
from ..text import clean

EVERYWHERE = ("--help", "--json", "--host", "--read-only")
"""Options that every command takes; usage lines of commands leave them out."""


class _Formatter(argparse.HelpFormatter):
    """Help as argparse writes it, with a usage line that tells only what is particular to the command."""

    def add_usage(
        self, usage: str | None, actions: Iterable[argparse.Action], groups: Iterable[Any], prefix: str | None = None
    ) -> None:
        own = [one for one in actions if one.default != argparse.SUPPRESS or not {*EVERYWHERE} & {*one.option_strings}]
        super().add_usage(usage, own, groups, prefix)

    def _get_default_metavar_for_positional(self, action: argparse.Action) -> str:
        return action.dest.upper()


class Parser(argparse.ArgumentParser):
    """An ArgumentParser whose errors are raised as UsageError, with the usage of the command that was meant."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**{"allow_abbrev": False, "formatter_class": _Formatter, **settings})
        self.color = False  # from Python 3.14 on it would colour what we hand on as text

    def error(self, message: str) -> NoReturn:
        """Raise `message` as a UsageError."""
        if "required" in message and subparsers(self):
            raise UsageError(f"`{self.prog}` needs another word.", self.choices())
        raise UsageError(f"{message[:1].upper()}{clean(message[1:])}.", self.written())

    def choices(self) -> str:
        """Which commands there are below this one; how it is written where there are none."""
        words = [name for name, _, _ in subparsers(self)]
        if not words:
            return self.written()
        return f"`{self.prog}` takes one of: {', '.join(words)}; `{self.prog} --help` explains them."

    def written(self) -> str:
        """How this command is written."""
        usage = " ".join(self.format_usage().removeprefix("usage: ").split())
        return f"It is written: {usage}; `{self.prog} --help` explains it."

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if isinstance(action, argparse._SubParsersAction) and value not in action.choices:
            from difflib import get_close_matches

            close = get_close_matches(str(value), [name for name, _, _ in subparsers(self)], 1)
            meant = f" (did you mean {close[0]}?)" if close else ""
            raise UsageError(f"`{self.prog}` has no command “{clean(str(value), 40)}”{meant}.", self.choices())
        super()._check_value(action, value)

    def parse_args(self, args: Sequence[str] | None = None, namespace: Any = None) -> Any:  # type: ignore[override]
        """As argparse does. An option that no command knows is told with the usage of the one that was meant."""
        found, unknown = self.parse_known_args(args, namespace)
        if unknown:
            meant = below(self, (found.group, getattr(found, "verb", None), getattr(found, "deeper", None)))
            meant.error(f"this is not understood: {clean(' '.join(unknown), 100)}")
        return found


def subparsers(parser: argparse.ArgumentParser) -> list[tuple[str, str, argparse.ArgumentParser]]:
    """Name, help and parser of each sub-command that is shown to people, in the parser's order."""
    found: list[tuple[str, str, argparse.ArgumentParser]] = []
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for choice in action._choices_actions:
                found.append((choice.dest, choice.help or "", action.choices[choice.dest]))
    return found


def below(parser: Parser, path: Iterable[str | None]) -> Parser:
    """The parser at the end of `path`, or as far along it as there are commands."""
    for word in path:
        for action in parser._actions:
            if isinstance(action, argparse._SubParsersAction) and word in action.choices:
                parser = action.choices[word]
    return parser


def everyone(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """`parser` and every one below it."""
    yield parser
    for _, _, child in subparsers(parser):
        yield from everyone(child)


def describe(parser: argparse.ArgumentParser) -> None:
    """Let the help of each command below `parser` say what it does, in the words of the list it stands in."""
    for _, text, child in subparsers(parser):
        if text and not child.description:
            child.description = f"{text[:1].upper()}{text[1:].rstrip('.')}.".replace("%%", "%")
        describe(child)


class _Host(argparse.Action):
    """The host; and all of them in `hosts`, for the console can be opened for several."""

    def __call__(
        self, _parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: Any, _option: Any = None
    ) -> None:
        namespace.host = values
        namespace.hosts = [*getattr(namespace, "hosts", ()), values]


def add_everywhere(parser: argparse.ArgumentParser, **settings: Any) -> None:
    """Add the options that count before a command as well as behind it."""
    parser.add_argument(
        "--host",
        metavar="NAME",
        action=_Host,
        help="manage this box over SSH instead of this machine; given several times, the console looks after all",
        **settings,
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object", **settings)
    parser.add_argument("--read-only", action="store_true", help="refuse whatever would change something", **settings)
