"""What `ssh` and `zfs` say when they fail, as the project's exceptions, and which of those are worth another try.

Their texts are only a hint: LC_ALL is C. Those of ZFS are from libzfs 2.1 to 2.3; tests/unit/test_failures.py has them.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence

from ...errors import (
    AuthenticationError,
    BusyError,
    CommandError,
    DivergedError,
    DPlaneError,
    HostKeyError,
    KeyNotLoadedError,
    NoSpaceError,
    StaleTokenError,
    UnreachableError,
    VersionError,
)
from ...text import clean, quoted

PAUSES: tuple[float, ...] = (2.0, 4.0, 8.0, 16.0, 30.0)
"""Seconds between the attempts of one run, before they are jittered: each twice the one before, a minute in all."""
RENEWALS = 10
"""How often a run that got on may begin those pauses anew: a bad link is worth many attempts, a dead one few."""

_NOT_REACHED = (
    "could not resolve",
    "connection refused",
    "timed out",
    "no route to host",
    "network is unreachable",
    "host is down",
    "connection reset by",
    "kex_exchange_identification",
    "banner exchange",
)
_HOST_KEY = ("host key verification failed", "host identification has changed", "no matching host key type")
_AUTHENTICATION = ("permission denied (",)
# Where ssh repeats what the other side said, with its line ends: from there on nothing is known to be ssh's own.
_REPEATS = re.compile(
    r"received disconnect from [^\n]*?: |channel \d+: open failed: |their offer: |permission denied \("
    r"|bad remote protocol version identification: ",
    re.IGNORECASE,
)
_NO_SPACE = ("out of space", "no space left", "quota exceeded", "greater than available space")
_STALE = (
    "used in the initial send no longer exists",
    "no longer the same snapshot used in the initial send",
    "incremental source 0x",
    "resume token is corrupt",
    "resume token does not match",
    "holds no interrupted receive with that token",
    "contains partially-complete state",
)
_VERSION = (
    "unsupported feature",
    "deprecated feature",
    "unsupported version",
    "must be upgraded",
    "no longer supports deduplicated",
    "not compatible with the data in the pool",
    "crypto parameters not compatible",
    "incompatible embedded data stream",
    "large microzaps",
    "requires -l (--large-block)",
    "invalid option",
)
_DIVERGED = (
    "most recent snapshot of",
    "has been modified",
    "does not match incremental source",
    "does not\nmatch incremental source",
    "destination already exists",
    "destination has snapshots",
    "is a clone\nmust destroy it",
    "must specify -f to overwrite",
)
_OTHER_KEYS = ("iv set guid", "non-raw corrective")
_BUSY = (
    "is busy",
    "being received already",
    "earlier receive into",
    "destructive act is still running",
    "scrub is in progress",
)
_NOT_BEGUN = "the stream did not begin within"  # our own helper's words


def worth_another_try(error: DPlaneError) -> bool:
    """Whether the same run may mend it: a link that broke, something in use, an interrupted stream to be cleared.

    All else stays as it is until somebody does something about it, or the next run.
    """
    if isinstance(error, (HostKeyError, AuthenticationError)):
        return False
    return isinstance(error, (UnreachableError, BusyError, StaleTokenError))


def meanwhile(error: DPlaneError, *, begun: bool) -> str:
    """What a run shows until its next attempt; `begun` once it has sent something."""
    if not isinstance(error, UnreachableError):
        return "interrupted; again soon"
    return "the connection was lost; again soon" if begun else "not reached yet; again soon"


def is_taken(error: DPlaneError) -> bool:
    """Whether a snapshot was not taken because one of that name is there."""
    return "dataset already exists" in str(error).lower()


def jittered(pauses: Sequence[float], draw: random.Random | None = None) -> list[float]:
    """`pauses`, each at a random place in its upper half, so that many boxes do not come back at one moment."""
    chance = draw or random.Random()  # noqa: S311 (spreads, hides nothing)
    return [pause * chance.uniform(0.5, 1.0) for pause in pauses]


def host_key_changed(name: str, address: str) -> HostKeyError:
    """What it means that a paired box shows another key, and what a person does about it."""
    return HostKeyError(
        f"{name} ({address}) shows another host key than the one pinned when it was paired, so nothing was sent.",
        "Either that box was installed anew (or its key was made anew), or another box answers in its place. "
        f"{how_to_trust(name)}",
    )


def how_to_trust(name: str) -> str:
    """How a person looks at a far box's key, and accepts it."""
    return (
        "On that box's own screen, not over the network, run `ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub`. If "
        f"you know why it changed, accept what you read there: `dplane peer trust {name} --fingerprint SHA256:…`. "
        "If you do not, find out first: nothing is sent meanwhile."
    )


