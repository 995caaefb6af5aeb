"""What a value may be: the kinds of argument, each with its rule in words, a valid example and its check.

A check returns "" or the rule that the value breaks, as a clause that fits behind the argument's name. It never repeats
the value, which is hostile until it has passed: at most one character of it is named, in ASCII. Names follow OpenZFS,
stricter where one could look like an option.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:  # collections.abc would load the whole package collections, for annotations only
    from collections.abc import Callable, Iterable

    Check = Callable[[object], str]

LOWER = frozenset("abcdefghijklmnopqrstuvwxyz")
DIGITS = frozenset("0123456789")
HEX = frozenset("0123456789abcdef")
LETTERS = LOWER | frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
ALNUM = LETTERS | DIGITS
COMPONENT = ALNUM | frozenset("_.:-")
PART = COMPONENT | {" "}  # what OpenZFS takes (entity_namecheck), at any place, in each part but the pool's
DISK = ALNUM | frozenset("_.:+-")

MAX_NAME = 255  # ZFS_MAX_DATASET_NAME_LEN is 256 with the closing NUL
MAX_POOL = 239  # OpenZFS keeps room for the hidden $ORIGIN datasets
MAX_DEPTH = 50  # zfs_max_dataset_nesting
MAX_GUID = 2**64 - 1

# Directories of the system: a new pool of that name would mount over them.
SYSTEM_DIRS = frozenset(
    (
        "bin",
        "boot",
        "dev",
        "etc",
        "home",
        "lib",
        "lib32",
        "lib64",
        "libx32",
        "lost+found",
        "media",
        "mnt",
        "opt",
        "proc",
        "root",
        "run",
        "sbin",
        "snap",
        "srv",
        "sys",
        "tmp",
        "usr",
        "var",
    )
)
MOUNT_ROOTS = (
    "media",
    "mnt",
    "srv",
)  # a mountpoint lies below one of these, or is the pool's own directory or below it


class Kind:
    """One kind of argument: its name, its rule in words, a valid example, and the check that enforces the rule."""

    __slots__ = ("check", "example", "name", "rule")

    def __init__(self, name: str, rule: str, example: object, check: Check) -> None:
        self.name = name
        self.rule = rule
        self.example = example
        self.check = check


def named(char: str) -> str:
    """One character of a value, so that a person finds it and nothing obeys it."""
    if char == " ":
        return "a space"
    return f"'{char}'" if "!" <= char <= "~" else f"the character U+{ord(char):04X}"


def list_problem(value: object, most: int, check: Check) -> str:
    """Why `value` is not a list of 1 to `most` different items in which `check` finds nothing."""
    if not isinstance(value, list) or not 0 < len(value) <= most:
        return f"must be a list of 1 to {most}"
    broken = next(filter(None, map(check, value)), "")
    if broken:
        return f"has an item that {broken}"
    return "" if len(set(value)) == len(value) else "names one twice"


def text(
    value: object, limit: int, allowed: Iterable[str], first: frozenset[str] = ALNUM, *, dots: bool = False
) -> str:
    """Why `value` is not a text of at most `limit` characters of `allowed` that starts with one of `first`.

    Two dots in a row are refused unless `dots`.
    """
    if not isinstance(value, str):
        return "must be a text"
    if not value:
        return "must not be empty"
    if len(value) > limit:
        return f"must not be longer than {limit} bytes"
    if value[0] not in first:
        rule = "must start with a letter or digit, not with" if first is ALNUM else "must not start with"
        return f"{rule} {named(value[0])}"
    odd = set(value).difference(allowed)
    if odd:
        return f"holds {named(min(odd, key=value.index))}, which is not allowed"
    if ".." in value and not dots:
        return "must not hold two dots in a row"
    return ""


def pool_problem(value: object) -> str:
    """Why `value` cannot be the name of a pool."""
    problem = text(value, MAX_POOL, COMPONENT, LETTERS)
    if problem or not isinstance(value, str):
        return problem
    if value == "log" or value.startswith(("mirror", "raidz", "draid", "spare")):
        return "is a name that OpenZFS reserves"
    if value[0] == "c" and value[1:2] in DIGITS:
        return "must not look like a disk (c and a digit), OpenZFS reserves that"
    return ""


def new_pool_problem(value: object) -> str:
    """Why `value` cannot be the name of a new pool."""
    if isinstance(value, str) and value in SYSTEM_DIRS:
        return "is the name of a system directory, the pool would be mounted over it"
    return pool_problem(value)


def component_problem(value: str) -> str:
    """Why `value` cannot be one component of a dataset's name, or the part behind @ or #."""
    if value in (".", ".."):
        return "must not have . or .. as a part"
    return text(value, MAX_NAME, PART, PART, dots=True)


