"""What only a task needed goes with it, and nothing that anybody else needs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from dplane_tui.errors import CommandError, DivergedError, DPlaneError, NoSpaceError, RefusedError, UnreachableError
from dplane_tui.paths import Paths
from dplane_tui.services.door import Door
from dplane_tui.services.host import LocalHost
from dplane_tui.services.jobs.report import Reporter
from dplane_tui.services.replication import codec, divergence, far_source, holds, job, leftovers, records, worker
from dplane_tui.services.replication.bases import mark_of
from dplane_tui.services.replication.divergence import BESIDE, Resolution
from dplane_tui.services.replication.execute import Outcome
from dplane_tui.services.replication.far_holds import FarHolds
from dplane_tui.services.replication.job import Job
from dplane_tui.services.replication.model import Evidence, Options, Peer, Task
from dplane_tui.services.replication.read import Dataset, Point
from dplane_tui.services.replication.service import LocalReplication
from dplane_tui.services.replication.transport import Link
from dplane_tui.services.store import Store, open_store

from .replication_world import helper_command
from .replication_world.world import MB, World
from .replication_world.zfs_model import new_dataset
from .test_replication_directions import PULL, READ, far_holds, far_write
from .test_replication_directions import SOURCE as FAR
from .test_replication_directions import marks as marked

SOURCE = "tank/photos"
USB = Task("usb", SOURCE, None, "usb/copies/photos", recursive=True)


@pytest.fixture
async def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    async with World(tmp_path) as made:
        for name in ("DPLANE_STATE_DIR", "DPLANE_RUN_DIR", "PATH"):
            monkeypatch.setenv(name, made.environment[name])

        async def helper(_self: Door) -> tuple[str, ...]:
            return helper_command(tmp_path / "near")

        monkeypatch.setattr(Door, "argv", helper)
        with made.edit("near") as state:
            state["pools"]["usb"] = 1000 * MB
            state["datasets"]["usb"] = new_dataset()
        made.write(f"{SOURCE}/2026", 1000)
        yield made


def marks(world: World, dataset: str = SOURCE) -> set[str]:
    return {mark["name"] for mark in world.datasets("near")[dataset]["marks"]}


async def own_mark(world: World, name: str = "photos") -> str:
    async with open_store(world.database) as store:
        task = await records.task(store, name)
        return mark_of(await records.peer(store, task.peer) if task.peer else None, task)


async def test_the_bookmarks_of_a_task_go_with_it_and_all_others_stay(world: World) -> None:
    assert (await world.run()).state == "succeeded"
    mark = await own_mark(world)
    await world.add(USB)
    assert (await world.run()).state == "succeeded"
    with world.edit("near") as state:
        for name in ("mine", f"dplane-{'a' * 24}-{'0' * 16}"):  # a person's, and that of a box that pulls from here
            state["datasets"][SOURCE]["marks"].append({"name": name, "guid": "7", "txg": 1})
    before = {name: marks(world, name) for name in (SOURCE, f"{SOURCE}/2026")}
    assert all(any(one.startswith(mark) for one in found) for found in before.values())
    assert await LocalReplication(LocalHost()).remove_task("photos") == ""
    for name, had in before.items():
        assert marks(world, name) == {one for one in had if not one.startswith(mark)}
    world.write(SOURCE, 1000)
    run = await world.run()
    assert run.state == "succeeded", run.message
    assert run.evidence[0].base, "the other task goes on from where it was"


async def test_what_another_task_with_the_same_target_goes_on_from_stays(world: World) -> None:
    assert (await world.run()).state == "succeeded"
    before = marks(world)
    await world.add(Task("twin", SOURCE, "vault-box", "vault/backup/photos"))
    assert await LocalReplication(LocalHost()).remove_task("photos") == ""
    assert marks(world) == before


async def test_a_task_that_gets_another_target_leaves_no_bookmark_of_the_old_one(world: World) -> None:
    assert (await world.run()).state == "succeeded"
    old = await own_mark(world)
    world.foreign_snapshot("far", "vault/backup/photos", "mine")
    world.write(SOURCE, 1000)
    (found,) = divergence.loads((await world.run("conflicts")).plan)
    way = next(one for one in found.ways if one.way == BESIDE)
    wish = Resolution(BESIDE, found.dataset, way.plan, "vault/backup/photos2")
    done = await world.run("resolve", codec.dumps(wish))
    assert done.state == "succeeded", done.message
    assert not [name for name in marks(world) | marks(world, f"{SOURCE}/2026") if name.startswith(old)]
    assert (await world.run()).state == "succeeded"
    assert len(marks(world)) == 1
    assert (await own_mark(world)) != old


async def test_a_task_that_takes_only_its_source_from_now_on_lets_go_of_what_is_below(world: World) -> None:
    assert (await world.run()).state == "succeeded"
    mark = await own_mark(world)
    below, service = f"{SOURCE}/2026", LocalReplication(LocalHost())
    with world.edit("near") as state:
        state["datasets"][below]["marks"].append({"name": "mine", "guid": "7", "txg": 1})
    own = marks(world)
    task = await service.task("photos")
    await service.set_options("photos", task.options, recursive=False)
    assert (marks(world), marks(world, below)) == (own, {"mine"})
    with world.edit("near") as state:  # of a release that left it there
        state["datasets"][below]["marks"].append({"name": f"{mark}{'0' * 16}", "guid": "8", "txg": 1})
    assert await service.remove_task("photos") == ""
    assert (marks(world), marks(world, below)) == (set(), {"mine"})


async def test_what_below_cannot_be_let_go_of_is_told_with_what_was_done(world: World) -> None:
    service = LocalReplication(LocalHost())
    task = await service.task("photos")
    async with open_store(world.database, write=True) as store:
        await records.update_run(store, (await records.new_run(store, "photos")).id, state="succeeded")
    with world.edit("near") as state:
        for name in [name for name in state["datasets"] if name.startswith("tank")]:
            del state["datasets"][name]
    with pytest.raises(CommandError, match=f"takes only {SOURCE} from now on. Its bookmarks below .* may be left"):
        await service.set_options("photos", task.options, recursive=False)
    assert not (await service.task("photos")).recursive


async def test_bookmarks_that_cannot_be_reached_are_told_with_what_removes_them(world: World) -> None:
    assert (await world.run()).state == "succeeded"
    mark = await own_mark(world)
    with world.edit("near") as state:
        away = {name: state["datasets"].pop(name) for name in list(state["datasets"]) if name.startswith("tank")}
    left = await LocalReplication(LocalHost()).remove_task("photos")
    assert f"`zfs list -t bookmark -r {SOURCE}` shows them as #{mark}…" in left
    with world.edit("near") as state:
        state["datasets"] |= {name: one for name, one in away.items() if name == "tank"}
    await world.add(Task("again", SOURCE, "vault-box", "vault/backup/photos"))
    assert await LocalReplication(LocalHost()).remove_task("again") == "", (
        "its source is gone, and its bookmarks with it"
    )


async def killed(world: World) -> str:
    """A run that was killed while it sent, so that nobody ended what it had begun; its id."""
    run_id, process = await world.start(rate=MB)  # seconds before its end, also where this looks late
    await world.until_sent(run_id, process, MB // 4)
    process.kill()
    assert await process.wait() == -9
    assert (await world.stored(run_id)).state == "running"
    return run_id


async def rows(world: World, table: str) -> int:
    async with open_store(world.database) as store:
        return len(await store.rows(f"SELECT * FROM {table}"))  # noqa: S608 (a table's name)


def held(world: World) -> list[str]:
    return [tag for data in world.datasets("near").values() for snap in data["snaps"] for tag in snap.get("holds", [])]


async def test_holds_of_a_killed_run_are_released_when_its_task_is_removed(world: World) -> None:
    world.write(SOURCE, 8 * MB)
    await killed(world)
    assert held(world)
    assert await LocalReplication(LocalHost()).remove_task("photos") == ""
    assert held(world) == []
    assert await rows(world, "holds") == 0


@pytest.mark.parametrize("plain", [False, True])
async def test_what_a_removed_pull_left_at_its_source_goes_with_the_next_run_that_reaches_that_box(
    world: World, plain: bool
) -> None:
    world.root, world.rights = "vault/backup", [*READ, "--may-snapshot", "yes"]
    if plain:
        await world.make_plain()
    with world.edit("far") as state:
        for name in (FAR, f"{FAR}/a b"):
            state["datasets"][name] = {**new_dataset(), "written": 1000}
    await world.add(PULL, may_read=FAR, may_snapshot=not plain)
    assert (await world.run()).state == "succeeded"
    far_write(world, 8 * MB)
    await killed(world)
    with world.edit("far") as state:
        state["datasets"][FAR]["marks"].append({"name": "mine", "guid": "7", "txg": 1})
    before = far_holds(world)
    assert before
    service = LocalReplication(LocalHost())
    await service.set_options("pull", PULL.options, recursive=False)  # what is below was its own before
    left = await service.remove_task("pull")
    assert left.startswith("At vault-box its bookmarks, and holds of a run that was killed, are taken away by the next")
    assert far_holds(world) == before
    world.accepts = False
    world.cut()
    assert (await world.run(task="photos")).state == "failed"
    assert await rows(world, "left_there") == 1
    world.accepts = True
    run = await world.run(task="photos")
    assert run.state == "succeeded", run.message
    assert far_holds(world) == {}
    assert marked(world, "far", FAR) == ["7"], "a person's stays"
    assert marked(world, "far", f"{FAR}/a b") == []
    assert (await rows(world, "left_there"), await rows(world, "holds")) == (0, 0)


@pytest.mark.parametrize(
    ("ends", "cleans"),
    [(None, True), (DivergedError("no"), True), (NoSpaceError("no"), True), (UnreachableError("no"), False)],
)
async def test_a_run_that_reached_the_box_cleans_there_however_it_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ends: DPlaneError | None, cleans: bool
) -> None:
    class Played:
        async def run(self) -> Outcome:
            if ends is not None:
                raise ends
            return Outcome("succeeded", "")

    async def played(_job: Job, _task: Task) -> Played:
        return Played()

    async def clean(_store: Store, _where: Paths, ran: Task) -> list[leftovers.Left]:
        cleaned.append(ran.name)
        return [leftovers.Left("attic", "a/home", why) for why in (RefusedError("It may not."), CommandError("Busy."))]

    cleaned: list[str] = []
    where = Paths(tmp_path, tmp_path, tmp_path, False)
    monkeypatch.setattr(job, "_execution", played)
    monkeypatch.setattr(leftovers, "clean", clean)
    async with open_store(tmp_path / "store.db", write=True) as store:
        await records.add_task(store, USB)
        queued = await records.new_run(store, "usb")
        given = Job(store, queued, "", Reporter(tmp_path, queued.id, "replicate", ""), where, LocalHost())
        try:
            said = (await job._run(given)).message
        except DPlaneError as error:
            said = str(error)
    assert bool(cleaned) == cleans
    assert said.count("left at attic in a/home is still there, and no run tries again: It may not.") == int(cleans)
    assert "Busy" not in said, "the next run tries again"


class Released(FarHolds):
    """Holds at a box that can all be released; `names` are those that were."""

    def __init__(self, target: str = "tank/home", box: str = "attic") -> None:
        super().__init__(SimpleNamespace(peer=SimpleNamespace(name=box)), "a/home", target)  # type: ignore[arg-type]
        self.names: set[str] = set()

    async def _do(self, adds: bool, points: dict[str, str], tag: str) -> None:
        assert not adds
        assert tag.startswith("dplane-replicate-")
        self.names.update(points)

    async def pool_is_there(self) -> bool:
        return True


async def test_a_task_made_again_under_another_name_releases_what_the_one_before_it_left_held(tmp_path: Path) -> None:
    door = Released()
    async with open_store(tmp_path / "store.db", write=True) as store:
        made = [replace(PULL, name=name, source="a/home", target="tank/home") for name in ("gone", "lives", "again")]
        await records.put_peer(store, Peer("vault-box", "dplane", "10.0.0.2", 22, "key", "", "", True))
        for task in made[:2]:
            await records.add_task(store, task)
        for name in ("gone", "lives"):
            run = await records.new_run(store, name)
            async with store.transaction() as db:
                for box, snapshot, target in (
                    ("attic", f"a/home@{name}", "tank/home"),
                    ("attic", f"a/home/x@{name}", "tank/home"),
                    ("attic", f"a/home2@{name}", "tank/home"),
                    ("attic", f"a/home@{name}-elsewhere", "tank/other"),
                    ("cellar", f"a/home@{name}-there", "tank/home"),
                ):
                    sql = "INSERT INTO holds (run, tag, snapshot, guid, target) VALUES (?, ?, ?, '1', ?)"
                    await db.execute(sql, (run.id, f"@{box}|dplane-{run.id}", snapshot, target))
        await records.delete_task(store, "gone")
        await records.add_task(store, made[2])
        now = await records.new_run(store, "again")
        await holds.sweep_far(store, door, "again", now.id, {})
        assert door.names == {"a/home@gone", "a/home/x@gone"}, "what a task that lives holds is its own"
        assert len(await store.rows("SELECT 1 FROM holds")) == 8


ATTIC = Peer(
    "attic", "dplane", "10.0.0.2", 22, "key", "", "", True, may_read="a", may_snapshot=True, own_name="nas-1a2b3c"
)
RENAMED = replace(ATTIC, name="attic2", own_name="store-9f8e7d")
"""The same box, paired once more when this one had another name: its marks and holds there have other names."""
GONE = replace(PULL, name="gone", source="a/home", target="tank/home", source_peer="attic")


@pytest.fixture
async def attic(tmp_path: Path) -> AsyncIterator[Store]:
    """A box that is paired under two names, and a removed pull from it of which a run was killed."""
    async with open_store(tmp_path / "store.db", write=True) as store:
        for name in ("attic", "attic2"):
            await records.put_peer(store, replace(ATTIC, name=name))
        await records.add_task(store, GONE)
        run = await records.new_run(store, "gone")
        async with store.transaction() as db:
            sql = "INSERT INTO holds (run, tag, snapshot, guid, target) VALUES (?, ?, 'a/home@s', '7', 'tank/home')"
            await db.execute(sql, (run.id, f"@attic|dplane-{run.id}"))
        await records.delete_task(store, "gone")
        yield store


def at(*names: str) -> dict[str, Dataset]:
    return {name: Dataset(name, snapshots=(Point("s", "7", 1),)) for name in names}


async def test_what_is_held_under_another_name_by_now_is_found_by_its_guid(attic: Store) -> None:
    door = Released()
    door.source = "a/house"
    await holds.sweep_far(attic, door, "again", "now", at("a/other"))
    assert door.names == {"a/other@s"}
    assert not await attic.rows("SELECT 1 FROM holds")


async def test_where_a_tree_has_copies_of_itself_all_of_that_guid_are_tried(attic: Store) -> None:
    door = Released()
    await holds.sweep_far(attic, door, "again", "now", at("a/home/new", "a/home/copy"))
    assert door.names == {"a/home/new@s", "a/home/copy@s"}
    assert not await attic.rows("SELECT 1 FROM holds")


class Gone:
    """The source of a task that is gone."""

    def __init__(self, door: FarHolds, side: dict[str, Dataset], done: list[str]) -> None:
        self.door, self._side, self._done = door, side, done

    async def open(self) -> None:
        self._done.append("opened")

    async def left(self) -> dict[str, Dataset]:
        return self._side

    async def forget_all(self, _side: dict[str, Dataset]) -> None:
        self._done.append("forgotten")

    async def close(self) -> None:
        return None


async def refuse(_gone: Gone, _side: dict[str, Dataset]) -> None:
    raise RefusedError("This key may not take snapshots any more.")


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is done at a box whose names of today are those of the links."""
    found: list[str] = []

    def source_at(link: Link, gone: Task) -> Gone:
        return Gone(Released(gone.target, link.peer.name), at("a/home"), found)

    monkeypatch.setattr(far_source, "source_at", source_at)
    return found


