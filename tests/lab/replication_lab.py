"""What the replication tests on the practice pair share: two boxes with pools, paired, and runs to follow."""

from __future__ import annotations

import json
import time
from typing import Any

PASSWORD = "practice"
WAIT = 900.0  # seconds; only to end a test that hangs, never a measure


class Boxes:
    """nas-a with the pool `tank`, nas-b with `vault`, and the product's command on nas-a."""

    def __init__(self, pair: Any) -> None:
        self.pair = pair
        self.a = pair.nas_a
        self.b = pair.nas_b

    def make_pools(self) -> None:
        """Two mirrors."""
        self.a.ssh("zpool", "create", "-f", "tank", "mirror", self.a.disk(1), self.a.disk(2))
        self.b.ssh("zpool", "create", "-f", "vault", "mirror", self.b.disk(1), self.b.disk(2))

    def dplane(self, *words: str, user: str = "owner", status: int | None = 0, input: str | None = None) -> Any:
        """`dplane … --json` on nas-a; returns `data` (a run that failed has some, too), else `error`."""
        done = self.a.ssh("dplane", *words, "--json", user=user, check=False, input=input)
        assert status is None or done.returncode == status, (words, done.returncode, done.stdout, done.stderr)
        answer = json.loads(done.stdout)
        assert answer["ok"] is (done.returncode == 0), (words, done.returncode, answer)
        return answer["data"] if "data" in answer else answer["error"]

    def pair_up(self, name: str = "nas-b", *more: str, password: str = PASSWORD, status: int = 0) -> Any:
        """Pair with nas-b as a script does: the fingerprint is known, the password comes on standard input."""
        shown = self.b.ssh("ssh-keygen", "-lf", "/etc/ssh/ssh_host_ed25519_key.pub").stdout.split()[1]
        words = ("peer", "add", name, f"owner@{self.b.address}", "--password-stdin", "--fingerprint", shown, *more)
        return self.dplane(*words, input=f"{password}\n", status=status)

    def dataset(self, name: str, megabytes: int) -> None:
        """A dataset on nas-a with a file of random bytes and some small ones."""
        self.a.ssh("zfs", "create", f"tank/{name}")
        self.fill(name, "first", megabytes)

    def fill(self, name: str, file: str, megabytes: int) -> None:
        """One more file of random bytes."""
        target = f"/tank/{name}/{file}"
        self.a.ssh("dd", "if=/dev/urandom", f"of={target}", "bs=1M", f"count={megabytes}", "status=none")

    def task(self, name: str, target: str = "", *more: str) -> None:
        """A task for the dataset of the same name."""
        self.dplane(
            "replicate", "add", name, "--source", f"tank/{name}", "--to", target or f"nas-b:vault/backup/{name}", *more
        )

    def limit(self, name: str, rate: str) -> None:
        """How fast the task may go, at once. A slow one has a middle on any machine."""
        self.dplane("replicate", "limit", name, rate)

    def start(self, name: str) -> str:
        """Start a run under systemd and return its id."""
        return str(self.dplane("replicate", "run", name, "--detach")["id"])

    def progress(self, run: str) -> dict[str, Any]:
        """The run's progress file."""
        text = self.a.ssh("cat", f"/run/dplane/jobs/{run}.json", check=False).stdout
        found: dict[str, Any] = json.loads(text) if text else {}
        return found

    def until_bytes(self, run: str, megabytes: float) -> None:
        """Wait until that much of the stream has gone."""
        deadline = time.monotonic() + WAIT
        while self.progress(run).get("bytes_done", 0) < megabytes * 1024 * 1024:
            assert self.progress(run).get("state") in {"queued", "running"}, self.progress(run)
            assert time.monotonic() < deadline
            time.sleep(0.3)

    def until_stage(self, run: str, stage: str) -> None:
        """Wait until the run is there."""
        deadline = time.monotonic() + WAIT
        while not str(self.progress(run).get("stage", "")).startswith(stage):
            assert self.progress(run).get("state") in {"queued", "running"}, self.progress(run)
            assert time.monotonic() < deadline
            time.sleep(0.3)

    def until_ended(self, run: str) -> Any:
        """Wait for the end, and return the run as the store has it."""
        deadline = time.monotonic() + WAIT
        while self.progress(run).get("state") in {"queued", "running"}:
            assert time.monotonic() < deadline
            time.sleep(1)
        return self.dplane("replicate", "run-show", run)

    def run(self, name: str) -> Any:
        """A whole run."""
        return self.until_ended(self.start(name))

    def guid(self, box: Any, snapshot: str) -> str:
        """The GUID that a box itself tells."""
        return str(box.ssh("zfs", "get", "-Hpo", "value", "guid", snapshot).stdout).strip()

    def assert_good(self, run: Any, state: str = "succeeded", *, pulled: bool = False) -> None:
        """The run is what it claims, and both boxes say the same when they are asked behind its back.

        `pulled`: it fetched from nas-b.
        """
        here, there = (self.b, self.a) if pulled else (self.a, self.b)
        assert run["state"] == state, run["message"]
        assert run["evidence"]
        for proof in run["evidence"]:
            assert proof["source_guid"] == proof["target_guid"]
            assert self.guid(here, f"{proof['dataset']}@{proof['snapshot']}") == proof["source_guid"]
            assert self.guid(there, f"{proof['target']}@{proof['snapshot']}") == proof["target_guid"]

    def checksums(self, box: Any, snapshot: str) -> dict[str, str]:
        """SHA-256 of every file in a snapshot."""
        box.ssh("mkdir", "-p", "/mnt/look")
        box.ssh("mount", "-t", "zfs", "-o", "ro", snapshot, "/mnt/look")
        try:
            lines = box.ssh("find", "/mnt/look", "-type", "f", "-exec", "sha256sum", "{}", "+").stdout.splitlines()
        finally:
            box.ssh("umount", "/mnt/look")
        return {line[66:]: line[:64] for line in lines}

    def assert_equal(self, run: Any) -> None:
        """The files are the same on both boxes."""
        for proof in run["evidence"]:
            here = self.checksums(self.a, f"{proof['dataset']}@{proof['snapshot']}")
            there = self.checksums(self.b, f"{proof['target']}@{proof['snapshot']}")
            assert here
            assert here == there
