"""Sizes of many streams, from one question to ZFS: what is told is what they hold."""

from __future__ import annotations

import asyncio
import contextlib
import io
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dplane_tui.services.host import Host, Output
from dplane_tui.services.replication import estimates, space
from dplane_tui.services.replication.model import Plan, Step
from dplane_tui.services.replication.read import Dataset, Point, Side

from .replication_world import zfs_model


class Answers:
    """A host on which `zfs get` answers from a table, and tells what it was asked."""

    def __init__(self, table: dict[tuple[str, str], str]) -> None:
        self.table = table
        self.asked: list[Sequence[str]] = []

    async def run(self, argv: Sequence[str], **_: Any) -> Output:
        self.asked.append(argv)
        lines = "".join(f"{name}\t{prop}\t{value}\n" for (name, prop), value in self.table.items())
        return Output(1, lines.encode(), b"cannot open 'tank/gone@a': dataset does not exist\n")


def step(dataset: str, base: str | None, **more: Any) -> Step:
    kind = "incremental" if base else "full"
    return Step(kind, dataset, f"vault/{dataset}", "filesystem", "new", "7", base, "6" if base else "", **more)


NEW = Point("new", "7", 70)
OLD = Point("old", "6", 60)
HOURS = tuple(Point(f"h{hour}", str(hour), 60 + hour) for hour in (1, 2, 3))


def held(*points: Point, written: str = "0") -> Dataset:
    return Dataset("tank/x", {"written": written}, points)


async def test_one_question_sizes_all_streams() -> None:
    host = Answers({
        ("tank@new", "written@old"): "100", ("tank/b@h3", "written"): "300", ("tank/b@new", "written"): "7",
        ("tank/c@new", "referenced"): "5000", ("tank/d@new", "written@old"): "-", ("tank/i", "written@old"): "400",
        ("tank/h@h1", "written"): "20", ("tank/h@h2", "written"): "30",
    })  # fmt: skip
    sides = {
        "tank": (step("tank", "@old"), held(OLD, NEW, Point("later", "8", 80), written="20000000")),
        "tank/b": (step("tank/b", "@old", intermediates=True), held(OLD, HOURS[2], NEW, written="9")),
        "tank/c": (step("tank/c", None), held(NEW)),
        "tank/d": (step("tank/d", "@old"), held(OLD, NEW)),
        "tank/e": (step("tank/e", "#dplane-mark"), held(NEW)),
        "tank/f": (step("tank/f", "@old", size=3), held(OLD, NEW)),
        "tank/gone": (step("tank/gone", "@old", intermediates=True), held(OLD, *HOURS, NEW)),
        "tank/g": (step("tank/g", "@old", token="1-x"), held(OLD, NEW)),
        "tank/h": (replace(step("tank/h", "@old", intermediates=True), guid=""), held(OLD, *HOURS[:2], written="5")),
        "tank/i": (replace(step("tank/i", "@old"), guid=""), held(OLD, *HOURS, written="5")),
    }  # fmt: skip
    steps = [one for one, _ in sides.values()]
    sized = await estimates.together(cast(Host, host), {name: side for name, (_, side) in sides.items()}, steps)
    assert [one.size for one in sized] == [100, 307, 5000, None, None, 3, None, None, 55, 400]
    assert [one.dataset for one in sized if one.at_least] == []
    assert [replace(one, size=None) for one in sized] == [replace(one, size=None) for one in steps]
    assert [words[:6] for words in host.asked] == [
        ["zfs", "get", "-Hp", "-o", "name,property,value", "referenced,written,written@old"]
    ]
    assert host.asked[0][6:] == [
        "tank/c@new", "tank/b@h3", "tank/b@new", "tank/gone@h1", "tank/gone@h2", "tank/gone@h3", "tank/gone@new",
        "tank/h@h1", "tank/h@h2", "tank@new", "tank/d@new", "tank/i",
    ]  # fmt: skip


def test_a_stream_from_a_bookmark_where_no_snapshot_is_left_is_not_asked_for() -> None:
    planned = replace(step("tank/a", "#mark"), guid="")
    host = Answers({})
    here = {"tank/a": Dataset("tank/a", {"written": "5"}, (), (Point("mark", "6", 60),))}
    assert asyncio.run(estimates.together(cast(Host, host), here, [planned])) == (planned,)
    assert host.asked == []


