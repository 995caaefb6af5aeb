"""The far end of a replication: the one command a peer's key may run (`restrict,command="dplane agent --peer NAME"`).

What the peer asks for is one JSON object in SSH_ORIGINAL_COMMAND. There is no shell, and nothing here can destroy a
snapshot or roll back: a peer can list, receive into datasets it made itself, and give up its own interrupted receive.
What it may beyond that stands in the forced command (`rights.py`): to read what is here, to take snapshots of it.
Every connection starts this, also on a Pi: it is plain blocking code and imports little.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from types import FrameType
from typing import Any

from privhelper import grammar, resumetoken, strictjson

from . import begun
from .pump import Pump
from .read import OWNER, get_argv, is_missing, list_argv
from .rights import Rights, of_words

REQUEST_LIMIT = 64 * 1024
HELPER = "/opt/dplane/current/libexec/privhelper"
STATE = "/var/lib/dplane/ssh"
ABSENT, BEGUN, OWNED = "absent", "begun", "owned"
_ENVIRONMENT = {"LC_ALL": "C", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
_READ_SECONDS = 120.0
_TAKE_OVER_SECONDS = 30.0


class Refusal(Exception):
    """Why the peer does not get what it asked for: a code of `errors.py` and a sentence."""

    def __init__(self, code: str, message: str, next_step: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.next_step = next_step


class Agent:
    """One request of one peer."""

    def __init__(self, rights: Rights) -> None:
        self._rights = rights
        self._peer = rights.peer
        self._root = rights.root
        self._helper = _helper()
        self._state = STATE
        self.streams = False  # standard output is for a stream, so a refusal goes to standard error

    def serve(self, request: str | None) -> dict[str, Any]:
        """Do what `request` asks and return the answer. Raises Refusal."""
        operations = {
            "hello": self._hello,
            "read": self._read,
            "receive": self._receive,
            "abort": self._abort,
            "send": self._send,
            "estimate": self._estimate,
            "note": self._note_originals,
            "settle": self._lend,
            "snapshot": self._lend,
            "bookmark": self._lend,
            "forget": self._lend,
            "creations": self._lend,
            "key-add": self._change_key,
            "key-keep": self._change_key,
        }
        if request is None:
            raise Refusal("refused", "This key is for D-Plane's replication only; it gives no shell.")
        if len(request) > REQUEST_LIMIT:
            raise Refusal("refused", "The request is too large.")
        try:
            fields = strictjson.loads(request.encode("utf-8", "surrogateescape"))
        except strictjson.JsonError as error:
            raise Refusal("refused", f"The request {error}.") from None
        operation = operations.get(str(fields.get("op"))) if isinstance(fields, dict) else None
        if not isinstance(fields, dict) or operation is None:
            raise Refusal("refused", "This key is for D-Plane's replication only; that is not one of its requests.")
        return operation(fields)

    def _hello(self, _fields: dict[str, Any]) -> dict[str, Any]:
        """Say who answers, then stay until the peer goes: the connection that the others are multiplexed on."""
        version = _run(["zfs", "version"])
        if version.returncode != 0:
            raise Refusal("missing", "OpenZFS does not work on the far box.", "`dplane doctor` there looks why.")
        first = {"ok": True, "peer": self._peer, "root": self._root, "zfs": version.stdout.split("\n")[0][:100]}
        first |= {"may_read": self._rights.may_read, "may_snapshot": self._rights.may_snapshot}
        _say(first)
        while os.read(0, 4096):
            pass
        return {}

    def _dataset(self, fields: dict[str, Any]) -> str:
        """The dataset a request is about: a sound name, inside of what the key is confined to. Raises Refusal."""
        name = fields.get("dataset")
        problem = grammar.dataset_problem(name)
        if problem or not isinstance(name, str) or "/" not in name:
            raise Refusal("refused", f"The target {problem or 'must be a dataset below a pool'}.")
        if not self._rights.may_write(name):
            raise Refusal("refused", f"This peer may only {self._rights.in_words()}, and not use {name}.")
        return name

    def _readable(self, fields: dict[str, Any]) -> str | None:
        """The dataset of a request when the peer was given the right to read it, whoever made it; else None."""
        name = fields.get("dataset")
        sound = isinstance(name, str) and not grammar.dataset_problem(name)
        return str(name) if sound and self._rights.reads(str(name)) else None

    def _standing(self, name: str) -> str:
        """ABSENT, OWNED, or BEGUN: this peer's, though not marked yet. Raises Refusal for what is somebody else's."""
        found = _run(["zfs", "get", "-H", "-p", "-o", "value", OWNER, name])
        if found.returncode != 0:
            if is_missing(found.stderr):
                return ABSENT
            raise Refusal("failed", f"The far box could not look at {name}: {_last(found.stderr)}")
        # Asked for one dataset and compared whole, so that a value with a line end in it cannot speak for another one.
        if found.stdout == f"{self._peer}\n":
            return OWNED
        if found.stdout == "-\n" and self._began(name):
            return BEGUN
        raise Refusal(
            "refused",
            f"{name} exists on the far box and was not made by this peer, so nothing is received into it.",
            "Choose a target that does not exist yet.",
        )

    def _began(self, name: str) -> bool:
        """Whether an unmarked dataset is what a first receive of this peer left behind when the power failed."""
        noted = begun.read(self._state, name)
        if noted is None or noted.peer != self._peer:
            return False
        try:
            fields = resumetoken.unpack(self._unfinished(name))
        except resumetoken.TokenError:
            return False
        return str(fields.get("toguid")) == noted.guid and "fromguid" not in fields

    def _unfinished(self, name: str) -> str:
        """The resume token of a first receive that has not ended; empty for a dataset that is whole."""
        token = _value(name, "receive_resume_token")
        if token == "-":  # noqa: S105
            return ""
        listed = _run(list_argv(name, False))
        if listed.returncode != 0:
            raise Refusal("failed", f"The far box could not list {name}: {_last(listed.stderr)}")
        return "" if "@" in listed.stdout else token

    def _read(self, fields: dict[str, Any]) -> dict[str, Any]:
        """What the target has, after ending what an earlier, lost connection of the same peer is still receiving."""
        name, recursive = self._readable(fields) or self._dataset(fields), fields.get("recursive") is True
        if self._rights.may_write(name):
            self._take_over(name)
        available = _available(name)
        if self._absent(name):
            return {"ok": True, "list": "", "get": "", "available": available}
        got, listed = _run(get_argv(name, recursive)), _run(list_argv(name, recursive))
        for output in (got, listed):
            if output.returncode != 0:
                raise Refusal("failed", f"The far box could not list {name}: {_last(output.stderr)}")
        return {"ok": True, "list": listed.stdout, "get": got.stdout, "available": available}

    def _absent(self, name: str) -> bool:
        """Whether the dataset is not there. Raises Refusal when it is, and the peer may not look at it."""
        if not self._rights.reads(name):
            return self._standing(name) == ABSENT
        found = _run(["zfs", "list", "-H", "-o", "name", name])
        if found.returncode != 0 and not is_missing(found.stderr):
            raise Refusal("failed", f"The far box could not look at {name}: {_last(found.stderr)}")
        return found.returncode != 0

    def _abort(self, fields: dict[str, Any]) -> dict[str, Any]:
        name, token = self._dataset(fields), fields.get("token")
        if resumetoken.token_problem(token):
            raise Refusal("refused", "That is not a resume token.")
        with self._alone(
            name
        ):  # or a receive that waits for its stream would find its dataset gone, and make a new one
            if self._standing(name) != ABSENT:
                self._ask_helper({"verb": "receive-abort", "dataset": name, "token": token})
                begun.remove(self._state, name, self._peer)
        return {"ok": True}

    def _receive(self, fields: dict[str, Any]) -> dict[str, Any]:
        """Pass the stream on standard input to the privileged helper's `receive`."""
        name, kind = self._dataset(fields), fields.get("kind")
        if grammar.dataset_kind_problem(kind):
            raise Refusal("refused", "The kind of dataset must be filesystem or volume.")
        with self._alone(name):
            standing = self._standing(name)
            # Whatever the peer says: what makes a stranger's dataset harmless is set until the dataset is whole.
            first = standing == ABSENT or bool(self._unfinished(name))
            if standing == ABSENT:
                self._make_parents(name)
                self._note(name, fields.get("guid"))
            elif first and _value(name, "type") != kind:  # the helper looks only at what is whole
                raise Refusal("refused", f"{name} is not a {kind}.")
            request = {"verb": "receive", "dataset": name, "kind": kind, "first": first}
            try:
                return _pour([*self._helper], _line({**request, "peer": self._peer}))
            finally:
                self._settle(name, standing)

    def _own(self, fields: dict[str, Any]) -> str:
        """The dataset of a request that needs a whole copy of this peer's. Raises Refusal."""
        name = self._dataset(fields)
        if self._standing(name) != OWNED:
            raise Refusal("missing", f"The far box has no {name} of this peer.")
        return name

    def _send(self, fields: dict[str, Any]) -> dict[str, Any]:
        """Give the peer's own data back to it, as the stream on standard output."""
        from . import giving

        self.streams = True
        try:
            request = giving.stream_request(self._readable(fields) or self._own(fields), fields, "send")
            giving.become_sender(self._helper, request, _ENVIRONMENT)
        except ValueError as error:
            raise Refusal("refused", f"The request {error}.") from None
        except OSError as error:
            raise Refusal("failed", f"The far box cannot send: {error.strerror}.") from None

    def _estimate(self, fields: dict[str, Any]) -> dict[str, Any]:
        from . import giving

        try:
            request = giving.stream_request(self._readable(fields) or self._own(fields), fields, "send-estimate")
        except ValueError as error:
            raise Refusal("refused", f"The request {error}.") from None
        return {"ok": True, "size": giving.size_of(str(self._ask_helper(request).get("stdout", "")))}

    def _note_originals(self, fields: dict[str, Any]) -> dict[str, Any]:
        from . import giving

        name = self._own(fields)
        try:
            return giving.keep_notes(name, fields, _value(name, "guid"), self._ask_helper)
        except ValueError as error:
            raise Refusal("refused", f"The request {error}.") from None

    def _lend(self, fields: dict[str, Any]) -> dict[str, Any]:
        """What a peer may do with datasets of this box beyond reading them."""
        from . import lending

        name, op = self._readable(fields), fields["op"]
        if name is None or (op != "creations" and not self._rights.may_snapshot):
            raise Refusal("refused", f"This peer may only {self._rights.in_words()}.")
        try:
            if op == "creations":
                return lending.creations(name, fields, _listed)
            if op == "settle":
                return lending.settle(name, self._ask_helper)
            if op == "snapshot":
                return lending.snapshot(name, fields, self._ask_helper)
            if op == "bookmark":
                return lending.bookmark(self._peer, name, fields, self._ask_helper, _listed)
            return lending.forget(self._peer, name, fields, self._ask_helper, _listed)
        except ValueError as error:
            raise Refusal("refused", f"The request {error}.") from None

    def _change_key(self, fields: dict[str, Any]) -> dict[str, Any]:
        """Let the peer in with another key that has the same rights, or with that one alone."""
        if fields["op"] == "key-add":
            keys = {"key": fields.get("key"), "current": fields.get("current")}
            return self._ask_helper({"verb": "peer-renew", "peer": self._peer, **keys})
        return self._ask_helper({"verb": "peer-retire", "peer": self._peer, "key": fields.get("key")})

    def _note(self, name: str, guid: object) -> None:
        """Write down that this peer begins to receive into `name`. Without it, only a power loss needs a person."""
        if isinstance(guid, str) and not grammar.guid_problem(guid):
            with contextlib.suppress(OSError):
                begun.write(self._state, begun.Begun(self._peer, name, guid))

    def _settle(self, name: str, before: str) -> None:
        """Forget the note where it has done its work, so that none lives longer than its receive but by power loss."""
        try:
            if before == BEGUN and self._standing(name) == BEGUN:
                return
        except Refusal as refusal:
            if refusal.code != "refused":
                return  # not known how it stands
        begun.remove(self._state, name, self._peer)

    def _make_parents(self, name: str) -> None:
        """The levels above the target, never mounted, nor marked as the peer's: others may live below them too."""
        parts = name.split("/")[:-1]
        for depth in range(2, len(parts) + 1):
            parent = "/".join(parts[:depth])
            if _run(["zfs", "list", "-H", "-o", "name", parent]).returncode == 0:
                continue
            if self._root is not None and not f"{parent}/".startswith(f"{self._root}/"):
                raise Refusal("refused", f"{parent}, above this peer's root, does not exist on the far box.")
            self._ask_helper(
                {"verb": "dataset-create", "dataset": parent, "mount": False, "properties": {"canmount": "off"}}
            )

    def _ask_helper(self, request: dict[str, Any]) -> dict[str, Any]:
        output = _run(self._helper, _line(request))
        with contextlib.suppress(ValueError, AttributeError):
            answer: dict[str, Any] = json.loads(output.stdout)
            if answer.get("ok") is True and output.returncode == 0:
                return answer
            raise Refusal("failed", f"The far box refused: {answer['error']['message']}")
        raise Refusal("failed", f"The far box's privileged helper failed: {_last(output.stderr)}")

    def _lock_file(self, name: str) -> str:
        digest = hashlib.sha256(f"{self._peer}\n{name}".encode()).hexdigest()[:32]
        return f"{self._state}/receiving-{digest}"

    @contextlib.contextmanager
    def _alone(self, name: str) -> Any:
        """Hold this peer's lock on the dataset; the file says who, for the one that takes over."""
        handle = os.open(self._lock_file(name), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(handle)
            raise Refusal("failed", f"{name} is being received already.", "Try again in a minute.") from None
        try:
            os.ftruncate(handle, 0)
            os.write(handle, f"{os.getpid()} {name}\n".encode())
            yield
        finally:
            os.close(handle)

    def _take_over(self, name: str) -> None:
        """End receives at or below `name` whose connection the peer has lost: that it asks anew is the proof."""
        with contextlib.suppress(FileNotFoundError):
            for file in os.listdir(self._state):
                if file.startswith("receiving-"):
                    self._end_if_below(f"{self._state}/{file}", name)

    def _end_if_below(self, path: str, name: str) -> None:
        handle = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            pid, _, held = os.read(handle, 600).decode("utf-8", "replace").strip().partition(" ")
            if not f"{held}/".startswith(f"{name}/") or path != self._lock_file(held) or not pid.isdigit():
                return
            deadline = time.monotonic() + _TAKE_OVER_SECONDS
            told = False
            while True:
                try:
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    return
                except BlockingIOError:
                    if not told:  # the lock is held, so that process is alive and is the one that wrote its number
                        with contextlib.suppress(ProcessLookupError):
                            os.kill(int(pid), signal.SIGTERM)
                        told = True
                if time.monotonic() > deadline:
                    raise Refusal("failed", f"An earlier receive into {held} does not end.", "Try again in a minute.")
                time.sleep(0.1)
        finally:
            os.close(handle)


def _helper() -> tuple[str, ...]:
    return ("sudo", "-n", os.path.realpath(HELPER))


def _line(request: dict[str, Any]) -> bytes:
    return json.dumps(request).encode() + b"\n"


def _run(argv: Sequence[str], stdin: bytes = b"") -> subprocess.CompletedProcess[str]:
    try:
        done = subprocess.run(
            list(argv), input=stdin, capture_output=True, env=_ENVIRONMENT, timeout=_READ_SECONDS, check=False
        )
    except FileNotFoundError:
        raise Refusal("missing", f"{argv[0]} is not installed on the far box.") from None
    except subprocess.TimeoutExpired:
        raise Refusal(
            "failed", f"{argv[0]} did not answer on the far box.", "A suspended pool makes ZFS commands wait."
        ) from None
    text = (done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace"))
    return subprocess.CompletedProcess(done.args, done.returncode, *text)


def _refuse_revoked(peer: str) -> None:
    """Raise Refusal when the key was taken away since its connection was let in: sshd does not end that by itself."""
    with contextlib.suppress(OSError):
        with open(f"{os.path.dirname(STATE)}/ssh-accept/authorized_keys", encoding="utf-8", errors="replace") as file:
            if any(line.rstrip("\n").endswith(f" dplane:{peer}") for line in file):
                return
        raise Refusal("authentication", f"The far box does not let {peer} in any more.", "Pair again.")


def _listed(argv: list[str]) -> str:
    """What a command of zfs lists. Raises Refusal."""
    found = _run(argv)
    if found.returncode != 0:
        raise Refusal("failed", f"The far box could not look: {_last(found.stderr)}")
    return found.stdout


def _value(name: str, prop: str) -> str:
    """A native property of a dataset. Raises Refusal."""
    found = _run(["zfs", "get", "-H", "-p", "-o", "value", prop, name])
    if found.returncode != 0:
        raise Refusal("failed", f"The far box could not look at {name}: {_last(found.stderr)}")
    return found.stdout.removesuffix("\n")


def _available(name: str) -> int | None:
    """Bytes free at the nearest level that exists; None is unknown."""
    parts = name.split("/")
    levels = ["/".join(parts[:depth]) for depth in range(1, len(parts) + 1)]
    found = _run(["zfs", "get", "-H", "-p", "-o", "value", "available", *levels])
    values = found.stdout.split()  # one line for each that exists, in this order; the others are told on stderr
    if not values:
        raise Refusal("missing", f"There is no pool {parts[0]} on the far box.", "`zpool list` there shows them.")
    return int(values[-1]) if values[-1].isdigit() else None


def _pour(argv: list[str], request: bytes) -> dict[str, Any]:
    """Start `argv`, give it the request line and then our standard input; wait for it to settle what it got."""
    errors = os.memfd_create("receive-errors")
    process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=errors, env=_ENVIRONMENT)
    assert process.stdin
    pump = Pump(0, process.stdin.fileno())

    def stop(_signal: int, _frame: FrameType | None) -> None:
        pump.stop()

    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, stop)
    with contextlib.suppress(BrokenPipeError):
        process.stdin.write(request)
        process.stdin.flush()
    pump.run()
    with contextlib.suppress(BrokenPipeError):
        process.stdin.close()  # an unfinished stream ends here: what has arrived is kept and can be resumed
    status = process.wait()
    said = os.pread(errors, 65536, 0).decode("utf-8", "replace")
    os.close(errors)
    if (
        status == 0
    ):  # zfs has the whole stream, however the pump ended: it ignores what comes behind, or we were stopped
        return {"ok": True, "bytes": pump.count}
    raise Refusal("failed", _last(said) or f"The far box's receive ended with status {status}.")


def _last(stderr: str) -> str:
    lines = [line.strip() for line in stderr.strip().splitlines() if line.strip()]
    return " ".join(lines)[-1000:]


def _say(answer: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def main(words: Sequence[str]) -> int:
    """`--peer NAME` and its rights (`rights.py`), from the forced command; returns the exit code."""
    rights = of_words(list(words))
    if rights is None:
        sys.stderr.write("usage: dplane agent --peer NAME [--root DATASET] [--may-read DATASET [--may-snapshot yes]]\n")
        return 2
    agent = Agent(rights)
    try:
        _refuse_revoked(rights.peer)
        answer = agent.serve(os.environ.get("SSH_ORIGINAL_COMMAND"))
        if answer:
            _say(answer)
        return 0
    except Refusal as refusal:
        error = {"code": refusal.code, "message": refusal.message, "next": refusal.next_step}
    except BrokenPipeError:
        return 1
    except Exception as mistake:
        error = {
            "code": "failed",
            "message": f"The far box's agent made a mistake: {type(mistake).__name__}.",
            "next": "",
        }
    with contextlib.suppress(BrokenPipeError):
        if agent.streams:
            sys.stderr.write(f"{error['message']}\n")
        else:
            _say({"ok": False, "error": error})
    return 1
