"""What tasks need of a dataset: whatever a policy destroys on either side, every task goes on from where it was."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dplane_tui.services.replication.bases import mark_of
from dplane_tui.services.replication.lending import mark_prefix
from dplane_tui.services.replication.model import Options, Task
from dplane_tui.services.replication.plan import make_plan
from dplane_tui.services.replication.read import Dataset, Point
from dplane_tui.services.retention.backlog import Backlog
from dplane_tui.services.retention.claims import wants_history
from dplane_tui.services.retention.looking import in_the_way, marks_argv, taken_for
from dplane_tui.services.retention.needs import NONE_WAIT, Claim, decide, needs_of
from dplane_tui.services.retention.plan import Decision
from dplane_tui.services.retention.policy import Policy, parse
from dplane_tui.services.retention.run import continues, own_claim

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
HOUR = 3600
PLAIN = {"type": "filesystem", "encryptionroot": "-", "written": "0", "referenced": "10"}


def named(ago: int) -> str:
    return time.strftime("dplane-%Y-%m-%dT%H-%M-%SZ", time.gmtime(NOW.timestamp() - ago))


def here(count: int, *marks: tuple[str, int], gone: frozenset[int] = frozenset()) -> Dataset:
    """`count` hourly snapshots, the last an hour old, without those `gone`; bookmarks are a name and a number."""
    every = [Point(named((count - index) * HOUR), f"g{index}", 10 + index) for index in range(count)]
    marked = tuple(Point(name, every[index].guid, every[index].createtxg) for name, index in marks)
    return Dataset("tank/a", PLAIN, tuple(point for index, point in enumerate(every) if index not in gone), marked)


def guids(decided: tuple[Decision, ...], *, keep: bool) -> set[str]:
    return {one.point.guid for one in decided if one.keep is keep}


def reasons(decided: tuple[Decision, ...]) -> dict[str, str]:
    return {one.point.guid: one.why for one in decided}


def judge(dataset: Dataset, *claims: Claim, policy: str = "1", most: int = 500) -> tuple[Decision, ...]:
    needs = needs_of(dataset, claims)
    backlog = Backlog(needs.after, most=most) if needs.after < NONE_WAIT else None
    return decide(dataset, parse(policy), NOW, needs.reasons, backlog)


def test_with_nobody_to_wait_for_the_policy_decides_alone() -> None:
    assert guids(judge(here(5)), keep=True) == {"g4"}


def test_the_newest_that_any_target_has_stays_and_what_waits_for_it_too() -> None:
    decided = judge(here(8), Claim("near", "g7"), Claim("away", "g4"))
    assert guids(decided, keep=False) == {"g0", "g1", "g2", "g3"}
    assert "the target of away" in reasons(decided)["g4"]
    assert reasons(decided)["g5"] == "the target does not have it yet"


def test_a_task_that_sends_only_the_newest_waits_for_nothing_between() -> None:
    decided = judge(here(8), Claim("near", "g7"), Claim("away", "g4", waits=False))
    assert guids(decided, keep=True) == {"g4", "g7"}


def test_a_bookmark_stands_for_a_base_that_is_gone() -> None:
    decided = judge(here(8, ("dplane-12345678-x", 3), gone=frozenset({3})), Claim("away", "g3"))
    assert guids(decided, keep=False) == {"g0", "g1", "g2"}


def test_a_bookmark_that_no_task_knows_is_called_what_it_is() -> None:
    dataset = here(4, ("dplane-aaaaaaaa-1", 0), ("dplane-bbbbbbbb-1", 1))
    why = reasons(judge(dataset, Claim("away", "g3", "dplane-aaaaaaaa-", certain=True)))
    assert why["g0"] == "a target's next increment starts from it"
    assert "the bookmark #dplane-bbbbbbbb-1 of no task that is known here" in why["g1"]


def test_what_a_run_that_broke_off_may_have_brought_stays_whatever_the_cap() -> None:
    """Its target may have any of them for its newest, and only what it has can the next run go on from."""
    dataset = here(8, ("dplane-aaaaaaaa-1", 2), ("dplane-aaaaaaaa-2", 5))
    decided = judge(dataset, Claim("away", "g2", "dplane-aaaaaaaa-"), policy="", most=1)
    assert guids(decided, keep=False) == {"g6"}
    assert "may have it" in reasons(decided)["g4"]
    certain = judge(dataset, Claim("away", "g2", "dplane-aaaaaaaa-", certain=True), policy="", most=1)
    assert guids(certain, keep=False) == {"g3", "g4", "g6"}


def test_while_another_task_runs_nothing_goes() -> None:
    decided = judge(here(8), Claim("mine", "g7"), Claim("other", "g7", running=True))
    assert guids(decided, keep=False) == set()
    assert "the task other is being run" in reasons(decided)["g0"]


def test_past_the_cap_the_middle_of_what_waits_is_thinned_and_never_the_base() -> None:
    decided = judge(here(100), Claim("away", "g20"), policy="1", most=10)
    kept = guids(decided, keep=True)
    assert {"g20", "g99"} <= kept
    assert len(kept) == 11
    assert not kept & {f"g{index}" for index in range(20)}


def test_a_name_that_no_task_gives_is_a_persons() -> None:
    mine = Point("dplane-before-the-upgrade", "mine", 1)
    dataset = here(3)
    decided = judge(replace(dataset, snapshots=(mine, *dataset.snapshots)))
    assert reasons(decided)["mine"] == "no task or policy gives such a name"
    assert guids(decided, keep=False) == {"g0", "g1"}


@pytest.mark.parametrize("zone", ["UTC", "Europe/Vienna", "America/New_York", "Asia/Tokyo"])
@pytest.mark.parametrize("text", ["daily=3", "24x1h", "10,1d1m"])
def test_a_date_that_none_can_be_is_no_date_wherever_the_box_stands(zone: str, text: str) -> None:
    for name in ("0001-01-01T00-00-00Z", "9999-12-31T23-59-59Z", "1969-12-31T23-59-59Z", "3000-01-01T00-00-00Z"):
        for order in (1, 10**6):
            strange = Point(f"dplane-auto-{name}", "strange", order)
            dataset = here(60)
            found = decide(
                replace(dataset, snapshots=tuple(sorted((*dataset.snapshots, strange), key=lambda p: p.createtxg))),
                parse(text), NOW.astimezone(ZoneInfo(zone)), {},
            )  # fmt: skip
            told = reasons(found)
            assert told.pop("strange") in ("no task or policy gives such a name", "the newest snapshot")
            assert told == reasons(decide(dataset, parse(text), NOW.astimezone(ZoneInfo(zone)), {})) or order > 1


def theirs(peer: str, number: int) -> str:
    return f"{mark_prefix(peer, '01234567')}{number:016x}"


def test_a_bookmark_of_a_peer_that_is_let_in_no_more_is_nobodys_need() -> None:
    dataset = here(5, (theirs("nas-b", 0), 0), (theirs("nas-c", 1), 1), ("dplane-aaaaaaaa-1", 2), ("dplane-mine", 3))
    kept = needs_of(dataset, [Claim("away", "g4", "dplane-aaaaaaaa-", certain=True)], {"nas-c"}).reasons
    assert set(kept) == {"g1", "g2", "g3", "g4"}
    assert "the bookmark #" in kept["g1"]
    assert "of the peer nas-c, which is let in here" in kept["g1"]
    assert set(needs_of(dataset, []).reasons) == {"g0", "g1", "g2", "g3"}, "who is let in is not known"


def test_a_peer_that_is_let_in_again_goes_on_from_its_bookmark_alone() -> None:
    dataset, had = (
        here(5, (theirs("nas-b", 1), 1)),
        tuple(Point(f"s{number}", f"g{number}", number) for number in (0, 1)),
    )
    left = replace(dataset, snapshots=dataset.snapshots[4:])
    assert guids(decide(dataset, parse("1"), NOW, needs_of(dataset, [], set()).reasons), keep=True) == {"g4"}
    task = Task("pull", "tank/a", None, "vault/a", options=Options(intermediates=True))
    assert way_on(task, left, Dataset("vault/a", PLAIN, had)) == (True, {"g0", "g1", "g4"})


# Against the planner of replication itself

policies = st.sampled_from(["", "1", "2,1h1d", "hourly=2", "daily=1", "1x1h | 2x4h"]).map(parse)


@st.composite
def worlds(draw: st.DrawFn) -> tuple[Dataset, list[tuple[Task, Dataset | None, Claim]]]:
    """A source and some tasks. Each target has a piece of its history; what the store knows of it may be older."""
    count = draw(st.integers(1, 14))
    tasks: list[tuple[Task, Dataset | None, Claim]] = []
    marks: list[tuple[str, int]] = []
    bases: set[int] = set()
    for number in range(draw(st.integers(1, 3))):
        options = Options(intermediates=draw(st.booleans()), initial=draw(st.sampled_from(["all", "newest"])))
        task = Task(f"t{number}", "tank/a", None, f"vault/{number}", options=options)
        known, reached = sorted(draw(st.lists(st.integers(-1, count - 1), min_size=2, max_size=2)))
        if reached >= 0:  # a run never sends what it has not bookmarked, and forgets older marks when it has proof
            tried = draw(st.integers(reached, count - 1))
            marks += [(f"{mark_of(None, task)}{index}", index) for index in {max(known, 0), tried}]
        there = None
        if reached >= 0:
            points = [Point(f"s{index}", f"g{index}", 10 + index) for index in range(reached + 1)]
            there = Dataset(task.target, PLAIN, tuple(points))
        newest = f"g{known}" if known >= 0 else ""
        certain = draw(st.booleans())
        claim = Claim(task.name, newest, mark_of(None, task), wants_history(task, newest))
        bases.add(reached)
        tasks.append((task, there, own_claim(task, here(count), there) if certain else claim))
    gone = frozenset(draw(st.lists(st.integers(0, count - 1), max_size=4))) - bases - {count - 1}
    return here(count, *marks, gone=gone), tasks


def way_on(task: Task, source: Dataset, target: Dataset | None) -> tuple[bool, set[str]]:
    """Whether the task can go on, and what its target has afterwards."""
    made = make_plan(task, {"tank/a": source}, {task.target: target} if target else {}, None)
    had = {point.guid for point in target.snapshots} if target else set()
    if made.conflicts:
        return False, had
    for step in made.steps:
        reached = next(point for point in source.snapshots if point.guid == step.guid)
        base = next((p for p in (*source.snapshots, *source.bookmarks) if p.guid == step.base_guid), None)
        low = base.createtxg if base and step.intermediates else reached.createtxg - 1
        had |= {point.guid for point in source.snapshots if low < point.createtxg <= reached.createtxg}
    return True, had


@settings(max_examples=400)
@given(worlds(), policies, st.integers(1, 12))
def test_every_task_goes_on_and_what_waited_arrives(
    world: tuple[Dataset, list[tuple[Task, Dataset | None, Claim]]], policy: Policy, most: int
) -> None:
    source, tasks = world
    needs = needs_of(source, [claim for _, _, claim in tasks])
    backlog = Backlog(needs.after, most=most) if needs.after < NONE_WAIT else None
    decided = decide(source, policy, NOW, needs.reasons, backlog)
    left = replace(source, snapshots=tuple(one for one in source.snapshots if one.guid in guids(decided, keep=True)))
    assert left.snapshots[-1] == source.snapshots[-1]
    capped = any("too many wait" in one.why for one in decided if not one.keep)
    for task, target, claim in tasks:
        could, had = way_on(task, source, target)
        can, has = way_on(task, left, target)
        assert can == could, task
        if could and not capped and claim.waits:
            assert has == had, task
    again = decide(left, policy, NOW, needs.reasons, backlog)
    assert all(one.keep for one in again)


@settings(max_examples=200)
@given(worlds(), policies)
def test_a_target_that_is_pruned_goes_on_as_before(
    world: tuple[Dataset, list[tuple[Task, Dataset | None, Claim]]], policy: Policy
) -> None:
    source, tasks = world
    for task, target, _ in tasks:
        if target is None or not continues(source, target):
            continue
        ours = replace(target, snapshots=tuple(replace(one, name=named(index)) for index, one in enumerate(
            reversed(target.snapshots))))  # fmt: skip
        ours = replace(ours, snapshots=tuple(sorted(ours.snapshots, key=lambda one: one.createtxg)))
        decided = decide(ours, policy, NOW, needs_of(ours, []).reasons)
        left = replace(ours, snapshots=tuple(one for one in ours.snapshots if one.guid in guids(decided, keep=True)))
        assert left.snapshots[-1] == ours.snapshots[-1]
        before, after = way_on(task, source, ours), way_on(task, source, left)
        assert after[0] == before[0]
        assert after[1] == before[1] - guids(decided, keep=False)


# What the box itself says right before

LISTED = (
    "tank/a@{0}\t1\t10\ntank/a@{1}\t2\t11\ntank/a@{2}\t3\t12\ntank/a@{3}\t4\t13\n"
    "tank/a#dplane-aabb-1\t2\t11\ntank/a#mine\t1\t10\n"
)
NAMES = [named(age * HOUR) for age in (4, 3, 2, 1)]


def details(**changed: Mapping[str, str]) -> str:
    rows = []
    for number, name in enumerate(NAMES):
        values = {"guid": str(number + 1), "userrefs": "0", "clones": "", **changed.get(f"n{number}", {})}
        rows += [f"tank/a@{name}\t{prop}\t{value}\n" for prop, value in values.items() if value != "missing"]
    return "".join(rows)


def test_only_the_mark_that_root_gave_the_snapshot_itself_says_for_whom_it_was_taken() -> None:
    said = (
        "tank/a@1\tbox-a\tlocal\ntank/a@2\tbox-a\tinherited from tank/a\ntank/a@3\tbox-a\treceived\n"
        "tank/a@4\t-\t-\ntank/a/b@5\tbox-a\tlocal\nnonsense\n"
    )
    assert taken_for("tank/a", said) == {"1": "box-a", "2": "", "3": "", "4": ""}
    assert marks_argv("tank/a")[-2:] == ["dplane:peer", "tank/a"]
    assert marks_argv("tank/a", ["x"])[-2:] == ["dplane:peer", "tank/a@x"]


def test_a_mark_of_a_peer_stands_in_the_way_only_while_it_is_let_in() -> None:
    listed = f"{LISTED.format(*NAMES)}tank/a#{theirs('nas-b', 3)}\t3\t12\n"
    chosen = {NAMES[1]: "2", NAMES[2]: "3"}
    for peers, kept in ((None, chosen), ({"nas-b"}, chosen), ({"nas-c"}, {NAMES[1]}), ((), {NAMES[1]})):
        assert set(in_the_way("tank/a", chosen, listed, details(), peers)) == set(kept)


@pytest.mark.parametrize(
    ("chosen", "told", "why"),
    [
        ({NAMES[0]: "1"}, details(), None),
        ({NAMES[1]: "2"}, details(), "an increment may start"),
        ({NAMES[3]: "4"}, details(), "the newest"),
        ({NAMES[0]: "2"}, details(), "another snapshot has its name"),
        ({NAMES[0]: "1"}, details(n0={"guid": "9"}), "another snapshot has its name"),
        ({NAMES[2]: "3"}, details(n2={"userrefs": "2"}), "it is held"),
        ({NAMES[2]: "3"}, details(n2={"userrefs": "missing"}), "does not tell"),
        ({NAMES[2]: "3"}, details(n2={"clones": "tank/b,tank/c"}), "tank/b is a clone"),
        ({NAMES[2]: "3"}, details(n2={"clones": "-"}), None),
        ({NAMES[2]: "3"}, details(n2={"clones": "missing"}), "not known"),
        ({NAMES[2]: "3"}, "", "told nothing of it"),
        ({NAMES[3]: "4"}, details(n3={"userrefs": "1"}), "it is held"),  # which a preview must not take for the newest
        ({named(9 * HOUR): "5"}, details(), "gone already"),
        ({"autosnap_1": "5"}, details(), "no task or policy gives such a name"),
        ({"dplane-mine": "5"}, details(), "no task or policy gives such a name"),
    ],
)
def test_what_the_box_says_right_before_is_heeded(chosen: dict[str, str], told: str, why: str | None) -> None:
    kept = in_the_way("tank/a", chosen, LISTED.format(*NAMES), told)
    assert set(kept) == (set(chosen) if why else set())
    if why:
        assert why in next(iter(kept.values()))
