"""A restored dataset is made what its original was, as the notes at its copy say; and what of that is told."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import replace

from ...errors import CommandError, DPlaneError, RefusedError, UnreachableError
from ...lazyclass import dataclass, field
from ...text import clean
from ..door import Door
from . import exposure
from .exposure import Exposure
from .read import NOT_NOTED, SHARES, Dataset, Side

# What a received copy is given for safety, and what a dataset of the person's own has when nobody says otherwise.
# setuid and devices stay off: the copy was in other hands, and an administrator can turn them on.
_USUAL = {
    "filesystem": {"readonly": "off", "canmount": "on", "exec": "on"},
    "volume": {"readonly": "off", "volmode": "default"},
}
# A share opens what is in it to a network, on the word of whoever had the copy: a person gives it anew.
_STAYS = frozenset({"setuid", "devices", "volblocksize", *SHARES})
# What a mounted place depends on comes last, so that nothing is mounted before it is what it was.
_LAST = ("canmount", "readonly")
# What a person should decide anew, because whoever has the copy may have written it there.
_WEAKER = {
    ("sync", "disabled"): "what was written last can be lost when the power fails",
    ("exec", "on"): "programs in it can be run",
    ("acltype", "off"): "its access control lists count no more",
    ("redundant_metadata", "some"): "a damaged block can take more files with it",
    ("redundant_metadata", "none"): "a damaged block can take more files with it",
}
_NAMED = 10  # datasets, in a sentence that a mail may hold
_SHARED_MOST = 1800  # characters of a clause with how it is shared, and with the command that is made of it


@dataclass(frozen=True, slots=True)
class Settings:
    """What became of the settings of one dataset: those that are as its copy notes them, and what could not be done."""

    dataset: str
    noted: Mapping[str, str] = field(default_factory=dict)
    left: Sequence[str] = ()
    """A clause each."""
    shared: Mapping[str, str] = field(default_factory=dict)
    """What of SHARES the copy notes, and it does not have; never set."""
    inherited: Mapping[str, str] = field(default_factory=dict)
    """What of SHARES it has as the copy notes it, from what is above it."""
    held: Sequence[Exposure] | None = None
    """Why it was left unmounted, also when that is only that what is above it was; None when it was not."""


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
    return [*told, *_told_held(settings), *_told_shares(settings)]


def _told_held(settings: Sequence[Settings]) -> list[str]:
    held, along = exposure.clauses({one.dataset: one.held for one in settings if one.held is not None})
    if not held:
        return []
    with_them = f" Left unmounted with them, as they lie below: {few(along, ', ')}." if along else ""
    return [
        "Left unmounted, as what is above is, or may be, shared otherwise than the copy notes: "
        f"{few(held, most=_SHARED_MOST)}.{with_them} After those commands, "
        "or without them where they may be in that share: `dplane dataset set NAME canmount=on`, "
        "then `dplane dataset mount NAME`, the upper ones first."
    ]


def _told_shares(settings: Sequence[Settings]) -> list[str]:
    told = []
    same = [f"{one.dataset} ({exposure.value_of(*share)})" for one in settings for share in one.inherited.items()]
    if same:
        told.append(f"In the share that the copy notes, by what is above: {few(same, most=_SHARED_MOST)}.")
    shares = [(one.dataset, *share) for one in settings for share in one.shared.items()] + _drawn_along(settings)
    if shares:
        # What is kept out of a share comes first, and before each what lies below it, which would be in its share.
        shares.sort(key=lambda share: (share[2] != "off", -share[0].count("/"), share))
        clauses = [f"{exposure.command(*share)} ({exposure.was_of(*share[1:])})" for share in shares]
        told.append(
            "Not shared again, as only the copy says how it was. Where that is what you want (or with X in Datasets): "
            f"{few(clauses, most=_SHARED_MOST)}."
        )
    return told


def _drawn_along(settings: Sequence[Settings]) -> list[tuple[str, str, str]]:
    """What has by inheritance the share that its copy notes, and has it no more when the command told above is run."""
    commands = {(one.dataset, name): value for one in settings for name, value in one.shared.items()}
    commands |= {(one.dataset, held.share): held.was for one in settings for held in one.held or () if not held.folder}
    return [
        (one.dataset, name, value)
        for one in settings
        for name, value in one.inherited.items()
        if any(commands.get((above, name), value) != value for above in _levels_above(one.dataset))
    ]


def _levels_above(dataset: str) -> list[str]:
    return [dataset[:at] for at, sign in enumerate(dataset) if sign == "/"]


def few(clauses: Sequence[str], between: str = "; ", most: int = 300) -> str:
    """The first of these and how many more, cleaned, each cut to `most`: for a sentence of bounded length."""
    more = f"{between}and {len(clauses) - _NAMED} more" if len(clauses) > _NAMED else ""
    return between.join(clean(one, most) for one in clauses[:_NAMED]) + more


def settings(dataset: Dataset, originals: dict[str, str]) -> list[tuple[str, str]]:
    """What is set on a restored dataset, in order, but its mountpoint."""
    wanted = {**_USUAL[dataset.kind], **originals}
    chosen = {
        name: value
        for name, value in wanted.items()
        if name not in _STAYS and name != "mountpoint" and dataset.local.get(name) != value
    }
    return sorted(chosen.items(), key=lambda pair: (_LAST.index(pair[0]) + 1 if pair[0] in _LAST else 0, pair[0]))


def is_locked(dataset: Dataset) -> bool:
    """Whether its key is not loaded, so that nobody can read it."""
    return dataset.properties.get("keystatus", "-") == "unavailable"


async def put_in_place(
    door: Door, side: Side, notes: exposure.Notes, placed: Container[str]
) -> tuple[Side, list[Settings]]:
    """Set the mountpoints that are noted of what is back under its own name, before any of it is mounted.

    Returns it as it is then, by the places, upper ones first, for what is mounted later would be in the way of them;
    and what could not be set. Only what is `placed` is set: the far box could name a dataset
    that never was, and a place of its choice with it. Raises UnreachableError.
    """
    now, left = dict(side), []
    for name, dataset in side.items():
        place = notes.get(name, {}).get("mountpoint", "")
        if place and name not in placed:
            left.append(Settings(name, left=[f"mountpoint={place} (this box never sent it; set it by hand)"]))
        elif place and dataset.local.get("mountpoint") != place:
            done, failed = await _carry_out(door, dataset, [("mountpoint", place)])
            now[name] = replace(dataset, local=dataset.local | done)
            left.append(Settings(name, left=failed))
    return dict(sorted(now.items(), key=lambda item: _place(item[0], now))), left


def _place(name: str, side: Side) -> str:
    """Where a dataset is mounted, as far as that is set in `side`; what is above that is where its name says."""
    at, below = name, ""
    while at in side and not side[at].local.get("mountpoint", "").startswith("/"):
        at, _, part = at.rpartition("/")
        below = f"/{part}{below}"
    return f"{side[at].local['mountpoint'] if at in side else f'/{at}'}{below}"


async def _carry_out(
    door: Door, dataset: Dataset, wanted: Sequence[tuple[str, str]], *, mount: bool = False
) -> tuple[dict[str, str], list[str]]:
    """Set that, and mount it; what is set then, and a clause for what could not be done. Raises UnreachableError."""
    acts = [("dataset-set", {"property": name, "value": value}) for name, value in wanted]
    acts += [("dataset-mount", {})] if mount else []
    done: dict[str, str] = {}
    left = []
    for verb, args in acts:
        try:
            await door.call(
                verb, timeout=120.0, stream=b"", dataset=dataset.name, guid=dataset.properties["guid"], **args
            )
            done.update({args["property"]: args["value"]} if args else {})
        except (RefusedError, CommandError) as error:
            what = f"{args['property']}={args['value']}" if args else "mounting it"
            left.append(f"{what} ({error.message.rstrip('.')})")
        except UnreachableError:
            raise
        except DPlaneError as error:
            left.append(error.message.rstrip("."))
    return done, left


async def put_back(
    door: Door, dataset: Dataset, originals: dict[str, str], *, held: Sequence[Exposure] | None = None
) -> Settings:
    """Make a restored dataset what its original was, and mount it; what became of that. Raises UnreachableError.

    One that is `held` back, as `exposure.held_back` says, is neither mounted nor would be at the next start.
    """
    wanted = [pair for pair in settings(dataset, originals) if held is None or pair[0] != "canmount"]
    mount = exposure.mounts(dataset, originals) and held is None and not is_locked(dataset)
    left = [
        f"{name}=on (the copy was in other hands; set it by hand)"
        for name in ("setuid", "devices")
        if originals.get(name) == "on" and dataset.local.get(name) != "on"
    ]
    done, failed = await _carry_out(door, dataset, wanted, mount=mount)
    left += failed
    now = dataset.local | done
    noted = {name: value for name, value in sorted(originals.items()) if now.get(name) == value and name not in _STAYS}
    told = {one.share for one in held or () if one.noted_at == dataset.name and not one.folder}
    shared = {name: originals[name] for name in SHARES if name in originals and name not in told}
    inherited = {}
    if held is None:  # else what is done to an upper one changes it
        same = {name: value for name, value in shared.items() if dataset.properties.get(name) == value}
        inherited = {name: value for name, value in same.items() if value not in ("off", NOT_NOTED)}
    shared = {name: value for name, value in shared.items() if name not in inherited}
    return Settings(dataset.name, noted, left, shared, inherited, held)
