"""The text of `zpool status -ps` (OpenZFS before 2.3) and of `zpool import` (every version), as the model. Pure."""

from __future__ import annotations

import calendar
import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence

from ...errors import CommandError
from ...lazyclass import dataclass, field
from ...text import clean, quoted
from .model import Importable, Pool, Scan, Vdev
from .parse_lists import number

_FIELD = re.compile(r"^ {0,7}(pool|id|state|status|action|see|scan|comment|config|errors|[a-z]+): ?(.*)$")
# Nothing here may be tried at each place of a long run of spaces, as a path may hold: that takes the square of it.
_ROW = re.compile(r"^\t( *)(\S.*?)(?:(?<! ) {2,}([A-Z_]{4,})(?: +(\S.*))?)?$")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9 _.:-]*")  # ZFS takes no other for a pool
_GUID = re.compile(r"[1-9][0-9]{0,19}")  # in one way only, so that none comes again unseen
_MORE = "Additional devices are known to be part of this pool"
_STATUS, _IMPORT = "zpool status", "zpool import"
_SECTIONS = {"dedup": "dedup", "special": "special", "logs": "log", "cache": "cache", "spares": "spare"}
_INNER = re.compile(r"^(mirror|raidz[123]?|draid[123]:[0-9a-z:]+|replacing|spare|indirect)-\d+$")
_DRAID_SPARE = re.compile(r"^draid[123]-\d+-\d+$")
_DATE = re.compile(r"[A-Z][a-z]{2} ([A-Z][a-z]{2}) +(\d{1,2}) (\d\d):(\d\d):(\d\d) (\d{4})")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_TIME = re.compile(r"(?:([0-9]+) days )?([0-9]{2}):([0-9]{2}):([0-9]{2})")
_NICE = re.compile(r"^([0-9]{1,20}(?:\.[0-9]{1,20})?)([BKMGTPEZ]?)$")  # what is longer is no number of ZFS's
_COUNTERS = ("READ", "WRITE", "CKSUM", "SLOW")


@dataclass(slots=True)
class _Row:
    """One line of a config, with what stands below it."""

    name: str
    state: str
    rest: list[str]
    role: str
    children: list[_Row] = field(default_factory=list)


def parse_status(text: str, name: str) -> Pool:
    """The pool in `zpool status -ps NAME`, run with TZ=UTC; GUIDs and sizes are not in it (GUID stays empty).

    A path in a label may hold line ends, and then what looks like fields, or like other pools: ZFS's own is what stands
    before the first config. Whether files have errors is told behind it, and unknown where anything comes twice.
    Raises CommandError for anything that is not that pool's output.
    """
    blocks = list(_blocks(text, _STATUS))
    found = _pool(blocks[0], alone=len(blocks) == 1) if blocks else None
    if found is None or found.name != name:
        raise _not_understood(_STATUS, f"it does not begin with the pool {name}")
    return found


def parse_importable(text: str) -> tuple[Importable, ...]:
    """The pools in the text of `zpool import`, each GUID once. Raises CommandError for text that tells of none.

    What stands on a label (names, comments, paths) may hold line ends, and so spoil its own pool's block, or make up
    others. ZFS puts each GUID on a line of its own, so none is lost; a pool goes by its GUID alone, with a note why,
    where its block is not understood or its GUID comes again.
    """
    if text.strip() in ("", "no pools available to import"):
        return ()
    blocks = [(lines, _guids(lines)) for lines in _blocks(text, _IMPORT)]
    times = Counter(guid for _, guids in blocks for guid in guids)
    found = {one.guid: one for lines, guids in blocks for one in _by_name_or_guid(lines, guids, times)}
    if not found:
        raise _not_understood(_IMPORT, "it tells of pools without an id")
    return tuple(found.values())


def _by_name_or_guid(lines: Sequence[str], guids: Collection[str], times: Mapping[str, int]) -> list[Importable]:
    """What one block tells of; it is read once, however many ids a label makes up in it."""
    try:
        if len(guids) > 1:
            raise _not_understood(_IMPORT, f"of one pool it tells {len(guids)} ids")
        for guid in guids:
            if times[guid] > 1:
                raise _not_understood(_IMPORT, f"the id {guid} comes {times[guid]} times")
        return [_importable(_fields(lines, _IMPORT), guid) for guid in guids]
    except CommandError as error:
        note = f"{error.message} The label of a disk may speak for another pool, so it goes by its GUID here."
        return [Importable(name=guid, guid=guid, state="UNKNOWN", note=note) for guid in guids]


def _not_understood(program: str, why: str, words: str = "") -> CommandError:
    """With the `words` that are the reason; they may come off a label."""
    told = f"{clean(why, 120)} {quoted(words.strip(), 80)}" if words else clean(why, 120)
    return CommandError(
        f"What `{program}` said was not understood: {told}.",
        "Please report it with the version of ZFS (`zfs version`).",
    )


