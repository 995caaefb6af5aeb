"""A peer in detail, a new key for it, and a host key that changed and is accepted by whoever read it there."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..actions import Action
from ..errors import HostKeyError, RefusedError
from ..services.replication.model import Peer
from ..services.replication.rights import Rights, flags_of
from ..text import age, clean
from ..widgets.dialogs import Confirm, Form, ask
from ..widgets.fields import TextField
from ..widgets.layout import Pieces

if TYPE_CHECKING:
    from ..app import Console

TAIL = 12
"""Characters at the end of a fingerprint that are enough: 72 bits, more than anybody makes keys for."""
_WHOLE = re.compile(r"SHA256:[A-Za-z0-9+/]{43}")


def peer_lines(peer: Peer, acts: Sequence[Action], now: float) -> list[Pieces]:
    """All that is known of a peer, and the keys that do something with it."""
    made = age(peer.key_created, now) if peer.key_created else "nobody knows when"
    rights = Rights(peer.name, peer.root, peer.may_read, **flags_of(peer)).in_words()
    confined = f"our key there may {rights}" if peer.product else "nothing confines it: a login of that account"
    facts = (
        ("paired", age(peer.created, now) if peer.created else "nobody knows when"),
        ("login", f"{peer.user}@{peer.address} port {peer.port}"),
        ("has D-Plane", "yes" if peer.product else "no, only ZFS and SSH"),
        ("host key", f"{peer.host_fingerprint} ({peer.host_key.split(' ')[0]}, pinned)"),
        ("our key", f"{peer.key_fingerprint}, made {made}"),
        ("rights", confined),
    )
    lines: list[Pieces] = [[(f"{label:<12}", "dim"), (text, "text")] for label, text in facts]
    lines.append([])
    return [*lines, *([(f"{act.key:<12}", "key"), (act.help or act.label, "text")] for act in acts)]


async def new_key(console: Console, peer: Peer) -> str | None:
    """A new key for it, after a question. Raises DPlaneError."""
    text = (
        f"A new key for {peer.name} is made here and let in there with the rights of the old one. The old one is "
        f"taken away there only after a login with the new one. Now it is {peer.key_fingerprint}."
    )
    if not await ask(console, Confirm(f"A new key for {peer.name}?", text, "New key")):
        return None
    console.say(f"Making a new key for {peer.name}…", "dim")
    found = await console.services.keys.rotate(peer.name)
    return f"The key for {found.name} is {found.key_fingerprint} now; a login with it worked, the old one was removed."


async def trust(console: Console, peer: Peer) -> str | None:
    """Accept another host key, whose fingerprint the person types from that box's own screen. Raises DPlaneError."""
    console.say(f"Asking {peer.address} for its host key…", "dim")
    shown = (await console.services.replication.probe(peer.address, peer.port)).fingerprint
    console.say("")
    if shown == peer.host_fingerprint:
        raise RefusedError(f"{peer.name} shows the host key that is pinned, so there is nothing to accept.")
    text = (
        f"{peer.name} ({peer.address}) shows another host key than the pinned one. Go to its own screen, not over the "
        "network, and run there\n  ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub\nType what it shows: the whole "
        f"SHA256:… or at least its last {TAIL} characters. If you do not know why the key changed, leave with Esc."
    )
    fields = (TextField("It shows", id="print", hint="SHA256:…, or how it ends"),)
    dialog = Form(
        f"New host key of {peer.name}", fields, "Accept it", text=text, check=lambda v: meant(peer, v["print"], shown)
    )
    values = await ask(console, dialog)
    if values is None:
        return None
    console.say(f"Logging in at {peer.name}…", "dim")
    found = await console.services.keys.trust(peer.name, meant(peer, values["print"], shown))
    return f"{found.name} is known by the host key {found.host_fingerprint} now, and a login there with our key worked."


def meant(peer: Peer, typed: str, shown: str) -> str:
    """The fingerprint that a person read on the box itself. Raises RefusedError, HostKeyError."""
    read = typed.strip()
    if _WHOLE.fullmatch(read):
        return read
    if len(read) < TAIL:
        raise RefusedError(f"Type the whole fingerprint, or at least its last {TAIL} characters.")
    if not shown.endswith(read):
        raise HostKeyError(
            f"What {peer.name} shows over the network does not end in {clean(read, 60)}, so nothing is changed.",
            "It was mistyped, or another box answers in its place: then find out first.",
        )
    return shown
