"""The two lines that pair boxes without a password: what one offers, and what the other answers. Pure.

A person carries them from screen to screen, so they are one line of plain words each, and nothing in them is believed:
every word has its grammar, and the fingerprints are worked out from the keys.
"""

from __future__ import annotations

import re

from privhelper import grammar

from ...errors import RefusedError
from ...lazyclass import dataclass
from . import keys
from .rights import Rights, flags_of

OFFER, ANSWER = "dplane-offer-1", "dplane-answer-1"
_LIMIT = 2000
_WORD = re.compile(r"[\x21-\x7e]+")


@dataclass(frozen=True, slots=True)
class Offer:
    """What a box that wants in shows: who it is, and its key."""

    own_name: str
    """How it is called at the boxes it is paired with."""
    key: str
    """Its public key, `ssh-ed25519 AAAA…`."""
    fingerprint: str
    """`SHA256:…` of it."""
    line: str
    """All of it, to be pasted on the other box."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the box that accepted it answers: where it is, its host key, and for whose key."""

    address: str
    port: int
    host_key: str
    host_fingerprint: str
    key_fingerprint: str
    """Of the key that was accepted."""
    line: str
    """All of it, to be pasted on the box that made the offer."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """A key that may come in here. A line that nobody of us wrote has an empty name, and is in `line`."""

    name: str
    key_fingerprint: str = ""
    root: str | None = None
    may_read: str | None = None
    may_snapshot: bool = False
    may_prune: bool = False
    may_rollback: bool = False
    line: str = ""

    def in_words(self) -> str:
        """What it may do, a clause."""
        if not self.name:
            return "not a line of D-Plane's; an administrator put it there"
        return Rights(self.name, self.root, self.may_read, **flags_of(self)).in_words()


@dataclass(frozen=True, slots=True)
class Admission:
    """A key that was let in, and what to paste on the box it belongs to."""

    accepted: Accepted
    answer: Answer


def make_offer(own_name: str, key: str) -> Offer:
    """The offer of a box. Raises RefusedError for what cannot be one."""
    if problem := grammar.peer_problem(own_name):
        raise RefusedError(f"The offer's name {problem}.")
    if problem := grammar.key_problem(key):
        raise RefusedError(f"The offer's key {problem}.")
    return Offer(own_name, key, keys.fingerprint(key), f"{OFFER} {own_name} {key}")


def make_answer(address: str, port: int, host_key: str, key_fingerprint: str) -> Answer:
    """The answer to an offer. Raises RefusedError for what cannot be one."""
    keys.check_address("dplane", address, port)
    shown = keys.fingerprint(host_key)
    if not re.fullmatch(r"SHA256:[A-Za-z0-9+/]{43}", key_fingerprint):
        raise RefusedError("The answer does not say for which key it is.")
    line = f"{ANSWER} {address} {port} {host_key} {key_fingerprint}"
    return Answer(address, port, host_key, shown, key_fingerprint, line)


def read_offer(pasted: str) -> Offer:
    """The offer in a pasted line. Raises RefusedError."""
    words = _words(pasted, OFFER, 4, "an offer", "Copy the whole line that `dplane peer offer` printed there.")
    return make_offer(words[1], f"{words[2]} {words[3]}")


def read_answer(pasted: str) -> Answer:
    """The answer in a pasted line. Raises RefusedError."""
    words = _words(pasted, ANSWER, 6, "an answer", "Copy the whole line that `dplane peer accept` printed there.")
    if not re.fullmatch("[0-9]{1,5}", words[2]):
        raise RefusedError("The answer's port is not a number.")
    return make_answer(words[1], int(words[2]), f"{words[3]} {words[4]}", words[5])


def _words(pasted: str, kind: str, count: int, what: str, hint: str) -> list[str]:
    """The words of a pasted line: spaces at its ends are a terminal's, nothing else is forgiven."""
    words = pasted.strip(" \r\n").split(" ") if len(pasted) <= _LIMIT else []
    if len(words) != count or words[0] != kind or not all(map(_WORD.fullmatch, words)):
        raise RefusedError(f"That is not {what} of D-Plane's.", hint)
    return words
