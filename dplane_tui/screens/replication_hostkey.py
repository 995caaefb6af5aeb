"""The story of a peer's host key: what was pinned, what the box shows now, what a difference means. Pure."""

from __future__ import annotations

from ..services.replication.model import Peer
from ..widgets.layout import Pieces

_DIFFERENT = (
    "The two differ. Until you know why, nothing is sent to that box. There are two reasons:",
    "1  The box was installed anew, or its key was renewed. Then its own screen shows the new fingerprint.",
    "2  Something stands in between and pretends to be it. Then its own screen shows the pinned one.",
    "Go to the box, or to its screen, and read its fingerprint there:",
)
_LOOK = "ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub"
_NEW = "If it shows the new one: "
_ADMIN = "an administrator accepts it, or pairs again under the same name; tasks and copies stay."
_THEN = ("If it shows the pinned one: leave everything as it is, and look at the network in between.",)


def story(peer: Peer, shown: str, problem: str, accept: str = "") -> list[Pieces]:
    """`shown` is the fingerprint the box shows now, empty when it could not be asked: `problem` says why.

    `accept` is the key that accepts the new one; empty: this person may not.
    """
    lines: list[Pieces] = [
        [("pinned when paired  ", "dim"), (peer.host_fingerprint, "strong")],
        [("shown now           ", "dim"), (shown or "unknown", "strong" if shown else "unknown")],
        [],
    ]
    if not shown:
        return [
            *lines,
            [(problem, "bad")],
            [],
            [("Whether the key changed is not known while it cannot be asked.", "text")],
        ]
    if shown == peer.host_fingerprint:
        same = "Both are the same: it is the box that was paired. A run that failed on this can be run again (u)."
        return [*lines, [(same, "good")]]
    lines += [[(text, "bad" if number == 0 else "text")] for number, text in enumerate(_DIFFERENT)]
    lines += [[(f"   {_LOOK}", "strong")], []]
    then = f"{accept} accepts it here; tasks and copies stay." if accept else _ADMIN
    return [*lines, [(_NEW + then, "text")], *([(text, "text")] for text in _THEN)]
