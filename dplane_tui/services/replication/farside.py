"""The one conversation with a far box that uses a password: our key is brought there. asyncssh is loaded only here."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import asyncssh

from ...errors import (
    AuthenticationError,
    CommandError,
    HostKeyError,
    MissingError,
    NotAllowedError,
    UnreachableError,
)
from ...text import clean
from ..door import request_line
from ..host.lines import LineReader
from ..host.quoting import command_line
from . import answers, keys
from .model import PairRequest
from .pairing import error_from

CONNECT_SECONDS = 20.0
COMMAND_SECONDS = 60.0
_HELPER = "/opt/dplane/current/libexec/privhelper"
_AUTHORIZED = ".ssh/authorized_keys"


def _not_reached(address: str, port: int, error: Exception) -> UnreachableError:
    if isinstance(error, TimeoutError):
        why = f"it did not answer within {CONNECT_SECONDS:.0f} s"
    elif isinstance(error, ConnectionRefusedError):
        why = "nothing listens there"
    elif isinstance(error, OSError):
        why = clean(error.strerror or str(error), 200)
    else:
        why = f"it does not speak SSH as we know it ({clean(str(error), 200)})"
    return UnreachableError(
        f"{address} port {port} cannot be reached: {why}.", "Is the box on, and is its SSH server running?"
    )


@contextlib.asynccontextmanager
async def _login(request: PairRequest) -> AsyncIterator[asyncssh.SSHClientConnection]:
    """A connection with the password, to the one host key that a person confirmed."""
    known = asyncssh.import_known_hosts(f"* {request.host_key}\n")
    where = f"{request.address} port {request.port}"
    try:
        connection = await asyncssh.connect(
            request.address,
            request.port,
            username=request.user,
            password=request.password,
            known_hosts=known,
            server_host_key_algs=keys.algorithms(request.host_key).split(","),
            client_keys=None,
            agent_path=None,
            config=None,
            preferred_auth="password,keyboard-interactive",
            connect_timeout=CONNECT_SECONDS,
            login_timeout=60,
        )
    except asyncssh.PermissionDenied:
        raise AuthenticationError(
            f"{where} did not accept the password of {request.user}.",
            "Check the account and its password; some boxes do not let root in with a password.",
        ) from None
    except (asyncssh.HostKeyNotVerifiable, asyncssh.KeyExchangeFailed):
        raise HostKeyError(
            f"{where} shows another host key than the one that was confirmed a moment ago.",
            "Someone may stand in between: do not go on before you know why.",
        ) from None
    except (OSError, TimeoutError, asyncssh.Error) as error:
        raise _not_reached(request.address, request.port, error) from None
    async with connection:
        yield connection


async def bring_key(request: PairRequest, own_name: str, public_key: str) -> tuple[str, bool]:
    """Install `public_key` at the far box; returns the account that runs log in as, and whether it has the product.

    Raises AuthenticationError, HostKeyError, UnreachableError, NotAllowedError, MissingError, CommandError.
    """
    async with _login(request) as connection:
        root = (await _run(connection, ["id", "-u"])).strip() == "0"
        helper = (await _run(connection, ["readlink", "-e", _HELPER], check=False)).strip()
        if helper:
            argv = [helper] if root else ["sudo", "-n", helper]
            await _accept(connection, request, argv, own_name, public_key)
            return "dplane", True
        if request.root is not None:
            raise MissingError(
                f"{request.address} has no D-Plane, so nothing there could confine our key to {request.root}.",
                "Install D-Plane there, or pair without --root.",
            )
        if not (await _run(connection, ["zfs", "version"], check=False)).strip():
            raise MissingError(
                f"{request.address} has neither D-Plane nor a working OpenZFS.", "Install OpenZFS there first."
            )
        await _append(connection, request, f"restrict {public_key} dplane:{own_name}\n")
        return request.user, False


async def _run(
    connection: asyncssh.SSHClientConnection, argv: list[str], *, stdin: bytes = b"", check: bool = True
) -> str:
    try:
        async with asyncio.timeout(COMMAND_SECONDS):
            out, said, status = await _finished(connection, command_line(argv), stdin)
    except TimeoutError:
        raise CommandError(f"{argv[0]} did not answer on the far box within {COMMAND_SECONDS:.0f} s.") from None
    except (asyncssh.Error, OSError):
        raise UnreachableError("The connection to the far box was lost while pairing.", "Try again.") from None
    if check and status != 0:
        raise CommandError(f"{argv[0]} failed on the far box: {clean(said.strip(), 300) or f'status {status}'}.")
    return out


async def _finished(
    connection: asyncssh.SSHClientConnection, command: str, stdin: bytes
) -> tuple[str, str, int | None]:
    """What a far command says, its last words on standard error, and its status. Raises CommandError for a flood."""
    process: asyncssh.SSHClientProcess[bytes] = await connection.create_process(command, encoding=None)
    said = bytearray()
    listening = asyncio.create_task(answers.keep_last(process.stderr.read, said))
    try:
        process.stdin.write(stdin)
        process.stdin.write_eof()
        out = await LineReader(process.stdout.read).rest(answers.ANSWER_LIMIT)
        if out is None:
            raise answers.too_much("The far box")
        await listening
        await process.wait_closed()
    finally:
        listening.cancel()
        process.close()
    return out.decode("utf-8", "replace"), said.decode("utf-8", "replace"), process.returncode


async def _accept(
    connection: asyncssh.SSHClientConnection, request: PairRequest, helper: list[str], own_name: str, public_key: str
) -> None:
    """Let the far box's own privileged helper take the key, confined to the replication agent."""
    args = {"peer": own_name, "key": public_key, "root": request.root, "may_rollback": request.may_rollback or None}
    out = await _run(connection, helper, stdin=request_line("peer-accept", args), check=False)
    answer = answers.parsed(out.encode())
    if answer is None:
        raise NotAllowedError(
            f"{request.user} may not use the D-Plane door on {request.address}.",
            f"An administrator there runs `sudo usermod -aG dplane-admin {request.user}`; then pair again.",
        )
    if answer.get("ok") is not True:
        error = answer.get("error")
        fields = error if isinstance(error, dict) else {}
        if fields.get("code") == "role":
            raise NotAllowedError(
                f"{request.address} refused: {clean(str(fields.get('message', '')), 300)}",
                "Pair with an account that is in dplane-admin there.",
            )
        raise error_from({**fields, "message": f"{request.address} refused: {fields.get('message', '')}"})


