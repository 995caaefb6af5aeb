"""The keys of peers: one line each in a root-owned file that sshd reads for the user dplane, and for that user only.

A line confines its key to the replication agent (`restrict,command=`), so a peer's key never gives a shell.
"""

from __future__ import annotations

import os

from .alone import Held, alone, beside_older
from .failure import Failure
from .places import CURRENT, OWNER_UID, STATE_DIR
from .shape import Args

DIRECTORY = "ssh-accept"
FILE = "authorized_keys"
LOCK = "keys.lock"


FLAGS = ("may_snapshot", "may_prune", "may_rollback")


MAY_ROLLBACK = "--may-rollback"


def line(peer: str, key: str, root: str, may_read: str = "", flags: tuple[str, ...] = ()) -> str:
    """The line of `peer`, with those of FLAGS. All have passed their grammar: none holds a quote or a line end."""
    rights = f" --root {root}" if root else ""
    rights += f" --may-read {may_read}" if may_read else ""
    rights += "".join(f" --{flag.replace('_', '-')} yes" for flag in FLAGS if flag in flags)
    return f'restrict,command="{CURRENT}/bin/dplane agent --peer {peer}{rights}" {key} dplane:{peer}'


def accept(lines: list[str], peer: str, new: str) -> list[str]:
    """`lines` with `new` as the one line of that peer. Raises Failure when another peer has its key already."""
    kept = revoke(lines, peer)
    _refuse_taken(kept, new)
    return [*kept, new]


def renew(lines: list[str], peer: str, key: str, current: str) -> list[str]:
    """`lines` with a second one of that peer: `key` with the rights of `current`. Raises Failure.

    Any further key of the peer goes, so that there are never more than two.
    """
    kept = revoke(lines, peer)
    own = _own(lines, peer, current)
    fresh = f"{own.removesuffix(f'{current} dplane:{peer}')}{key} dplane:{peer}"
    _refuse_taken(kept, fresh)
    return [*kept, own, *([] if key == current else [fresh])]


def retire(lines: list[str], peer: str, key: str) -> list[str]:
    """`lines` with only that key of the peer. Raises Failure when it is not one of its keys."""
    return [*revoke(lines, peer), _own(lines, peer, key)]


def revoke(lines: list[str], peer: str) -> list[str]:
    """`lines` without those of that peer."""
    return [known for known in lines if not known.endswith(f" dplane:{peer}")]


def _own(lines: list[str], peer: str, key: str) -> str:
    for known in lines:
        if known.endswith(f" {key} dplane:{peer}"):
            return known
    raise Failure("failed", f"That key is not a key of {peer}.")


def _refuse_taken(lines: list[str], new: str) -> None:
    key = " ".join(new.split(" ")[-3:-1])
    for other in lines:
        if f" {key} " in other:
            raise Failure("failed", f"That key is already the key of {other.rpartition('dplane:')[2]}.")


def _changed(verb: str, args: Args, before: list[str]) -> list[str]:
    peer, key = str(args["peer"]), str(args.get("key", ""))
    if verb == "peer-accept":
        root, may_read = str(args.get("root", "")), str(args.get("may_read", ""))
        flags = tuple(flag for flag in FLAGS if args.get(flag) is True)
        return accept(before, peer, line(peer, key, root, may_read, flags))
    if verb == "peer-renew":
        return renew(before, peer, key, str(args["current"]))
    return retire(before, peer, key) if verb == "peer-retire" else revoke(before, peer)


def change(verb: str, args: Args) -> dict[str, object]:
    """Do `peer-accept`, `peer-renew`, `peer-retire` or `peer-revoke` and say what changed. Raises Failure."""
    try:
        place = _open_directory()
        lock = -1
        try:
            beside_older(place)
            lock = alone(place, LOCK, f"{STATE_DIR}/{DIRECTORY}")
            before = _read(place)
            after = _changed(verb, args, before)
            if after != before:
                _write(place, after)
            if _read(place) != after:
                raise Failure("failed", f"The keys in {STATE_DIR}/{DIRECTORY} are not what was written.")
        finally:
            if lock >= 0:
                os.close(lock)
            os.close(place)
    except Held as held:
        raise Failure("failed", f"The keys in {STATE_DIR}/{DIRECTORY} were not changed: {held}.") from None
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
