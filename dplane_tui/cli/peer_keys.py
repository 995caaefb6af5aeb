"""`dplane peer key|offer|accept|import|accepted|revoke|trust`: keys on both sides of a pairing."""

from __future__ import annotations

import argparse
from typing import Any

from privhelper import grammar

from .. import text
from ..errors import HostKeyError, RefusedError, UsageError
from ..services.host import Host
from ..services.replication import pasted
from ..services.replication.address import login
from ..services.replication.keyring import open_keys
from ..services.replication.marked import inherited
from ..services.replication.model import Peer
from ..services.replication.rights import Rights, flags_of
from ..services.replication.service import open_replication
from .ask import ask_line, can_ask
from .output import Result, say, table

_PRINT = "SHA256:…"


def add(verbs: Any) -> None:
    """Add the verbs."""
    own = verbs.add_parser("key", help="our key for a peer: show its fingerprint, change it")
    deeper = own.add_subparsers(dest="deeper", required=True, metavar="VERB")
    for verb, handler, what in (
        ("show", _key, "the fingerprint of our key for a peer; the key is made if there is none"),
        ("rotate", _rotate, "a new key for a peer, used for a login before the old one is taken away"),
    ):
        one = deeper.add_parser(verb, help=what)
        one.add_argument("name")
        one.set_defaults(handler=handler)
    offer = verbs.add_parser("offer", help="pair without a password: the line to paste on the other box")
    offer.add_argument("name", help="how the other box is called here")
    offer.set_defaults(handler=_offer)
    accept = verbs.add_parser("accept", help="let in the box whose offer is pasted; prints the line to paste there")
    accept.add_argument("--line", required=True, metavar="OFFER", help="what `dplane peer offer` printed on that box")
    add_rights(accept)
    accept.add_argument("--address", metavar="HOST[:PORT]", help="where that box finds this one (looked for)")
    accept.add_argument("--fingerprint", metavar=_PRINT, help="of the key in the offer, confirmed already")
    accept.set_defaults(handler=_accept)
    adopt = verbs.add_parser("import", help="finish pairing with the answer of the box that accepted our offer")
    adopt.add_argument("name", help="how the other box is called here, as in the offer")
    adopt.add_argument("--line", required=True, metavar="ANSWER", help="what `dplane peer accept` printed on that box")
    adopt.add_argument("--fingerprint", metavar=_PRINT, help="of the host key in the answer, confirmed already")
    adopt.set_defaults(handler=_import)
    verbs.add_parser("accepted", help="which boxes may come in here, and what they may do").set_defaults(
        handler=_accepted, reads=True
    )
    revoke = verbs.add_parser("revoke", help="let a box in no longer")
    revoke.add_argument("name", help="as `dplane peer accepted` lists it")
    revoke.add_argument("--yes", action="store_true", help="do not ask")
    revoke.set_defaults(handler=_revoke)
    trust = verbs.add_parser("trust", help="accept a peer's new host key, once you have read it on that box itself")
    trust.add_argument("name")
    trust.add_argument("--fingerprint", required=True, metavar=_PRINT, help="what that box's own screen shows")
    trust.set_defaults(handler=_trust)


def add_rights(parser: argparse.ArgumentParser) -> None:
    """The options that say what a key may do at the box that lets it in."""
    group = parser.add_argument_group("what the key may do at the box that lets it in")
    group.add_argument("--root", metavar="DATASET", help="receive into this dataset and below, and nowhere else")
    group.add_argument("--may-read", metavar="DATASET", help="read this and below (receives nothing without --root)")
    group.add_argument("--may-snapshot", action="store_true", help="take snapshots of what it may read")
    group.add_argument(
        "--may-prune",
        action="store_true",
        help="destroy old snapshots that its own tasks took, and in its copies what dplane:may-prune lets go",
    )
    group.add_argument("--may-rollback", action="store_true", help="roll back the copies it made, when they diverged")


def rights(args: argparse.Namespace) -> Rights:
    """What was given. Raises UsageError, RefusedError."""
    for option, place in (("--root", args.root), ("--may-read", args.may_read)):
        if place is not None and (problem := grammar.PLAIN_DATASET.check(place)):
            raise RefusedError(f"{option}: the dataset “{text.clean(place, 60)}” {problem}.")
    if args.may_snapshot and args.may_read is None:
        raise UsageError("--may-snapshot needs --may-read.", "Say of what snapshots may be taken: --may-read DATASET.")
    return Rights("", args.root, args.may_read, **flags_of(args))


async def _key(host: Host, args: argparse.Namespace) -> Result:
    fingerprint = await open_replication(host).own_key(args.name)
    return Result({"name": args.name, "fingerprint": fingerprint}, fingerprint)


async def _rotate(host: Host, args: argparse.Namespace) -> Result:
    peer = await open_keys(host).rotate(args.name)
    shown = (
        f"The key for {peer.name} is {peer.key_fingerprint} now: it was used for a login, then the old one was removed."
    )
    return Result(peer, shown)


