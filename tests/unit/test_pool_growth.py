"""Pools that grow, shrink and change as a whole: judged before ZFS is asked, and believed when it tells of it."""

from __future__ import annotations

from typing import Any

import pytest

from dplane_tui.cli import run
from dplane_tui.errors import CommandError, RefusedError, UsageError
from dplane_tui.services.zfs import growth
from dplane_tui.services.zfs.growth import GrowthActs
from dplane_tui.services.zfs.growth_rules import AddVdevs, unlike, why_not_removed, why_not_split
from dplane_tui.services.zfs.model import Disk, Importable, Pool, Vdev
from dplane_tui.services.zfs.requests import CreatePool, VdevSpec
from dplane_tui.services.zfs.vdevs import find_vdev
from privhelper.vdevs import draid
from tests.unit.test_repair_advice import group, leaf
from tests.unit.test_repair_service import A, B, disk, mirror
from tests.unit.test_zfs_service import PlayedBox

G = 1 << 30
DISKS = tuple(Disk(f"ata-{name}", f"sd{name}", 20 * G) for name in "cdefgh")


def pool(*tops: Vdev, state: str = "ONLINE") -> Pool:
    """A pool of these."""
    return Pool("tank", "7", state, vdevs=tops, data_errors=0)


def spec(layout: str, *names: str, role: str = "data") -> VdevSpec:
    """A group of disks."""
    return VdevSpec(layout, tuple(f"ata-{name}" for name in names), role)


MIRRORS = pool(group("mirror", leaf("ata-a"), leaf("ata-b"), state="ONLINE"))
RAIDZ = pool(group("raidz1", leaf("ata-a"), leaf("ata-b"), leaf("ata-x"), state="ONLINE"))


@pytest.mark.parametrize(
    ("there", "added", "said"),
    [
        (MIRRORS, spec("mirror", "c", "d"), ""),
        (MIRRORS, spec("", "c"), "a single disk beside it"),
        (MIRRORS, spec("mirror", "c", "d", "e"), "a mirror of 3 disks beside it"),
        (MIRRORS, spec("raidz1", "c", "d", "e"), "a raidz1 of 3 disks beside it"),
        (RAIDZ, spec("raidz1", "c", "d", "e"), ""),
        (RAIDZ, spec("raidz1", "c", "d", "e", "f"), "a raidz1 of 4 disks beside it"),
        (pool(leaf("ata-a")), spec("", "c"), ""),
        (MIRRORS, spec("", "c", role="log"), ""),
        (MIRRORS, spec("", "c", role="spare"), ""),
        (MIRRORS, spec("", "c", role="special"), "loss of the whole pool"),
        (MIRRORS, spec("mirror", "c", "d", role="special"), ""),
    ],
)
def test_redundancy_unlike_the_pools_is_refused_unless_it_is_meant(there: Pool, added: VdevSpec, said: str) -> None:
    assert said in unlike(there, [added])
    assert bool(unlike(there, [added])) is bool(said)
    if said:
        with pytest.raises(RefusedError, match="--mismatch"):
            AddVdevs((added,), force=True).check(there, DISKS)
    AddVdevs((added,), mismatch=True).check(there, DISKS)


def test_what_is_added_is_free_and_well_formed() -> None:
    with pytest.raises(RefusedError, match="at least 2"):
        AddVdevs((spec("mirror", "c"),)).check(MIRRORS, DISKS)
    with pytest.raises(RefusedError, match="no disk ata-zz"):
        AddVdevs((spec("mirror", "c", "zz"),)).check(MIRRORS, DISKS)
    used = Disk("ata-c", "sdc", 20 * G, in_use="holds ext4")
    with pytest.raises(RefusedError, match="holds ext4"):
        AddVdevs((spec("mirror", "c", "d"),), mismatch=True).check(MIRRORS, (used, *DISKS[1:]))
    AddVdevs((spec("mirror", "c", "d"),), force=True).check(MIRRORS, (used, *DISKS[1:]))


def test_what_can_be_removed() -> None:
    log = Vdev("ata-l", "disk", "ONLINE", role="log", guid="5")
    second = Vdev("mirror-1", "mirror", "ONLINE", guid="6", children=(leaf("ata-c"), leaf("ata-d")))
    two = pool(*MIRRORS.vdevs, second)
    assert why_not_removed(two, second) == ""
    assert "only group with data" in why_not_removed(MIRRORS, MIRRORS.vdevs[0])
    assert "a disk of a mirror is detached" in why_not_removed(two, second.children[0])
    mixed = pool(*RAIDZ.vdevs, second, log)
    assert "raidz1 in it" in why_not_removed(mixed, second)
    assert why_not_removed(mixed, log) == ""


