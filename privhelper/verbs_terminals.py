"""The verbs for consoles on the box's own terminals, and for signing in there."""

from __future__ import annotations

from . import grammar as g
from .shape import ADMIN, VIEW, Arg, Args, Value, Verb, When
from .terminals import IDLE, LOGIN, SPEED, TERMINAL, is_serial
from .verbargs import DRY_RUN

_OURS = "privhelper"


def _speed_of_a_line(args: Args) -> str:
    """Only a line has a speed."""
    return "speed is for serial lines only" if "speed" in args and not is_serial(str(args["terminal"])) else ""


TERMINALS = (
    Verb(
        "kiosk-enable",
        ADMIN,
        "Puts the console on a terminal in place of its login prompt, now and at every start. It runs as the user "
        "dplane-kiosk, which has the role view. With `view_only` nobody can sign in there; else who signs in is given "
        "back to the view after `lock_after` seconds without a key. `last` lets the last place to log in go.",
        (
            Arg("terminal", TERMINAL, example="ttyS0"),
            Arg("speed", SPEED, optional=True),
            Arg("lock_after", IDLE, optional=True),
            Arg("view_only", g.FLAG, optional=True),
            Arg("last", g.FLAG, optional=True),
            DRY_RUN,
        ),
        (_OURS, "kiosk-enable", Value("terminal"), Value("speed"), When("view_only", "--view-only")),
        rules=(_speed_of_a_line,),
        before=("terminal",),
    ),
    Verb(
        "kiosk-disable",
        ADMIN,
        "Takes the console from a terminal and gives its login prompt back.",
        (Arg("terminal", TERMINAL), DRY_RUN),
        (_OURS, "kiosk-disable", Value("terminal")),
        before=("terminal",),
    ),
    Verb(
        "sign-in",
        VIEW,
        "Checks an account's password, one line behind the request, by PAM and, when it is right, has systemd start "
        "that account's own console in place of the kiosk that asks. Only for the user dplane-kiosk on its terminal.",
        (Arg("user", LOGIN),),
        (_OURS, "sign-in", Value("user")),
    ),
    Verb(
        "unlock",
        VIEW,
        "Checks the password of the caller's own account, one line behind the request, by PAM. A dry run only tells "
        "whether that account has one.",
        (DRY_RUN,),
        (_OURS, "unlock"),
    ),
)
