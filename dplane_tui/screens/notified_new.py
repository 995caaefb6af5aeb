"""The questions for a new channel: its kind, then a few fields. Secrets are there and on the door's pipe alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import RefusedError
from ..services.notify.listed import Listing
from ..services.notify.model import DEFAULT_EVENTS, MAIL, NTFY, PING, WEBHOOK
from ..services.notify.wanted import Wanted, check
from ..widgets.dialogs import Confirm, Form, Values, ask
from ..widgets.fields import Choice, Field, TextField
from .sure import choose_way

if TYPE_CHECKING:
    from ..app import Console

_KINDS = (
    (MAIL, "mail", "by the mail server of a provider, or of this box"),
    (NTFY, "ntfy", "a push to a phone, by a topic that nobody guesses"),
    (WEBHOOK, "webhook", "an address that gets each message as JSON"),
    (PING, "ping", "a service that calls you when this box falls silent"),
)
_TEXTS = {
    MAIL: "Big providers want an app password here. It is kept in a file that root and the service read, no one else.",
    NTFY: "Subscribe to the topic in the ntfy app. Who knows the address reads along, so it is kept like a password.",
    WEBHOOK: "It gets a JSON object for each message; any answer from 200 to 299 counts as accepted.",
    PING: "URL/start, URL and URL/fail are called at a run's begin and end, or URL after each check of the box.",
}
_HINTS = {NTFY: "https://ntfy.sh/TOPIC", WEBHOOK: "https://…", PING: "https://hc-ping.com/UUID"}
_SECURITY = (("starttls", "STARTTLS"), ("tls", "TLS from the start"), ("none", "none: a server on this very box"))


async def ask_for_channel(console: Console, listing: Listing | None) -> Wanted | None:
    """What the person wants, checked; None when they left. Raises RefusedError."""
    kind = await choose_way(console, "A new channel: of which kind?", _KINDS)
    if kind is None:
        return None
    dialog = Form(
        f"A new channel: {kind}",
        fields(kind),
        "Make",
        text=_TEXTS[kind],
        check=lambda given: check(wanted(kind, given)),
    )
    values = await ask(console, dialog)
    if values is None:
        return None
    made = wanted(kind, values)
    there = next((one for one in listing.channels if one.name == made.name), None) if listing is not None else None
    if there is None:
        return made
    if not there.made:
        raise RefusedError(f"{made.name} stands in /etc/dplane/notify.toml already, and that one counts.")
    text = f"There is a channel called {made.name} already ({there.kind}). It is replaced, with its secrets."
    sure = await ask(console, Confirm(f"Replace {made.name}?", text, "Replace"))
    return wanted(kind, values, replace=True) if sure else None


def fields(kind: str) -> list[Field]:
    """What is asked of a channel of that kind."""
    name = TextField("Name", id="name", hint="how you call it")
    if kind == MAIL:
        own: list[Field] = [
            TextField("Server", id="server", hint="smtp.example.org"),
            Choice("Security", _SECURITY, id="security"),
            TextField("Port", id="port", hint="the usual one"),
            TextField("From", id="from", hint="nas@example.org"),
            TextField("To", id="to", hint="ann@example.org bob@example.org"),
            TextField("User", id="user", hint="none"),
            TextField("Password", id="secret", hint="none", secret=True),
        ]
    else:
        own = [TextField("Address", id="url", hint=_HINTS[kind])]
        own += [TextField("Token", id="secret", hint="none", secret=True)] if kind != PING else []
    if kind == PING:
        return [name, *own, TextField("Task", id="tasks", hint="none: each check of the box")]
    events = TextField("Told of", id="events", hint=" ".join(DEFAULT_EVENTS))
    return [name, *own, events, TextField("Only tasks", id="tasks", hint="all")]


def wanted(kind: str, values: Values, *, replace: bool = False) -> Wanted:
    """The channel that the fields say. Raises RefusedError for a port that is no number."""
    given = {key: value.strip() for key, value in values.items() if key != "secret"}
    port = given.get("port", "")
    if port and not (port.isascii() and port.isdigit() and len(port) < 6):
        raise RefusedError("The port must be a number from 1 to 65535.")
    return Wanted(
        kind,
        given["name"],
        url=given.get("url", ""),
        server=given.get("server", ""),
        security=given.get("security", ""),
        port=int(port) if port else None,
        sender=given.get("from", ""),
        to=tuple(given.get("to", "").split()),
        user=given.get("user", ""),
        secret=values.get("secret", ""),
        events=tuple(given.get("events", "").split()),
        tasks=tuple(given.get("tasks", "").split()),
        replace=replace,
    )
