"""What a shell's line does with a program: its runs, and what cannot be told. Pure; nothing is evaluated by a shell.

Only behind what is known to run a program here it counts as run; a line that names it otherwise is never passed over.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import NamedTuple

from ...lazyclass import dataclass
from ...text import clean
from . import shell_flow, shell_line
from .shell_flow import base, is_before


@dataclass(frozen=True, slots=True)
class Launch:
    """One run of a program."""

    words: tuple[str, ...] = ()
    """Its arguments, without the program's own name; none with a `problem`."""
    problem: str = ""
    """Why it is not known what is run, a clause."""


@dataclass(frozen=True, slots=True)
class Line:
    """What a line that names a program does."""

    runs: tuple[Launch, ...] = ()
    beside: tuple[str, ...] = ()
    """What else the line does, the names of those commands."""


@dataclass(frozen=True, slots=True)
class _Part:
    """One simple command."""

    head: str
    run: Launch | None = None
    counts: bool = False
    """Whether it does something that is not the program's."""
    names: bool = False
    """Whether it names the program among its words without running it."""


class _Wrapper(NamedTuple):
    """A program that runs the command behind its own options: those with a value, and the words that follow them."""

    letters: str = ""
    names: tuple[str, ...] = ()
    operands: int = 0


_WRAPPERS = {
    "sudo": _Wrapper("ugpCrtTD", ("user", "group", "prompt", "close-from", "role", "type", "command-timeout", "chdir")),
    "doas": _Wrapper("uC"),
    "runuser": _Wrapper("ugG", ("user", "group", "supp-group")),
    "nice": _Wrapper("n", ("adjustment",)),
    "ionice": _Wrapper("cn", ("class", "classdata")),
    "chrt": _Wrapper("TPD", (), 1),
    "taskset": _Wrapper("", (), 1),
    "timeout": _Wrapper("ks", ("kill-after", "signal"), 1),
    "flock": _Wrapper("wE", ("wait", "timeout", "conflict-exit-code"), 1),
    "env": _Wrapper("uC", ("unset", "chdir")),
    "systemd-cat": _Wrapper("tp", ("identifier", "priority", "stderr-priority")),
    "systemd-inhibit": _Wrapper("", ("what", "who", "why", "mode")),
    "time": _Wrapper("of", ("output", "format")),
    "stdbuf": _Wrapper("ioe", ("input", "output", "error")),
    "exec": _Wrapper("a"),
    **dict.fromkeys(("chronic", "cronic", "nohup", "setsid", "nocache", "run-one", "perl"), _Wrapper()),
    **dict.fromkeys(("command", "builtin"), _Wrapper()),
}
_SHELLS = frozenset(("sh", "bash", "dash", "ash", "ksh", "zsh"))
_SHELL = _Wrapper("oO", ("rcfile", "init-file"))
_FROM_INPUT = frozenset(("at", "batch", "su"))
_ELSEWHERE = {
    **dict.fromkeys(("ssh", "autossh", "mosh"), "on another box"),
    **dict.fromkeys(("docker", "podman", "lxc", "lxc-attach", "incus", "pct", "kubectl"), "in a container"),
    **dict.fromkeys(("systemd-nspawn", "machinectl"), "in a container"),
    **dict.fromkeys(("chroot", "nsenter", "unshare"), "in a system of its own"),
}
_LOOKING = frozenset((
    "[", "[[", "test", "which", "type", "command", "pgrep", "pidof", "grep", "egrep", "cat", "head", "tail", "sort",
    "wc", "ls", "stat",
))  # fmt: skip
"""What only looks: at the program, where it names it, so that nothing is lost without it."""
_NOT_RUNNING = _LOOKING | frozenset((
    "echo", "printf", "logger", "mail", "mailx", "sendmail", "pkill", "killall", "tee", "find", "touch", "mkdir", "rm",
    "mv", "cp", "gzip", "chown", "chmod", "logrotate", "journalctl", "zfs", "zpool", "sanoid",
))  # fmt: skip
"""What runs no other program, so that naming one among its words is no run."""
_EXECUTE = frozenset(("-exec", "-execdir", "-ok", "-okdir"))
_OF_NO_MATTER = frozenset((
    "cd", ":", "true", "false", "sleep", "umask", "export", "set", "exit", "ulimit", "wait", "echo", "printf", "logger",
))  # fmt: skip
FILLED_IN = "it holds what only a shell would fill in ($… or `…`), and nothing is evaluated here"
_COMMAND = re.compile(r"-[A-Za-z]*c|--(?:session-)?command")


