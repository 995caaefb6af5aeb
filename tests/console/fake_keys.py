"""Keys on both sides of pairings, made up. They keep a list of what was asked."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

from dplane_tui.errors import DPlaneError
from dplane_tui.services.replication import pasted
from dplane_tui.services.replication.model import Peer
from dplane_tui.services.replication.pasted import Accepted, Admission, Answer, Offer
from dplane_tui.services.replication.rights import Rights, flags_of

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI" + "A" * 43
HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI" + "B" * 43
OFFER = pasted.make_offer("attic-1a2b", KEY)
ANSWER = pasted.make_answer("10.9.0.7", 22, HOST_KEY, OFFER.fingerprint)


@dataclass
class FakeKeys:
    """One box may come in."""

    peer: Peer
    calls: list[tuple[Any, ...]] = field(default_factory=list)
    failure: DPlaneError | None = None
    let_in: list[Accepted] = field(
        default_factory=lambda: [
            Accepted("nas-c", "SHA256:theirs", "backup", "tank/home", may_snapshot=True),
            Accepted("", line="ssh-rsa AAAA somebody"),
        ]
    )

    def _asked(self, *call: Any) -> None:
        self.calls.append(call)
        if self.failure:
            raise self.failure

    async def offer(self, name: str) -> Offer:
        self._asked("offer", name)
        return OFFER

    async def accept(self, offer: Offer, given: Rights, address: str | None, port: int) -> Admission:
        self._asked("accept", offer.own_name, given, address, port)
        wanted = Accepted(offer.own_name, offer.fingerprint, given.root, given.may_read, **flags_of(given))
        return Admission(wanted, ANSWER)

    async def adopt(self, name: str, answer: Answer) -> Peer:
        self._asked("adopt", name, answer)
        return dataclasses.replace(self.peer, name=name)

    async def accepted(self) -> tuple[Accepted, ...]:
        if self.failure:
            raise self.failure
        return tuple(self.let_in)

    async def revoke(self, name: str) -> str:
        self._asked("revoke", name)
        return f"{name} is not let in any more; what it sent here stays."

    async def rotate(self, name: str) -> Peer:
        self._asked("rotate", name)
        return dataclasses.replace(self.peer, name=name, key_fingerprint="SHA256:freshfresh")

    async def trust(self, name: str, fingerprint: str) -> Peer:
        self._asked("trust", name, fingerprint)
        return dataclasses.replace(self.peer, name=name, host_fingerprint=fingerprint)
