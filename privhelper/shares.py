"""Who may be given a share, what `sharenfs` is made of, and what is looked at before and after a share is set."""

from __future__ import annotations

import os

from .failure import Failure
from .grammar import ALNUM, DIGITS, LETTERS, Kind, text
from .places import EXPORTFS, NET, ZFS
from .shape import Args, Part, Verb

MOST = 32
_LABEL = ALNUM | {"-"}
_PATH = ALNUM | frozenset("_./:+-")  # no space: zfs 2.1 writes it into the export file as it is
_LEAST_BITS = 8


def client_problem(value: object) -> str:
    """Why `value` is neither an IPv4 address, nor a network of them, nor the name of a host."""
    if not isinstance(value, str) or not 0 < len(value) <= 253:
        return "must be a text of 1 to 253 bytes"
    if value[0] in DIGITS:
        return _address_problem(value)
    for label in value.split("."):
        if text(label, 63, _LABEL) or label.endswith("-"):
            return "must be an IPv4 address, a network such as 192.168.1.0/24, or the name of a host"
    return "" if value[0] in LETTERS else "must be the name of a host, which starts with a letter"


def _address_problem(value: str) -> str:
    address, slash, bits = value.partition("/")
    parts = address.split(".")
    if len(parts) != 4 or not all(_small(part, 255) for part in parts):
        return "must be an IPv4 address of four numbers from 0 to 255"
    if not slash:
        return ""
    if not _small(bits, 32) or int(bits) < _LEAST_BITS:
        return f"must have /{_LEAST_BITS} to /32 behind the network"
    number = sum(int(part) << 8 * (3 - at) for at, part in enumerate(parts))
    return "has bits behind its /" + bits if number & ((1 << 32 - int(bits)) - 1) else ""


def _small(digits: str, most: int) -> bool:
    return not text(digits, 3, DIGITS, DIGITS) and int(digits) <= most and (digits == "0" or digits[0] != "0")


def _clients_problem(value: object) -> str:
    if not isinstance(value, dict) or len(value) > MOST:
        return f"must be an object of at most {MOST} hosts or networks, each with ro or rw"
    for client, access in value.items():
        broken = client_problem(client)
        if broken:
            return f"has an item that {broken}"
        if access not in ("ro", "rw"):
            return "has an item that is neither ro nor rw"
    return ""


CLIENTS = Kind(
    "nfs-clients",
    f"an object of at most {MOST} IPv4 addresses, networks (/{_LEAST_BITS} or narrower) or host names, each with ro or "
    "rw; an empty one means not shared",
    {"192.168.1.0/24": "rw"},
    _clients_problem,
)


def nfs_value(clients: dict[str, str]) -> str:
    """`sharenfs` for those clients: `off`, or `rw=@network:host,ro=…`."""
    parts = []
    for access in ("rw", "ro"):
        some = [f"@{one}" if "/" in one else one for one in sorted(clients) if clients[one] == access]
        if some:
            parts.append(f"{access}={':'.join(some)}")
    return ",".join(parts) or "off"


class NfsValue(Part):
    """One element, sharenfs=VALUE, of an object of clients."""

    __slots__ = ()

    def build(self, args: Args) -> list[str]:
        given = args[self.arg]
        assert isinstance(given, dict)
        return [f"sharenfs={nfs_value(given)}"]

    def show(self) -> str:
        return f"sharenfs=<rw=… and ro=… of {self.arg}, or off>"


def look(verb: Verb, args: Args) -> dict[str, object]:
    """The server is installed, and every place that this shares is one that the door would mount at.

    Raises Failure `unavailable`, or `refused`.
    """
    if args.get("on") is False or args.get("to") == {}:
        return {}
    program, package = (EXPORTFS, "nfs-kernel-server") if verb.name == "share-nfs" else (NET, "samba")
    if not os.access(program, os.X_OK):
        raise Failure("unavailable", f"{package} is not installed on this box, so nothing can be shared by it.")
    from .programs import ask

    name = str(args["dataset"])
    below = [ZFS, "list", "-H", "-r", "-t", "filesystem", "-o"]
    names = ask([*below, "name", "--", name]).splitlines()
    places = ask([*below, "mountpoint", "--", name]).removesuffix("\n").split("\n")
    if len(names) != len(places):
        raise Failure("refused", f"A mountpoint below {name} holds a line end, so nothing of it is shared.")
    for one, path in zip(names, places, strict=True):
        _place(one, path)
    return {}


def _place(name: str, path: str) -> None:
    from .properties import mountpoint_problem

    if path.startswith("/") and (mountpoint_problem(path) or not _PATH.issuperset(path)):
        raise Failure("refused", f"{name} is mounted at a place that the door does not share; look at its mountpoint.")


def read_back(args: Args) -> dict[str, object]:
    """The value that ZFS tells now. Raises Failure when it is not the one that was wanted."""
    from .checks import zfs_get

    given = args.get("to")
    prop = "sharenfs" if isinstance(given, dict) else "sharesmb"
    wanted = nfs_value(given) if isinstance(given, dict) else "on" if args["on"] is True else "off"
    told = zfs_get(str(args["dataset"]), prop)
    if told != wanted:
        raise Failure("failed", f"zfs set {prop} of {args['dataset']}, but tells another value.")
    return {"value": told}