def test_what_can_be_split() -> None:
    assert why_not_split(MIRRORS) == ""
    assert "raidz1-0 is none" in why_not_split(RAIDZ)
    assert "is DEGRADED" in why_not_split(pool(*MIRRORS.vdevs, state="DEGRADED"))


@pytest.mark.parametrize(
    ("word", "shape"),
    [
        ("draid2:4d:11c:1s", (2, 4, 11, 1)), ("draid1:1d:3c:0s", (1, 1, 3, 0)), ("draid1:9d:5c:1s", None),
        ("draid1:01d:3c:1s", None), ("draid4:1d:9c:1s", None), ("draid1:2d:5c", None), ("draid1:2d:5c:1x", None),
        ("draid1:٢d:5c:1s", None), ("draid1", None), (7, None),
    ],
)  # fmt: skip
def test_shapes_of_draids(word: object, shape: tuple[int, ...] | None) -> None:
    assert draid(word) == shape


def test_a_draid_is_created_with_the_space_it_gives() -> None:
    request = CreatePool("wide", (spec("draid1:2d:5c:1s", "c", "d", "e", "f", "g"),))
    request.check(DISKS)
    usable, raw = request.usable(DISKS), 4 * 20 * G
    assert usable is not None
    assert 0.6 * raw < usable < 0.67 * raw
    with pytest.raises(RefusedError, match="needs 5 disks"):
        CreatePool("wide", (spec("draid1:2d:5c:1s", "c", "d", "e", "f"),)).check(DISKS)


# -- the service ---------------------------------------------------------------------------------------------------


@pytest.fixture
def box() -> PlayedBox:
    """A mirror of ata-a and ata-x on a box where ata-b is free."""

    class Closing(PlayedBox):
        async def close(self) -> None:
            return None

    found = Closing()
    found.add_pool("tank", 7, vdevs=mirror(disk("ata-a", A), disk("ata-x", B), state="ONLINE"))
    return found


def service(box: PlayedBox) -> GrowthActs:
    """The service on that box."""
    return GrowthActs(box)  # type: ignore[arg-type]  # it needs no `open`


async def test_an_added_disk_is_believed_when_zfs_tells_of_it(box: PlayedBox) -> None:
    zfs = service(box)
    there = await zfs.whole("tank")
    request = AddVdevs((spec("", "b", role="spare"),))
    with pytest.raises(CommandError, match="ata-b is not in tank"):
        await zfs.add(there, request)
    box.does = lambda _request: box.pools["tank"].update(spares={"ata-b": disk("ata-b", "104", "AVAIL")})
    assert (await zfs.add(there, request)).guid == "7"
    assert box.requests[-1] == {"verb": "pool-add", "pool": "tank", "guid": "7", "vdevs": ["spare", "ata-b"]}
    box.pools["tank"].pop("spares")
    box.does = lambda _request: None
    box.answer = {"stdout": "would update 'tank'"}
    assert await zfs.add_preview(there, request) == "would update 'tank'"
    assert box.requests[-1]["dry_run"] is True


@pytest.mark.parametrize(
    ("since", "given", "sent", "said"),
    [
        ((2, 3), {"mismatch": True}, {"mismatch": True}, ""),
        ((9, 9), {"mismatch": True}, {"force": True}, "Before 9.9 ZFS allows another redundancy only by force"),
        ((2, 3), {"mismatch": True, "force": True}, {"force": True}, "zpool is forced"),
        ((9, 9), {}, {}, ""),
    ],
)
async def test_another_redundancy_switches_no_other_check_off_where_zfs_can(
    box: PlayedBox,
    monkeypatch: pytest.MonkeyPatch,
    since: tuple[int, int],
    given: dict[str, bool],
    sent: dict[str, bool],
    said: str,
) -> None:
    monkeypatch.setattr(growth, "_MISMATCH", since)
    zfs = service(box)
    request = AddVdevs((spec("", "b", role="data" if given else "spare"),), **given)
    there = Pool("tank", "7", "ONLINE", vdevs=MIRRORS.vdevs)
    await zfs.add_preview(there, request)
    told = box.requests[-1]
    assert {key: told[key] for key in ("force", "mismatch") if key in told} == sent
    assert said in await zfs.unchecked(request)
    assert bool(await zfs.unchecked(request)) is bool(said)


