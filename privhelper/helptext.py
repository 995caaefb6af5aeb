"""What the table says about itself: `help`, `help --json` and the page docs/privileged-surface.md."""

from __future__ import annotations

from .grammar import Kind
from .properties import FILESYSTEM, NOTE, OWN_WORDS, POOL, PROPERTIES, USER, VOLUME
from .shape import Verb, show
from .verbs import OURS, VERBS


def as_data() -> dict[str, object]:
    """The table as `help --json` prints it; the examples of a verb are valid one by one and all together."""
    return {
        "verbs": [
            {
                "name": verb.name,
                "role": verb.role,
                "destroys": verb.destroys,
                "about": verb.about,
                "stream": verb.stream,
                "args": [
                    {
                        "name": arg.name,
                        "grammar": arg.kind.rule,
                        "example": arg.example,
                        "optional": arg.optional,
                    }
                    for arg in verb.args
                ],
            }
            for verb in VERBS
        ]
    }


def _arguments(verb: Verb) -> str:
    return " ".join(f"[{arg.name}]" if arg.optional else arg.name for arg in verb.args)


def as_text() -> str:
    """The table for a person in a terminal."""
    lines = [
        "D-Plane's privileged helper. It reads one JSON request from standard input, for example",
        '  {"verb": "scrub-start", "pool": "tank", "guid": "1234567890123456789"}',
        "and does nothing that is not listed here. Arguments in [brackets] may be left out.",
        "",
    ]
    for verb in VERBS:
        mark = "  DESTROYS" if verb.destroys else ""
        lines.append(f"{verb.name} {_arguments(verb)}".rstrip())
        lines.append(f"    role {verb.role}{mark}. {verb.about}")
    lines += [
        "",
        "privhelper help --json   the same as data, with the grammar and an example of every argument",
        "privhelper check         read a request, print the argv it would become, or why it is refused (exit 2)",
        "privhelper files         do a request of a verb files-… with your own rights",
    ]
    return "\n".join(lines) + "\n"


def _kinds() -> list[Kind]:
    found: dict[str, Kind] = {}
    for verb in VERBS:
        for arg in verb.args:
            found[arg.kind.name] = arg.kind
    return [found[name] for name in sorted(found)]


def _cell(words: str) -> str:
    return words.replace("|", "\\|")


def _verb_rows() -> list[str]:
    rows = ["| verb | role | destroys | arguments (kind) | what it runs |", "|---|---|---|---|---|"]
    for verb in VERBS:
        arguments = ", ".join(f"`{a.name}`{'?' if a.optional else ''} ({a.kind.name})" for a in verb.args) or "none"
        runs = "nothing: the helper itself" if verb.argv[0] == OURS else f"`{_cell(show(verb.argv))}`"
        role = "view for `dry_run`, else " + verb.role if any(a.name == "dry_run" for a in verb.args) else verb.role
        rows.append(f"| `{verb.name}` | {role} | {'yes' if verb.destroys else ''} | {arguments} | {runs} |")
    return rows


def _property_rows() -> list[str]:
    rows = ["| property | values | of | |", "|---|---|---|---|"]
    for name, listed in [*PROPERTIES.items(), *OWN_WORDS.items(), ("dplane:was-*word*", NOTE), ("dplane:*word*", USER)]:
        of = ", ".join(word for word in (FILESYSTEM, VOLUME, POOL) if word in listed.applies)
        notes = "only when it is made" if listed.at_birth or POOL in listed.applies else ""
        if listed.only_admin:
            notes = "needs the role admin"
        elif listed.admin:
            notes = f"{' and '.join(listed.admin)} needs the role admin"
        rows.append(f"| `{name}` | {_cell(listed.values)} | {of} | {notes} |")
    return rows


def as_page() -> str:
    """docs/privileged-surface.md."""
    lines = [
        "# The privileged surface",
        "",
        "Everything D-Plane console can do as root, and nothing else. Made by `python3 -m privhelper docs` from the",
        "table in `privhelper/verbs.py`; a test keeps the two equal. What the door is safe against: `threats.md`.",
        "",
        "## Verbs",
        "",
        *_verb_rows(),
        "",
        "## What each does",
        "",
        *(f"- **`{verb.name}`** {verb.about}" for verb in VERBS),
        "",
        "## Grammar",
        "",
        "| kind | rule | example |",
        "|---|---|---|",
        *(f"| {kind.name} | {_cell(kind.rule)} | `{_example(kind)}` |" for kind in _kinds()),
        "",
        "## Properties",
        "",
        "What `dataset-create`, `volume-create`, `dataset-set` and `pool-create` may set. Any other is refused.",
        "",
        *_property_rows(),
        "",
    ]
    return "\n".join(lines)


def _example(kind: Kind) -> str:
    from .strictjson import dumps

    shown = dumps(kind.example)
    return shown if len(shown) <= 100 else shown[:60] + '…"'
