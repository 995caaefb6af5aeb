"""Sizes of many streams, from one question to ZFS."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

from dplane_tui.services.host import Host, Output
from dplane_tui.services.replication import estimates
from dplane_tui.services.replication.model import Plan, Step, Task
from dplane_tui.services.replication.read import Dataset, Point


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


async def test_one_question_tells_what_was_written_since_any_base_and_one_what_a_first_stream_holds() -> None:
    host = Answers({
        ("tank", "written@old"): "100", ("tank/b", "written@old"): "200", ("tank/b", "written@older"): "900",
        ("tank/c@new", "referenced"): "5000", ("tank/d", "written@old"): "-",
        ("tank/h", "written@old"): "20000100", ("tank/i", "written@old"): "20000100",
    })  # fmt: skip
    steps = [
        step("tank", "@old"), step("tank/b", "@older"), step("tank/c", None), step("tank/d", "@old"),
        step("tank/e", "#dplane-mark"), step("tank/f", "@old", size=3), step("tank/gone", None),
        step("tank/g", "@old", token="1-x"), replace(step("tank/b", "@old", intermediates=True), guid=""),
        step("tank/h", "@old"), step("tank/i", "@old"),
    ]  # fmt: skip
    here = {one.dataset: Dataset(one.dataset, {"written": "0"}, (Point("new", "7", 70),)) for one in steps}
    here["tank/h"] = replace(here["tank/h"], properties={"written": "20000000"})
    here["tank/i"] = replace(here["tank/i"], snapshots=(Point("new", "7", 70), Point("newer", "8", 80)))
    task = Task("t", "tank", "nas-b", "vault/tank", recursive=True)
    sized = await estimates.together(cast(Host, host), task, here, steps)
    assert [one.size for one in sized[:9]] == [100, 900, 5000, None, None, 3, None, None, 200]
    assert [one.size for one in sized[9:]] == [100, None], "what was written behind its end is not in a stream"
    least = [one.at_least for one in sized]
    only = [False] * 8 + [True] + [False] * 2
    assert least == only, "what only the snapshots between hold is not among what was written since"
    assert [(one.dataset, one.base) for one in sized] == [(one.dataset, one.base) for one in steps]
    assert len(host.asked) == 2, "whatever the number of datasets"
    assert host.asked[0][-2:] == ["written@old,written@older", "tank"]
    assert host.asked[1][-2:] == ["tank/c@new", "tank/gone@new"]


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
