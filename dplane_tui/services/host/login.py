"""Logging in to a box: its host key is always checked, and each way to fail is told apart."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import asyncssh

from ...errors import AuthenticationError, HostKeyError, UnreachableError, UsageError
from ...text import clean
from .target import Target, config_files

CONNECT_TIMEOUT = 15.0  # an emulated box takes four seconds to log in
KEEPALIVE = 15.0
KEEPALIVE_COUNT = 3
_DEFAULT_KNOWN = ("~/.ssh/known_hosts", "/etc/ssh/ssh_known_hosts")


class _Client(asyncssh.SSHClient):
    """Remembers the host key that was not among the known ones; accepts none."""

    def __init__(self) -> None:
        self.shown: asyncssh.SSHKey | None = None

    def validate_host_public_key(self, _host: str, _addr: str, _port: int, key: asyncssh.SSHKey) -> bool:
        self.shown = key
        return False


async def connect(target: Target) -> asyncssh.SSHClientConnection:
    """A connection to `target`, logged in. Raises HostKeyError, AuthenticationError, UnreachableError or UsageError."""
    options = _options(target)
    client = _Client()
    try:
        connection, _ = await asyncssh.create_connection(
            lambda: client, options.host, options.port, options=options, config=None
        )
    except (asyncssh.HostKeyNotVerifiable, asyncssh.KeyExchangeFailed) as error:
        _host_key(target, options, client, error)
    except asyncssh.PermissionDenied:
        raise AuthenticationError(
            f"{target.name} was reached, but refused the user {clean(options.username)}.",
            "Its keys are taken from the SSH configuration and the agent; try `ssh` there, or `ssh-copy-id`.",
        ) from None
    except TimeoutError:
        raise UnreachableError(
            f"{target.name} ({options.host}, port {options.port}) did not answer within {CONNECT_TIMEOUT:.0f} s.",
            "Is the box on, and is the network right?",
        ) from None
    except asyncssh.Error as error:
        raise UnreachableError(
            f"The connection to {target.name} broke off while logging in: {clean(str(error), 200)}.",
            "Is it an SSH server that listens there?",
        ) from None
    except OSError as error:
        _not_reached(target, options, error)
    return connection


def _options(target: Target) -> asyncssh.SSHClientConnectionOptions:
    try:
        options = asyncssh.SSHClientConnectionOptions(
            config=[str(target.config)] if target.config else None,
            host=target.host,
            port=target.port if target.port is not None else (),
            username=target.user if target.user is not None else (),
            client_version="D-Plane",
            connect_timeout=CONNECT_TIMEOUT,
            keepalive_interval=KEEPALIVE,
            keepalive_count_max=KEEPALIVE_COUNT,
            agent_forwarding=False,
            password_auth=False,
            kbdint_auth=False,
        )
    except (asyncssh.ConfigParseError, ValueError) as error:
        raise UsageError(
            f"The SSH configuration for {target.name} cannot be used: {clean(str(error), 200)}.",
            f"`ssh -G {target.host}` shows what OpenSSH makes of it; correct {target.config or 'the name'}.",
        ) from None
    except (asyncssh.KeyImportError, asyncssh.KeyEncryptionError, OSError) as error:
        raise AuthenticationError(
            f"The key for {target.name} cannot be read: {clean(str(error), 200)}.",
            "If it has a passphrase, load it into the agent first: `ssh-add`.",
        ) from None
    known = _known_files(options)
    # Given explicitly, so that no configuration can turn the check off (UserKnownHostsFile none).
    return asyncssh.SSHClientConnectionOptions(options, known_hosts=known or b"")


def _known_files(options: asyncssh.SSHClientConnectionOptions) -> list[str]:
    told = options.known_hosts
    files = [str(file) for file in told] if isinstance(told, list) and told else list(_DEFAULT_KNOWN)
    return [str(path) for file in files if (path := Path(file).expanduser()).is_file()]


def _host_key(
    target: Target, options: asyncssh.SSHClientConnectionOptions, client: _Client, error: Exception
) -> NoReturn:
    known = options.known_hosts
    port = options.port if options.port != 22 else None
    host = options.host_key_alias or options.host
    pinned = asyncssh.match_known_hosts(known, host, "", port)[0] if known else []
    files = ", ".join(known) if isinstance(known, list) else ""
    shown = client.shown.get_fingerprint() if client.shown else ""
    if pinned:
        kept = ", ".join(key.get_fingerprint() for key in pinned)
        now = f"it shows {shown}" if shown else "it shows another kind of key"
        raise HostKeyError(
            f"{target.name} is not the box that was known by this name: {now}, but {kept} is kept in {files}.",
            "Either someone stands in between, or the box was installed anew. Compare with the key on its own screen "
            "(`ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub`); only if it is that one, remove the old one: "
            f"`ssh-keygen -R {host if port is None else f'[{host}]:{port}'}`.",
        ) from None
    if not shown:
        raise UnreachableError(
            f"{target.name} and this machine have no kind of key in common: {clean(str(error))}.",
            "Its SSH server is too old or too strict; look at HostKeyAlgorithms and KexAlgorithms in its sshd_config.",
        )
    raise HostKeyError(
        f"{target.name} is not known here yet; it shows the key {shown}.",
        "Compare it with the box's own (`ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub` there); if it is the same, "
        f"connect once with `ssh {target.name}` and accept it.",
    ) from None


def _not_reached(target: Target, options: asyncssh.SSHClientConnectionOptions, error: OSError) -> NoReturn:
    if isinstance(error, socket.gaierror):
        places: Sequence[str] = [str(file) for file in config_files()]
        raise UnreachableError(
            f"No host called {target.name} is known, neither to the SSH configuration nor to the network.",
            "Give a name of the SSH configuration, an address, or user@host[:port]. "
            f"Names are looked up in {', '.join(places)}.",
        ) from None
    why = {
        "ConnectionRefusedError": "nothing listens there",
        "ConnectionResetError": "it hung up",
    }.get(type(error).__name__, clean(error.strerror or str(error)))
    raise UnreachableError(
        f"{target.name} ({options.host}, port {options.port}) cannot be reached: {why}.",
        "Is the box on, and is its SSH server running?",
    ) from None
