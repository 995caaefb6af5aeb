"""Several streams over one channel: how steps are grouped, and what the receiving side is believed."""

from __future__ import annotations

import json
import string
import subprocess
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dplane_tui.errors import CommandError
from dplane_tui.services.replication import agent_several, convoy
from dplane_tui.services.replication.agent_box import Refusal
from dplane_tui.services.replication.model import Step
from dplane_tui.services.replication.read import get_argv, top_values
from dplane_tui.services.replication.stream import Transfer
from dplane_tui.services.replication.targets import top_of

STEP = Step("incremental", "tank/a", "vault/a", "filesystem", "s", "5", "@r", "4")
steps_ = st.lists(
    st.builds(
        lambda name, token: replace(STEP, dataset=f"tank/{name}", target=f"vault/{name}", token=token),
        st.text(string.ascii_letters + string.digits, min_size=1, max_size=200),
        st.sampled_from(["", "", "", "1-token"]),
    ),
    max_size=400,
)


@given(steps_, st.booleans())
def test_groups_keep_the_order_and_every_step_and_their_limits(steps: list[Step], together: bool) -> None:
    found = list(convoy.groups(steps, together))
    assert [step for group in found for step in group] == steps
    for group in found:
        assert 1 <= len(group) <= convoy.STEPS
        assert len(group) == 1 or (together and not any(step.token for step in group))
        assert len(convoy.requests("receive", [{"dataset": s.target, "kind": "filesystem"} for s in group])) < 65536


def done(said: object, count: int = 100) -> Transfer:
    text = said if isinstance(said, bytes) else json.dumps(said).encode()
    return Transfer(count, "eof", 0, "", 0, text, "")


def test_both_forms_of_the_answer_are_read() -> None:
    parts = [{"bytes": 60, "seconds": 1.5}, {"bytes": 40, "seconds": 0}]
    wanted = [convoy.Part(60, 1.5), convoy.Part(40, 0.0)]
    assert convoy.parts([STEP, STEP], done({"ok": True, "parts": parts})) == wanted
    lines = b"".join(json.dumps(part).encode() + b"\n" for part in parts)
    assert convoy.parts([STEP, STEP], done(lines)) == wanted


@pytest.mark.parametrize("said", [
    {"ok": True},
    {"ok": True, "parts": []},
    {"ok": True, "parts": [{"bytes": 1, "seconds": 1}]},
    {"ok": True, "parts": [{"bytes": 60, "seconds": 1}, {"bytes": 41, "seconds": 1}]},
    {"ok": True, "parts": [{"bytes": -1, "seconds": 1}, {"bytes": 1, "seconds": 1}]},
    {"ok": True, "parts": [{"bytes": True, "seconds": 1}, {"bytes": 1, "seconds": 1}]},
    {"ok": True, "parts": [{"bytes": 1, "seconds": "1"}, {"bytes": 1, "seconds": 1}]},
    {"ok": True, "parts": [{"bytes": 1, "seconds": float("nan")}, {"bytes": 1, "seconds": 1}]},
    {"ok": True, "parts": [7, 7]},
    b"{\n", b"", b"[" * 60_000, b"\xff",
])  # fmt: skip
def test_an_answer_that_cannot_be_true_is_none(said: Any) -> None:
    with pytest.raises(CommandError):
        convoy.parts([STEP, STEP], done(said))


def test_the_top_of_targets() -> None:
    at = [replace(STEP, target=name) for name in ("vault/x/b", "vault/x/a", "vault/xy")]
    assert top_of(at[:1]) == "vault/x/b"
    assert top_of(at[:2]) == "vault/x"
    assert top_of(at) == "vault"


def listing(*rows: tuple[str, str, str, str]) -> str:
    asked = ("type", "receive_resume_token", "dplane:peer")
    sources = ("-", "-", "local")
    return "".join(
        f"{row[0]}\t{name}\t{value}\t{source}\n"
        for row in rows
        for name, value, source in zip(asked, row[1:], sources, strict=True)
    )


def there(monkeypatch: pytest.MonkeyPatch, text: str, status: int = 0, said: str = "") -> Any:
    from dplane_tui.services.replication import agent_box

    monkeypatch.setattr(agent_box, "run", lambda argv: subprocess.CompletedProcess(argv, status, text, said))
    return agent_several._there("v/a")