async def test_what_the_task_of_the_same_box_by_its_other_name_goes_on_from_is_never_called_left(
    attic: Store, done: list[str], tmp_path: Path
) -> None:
    where = Paths(tmp_path, tmp_path, tmp_path, False)
    assert "At attic its bookmarks" in await leftovers._later(attic, GONE, "attic")
    again = replace(GONE, name="again", source_peer="attic2")
    await records.add_task(attic, again)
    said = await leftovers.clean_for_good(attic, where, "attic")
    assert said == "What removed tasks left there goes with the next run of a task with attic2, the same box."
    await records.delete_peer(attic, "attic")
    assert done == []
    assert len(await attic.rows("SELECT 1 FROM holds WHERE tag LIKE '@attic2|%'")) == 1
    assert await leftovers.clean(attic, where, again) == []
    assert done == ["opened"], "the hold is released, the bookmarks are the task's"
    assert not await attic.rows("SELECT 1 FROM holds") + await attic.rows("SELECT 1 FROM left_there")
    await records.put_peer(attic, replace(ATTIC, name="attic3"))
    assert await leftovers._later(attic, replace(GONE, source_peer="attic3"), "attic3") == ""


async def test_a_box_reached_by_its_other_name_is_cleaned_of_what_a_task_by_the_first_left(
    attic: Store, done: list[str], tmp_path: Path
) -> None:
    where = Paths(tmp_path, tmp_path, tmp_path, False)
    await leftovers._later(attic, GONE, "attic")
    other = replace(GONE, name="other", source="a/away", source_peer="attic2")  # nothing goes on from a/home
    await records.add_task(attic, other)
    assert await leftovers.clean(attic, where, other) == []
    assert done == ["opened", "forgotten"]
    assert not await attic.rows("SELECT 1 FROM holds") + await attic.rows("SELECT 1 FROM left_there")


