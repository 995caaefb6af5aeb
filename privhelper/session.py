"""One request from start to end: who asks, what, may they, look, note, act, read back, note, answer."""

from __future__ import annotations

import os
import sys

from . import places
from .audit import AuditError, Log
from .failure import CODES, Failure
from .request import MAX_REQUEST, Refused, allows, argv, parse, role_needed
from .roles import Caller, caller
from .shape import Args, Verb
from .strictjson import dumps
from .verbs import OURS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .checks import Places, Seen
    from .receiving import Inflow

READ_LIMIT = 10.0  # seconds in which the whole request must have come
WAIT_LIMIT = 10.0  # seconds for which an act waits for another that excludes it
_WITH_SECRETS = (b"sign-in", b'"notify-mail"', b'"notify-web"')
MAX_AUDITED = 4096  # characters of a request's arguments that the log keeps


def serve() -> int:
    """Handle the request on standard input; returns the exit code. Streaming verbs do not return."""
    os.umask(0o077)
    steady()
    session = Session()
    try:
        # First of all: sudo, which has compared the digest of an open file, names the helper /dev/fd/N.
        session.file = own_file()
        os.closerange(3, 4096)
        return session.run()
    except Failure as failure:
        return session.fail(failure)
    except Exception as error:  # a mistake of ours must still be a sentence, and be written down
        return session.fail(Failure("failed", f"The helper made a mistake ({type(error).__name__}) and stopped."))
    except KeyboardInterrupt:
        return session.fail(Failure("failed", "It was interrupted; whether it was done is not known, so look again."))


