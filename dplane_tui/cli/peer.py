"""`dplane peer …`: pairing with another box, and what is known about those paired."""

from __future__ import annotations

import argparse
import re

from privhelper import grammar

from .. import text
from ..errors import HostKeyError, MissingError, RefusedError, UsageError
from ..services.host import Host
from ..services.replication.model import HostIdentity, PairRequest, Peer
from ..services.replication.service import ReplicationService, open_replication
from .ask import ask_line, can_ask, read_line
from .output import Result, table


def add(parser: argparse.ArgumentParser) -> None:
    """Add the verbs."""
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    pair = verbs.add_parser("add", help="pair with another box")
    pair.add_argument("name", help="how it is called here")
    pair.add_argument("where", metavar="USER@HOST[:PORT]")
    pair.add_argument("--root", metavar="DATASET", help="confine our key there to this dataset and what is below it")
    pair.add_argument("--may-rollback", action="store_true", help="let our key roll back there what we sent there")
    pair.add_argument("--password-stdin", action="store_true", help="read the password from standard input")
    known = pair.add_mutually_exclusive_group()
    known.add_argument("--fingerprint", metavar="SHA256:…", help="the far host key's fingerprint, confirmed already")
    known.add_argument("--host-key", metavar="KEY", help="the far host key itself, confirmed already")
    pair.set_defaults(handler=_add)
    verbs.add_parser("list", help="paired boxes").set_defaults(handler=_list, reads=True)
    probe = verbs.add_parser("probe", help="show a box's host key without logging in")
    probe.add_argument("where", metavar="HOST[:PORT]")
    probe.set_defaults(handler=_probe, reads=True)
    own = verbs.add_parser("key", help="the fingerprint of our key for a peer; the key is made if there is none")
    own.add_argument("name")
    own.set_defaults(handler=_key)
    for verb, handler, what in (("show", _show, "one peer"), ("test", _test, "log in with its key now")):
        one = verbs.add_parser(verb, help=what)
        one.add_argument("name")
        one.set_defaults(handler=handler, reads=True)
    remove = verbs.add_parser("remove", help="forget a peer and destroy our key for it")
    remove.add_argument("name")
    remove.add_argument("--yes", action="store_true", help="do not ask")
    remove.set_defaults(handler=_remove)


def address(where: str) -> tuple[str | None, str, int]:
    """User (None when not given), address and port of `[USER@]HOST[:PORT]`. Raises UsageError."""
    found = re.fullmatch(
        r"(?:([A-Za-z0-9_][A-Za-z0-9_.-]{0,63})@)?(?:\[([0-9A-Fa-f:.%a-z]+)\]|([A-Za-z0-9][A-Za-z0-9._-]{0,252}))(?::(\d{1,5}))?",
        where,
    )
    port = int(found[4] or 22) if found else 0
    if not found or not 0 < port < 65536:
        raise UsageError(
            f"“{text.clean(where, 80)}” is not an address.", "Write USER@HOST or USER@HOST:PORT, [ADDRESS] for IPv6."
        )
    return found[1], found[2] or found[3], port


async def _add(host: Host, args: argparse.Namespace) -> Result:
    if problem := grammar.peer_problem(args.name):
        raise RefusedError(
            f"The peer's name “{text.clean(args.name, 60)}” {problem}.", "Choose one such as attic or nas-2."
        )
    user, where, port = address(args.where)
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
    peer = await service.pair(
        PairRequest(args.name, user, where, port, password, identity.key, args.root, args.may_rollback)
    )
    return Result(peer, _describe(peer) + f"\nPaired: a login as {peer.user} with the new key was tried and worked.")


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
    print(f"{where} shows the host key\n    {identity.fingerprint}\nOn that box, this shows it:")
    print("    ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub")
    print(f"It will let in this box's new key\n    {own}", flush=True)
    if (await ask_line("Is the host key the same? Type yes to go on: ")).strip().lower() != "yes":
        raise RefusedError("Not paired: the host key was not confirmed.", "Nothing was changed on the other box.")
    return identity


def _describe(peer: Peer) -> str:
    return "\n".join(
        (
            f"peer      {peer.name}",
            f"login     {peer.user}@{text.clean(peer.address)} port {peer.port}",
            f"host key  {peer.host_fingerprint}",
            f"our key   {peer.key_fingerprint}",
            f"confined  {_confined(peer)}",
        )
    )


def _confined(peer: Peer) -> str:
    if not peer.product:
        return "no: the far box has no D-Plane, our key is a login of that account"
    return f"to {peer.root} and what is below it" if peer.root else "to datasets that this box made there"


async def _list(host: Host, _args: argparse.Namespace) -> Result:
    peers = await open_replication(host).peers()
    rows = [
        (p.name, f"{p.user}@{p.address}", str(p.port), "yes" if p.product else "no", p.host_fingerprint) for p in peers
    ]
    shown = table(("PEER", "LOGIN", "PORT", "CONFINED", "HOST KEY"), rows) if rows else "No box is paired yet."
    return Result(peers, shown)


async def _probe(host: Host, args: argparse.Namespace) -> Result:
    _, where, port = address(args.where)
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
    return Result(peer, _describe(peer))


async def _key(host: Host, args: argparse.Namespace) -> Result:
    fingerprint = await open_replication(host).own_key(args.name)
    return Result({"name": args.name, "fingerprint": fingerprint}, fingerprint)


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
