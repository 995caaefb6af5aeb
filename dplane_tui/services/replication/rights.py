"""What a paired box may do here: the words of its key's forced command, and the lines that sshd reads. Pure.

The privileged helper writes these lines (`privhelper/peers.py`); the agent obeys them. A box with a `root` may receive
there and nowhere else; one that may only read receives nothing; one with neither receives where nothing is yet.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from privhelper import grammar

FLAGS = ("may_snapshot", "may_prune", "may_rollback")
"""Rights that are given or not; `yes` stands behind those that are."""
COMMAND = "/opt/dplane/current/bin/dplane agent"
_LINE = re.compile(r'restrict,command="([^"\\]{1,1200})" (ssh-ed25519 [A-Za-z0-9+/]{68}) dplane:([A-Za-z0-9_.-]{1,63})')


class Rights(NamedTuple):
    """What one paired box may do here. No data class: each start of the agent would pay for loading those."""

    peer: str
    root: str | None = None
    """Where it may receive; None: where nothing is yet, or nowhere when it may read."""
    may_read: str | None = None
    """What it may read, with all below: its snapshots, and streams of them."""
    may_snapshot: bool = False
    """Whether it may take snapshots (`dplane-…`) of what it may read, and bookmark them."""
    may_prune: bool = False
    """Whether it may destroy old snapshots of its own tasks (never the newest): in the copies it made here, and of what
    it reads those that were taken for it. Of its copies also what `dplane:may-prune` here lets go."""
    may_rollback: bool = False
    """Whether it may take the copies it made here back to one of their snapshots."""

    @property
    def receives(self) -> bool:
        """Whether it may receive at all."""
        return self.root is not None or self.may_read is None

    def may_write(self, dataset: str) -> bool:
        """Whether that dataset is where it may receive, if it is not somebody else's."""
        return self.receives and (self.root is None or within(dataset, self.root))

    def reads(self, dataset: str) -> bool:
        """Whether it may read that dataset, whoever made it."""
        return self.may_read is not None and within(dataset, self.may_read)

    def in_words(self) -> str:
        """The rights for a person, a clause without a subject."""
        found = []
        if self.root:
            found.append(f"receive into {self.root} and below")
        elif self.receives:
            found.append("receive into datasets that it makes")
        if self.may_read:
            found.append(f"read {self.may_read} and below")
        if self.may_snapshot:
            found.append("take snapshots of that")
        if self.may_prune:
            found.append("destroy old snapshots of its own tasks (and what dplane:may-prune lets go of its copies)")
        if self.may_rollback:
            found.append("roll its own copies back")
        return ", ".join(found)


def flags_of(given: Any) -> dict[str, Any]:
    """The FLAGS of whatever has them, by name."""
    return {flag: bool(getattr(given, flag)) for flag in FLAGS}


def flags_told(told: dict[str, Any]) -> dict[str, Any]:
    """The FLAGS that a far box says we have."""
    return {flag: told.get(flag) is True for flag in FLAGS}


def within(dataset: str, top: str) -> bool:
    """Whether a dataset is `top` or lies below it."""
    return f"{dataset}/".startswith(f"{top}/")


def place(told: object) -> str | None:
    """A dataset that a far box says our rights are about; None for what cannot be one."""
    return told if isinstance(told, str) and not grammar.dataset_problem(told) else None


def name(told: object) -> str:
    """The name by which a far box says that it knows us; empty for what cannot be one."""
    return told if isinstance(told, str) and not grammar.peer_problem(told) else ""


def of_words(words: list[str]) -> Rights | None:
    """The rights that the words behind `dplane agent` give; None when they are not such words."""
    options = dict(zip(words[::2], words[1::2], strict=False))
    if len(options) * 2 != len(words):
        return None
    peer, root, may_read = options.pop("--peer", ""), options.pop("--root", None), options.pop("--may-read", None)
    flags = {name: options.pop(f"--{name.replace('_', '-')}", None) for name in FLAGS}
    if options or grammar.peer_problem(peer) or any(value not in (None, "yes") for value in flags.values()):
        return None
    if any(place is not None and grammar.dataset_problem(place) for place in (root, may_read)):
        return None
    if flags["may_snapshot"] and may_read is None:
        return None
    return Rights(peer, root, may_read, **{name: value is not None for name, value in flags.items()})


def of_line(line: str) -> tuple[Rights, str] | None:
    """The rights that a line of the authorized keys gives, and its key; None for a line that is not one of ours."""
    found = _LINE.fullmatch(line)
    if not found or not found[1].startswith(f"{COMMAND} "):
        return None
    rights = of_words(found[1].removeprefix(f"{COMMAND} ").split(" "))
    return (rights, found[2]) if rights is not None and rights.peer == found[3] else None
