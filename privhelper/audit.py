"""The audit log: JSON lines, each with the hash of the line before it, so that a change anywhere breaks the chain.

`hash` is the SHA-256 of the line's own bytes up to `,"hash":`; `prev`, the hash of the line before, is among them.
What the chain cannot show by itself is that lines were cut off at its end, or that all of it was written anew by root:
therefore `verify` takes a head (a hash noted elsewhere), and each line's hash also goes to syslog (`session.py`).

Imports little, because the helper loads it for each call; the console imports it for `dplane audit verify`.
"""

from __future__ import annotations

import os
import stat
from time import gmtime, strftime, time

from .alone import Held, alone, beside_older
from .strictjson import JsonError, dumps, loads

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

NAME = "audit.jsonl"
LOCK = "log.lock"
GENESIS = "0" * 64
ROTATE_AT = 8 << 20  # bytes; the file is then set aside under the number of its last line
MAX_LINE = 32768
_HASH_KEY = b',"hash":"'
_SUFFIX = len(_HASH_KEY) + 64 + len(b'"}')


class AuditError(Exception):
    """The log cannot be written; str() says why, as a clause."""


def sha256(data: bytes) -> str:
    """The hexadecimal SHA-256 of `data`, through the module that is quickest to load."""
    try:
        from _sha2 import sha256 as digest  # type: ignore[import-not-found]  # Python 3.12 and later
    except ImportError:
        try:
            from _sha256 import sha256 as digest  # type: ignore[import-not-found]
        except ImportError:
            from hashlib import sha256 as digest
    return str(digest(data).hexdigest())


def seal(fields: dict[str, object], seq: int, prev: str) -> bytes:
    """The line of `fields`, number `seq`, behind the line whose hash is `prev`; without the line end."""
    body = dumps({"seq": seq, **fields, "prev": prev})[:-1].encode("ascii")
    return body + _HASH_KEY + sha256(body).encode("ascii") + b'"}'


def own_hash(line: bytes) -> str:
    """The hash that a sealed line carries; "" when `line` does not end like one. Says nothing about its truth."""
    suffix = line[-_SUFFIX:]
    digits = suffix[len(_HASH_KEY) : -2]
    if not suffix.startswith(_HASH_KEY) or not suffix.endswith(b'"}') or len(digits) != 64:
        return ""
    return digits.decode("ascii") if set(digits) <= set(b"0123456789abcdef") else ""


class Verification:
    """What `verify` found: `problem` is "" for an unbroken chain, `head` its last hash, `lines` how many were read."""

    __slots__ = ("first", "head", "lines", "problem", "torn")

    def __init__(self) -> None:
        self.problem = ""
        self.lines = 0
        self.first = 0  # number of the first line: 1 unless older files are missing
        self.head = GENESIS
        self.torn: list[int] = []  # lines cut short by a crash and accounted for by the line behind them


def verify(lines: Iterable[bytes], head: str = "") -> Verification:
    """Check the chain of `lines` (of all files, oldest first), and that the line with hash `head` is in it."""
    found = Verification()
    seq, seen = 0, not head
    torn: bytes | None = None  # a line that is not sealed, forgiven only if the next line accounts for it
    for number, raw in enumerate(lines, 1):
        line = raw.removesuffix(b"\n")
        found.lines = number
        fields = _sealed(line)
        if fields is None and torn is None and not own_hash(line):
            torn = line
            continue
        if fields is None or (torn is not None and fields.get("torn") != sha256(torn)):
            found.problem = f"line {number if torn is None else number - 1} is not what was written"
            return found
        if found.first:
            follows = fields["seq"] == seq + 1 and fields["prev"] == found.head
        else:
            follows = (fields["seq"] == 1) == (fields["prev"] == GENESIS)
        if not follows:
            found.problem = f"line {number} does not follow the line before it"
            return found
        if torn is not None:
            found.torn.append(number - 1)
        torn = None
        seq = int(str(fields["seq"]))
        found.first = found.first or seq
        found.head = own_hash(line)
        seen = seen or found.head == head
    if torn is not None:
        found.problem = f"line {found.lines} is not what was written, or cut short"
    elif not seen:
        found.problem = "the line with the given head is missing: lines were cut off, or all was written anew"
    return found


def _sealed(line: bytes) -> dict[str, object] | None:
    """The fields of a line whose own hash is true, else None."""
    carried = own_hash(line)
    if not carried or carried != sha256(line[:-_SUFFIX]):
        return None
    try:
        fields = loads(line)
    except JsonError:
        return None
    if (
        not isinstance(fields, dict)
        or not isinstance(fields.get("seq"), int)
        or not isinstance(fields.get("prev"), str)
    ):
        return None
    return fields


