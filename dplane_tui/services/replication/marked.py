"""What is marked here as the copies of a name: whoever is let in under that name has them, whose box it ever was."""

from __future__ import annotations

from ...errors import DPlaneError
from ..host import Host
from .read import OWNER
from .rights import Rights

_NAMED = 3


async def inherited(host: Host, given: Rights) -> list[str]:
    """What a key that is let in with those rights gets by its name alone: sentences, none when there is nothing."""
    if not given.receives:
        return []
    marked = await _marked(host, given.peer)
    if marked is None:
        return [f"Whether there are copies of {given.peer} here, which this key could read back, is not known."]
    found = [name for name in marked if given.may_write(name)]
    if not found:
        return []
    more = ", …" if len(found) > _NAMED else ""
    return [
        f"{len(found)} dataset(s) here are marked as copies of {given.peer} ({', '.join(found[:_NAMED])}{more}): this "
        "key may read them back and go on with them. If it is not the box that made them, do not let it in."
    ]


async def _marked(host: Host, name: str) -> tuple[str, ...] | None:
    """The datasets of `host` with that peer's own mark; None when nobody knows."""
    argv = ["zfs", "get", "-H", "-p", "-t", "filesystem,volume", "-s", "local", "-o", "value,name", OWNER]
    try:
        output = await host.run(argv, timeout=60)
    except DPlaneError:
        return None
    if output.status != 0:
        return None
    rows = [line.split("\t") for line in output.text.splitlines()]
    return tuple(row[1] for row in rows if len(row) == 2 and row[0] == name)
