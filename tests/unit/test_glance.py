"""The tasks as another process tells them: bad news is still news, nonsense is a sentence."""

from __future__ import annotations

import json
from typing import Any, cast

import pytest

from dplane_tui.errors import CommandError, DPlaneError, MissingError
from dplane_tui.services.host import Host, Output
from dplane_tui.services.replication.glance import task_states

TASK = {"task": {"name": "home", "source": "tank/home", "peer": "b", "target": "c/d"}, "late": True}


class Told:
    """A host that says one thing."""

    name, local = "nas-b", False

    def __init__(self, status: int, said: object) -> None:
        self._output = Output(status, said if isinstance(said, bytes) else json.dumps(said).encode(), b"")

    async def run(self, argv: Any, **_: Any) -> Output:
        assert list(argv) == ["/usr/local/bin/dplane", "--json", "replicate", "list"]
        return self._output


async def ask(status: int, said: object) -> Any:
    return await task_states(cast(Host, Told(status, said)))


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
