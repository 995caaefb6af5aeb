"""What is done about channels from the list of who is told: a test is sent, one is removed, a new one is made."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

from ..actions import ROLES
from ..errors import NotAllowedError, RefusedError
from ..services.notify.listed import Listed, Listing
from ..services.notify.model import Delivery
from ..text import clean
from ..widgets.dialogs import Choose, Confirm, ask
from ..widgets.layout import Column, row

if TYPE_CHECKING:
    from ..app import Console

Said = tuple[str, str]
"""What came of it, a sentence, and how it is drawn; empty when the person left."""
NOTHING: Said = ("", "text")
_COLUMNS = (
    Column("CHANNEL", least=10, most=30),
    Column("KIND", least=7, most=8),
    Column("WHERE", least=20, grow=True),
)


def must_be_admin(console: Console) -> None:
    """Raises RefusedError, NotAllowedError unless this person may change who is told."""
    if console.read_only:
        raise RefusedError(console.refusal("who is told"))
    role = console.role if console.role in ROLES else ""
    if role != "admin":
        raise NotAllowedError(
            f"Channels are made, tried and removed by the role admin; this account has {role or 'none'}."
        )


async def make(console: Console, listing: Listing | None) -> Said:
    """A new channel; then a test of it is offered."""
    must_be_admin(console)
    from .notified_new import ask_for_channel

    asked = console.log_book.asked(console.host_name, "new channel", "")
    wanted = await ask_for_channel(console, listing)
    if wanted is None:
        console.log_book.left(asked)
        return NOTHING
    console.say(f"Setting {wanted.name} up…", "dim")
    found = await console.services.channels.add(wanted)
    text = f"{found.name} is set up: {found.kind}, {clean(found.where)}. Whether anything arrives, only a test shows."
    if await ask(console, Confirm(f"Send a test to {found.name} now?", text, "Send a test")):
        return await _send(console, found.name)
    return f"{found.name} is set up and was not tried yet: e sends a test.", "warn"


async def try_one(console: Console, listing: Listing | None) -> Said:
    """A test to one channel; what its server said."""
    must_be_admin(console)
    channels = (await _known(console, listing)).channels
    chosen = await _choose(console, "Send a test: to which channel?", channels, "Send a test")
    return NOTHING if chosen is None else await _send(console, chosen.name)


async def remove(console: Console, listing: Listing | None) -> Said:
    """Remove one that was made here."""
    must_be_admin(console)
    channels = (await _known(console, listing)).channels
    made = [one for one in channels if one.made]
    if channels and not made:
        raise RefusedError("No channel was made here; those in /etc/dplane/notify.toml are taken out of that file.")
    chosen = await _choose(console, "Remove: which channel?", made, "Go on")
    if chosen is None:
        return NOTHING
    asked = console.log_book.asked(console.host_name, "remove the channel", chosen.name)
    text = (
        f"{clean(chosen.where)} is told nothing any more. Its address, password and token are deleted from "
        f"{console.host_name}; to have it again, it is made anew."
    )
    if not await ask(console, Confirm(f"Remove {chosen.name} ({chosen.kind})?", text, "Remove")):
        console.log_book.left(asked)
        return NOTHING
    console.say(f"Removing {chosen.name}…", "dim")
    await console.services.channels.remove(chosen.name)
    return f"{chosen.name} is removed; nothing is sent there any more.", "good"


ACTS: dict[str, Callable[[Console, Listing | None], Awaitable[Said]]] = {"n": make, "e": try_one, "d": remove}
"""By the keys that have the same meaning elsewhere: a new one, a test of it, away with it."""


async def _known(console: Console, listing: Listing | None) -> Listing:
    if listing is None:
        console.say("Reading which channels there are…", "dim")
        listing = await console.services.channels.list()
        console.say("")
    return listing


async def _choose(console: Console, title: str, channels: Sequence[Listed], pick: str) -> Listed | None:
    if not channels:
        raise RefusedError("There is no channel yet: n makes one.")
    rows = [row(one.name, one.name, one.kind, clean(one.where)) for one in channels]
    name = await ask(console, Choose(title, _COLUMNS, rows, pick=pick))
    return next((one for one in channels if one.name == name), None)


async def _send(console: Console, name: str) -> Said:
    console.log_book.asked(console.host_name, "test the channel", name)
    console.say(f"Sending a test to {name}; its server may take its time…", "dim")
    return in_words((await console.services.channels.test(name))[0])


def in_words(done: Delivery) -> Said:
    """What became of a test, in the server's own words; accepted only where it said so. Pure."""
    answer = clean(done.answer, 300)
    if not done.accepted:
        return f"{done.channel}: NOT ACCEPTED: {answer}", "bad"
    if done.part:
        return f"{done.channel}: accepted for some only: {answer}", "warn"
    return f"{done.channel}: accepted by its server: {answer}", "good"
