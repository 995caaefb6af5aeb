"""The tree of datasets with everything that a person asks of one, from one `zfs list`. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ...lazyclass import dataclass
from .model import Dataset
from .parse_lists import DATASETS, number, parse_datasets
from .table import Table

_MORE = (
    "compressratio,quota,refquota,reservation,refreservation,volsize,usedbydataset,usedbychildren,"
    "usedbyrefreservation,creation,canmount,keyformat"
)
TREE = Table(f"{DATASETS.plain},{_MORE}", (*DATASETS.texts, "keylocation"))
TREE_COLUMNS = TREE.columns


@dataclass(frozen=True, slots=True)
class Holding(Dataset):
    """A dataset and where its space goes. Bytes; 0 stands for no quota and no reservation, None for unknown."""

    ratio: float | None = None
    quota: int | None = None
    refquota: int | None = None
    reservation: int | None = None
    refreservation: int | None = None
    volsize: int | None = None
    by_itself: int | None = None
    by_children: int | None = None
    by_refreservation: int | None = None
    created: float | None = None
    canmount: str = ""
    key_format: str = ""
    key_location: str = ""

    @property
    def locked(self) -> bool:
        """Whether it waits for its key."""
        return self.key_status == "unavailable"

    @property
    def is_key_holder(self) -> bool:
        """Whether a key of its own is loaded here: it is an encryption root."""
        return self.encryption_root == self.name


def parse_tree(listed: Iterable[Sequence[str]]) -> tuple[Holding, ...]:
    """The rows of TREE. Raises CommandError."""
    basic, more = DATASETS.plain.count(",") + 1, _MORE.count(",") + 1
    found = []
    for row in listed:
        *texts, key_location = row[basic + more :]
        [one] = parse_datasets([[*row[:basic], *texts]])
        found.append(_holding(one, [*row[basic : basic + more], key_location]))
    return tuple(found)


def _holding(one: Dataset, more: list[str]) -> Holding:
    numbers = [number(word) for word in more[1:10]]
    word = [cell if cell != "-" else "" for cell in more[10:]]
    created = numbers[8]
    return Holding(
        **{name: getattr(one, name) for name in Dataset.__slots__},
        ratio=_ratio(more[0]),
        quota=numbers[0],
        refquota=numbers[1],
        reservation=numbers[2],
        refreservation=numbers[3],
        volsize=numbers[4],
        by_itself=numbers[5],
        by_children=numbers[6],
        by_refreservation=numbers[7],
        created=None if created is None else float(created),
        canmount=word[0],
        key_format=word[1],
        key_location=word[2],
    )


def _ratio(word: str) -> float | None:
    try:
        return float(word.removesuffix("x"))
    except ValueError:
        return None


@dataclass(frozen=True, slots=True)
class Waiting:
    """An encryption root without its key, and what cannot be read before it has it."""

    root: Holding
    below: tuple[str, ...]
    """The other datasets with the same key."""

    @property
    def from_file(self) -> bool:
        """Whether the key is read from a place of its own and nobody has to type it."""
        return self.root.key_location.startswith(("file://", "http"))


def waiting(tree: Iterable[Holding]) -> tuple[Waiting, ...]:
    """Which datasets wait for a key, by the one that has it. A root that is not listed is left out."""
    all_of_it = tuple(tree)
    return tuple(
        Waiting(one, tuple(d.name for d in all_of_it if d.encryption_root == one.name and d.name != one.name))
        for one in all_of_it
        if one.locked and one.is_key_holder
    )


def quota_of(one: Holding) -> tuple[int, int] | None:
    """(used, most) of the tighter of quota and refquota; None without one."""
    kept = [(one.used, one.quota), (one.referenced, one.refquota)]
    known = [(used, most) for used, most in kept if most and used is not None]
    return max(known, key=lambda pair: pair[0] / pair[1]) if known else None


@dataclass(frozen=True, slots=True)
class Share:
    """One answer to “where did it go?”."""

    what: str
    bytes: int
    about: str


def explain(one: Holding, tree: Iterable[Holding]) -> tuple[Share, ...]:
    """Where the space that `one` uses went: largest first, and children by name. Adds up to `used` where known."""
    shares = []
    if one.by_itself:
        shares.append(Share("what is in it now", one.by_itself, "files and blocks of this dataset itself"))
    if one.by_snapshots:
        shares.append(
            Share("only its snapshots", one.by_snapshots, "deleted or changed since; comes back when they go")
        )
    if one.by_refreservation:
        shares.append(
            Share("its refreservation", one.by_refreservation, "kept free for it, so that it can always be written")
        )
    below = [d for d in tree if d.name.startswith(f"{one.name}/") and d.name.count("/") == one.name.count("/") + 1]
    known = 0
    for child in below:
        if child.used:
            known += max(child.used, child.reservation or 0)
            shares.append(Share(child.name, max(child.used, child.reservation or 0), "a dataset below, with all in it"))
    if one.by_children and one.by_children > known:
        shares.append(Share("other below", one.by_children - known, "reserved, or not listed to this account"))
    return tuple(sorted(shares, key=lambda share: -share.bytes))
