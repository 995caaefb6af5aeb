"""Users, groups and rights of the datasets in memory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dplane_tui.services.zfs.accounts import AccountUse
from dplane_tui.services.zfs.delegation import Grant, parse_allow
from dplane_tui.services.zfs.model import Dataset
from dplane_tui.services.zfs.shares import Share, Shares
from dplane_tui.services.zfs.tree import Holding
from privhelper.properties import size_in_bytes
from privhelper.shares import nfs_value

G = 1 << 30
ALLOWED = """---- Permissions on tank/home ----------------------------------------
Local+Descendent permissions:
\tuser anna snapshot,mount
\tuser evil\x1b[2J @my set,send
---- Permissions on tank ---------------------------------------------
Permission sets:
\t@backup hold,send
Descendent permissions:
\tgroup staff @backup
Local permissions:
\teveryone userprop
"""


class FakeAccounts:
    """What a test wants otherwise it changes on the parts."""

    calls: list[tuple[Any, ...]]
    tree_list: list[Holding]

    def uses(self) -> dict[str, AccountUse]:
        """By kind and name; made when first asked for."""
        if "_uses" not in self.__dict__:
            given = [
                AccountUse("user", "anna", 9 * G, 10 * G),
                AccountUse("user", "bert\x1b[2J", 12 * G, 0),
                AccountUse("user", "1005", G, G),
                AccountUse("group", "staff", 21 * G, 0),
            ]
            self.__dict__["_uses"] = {f"{one.kind} {one.name}": one for one in given}
        found: dict[str, AccountUse] = self.__dict__["_uses"]
        return found

    async def shares(self) -> Shares:
        wanted: dict[str, str] = self.__dict__.setdefault("_nfs", {"tank/home": "rw=@192.168.1.0/24,ro=nas2"})
        found = [
            Share(one.name, f"/{one.name}", bool(one.mounted), wanted.get(one.name, "off"), "off", table, ())
            for one in self.tree_list
            for table in [("192.168.1.0/24 (rw)", "nas2 (ro)") if one.name == "tank/home" else ()]
        ]
        return Shares("active", "not installed", tuple(found))

    async def share_nfs(self, dataset: Dataset, clients: Mapping[str, str]) -> Share:
        self.calls.append(("share_nfs", dataset.name, dict(clients)))
        await self.shares()
        self.__dict__["_nfs"][dataset.name] = nfs_value(dict(clients))
        return next(one for one in (await self.shares()).found if one.dataset == dataset.name)

    async def allowed(self, dataset: Dataset) -> tuple[Grant, ...]:
        return parse_allow(ALLOWED, dataset.name) if dataset.name.startswith("tank/home") else ()

    async def accounts(self, dataset: str, kind: str) -> tuple[AccountUse, ...]:
        return tuple(
            sorted((one for one in self.uses().values() if one.kind == kind), key=lambda one: -(one.used or 0))
        )

    async def set_account_quota(self, dataset: Dataset, kind: str, account: str, quota: str) -> int:
        self.calls.append(("account_quota", dataset.name, kind, account, quota))
        kept = 0 if quota == "none" else size_in_bytes(quota)
        before = self.uses().get(f"{kind} {account}")
        self.uses()[f"{kind} {account}"] = AccountUse(kind, account, before.used if before else 0, kept)
        return kept