def listing(**guids: str) -> str:
    """`zpool import` that tells of pools with these GUIDs."""
    return "".join(
        f"   pool: {name}\n     id: {guid}\n  state: ONLINE\n config:\n\n\t{name}  ONLINE\n\n"
        for name, guid in guids.items()
    )


async def test_a_split_is_proven_by_a_pool_that_was_not_there_before(box: PlayedBox) -> None:
    zfs = service(box)
    there = await zfs.whole("tank")
    box.answer = {"stdout": listing(half="6"), "split": "6"}
    for taken in ("half", "tank"):
        with pytest.raises(RefusedError, match=f"a pool called {taken} already"):
            await zfs.split(there, taken)
    assert {request["verb"] for request in box.requests} == {"pool-scan"}
    box.answer = {"stdout": listing(other="6"), "split": "6"}
    with pytest.raises(CommandError, match="is not found on the disks"):
        await zfs.split(there, "half")

    def does(request: dict[str, Any]) -> None:
        if request["verb"] == "pool-split":
            box.answer = {"stdout": listing(other="6", half="8"), "split": "8"}

    box.does = does
    assert await zfs.split(there, "half") == "8"
    box.answer = {"stdout": listing(other="6"), "split": "8"}

    def tells_an_old_one(request: dict[str, Any]) -> None:
        if request["verb"] == "pool-split":
            box.answer = {"stdout": listing(other="6", half="8"), "split": "6"}

    box.does = tells_an_old_one
    with pytest.raises(CommandError, match="is not found on the disks"):
        await zfs.split(there, "half")


async def test_settings_upgrades_and_checkpoints_are_read_back(box: PlayedBox) -> None:
    zfs = service(box)
    there = await zfs.whole("tank")
    box.values = {"autoexpand": "off", "checkpoint": "-", "property,value": ""}
    with pytest.raises(CommandError, match="reads back as off"):
        await zfs.set_habit(there, "autoexpand", True)
    with pytest.raises(CommandError, match="no checkpoint"):
        await zfs.checkpoint(there)
    assert await zfs.checkpoint(there, discard=True) is None
    box.values = {"autoexpand": "on", "checkpoint": "4096"}
    assert await zfs.set_habit(there, "autoexpand", True) == "on"
    assert await zfs.checkpoint(there) == 4096
    told = box._output
    features = ["feature@new\tdisabled", "feature@old\tactive", "size\t1"]
    box._output = lambda words: "\n".join(features) if "property,value" in words else told(words)  # type: ignore[method-assign]
    assert await zfs.disabled_features(there) == ("new",)
    with pytest.raises(CommandError, match="new of tank is still disabled"):
        await zfs.upgrade(there)
    features[0] = "feature@new\tenabled"
    await zfs.upgrade(there)
    verbs = [request["verb"] for request in box.requests]
    assert verbs == [
        "pool-set", "pool-checkpoint", "pool-checkpoint-discard", "pool-set", "pool-checkpoint", "pool-upgrade",
        "pool-upgrade",
    ]  # fmt: skip


async def test_a_raidz_is_widened_only_where_zfs_can(box: PlayedBox) -> None:
    zfs = service(box)
    there = await zfs.whole("tank")
    raidz = Vdev("raidz1-0", "raidz1", "ONLINE", guid="9")
    box.values = {"feature@raidz_expansion": "disabled"}
    with pytest.raises(RefusedError, match="dplane pool upgrade tank"):
        await zfs.attach(there, raidz, "ata-b")
    box.version = "zfs-2.1.11-1\nzfs-kmod-2.1.11-1\n"
    with pytest.raises(RefusedError, match="cannot widen a raidz"):
        await service(box).attach(there, raidz, "ata-b")
    assert box.requests == []


async def test_a_rename_that_stops_half_way_says_how_to_get_back(box: PlayedBox) -> None:
    zfs = service(box)
    there = await zfs.whole("tank")
    kept = dict(box.pools)

    def does(request: dict[str, Any]) -> None:
        if request["verb"] == "pool-export":
            box.pools.clear()

    box.does = does
    with pytest.raises(CommandError, match="`dplane pool import 7` brings it back"):
        await zfs.rename(there, "vault")
    with pytest.raises(RefusedError):
        await zfs.rename(there, "mirror")
    box.pools.update(kept)

    def renames(request: dict[str, Any]) -> None:
        if request["verb"] == "pool-import":
            box.pools["vault"] = {**kept["tank"], "name": "vault"}
        box.pools.pop("tank", None)

    box.does = renames
    assert (await zfs.rename(there, "vault")).name == "vault"


