"""The planner against a model: whatever the history, the target accepts its plan and gets there, or it refuses."""

from __future__ import annotations

import asyncio
import subprocess
import tracemalloc
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dplane_tui.errors import CommandError, TooMuchError
from dplane_tui.services.host.base import Output
from dplane_tui.services.replication import agent_box, estimates, halves
from dplane_tui.services.replication.model import Options, Plan, Step, Task
from dplane_tui.services.replication.plan import make_plan, wants_snapshot
from dplane_tui.services.replication.read import ASKED, PRESERVED, Dataset, Point, Side, note, parse, top_values
from dplane_tui.services.replication.reread import reread
from dplane_tui.services.replication.source import LocalSource
from dplane_tui.services.replication.targets import AgentTarget, LocalTarget, PlainTarget

from .replication_world.zfs_model import token_of

TASK = Task("photos", "tank/photos", "nas-b", "vault/photos")
PLAIN = {"type": "filesystem", "written": "0", "referenced": "1000", "receive_resume_token": "-", "encryptionroot": "-"}


def points(*numbers: int) -> tuple[Point, ...]:
    return tuple(Point(f"s{number}", str(1000 + number), 10 * number) for number in numbers)


def side(name: str, snapshots: tuple[Point, ...] = (), marks: tuple[Point, ...] = (), **properties: str) -> Side:
    return {name: Dataset(name, {**PLAIN, **properties}, snapshots, marks)}


def receive(target: list[str], plan: Plan, source: Dataset) -> list[str]:
    """What OpenZFS does with the streams of a plan: GUIDs the target has afterwards. Fails where OpenZFS refuses."""
    have = list(target)
    order = [point.guid for point in source.snapshots]
    known = {f"@{point.name}": point for point in source.snapshots} | {f"#{m.name}": m for m in source.bookmarks}
    for step in plan.steps:
        if step.base is None:
            assert not have, "a full stream into a dataset that is there"
            have = [step.guid]
            continue
        base = known[step.base]
        assert have[-1] == base.guid == step.base_guid, "the target's newest snapshot is not the base"
        between = [point.guid for point in source.snapshots if point.createtxg > base.createtxg]
        if step.intermediates:
            assert step.base[0] == "@", "-I cannot start from a bookmark"
            have += between[: between.index(step.guid) + 1]
        else:
            have.append(step.guid)
        assert step.guid in order
    return have


histories = st.lists(st.tuples(st.sampled_from("sbtx"), st.booleans()), max_size=12)


@settings(max_examples=400, deadline=None)
@given(histories, st.booleans())
def test_whatever_the_history_a_plan_reaches_the_newest_snapshot_or_refuses(
    history: list[tuple[str, bool]], exists: bool
) -> None:
    """Each moment is a snapshot at both (s), at the target with a bookmark here (b), here only (x), there only (t)."""
    here: list[Point] = []
    marks: list[Point] = []
    there: list[Point] = []
    for number, (kind, keep) in enumerate(history, 1):
        point = Point(f"s{number}", str(1000 + number), 10 * number)
        if kind in "sx":
            here.append(point)
        if kind == "b":
            marks.append(point)
        if kind in "sbt" and exists and (keep or kind != "b"):
            there.append(point)
    source = side("tank/photos", tuple(here), tuple(marks))["tank/photos"]
    target = side("vault/photos", tuple(there)) if exists else {}
    plan = make_plan(TASK, {source.name: source}, target, None)
    before = [point.guid for point in there]
    if plan.conflicts:
        assert not plan.steps
        assert not plan.aborts
        assert exists
        ours = {point.guid for point in (*here, *marks)}
        newest_is_ours = bool(before) and before[-1] in ours
        nothing_later = newest_is_ours and not [p for p in here if p.createtxg > there[-1].createtxg]
        assert not newest_is_ours or nothing_later
        return
    if not here:
        assert plan.notes
        return
    after = receive(before, plan, source)
    assert after[: len(before)] == before, "nothing of the target is lost"
    assert after[-1] == here[-1].guid
    names = {point.guid: point for point in (*here, *marks, *there)}
    reached = side("vault/photos", tuple(names[guid] for guid in after))
    again = make_plan(TASK, {source.name: source}, reached, None)
    assert not again.steps
    assert not again.conflicts
    assert [match.guid for match in again.matches] == [here[-1].guid]


