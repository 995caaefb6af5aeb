"""A box over SSH, against a real SSH server on loopback that runs what it is told with a real `sh`."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import asyncssh
import pytest

from dplane_tui.errors import (
    AuthenticationError,
    CommandError,
    HostKeyError,
    MissingError,
    TimedOutError,
    UnreachableError,
    UsageError,
)
from dplane_tui.services.host import LocalHost, login, ssh, target
from dplane_tui.services.host.quoting import command_line
from dplane_tui.services.host.ssh import SshHost


class Server(asyncssh.SSHServer):
    """Lets one key in; counts logins and keeps its connections so that a test can cut them."""

    def __init__(self, box: Box) -> None:
        self.box = box

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self.box.connections.append(conn)

    def begin_auth(self, _username: str) -> bool:
        return True

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, _username: str, key: asyncssh.SSHKey) -> bool:
        return key.public_data == self.box.user_key.public_data


async def _copy(source: asyncio.StreamReader, sink: asyncssh.SSHWriter[bytes]) -> None:
    with contextlib.suppress(asyncssh.Error, OSError):
        while data := await source.read(65536):
            sink.write(data)
            await sink.drain()


class Box:
    """A server, and the files of the person who reaches it as `box`."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.connections: list[asyncssh.SSHServerConnection] = []
        self.host_key = asyncssh.generate_private_key("ssh-ed25519")
        self.user_key = asyncssh.generate_private_key("ssh-ed25519")
        self.commands: list[str] = []
        self.port = 0

    async def handle(self, process: asyncssh.SSHServerProcess[bytes]) -> None:
        assert process.command is not None
        self.commands.append(process.command)
        child = await asyncio.create_subprocess_exec(
            "/bin/sh",
            "-c",
            process.command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        assert child.stdout
        assert child.stderr
        pumps = [
            asyncio.create_task(_copy(child.stdout, process.stdout)),
            asyncio.create_task(_copy(child.stderr, process.stderr)),
        ]
        feeding = asyncio.create_task(self._feed(process, child))
        try:
            status = await child.wait()
            await asyncio.gather(*pumps)
            if status >= 0:
                process.exit(status)
            else:
                process.exit_with_signal("KILL")
        finally:
            for task in (feeding, *pumps):
                task.cancel()
            if child.returncode is None:
                os.killpg(child.pid, 9)
                await child.wait()

    @staticmethod
    async def _feed(process: asyncssh.SSHServerProcess[bytes], child: asyncio.subprocess.Process) -> None:
        """Pass on what the client sends: bytes, the end of them, signals, and that it hung up."""
        assert child.stdin
        try:
            while data := await process.stdin.read(65536):
                child.stdin.write(data)
                await child.stdin.drain()
            child.stdin.close()
            while not process.is_closing():  # a signal may still come
                await process.stdin.read(1)
                await asyncio.sleep(0.05)
        except asyncssh.SignalReceived as received:
            os.killpg(child.pid, signal.Signals[f"SIG{received.signal}"])
        except (asyncssh.Error, OSError):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)

    async def listen(self) -> asyncssh.SSHAcceptor:
        server = await asyncssh.create_server(
            lambda: Server(self),
            "127.0.0.1",
            self.port,
            server_host_keys=[self.host_key],
            process_factory=self.handle,
            encoding=None,
        )
        self.port = server.get_port()
        return server

    def write_files(self, *, known: asyncssh.SSHKey | None) -> None:
        folder = self.home / ".ssh"
        folder.mkdir(exist_ok=True)
        self.user_key.write_private_key(folder / "id_test")
        (folder / "known").write_text(
            "" if known is None else f"[127.0.0.1]:{self.port} {known.export_public_key().decode().strip()}\n"
        )
        (folder / "config").write_text(
            f"Host box\n HostName 127.0.0.1\n Port {self.port}\n User owner\n IdentityFile {folder}/id_test\n"
            f" UserKnownHostsFile {folder}/known\n StrictHostKeyChecking no\n"
        )


