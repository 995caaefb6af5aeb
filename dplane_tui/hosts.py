"""The boxes a person has: `~/.config/dplane/hosts.toml`, read when the console is opened without `--host`."""

from __future__ import annotations

import tomllib
from pathlib import Path

from .errors import UsageError
from .paths import user_config

MOST = 32
_LIMIT = 65536


def file() -> Path:
    """Where the list is."""
    return user_config() / "hosts.toml"


def read() -> tuple[str | None, ...]:
    """The boxes in the order of the file, this machine (None) first unless it says no; empty without a file.

    Raises UsageError for a file that makes no sense.
    """
    path = file()
    try:
        text = path.read_text("utf-8")[:_LIMIT]
    except FileNotFoundError:
        return ()
    except (OSError, UnicodeDecodeError) as error:
        raise _wrong(path, f"it cannot be read ({error.__class__.__name__})") from None
    try:
        found = tomllib.loads(text)
    except ValueError as error:
        raise _wrong(path, f"it is no TOML ({error})") from None
    unknown = sorted(found.keys() - {"hosts", "this-machine"})
    names, here = found.get("hosts", []), found.get("this-machine", True)
    if unknown:
        raise _wrong(path, f"“{unknown[0]}” is not known there")
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names) or not isinstance(here, bool):
        raise _wrong(path, "`hosts` is a list of names, `this-machine` is true or false")
    return checked([*([None] if here else []), *names])


def checked(names: list[str | None]) -> tuple[str | None, ...]:
    """`names`, each once. Raises UsageError for one that is no host, and for too many."""
    from .services.host.target import resolve

    for name in names:
        if name is not None:
            resolve(name, ())
    once = tuple(dict.fromkeys(names))
    if len(once) > MOST:
        raise UsageError(f"A console looks after {MOST} boxes at most, and {len(once)} were named.")
    return once


def _wrong(path: Path, why: str) -> UsageError:
    return UsageError(
        f"The list of boxes in {path} cannot be used: {why}.", 'It is written: hosts = ["nas-a", "admin@nas-b:22"].'
    )
