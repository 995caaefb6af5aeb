"""Two model boxes and a real SSH server between them; runs are real processes."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import asyncssh

from dplane_tui.services.replication import keys, records
from dplane_tui.services.replication.model import Peer, Run, Task
from dplane_tui.services.store import open_store

from . import zfs_model
from .zfs_model import new_dataset, new_guid, read_state, state_of

HERE = Path(__file__).parent
MB = 1024 * 1024
_SAVED = ("near/state", "far/state", "state/store/dplane.db")


class Server(asyncssh.SSHServer):
    """Knows one key, or those that the far box's files name; counts logins."""

    def __init__(self, world: World) -> None:
        self._world = world

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._world.connections.append(conn)
        if self._world.deaf:
            self._world.deaf -= 1
            conn.abort()

    def begin_auth(self, _username: str) -> bool:
        return True

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, _username: str, key: asyncssh.SSHKey) -> bool:
        return self._world.accepts and self._world.knows(key)


async def _copy(source: Any, sink: Any) -> None:
    """Everything from `source` to `sink`; whichever goes away ends it."""
    with contextlib.suppress(OSError, asyncssh.Error):
        while chunk := await source.read(65536):
            sink.write(chunk)
            await sink.drain()
    with contextlib.suppress(OSError, asyncssh.Error):
        if isinstance(sink, asyncio.StreamWriter):
            sink.close()


