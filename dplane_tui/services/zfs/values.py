"""What a person has set on datasets: the values of one property, none of which can speak for another dataset."""

from __future__ import annotations

from collections.abc import Sequence

from ..host import Host

_SECONDS = 300.0


async def values_of(host: Host, prop: str, names: Sequence[str]) -> dict[str, str]:
    """The value of `prop` at each of `names`, from listings in which it cannot be taken for another's.

    One that cannot be read is left out. Raises DPlaneError when the host is lost.
    """
    argv = ["zfs", "get", "-Hp", "-o", "name,value", prop]
    answer = await host.run([*argv, *names], timeout=_SECONDS) if names else None
    rows = answer.text.split("\n")[:-1] if answer and answer.status == 0 else []
    told = dict(row.split("\t") for row in rows if row.count("\t") == 1)
    if len(rows) == len(told) == len(names) and set(told) == set(names):
        return told
    found = {}
    for name in names:  # some value has a line end, or a dataset was taken away since: each is asked for alone
        alone = await host.run(["zfs", "get", "-Hp", "-o", "value", prop, name], timeout=_SECONDS)
        if alone.status == 0:
            found[name] = alone.text.removesuffix("\n")
    return found