def remembered(history: list[tuple[str, bool]], name: str, exists: bool) -> tuple[Dataset, Dataset | None]:
    """A dataset and its copy with such a history; no GUID is that of another name."""
    here: list[Point] = []
    marks: list[Point] = []
    there: list[Point] = []
    for number, (kind, keep) in enumerate(history, 1):
        point = Point(f"s{number}", f"{name}-{number}", 10 * number)
        if kind in "sx":
            here.append(point)
        if kind == "b":
            marks.append(point)
        if kind in "sbt" and (keep or kind != "b"):
            there.append(point)
    copy = Dataset(f"vault{name[4:]}", dict(PLAIN), tuple(there)) if exists else None
    return Dataset(name, {**PLAIN, "written": "5"}, tuple(here), tuple(marks)), copy


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.tuples(histories, st.booleans()), min_size=1, max_size=4),
    st.sampled_from(["all", "newest"]),
    st.booleans(),
    st.booleans(),
)
def test_whatever_the_histories_of_a_tree_each_dataset_gets_there_or_refuses_and_the_preview_said_so(
    trees: list[tuple[list[tuple[str, bool]], bool]], initial: str, intermediates: bool, own: bool
) -> None:
    names = ["tank/photos", "tank/photos/a", "tank/photos/a/x", "tank/photos/b"][: len(trees)]
    task = replace(TASK, recursive=True, options=Options(initial=initial, intermediates=intermediates))
    source: Side = {}
    target: Side = {}
    for name, (history, exists) in zip(names, trees, strict=True):
        above = name.rpartition("/")[0]
        source[name], copy = remembered(history, name, exists and (name == names[0] or f"vault{above[4:]}" in target))
        if copy is not None:
            target[copy.name] = copy
    dry = make_plan(task, source, target, "dplane-now" if own else None)
    if own:  # the run takes it, looks again, and has the plan that was shown
        for name, one in source.items():
            taken = Point("dplane-now", f"{name}-now", 1000)
            source[name] = replace(one, snapshots=(*one.snapshots, taken), properties={**PLAIN, "written": "0"})
    plan = make_plan(task, source, target, None)
    assert [(s.kind, s.dataset, s.base, s.snapshot) for s in plan.steps] == [
        (s.kind, s.dataset, s.base, s.snapshot) for s in dry.steps
    ]
    assert [one.dataset for one in plan.conflicts] == [one.dataset for one in dry.conflicts]

    refused = {one.dataset for one in plan.conflicts}
    assert not refused & {step.dataset for step in plan.steps}
    after: Side = dict(target)
    for name in dict.fromkeys(step.dataset for step in plan.steps):
        place = f"vault{name[4:]}"
        for above in ("vault/photos", place.rpartition("/")[0]):
            if f"{place}/".startswith(f"{above}/") and above != place:
                after.setdefault(above, Dataset(above, dict(PLAIN)))  # a receive makes what is missing above
        before = [point.guid for point in target[place].snapshots] if place in target else []
        mine = replace(plan, steps=tuple(step for step in plan.steps if step.dataset == name))
        got = receive(before, mine, source[name])
        assert got[: len(before)] == before, "nothing of the target is lost"
        assert got[-1] == source[name].snapshots[-1].guid
        known = {p.guid: p for p in (*source[name].snapshots, *source[name].bookmarks)}
        known |= {p.guid: p for p in (target[place].snapshots if place in target else ())}
        after[place] = Dataset(place, dict(PLAIN), tuple(known[guid] for guid in got))
    again = make_plan(task, source, after, None)
    assert not again.steps, "a second plan is empty"
    assert {one.dataset for one in again.conflicts} == refused
    done = {step.dataset for step in plan.steps} | {match.dataset for match in plan.matches}
    assert {match.dataset for match in again.matches} == done


def test_the_same_name_with_another_guid_is_not_the_same_snapshot() -> None:
    target = side("vault/photos", (Point("s1", "999", 10),))
    plan = make_plan(TASK, side("tank/photos", points(1, 2)), target, None)
    assert [conflict.kind for conflict in plan.conflicts] == ["no-common"]


def test_another_name_with_the_same_guid_is_the_same_snapshot() -> None:
    target = side("vault/photos", (Point("renamed", "1001", 77),))
    plan = make_plan(TASK, side("tank/photos", points(1, 2)), target, None)
    assert [(step.kind, step.base, step.snapshot) for step in plan.steps] == [("incremental", "@s1", "s2")]


