"""From a syncoid command line to the task that takes its place, with what becomes of each of its options. Pure.

Knows the options of syncoid 2.1 to 2.3, read as its Perl (Getopt::Long) reads them: `--name value`, `--name=value`,
unambiguous beginnings, in any order.
"""

from __future__ import annotations

import fnmatch
import re
import shlex
from collections.abc import Collection, Sequence
from dataclasses import replace

from privhelper import grammar

from ...errors import UsageError
from ...lazyclass import dataclass, field
from ...text import clean
from . import address, gaps, rates
from .address import Address
from .model import Options, Peer, Task
from .options import check as check_options
from .options import words as option_words
from .places import place_of
from .rights import within
from .syncoid_options import KEPT, NOT_NEEDED, NOT_SUPPORTED, TABLE

_WORDS_LIMIT = 200


@dataclass(frozen=True, slots=True)
class Note:
    """What becomes of one option."""

    option: str
    fate: str
    """`kept`, `not needed` or `not supported`."""
    text: str


@dataclass(frozen=True, slots=True)
class Proposal:
    """What takes the place of one syncoid command."""

    origin: str
    """The command as it was read."""
    commands: tuple[str, ...] = ()
    """What a person would type, in order."""
    notes: tuple[Note, ...] = ()
    task: Task | None = None
    """The task of those commands; None when there cannot be one."""
    peer_missing: str = ""
    """The name of the peer that has to be paired first."""
    problem: str = ""
    """Why there is no task, a sentence."""
    line: int = 0
    """The line of the crontab; 0 for a command line."""
    file: str = ""
    """The crontab's path, where it was read from several."""
    schedule: str = ""
    """When the crontab runs it, in the notation of a task's schedule; empty when that is not known."""
    there: str = ""
    """The name of the task that copies the same to the same place; then `notes` says only what is not kept."""
    planned: bool = False
    """Whether that task is not made yet: an earlier line becomes it."""
    lacks: tuple[str, ...] = ()
    """What the line does and that task does not, clauses; without any no other task is needed."""
    doubt: str = ""
    """Why that task cannot be relied on yet, a clause."""
    compare: str = ""
    """What of the line is not known, so that a person has to compare it with that task, a clause."""


_SHORT = {"r": "recursive", "c": "sshcipher", "o": "sshoption"}
_ALWAYS_SENT = {"L": "large blocks", "c": "compressed blocks", "e": "embedded blocks"}


@dataclass(slots=True)
class _Draft:
    """The parts of a proposal while they are found."""

    notes: list[Note] = field(default_factory=list)
    places: list[str] = field(default_factory=list)
    given: dict[str, list[str]] = field(default_factory=dict)

    def note(self, option: str, fate: str, text: str) -> None:
        self.notes.append(Note(option, fate, text))


def propose(
    words: Sequence[str],
    *,
    schedule: str = "",
    pools: Collection[str] = (),
    peers: Sequence[Peer] = (),
    taken: Collection[str] = (),
) -> Proposal:
    """The task for a syncoid command with these arguments. `taken` are names of tasks there are. Never raises.

    `pools` and `peers` are those of the box that is to run the task.
    """
    origin = clean(shlex.join(["syncoid", *words[:_WORDS_LIMIT]]), 2000)
    try:
        draft = _read(words)
        return _proposal(origin, draft, schedule, pools, peers, taken)
    except UsageError as error:
        return Proposal(origin, problem=str(error))


def _read(words: Sequence[str]) -> _Draft:
    """Options and places of the command line. Raises UsageError for what syncoid would not take either."""
    if len(words) > _WORDS_LIMIT:
        raise UsageError("This command line is too long to be one of syncoid's.")
    draft = _Draft()
    left = list(words)
    while left:
        word = left.pop(0)
        if word == "--":
            draft.places += left
            break
        if not word.startswith("-") or word == "-":
            draft.places.append(word)
            continue
        name, equals, value = word.lstrip("-").partition("=")
        known = _name(name, word)
        if TABLE[known].value and not equals:
            if not left:
                raise UsageError(f"The option --{known} has no value.", "Is the command line whole?")
            value = left.pop(0)
        draft.given.setdefault(known, []).append(value)
    if len(draft.places) != 2:
        raise UsageError(
            f"A syncoid command names a source and a target; this one names {len(draft.places)} place(s).",
            "Write the options and places as they stand behind `syncoid`.",
        )
    return draft


