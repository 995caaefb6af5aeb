"""What the agent destroys for a peer that was granted it: snapshots its tasks took, in datasets it owns, none needed.

Part of the agent (`agent.py`): blocking and light. The near side has planned, and is not believed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from subprocess import CompletedProcess
from typing import Any

from privhelper import let_go
from privhelper.kinds import PRUNED

from ..retention import looking
from .read import list_argv

Run = Callable[[Sequence[str]], CompletedProcess[str]]


class Trouble(Exception):
    """Why nothing was destroyed: a code of `errors.py` and a sentence."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def prune(
    dataset: str,
    fields: dict[str, Any],
    run: Run,
    ask: Callable[[dict[str, Any]], dict[str, Any]],
    *,
    peer: str,
    lent: bool = False,
) -> dict[str, Any]:
    """Destroy the `snapshots` (names with GUIDs) of `dataset`, all or none; with `dry_run`, say what has to stay.

    Of a dataset that is only `lent` to `peer` those that it had taken; of its own copies, none that another had taken.
    `run` runs a command that reads, `ask` asks the privileged helper. Raises Trouble.
    """
    chosen = fields.get("snapshots")
    if problem := PRUNED.check(chosen):
        raise Trouble("refused", f"The list of snapshots {problem}.")
    assert isinstance(chosen, dict)
    listed = run(list_argv(dataset, False))
    if listed.returncode != 0:
        raise Trouble("failed", f"The far box could not list {dataset}.")
    details = run(looking.details_argv(dataset, chosen))  # one that is gone is told on stderr, the others are listed
    # Who only reads here destroys nothing but what was taken for it, whatever else may go.
    begins = let_go.of_dataset(dataset, lambda words: _said(run, words)) if looking.needs_leave(chosen) else ()
    kept = looking.in_the_way(dataset, chosen, listed.stdout, details.stdout, begins=() if lent else begins)
    takers = looking.taken_for(dataset, run(looking.marks_argv(dataset, chosen)).stdout)
    mine = (peer,) if lent else (peer, "")
    others = [name for name in chosen if takers.get(name) not in mine]  # of whom ZFS tells nothing stays as well
    kept = {**dict.fromkeys(others, "it was not taken for this peer"), **kept}
    going = {name: guid for name, guid in chosen.items() if name not in kept}
    if fields.get("dry_run") is True:
        return {"ok": True, "kept": kept, "frees": _frees(dataset, going, run, sizes=fields.get("sizes") is not False)}
    for name, why in kept.items():
        raise Trouble("changed", f"{dataset}@{name} stays on the far box: {why}.")
    answer = ask({"verb": "snapshot-prune", "dataset": dataset, "snapshots": going})
    return {"ok": True, "destroyed": answer.get("destroyed")}


def others(dataset: str, fields: dict[str, Any], run: Run) -> dict[str, Any]:
    """How the names begin of what D-Plane did not take and may go, at a dataset and, with `recursive`, below: a line
    for each of them with the dataset's name. Raises Trouble."""
    told = run(looking.lets_argv(dataset, fields.get("recursive") is True))
    if told.returncode != 0:
        raise Trouble("failed", f"The far box could not tell what may go of {dataset}.")
    where = looking.lets_where(told.stdout)
    try:
        origins = looking.origins_of(where)
    except ValueError as error:
        raise Trouble("refused", f"On the far box {error}.") from None
    begins = {origin: let_go.told(origin, _said(run, let_go.value_words(origin)))[1] for origin in origins}
    lines = (f"{name}\t{begin}\n" for name, origin in where.items() for begin in begins[origin])
    return {"ok": True, "let_go": "".join(lines)}


def _said(run: Run, words: Sequence[str]) -> str:
    """What `zfs` printed; nothing when it failed, and then nothing may go."""
    done = run(["zfs", *words])
    return done.stdout if done.returncode == 0 else ""


def _frees(dataset: str, going: dict[str, str], run: Run, *, sizes: bool) -> int | None:
    """Bytes that would be free without them; None is unknown, or was not asked for."""
    if not going or not sizes:
        return None if going else 0
    said = run(looking.estimate_argv(dataset, sorted(going)))
    return looking.freed(said.stdout) if said.returncode == 0 else None