async def test_a_snapshot_that_went_meanwhile_makes_a_size_at_least_and_an_end_that_went_makes_none() -> None:
    host = Answers({("tank/a@h1", "written"): "5", ("tank/a@new", "written"): "6", ("tank/b@h1", "written"): "5"})
    steps = [step(name, "@old", intermediates=True) for name in ("tank/a", "tank/b")]
    here = {one.dataset: held(OLD, *HOURS, NEW) for one in steps}
    sized = await estimates.together(cast(Host, host), here, steps)
    assert [(one.size, one.at_least) for one in sized] == [(11, True), (None, False)]


async def test_no_command_asks_for_more_than_one_line_can_name_or_one_answer_hold() -> None:
    many = [step(f"tank/{number}", f"@b{number}") for number in range(300)]
    many += [step(f"tank/{number}", "@b") for number in range(300, 5000)]
    here = {one.dataset: held(Point(str(one.base)[1:], "6", 60), NEW) for one in many}
    host = Answers({(f"{one.dataset}@new", f"written{one.base}"): "1" for one in many})
    sized = await estimates.together(cast(Host, host), here, many)
    assert {one.size for one in sized} == {1}
    for words in host.asked:
        names, wanted = len(words) - 6, words[5].count(",") + 1
        assert names <= 2000
        assert names * wanted <= 10_000
    assert len(host.asked) < 10


async def test_of_very_many_snapshots_only_the_ends_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(estimates, "_BETWEEN", 7)
    steps = [step(name, "@old", intermediates=True) for name in ("tank/a", "tank/b")]
    host = Answers({(f"{one.dataset}@new", "written@old"): "70" for one in steps})
    here = {one.dataset: held(OLD, *HOURS, NEW, written="90") for one in steps}
    sized = await estimates.together(cast(Host, host), here, steps)
    assert [(one.size, one.at_least) for one in sized] == [(70, True)] * 2


GIB = 1 << 30


class Box:
    """A host whose zfs is the model."""

    def __init__(self, folder: Path) -> None:
        self.folder = str(folder)

    def zfs(self, act: Callable[[str, list[str]], None], *words: str) -> str:
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            act(self.folder, list(words))
        return said.getvalue()

    async def run(self, argv: Sequence[str], **_: Any) -> Output:
        assert argv[:2] == ["zfs", "get"]
        return Output(0, self.zfs(zfs_model.get, *argv[2:]).encode(), b"")


def kept(folder: Path, histories: Sequence[Sequence[tuple[int, int]]]) -> Side:
    """Datasets of which each snapshot, and the dataset last, has so many bytes written, and written over before."""
    state: dict[str, Any] = {"txg": 100, "pools": {"tank": 1 << 60}, "datasets": {}}
    for number, (*parts, (written, over)) in enumerate(histories):
        snaps = [
            {
                "name": f"s{at}",
                "guid": str(100 * number + at + 1),
                "txg": at + 1,
                "created": 1,
                "size": size,
                "over": gone,
            }
            for at, (size, gone) in enumerate(parts)
        ]
        data = {**zfs_model.new_dataset(), "snaps": snaps, "written": written, "over": over}
        state["datasets"][f"tank/{number}"] = data
    zfs_model.keep_state(str(folder), state)
    return {
        name: Dataset(
            name,
            {"written": str(data["written"])},
            tuple(Point(snap["name"], snap["guid"], snap["txg"]) for snap in data["snaps"]),
        )
        for name, data in state["datasets"].items()
    }


def streams(here: Side, choose: Callable[[int, int], int], between: Callable[[], bool]) -> list[Step]:
    """One of each dataset, from a snapshot or none, to one behind it or to one that is still to be taken."""
    made = []
    for name, side in here.items():
        start, planned = choose(-1, len(side.snapshots) - 2), between()
        base = side.snapshots[start] if start >= 0 else None
        end = side.snapshots[choose(start + 1, len(side.snapshots) - 1)]
        one = step(name, f"@{base.name}" if base else None, intermediates=base is not None and between())
        one = replace(one, base_guid=base.guid if base else "", snapshot=end.name, guid=end.guid)
        made.append(replace(one, snapshot="now", guid="") if base and planned else one)
    return made