def _name(typed: str, word: str) -> str:
    low = typed.lower()
    if low in _SHORT:
        return _SHORT[low]
    found = [name for name in TABLE if name.startswith(low)] if low else []
    if low in TABLE:
        return low
    if len(found) != 1:
        why = "could mean several options" if found else "is no option of syncoid 2.1 to 2.3"
        raise UsageError(f"“{clean(word, 60)}” {why}.", "Write it in full as `syncoid --help` shows it.")
    return found[0]


def _proposal(
    origin: str,
    draft: _Draft,
    schedule: str,
    pools: Collection[str],
    peers: Sequence[Peer],
    taken: Collection[str],
) -> Proposal:
    source, target = (address.parse(place, pools) for place in draft.places)
    task = Task(_task_name(source, taken), source.dataset, None, target.dataset, "recursive" in draft.given)
    task = replace(task, snapshot="no-sync-snap" not in draft.given)
    task = replace(task, rpo=gaps.usual_rpo(schedule))
    task = replace(task, raw=True if _raw(draft) else None, options=_options(draft, source, schedule))
    port = _port(draft)
    for name in draft.given:
        known = TABLE[name]
        if known.text:
            draft.note(f"--{name}", known.fate, known.text)
    _say_defaults(draft)
    if source.host is not None and target.host is not None:
        return Proposal(
            origin,
            notes=tuple(draft.notes),
            problem=f"It copies from {source.host} to {target.host}, through this box: make the task on {source.host}, "
            f"which then sends, with `dplane replicate add {task.name} --source {shlex.quote(task.source)} "
            f"--to PEER:{shlex.quote(task.target)}` there.",
        )
    if "/" not in task.target:
        raise UsageError(
            f"The target {task.target} is a pool's own dataset, which cannot be received into.",
            f"Choose {task.target}/{task.source.rpartition('/')[2]} and send it anew.",
        )
    if target.host is None and f"{task.target}/".startswith(f"{task.source}/"):
        raise UsageError(f"The target {task.target} lies inside the source {task.source}.")
    if source.host is not None:
        peer, missing, commands = _peer(source, port, peers, _pull_rights(draft, task))
        commands = commands or _widened(draft, task, next(one for one in peers if one.name == peer))
        task = replace(task, source_peer=peer)
    else:
        peer, missing, commands = _peer(target, port, peers)
        task = replace(task, peer=peer)
    commands = [*commands, _add_command(task)]
    return Proposal(origin, tuple(commands), tuple(draft.notes), task, missing)


def _pull_rights(draft: _Draft, task: Task) -> list[str]:
    """What pairing asks of the box that is pulled from. Raises UsageError."""
    if " " in task.source:
        raise UsageError(
            f"A right to read {task.source} cannot be given, as it has a space in its name.",
            "Pair with --may-read for a dataset above it, and make the task with `dplane replicate add`.",
        )
    draft.note(
        "(pull)",
        KEPT,
        "the box is paired so that our key reads that dataset and no other; one that has only ZFS and SSH is paired "
        "without --may-read and --may-snapshot",
    )
    return ["--may-read", task.source, *(["--may-snapshot"] if task.snapshot else [])]


def _widened(draft: _Draft, task: Task, peer: Peer) -> list[str]:
    """The command that gives a peer which is paired already the right to be read; none when it has it."""
    read = peer.may_read is not None and within(task.source, peer.may_read)
    if not peer.product or (read and (peer.may_snapshot or not task.snapshot)):
        return []
    host = f"[{peer.address}]" if ":" in peer.address else peer.address
    words = ["dplane", "peer", "add", peer.name, f"root@{host}:{peer.port}"]
    words += ["--root", peer.root] if peer.root else []
    words += ["--may-read", task.source] if not read or peer.may_read is None else ["--may-read", peer.may_read]
    words += ["--may-snapshot"] if task.snapshot or peer.may_snapshot else []
    words += [f"--{flag.replace('_', '-')}" for flag in ("may_prune", "may_rollback") if getattr(peer, flag)]
    if peer.may_read is not None and not read:
        draft.note("(pull)", NOT_SUPPORTED, f"{peer.name} lets {peer.may_read} be read; a key reads one dataset's tree")
    return [shlex.join(words)]


def _task_name(source: Address, taken: Collection[str]) -> str:
    """A name for the task that nothing has yet: the source's last part."""
    base = re.sub(r"[^A-Za-z0-9_.-]+", "-", source.dataset.rpartition("/")[2])
    base = re.sub(r"\.{2,}", ".", base).strip("-._")[:50].rstrip("-._")
    if grammar.peer_problem(base):
        base = "task"
    name, number = base, 2
    while name in taken:
        name, number = f"{base}-{number}", number + 1
    return name


