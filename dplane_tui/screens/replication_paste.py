"""Pairing without a password: the offer of one box and the answer of the other, carried by lines that are pasted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from privhelper import grammar

from ..errors import RefusedError
from ..services.replication import pasted
from ..services.replication.address import login
from ..services.replication.marked import inherited
from ..text import clean
from ..widgets.dialogs import Confirm, Form, Reader, Values, ask
from ..widgets.fields import TextField
from ..widgets.layout import Pieces
from .replication_pair import paired
from .replication_rights import ABOUT, rights_fields, rights_of
from .sure import choose_way

if TYPE_CHECKING:
    from ..app import Console
    from ..services.replication.pasted import Accepted, Admission

_COPY = "Y"
_WAYS = (
    ("offer", "1  offer", "this box wants in at another: make the line for it"),
    ("accept", "2  accept", "another box wants in here: paste its offer"),
    ("answer", "3  finish", "paste what the other box answered to our offer"),
)


async def by_line(console: Console) -> str | None:
    """Ask which of the three steps, and take it. Raises DPlaneError."""
    text = "For boxes without passwords. Steps 1 and 3 are done on the box that sends or pulls, step 2 on the other."
    way = await choose_way(console, "Pair by pasted lines", _WAYS, text)
    if way == "offer":
        return await _offer(console)
    if way == "accept":
        return await _accept(console)
    return await _finish(console) if way == "answer" else None


def check_name(name: str) -> str:
    """The name of a peer. Raises RefusedError."""
    if problem := grammar.peer_problem(name):
        raise RefusedError(f"The peer's name “{clean(name, 60)}” {problem}.", "Choose one such as attic or nas-2.")
    return name


async def _offer(console: Console) -> str | None:
    fields = (TextField("Name", id="name", hint="how you call the other box, e.g. attic"),)
    text = "A key for that box is made here, if there is none yet. Nothing is let in by that."
    check = lambda values: check_name(values["name"].strip())  # noqa: E731
    values = await ask(console, Form("Offer: which box?", fields, "Make it", text=text, check=check))
    if values is None:
        return None
    name = values["name"].strip()
    console.say(f"Making the offer for {name}…", "dim")
    offer = await console.services.keys.offer(name)
    console.say("")
    told = (
        f"This box is called {offer.own_name} there. On {name}: Replication (2), i, accept, and paste the line above. "
        f"Then come back here: i, finish. The key in it is {offer.fingerprint}."
    )
    await _show_line(console, f"Offer to {name}", offer.line, told, f"dplane peer offer {name}")
    return None


async def _accept(console: Console) -> str | None:
    fields = (TextField("Its offer", id="line", hint="the line that begins dplane-offer-1"),)
    check = lambda values: pasted.read_offer(values["line"])  # noqa: E731
    values = await ask(console, Form("Accept: the offer of which box?", fields, "Next", check=check))
    if values is None:
        return None
    offer = pasted.read_offer(values["line"])
    where = TextField("This box is at", id="address", hint="looked for; HOST or HOST:PORT as that box finds it")
    dialog = Form(f"What may {offer.own_name} do here?", (*rights_fields(), where), "Next", text=ABOUT, check=_checked)
    values = await ask(console, dialog)
    if values is None:
        return None
    given = rights_of(offer.own_name, values)._replace(peer=offer.own_name)
    before = [one for one in await console.services.keys.accepted() if one.name == offer.own_name]
    also = await inherited(console.services.host, given)
    question = accept_question(offer.own_name, offer.fingerprint, given.in_words(), before, also)
    if not await ask(console, Confirm(f"Let {offer.own_name} in?", question, "The key is the same")):
        return None
    host, port = _address(values["address"])
    done = await console.services.keys.accept(offer, given, host, port)
    await _show_answer(console, offer.own_name, done)
    return f"{offer.own_name} may come in here: {done.accepted.in_words()}."


def accept_question(name: str, fingerprint: str, may: str, before: list[Accepted], also: list[str]) -> str:
    """What a person compares before another box is let in."""
    lines = [f"{name} wants to come in with the key", "", f"  {fingerprint}", "", f"It may: {may}."]
    lines += [f"A box of that name may come in already, with {one.key_fingerprint}; that ends." for one in before]
    return "\n".join([*lines, *also, "Compare the key with what that box shows with its offer."])


def _checked(values: Values) -> None:
    rights_of("box", values)
    _address(values["address"])


def _address(typed: str) -> tuple[str | None, int]:
    """Where the other box finds this one; None: it is looked for. Raises RefusedError."""
    if not typed.strip():
        return None, 22
    user, host, port = login(typed.strip())
    if user is not None:
        raise RefusedError("The address takes no account.", "Write HOST or HOST:PORT.")
    return host, port


async def _show_answer(console: Console, name: str, done: Admission) -> None:
    answer = done.answer
    told = (
        f"On {name}: Replication (2), i, finish, and paste the line above. It names this box {answer.address} port "
        f"{answer.port}. This box's host key is {answer.host_fingerprint}."
    )
    await _show_line(console, f"Answer for {name}", answer.line, told, "dplane peer accept")


async def _finish(console: Console) -> str | None:
    fields = (
        TextField("Name", id="name", hint="how the other box is called here, as in the offer"),
        TextField("Its answer", id="line", hint="the line that begins dplane-answer-1"),
    )

    def check(values: Values) -> None:
        check_name(values["name"].strip())
        pasted.read_answer(values["line"])

    values = await ask(console, Form("Finish: what did it answer?", fields, "Next", check=check))
    if values is None:
        return None
    name, answer = values["name"].strip(), pasted.read_answer(values["line"])
    question = (
        f"{answer.address} port {answer.port} is to have the host key\n\n  {answer.host_fingerprint}\n\nCompare it "
        "with the one on that box's own screen (ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub). It is pinned from "
        "now on."
    )
    if not await ask(console, Confirm("Is it really that box?", question, "It is the same")):
        return None
    console.say(f"Logging in at {name}…", "dim")
    return paired(await console.services.keys.adopt(name, answer))


async def _show_line(console: Console, title: str, line: str, told: str, command: str) -> None:
    """A line to carry to another box, in a window that cuts it in pieces: sent to the clipboard by a key."""
    lines: list[Pieces] = [[(line, "strong")], [], [(told, "text")], []]
    lines.append([(f"`{command}` in a shell prints it in one piece, where there is no clipboard.", "dim")])
    while await ask(console, Reader(title, lines, (_COPY,), f"{_COPY}  send the line to the terminal's clipboard")):
        console.hand_over(line)
