"""Who is asking, and what role their groups carry. sudo vouches for the identity."""

from __future__ import annotations

import os

from .shape import ADMIN, OPERATE, VIEW

GROUPS = ((ADMIN, "dplane-admin"), (OPERATE, "dplane-operate"), (VIEW, "dplane-view"))


class Caller:
    """The person or service that made the request; `role` is "" when no group of theirs carries one."""

    __slots__ = ("role", "uid", "user")

    def __init__(self, uid: int, user: str, role: str) -> None:
        self.uid = uid
        self.user = user
        self.role = role


def caller() -> Caller:
    """The caller that sudo names; root itself (no sudo, or sudo from root) is an administrator."""
    said = os.environ.get("SUDO_UID")
    if said is None or said == "0":
        return Caller(os.getuid(), "root", ADMIN)
    if not (said.isascii() and said.isdigit()) or len(said) > 10:
        return Caller(-1, "unknown", "")
    uid = int(said)
    import pwd

    try:
        account = pwd.getpwuid(uid)
    except (KeyError, OverflowError):
        return Caller(uid, "unknown", "")
    return Caller(uid, account.pw_name, role_of(account.pw_name, account.pw_gid))


def role_of(user: str, primary_gid: int) -> str:
    """The highest role of that account's groups, its primary group included; "" for none."""
    import grp

    held = os.getgrouplist(user, primary_gid)
    for role, group in GROUPS:
        try:
            if grp.getgrnam(group).gr_gid in held:
                return role
        except KeyError:
            continue
    return ""
