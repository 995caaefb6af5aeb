"""The verbs for what single accounts and groups use of a file system, and the most they may."""

from __future__ import annotations

from .accounts import ACCOUNT, QUOTA, WHO
from .places import ZFS
from .shape import OPERATE, VIEW, Arg, Setting, Value, Verb, When
from .verbargs import DATASET, GUID

_KIND = Arg("kind", WHO)
_COLUMNS = ("-H", "-p", "-o", "type,name,used,quota", "--", Value("dataset"))

ACCOUNTS = (
    Verb(
        "accounts-list",
        VIEW,
        "Lists what each user or each group uses of a file system, and its quota. ZFS tells that to root only.",
        (DATASET, _KIND),
        (ZFS, When("kind", "userspace", equals="user", otherwise=("groupspace",)), *_COLUMNS),
        acts=False,
    ),
    Verb(
        "account-quota",
        OPERATE,
        "Sets the most that a user or a group may use of a file system, or takes it away. Returns the `quota` read "
        "back, in bytes.",
        (DATASET, GUID, _KIND, Arg("account", ACCOUNT), Arg("quota", QUOTA)),
        (
            *(ZFS, "set"),
            When(
                "kind",
                Setting("account", "quota", "userquota@"),
                equals="user",
                otherwise=(Setting("account", "quota", "groupquota@"),),
            ),
            Value("dataset"),
        ),
        guard="dataset",
        after="account-quota",
    ),
)
