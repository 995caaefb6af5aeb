"""A new key for a paired box without a gap, and a new host key of it that a person has vouched for.

Part of the pairing worker. At every moment the key in place here is one that the far box lets in: the new one is
accepted there beside the old one, used for a login, put in place here, and only then, over a login of its own, is the
old one taken away there.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from ... import paths
from ...errors import DPlaneError, RefusedError
from ..store import open_store
from . import keypair, keys, records
from .hello import hello
from .model import Peer
from .transport import Link


async def rotate(name: str) -> Peer:
    """Change our key for a peer; the peer with the new one. Can be repeated after it was cut off anywhere.

    Raises MissingError, AuthenticationError, HostKeyError, UnreachableError, RefusedError and what the far side says.
    """
    where = paths.current()
    files = keys.files_of(where.ssh, name)
    async with open_store(where.database, write=True) as store:
        peer = await records.peer(store, name)
        with _alone(files.next.with_suffix(".lock"), name):
            current, fresh = keypair.public_of(files.key), _next(files, name)
            await _accept_there(peer, files.key, current, fresh)
            await hello(peer, files.next)
            keys.move(files.next, files.key)
            keys.write_private(files.public, f"{fresh} dplane to {name}\n".encode())
            changed = replace(peer, key_fingerprint=keys.fingerprint(fresh), key_created=time.time())
            await records.put_peer(store, changed)
            await store.backup()
            try:
                await _keep_there(changed, files.key, fresh)
            except DPlaneError as error:
                raise type(error)(
                    f"The new key for {name} is in use, and the old one was not yet taken away there: {error.message}",
                    f"Run `dplane peer key rotate {name}` again. {error.next_step}".strip(),
                ) from None
    return changed


async def trust(name: str, host_key: str) -> Peer:
    """Pin another host key, which a person has read on the far box itself, and log in. On failure the old one stays."""
    where = paths.current()
    files = keys.files_of(where.ssh, name)
    async with open_store(where.database, write=True) as store:
        before = await records.peer(store, name)
        changed = replace(before, host_key=host_key, host_fingerprint=keys.fingerprint(host_key))
        keys.pin(files, host_key)
        try:
            await hello(changed)
        except DPlaneError:
            keys.pin(files, before.host_key)
            raise
        await records.put_peer(store, changed)
        await store.backup()
    return changed


def _next(files: keys.KeyFiles, name: str) -> str:
    """The key that is to follow; one that an earlier attempt left is used, for the far box may know it already."""
    if files.next.exists():
        with contextlib.suppress(RefusedError):
            return keypair.public_of(files.next)
    return keypair.make(files.next, name)


async def _accept_there(peer: Peer, key: Path, current: str, fresh: str) -> None:
    """Let the far box take the new key beside the current one."""
    if peer.product:
        await _ask(peer, key, {"op": "key-add", "key": fresh, "current": current})
        return
    from . import farside  # loads asyncssh

    async with farside.key_login(peer, key) as connection:
        own = keys.own_name()
        await farside.edit_keys(connection, peer, own, [f"restrict {one} dplane:{own}" for one in (current, fresh)])


async def _keep_there(peer: Peer, key: Path, fresh: str) -> None:
    """Let the far box forget the other keys, asked over a login with the new one."""
    if peer.product:
        await _ask(peer, key, {"op": "key-keep", "key": fresh})
        return
    from . import farside

    async with farside.key_login(peer, key) as connection:
        own = keys.own_name()
        await farside.edit_keys(connection, peer, own, [f"restrict {fresh} dplane:{own}"])


async def _ask(peer: Peer, key: Path, request: dict[str, str]) -> None:
    where = paths.current()
    link = Link(peer, where.ssh, where.jobs, key)
    try:
        await link.open()
        await link.ask(dict(request))
    finally:
        await link.close()


@contextlib.contextmanager
def _alone(lock: Path, name: str) -> Iterator[None]:
    """One change of a peer's key at a time; the lock goes with the process."""
    handle = os.open(lock, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RefusedError(f"The key for {name} is being changed by another process.", "Wait for it.") from None
        yield
    finally:
        os.close(handle)