async def _append(connection: asyncssh.SSHClientConnection, request: PairRequest, line: str) -> None:
    """Add our line to the account's authorized keys, replacing an older one of ours; nothing else in it changes."""
    try:
        async with connection.start_sftp_client() as sftp:
            home = await sftp.realpath(".")
            folder, path = f"{home}/.ssh", f"{home}/{_AUTHORIZED}"
            if not await sftp.isdir(folder):
                await sftp.mkdir(folder)
                await sftp.chmod(folder, 0o700)
            before = b""
            if await sftp.exists(path):
                async with sftp.open(path, "rb") as file:
                    content: bytes | str = await file.read(answers.ANSWER_LIMIT + 1)
                    before = content.encode() if isinstance(content, str) else content
                if len(before) > answers.ANSWER_LIMIT:
                    raise CommandError(f"{_AUTHORIZED} of {request.user} on {request.address} is too large to be true.")
            mark = line.rstrip("\n").rsplit(" ", 1)[1].encode()
            kept = [old for old in before.splitlines(keepends=True) if not old.rstrip().endswith(b" " + mark)]
            if kept and not kept[-1].endswith(b"\n"):
                kept[-1] += b"\n"
            fresh = f"{path}.dplane"
            async with sftp.open(fresh, "wb") as file:
                await file.write(b"".join(kept) + line.encode())
            await sftp.chmod(fresh, 0o600)
            await sftp.posix_rename(fresh, path)
    except asyncssh.SFTPError as error:
        raise CommandError(
            f"Our key could not be added for {request.user} on {request.address}: {clean(error.reason, 200)}.",
            f"Add this line to {_AUTHORIZED} there by hand and pair again: {line.strip()}",
        ) from None