def read(command: str, name: str) -> Line:
    """What `command`, which names the program `name` somewhere, does with it. Raises ValueError for open quotes."""
    parts = _parts(command, name)
    runs = tuple(part.run for part in parts if part.run is not None)
    unknown = [part.head for part in parts if part.counts and not part.names]
    if not runs and unknown:
        opaque = f"it names {name}, but runs {unknown[0]}, which is not looked into"
        why = FILLED_IN if shell_line.read(command).filled_in else opaque
        return Line((Launch(problem=why),))
    return Line(runs, tuple(dict.fromkeys(part.head for part in parts if part.counts)))


def _parts(command: str, name: str) -> list[_Part]:
    line = shell_line.read(command)
    unread = FILLED_IN if line.filled_in else ""
    parts: list[_Part] = []
    for one, stop in zip(line.commands, shell_flow.barriers(line.commands), strict=True):
        doubt = unread or (stop and f"it stands behind {stop}, and the line may never get to it")
        parts += [_doubted(part, doubt) for part in _of_command(one.words, name)]
    if line.nested and name in command.lower() and not any(one.run for one in parts):
        parts.append(_Part(name, Launch(problem=unread)))  # as in echo "$(…)", or behind a # that begins no comment
    return parts


def _doubted(part: _Part, why: str) -> _Part:
    """A command that may not be what its words say, or may not run."""
    return replace(part, run=Launch(problem=part.run.problem or why)) if part.run and why else part


def _of_command(words: Sequence[str], name: str) -> list[_Part]:
    """What one simple command does with the program, behind all that it is wrapped in."""
    left = list(words)
    while left:
        head = base(left[0])
        if is_before(left[0]):
            left = left[1:]
        elif head == name:
            return [_Part(head, Launch(tuple(left[1:])))]
        elif (text := _text(head, left)) is not None:
            return _parts(text, name)
        elif head not in _WRAPPERS or (head == "command" and left[1:2] in (["-v"], ["-V"])):
            return [_other(left, name)]
        else:
            wrapped = _behind(left, _WRAPPERS[head])
            if not wrapped and any(name in word for word in left):
                return [_other(left, name)]  # in an option's own value, as in env -S"…"
            left = wrapped
    return []


def _text(head: str, words: Sequence[str]) -> str | None:
    """What a shell, `su`, `runuser` or `flock` is given as a text to run; None when it is none of them, or has none."""
    if head in _SHELLS:
        rest = _behind(words, _SHELL)
        options = words[1 : len(words) - len(rest)]
        return rest[0] if rest and any(_COMMAND.match(word) for word in options) else None
    if head == "flock":
        rest = _behind(words, _WRAPPERS[head])
        return rest[1] if rest[1:] and _COMMAND.fullmatch(rest[0]) else None
    if head in ("su", "runuser"):
        return next((after for word, after in pairwise(words) if _COMMAND.fullmatch(word)), None)
    return None


def _behind(words: Sequence[str], wrapper: _Wrapper) -> list[str]:
    """The words behind a wrapper's name, options and operands."""
    at = 1
    while at < len(words) and words[at].startswith("-") and words[at] not in ("-", "--"):
        word = words[at]
        if word.startswith("--"):
            valued = word[2:] in wrapper.names
        else:
            marks = [place for place, letter in enumerate(word) if letter in wrapper.letters]
            valued = marks[:1] == [len(word) - 1]  # else the value is the rest of the word
        at += 2 if valued else 1
    at += 1 if words[at : at + 1] == ["--"] else 0
    return list(words[at + wrapper.operands :])


def _other(words: Sequence[str], name: str) -> _Part:
    """A command that is neither the program nor known to run what stands behind it."""
    head = clean(base(words[0]), 40)
    if head in _FROM_INPUT or (head in _SHELLS and not _behind(words, _SHELL)):
        return _Part(head, Launch(problem=f"{head} is given on its input what it runs, which is not looked into"))
    if not any(name in word for word in words):
        return _Part(head, counts=head not in _OF_NO_MATTER)
    if head in _NOT_RUNNING and not _executes(words):
        return _Part(head, counts=head not in _LOOKING | _OF_NO_MATTER, names=True)
    if head in _ELSEWHERE:
        why = f"{head} runs it {_ELSEWHERE[head]}, where names stand for other datasets than here"
    elif name in head or head in _SHELLS:
        why = f"it runs a script or another program ({clean(words[0], 60)}), which is not looked into"
    else:
        why = f"what {head} does with it is not understood here"
    return _Part(head, Launch(problem=why))


def _executes(words: Sequence[str]) -> bool:
    """Whether a command is a `find` that may run any program on what it finds."""
    behind = [base(after) for word, after in pairwise(words) if word in _EXECUTE]
    return base(words[0]) == "find" and not _NOT_RUNNING.issuperset(behind)
