"""What retention destroys, batch by batch, where a box answers late or badly or others destroy at that moment."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from dplane_tui.errors import BusyError, ChangedError, CommandError, TimedOutError, UnreachableError
from dplane_tui.services.replication import records
from dplane_tui.services.replication.model import Peer, Task
from dplane_tui.services.replication.options import change
from dplane_tui.services.replication.read import Dataset
from dplane_tui.services.replication.read import Point as Listed
from dplane_tui.services.retention import claims
from dplane_tui.services.retention.hand import Hand, settled
from dplane_tui.services.retention.looking import GONE
from dplane_tui.services.retention.model import BEGUN, Judged, Pruned
from dplane_tui.services.retention.plan import Decision
from dplane_tui.services.retention.points import Point
from dplane_tui.services.retention.pruners import AgentPruner, LocalPruner, Looked, NothingDoneError
from dplane_tui.services.retention.run import Retention, Scope
from dplane_tui.services.store import open_store


class Racing:
    """A box where something else happens between a look and a destroy."""

    def __init__(self, count: int) -> None:
        self.there = {f"snap-{number}": str(number) for number in range(count)}
        self.chosen = dict(self.there)
        self.asked = 0
        self.blind = False

    async def look(self, dataset: str, chosen: Mapping[str, str], *, sizes: bool = True) -> Looked:
        self.asked += 1
        if self.blind:
            raise CommandError(f"{dataset} cannot be looked at.")
        return Looked({name: GONE for name in chosen if name not in self.there}, 0)

    async def prune(self, dataset: str, chosen: Mapping[str, str]) -> None:
        self.asked += 1
        if any(name not in self.there for name in chosen):
            raise ChangedError(f"{dataset} is not what you saw.")
        for name in chosen:
            del self.there[name]


def going(chosen: Mapping[str, str]) -> list[Decision]:
    """Decisions that all of these go."""
    return [Decision(Point(name, guid, int(guid), 1), False, "it is old") for name, guid in chosen.items()]


async def test_what_another_tool_prunes_at_that_moment_stops_nothing_and_is_no_error() -> None:
    box = Racing(250)
    went = {f"snap-{number}" for number in (3, 50, 51, 120, 249)}
    for name in went:
        del box.there[name]
    hand = Hand(box)  # type: ignore[arg-type]
    assert await hand._destroy("tank/a", going(box.chosen)) == dict.fromkeys(went, GONE)
    assert not box.there
    assert hand.refused == 0


async def test_a_look_that_fails_then_leaves_what_was_destroyed_before_on_record() -> None:
    box = Racing(250)
    del box.there["snap-120"]
    box.blind = True
    errors = await Hand(box)._destroy("tank/a", going(box.chosen))  # type: ignore[arg-type]
    assert set(errors) == {f"snap-{number}" for number in range(100, 200)}
    assert set(errors.values()) == {"tank/a cannot be looked at."}
    assert set(box.there) == set(errors) - {"snap-120"}


@pytest.mark.parametrize("then", [CommandError, TimedOutError, UnreachableError])
async def test_what_may_have_gone_is_not_tried_again_and_no_later_word_makes_it_certain(
    then: type[CommandError | UnreachableError],
) -> None:
    box = Racing(250)

    async def prune(dataset: str, chosen: Mapping[str, str]) -> None:
        box.asked += 1
        if "snap-120" in chosen:
            raise then("zfs did not end in time.")
        if box.asked > 2:
            raise NothingDoneError("Another destructive act is still running.")

    box.prune = prune  # type: ignore[method-assign]
    hand, chosen = Hand(box), going(box.chosen)  # type: ignore[arg-type]
    judged = hand._judged("tank/a", chosen, await hand._destroy("tank/a", chosen))
    assert [one.fate(dry=False) for one in judged] == ["gone"] * 100 + ["unclear"] * 100 + ["LEFT"] * 50
    if then is not CommandError:
        assert box.asked == 2, "what may be at work still is given no more to do"


async def test_what_goes_while_zfs_was_too_busy_to_destroy_it_is_not_claimed() -> None:
    box = Racing(4)
    asked = box.prune

    async def prune(dataset: str, chosen: Mapping[str, str]) -> None:
        if box.asked == 0:
            box.asked += 1
            del box.there["snap-1"]
            raise BusyError(f"{dataset} is busy.")
        await asked(dataset, chosen)

    box.prune = prune  # type: ignore[method-assign]
    assert await Hand(box)._destroy("tank/a", going(box.chosen)) == {"snap-1": GONE}  # type: ignore[arg-type]
    assert not box.there


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("link", [True, False])
async def test_what_may_have_gone_is_neither_called_destroyed_nor_left_until_it_is_listed_once_more(
    count: int, link: bool
) -> None:
    box = Racing(count)

    async def prune(dataset: str, chosen: Mapping[str, str]) -> None:
        box.there.clear()
        raise (CommandError if link else UnreachableError)(f"{dataset}: no answer within 600 s.")

    async def look(dataset: str, chosen: Mapping[str, str], *, sizes: bool = True) -> Looked:
        raise UnreachableError("gone")

    box.prune, box.look = prune, look  # type: ignore[method-assign]
    hand, chosen = Hand(box), going(box.chosen)  # type: ignore[arg-type]
    judged = hand._judged("tank/a", chosen, await hand._destroy("tank/a", chosen))
    assert not any(one.destroyed for one in judged)
    assert all(one.unknown for one in judged)
    assert {one.fate(dry=False) for one in judged} == {"unclear"}
    assert all(one.destroyed and not one.error for one in settled(judged, {"tank/a": ()}))
    assert settled(judged, {}) == judged, "its pool hangs, or it is away: nothing is known of it"
    left = settled(judged, {"tank/a": {one.guid for one in judged}})
    assert {one.fate(dry=False) for one in left} == {"unclear"}, "it may be at work still"
    assert "it was still listed right after that: tank/a: no answer" in left[0].error


async def test_each_batch_is_on_record_before_it_goes_and_once_more_with_what_became_of_it() -> None:
    box = Racing(250)
    del box.there["snap-120"]
    told: list[Counter[str]] = []

    async def record(batch: Sequence[Judged]) -> None:
        told.append(Counter(one.error for one in batch))
        if len(told) == 5:
            raise asyncio.CancelledError

    hand = Hand(box, record=record)  # type: ignore[arg-type]
    with pytest.raises(asyncio.CancelledError):
        await hand._destroy("tank/a", going(box.chosen))
    assert told == [{BEGUN: 100}, {"": 100}, {BEGUN: 100}, {"": 99, GONE: 1}, {BEGUN: 50}]
    assert len(box.there) == 50, "nothing goes that could not be recorded"


@pytest.mark.parametrize("busy", [1, 2, 3])
async def test_a_store_that_is_busy_lets_nothing_go_unrecorded_and_stops_no_account_of_what_went(busy: int) -> None:
    box, told = Racing(250), 0

    async def record(_batch: Sequence[Judged]) -> None:
        nonlocal told
        told += 1
        if told == busy:
            raise BusyError("The store was busy.")

    hand, chosen = Hand(box, record=record), going(box.chosen)  # type: ignore[arg-type]
    judged = hand._judged("tank/a", chosen, await hand._destroy("tank/a", chosen))
    gone = {1: 0, 2: 250, 3: 100}[busy]
    assert (250 - len(box.there), sum(one.destroyed for one in judged)) == (gone, gone)
    assert all("could not be recorded: The store was busy" in one.error for one in judged if not one.destroyed)
    assert len(hand.unrecorded) == (100 if busy == 2 else 0)


async def test_of_one_snapshot_the_last_word_is_on_record_and_nothing_of_what_others_destroyed(tmp_path: Path) -> None:
    judged = [Pruned("target", "v/a", f"s{at}", str(at), 1.0, BEGUN) for at in range(3)]
    async with open_store(tmp_path / "store.db", write=True) as store:
        await records.add_task(store, Task("photos", "tank/photos", None, "v"))
        run = await records.new_run(store, "photos")
        await claims.record(store, run.id, "photos", judged)
        await claims.record(store, run.id, "photos", [replace(judged[0], error="")])
        await claims.record(store, run.id, "photos", [replace(judged[1], error=GONE)], dropped=GONE)
        kept = (await records.run(store, run.id)).pruned
    assert {one.snapshot: one.error for one in kept} == {"s0": "", "s2": BEGUN}


async def test_another_run_counts_where_it_destroyed_the_same_or_is_at_it_and_nowhere_else(tmp_path: Path) -> None:
    rows = [Pruned(*where, error) for where, error in (
        (("source", "tank/a", "s0", "0", 1.0), ""), (("target", "v/a", "s1", "1", 1.0), BEGUN),
        (("target", "v/a", "s2", "2", 1.0), "it is held"), (("target", "v/a", "s3", "3", 1.0), ""),
    )]  # fmt: skip
    async with open_store(tmp_path / "store.db", write=True) as store:
        for name in ("attic", "roof"):  # one box by two names
            peer = Peer(name, "root", "192.0.2.1", 22, "k", "f", "g", True, None, 0.0)
            await records.put_peer(store, replace(peer, mark="m"))
        await records.add_task(store, Task("photos", "tank/a", "attic", "v/a"))
        run, other = [await records.new_run(store, "photos") for _ in range(2)]
        await claims.record(store, other.id, "photos", rows)

        async def found(box: str | None, asking: str = run.id) -> set[tuple[str, str]]:
            return set(await claims.pruned_by_others(store, asking, box, {"0", "1", "2", "3", "7"}))

        assert await found(None) == {("tank/a", "0")}
        assert await found("attic") == await found("roof") == {("v/a", "1"), ("v/a", "3")}
        assert await found("attic", other.id) == await found("shed") == set()
        await records.update_run(store, other.id, state="died")
        assert await found("attic") == {("v/a", "3")}, "whether it destroyed that one is not known"


@pytest.mark.parametrize(
    ("said", "nothing"),
    [
        ("zfs destroy failed: cannot destroy snapshots: dataset is busy", True),
        ("Another destructive act is still running (snapshot-prune); try again when it has ended.", True),
        ("vault says: “The far box could not list v/a.”", True),
        ("zfs destroy failed: it was ended by signal 9 and said nothing", False),
        ("zfs destroyed, but v/a@s is still listed.", False),
        ("It was done, but could not be read back: zfs list took too long.", False),
        ("The privileged helper ended with status 137 and no answer.", False),
    ],
)
async def test_whether_nothing_went_is_known_by_the_words_of_our_own_helper(said: str, nothing: bool) -> None:
    class Helper:
        async def call(self, *_: object, **__: object) -> None:
            raise CommandError(said)

        async def ask(self, *_: object, **__: object) -> None:
            raise CommandError(said)

        peer = SimpleNamespace(name="vault", address="vault")

    helper = cast(Any, Helper())
    for pruner in (LocalPruner(cast(Any, None), helper), AgentPruner(helper, True)):
        with pytest.raises(CommandError) as raised:
            await pruner.prune("v/a", {"s": "1"})
        assert isinstance(raised.value, NothingDoneError) is nothing
        assert raised.value.message == said


async def test_a_box_that_changes_its_mind_without_end_is_asked_a_few_times() -> None:
    box = Racing(300)

    async def look(dataset: str, chosen: Mapping[str, str], *, sizes: bool = True) -> Looked:
        box.asked += 1
        return Looked({min(chosen): "it is held"}, 0)

    async def prune(dataset: str, chosen: Mapping[str, str]) -> None:
        box.asked += 1
        raise ChangedError("not now")

    box.look, box.prune = look, prune  # type: ignore[method-assign]
    errors = await Hand(box)._destroy("tank/a", going(box.chosen))  # type: ignore[arg-type]
    assert set(errors) == set(box.chosen)
    assert box.asked < 40


class Place:
    """A side of a task with one dataset, in which a snapshot goes while others are destroyed."""

    name = "vault"

    def __init__(self, dataset: str, names: Sequence[str], goes: str) -> None:
        self.dataset, self.goes = dataset, goes
        self.points = [Listed(name, str(at), at + 1) for at, name in enumerate(names)]

    async def read(self, *_: object) -> Any:
        side = {self.dataset: Dataset(self.dataset, {"type": "filesystem"}, tuple(self.points))}
        return side if self.dataset == "tank/a" else (side, None)

    def pruner(self) -> Any:
        async def look(_dataset: str, _chosen: Mapping[str, str], **_: object) -> Looked:
            return Looked({}, 0)

        async def prune(_dataset: str, chosen: Mapping[str, str]) -> None:
            self.points = [one for one in self.points if one.name not in {*chosen, self.goes}]

        async def nothing(*_: object) -> Any:
            return {}

        return SimpleNamespace(look=look, prune=prune, others=nothing, taken_for=nothing, let_in=nothing)


@pytest.mark.parametrize(
    ("goes", "at", "elsewhere", "accused"),
    [
        ("zfs-auto-snap_hourly-2026-01-01-0017", "target", False, False),  # that tool's, and a person's, own business
        ("before the move", "target", False, False),
        ("dplane-auto-2026-01-07T12-00-00Z", "source", False, False),  # the dataset's policy runs at the same hour
        ("dplane-auto-2026-01-07T12-00-00Z", "target", False, True),
        ("dplane-2026-01-07T00-00-00Z", "source", True, False),  # another task's run let it go
        ("dplane-2026-01-07T00-00-00Z", "source", False, True),
        ("dplane-2026-01-07T00-00-00Z", "target", False, True),
    ],
)
async def test_somebody_is_to_be_found_only_for_what_nobody_else_may_let_go(
    tmp_path: Path, goes: str, at: str, elsewhere: bool, accused: bool
) -> None:
    names = [f"dplane-2026-01-{day:02}T00-00-00Z" for day in range(2, 9)]
    names = sorted({goes, *names}, key=lambda name: name[-20:])
    here, there = (
        Place(name, names, goes if side == at else "") for name, side in (("tank/a", "source"), ("v/a", "target"))
    )
    keep = {f"keep_{at}": "2"}
    task = Task("t", "tank/a", None, "v/a")
    task = replace(task, options=change(task.options, keep))
    async with open_store(tmp_path / "store.db", write=True) as store:
        await records.add_task(store, task)
        run, other = [await records.new_run(store, "t") for _ in range(2)]
        if elsewhere:
            guid = str(names.index(goes))
            await claims.record(store, other.id, "t", [Pruned("source", "tank/a", goes, guid, 1.0, BEGUN)])
        done = await Retention(task, cast(Any, here), cast(Any, there), store, tmp_path, run.id).apply(Scope())
    (side,) = done.sides
    assert any(one.destroyed for one in side.judged)
    assert ("find out who destroyed it" in side.problem) is accused, side.problem


async def test_a_store_that_is_busy_at_the_end_takes_nothing_back_of_what_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"dplane-2026-01-{day:02}T00-00-00Z" for day in range(2, 9)]
    here, there = (Place(name, names, "") for name in ("tank/a", "v/a"))
    task = Task("t", "tank/a", None, "v/a")
    task = replace(task, options=change(task.options, {"keep_target": "2"}))
    real, asked = claims.record, 0

    async def record(*args: Any, **more: Any) -> None:
        nonlocal asked
        asked += 1
        if asked > 1:
            raise BusyError("The store was busy.")
        await real(*args, **more)

    monkeypatch.setattr(claims, "record", record)
    async with open_store(tmp_path / "store.db", write=True) as store:
        await records.add_task(store, task)
        run = await records.new_run(store, "t")
        work = Retention(task, cast(Any, here), cast(Any, there), store, tmp_path, run.id)
        (side,) = (await work.apply(Scope())).sides
        kept = (await records.run(store, run.id)).pruned
    assert sum(one.destroyed for one in side.judged) == len(names) - len(there.points) == 5
    assert "What became of 5 snapshot(s) could not be recorded: The store was busy" in side.problem
    assert {one.error for one in kept} == {BEGUN}
