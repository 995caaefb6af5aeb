"""Which snapshots that D-Plane did not take retention may destroy all the same: those an administrator named. Pure.

The property `dplane:may-prune` of a dataset holds how their names begin (`autosnap_,syncoid_attic_`). It counts for the
datasets below as well, until one has its own; where it came with a stream it does not count, for a peer chose it.
"""

from __future__ import annotations

from .grammar import ALNUM, text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

MARK = "dplane:may-prune"
NONE = "none"
WORDS = "none, or 1 to 10 beginnings of names with commas between, each of 3 to 64 letters, digits and _ . : -"
_OURS = "dplane-"
_INHERITED = "inherited from "


def problem(value: str) -> str:
    """Why `value` cannot be the value of MARK; "" when it can."""
    if value == NONE:
        return ""
    parts = value.split(",", 10)
    if len(parts) > 10:
        return "must not hold more than 10 beginnings of names"
    for part in parts:
        if text(part, 64, ALNUM | frozenset("_.:-"), dots=True) or len(part) < 3:
            return f"must be {WORDS}"
        # A person's own dplane-before-the-upgrade must not go, and what tasks take goes by their policies anyhow.
        if part.startswith(_OURS) or _OURS.startswith(part):
            return f"must not name what begins with {_OURS}: that is judged by itself"
    return ""


def beginnings(value: str) -> tuple[str, ...]:
    """How the names begin that may go; none for a value that is not sound."""
    return () if value == NONE or problem(value) else tuple(value.split(","))


def covering(begins: Iterable[str], name: str) -> str:
    """Which of `begins` lets a snapshot of that name (behind the `@`) go; "" for none."""
    return next((one for one in begins if name.startswith(one)), "")


def covers(begins: Iterable[str], name: str) -> bool:
    """Whether a snapshot of that name may go."""
    return covering(begins, name) != ""


def origin(dataset: str, source: str) -> str:
    """On which dataset the value is set that `dataset` has from `source`, as ZFS tells that; "" when none counts."""
    if source == "local":
        return dataset
    above = source.removeprefix(_INHERITED)
    return above if above != source and dataset.startswith(f"{above}/") else ""


def value_words(dataset: str) -> list[str]:
    """The words of the `zfs` that tells value and source of one dataset; `told` reads its answer."""
    return ["get", "-H", "-p", "-o", "value,source", MARK, dataset]


def told(dataset: str, said: str) -> tuple[str, tuple[str, ...]]:
    """Where the value is set (see `origin`), and what it lets go if that is here, by what `value_words` said.

    A value of several lines, or with a tab, is not sound, so the source is what stands behind the last tab.
    """
    value, _, source = said.removesuffix("\n").rpartition("\t")
    return origin(dataset, source), beginnings(value) if source == "local" else ()


def of_dataset(dataset: str, ask: Callable[[list[str]], str]) -> tuple[str, ...]:
    """How the names begin that may go there; `ask` runs `zfs` with those words and returns what it printed."""
    where, found = told(dataset, ask(value_words(dataset)))
    if where and where != dataset:
        _, found = told(where, ask(value_words(where)))
    return found
