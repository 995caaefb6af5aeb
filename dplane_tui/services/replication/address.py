"""Where a dataset is, as users of syncoid type it: `pool/ds`, `host:pool/ds`, `user@host:pool/ds`. Pure.

A colon behind the first slash belongs to the dataset's name. An IPv6 address stands in brackets: `[fe80::1]:pool/ds`.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from privhelper import grammar

from ...errors import UsageError
from ...lazyclass import dataclass
from ...text import clean

_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,252}")
_IPV6 = re.compile(r"(?=[0-9A-Fa-f.]*:)[0-9A-Fa-f:.]{2,45}(?:%[A-Za-z0-9._-]{1,15})?")
_BRACKETED = re.compile(r"(?:([^@\[\]:/]*)@)?\[([^\]]*)\]:(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Address:
    """A dataset here (`host` None) or on another box."""

    dataset: str
    host: str | None = None
    """Host name or address, IPv6 without its brackets."""
    user: str | None = None
    """The account there; None when none was named."""

    def __str__(self) -> str:
        if self.host is None:
            return self.dataset
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{f'{self.user}@' if self.user else ''}{host}:{self.dataset}"


def parse(text: str, pools: Collection[str] = ()) -> Address:
    """The place that `text` names. Raises UsageError.

    `pools` are this box's pools: a pool's name may hold a colon, and then wins over a host of the same beginning.
    """
    found = _BRACKETED.fullmatch(text)
    if found:
        return _checked(text, found[1], found[2], found[3])
    head, colon, rest = text.partition(":")
    if "@" in head:
        user, _, host = head.partition("@")
        if not colon:
            raise _odd(
                text,
                "has an @ and no colon",
                "A snapshot is never named here, only its dataset." if "/" in user else "Write USER@HOST:POOL/DATASET.",
            )
        return _checked(text, user, host, rest)
    first = text.split("/")[0]
    if ":" in first and first not in pools:
        return _checked(text, None, head, rest)
    return _checked(text, None, None, text)


def _checked(text: str, user: str | None, host: str | None, dataset: str) -> Address:
    """An address of parts that are all sound. Syncoid takes `@host:…` as well: no user is named. Raises UsageError."""
    if user and not _USER.fullmatch(user):
        raise _odd(text, f"has an account, “{clean(user, 40)}”, that no box can have", "Write USER@HOST:POOL/DATASET.")
    if host is not None and not (_NAME.fullmatch(host) or _IPV6.fullmatch(host)):
        what = f"has a host, “{clean(host, 60)}”, that is none" if host else "has no host before the colon"
        raise _odd(text, what, "Write HOST:POOL/DATASET, or [ADDRESS]:POOL/DATASET for IPv6.")
    if "@" in dataset:
        raise _odd(text, "names a snapshot", "Leave out the @ and what is behind it.")
    if problem := grammar.dataset_problem(dataset):
        hint = "Write POOL/DATASET, HOST:POOL/DATASET or USER@HOST:POOL/DATASET."
        if host is not None and ":" in dataset.split("/")[0]:
            hint = "An IPv6 address stands in brackets: [fe80::1]:POOL/DATASET."
        raise _odd(text, f"names a dataset that {problem}", hint)
    return Address(dataset, host, user or None)


def _odd(text: str, what: str, hint: str) -> UsageError:
    return UsageError(f"“{clean(text, 80)}” {what}.", hint)


def login(where: str) -> tuple[str | None, str, int]:
    """User (None when not given), address and port of `[USER@]HOST[:PORT]`. Raises UsageError."""
    found = re.fullmatch(
        r"(?:([A-Za-z0-9_][A-Za-z0-9_.-]{0,63})@)?(?:\[([0-9A-Fa-f:.%a-z]+)\]|([A-Za-z0-9][A-Za-z0-9._-]{0,252}))(?::(\d{1,5}))?",
        where,
    )
    port = int(found[4] or 22) if found else 0
    if not found or not 0 < port < 65536:
        raise UsageError(
            f"“{clean(where, 80)}” is not an address.", "Write USER@HOST or USER@HOST:PORT, [ADDRESS] for IPv6."
        )
    return found[1], found[2] or found[3], port
