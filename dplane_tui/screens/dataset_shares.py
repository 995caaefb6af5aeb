"""Shares of a dataset: what is so by the servers' tables, and giving or taking it over NFS and SMB."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import RefusedError
from ..services.zfs.shares import (
    MISSING,
    PACKAGES,
    Share,
    Shares,
    check_clients,
    clients_of,
    is_so,
    nfs_words,
    reached,
    smb_words,
)
from ..text import clean
from ..widgets.dialogs import Confirm, Form, Values, ask
from ..widgets.fields import TextField
from .sure import choose_way

if TYPE_CHECKING:
    from ..app import Console
    from ..services.zfs.storage import StorageService
    from ..services.zfs.tree import Holding

_NFS_ABOUT = "Addresses, networks or names, with spaces between; none: not shared."
_TRUST = "NFS asks for no password: those machines are trusted with who their users are."


class DatasetShareActs:
    """Needs `console`, `storage` and `chosen` of the acts it is mixed into."""

    if TYPE_CHECKING:

        @property
        def console(self) -> Console: ...
        @property
        def storage(self) -> StorageService: ...
        def chosen(self) -> Holding: ...

    async def do_dataset_shares(self) -> str | None:
        """How it is shared now; then NFS or SMB."""
        one = self.chosen()
        if one.kind != "filesystem":
            raise RefusedError(f"{one.name} is a volume: it has no files to share.")
        shares = await self.storage.shares()
        share = next((each for each in shares.found if each.dataset == one.name), None)
        if share is None:
            raise RefusedError(f"{one.name} is not listed any more.")
        nfs, smb = nfs_words(share, shares.nfs_server), smb_words(share, shares.smb_server)
        way = await choose_way(
            self.console,
            f"Share {one.name}",
            (("nfs", "NFS", nfs), ("smb", "SMB", smb)),
            f"NFS: {nfs}. SMB: {smb}. Changing it needs the role admin.",
        )
        if way == "nfs":
            return await self._nfs(one, share, shares)
        return await self._smb(one, share, shares) if way == "smb" else None

    async def _nfs(self, one: Holding, share: Share, shares: Shares) -> str | None:
        _installed("nfs", shares.nfs_server, share.nfs)
        known = clients_of(share.nfs)
        now = known or {}
        other = f"It is shared otherwise now ({clean(share.nfs, 60)}): Set replaces that. " if known is None else ""
        rw, ro = ([client for client in now if now[client] == access] for access in ("rw", "ro"))
        fields = (
            TextField("Read, write", " ".join(rw), id="rw", hint="192.168.1.0/24 nas2.lan"),
            TextField("Read only", " ".join(ro), id="ro", hint="nobody"),
        )
        dialog = Form(
            f"Share {one.name} over NFS",
            fields,
            "Set",
            text=f"{other}{_NFS_ABOUT} {_TRUST}{_below(one, shares)}",
            check=lambda values: check_clients(_asked(values)),
        )
        values = await ask(self.console, dialog)
        if values is None:
            return None
        clients = _asked(values)
        done = await self.storage.share_nfs(one, clients)
        return self._told(f"{one.name} over NFS", nfs_words(done, shares.nfs_server), bool(clients))

    async def _smb(self, one: Holding, share: Share, shares: Shares) -> str | None:
        _installed("smb", shares.smb_server, share.smb)
        on = share.smb == "off"
        text = "Accounts that Samba knows, with its own passwords, see it then." if on else "Nobody sees it there then."
        word = "Share" if on else "Share no more"
        if not await ask(self.console, Confirm(f"{word}: {one.name}, SMB?", text + _below(one, shares), word)):
            return None
        done = await self.storage.share_smb(one, on)
        return self._told(f"{one.name} over SMB", smb_words(done, shares.smb_server), on)

    def _told(self, what: str, words: str, wanted: bool) -> str | None:
        """Good only when it is as it was wanted: ZFS's setting alone shares nothing."""
        if is_so(words, wanted):
            return f"{what}: {words}."
        self.console.say(f"{what}: {words}.", "warn")
        return None


def _installed(kind: str, server: str, value: str) -> None:
    if server == MISSING and value == "off":
        raise RefusedError(
            f"{PACKAGES[kind]} is not installed on this box, so nothing can be shared by it.",
            f"`sudo apt install {PACKAGES[kind]}` installs it.",
        )


def _below(one: Holding, shares: Shares) -> str:
    below = reached(shares.found, one.name)
    return f" It reaches {len(below)} below too, unless they have a setting of their own." if below else ""


def _asked(values: Values) -> dict[str, str]:
    rw, ro = values["rw"].split(), values["ro"].split()
    both = set(rw) & set(ro)
    if both:
        raise RefusedError(f"{min(both)} stands for both.")
    return {**dict.fromkeys(rw, "rw"), **dict.fromkeys(ro, "ro")}
