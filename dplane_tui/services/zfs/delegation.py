"""Who may do what with a dataset without being root: what `zfs allow` tells, taken apart carefully.

Names of sets may hold spaces, as may those of accounts from a directory service, so that a line can be read in two
ways: such a line is kept as it stands and marked, never guessed at.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from ...errors import CommandError
from ...lazyclass import dataclass
from ...text import clean
from . import names
from .model import Dataset
from .service import ZfsService

HERE, BELOW, BOTH = "here", "below", "here and below"
_HEAD = "---- Permissions on "
_SCOPES = {
    "Local permissions:": HERE,
    "Descendent permissions:": BELOW,
    "Descendant permissions:": BELOW,
    "Local+Descendent permissions:": BOTH,
    "Local+Descendant permissions:": BOTH,
}
_SETS = ("Permission sets:", "Create time permissions:")
_WORD = re.compile(r"@?[A-Za-z0-9_.:-]+")
_UNKNOWN = re.compile(r"\(unknown: \d+\)")


@dataclass(frozen=True, slots=True)
class Grant:
    """One line: who was given what, on which dataset."""

    kind: str
    """`user`, `group`, `everyone`; `creator` is whoever makes a dataset below; `set` only names permissions;
    `unclear` is a line that can be read in two ways, whole in `who`."""
    who: str
    """Empty for everyone and creator."""
    permissions: tuple[str, ...]
    """Words of ZFS, and `@names` of sets."""
    at: str
    """The dataset on which it was given."""
    scope: str
    """`here`, `below`, or `here and below`, seen from `at`."""

    def reaches(self, dataset: str) -> bool:
        """Whether it counts on `dataset`, which is `at` or lies below it."""
        if self.kind in ("set", "creator"):
            return False
        return self.scope == BOTH or self.scope == (HERE if dataset == self.at else BELOW)


def parse_allow(text: str, dataset: str) -> tuple[Grant, ...]:
    """What `zfs allow DATASET` prints: of the dataset itself and of those above it. Raises CommandError."""
    parts = dataset.split("/")
    above = ["/".join(parts[: n + 1]) for n in range(len(parts))]
    found: list[Grant] = []
    at = section = ""
    for line in text.split("\n"):
        if not line.strip():
            continue
        if line.startswith(_HEAD):
            at, section = _named(line, above), ""
        elif line in _SCOPES or line in _SETS:
            section = line
        elif line.startswith("\t") and at and section:
            found.append(_grant(line[1:].rstrip("\n"), at, section))
        else:
            raise _not_understood(line)
    return tuple(found)


def _named(line: str, above: Iterable[str]) -> str:
    """The dataset of a heading: one that we know, as a name may itself end with hyphens or spaces."""
    rest = line.removeprefix(_HEAD)
    for name in above:
        if rest.startswith(name) and re.fullmatch(r" -*", rest[len(name) :]):
            return name
    raise _not_understood(line)


def _grant(line: str, at: str, section: str) -> Grant:
    if section in _SETS:  # ZFS puts the wrong one of the two headings when there are no sets
        name, space, permissions = line.rpartition(" ")
        if name.startswith("@") and space and _sound(permissions):
            return Grant("set", name, _words(permissions), at, BELOW)
        if not space and _sound(line):
            return Grant("creator", "", _words(line), at, BELOW)
        return Grant("unclear", line, (), at, BELOW)
    scope = _SCOPES[section]
    kind, _, rest = line.partition(" ")
    if kind == "everyone" and _sound(rest):
        return Grant("everyone", "", _words(rest), at, scope)
    who, space, permissions = rest.rpartition(" ")
    plain = " " not in who or _UNKNOWN.fullmatch(who)
    if kind in ("user", "group") and space and who and plain and _sound(permissions):
        return Grant(kind, who, _words(permissions), at, scope)
    return Grant("unclear", line, (), at, scope)


def _sound(permissions: str) -> bool:
    return all(_WORD.fullmatch(word) for word in permissions.split(","))


def _words(permissions: str) -> tuple[str, ...]:
    return tuple(permissions.split(","))


def _not_understood(line: str) -> CommandError:
    return CommandError(
        f"What `zfs allow` said was not understood: “{clean(line, 100)}”.",
        "Please report it with the version of ZFS (`zfs version`).",
    )


def opened(grant: Grant, grants: Iterable[Grant]) -> tuple[str, ...]:
    """The permissions of a grant with its sets replaced by what they hold; a set that is not told stays by its name.

    A set counts for what is given where it is defined or below; definitions of one name add up.
    """
    sets: dict[str, list[str]] = {}
    for one in grants:
        if one.kind == "set" and f"{grant.at}/".startswith(f"{one.at}/"):
            sets.setdefault(one.who, []).extend(one.permissions)
    found: list[str] = []
    seen: set[str] = set()
    waiting = list(grant.permissions)
    while waiting:
        word = waiting.pop(0)
        if word in seen:
            continue
        seen.add(word)
        if word in sets:
            waiting = [*sets[word], *waiting]
        else:
            found.append(word)
    return tuple(found)


def sentence(grant: Grant, grants: Iterable[Grant]) -> str:
    """One grant in words, with where it was given."""
    may = ", ".join(opened(grant, grants))
    named = [word for word in grant.permissions if word.startswith("@")]
    by = f" (by {', '.join(named)})" if named else ""
    if grant.kind == "unclear":
        return f"This line can be read in two ways: “{grant.who}”. Given on {grant.at}."
    if grant.kind == "set":
        return f"{grant.who} stands for {may}. Defined on {grant.at}."
    if grant.kind == "creator":
        return f"Whoever makes a dataset below {grant.at} may then {may}{by} there."
    who = {"user": grant.who, "group": f"Who is in the group {grant.who}", "everyone": "Everyone"}[grant.kind]
    return f"{who} may {may}{by}. Given on {grant.at}, for {_FOR[grant.scope]}."


_FOR = {HERE: "itself only", BELOW: "what is below only", BOTH: "itself and all below"}


class AllowReader(ZfsService):
    """Reads what was given; anybody may ask."""

    async def allowed(self, dataset: Dataset) -> tuple[Grant, ...]:
        """Everything that was given on a dataset or above it. Raises ChangedError when it is gone."""
        told = await self._run(["zfs", "allow", names.dataset(dataset.name)])
        return parse_allow(told.text, dataset.name)
