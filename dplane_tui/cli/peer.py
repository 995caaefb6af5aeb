"""`dplane peer …`: pairing with another box, and what is known about those paired."""

from __future__ import annotations

import argparse
import time
from dataclasses import replace

from privhelper import grammar

from .. import text
from ..errors import HostKeyError, MissingError, RefusedError, UsageError
from ..services.host import Host
from ..services.replication.address import login
from ..services.replication.model import HostIdentity, PairRequest, Peer
from ..services.replication.rights import Rights, flags_of
from ..services.replication.service import ReplicationService, open_replication
from . import peer_adopt, peer_keys
from .ask import ask_line, can_ask, read_line
from .output import Result, say, table


def add(parser: argparse.ArgumentParser) -> None:
    """Add the verbs."""
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    pair = verbs.add_parser("add", help="pair with another box")
    pair.add_argument("name", help="how it is called here")
    pair.add_argument("where", metavar="USER@HOST[:PORT]")
    peer_keys.add_rights(pair)
    pair.add_argument("--password-stdin", action="store_true", help="read the password from standard input")
    known = pair.add_mutually_exclusive_group()
    known.add_argument("--fingerprint", metavar="SHA256:…", help="the far host key's fingerprint, confirmed already")
    known.add_argument("--host-key", metavar="KEY", help="the far host key itself, confirmed already")
    pair.set_defaults(handler=_add)
    verbs.add_parser("list", help="paired boxes").set_defaults(handler=_list, reads=True)
    probe = verbs.add_parser("probe", help="show a box's host key without logging in")
    probe.add_argument("where", metavar="HOST[:PORT]")
    probe.set_defaults(handler=_probe, reads=True)
    peer_keys.add(verbs)
    for verb, handler, what in (
        ("show", _show, "one peer, our key for it and its host key"),
        ("test", _test, "log in with its key now"),
    ):
        one = verbs.add_parser(verb, help=what)
        one.add_argument("name")
        one.set_defaults(handler=handler, reads=True)
    peer_adopt.add(verbs)
    remove = verbs.add_parser("remove", help="forget a peer and destroy our key for it")
    remove.add_argument("name")
    remove.add_argument("--yes", action="store_true", help="do not ask")
    remove.set_defaults(handler=_remove)


async def _add(host: Host, args: argparse.Namespace) -> Result:
    if problem := grammar.peer_problem(args.name):
        raise RefusedError(
            f"The peer's name “{text.clean(args.name, 60)}” {problem}.", "Choose one such as attic or nas-2."
        )
    user, where, port = login(args.where)
    if user is None:
        raise UsageError(
            "The account at the far box is missing.", "Write USER@HOST, with an account that may use sudo."
        )
    service = open_replication(host)
    identity = await _confirmed(service, args, where, port)
    if args.password_stdin:
        password = (await read_line()).rstrip("\r\n")
    elif can_ask():
        password = await ask_line(f"Password of {user} on {where} (used once, not kept): ", secret=True)
    else:
        raise UsageError("There is no terminal to ask for the password on.", "Use --password-stdin.")
    if not password:
        raise RefusedError("Not paired: no password was given.", "Nothing was changed on the other box.")
    given = peer_keys.rights(args)
    request = PairRequest(args.name, user, where, port, password, identity.key, given.root)
    peer = await service.pair(replace(request, may_read=given.may_read, **flags_of(given)))
    return Result(peer, describe(peer) + f"\nPaired: a login as {peer.user} with the new key was tried and worked.")


