"""Scheduled upkeep, sanoid's file, and the commands: what is typed, what is told, with which exit code."""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import Any

import pytest

from dplane_tui.services.policies import sanoid, wording
from dplane_tui.services.upkeep import parse
from dplane_tui.services.upkeep.model import BAD, GOOD, RUNNING, UNKNOWN, Outcome, parse_timer
from dplane_tui.services.zfs.model import Pool, Scan
from privhelper.kinds import POLICY_NAME, POOL_DATASETS, TIMER, WHEN
from privhelper.timers import content

# The timers' text


@pytest.mark.parametrize("policies", [["daily=3"], ["daily=3", "frequently=4"]])
def test_the_timer_of_policies_is_one_that_systemd_and_the_door_take(policies: list[str]) -> None:
    when = [f"calendar:{wording.calendar(map(wording.check, policies))}"]
    assert WHEN.check(when) == ""
    assert TIMER.check("policy-snapshots") == ""
    lines = content("policy-snapshots", when).splitlines()
    assert "Persistent=true" in lines, "what the box slept through is caught up"
    assert f"OnCalendar={when[0].removeprefix('calendar:')}" in lines
    assert not any("%" in line or "\\" in line for line in lines)


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed")
def test_systemd_reads_the_calendars_as_they_are_meant() -> None:
    for policies, steps in ((["daily=3"], 3600), (["frequently=4"], 900)):
        text = wording.calendar(map(wording.check, policies))
        argv = ["systemd-analyze", "calendar", "--iterations=2", "--base-time=2026-01-01 10:01:00 UTC", "--", text]
        told = subprocess.run(argv, capture_output=True, text=True, check=False, env={"TZ": "UTC", "PATH": "/usr/bin"})
        assert told.returncode == 0, told.stderr
        first = "11:00:00" if steps == 3600 else "10:15:00"
        assert first in told.stdout


@pytest.mark.parametrize("timer", ["scrub-tank", "trim-tank", "smart-short", "smart-long", "policy-snapshots"])
def test_the_door_takes_the_timers_there_are(timer: str) -> None:
    assert TIMER.check(timer) == ""


@pytest.mark.parametrize("timer", ["scrub", "scrub-", "reboot-now", "scrub-a b", "scrub-a/b", "../scrub-tank", "job-1"])
def test_and_no_others(timer: str) -> None:
    assert TIMER.check(timer)


def test_a_timers_name_is_read_back() -> None:
    assert parse_timer("scrub-my-pool") == ("scrub", "my-pool")
    assert parse_timer("smart-long") == ("smart-long", "")
    assert [parse_timer(name) for name in ("smart-tank", "scrub-", "task-x", "policy-snapshots")] == [None] * 4


# The door's new kinds


@pytest.mark.parametrize(
    "name",
    [
        *("dplane-2026-01-02T03-04-05Z", "dplane-auto-", "dplane-auto-2026-01-02T03-04-05Z\n", "autosnap_x"),
        *("dplane-auto-2026-01-02T03-04-05Zx", "dplane-auto-2026-1-2T03-04-05Z", "dplane-auto-٢٠٢٦-01-02T03-04-05Z"),
    ],
)
def test_a_policy_takes_only_snapshots_of_its_own_name(name: str) -> None:
    assert POLICY_NAME.check(name)
    assert POLICY_NAME.check("dplane-auto-2026-01-02T03-04-05Z") == ""


@pytest.mark.parametrize(
    "given", [[], ["tank/a", "vault/b"], ["tank/a", "tank/a"], ["-r"], ["tank/a@x"], "tank/a", [1]]
)
def test_a_transaction_is_of_datasets_of_one_pool(given: Any) -> None:
    assert POOL_DATASETS.check(given)
    assert POOL_DATASETS.check(["tank", "tank/a"]) == ""


# Results


def pool(scan: Scan | None) -> Pool:
    return Pool("tank", "1", "ONLINE", scan=scan)


def test_a_scrub_is_good_only_when_it_ended_without_errors() -> None:
    states = {
        Scan("scrub", "finished", ended=1.0, errors=0): GOOD,
        Scan("scrub", "finished", ended=1.0, errors=2): BAD,
        Scan("scrub", "finished", ended=1.0): UNKNOWN,
        Scan("scrub", "scanning", percent=41.6): RUNNING,
        Scan("scrub", "canceled", ended=1.0, errors=0): BAD,
        Scan("resilver", "finished", ended=1.0, errors=0): UNKNOWN,
    }
    assert {scan: parse.scrub(pool(scan)).state for scan in states} == states
    assert parse.scrub(pool(None)).state == UNKNOWN
    assert "42 % done" in parse.scrub(pool(Scan("scrub", "scanning", percent=41.6))).text


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("  sda  ONLINE  0 0 0  (100% trimmed, completed at Thu Nov 26 01:00:00 2026)\n", GOOD),
        ("  sda  ONLINE  0 0 0  (12% trimmed, started at Thu Nov 26 01:00:00 2026)\n", RUNNING),
        ("  sda  (100% trimmed, completed at X)\n  sdb  (untrimmed)\n", UNKNOWN),
        ("  sda  (100% trimmed, completed at X)\n  sdb  (trim unsupported)\n", GOOD),
        ("  sda  (100% trimmed, completed at X)\n  sdb  (3% trimmed, suspended at Y)\n", BAD),
        ("  sda  (trim unsupported)\n", UNKNOWN),
        ("", UNKNOWN),
    ],
)
def test_a_trim_is_good_only_when_every_disk_that_can_was_trimmed(status: str, state: str) -> None:
    assert parse.trim(status).state == state


