"""What is marked here as the copies of a name: whoever is let in under that name has them, whose box it ever was."""

from __future__ import annotations

from ...errors import DPlaneError
from ..host import Host
from ..zfs.values import values_of
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
    # Without the values: one may hold tabs and line ends, and then look like the row of another dataset.
    argv = ["zfs", "get", "-H", "-t", "filesystem,volume", "-s", "local", "-o", "name", OWNER]
    try:
        output = await host.run(argv, timeout=60)
        if output.status != 0:
            return None
        own = output.text.splitlines()
        marks = await values_of(host, OWNER, own)
    except DPlaneError:
        return None
    # One that could not be read is not nobody's.
    return tuple(mine for mine in own if marks.get(mine, name) == name)
