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


def adopt(args: Args) -> dict[str, object]:
    """Mark it and what is below, make it read-only, and read that back. Raises Failure."""
    top, peer = str(args["dataset"]), str(args["peer"])
    names = ask([ZFS, "list", "-H", "-r", "-t", _KINDS, "-o", "name", "--", top]).splitlines()
    for start in range(0, len(names), _AT_ONCE):
        argv = [ZFS, "set", "readonly=on", f"dplane:peer={peer}", *names[start : start + _AT_ONCE]]
        output = run(argv, _LIMIT)
        if output.status != 0:
            raise failure(argv, output)
    columns = ["-H", "-p", "-r", "-t", _KINDS, "-o", "value,source"]
    marks = ask([ZFS, "get", *columns, "dplane:peer", top]).splitlines()
    locks = ask([ZFS, "get", *columns, "readonly", top]).splitlines()
    if set(marks) != {f"{peer}\tlocal"} or set(locks) != {"on\tlocal"}:
        raise Failure("failed", f"zfs set it, but {top}, or something below, is not marked and read-only.")
    return {"peer": peer, "datasets": len(marks)}