async def _confirmed(service: ReplicationService, args: argparse.Namespace, where: str, port: int) -> HostIdentity:
    """The far box's key, once someone has vouched for it. Raises HostKeyError, RefusedError."""
    if args.host_key is not None:
        return HostIdentity(args.host_key, "")
    identity = await service.probe(where, port)
    if args.fingerprint is not None:
        if args.fingerprint != identity.fingerprint:
            raise HostKeyError(
                f"{where} shows the host key {identity.fingerprint}, not {text.clean(args.fingerprint, 80)}.",
                "Look at the fingerprint on that box itself; if it is another box that answers, do not go on.",
            )
        return identity
    if args.json or not can_ask():
        raise UsageError(
            f"Nobody has confirmed the host key of {where}: it shows {identity.fingerprint}.",
            "Compare it with the box itself and pass it with --fingerprint.",
        )
    own = await service.own_key(args.name)
    say(
        f"{where} shows the host key\n    {identity.fingerprint}\nOn that box, this shows it:\n"
        f"    ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub\nIt will let in this box's new key\n    {own}"
    )
    if (await ask_line("Is the host key the same? Type yes to go on: ")).strip().lower() != "yes":
        raise RefusedError("Not paired: the host key was not confirmed.", "Nothing was changed on the other box.")
    return identity


def describe(peer: Peer) -> str:
    """A peer as text."""
    made = text.age(peer.key_created, time.time()) if peer.key_created else "nobody knows when"
    return "\n".join(
        (
            f"peer      {peer.name}, paired {text.age(peer.created, time.time())}",
            f"login     {peer.user}@{text.clean(peer.address)} port {peer.port}",
            f"host key  {peer.host_fingerprint} ({text.clean(peer.host_key.split(' ')[0], 40)}, pinned)",
            f"our key   {peer.key_fingerprint}, made {made}",
            f"confined  {_confined(peer)}",
            f"pruning   {_pruning(peer)}",
        )
    )


def _confined(peer: Peer) -> str:
    if not peer.product:
        return "no: the far box has no D-Plane, our key is a login of that account"
    return f"our key there may {Rights(peer.name, peer.root, peer.may_read, **flags_of(peer)).in_words()}"


def _pruning(peer: Peer) -> str:
    if not peer.product:
        return "as far as that account may"
    granted = "granted, for snapshots of our own tasks and what dplane:may-prune lets go of our copies"
    return granted if peer.may_prune else "not granted (--may-prune)"


async def _list(host: Host, _args: argparse.Namespace) -> Result:
    peers = await open_replication(host).peers()
    rows = [
        (p.name, f"{p.user}@{p.address}", str(p.port), "yes" if p.product else "no", p.host_fingerprint) for p in peers
    ]
    shown = table(("PEER", "LOGIN", "PORT", "CONFINED", "HOST KEY"), rows) if rows else "No box is paired yet."
    return Result(peers, shown)


async def _probe(host: Host, args: argparse.Namespace) -> Result:
    _, where, port = login(args.where)
    identity = await open_replication(host).probe(where, port)
    return Result(identity, identity.fingerprint)


async def _known(host: Host, name: str) -> Peer:
    """The peer of that name. Raises MissingError."""
    for peer in await open_replication(host).peers():
        if peer.name == name:
            return peer
    raise MissingError(
        f"There is no peer called {text.clean(name, 63)}.",
        "`dplane peer list` shows them, `dplane peer add` pairs one.",
    )


async def _show(host: Host, args: argparse.Namespace) -> Result:
    peer = await _known(host, args.name)
    return Result(peer, describe(peer))


async def _test(host: Host, args: argparse.Namespace) -> Result:
    peer = await _known(host, args.name)
    message = await open_replication(host).test_peer(peer.name)
    return Result({"name": peer.name, "message": message}, message)


async def _remove(host: Host, args: argparse.Namespace) -> Result:
    peer = await _known(host, args.name)
    if not args.yes:
        if args.json or not can_ask():
            raise UsageError(f"Nobody confirmed that {peer.name} may be forgotten.", "Give --yes.")
        answer = await ask_line(f"Forget {peer.name} and destroy our key for it? Type its name: ")
        if answer.strip() != peer.name:
            raise RefusedError(f"That is not {peer.name}, so nothing was changed.")
    message = await open_replication(host).remove_peer(peer.name)
    return Result({"name": peer.name, "message": message}, message)
