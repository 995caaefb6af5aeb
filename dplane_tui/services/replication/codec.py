"""Our frozen data classes as JSON and back. What comes in is checked against the types, never trusted."""

from __future__ import annotations

import dataclasses
import functools
import json
import sys
import types
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from .model import Scope

T = TypeVar("T")


def dumps(value: Any) -> str:
    """A data class (of data classes, tuples, numbers, texts) as compact JSON."""
    return json.dumps(dataclasses.asdict(value), ensure_ascii=True, separators=(",", ":"))


def decode(kind: type[T], data: Any) -> T:
    """`data` (from JSON) as the data class `kind`, unknown fields ignored. Raises ValueError saying what is wrong."""
    if not isinstance(data, dict):
        raise ValueError(f"{kind.__name__} is not an object")
    hints: dict[str, Any] = _hints(kind)  # type: ignore[arg-type]  # classes are hashable
    given: dict[str, Any] = {}
    for field in dataclasses.fields(kind):  # type: ignore[arg-type]  # T is always one of our data classes
        if field.name in data:
            given[field.name] = _value(hints[field.name], data[field.name], f"{kind.__name__}.{field.name}")
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            raise ValueError(f"{kind.__name__}.{field.name} is missing")
    return kind(**given)


@functools.cache
def _hints(kind: Any) -> dict[str, Any]:
    return get_type_hints(kind)


def _value(hint: Any, value: Any, where: str) -> Any:
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        choices = get_args(hint)
        if value is None and type(None) in choices:
            return None
        return _value(next(choice for choice in choices if choice is not type(None)), value, where)
    if origin is tuple:
        if not isinstance(value, list):
            raise ValueError(f"{where} is not a list")
        return tuple(_value(get_args(hint)[0], item, where) for item in value)
    if dataclasses.is_dataclass(hint):
        return decode(hint, value)  # type: ignore[arg-type]  # is_dataclass narrows to an instance as well
    return _plain(hint, value, where)


def _plain(hint: Any, value: Any, where: str) -> Any:
    if hint is bool or isinstance(value, bool):
        if hint is bool and isinstance(value, bool):
            return value
    elif hint is float and isinstance(value, (int, float)) and abs(value) <= sys.float_info.max:  # an int has no end
        return float(value)
    elif (hint is int and isinstance(value, int)) or (hint is str and isinstance(value, str)):
        return value
    raise ValueError(f"{where} is not {hint.__name__}")


def told_by(plan: str) -> tuple[Scope | None, tuple[str, ...], dict[str, str], bool | None]:
    """What a stored plan took of its source's tree, its notes, the GUIDs of its datasets, and whether its task took
    snapshots of its own if that was changed since, without taking the rest of it apart; None and nothing where it
    cannot be understood, or was not kept."""
    try:
        found = json.loads(plan) if plan else {}
    except (ValueError, RecursionError):
        return None, (), {}, None
    if not isinstance(found, dict):
        return None, (), {}, None
    notes, own = found.get("notes", ()), found.get("own")
    return (
        _scope(found),
        tuple(str(note) for note in notes) if isinstance(notes, list) else (),
        {**_guids(found.get("steps")), **_guids(found.get("matches"))},
        own if isinstance(own, bool) else None,
    )


def with_own(plan: str, own: bool) -> str:
    """A stored plan that also says whether its task took snapshots of its own, for `told_by`."""
    try:
        found = json.loads(plan) if plan else {}
    except (ValueError, RecursionError):
        found = {}
    found = found if isinstance(found, dict) else {}
    return json.dumps({**found, "own": own}, ensure_ascii=True, separators=(",", ":"))


def _scope(plan: dict[str, Any]) -> Scope | None:
    # A plan of an older release has no patterns; where the source was taken alone there is nothing for them to choose.
    alone: dict[str, Any] = {"include": [], "exclude": []} if plan.get("recursive") is False else {}
    try:
        return decode(Scope, {**alone, **plan})
    except ValueError:
        return None


def _guids(parts: Any) -> dict[str, str]:
    """Datasets and their GUIDs from the steps or matches of a stored plan."""
    named = [part for part in parts if isinstance(part, dict)] if isinstance(parts, list) else []
    pairs = [(part.get("dataset"), part.get("dataset_guid")) for part in named]
    return {name: guid for name, guid in pairs if isinstance(name, str) and isinstance(guid, str) and guid}
