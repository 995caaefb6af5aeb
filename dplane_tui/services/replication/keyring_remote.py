"""The keys of a far box: its own `dplane peer …` commands do the work there."""

from __future__ import annotations

from .model import Peer
from .pasted import Accepted, Admission, Answer, Offer
from .remote import RemoteReplication
from .rights import FLAGS, Rights

_SECONDS = 330.0  # a Pi needs half a minute only to load what speaks SSH


class RemoteKeys(RemoteReplication):
    """Speaks to the `dplane` command of the host. Every method as in `KeyService`."""

    async def offer(self, name: str) -> Offer:
        return self._decode(Offer, await self._ask("peer", "offer", name, timeout=_SECONDS))

    async def accept(self, offer: Offer, given: Rights, address: str | None, port: int) -> Admission:
        words = [f"--line={offer.line}", f"--fingerprint={offer.fingerprint}"]
        words += [f"--root={given.root}"] if given.root else []
        words += [f"--may-read={given.may_read}"] if given.may_read else []
        words += [f"--{flag.replace('_', '-')}" for flag in FLAGS if getattr(given, flag)]
        words += [f"--address={f'[{address}]' if ':' in address else address}:{port}"] if address else []
        return self._decode(Admission, await self._ask("peer", "accept", *words))

    async def adopt(self, name: str, answer: Answer) -> Peer:
        words = [f"--line={answer.line}", f"--fingerprint={answer.host_fingerprint}"]
        return self._decode(Peer, await self._ask("peer", "import", name, *words, timeout=_SECONDS))

    async def accepted(self) -> tuple[Accepted, ...]:
        return self._list(Accepted, await self._ask("peer", "accepted"))

    async def revoke(self, name: str) -> str:
        data = await self._ask("peer", "revoke", name, "--yes")
        return str(data.get("message", "")) if isinstance(data, dict) else ""

    async def rotate(self, name: str) -> Peer:
        return self._decode(Peer, await self._ask("peer", "key", "rotate", name, timeout=_SECONDS))

    async def trust(self, name: str, fingerprint: str) -> Peer:
        data = await self._ask("peer", "trust", name, f"--fingerprint={fingerprint}", timeout=_SECONDS)
        return self._decode(Peer, data)
