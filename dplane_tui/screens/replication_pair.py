"""Pairing with another box: its address, what we may do there, its fingerprint to compare, its password once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from privhelper.grammar import dataset_problem

from ..errors import AuthenticationError, DPlaneError, RefusedError
from ..services.replication.model import HostIdentity, PairRequest, Peer
from ..services.replication.rights import Rights, flags_of
from ..text import clean
from ..widgets.dialogs import MORE, Confirm, Form, Values, ask
from ..widgets.fields import TextField
from .replication_rights import ABOUT, rights_fields, rights_of

if TYPE_CHECKING:
    from ..app import Console


async def pair(console: Console) -> Peer | None:
    """Pair, and return the peer after its new key was used for a login; None when the person left the first form.

    Leaving a later step goes back to that form, as it was typed.
    """
    typed: Values = {"port": "22", "user": "owner"}
    while seen := await _look(console, typed):
        typed, found, given = seen
        question = (
            f"{typed['address']} shows this host key:\n\n  {found.fingerprint}\n\n"
            "Compare it with the one on that box's own screen (ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub). "
            "It is pinned from now on."
        )
        if not await ask(console, Confirm("Is it really that box?", question, "It is the same")):
            continue
        peer = await _hand_over(console, typed, found.key, given)
        if peer is not None:
            return peer
    return None


async def _look(console: Console, typed: Values) -> tuple[Values, HostIdentity, Rights] | None:
    """Where the box is, as typed, what it shows, and what our key is to be allowed there; asked again with what was
    typed until it answers."""
    problem = ""
    while True:
        place = await ask(console, _form(typed, problem))
        if place is None:
            return None
        given = await _rights(console, place) if MORE in place else Rights("", place["root"].strip() or None)
        if given is None:
            typed, problem = place, ""
            continue
        console.say(f"Asking {place['address']} for its host key…", "dim")
        try:
            found = await console.services.replication.probe(place["address"].strip(), int(place["port"].strip()))
        except DPlaneError as error:
            typed, problem = place, str(error)
            console.say(problem, "bad")
        else:
            console.say("")
            return place, found, given


def _form(typed: Values, problem: str) -> Form:
    fields = (
        TextField("Name", typed.get("name", ""), id="name", hint="how you call it, e.g. nas-b"),
        TextField("Address", typed.get("address", ""), id="address", hint="host name or IP address"),
        TextField("Port", typed["port"], id="port"),
        TextField("User", typed["user"], id="user", hint="an account there that may administer D-Plane"),
        TextField(
            "Confine to", typed.get("root", ""), id="root", hint="a dataset there; empty: anywhere, into what it makes"
        ),
    )
    text = "A key is made here for that box. Nothing is sent before you have seen its fingerprint."
    return Form("Pair a box", fields, "Look", text=text, check=_check_place, more="Rights", error=problem)


async def _rights(console: Console, place: Values) -> Rights | None:
    """What our key may do there; None when the person left."""
    name = place["name"].strip()
    dialog = Form(
        f"What may this box do at {name}?",
        rights_fields(place["root"].strip()),
        "Next",
        text=ABOUT,
        check=lambda values: rights_of(name, values),
    )
    values = await ask(console, dialog)
    return rights_of(name, values) if values is not None else None


async def _hand_over(console: Console, place: Values, host_key: str, given: Rights) -> Peer | None:
    """Pair, asking for the password again when it is refused. Raises DPlaneError for all else that goes wrong."""
    who, problem = f"{place['user']}@{place['address']}", ""
    text = f"The password of {who}, used once to hand over the new key. It is not kept anywhere."
    while True:
        secret = (TextField("Password", id="password", secret=True),)
        typed = await ask(console, Form(f"Password of {who}", secret, "Pair", text=text, error=problem))
        if typed is None:
            return None
        console.say(f"Pairing with {place['name']}…", "dim")
        try:
            return await console.services.replication.pair(_request(place, host_key, typed.pop("password"), given))
        except AuthenticationError as error:
            problem = str(error)
            console.say(problem, "bad")


def _request(place: Values, host_key: str, password: str, given: Rights) -> PairRequest:
    return PairRequest(
        name=place["name"].strip(),
        user=place["user"].strip(),
        address=place["address"].strip(),
        port=int(place["port"].strip()),
        password=password,
        host_key=host_key,
        root=given.root,
        may_read=given.may_read,
        **flags_of(given),
    )


def paired(peer: Peer) -> str:
    """What a pairing came to."""
    return f"Paired with {peer.name}; a login with the new key worked. Our key: {peer.key_fingerprint}."


def _check_place(values: Values) -> None:
    for key, what in (("name", "a name"), ("address", "an address"), ("user", "a user")):
        if not values[key].strip():
            raise RefusedError(f"The box needs {what}.")
    from ..services.replication.keys import check_address, check_name

    check_name(values["name"].strip())
    port, root = values["port"].strip(), values["root"].strip()
    if not (port.isascii() and port.isdecimal() and 0 < int(port[:6]) < 65536):
        raise RefusedError("The port is a number from 1 to 65535.")
    check_address(values["user"].strip(), values["address"].strip(), int(port))
    if root and (problem := dataset_problem(root)):
        raise RefusedError(f"The dataset “{clean(root, 60)}” to confine it to {problem}.")