async def test_other_imports_say_what_would_be_lost_and_pass_it_on(box: PlayedBox) -> None:
    zfs = service(box)
    found = Importable("old", "8", "FAULTED")
    box.answer = {"stdout": "Would be able to return old to its state\x1b[2J as of Mon.\n", "status": 1}
    assert "Would be able to return old" in await zfs.rewind_preview(found, "by-path")
    assert "\x1b" not in await zfs.rewind_preview(found)
    assert box.requests[0] == {"verb": "pool-rewind-preview", "guid": "8", "folder": "by-path"}
    box.answer = {"status": 0}
    assert "nothing would be lost" in await zfs.rewind_preview(found)
    with pytest.raises(CommandError, match="is not listed"):
        await zfs.rewind(found)
    box.does = lambda _request: box.add_pool("old", 8)
    assert (await zfs.rewind(found, checkpoint=True)).name == "old"
    assert box.requests[-1] == {"verb": "pool-rewind-checkpoint", "guid": "8"}
    assert (await zfs.import_other(found, destroyed=True)).guid == "8"
    assert box.requests[-1] == {"verb": "pool-import", "guid": "8", "destroyed": True}


# -- the commands --------------------------------------------------------------------------------------------------


class Cli:
    """The command line on that box."""

    def __init__(self, box: PlayedBox, capsys: pytest.CaptureFixture[str]) -> None:
        self.box, self._capsys = box, capsys

    def __call__(self, *words: str) -> tuple[int, str, str]:
        status = run(list(words))
        out, err = self._capsys.readouterr()
        return status, out, err


