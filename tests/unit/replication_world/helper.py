"""The privileged helper over the model: the real grammar, rules and argv; only programs and rights are not real.

Run as `helper_command(STATE_DIR)`; one request on standard input, as the real one. Tests start it thousands of times:
it imports what the real one imports, and asks the model in a fork of itself.
"""

from __future__ import annotations

import os
import sys

from privhelper import bookmarks, checks, content, peers, programs, readback
from privhelper.failure import Failure
from privhelper.places import ZFS, ZPOOL
from privhelper.request import Refused, argv, parse
from privhelper.shape import Verb
from privhelper.strictjson import dumps
from privhelper.verbs import OURS
from tests.unit.replication_world import zfs_model

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn


def fail(code: str, message: str, stream: bool) -> NoReturn:
    if stream:
        sys.stderr.write(f"{message}\n")
    else:
        print(dumps({"ok": False, "error": {"code": code, "message": message}}))
    sys.exit({"failed": 1, "refused": 2, "changed": 4}[code])


def tell(folder: str, args: dict[str, object]) -> None:
    """What the real verb does, of a plain folder instead of a snapshot that is mounted."""
    place = f"{folder}/content/{str(args['snapshot']).replace('/', '_')}"
    if os.path.exists(f"{folder}/content/unreadable"):
        fail("failed", "It cannot be opened for reading: \x1b[31mInput/output error.", True)
    os.makedirs(place, exist_ok=True)
    teller = content.Teller(1)
    teller.begin(begin="filesystem", guid=args["guid"])
    percent = args.get("percent", 100)
    assert isinstance(percent, int)
    content.files(os.open(place, os.O_RDONLY), teller, content.sampled(str(args.get("seed", "")), percent))
    if os.path.exists(f"{folder}/content/breaks-off"):
        os.kill(os.getpid(), 9)
    teller.end()


def as_model(folder: str, words: list[str]) -> None:
    """From here on this process is the model, with these words."""
    sys.argv = ["zfs", folder, *words]
    zfs_model.main()


def ask(folder: str, words: list[str], given: bytes | None = None, listens: bool = True) -> programs.Output:
    """What the model answers to what is given, or to this process's own input; `listens` False lets its output pass."""
    out, err = os.memfd_create("out"), os.memfd_create("err")
    sys.stdout.flush()
    child = os.fork()
    if not child:
        status = 1
        try:
            if given is not None:
                source = os.memfd_create("given")
                os.write(source, given)
                os.lseek(source, 0, os.SEEK_SET)
                os.dup2(source, 0)
            if listens:
                os.dup2(out, 1)
                os.dup2(err, 2)
            as_model(folder, words)
            status = 0
        except SystemExit as ended:
            status = ended.code if isinstance(ended.code, int) else 1
        except BaseException:
            import traceback

            traceback.print_exc()
        finally:
            try:
                sys.stdout.flush()
                sys.stderr.flush()
            finally:
                os._exit(status)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    said = []
    for kept in (out, err):
        with open(kept, "rb") as file:
            file.seek(0)
            said.append(file.read())
    return programs.Output(status, *said)


def several(folder: str, of: str, size: int) -> None:
    """The requests behind `several`, one after the other, as the real helper; streams are the model's own."""
    body = b""
    while len(body) < size:
        body += os.read(0, size - len(body)) or sys.exit("the requests ended early")
    parsed = [parse(line) for line in body.splitlines()]
    assert all(verb.name == of for verb, _ in parsed)
    for verb, args in parsed:
        done = ask(folder, argv(verb, args)[1:], listens=of == "receive")
        if done.status != 0:
            sys.stderr.write(done.stderr.decode())
            sys.exit(1)
        if of == "receive":
            print(dumps({"dataset": args["dataset"], "seconds": 1, "bytes": int(done.stdout)}), flush=True)


def on_model(folder: str) -> None:
    """Let the real helper's own acts find the model where they look for `zfs`."""

    def run(words: list[str], _limit: int, given: bytes = b"") -> programs.Output:
        return ask(folder, words[1:], given)

    setattr(bookmarks, "run", run)  # noqa: B010
    setattr(bookmarks, "run_together", lambda commands, limit: [(words, run(words, limit)) for words in commands])  # noqa: B010


def check_prune(folder: str, verb: Verb, args: dict[str, object]) -> None:
    """The real checks, over what the model lists."""

    def asked(words: list[str]) -> str:
        done = ask(folder, words[1:])
        assert done.status == 0, done.stderr
        return done.stdout.decode()

    setattr(checks, "ask", asked)  # noqa: B010
    try:
        checks.BEFORE["prune"](verb, args)
    except Failure as failure:
        fail(failure.code, str(failure), False)


def main() -> None:
    folder = sys.argv[1]
    line = b""
    while not line.endswith(b"\n"):  # byte by byte: what follows belongs to the program
        line += os.read(0, 1) or b"\n"
    try:
        verb, args = parse(line.removesuffix(b"\n"))
    except Refused as refusal:
        fail("refused", str(refusal), False)
    if verb.guard and "guid" in args:
        name = str(args[verb.guard])
        now = ask(folder, ["get", "-H", "-p", "-o", "value", "guid", name])
        if now.stdout.decode().strip() != args["guid"]:
            fail("changed", f"{name} is not what you saw.", bool(verb.stream))
    if verb.name == "content":
        tell(folder, args)
        return
    if "prune" in verb.before:
        check_prune(folder, verb, args)
    words = argv(verb, args)
    if verb.name == "several":
        several(folder, str(args["of"]), int(str(args["bytes"])))
        return
    if verb.name.startswith("bookmarks-"):
        on_model(folder)
        try:
            if verb.name == "bookmarks-destroy":
                bookmarks.compare(args["bookmarks"])  # type: ignore[arg-type]
            print(dumps({"ok": True, "verb": verb.name, **bookmarks.change(verb.name, args)}))
        except Failure as failure:
            fail(failure.code, str(failure), False)
        return
    if words[:2] == [ZPOOL, "sync"]:  # the model writes at once
        print(dumps({"ok": True, "verb": verb.name, "stdout": ""}))
        return
    if words[0] == OURS:
        vars(peers).update(STATE_DIR=folder, OWNER_UID=os.getuid())
        try:
            print(dumps({"ok": True, "verb": verb.name, **peers.change(verb.name, args)}))
        except Failure as failure:
            fail(failure.code, str(failure), False)
        return
    assert words[0] == ZFS, words
    if verb.stream:
        as_model(folder, words[1:])
        return
    done = ask(folder, words[1:], b"")
    if done.status != 0:  # as `programs.failure` words it
        fail("failed", f"zfs {words[1]} failed: {done.stderr.decode().strip()}", False)
    found = readback.AFTER["pruned"](args) if verb.after == "pruned" else {}
    print(dumps({"ok": True, "verb": verb.name, "stdout": done.stdout.decode(), **found}))
