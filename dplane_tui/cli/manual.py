"""The manual page dplane(1), generated from the parser.

The installer runs `python -m dplane_tui.cli.manual FOLDER` for it and for the completion scripts.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from .. import __version__
from .completion import SHELLS, script
from .parsing import EVERYWHERE, subparsers

EXIT_CODES: tuple[tuple[int, str], ...] = (
    (0, "done"),
    (1, "failed"),
    (2, "the command line makes no sense"),
    (3, "true, but bad news: something is degraded or late"),
    (4, "refused: a name or value is not let through, or the object is no longer the one that was seen"),
    (5, "not allowed: the role or the sudo rule is missing"),
    (6, "something is missing: ZFS, Docker, systemd, or what was named (a pool, dataset, peer, task, run, container)"),
    (7, "the host or peer could not be reached, refused the login, or shows another key"),
    (130, "interrupted"),
)

FILES: tuple[tuple[str, str], ...] = (
    ("/opt/dplane/current", "the release in use"),
    ("/var/lib/dplane", "tasks, runs and their evidence, peer keys"),
    ("/var/log/dplane/audit.jsonl", "everything that was done as root, each line chained to the one before"),
    ("/run/dplane/jobs", "progress of running jobs"),
)


def escape(text: str) -> str:
    """`text` as roff shows it literally."""
    safe = text.replace("\\", "\\e").replace("-", "\\-")
    safe = "".join(char if char.isascii() else f"\\[u{ord(char):04X}]" for char in safe)
    return "\\&" + safe if safe.startswith((".", "'")) else safe


def _tagged(tag: str, text: str) -> list[str]:
    return [".TP", f".B {escape(tag)}", escape(" ".join(text.replace("%%", "%").split())) or "\\&"]


def _argument(action: argparse.Action) -> tuple[str, str]:
    names = ", ".join(action.option_strings)
    if action.nargs == 0:
        return names, action.help or ""
    if isinstance(action.metavar, tuple):
        value = " ".join(action.metavar)
    elif action.metavar:
        value = action.metavar
    elif action.choices:
        value = "|".join(str(choice) for choice in action.choices)
    else:
        value = action.dest.upper()
    return (f"{names} {value}" if names else value), action.help or ""


def _arguments(parser: argparse.ArgumentParser, told: tuple[str, ...] = ("--help",)) -> list[str]:
    """What there is to say about each argument, without the options `told` before; the usage line names the rest."""
    lines: list[str] = []
    for action in parser._actions:
        silent = not action.help or action.help is argparse.SUPPRESS or isinstance(action, argparse._SubParsersAction)
        if not silent and not set(told) & set(action.option_strings):
            lines += _tagged(*_argument(action))
    return lines


def _usage(parser: argparse.ArgumentParser) -> str:
    return " ".join(parser.format_usage().removeprefix("usage: ").split())


def _commands(parser: argparse.ArgumentParser) -> list[str]:
    lines: list[str] = []
    for name, text, child in subparsers(parser):
        verbs = subparsers(child)
        if not verbs:
            lines += [f'.SS "dplane {escape(name)}"', escape(text), ".PP", f".B {escape(_usage(child))}"]
            lines += _arguments(child, EVERYWHERE)
            continue
        lines += [f'.SS "dplane {escape(name)}"', escape(text)]
        for verb_text, verb in _leaves(child):
            lines += [
                ".PP",
                f".B {escape(_usage(verb))}",
                ".br",
                escape(verb_text) or "\\&",
                ".RS",
                *_arguments(verb, EVERYWHERE),
            ]
            lines += [".RE"]
    return lines


def _leaves(parser: argparse.ArgumentParser) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """Help and parser of each command at the end of a path below `parser`."""
    for _, text, child in subparsers(parser):
        if subparsers(child):
            yield from _leaves(child)
        else:
            yield text, child


def page(parser: argparse.ArgumentParser) -> str:
    """The manual page of a parser that has every group filled in, as roff for man(1)."""
    lines = [
        f'.TH DPLANE 1 "" "dplane {__version__}" "D\\-Plane console"',
        ".SH NAME",
        "dplane \\- a terminal console for ZFS NAS boxes",
        ".SH SYNOPSIS",
        ".B dplane",
        "[\\-\\-host NAME] [\\-\\-json] [\\-\\-read\\-only] [COMMAND ...]",
        ".SH DESCRIPTION",
        "Without a command, dplane opens the console on this terminal. With one, it does that one thing, prints the",
        "result, and ends with an exit code that tells how it went.",
        ".SH OPTIONS",
        *_arguments(parser),
        ".PP",
        "The last three may stand before a command or behind it. With \\-\\-json, ok is true when the exit status",
        "is 0, and only then; else error says why (code, message, next), and data may be there all the same.",
        ".SH COMMANDS",
        *_commands(parser),
        ".SH EXIT STATUS",
        *(line for code, text in EXIT_CODES for line in _tagged(str(code), text)),
        ".SH FILES",
        *(line for path, text in FILES for line in _tagged(path, text)),
    ]
    return "\n".join(lines) + "\n"


def write_all(folder: Path) -> None:
    """Write `dplane.1` and a completion script a shell, `dplane.<shell>`, into `folder`. Raises OSError."""
    from .main import build_parser

    parser = build_parser((), every_group=True)
    (folder / "dplane.1").write_text(page(parser), "utf-8")
    for shell in SHELLS:
        (folder / f"dplane.{shell}").write_text(script(shell, parser), "utf-8")


if __name__ == "__main__":
    write_all(Path(sys.argv[1]))
