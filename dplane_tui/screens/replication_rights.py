"""What one box may do at another that lets it in: asked in one form, whoever of the two asks."""

from __future__ import annotations

from privhelper import grammar

from ..errors import RefusedError
from ..services.replication.rights import Rights
from ..text import clean
from ..widgets.dialogs import Values
from ..widgets.fields import Choice, Field, TextField

_NO_YES = (("", "no"), ("yes", "yes"))


def rights_fields(root: str = "") -> tuple[Field, ...]:
    """The fields of a form; `root` is where it may receive, as far as that was said."""
    return (
        TextField("Receive into", root, id="root", hint="a dataset and below; e.g. backup"),
        TextField("Read", id="may_read", hint="nothing; a dataset and below, to pull it from there"),
        Choice("Take snapshots", _NO_YES, id="may_snapshot"),
        Choice("Prune its own", _NO_YES, id="may_prune"),
        Choice("Roll back", _NO_YES, id="may_rollback"),
    )


ABOUT = (
    "What the key may do at the box that lets it in; it gives no shell. With Read alone nothing is received. Snapshots "
    "are of what it may read. Prune: old snapshots of its own tasks, and of its copies what dplane:may-prune lets go. "
    "Roll back: only copies that it made."
)


def rights_of(peer: str, values: Values) -> Rights:
    """The rights that a form says. Raises RefusedError."""
    places = {name: values[name].strip() or None for name in ("root", "may_read")}
    for label, place in (("Receive into", places["root"]), ("Read", places["may_read"])):
        if place is not None and (problem := grammar.PLAIN_DATASET.check(place)):
            raise RefusedError(f"{label}: the dataset “{clean(place, 60)}” {problem}.")
    flags = {name: bool(values[name]) for name in ("may_snapshot", "may_prune", "may_rollback")}
    if flags["may_snapshot"] and places["may_read"] is None:
        raise RefusedError("Snapshots are taken of what may be read.", "Say what that is: Read.")
    return Rights(peer, places["root"], places["may_read"], **flags)
