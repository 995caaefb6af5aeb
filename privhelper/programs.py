"""Starting programs: by absolute path, with a fixed environment, no shell, no inherited descriptors, and limits."""

from __future__ import annotations

import os
from time import monotonic

from .failure import Failure, one_line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

ENVIRONMENT = {"LC_ALL": "C", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root"}
MAX_OUTPUT = 32 << 20  # bytes of each stream
_SIGTERM, _SIGKILL = 15, 9  # the module signal is slow to import
# Ignored here: SIGPIPE and SIGXFSZ by Python, SIGTSTP, SIGTTIN and SIGTTOU by the session. A program would inherit it,
# and a send would not end with its reader.
_IGNORED = (13, 25, 20, 21, 22)
_SIDE_BY_SIDE = 8
_NOT_STARTED = 127  # what the shell uses, and no program of the table
_GONE = ("does not exist", "no such pool", "dataset not found", "could not find any snapshots")
_NO_ZFS = ("modules cannot be auto-loaded", "modules are not loaded", "/dev/zfs", "Failed to initialize the libzfs")


class Output:
    """What a program left: its exit status and what it wrote."""

    __slots__ = ("status", "stderr", "stdout")

    def __init__(self, status: int, stdout: bytes, stderr: bytes) -> None:
        self.status = status
        self.stdout = stdout
        self.stderr = stderr

    @property
    def text(self) -> str:
        """Standard output as text; bytes that are not UTF-8 become U+FFFD."""
        return self.stdout.decode("utf-8", "replace")


def prepare() -> None:
    """Limits and file mode that programs inherit from here on."""
    from resource import RLIMIT_CORE, setrlimit

    setrlimit(RLIMIT_CORE, (0, 0))
    os.umask(0o022)  # zfs makes the directories above a mountpoint, and people must be able to enter them


def run(argv: list[str], limit: int, given: bytes = b"") -> Output:
    """Run `argv` with `given` on its standard input, for at most `limit` seconds.

    Raises Failure: `unavailable` when it is not installed, `timeout` when it took longer (it is then ended).
    """
    out_read, out_write = os.pipe()
    err_read, err_write = os.pipe()
    source = os.memfd_create("given") if given else os.open(os.devnull, os.O_RDONLY)
    if given:
        os.write(source, given)
        os.lseek(source, 0, os.SEEK_SET)
    try:
        child = os.posix_spawn(
            argv[0],
            argv,
            ENVIRONMENT,
            file_actions=[
                (os.POSIX_SPAWN_DUP2, source, 0),
                (os.POSIX_SPAWN_DUP2, out_write, 1),
                (os.POSIX_SPAWN_DUP2, err_write, 2),
            ],
            setsigdef=_IGNORED,
        )
    except OSError as error:
        os.close(out_read)
        os.close(err_read)
        raise Failure("unavailable", f"{argv[0]} cannot be started: {error.strerror}.") from None
    finally:
        os.close(source)
        os.close(out_write)
        os.close(err_write)
    return _ended(child, argv, (out_read, err_read), limit)


def _ended(child: int, argv: list[str], ends: tuple[int, int], limit: int) -> Output:
    """What the child writes until its end. Raises Failure when that takes too long or is too much: it is ended then."""
    ended, streams = _collect(ends, monotonic() + limit)
    if ended != "":
        end(child)
        raise Failure("timeout" if ended == "time" else "failed", _cut_short(argv, limit, ended))
    _, status = os.waitpid(child, 0)
    return Output(os.waitstatus_to_exitcode(status), *streams)


def run_forked(argv: list[str], limit: int, turn: Callable[[], None]) -> Output:
    """Run what a child of ours becomes by `turn`, in a session of its own, so that it has nobody's terminal.

    `argv` is what it is called. Raises Failure `timeout` when it took longer than `limit` seconds (it is then ended).
    """
    out_read, out_write = os.pipe()
    err_read, err_write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setsid()
            null = os.open(os.devnull, os.O_RDONLY)
            for source, target in ((null, 0), (out_write, 1), (err_write, 2)):
                os.dup2(source, target)
            turn()
        except Failure as failure:
            os.write(2, f"{failure}\n".encode("utf-8", "replace"))
        finally:
            os._exit(1)
    os.close(out_write)
    os.close(err_write)
    return _ended(child, argv, (out_read, err_read), limit)


def run_together(commands: list[list[str]], limit: int) -> list[tuple[list[str], Output]]:
    """Run several that say little, side by side, each for at most `limit` seconds. Raises Failure as `run` does."""
    started: list[tuple[list[str], int, int]] = []
    null = os.open(os.devnull, os.O_RDWR)
    found: list[tuple[list[str], Output]] = []
    try:
        for argv in commands:
            said, errors = os.pipe()
            actions = [(os.POSIX_SPAWN_DUP2, null, 0), (os.POSIX_SPAWN_DUP2, null, 1), (os.POSIX_SPAWN_DUP2, errors, 2)]
            try:
                child = os.posix_spawn(argv[0], argv, ENVIRONMENT, file_actions=actions, setsigdef=_IGNORED)
            except OSError as error:
                os.close(said)
                raise Failure("unavailable", f"{argv[0]} cannot be started: {error.strerror}.") from None
            finally:
                os.close(errors)
            started.append((argv, child, said))
        deadline = monotonic() + limit
        while started:
            argv, child, said = started[0]
            ended, streams = _collect((said,), deadline)  # closes it
            started[0] = (argv, child, -1)
            if ended:
                raise Failure("timeout" if ended == "time" else "failed", _cut_short(argv, limit, ended))
            found.append((argv, Output(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), b"", streams[0])))
            del started[0]
    finally:
        os.close(null)
        for _, child, said in started:
            if said >= 0:
                os.close(said)
            end(child)
    return found


