"""What notify.toml says: who is told of what, and how. Pure. `read.py` reads it, with the channels made by D-Plane.

A channel that makes no sense is left out and told; the others work. What a value may be the helper's rules decide, so
that whatever it writes is understood here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from privhelper import channels as rules
from privhelper import grammar

from ...lazyclass import dataclass
from ...text import clean
from .model import DEFAULT_EVENTS, EVENTS, MAIL, NTFY, PING, WEBHOOK, Channel

_TOP = ("name", "remind_hours", "channel")
_REMIND_HOURS = 24
_NEEDED = {MAIL: ("server", "from", "to"), WEBHOOK: ("url",), NTFY: ("url",), PING: ("url",)}
_OPTIONAL = {
    MAIL: ("port", "security", "user", "password_file", "ca_file", "events", "tasks"),
    WEBHOOK: ("token_file", "ca_file", "events", "tasks"),
    NTFY: ("token_file", "ca_file", "events", "tasks"),
    PING: ("ca_file", "task"),
}


@dataclass(frozen=True, slots=True)
class Config:
    """What the file says; `problems` are sentences about channels that are left out."""

    channels: tuple[Channel, ...] = ()
    name: str = ""
    """How the box calls itself in messages; empty is its host name."""
    remind: float | None = _REMIND_HOURS * 3600.0
    """Seconds after which an alarm that goes on is told again; None is never."""
    problems: tuple[str, ...] = ()


class _Wrong(Exception):
    """A clause about what is wrong with a channel."""


def parse(text: str) -> Config:
    """The configuration that `text` says. Raises ValueError when it is no TOML."""
    import tomllib

    told = tomllib.loads(text)
    problems = [f"{_unknown(key, _TOP)}." for key in told if key not in _TOP]
    name = told.get("name", "")
    if not isinstance(name, str) or clean(name, 64) != name:
        problems.append("“name” is not a name of at most 64 plain characters.")
        name = ""
    hours = told.get("remind_hours", _REMIND_HOURS)
    if isinstance(hours, bool) or not isinstance(hours, int) or not 0 <= hours <= 8760:
        problems.append("“remind_hours” is not a whole number of hours from 0 (never) to 8760.")
        hours = _REMIND_HOURS
    listed = told.get("channel", {})
    if not isinstance(listed, dict):
        problems.append("“channel” is written as [channel.NAME], a section for each.")
        listed = {}
    channels: list[Channel] = []
    for key, fields in listed.items():
        try:
            channels.append(_channel(key, fields))
        except _Wrong as wrong:
            problems.append(f"Channel “{clean(key, 63)}” is left out: {wrong}.")
    return Config(tuple(channels), name, hours * 3600.0 if hours else None, tuple(problems))


def _channel(name: str, fields: Any) -> Channel:
    if not isinstance(fields, dict):
        raise _Wrong("it is written as [channel.NAME] with its settings below")
    if problem := grammar.peer_problem(name):
        raise _Wrong(f"its name {problem}")
    kind = fields.get("kind")
    if kind not in _NEEDED:
        raise _Wrong(f"its “kind” is to be one of {', '.join(_NEEDED)}")
    known = ("kind", *_NEEDED[kind], *_OPTIONAL[kind])
    for key in fields:
        if key not in known:
            raise _Wrong(_unknown(key, known))
    for key in _NEEDED[kind]:
        if key not in fields:
            raise _Wrong(f"“{key}” is missing")
    channel = Channel(
        name,
        kind,
        _events(fields),
        tasks=_tasks(fields),
        url=_url(fields) if "url" in fields else "",
        token_file=_file(fields, "token_file"),
        ca_file=_file(fields, "ca_file"),
        **(_mail(fields) if kind == MAIL else {}),
    )
    if channel.token_file and not rules.is_protected(channel.url):
        raise _Wrong("its token would travel readable: a “token_file” needs an https address")
    return channel


def _unknown(key: str, known: tuple[str, ...]) -> str:
    from difflib import get_close_matches

    close = get_close_matches(key, known, 1)
    meant = f"did you mean {close[0]}?" if close else f"there are {', '.join(known)}"
    return f"“{clean(key, 40)}” is no setting that is known here ({meant})"


def _text(fields: Mapping[str, Any], key: str, default: str = "") -> str:
    value = fields.get(key, default)
    if not isinstance(value, str) or clean(value, 500) != value or value != value.strip():
        raise _Wrong(f"“{key}” is not a plain text")
    return value


def _texts(fields: Mapping[str, Any], key: str) -> tuple[str, ...]:
    value = fields.get(key, [])
    found = [value] if isinstance(value, str) else value
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        raise _Wrong(f"“{key}” is not a list of texts")
    return tuple(found)


def _events(fields: Mapping[str, Any]) -> tuple[str, ...]:
    if fields["kind"] == PING:
        return ()
    found = _texts(fields, "events") if "events" in fields else DEFAULT_EVENTS
    for one in found:
        if one not in EVENTS:
            raise _Wrong(f"“{clean(one, 40)}” is no event; there are {', '.join(EVENTS)}")
    if not found:
        raise _Wrong("its “events” are empty, so it would never be told anything")
    return found


def _tasks(fields: Mapping[str, Any]) -> tuple[str, ...]:
    found = (_text(fields, "task"),) if "task" in fields else _texts(fields, "tasks")
    for one in found:
        if problem := grammar.peer_problem(one):
            raise _Wrong(f"the task's name “{clean(one, 63)}” {problem}")
    return found


def _url(fields: Mapping[str, Any]) -> str:
    url = _text(fields, "url")
    if problem := rules.url_problem(url, fields["kind"]):
        raise _Wrong(f"its “url” {problem}")
    return url


def _file(fields: Mapping[str, Any], key: str) -> str:
    path = _text(fields, key)
    if path and not path.startswith("/"):
        raise _Wrong(f"“{key}” is to be a full path, beginning with /")
    return path


def _mail(fields: Mapping[str, Any]) -> dict[str, Any]:
    server, security = _text(fields, "server"), _text(fields, "security", "starttls")
    if problem := rules.host_problem(server):
        raise _Wrong(f"its “server” {problem}")
    if problem := rules.security_problem(security):
        raise _Wrong(f"its “security” {problem}")
    port = fields.get("port", rules.PORTS[security])
    if problem := rules.port_problem(port):
        raise _Wrong(f"its “port” {problem}")
    sender, to = _text(fields, "from"), _texts(fields, "to")
    if not to:
        raise _Wrong("its “to” names nobody")
    for one in (sender, *to):
        if problem := rules.mail_problem(one):
            raise _Wrong(f"“{clean(one, 80)}” {problem}")
    user, password_file = _text(fields, "user"), _file(fields, "password_file")
    if bool(user) != bool(password_file):
        raise _Wrong("“user” and “password_file” come together")
    if user and security == "none" and not rules.is_loopback(server):
        raise _Wrong("its password would travel readable: use “security” starttls or tls")
    return {
        "server": server,
        "port": port,
        "security": security,
        "user": user,
        "password_file": password_file,
        "sender": sender,
        "to": to,
    }
