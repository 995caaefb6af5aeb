"""A restored dataset is made what its original was, as the notes at its copy say; and what of that is told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ...errors import CommandError, DPlaneError, RefusedError, UnreachableError
from ...text import clean
from ..door import Door
from .read import Dataset

# What a received copy is given for safety, and what a dataset of the person's own has when nobody says otherwise.
# setuid and devices stay off: the copy was in other hands, and an administrator can turn them on.
_USUAL = {
    "filesystem": {"readonly": "off", "canmount": "on", "exec": "on"},
    "volume": {"readonly": "off", "volmode": "default"},
}
_STAYS = frozenset({"setuid", "devices", "volblocksize"})
# What a mounted place depends on comes last, so that nothing is mounted before it is what it was.
_LAST = ("mountpoint", "canmount", "readonly")
# What a person should decide anew, because whoever has the copy may have written it there.
_WEAKER = {
    ("sync", "disabled"): "what was written last can be lost when the power fails",
    ("exec", "on"): "programs in it can be run",
    ("acltype", "off"): "its access control lists count no more",
}
_NAMED = 10  # datasets, in a sentence that a mail may hold


@dataclass(frozen=True, slots=True)
class Settings:
    """What became of the settings of one dataset: those that are as its copy notes them, and what could not be done."""

    dataset: str
    noted: Mapping[str, str] = field(default_factory=dict)
    left: Sequence[str] = ()
    """A clause each."""


def told_of(settings: Sequence[Settings]) -> list[str]:
    """The sentences about them, cleaned and of bounded length; what weakens a dataset has one of its own."""
    by_kind = {
        (name, value): [one.dataset for one in settings if one.noted.get(name) == value] for name, value in _WEAKER
    }
    weaker = [f"{'='.join(kind)} at {few(of, ', ')} ({_WEAKER[kind]})" for kind, of in by_kind.items() if of]
    noted = [f"{one.dataset}: {', '.join(map('='.join, one.noted.items()))}" for one in settings if one.noted]
    left = [f"{one.dataset}: {clause}" for one in settings for clause in one.left]
    told = [f"Set as the copy notes it, which alone says what was set on the original: {few(noted)}."] if noted else []
    if weaker:
        told.append(f"Look at these, for they protect less: {'; '.join(weaker)}. `dplane dataset set` changes them.")
    return [*told, *([f"Not put back: {few(left)}."] if left else [])]


def few(clauses: Sequence[str], between: str = "; ") -> str:
    """The first of these and how many more, cleaned: for a sentence of bounded length."""
    more = f"{between}and {len(clauses) - _NAMED} more" if len(clauses) > _NAMED else ""
    return between.join(clean(one, 300) for one in clauses[:_NAMED]) + more


def settings(dataset: Dataset, originals: dict[str, str], *, home: bool) -> list[tuple[str, str]]:
    """What is set on a restored dataset, in order. Only one that is back under its own name is mounted where it was."""
    wanted = {**_USUAL[dataset.kind], **originals}
    chosen = {
        name: value
        for name, value in wanted.items()
        if name not in _STAYS and (home or name != "mountpoint") and dataset.local.get(name) != value
    }
    return sorted(chosen.items(), key=lambda pair: (_LAST.index(pair[0]) + 1 if pair[0] in _LAST else 0, pair[0]))


def is_locked(dataset: Dataset) -> bool:
    """Whether its key is not loaded, so that nobody can read it."""
    return dataset.properties.get("keystatus", "-") == "unavailable"


async def put_back(door: Door, dataset: Dataset, originals: dict[str, str], *, home: bool) -> Settings:
    """Make a restored dataset what its original was, and mount it; what became of that. Raises UnreachableError."""
    guid = dataset.properties["guid"]
    acts: list[tuple[str, dict[str, str]]] = [
        ("dataset-set", {"property": name, "value": value}) for name, value in settings(dataset, originals, home=home)
    ]
    if dataset.kind == "filesystem" and not is_locked(dataset) and originals.get("canmount", "on") == "on":
        acts.append(("dataset-mount", {}))
    now = dict(dataset.local)
    left = [
        f"{name}=on (the copy was in other hands; set it by hand)"
        for name in ("setuid", "devices")
        if originals.get(name) == "on" and now.get(name) != "on"
    ]
    for verb, args in acts:
        try:
            await door.call(verb, timeout=120.0, stream=b"", dataset=dataset.name, guid=guid, **args)
            now.update({args["property"]: args["value"]} if args else {})
        except (RefusedError, CommandError) as error:
            what = f"{args['property']}={args['value']}" if args else "mounting it"
            left.append(f"{what} ({error.message.rstrip('.')})")
        except UnreachableError:
            raise
        except DPlaneError as error:
            left.append(error.message.rstrip("."))
    noted = {
        name: value
        for name, value in sorted(originals.items())
        if now.get(name) == value and name not in _STAYS and (home or name != "mountpoint")
    }
    return Settings(dataset.name, noted, left)