def of_ssh(said: str, name: str, address: str, user: str) -> UnreachableError:
    """The exception for an `ssh` that ended with status 255; `said` is its log."""
    repeats = _REPEATS.search(said)
    own, far = (said[: repeats.end()], said[repeats.end() :]) if repeats else (said, "")
    low = own.lower()
    if any(text in low for text in _HOST_KEY):
        return host_key_changed(name, address)
    if any(text in low for text in _AUTHENTICATION):
        return AuthenticationError(
            f"{name} ({address}) was reached and refused our key for {user}.",
            "Its administrator may have removed it; pair again with `dplane peer add`.",
        )
    last = clean(own.strip().splitlines()[-1], 200) if own.strip() else ""
    if far.strip():
        last = f"{last} {quoted(far.strip().splitlines()[0].rstrip('.'), 200)}"
    if any(text in low for text in _NOT_REACHED):
        return UnreachableError(
            f"{name} ({address}) cannot be reached: {last.rstrip('.')}.",
            "Is it on, and is the network between the two right?",
        )
    return UnreachableError(
        f"The connection to {name} was lost{': ' + last.rstrip('.') if last else ''}.",
        "The next run goes on from there.",
    )


def of_zfs(said: str, what: str) -> DPlaneError:
    """The exception for a `zfs` (or a helper, or an agent) that failed; `what` is the clause that names the act."""
    low = said.lower()
    text = clean(said.strip(), 600)
    known = _by_class(low, what, text.rstrip("."))
    if known is not None:
        known.detail = text
        return known
    if any(part in low for part in _OTHER_KEYS):
        return DivergedError(
            f"{what}: the copy there was not made by raw streams alone, or its key was changed there ({text}).",
            "Raw increments cannot continue it. `dplane replicate resolve` shows the ways out.",
        )
    if any(part in low for part in _DIVERGED):
        why = "was written to since its newest snapshot" if "modified" in low else "has no longer what this continues"
        return DivergedError(
            f"{what}: the target {why} ({text.rstrip('.')}).",
            "Nothing was changed there. `dplane replicate resolve` shows what differs and the ways out.",
        )
    if _is_key(low):
        return KeyNotLoadedError(
            f"{what}: an encryption key is not loaded ({text.rstrip('.')}).",
            "Load it with `zfs load-key` and run again.",
        )
    return CommandError(f"{what}: {text or 'no reason was given'}", detail=text)


def _by_class(low: str, what: str, text: str) -> CommandError | None:
    """The failures of commands that have a class of their own."""
    if any(part in low for part in _NO_SPACE):
        return NoSpaceError(
            f"{what}: the target ran out of space.", "Free some there, or raise the quota; the next run goes on."
        )
    # libzfs says so for whatever the kernel calls invalid, and a resumed stream that does not fit is that.
    resumed = "resume stream" in low and "kernel modules must be upgraded" in low
    if not resumed and any(part in low for part in _VERSION):
        return VersionError(
            f"{what}: one side's ZFS is too old for this stream ({text}).",
            "Upgrade OpenZFS there, or its pool (`zpool upgrade`); nothing is sent until then.",
        )
    if resumed or any(part in low for part in _STALE):
        return StaleTokenError(
            f"{what}: the interrupted stream cannot go on ({text}).",
            "The next run clears it and sends that snapshot anew.",
        )
    if _NOT_BEGUN in low:
        return BusyError(f"{what}: the sender was silent for too long ({text}).", "It is tried again.")
    if any(part in low for part in _BUSY):
        return BusyError(f"{what}: it is in use ({text}).", "Another receive, send or hold may be at it; try again.")
    return None


def _is_key(low: str) -> bool:
    return "key" in low and any(part in low for part in ("not loaded", "must be loaded", "unavailable"))