async def test_what_is_refused_to_the_other_name_is_left_to_the_one_that_made_it(
    attic: Store, done: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def forget_all(self: Gone, _side: dict[str, Dataset]) -> None:
        if self.door.box == "attic2":
            raise RefusedError("This key may not take snapshots any more.")  # taken back there since, unknown here
        done.append("forgotten")

    monkeypatch.setattr(Gone, "forget_all", forget_all)
    where = Paths(tmp_path, tmp_path, tmp_path, False)
    await records.add_task(attic, replace(GONE, name="other", source="a/else", target="tank/else"))
    await leftovers._later(attic, GONE, "attic")
    assert await leftovers.clean(attic, where, replace(GONE, source="a/away", source_peer="attic2")) == []
    assert [row["peer"] for row in await attic.rows("SELECT peer FROM left_there")] == ["attic"]
    assert await leftovers.clean(attic, where, replace(GONE, source="a/away")) == []
    assert done == ["opened", "opened", "forgotten"]
    assert not await attic.rows("SELECT 1 FROM holds") + await attic.rows("SELECT 1 FROM left_there")


async def test_what_is_refused_to_the_other_name_is_told_once_when_no_task_goes_by_the_one_that_made_it(
    attic: Store, done: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Gone, "forget_all", refuse)
    where, ran = Paths(tmp_path, tmp_path, tmp_path, False), replace(GONE, source="a/away", source_peer="attic2")
    await leftovers._later(attic, GONE, "attic")
    (told,) = await leftovers.clean(attic, where, ran)
    assert (told.peer, told.source, told.for_good) == ("attic", "a/home", True)
    assert await leftovers.clean(attic, where, ran) == []
    assert done == ["opened"], "no run logs in for it again"


async def test_what_is_refused_to_the_other_name_is_told_when_the_first_ones_task_is_paused(
    attic: Store, done: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Gone, "forget_all", refuse)
    paused = replace(GONE, name="other", source="a/else", target="tank/else", options=Options(paused=True))
    await records.add_task(attic, paused)
    await leftovers._later(attic, GONE, "attic")
    where, ran = Paths(tmp_path, tmp_path, tmp_path, False), replace(GONE, source="a/away", source_peer="attic2")
    (told,) = await leftovers.clean(attic, where, ran)
    assert (told.peer, told.source, told.for_good) == ("attic", "a/home", True)


async def test_before_a_name_is_forgotten_what_is_left_under_another_is_not(
    attic: Store, done: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Gone, "forget_all", refuse)
    await records.put_peer(attic, replace(ATTIC, name="attic", may_read="a/home"))
    await records.put_peer(attic, replace(ATTIC, name="attic2", may_read="a"))
    await leftovers._later(attic, GONE, "attic")
    away = replace(GONE, name="away", source="a/away", target="tank/away", source_peer="attic2")
    await leftovers._later(attic, away, "attic2")
    said = await leftovers.clean_for_good(attic, Paths(tmp_path, tmp_path, tmp_path, False), "attic2")
    assert "bookmarks below a/away." in said
    assert "a/home" not in said
    assert [row["peer"] for row in await attic.rows("SELECT peer FROM left_there")] == ["attic"]


async def lives_again(attic: Store, former: int) -> None:
    """The removed task is there as if it had never been removed, and its run is `former`."""
    await records.add_task(attic, GONE)
    async with attic.transaction() as db:
        await db.execute("UPDATE runs SET former = ?", (former,))


@pytest.mark.parametrize("former", [0, 1])
async def test_what_a_task_that_lives_holds_is_not_what_a_removed_one_left(attic: Store, former: int) -> None:
    await lives_again(attic, former)  # also when the box showed another host key since
    door = Released()
    assert await holds.release_left(attic, door, at("a/home"))
    assert door.names == set()


async def test_what_a_killed_pull_held_is_released_also_when_its_task_sends_to_another_place_since(
    attic: Store, done: list[str], tmp_path: Path
) -> None:
    await lives_again(attic, 0)
    await records.place_changed(attic, "gone")
    await records.set_target(attic, "gone", "tank/home2")
    assert "holds of a run that was killed, are taken away" in await leftovers._later(attic, GONE, "attic")
    now = await records.task(attic, "gone")
    assert await leftovers.clean(attic, Paths(tmp_path, tmp_path, tmp_path, False), now) == []
    assert done == ["opened", "forgotten"]
    assert not await attic.rows("SELECT 1 FROM holds") + await attic.rows("SELECT 1 FROM left_there")


async def test_a_new_task_releases_what_another_held_for_the_place_it_had_before(attic: Store) -> None:
    await lives_again(attic, 1)
    await records.set_target(attic, "gone", "tank/home2")
    await records.add_task(attic, replace(GONE, name="again"))
    door = Released()
    await holds.sweep_far(attic, door, "again", "now", at("a/home"))
    assert door.names == {"a/home@s"}


async def test_a_task_finds_what_it_holds_also_when_runs_by_the_other_name_end_between_its_own(
    attic: Store, done: list[str], tmp_path: Path
) -> None:
    await lives_again(attic, 0)
    where, door = Paths(tmp_path, tmp_path, tmp_path, False), Released()
    push = Task("push", "tank/own", "attic2", "b/x")
    await records.add_task(attic, push)
    assert await leftovers.clean(attic, where, push) == []
    await holds.sweep_far(attic, door, "gone", "now", at("a/home"))
    assert door.names == {"a/home@s"}
    assert not await attic.rows("SELECT 1 FROM holds")
    assert done == []


async def test_a_task_by_the_other_name_releases_what_the_one_it_replaces_left_held(attic: Store) -> None:
    door = Released(box="attic2")
    await holds.sweep_far(attic, door, "again", "now", at("a/home"))
    assert door.names == {"a/home@s"}
    assert not await attic.rows("SELECT 1 FROM holds")


PLAIN = replace(ATTIC, name="attic2", user="root", product=False, may_read=None, may_snapshot=False)
"""The same box, paired when it had only ZFS."""
BACKUP = replace(PLAIN, name="attic", user="backup")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (ATTIC, PLAIN),  # bookmarks and holds have other names
        (BACKUP, PLAIN),  # an account may do no more than what was allowed to it
        (ATTIC, replace(ATTIC, name="attic2", may_read=None, may_snapshot=False)),
        (ATTIC, replace(ATTIC, name="attic2", may_read="a/other")),
        (ATTIC, RENAMED),
        (ATTIC, replace(RENAMED, own_name="")),  # not known
        (replace(ATTIC, own_name=""), replace(RENAMED, own_name="")),
    ],
)
async def test_a_name_that_cannot_take_away_what_was_left_by_another_leaves_it_to_that(
    attic: Store, done: list[str], tmp_path: Path, first: Peer, second: Peer
) -> None:
    where = Paths(tmp_path, tmp_path, tmp_path, False)
    for peer in (first, second):
        await records.put_peer(attic, peer)
    other = Task("other", "tank/own", "attic2", "b/x")
    await records.add_task(attic, other)
    assert "there is none now" in await leftovers._later(attic, GONE, "attic")
    assert await leftovers.clean(attic, where, other) == []
    assert done == []
    assert len(await attic.rows("SELECT 1 FROM holds WHERE tag LIKE '@attic|%'")) == 1
    assert await leftovers.clean_for_good(attic, where, "attic") == "", "it is taken away by itself, not handed over"
    assert done == ["opened", "forgotten"]
    assert not await attic.rows("SELECT 1 FROM holds") + await attic.rows("SELECT 1 FROM left_there")


