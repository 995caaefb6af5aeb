"""The other direction of “protect”: a dataset of a paired box comes to a pool of this one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from privhelper import grammar

from ..errors import RefusedError
from ..services.replication.model import Peer, Task
from ..services.replication.places import check_rights
from ..services.zfs.model import Dataset
from ..text import clean, size
from ..widgets.dialogs import Choose, Form, Values, ask
from ..widgets.fields import TextField
from ..widgets.layout import Cell, Column, Row, row

if TYPE_CHECKING:
    from ..app import Console

MARK = "@"
"""Before a peer's name in the key of a row; no dataset has it in its name."""
EXAMPLE = "tank/home"
_POOLS = (Column("POOL", least=8, most=30), Column("FREE", right=True, least=6))


def pull_rows(peers: Sequence[Peer]) -> list[Row]:
    """A row for each box that lets something be read."""
    return [
        row(
            f"{MARK}{peer.name}",
            Cell(f"pull from {peer.name}…", "accent"),
            "",
            Cell(f"{peer.may_read or 'what that account may read'}", "dim"),
        )
        for peer in peers
        if peer.may_read or not peer.product
    ]


def allowed_words(peer: Peer) -> str:
    """What our key may do at the box that is pulled from, in a sentence."""
    if not peer.product:
        return (
            f"{peer.name} has no D-Plane: there our key may do what the account {peer.user} may, and a run takes its "
            "snapshots there."
        )
    snapshots = ", and take snapshots of that" if peer.may_snapshot else "; the snapshots that are there are sent"
    return f"It lets this box read {peer.may_read} and below{snapshots}."


async def ask_pull(console: Console, peer: Peer, datasets: Sequence[Dataset], asked: str) -> tuple[str, str] | None:
    """The dataset there (`asked` stands in the form) and the pool here; None when the person went back.

    Raises RefusedError where there is no pool.
    """

    def check(values: Values) -> None:
        source = values["source"].strip()
        if not source:
            raise RefusedError("Write which dataset there is to be copied.", f"For example {EXAMPLE}.")
        if problem := grammar.dataset_problem(source):
            raise RefusedError(f"The dataset “{clean(source, 60)}” {problem}.")
        check_rights(Task("new", source, None, "here/new", source_peer=peer.name), peer, None)

    fields = (TextField("Dataset there", asked, id="source", hint=f"e.g. {EXAMPLE}"),)
    dialog = Form(f"Pull from {peer.name}: what?", fields, "Next", text=allowed_words(peer), check=check)
    pools = [one for one in datasets if "/" not in one.name]
    if not pools:
        raise RefusedError("This box has no pool that a copy could come to.", "Create one in Pools (1).")
    values = await ask(console, dialog)
    if values is None:
        return None
    if len(pools) == 1:
        return values["source"].strip(), pools[0].name
    rows = [row(one.name, Cell(one.name, "strong"), size(one.available)) for one in pools]
    pool = await ask(console, Choose(f"Pull {values['source'].strip()}: to which pool?", _POOLS, rows, pick="There"))
    return (values["source"].strip(), pool) if pool is not None else None
