"""A channel that a person wants: checked by the helper's own rules before it is asked, and as the request it gets."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from privhelper import channels as rules
from privhelper import grammar

from ...errors import RefusedError
from ...lazyclass import dataclass, field
from .model import MAIL, NTFY, PING, WEBHOOK

KINDS = (MAIL, NTFY, WEBHOOK, PING)
_OTHERWISE = "/etc/dplane/notify.toml can say more than a channel made here: docs/notifications.md."


@dataclass(frozen=True, slots=True)
class Wanted:
    """A channel to make. What can be secret is not in its repr."""

    kind: str
    name: str
    url: str = field(default="", repr=False)
    """Of all but mails."""
    server: str = ""
    security: str = ""
    """`starttls`, `tls` or `none`; empty is `starttls`."""
    port: int | None = None
    """None is the usual one."""
    sender: str = ""
    to: tuple[str, ...] = ()
    user: str = ""
    secret: str = field(default="", repr=False)
    """The password of `user`, or the token of another kind; empty is none."""
    events: tuple[str, ...] = ()
    """Empty is the usual ones."""
    tasks: tuple[str, ...] = ()
    """Empty is all; of a ping: the box itself."""
    replace: bool = False


def check(wanted: Wanted) -> None:
    """Raises RefusedError with what the helper would refuse."""
    if wanted.kind not in KINDS:
        raise RefusedError(f"A channel is one of {', '.join(KINDS)}.")
    _needs("The name", grammar.peer_problem(wanted.name))
    if wanted.kind == MAIL:
        _check_mail(wanted)
    else:
        _check_address(wanted)
    if wanted.secret or (wanted.kind == MAIL and wanted.user):
        _needs("The password" if wanted.kind == MAIL else "The token", rules.secret_problem(wanted.secret))
    if wanted.events:
        _needs("What it is told of", rules.TOLD.check(list(wanted.events)))
    if wanted.tasks:
        _needs("The tasks it is about", rules.TASKS.check(list(wanted.tasks)))
    if wanted.kind == PING and (wanted.events or wanted.secret or len(wanted.tasks) > 1):
        raise RefusedError("A ping takes neither events nor a token, and one task at most.", _OTHERWISE)


def _needs(what: str, problem: str) -> None:
    if problem:
        raise RefusedError(f"{what} {problem}.")


def _check_mail(wanted: Wanted) -> None:
    _needs("The server", rules.host_problem(wanted.server))
    _needs("The sender", rules.mail_problem(wanted.sender))
    if not wanted.to:
        raise RefusedError("A mail needs somebody to go to.")
    for one in wanted.to:
        _needs("An address it goes to", rules.mail_problem(one))
    _needs("The list of those it goes to", rules.ADDRESSES.check(list(wanted.to)))
    if wanted.security:
        _needs("The security", rules.security_problem(wanted.security))
    if wanted.port is not None:
        _needs("The port", rules.port_problem(wanted.port))
    if wanted.user:
        _needs("The user", rules.user_problem(wanted.user))
        if wanted.security == "none" and not rules.is_loopback(wanted.server):
            raise RefusedError("Its password would travel readable: use starttls or tls.")
    elif wanted.secret:
        raise RefusedError("A password needs the user it is of.")


def _check_address(wanted: Wanted) -> None:
    _needs("The address", rules.url_problem(wanted.url, wanted.kind))
    site, _ = split(wanted.url)
    if rules.site_problem(site):
        raise RefusedError(
            "The address must begin with https://; only this box itself (localhost) is called without TLS.",
            f"One without TLS in your own network: {_OTHERWISE}",
        )


def split(url: str) -> tuple[str, str]:
    """The part of `url` that may be told, scheme and host, and the rest, which can be a secret."""
    scheme, _, behind = url.partition("://")
    host = urlsplit(url).netloc
    return f"{scheme.lower()}://{host}", behind.removeprefix(host) or "/"


def request(wanted: Wanted) -> tuple[str, dict[str, Any], bytes]:
    """The helper's verb, its arguments, and the lines that come behind them. `wanted` was checked."""
    shared = {
        "channel": wanted.name,
        "events": list(wanted.events) or None,
        "tasks": list(wanted.tasks) or None,
        "replace": wanted.replace or None,
    }
    if wanted.kind == MAIL:
        args = {
            "server": wanted.server,
            "security": wanted.security or None,
            "port": wanted.port,
            "from": wanted.sender,
            "to": list(wanted.to),
            "user": wanted.user or None,
        }
        return "notify-mail", {**shared, **args}, _lines(wanted.secret if wanted.user else "")
    site, rest = split(wanted.url)
    args = {"kind": wanted.kind, "site": site, "with_token": bool(wanted.secret) or None}
    return "notify-web", {**shared, **args}, _lines(rest, wanted.secret)


def _lines(*secrets: str) -> bytes:
    return "".join(f"{one}\n" for one in secrets if one).encode("ascii")