def test_a_conflict_says_since_when() -> None:
    plan = make_plan(TASK, side("tank/photos", points(1, 2)), side("vault/photos", points(1, 7)), None)
    assert plan.conflicts[0].kind == "target-newer"
    assert plan.conflicts[0].since == "s1"
    assert "@s7" in plan.conflicts[0].text


def test_a_target_without_snapshots_is_not_replaced() -> None:
    plan = make_plan(TASK, side("tank/photos", points(1)), side("vault/photos"), None)
    assert [conflict.kind for conflict in plan.conflicts] == ["target-exists"]


def test_the_snapshot_that_is_still_to_be_taken_is_planned_with_its_size() -> None:
    source = side("tank/photos", points(1), written="777")
    plan = make_plan(TASK, source, side("vault/photos", points(1)), "dplane-now")
    assert [(step.snapshot, step.guid, step.size, step.base) for step in plan.steps] == [("dplane-now", "", 777, "@s1")]


@pytest.mark.parametrize("between", [True, False])
def test_what_was_written_since_the_newest_snapshot_is_no_size_of_a_stream_from_an_older_base(between: bool) -> None:
    task = replace(TASK, options=Options(intermediates=between))
    source = side("tank/photos", points(1, 2), written="777")
    plan = make_plan(task, source, side("vault/photos", points(1)), "dplane-now")
    assert [(step.base, step.snapshot, step.size) for step in plan.steps] == [("@s1", "dplane-now", None)]
    first = make_plan(task, source, {}, "dplane-now")
    assert [(step.base, step.snapshot, step.size) for step in first.steps][-1] == ("@s1", "dplane-now", None)
    gone = side("tank/photos", points(1), marks=points(2), written="777")
    plan = make_plan(task, gone, side("vault/photos", points(1, 2)), "dplane-now")
    assert [(step.base, step.snapshot, step.size) for step in plan.steps] == [("#s2", "dplane-now", None)]


@given(st.lists(st.integers(1, 1000), max_size=6), st.integers(0, 1000), st.integers(-1, 5), st.booleans())
def test_a_dry_run_s_sizes_add_up_to_all_that_was_written_since_the_base(
    sizes: list[int], written: int, reached: int, between: bool
) -> None:
    """The target has the snapshot number `reached`, or nothing; each snapshot holds what was written before it."""
    made = points(*range(1, len(sizes) + 1))
    weights = {point.name: size for point, size in zip(made, sizes, strict=True)}
    here = side("tank/photos", made, written=str(written), referenced=str(sum(sizes) + written))
    base = made[min(reached, len(made) - 1)] if made and reached >= 0 else None
    task = replace(TASK, options=Options(intermediates=between))
    plan = make_plan(task, here, side("vault/photos", (base,)) if base else {}, "dplane-now")

    async def asked(step: Step) -> int:
        names = list(weights)
        return sum(sizes[names.index(step.base[1:]) + 1 if step.base else 0 : names.index(step.snapshot) + 1])

    sized = replace(plan, steps=asyncio.run(estimates.each(plan.steps, here, asked)))
    lacks = sum(sizes[made.index(base) + 1 if base else 0 :]) + written
    assert sized.size == lacks
    assert [replace(step, size=None) for step in sized.steps] == [replace(step, size=None) for step in plan.steps]


def test_a_snapshot_is_taken_only_when_something_was_written() -> None:
    assert wants_snapshot(TASK, side("tank/photos"))
    assert wants_snapshot(TASK, side("tank/photos", points(1), written="1"))
    assert not wants_snapshot(TASK, side("tank/photos", points(1)))
    assert wants_snapshot(TASK, side("tank/photos", points(1), written="?")), "unknown is not nothing"
    assert not wants_snapshot(replace(TASK, snapshot=False), side("tank/photos", points(1), written="1"))


def partial(
    toname: str = "tank/photos@s2", toguid: str = "1002", fromguid: str = "1001", *, raw: bool = False, count: int = 400
) -> str:
    return token_of({"bytes": count, "toguid": toguid, "toname": toname, "fromguid": fromguid, "raw": raw})


def test_an_interrupted_receive_is_resumed_and_the_rest_follows() -> None:
    target = side("vault/photos", points(1), receive_resume_token=partial())
    plan = make_plan(TASK, side("tank/photos", points(1, 2, 3)), target, None)
    assert [(step.kind, step.base, step.snapshot) for step in plan.steps] == [
        ("resume", "@s1", "s2"),
        ("incremental", "@s2", "s3"),
    ]