class Session:
    """The state of the one request this process handles."""

    def __init__(self) -> None:
        self.file = ""
        self._log = Log(places.AUDIT_DIR, places.OWNER_UID)
        self._caller = Caller(-1, "unknown", "")
        self._verb: Verb | None = None
        self._args: Args = {}
        self._raw = b""
        self._intent = 0  # number of the line that said what was about to be done
        self._trusted = False
        self._unwritten = ""  # why the log could not be written

    def run(self) -> int:
        """Everything from reading the request to the answer. Raises Failure."""
        self._trust()
        self._caller = caller()
        self._raw = read_request(0)
        try:
            self._verb, self._args = parse(self._raw.removesuffix(b"\n"))
        except Refused as refusal:
            raise Failure("refused", str(refusal)) from None
        verb, args = self._verb, self._args
        needed = role_needed(verb, args)
        if not allows(self._caller.role, needed):
            raise Failure("role", self._denial(verb, needed))
        if verb.stream:
            return self._stream(verb, args)
        acts = verb.acts and not verb.is_dry(args)
        answer = self._act(verb, args) if acts else self._read(verb, args)
        kept = self._note("done" if acts else "call", {"code": 0}, durable=acts)
        self._answer({"ok": True, "verb": verb.name, **answer, **({} if kept else {"audited": False})})
        return 0

    def _trust(self) -> None:
        """Refuse to run as anything but root, or from a file that others could have changed."""
        if os.geteuid() != places.OWNER_UID:
            raise Failure("unavailable", "The helper must run as root, through sudo; try `privhelper help`.")
        from .trust import problem

        broken = problem(self.file, places.OWNER_UID)
        if broken:
            raise Failure("unavailable", f"The helper does not trust its own file: {broken}.")
        self._trusted = True

    def _denial(self, verb: Verb, needed: str) -> str:
        held = f"has only {self._caller.role}" if self._caller.role else "is in none of the dplane groups"
        return f"{verb.name} needs the role {needed} (group dplane-{needed}); {self._caller.user} {held}."

    def _read(self, verb: Verb, args: Args) -> dict[str, object]:
        if verb.argv[0] != OURS:
            return self._execute(verb, args)
        from .ownacts import look

        return look(verb, args, self._caller)

    def _act(self, verb: Verb, args: Args) -> dict[str, object]:
        """Do a verb that changes something: the intent is on the disk before anything happens."""
        self._intend(durable=True)
        lock = one_at_a_time() if verb.destroys else -1
        if verb.argv[0] == OURS:
            if verb.before:
                from . import checks, programs

                programs.prepare()
                checks.look(verb, args)
            from .ownacts import act

            return act(verb.name, args, self._caller)
        answer = self._execute(verb, args)
        if verb.after:
            from .readback import evidence

            answer.update(evidence(verb.after, args))
        if lock >= 0:
            os.close(lock)
        return answer

    def _execute(self, verb: Verb, args: Args) -> dict[str, object]:
        from . import checks, programs

        programs.prepare()
        found = checks.look(verb, args, self._caller.role)
        command = argv(verb, args)
        also = args.get("also")
        if verb.name in ("hold-add", "hold-release") and isinstance(also, dict):
            output = programs.run_spread(command, len(also) + 1, verb.limit)
        elif command[0].startswith(f"{places.CURRENT}/"):  # a program of ours never runs as root
            from .account import run_as_dplane

            output = run_as_dplane(self.file, command, verb.limit)
        else:
            output = programs.run(command, verb.limit, _secret(verb, args))
        if verb.name == "smart-read":  # smartctl's status is a set of bits about the disk, not a failure
            return {"stdout": output.text, "status": output.status}
        if verb.name.startswith("notify-") and output.text.startswith("{"):  # an answer, also one that is bad news
            return {"stdout": output.text, "status": output.status}
        if verb.name == "pool-rewind-preview":  # which ends badly even when it tells what it would do
            from .devices import previewed

            return previewed(args, output)
        if output.status != 0 and not (
            verb.name == "pool-scan" and b"no pools available" in output.stderr + output.stdout
        ):
            raise programs.failure(command, output)
        warned = output.stderr.decode("utf-8", "replace").strip()
        return {"stdout": output.text, **({"stderr": warned} if warned else {}), **found}

    def _stream(self, verb: Verb, args: Args) -> int:
        """Check, write down, become the program; what is received goes through our hands, see receiving.py."""
        from . import checks, programs

        if verb.stream != "out" and not self._raw.endswith(b"\n"):
            raise Failure("refused", f"{verb.name}: the request must end with a line end, the stream comes behind it.")
        programs.prepare()
        if verb.name == "several":
            from . import several

            return several.serve(self, args)
        checks.look(verb, args)
        if verb.stream == "in":
            return self._receive(verb, args)
        command = argv(verb, args)
        self._intend(durable=verb.acts)
        if command[0] == OURS:
            self._note("done", {"code": 0, **_own_stream(verb.name, args)}, durable=verb.acts)
            return 0
        if verb.name == "pair":
            from .account import become_dplane

            become_dplane(self.file, command)
        programs.become(command, programs.ENVIRONMENT, empty_input=verb.stream == "out")
        return 0

    def _receive(self, verb: Verb, args: Args) -> int:
        """Look at what comes before the program sees it, and write down how it ended."""
        from . import checks
        from .receiving import Inflow, Receiving, end_well

        end_well()
        inflow = Inflow(0)
        receiving = Receiving(inflow, str(args["dataset"]), str(args["kind"]), args.get("first") is True)
        receiving.begin()
        checks.look(verb, args)  # again: the stream may have kept us waiting
        self._intend(durable=True)
        receiving.run(argv(verb, args))
        counted: dict[str, object] = {"code": 0, "snapshots": receiving.snapshots, "bytes": inflow.count}
        kept = self._note("done", counted, durable=True)
        for warning in (*receiving.said, *([] if kept else ["It was received, but the audit log cannot be written."])):
            self._say(warning)
        return 0

    @property
    def args(self) -> Args:
        """The arguments of the request, which are checked."""
        return self._args

    def part(self, raw: bytes, verb: str) -> Session:
        """One of the requests of `several`, parsed and allowed. Raises Failure."""
        own = Session()
        own.file, own._log, own._caller, own._trusted, own._raw = self.file, self._log, self._caller, True, raw
        try:
            own._verb, own._args = parse(raw.removesuffix(b"\n"))
        except Refused as refusal:
            raise Failure("refused", str(refusal)) from None
        if own._verb.name != verb:
            raise Failure("refused", f"several: one of the requests is not of the verb {verb}.")
        needed = role_needed(own._verb, own._args)
        if not allows(self._caller.role, needed):
            raise Failure("role", own._denial(own._verb, needed))
        return own

    def send_one(self, seen: Seen) -> dict[str, object]:
        """Send, as one of several: the program's stream goes to our standard output. Raises Failure."""
        from . import programs

        assert self._verb is not None
        seen.check(self._args)
        self._intend(durable=False)
        command = argv(self._verb, self._args)
        output = programs.pass_on(command)
        if output.status != 0:
            raise programs.failure(command, output)
        return {}

    def receive_one(self, inflow: Inflow, places_: Places, *, last: bool) -> dict[str, object]:
        """Receive the next stream of `inflow`, as one of several; what it was. Raises Failure."""
        from time import monotonic

        from .receiving import Receiving

        assert self._verb is not None
        name, first = str(self._args["dataset"]), self._args.get("first") is True
        before, at = inflow.passed(), monotonic()
        receiving = Receiving(inflow, name, str(self._args["kind"]), first)
        receiving.begin()
        places_.check(self._args)
        self._intend(durable=True)
        receiving.run(argv(self._verb, self._args))
        counted: dict[str, object] = {"snapshots": receiving.snapshots, "bytes": inflow.passed() - before}
        # The next one's intent is flushed, and with it this line.
        self._note("done", {"code": 0, **counted}, durable=last)
        for warning in receiving.said:
            self._say(warning)
        return {"dataset": name, "seconds": round(monotonic() - at, 3), **counted}

    def note_failure(self, failure: Failure) -> None:
        """Write down how one of several ended, when it had begun."""
        if self._intent:
            self._note("done", {"code": CODES[failure.code], "message": str(failure)}, durable=True)

    def _intend(self, *, durable: bool) -> None:
        if not self._note("intent", {}, durable=durable):
            raise Failure("unavailable", f"The audit log cannot be written ({self._unwritten}), so nothing was done.")

    def _note(self, phase: str, result: dict[str, object], *, durable: bool) -> bool:
        """Write one line to the audit log, and its hash to syslog where it matters; false when it cannot be written."""
        fields: dict[str, object] = {
            "phase": phase,
            "uid": self._caller.uid,
            "user": self._caller.user,
            "role": self._caller.role,
        }
        if self._verb is not None:
            fields["verb"] = self._verb.name
            noted = self._args
            if self._verb.name == "sign-in":
                from .signin import noted_args

                noted = noted_args(noted)
            shown = dumps(noted)
            fields["args"] = noted if len(shown) <= MAX_AUDITED else {"cut": shown[:MAX_AUDITED]}
        elif any(name in self._raw for name in _WITH_SECRETS):  # a secret in the wrong place is not written down
            fields["request"] = "one that comes with a secret, not in its grammar"
        else:
            fields["request"] = self._raw[:512].decode("utf-8", "replace")
        if self._intent:
            fields["intent"] = self._intent
        try:
            number, digest = self._log.append({**fields, **result}, durable=durable)
        except AuditError as error:
            self._unwritten = str(error)
            return False
        if phase == "intent":
            self._intent = number
        if phase != "call":
            to_syslog(f"{number} {digest} {phase} {fields.get('verb', 'refused')} by {self._caller.user}")
        return True

    def fail(self, failure: Failure) -> int:
        """Write down and answer a failure; returns its exit code."""
        code = CODES[failure.code]
        if self._trusted:
            self._note("done" if self._intent else "refused", {"code": code, "message": str(failure)}, durable=True)
        if self._verb is None or self._verb.stream:
            self._say(str(failure))
        if self._verb is None or not self._verb.stream:
            self._answer({"ok": False, "error": {"code": failure.code, "message": str(failure)}})
        return code

    @staticmethod
    def _say(sentence: str) -> None:
        try:  # noqa: SIM105 (contextlib is slow to import)
            os.write(2, f"{sentence}\n".encode("utf-8", "replace"))
        except OSError:
            pass  # nobody listens; the log has it

    @staticmethod
    def _answer(answer: dict[str, object]) -> None:
        left = memoryview((dumps(answer) + "\n").encode("ascii"))
        try:
            while left:
                left = left[os.write(1, left) :]
        except BrokenPipeError:
            pass  # nobody listens any more; the log has it


