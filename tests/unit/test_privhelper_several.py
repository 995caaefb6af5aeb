"""Many requests for one start of the helper: each is judged, noted and done as if it came alone."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any

import pytest

from .privhelper_door import GUID, Door
from .zfs_streams import MORE, NEW, VOLUME, line, package, stream

LISTED = "tank\tfilesystem\t/tank\ntank/a\tfilesystem\t/tank/a\ntank/b\tfilesystem\t/tank/b\n"
OTHER = {**MORE, "dataset": "tank/b"}
SEND = {"verb": "send", "snapshot": "tank/a@x", "guid": GUID}


def several(of: str, *requests: dict[str, Any], size: int | None = None) -> bytes:
    body = b"".join(map(line, requests))
    return line({"verb": "several", "of": of, "bytes": len(body) if size is None else size}) + body


def programs(door: Door, word: str) -> list[list[str]]:
    return [call["argv"][1:] for call in door.started() if call["argv"][1] == word]


@pytest.fixture
def taking(door: Door) -> Door:
    door.answers(("list", 0, LISTED, ""), ("receive", 0, "TAKE", ""))
    return door


def test_streams_go_each_to_its_own_dataset_and_are_counted_to_the_byte(taking: Door) -> None:
    second, first = stream(origin=7, size=300_000), package(stream(origin=1, size=10), stream(origin=2, size=2_000_000))
    done = taking.run(several("receive", MORE, OTHER) + first + second)
    assert (done.returncode, done.stderr) == (0, b"")
    told = [json.loads(entry) for entry in done.stdout.splitlines()]
    assert [(one["dataset"], one["bytes"], one["snapshots"]) for one in told] == [
        ("tank/a", len(first), 2),
        ("tank/b", len(second), 1),
    ]
    assert taking.received()[2]["sha256"] == sha256(second).hexdigest()
    assert [words[-1] for words in programs(taking, "receive")] == ["tank/a", "tank/a", "tank/b"]
    assert len(programs(taking, "list")) == 1, "what is there is asked for once, whatever the number"
    log = [(entry["phase"], entry.get("args", {}).get("dataset")) for entry in taking.audit()]
    assert log == [("intent", "tank/a"), ("done", "tank/a"), ("intent", "tank/b"), ("done", "tank/b")]


def test_each_stream_is_judged_by_its_own_request_and_the_first_wrong_one_ends_it(taking: Door) -> None:
    wrong = stream(VOLUME, 7)
    done = taking.run(several("receive", MORE, OTHER, MORE) + stream(origin=7) + wrong + stream(origin=7))
    assert done.returncode == 2
    assert b"not that of a filesystem" in done.stderr
    assert [words[-1] for words in programs(taking, "receive")] == ["tank/a"]
    assert [entry["phase"] for entry in taking.audit()] == ["intent", "done", "refused"]


@pytest.mark.parametrize(
    ("requests", "sent", "why"),
    [
        ([{**MORE, "kind": "volume"}], stream(VOLUME, 7), b"is a filesystem, not a volume"),
        ([{**MORE, "dataset": "tank/gone"}], stream(origin=7), b"does not exist"),
        ([MORE], stream(), b"would make a new dataset"),
        ([{**NEW, "dataset": "else/where/a"}], stream(), b"Nothing above else/where/a exists"),
        ([MORE], package(stream(origin=7), payload=100), b"properties or children"),
    ],
)
def test_what_a_single_receive_refuses_is_refused(taking: Door, requests: Any, sent: bytes, why: bytes) -> None:
    done = taking.run(several("receive", *requests) + sent)
    assert done.returncode in {2, 4}
    assert why in done.stderr
    assert programs(taking, "receive") == []


def test_a_new_dataset_below_a_place_where_nothing_is_mounted_is_refused(door: Door) -> None:
    door.answers(("list", 0, "tank\tfilesystem\t/etc\n", ""), ("receive", 0, "TAKE", ""))
    done = door.run(several("receive", NEW) + stream())
    assert done.returncode == 2
    assert b"would belong at /etc/a" in done.stderr
    assert programs(door, "receive") == []


def test_a_new_dataset_is_made_harmless_and_goes_on_in_the_same_run(taking: Door) -> None:
    taking.answers(("list", 1, "tank\tfilesystem\t/tank\n", "no tank/a"), ("receive", 0, "TAKE", ""))
    done = taking.run(several("receive", NEW, MORE) + stream() + stream(origin=7))
    assert (done.returncode, done.stderr) == (0, b"")
    first, second = programs(taking, "receive")
    assert "readonly=on" in first
    assert "readonly=on" not in second
    assert "-F" not in first + second


def test_nothing_is_done_when_one_of_the_requests_is_wrong(taking: Door) -> None:
    whole = several("receive", MORE, OTHER)
    for raw in (
        several("receive", MORE, {**OTHER, "dataset": "-F"}),
        several("receive", MORE, SEND),
        several("send", MORE),
        several("receive"),
        several("receive", MORE, size=10),
        several("receive", *[MORE] * 257),
        whole[:-5],
        line({"verb": "several", "of": "pool-destroy", "bytes": 10}) + b"0123456789",
        several("receive", {"verb": "several", "of": "receive", "bytes": 10}),
        line({"verb": "several", "of": "receive", "bytes": 2_000_000}),
    ):
        done = taking.run(raw)
        assert done.returncode == 2, raw
        assert done.stderr.count(b"\n") == 1
    assert taking.started() == []


BOTH = f"tank/a@x\t{GUID}\ntank/b@x\t{GUID}\n"
SEND_B = {**SEND, "snapshot": "tank/b@x"}


def test_streams_are_sent_one_behind_the_other_and_all_guids_are_asked_for_once(door: Door) -> None:
    door.answers(("get", 0, BOTH, ""), ("send -- tank/a@x", 0, "AAA", ""), ("send -- tank/b@x", 0, "BB", ""))
    done = door.run(several("send", SEND, SEND_B))
    assert (done.returncode, done.stdout, done.stderr) == (0, b"AAABB", b"")
    (asked,) = programs(door, "get")
    assert asked[-2:] == ["tank/a@x", "tank/b@x"]


@pytest.mark.parametrize(
    ("listed", "why"),
    [(BOTH.replace(f"b@x\t{GUID}", "b@x\t5"), b"tank/b@x is not what you saw"), (BOTH.split("\n")[0], b"is gone")],
)
def test_what_is_not_what_was_seen_is_not_sent_nor_what_is_behind_it(door: Door, listed: str, why: bytes) -> None:
    door.answers(("get", 1, listed, "one does not exist"), ("send", 0, "A", ""))
    done = door.run(several("send", SEND, SEND_B, SEND))
    assert (done.returncode, done.stdout) == (4, b"A")
    assert why in done.stderr


def test_a_send_that_fails_ends_all_of_it_with_what_zfs_said(door: Door) -> None:
    door.answers(("get", 0, BOTH, ""), ("send -- tank/a@x", 1, "AA", "cannot send: it is busy"), ("send", 0, "B", ""))
    done = door.run(several("send", SEND, SEND_B))
    assert (done.returncode, done.stdout) == (1, b"AA")
    assert b"it is busy" in done.stderr


MADE = {"tank/a#dplane-1": ["tank/a@x", "5"], "tank/b#dplane-1": ["tank/b@x", str(2**64 - 3)]}


def test_bookmarks_are_made_by_one_program_and_read_back(door: Door) -> None:
    door.answers(("list", 0, f"tank/a#dplane-1\t5\ntank/b#dplane-1\t{2**64 - 3}\n", ""))
    assert door.ask("bookmarks-create", bookmarks=MADE) == (
        0,
        {"ok": True, "verb": "bookmarks-create", "made": sorted(MADE)},
    )
    (words,) = programs(door, "program")
    assert words[1:4] == ["--", "tank", "-"]
    assert words[4:] == ["tank/a@x", "g5", "tank/a#dplane-1", "tank/b@x", "g-3", "tank/b#dplane-1"]
    door.answers(("list", 0, "tank/a#dplane-1\t5\ntank/b#dplane-1\t6\n", ""))
    status, answer = door.ask("bookmarks-create", bookmarks=MADE)
    assert (status, "GUID 6" in answer["error"]["message"]) == (1, True)
    door.answers(("program", 1, "", "Channel program execution failed:\nchanged: tank/b@x"))
    assert door.ask("bookmarks-create", bookmarks=MADE)[0] == 4


@pytest.mark.parametrize(
    "bookmarks",
    [
        {},
        [],
        {"tank/a#dplane-1": ["tank/b@x", "5"]},
        {"tank/a#dplane-1": ["tank/a@x"]},
        {"tank/a#dplane-1": ["tank/a@x", "5"], "pond/a#dplane-1": ["pond/a@x", "5"]},
        {"-a#dplane-1": ["-a@x", "5"]},
        {f"tank/a#dplane-{number}": ["tank/a@x", "5"] for number in range(101)},
    ],
)
def test_bookmarks_that_do_not_fit_the_grammar_start_nothing(door: Door, bookmarks: Any) -> None:
    assert door.ask("bookmarks-create", bookmarks=bookmarks)[0] == 2
    assert door.started() == []


def test_only_our_bookmarks_that_are_the_ones_that_were_seen_are_destroyed(door: Door) -> None:
    wanted = {"tank/a#dplane-1": "5", "tank/b#dplane-1": "6", "tank/c#dplane-1": "7"}
    door.answers(("list", 0, "tank/a#dplane-1\t5\ntank/b#dplane-1\t9\n", ""))
    assert door.ask("bookmarks-destroy", bookmarks=wanted)[0] == 4
    assert door.ask("bookmarks-destroy", bookmarks={"tank/a#mine": "5"})[0] == 2
    assert programs(door, "destroy") == []
    door.answers(("list", 1, "", "cannot open 'tank/a#dplane-1': no such pool or dataset"), ("destroy", 0, "", ""))
    assert door.ask("bookmarks-destroy", bookmarks=wanted)[0] == 0
    assert sorted(words[-1] for words in programs(door, "destroy")) == sorted(wanted)
    door.answers(("list", 0, "tank/a#dplane-1\t5\n", ""), ("destroy", 0, "", ""))
    status, answer = door.ask("bookmarks-destroy", bookmarks={"tank/a#dplane-1": "5"})
    assert (status, "still listed" in answer["error"]["message"]) == (1, True)
