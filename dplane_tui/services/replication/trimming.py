"""What the agent destroys for a peer that was granted it: snapshots its tasks took, in datasets it owns, none needed.

Part of the agent (`agent.py`): blocking and light. The near side has planned, and is not believed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from subprocess import CompletedProcess
from typing import Any

from privhelper.kinds import OWN_SNAPSHOTS

from ..retention import looking
from .read import list_argv


class Trouble(Exception):
    """Why nothing was destroyed: a code of `errors.py` and a sentence."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def prune(
    dataset: str,
    fields: dict[str, Any],
    run: Callable[[Sequence[str]], CompletedProcess[str]],
    ask: Callable[[dict[str, Any]], dict[str, Any]],
) -> dict[str, Any]:
    """Destroy the `snapshots` (names with GUIDs) of `dataset`, all or none; with `dry_run`, say what has to stay.

    `run` runs a command that reads, `ask` asks the privileged helper. Raises Trouble.
    """
    chosen = fields.get("snapshots")
    if problem := OWN_SNAPSHOTS.check(chosen):
        raise Trouble("refused", f"The list of snapshots {problem}.")
    assert isinstance(chosen, dict)
    listed = run(list_argv(dataset, False))
    if listed.returncode != 0:
        raise Trouble("failed", f"The far box could not list {dataset}.")
    details = run(looking.details_argv(dataset, chosen))  # one that is gone is told on stderr, the others are listed
    kept = looking.in_the_way(dataset, chosen, listed.stdout, details.stdout)
    going = {name: guid for name, guid in chosen.items() if name not in kept}
    if fields.get("dry_run") is True:
        said = run(looking.estimate_argv(dataset, sorted(going))) if going else None
        frees = 0 if said is None else looking.freed(said.stdout) if said.returncode == 0 else None
        return {"ok": True, "kept": kept, "frees": frees}
    for name, why in kept.items():
        raise Trouble("changed", f"{dataset}@{name} stays on the far box: {why}.")
    answer = ask({"verb": "snapshot-prune", "dataset": dataset, "snapshots": going})
    return {"ok": True, "destroyed": answer.get("destroyed")}
