"""What was set on an original is noted with its copy, or told; boxes of an older release note what they can."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from dplane_tui.errors import CommandError, RefusedError
from dplane_tui.services.replication.originals import to_note, told_of
from dplane_tui.services.replication.read import ASKED, ASKED_FIRST, NOTED_FIRST, PRESERVED, note, parse
from dplane_tui.services.replication.targets import AgentTarget, LocalTarget
from privhelper.properties import PROPERTIES, find, note_problem


def test_each_setting_can_be_noted_and_put_back_by_the_door_but_a_share() -> None:
    assert set(NOTED_FIRST) < set(PRESERVED)
    assert all(find(note(name)) for name in PRESERVED)
    assert set(PRESERVED) - PROPERTIES.keys() == {"sharenfs", "sharesmb"}
    assert {name for name in PRESERVED if name in PROPERTIES and PROPERTIES[name].at_birth} == {"volblocksize"}
    fixed = {"casesensitivity", "normalization", "utf8only", "volsize"}  # in the stream
    settable = {name for name, one in PROPERTIES.items() if "pool" not in one.applies}
    assert settable - set(PRESERVED) == fixed


def test_what_a_box_of_an_older_release_answers_is_read_as_far_as_it_goes() -> None:
    told = {"type": "filesystem", "volmode": "none", note("volmode"): "dev"}
    rows = [f"t/a\t{prop}\t{told.get(prop, '-')}\t{'local' if prop in told else '-'}\n" for prop in ASKED_FIRST]
    found = parse("", "".join(rows))["t/a"]
    assert (found.local, found.originals) == ({"volmode": "none"}, {"volmode": "dev"})
    assert [prop for prop in ASKED if prop in ASKED_FIRST] == list(ASKED_FIRST)


def test_what_changed_is_noted_and_what_no_note_can_hold_is_named_and_its_old_note_goes() -> None:
    own = {"mountpoint": "/srv/My Photos", "sharenfs": "rw=\n", "atime": "off", "sharesmb": "unset"}
    kept = {"atime": "off", "quota": "5", "sharenfs": "on"}
    notes, left = to_note(own, kept)
    assert notes == {
        "mountpoint": "/srv/My Photos", "quota": "unset", "sharenfs": "not-noted", "sharesmb": "not-noted",
    }, "that there were shares of its own"  # fmt: skip
    assert left.keys() == {"sharenfs", "sharesmb"}
    kept = {name: value for name, value in notes.items() if value != "unset"}
    again, told = to_note(own, {"atime": "off", **kept})
    assert (again, told.keys()) == ({}, left.keys()), "told again, but nothing is asked again"
    assert to_note({"atime": "ü"}, {}) == ({}, {"atime": note_problem("ü")}), "only of shares"
    assert to_note({"sharenfs": "x" * 256}, {}, "far")[0] == {}, "an older box notes no shares"
    assert to_note({}, {"sharenfs": "not-noted"})[0] == {"sharenfs": "unset"}


def test_what_is_told_is_by_reason_and_bounded() -> None:
    left = {f"t/{at:03}": dict.fromkeys(("sharenfs", "dedup"), "\x1b[2Jno" + "x" * 900) for at in range(40)}
    told = told_of({"t/a": {}, "t/b": {"atime": "no", "dedup": "not known", "exec": "no"}, **left})
    assert "put it back: t/b: atime, exec (no); t/b: dedup (not known); t/000: dedup, sharenfs (\ufffd[2Jno" in told
    assert told.endswith("…; and 32 more.")
    assert len(told) < 4000
    assert told_of({"t/a": {}}) == ""


@pytest.mark.parametrize("newer", [True, False])
async def test_an_older_box_is_asked_only_for_what_it_notes_and_what_a_box_refuses_is_in_its_words(newer: bool) -> None:
    asked: list[dict[str, Any]] = []
    odd = ["mountpoint: ”. All is well\x1b", "nonsense", 5, "dplane:peer: x", "atime: too many by now"]

    class Link:
        peer = SimpleNamespace(name="far")

        async def open(self) -> dict[str, Any]:
            return {"all_notes": True} if newer else {}

        async def ask(self, request: dict[str, Any], **_more: object) -> dict[str, Any]:
            asked.append(request)
            return {"ok": True, "left": odd}

    target = AgentTarget(cast(Any, Link()))
    await target.open()
    notes, left = to_note({"sharenfs": "on", "mountpoint": "/srv/a", "atime": "off"}, {}, target.older)
    assert notes.keys() == {"mountpoint", "atime"} | ({"sharenfs"} if newer else set())
    assert left == ({} if newer else {"sharenfs": "the release of D-Plane at far does not note it"})
    assert await target.note("v/a", notes) == {"mountpoint": 'far says: “". All is well\ufffd”'}, "one for each asked"
    assert asked == [{"op": "note", "dataset": "v/a", "properties": notes}]


@pytest.mark.parametrize(
    ("name", "value"),
    [("dedup", "on"), ("mountpoint", "/srv/a b"), ("mountpoint", "/var/lib/x"), ("quota", "9" * 129)],
)
def test_what_an_older_box_refuses_is_not_asked_of_it_and_its_old_note_goes(name: str, value: str) -> None:
    left = {name: "the release of D-Plane at far does not note it"}
    assert to_note({name: value}, {}, "far") == ({}, left)
    assert to_note({name: value}, {}) == ({name: value}, {})
    gone = {} if name == "dedup" else {name: "unset"}  # it cannot have noted that
    assert to_note({name: value}, {name: "/srv/old"}, "far") == (gone, left), "a restore would put the old one back"
    assert to_note({name: value}, {name: value}, "far") == ({}, {}), "noted when it was newer"


async def test_what_this_box_refuses_to_note_is_returned_and_a_failure_is_none() -> None:
    answers: list[Exception | None] = [None, RefusedError("No.")]

    async def run(_argv: list[str]) -> Any:
        return SimpleNamespace(text="7\n")

    async def call(_verb: str, **_args: str) -> None:
        if answer := answers.pop(0):
            raise answer

    target = LocalTarget(cast(Any, SimpleNamespace(run=run)), cast(Any, SimpleNamespace(call=call)))
    assert await target.note("t/a", {"atime": "off", "exec": "off"}) == {"exec": "No"}
    answers.append(CommandError("It failed."))
    with pytest.raises(CommandError):
        await target.note("t/a", {"atime": "off"})


def test_a_share_that_was_received_is_noted_as_one_that_was_set() -> None:
    told = {"sharenfs": "off", "sharesmb": "on", "atime": "off"}
    rows = [f"t/a\t{prop}\t{told.get(prop, '-')}\t{'received' if prop in told else '-'}\n" for prop in ASKED]
    assert parse("", "".join(rows))["t/a"].local == {"sharenfs": "off", "sharesmb": "on"}


def test_a_limit_that_was_taken_back_is_no_setting() -> None:
    told = {"snapshot_limit": str(2**64 - 1), "filesystem_limit": "5"}
    rows = [f"t/a\t{prop}\t{told.get(prop, '-')}\t{'local' if prop in told else '-'}\n" for prop in ASKED]
    assert parse("", "".join(rows))["t/a"].local == {"filesystem_limit": "5"}


def test_a_note_is_one_line_of_printable_ascii() -> None:
    assert not any(map(note_problem, ("/srv/My Photos", "rw=@10.0.0.0/8:a,sec=krb5", "x" * 255, "[fe80::1]", "a..b")))
    assert all(map(note_problem, ("", " x", "a\tb", "a\nb", "a\x1bb", "ü", "x" * 256, None)))