class Log:
    """The log in `directory`, which belongs to `owner`. Each append holds the log's lock while it lasts."""

    def __init__(self, directory: str, owner: int, rotate_at: int = ROTATE_AT) -> None:
        self._directory = directory
        self._owner = owner
        self._rotate_at = rotate_at

    def append(self, fields: dict[str, object], *, durable: bool) -> tuple[int, str]:
        """Write one line, to the disk itself if `durable`; returns its number and its hash. Raises AuditError."""
        try:
            place = self._open_directory()
            try:
                beside_older(place)
                lock = alone(place, LOCK, self._directory)
                try:
                    return self._append(place, fields, durable)
                finally:
                    os.close(lock)
            finally:
                os.close(place)
        except Held as held:
            raise AuditError(str(held)) from None
        except OSError as error:
            raise AuditError(f"{self._directory}: {error.strerror}") from None

    def _open_directory(self) -> int:
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            place = os.open(self._directory, flags)
        except FileNotFoundError:
            os.mkdir(self._directory, 0o750)
            _give_to_viewers(self._directory)
            place = os.open(self._directory, flags)
        try:
            self._trust(os.fstat(place), self._directory)
        except BaseException:
            os.close(place)
            raise
        return place

    def _trust(self, found: os.stat_result, what: str) -> None:
        if found.st_uid != self._owner or found.st_mode & 0o022:
            raise AuditError(f"{what} does not belong to root alone")

    def _append(self, place: int, fields: dict[str, object], durable: bool) -> tuple[int, str]:
        file = self._open_file(place)
        try:
            size = os.fstat(file).st_size
            seq, prev, torn, gap = _end(file, size) if size else (*_older(place), b"", b"")
            if torn:
                fields = {**fields, "torn": sha256(torn)}
            line = seal({"time": _now(), **fields}, seq + 1, prev)
            if len(line) > MAX_LINE:
                raise AuditError("the line is too long")
            if os.write(file, gap + line + b"\n") != len(gap + line) + 1:
                os.ftruncate(file, size)
                raise AuditError(f"{self._directory} is full")
            if durable:
                os.fsync(file)
        finally:
            os.close(file)
        if size + len(line) > self._rotate_at:
            os.rename(NAME, f"audit.{seq + 1:012d}.jsonl", src_dir_fd=place, dst_dir_fd=place)
        return seq + 1, own_hash(line)

    def _open_file(self, place: int) -> int:
        flags = os.O_RDWR | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
        try:
            file = os.open(NAME, flags, dir_fd=place)
        except FileNotFoundError:
            file = os.open(NAME, flags | os.O_CREAT | os.O_EXCL, 0o640, dir_fd=place)
            _give_to_viewers(file)
        found = os.fstat(file)
        self._trust(found, NAME)
        if not stat.S_ISREG(found.st_mode) or found.st_nlink != 1:
            os.close(file)
            raise AuditError(f"{NAME} is not a plain file of its own")
        return file


def _now() -> str:
    seconds = time()
    return f"{strftime('%Y-%m-%dT%H:%M:%S', gmtime(seconds))}.{int(seconds % 1 * 1000):03d}Z"


def _give_to_viewers(target: str | int) -> None:
    """Let the group dplane-view read a file or directory that was just made (0640 or 0750 whatever the umask)."""
    import grp

    directory = isinstance(target, str)
    try:
        os.chown(target, -1, grp.getgrnam("dplane-view").gr_gid)
    except KeyError:
        return  # not installed: root alone reads it
    os.chmod(target, 0o750 if directory else 0o640)


def _end(file: int, size: int) -> tuple[int, str, bytes, bytes]:
    """Number and hash of the last whole line, what a crash left behind it, and the line end that is missing then."""
    tail = os.pread(file, 2 * MAX_LINE, max(0, size - 2 * MAX_LINE))
    whole, _, torn = tail.rpartition(b"\n")
    gap = b"\n" if torn else b""
    if own_hash(torn):
        whole, torn = torn, b""  # only its line end is missing
    last = whole[whole.rfind(b"\n") + 1 :]
    if not last:
        return 0, GENESIS, torn, gap  # the very first line was cut short
    # A last line that is not as it was written stays so: what follows continues from its bytes; `verify` reports it.
    digits = last.removeprefix(b'{"seq":').partition(b",")[0]
    seq = int(digits) if digits.isdigit() and len(digits) < 18 else 0
    return seq, own_hash(last) or sha256(last), torn, gap


def _older(place: int) -> tuple[int, str]:
    """Where the newest of the files that were set aside ends; the start of the chain when there is none."""
    names = sorted(name for name in os.listdir(place) if name.startswith("audit.0") and name.endswith(".jsonl"))
    if not names:
        return 0, GENESIS
    file = os.open(names[-1], os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=place)
    try:
        return _end(file, os.fstat(file).st_size)[:2]
    finally:
        os.close(file)


def files(directory: str) -> list[str]:
    """The paths of the whole log, oldest first."""
    names = os.listdir(directory)
    older = sorted(name for name in names if name.startswith("audit.0") and name.endswith(".jsonl"))
    return [f"{directory}/{name}" for name in [*older, *([NAME] if NAME in names else [])]]
