"""The verbs for notification channels: made, removed, listed and tried. All of them are an administrator's."""

from __future__ import annotations

from . import channels as c
from . import grammar as g
from .places import CURRENT
from .shape import ADMIN, Arg, Args, Value, Verb, When

_OURS = "privhelper"
_NAME = Arg("channel", g.PEER, example="phone")
_SHARED = (Arg("events", c.TOLD, optional=True), Arg("tasks", c.TASKS, optional=True))
_REPLACE = Arg("replace", g.FLAG, optional=True)


def _password_stays_unread(args: Args) -> str:
    """A password goes to another box only through TLS."""
    plain = "user" in args and args.get("security") == "none" and not c.is_loopback(str(args["server"]))
    return "its password would travel readable: use security starttls or tls" if plain else ""


def _ping_is_simple(args: Args) -> str:
    """A ping follows one task, or the box, and knows neither events nor tokens."""
    tasks = args.get("tasks")
    more = "events" in args or args.get("with_token") is True or (isinstance(tasks, list) and len(tasks) > 1)
    return "a ping takes neither events nor a token, and one task at most" if args["kind"] == c.PING and more else ""


_DPLANE = (f"{CURRENT}/bin/dplane", "--json", "notify")


NOTIFY = (
    Verb(
        "notify-mail",
        ADMIN,
        "Makes a channel that sends mail, in a file of its own beside notify.toml, which stays as it is. With `user`, "
        "that one's password is the line behind the request.",
        (
            _NAME,
            Arg("server", c.HOST),
            Arg("security", c.SECURITY, optional=True),
            Arg("port", c.PORT, optional=True),
            Arg("from", c.ADDRESS),
            Arg("to", c.ADDRESSES),
            Arg("user", c.USER, optional=True),
            *_SHARED,
            _REPLACE,
        ),
        (_OURS, "notify-mail", Value("channel"), When("replace", "--replace")),
        rules=(_password_stays_unread,),
    ),
    Verb(
        "notify-web",
        ADMIN,
        "Makes a channel that calls an address, in the same way. What stands in it behind `site` is the line behind "
        "the request, because it can be a secret; with `with_token` a token is the line after that.",
        (
            _NAME,
            Arg("kind", c.KIND),
            Arg("site", c.SITE),
            Arg("with_token", g.FLAG, optional=True),
            *_SHARED,
            _REPLACE,
        ),
        (_OURS, "notify-web", Value("channel"), When("replace", "--replace")),
        rules=(_ping_is_simple,),
    ),
    Verb(
        "notify-remove",
        ADMIN,
        "Removes a channel that was made so, with its password or token. Those in notify.toml are its owner's.",
        (_NAME,),
        (_OURS, "notify-remove", Value("channel")),
    ),
    Verb(
        "notify-list",
        ADMIN,
        "Becomes the user dplane and lists the channels, those in notify.toml too, without what is secret in them.",
        (),
        (*_DPLANE, "list"),
        acts=False,
        limit=90,
    ),
    Verb(
        "notify-test",
        ADMIN,
        "Becomes the user dplane, sends a test to a channel, or to all, and tells what each server answered.",
        (Arg("channel", g.PEER, optional=True, example="phone"),),
        (*_DPLANE, "test", Value("channel")),
        limit=90,
    ),
)
