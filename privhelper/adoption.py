"""`peer-adopt`: a copy that another tool made becomes one of a peer, with all that lies below it.

Each dataset gets a mark of its own: one that is inherited says nothing, or whatever is made below would be the peer's.
"""

from __future__ import annotations

from .failure import Failure
from .places import ZFS
from .programs import ask, failure, run
from .shape import Args

_AT_ONCE = 200  # datasets for one program
_LIMIT = 300  # seconds
_KINDS = "filesystem,volume"
_HARMLESS = {"setuid": "off", "devices": "off", "exec": "off"}  # of file systems; volumes have none of them


def adopt(args: Args) -> dict[str, object]:
    """Mark it and what is below, make it harmless, and read that back. Raises Failure."""
    top, peer = str(args["dataset"]), str(args["peer"])
    marks = {"readonly": "on", "dplane:peer": peer}
    # Both kinds in each: zfs takes no volume for the top of what is to be file systems.
    listed = ask([ZFS, "list", "-H", "-r", "-t", _KINDS, "-o", "name,type", "--", top]).splitlines()
    kinds = dict(line.split("\t") for line in listed)
    _set(marks, list(kinds))
    # As a receive makes a new one: no increment sets it later.
    _set(_HARMLESS, [name for name, kind in kinds.items() if kind == "filesystem"])
    for name, value in (*marks.items(), *_HARMLESS.items()):
        has = {"-\t-"} if name in _HARMLESS else set()  # a volume has none of these
        _read_back(top, name, {f"{value}\tlocal"} | has)
    return {"peer": peer, "datasets": len(kinds)}


def _read_back(top: str, name: str, good: set[str]) -> None:
    found = set(ask([ZFS, "get", "-H", "-p", "-r", "-t", _KINDS, "-o", "value,source", name, top]).splitlines())
    if not found or found - good:
        raise Failure("failed", f"zfs set it, but {top}, or something below, does not have {name} as it was set.")


def _set(values: dict[str, str], names: list[str]) -> None:
    for start in range(0, len(names), _AT_ONCE):
        argv = [ZFS, "set", *(f"{name}={value}" for name, value in values.items()), *names[start : start + _AT_ONCE]]
        output = run(argv, _LIMIT)
        if output.status != 0:
            raise failure(argv, output)
