"""Users, groups and rights of the datasets in memory."""

from __future__ import annotations

from typing import Any

from dplane_tui.services.zfs.accounts import AccountUse
from dplane_tui.services.zfs.delegation import Grant, parse_allow
from dplane_tui.services.zfs.model import Dataset
from privhelper.properties import size_in_bytes

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