@pytest.fixture
def cli(box: PlayedBox, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Cli:
    """`dplane` on the box."""
    monkeypatch.setattr("dplane_tui.cli.main.connect", lambda _name: box)
    return Cli(box, capsys)


def test_what_cannot_be_undone_needs_the_pools_name(cli: Cli) -> None:
    told = cli.box._output
    cli.box._output = lambda words: "feature@new\tdisabled" if "property,value" in words else told(words)  # type: ignore[method-assign]
    for words in (
        ("add", "tank", "spare", "ata-b"),
        ("upgrade", "tank"),
        ("checkpoint", "tank", "--discard"),
        ("split", "tank", "half"),
    ):
        assert cli("pool", *words)[0] == 2, words  # nobody to ask
        assert cli("pool", *words, "--confirm", "nope")[0] == 4
        status, out, _ = cli("pool", *words, "--dry-run", "--read-only")
        assert (status, bool(out)) == (0, True)
    acted = [request for request in cli.box.requests if not request.get("dry_run")]
    assert acted == []


def test_an_upgrade_says_what_it_costs(cli: Cli) -> None:
    told = cli.box._output
    cli.box._output = lambda words: "feature@new\tdisabled" if "property,value" in words else told(words)  # type: ignore[method-assign]
    out = cli("pool", "upgrade", "tank", "--dry-run")[1]
    assert "new" in out
    assert "Older versions of ZFS cannot import it any more, and this cannot be undone." in out


def test_mismatch_and_raidz_are_refused_with_the_reason(cli: Cli) -> None:
    status, _, err = cli("pool", "add", "tank", "ata-b", "--confirm", "tank")
    assert status == 4
    assert "as weak as its weakest group" in err
    status, _, err = cli("pool", "remove", "tank", "mirror-0")
    assert status == 4
    assert "only group with data" in err
    status, out, _ = cli("pool", "remove", "tank", "mirror-0", "--dry-run")
    assert (status, "Would be refused" in out) == (0, True)
    assert cli.box.requests == []


def test_the_command_widens_a_raidz_only_where_zfs_can(cli: Cli) -> None:
    inner = {one["name"]: one for one in (disk("ata-a", A), disk("ata-x", B))}
    raidz = {"name": "raidz1-0", "vdev_type": "raidz", "nparity": 1, "guid": 9, "state": "ONLINE", "vdevs": inner}
    root = cli.box.pools["tank"]["vdevs"]["tank"]
    root["vdevs"] = {"raidz1-0": raidz}
    cli.box.values = {"feature@raidz_expansion": "disabled"}
    status, _, err = cli("pool", "attach", "tank", "raidz1-0", "ata-b")
    assert (status, "dplane pool upgrade tank" in err) == (4, True)
    assert cli.box.requests == []


def test_the_command_says_what_zpool_does_not_check(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(growth, "_MISMATCH", (9, 9))
    status, _, err = cli("pool", "add", "tank", "ata-b", "--mismatch")
    assert (status, "zpool does not check then whether the disks are in use" in err) == (2, True)


def test_imports_of_other_kinds(cli: Cli) -> None:
    cli.box.answer = {"stdout": "   pool: old\n     id: 8\n  state: ONLINE (DESTROYED)\n config:\n\n\told  ONLINE\n"}
    status, out, _ = cli("pool", "importable", "--destroyed")
    assert (status, cli.box.requests[-1]) == (0, {"verb": "pool-scan", "destroyed": True})
    assert "old" in out
    assert cli("pool", "import", "old", "--rewind", "--checkpoint")[0] == 2
    assert cli("pool", "import", "old", "--rewind")[0] == 2  # nobody to ask
    assert cli("pool", "import", "old", "--rewind", "--dry-run", "--read-only")[0] == 0
    assert {one["verb"] for one in cli.box.requests} == {"pool-scan", "pool-rewind-preview"}
    assert cli("pool", "import", "old", "--folder", "/tmp")[0] == 2
    cli.box.does = lambda request: cli.box.add_pool("old", 8) if request["verb"] == "pool-import" else None
    assert cli("pool", "import", "old", "--destroyed", "--folder", "by-id")[0] == 0
    assert cli.box.requests[-1] == {"verb": "pool-import", "guid": "8", "folder": "by-id", "destroyed": True}


NONE = "\t    ata-a  ONLINE  0 0 0  (untrimmed)"
OLD = "\t    ata-a  ONLINE  0 0 0  (100% trimmed, completed at Mon Nov 23 14:02:56 2026)"
DONE = OLD.replace("Mon", "Tue")
RUNS = "\t    ata-a  ONLINE  0 0 0  (12% trimmed, started at Tue)"
STUCK = RUNS.replace(", started", ", suspended, started")


def trims(box: PlayedBox, before: str, after: str) -> None:
    """Let `zpool status -t` tell these before and after the order."""
    told = box._output
    start = len(box.requests)

    def output(words: list[str]) -> str:
        return (after if len(box.requests) > start else before) + "\n" if "-t" in words else told(words)

    box._output = output  # type: ignore[method-assign]


def test_work_on_all_disks_tells_what_zfs_tells(cli: Cli) -> None:
    trims(cli.box, NONE, RUNS)
    status, out, _ = cli("pool", "trim", "tank")
    assert (status, out) == (0, "trim of tank: 12% trimmed, started at Tue.\n")
    assert cli.box.requests[-1] == {"verb": "trim-start", "pool": "tank", "guid": "7"}


@pytest.mark.parametrize(
    ("action", "before", "after", "said"),
    [
        ("start", OLD, DONE, ""),
        ("start", OLD, OLD, "no disk of tank is at it: 100% trimmed, completed at Mon"),
        ("start", NONE, NONE, "no disk of tank is at it: untrimmed"),
        ("start", "", "", "no disk of tank is at it: nothing told"),
        ("start", STUCK, STUCK, "no disk of tank is at it: 12% trimmed, suspended"),
        ("start", NONE, NONE.replace("untrimmed", "trim unsupported"), "no disk of tank is at it: trim unsupported"),
        ("stop", RUNS, NONE, ""),
        ("stop", RUNS, RUNS, "tank is still at it"),
        ("stop", RUNS, STUCK, "tank is still at it"),
    ],
)
async def test_work_is_believed_when_a_disk_is_at_it(
    box: PlayedBox, action: str, before: str, after: str, said: str
) -> None:
    zfs = service(box)
    there = await zfs.whole("tank")
    trims(box, before, after)
    if said:
        with pytest.raises(CommandError, match=said):
            await zfs.work(there, "trim", action)
    else:
        assert await zfs.work(there, "trim", action) == after.partition("(")[2].rstrip(")")


def test_a_device_of_that_name_only() -> None:
    with pytest.raises(UsageError):
        find_vdev(pool(leaf("ata-a"), Vdev("ata-a", "disk", "ONLINE", guid="3")), "ata-a")