@pytest.mark.parametrize("second", [PLAIN, RENAMED])
async def test_a_task_by_the_other_kind_of_pairing_keeps_the_bookmarks_until_it_has_begun_from_them(
    attic: Store, done: list[str], tmp_path: Path, second: Peer
) -> None:
    where = Paths(tmp_path, tmp_path, tmp_path, False)
    await records.put_peer(attic, second)
    again = replace(GONE, name="again", source_peer="attic2")
    await records.add_task(attic, again)
    assert "At attic its bookmarks" in await leftovers._later(attic, GONE, "attic"), "it removes none of that name"
    ran = replace(GONE, name="other", source="a/away")
    (left,) = await leftovers.clean(attic, where, ran)
    assert not left.for_good
    assert "again has not run yet" in str(left.why)
    assert "again has not run yet" in await leftovers.clean_for_good(attic, where, "attic"), "no advice without it"
    assert done == []
    run = await records.new_run(attic, "again")
    await records.add_evidence(attic, run.id, Evidence("a/home", "tank/home", "s", "7", "7", 1, None, 1.0, 1.0), 1.0)
    await records.update_run(attic, run.id, state="succeeded")
    assert await leftovers.clean(attic, where, ran) == []
    assert done == ["opened", "forgotten"]
    assert not await attic.rows("SELECT 1 FROM holds") + await attic.rows("SELECT 1 FROM left_there")


