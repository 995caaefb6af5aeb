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
    names = _names(top, _KINDS)
    _set(marks, names)
    _set(_HARMLESS, _names(top, "filesystem"))  # as a receive makes a new one: no increment sets it later
    _read_back(top, _KINDS, marks)
    _read_back(top, "filesystem", _HARMLESS)
    return {"peer": peer, "datasets": len(names)}


def _names(top: str, kinds: str) -> list[str]:
    return ask([ZFS, "list", "-H", "-r", "-t", kinds, "-o", "name", "--", top]).splitlines()


def _read_back(top: str, kinds: str, wanted: dict[str, str]) -> None:
    for name, value in wanted.items():
        found = ask([ZFS, "get", "-H", "-p", "-r", "-t", kinds, "-o", "value,source", name, top]).splitlines()
        if set(found) - {f"{value}\tlocal"}:
            raise Failure("failed", f"zfs set it, but {top}, or something below, does not have {name}={value}.")


def _set(values: dict[str, str], names: list[str]) -> None:
    for start in range(0, len(names), _AT_ONCE):
        argv = [ZFS, "set", *(f"{name}={value}" for name, value in values.items()), *names[start : start + _AT_ONCE]]
        output = run(argv, _LIMIT)
        if output.status != 0:
            raise failure(argv, output)
