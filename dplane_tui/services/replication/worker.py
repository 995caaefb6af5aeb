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
from ...text import clean
from ..store import Store, open_store
from . import keypair, keys, leftovers, records, rights
from .codec import decode
from .hello import hello
from .model import PairRequest, Peer

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
            public = _own_key(name)
            return {"fingerprint": keys.fingerprint(public), "key": public, "own_name": keys.own_name()}
        case "pair":
            try:
                wanted = decode(PairRequest, request.get("request"))
            except ValueError as error:
                raise UsageError(f"The pairing request cannot be understood: {error}.") from None
            return {"peer": dataclasses.asdict(await pair(wanted))}
        case "import":
            try:
                wanted = decode(PairRequest, request.get("request"))
            except ValueError as error:
                raise UsageError(f"The request cannot be understood: {error}.") from None
            return {"peer": dataclasses.asdict(await adopt(wanted))}
        case "rotate" if isinstance(name, str):
            from .rotation import rotate

            return {"peer": dataclasses.asdict(await rotate(name))}
        case "trust" if isinstance(name, str) and isinstance(request.get("host_key"), str):
            from .rotation import trust

            return {"peer": dataclasses.asdict(await trust(name, request["host_key"]))}
        case "test" if isinstance(name, str):
            return {"message": await test(name)}
        case "remove" if isinstance(name, str):
            return {"message": await remove(name)}
    raise UsageError("The pairing worker does not know that request.")


def _own_key(peer: str) -> str:
    """The public key for `peer`, without comment; the pair is made when it is not there, or cannot be read."""
    files = keys.files_of(paths.current().ssh, peer)
    public = ""
    if files.key.exists():
        with contextlib.suppress(RefusedError):
            public = keypair.public_of(files.key)
    public = public or keypair.make(files.key, peer)
    # A change of the key that was cut off may have left the public half of the key before.
    if not files.public.exists() or files.public.read_text("ascii", "replace").split()[:2] != public.split():
        keys.write_private(files.public, f"{public} dplane to {peer}\n".encode())
    return public


async def pair(request: PairRequest) -> Peer:
    """Bring our key to the far box and log in with it; only then is the peer stored.

    Raises RefusedError for names that are not sound or taken, else what the far side raises.
    """
    from . import farside

    where = paths.current()
    keys.files_of(where.ssh, request.name)
    keys.check_address(request.user, request.address, request.port)
    keys.fingerprint(request.host_key)
    async with open_store(where.database, write=True) as store:
        mark = await _mark(store, request)
        public = _own_key(request.name)
        user, product = await farside.bring_key(request, keys.own_name(), public)
        return await _admit(store, request, public, user, product=product, mark=mark)


async def adopt(request: PairRequest) -> Peer:
    """Store a box that has accepted our key already, after a login there. The password of `request` is not used.

    Raises RefusedError for names that are not sound or taken, else what the login raises.
    """
    where = paths.current()
    keys.files_of(where.ssh, request.name)
    keys.check_address(request.user, request.address, request.port)
    keys.fingerprint(request.host_key)
    async with open_store(where.database, write=True) as store:
        mark = await _mark(store, request)
        return await _admit(store, request, _own_key(request.name), request.user, product=True, mark=mark)


async def _mark(store: Store, request: PairRequest) -> str:
    """What the box is known by; one that is paired again keeps it, also with a new host key or under another name.

    Raises RefusedError when the name belongs to another box that tasks use.
    """
    known = await records.peers(store)
    before = next((peer for peer in known if peer.name == request.name), None)
    if before is not None and (before.host_key == request.host_key or before.address == request.address):
        return before.known_by
    same = next((peer.known_by for peer in known if peer.host_key == request.host_key), "")
    if not same:
        # A host key that another box had before is that one's mark: shared, each would drop the other's bookmarks.
        taken = any(peer.known_by == request.host_key for peer in known if peer is not before)
        same = f"{request.host_key} {request.name}" if taken else request.host_key
    if before is None:
        return same
    used = [task.name for task in await records.tasks(store) if request.name in (task.peer, task.source_peer)]
    if used:
        raise RefusedError(
            f"The name {request.name} is taken by {before.address}, which the task {used[0]} replicates with.",
            "Choose another name.",
        )
    return same


async def _admit(store: Store, request: PairRequest, public: str, user: str, *, product: bool, mark: str) -> Peer:
    """Pin the host key, log in with our key as a run does, and store the peer. On failure all is as it was."""
    files = keys.files_of(paths.current().ssh, request.name)
    old = files.known.read_bytes() if files.known.exists() else None
    keys.pin(files, request.host_key)
    peer = Peer(
        request.name,
        user,
        request.address,
        request.port,
        request.host_key,
        keys.fingerprint(request.host_key),
        keys.fingerprint(public),
        product,
        request.root,
        time.time(),
        request.may_read,
        request.may_snapshot,
        files.key.stat().st_mtime,
        mark=mark,
    )
    try:
        told = await hello(peer)
    except DPlaneError:
        if old is not None:
            keys.write_private(files.known, old)
        raise
    if product:  # what the far box really lets us do, which a person may have mistyped or changed
        peer = replace(
            peer,
            root=rights.place(told.get("root")),
            may_read=rights.place(told.get("may_read")),
            own_name=rights.name(told.get("peer")),
            **rights.flags_told(told),
        )
    await records.put_peer(store, peer)
    await store.backup()
    return peer


async def test(name: str) -> str:
    """Log in at a stored peer with its key; a sentence about who answered."""
    async with open_store(paths.current().database) as store:
        peer = await records.peer(store, name)
    told = await hello(peer)
    version = clean(str(told.get("zfs", "")), 100)
    now = peer
    if peer.product:
        now = replace(peer, own_name=rights.name(told.get("peer")), **rights.flags_told(told))
    if now != peer:  # granted or taken back there since, or not known before
        async with open_store(paths.current().database, write=True) as store:
            await records.put_peer(store, now)
    return f"{peer.name} ({peer.address}) let us in as {peer.user}{f' and has {version}' if version else ''}."


async def remove(name: str) -> str:
    """Forget a peer and destroy our key for it, once what removed tasks left there was taken away.

    Returns sentences about what is left there. Raises RefusedError while tasks use it.
    """
    where = paths.current()
    async with open_store(where.database, write=True) as store:
        peer = await records.peer(store, name)
        used = any(name in (task.peer, task.source_peer) for task in await records.tasks(store))
        rest = "" if used else await leftovers.clean_for_good(store, where, name)  # while there is a key for it
        await records.delete_peer(store, name)
        await store.backup()
    files = keys.files_of(where.ssh, name)
    for path in (files.key, files.public, files.known, files.next, files.next.with_suffix(".lock")):
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
    left = f"the line `dplane:{keys.own_name()}` in the authorized keys of {peer.user} opens nothing any more"
    how = f"`dplane peer revoke {keys.own_name()}` there removes it" if peer.product else "it may be removed"
    return f"{name} is forgotten and our key for it destroyed. There, {left}; {how}. {rest}".strip()
