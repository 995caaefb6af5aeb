"""What SQLite and the file system say, as sentences for a person."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from ...errors import CommandError, DPlaneError, NotAllowedError

_BUSY = ("SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_PROTOCOL")
_DAMAGED = ("SQLITE_CORRUPT", "SQLITE_NOTADB")


def _name(error: sqlite3.Error) -> str:
    return getattr(error, "sqlite_errorname", "") or ""


def is_busy(error: sqlite3.Error) -> bool:
    """Whether another process holds the store and trying again helps."""
    return _name(error).startswith(_BUSY)


def is_damage(error: sqlite3.Error) -> bool:
    """Whether the file is not a sound database."""
    return _name(error).startswith(_DAMAGED)


def explain(error: sqlite3.Error | OSError, path: Path) -> DPlaneError:
    """The sentence for `error` about the store at `path`."""
    if isinstance(error, OSError):
        return _explain_os(error, path)
    name = _name(error)
    if name.startswith("SQLITE_FULL"):
        return CommandError(
            f"The store {path} could not be written: the disk is full.", "Free some space and try again."
        )
    if name.startswith(("SQLITE_READONLY", "SQLITE_PERM", "SQLITE_CANTOPEN", "SQLITE_AUTH")):
        return NotAllowedError(
            f"The store {path} could not be written: it is read-only for this user, or its file system is.",
            "Changing it needs the group dplane-operate; `dplane doctor` checks the rights.",
        )
    if name.startswith(_BUSY):
        return _explain_busy(path)
    if name.startswith(_DAMAGED):
        return CommandError(
            f"The store {path} is damaged.",
            "The next D-Plane command of someone in dplane-operate sets it aside and brings back its latest backup.",
        )
    if name.startswith("SQLITE_IOERR"):
        return CommandError(f"The disk refused to read or write the store {path} ({name}).", "Check the disk's health.")
    return CommandError(f"The store {path} answered: {error}.")


def _explain_busy(path: Path) -> DPlaneError:
    from . import holders

    pid = holders.holder(path)
    if pid is None:
        return CommandError(
            f"Other D-Plane processes kept the store {path} busy for too long.", "Try again in a moment."
        )
    if pid == 0:
        return CommandError(
            f"The store {path} was busy for too long: a process that the kernel does not name has its writers' lock.",
            f"`sudo fuser -v {path}-shm` lists who has it open.",
        )
    return CommandError(
        f"The store {path} was busy for too long: {holders.told(pid)} has its writers' lock.",
        f"Try again in a moment. If it goes on, look what that is, and `sudo kill {pid}` ends it.",
    )


def _explain_os(error: OSError, path: Path) -> DPlaneError:
    reason = error.strerror or str(error)
    if isinstance(error, PermissionError):
        return NotAllowedError(
            f"The store {path} may not be used by this user: {reason}.",
            "Reading it needs the group dplane-view, changing it dplane-operate.",
        )
    return CommandError(f"The store {path} could not be used: {reason}.", "`dplane doctor` checks it.")
