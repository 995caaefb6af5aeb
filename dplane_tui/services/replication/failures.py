"""What `ssh` and `zfs` say when they fail, as the project's exceptions. Their texts are only a hint: LC_ALL is C."""

from __future__ import annotations

from ...errors import (
    AuthenticationError,
    CommandError,
    DivergedError,
    DPlaneError,
    HostKeyError,
    RefusedError,
    UnreachableError,
)
from ...text import clean

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
_AUTHENTICATION = ("permission denied", "too many authentication failures")
_NO_SPACE = ("out of space", "no space left", "quota exceeded")
_DIVERGED = (
    "most recent snapshot of",
    "has been modified",
    "does not match incremental source",
    "destination already exists",
    "iv set guid",
    "must specify -f to overwrite",
)


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
    """The exception for an `ssh` that ended with status 255; `said` is its standard error."""
    low = said.lower()
    if any(text in low for text in _HOST_KEY):
        return host_key_changed(name, address)
    if any(text in low for text in _AUTHENTICATION):
        return AuthenticationError(
            f"{name} ({address}) was reached and refused our key for {user}.",
            "Its administrator may have removed it; pair again with `dplane peer add`.",
        )
    last = clean(said.strip().splitlines()[-1], 200) if said.strip() else ""
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
    if any(part in low for part in _NO_SPACE):
        return CommandError(
            f"{what}: the target ran out of space.",
            "Free some there, or raise the quota; the next run goes on.",
            detail=text,
        )
    if any(part in low for part in _DIVERGED):
        return DivergedError(
            f"{what}: the target no longer has the history this continues ({text.rstrip('.')}).",
            "Nothing was changed there. Choose a new target, or look at what was changed at this one.",
        )
    if "key" in low and ("not loaded" in low or "must be loaded" in low or "unavailable" in low):
        return RefusedError(f"{what}: an encryption key is not loaded.", "Load it with `zfs load-key` and run again.")
    if "is busy" in low:
        return CommandError(f"{what}: the dataset is busy.", "Another receive may be running; try again.", detail=text)
    return CommandError(f"{what}: {text or 'no reason was given'}", detail=text)
