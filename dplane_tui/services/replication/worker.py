"""`dplane peer-worker`: makes keys, pairs, tests and forgets peers, as the user who owns the keys.

JSON lines on its standard streams; services/replication/pairing.py is the other side.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import os
import sys
import time
from dataclasses import replace
from typing import Any

from ... import paths
from ...errors import CommandError, DPlaneError, RefusedError, UsageError
from ..store import open_store
from . import keys, records
from .codec import decode
from .model import PairRequest, Peer
from .transport import Link

LINE_LIMIT = 64 * 1024


async def serve() -> None:
    """Answer requests on standard input until it ends."""
    os.umask(0o002)  # the door's umask would keep the store from its group; key files say their own mode
    while True:
        line = await asyncio.to_thread(sys.stdin.buffer.readline, LINE_LIMIT)
        if not line:
            return
        try:
            answer = {"ok": True, **await _do(line)}
        except DPlaneError as error:
            answer = {"ok": False, "error": error.as_object()}
        except OSError as error:
            problem = CommandError(f"The keys could not be read or written: {error}.", "`dplane doctor` looks why.")
            answer = {"ok": False, "error": problem.as_object()}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


async def _do(line: bytes) -> dict[str, Any]:
    try:
        request = json.loads(line)
    except ValueError:
        request = None
    if not isinstance(request, dict):
        raise UsageError("The pairing request is not a JSON object.")
    name = request.get("name")
    match request.get("op"):
        case "key" if isinstance(name, str):
            return {"fingerprint": keys.fingerprint(_own_key(name))}
        case "pair":
            try:
                wanted = decode(PairRequest, request.get("request"))
            except ValueError as error:
                raise UsageError(f"The pairing request cannot be understood: {error}.") from None
            return {"peer": dataclasses.asdict(await pair(wanted))}
        case "test" if isinstance(name, str):
            return {"message": await test(name)}
        case "remove" if isinstance(name, str):
            return {"message": await remove(name)}
    raise UsageError("The pairing worker does not know that request.")


def _own_key(peer: str) -> str:
    """The public key for `peer`, without comment; the pair is made when it is not there."""
    files = keys.files_of(paths.current().ssh, peer)
    if not files.key.exists() or not files.public.exists():
        import asyncssh

        key = asyncssh.generate_private_key("ssh-ed25519", comment=f"dplane to {peer}")
        keys.write_private(files.key, key.export_private_key("openssh"))
        keys.write_private(files.public, key.export_public_key("openssh"))
    return " ".join(files.public.read_text("ascii").split()[:2])


async def pair(request: PairRequest) -> Peer:
    """Bring our key to the far box and log in with it; only then is the peer stored.

    Raises RefusedError for names that are not sound or taken, else what the far side raises.
    """
    from . import farside

    where = paths.current()
    files = keys.files_of(where.ssh, request.name)
    keys.check_address(request.user, request.address, request.port)
    shown = keys.fingerprint(request.host_key)
    async with open_store(where.database, write=True) as store:
        before = next((peer for peer in await records.peers(store) if peer.name == request.name), None)
        if before is not None and before.host_key != request.host_key:
            used = [task.name for task in await records.tasks(store) if task.peer == request.name]
            if used and before.address != request.address:
                raise RefusedError(
                    f"The name {request.name} is taken by {before.address}, which the task {used[0]} replicates to.",
                    "Choose another name.",
                )
        public = _own_key(request.name)
        user, product = await farside.bring_key(request, keys.own_name(), public)
        old = files.known.read_bytes() if files.known.exists() else None
        keys.pin(files, request.host_key)
        peer = Peer(
            request.name,
            user,
            request.address,
            request.port,
            request.host_key,
            shown,
            keys.fingerprint(public),
            product,
            request.root,
            time.time(),
        )
        try:
            peer = replace(peer, may_prune=(await _hello(peer)).get("prune") is True)
        except DPlaneError:
            if old is not None:
                keys.write_private(files.known, old)
            raise
        await records.put_peer(store, peer)
        await store.backup()
    return peer


async def _hello(peer: Peer) -> dict[str, Any]:
    """Log in as an unattended run would and return what the far agent says of itself."""
    from .execute import target_for

    where = paths.current()
    if peer.product:
        link = Link(peer, where.ssh, where.jobs)
        try:
            return await link.open()
        finally:
            await link.close()
    from ..host import LocalHost

    target = target_for(peer, LocalHost(), where.ssh, where.jobs)
    try:
        await target.open()
    finally:
        await target.close()
    return {}


async def test(name: str) -> str:
    """Log in at a stored peer with its key; a sentence about who answered."""
    async with open_store(paths.current().database) as store:
        peer = await records.peer(store, name)
    said = await _hello(peer)
    version, may_prune = str(said.get("zfs", "")), said.get("prune") is True
    if may_prune != peer.may_prune:  # granted or taken back there since
        async with open_store(paths.current().database, write=True) as store:
            await records.put_peer(store, replace(peer, may_prune=may_prune))
    return f"{peer.name} ({peer.address}) let us in as {peer.user}{f' and has {version}' if version else ''}."


async def remove(name: str) -> str:
    """Forget a peer and destroy our key for it; a sentence about what is left there."""
    where = paths.current()
    async with open_store(where.database, write=True) as store:
        peer = await records.peer(store, name)
        await records.delete_peer(store, name)
        await store.backup()
    files = keys.files_of(where.ssh, name)
    for path in (files.key, files.public, files.known):
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
    left = f"`dplane:{keys.own_name()}` in the authorized keys of {peer.user}"
    return f"{name} is forgotten and our key for it destroyed. There, {left} opens nothing any more and may be removed."