def _peer(
    target: Address, port: int, peers: Sequence[Peer], rights: Sequence[str] = ()
) -> tuple[str | None, str, list[str]]:
    """The peer's name (None: this box), the same if it has to be paired first, and the command that does that."""
    if target.host is None:
        return None, "", []
    there = [peer for peer in peers if port in (0, peer.port)]
    known = [peer for peer in there if peer.name == target.host]
    known = known or [peer for peer in there if peer.address.lower() == target.host.lower()]
    if known:
        return known[0].name, "", []
    name = re.sub(r"[^A-Za-z0-9_.-]+", "-", target.host if target.host[0].isdigit() else target.host.split(".")[0])
    name = name.strip("-._")[:50] or "peer"
    used = {peer.name for peer in peers}
    while name in used or grammar.peer_problem(name):
        name = f"peer-{len(name)}" if grammar.peer_problem(name) else f"{name}-2"
    host = f"[{target.host}]" if ":" in target.host else target.host
    where = f"{target.user or 'root'}@{host}{f':{port}' if port else ''}"
    return name, name, [shlex.join(["dplane", "peer", "add", name, where, *rights])]


def _add_command(task: Task) -> str:
    source, target = place_of(task.source_peer, task.source), place_of(task.peer, task.target)
    words = ["dplane", "replicate", "add", task.name, "--source", source, "--to", target]
    words += ["--recursive"] if task.recursive else []
    words += ["--no-snapshot"] if not task.snapshot else []
    words += ["--raw"] if task.raw else []
    return shlex.join([*words, *option_words(task.options)])


def _options(draft: _Draft, source: Address, schedule: str) -> Options:
    """The options that have a counterpart. Raises UsageError."""
    newest = "no-stream" in draft.given
    given = Options(
        exclude=_excluded(draft, source),
        initial="newest" if newest else "all",
        intermediates=not newest,
        limit=_limit(draft),
        schedule=schedule,
    )
    return check_options(given)


def _limit(draft: _Draft) -> str:
    """The lower of the two limits: ours counts the bytes once."""
    found: list[tuple[float, str]] = []
    for name in ("source-bwlimit", "target-bwlimit"):
        for value in draft.given.get(name, ())[-1:]:
            rate = re.fullmatch(r"(\d{1,12})([kKmMgGtT]?)", value)
            if not rate or not int(rate[1]):
                raise UsageError(f"“{clean(value, 30)}” is not a limit that syncoid takes.", "Write it as 10m.")
            text = f"{int(rate[1]) * 1024}G" if rate[2] in ("t", "T") else f"{rate[1]}{rate[2].upper()}"
            found.append((rates.parse(text).otherwise or 0.0, text))
            draft.note(f"--{name}", KEPT, f"--limit {text}, bytes a second; it can change while a run is at work")
    return min(found)[1] if found else ""


def _excluded(draft: _Draft, source: Address) -> tuple[str, ...]:
    """Patterns of ours for the regular expressions that are plain enough. `--exclude` counts only alone."""
    name = "exclude-datasets" if "exclude-datasets" in draft.given else "exclude"
    patterns: list[str] = []
    if "recursive" not in draft.given:  # ours refuses patterns that would do nothing
        if name in draft.given:
            draft.note(f"--{name}", NOT_NEEDED, "without --recursive nothing below the source is copied")
        return ()
    for expression in draft.given.get(name, ()):
        found = patterns_of(expression, source.dataset)
        if found:
            patterns += found
            flags = shlex.join(f"--exclude={one}" for one in found)
            draft.note(f"--{name}={clean(expression, 80)}", KEPT, f"{flags}, with all below")
        else:
            draft.note(
                f"--{name}={clean(expression, 80)}",
                NOT_SUPPORTED,
                "write it as a pattern relative to the source, such as --exclude 'cache' or '*/tmp'",
            )
    if name == "exclude-datasets" and "exclude" in draft.given:
        draft.note("--exclude", NOT_NEEDED, "syncoid does not look at it beside --exclude-datasets")
    return tuple(dict.fromkeys(patterns))


