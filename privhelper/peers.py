"""The keys of peers: one line each in a root-owned file that sshd reads for the user dplane, and for that user only.

A line confines its key to the replication agent (`restrict,command=`), so a peer's key never gives a shell.
"""

from __future__ import annotations

import os

from .failure import Failure
from .places import CURRENT, OWNER_UID, STATE_DIR
from .shape import Args

DIRECTORY = "ssh-accept"
FILE = "authorized_keys"


MAY_ROLLBACK = "--may-rollback"


def line(peer: str, key: str, root: str, *rights: str) -> str:
    """The line of `peer`. All have passed their grammar: none holds a quote, a backslash or a line end."""
    below = f" --root {root}" if root else ""
    given = "".join(f" {right}" for right in rights)
    return f'restrict,command="{CURRENT}/bin/dplane agent --peer {peer}{below}{given}" {key} dplane:{peer}'


def accept(lines: list[str], peer: str, key: str, root: str, *rights: str) -> list[str]:
    """`lines` with that peer's line added or replaced. Raises Failure when another peer has the key already."""
    kept = revoke(lines, peer)
    for other in kept:
        if f" {key} " in other:
            raise Failure("failed", f"That key is already the key of {other.rpartition('dplane:')[2]}.")
    return [*kept, line(peer, key, root, *rights)]


def revoke(lines: list[str], peer: str) -> list[str]:
    """`lines` without those of that peer."""
    return [known for known in lines if not known.endswith(f" dplane:{peer}")]


def change(verb: str, args: Args) -> dict[str, object]:
    """Do `peer-accept` or `peer-revoke` and say what changed. Raises Failure."""
    peer = str(args["peer"])
    try:
        place = _open_directory()
        try:
            before = _read(place)
            if verb == "peer-accept":
                rights = [MAY_ROLLBACK] if args.get("may_rollback") is True else []
                after = accept(before, peer, str(args["key"]), str(args.get("root", "")), *rights)
            else:
                after = revoke(before, peer)
            if after != before:
                _write(place, after)
            if _read(place) != after:
                raise Failure("failed", f"The keys in {STATE_DIR}/{DIRECTORY} are not what was written.")
        finally:
            os.close(place)
    except OSError as error:
        raise Failure("failed", f"The keys in {STATE_DIR}/{DIRECTORY} cannot be changed: {error.strerror}.") from None
    return {"changed": after != before}


def may_rollback(peer: str) -> bool:
    """Whether the line of that peer gives its key the right to roll back the copies it made. Raises Failure."""
    try:
        place = _open_directory()
        try:
            return any(MAY_ROLLBACK in known.split('"')[1].split() for known in _of(_read(place), peer))
        finally:
            os.close(place)
    except (OSError, IndexError):
        return False


def _of(lines: list[str], peer: str) -> list[str]:
    return [known for known in lines if known.endswith(f" dplane:{peer}")]


def _open_directory() -> int:
    from fcntl import LOCK_EX, flock

    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    above = os.open(STATE_DIR, flags)
    try:
        try:
            os.mkdir(DIRECTORY, 0o755, dir_fd=above)
            os.chmod(DIRECTORY, 0o755, dir_fd=above)  # noqa: S103 (sshd reads it as dplane)
        except FileExistsError:
            pass
        place = os.open(DIRECTORY, flags, dir_fd=above)
    finally:
        os.close(above)
    found = os.fstat(place)
    if found.st_uid != OWNER_UID or found.st_mode & 0o022:
        os.close(place)
        raise Failure("failed", f"{STATE_DIR}/{DIRECTORY} does not belong to root alone.")
    flock(place, LOCK_EX)
    return place


def _read(place: int) -> list[str]:
    try:
        file = os.open(FILE, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=place)
    except FileNotFoundError:
        return []
    with os.fdopen(file, encoding="utf-8", errors="surrogateescape") as source:
        return source.read().splitlines()


def _write(place: int, lines: list[str]) -> None:
    new = f"{FILE}.new"
    try:  # noqa: SIM105 (contextlib is slow to import)
        os.unlink(new, dir_fd=place)
    except FileNotFoundError:
        pass
    file = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644, dir_fd=place)
    with os.fdopen(file, "w", encoding="utf-8", errors="surrogateescape") as target:
        os.fchmod(target.fileno(), 0o644)
        target.write("".join(f"{text}\n" for text in lines))
        target.flush()
        os.fsync(target.fileno())
    os.rename(new, FILE, src_dir_fd=place, dst_dir_fd=place)
    os.fsync(place)
