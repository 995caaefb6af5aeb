"""What is set on an original and is to be noted with its copy; what cannot be, and how that is told. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from privhelper.properties import USER, mountpoint_problem, note_problem

from .read import NOT_NOTED, NOTED_FIRST, SHARES, UNSET
from .restored import few


def to_note(own: Mapping[str, str], kept: Mapping[str, str], older: str = "") -> tuple[dict[str, str], dict[str, str]]:
    """What is to be noted of `own` settings where `kept` is noted, and what cannot be: names, each with why.

    `older` is the target's name where its release notes less: what it refuses it is not asked. An old note of what
    cannot be noted goes, for a restore would put that back; that there was such a share is noted even so.
    """

    def refused(name: str, value: str) -> str:
        if not older or is_noted_by_all(name, value):
            return ""
        return f"the release of D-Plane at {older} does not note it"

    left = {}
    for name, value in own.items():
        if why := _problem(value) or (kept.get(name) != value and refused(name, value)):
            left[name] = why
    changed = {name: value for name, value in own.items() if name not in left and kept.get(name) != value}
    gone = {name: UNSET for name in kept if (name in left or name not in own) and not refused(name, UNSET)}
    shared = {name: NOT_NOTED for name in SHARES if name in left and not refused(name, NOT_NOTED)}
    stands = {name for name in shared if kept.get(name) == NOT_NOTED}
    return {name: value for name, value in {**changed, **gone, **shared}.items() if name not in stands}, left


def _problem(value: str) -> str:
    return "its value means in a note that nothing is set" if value in ("-", UNSET) else note_problem(value)


def is_noted_by_all(name: str, value: str) -> bool:
    """Whether a box of any release notes it. What an older one refuses it would refuse in each run anew."""
    if name not in NOTED_FIRST or USER.check(value):
        return False
    return name != "mountpoint" or not value.startswith("/") or not mountpoint_problem(value)


def told_of(left: Mapping[str, Mapping[str, str]]) -> str:
    """The sentence about what was not noted, by dataset: names, each with why; empty for nothing. Of bounded length."""
    clauses = []
    for dataset, by_name in left.items():
        for why in dict.fromkeys(by_name.values()):
            names = ", ".join(sorted(name for name in by_name if by_name[name] == why))
            clauses.append(f"{dataset}: {names} ({why})")
    return f"Not noted with the copy, so that a restore cannot put it back: {few(clauses)}." if clauses else ""
