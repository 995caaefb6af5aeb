"""Pairing against a real SSH server on loopback: what goes wrong is told apart, and a failed pairing stores nothing."""

from __future__ import annotations

import asyncio
import json
import os
import stat
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import asyncssh
import pytest

from dplane_tui.errors import AuthenticationError, DPlaneError, HostKeyError, RefusedError, UnreachableError, UsageError
from dplane_tui.services.host import LocalHost
from dplane_tui.services.replication import keys
from dplane_tui.services.replication.model import PairRequest, Task
from dplane_tui.services.replication.service import LocalReplication, check_task

PASSWORD = "s3cret — ü"


class Server(asyncssh.SSHServer):
    """One account with a password."""

    def begin_auth(self, _username: str) -> bool:
        return True

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return username == "owner" and password == PASSWORD


class Box:
    """A far box without D-Plane and without ZFS: its commands run in a real shell."""

    def __init__(self) -> None:
        self.key = asyncssh.generate_private_key("ssh-ed25519")
        self.ran: list[str] = []

    async def start(self) -> None:
        self.server = await asyncssh.create_server(
            Server, "127.0.0.1", 0, server_host_keys=[self.key], process_factory=self._run, encoding=None
        )
        self.port = int(self.server.get_port())

    async def _run(self, process: asyncssh.SSHServerProcess[bytes]) -> None:
        self.ran.append(process.command or "")
        child = await asyncio.create_subprocess_exec(
            "sh", "-c", process.command or "", stdin=asyncio.subprocess.DEVNULL, stdout=-1, stderr=-1
        )
        out, said = await child.communicate()
        process.stdout.write(out)
        process.stderr.write(said)
        process.exit(child.returncode or 0)


@pytest.fixture
async def box() -> AsyncIterator[Box]:
    made = Box()
    await made.start()
    yield made
    made.server.close()
    await made.server.wait_closed()


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DPLANE_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("DPLANE_RUN_DIR", str(tmp_path / "run"))
    return tmp_path / "state"


def request(box: Box, **changes: object) -> PairRequest:
    key = " ".join(box.key.export_public_key().decode().split()[:2])
    fields: dict[str, object] = {
        "name": "nas-b", "user": "owner", "address": "127.0.0.1", "port": box.port, "password": PASSWORD,
        "host_key": key, "root": None, **changes,
    }  # fmt: skip
    return PairRequest(**fields)  # type: ignore[arg-type]  # the tests pass what belongs there


async def test_the_host_key_is_shown_before_anyone_logs_in(box: Box, state: Path) -> None:
    identity = await LocalReplication(LocalHost()).probe("127.0.0.1", box.port)
    assert identity.fingerprint == box.key.get_fingerprint()
    assert identity.key == request(box).host_key
    assert not box.ran


async def test_nobody_there_is_a_sentence(box: Box, state: Path) -> None:
    box.server.close()
    await box.server.wait_closed()
    with pytest.raises(UnreachableError, match="nothing listens there"):
        await LocalReplication(LocalHost()).probe("127.0.0.1", box.port)
    with pytest.raises(UnreachableError, match="cannot be reached"):
        await LocalReplication(LocalHost()).probe("no-such-host.invalid", 22)


async def test_a_wrong_password_is_told_and_stores_nothing(box: Box, state: Path) -> None:
    service = LocalReplication(LocalHost())
    with pytest.raises(AuthenticationError, match="did not accept the password of owner"):
        await service.pair(request(box, password="wrong"))
    assert await service.peers() == ()
    assert not box.ran


async def test_another_host_key_than_the_confirmed_one_never_sees_the_password(box: Box, state: Path) -> None:
    other = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode()
    service = LocalReplication(LocalHost())
    with pytest.raises(HostKeyError, match="another host key"):
        await service.pair(request(box, host_key=" ".join(other.split()[:2])))
    assert await service.peers() == ()


async def test_a_box_with_neither_the_product_nor_zfs_is_refused(box: Box, state: Path) -> None:
    service = LocalReplication(LocalHost())
    with pytest.raises(DPlaneError, match="neither D-Plane nor a working OpenZFS"):
        await service.pair(request(box))
    with pytest.raises(DPlaneError, match="no D-Plane"):
        await service.pair(request(box, root="tank/backup"))
    assert await service.peers() == ()


async def test_the_password_is_nowhere_afterwards(box: Box, state: Path) -> None:
    with pytest.raises(DPlaneError):
        await LocalReplication(LocalHost()).pair(request(box))
    for path in state.rglob("*"):
        if path.is_file():
            assert PASSWORD.encode() not in path.read_bytes(), path
    assert PASSWORD not in repr(request(box))
    assert not any(PASSWORD in command for command in box.ran)