def dataset_problem(value: object) -> str:
    """Why `value` cannot be the name of a file system or volume."""
    if not isinstance(value, str):
        return "must be a text"
    if len(value) > MAX_NAME:
        return f"must not be longer than {MAX_NAME} bytes"
    pool, *rest = value.split("/")
    if len(rest) >= MAX_DEPTH:
        return f"must not be nested deeper than {MAX_DEPTH} levels"
    problem = pool_problem(pool)
    for part in rest:
        problem = problem or component_problem(part)
    return problem


def _marked(value: object, mark: str, what: str) -> str:
    if not isinstance(value, str):
        return "must be a text"
    if len(value) > MAX_NAME:
        return f"must not be longer than {MAX_NAME} bytes"
    parts = value.split(mark)
    if len(parts) != 2:
        return f"must be a {what}'s name with exactly one {mark}"
    return dataset_problem(parts[0]) or component_problem(parts[1])


def snapshot_problem(value: object) -> str:
    """Why `value` cannot be the full name of a snapshot."""
    return _marked(value, "@", "snapshot")


def bookmark_problem(value: object) -> str:
    """Why `value` cannot be the full name of a bookmark."""
    return _marked(value, "#", "bookmark")


def origin_problem(value: object) -> str:
    """Why `value` cannot be what an incremental send starts from: @snapshot, #bookmark or the full name of one."""
    if not isinstance(value, str):
        return "must be a text"
    if value[:1] in ("@", "#"):
        return component_problem(value[1:])
    return bookmark_problem(value) if "#" in value else snapshot_problem(value)


def _own_bookmark_problem(value: object) -> str:
    problem = bookmark_problem(value)
    if not problem and isinstance(value, str) and not value.split("#")[1].startswith("dplane-"):
        return "must be a bookmark of ours (its name starts with dplane-)"
    return problem


def _child_problem(value: object) -> str:
    problem = dataset_problem(value)
    if not problem and isinstance(value, str) and "/" not in value:
        return "must be a dataset below a pool, not the pool itself"
    return problem


def _plain_dataset_problem(value: object) -> str:
    if isinstance(value, str) and " " in value:
        return "must not hold a space here"
    return dataset_problem(value)


def guid_problem(value: object) -> str:
    """Why `value` cannot be a GUID: decimal digits in a text, 1 to 2^64-1, no leading zero."""
    if isinstance(value, str) and not text(value, 20, DIGITS, DIGITS - {"0"}) and int(value) <= MAX_GUID:
        return ""
    return "must be a GUID: 1 to 18446744073709551615 in decimal digits, as a text"


def tag_problem(value: object) -> str:
    """Why `value` cannot be the tag of one of our holds."""
    if isinstance(value, str) and not value.startswith("dplane-"):
        return "must be a tag of ours (starts with dplane-)"
    return text(value, 200, COMPONENT)


def job_problem(value: object) -> str:
    """Why `value` cannot be the id of a job."""
    return text(value, 64, LOWER | DIGITS | {"-"}, LOWER | DIGITS)


def peer_problem(value: object) -> str:
    """Why `value` cannot be the name of a peer."""
    return text(value, 63, ALNUM | frozenset("_.-"))


def disk_problem(value: object) -> str:
    """Why `value` cannot be a name in /dev/disk/by-id."""
    return text(value, MAX_NAME, DISK)


def plan_problem(value: object) -> str:
    """Why `value` cannot be the hash of a plan."""
    if isinstance(value, str) and len(value) == 64 and not text(value, 64, HEX, HEX):
        return ""
    return "must be the 64 hexadecimal digits of a plan that a dry run returned"


