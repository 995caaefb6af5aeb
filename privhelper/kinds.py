"""Kinds of argument whose checks need tables of their own; those are loaded when such an argument comes, not before."""

from __future__ import annotations

from .grammar import DIGITS, LETTERS, Kind, text


def _name_problem(value: object) -> str:
    from .properties import name_problem

    return name_problem(value)


def _value_problem(value: object) -> str:
    from .properties import value_problem

    return value_problem(value)


def _set_problem(value: object) -> str:
    from .properties import set_problem

    return set_problem(value)


def _vdevs_problem(value: object) -> str:
    from .vdevs import vdevs_problem

    return vdevs_problem(value)


def _draid_spare_problem(value: object) -> str:
    plain = "".join("0" if char in DIGITS else char for char in value) if isinstance(value, str) else ""
    while "00" in plain:
        plain = plain.replace("00", "0")
    sound = (
        plain == "draid0-0-0" and isinstance(value, str) and value[5] in "123" and value[6] == "-" and len(value) <= 20
    )
    return "" if sound else "must be a spare of a draid, such as draid1-0-0"


def _added_problem(value: object) -> str:
    from .vdevs import added_problem

    return added_problem(value)


DISK_FOLDERS = ("by-id", "by-path", "by-partuuid", "by-uuid", "by-label")
POOL_HABITS = ("autoexpand", "autoreplace", "autotrim")


def _pool_setting_problem(value: object) -> str:
    name, _, switch = value.partition("=") if isinstance(value, str) else ("", "", "")
    known = name in POOL_HABITS and switch in ("on", "off")
    return "" if known else f"must be one of {', '.join(POOL_HABITS)}, with =on or =off"


def _token_problem(value: object) -> str:
    from .resumetoken import token_problem

    return token_problem(value)


def _datasets_problem(value: object) -> str:
    from .grammar import dataset_problem, list_problem

    return list_problem(value, DATASETS_LIMIT, dataset_problem)


def _pruned_problem(value: object) -> str:
    from .grammar import component_problem, guid_problem

    if not isinstance(value, dict) or not 0 < len(value) <= PRUNED_LIMIT:
        return f"must be an object of 1 to {PRUNED_LIMIT} snapshot names and their GUIDs"
    for name, guid in value.items():
        broken = component_problem(name) or guid_problem(guid)
        if broken:
            return f"has an item that {broken}"
    return ""


def _snapshots_problem(value: object) -> str:
    from .grammar import guid_problem, snapshot_problem

    if not isinstance(value, dict) or not 0 < len(value) <= HELD_LIMIT:
        return f"must be an object of 1 to {HELD_LIMIT} snapshots and their GUIDs"
    for name, guid in value.items():
        broken = snapshot_problem(name) or guid_problem(guid)
        if broken:
            return f"has an item that {broken}"
    return ""


def _chosen_problem(value: object) -> str:
    from .grammar import component_problem, guid_problem

    if not isinstance(value, dict) or not 0 < len(value) <= CHOSEN_LIMIT:
        return f"must be an object of 1 to {CHOSEN_LIMIT} snapshot names and their GUIDs"
    broken = next(filter(None, (component_problem(name) or guid_problem(guid) for name, guid in value.items())), "")
    return f"has an item that {broken}" if broken else ""


CHOSEN_LIMIT = 1000
DATASETS_LIMIT = 500
PRUNED_LIMIT = 100
HELD_LIMIT = 100
_CALENDAR = LETTERS | DIGITS | frozenset(" ,.-/:*~")


def _timer_problem(value: object) -> str:
    if not isinstance(value, str) or value.partition("-")[0] not in TIMER_KINDS or not value.partition("-")[2]:
        return f"must start with {' or '.join(f'{kind}-' for kind in TIMER_KINDS)}, and a name behind it"
    return text(value, 80, LETTERS | DIGITS | frozenset("_.-"))


def _when_problem(value: object) -> str:
    if not isinstance(value, list) or not 0 < len(value) <= 20:
        return "must be a list of 1 to 20"
    for entry in value:
        kind, _, rest = entry.partition(":") if isinstance(entry, str) else ("", "", "")
        if kind == "calendar":
            sound = 0 < len(rest) <= 120 and rest[0] in LETTERS | DIGITS | {"*"} and _CALENDAR.issuperset(rest)
            broken = "" if sound else "is no calendar expression"  # systemd itself judges its meaning
        elif kind in ("boot", "every"):
            seconds = 0 if text(rest, 8, DIGITS) else int(rest)
            broken = "" if seconds >= 60 else "must be 60 seconds or more"
        else:
            broken = "must start with calendar:, boot: or every:"
        if broken:
            return f"has an item that {broken}"
    return ""


