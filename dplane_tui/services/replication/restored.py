"""A restored dataset is made what its original was, as the notes at its copy say; and what of that is told."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from ...errors import CommandError, DPlaneError, RefusedError, UnreachableError
from ...text import clean, quoted
from ..door import Door
from .read import SHARES, Dataset

# What a received copy is given for safety, and what a dataset of the person's own has when nobody says otherwise.
# setuid and devices stay off: the copy was in other hands, and an administrator can turn them on.
_USUAL = {
    "filesystem": {"readonly": "off", "canmount": "on", "exec": "on"},
    "volume": {"readonly": "off", "volmode": "default"},
}
# A share opens what is in it to a network, on the word of whoever had the copy: a person gives it anew.
_STAYS = frozenset({"setuid", "devices", "volblocksize", *SHARES})
# What a mounted place depends on comes last, so that nothing is mounted before it is what it was.
_LAST = ("mountpoint", "canmount", "readonly")
# What a person should decide anew, because whoever has the copy may have written it there.
_WEAKER = {
    ("sync", "disabled"): "what was written last can be lost when the power fails",
    ("exec", "on"): "programs in it can be run",
    ("acltype", "off"): "its access control lists count no more",
    ("redundant_metadata", "some"): "a damaged block can take more files with it",
    ("redundant_metadata", "none"): "a damaged block can take more files with it",
}
_NAMED = 10  # datasets, in a sentence that a mail may hold
_SHARE_MOST = 255  # of what was shared; longer is none of our notes
_SHARED_MOST = 1200  # of a clause with such a value, and with the command that is made of it


@dataclass(frozen=True, slots=True)
class Settings:
    """What became of the settings of one dataset: those that are as its copy notes them, and what could not be done."""

    dataset: str
    noted: Mapping[str, str] = field(default_factory=dict)
    left: Sequence[str] = ()
    """A clause each."""
    shared: Mapping[str, str] = field(default_factory=dict)
    """What of SHARES the copy notes; never set."""


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
    told += [f"Not put back: {few(left)}."] if left else []
    shares = [(value != "off", one.dataset, name, value) for one in settings for name, value in one.shared.items()]
    if shares:
        # What is kept out of a share comes first: it would be in that of what is above.
        clauses = [_share(*share) for _, *share in sorted(shares)]
        told.append(
            "Not shared again, as only the copy says how it was. Where that is what you want (or with X in Datasets): "
            f"{few(clauses, most=_SHARED_MOST)}."
        )
    return told


def _share(dataset: str, name: str, value: str) -> str:
    """How a dataset was shared, and our command that shares it so."""
    from ..zfs.shares import clients_of

    command = ["dplane", "dataset", "share-nfs" if name == "sharenfs" else "share-smb", dataset]
    clients = clients_of(value) if len(value) <= _SHARE_MOST else None
    if name == "sharesmb":
        words, more = (
            ["off" if value == "off" else "on"],
            "" if value in ("on", "off") else ", without options of its own",
        )
    elif clients is None:
        words, more = ["--rw", "CLIENT"], ", with whom you name: D-Plane does not share as that was"
    else:
        words = [word for one, access in clients.items() for word in (f"--{access}", one)] or ["--off"]
        more = ""
    return f"`{shlex.join([*command, *words])}`{more} (it was {quoted(f'{name}={value}', _SHARE_MOST)})"


def few(clauses: Sequence[str], between: str = "; ", most: int = 300) -> str:
    """The first of these and how many more, cleaned, each cut to `most`: for a sentence of bounded length."""
    more = f"{between}and {len(clauses) - _NAMED} more" if len(clauses) > _NAMED else ""
    return between.join(clean(one, most) for one in clauses[:_NAMED]) + more


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


def kept_out(name: str, notes: Mapping[str, Mapping[str, str]]) -> frozenset[str]:
    """Those of SHARES that the original of a restored dataset was kept out of, by its own note or by the nearest above.

    `notes` are those of all that was restored, by name: what was inherited is noted where it was set.
    """
    found: dict[str, str] = {}
    while name:
        found = {**{share: value for share, value in notes.get(name, {}).items() if share in SHARES}, **found}
        name = name.rpartition("/")[0]
    return frozenset(share for share, value in found.items() if value == "off")


async def put_back(
    door: Door, dataset: Dataset, originals: dict[str, str], *, home: bool, exposed: Collection[str] = ()
) -> Settings:
    """Make a restored dataset what its original was, and mount it; what became of that. Raises UnreachableError.

    `exposed` are those of SHARES that the original was kept out of, and that it would be in once it is mounted.
    """
    guid = dataset.properties["guid"]
    wanted = dataset.kind == "filesystem" and originals.get("canmount", "on") == "on"
    exposed = sorted(exposed) if wanted else []
    acts: list[tuple[str, dict[str, str]]] = [
        ("dataset-set", {"property": name, "value": value})
        for name, value in settings(dataset, originals, home=home)
        if not (exposed and name == "canmount")
    ]
    if wanted and not exposed and not is_locked(dataset):
        acts.append(("dataset-mount", {}))
    now = dict(dataset.local)
    left = [
        f"{name}=on (the copy was in other hands; set it by hand)"
        for name in ("setuid", "devices")
        if originals.get(name) == "on" and now.get(name) != "on"
    ]
    if exposed:  # only an administrator may change a share
        left.append(
            f"mounting it (it was kept out of the share of what is above it, {' and '.join(exposed)}, and would be in "
            f"it: set that to off, then canmount=on, then mount it)"
        )
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
    shared = {name: originals[name] for name in SHARES if name in originals}
    return Settings(dataset.name, noted, left, shared)