def key_problem(value: object) -> str:
    """Why `value` cannot be one ed25519 public key, without options or comment."""
    if not isinstance(value, str):
        return "must be a text"
    word, _, rest = value.partition(" ")
    if word != "ssh-ed25519" or len(rest) != 68:
        return "must be ssh-ed25519, one space and the key's 68 base64 characters, nothing behind them"
    if not set(rest).issubset(ALNUM | frozenset("+/")):
        return "holds a character that is not base64"
    from binascii import a2b_base64

    # 51 bytes: length 11, the algorithm's name, length 32, the key. 68 base64 characters carry exactly 51 bytes.
    if a2b_base64(rest)[:19] != b"\0\0\0\x0bssh-ed25519\0\0\0\x20":
        return "is not an ed25519 key inside"
    return ""


def flag_problem(value: object) -> str:
    """Why `value` is not true or false."""
    return "" if isinstance(value, bool) else "must be true or false"


def dataset_kind_problem(value: object) -> str:
    """Why `value` is not one of the two kinds of dataset."""
    return "" if value in ("filesystem", "volume") else "must be filesystem or volume"


def size_problem(value: object) -> str:
    """Why `value` cannot be a size in bytes: digits, and K, M, G or T behind them if wanted."""
    if not isinstance(value, str):
        return "must be a text"
    digits = value[:-1] if value[-1:] in ("K", "M", "G", "T") else value
    return "must be a size: digits, then nothing or one of K M G T" if text(digits, 18, DIGITS, DIGITS - {"0"}) else ""


_NAME = "letters, digits and _ . : -"
POOL = Kind(
    "pool",
    f"a pool's name: {_NAME}; starts with a letter; no ..; at most {MAX_POOL} bytes; not a word that zpool reserves",
    "tank",
    pool_problem,
)
NEW_POOL = Kind("new-pool", POOL.rule + "; not the name of a directory of the system", "tank", new_pool_problem)
DATASET = Kind(
    "dataset",
    f"a pool's name and components joined by /: {_NAME} and space; none is . or ..; "
    f"at most {MAX_NAME} bytes, {MAX_DEPTH} levels",
    "tank/data",
    dataset_problem,
)
CHILD = Kind("child-dataset", DATASET.rule + "; below a pool, never the pool itself", "tank/data", _child_problem)
PLAIN_DATASET = Kind("plain-dataset", DATASET.rule + "; no spaces", "tank/backup", _plain_dataset_problem)
SNAPSHOT = Kind(
    "snapshot", "a dataset, exactly one @, and a component", "tank/data@dplane-2026-01-02", snapshot_problem
)
BOOKMARK = Kind(
    "bookmark", "a dataset, exactly one #, and a component", "tank/data#dplane-2026-01-02", bookmark_problem
)
OWN_BOOKMARK = Kind(
    "own-bookmark", BOOKMARK.rule + " that starts with dplane-", "tank/data#dplane-2026-01-02", _own_bookmark_problem
)
ORIGIN = Kind(
    "origin",
    "@ or # and a component, or the full name of a snapshot or bookmark",
    "@dplane-2026-01-01",
    origin_problem,
)
GUID = Kind(
    "guid",
    "a GUID as a text of decimal digits, 1 to 2^64-1; compared with the object's own before anything is done",
    "1234567890123456789",
    guid_problem,
)
TAG = Kind("hold-tag", f"dplane- and {_NAME}; at most 200 bytes", "dplane-run-1", tag_problem)
JOB = Kind("job", "lower-case letters, digits and -; 1 to 64", "replicate-data-1", job_problem)
PEER = Kind("peer", "letters, digits and _ . -; starts with a letter or digit; 1 to 63", "nas-b", peer_problem)
DISK_ID = Kind(
    "disk",
    "a name in /dev/disk/by-id: letters, digits and _ . : + -; no slash; when it runs: a link there",
    "ata-EXAMPLE_DISK_0001",
    disk_problem,
)
VDEV = Kind(
    "vdev", "a vdev as zpool status names it, or its GUID: letters, digits and _ . : + -", "mirror-0", disk_problem
)
PLAN = Kind("plan", "the plan that the verb's dry run returned: 64 hexadecimal digits", "0" * 64, plan_problem)
KEY = Kind(
    "public-key",
    "ssh-ed25519, one space, 68 base64 characters that hold an ed25519 key; no options, no comment",
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f",
    key_problem,
)
SIZE = Kind("size", "digits, then nothing (bytes) or one of K M G T", "1G", size_problem)
FLAG = Kind("flag", "true or false", True, flag_problem)
DATASET_KIND = Kind("dataset-kind", "filesystem or volume", "filesystem", dataset_kind_problem)