_Block = dict[str, list[list[str]]]
"""The fields of a pool, each with its lines as often as it came: of two scans, or because a label holds it."""


def _blocks(text: str, program: str) -> Iterator[list[str]]:
    """The lines of each pool. Raises CommandError for text that does not begin with one."""
    lines: list[str] = []
    for line in text.splitlines():
        matched = _FIELD.match(line)
        if matched and matched[1] == "pool":
            if lines:
                yield lines
            lines = [line]
        elif lines:
            lines.append(line)
        elif line.strip():
            raise _not_understood(program, "it does not begin with a pool but with", line)
    if lines:
        yield lines


def _fields(lines: Sequence[str], program: str) -> _Block:
    """What stands in the lines of a pool. Raises CommandError for a line that belongs to nothing."""
    block: _Block = {}
    last: list[str] = []
    for line in lines:
        matched = _FIELD.match(line)
        if matched:
            last = [matched[2]]
            block.setdefault(matched[1], []).append(last)
        elif line.startswith("\t"):
            last.append(line)
        elif line.strip():
            raise _not_understood(program, "the line", line)
    return block


def _guids(lines: Sequence[str]) -> set[str]:
    """Every id in the lines of a pool."""
    found = (_FIELD.match(line) for line in lines)
    return {one[2].strip() for one in found if one and one[1] == "id" and _GUID.fullmatch(one[2].strip())}


def _words(block: _Block, name: str) -> str:
    return " ".join(" ".join(block.get(name, [[]])[0]).split())


def _pool(lines: Sequence[str], *, alone: bool) -> Pool:
    """The pool of these lines. Without being `alone`, some of what is told of it may lie behind a made-up pool."""
    block = _fields(lines, _STATUS)
    above = next(
        (at for at, line in enumerate(lines) if (one := _FIELD.match(line)) and one[1] == "config"), len(lines)
    )
    own = _fields(lines[:above], _STATUS)
    once = alone and all(len(told) == 1 for name, told in block.items() if name != "scan")
    name, state = _words(own, "pool"), _words(own, "state")
    if not name or not state:
        raise _not_understood(_STATUS, "there is no state of the pool", name)
    errors = _words(block, "errors") if once else ""
    counted = re.match(r"([0-9]+) data errors", errors)
    scans = [scan for told in own.get("scan", ()) if (scan := _scan(told)) is not None]
    return Pool(
        name=name,
        guid="",
        state=state,
        scan=max(scans, key=lambda scan: (scan.state in ("scanning", "paused"), scan.ended or 0), default=None),
        vdevs=_vdevs(block.get("config", [[]])[0], _STATUS),
        data_errors=0 if errors == "No known data errors" else number(counted[1]) if counted else None,
        status=_words(own, "status"),
        action=_words(own, "action"),
    )


def _importable(block: _Block, guid: str) -> Importable:
    again = next((name for name, told in block.items() if len(told) > 1), "")
    if again:
        raise _not_understood(_IMPORT, f"of one pool it tells {again} twice")
    name, state = _words(block, "pool"), _words(block, "state")
    if not _NAME.fullmatch(name):
        raise _not_understood(_IMPORT, "no pool can have the name", name)
    if not state:
        raise _not_understood(_IMPORT, "there is no state of the pool", name)
    config = block.get("config", [[]])[0]
    more = next((at for at, line in enumerate(config) if line.strip().startswith(_MORE)), len(config))
    vdevs = _vdevs(config[:more], _IMPORT)
    leaves = tuple(leaf.name for top in vdevs for _, leaf in top.walk() if not leaf.children)
    note = " ".join(filter(None, (_words(block, "status"), _words(block, "action"))))
    return Importable(name=name, guid=guid, state=state, note=note, disks=leaves)


def _vdevs(lines: Sequence[str], program: str) -> tuple[Vdev, ...]:
    """The top-level vdevs of a config: what stands below the pool's own line, and below the headings of the classes."""
    columns: list[str] = []
    tops: list[_Row] = []
    path: list[tuple[int, _Row]] = []
    role = "data"
    for line in lines:
        if not line.strip():
            continue
        matched = _ROW.match(line.rstrip(" "))
        if matched is None:
            raise _not_understood(program, "in a config stands", line)
        depth, name = len(matched[1]), matched[2]
        if not tops and not path and name.split() and name.split()[0] == "NAME":
            columns = [word for word in line.split() if word in _COUNTERS]
            continue
        if depth == 0:
            # A heading has no state behind it; the pool's own line, which may have the same name, has.
            role = "data" if matched[3] else _SECTIONS.get(name.strip(), "")
            if not role:
                raise _not_understood(program, "a config has the section", name)
            path = []
            continue
        row = _Row(name, matched[3] or "UNKNOWN", (matched[4] or "").split(), role)
        while path and path[-1][0] >= depth:
            path.pop()
        (path[-1][1].children if path else tops).append(row)
        path.append((depth, row))
        if len(path) > 8:
            raise _not_understood(program, "the tree of vdevs is too deep")
    return tuple(_vdev(row, columns) for row in tops)