async def test_bookmarks_that_may_be_a_tasks_own_stay_until_it_is_known(
    attic: Store, done: list[str], tmp_path: Path
) -> None:
    """After an upgrade it is not known yet by which name that box accepts which key."""
    where, ran = Paths(tmp_path, tmp_path, tmp_path, False), replace(GONE, name="other", source="a/away")
    await records.put_peer(attic, replace(RENAMED, own_name=""))
    await records.add_task(attic, replace(GONE, name="again", source_peer="attic2"))
    assert "At attic its bookmarks" in await leftovers._later(attic, GONE, "attic")
    (left,) = await leftovers.clean(attic, where, ran)
    assert not left.for_good
    assert "Whether the task again goes on from these bookmarks is not known. `dplane peer test` of" in str(left.why)
    assert done == []
    await records.put_peer(attic, replace(RENAMED, own_name=ATTIC.own_name))
    assert await leftovers.clean(attic, where, ran) == []
    assert done == ["opened"], "the hold is released, the bookmarks are the task's"


async def test_what_was_held_by_another_name_of_this_box_is_not_taken_for_released(attic: Store) -> None:
    await records.put_peer(attic, RENAMED)
    door = Released(box="attic2")
    await holds.sweep_far(attic, door, "again", "now", at("a/home"))
    assert door.names == set()
    assert len(await attic.rows("SELECT 1 FROM holds")) == 1