async def test_our_key_is_made_once_and_only_its_owner_reads_it(state: Path) -> None:
    from dplane_tui.services.replication.worker import _own_key

    first = _own_key("nas-b")
    assert first == _own_key("nas-b")
    assert first != _own_key("nas-c")
    files = keys.files_of(state / "ssh", "nas-b")
    assert stat.S_IMODE(files.key.stat().st_mode) == 0o600
    assert stat.S_IMODE(files.key.parent.stat().st_mode) == 0o700
    assert keys.fingerprint(first) == asyncssh.read_private_key(files.key).get_fingerprint()


@pytest.mark.parametrize("name", ["../x", "-x", "a/b", "", "a b", "x" * 64, "a\nb"])
def test_a_peer_s_name_leads_nowhere_else(name: str, tmp_path: Path) -> None:
    with pytest.raises(RefusedError):
        keys.files_of(tmp_path, name)


@pytest.mark.parametrize(("user", "address", "port"), [
    ("-oProxyCommand=id", "host", 22), ("root", "-oProxyCommand=id", 22), ("root", "host name", 22),
    ("root", "host;id", 22), ("ro ot", "host", 22), ("root", "host", 0), ("root", "", 22), ("root", "host\nhost", 22),
])  # fmt: skip
def test_an_address_is_never_an_option(user: str, address: str, port: int) -> None:
    with pytest.raises(RefusedError):
        keys.check_address(user, address, port)


@pytest.mark.parametrize("key", ["", "ssh-ed25519", "ssh-ed25519 AAAA", "x y", "ssh-ed25519 AAAA\n* ssh-rsa BBBB"])
def test_a_host_key_is_one_key(key: str, tmp_path: Path) -> None:
    with pytest.raises(RefusedError):
        keys.pin(keys.files_of(tmp_path, "nas-b"), key)


async def test_the_worker_survives_hostile_lines(state: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "dplane_tui", "peer-worker", stdin=-1, stdout=-1, stderr=-1, env={**os.environ}
    )
    lines = [b"\xff\xfe", b"[]", b'{"op": "pair"}', b'{"op": "pair", "request": {"name": 7}}', b'{"op": "shell"}',
             b'{"op": "key", "name": "../../etc/passwd"}', b'{"op": "probe", "address": "-x", "port": 1}']  # fmt: skip
    out, said = await process.communicate(b"".join(line + b"\n" for line in lines))
    answers = [json.loads(line) for line in out.splitlines()]
    assert [answer["ok"] for answer in answers] == [False] * len(lines)
    assert b"Traceback" not in said


async def test_the_tool_is_not_asked_for_what_only_a_person_can_know(box: Box, state: Path) -> None:
    argv = [
        sys.executable,
        "-m",
        "dplane_tui",
        "peer",
        "add",
        "nas-b",
        f"owner@127.0.0.1:{box.port}",
        "--password-stdin",
    ]

    async def add(*more: str) -> tuple[int, str]:
        process = await asyncio.create_subprocess_exec(*argv, *more, stdin=-1, stdout=-1, stderr=-1, env={**os.environ})
        out, said = await process.communicate(b"wrong\n")
        return process.returncode or 0, (out + said).decode()

    code, said = await add()
    assert code == 2
    assert box.key.get_fingerprint() in said
    code, said = await add("--fingerprint", "SHA256:" + "A" * 43)
    assert code == 7
    assert "not go on" in said
    code, said = await add("--fingerprint", box.key.get_fingerprint(), "--json")
    assert code == 7
    assert json.loads(said)["error"]["code"] == "authentication"


def test_tasks_with_unsound_names_are_refused() -> None:
    good = Task("photos", "tank/photos", "nas-b", "vault/photos")
    assert check_task(good) == good
    for name, source, target in (
        ("-x", good.source, good.target), ("a b", good.source, good.target), ("p", "tank/../x", good.target),
        ("p", good.source, "vault"), ("p", good.source, "vault/x@y"), ("p", "tank/x\n", good.target),
    ):  # fmt: skip
        with pytest.raises(RefusedError):
            check_task(Task(name, source, "nas-b", target))
    with pytest.raises(RefusedError, match="inside the source"):
        check_task(Task("p", "tank/photos", None, "tank/photos/copy"))


async def test_a_server_that_is_not_ssh_is_a_sentence() -> None:
    async def talk(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 \x1b[2J smtp ready\r\n" * 50)
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    try:
        with pytest.raises(UnreachableError) as raised:
            await LocalReplication(LocalHost()).probe("127.0.0.1", server.sockets[0].getsockname()[1])
        assert raised.value.message.isprintable()
    finally:
        server.close()
        await server.wait_closed()


async def test_the_command_line_s_address_forms() -> None:
    from dplane_tui.services.replication.address import login as address

    assert address("owner@nas-b") == ("owner", "nas-b", 22)
    assert address("owner@nas-b:2222") == ("owner", "nas-b", 2222)
    assert address("owner@[fe80::1]:22") == ("owner", "fe80::1", 22)
    for bad in ("owner@", "@nas", "a b@nas", "owner@-x", "owner@nas:0", "owner@nas:99999", "owner@nas;id"):
        with pytest.raises(UsageError):
            address(bad)
