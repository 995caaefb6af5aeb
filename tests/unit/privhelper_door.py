"""The installed form of the helper, run as a process the way sudo runs it.

ZFS is not on every machine that runs these tests, so `zfs` and `zpool` are a stand-in that notes how it was started
and answers as it is told; the real programs get the same requests on the practice pair (tests/lab/test_door.py).
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from privhelper.audit import files, verify
from privhelper.build import build

PYTHON = "/usr/bin/python3"
GUID = "1234567890123456789"
STAND_IN = """#!/usr/bin/python3 -IS
import json, os, sys
here = os.path.dirname(os.path.abspath(__file__))
umask = os.umask(0)


def take():
    # Reads one stream from its first record to its last and no byte more, as the kernel does, and notes what came.
    import hashlib

    def read(size):
        while size:
            piece = os.read(0, min(size, 1 << 20))
            if not piece:
                sys.exit("cannot receive: failed to read from stream")
            sum.update(piece)
            size -= len(piece)

    sum = hashlib.sha256()
    head = b""
    while len(head) < 312:
        head += os.read(0, 312 - len(head)) or sys.exit("cannot receive: failed to read from stream")
    sum.update(head)
    read(int.from_bytes(head[40:48], "little"))  # in these tests the GUID is the length of what follows
    read(312)
    with open(here + "/received", "a") as out:
        out.write(json.dumps({"argv": sys.argv, "sha256": sum.hexdigest()}) + "\\n")


with open(here + "/started", "a") as out:
    out.write(json.dumps({
        "argv": sys.argv, "env": dict(os.environ), "cwd": os.getcwd(), "umask": umask,
        "fds": sorted(int(fd) for fd in os.listdir("/proc/self/fd") if os.path.exists("/proc/self/fd/" + fd)),
        "stdin": os.readlink("/proc/self/fd/0"),
        "blocked": int(next(at for at in open("/proc/self/status") if at.startswith("SigBlk")).split()[1], 16),
    }) + "\\n")
line = " ".join(sys.argv[1:])
rows = json.load(open(here + "/answers"))
for row in rows:
    start, status, out, err = row
    if line.startswith(start):
        if out.startswith("ONCE "):
            with open(here + "/answers", "w") as kept:
                json.dump([one for one in rows if one is not row], kept)
            out = out[5:]
        if out == "SLEEP":
            import time
            time.sleep(60)
        if out == "SECRET":
            with open(here + "/secret", "ab") as kept:
                kept.write(sys.stdin.buffer.read())
            out = ""
        if out in ("TAKE", "WAIT"):
            while out == "WAIT" and not os.path.exists(here + "/go"):
                pass
            take()
            out = ""
        sys.stdout.write(out)
        sys.stderr.write(err)
        sys.exit(status)
sys.exit(0)
"""


class Door:
    """A helper of our own under a directory of the test, and everything it touches."""

    def __init__(self, root: Path, **places: object) -> None:
        self.root = root
        self.file = root / "privhelper"
        self.log = root / "log"
        self.log.mkdir(mode=0o750)
        (root / "disks").mkdir()
        (root / "state").mkdir()
        for name in ("zfs", "zpool"):
            (root / name).write_text(STAND_IN)
            (root / name).chmod(0o755)
        self.answers()
        here = {name.upper(): str(root / name) for name in ("zfs", "zpool")}
        where = {"AUDIT_DIR": str(self.log), "STATE_DIR": str(root / "state"), "DISKS": str(root / "disks")}
        self.digest = build(str(self.file), {**here, **where, "OWNER_UID": os.getuid(), **places})

    def answers(self, *answers: tuple[str, int, str, str]) -> None:
        """What the stand-in says to command lines that start so; the first that fits counts, `ONCE …` only once."""
        (self.root / "answers").write_text(json.dumps(answers))

    def run(self, request: object, **more: Any) -> subprocess.CompletedProcess[bytes]:
        raw = request if isinstance(request, bytes) else json.dumps(request).encode() + b"\n"
        return subprocess.run([str(self.file)], input=raw, capture_output=True, check=False, timeout=60, **more)

    def ask(self, verb: str, **args: object) -> tuple[int, dict[str, Any]]:
        done = self.run({"verb": verb, **args})
        return done.returncode, json.loads(done.stdout)

    def started(self) -> list[dict[str, Any]]:
        file = self.root / "started"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []

    def received(self) -> list[dict[str, Any]]:
        """What the stand-in took in, stream by stream."""
        file = self.root / "received"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []

    def left_over(self) -> list[int]:
        """The processes of this door that are still there."""
        found = []
        for status in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                words = status.read_bytes().split(b"\0")
            except OSError:
                continue
            if any(word.startswith(bytes(self.root) + b"/") for word in words):
                found.append(int(status.parent.name))
        return found

    def audit(self) -> list[dict[str, Any]]:
        """The audit log's lines; the chain must be whole."""
        lines = [line for file in files(str(self.log)) for line in Path(file).read_bytes().splitlines()]
        assert verify(lines).problem == ""
        return [json.loads(line) for line in lines]
