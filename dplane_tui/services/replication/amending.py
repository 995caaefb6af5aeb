"""What the agent does about a copy of the peer's that went its own way. Part of the agent (`agent.py`)."""

from __future__ import annotations

from typing import Any

from privhelper import grammar


def details_argv(name: str) -> list[str]:
    """The listing of what each snapshot of a copy holds."""
    from .divergence import details_argv

    return details_argv(name)


def aside_request(name: str, to: str, fields: dict[str, Any]) -> dict[str, Any]:
    """The helper's request to rename a copy, so that a new one can be made in its place. Nothing is lost by it."""
    return {
        "verb": "dataset-set-aside",
        "dataset": name,
        "to": to,
        **{key: fields.get(key) for key in ("guid", "kind")},
    }


def rollback_request(name: str, peer: str, fields: dict[str, Any]) -> dict[str, Any]:
    """The helper's request to take a copy back; root asks once more for the right. Raises ValueError with a clause."""
    snapshot = fields.get("snapshot")
    if not isinstance(snapshot, str) or grammar.component_problem(snapshot):
        raise ValueError("names no snapshot")
    wanted = {key: fields.get(key) for key in ("guid", "plan")}
    return {"verb": "replica-rollback", "snapshot": f"{name}@{snapshot}", "peer": peer, **wanted}
