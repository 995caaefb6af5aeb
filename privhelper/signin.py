"""Signing in at a console of ours, and unlocking one: a password that goes from a pipe to PAM and nowhere else."""

from __future__ import annotations

import os

from . import pam
from .failure import Failure
from .places import CGROUP, CHOWN, CURRENT, SHADOW, SYSTEMCTL, SYSTEMD_RUN
from .roles import Caller, role_of
from .shape import Args
from .terminals import console_unit, getty_unit, is_serial, session_unit, terminal_problem

KIOSK_USER = "dplane-kiosk"
_SLICE = "0::/system.slice/"
_MAX_PASSWORD = 512
_LIMIT = 60
_ROOT = 0


def sign_in(caller: Caller, args: Args) -> dict[str, object]:
    """Check the password and have systemd start that account's console on the caller's terminal. Raises Failure.

    systemd then stops the kiosk, and this helper with it: it ignores that until the answer is written down.
    """
    from . import programs

    see_it_through()
    programs.prepare()
    terminal = terminal_of(caller)
    settings = _settings(terminal)
    if settings.get("DPLANE_LINE") != "kiosk":
        raise Failure("refused", f"Nobody can sign in on {terminal}: it was set up to show and no more.")
    user = str(args["user"])
    uid = _check(user, f"/dev/{terminal}")
    _start(terminal, user, settings)
    return {"user": user, "uid": uid, "terminal": terminal}


def _check(user: str, terminal: str) -> int:
    """The uid of `user`, who typed the right password and has a role. Raises Failure."""
    import pwd

    _ask_pam(user, terminal, "sign-in")
    account = pwd.getpwnam(user)
    if account.pw_uid == _ROOT:
        raise Failure("role", "root has no console of its own: sign in as yourself, or log in at a login prompt.")
    if not role_of(user, account.pw_gid):
        raise Failure("role", f"{user} is in none of the dplane groups, so there is nothing to sign in for.")
    return account.pw_uid


def unlock(caller: Caller) -> dict[str, object]:
    """Check the password of the caller's own account. Raises Failure."""
    from . import programs

    see_it_through()
    programs.prepare()
    if caller.uid == _ROOT:
        raise Failure("refused", "root is not asked for a password; a console of root cannot be locked.")
    _ask_pam(caller.user, "", f"unlock-{caller.uid}")
    return {"user": caller.user}


def has_password(caller: Caller) -> dict[str, object]:
    """Whether the caller's account has a password of this machine: yes, no, or unknown (kept elsewhere)."""
    with open(SHADOW, encoding="utf-8", errors="replace") as lines:
        for line in lines:
            name, _, rest = line.partition(":")
            if name == caller.user:
                return {"password": "yes" if rest.partition(":")[0][:1] not in ("", "*", "!") else "no"}
    return {"password": "unknown"}


def _ask_pam(user: str, terminal: str, whose: str) -> None:
    from .session import one_at_a_time, read_request

    password = read_request(0).removesuffix(b"\n")
    if not 0 < len(password) <= _MAX_PASSWORD or b"\0" in password:
        raise Failure("refused", pam.WRONG)
    # One guess at a time: with the pause that PAM makes after a wrong one, that is the rate. The kiosks of a box have
    # one together; who unlocks a console of their own guesses at that account alone, and keeps nobody else waiting.
    lock = one_at_a_time(f"lock-{whose}", "Another password is being checked")
    try:
        pam.check(user, password, terminal)
    finally:
        os.close(lock)


def noted_args(args: Args) -> Args:
    """What the log has of a sign-in: a name that no account has may be a password typed in the wrong place."""
    import pwd

    try:
        pwd.getpwnam(str(args.get("user")))
    except KeyError:
        return {"user": "(no such account)"}
    return args


