"""What screens and commands call about keys: ours at the peers, theirs here, and the host keys that are pinned."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

from ... import paths
from ...errors import CommandError, HostKeyError, MissingError, NotAllowedError, RefusedError
from ...text import clean
from ..door import Door
from ..host import Host
from ..store import open_store
from . import failures, keys, lending, pasted, records, rights
from .model import PairRequest, Peer
from .pairing import PairingSession
from .pasted import Accepted, Admission, Answer, Offer
from .probe import probe_all, shown_keys
from .rights import FLAGS, Rights, flags_of

HOST_KEYS = "/etc/ssh/ssh_host_*_key.pub"
_AUTHORIZED = "ssh-accept/authorized_keys"  # below the state folder; the helper writes it (privhelper/peers.py)


class KeyService(Protocol):
    """The keys of one box. Every method raises only `DPlaneError`s."""

    async def offer(self, name: str) -> Offer:
        """What to paste on the box that is to be the peer `name`; the key is made if there is none."""
        ...

    async def accept(self, offer: Offer, given: Rights, address: str | None, port: int) -> Admission:
        """Let another box's key in with the rights `given`, read back, and the line to paste there.

        `address` is one of this box that the other may know; without it, one is looked for.
        """
        ...

    async def adopt(self, name: str, answer: Answer) -> Peer:
        """Store the box that answered as the peer `name`, after a login there with our key."""
        ...

    async def accepted(self) -> tuple[Accepted, ...]:
        """Which keys may come in here, and what they may do."""
        ...

    async def revoke(self, name: str) -> str:
        """Let a box in no longer; a sentence about what that means. Raises MissingError."""
        ...

    async def rotate(self, name: str) -> Peer:
        """A new key for a peer, used for a login before the old one is taken away."""
        ...

    async def trust(self, name: str, fingerprint: str) -> Peer:
        """Pin the host key of that fingerprint. Raises HostKeyError when the far box does not show exactly that."""
        ...


def open_keys(host: Host) -> KeyService:
    """The keys of `host`: here, or through `dplane … --json` there."""
    if host.local:
        return LocalKeys(host)
    from .keyring_remote import RemoteKeys

    return RemoteKeys(host)


class LocalKeys:
    """The keys of this machine."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._paths = paths.current()

    async def offer(self, name: str) -> Offer:
        keys.files_of(self._paths.ssh, name)
        async with PairingSession(self._host, name) as session:
            return pasted.make_offer(*await session.public_key(name))

    async def accept(self, offer: Offer, given: Rights, address: str | None, port: int) -> Admission:
        answer = pasted.make_answer(address or own_address(), port, await self._host_key(), offer.fingerprint)
        args: dict[str, Any] = {"root": given.root, "may_read": given.may_read}
        args |= {flag: getattr(given, flag) or None for flag in FLAGS}
        await Door(self._host).call("peer-accept", peer=offer.own_name, key=offer.key, **args)
        wanted = Accepted(offer.own_name, offer.fingerprint, given.root, given.may_read, **flags_of(given))
        if wanted not in await self.accepted():
            raise CommandError(
                f"{offer.own_name} was accepted, but is not listed with what it was given.",
                "`dplane peer accepted` shows what may come in.",
            )
        return Admission(wanted, answer)

    async def _host_key(self) -> str:
        files = await self._host.read_files([HOST_KEYS])
        shown = shown_keys("\n".join(f"here {' '.join(text.split()[:2])}" for text in files.values()))
        if not shown:
            raise MissingError(
                "This machine has no SSH host key that could be told to the other box.",
                "Is the SSH server installed? `sudo apt-get install openssh-server`",
            )
        return shown[0]

    async def adopt(self, name: str, answer: Answer) -> Peer:
        async with PairingSession(self._host, name) as session:
            own = await session.own_key(name)
            if own != answer.key_fingerprint:
                raise RefusedError(
                    f"That answer is for the key {answer.key_fingerprint}, and ours for {clean(name, 63)} is {own}.",
                    f"Make an offer with `dplane peer offer {clean(name, 63)}`, and accept that one there.",
                )
            request = PairRequest(name, "dplane", answer.address, answer.port, "", answer.host_key)
            return await session.adopt(request)

    async def accepted(self) -> tuple[Accepted, ...]:
        path = self._paths.state / _AUTHORIZED
        try:
            text = path.read_text("utf-8", "surrogateescape")
        except FileNotFoundError:
            return ()
        except PermissionError:
            raise NotAllowedError(
                f"{path} cannot be read, so nobody knows who may come in.", "It is open to the group dplane-view."
            ) from None
        except OSError as error:
            raise CommandError(f"{path} cannot be read: {error.strerror}.") from None
        return accepted_of(text)

    async def revoke(self, name: str) -> str:
        before = [one for one in await self.accepted() if one.name == name]
        if not before:
            raise MissingError(
                f"There is no box called {clean(name, 63)} that may come in here.", "`dplane peer accepted` lists them."
            )
        await Door(self._host).call("peer-revoke", peer=name)
        if name in {one.name for one in await self.accepted()}:
            raise CommandError(f"{name} was revoked, but is still listed.", "Look at who else changes the keys.")
        said = f"{name} is not let in any more; what it sent here stays. A stream that is on its way may still end."
        if not any(one.may_snapshot for one in before):
            return said
        marks = lending.mark_beginning(name)
        return (
            f"{said} Its bookmarks here stay, in case it is let in again, but keep no snapshot from our policies any "
            f"more: `zfs list -H -t bookmark -o name | grep {marks}` names them. A hold of it keeps its snapshot until "
            f"`zfs release` of its tag, which begins with {marks} as well."
        )

    async def rotate(self, name: str) -> Peer:
        await self._peer(name)
        async with PairingSession(self._host, name) as session:
            return await session.rotate(name)

    async def trust(self, name: str, fingerprint: str) -> Peer:
        peer = await self._peer(name)
        shown = await probe_all(self._host, peer.address, peer.port)
        found = next((one for one in shown if one.fingerprint == fingerprint), None)
        if found is None:
            raise HostKeyError(
                f"{name} ({peer.address}) shows {shown[0].fingerprint}, not {clean(fingerprint, 60)}: nothing changed.",
                f"Another box may answer in its place, or it was mistyped. {failures.how_to_trust(name)}",
            )
        async with PairingSession(self._host, name) as session:
            return await session.trust(name, found.key)

    async def _peer(self, name: str) -> Peer:
        async with open_store(self._paths.database) as store:
            return await records.peer(store, name)


def accepted_of(text: str) -> tuple[Accepted, ...]:
    """The keys in the authorized keys of the user dplane; a line that is not ours is listed as what it is."""
    found: list[Accepted] = []
    for line in text.splitlines():
        known = rights.of_line(line)
        if known is not None:
            right, key = known
            shown = keys.fingerprint(key)
            found.append(Accepted(right.peer, shown, right.root, right.may_read, **flags_of(right)))
        elif line.strip() and not line.startswith("#"):
            found.append(Accepted("", line=clean(line, 300)))
    return tuple(sorted(found, key=lambda one: one.name))


def own_address() -> str:
    """An address of this machine that another may know: the first of IPv4 that is no loopback, else its name."""
    import socket

    import psutil

    up = {name for name, stats in psutil.net_if_stats().items() if stats.isup}
    for name, addresses in sorted(psutil.net_if_addrs().items()):
        for one in addresses:
            if name in up and one.family == socket.AF_INET and not one.address.startswith("127."):
                return str(one.address)
    return Path("/etc/hostname").read_text("ascii").strip() if Path("/etc/hostname").exists() else socket.gethostname()
