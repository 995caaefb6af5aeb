"""The person's own keys: `keys.toml`, laid over the table of actions. What makes no sense is told; the default stays.

[keys]
refresh = "f5"                     # one key
"pools/scrub" = ["b", "ctrl+b"]    # several; `group/action` where two groups have an action of that name
"""

from __future__ import annotations

import re
import string
import tomllib
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from . import actions
from .actions import Action
from .paths import user_config
from .text import clean

_MOST = 64 * 1024
_NAMED = frozenset({"enter", "space", "tab", "backspace", "insert", "delete", "left", "right", "escape"})
_NAMED_F = re.compile(r"f([1-9]|1[0-2])")
_CTRL = re.compile(r"ctrl\+[a-z]")
_SAME_AS_OTHERS = {"ctrl+i": "Tab", "ctrl+m": "Enter", "ctrl+j": "Enter", "ctrl+h": "Backspace"}
_LINE = frozenset({"ctrl+s"})
"""Stops the output of a serial line."""
MOVES = frozenset("jkgG") | {"up", "down", "pageup", "pagedown", "home", "end", "ctrl+u", "ctrl+d"}
"""What moves in every list; a list takes them before any action."""
_SPELLED = {"solidus": "slash", "reverse_solidus": "backslash", "commercial_at": "at", "hyphen_minus": "minus",
            "plus_sign": "plus", "low_line": "underscore"}  # fmt: skip


def file() -> Path:
    """Where a person's keys are."""
    return user_config() / "keys.toml"


def name_of(key: str) -> str | None:
    """The name that events have for a key as a person writes it (`?`, `ctrl+r`, `F5`); None for what is no key."""
    if len(key) == 1:
        if key in string.ascii_letters + string.digits:
            return key
        if key == " ":
            return "space"
        if not key.isascii() or not key.isprintable():
            return None
        spelled = unicodedata.name(key).lower().replace("-", "_").replace(" ", "_")
        return _SPELLED.get(spelled, spelled)
    low = key.lower()
    if low in _NAMED or low in MOVES or _NAMED_F.fullmatch(low):
        return low
    return low if _CTRL.fullmatch(low) and low not in _SAME_AS_OTHERS else None


def _overlap(one: str, other: str) -> bool:
    """Whether actions of both groups can be at hand at the same time."""
    if {one, other} & {"global", "list"} or one == other:
        return True
    return one.startswith(other + ".") or other.startswith(one + ".")


def lay_over(table: Sequence[Action], wanted: Mapping[str, object]) -> tuple[tuple[Action, ...], tuple[str, ...]]:
    """The table with the keys of `wanted` (action → key or keys), and a sentence for each entry that was left out."""
    found = list(table)
    problems: list[str] = []
    chosen: dict[int, str] = {}
    for name, value in wanted.items():
        meant = [n for n, one in enumerate(table) if name in {one.id, f"{one.group}/{one.id}"}]
        keys, why = _keys(value)
        if not meant:
            why = "there is no such action"
        if why:
            problems.append(f"{clean(name, 40)}: {why}.")
            continue
        for n in meant:
            found[n] = replace(table[n], keys=keys)
            chosen[n] = name
    # An action that goes back to its default may need a key that another has taken.
    while clash := next(((n, why) for n in chosen if (why := _clash(found, table, n))), None):
        n, why = clash
        problems.append(f"{clean(chosen.pop(n), 40)}: {why}.")
        found[n] = table[n]
    return tuple(found), tuple(dict.fromkeys(problems))


def _keys(value: object) -> tuple[tuple[str, ...], str]:
    """The keys an entry names, or why there are none."""
    given = [value] if isinstance(value, str) else value
    if not isinstance(given, list) or not given or not all(isinstance(key, str) and key for key in given):
        return (), "it needs a key or a list of keys"
    names: list[str] = []
    for key in given:
        name = name_of(key)
        if name is None:
            return (), f"“{clean(key, 20)}” is no key every terminal sends"
        if name in MOVES:
            return (), f"{clean(key, 20)} moves in lists"
        if name in _LINE:
            return (), f"{clean(key, 20)} would stop a serial line"
        names.append(name)
    return tuple(dict.fromkeys(names)), ""


def _clash(found: Sequence[Action], table: Sequence[Action], n: int) -> str:
    """Which other action has a key of action `n`, if that was not so from the start; empty for none."""
    one = found[n]
    for m, other in enumerate(found):
        if m == n or not _overlap(one.group, other.group):
            continue
        old = set(table[n].keys) & set(table[m].keys)
        if taken := [key for key in one.keys if key in other.keys and key not in old]:
            return f"{actions.SHOWN.get(taken[0], taken[0])} is the key of “{other.label}” already"
    return ""


def take_over() -> tuple[str, tuple[str, ...]]:
    """Use the person's keys from now on: a line for the help screen (empty: the defaults), and what to tell at once."""
    place = str(file()).replace(str(Path.home()) + "/", "~/", 1)
    try:
        with file().open("rb") as content:
            text = content.read(_MOST).decode("utf-8")
        wanted = tomllib.loads(text).get("keys", {})
        if not isinstance(wanted, dict):
            raise ValueError("its [keys] is no table")
    except FileNotFoundError:
        actions.use(actions.ACTIONS)
        return "", ()
    except (OSError, ValueError) as error:
        actions.use(actions.ACTIONS)
        return "", (f"The keys in {place} cannot be used: {clean(str(error), 120)}. The defaults stay.",)
    table, problems = lay_over(actions.ACTIONS, wanted)
    actions.use(table)
    told = (f"In {place} something makes no sense, and the default stays:", *problems) if problems else ()
    return f"Your own keys from {place} are in use.", told
