"""Which boxes may come in here and what they may do; one is shut out, or let go on with a copy another tool made."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..actions import ROLES
from ..errors import RefusedError
from ..services.replication import adopt
from ..services.replication.pasted import Accepted
from ..widgets.dialogs import Choose, Form, TypedConfirm, ask
from ..widgets.fields import TextField
from ..widgets.layout import Cell, Column, Row, row
from .sure import choose_way

if TYPE_CHECKING:
    from ..app import Console

_COLUMNS = (
    Column("BOX", least=10, most=24),
    Column("MAY", least=48, most=160, grow=True),
    Column("ITS KEY", drop=1, least=14, middle=True),
)
_TYPE = "Nothing is destroyed. To go on, type the name: "


def incoming_rows(found: Sequence[Accepted]) -> list[Row]:
    """One row a key that may come in; the key of a row is its place in the list: names may come twice."""
    return [
        row(
            f"#{number}",
            Cell(one.name or "(not ours)", "strong" if one.name else "warn"),
            Cell(one.in_words(), "text"),
            Cell(one.key_fingerprint or one.line, "dim"),
        )
        for number, one in enumerate(found)
    ]


async def incoming(console: Console) -> str | None:
    """The list; Enter does something about a box. Returns what was done. Raises DPlaneError."""
    console.say("Reading which boxes may come in…", "dim")
    found = await console.services.keys.accepted()
    console.say("")
    if not found:
        console.say("No other box may come in here. i lets one in by a pasted line; or it pairs from there (n).")
        return None
    text = "These keys give no shell: each may do what stands there, and nothing else."
    dialog = Choose("Which boxes may come in here", _COLUMNS, incoming_rows(found), text, pick="Change")
    dialog.wide = True
    chosen = await ask(console, dialog)
    if chosen is None:
        return None
    return await _change(console, found[int(chosen.removeprefix("#"))])


async def _change(console: Console, one: Accepted) -> str | None:
    if not one.name:
        raise RefusedError(
            "That line is not D-Plane's, so nothing is changed about it.", "An administrator put it there by hand."
        )
    ways = (
        ("revoke", "shut it out", "its key is let in no longer; what it sent here stays"),
        ("adopt", "let it go on", "with a copy here that syncoid or another tool made"),
    )
    way = await choose_way(console, f"{one.name}: what shall become of it?", ways, f"It may {one.in_words()}.")
    if way is None:
        return None
    _must_be_admin(console)
    asked = console.log_book.asked(console.host_name, "shut out" if way == "revoke" else "let go on", one.name)
    said = await (_revoke if way == "revoke" else _adopt)(console, one)
    if said is None:
        console.log_book.left(asked)
    return said


def _must_be_admin(console: Console) -> None:
    """Raises RefusedError unless this person may change who comes in."""
    role = console.role if console.role in ROLES else ""
    if console.read_only:
        raise RefusedError(console.refusal("who may come in"))
    if role != "admin":
        raise RefusedError(f"Who may come in is changed by the role admin; this account has {role or 'none'}.")


async def _revoke(console: Console, one: Accepted) -> str | None:
    lines = [
        f"{one.name} comes in with {one.key_fingerprint}.",
        f"It may {one.in_words()}. All of that ends at once.",
        "What it sent here stays. To let it in again, it is paired again.",
    ]
    dialog = TypedConfirm(f"Shut {one.name} out?", lines, one.name, "Shut out", _TYPE)
    if not await ask(console, dialog):
        return None
    return await console.services.keys.revoke(one.name)


async def _adopt(console: Console, one: Accepted) -> str | None:
    fields = (TextField("Dataset", id="dataset", hint="the copy here, e.g. backup/photos"),)
    text = f"A copy that syncoid or another tool made here becomes one of {one.name}'s; its next run goes on from it."
    values = await ask(console, Form(f"Let {one.name} go on: with what?", fields, "Look", text=text))
    if values is None:
        return None
    host, dataset = console.services.host, values["dataset"].strip()
    seen = await adopt.look(host, one.name, dataset)
    for name, owner in seen.refused[:1]:
        raise RefusedError(
            f"{name} belongs to the peer {owner}, so it cannot be {one.name}'s.",
            f"If that box is lost: `dplane peer adopt {one.name} {seen.dataset} --from {owner}`.",
        )
    dialog = TypedConfirm(f"Let {one.name} go on with it?", adopt.meaning(seen), seen.dataset, "Let it go on", _TYPE)
    if not await ask(console, dialog):
        return None
    after = await adopt.adopt(host, seen)
    return f"{after.dataset} is the peer {after.owner}'s now; its next run can go on from it."
