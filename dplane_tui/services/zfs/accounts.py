"""What single users and groups use of a file system, and the most they may."""

from __future__ import annotations

from privhelper import accounts as allowed
from privhelper import properties

from ...errors import CommandError, RefusedError
from ...lazyclass import dataclass
from ...text import clean
from . import names
from .model import Dataset
from .parse_lists import number
from .service import ZfsService

USER, GROUP = "user", "group"
_NEARLY = 80


@dataclass(frozen=True, slots=True)
class AccountUse:
    """One account or group of a file system. Bytes; None for unknown."""

    kind: str
    """`user` or `group`."""
    name: str
    """As the box resolves it; digits are the number of one that has no name there."""
    used: int | None
    quota: int
    """0 for none."""

    @property
    def percent(self) -> float | None:
        """How full its quota is; None without one."""
        return 100 * self.used / self.quota if self.quota and self.used is not None else None

    @property
    def word(self) -> str:
        """How it stands: `over its quota`, `nearly full`, `within its quota`, or `no quota`."""
        full = self.percent
        if not self.quota:
            return "no quota"
        if full is None:
            return "not known"
        return "over its quota" if full >= 100 else "nearly full" if full >= _NEARLY else "within its quota"


def parse_accounts(text: str, kind: str) -> tuple[AccountUse, ...]:
    """`zfs userspace -Hpo type,name,used,quota`, who uses most first. Raises CommandError."""
    found = []
    for line in text.split("\n"):
        if not line:
            continue
        kind_word, tab, rest = line.partition("\t")
        name, *figures = rest.rsplit("\t", 2)  # a name may hold anything its directory service takes
        used = number(figures[0]) if len(figures) == 2 else None
        if not tab or len(figures) != 2 or not name or (used is None and figures[0] != "-"):
            raise CommandError(
                f"What `zfs {kind}space` said was not understood: “{clean(line, 100)}”.",
                "Please report it with the version of ZFS (`zfs version`).",
            )
        shown = name if kind_word.startswith("POSIX") else f"{name} ({kind_word.partition(' ')[0]})"
        found.append(AccountUse(kind, shown, 0 if used is None else used, number(figures[1]) or 0))
    return tuple(sorted(found, key=lambda one: (-(one.used or 0), one.name)))


def check_quota(account: str, quota: str) -> None:
    """Raises RefusedError for an account or a quota that the door would not take."""
    broken = allowed.account_problem(account)
    if broken:
        next_step = "Give its number instead; `id` on the box tells it."
        raise RefusedError(f"“{clean(account, 60)}” cannot be an account or group here: it {broken}.", next_step)
    broken = allowed.QUOTA.check(quota)
    if broken:
        raise RefusedError(f"The quota “{clean(quota, 40)}” {broken}.")


class AccountActs(ZfsService):
    """Lists what accounts use, and sets the most they may."""

    async def accounts(self, dataset: str, kind: str) -> tuple[AccountUse, ...]:
        """What each `user` or `group` uses of a file system. ZFS counts with a delay of some seconds."""
        answer = await self.door.call("accounts-list", dataset=names.dataset(dataset), kind=kind)
        return parse_accounts(str(answer.get("stdout", "")), kind)

    async def set_account_quota(self, dataset: Dataset, kind: str, account: str, quota: str) -> int:
        """Set the quota of a `user` or `group` (`none` takes it away). Returns it as read back, in bytes; 0 for none.

        Raises RefusedError for what is outside the grammar, CommandError when ZFS then tells another figure.
        """
        check_quota(account, quota)
        if dataset.kind != "filesystem":
            raise RefusedError(f"{dataset.name} is a volume: only a file system knows who owns what in it.")
        answer = await self.door.call(
            "account-quota", dataset=dataset.name, guid=dataset.guid, kind=kind, account=account, quota=quota
        )
        kept, wanted = answer.get("quota"), 0 if quota == "none" else properties.size_in_bytes(quota)
        if kept != wanted:
            now = clean(str(kept), 40)
            raise CommandError(f"The quota of {account} on {dataset.name} was set to {quota}, but reads back as {now}.")
        return wanted
