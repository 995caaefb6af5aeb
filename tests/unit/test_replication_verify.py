"""Comparing both sides by content: equal is only what both boxes read whole; a lie or a break is never a success."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dplane_tui.cli.main import build_parser
from dplane_tui.cli.output import plain
from dplane_tui.errors import BadNewsError, CommandError, RefusedError
from dplane_tui.services.host import LocalHost, Output
from dplane_tui.services.replication import codec, records
from dplane_tui.services.replication.compare import Comparison
from dplane_tui.services.replication.content import (
    SHOWN_DIFFERENCES,
    Account,
    Checked,
    Difference,
    Tally,
    Verified,
    Wish,
    compare,
)
from dplane_tui.services.replication.giving import content_request
from dplane_tui.services.replication.looks import check_wish, found_by
from dplane_tui.services.replication.model import Run
from dplane_tui.services.replication.remote import RemoteReplication
from dplane_tui.services.replication.verify import judged
from dplane_tui.services.store import open_store
from privhelper.beneath import shown
from privhelper.content import sampled

from .replication_world.world import World
from .test_agent import Far, far  # noqa: F401 (a fixture)

GUID = "1234567890123456789"
DIGEST = "0" * 64
HOSTILE = [b"a\nb", b"\xff\xfe", b"%41", b"\x1b[2J", "\u202e.jpg".encode(), b'"{},', b"-rf", b"a b", b"\\", b"~"]


async def each(lines: Sequence[str]) -> AsyncIterator[str]:
    for line in lines:
        yield line


def told(*items: dict[str, Any], end: bool = True) -> list[str]:
    lines = [{"begin": "filesystem", "guid": GUID}, *items]
    if end:
        lines.append({"end": True, "items": len(items), "bytes": 5})
    return [json.dumps(line) for line in lines]


def file(path: str, digest: str | None = DIGEST, **about: Any) -> dict[str, Any]:
    found = {"path": path, "type": "file", "size": 5, "mode": 420, "uid": 0, "gid": 0, "mtime": "7", "xattr": ""}
    return {**found, **({"sha256": digest} if digest else {}), **about}


async def merged(here: Sequence[str], there: Sequence[str], percent: int = 100) -> Tally:
    tally = Tally("tank/a")
    ours = Account("here", GUID, each(here), lambda _count: None)
    theirs = Account("there", GUID, each(there), lambda _count: None)
    await compare(ours.items(), theirs.items(), tally, sampled("s", percent))
    assert ours.whole
    assert theirs.whole
    return tally


async def test_what_is_equal_is_counted_and_nothing_else() -> None:
    items = [file("a"), file("a/b"), file("a.b")]
    tally = await merged(told(*items), told(*items))
    assert (tally.items, tally.hashed, tally.differing, tally.unread) == (3, 3, 0, 0)


@pytest.mark.parametrize(
    ("here", "there", "what"),
    [
        (file("a"), file("a", "1" * 64), "not the same: content"),
        (file("a"), file("a", size=6), "not the same: size"),
        (
            file("a"),
            file("a", mode=493, uid=7, gid=8, mtime="9"),
            "not the same: permissions, owner, group, time of change",
        ),
        (file("a"), {"path": "a", "type": "dir"}, "file at the source, dir at the target"),
        (file("a", xattr="x"), file("a", xattr="y"), "not the same: extended attributes"),
        (
            {"path": "a", "type": "link", "link": "b"},
            {"path": "a", "type": "link", "link": "c"},
            "not the same: link target",
        ),
    ],
)
async def test_one_difference_is_enough(here: dict[str, Any], there: dict[str, Any], what: str) -> None:
    tally = await merged(told(here), told(there))
    assert (tally.differing, tally.unread) == (1, 0)
    assert tally.differences[0].what == what


async def test_what_only_one_side_has_and_what_one_could_not_read() -> None:
    tally = await merged(told(file("a"), file("c"), file("d")), told(file("b"), file("c")))
    assert [(item.path, item.what) for item in tally.differences] == [
        ("a", "only at the source"), ("b", "only at the target"), ("d", "only at the source"),
    ]  # fmt: skip
    broken = {"path": "a", "type": "unread", "error": "EIO\x1b[2J"}
    tally = await merged(told(file("a")), told(broken))
    assert (tally.differing, tally.unread) == (0, 1)
    assert "at the target (EIO" in tally.differences[0].what
    assert "\x1b" not in tally.differences[0].what


async def test_a_box_that_leaves_out_a_hash_did_not_read_the_file() -> None:
    tally = await merged(told(file("a")), told(file("a", None)))
    assert (tally.hashed, tally.unread) == (0, 1)
    tally = await merged(told(file("a", None)), told(file("a", None)))
    assert (tally.hashed, tally.unread) == (0, 1)


async def test_attributes_that_a_side_does_not_show_are_no_difference_and_are_counted() -> None:
    without = {key: value for key, value in file("a").items() if key != "xattr"}
    tally = await merged(told(file("a", xattr="x")), told(without))
    assert (tally.differing, tally.without_attributes) == (0, 1)


async def test_a_flood_of_differences_is_counted_and_not_kept() -> None:
    many = [file(f"{number:05d}") for number in range(500)]
    tally = await merged(told(*many), told())
    assert (tally.differing, len(tally.differences)) == (500, SHOWN_DIFFERENCES)


END = json.dumps({"end": True, "items": 0, "bytes": 0})
BEGIN = json.dumps({"begin": "filesystem", "guid": GUID})


@pytest.mark.parametrize(
    "lines",
    [
        [],
        [BEGIN],
        [END],
        [BEGIN, "x", END],
        [BEGIN, "[" * 60_000, END],
        [BEGIN, '{"path": "a", "type": "file", "size": {"a": 1}}', END],
        [BEGIN, '{"path": "a", "type": "file", "size": NaN}', END],
        [BEGIN, END, END],
        [BEGIN, json.dumps(file("a")), END],
        [BEGIN, json.dumps({"end": True, "items": 7, "bytes": 0})],
        [BEGIN, json.dumps({"end": 1, "items": 0, "bytes": 0})],
        [json.dumps({"begin": "filesystem", "guid": "7"}), END],
        [json.dumps({"begin": "gift", "guid": GUID}), END],
        told(file("b"), file("a")),
        told(file("a"), file("a")),
        told(file("a\x1b")),
        told(file("ä")),
        told(file("%4")),
        told(file("a", "A" * 64)),
        told({"path": "a", "type": "gift"}),
        told({"path": 7, "type": "file"}),
        [BEGIN, '{"read": 5}', '{"read": 4}', END],
        [BEGIN, '{"read": -1}', END],
        [BEGIN, '{"read": true}', END],
    ],
)
async def test_what_no_d_plane_tells_is_not_used(lines: list[str]) -> None:
    account = Account("there", GUID, each(lines), lambda _count: None)
    with pytest.raises(CommandError):
        async for _ in account.items():
            pass
    assert not (account.whole and lines[-1] != END)


trees = st.dictionaries(st.binary(max_size=4).filter(lambda name: name and b"/" not in name), st.integers(0, 2))


@given(trees, trees)
def test_the_merge_finds_what_differs_and_nothing_else(left: dict[bytes, int], right: dict[bytes, int]) -> None:
    def lines(tree: dict[bytes, int]) -> list[str]:
        return told(*(file(shown(name), str(tree[name]) * 64) for name in sorted(tree)))

    tally = asyncio.run(merged(lines(left), lines(right)))
    wrong = {shown(name) for name in left.keys() | right.keys() if left.get(name) != right.get(name)}
    assert {item.path for item in tally.differences} == wrong
    assert tally.items == len(left.keys() & right.keys())


def test_only_what_is_whole_and_equal_is_a_success() -> None:
    good = Checked("tank/a", "vault/a", "s1", GUID, True, 3, 2, 100)
    assert "3 thing(s) compared, 2 of them by content" in judged(Verified(100, "s", (good,))).message
    assert "a sample of 5 %" in judged(Verified(5, "s", (good,))).message
    bad = Checked("tank/b", "vault/b", "s1", GUID, False, 3, 2, 100, differing=1)
    found = Verified(100, "s", (good, bad), (Difference("tank/b", "diagnosis.pdf", "content differs"),))
    with pytest.raises(
        BadNewsError, match=r"1 thing\(s\) are not the same on both boxes, the first of them in tank/b\. "
    ) as told:
        judged(found)
    assert "diagnosis" not in f"{told.value} {told.value.next_step}", "the sentence is mailed, and stands on kiosks"
    unknown = Checked("tank/c", "vault/c", problem="Its key is not loaded.")
    with pytest.raises(CommandError, match="nothing is claimed"):
        judged(Verified(100, "s", (good, unknown)))
    with pytest.raises(CommandError, match="nothing is claimed"):
        judged(Verified(100, "s", (Checked("tank/d", "vault/d", unread=1),), (Difference("d", "x", "could not"),)))


@pytest.mark.parametrize("wish", [Wish("../x"), Wish("a", "b@c"), Wish(percent=0), Wish(percent=101)])
def test_a_wish_that_makes_no_sense_is_refused(wish: Wish) -> None:
    with pytest.raises(RefusedError):
        check_wish(wish)


def test_the_agents_request_is_of_the_dataset_and_nothing_else() -> None:
    fields = {"snapshot": "s1", "guid": GUID, "percent": 5, "seed": "a", "verb": "pool-destroy", "pool": "tank"}
    wanted = {"verb": "content", "snapshot": "v/a@s1", "guid": GUID, "percent": 5, "seed": "a"}
    assert content_request("v/a", fields) == wanted
    for bad in ({"snapshot": "x/y@z"}, {"snapshot": None}, {"guid": "1;"}):
        with pytest.raises(ValueError, match=r"names no|has a GUID"):
            content_request("v/a", {**fields, **bad})


def test_the_agent_tells_only_of_the_peers_own(far: Far) -> None:  # noqa: F811
    for dataset in ("vault/theirs", "vault/nobody", "vault", "vault/none", "-r"):
        done = far.run({"op": "content", "dataset": dataset, "snapshot": "s1", "guid": GUID})
        assert (done.returncode, done.stdout) == (1, b"")
        assert done.stderr.strip()
        assert far.ask({"op": "times", "dataset": dataset})["ok"] is (dataset == "vault/none")


class Asked(LocalHost):
    """A far box that notes what its `dplane` is asked."""

    local = False
    name = "far"

    def __init__(self, answer: object) -> None:
        super().__init__()
        self.words: list[str] = []
        self._answer = answer

    async def run(self, argv: Sequence[str], *, stdin: bytes = b"", timeout: float = 30.0) -> Output:
        self.words = list(argv[1:])
        return Output(0, json.dumps({"ok": True, "data": plain(self._answer)}).encode(), b"")


@pytest.mark.parametrize("wish", [Wish(), Wish("", "s1", 5, "abc"), Wish("a b/c", "-x", 100, "-s")])
async def test_the_far_command_is_asked_for_the_same(wish: Wish) -> None:
    host = Asked(Run("replicate-1", "photos", "queued", 1.0, kind="verify"))
    assert await RemoteReplication(host).verify("photos", wish) == "replicate-1"
    args = build_parser(host.words).parse_args(host.words)
    assert (args.sample, args.snapshot, args.seed, args.detach) == (wish.percent, wish.snapshot, wish.seed, True)
    assert args.dataset == {None: None, "": "."}.get(wish.below, wish.below)
    host = Asked(Comparison("photos"))
    assert await RemoteReplication(host).compare("photos") == Comparison("photos")


# Whole runs: the real job, a real ssh, the real agent and walk; only the mounts are plain folders.


def fill(world: World, side: str, dataset: str, snapshot: str) -> Path:
    """The same files on either side, with names that are hostile."""
    place = world.path / side / "content" / f"{dataset}@{snapshot}".replace("/", "_")
    (place / "folder").mkdir(parents=True)
    for number, name in enumerate(HOSTILE):
        path = os.fsencode(place / "folder") + b"/" + name
        with open(path, "wb") as out:
            out.write(b"%d" % number * 5000)
        os.utime(path, (5, 5))
    (place / "link").symlink_to("/etc/passwd")
    for one in (place / "link", place / "folder", place):
        os.utime(one, (5, 5), follow_symlinks=False)
    return place


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with World(tmp_path) as made:
        assert (await made.run()).state == "succeeded"
        yield made


async def verified(world: World, wish: Wish | None = None) -> tuple[Run, Verified | None]:
    run = await world.run("verify", codec.dumps(wish or Wish()))
    return run, found_by(run)


async def test_a_whole_verification_over_ssh(world: World) -> None:
    [(snapshot, guid)] = world.points("near", "tank/photos")
    fill(world, "near", "tank/photos", snapshot)
    there = fill(world, "far", "vault/backup/photos", snapshot)
    before = world.datasets("near"), world.datasets("far")
    run, found = await verified(world)
    assert (run.state, run.kind) == ("succeeded", "verify"), run.message
    assert found
    [checked] = found.datasets
    assert (checked.guid, checked.equal, checked.hashed) == (guid, True, len(HOSTILE))
    assert checked.items == len(HOSTILE) + 3
    assert checked.bytes == run.bytes > 0
    assert (world.datasets("near"), world.datasets("far")) == before, "it only reads"

    damaged = os.fsencode(there / "folder") + b"/" + HOSTILE[0]
    with open(damaged, "r+b") as out:
        out.seek(2000)
        out.write(b"\xff")
    os.utime(damaged, (5, 5))
    run, found = await verified(world)
    assert (run.state, run.error_code) == ("failed", "bad-news")
    assert found
    assert [(item.path, item.what) for item in found.differences] == [("folder/a%0Ab", "not the same: content")]
    assert not found.datasets[0].equal

    async with open_store(world.database) as store:
        assert [run.kind for run in await records.runs(store, "photos")] == ["verify", "verify", "run"]
        proof = await records.newest_proof(store, "photos")
    assert proof
    assert proof.run.kind == "run", "to verify is not to have copied: it makes nothing fresher"


async def test_a_side_that_cannot_read_or_breaks_off_is_unknown(world: World) -> None:
    [(snapshot, _)] = world.points("near", "tank/photos")
    fill(world, "near", "tank/photos", snapshot)
    fill(world, "far", "vault/backup/photos", snapshot)
    for side, name in (("far", "vault-box"), ("near", "this machine")):
        for fault in ("unreadable", "breaks-off"):
            (world.path / side / "content" / fault).touch()
            run, found = await verified(world)
            (world.path / side / "content" / fault).unlink()
            assert (run.state, run.error_code) == ("failed", "failed"), (side, fault, run.message)
            assert "nothing is claimed of the whole" in run.message
            assert name in run.message
            assert "\x1b" not in run.message
            assert found
            assert not found.datasets[0].equal
    assert (await verified(world))[0].state == "succeeded"


async def test_a_far_box_that_lies_about_content_is_not_believed(world: World) -> None:
    [(snapshot, guid)] = world.points("near", "tank/photos")
    fill(world, "near", "tank/photos", snapshot)
    begin = json.dumps({"begin": "filesystem", "guid": guid}).encode() + b"\n"
    end = json.dumps({"end": True, "items": 0, "bytes": 0}).encode() + b"\n"
    for lie in (begin + end, begin, b"{}\n" * 1000, b"\xff" * 200_000, begin + b"[" * 200_000 + b"\n" + end):
        world.lies = {'"content"': lie}
        run, _ = await verified(world)
        assert run.state == "failed", lie[:60]


async def test_without_a_common_snapshot_or_the_product_nothing_is_compared(world: World) -> None:
    run, found = await verified(world, Wish(snapshot="nope"))
    assert run.state == "failed"
    assert found
    assert "do not both have the snapshot @nope" in found.datasets[0].problem
    run, _ = await verified(world, Wish(below="none"))
    assert run.error_code == "missing"
    await world.make_plain()
    run, found = await verified(world)
    assert (run.error_code, found) == ("refused", None)
    assert "has no D-Plane" in run.message


async def test_a_key_that_is_not_loaded_makes_it_unknown(world: World) -> None:
    with world.edit("far") as state:
        state["datasets"]["vault/backup/photos"]["props"]["keystatus"] = "unavailable"
    run, found = await verified(world)
    assert run.state == "failed"
    assert found
    assert "its key is not loaded there" in found.datasets[0].problem
