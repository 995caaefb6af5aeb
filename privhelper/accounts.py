"""Accounts and groups that may use so much of a file system: what they may be called, and the quota read back."""

from __future__ import annotations

from .grammar import ALNUM, DIGITS, LETTERS, Kind, size_problem, text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .checks import Found
    from .shape import Args

_NAME = ALNUM | frozenset("_.-")
_HIGHEST = 2**32 - 2  # the one above means nobody in particular


def account_problem(value: object) -> str:
    """Why `value` is neither the name of an account or group of this machine nor the number of one."""
    if isinstance(value, str) and value[:1] in DIGITS and value:
        sound = value == "0" or (not text(value, 10, DIGITS, DIGITS - {"0"}) and int(value) <= _HIGHEST)
        return "" if sound else f"must be a number from 0 to {_HIGHEST}, or a name that starts with a letter or _"
    return text(value, 32, _NAME, LETTERS | {"_"}, dots=True)


def _who_problem(value: object) -> str:
    return "" if value in ("user", "group") else "must be user or group"


def _quota_problem(value: object) -> str:
    return "" if value == "none" or not size_problem(value) else "must be none, or a size such as 10G"


ACCOUNT = Kind(
    "account",
    "the name of an account or group: letters, digits and _ . -, starts with a letter or _, at most 32 bytes; or its "
    f"number, 0 to {_HIGHEST}",
    "anna",
    account_problem,
)
WHO = Kind("account-kind", "user or group", "user", _who_problem)
QUOTA = Kind("account-quota", "none, or digits, then nothing (bytes) or one of K M G T", "10G", _quota_problem)


def account_quota(args: Args) -> Found:
    """The quota that ZFS tells now, in bytes, 0 for none. Raises Failure when it is not the one that was wanted."""
    from .checks import zfs_get
    from .failure import Failure
    from .properties import size_in_bytes

    wanted = 0 if args["quota"] == "none" else size_in_bytes(str(args["quota"]))
    told = zfs_get(str(args["dataset"]), f"{args['kind']}quota@{args['account']}")
    now = 0 if told in ("none", "-") else int(told) if told.isascii() and told.isdigit() else -1
    if now != wanted:
        raise Failure("failed", f"zfs set the quota of {args['account']}, but says that it is {told[:40]}.")
    return {"quota": now}