def patterns_of(expression: str, source: str) -> list[str]:
    """Our patterns for a regular expression that syncoid matches anywhere in a dataset's full name; none if unclear."""
    start, end = expression.startswith("^"), "" if _ends(expression) else "*"
    body = _glob(expression.removeprefix("^").removesuffix("" if end else "$"))
    if body is None or not body.strip("/*"):
        return []
    if body.startswith(f"{source}/") and len(body) > len(source) + 1:
        return [f"{body[len(source) + 1 :]}{end}"]
    if start or fnmatch.fnmatchcase(source, f"*{body}{end}") or _straddles(body, source):
        return []  # it begins with what is not the source, or fits (partly) on the source's own name
    if body.startswith("/"):
        return [f"{body[1:]}{end}", f"*{body}{end}"]
    return [f"*{body}{end}"]


def _straddles(body: str, source: str) -> bool:
    """Whether the pattern could begin within the source's own name and end below it."""
    parts = (body[:length] for length in range(1, len(body) + 1) if body[length - 1] in "/*?")
    return any(part != "/" and fnmatch.fnmatchcase(f"{source}/", f"*{part}") for part in parts)


def _ends(expression: str) -> bool:
    return expression.endswith("$") and not expression.endswith("\\$")


def _glob(expression: str) -> str | None:
    """A regular expression of the plainest kind (letters, `.`, `.*`, escaped signs) as a pattern; None for others."""
    if len(expression) > 200:
        return None
    found, left = "", expression
    while left:
        part = next((part for part in (".*", "\\.", "\\-", "\\/", "\\_", "\\:") if left.startswith(part)), left[0])
        left = left[len(part) :]
        if part == ".*":
            found += "*"
        elif part == ".":
            found += "?"
        elif len(part) == 2:
            found += part[1]
        elif re.fullmatch(r"[A-Za-z0-9_:/ -]", part):
            found += part
        else:
            return None
    return found


def _raw(draft: _Draft) -> bool:
    """Whether `zfs send -w` was asked for; notes what becomes of the other letters."""
    raw = False
    for value in draft.given.get("sendoptions", ())[-1:]:
        for letter in value.replace("-", " ").split():
            raw = raw or "w" in letter
            for one in letter:
                if one == "w":
                    draft.note("--sendoptions w", KEPT, "--raw: encrypted datasets are sent as they are on disk")
                elif one in _ALWAYS_SENT:
                    draft.note(f"--sendoptions {one}", NOT_NEEDED, f"{_ALWAYS_SENT[one]} are always sent so")
                else:
                    draft.note(f"--sendoptions {clean(one, 4)}", NOT_SUPPORTED, "it is not used for a stream")
    for value in draft.given.get("recvoptions", ())[-1:]:
        draft.note(
            f"--recvoptions={clean(value, 80)}",
            NOT_NEEDED,
            "a copy is received read-only and not mounted, without mountpoint, shares and quotas of the original; "
            "settings of your own can be set on it afterwards",
        )
    return raw


def _port(draft: _Draft) -> int:
    """The SSH port that was given; 0 for none. Raises UsageError."""
    port = 0
    for value in draft.given.get("sshport", ())[-1:]:
        port = _port_number(value)
        draft.note("--sshport", KEPT, "in the peer's address")
    for value in draft.given.get("sshoption", ()):
        key, _, rest = value.replace(" ", "=", 1).partition("=")
        if key.lower() == "port":
            port = port or _port_number(rest)
            draft.note(f"--sshoption={clean(value, 60)}", KEPT, "in the peer's address")
        elif key.lower() in ("stricthostkeychecking", "userknownhostsfile"):
            draft.note(f"--sshoption={clean(value, 60)}", NOT_NEEDED, "the host key is pinned when the peer is paired")
        else:
            draft.note(
                f"--sshoption={clean(value, 60)}", NOT_SUPPORTED, "SSH is set up by D-Plane; look whether you need it"
            )
    return port


def _port_number(value: str) -> int:
    if not re.fullmatch(r"[0-9]{1,5}", value) or not 0 < int(value) < 65536:
        raise UsageError(f"“{clean(value, 20)}” is not a port.", "It is a number from 1 to 65535.")
    return int(value)


def _say_defaults(draft: _Draft) -> None:
    """What syncoid does without being told, and ours does not."""
    given = draft.given
    if "no-sync-snap" not in given:
        draft.note(
            "(sync snapshot)", KEPT, "each run takes a snapshot dplane-…; those of syncoid stay until you destroy them"
        )
    if "no-rollback" not in given and "no-clone-rollback" not in given:
        draft.note(
            "(rollback)",
            NOT_SUPPORTED,
            "syncoid rolls a changed target back by itself; here a run stops and says what the target has",
        )
