"""The way back: the same data, proven; settings as they were; nothing replaced; and only to whom it belongs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dplane_tui.cli.replicate_check import verdict
from dplane_tui.errors import RefusedError
from dplane_tui.services.replication import codec, records
from dplane_tui.services.replication.chains import Chain, Chains, Sent
from dplane_tui.services.replication.giving import size_of, stream_request
from dplane_tui.services.replication.model import Copies, Options, Restore, Task, TaskStatus
from dplane_tui.services.replication.plan import make_plan
from dplane_tui.services.replication.read import SHARES, Dataset, Point
from dplane_tui.services.replication.restore import locked, reversed_task
from dplane_tui.services.replication.restored import Settings, settings, told_of
from dplane_tui.services.replication.service import check_restore
from dplane_tui.services.store import open_store

from .replication_world.world import MB, World
from .replication_world.zfs_model import new_dataset
from .test_agent import Far, far  # noqa: F401 (a fixture)
from .test_replication_options import set_options

HOME = "tank/photos"
SET = {"compression": "zstd", "quota": "5G", "mountpoint": "/srv/My Photos", "dedup": "verify", "sharesmb": "on"}
SET |= {"sharenfs": "rw=@192.168.1.0/24,ro=nas2", "snapshot_limit": "900", "aclmode": "passthrough"}


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with World(tmp_path) as made:
        made.write(f"{HOME}/2026", 10_000)
        with made.edit("near") as state:
            state["datasets"][HOME]["props"].update(SET)
        assert (await made.run()).state == "succeeded"
        made.write(HOME, 10_000)
        assert (await made.run()).state == "succeeded"
        yield made


def lose(world: World) -> dict[str, list[tuple[str, str]]]:
    """The near box loses its datasets; returns what they had."""
    had = {name: world.points("near", name) for name in (HOME, f"{HOME}/2026")}
    with world.edit("near") as state:
        for name in had:
            del state["datasets"][name]
    return had


def wish(to: str = HOME, **more: Any) -> str:
    return codec.dumps(Restore(to, **{"recursive": True, **more}))


def props(world: World, name: str) -> dict[str, str]:
    found: dict[str, str] = world.datasets("near")[name]["props"]
    return found


async def test_what_was_lost_comes_back_as_it_was_with_every_snapshot(world: World) -> None:
    had = lose(world)
    run = await world.run("restore", wish())
    assert run.state == "succeeded", run.message
    assert "is back" in run.message
    for name, points in had.items():
        assert world.points("near", name) == points
    assert all(proof.proven and proof.target.startswith(HOME) for proof in run.evidence)
    back = props(world, HOME)
    set_again = {name: value for name, value in SET.items() if name not in SHARES}
    usual = {"readonly": "off", "canmount": "on", "exec": "on", "mounted": "yes"}
    assert back == {**set_again, **usual, "setuid": "off", "devices": "off"}, "the copy was in other hands"
    noted = f"{HOME}: {', '.join(f'{name}={value}' for name, value in sorted(set_again.items()))}."
    assert f"Set as the copy notes it, which alone says what was set on the original: {noted}" in run.message
    assert "protect less" not in run.message
    assert run.message.endswith(
        "Not shared again, as only the copy says how it was. Where that is what you want (or with X in Datasets): "
        f"`dplane dataset share-nfs {HOME} --rw 192.168.1.0/24 --ro nas2` "
        f"(it was “sharenfs={SET['sharenfs']}”); `dplane dataset share-smb {HOME} on` (it was “sharesmb=on”)."
    )
    world.write(HOME, 1000)
    again = await world.run()
    assert again.state == "succeeded", again.message
    assert again.evidence[0].base, "the task goes on from what came back"


async def test_one_snapshot_of_one_dataset_to_a_new_name(world: World) -> None:
    first, newest = world.points("near", HOME)
    run = await world.run("restore", wish("tank/look", recursive=False, snapshot=first[0]))
    assert run.state == "succeeded", run.message
    assert world.points("near", "tank/look") == [first]
    assert props(world, "tank/look").get("mountpoint") is None, "two datasets never claim one place"
    run = await world.run("restore", wish("tank/newest", recursive=False, history=False))
    assert world.points("near", "tank/newest") == [newest]
    run = await world.run("restore", wish("tank/none", snapshot="nope"))
    assert (run.state, run.error_code) == ("failed", "missing")
    assert "tank/none" not in world.datasets("near")


@pytest.fixture
async def kept_here(tmp_path: Path) -> AsyncIterator[World]:
    """A copy on a disk of the same box, with two snapshots of the tree; 2026 has only the second."""
    async with World(tmp_path) as made:
        with made.edit("near") as state:
            state["pools"]["usb"] = 1000 * MB
            state["datasets"]["usb"] = new_dataset()
        await made.add(Task("local", HOME, None, "usb/photos", recursive=True))
        assert (await made.run(task="local")).state == "succeeded"
        made.write(HOME, 1000)
        made.write(f"{HOME}/2026", 1000)
        await asyncio.sleep(1.1)  # names of snapshots go by seconds
        assert (await made.run(task="local")).state == "succeeded"
        yield made


async def test_a_copy_on_this_box_comes_back_as_of_the_snapshot_that_was_named(kept_here: World) -> None:
    first, newest = kept_here.points("near", "usb/photos")
    marks = {name: one.get("marks") for name, one in kept_here.datasets("near").items()}
    run = await kept_here.run("restore", wish("tank/look", recursive=False, snapshot=first[0]), task="local")
    assert run.state == "succeeded", run.message
    assert kept_here.points("near", "tank/look") == [first]
    run = await kept_here.run("restore", wish("tank/none", snapshot="nope"), task="local")
    assert (run.state, run.error_code) == ("failed", "missing")
    run = await kept_here.run("restore", wish("tank/none", snapshot=first[0], guid=newest[1]), task="local")
    assert (run.state, run.error_code) == ("failed", "changed")
    assert "tank/none" not in kept_here.datasets("near")
    there = kept_here.datasets("near")
    assert {name: there[name].get("marks") for name in marks} == marks, "a restore bookmarks nothing"


async def test_what_a_snapshot_does_not_have_is_told(kept_here: World) -> None:
    first, _ = kept_here.points("near", "usb/photos")
    run = await kept_here.run("restore", wish("tank/look", snapshot=first[0]), task="local")
    assert run.state == "succeeded"
    assert f"Left out, as they have no @{first[0]}: usb/photos/2026." in run.message
    assert "tank/look/2026" not in kept_here.datasets("near")
    with kept_here.edit("near") as state:
        state["datasets"]["tank"]["props"]["sharenfs"] = "rw=@10.0.0.0/8"
        state["datasets"]["usb/photos"]["props"]["dplane:was-sharenfs"] = "rw=@10.0.0.0/8"
        state["datasets"]["usb/photos/2026"]["props"]["dplane:was-sharenfs"] = "off"
        state["datasets"]["usb/photos/2026/x"] = json.loads(json.dumps(state["datasets"]["usb/photos"]))
        del state["datasets"]["usb/photos/2026/x"]["props"]["dplane:was-sharenfs"]
    run = await kept_here.run("restore", wish("tank/again", snapshot=first[0]), task="local")
    assert run.state == "succeeded", run.message
    there = {name: one["props"] for name, one in kept_here.datasets("near").items() if name.startswith("tank/again")}
    mounted = [name for name, one in there.items() if one.get("mounted")]
    assert (len(there), mounted) == (3, ["tank/again"]), "what is only a level above others is none that came"
    assert there["tank/again/2026"].get("canmount") != "on"
    assert (
        "noted at tank/again/2026 is “sharenfs=off”: `dplane dataset share-nfs tank/again/2026/x --off`" in run.message
    )


async def test_a_restore_of_what_no_run_proved_says_so(world: World) -> None:
    run = await world.run("restore", wish("tank/proven"))
    assert run.state == "succeeded"
    assert "stands the copy alone" not in run.message
    world.foreign_snapshot("far", "vault/backup/photos", "mine")
    run = await world.run("restore", wish("tank/look"))
    assert run.state == "succeeded"
    assert "No run that is on record has proven the newest snapshot of tank/look: " in run.message


async def test_a_far_box_of_the_same_names_chooses_no_place_for_what_this_box_never_sent(tmp_path: Path) -> None:
    async with World(tmp_path) as world:
        with world.edit("far") as state:
            state["pools"]["tank"] = 1000 * MB
            state["datasets"]["tank"] = new_dataset()
        world.write(f"{HOME}/2026", 1000)
        await world.add(Task("same", HOME, "vault-box", HOME, recursive=True))
        assert (await world.run(task="same")).state == "succeeded"
        with world.edit("far") as state:
            evil = json.loads(json.dumps(state["datasets"][HOME]))
            evil["snaps"][0]["guid"] = "4242"
            evil["props"]["dplane:was-mountpoint"] = "/srv/evil"
            state["datasets"][f"{HOME}/evil"] = evil
        lose(world)
        run = await world.run("restore", wish(), task="same")
        assert run.state == "succeeded", run.message
        assert "mountpoint=/srv/evil (this box never sent it" in run.message
        assert props(world, f"{HOME}/evil").get("mountpoint") != "/srv/evil"


async def test_what_only_the_copy_vouches_for_is_told_and_what_weakens_has_a_sentence(world: World) -> None:
    lose(world)
    notes = {"sync": "disabled", "setuid": "on"}
    with world.edit("near") as state:
        state["datasets"]["tank"]["props"]["sharenfs"] = "rw=@10.0.0.0/8"
    with world.edit("far") as state:
        copy = state["datasets"]["vault/backup/photos/2026"]["props"]
        copy.update({f"dplane:was-{name}": value for name, value in notes.items()})
    run = await world.run("restore", wish())
    assert run.state == "succeeded", run.message
    assert f"; {HOME}/2026: sync=disabled. Look at these, for they protect less: " in run.message
    assert f"sync=disabled at {HOME}/2026 (what was written last can be lost when the power fails)." in run.message
    assert f"Not put back: {HOME}/2026: setuid=on (the copy was in other hands; set it by hand)." in run.message
    assert props(world, f"{HOME}/2026")["setuid"] == "off"
    assert (
        f"{HOME} would be in “sharenfs=rw=@10.0.0.0/8”, noted is “sharenfs={SET['sharenfs']}”: "
        f"`dplane dataset share-nfs {HOME} --rw 192.168.1.0/24 --ro nas2`. "
        f"Left unmounted with them, as they lie below: {HOME}/2026. "
    ) in run.message
    for name in (HOME, f"{HOME}/2026"):
        assert (props(world, name)["canmount"], props(world, name).get("mounted")) == ("noauto", None)
    for gone, share, held in (("", "", True), ("", SET["sharenfs"], False), (HOME, "", True)):
        with world.edit("near") as state:
            for name in {gone, f"{HOME}/2026"} - {""}:
                del state["datasets"][name]
            if share:
                state["datasets"][HOME]["props"]["sharenfs"] = share
        run = await world.run("restore", wish(f"{HOME}/2026", below="2026"))
        assert run.state == "succeeded", run.message
        assert (props(world, f"{HOME}/2026").get("mounted") is None) == held, "its place is in what is above it"
        told = f"would be in “sharenfs=rw=@10.0.0.0/8”, noted at {HOME} is “sharenfs={SET['sharenfs']}”"
        assert (f"{HOME}/2026 {told}" in run.message) == held


def test_what_is_told_of_settings_is_cleaned_and_bounded_and_hides_nothing_that_weakens() -> None:
    many = [Settings(f"a/{number:03}", {"mountpoint": "/srv/" + "x" * 1000}) for number in range(400)]
    many += [Settings(f"b/{number}", {"exec": "on"}) for number in range(12)]
    noted, weaker, left = told_of([*many, Settings("a/z", {"sync": "disabled"}, ["quota=\x1b[2J\n1 (no)"])])
    assert noted.endswith("…; and 403 more.")
    assert len(noted) < 4000
    assert weaker.startswith("Look at these, for they protect less: sync=disabled at a/z (what was written last ")
    assert "; exec=on at b/0, b/1, " in weaker
    assert ", and 2 more (programs in it can be run). " in weaker
    assert left == "Not put back: a/z: quota=\ufffd[2J 1 (no)."
    assert told_of([Settings("a/b")]) == []


@pytest.mark.parametrize(
    ("name", "value", "command"),
    [
        ("sharenfs", "off", "`dplane dataset share-nfs 't/a b' --off` (it was"),
        (
            "sharenfs",
            "on",
            "`dplane dataset share-nfs 't/a b' --rw CLIENT`, with whom you name: D-Plane does not share",
        ),
        ("sharenfs", "rw=a,ro=a", "--rw CLIENT`, with whom"),
        ("sharenfs", "rw=$(id)", "--rw CLIENT`, with whom"),
        ("sharenfs", "ro=a" + ":a" * 4000, "--rw CLIENT`, with whom"),
        (
            "sharesmb",
            "name=x",
            "`dplane dataset share-smb 't/a b' on`, without options of its own (it was “sharesmb=name",
        ),
        ("sharesmb", "on”, `reboot`", "`dplane dataset share-smb 't/a b' on`, without options of its own (it was"),
    ],
)
def test_a_share_is_told_with_a_command_that_no_note_can_write(name: str, value: str, command: str) -> None:
    (told,) = told_of([Settings("t/a b", shared={name: value})])
    assert command in told
    assert "--rw $" not in told
    assert told.count("”") == 1
    assert len(told) < 600
    many = [Settings(f"t/{number:03}", shared={name: value}) for number in range(400)]
    assert told_of([*many, Settings("t/z", shared={"sharenfs": "off"})])[0].endswith("; and 391 more.")
    assert not any(prop == name for prop, _ in settings(Dataset("t/a b"), {name: value}))


async def test_a_restore_does_not_hide_that_the_last_run_failed(world: World) -> None:
    world.foreign_snapshot("far", "vault/backup/photos", "mine")
    world.write(HOME, 1000)
    assert (await world.run()).state == "failed"
    assert (await world.run("restore", wish("tank/look"))).state == "succeeded"
    async with open_store(world.database) as store:
        last, restore = await records.last_run(store, "photos")
        task = await records.task(store, "photos")
    assert [(one.kind, one.state) for one in (last, restore) if one] == [("run", "failed"), ("restore", "succeeded")]
    assert verdict(TaskStatus(task, last, restore=restore), 0.0).state != "OK"


async def test_a_paused_task_does_not_hold_a_restore(world: World) -> None:
    await set_options(world, Options(paused=True))
    run = await asyncio.wait_for(world.run("restore", wish("tank/look")), 60)
    assert run.state == "succeeded", run.message


def copies(**roots: str) -> dict[str, Dataset]:
    """Copies at and below vault/photos (`top` is itself), each with its encryption root there."""
    found = {}
    for guid, (name, root) in enumerate(roots.items(), 1):
        full = "vault/photos" if name == "top" else f"vault/photos/{name}"
        values = {"encryptionroot": root, "keystatus": "-" if root == "-" else "available"}
        found[full] = Dataset(full, values, (Point("s", str(guid), guid),))
    return found


def came(task: Task, side: dict[str, Dataset], known: Chains, **more: Any) -> tuple[dict[str, bool], str]:
    """What comes home raw, by the place, and what is told of it."""
    back = reversed_task(task, Restore(HOME, **{"recursive": True, **more}))
    plan = make_plan(back, side, {}, None, back=Sent(task, known))
    assert not plan.conflicts
    return {step.target: step.raw for step in plan.steps}, " ".join(plan.notes)


TASK = Task("photos", HOME, "attic", "vault/photos", recursive=True)
MIXED = copies(top="vault", secret="vault/photos/secret")  # what was sent plain has the key of what it lies below


@pytest.mark.parametrize("known", [{"vault/photos": Chain(False), "vault/photos/secret": Chain(True, "k")}, {}])
@pytest.mark.parametrize("raw", [None, True])
def test_each_copy_of_a_mixed_tree_comes_back_as_it_was_sent(known: Chains, raw: bool | None) -> None:
    if raw and not known:
        known = {"vault/photos": Chain(False)}  # the other has come through a store that kept no such record
    task = replace(TASK, raw=raw)
    found, told = came(task, MIXED, known)
    assert found == {HOME: False, f"{HOME}/secret": True}
    assert ("How vault/photos was sent is not recorded" in told) == (not known)
    assert came(task, MIXED, known, recursive=False)[0] == {HOME: False}


def test_what_is_not_known_to_have_been_sent_plain_comes_back_raw() -> None:
    once = replace(TASK, raw=True)
    assert came(once, MIXED, {})[0] == {HOME: True, f"{HOME}/secret": True}
    one_key = copies(top="vault/photos", a="vault/photos", b="-")
    for raw in (None, True, False):
        assert came(replace(TASK, raw=raw), one_key, {})[0] == {HOME: True, f"{HOME}/a": True, f"{HOME}/b": False}
    below = {"vault/photos/a": one_key["vault/photos/a"]}
    assert came(TASK, below, {}, below="a") == ({HOME: True}, ""), "its root is in the copy, but not in what comes"
    moved = copies(top="vault")
    assert came(TASK, moved, {"vault/photos": Chain(True)}) == ({HOME: True}, ""), "change-key -i was run there"
    assert came(TASK, moved, {"vault/photos": Chain(False)}) == ({HOME: False}, "")


async def test_a_restore_goes_by_how_each_copy_was_sent(world: World) -> None:
    copy = "vault/backup/photos"
    with world.edit("far") as state:
        for name, root in ((copy, "vault"), (f"{copy}/2026", f"{copy}/2026")):
            state["datasets"][name]["props"].update({"encryptionroot": root, "keystatus": "available"})
    async with open_store(world.database, write=True) as store:
        await records.set_raw(store, "photos", True)
        async with store.transaction() as db:
            await db.execute("DELETE FROM chains WHERE target = ?", (f"{copy}/2026",))
    run = await world.run("restore", wish("tank/look"))
    assert run.state == "succeeded", run.message
    steps = json.loads(run.plan)["steps"]
    assert {(step["target"], step["raw"]) for step in steps} == {("tank/look", False), ("tank/look/2026", True)}


def test_what_comes_home_locked_is_named() -> None:
    side = {
        name: Dataset(name, {"keystatus": status})
        for name, status in (("tank/a", "-"), ("tank/a/b", "unavailable"), ("tank/a/c", "available"))
    }
    (told,) = locked(side)
    assert told.startswith("Came home locked")
    assert told.endswith("`dplane dataset load-key NAME`: tank/a/b.")
    assert locked({"tank/a": side["tank/a"]}) == []
    many = {f"tank/{number}": Dataset(f"tank/{number}", {"keystatus": "unavailable"}) for number in range(1000)}
    assert locked(many)[0].endswith("tank/9, and 990 more.")


async def test_all_that_is_there_is_listed_with_what_is_proven_also_when_the_original_is_gone(world: World) -> None:
    had = lose(world)
    world.foreign_snapshot("far", "vault/backup/photos", "mine")
    run = await world.run("compare", records.COPIES)
    assert run.state == "succeeded", run.message
    found = codec.decode(Copies, json.loads(run.plan)).copies
    top = [one for one in found if one.dataset == ""]
    assert [one.snapshot for one in top] == ["mine", *(name for name, _ in reversed(had[HOME]))]
    assert [one.proven is not None for one in top] == [False, True, True]
    assert all(one.taken for one in found)
    assert [(one.snapshot, one.guid) for one in found if one.dataset == "2026"] == list(reversed(had[f"{HOME}/2026"]))
    with world.edit("far") as state:
        state["datasets"] = {
            name: one for name, one in state["datasets"].items() if not name.startswith("vault/backup/")
        }
    gone = await world.run("compare", records.COPIES)
    assert (gone.state, gone.error_code) == ("failed", "missing")


async def test_nothing_is_ever_replaced(world: World) -> None:
    before = world.datasets("near")
    run = await world.run("restore", wish())
    assert (run.state, run.error_code) == ("failed", "refused")
    assert "never replaces" in run.message
    assert world.datasets("near") == before


RECEIVED = {"readonly": "on", "canmount": "noauto"}


async def test_a_copy_that_another_task_keeps_here_is_not_taken_for_an_interrupted_restore(world: World) -> None:
    with world.edit("near") as state:
        state["pools"]["usb"] = 1000 * MB
        state["datasets"]["usb"] = new_dataset()
    await world.add(Task("local", HOME, None, "usb/copies/photos", recursive=True))
    assert (await world.run()).state == "succeeded"
    before = world.datasets("near")
    for to in ("usb/copies/photos", "usb/copies/photos/2026", "usb/copies/photos/new"):
        run = await world.run("restore", wish(to), task="photos")
        assert (run.state, run.error_code) == ("failed", "refused"), run.message
        where = "is" if to == "usb/copies/photos" else "is in usb/copies/photos,"
        assert f"{to} {where} the copy that the task local keeps here" in run.message
        assert world.datasets("near") == before
    with world.edit("near") as state:
        state["datasets"]["usb/copies"]["props"].update(RECEIVED)
    run = await world.run("restore", wish("usb/copies"), task="photos")
    assert "usb/copies holds usb/copies/photos" in run.message
    world.write(HOME, 1000)
    assert (await world.run()).state == "succeeded", "its task goes on"


@pytest.mark.parametrize("partial", [False, True])
async def test_what_another_box_sent_here_is_not_taken_for_an_interrupted_restore(world: World, partial: bool) -> None:
    """It looks like one, and has the same snapshots; also the second time, when a restore has been refused before."""
    with world.edit("near") as state:
        state["datasets"]["tank/theirs"] = json.loads(json.dumps(state["datasets"][HOME]))
        theirs = state["datasets"]["tank/theirs"]
        theirs.update(props=dict(RECEIVED), written=0)
        if partial:
            theirs["partial"] = {"toguid": "5", "toname": "tank/x@y", "fromguid": "", "bytes": 5}
            theirs["snaps"] = []
    before = world.datasets("near")
    for _ in range(2):
        run = await world.run("restore", wish("tank/theirs", recursive=False))
        assert (run.state, run.error_code) == ("failed", "refused"), run.message
        assert "never replaces" in run.message
        assert world.datasets("near") == before


async def test_a_restore_that_breaks_off_goes_on(world: World) -> None:
    world.write(HOME, 8 * MB)
    assert (await world.run()).state == "succeeded"
    had = lose(world)
    await set_options(world, Options(limit="1M"))
    run_id, process = await world.start("restore", request=wish())
    await world.until_sent(run_id, process)
    process.terminate()
    await process.wait()
    assert (await world.stored(run_id)).state == "cancelled"
    await set_options(world, Options())
    again = await world.run("restore", wish())
    assert again.state == "succeeded", again.message
    assert '"kind":"resume"' in again.plan
    assert {name: world.points("near", name) for name in had} == had


def test_what_is_set_on_a_restored_dataset() -> None:
    received = {"readonly": "on", "canmount": "noauto", "setuid": "off", "devices": "off", "exec": "off"}
    files = Dataset("tank/a", {"type": "filesystem"}, local=received)
    was = {"mountpoint": "/srv/a", "setuid": "on", "atime": "off"}
    assert settings(files, was) == [
        ("atime", "off"), ("exec", "on"), ("canmount", "on"), ("readonly", "off"),
    ]  # fmt: skip
    assert ("canmount", "on") in settings(files, {})
    volume = Dataset("tank/v", {"type": "volume"}, local={"readonly": "on", "volmode": "none"})
    assert settings(volume, {"volblocksize": "16384"}) == [("volmode", "default"), ("readonly", "off")]


@pytest.mark.parametrize(
    "bad", [Restore("tank"), Restore("tank/a\tb"), Restore("tank/a", below="../x"), Restore("tank/a", snapshot="a@b")]
)
def test_names_that_are_not_sound_are_refused(bad: Restore) -> None:
    with pytest.raises(RefusedError):
        check_restore(bad)


GUID = "1234567890123456789"


@pytest.mark.parametrize(
    "fields",
    [
        {"dataset": "vault/theirs"},
        {"dataset": "vault/nobody"},
        {"dataset": "vault"},
        {"dataset": "vault/mine", "from": "vault/theirs@s1"},
        {"dataset": "vault/mine", "snapshot": "s1/../../theirs@s1"},
        {"dataset": "vault/mine", "guid": "1;reboot"},
    ],
)
def test_the_agent_gives_only_the_peers_own_and_says_why_on_standard_error(far: Far, fields: dict[str, str]) -> None:  # noqa: F811
    for operation in ("send", "estimate"):
        request = {"op": operation, "snapshot": "s1", "guid": GUID, **fields}
        if operation == "estimate":
            assert far.ask(request)["ok"] is False
            continue
        done = far.run(request)
        assert (done.returncode, done.stdout) == (1, b"")
        assert done.stderr.strip()


def test_a_note_is_one_of_ours_with_a_plain_value(far: Far) -> None:  # noqa: F811
    def note(properties: object, dataset: str = "vault/mine") -> dict[str, Any]:
        return far.ask({"op": "note", "dataset": dataset, "properties": properties})

    assert note({"quota": "5G", "mountpoint": "/srv/x", "atime": "unset"}) == {"ok": True, "left": []}
    kept = far.state["datasets"]["vault/mine"]["props"]
    assert (kept["dplane:was-quota"], kept["dplane:was-mountpoint"]) == ("5G", "/srv/x")
    assert note({"mountpoint": "/home/a b", "sharenfs": "rw=@10.0.0.0/8:x,no_root_squash"}) == {"ok": True, "left": []}
    assert far.state["datasets"]["vault/mine"]["props"]["dplane:was-mountpoint"] == "/home/a b"
    assert "U+00FC" in note({"mountpoint": "/srv/ü"})["left"][0]
    told = [far.ask({"op": "read", "dataset": "vault/mine", **more})["get"] for more in ({}, {"all_notes": True})]
    assert ["dplane:was-sharenfs\trw=@10.0.0.0/8" in text for text in told] == [False, True], (
        "an older box asks without"
    )
    for bad in ({"dplane:peer": "box-b"}, {"quota": 5}, {"quota": "x" * 300}, ["quota"], {"quota": "\x1b[2J"}):
        answer = note(bad)
        assert answer["ok"] is False or answer["left"]
    assert note({"quota": "5G"}, "vault/theirs")["ok"] is False
    assert far.state["datasets"]["vault/mine"]["props"]["dplane:peer"] == "box-a"


def test_a_stream_request_holds_nothing_but_what_the_helper_takes() -> None:
    asked = {"snapshot": "s1", "guid": GUID, "raw": True, "from": "@s0", "verb": "pool-destroy", "pool": "tank"}
    assert stream_request("v/a", asked, "send") == {
        "verb": "send", "snapshot": "v/a@s1", "guid": GUID, "raw": True, "from": "@s0",
    }  # fmt: skip
    resumed = stream_request("v/a", {**asked, "token": "1-a"}, "send-estimate")
    assert resumed["verb"] == "send-resume-estimate"
    assert "from" not in resumed
    assert size_of("full\tx\nsize\t123\n") == 123
    assert size_of("nothing") is None
