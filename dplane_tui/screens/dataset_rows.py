"""The tree of datasets as rows, and the lines that explain one. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from ..services.protection.judge import NOT, PARTLY, PROTECTED, Reason, Verdict
from ..services.zfs.tree import Holding, Waiting, quota_of
from ..text import size
from ..widgets.gauge import bar, share_role, text_bar
from ..widgets.layout import Cell, Column, Pieces, Row, paragraphs, row

COLUMNS = (
    Column("DATASET", least=20, most=80, grow=True),
    Column("USED", right=True, least=5),
    Column("AVAIL", drop=1, right=True, least=5),
    Column("REFER", drop=5, right=True, least=5),
    Column("QUOTA", drop=4, least=10, most=10),
    Column("RATIO", drop=6, right=True, least=5),
    Column("MOUNT", drop=2, least=6),
    Column("KEY", drop=3, least=6),
    Column("PROTECTED", least=9),
)
ROLES = {PROTECTED: "good", PARTLY: "warn", NOT: "bad"}
_MARKS = {"good": ("+", "good"), "lacking": ("!", "warn"), "unknown": ("?", "unknown"), "note": (" ", "dim")}


def mounted_word(one: Holding) -> Cell:
    """Whether its files can be seen."""
    if one.kind == "volume":
        return Cell("volume", "dim")
    if one.mounted:
        return Cell("yes", "text")
    if one.locked:
        return Cell("locked", "warn")
    calm = one.canmount in ("off", "noauto") or one.mountpoint in (None, "none", "legacy")
    return Cell("no", "dim" if calm else "warn")


def key_word(one: Holding) -> Cell:
    """Its encryption, in a word."""
    if one.encryption == "off":
        return Cell("-", "dim")
    return Cell("locked", "warn") if one.locked else Cell("open" if one.key_status else "?", "text")


def quota_word(one: Holding) -> Cell:
    """How full its quota is, as a bar."""
    found = quota_of(one)
    if found is None:
        return Cell("-", "dim")
    percent = 100 * found[0] / found[1]
    return Cell(f"{percent:3.0f}% {text_bar(percent, 5)}", share_role(percent), percent)


def verdict_word(verdict: Verdict | None) -> Cell:
    """Protected, partly, not, or not known yet."""
    word = verdict.word if verdict else "?"
    return Cell(word, ROLES.get(word, "unknown"))


def tree_rows(tree: Iterable[Holding], verdicts: Mapping[str, Verdict]) -> list[Row]:
    """One row a dataset, in ZFS's order."""
    rows = []
    for one in tree:
        depth = one.name.count("/")
        name = one.name if depth == 0 else one.name.rpartition("/")[2]
        rows.append(
            row(
                one.name,
                Cell(name + (" (clone)" if one.origin else ""), "strong" if depth == 0 else "text"),
                Cell(size(one.used), "text", one.used),
                Cell(size(one.available), "text", one.available),
                Cell(size(one.referenced), "dim", one.referenced),
                quota_word(one),
                Cell("?" if one.ratio is None else f"{one.ratio:.2f}x", "dim"),
                mounted_word(one),
                key_word(one),
                verdict_word(verdicts.get(one.name)),
                depth=depth,
            )
        )
    return rows


def waiting_lines(found: Sequence[Waiting], width: int, most: int = 3) -> list[Pieces]:
    """What waits for a key, and which key opens it."""
    lines: list[Pieces] = []
    for one in found[:most]:
        who = f"{one.root.name} and {len(one.below)} below wait for their" if one.below else ""
        who = who or f"{one.root.name} waits for its"
        text = f"{who} {'key file' if one.from_file else 'passphrase'}: E unlocks {'them' if one.below else 'it'}."
        lines += [[(" ", "text"), *line] for line in paragraphs(text, width - 1, "warn")]
    if len(found) > most:
        lines.append([(f" … and {len(found) - most} more wait; filter for locked.", "warn")])
    return lines


def detail_lines(one: Holding, verdict: Verdict | None) -> list[Pieces]:
    """Three lines about the dataset under the cursor."""
    where = "volume" if one.kind == "volume" else f"mounted at {one.mountpoint}" if one.mounted else "not mounted"
    if one.kind == "volume" and one.volsize:
        where = f"volume of {size(one.volsize)}"
    facts = [where]
    if one.readonly:
        facts.append("read-only")
    if one.encryption != "off":
        facts.append(f"{one.encryption}, key of {one.encryption_root}")
    if one.origin:
        facts.append(f"clone of {one.origin}")
    if one.peer:
        facts.append(f"copy from {one.peer}")
    parts = [("itself", one.by_itself), ("snapshots", one.by_snapshots), ("below", one.by_children)]
    parts.append(("kept free", one.by_refreservation))
    space = ", ".join(f"{name} {size(value)}" for name, value in parts if value)
    lines: list[Pieces] = [
        [(f" {one.name}: ", "strong"), (", ".join(facts), "text")],
        [(" space: ", "dim"), (space or "nothing in it yet", "text"), *_quota_bar(one)],
    ]
    lacking = [reason for reason in verdict.reasons if reason.state == "lacking"] if verdict else []
    word = verdict.word if verdict else "?"
    text = lacking[0].text if lacking else "nothing is missing" if word == PROTECTED else "not everything was read yet"
    lines.append([(" protected: ", "dim"), (word, ROLES.get(word, "unknown")), (f"  {text}  y tells why", "dim")])
    return lines


def _quota_bar(one: Holding) -> list[tuple[str, str]]:
    found = quota_of(one)
    if found is None:
        return []
    return [
        ("  quota ", "dim"),
        *bar(100 * found[0] / found[1], 10),
        (f" {size(found[0])} of {size(found[1])}", "text"),
    ]


def reason_lines(name: str, verdict: Verdict) -> list[Pieces]:
    """Why a dataset is protected, or not, and which key helps."""
    lines: list[Pieces] = [[(f"{name}: ", "strong"), (verdict.word, ROLES.get(verdict.word, "unknown"))], []]
    for reason in verdict.reasons:
        mark, role = _MARKS[reason.state]
        lines.append([(f" {mark} ", role), (reason.text, "text")])
        if reason.state == "lacking" and reason.fix in FIXES:
            lines.append([("     ", "text"), (FIXES[reason.fix][0], "key"), (f"  {FIXES[reason.fix][1]}", "dim")])
    lines += [[], [(" + good   ! lacking   ? not known", "dim")]]
    return lines


FIXES = {
    "snapshot-create": ("p", "take a snapshot now"),
    "protect": ("P", "copy it to another box or pool"),
    "section-replication": ("2", "look at the replication"),
    "section-pools": ("1", "look at the pool"),
    "policies": ("O", "look at its snapshot policy"),
}
"""The action that helps → the key that does it from the reasons, and its words."""


def fix_keys(reasons: Iterable[Reason]) -> list[str]:
    """The keys that the reasons offer."""
    return [FIXES[one.fix][0] for one in reasons if one.state == "lacking" and one.fix in FIXES]