async def test_bookmarks_that_a_task_by_another_account_goes_on_from_stay(
    attic: Store, done: list[str], tmp_path: Path
) -> None:
    for peer in (BACKUP, PLAIN):  # accounts of this box name them alike
        await records.put_peer(attic, peer)
    await records.add_task(attic, replace(GONE, name="again", source_peer="attic2"))
    assert "At attic its bookmarks" in await leftovers._later(attic, GONE, "attic"), "the hold is not that account's"
    where = Paths(tmp_path, tmp_path, tmp_path, False)
    assert await leftovers.clean(attic, where, replace(GONE, name="other", source="a/away")) == []
    assert done == ["opened"]
    assert not await attic.rows("SELECT 1 FROM holds") + await attic.rows("SELECT 1 FROM left_there")


@pytest.mark.parametrize("plain", [False, True])
async def test_a_hold_of_a_killed_pull_is_released_also_when_its_dataset_was_renamed_there(
    world: World, plain: bool
) -> None:
    world.root, world.rights = "vault/backup", ["--may-read", "vault", "--may-snapshot", "yes"]
    if plain:
        await world.make_plain()
    with world.edit("far") as state:
        state["datasets"][FAR] = new_dataset()
    await world.add(PULL, may_read="vault", may_snapshot=not plain)
    far_write(world, 8 * MB)
    await killed(world)
    assert far_holds(world)
    await LocalReplication(LocalHost()).remove_task("pull")
    with world.edit("far") as state:
        state["datasets"]["vault/house"] = state["datasets"].pop(FAR)
    run = await world.run(task="photos")
    assert f"at vault-box in {FAR} is still there" in run.message
    assert "may be under another name" in run.message
    assert await rows(world, "left_there") == 0, "told once"
    assert far_holds(world)
    await world.add(replace(PULL, name="again", source="vault/house"))
    run = await world.run()
    assert run.state in records.GOOD, run.message
    assert far_holds(world) == {}
    assert await rows(world, "holds") == 0


