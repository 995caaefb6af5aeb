"""The tasks as another process tells them: bad news is still news, nonsense is a sentence."""

from __future__ import annotations

import json
from typing import Any, cast

import pytest

from dplane_tui.errors import CommandError, DPlaneError, MissingError
from dplane_tui.services.host import Host, Output
from dplane_tui.services.policies.glance import policy_states
from dplane_tui.services.policies.model import Policies
from dplane_tui.services.replication.glance import task_states

TASK = {"task": {"name": "home", "source": "tank/home", "peer": "b", "target": "c/d"}, "late": True}


class Told:
    """A host that says one thing."""

    name, local = "nas-b", False

    def __init__(self, status: int, said: object, *words: str) -> None:
        self._words = words
        self._output = Output(status, said if isinstance(said, bytes) else json.dumps(said).encode(), b"")

    async def run(self, argv: Any, **_: Any) -> Output:
        assert list(argv) == ["/usr/local/bin/dplane", "--json", *self._words]
        return self._output


async def ask(status: int, said: object) -> Any:
    return await task_states(cast(Host, Told(status, said, "replicate", "list")))


async def test_late_is_bad_news_and_no_failure() -> None:
    (one,) = await ask(3, {"ok": False, "data": [TASK], "error": {"code": "late", "message": "Late."}})
    assert (one.task.name, one.late) == ("home", True)


@pytest.mark.parametrize(
    ("status", "said", "error", "words"),
    [
        (127, b"sh: no", MissingError, "not installed"),
        (1, b"Traceback", CommandError, "no answer"),
        (0, b"[" * 100_000, CommandError, "no answer"),
        (0, {"ok": True, "data": {"a": 1}}, DPlaneError, "without saying why"),
        (0, {"ok": True, "data": [{"task": 1}]}, CommandError, "does not understand"),
        (5, {"ok": False, "error": {"code": "not-allowed", "message": "You may \x1b[2Jnot."}}, DPlaneError, "You may"),
    ],
)
async def test_everything_else_is_a_sentence(status: int, said: object, error: type[DPlaneError], words: str) -> None:
    with pytest.raises(error, match=words) as raised:
        await ask(status, said)
    assert "\x1b" not in str(raised.value)


async def ask_policies(status: int, said: object) -> Policies:
    return await policy_states(cast(Host, Told(status, said, "policy", "list")))


async def test_policies_that_are_late_are_bad_news_and_no_failure() -> None:
    one = {"dataset": "tank/a", "guid": "1", "state": "on", "policy": "daily=7", "late": True}
    error = {"code": "bad-news", "message": "Snapshots are late."}
    found = await ask_policies(3, {"ok": False, "data": {"datasets": [one], "next_run": 5.0}, "error": error})
    assert [(item.dataset, item.late) for item in found.datasets] == [("tank/a", True)]
    assert found.next_run == 5.0


@pytest.mark.parametrize(
    ("status", "said", "words"),
    [
        (127, b"sh: no", "not installed"),
        (0, {"ok": True, "data": []}, "without saying why"),
        (0, {"ok": True, "data": {"datasets": [{"dataset": 1}]}}, "does not understand"),
        (6, {"ok": False, "error": {"code": "missing", "message": "ZFS is \x1b[2Jnot here."}}, "not here"),
    ],
)
async def test_policies_that_cannot_be_read_are_a_sentence(status: int, said: object, words: str) -> None:
    with pytest.raises(DPlaneError, match=words) as raised:
        await ask_policies(status, said)
    assert "\x1b" not in str(raised.value)