def ata(passed: bool | None, kind: str = "Short offline", running: int = 0) -> str:
    status = {"string": "Completed without error" if passed else "Completed: read failure"}
    entry = {"type": {"string": kind}, "status": status | ({} if passed is None else {"passed": passed})}
    told = {"ata_smart_data": {"self_test": {"status": {"value": running, "remaining_percent": 90}}}}
    return json.dumps({**told, "ata_smart_self_test_log": {"standard": {"table": [{**entry, "lifetime_hours": 5}]}}})


def test_a_self_test_is_what_the_disk_says_and_of_its_kind() -> None:
    assert parse.self_test(ata(True), "smart-short") == Outcome(GOOD, "Completed without error at 5 hours of its life")
    assert parse.self_test(ata(False), "smart-short").state == BAD
    assert parse.self_test(ata(None), "smart-short").state == UNKNOWN
    assert parse.self_test(ata(True), "smart-long").state == UNKNOWN
    assert parse.self_test(ata(True, running=0xF9), "smart-long") == Outcome(RUNNING, "goes on, 90 % left")
    nvme = {"self_test_code": {"value": 2}, "self_test_result": {"value": 0, "string": "Completed"}}
    told = {"nvme_self_test_log": {"table": [nvme], "current_self_test_operation": {"value": 0}}}
    assert parse.self_test(json.dumps(told), "smart-long").state == GOOD
    assert parse.self_test(json.dumps(told), "smart-short").state == UNKNOWN
    for junk in ("", "[]", "{}", '{"ata_smart_self_test_log": {"standard": {"table": [1, {"type": 3}]}}}'):
        assert parse.self_test(junk, "smart-short").state == UNKNOWN
    disks = [("a", Outcome(GOOD, "x")), ("b", Outcome(BAD, "read failure"))]
    assert parse.together(disks) == Outcome(BAD, "1 of 2 disk(s) passed; b: read failure")
    assert parse.together([]).state == UNKNOWN


# sanoid.conf

CONF = """
[tank/data]
    use_template = production
    recursive = yes
[tank/home]
    use_template = production   # inline
    hourly = 12
[tank/vm]
    use_template = backup
[tank/gone]
    use_template = production
[tank/odd]
    use_template = nothere
[-r]
    use_template = production
[tank/top]
    use_template = production
    process_children_only = yes
    pre_snapshot_script = /bin/x
[template_production]
    frequently = 0
    hourly = 36
    daily = 30
    monthly = 3
    yearly = 0
    autosnap = yes
    autoprune = yes
[template_backup]
    autosnap = no
    autoprune = yes
"""
HERE = ["tank", "tank/data", "tank/data/a", "tank/home", "tank/home/x", "tank/vm", "tank/odd", "tank/top", "tank/top/y"]


def test_sanoids_file_becomes_policies_and_says_what_does_not() -> None:
    found = {one.section: one for one in sanoid.propose(CONF, HERE)}
    data, home, top = found["tank/data"], found["tank/home"], found["tank/top"]
    assert [one.command for one in data.settings] == [
        "dplane policy set tank/data hourly=36,daily=30,monthly=3 --as production"
    ]
    assert [(one.dataset, one.policy) for one in home.settings] == [
        ("tank/home", "hourly=12,daily=30,monthly=3"),
        ("tank/home/x", "none"),
    ]
    assert home.settings[0].template == "", "it is not the template as it stands"
    assert [one.dataset for one in top.settings] == ["tank/top/y"]
    assert any("pre_snapshot_script has no equal" in note for note in top.notes)
    assert "copy" in found["tank/vm"].problem
    assert "no such dataset" in found["tank/gone"].problem
    assert "nothere" in found["tank/odd"].problem
    assert found["-r"].problem
    assert all(wording.check(one.policy) for part in found.values() for one in part.settings if one.policy != "none")


def test_without_a_template_sanoids_own_numbers_count() -> None:
    (one,) = sanoid.propose("[tank/data]\nrecursive=yes\n", HERE)
    assert one.settings[0].policy == "hourly=48,daily=90,monthly=6"


@pytest.mark.parametrize(
    "text", ["\0", "no section = 1", "[tank/data]\nhourly=x\n", "[tank/data]\n\x1b[31m=2\n", "[a\n"]
)
def test_a_hostile_file_is_an_error_of_ours_or_a_problem(text: str) -> None:
    from dplane_tui.errors import UsageError

    said: list[str] = []
    try:
        said += [note for one in sanoid.propose(text, HERE) for note in (*one.notes, one.problem)]
    except UsageError as error:
        said.append(str(error))
    assert said
    assert all(part.isprintable() for part in said)


def test_a_start_that_failed_is_an_alarm_until_one_succeeds_or_it_is_planned_no_more() -> None:
    from dplane_tui.services.notify.model import Alarm
    from dplane_tui.services.upkeep.model import Start
    from dplane_tui.services.upkeep.news import observations

    for state, active in (("failed", True), ("left-out", None), ("started", False)):
        (one,) = observations({"scrub-tank": Start(1.0, state, "why")}, ())
        assert (one.key, one.event, one.active) == ("upkeep:scrub-tank", "pool", active)
    known = Alarm("upkeep:smart-long", "disk", "smart-long", True, 2, "", "", False, 0.0, 0.0)
    (ended,) = observations({}, (known,))
    assert (ended.active, ended.title) == (False, "")
