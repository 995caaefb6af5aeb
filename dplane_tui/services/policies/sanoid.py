"""What takes the place of a sanoid.conf: a policy for each of its datasets, and a note for what has no equal. Pure.

Values are merged as sanoid does it: its defaults, a template_default of the file, the templates a section uses in their
order, the section's own.
"""

from __future__ import annotations

import configparser
import shlex
from collections.abc import Collection, Mapping

from privhelper import grammar

from ...errors import UsageError
from ...lazyclass import dataclass
from ...text import clean
from ..retention.policy import PERIODS, from_counts
from . import wording

FILE = "/etc/sanoid/sanoid.conf"
LIMIT = 1 << 20
_DEFAULTS = {
    "frequently": "0",
    "hourly": "48",
    "daily": "90",
    "weekly": "0",
    "monthly": "6",
    "yearly": "0",
    "autosnap": "yes",
    "autoprune": "yes",
    "recursive": "no",
    "process_children_only": "no",
}
_YES = frozenset({"1", "yes", "true", "on"})
_MERGED = frozenset({*_DEFAULTS, "use_template"})
_SAME = frozenset({"skip_children", "script_timeout"})  # say nothing that a person would miss


@dataclass(frozen=True, slots=True)
class Setting:
    """One `dplane policy set`."""

    dataset: str
    policy: str
    """`none` to leave it out."""
    template: str = ""

    @property
    def command(self) -> str:
        """It as it is typed."""
        named = f" --as {self.template}" if self.template else ""
        return f"dplane policy set {shlex.quote(self.dataset)} {self.policy}{named}"


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a section becomes."""

    section: str
    settings: tuple[Setting, ...] = ()
    notes: tuple[str, ...] = ()
    problem: str = ""
    """Why nothing takes its place, a clause."""


def propose(text: str, datasets: Collection[str]) -> tuple[Proposal, ...]:
    """A proposal for each dataset of the file, parents first; `datasets` are those of the box. Raises UsageError."""
    parser = configparser.ConfigParser(
        interpolation=None, strict=False, inline_comment_prefixes=("#", ";"), default_section="\0"
    )
    try:
        parser.read_string(text)
    except (configparser.Error, ValueError) as error:
        raise UsageError(
            f"This is no sanoid.conf: {clean(str(error).splitlines()[0], 120)}.", f"Sanoid's file is {FILE}."
        ) from None
    sections = {name: dict(parser[name]) for name in parser.sections()}
    named = sorted(name for name in sections if not name.startswith("template_") and name != "version")
    return tuple(_section(name, sections, named, datasets) for name in named)


def _section(
    name: str, sections: Mapping[str, Mapping[str, str]], named: Collection[str], datasets: Collection[str]
) -> Proposal:
    problem = grammar.dataset_problem(name)
    if problem:
        return Proposal(clean(name, 80), problem=f"a dataset's name {problem}")
    if name not in datasets:
        return Proposal(name, problem="there is no such dataset here")
    own = sections[name]
    uses = [one.strip() for one in own.get("use_template", "").split(",") if one.strip()]
    missing = [one for one in uses if f"template_{one}" not in sections]
    if missing:
        return Proposal(name, problem=f"it uses the template {clean(missing[0], 40)}, which the file does not have")
    merged = {**_DEFAULTS, **sections.get("template_default", {})}
    for one in uses:
        merged |= sections[f"template_{one}"]
    merged |= own
    if merged["autosnap"].lower() not in _YES:
        return Proposal(name, problem="autosnap is off: it is a copy, and its task's --keep-target drops what is old")
    if merged["autoprune"].lower() not in _YES:
        return Proposal(name, problem="autoprune is off, and a policy here always lets go what it does not keep")
    try:
        policy = from_counts({period: int(merged[period]) for period in PERIODS})
    except ValueError:
        return Proposal(name, problem="one of its counts is no number")
    except UsageError as error:
        return Proposal(name, problem=error.message.rstrip(".").lower())
    template = uses[0] if len(uses) == 1 and not (_MERGED - {"use_template", "recursive"}) & set(own) else ""
    settings, notes = _spread(name, str(policy), _template(template), merged, named, datasets)
    others = sorted(set(merged) - _MERGED - _SAME)
    notes += [f"{clean(other, 40)} has no equal here and is left out" for other in others]
    return Proposal(name, tuple(settings), tuple(notes))


def _template(name: str) -> str:
    try:
        return wording.check_template(name) if name else ""
    except UsageError:
        return ""


def _spread(
    name: str,
    policy: str,
    template: str,
    merged: Mapping[str, str],
    named: Collection[str],
    datasets: Collection[str],
) -> tuple[list[Setting], list[str]]:
    """A policy here counts for all below; where sanoid's does not, the children are told so."""
    children = [one for one in sorted(datasets) if one.rpartition("/")[0] == name and one not in named]
    recursive = merged["recursive"].lower()
    if merged["process_children_only"].lower() in _YES:
        made = [Setting(child, policy, template) for child in children]
        return made, ["only what is below it gets snapshots; a dataset made later needs its own `dplane policy set`"]
    settings = [Setting(name, policy, template)]
    if recursive in _YES or recursive == "zfs":
        return settings, []
    settings += [Setting(child, wording.NONE) for child in children]
    return settings, ["not recursive: those below are told to have none"] if children else []