def steady() -> None:
    """Nothing that a caller set up beforehand stops us half-way or hides from us how a program ended."""
    from _signal import (  # type: ignore[import-not-found]  # the module signal is slow to import
        SIG_DFL,
        SIG_IGN,
        SIG_SETMASK,
        SIGCHLD,
        SIGTSTP,
        SIGTTIN,
        SIGTTOU,
        pthread_sigmask,
        signal,
    )

    pthread_sigmask(SIG_SETMASK, ())
    signal(SIGCHLD, SIG_DFL)
    for number in (SIGTSTP, SIGTTIN, SIGTTOU):  # Ctrl-Z would stop the helper with its locks held
        signal(number, SIG_IGN)


def _own_stream(name: str, args: Args) -> dict[str, object]:
    """What the helper tells line by line itself; returns what the audit log keeps of it."""
    if name.startswith("files-"):
        from .files import serve

        return serve(name, args, own=False)
    from .content import tell

    return tell(args)


def _secret(verb: Verb, args: Args) -> bytes:
    """What goes to the program's standard input: a passphrase where the verb takes one."""
    if not verb.wants_secret(args):
        return b""
    from .secret import read_secret

    return read_secret(0)


def own_file() -> str:
    """The file this helper is, without links. Raises Failure in a checkout, which must never act as root."""
    if not places.INSTALLED:
        raise Failure(
            "unavailable", "This is a checkout, not the installed helper: only help, check, docs and build work."
        )
    return os.path.realpath(str(sys.modules["__main__"].__file__))


