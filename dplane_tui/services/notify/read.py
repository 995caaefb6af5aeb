"""The channels of this box: notify.toml, which is its owner's, then those that D-Plane made, a file each beside it."""

from __future__ import annotations

import dataclasses
import os
import stat
from pathlib import Path

from privhelper.channels import DIRECTORY, MOST

from ...errors import CommandError, NotAllowedError
from ...text import clean
from .config import Config, parse
from .model import Channel

SIZE_LIMIT = 64 * 1024
MADE_LIMIT = 16 * 1024
"""Bytes of the file of one channel that was made here."""
_SAMPLES = "docs/notifications.md has samples."


class _Unsound(Exception):
    """A clause about why a file is not read."""


def load(path: Path) -> Config:
    """The configuration at `path`, and the channels in `notify.d` beside it; none there is one without channels.

    Of two channels of one name that of `path` counts. Raises NotAllowedError when this user may not read it,
    CommandError when `path` is no TOML at all.
    """
    try:
        with path.open("rb") as file:
            content = file.read(SIZE_LIMIT + 1)
    except FileNotFoundError:
        content = b""
    except PermissionError:
        raise _closed(path) from None
    except OSError as error:
        raise CommandError(f"{path} cannot be read: {error.strerror or error}.") from None
    if len(content) > SIZE_LIMIT:
        raise CommandError(f"{path} is larger than {SIZE_LIMIT // 1024} KiB, so it was not read.")
    try:
        found = parse(content.decode("utf-8")) if content else Config()
    except ValueError as error:
        raise CommandError(f"{path} cannot be understood: {clean(str(error), 200).rstrip('.')}.", _SAMPLES) from None
    return _with_made(found, path)


def _closed(path: Path) -> NotAllowedError:
    return NotAllowedError(
        f"{path} may not be read by this user: it can hold secret addresses.",
        "Its owner is root and its group dplane; try again with sudo.",
    )


def _with_made(found: Config, path: Path) -> Config:
    folder = path.with_name(DIRECTORY)
    try:
        names = sorted(name for name in os.listdir(folder) if name.endswith(".toml") and not name.startswith("."))
    except (FileNotFoundError, NotADirectoryError):
        return found
    except PermissionError:
        raise _closed(folder) from None
    except OSError as error:
        raise CommandError(f"{folder} cannot be read: {error.strerror or error}.") from None
    channels, problems = list(found.channels), list(found.problems)
    if len(names) > MOST:
        problems.append(f"{folder} holds more than {MOST} channels, so the rest is left out.")
    for name in names[:MOST]:
        own = name.removesuffix(".toml")
        try:
            made = _made(folder / name, own)
        except _Unsound as error:
            problems.append(f"{folder / clean(name, 80)} is left out: {error}.")
            continue
        if any(one.name == own for one in found.channels):
            problems.append(f"Channel “{own}” was made by D-Plane, and {path} has one of that name: that one counts.")
        else:
            channels.append(made)
    return dataclasses.replace(found, channels=tuple(channels), problems=tuple(problems))


def _made(path: Path, name: str) -> Channel:
    """The one channel of a file that was made here."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(file, "rb") as source:
            status = os.fstat(file)
            plain = stat.S_ISREG(status.st_mode)
            content = source.read(MADE_LIMIT + 1) if plain else b""
    except OSError as error:
        raise _Unsound(f"it cannot be read ({error.strerror or error})") from None
    if not plain or len(content) > MADE_LIMIT:
        raise _Unsound("it is no plain file of one channel")
    try:
        found = parse(content.decode("utf-8"))
    except ValueError as error:
        raise _Unsound(f"it cannot be understood ({clean(str(error), 200).rstrip('.')})") from None
    if found.problems:
        raise _Unsound(found.problems[0].rstrip("."))
    if found != Config(found.channels) or len(found.channels) != 1 or found.channels[0].name != name:
        raise _Unsound("it is not one channel of the file's own name and nothing else")
    return dataclasses.replace(found.channels[0], made=True, since=status.st_mtime)