async def test_a_pull_that_was_made_again_keeps_what_it_goes_on_from(world: World) -> None:
    world.rights = [*READ, "--may-snapshot", "yes"]
    with world.edit("far") as state:
        state["datasets"][FAR] = {**new_dataset(), "written": 1000}
    await world.add(PULL, may_read=FAR, may_snapshot=True)
    assert (await world.run()).state == "succeeded"
    base = marked(world, "far", FAR)
    service = LocalReplication(LocalHost())
    await service.remove_task("photos")
    assert "there is none now" in await service.remove_task("pull")
    await world.add(PULL)
    far_write(world, 1000)
    with world.edit("far") as state:
        state["datasets"][FAR]["snaps"].clear()
    run = await world.run()
    assert run.state == "succeeded", run.message
    assert (run.evidence[0].base or "").startswith("#dplane-")
    assert marked(world, "far", FAR) != base
    assert len(marked(world, "far", FAR)) == 1
    assert await rows(world, "left_there") == 0


@pytest.mark.parametrize("answers", [True, False])
async def test_before_a_box_is_forgotten_what_was_left_there_is_taken_away_or_told(world: World, answers: bool) -> None:
    world.rights = [*READ, "--may-snapshot", "yes"]
    with world.edit("far") as state:
        state["datasets"][FAR] = {**new_dataset(), "written": 1000}
    await world.add(PULL, may_read=FAR, may_snapshot=True)
    assert (await world.run()).state == "succeeded"
    with pytest.raises(RefusedError, match="is used by 2 task"):
        await worker.remove("vault-box")
    assert marked(world, "far", FAR), "in use: nothing is taken away"
    service = LocalReplication(LocalHost())
    for name in ("pull", "photos"):
        await service.remove_task(name)
    world.accepts = answers
    said = await worker.remove("vault-box")
    assert ("is still there" in said) == bool(marked(world, "far", FAR)) == (not answers)
    assert (f"bookmarks below {FAR}" in said) == (not answers)
    assert await rows(world, "left_there") == 0


async def test_with_a_forgotten_peer_goes_what_was_to_be_done_there(world: World) -> None:
    world.rights = [*READ, "--may-snapshot", "yes"]
    await world.add(PULL, may_read=FAR, may_snapshot=True)
    service = LocalReplication(LocalHost())
    for name in ("pull", "photos"):
        await service.remove_task(name)
    assert await rows(world, "left_there") == 1
    async with open_store(world.database, write=True) as store:
        async with store.transaction() as db:
            for tag in ("@vault-box|dplane-x", "@vault-box-2|dplane-x"):
                await db.execute("INSERT INTO holds (run, tag, snapshot, guid) VALUES ('x', ?, 'a@b', '1')", (tag,))
        await records.delete_peer(store, "vault-box")
    assert (await rows(world, "left_there"), await rows(world, "holds")) == (0, 1)