def run_spread(argv: list[str], names: int, limit: int) -> Output:
    """Run `argv`, whose last `names` words are names that it takes one by one, as several that go side by side.

    Each name costs `zfs` a transaction group of the pool, which those side by side share. Raises Failure as `run` does.
    """
    if names <= _SIDE_BY_SIDE:
        return run(argv, limit)
    fixed, rest = argv[:-names], argv[-names:]
    parts = [[*fixed, *rest[start::_SIDE_BY_SIDE]] for start in range(_SIDE_BY_SIDE)]
    outputs = [output for _, output in run_together(parts, limit)]
    status = next((output.status for output in outputs if output.status), 0)
    return Output(status, b"", b"".join(output.stderr for output in outputs if output.stderr))


def pass_on(argv: list[str]) -> Output:
    """Run `argv` to its end; its standard output is ours. Raises Failure `unavailable`."""
    err_read, err_write = os.pipe()
    try:
        child = os.posix_spawn(
            argv[0],
            argv,
            ENVIRONMENT,
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_DUP2, err_write, 2),
            ],
            setsigdef=_IGNORED,
        )
    except OSError as error:
        os.close(err_read)
        raise Failure("unavailable", f"{argv[0]} cannot be started: {error.strerror}.") from None
    finally:
        os.close(err_write)
    said = b""
    while piece := os.read(err_read, 65536):
        said = (said + piece)[-65536:]
    os.close(err_read)
    return Output(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), b"", said)


def _cut_short(argv: list[str], limit: int, ended: str) -> str:
    program = " ".join(argv[:2])
    if ended == "time":
        return (
            f"{program} took longer than {limit} s and was ended; whether it did its work is not known, so look again."
        )
    return f"{program} wrote more than {MAX_OUTPUT} bytes and was ended."


def _collect(sources: tuple[int, ...], deadline: float) -> tuple[str, list[bytes]]:
    """Everything these descriptors give; the first result is "time" or "output" when a limit was passed."""
    from select import POLLIN, poll

    waiting = poll()
    streams: dict[int, list[bytes]] = {source: [] for source in sources}
    room = dict.fromkeys(sources, MAX_OUTPUT)
    for source in sources:
        waiting.register(source, POLLIN)
    ended = ""
    open_ones = set(sources)
    while open_ones and not ended:
        events = waiting.poll(max(0, deadline - monotonic()) * 1000)
        if not events:
            ended = "time"
        for source, _ in events:
            piece = os.read(source, 65536)
            if not piece:
                waiting.unregister(source)
                open_ones.discard(source)
            streams[source].append(piece)
            room[source] -= len(piece)
            if room[source] < 0:
                ended = "output"
    for source in sources:
        os.close(source)
    return ended, [b"".join(streams[source]) for source in sources]