def test_how_much_is_left_of_a_first_copy_is_not_guessed_from_what_the_dataset_holds_now() -> None:
    begun = side("vault/photos", receive_resume_token=partial("tank/photos@s1", "1001", ""))
    plan = make_plan(TASK, side("tank/photos", points(1, 2), referenced="1500000"), begun, None)
    assert [(step.kind, step.size) for step in plan.steps] == [("resume", None), ("incremental", None)]


@pytest.mark.parametrize("token", [
    partial(toguid="5"),
    partial(toname="tank/other@s2"),
    partial(fromguid="5"),
    "1-2-3-4",
    "\x1b[2J",
])  # fmt: skip
def test_a_token_that_does_not_fit_is_given_up_and_planned_anew(token: str) -> None:
    target = side("vault/photos", points(1), receive_resume_token=token)
    plan = make_plan(TASK, side("tank/photos", points(1, 2)), target, None)
    assert [abort.token for abort in plan.aborts] == [token]
    assert [(step.kind, step.base) for step in plan.steps] == [("incremental", "@s1")]


@pytest.mark.parametrize(("there", "kind", "since"), [
    (side("vault/photos", (*points(1), Point("mine", "77", 15)), receive_resume_token=partial()), "target-newer", "s1"),
    (side("vault/photos", points(1), receive_resume_token=partial(), written="4096"), "target-written", "s1"),
    (side("vault/photos", receive_resume_token=partial()), "target-exists", None),
])  # fmt: skip
def test_an_increment_that_was_cut_counts_only_while_the_copy_is_as_it_was(there: Side, kind: str, since: str) -> None:
    here = side("tank/photos", points(1, 2))
    for stale in ((), {("vault/photos", partial())}):
        plan = make_plan(TASK, here, there, None, stale=stale)
        assert [(conflict.kind, conflict.since) for conflict in plan.conflicts] == [(kind, since)]
        assert (plan.steps, plan.aborts) == ((), ()), "what had arrived is left alone"
        assert "the part of @s2 that had arrived stays there as it is" in plan.conflicts[0].text


def test_a_copy_that_came_to_another_snapshot_of_ours_meanwhile_goes_on_from_there() -> None:
    target = side("vault/photos", points(1, 2), receive_resume_token=partial("tank/photos@s3", "1003", "1001"))
    plan = make_plan(TASK, side("tank/photos", points(1, 2, 3)), target, None)
    assert [abort.why for abort in plan.aborts] == ["the copy is no longer as it was when that stream began"]
    assert [(step.kind, step.base) for step in plan.steps] == [("incremental", "@s2")]


def test_a_full_that_was_cut_counts_only_while_the_copy_has_no_snapshot() -> None:
    here = side("tank/photos", points(1, 2))
    whole = side("vault/photos", points(1), receive_resume_token=partial(fromguid=""))
    plan = make_plan(TASK, here, whole, None)
    assert [(step.kind, step.base) for step in plan.steps] == [("incremental", "@s1")]
    assert len(plan.aborts) == 1
    begun = side("vault/photos", receive_resume_token=partial(fromguid=""), written="400")
    assert [step.kind for step in make_plan(TASK, here, begun, None).steps] == ["resume"]


def test_what_zfs_would_not_go_on_with_is_sent_anew_and_nothing_else_is() -> None:
    here = side("tank/photos", points(1, 2))
    target = side("vault/photos", points(1), receive_resume_token=partial())
    for stale, kinds in (
        ({("vault/photos", partial())}, ["incremental"]),
        ({("vault/photos", partial(count=300))}, ["resume"]),  # more of it has arrived since
        ({("vault/other", partial())}, ["resume"]),
    ):
        plan = make_plan(TASK, here, target, None, stale=stale)
        assert [step.kind for step in plan.steps] == kinds
        assert [abort.why for abort in plan.aborts] == ["ZFS refused to go on with it"] * (kinds != ["resume"])


@pytest.mark.parametrize("token", [partial("other/thing@x", "5", ""), partial("other/thing@x", "5", "6"), "1-2-3-4"])
def test_what_somebody_else_began_to_receive_is_not_thrown_away(token: str) -> None:
    begun = side("vault/photos", receive_resume_token=token)
    plan = make_plan(TASK, side("tank/photos", points(1)), begun, None)
    assert [conflict.kind for conflict in plan.conflicts] == ["target-exists"]
    assert not plan.aborts
    assert not plan.steps


