"""The properties that may be set, and the values each may take. What is not listed here cannot be set through the door.

Left out on purpose: sharenfs and sharesmb (option strings for other programs: verbs of their own make them),
keylocation and every other encryption property (verbs of their own take the passphrase), checksum=off, and what
names files.
"""

from __future__ import annotations

from . import let_go
from .grammar import (
    ALNUM,
    DIGITS,
    LOWER,
    MOUNT_ROOTS,
    PART,
    SYSTEM_DIRS,
    size_problem,
    text,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

FILESYSTEM = "filesystem"
VOLUME = "volume"
POOL = "pool"  # a property of the pool itself, set when the pool is made

_USER_VALUE = ALNUM | frozenset("_.:@/+,-")
_PRINTABLE = frozenset(map(chr, range(0x20, 0x7F)))


class Property:
    """What may be done with one property: its values, where it applies, whether it is fixed once the dataset exists."""

    __slots__ = ("admin", "applies", "at_birth", "check", "only_admin", "values")

    def __init__(
        self,
        values: str,
        check: Callable[[str], str],
        applies: tuple[str, ...] = (FILESYSTEM, VOLUME),
        *,
        at_birth: bool = False,
        admin: tuple[str, ...] = (),
        only_admin: bool = False,
    ) -> None:
        self.values = values  # in words
        self.check = check
        self.applies = applies
        self.at_birth = at_birth  # can be given only when the dataset is made
        self.admin = admin  # values that need the role admin
        self.only_admin = only_admin  # every value needs it


def _words(
    *words: str,
    applies: tuple[str, ...] = (FILESYSTEM, VOLUME),
    at_birth: bool = False,
    admin: tuple[str, ...] = (),
) -> Property:
    listed = " | ".join(words)

    def check(value: str) -> str:
        return "" if value in words else f"must be one of {listed}"

    return Property(listed, check, applies, at_birth=at_birth, admin=admin)


def size_in_bytes(value: str) -> int:
    """The number of bytes of a size that has passed `size_problem`."""
    unit = "KMGT".find(value[-1]) + 1
    return int(value[:-1] if unit else value) << 10 * unit


def _power(low: int, high: int, applies: tuple[str, ...], *, zero: bool = False, at_birth: bool = False) -> Property:
    words = f"a power of two, {low} to {high} bytes" + (", or 0" if zero else "")

    def check(value: str) -> str:
        if zero and value == "0":
            return ""
        if size_problem(value):
            return f"must be {words}"
        size = size_in_bytes(value)
        return "" if low <= size <= high and size & (size - 1) == 0 else f"must be {words}"

    return Property(words, check, applies, at_birth=at_birth)


def _size(*words: str, applies: tuple[str, ...] = (FILESYSTEM, VOLUME)) -> Property:
    listed = " | ".join((*words, "a size such as 10G"))
    return Property(
        listed, lambda value: "" if value in words or not size_problem(value) else f"must be {listed}", applies
    )


def _number(low: int, high: int, *words: str, applies: tuple[str, ...]) -> Property:
    listed = " | ".join((*words, f"{low} to {high}"))

    def check(value: str) -> str:
        if value in words or (not text(value, 18, DIGITS, DIGITS - {"0"}) and low <= int(value) <= high):
            return ""
        return f"must be {listed}"

    return Property(listed, check, applies)


def mountpoint_problem(value: str) -> str:
    """Why `value` cannot be a mountpoint of any pool; `problem` also compares it with the pool's own name."""
    if value in ("none", "legacy"):
        return ""
    if not value.startswith("/") or len(value) > 255:
        return "must be none, legacy or an absolute path of at most 255 bytes"
    parts = value[1:].split("/")
    for part in parts:
        if text(part, 255, PART | {"+"}, PART | {"+"}, dots=True) or part in (".", ".."):
            return "must be a plain absolute path of letters, digits, spaces and _ . : + -, without . or .. as a part"
    if parts[0] in MOUNT_ROOTS:
        return "" if len(parts) > 1 else f"must lie below /{parts[0]}, not be it"
    return "must not lie in a directory of the system" if parts[0] in SYSTEM_DIRS else ""


def _user_value(value: str) -> str:
    return text(value, 128, _USER_VALUE, ALNUM | {"/"})


def note_problem(value: object) -> str:
    """Why `value` cannot be noted at a copy. A note sets nothing: what it says is put back by that property's rule."""
    return text(value, 255, _PRINTABLE, _PRINTABLE - {" "}, dots=True)


_FS = (FILESYSTEM,)
_VOL = (VOLUME,)
_POOL = (POOL,)
_ZSTD = tuple(f"zstd-{n}" for n in range(1, 20))
_GZIP = tuple(f"gzip-{n}" for n in range(1, 10))
USER = Property("text of letters, digits and _ . : @ / + , -; at most 128", _user_value)
NOTE = Property("printable ASCII, no space first; at most 255", note_problem)
# Whose copy a dataset is: its peer may read, resume and prune it, so giving it away is an administrator's (peer-adopt).
OWNER = Property("the name of a peer", _user_value, only_admin=True)
# By this mark whoever may prune destroys what D-Plane did not take.
MAY_PRUNE = Property(let_go.WORDS, let_go.problem, only_admin=True)
OWN_WORDS = {"dplane:peer": OWNER, let_go.MARK: MAY_PRUNE}

PROPERTIES: dict[str, Property] = {
    "aclinherit": _words("discard", "noallow", "restricted", "passthrough", "passthrough-x", applies=_FS),
    "aclmode": _words("discard", "groupmask", "passthrough", "restricted", applies=_FS),
    "acltype": _words("off", "posix", "posixacl", applies=_FS),
    "atime": _words("on", "off", applies=_FS),
    "canmount": _words("on", "off", "noauto", applies=_FS),
    "casesensitivity": _words("sensitive", "insensitive", "mixed", applies=_FS, at_birth=True),
    "checksum": _words("on", "fletcher4", "sha256", "sha512", "skein", "edonr", "blake3"),
    "compression": _words("on", "off", "lz4", "zstd", "zstd-fast", "gzip", "zle", "lzjb", *_ZSTD, *_GZIP),
    "copies": _words("1", "2", "3"),
    "dedup": _words("off", "on", "verify"),
    "devices": _words("on", "off", applies=_FS, admin=("on",)),
    "dnodesize": _words("legacy", "auto", "1k", "2k", "4k", "8k", "16k", applies=_FS),
    "exec": _words("on", "off", applies=_FS),
    "filesystem_limit": _number(1, 10**15, "none", applies=_FS),
    "logbias": _words("latency", "throughput"),
    "mountpoint": Property(
        "none | legacy | a path below /media, /mnt or /srv, or the pool's own directory or below it",
        mountpoint_problem,
        _FS,
    ),
    "normalization": _words("none", "formC", "formD", "formKC", "formKD", applies=_FS, at_birth=True),
    "primarycache": _words("all", "none", "metadata"),
    "quota": _size("none", applies=_FS),
    "readonly": _words("on", "off"),
    "recordsize": _power(512, 16 << 20, _FS),
    "redundant_metadata": _words("all", "most", "some", "none"),
    "refquota": _size("none", applies=_FS),
    "refreservation": _size("none", "auto"),
    "relatime": _words("on", "off", applies=_FS),
    "reservation": _size("none"),
    "secondarycache": _words("all", "none", "metadata"),
    "setuid": _words("on", "off", applies=_FS, admin=("on",)),
    "snapdev": _words("hidden", "visible"),
    "snapdir": _words("hidden", "visible", applies=_FS),
    "snapshot_limit": _number(1, 10**15, "none", applies=(FILESYSTEM, VOLUME)),
    "special_small_blocks": _power(512, 1 << 20, _FS, zero=True),
    "sync": _words("standard", "always", "disabled"),
    "utf8only": _words("on", "off", applies=_FS, at_birth=True),
    "volblocksize": _power(512, 128 << 10, _VOL, at_birth=True),
    "volmode": _words("default", "full", "geom", "dev", "none"),
    "volsize": _size(applies=_VOL),
    "xattr": _words("on", "off", "sa", "dir", applies=_FS),
    "ashift": _number(9, 16, applies=_POOL),
    "autoexpand": _words("on", "off", applies=_POOL),
    "autoreplace": _words("on", "off", applies=_POOL),
    "autotrim": _words("on", "off", applies=_POOL),
    "failmode": _words("wait", "continue", applies=_POOL),
}


def find(name: str) -> Property | None:
    """The property of that name; a user property of ours (dplane:word) counts as listed."""
    if name in OWN_WORDS:
        return OWN_WORDS[name]
    if name.startswith("dplane:"):
        listed = NOTE if name.startswith("dplane:was-") else USER
        return None if text(name[7:], 32, LOWER | DIGITS | {"-"}, LOWER) else listed
    return PROPERTIES.get(name)


def problem(name: str, value: str, dataset: str, target: tuple[str, ...], *, birth: bool) -> str:
    """Why `name`=`value` must not be set on `dataset`, which is one of `target`; "" when it may."""
    listed = find(name)
    if listed is None:
        return f"property {printable(name)} is not on the list of properties that may be set"
    if not set(listed.applies).intersection(target) or (listed.at_birth and not birth):
        return f"property {name} cannot be set here"
    broken = listed.check(value)
    if not broken and name == "mountpoint" and value.startswith("/"):
        first = value.split("/")[1]
        if first not in MOUNT_ROOTS and first != dataset.split("/")[0]:
            broken = "must lie below /media, /mnt or /srv, or below the pool's own directory"
    return f"property {name} {broken}" if broken else ""


def needs_admin(name: str, value: object) -> bool:
    """Whether that value of that property may be set by an administrator only."""
    listed = find(name)
    return listed is not None and (listed.only_admin or value in listed.admin)


def admin_when_inherited(name: object) -> bool:
    """Whether taking the property back to what is above may bring a value that only an administrator may set."""
    listed = find(name) if isinstance(name, str) else None
    return listed is not None and (listed.only_admin or bool(listed.admin))


# zfs knows no inheriting for these: what they have is their own, always.
_OWN = frozenset(
    ("quota", "refquota", "reservation", "refreservation", "volsize", "filesystem_limit", "snapshot_limit")
)


def inherit_problem(name: str) -> str:
    """Why a property of an existing dataset cannot be taken back to what is above."""
    listed = find(name)
    if listed is None or POOL in listed.applies or listed.at_birth:
        return f"property {printable(name)} cannot be inherited"
    return f"property {name} is never inherited; set it to none" if name in _OWN else ""


def printable(name: str) -> str:
    """A hostile name made fit for a sentence."""
    return "".join(c if c in _USER_VALUE else "?" for c in name[:40])


def name_problem(value: object) -> str:
    """Why `value` is not the name of a property on the list."""
    if not isinstance(value, str):
        return "must be a text"
    return "" if find(value) else f"{printable(value)} is not on the list of properties that may be set"


def value_problem(value: object) -> str:
    """Why `value` cannot be a value of any property; `problem` then asks the property itself."""
    return note_problem(value)


def set_problem(value: object) -> str:
    """Why `value` is not an object of listed properties and texts."""
    if not isinstance(value, dict):
        return "must be an object of properties and values"
    if len(value) > 40:
        return "must not hold more than 40 properties"
    for name, given in value.items():
        broken = name_problem(name)
        if not broken and not isinstance(given, str):
            broken = f"value of {name} must be a text"
        if broken:
            return broken
    return ""