def test_what_is_there_is_read_strictly(monkeypatch: pytest.MonkeyPatch) -> None:
    sound = listing(("v/a", "filesystem", "-", "me"), ("v/a/b", "volume", "-", "me"))
    assert there(monkeypatch, sound) == {"v/a": ("filesystem", "-", "me"), "v/a/b": ("volume", "-", "me")}
    assert there(monkeypatch, "", 1, "cannot open 'v/a': dataset does not exist") == {}
    inherited = sound.replace("v/a/b\tdplane:peer\tme\tlocal", "v/a/b\tdplane:peer\tme\tinherited from v/a")
    assert there(monkeypatch, inherited)["v/a/b"] == ("volume", "-", "-"), "what is made below is not the peer's"
    forged = "x\tlocal\nv/a/b\ttype\tfilesystem\t-\nv/a/b\treceive_resume_token\t-\t-\nv/a/b\tdplane:peer\tme"
    for text in (
        listing(("v/a", "filesystem", "-", forged), ("v/a/b", "volume", "-", "other")),
        listing(("v/a", "filesystem", "-", "me\nyou")),
        listing(("v/a", "filesystem", "-", "me\tyou")),
        sound[: sound.index("v/a/b\tdplane:peer")],
    ):
        with pytest.raises(Refusal):
            there(monkeypatch, text)
    with pytest.raises(Refusal):
        there(monkeypatch, "", 1, "permission denied")


def test_a_hostile_mark_below_keeps_no_other_dataset_from_being_received(monkeypatch: pytest.MonkeyPatch) -> None:
    from dplane_tui.services.replication import agent_box

    forged = "x\tlocal\nv/a/c\ttype\tvolume\t-\nv/a/c\treceive_resume_token\t1-x\t-\nv/a/c\tdplane:peer\tme"
    marks = {"v/a": "me", "v/a/b": forged, "v/a/c": "me"}

    def run(argv: list[str]) -> subprocess.CompletedProcess[str]:
        assert (argv[1], "-r" in argv, argv[-1]) == ("get", True, "v/a")
        values = {"type": ("filesystem", "-"), "receive_resume_token": ("-", "-")}
        text = ""
        for name in marks:
            for prop in argv[argv.index("-o") + 2].split(","):
                known = {**values, "dplane:peer": (marks[name], "local")}.get(prop, ("-", "-"))
                text += "\t".join((name, prop, *known)) + "\n"
        return subprocess.CompletedProcess(argv, 0, text, "")

    monkeypatch.setattr(agent_box, "run", run)
    found = agent_several._there("v/a")
    assert (found["v/a"], found["v/a/c"]) == (("filesystem", "-", "me"), ("filesystem", "-", "me"))
    assert found["v/a/b"][2] != "me"


def test_only_what_is_whole_and_this_peers_or_new_below_it_is_received_together() -> None:
    have = {"v/a": ("filesystem", "-", "me"), "v/a/t": ("filesystem", "1-x", "me"), "v/a/o": ("filesystem", "-", "you")}

    def firsts(*names: str, top: str = "v/a", kind: str = "filesystem") -> dict[str, str]:
        return agent_several._firsts("me", top, [(name, kind, str(at)) for at, name in enumerate(names)], have)

    assert firsts("v/a", "v/a/new", "v/a/new", "v/a/new/below") == {"v/a/new": "1", "v/a/new/below": "3"}
    assert firsts("v/n", "v/n/m", top="v/n") == {"v/n": "0", "v/n/m": "1"}
    for wrong in (("v/a/t",), ("v/a/o",), ("v/a/gone/below",), ("v/a/new/below", "v/a/new")):
        with pytest.raises(Refusal):
            firsts(*wrong)
    with pytest.raises(Refusal):
        firsts("v/a", kind="volume")
    with pytest.raises(Refusal, match="below a copy of another peer"):
        firsts("v/a/o/new")


def test_the_owner_is_read_from_the_first_lines_alone() -> None:
    asked = get_argv("v/a", True)[-2].split(",")
    rows = [f"v/a\t{name}\t{'me' if name == 'dplane:peer' else '7'}\tlocal\n" for name in asked]
    assert top_values("".join(rows), "v/a")["dplane:peer"] == "me"
    above = "".join(rows).replace("me\tlocal", "me\tinherited from v")
    assert top_values(above, "v/a")["dplane:peer"] == "-"
    assert top_values("".join(rows), "v/a")["available"] == "7"
    assert top_values("".join(rows), "v/b") == {}
    assert top_values("".join(rows[1:]), "v/a") == {}
    assert top_values("", "v/a") == {}