def test_a_half_of_a_dataset_that_was_renamed_is_ours_still() -> None:
    begun = side("vault/photos", receive_resume_token=partial("tank/old@s1", "1001", ""))
    plan = make_plan(TASK, side("tank/photos", points(1)), begun, None)
    assert len(plan.aborts) == 1
    assert [step.kind for step in plan.steps] == ["full"]


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.sampled_from("sbtx"), min_size=1, max_size=8), st.data(), st.booleans(), st.booleans(), st.booleans()
)
def test_a_half_goes_on_only_where_zfs_takes_its_end(
    history: list[str], data: st.DataObject, written: bool, stale: bool, raw: bool
) -> None:
    """Moments as above; the half is of any of them, from any of them, from nothing, or from what nobody has."""
    every = points(*range(1, len(history) + 1))
    here, marks, there = (
        tuple(point for point, kind in zip(every, history, strict=True) if kind in kinds)
        for kinds in ("sx", "b", "sbt")
    )
    to = data.draw(st.sampled_from([*every, Point("gone", "5", 1)]))
    origin = data.draw(st.sampled_from(["", "6", *(point.guid for point in every)]))
    token = partial(f"tank/photos@{to.name}", to.guid, origin, raw=raw)
    source = side("tank/photos", here, marks)
    target = side("vault/photos", there, receive_resume_token=token, written="9" if written else "0")
    refused = {("vault/photos", token)} if stale else set()
    plan = make_plan(TASK, source, target, None, stale=refused)
    if plan.conflicts or not here:
        assert not plan.steps
        assert not plan.aborts
        return
    assert len(plan.matches) + bool(plan.steps) == 1
    if plan.steps and plan.steps[0].kind == "resume":
        assert not stale
        assert not raw, "the task sends plain"
        assert not plan.aborts
        assert (there[-1].guid if there else "") == origin
        assert not (origin and written)
        assert to in here
        reached = [*(point.guid for point in there), to.guid]
        assert receive(reached, replace(plan, steps=plan.steps[1:]), source["tank/photos"])[-1] == here[-1].guid
        return
    assert [abort.token for abort in plan.aborts] == [token], "ZFS takes nothing else while it is there"
    gone = halves.is_all(target["vault/photos"])
    before = [] if gone else [point.guid for point in there]
    after = receive(before, plan, source["tank/photos"])
    assert after[-1] == here[-1].guid
    assert after[: len(there)] == [point.guid for point in there]


def test_a_half_received_full_that_cannot_go_on_starts_again() -> None:
    token = partial(toguid="5", fromguid="")
    plan = make_plan(TASK, side("tank/photos", points(1)), side("vault/photos", receive_resume_token=token), None)
    assert plan.aborts
    assert [step.kind for step in plan.steps] == ["full"]


@pytest.mark.parametrize("was", [False, True])
@pytest.mark.parametrize("goes", [False, True])
def test_a_half_goes_on_only_in_the_kind_of_stream_it_began_in(was: bool, goes: bool) -> None:
    here = side("tank/photos", points(1, 2), encryptionroot="tank/photos", keystatus="available")
    begun = side("vault/photos", receive_resume_token=partial("tank/photos@s1", "1001", "", raw=was))
    plan = make_plan(replace(TASK, raw=goes), here, begun, None)
    assert [step.kind for step in plan.steps] == ["resume" if was == goes else "full", "incremental"]
    assert {step.raw for step in plan.steps} == {goes}
    assert len(plan.aborts) == (was != goes)


def test_encrypted_goes_raw_and_never_changes() -> None:
    source = side("tank/photos", points(1, 2), encryptionroot="tank/photos", keystatus="unavailable")
    assert all(step.raw for step in make_plan(TASK, source, {}, None).steps)
    plain = side("vault/photos", points(1))
    assert [c.kind for c in make_plan(TASK, source, plain, None).conflicts] == ["raw-mismatch"]
    told = make_plan(replace(TASK, raw=False), source, {}, None)
    assert "key is not loaded" in told.conflicts[0].text


def test_a_tree_goes_parents_first_and_keeps_its_shape() -> None:
    source = {
        **side("tank/photos", points(1)),
        **side("tank/photos/a b", points(1)),
        **side("tank/photos/a b/c", points(1)),
    }
    plan = make_plan(replace(TASK, recursive=True), source, {}, None)
    assert [step.target for step in plan.steps] == ["vault/photos", "vault/photos/a b", "vault/photos/a b/c"]