@pytest.fixture
async def box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Box]:
    """A running server that is known by its key."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("SSH_AUTH_SOCK", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "DPLANE_SSH_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    found = Box(tmp_path)
    server = await found.listen()
    found.write_files(known=found.host_key)
    yield found
    for connection in found.connections:
        connection.abort()
    server.close()
    await server.wait_closed()


@pytest.fixture
async def host(box: Box) -> AsyncIterator[SshHost]:
    """The box as the console sees it."""
    found = SshHost("box")
    yield found
    await found.close()


HOSTILE = [
    "plain",
    "",
    "two words",
    "'single' \"double\"",
    "$(touch pwned) `id` ${HOME} $HOME",
    "a;b|c&d>e<f*?[x]{1,2}~!#",
    "new\nline",
    "tab\tand\\backslash\\n",
    "-n --help",
    "ünïcode ✓",
    "'\"'\"'",
]


async def test_hostile_arguments_arrive_as_they_are(host: SshHost) -> None:
    output = await host.run(["printf", "%s\\0", *HOSTILE])
    assert output.stdout.split(b"\0")[:-1] == [word.encode() for word in HOSTILE]


def test_nul_is_refused_before_anything_is_sent() -> None:
    with pytest.raises(CommandError, match="NUL"):
        command_line(["echo", "a\0b"])


async def test_run_gives_status_both_streams_and_feeds_input(host: SshHost) -> None:
    output = await host.run(["sh", "-c", "cat; echo oops >&2; exit 3"], stdin=b"in" * 300_000)
    assert (output.status, len(output.stdout), output.error) == (3, 600_000, "oops\n")


async def test_run_in_the_c_locale_with_sbin_on_the_path(host: SshHost) -> None:
    assert (await host.run(["sh", "-c", 'echo "$LC_ALL $PATH"'])).text.startswith("C /usr/local/sbin:")


async def test_one_login_serves_many_commands_at_once(box: Box, host: SshHost) -> None:
    outputs = await asyncio.gather(*(host.run(["echo", str(number)]) for number in range(30)))
    assert [output.text for output in outputs] == [f"{number}\n" for number in range(30)]
    assert len(box.connections) == 1


async def test_missing_program(host: SshHost) -> None:
    with pytest.raises(MissingError, match="no-such-program is not installed on box"):
        await host.run(["no-such-program"])
    assert (await host.run(["sh", "-c", "exit 127"])).status == 127  # the program's own status is not ours to judge


async def test_host_that_no_file_names(box: Box) -> None:
    """`user@host:port`, with the person's own default key and known hosts."""
    folder = box.home / ".ssh"
    (folder / "config").unlink()
    (folder / "known").rename(folder / "known_hosts")
    (folder / "id_test").rename(folder / "id_ed25519")
    found = SshHost(f"owner@127.0.0.1:{box.port}")
    assert (await found.run(["echo", "here"])).text == "here\n"
    assert box.connections[0].get_extra_info("username") == "owner"
    await found.close()
    (folder / "known_hosts").write_text("")
    with pytest.raises(HostKeyError, match="not known here yet"):
        await found.run(["true"])


async def test_wrong_key_is_an_authentication_error(box: Box, host: SshHost) -> None:
    asyncssh.generate_private_key("ssh-ed25519").write_private_key(box.home / ".ssh" / "id_test")
    with pytest.raises(AuthenticationError, match="box was reached, but refused the user owner"):
        await host.run(["true"])
    assert box.commands == []


async def test_unknown_host_key_is_refused_with_its_fingerprint(box: Box, host: SshHost) -> None:
    box.write_files(known=None)  # and StrictHostKeyChecking no in that file changes nothing
    with pytest.raises(HostKeyError, match="not known here yet") as caught:
        await host.run(["true"])
    assert box.host_key.get_fingerprint() in caught.value.message
    assert "ssh box" in caught.value.next_step
    assert box.commands == []


@pytest.mark.parametrize("kind", ["ssh-ed25519", "ecdsa-sha2-nistp256"])
async def test_changed_host_key_is_refused_with_both_fingerprints(box: Box, host: SshHost, kind: str) -> None:
    old = asyncssh.generate_private_key(kind)
    box.write_files(known=old)
    with pytest.raises(HostKeyError, match="not the box that was known by this name") as caught:
        await host.run(["true"])
    assert old.get_fingerprint() in caught.value.message
    assert kind != "ssh-ed25519" or box.host_key.get_fingerprint() in caught.value.message
    assert f"ssh-keygen -R [127.0.0.1]:{box.port}" in caught.value.next_step
    assert box.commands == []


async def test_no_configuration_turns_the_check_off(box: Box, host: SshHost) -> None:
    config = box.home / ".ssh" / "config"
    config.write_text(config.read_text().replace(f"{box.home}/.ssh/known", "none"))
    with pytest.raises(HostKeyError, match="not known here yet"):
        await host.run(["true"])


async def test_nothing_listens(box: Box, host: SshHost, unused_tcp_port_factory: Callable[[], int]) -> None:
    box.port = unused_tcp_port_factory()
    box.write_files(known=box.host_key)
    with pytest.raises(UnreachableError, match="nothing listens there"):
        await host.run(["true"])


async def test_unknown_name(box: Box) -> None:
    with pytest.raises(UnreachableError, match=r"No host called no-such-box\.invalid is known"):
        await SshHost("no-such-box.invalid").run(["true"])