PARTS = st.lists(st.integers(0, 9), min_size=3, max_size=6).flatmap(
    lambda sizes: st.tuples(
        *[st.tuples(st.just(size), st.integers(0, before)) for before, size in zip([0, *sizes], sizes, strict=False)]
    )
)


@given(st.lists(PARTS, min_size=1, max_size=4), st.data())
def test_no_size_is_below_what_the_stream_holds_however_much_was_written_over(
    tmp_path_factory: pytest.TempPathFactory, histories: list[list[tuple[int, int]]], data: st.DataObject
) -> None:
    box = Box(tmp_path_factory.mktemp("box"))
    here = kept(Path(box.folder), histories)
    steps = streams(here, lambda low, high: data.draw(st.integers(low, high)), lambda: data.draw(st.booleans()))
    sized = asyncio.run(estimates.together(cast(Host, box), here, steps))
    for one in sized:
        if not one.guid:
            box.zfs(zfs_model.snapshot, f"{one.dataset}@now")
        flags = ["-I" if one.intermediates else "-i", one.base] if one.base else []
        held = estimates.told(box.zfs(zfs_model.send, "-n", *flags, f"{one.dataset}@{one.snapshot}"))
        assert (one.size, one.at_least) == (held, False)


async def test_what_was_written_over_behind_its_end_is_still_in_a_stream_and_has_to_fit(tmp_path: Path) -> None:
    image = 10 * GIB  # rewritten before the snapshot that is sent, and again behind it
    here = kept(tmp_path, [[(image, 0), (image, image), (image, image)]] * 4)
    steps = [
        replace(step(name, "@s0"), snapshot="s1", guid=side.snapshots[1].guid, base_guid=side.snapshots[0].guid)
        for name, side in here.items()
    ]
    sized = await estimates.together(cast(Host, Box(tmp_path)), here, steps)
    assert [(one.size, one.at_least) for one in sized] == [(image, False)] * 4
    there = {one.target: Dataset(one.target, {"available": str(GIB)}) for one in sized}
    assert set(space.fitting(Plan("t", steps=sized), there, "nas-b")[1]) == set(here)


def test_up_to_a_snapshot_that_is_not_taken_yet_the_newest_there_is_is_asked_for() -> None:
    old, new = Point("old", "6", 60), Point("new", "7", 70)
    here = Dataset("tank", {"written": "5"}, (old, new), (Point("mark", "8", 80),))
    planned = replace(step("tank", "@old", intermediates=True), snapshot="dplane-now", guid="")
    assert estimates.asked_of(planned, here) == (step("tank", "@old", intermediates=True), 5)
    taken = step("tank", "@old")
    assert estimates.asked_of(taken, here) == (taken, 0)
    nothing = (None, 0)
    assert estimates.asked_of(replace(taken, size=1), here) == nothing
    assert estimates.asked_of(replace(planned, base="#mark", base_guid="8"), here) == nothing, "newer than all there is"
    assert estimates.asked_of(replace(planned, base="#gone", base_guid="9"), here) == nothing
    assert estimates.asked_of(planned, replace(here, properties={})) == nothing
    assert estimates.asked_of(planned, replace(here, snapshots=())) == nothing


def test_what_the_planner_knew_counts_only_for_the_very_same_stream() -> None:
    steps = [step("tank/a", "@old", size=5), step("tank/b", "@old", size=6), step("tank/c", "@old", size=None)]
    before = Plan("t", steps=tuple(steps))
    after = (step("tank/a", "@old"), step("tank/b", "@old", intermediates=True), step("tank/c", "@old"))
    assert [one.size for one in estimates.with_sizes(Plan("t", steps=after), before).steps] == [5, None, None]


def test_an_estimate_below_zero_is_unknown() -> None:
    assert estimates.told("full\ttank/a@1\t100\nsize\t100\n") == 100
    assert estimates.told(f"resume\ttank/a@1\t{2**64 - 5}\nsize\t{2**64 - 5}\n") is None
    assert estimates.told("size\tmuch\n") is None