def rows(name: str, **values: str) -> str:
    """What `zfs get` writes for a dataset, in the order that was asked for."""
    told = {"type": "filesystem", **values}
    return "".join(f"{name}\t{prop}\t{told.get(prop, '-')}\t{'local' if prop in values else '-'}\n" for prop in ASKED)


def test_listings_are_read_whole_or_not_at_all() -> None:
    got = "tank/a b\ttype\tfilesystem\t-\ntank/a b\twritten\t5\t-\n"
    got += "tank/a b\tatime\toff\tinherited from tank\ntank/a b\tquota\t7\tlocal\n"
    got += "tank/a b\tdplane:was-quota\t9\tlocal\ntank/a b\tdplane:was-copies\t2\tinherited from tank\n"
    listed = "tank/a b@two\t22\t20\ntank/a b@one\t11\t10\ntank/a b#mark\t11\t10\ntank/other@x\t1\t1\n"
    found = parse(listed, got)["tank/a b"]
    assert [point.name for point in found.snapshots] == ["one", "two"]
    assert [point.name for point in found.bookmarks] == ["mark"]
    assert found.number("written") == 5
    assert found.local == {"quota": "7"}
    assert found.originals == {"quota": "9"}, "a note of the dataset above is not this one's"
    broken_lines = ("tank/a b@x\t1\n", "tank/a b@x\tone\t2\n", "tank/a b@x\t1\t2\t3\n", "\x1b[2J\n", "tank/a b@x\t1\t2")
    for broken in broken_lines:
        with pytest.raises(CommandError):
            parse(broken, got)
    with pytest.raises(CommandError):
        parse("", "tank/a b\ttype\n")
    with pytest.raises(CommandError):
        parse("", got[:-1])


@pytest.mark.parametrize(
    "odd", ["/srv/a\tb", "/srv/a\nb", "/srv/\n", "/srv/\t", "/a\n\n\tb\tlocal", "/a\ntank/b\tx\ty"]
)
def test_a_value_with_tabs_and_line_ends_is_one_value(odd: str) -> None:
    got = rows("tank/a", mountpoint=odd, canmount="off") + rows("tank/b", mountpoint="/srv/b")
    found = parse("tank/a@one\t11\t10\n", got)
    assert found["tank/a"].local == {"mountpoint": odd, "canmount": "off"}
    assert found["tank/b"].local == {"mountpoint": "/srv/b"}
    assert found["tank/a"].snapshots


@pytest.mark.parametrize(
    "forged",
    [
        "/x\tlocal\ntank/a\tcanmount\ton",  # a later property of the same dataset
        "/x\tlocal\ntank/a\ttype\tvolume",  # an earlier one
        "/x\tlocal\n" + rows("tank/b", mountpoint="/y")[:-1],  # a dataset that comes later
        "/x\tlocal\n" + rows("tank/0", mountpoint="/y")[:-1],  # one that came before
        "/x\tlocal\n" + rows("tank/b").split("tank/b\tcanmount")[0][:-1],  # whose own beginning it swallows
        "/x\tlocal\n" + rows("tank/new", mountpoint="/y").rpartition("\t")[0],  # one that there is not
    ],
)
@pytest.mark.parametrize("prop", ["mountpoint", "dplane:peer", note(PRESERVED[-1])])
def test_a_value_speaks_for_nothing_else(forged: str, prop: str) -> None:
    listing = rows("tank/0") + rows("tank/a", **{prop: forged}) + rows("tank/b", mountpoint="/srv/b")
    with pytest.raises(CommandError, match="cannot be understood"):
        parse("", listing)


class Zfs:
    """The `zfs` of a box, as far as a tree is read once more. User properties and mountpoints are inherited."""

    def __init__(self, there: dict[str, dict[str, str]]) -> None:
        self.there = there
        self.ran = self.told = 0

    def value(self, name: str, prop: str) -> tuple[str, str]:
        """A property and where it comes from."""
        own = {"type": "filesystem", **self.there[name]}
        if prop in own:
            return own[prop], "local"
        levels = name.split("/")[:-1] if ":" in prop or prop == "mountpoint" else []
        while levels:
            above = "/".join(levels)
            if prop in self.there.get(above, {}):
                return self.there[above][prop], f"inherited from {above}"
            levels.pop()
        return "-", "-"

    async def run(self, argv: list[str], timeout: float = 30.0) -> Output:
        self.ran += 1
        if "snapshot,bookmark" in argv:
            return Output(0, b"", b"")
        if argv[1] == "list":
            return Output(0, "".join(f"{name}\n" for name in self.there).encode(), b"")
        at = argv.index("-o")
        columns, props, names = argv[at + 1].split(","), argv[at + 2].split(","), argv[at + 3 :]
        names = list(self.there) if "-r" in argv else names
        told = ""
        for name, prop in ((name, prop) for name in names if name in self.there for prop in props):
            value, source = self.value(name, prop)
            if "-s" in argv and source.partition(" ")[0] not in argv[argv.index("-s") + 1].replace("none", "-").split(
                ","
            ):
                continue
            row = {"name": name, "property": prop, "value": value, "source": source}
            told += "\t".join(row[column] for column in columns) + "\n"
        gone = [name for name in names if name not in self.there]
        self.told += len(told)
        return Output(len(gone), told.encode(), "".join(f"{name} does not exist" for name in gone).encode())

    def got(self) -> str:
        return "".join(rows(name, **values) for name, values in self.there.items())