class World:
    """`async with World(path)`: near box `tank`, far box `vault`, a paired peer and a task `photos`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.connections: list[asyncssh.SSHServerConnection] = []
        self.commands: list[str] = []
        self.children: list[asyncio.subprocess.Process] = []
        self.accepts = True
        self.deaf = 0  # so many connections are dropped before anything is said
        self.plain = False
        self.root: str | None = None
        self.rights: list[str] = []
        self.may_prune = False
        self.task = "photos"
        self.called = "near-box"  # the near box at the far one
        self.lies: dict[str, bytes] = {}
        self.client_key = asyncssh.generate_private_key("ssh-ed25519").convert_to_public()
        self.host_key = asyncssh.generate_private_key("ssh-ed25519")

    async def __aenter__(self) -> World:
        for name in ("near", "far", "near-bin", "far-bin", "far-state", "far-home", "state", "run"):
            (self.path / name).mkdir()
        zpool = self.path / "far-bin" / "zpool"  # the model writes at once, so there is nothing to sync
        zpool.write_text('#!/bin/sh\n[ "$1" = sync ]\n')
        zpool.chmod(0o755)
        for side in ("near", "far"):
            zfs_model.script(self.path / f"{side}-bin", self.path / side)
        (self.path / "far-state" / "zfs-version").write_text("2.3.9-model\n")
        for side, pool in (("near", "tank"), ("far", "vault")):
            with state_of(self.path / side) as state:
                state["pools"][pool] = 1000 * MB
                state["datasets"][pool] = new_dataset()
        self.write("tank/photos", 300_000)
        self._server = await asyncssh.create_server(
            lambda: Server(self), "127.0.0.1", 0, server_host_keys=[self.host_key],
            process_factory=self._serve, encoding=None, allow_scp=False,
            sftp_factory=lambda channel: asyncssh.SFTPServer(channel, chroot=str(self.path / "far-home").encode()),
        )  # fmt: skip
        self.port = int(self._server.get_port())
        await self._pair()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.cut()
        for child in self.children:  # a far sender whose reader is gone waits on a pipe that only sshd would close
            child._transport.close()  # type: ignore[attr-defined]
        self._server.close()
        await self._server.wait_closed()

    async def _pair(self) -> None:
        files = keys.files_of(self.path / "state" / "ssh", "vault-box")
        client = asyncssh.generate_private_key("ssh-ed25519")
        self.client_key = client.convert_to_public()
        keys.write_private(files.key, client.export_private_key("openssh"))
        host_key = " ".join(self.host_key.export_public_key().decode().split()[:2])
        keys.pin(files, host_key)
        peer = Peer(
            "vault-box",
            "dplane",
            "127.0.0.1",
            self.port,
            host_key,
            keys.fingerprint(host_key),
            "",
            True,
            None,
            time.time(),
        )
        async with open_store(self.database, write=True) as store:
            await records.put_peer(store, peer)
            await records.add_task(
                store, Task("photos", "tank/photos", "vault-box", "vault/backup/photos", recursive=True)
            )

    @property
    def database(self) -> Path:
        return self.path / "state" / "store" / "dplane.db"

    async def _serve(self, process: asyncssh.SSHServerProcess[bytes]) -> None:
        """What sshd does with a forced command: run it, whatever was asked, with what was asked in a variable."""
        self.commands.append(process.command or "")
        lie = next((answer for part, answer in self.lies.items() if part in (process.command or "")), None)
        if lie is not None:
            process.stdout.write(lie)
            while await process.stdin.read(65536):
                pass
            process.exit(0)
            return
        # Without a forced command sshd gives the text to the account's shell.
        argv = ["sh", "-c", process.command or ""] if self.plain else self._agent()
        pipe = asyncio.subprocess.PIPE
        environment = {**self.environment, "SSH_ORIGINAL_COMMAND": process.command or ""}
        child = await asyncio.create_subprocess_exec(*argv, stdin=pipe, stdout=pipe, stderr=pipe, env=environment)
        self.children.append(child)
        assert child.stdin
        assert child.stdout
        assert child.stderr
        feeding = asyncio.create_task(_copy(process.stdin, child.stdin))
        await asyncio.gather(_copy(child.stdout, process.stdout), _copy(child.stderr, process.stderr))
        status = await child.wait()
        feeding.cancel()
        process.exit(status)

    def _agent(self) -> list[str]:
        root = [self.root] if self.root else []
        given = [*self.rights, *(["--may-prune", "yes"] if self.may_prune else [])]
        return [sys.executable, "-S", str(HERE / "far_agent.py"), str(self.path), self.called, *root, *given]

    @property
    def authorized(self) -> Path:
        """The file that says whose keys the far box lets in, of the product or of the account."""
        return self.path / ("far-home/.ssh" if self.plain else "far/ssh-accept") / "authorized_keys"

    def knows(self, key: asyncssh.SSHKey) -> bool:
        """Whether the far box lets that key in."""
        if not self.authorized.exists():
            return key == self.client_key
        words = key.export_public_key().decode().split()[1]
        return any(f" {words} " in line for line in self.authorized.read_text().splitlines())

    async def add(self, task: Task, **peer: Any) -> None:
        """Another task, which is the one that runs from now on; and what is changed of the peer."""
        async with open_store(self.database, write=True) as store:
            await records.put_peer(store, replace(await records.peer(store, "vault-box"), **peer))
            await records.add_task(store, task)
        self.task = task.name

    async def make_plain(self) -> None:
        """The far box has no product: the key is a login of an account there."""
        self.plain = True
        async with open_store(self.database, write=True) as store:
            await records.put_peer(store, replace(await records.peer(store, "vault-box"), product=False, user="backup"))

    def cut(self) -> None:
        """Break every connection there is, as a cable does that is noticed."""
        for connection in self.connections:
            connection.abort()
        self.connections.clear()

    def write(self, dataset: str, count: int) -> None:
        """Write `count` bytes into a dataset of the near box; it is made when it is not there."""
        with state_of(self.path / "near") as state:
            state["datasets"].setdefault(dataset, new_dataset())["written"] += count

    def edit(self, side: str) -> Any:
        """The state of a side, to be changed in a `with` block."""
        return state_of(self.path / side)

    def datasets(self, side: str) -> dict[str, Any]:
        """What a side has, to look at."""
        found: dict[str, Any] = read_state(self.path / side)["datasets"]
        return found

    def points(self, side: str, dataset: str) -> list[tuple[str, str]]:
        """Names and GUIDs of a dataset's snapshots."""
        found = self.datasets(side).get(dataset)
        return [(snap["name"], snap["guid"]) for snap in found["snaps"]] if found else []

    def foreign_snapshot(self, side: str, dataset: str, name: str) -> None:
        """A snapshot that somebody else takes."""
        with state_of(self.path / side) as state:
            state["txg"] += 1
            taken = state["datasets"][dataset]
            snap = {"name": name, "guid": new_guid(), "txg": state["txg"], "size": taken["written"], "created": 1.0}
            taken["snaps"].append(snap)
            taken["written"] = 0

    def save(self) -> dict[str, bytes]:
        """Both boxes and the store as they are."""
        return {name: (self.path / name).read_bytes() for name in _SAVED}

    def restore(self, saved: dict[str, bytes]) -> None:
        """Both boxes and the store as they were."""
        (self.path / "kill_at").unlink(missing_ok=True)
        for side_file in self.database.parent.glob("dplane.db-*"):
            side_file.unlink()
        for name, content in saved.items():
            (self.path / name).write_bytes(content)

    @property
    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "DPLANE_STATE_DIR": str(self.path / "state"),
            "DPLANE_RUN_DIR": str(self.path / "run"),
            "PYTHONPATH": str(HERE.parents[2]),
            "PATH": f"{self.path}/near-bin:{os.environ['PATH']}",
        }

    async def start(
        self, mode: str = "run", rate: int = 0, request: str = "", task: str = ""
    ) -> tuple[str, asyncio.subprocess.Process]:
        """Queue a run of the task and start its job."""
        async with open_store(self.database, write=True) as store:
            run = await records.new_run(store, task or self.task, mode, request)
        argv: Sequence[str] = [sys.executable, str(HERE / "near_job.py"), str(self.path), run.id]
        (self.path / "rate").write_text(str(rate))  # bytes a second of whichever box sends; 0 is as fast as it can
        return run.id, await asyncio.create_subprocess_exec(
            *argv, env=self.environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )

    async def until_sent(self, run_id: str, process: asyncio.subprocess.Process, count: int = MB) -> None:
        """Wait until the run tells of more than so many bytes."""
        told = self.path / "run" / "jobs" / f"{run_id}.json"
        while not (told.exists() and json.loads(told.read_text()).get("bytes_done", 0) > count):
            assert process.returncode is None, await process.communicate()
            await asyncio.sleep(0.05)

    async def run(self, mode: str = "run", request: str = "", task: str = "") -> Run:
        """Run the task to its end, and return what the store has about it."""
        run_id, process = await self.start(mode, request=request, task=task)
        _, said = await process.communicate()
        assert process.returncode == 0 or process.returncode == -9, said.decode()
        return await self.stored(run_id)

    async def stored(self, run_id: str) -> Run:
        """The run as the store has it."""
        async with open_store(self.database) as store:
            return await records.run(store, run_id)
