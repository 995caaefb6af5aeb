"""The project's few exceptions. Each is a sentence for a person and an exit code for a script."""

from __future__ import annotations

from typing import ClassVar


class DPlaneError(Exception):
    """Something a person should read: what happened, to what, why (`message`), and what to do about it (`next_step`).

    `code` is the stable word of the class in `--json`; `exit_code` is what the `dplane` command ends with.
    """

    code: ClassVar[str] = "failed"
    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, next_step: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.next_step = next_step

    def __str__(self) -> str:
        return f"{self.message} {self.next_step}".strip()

    def as_object(self) -> dict[str, str]:
        """It as `--json`, and one process of ours to another, tells it."""
        return {"code": self.code, "message": self.message, "next": self.next_step}


class UsageError(DPlaneError):
    """The command line or a typed request does not make sense."""

    code = "usage"
    exit_code = 2


class BadNewsError(DPlaneError):
    """What was asked for was found, and it is bad: something is degraded, late or broken."""

    code = "bad-news"
    exit_code = 3


class RefusedError(DPlaneError):
    """A name, a property or a value is outside what we let through."""

    code = "refused"
    exit_code = 4


class ChangedError(DPlaneError):
    """The object is no longer the one the person saw (another GUID, or gone)."""

    code = "changed"
    exit_code = 4


class DivergedError(DPlaneError):
    """Source and target no longer share the history an incremental needs."""

    code = "diverged"
    exit_code = 4


class NotAllowedError(DPlaneError):
    """The caller's role, or a missing sudo rule, forbids it."""

    code = "not-allowed"
    exit_code = 5


class MissingError(DPlaneError):
    """A program, service or kernel module this needs is not on the box, or nothing has the name that was given."""

    code = "missing"
    exit_code = 6


class UnreachableError(DPlaneError):
    """The host or peer cannot be reached at all (name, route, port, time-out, link cut)."""

    code = "unreachable"
    exit_code = 7


class AuthenticationError(UnreachableError):
    """The host was reached and refused our key or password."""

    code = "authentication"


class HostKeyError(UnreachableError):
    """The host shows another key than the one pinned: an attack, or a reinstalled box."""

    code = "host-key"


class CommandError(DPlaneError):
    """A program ran and failed; `detail` is what it said on standard error, cleaned."""

    def __init__(self, message: str, next_step: str = "", *, detail: str = "", status: int | None = None) -> None:
        super().__init__(message, next_step)
        self.detail = detail
        self.status = status


class TimedOutError(CommandError):
    """A program did not end within its time; whether it still works is not known."""


class TooMuchError(CommandError):
    """A program wrote more than anybody can want, and was ended."""


class NoSpaceError(CommandError):
    """The target ran out of room, or met a quota, while it received."""

    code = "no-space"


class BusyError(CommandError):
    """What is needed is in use by somebody else right now; it passes."""

    code = "busy"


class StaleTokenError(CommandError):
    """An interrupted stream cannot go on: what it was made of is gone, or it does not fit what is there."""

    code = "stale-token"


class VersionError(CommandError):
    """One side's ZFS does not know what the stream, or its pool, would need."""

    code = "version"


class StalledError(CommandError):
    """A stream whose receiver took nothing for minutes, though the connection held."""

    code = "stalled"


class KeyNotLoadedError(RefusedError):
    """An encryption key has to be loaded first."""

    code = "key-not-loaded"


class StoppedError(DPlaneError):
    """A person (Ctrl-C) or another process ended it before it was done."""

    code = "interrupted"
    exit_code = 130