def _percent_problem(value: object) -> str:
    whole = isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 100
    return "" if whole else "must be a whole number from 1 to 100"


def _seed_problem(value: object) -> str:
    return text(value, 64, LETTERS | DIGITS | {"-"})


TIMER_KINDS = ("task", "catchup", "policy", "scrub", "trim", "smart")


def _policy_name_problem(value: object) -> str:
    """`dplane-auto-` and a UTC time, as 2026-01-02T03-04-05Z."""
    shape = "dplane-auto-0000-00-00T00-00-00Z"
    plain = "".join("0" if char in DIGITS else char for char in value) if isinstance(value, str) else ""
    return "" if plain == shape else "must be dplane-auto- and a UTC time such as 2026-01-02T03-04-05Z"


def _one_pools_datasets_problem(value: object) -> str:
    broken = _datasets_problem(value)
    if broken or not isinstance(value, list):
        return broken
    return "" if len({name.split("/")[0] for name in value}) == 1 else "must be of one pool"


def _bookmarked_problem(value: object) -> str:
    from .grammar import bookmark_problem, guid_problem, snapshot_problem

    if not isinstance(value, dict) or not 0 < len(value) <= BOOKMARKS_LIMIT:
        return f"must be an object of 1 to {BOOKMARKS_LIMIT} bookmarks, each with its snapshot and that one's GUID"
    pools: set[str] = set()
    for name, pair in value.items():
        if not isinstance(pair, list) or len(pair) != 2:
            return "has an item that is not a snapshot and its GUID"
        broken = bookmark_problem(name) or snapshot_problem(pair[0]) or guid_problem(pair[1])
        if broken:
            return f"has an item that {broken}"
        if name.split("#")[0] != pair[0].split("@")[0]:
            return "has a bookmark that is not of the same dataset as its snapshot"
        pools.add(name.split("#")[0].split("/")[0])
    return "" if len(pools) == 1 else "must be of one pool"


def _own_bookmarks_problem(value: object) -> str:
    from .grammar import OWN_BOOKMARK, guid_problem

    if not isinstance(value, dict) or not 0 < len(value) <= BOOKMARKS_LIMIT:
        return f"must be an object of 1 to {BOOKMARKS_LIMIT} bookmarks of ours and their GUIDs"
    broken = next(filter(None, (OWN_BOOKMARK.check(name) or guid_problem(guid) for name, guid in value.items())), "")
    return f"has an item that {broken}" if broken else ""


BOOKMARKS_LIMIT = 100


def _repeated_problem(value: object) -> str:
    from .several import VERBS

    return "" if value in VERBS else f"must be {' or '.join(VERBS)}"


def _body_problem(value: object) -> str:
    sound = isinstance(value, int) and not isinstance(value, bool) and 0 < value <= 1 << 20
    return "" if sound else "must be a number from 1 to 1048576"


# A token of `tank/data@dplane-2026-01-02`, GUID 1234567890123456789, no bytes received yet, raw.
_RESUME = (
    "1-db1accbaa-104-789c636064000310a500c4ec50360710e72765a5269740f80cd8e4d3d28a534b18e00024cf86249f5459"
    "925acc802a8facbf243fbd3433858141b4f165ed170125410b24794eb07c5e626e2a904ecccbd64f492c49744829c849cc4b"
    "d535323032d33530d43530829bcbcd80f047727e6e41516a71717e36444c02ea2e987c5162394c0a0c00cf221f68"
)

