"""The privileged helper over the model: the real grammar, rules and argv; only programs and rights are not real.

Run as `helper.py STATE_DIR`; one request on standard input, as the real one.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

sys.path.insert(0, str(Path(__file__).parents[3]))

from privhelper import bookmarks, checks, content, peers, programs, readback
from privhelper.failure import Failure
from privhelper.places import ZFS, ZPOOL
from privhelper.request import Refused, argv, parse
from privhelper.shape import Verb
from privhelper.verbs import OURS
from tests.unit.replication_world import zfs_model


def fail(code: str, message: str, stream: bool) -> NoReturn:
    if stream:
        sys.stderr.write(f"{message}\n")
    else:
        print(json.dumps({"ok": False, "error": {"code": code, "message": message}}))
    sys.exit({"failed": 1, "refused": 2, "changed": 4}[code])


def tell(folder: Path, args: dict[str, object]) -> None:
    """What the real verb does, of a plain folder instead of a snapshot that is mounted."""
    place = folder / "content" / str(args["snapshot"]).replace("/", "_")
    if (place.parent / "unreadable").exists():
        fail("failed", "It cannot be opened for reading: \x1b[31mInput/output error.", True)
    place.mkdir(parents=True, exist_ok=True)
    teller = content.Teller(1)
    teller.begin(begin="filesystem", guid=args["guid"])
    percent = args.get("percent", 100)
    assert isinstance(percent, int)
    content.files(os.open(place, os.O_RDONLY), teller, content.sampled(str(args.get("seed", "")), percent))
    if (place.parent / "breaks-off").exists():
        os.kill(os.getpid(), 9)
    teller.end()


def several(model: list[str], of: str, size: int) -> None:
    """The requests behind `several`, one after the other, as the real helper; streams are the model's own."""
    body = b""
    while len(body) < size:
        body += os.read(0, size - len(body)) or sys.exit("the requests ended early")
    parsed = [parse(line) for line in body.splitlines()]
    assert all(verb.name == of for verb, _ in parsed)
    for verb, args in parsed:
        done = subprocess.run([*model, *argv(verb, args)[1:]], stdout=subprocess.PIPE if of == "receive" else None)
        if done.returncode != 0:
            sys.exit(1)
        if of == "receive":
            print(json.dumps({"dataset": args["dataset"], "seconds": 0.1, "bytes": int(done.stdout)}), flush=True)


def on_model(model: list[str]) -> None:
    """Let the real helper's own acts find the model where they look for `zfs`."""

    def run(words: list[str], _limit: int, given: bytes = b"") -> programs.Output:
        done = subprocess.run([*model, *words[1:]], input=given, capture_output=True, check=False)
        return programs.Output(done.returncode, done.stdout, done.stderr)

    setattr(bookmarks, "run", run)  # noqa: B010
    setattr(bookmarks, "run_together", lambda commands, limit: [(words, run(words, limit)) for words in commands])  # noqa: B010


def check_prune(model: list[str], verb: Verb, args: dict[str, object]) -> None:
    """The real checks, over what the model lists."""

    def asked(words: list[str]) -> str:
        return subprocess.run([*model, *words[1:]], capture_output=True, text=True, check=True).stdout

    setattr(checks, "ask", asked)  # noqa: B010
    try:
        checks.BEFORE["prune"](verb, args)
    except Failure as failure:
        fail(failure.code, str(failure), False)


def main() -> None:
    folder = sys.argv[1]
    model = [*zfs_model.command(), folder]
    line = b""
    while not line.endswith(b"\n"):  # byte by byte: what follows belongs to the program
        line += os.read(0, 1) or b"\n"
    try:
        verb, args = parse(line.removesuffix(b"\n"))
    except Refused as refusal:
        fail("refused", str(refusal), False)
    if verb.guard and "guid" in args:
        name = str(args[verb.guard])
        now = subprocess.run([*model, "get", "-H", "-p", "-o", "value", "guid", name], capture_output=True, text=True)
        if now.stdout.strip() != args["guid"]:
            fail("changed", f"{name} is not what you saw.", bool(verb.stream))
    if verb.name == "content":
        tell(Path(folder), args)
        return
    if "prune" in verb.before:
        check_prune(model, verb, args)
    words = argv(verb, args)
    if verb.name == "several":
        several(model, str(args["of"]), int(str(args["bytes"])))
        return
    if verb.name.startswith("bookmarks-"):
        on_model(model)
        try:
            if verb.name == "bookmarks-destroy":
                bookmarks.compare(args["bookmarks"])  # type: ignore[arg-type]
            print(json.dumps({"ok": True, "verb": verb.name, **bookmarks.change(verb.name, args)}))
        except Failure as failure:
            fail(failure.code, str(failure), False)
        return
    if words[:2] == [ZPOOL, "sync"]:  # the model writes at once
        print(json.dumps({"ok": True, "verb": verb.name, "stdout": ""}))
        return
    if words[0] == OURS:
        vars(peers).update(STATE_DIR=folder, OWNER_UID=os.getuid())
        try:
            print(json.dumps({"ok": True, "verb": verb.name, **peers.change(verb.name, args)}))
        except Failure as failure:
            fail(failure.code, str(failure), False)
        return
    assert words[0] == ZFS, words
    command = [*model, *words[1:]]
    if verb.stream:
        os.execv(command[0], command)  # noqa: S606
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        fail("failed", f"zfs {words[1]} failed: {done.stderr.strip()}", False)  # as `programs.failure` words it
    found = readback.AFTER["pruned"](args) if verb.after == "pruned" else {}
    print(json.dumps({"ok": True, "verb": verb.name, "stdout": done.stdout, **found}))


if __name__ == "__main__":
    main()