def end(child: int) -> None:
    """End a child, gently first; one that sleeps in the kernel is left to it."""
    from time import sleep

    for signal, patience in ((_SIGTERM, 20), (_SIGKILL, 20)):
        os.kill(child, signal)
        for _ in range(patience):
            if os.waitpid(child, os.WNOHANG)[0]:
                return
            sleep(0.1)


def feed(argv: list[str], source: int) -> tuple[int, int]:
    """Start `argv` with `source` as its standard input; returns its pid and the end of its standard error to read from.

    It is killed when this process ends, however that comes about.
    """
    from .linuxcalls import die_with

    said, errors = os.pipe()
    parent = os.getpid()
    child = os.fork()
    if child == 0:
        try:
            die_with(parent, _SIGKILL)
            os.dup2(source, 0)
            os.dup2(errors, 2)
            _as_usual()
            os.execve(argv[0], argv, ENVIRONMENT)  # noqa: S606 (no shell is the point)
        finally:
            os._exit(_NOT_STARTED)
    os.close(errors)
    return child, said


def tap(argv: list[str]) -> tuple[int, int, int]:
    """Start `argv`; returns its pid, the end of its standard output to read from, and a file of what it complains.

    It ends with its reader. Raises Failure when it cannot be started.
    """
    stream, out = os.pipe()
    errors = os.memfd_create("errors")
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_DUP2, out, 1),
        (os.POSIX_SPAWN_DUP2, errors, 2),
    ]
    try:
        child = os.posix_spawn(argv[0], argv, ENVIRONMENT, file_actions=actions, setsigdef=_IGNORED)
    except OSError as error:
        raise Failure("unavailable", f"{argv[0]} cannot be started: {error.strerror}.") from None
    finally:
        os.close(out)
    return child, stream, errors


def _as_usual() -> None:
    """Ignore no signal any more: what is about to be executed did not ask for that."""
    from _signal import SIG_DFL, signal  # type: ignore[import-not-found]

    for number in _IGNORED:
        signal(number, SIG_DFL)


def failure(argv: list[str], output: Output) -> Failure:
    """What it means that `argv` ended with a status other than 0."""
    if output.status == _NOT_STARTED:
        return Failure("unavailable", f"{argv[0]} cannot be started.")
    said = output.stderr.decode("utf-8", "replace") or output.text
    program = os.path.basename(argv[0])
    if any(words in said for words in _NO_ZFS):
        return Failure("unavailable", f"ZFS does not work on this machine: {one_line(said)}")
    if any(words in said for words in _GONE):
        return Failure("changed", f"{one_line(said)} (it is gone since you saw it, or never was).")
    ended = f"was ended by signal {-output.status}" if output.status < 0 else f"ended with status {output.status}"
    reason = one_line(said) or f"it {ended} and said nothing"
    return Failure("failed", f"{program} {argv[1] if len(argv) > 1 else ''} failed: {reason}")


def ask(argv: list[str], limit: int = 300) -> str:
    """The standard output of a command that only reads. Raises Failure when it fails."""
    output = run(argv, limit)
    if output.status != 0:
        raise failure(argv, output)
    return output.text


def become(argv: list[str], environment: dict[str, str], *, empty_input: bool) -> None:
    """Turn this process into `argv`, standard streams as they are. Returns only by raising Failure."""
    if empty_input:
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0)
        os.close(null)
    _as_usual()
    try:
        os.execve(argv[0], argv, environment)  # noqa: S606 (no shell is the point)
    except OSError as error:
        raise Failure("unavailable", f"{argv[0]} cannot be started: {error.strerror}.") from None