async def test_a_hostile_value_is_read_once_more_and_harms_only_its_own_dataset() -> None:
    forged = "/x\tlocal\n" + rows("tank/499", mountpoint="/y")
    zfs = Zfs({f"tank/{at:03}": {"mountpoint": f"/srv/{at}", "dplane:was-atime": "off"} for at in range(500)})
    zfs.there["tank/100"].update({"dplane:peer": forged, "mountpoint": f"{forged}\x1b[2J"})
    with pytest.raises(CommandError):
        parse("", zfs.got())
    found = parse("", await reread(zfs.run, "tank", True))
    assert set(found) == set(zfs.there)
    assert {one.local["mountpoint"] for one in found.values() if one.name != "tank/100"} == {
        f"/srv/{at}" for at in range(500) if at != 100
    }
    odd = found["tank/100"]
    assert (odd.kind, odd.originals) == ("filesystem", {"atime": "off"})
    assert odd.properties["dplane:peer"] == forged.replace("\n", "\ufffd").replace("\t", "\ufffd")
    assert "\x1b" not in odd.local["mountpoint"]
    assert zfs.ran == 1


async def test_a_hostile_value_that_many_inherit_costs_no_more_commands_and_is_none_of_theirs() -> None:
    zfs = Zfs({"tank/joe": {"dplane:peer": "x\ttank\ty\ntank/joe\tdplane:peer\tq\tlocal", "mountpoint": "/srv/\n"}})
    zfs.there |= {f"tank/joe/{at:04}": {"dplane:was-atime": "off"} for at in range(1000)}
    zfs.there["tank/joe/0500"]["dplane:peer"] = "nas"
    text = await reread(zfs.run, "tank/joe", True)
    found = parse("", text)
    assert (zfs.ran, set(found)) == (1, set(zfs.there))
    assert [name for name, one in found.items() if "dplane:peer" in one.properties] == ["tank/joe", "tank/joe/0500"]
    assert [name for name, one in found.items() if "mountpoint" in one.local] == ["tank/joe"]
    assert {one.originals["atime"] for name, one in found.items() if name != "tank/joe"} == {"off"}
    assert text.count("\ufffdtank/joe\ufffddplane:peer") == 1, "and the listing grows by it once"


async def test_long_values_that_many_inherit_are_fetched_once_and_read_without_an_object_for_each_line() -> None:
    names = ["dplane:peer", *(f"dplane:was-{name}" for name in ("atime", "exec", "mountpoint", "quota"))]
    zfs = Zfs({"tank/joe": dict.fromkeys(names, "ab\n" * 20_000)})
    zfs.there |= {f"tank/joe/{at}": {"dplane:was-sync": "always"} for at in range(50)}
    tracemalloc.start()
    found = parse("", await reread(zfs.run, "tank/joe", True))
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert zfs.told < 900_000
    assert most < 10 * zfs.told
    assert {one.originals.get("sync") for one in found.values()} == {None, "always"}
    assert len(found["tank/joe"].properties["dplane:peer"]) == 60_000
    plain = zfs.got()
    tracemalloc.start()
    assert parse("", plain)["tank/joe"].properties["dplane:peer"] == "ab\n" * 20_000
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 5 * len(plain)


