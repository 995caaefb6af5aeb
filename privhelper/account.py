"""Giving up root for the verbs that do not need it: `pair`, and to list and try channels, run as the user dplane."""

from __future__ import annotations

import os

from .failure import Failure
from .places import CURRENT, RELEASES, STATE_DIR
from .places import SERVICE_USER as USER
from .programs import Output, become, run_forked


def become_dplane(own_file: str, command: list[str]) -> None:
    """Drop every right of root and turn into `command` of this helper's own release. Returns only as a Failure."""
    import pwd

    program = release_of(own_file) + command[0].removeprefix(CURRENT)
    try:
        account = pwd.getpwnam(USER)
    except KeyError:
        raise Failure("unavailable", f"There is no user {USER} on this machine; install D-Plane again.") from None
    os.initgroups(USER, account.pw_gid)
    os.setresgid(account.pw_gid, account.pw_gid, account.pw_gid)
    os.setresuid(account.pw_uid, account.pw_uid, account.pw_uid)
    if 0 in os.getresuid() or 0 in os.getresgid():
        raise Failure("failed", "The helper could not give up root, so nothing was started.")
    os.umask(0o007)  # the store is shared with the group dplane-operate
    os.chdir("/")
    environment = {
        "HOME": STATE_DIR,
        "LC_ALL": "C.UTF-8",
        "LOGNAME": USER,
        "PATH": "/usr/bin:/bin:/usr/sbin:/sbin",
        "USER": USER,
    }
    become([program, *command[1:]], environment, empty_input=False)


def run_as_dplane(own_file: str, command: list[str], limit: int) -> Output:
    """Run `command` of this helper's own release as the user dplane, for at most `limit` seconds. Raises Failure."""
    return run_forked(command, limit, lambda: become_dplane(own_file, command))


def release_of(own_file: str) -> str:
    """The release that the helper's file lies in. Raises Failure when it does not lie in one."""
    release = own_file.removesuffix("/libexec/privhelper")
    if release == own_file or os.path.dirname(release) != RELEASES:
        raise Failure("unavailable", f"The helper is not in a release below {RELEASES}, so nothing was started.")
    return release