def read_request(source: int) -> bytes:
    """The first line of `source` with its line end, or all of it; byte by byte, because a stream may follow."""
    from select import POLLIN, poll
    from time import monotonic

    waiting = poll()
    waiting.register(source, POLLIN)
    deadline = monotonic() + READ_LIMIT
    line = bytearray()
    while len(line) <= MAX_REQUEST + 1:
        if not waiting.poll(max(0.0, deadline - monotonic()) * 1000):
            raise Failure("timeout", f"The request did not come within {READ_LIMIT:.0f} s.")
        byte = os.read(source, 1)
        line += byte
        if not byte or byte == b"\n":
            break
    return bytes(line)


def one_at_a_time(name: str = "lock", what: str = "Another destructive act is still running") -> int:
    """Wait a while for others of the same lock to end; it lasts as long as the descriptor. Raises Failure."""
    from .alone import Held, alone

    place = os.open(places.AUDIT_DIR, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        return alone(place, name, places.AUDIT_DIR, WAIT_LIMIT)
    except Held as held:
        raise Failure("failed", f"{what} ({held}); try again when it has ended.") from None
    finally:
        os.close(place)


def to_syslog(words: str) -> None:
    """Tell syslog, if it listens: whoever rewrites the log would have to rewrite the journal as well."""
    try:
        from _socket import AF_UNIX, SOCK_DGRAM, socket

        link = socket(AF_UNIX, SOCK_DGRAM)
        link.setblocking(False)
        link.connect(places.SYSLOG)
        link.send(f"<85>dplane-privhelper: audit {words}".encode("ascii", "replace"))  # authpriv.notice
        link.close()
    except (ImportError, OSError):
        pass
