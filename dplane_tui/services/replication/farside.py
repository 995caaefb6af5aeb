"""The one conversation with a far box that uses a password: our key is brought there; and the accounts' key files."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

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
from . import answers, failures, keys
from .model import PairRequest, Peer
from .rights import flags_of

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
    refused = AuthenticationError(
        f"{request.address} port {request.port} did not accept the password of {request.user}.",
        "Check the account and its password; some boxes do not let root in with a password.",
    )
    how = {"password": request.password, "client_keys": None, "preferred_auth": "password,keyboard-interactive"}
    async with _connected(request, refused, how) as connection:
        yield connection


@contextlib.asynccontextmanager
async def key_login(peer: Peer, key: Path) -> AsyncIterator[asyncssh.SSHClientConnection]:
    """A connection to a paired box with a key of ours, to the host key that is pinned."""
    refused = AuthenticationError(
        f"{peer.name} ({peer.address}) was reached and refused our key for {peer.user}.",
        "Its administrator may have removed it; pair again with `dplane peer add`.",
    )
    how = {"client_keys": [str(key)], "preferred_auth": "publickey"}
    async with _connected(peer, refused, how) as connection:
        yield connection


@contextlib.asynccontextmanager
async def _connected(
    place: PairRequest | Peer, refused: AuthenticationError, how: dict[str, Any]
) -> AsyncIterator[asyncssh.SSHClientConnection]:
    """A connection to the one host key that is known. Raises `refused`, HostKeyError, UnreachableError."""
    try:
        connection = await asyncssh.connect(
            place.address,
            place.port,
            username=place.user,
            known_hosts=asyncssh.import_known_hosts(f"* {place.host_key}\n"),
            server_host_key_algs=keys.algorithms(place.host_key).split(","),
            agent_path=None,
            config=None,
            connect_timeout=CONNECT_SECONDS,
            login_timeout=60,
            **how,
        )
    except asyncssh.PermissionDenied:
        raise refused from None
    except (asyncssh.HostKeyNotVerifiable, asyncssh.KeyExchangeFailed):
        if isinstance(place, Peer):
            raise failures.host_key_changed(place.name, place.address) from None
        raise HostKeyError(
            f"{place.address} port {place.port} shows another host key than the one that was confirmed a moment ago.",
            "Someone may stand in between: do not go on before you know why.",
        ) from None
    except (OSError, TimeoutError, asyncssh.Error) as error:
        raise _not_reached(place.address, place.port, error) from None
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
        if confined := request.root or request.may_read:
            raise MissingError(
                f"{request.address} has no D-Plane, so nothing there could confine our key to {confined}.",
                "Install D-Plane there, or pair without --root and --may-read.",
            )
        if not (await _run(connection, ["zfs", "version"], check=False)).strip():
            raise MissingError(
                f"{request.address} has neither D-Plane nor a working OpenZFS.", "Install OpenZFS there first."
            )
        await edit_keys(connection, request, own_name, [f"restrict {public_key} dplane:{own_name}"])
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
    rights = {flag: given or None for flag, given in flags_of(request).items()}
    args = {"peer": own_name, "key": public_key, "root": request.root, "may_read": request.may_read, **rights}
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
        raise answers.far_error(fields, request.address)


async def edit_keys(
    connection: asyncssh.SSHClientConnection, place: PairRequest | Peer, own_name: str, lines: list[str]
) -> None:
    """Make `lines` our lines in the account's authorized keys, in the place of older ones; nothing else in it changes.

    Returns after they were read back. Raises CommandError.
    """
    try:
        async with connection.start_sftp_client() as sftp:
            home = await sftp.realpath(".")
            folder, path = f"{home}/.ssh", f"{home}/{_AUTHORIZED}"
            if not await sftp.isdir(folder):
                await sftp.mkdir(folder)
                await sftp.chmod(folder, 0o700)
            mark = f" dplane:{own_name}".encode()
            before = await _content(sftp, path, place) if await sftp.exists(path) else b""
            kept = [old for old in before.splitlines(keepends=True) if not old.rstrip().endswith(mark)]
            if kept and not kept[-1].endswith(b"\n"):
                kept[-1] += b"\n"
            after = b"".join(kept) + "".join(f"{line}\n" for line in lines).encode()
            fresh = f"{path}.dplane"
            async with sftp.open(fresh, "wb") as file:
                await file.write(after)
            await sftp.chmod(fresh, 0o600)
            await sftp.posix_rename(fresh, path)
            if await _content(sftp, path, place) != after:
                raise CommandError(f"{_AUTHORIZED} of {place.user} on {place.address} is not what was written.")
    except asyncssh.SFTPError as error:
        raise CommandError(
            f"Our key could not be added for {place.user} on {place.address}: {clean(error.reason, 200)}.",
            f"Add this line to {_AUTHORIZED} there by hand and pair again: {lines[-1]}",
        ) from None


async def _content(sftp: asyncssh.SFTPClient, path: str, place: PairRequest | Peer) -> bytes:
    async with sftp.open(path, "rb") as file:
        content: bytes | str = await file.read(answers.ANSWER_LIMIT + 1)
    found = content.encode() if isinstance(content, str) else content
    if len(found) > answers.ANSWER_LIMIT:
        raise CommandError(f"{_AUTHORIZED} of {place.user} on {place.address} is too large to be true.")
    return found
