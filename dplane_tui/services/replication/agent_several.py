"""Several streams over one channel, at the far end: the agent's `receive` for a whole tree.

Part of the agent (`agent.py`): blocking and light. What a single receive asks for each dataset is asked once for all
here; what is not as it should be is refused whole, and the peer then sends dataset by dataset.
"""

from __future__ import annotations

import contextlib
import json
import os
from typing import TYPE_CHECKING, Any

from privhelper import grammar, strictjson

from . import agent_box as box
from . import begun
from .read import OWNER, is_missing

if TYPE_CHECKING:
    from .agent import Agent

STREAMS = 256
BODY = 1 << 20
_ASKED = ("type", "receive_resume_token", OWNER)
Wanted = tuple[str, str, str]  # dataset, kind, GUID of the first stream's snapshot


def receive(agent: Agent, fields: dict[str, Any]) -> dict[str, Any]:
    """Receive the streams behind the request's body, each into its dataset, in order. Raises Refusal."""
    top = agent._dataset(fields)
    wanted = _wanted(agent, top, _body(fields))
    names = list(dict.fromkeys(name for name, _, _ in wanted))
    with contextlib.ExitStack() as locks:
        for name in names:
            locks.enter_context(agent._alone(name))
        there = _there(top)
        firsts = _firsts(agent._peer, top, wanted, there)
        if firsts:
            box.refuse_anothers(f"{top}/-", agent._peer)  # the top as well: it may be there and be nobody's own
        if top in firsts:
            agent._make_parents(top)
        for name, guid in firsts.items():
            agent._note(name, guid)
        requests = [
            {
                "verb": "receive",
                "dataset": name,
                "kind": kind,
                "first": number == _index(wanted, name) and name in firsts,
            }
            for number, (name, kind, _) in enumerate(wanted)
        ]
        body = b"".join(json.dumps({**one, "peer": agent._peer}).encode() + b"\n" for one in requests)
        line = json.dumps({"verb": "several", "of": "receive", "bytes": len(body)}).encode() + b"\n"
        told: list[bytes] = []
        try:
            answer = box.pour([*agent._helper], line + body, told)
        except box.Refusal:
            _settle(agent, firsts, {str(part.get("dataset")) for part in _parts(told)})
            raise
        _settle(agent, firsts, set(firsts))
    return {**answer, "parts": _parts(told)}


def _index(wanted: list[Wanted], name: str) -> int:
    return next(number for number, one in enumerate(wanted) if one[0] == name)


def _body(fields: dict[str, Any]) -> object:
    """What stands before the streams: an object of so many bytes as the request says."""
    size = fields.get("bytes")
    if not isinstance(size, int) or isinstance(size, bool) or not 0 < size <= BODY:
        raise box.Refusal("refused", "The size of the request's body is not sound.")
    body = b""
    while len(body) < size and (piece := os.read(0, size - len(body))):
        body += piece
    try:
        return strictjson.loads(body)
    except strictjson.JsonError as error:
        raise box.Refusal("refused", f"The request's body {error}.") from None


def _wanted(agent: Agent, top: str, body: object) -> list[Wanted]:
    """The datasets of the streams, at or below `top` and inside of what the key is confined to. Raises Refusal."""
    streams = body.get("streams") if isinstance(body, dict) else None
    if not isinstance(streams, list) or not 0 < len(streams) <= STREAMS:
        raise box.Refusal("refused", f"The request must name 1 to {STREAMS} streams.")
    found: list[Wanted] = []
    for one in streams:
        name = agent._dataset(one if isinstance(one, dict) else {})
        kind, guid = one.get("kind"), one.get("guid")
        if not f"{name}/".startswith(f"{top}/"):
            raise box.Refusal("refused", f"{name} is not below {top}.")
        if grammar.dataset_kind_problem(kind) or grammar.guid_problem(guid):
            raise box.Refusal("refused", "One of the streams has no sound kind or GUID.")
        found.append((name, str(kind), str(guid)))
    return found


def _there(top: str) -> dict[str, tuple[str, str, str]]:
    """Kind, resume token and owner of what exists at and below `top`. Raises Refusal.

    A value with line ends in it could speak for another dataset; but then lines are out of order, or a dataset is there
    twice, or one is claimed that is not there, which ZFS refuses.
    """
    argv = [
        "zfs",
        "get",
        "-Hp",
        "-r",
        "-t",
        "filesystem,volume",
        "-o",
        "name,property,value,source",
        ",".join(_ASKED),
        top,
    ]
    got = box.run(argv)
    if got.returncode != 0 and is_missing(got.stderr):
        return {}
    if got.returncode != 0:
        raise box.Refusal("failed", f"The far box could not look at {top}: {box.last(got.stderr)}")
    there = _rows(got.stdout)
    if there is None:  # a value of one dataset must not keep the others from being received
        there = _rows(box.reread(top, True, _ASKED))
    if there is None:
        raise box.Refusal("failed", f"What is below {top} cannot be read as one.")
    return there


def _rows(text: str) -> dict[str, tuple[str, str, str]] | None:
    lines = text.split("\n")[:-1]
    found: dict[str, tuple[str, str, str]] = {}
    for start in range(0, len(lines), len(_ASKED)):
        rows = [line.split("\t") for line in lines[start : start + len(_ASKED)]]
        name = rows[0][0]
        if (
            [row[:2] for row in rows] != [[name, prop] for prop in _ASKED]
            or name in found
            or any(len(row) != 4 for row in rows)
        ):
            return None
        # An inherited mark is that of the dataset above, and says nothing of this one.
        found[name] = (rows[0][2], rows[1][2], rows[2][2] if rows[2][3] == "local" else "-")
    return found


def _firsts(peer: str, top: str, wanted: list[Wanted], there: dict[str, tuple[str, str, str]]) -> dict[str, str]:
    """The datasets that do not exist yet, with the GUID of what makes them. Raises Refusal for what is not ours."""
    firsts: dict[str, str] = {}
    for name, kind, guid in wanted:
        if name in there:
            known, token, owner = there[name]
            if owner != peer or token != "-" or known != kind:  # noqa: S105
                raise box.Refusal("refused", f"{name} is not a whole {kind} of this peer, so it is received by itself.")
            continue
        parent = name.rpartition("/")[0]
        if name not in firsts and name != top and parent not in firsts and parent not in there:
            raise box.Refusal("refused", f"{parent} does not exist on the far box.")
        if any(f"{name}/".startswith(f"{above}/") and one[2] not in ("-", peer) for above, one in there.items()):
            raise box.Refusal("refused", f"{name} would lie below a copy of another peer.")
        firsts.setdefault(name, guid)
    return firsts


def _settle(agent: Agent, firsts: dict[str, str], arrived: set[str]) -> None:
    """Forget the notes of what arrived and of what never began; the one between says itself how it stands."""
    begun_one = next((name for name in firsts if name not in arrived), None)
    for name in firsts:
        if name == begun_one:
            agent._settle(name, "absent")
        else:
            begun.remove(agent._state, name, agent._peer)


def _parts(told: list[bytes]) -> list[dict[str, Any]]:
    with contextlib.suppress(ValueError):
        return [part for line in b"".join(told).splitlines() if isinstance(part := json.loads(line), dict)]
    return []
