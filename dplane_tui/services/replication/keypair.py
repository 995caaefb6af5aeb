"""Our keys are made and read by `ssh-keygen`: it starts at once, and asyncssh takes a Pi half a minute to load."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

from ...errors import CommandError, MissingError, RefusedError
from ...text import clean
from . import keys

_SECONDS = 120.0


def make(path: Path, peer: str) -> str:
    """A new ed25519 key for a peer in `path`, whole and on the disk when this returns; its public half.

    Raises MissingError, CommandError, OSError.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    made = path.with_name(f".{path.name}.made")
    public = made.with_name(f"{made.name}.pub")
    for old in (made, public):  # of an attempt that was killed; ssh-keygen would ask
        old.unlink(missing_ok=True)
    try:
        done = _keygen(["-q", "-t", "ed25519", "-N", "", "-C", f"dplane to {peer}", "-f", str(made)])
        if done.returncode != 0:
            raise CommandError(f"ssh-keygen made no key: {clean(done.stderr.strip(), 200)}.")
        keys.write_private(path, made.read_bytes())
    finally:
        for old in (made, public):
            old.unlink(missing_ok=True)
    return public_of(path)


def public_of(path: Path) -> str:
    """The public half of a key file, without comment: what is in the file decides, not what was noted beside it.

    Raises RefusedError when there is no readable key in it, MissingError.
    """
    done = _keygen(["-y", "-P", "", "-f", str(path)])
    words = done.stdout.split()[:2]
    if done.returncode != 0 or len(words) != 2:
        raise RefusedError(f"Our key {path.name} cannot be read.", "Pair again with `dplane peer add`.")
    return " ".join(words)


def _keygen(words: Sequence[str]) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            ["ssh-keygen", *words], stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace",
            timeout=_SECONDS, check=False,
        )  # fmt: skip
    except FileNotFoundError:
        raise MissingError(
            "The OpenSSH client is not installed on this machine.", "Install it: `sudo apt-get install openssh-client`."
        ) from None
    except subprocess.TimeoutExpired:
        raise CommandError(f"ssh-keygen did not answer within {_SECONDS:.0f} s.", "Try again.") from None