def terminal_of(caller: Caller) -> str:
    """The terminal of the kiosk that asks, as systemd knows it: by the unit this process is in. Raises Failure."""
    if caller.user == KIOSK_USER:
        with open(CGROUP, encoding="utf-8", errors="replace") as lines:
            place = next((line.rstrip("\n") for line in lines if line.startswith(_SLICE)), "")
        # Only the system's manager can make units below system.slice; a person's own manager has another place.
        *above, unit = place.removeprefix(_SLICE).split("/")
        terminal = unit.rpartition("@")[2].removesuffix(".service")
        kind = "serial" if is_serial(terminal) else "console"
        sliced = above in ([], [f"system-dplane\\x2d{kind}.slice"])
        if sliced and not terminal_problem(terminal) and unit == console_unit(terminal):
            return terminal
    raise Failure(
        "role", "Signing in is for a console that `dplane kiosk` put on a terminal of this box; run dplane as yourself."
    )


def _settings(terminal: str) -> dict[str, str]:
    """What the unit of that terminal was given, from systemd. Raises Failure."""
    from . import programs

    said = programs.ask([SYSTEMCTL, "show", "-p", "Environment", "--value", "--", console_unit(terminal)], _LIMIT)
    return {name: value for name, _, value in (word.partition("=") for word in said.split())}


def _start(terminal: str, user: str, settings: dict[str, str]) -> None:
    """Have systemd start the console of `user` there; it stops the kiosk, and starts it again at the end."""
    from . import programs

    argv = session_argv(terminal, user, settings)
    output = programs.run(argv, _LIMIT)
    if output.status != 0:
        raise programs.failure(argv, output)


def session_argv(terminal: str, user: str, settings: dict[str, str]) -> list[str]:
    """The command that makes the unit of a session: as that user, on that terminal, with the kiosk after it. Pure."""
    kiosk = console_unit(terminal)
    kept = ("TERM", "DPLANE_LOCK_AFTER", "DPLANE_LINE_SPEED")
    environment = [f"{name}={settings[name]}" for name in kept if settings.get(name)]
    properties = [
        f"Conflicts={kiosk}",
        f"After={kiosk} {getty_unit(terminal)}",
        f"ExecStartPre=+{CHOWN} root:root /dev/{terminal}",  # as in the units of kiosks
        # Not OnSuccess= and OnFailure=: with them systemd keeps this unit loaded, and the next sign-in cannot make it.
        f"ExecStopPost=+{SYSTEMCTL} --no-block --no-ask-password start -- {kiosk}",
        f"PAMName={pam.SERVICE}",
        "UMask=0002",
        "NotifyAccess=main",
        "TimeoutStartSec=120",
        "TimeoutStopSec=30",
        "RuntimeMaxSec=12h",  # whoever signed in could stop the process that counts the minutes
        "StandardInput=tty-force",  # else ExecStopPost waits for whoever of that account took the terminal meanwhile
        "StandardOutput=inherit",
        "StandardError=inherit",
        f"TTYPath=/dev/{terminal}",
        "TTYReset=yes",
        "TTYVHangup=yes",
        f"TTYVTDisallocate={'no' if is_serial(terminal) else 'yes'}",
        f"UtmpIdentifier={terminal}",
        "UtmpMode=user",
        "SendSIGHUP=yes",
        "LimitCORE=0",
        "KeyringMode=private",
        "TasksMax=128",
        *(f"Environment={setting}" for setting in ("DPLANE_LINE=session", *environment)),
    ]
    return [
        SYSTEMD_RUN,
        "--quiet",
        "--no-ask-password",
        "--no-block",
        "--collect",
        "--service-type=notify",
        f"--unit={session_unit(terminal)}",
        f"--description=D-Plane console of {user} on {terminal}",
        f"--uid={user}",
        *(f"--property={one}" for one in properties),
        "--",
        f"{CURRENT}/bin/dplane",
    ]


def see_it_through() -> None:
    """What runs on a terminal is ended when another unit takes it; an act that does so must come to its end itself.

    So must the check of a password: whoever could end it would not have to wait after a wrong one.
    """
    from _signal import (  # type: ignore[import-not-found]
        SIG_IGN,
        SIGHUP,
        SIGINT,
        SIGQUIT,
        SIGTERM,
        signal,
    )

    for number in (SIGTERM, SIGHUP, SIGINT, SIGQUIT):
        signal(number, SIG_IGN)