PROPERTY = Kind("property", "a property on the list below, or dplane: and a word of ours", "compression", _name_problem)
VALUE = Kind("property-value", "a value that the list below allows for that property", "lz4", _value_problem)
PROPERTIES = Kind(
    "properties",
    "an object of properties on the list below and their values, as texts; at most 40",
    {"compression": "lz4"},
    _set_problem,
)
DATASETS = Kind(
    "datasets",
    f"a list of 1 to {DATASETS_LIMIT} datasets, none twice",
    ["tank/data/a", "tank/data/b"],
    _datasets_problem,
)
POOL_DATASETS = Kind(
    "pool-datasets", DATASETS.rule + ", all of one pool", ["tank/data", "tank/home"], _one_pools_datasets_problem
)
POLICY_NAME = Kind(
    "policy-name",
    "dplane-auto- and a UTC time with hyphens",
    "dplane-auto-2026-01-02T03-04-05Z",
    _policy_name_problem,
)
SELF_TEST = Kind(
    "self-test", "short or long", "short", lambda value: "" if value in ("short", "long") else "must be short or long"
)
PRUNED = Kind(
    "pruned-snapshots",
    f"an object of 1 to {PRUNED_LIMIT} names behind the @, each with its GUID",
    {"dplane-2026-01-02": "1234567890123456789"},
    _pruned_problem,
)
CHOSEN = Kind(
    "chosen-snapshots",
    f"an object of 1 to {CHOSEN_LIMIT} names behind the @, each with its GUID",
    {"before-upgrade": "1234567890123456789"},
    _chosen_problem,
)
SNAPSHOTS = Kind(
    "snapshots",
    f"an object of 1 to {HELD_LIMIT} snapshots, each with its GUID",
    {"tank/data@dplane-2026-01-01": "1234567890123456789"},
    _snapshots_problem,
)
TIMER = Kind(
    "timer",
    "task, catchup, policy, scrub, trim or smart, a hyphen, and letters, digits and _ . -; at most 80 bytes",
    "task-photos",
    _timer_problem,
)
WHEN = Kind(
    "when",
    "a list of 1 to 20: calendar: and a systemd calendar expression, or boot: or every: and seconds (60 or more)",
    ["calendar:*-*-* 02:30:00", "boot:600"],
    _when_problem,
)
PERCENT = Kind("percent", "a whole number from 1 to 100", 5, _percent_problem)
SEED = Kind("seed", "letters, digits and -; 1 to 64: the same one chooses the same files", "2026-01-02", _seed_problem)
BOOKMARKED = Kind(
    "bookmarked",
    f"an object of 1 to {BOOKMARKS_LIMIT} bookmarks of one pool, each with a list of its snapshot and that one's GUID",
    {"tank/data#dplane-1": ["tank/data@x", "1234567890123456789"]},
    _bookmarked_problem,
)
OWN_BOOKMARKS = Kind(
    "own-bookmarks",
    f"an object of 1 to {BOOKMARKS_LIMIT} bookmarks whose names start with dplane-, each with its GUID",
    {"tank/data#dplane-1": "1234567890123456789"},
    _own_bookmarks_problem,
)
REPEATED = Kind("repeated-verb", "receive or send", "send", _repeated_problem)
BODY = Kind("body-size", "a number of bytes from 1 to 1048576", 210, _body_problem)
VDEVS = Kind(
    "vdevs",
    "a list in zpool's order: mirror (2 disks or more), raidz1 (3), raidz2 (4), raidz3 (5), draid1:Nd:Nc:Ns to draid3 "
    "(c disks), log, cache, special, dedup, spare, each followed by names in /dev/disk/by-id; no disk twice; groups of "
    "one kind and width unless force",
    ["mirror", "ata-EXAMPLE_DISK_0001", "ata-EXAMPLE_DISK_0002"],
    _vdevs_problem,
)
ADDED = Kind("added-vdevs", VDEVS.rule, ["mirror", "ata-EXAMPLE_DISK_0003", "ata-EXAMPLE_DISK_0004"], _added_problem)
FOLDER = Kind(
    "disk-folder",
    "by-id, by-path, by-partuuid, by-uuid or by-label: a folder in /dev/disk",
    "by-path",
    lambda value: "" if value in DISK_FOLDERS else f"must be one of {', '.join(DISK_FOLDERS)}",
)
POOL_SETTING = Kind(
    "pool-setting",
    f"{', '.join(POOL_HABITS)}, and =on or =off",
    "autoexpand=on",
    _pool_setting_problem,
)
DRAID_SPARE = Kind("draid-spare", "draid1 to draid3, and two numbers with hyphens", "draid1-0-0", _draid_spare_problem)
TOKEN = Kind(
    "resume-token", "a resume token as zfs writes it; its checksum and contents are verified", _RESUME, _token_problem
)