async def test_what_is_too_much_because_many_inherit_it_is_read_without_that_on_each_side() -> None:
    zfs = Zfs({"tank/joe": {"dplane:peer": "x" * 20_000}, "tank/joe/a": {"dplane:was-sync": "always"}})
    asked: list[dict[str, object]] = []

    async def runs(argv: list[str], **_more: object) -> Output:
        output = await zfs.run(argv)
        if len(output.stdout) > 36_000:
            raise TooMuchError("zfs wrote too much and was ended.")
        return output

    async def asks(request: dict[str, object], **_more: object) -> dict[str, object]:
        asked.append(request)
        if "apart" not in request:
            raise TooMuchError("far answered with more than can be true.")
        return {"ok": True, "list": "", "get": await reread(zfs.run, "tank/joe", True), "available": 7}

    box = cast(Any, SimpleNamespace(run=runs, ask=asks, peer=SimpleNamespace(name="far")))
    task = Task("joe", "tank/joe", None, "b/joe", recursive=True)
    sides = [await LocalSource(box, cast(Any, None), task, None).read()]
    targets = (AgentTarget(box), PlainTarget(box), LocalTarget(box, cast(Any, None)))
    sides += [(await target.read("tank/joe", True))[0] for target in targets]
    assert len(asked) == 2
    for side in sides:
        assert set(side) == {"tank/joe", "tank/joe/a"}
        assert side["tank/joe/a"].originals == {"sync": "always"}
        assert "dplane:peer" not in side["tank/joe/a"].properties


def test_an_agent_answers_without_what_many_inherit_when_that_is_much(monkeypatch: pytest.MonkeyPatch) -> None:
    zfs = Zfs({"tank/joe": {"dplane:peer": "x" * 8000}, "tank/joe/a": {"dplane:was-sync": "always"}})

    def run(argv: list[str]) -> subprocess.CompletedProcess[str]:
        output = asyncio.run(zfs.run(argv))
        return subprocess.CompletedProcess(argv, output.status, output.text, output.error)

    monkeypatch.setattr(agent_box, "run", run)
    whole = agent_box.properties("tank/joe", True)
    assert (zfs.ran, whole.count("x" * 8000)) == (1, 2)
    monkeypatch.setattr(agent_box, "_LISTING_MOST", len(whole) - 1)
    assert agent_box.properties("tank/joe", True) == whole, "many rows are no long ones"
    assert zfs.ran == 2
    monkeypatch.setattr(agent_box, "_ROW_MOST", 100)
    less = agent_box.properties("tank/joe", True)
    assert (zfs.ran, less.count("x" * 8000)) == (4, 1)
    assert parse("", less) == parse("", whole)
    assert top_values(less, "tank/joe") == top_values(whole, "tank/joe") != {}
    assert agent_box.properties("tank/gone", False) == ""


def test_what_is_much_is_measured_as_it_goes_over_the_wire(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agent_box, "_PIECE", 10)
    monkeypatch.setattr(agent_box, "_LISTING_LIMIT", 99)
    monkeypatch.setattr(agent_box, "_LISTING_MOST", 50)
    for text in ('"' * 60, "\n" * 60, "\ufffd" * 20, "\x01" * 20, "\U0001f4be" * 9):
        assert agent_box._has_long_texts(text)
    assert not agent_box._has_long_texts("one row, and no long one\n" * 3)


async def test_who_can_guess_the_end_of_a_text_stops_the_reading_and_speaks_for_nothing() -> None:
    zfs = Zfs({"tank/a": {}, "tank/b": {}})

    async def sees(argv: list[str]) -> Output:
        mark = next(word for word in argv[argv.index("-o") + 2].split(",") if word.startswith("dplane:end-"))
        zfs.there["tank/a"]["dplane:peer"] = f"x\tlocal\ntank/a\t{mark}\t-\t-\ny"
        return await zfs.run(argv)

    with pytest.raises(CommandError, match="cannot be told apart"):
        await reread(sees, "tank", True)
    assert zfs.ran == 3


async def test_what_cannot_be_read_once_more_is_told_and_what_is_gone_has_no_rows() -> None:
    zfs = Zfs({"tank/a": {}})
    assert await reread(zfs.run, "tank/b", False) == ""

    async def fails(argv: list[str]) -> Output:
        return Output(1, b"", b"I/O error") if argv[1] == "get" else await zfs.run(argv)

    with pytest.raises(CommandError, match="tank could not be looked at"):
        await reread(fails, "tank", True)


@given(st.text(max_size=200), st.text(max_size=200))
def test_a_hostile_listing_is_a_sentence_or_a_side(listed: str, got: str) -> None:
    try:
        parse(listed, got)
    except CommandError as error:
        said = error.message
    else:
        said = ""
    assert said == "" or said.isprintable()