def _vdev(row: _Row, columns: Sequence[str]) -> Vdev:
    counts: dict[str, int | None] = {}
    rest = row.rest
    if columns and len(rest) >= len(columns) and all(_counter(word) for word in rest[: len(columns)]):
        counts = {name: _size(word) for name, word in zip(columns, rest, strict=False)}
        rest = rest[len(columns) :]
    note = " ".join(rest)
    children = tuple(_vdev(child, columns) for child in row.children)
    device = row.name.startswith("/dev/")
    return Vdev(
        name=re.sub(r"-part\d+$", "", row.name.rpartition("/")[2]) if device else row.name,
        kind=_kind(row.name, note),
        state=row.state,
        role=row.role,
        path=row.name if row.name.startswith("/") else None,
        read_errors=counts.get("READ"),
        write_errors=counts.get("WRITE"),
        checksum_errors=counts.get("CKSUM"),
        slow_ios=None if children else counts.get("SLOW"),
        note=re.sub(r"\((resilvering|repairing|awaiting resilver)\)", r"\1", note),
        children=children,
    )


def _kind(name: str, note: str) -> str:
    if _INNER.match(name):
        return name.rpartition("-")[0]
    if _DRAID_SPARE.match(name):
        return "dspare"
    if name.isdigit() and note.startswith("was "):
        return "missing"
    return "file" if name.startswith("/") and not name.startswith("/dev/") else "disk"


def _counter(word: str) -> bool:
    return word == "-" or _NICE.match(word) is not None


def _size(word: str) -> int | None:
    """The number in `12`, `1.5K`, `0B`; None for `-`."""
    matched = _NICE.match(word)
    if matched is None:
        return None
    return int(float(matched[1]) * 1024 ** "BKMGTPEZ".index(matched[2])) if matched[2] else int(float(matched[1]))


def _date(text: str) -> float | None:
    matched = _DATE.search(text)
    if matched is None or matched[1] not in _MONTHS:
        return None
    day, hour, minute, second, year = (int(part) for part in matched.groups()[1:])
    if not (year >= 1970 and 1 <= day <= 31):
        return None
    return float(calendar.timegm((year, _MONTHS.index(matched[1]) + 1, day, hour, minute, second)))


def _seconds(text: str) -> float | None:
    matched = _TIME.search(text)
    if matched is None:
        return None
    days, hours, minutes, seconds = (number(part or "0") for part in matched.groups())
    if days is None or hours is None or minutes is None or seconds is None:
        return None
    return float(((days * 24 + hours) * 60 + minutes) * 60 + seconds)


_ENDED = re.compile(r"^(?:(scrub) repaired|(resilver)ed(?: \(.+?\))?) (\S+) in (.+?) with (\d+) errors on (.+)$")
_CANCELED = re.compile(r"^(scrub|resilver)(?: \(.+?\))? canceled on (.+)$")
_LONGEST = 1000  # characters: some of these take the square of them, and a label may hold what looks like a scan
_RUNNING = re.compile(r"^(scrub|resilver)(?: \(.+?\))? (in progress|paused) since (.+)$")


def _scan(lines: Sequence[str]) -> Scan | None:
    """What a `scan:` field says; None for `none requested` and for words we do not know."""
    first, more = lines[0].strip()[:_LONGEST], " ".join(line.strip() for line in lines[1:])[:_LONGEST]
    if ended := _ENDED.match(first):
        end, took = _date(ended[6]), _seconds(ended[4])
        return Scan(
            kind=ended[1] or ended[2],
            state="finished",
            started=end - took if end is not None and took is not None else None,
            ended=end,
            errors=number(ended[5]),
        )
    if canceled := _CANCELED.match(first):
        return Scan(kind=canceled[1], state="canceled", ended=_date(canceled[2]))
    running = _RUNNING.match(first)
    if running is None:
        return None
    paused = running[2] == "paused"
    since = re.search(r"scrub started on (.+?\d{4})", more) if paused else None
    # `512M issued at …, 2.00G total` until 2.1, `512M / 2.00G issued at …` from 2.2 on.
    done, total = re.search(r"(\S+)(?: / \S+)? issued", more), re.search(r"(\S+) total|/ (\S+) issued", more)
    percent, left = re.search(r"(\d+(?:\.\d+)?)% done", more), re.search(r"done, (.+?) to go", more)
    return Scan(
        kind=running[1],
        state="paused" if paused else "scanning",
        started=_date(since[1] if since else "" if paused else running[3]),
        done=_size(done[1]) if done else None,
        total=_size(total[1] or total[2]) if total else None,
        percent=min(100.0, float(percent[1])) if percent else None,
        eta=_seconds(left[1]) if left else None,
    )