async def test_what_listens_is_no_ssh_server(box: Box, host: SshHost) -> None:
    async def hello(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(hello, "127.0.0.1", 0)
    box.port = server.sockets[0].getsockname()[1]
    box.write_files(known=box.host_key)
    with pytest.raises(UnreachableError, match=r"broke off while logging in|it hung up"):
        await host.run(["true"])
    server.close()


async def test_server_that_never_answers(box: Box, host: SshHost, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(login, "CONNECT_TIMEOUT", 1.0)
    ended = asyncio.Event()

    async def silent(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await ended.wait()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    box.port = server.sockets[0].getsockname()[1]
    box.write_files(known=box.host_key)
    with pytest.raises(UnreachableError, match="did not answer within 1 s"):
        await host.run(["true"])
    ended.set()
    server.close()


async def test_waiting_commands_fail_together(box: Box, host: SshHost) -> None:
    box.write_files(known=None)
    results = await asyncio.gather(*(host.run(["true"]) for _ in range(5)), return_exceptions=True)
    assert {type(result) for result in results} == {HostKeyError}
    assert len(box.connections) == 1


async def until(true: Callable[[], bool]) -> None:
    """Wait for something outside of this process; the time is only there to end a test that fails."""
    async with asyncio.timeout(30):
        while not true():  # noqa: ASYNC110 (other processes set no events)
            await asyncio.sleep(0.02)


async def test_connection_cut_midway_is_told_and_never_repeated(box: Box, host: SshHost) -> None:
    task = asyncio.create_task(host.run(["sleep", "60"]))
    await until(lambda: len(box.commands) == 1)
    box.connections[0].abort()
    with pytest.raises(UnreachableError, match="The connection to box was lost while sleep ran there"):
        await task
    assert len(box.commands) == 1
    assert (await host.run(["echo", "again"])).text == "again\n"  # the next command logs in anew
    assert len(box.connections) == 2


async def test_connection_cut_while_following(box: Box, host: SshHost) -> None:
    process = await host.open(["sh", "-c", "echo one; exec sleep 60"])
    lines = process.lines()
    assert await anext(lines) == "one"
    box.connections[0].abort()
    with pytest.raises(UnreachableError, match="was lost while sh ran there"):
        await _drain(lines, process.wait)
    await process.stop()


async def _drain(lines: AsyncIterator[str], wait: Callable[[], Awaitable[object]]) -> None:
    async for _ in lines:
        pass
    await wait()


async def test_connection_lost_between_commands(box: Box, host: SshHost) -> None:
    await host.run(["true"])
    box.connections[0].abort()
    assert (await host.run(["echo", "still"])).text == "still\n"


async def test_time_out_ends_the_command(host: SshHost, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    with pytest.raises(TimedOutError, match="sh did not answer within 1 s on box"):
        await host.run(["sh", "-c", f"echo $$ >{pids}; exec sleep 60"], timeout=1)
    await until(lambda: not Path(f"/proc/{int(pids.read_text())}").exists())


async def test_big_output_comes_whole_and_too_big_is_refused(host: SshHost, monkeypatch: pytest.MonkeyPatch) -> None:
    output = await host.run(["head", "-c", "8000000", "/dev/zero"])
    assert len(output.stdout) == 8_000_000
    monkeypatch.setattr(ssh, "OUTPUT_LIMIT", 1 << 20)
    with pytest.raises(CommandError, match="wrote more than"):
        await host.run(["yes"])


async def test_lines_follow_and_stop_ends_them(host: SshHost) -> None:
    process = await host.open(["sh", "-c", "while read a; do echo got $a; done"])
    lines = process.lines()
    for word in ("1", "2"):
        await process.write(f"{word}\n".encode())
        assert await anext(lines) == f"got {word}"
    await process.stop()
    await process.stop()


async def test_talk_to_the_end(host: SshHost) -> None:
    process = await host.open(["sh", "-c", "read a; echo $a; echo tail"])
    await process.write(b"head\n")
    await process.close_stdin()
    assert await anext(process.lines()) == "head"
    assert (await process.wait()).stdout == b"tail\n"


async def test_read_files_as_on_this_machine(host: SshHost, tmp_path: Path, box: Box) -> None:
    for name in ("p/a/state", "p/b/state", "p/b/c/state", "p/we ird$(x)/state", "q[1]/temp1_input"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(f"{name}\nsecond\n")
    (tmp_path / "p" / "link").symlink_to(tmp_path / "p" / "a")
    paths = [f"{tmp_path}/p/*/state", f"{tmp_path}/q[1]/temp*_input", "/proc/version", f"{tmp_path}/none"]
    assert await host.read_files(paths) == await LocalHost().read_files(paths)
    assert len(box.commands) == 1
    assert list(await host.read_files(["/proc/version"])) == ["/proc/version"]
    assert await host.read_files([]) == {}


def test_names_are_looked_up_in_order(tmp_path: Path) -> None:
    own, lab = tmp_path / ".ssh" / "config", tmp_path / "lab"
    own.parent.mkdir()
    own.write_text("Host *\n User me\nHost nas-a !nas-b\n HostName 10.0.0.1\n")
    lab.write_text('Host nas-a "nas-b"\n Port 2201\n')
    assert target.resolve("nas-a", [own, lab]).config == own
    assert target.resolve("nas-b", [own, lab]).config == lab
    elsewhere = target.resolve("admin@[fe80::1]:2222", [own, lab])
    assert (elsewhere.host, elsewhere.user, elsewhere.port, elsewhere.config) == ("fe80::1", "admin", 2222, own)


@pytest.mark.parametrize("name", ["", "-oProxyCommand=x", "a b", "a@b@c", "host:99999", "host:0", "a\nb", "x:y:z"])
def test_what_is_no_host_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="is not a host"):
        target.resolve(name, [])
