"""What a person is told, and what never becomes green."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dplane_tui.services.health.model import DiskHealth, Health, Memory, News, ServiceState, Temperature
from dplane_tui.services.health.news import is_bad_news, news, worst
from dplane_tui.services.replication.coverage import Held
from dplane_tui.services.replication.model import Options, Run, Task, TaskStatus
from dplane_tui.services.zfs.model import Pool, Scan, Vdev

NOW = 2_000_000_000.0
WELL = Health(
    taken_at=NOW,
    zfs_version="2.3.9-1",
    memory=Memory(total=1 << 30, available=1 << 29),
    temperatures=(Temperature("cpu", 50.0, 90.0),),
    services=(ServiceState("ssh", "active"), ServiceState("smbd", "not-installed")),
)
POOL = Pool(
    name="tank",
    guid="1",
    state="ONLINE",
    capacity=10,
    data_errors=0,
    scan=Scan("scrub", "finished", ended=NOW - 86400, errors=0),
    vdevs=(Vdev("mirror-0", "mirror", "ONLINE", children=(Vdev("a", "disk", "ONLINE", checksum_errors=0),)),),
)
DISK = DiskHealth("ata-A", "sda", "passed")
TASK = TaskStatus(
    Task("home", "tank/home", "b", "back/home"),
    last=Run("r", "home", "succeeded", NOW - 100),
    snapshot_created=NOW - 100,
    late=False,
)
PAUSED = replace(TASK.task, options=Options(paused=True))


def _of(found: tuple[News, ...], where: str) -> list[tuple[str, str]]:
    return [(item.level, item.text) for item in found if item.where == where]


def test_all_well() -> None:
    found = news(WELL, (POOL,), (TASK,), (DISK,))
    assert {item.level for item in found} == {"ok"}
    assert {item.where for item in found} == {"pools", "replication", "disks", "temperature", "memory", "services"}
    assert worst(found) == "ok"
    assert not is_bad_news(found)


def test_nothing_known_is_never_green() -> None:
    found = news(Health(taken_at=NOW), None, None, None, reasons={"pools": "zpool did not answer."})
    assert {item.level for item in found} == {"unknown"}
    assert ("unknown", "zpool did not answer.") in _of(found, "pools")
    assert worst(found) == "unknown"
    assert is_bad_news(found)  # pools and replication must be known
    assert worst(()) == "unknown"


def test_what_a_box_cannot_tell_is_shown_but_no_alarm() -> None:
    quiet = replace(WELL, temperatures=())
    found = news(quiet, (POOL,), (TASK,), (DiskHealth("virtio-1", "vda", "unknown", "a virtual disk"),))
    assert worst(found) == "unknown"
    assert _of(found, "disks") == [("unknown", "SMART of 1 disk is unknown: a virtual disk.")]
    assert not is_bad_news(found)


@pytest.mark.parametrize(
    ("pool", "level", "words"),
    [
        (replace(POOL, state="DEGRADED", status="One or more devices faulted."), "bad", "is DEGRADED. One or more"),
        (replace(POOL, state="SUSPENDED", data_errors=None), "bad", "is SUSPENDED."),
        (replace(POOL, status="Some features are not enabled."), "warn", "Some features"),
        (replace(POOL, data_errors=1), "bad", "1 file with permanent errors"),
        (replace(POOL, capacity=80), "warn", "80 % full"),
        (replace(POOL, capacity=95), "bad", "95 % full"),
        (replace(POOL, scan=Scan("resilver", "finished", errors=2)), "warn", "2 errors in its last resilver"),
        (replace(POOL, scan=Scan("scrub", "finished", ended=NOW - 90 * 86400)), "warn", "scrubbed last 90d ago"),
        (replace(POOL, scan=Scan("scrub", "finished", ended=NOW + 9000)), "unknown", "a clock is or was wrong"),
        (replace(POOL, vdevs=(Vdev("sdx", "disk", "ONLINE", read_errors=3),)), "warn", "counts errors on sdx"),
    ],
)
def test_pools(pool: Pool, level: str, words: str) -> None:
    found = news(WELL, (pool, replace(POOL, name="other", guid="2")), (TASK,), (DISK,))
    told = _of(found, "pools")
    assert any(item[0] == level and words in item[1] for item in told), told
    assert ("ok", "1 pool online without errors: other.") in told
    assert worst(found) == level
    assert is_bad_news(found)


def test_no_pools() -> None:
    assert _of(news(WELL, (), (), ()), "pools") == [("ok", "There are no pools yet.")]
    assert _of(news(replace(WELL, zfs_version=""), (), (), ()), "pools")[0][0] == "warn"


@pytest.mark.parametrize(
    ("status", "level", "words"),
    [
        (replace(TASK, last=Run("r", "home", "failed", NOW, message="cable cut.")), "bad", "failed: cable cut."),
        (replace(TASK, last=Run("r", "home", "died", NOW)), "bad", "died."),
        (replace(TASK, snapshot_created=NOW - 10 * 86400), "bad", "is late"),
        (replace(TASK, snapshot_created=NOW + 9000), "bad", "a clock is wrong"),
        (replace(TASK, notes=("tank/x has no snapshot.",)), "warn", "left something out: tank/x has no snapshot"),
        (replace(TASK, late=None, snapshot_created=None), "unknown", "never been proven"),
        (replace(TASK, late=False, snapshot_created=None), "unknown", "never been proven"),
        (replace(TASK, last=Run("r", "home", "cancelled", NOW)), "warn", "cancelled"),
        (replace(TASK, last=Run("r", "home", "running", NOW)), "ok", "in time"),
    ],
)
def test_replication(status: TaskStatus, level: str, words: str) -> None:
    (told,) = _of(news(WELL, (POOL,), (status,), (DISK,)), "replication")
    assert told[0] == level
    assert words in told[1]


def test_a_failed_run_is_bad_even_while_the_target_is_in_time() -> None:
    status = replace(TASK, late=False, last=Run("r", "home", "failed", NOW, message="no space"))
    assert is_bad_news(news(WELL, (POOL,), (status,), (DISK,)))


FAILED = Run("r", "home", "failed", NOW, message="The connection to b was lost.", error_code="unreachable")


@pytest.mark.parametrize(
    ("status", "level", "text"),
    [
        (
            replace(TASK, last=FAILED, snapshot_created=NOW - 4 * 86400),
            "bad",
            "Replication home is late: the newest proven snapshot is from 4d ago; its last run failed: The connection "
            "to b was lost.",
        ),
        (
            replace(TASK, last=FAILED, snapshot_created=None),
            "bad",
            "Replication home has never been proven at its target; its last run failed: The connection to b was lost.",
        ),
        (
            replace(TASK, last=replace(FAILED, state="died", message="")),
            "bad",
            "The last run of replication home died.",
        ),
        (
            replace(TASK, last=replace(FAILED, message="back/home has @mine.", error_code="diverged")),
            "bad",
            "Replication home has diverged, and its copy cannot go on by itself: back/home has @mine; the newest "
            "proven snapshot is from 1m ago.",
        ),
        (
            replace(TASK, task=PAUSED),
            "note",
            "Replication home is paused, so nothing is copied: the newest proven snapshot is from 1m ago.",
        ),
        (
            replace(TASK, task=PAUSED, snapshot_created=NOW - 4 * 86400),
            "bad",
            "Replication home is late, and it is paused: the newest proven snapshot is from 4d ago.",
        ),
    ],
)
def test_how_old_a_copy_is_comes_before_how_the_last_run_ended(status: TaskStatus, level: str, text: str) -> None:
    assert _of(news(WELL, (POOL,), (status,), (DISK,)), "replication") == [(level, text)]


def test_datasets_that_are_nowhere_else_are_told_and_are_no_alarm() -> None:
    here = replace(TASK, task=Task("here", "tank/b", None, "usb/b"))
    box = Held(("tank/home", "tank/b", "tank/c", "usb/b"), ("tank/home", "tank/b", "tank/c", "usb/b"))
    found = news(WELL, (POOL,), (TASK, here), (DISK,), held=box)
    assert ("note", "In no task: tank/c. Only within this box: tank/b. What takes this box takes these too.") in (
        _of(found, "replication")
    )
    assert not is_bad_news(found)
    assert worst(news(WELL, (POOL,), (TASK,), (DISK,), held=Held(("tank/home",), ("tank/home",)))) == "ok"
    (unread,) = [item for item in _of(news(WELL, (POOL,), (here,), (DISK,)), "replication") if item[0] == "note"]
    assert unread[1] == "All copies are within this box: what takes the box takes them too."


def test_disks() -> None:
    failing = DiskHealth("ata-B", "sdb", "failing", "it says so")
    worn = DiskHealth("ata-C", "sdc", "passed", "2 media errors", reallocated=5)
    told = _of(news(WELL, (POOL,), (TASK,), (DISK, failing, worn)), "disks")
    assert ("bad", "Disk sdb (ata-B) is failing: it says so.") in told
    assert ("warn", "Disk sdc (ata-C): 2 media errors; 5 sectors were reallocated.") in told
    assert not any(level == "ok" for level, _ in told)  # with a failing disk nothing is green
    assert _of(news(WELL, (), (), ()), "disks") == [("unknown", "No disks were found.")]


@pytest.mark.parametrize(
    ("sensor", "level"),
    [
        (Temperature("x", 50.0, 90.0), "ok"),
        (Temperature("x", 81.0, 90.0), "warn"),
        (Temperature("x", 90.0, 90.0), "bad"),
        (Temperature("x", 84.0), "ok"),
        (Temperature("x", 85.0), "warn"),
        (Temperature("x", 96.0), "bad"),
    ],
)
def test_temperature(sensor: Temperature, level: str) -> None:
    (told,) = _of(news(replace(WELL, temperatures=(sensor,)), (), (), ()), "temperature")
    assert told[0] == level


def test_memory_and_services() -> None:
    poor = replace(WELL, memory=Memory(total=1 << 30, available=1 << 20))
    assert _of(news(poor, (), (), ()), "memory")[0][0] == "warn"
    ill = replace(
        WELL,
        services=(ServiceState("cron", "failed"), ServiceState("ssh", "inactive", note="enabled, but does not run")),
    )
    assert [level for level, _ in _of(news(ill, (), (), ()), "services")] == ["bad", "warn"]


def test_worst_first() -> None:
    found = news(WELL, (replace(POOL, state="FAULTED"),), None, (DISK,))
    levels = [item.level for item in found]
    assert levels == sorted(levels, key=["bad", "warn", "unknown", "ok"].index)