async def _offer(host: Host, args: argparse.Namespace) -> Result:
    offer = await open_keys(host).offer(args.name)
    return Result(
        offer,
        f"This box is called {offer.own_name} there, and its key is\n    {offer.fingerprint}\n"
        f"On the other box, paste this line between the quotes:\n    dplane peer accept --line '{offer.line}'\n"
        f"Then finish here with what it prints: dplane peer import {args.name} --line '…'",
    )


async def _accept(host: Host, args: argparse.Namespace) -> Result:
    offer, given = pasted.read_offer(args.line), rights(args)
    where, port = None, 22
    if args.address is not None:
        user, where, port = login(args.address)
        if user is not None:
            raise UsageError("The address takes no account.", "Write --address HOST or --address HOST:PORT.")
    may = given._replace(peer=offer.own_name)
    service = open_keys(host)
    before = [one.key_fingerprint for one in await service.accepted() if one.name == offer.own_name]
    gone = [f"\nA box of that name may come in already, with {shown}; that ends." for shown in before]
    also = "".join(f"\n{line}" for line in await inherited(host, may))
    await _confirm(
        args,
        offer.fingerprint,
        f"{offer.own_name} wants to come in with the key\n    {offer.fingerprint}\n"
        f"It may: {may.in_words()}. On that box, `dplane peer offer` shows its key.{''.join(gone)}{also}",
        "Is the key the same? Type yes to let it in: ",
    )
    done = await service.accept(offer, may, where, port)
    return Result(
        done,
        f"{offer.own_name} may come in here: {done.accepted.in_words()}.{also}\nThis box's host key is\n"
        f"    {done.answer.host_fingerprint}\nOn the other box, paste this line between the quotes:\n"
        f"    dplane peer import NAME --line '{done.answer.line}'\n"
        f"It names this box {done.answer.address} port {done.answer.port}; --address changes that.",
    )


async def _import(host: Host, args: argparse.Namespace) -> Result:
    from .peer import describe

    answer = pasted.read_answer(args.line)
    if problem := grammar.peer_problem(args.name):
        raise RefusedError(f"The peer's name “{text.clean(args.name, 60)}” {problem}.")
    await _confirm(
        args,
        answer.host_fingerprint,
        f"{answer.address} port {answer.port} is to have the host key\n    {answer.host_fingerprint}\n"
        "On that box, this shows it:\n    ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub",
        "Is the host key the same? Type yes to go on: ",
    )
    peer = await open_keys(host).adopt(args.name, answer)
    return Result(peer, describe(peer) + f"\nPaired: a login as {peer.user} with our key was tried and worked.")


async def _confirm(args: argparse.Namespace, fingerprint: str, shown: str, question: str) -> None:
    """Let a person, or who runs a script, vouch for a fingerprint. Raises HostKeyError, UsageError, RefusedError."""
    if args.fingerprint is not None:
        if args.fingerprint != fingerprint:
            raise HostKeyError(
                f"The line holds the key {fingerprint}, not {text.clean(args.fingerprint, 80)}.",
                "Look at the fingerprint on the other box itself, and copy the line again.",
            )
        return
    if args.json or not can_ask():
        raise UsageError(
            f"Nobody has confirmed the key in the line: it is {fingerprint}.",
            "Compare it with the other box itself and pass it with --fingerprint.",
        )
    say(shown)
    if (await ask_line(question)).strip().lower() != "yes":
        raise RefusedError("The key was not confirmed, so nothing was changed.")


async def _accepted(host: Host, _args: argparse.Namespace) -> Result:
    found = await open_keys(host).accepted()
    rows = [(one.name or "?", one.key_fingerprint or one.line, one.in_words()) for one in found]
    shown = table(("BOX", "KEY", "MAY"), rows) if rows else "No other box may come in here."
    return Result(found, shown)


async def _revoke(host: Host, args: argparse.Namespace) -> Result:
    service = open_keys(host)
    if not args.yes:
        if args.json or not can_ask():
            raise UsageError(f"Nobody confirmed that {text.clean(args.name, 63)} may be shut out.", "Give --yes.")
        question = f"Let {text.clean(args.name, 63)} in no longer? Type its name: "
        if (await ask_line(question)).strip() != args.name:
            raise RefusedError(f"That is not {text.clean(args.name, 63)}, so nothing was changed.")
    message = await service.revoke(args.name)
    return Result({"name": args.name, "message": message}, message)


async def _trust(host: Host, args: argparse.Namespace) -> Result:
    peer: Peer = await open_keys(host).trust(args.name, args.fingerprint)
    shown = (
        f"{peer.name} is known by the host key {peer.host_fingerprint} now, and a login there with our key worked. "
        "What its tasks proved before counts no more: the next run of each reads it anew."
    )
    return Result(peer, shown)
