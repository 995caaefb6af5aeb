"""Protected, partly or not: the verdict as a pure function of evidence."""

from __future__ import annotations

import dataclasses

from hypothesis import given
from hypothesis import strategies as st

from dplane_tui.services.policies.model import Policies, PolicyStatus
from dplane_tui.services.protection.gather import pool_facts, verdicts
from dplane_tui.services.protection.judge import (
    FRESH,
    NOT,
    PARTLY,
    PROTECTED,
    SCRUBBED,
    UNKNOWN,
    Copy,
    Facts,
    Kept,
    PoolFacts,
    judge,
    taken_by,
)
from dplane_tui.services.replication.model import Task, TaskStatus
from dplane_tui.services.zfs.model import Dataset, Pool, Scan, Vdev

NOW = 1_800_000_000.0
COPY = Copy("photos", "attic:backup/photos", NOW - 60, NOW - 70, False)
POOL = PoolFacts("ONLINE", True, NOW - 86400, 0)
GOOD = Facts("t/a", "aes-256-gcm", ("dplane-1", NOW - 3600), True, (COPY,), POOL, policies_known=True)


def word(**changes: object) -> str:
    return judge(dataclasses.replace(GOOD, **changes), NOW).word  # type: ignore[arg-type]  # fields of Facts


def test_all_of_it_is_protected() -> None:
    verdict = judge(GOOD, NOW)
    assert verdict.word == PROTECTED
    assert {reason.state for reason in verdict.reasons} == {"good", "note"}
    assert "by D-Plane" in verdict.reasons[0].text


def test_one_thing_that_lacks_makes_it_partly() -> None:
    assert word(snapshot=None) == PARTLY
    assert word(snapshot=("daily", NOW - FRESH - 1)) == PARTLY
    assert word(copies=()) == PARTLY
    assert word(copies=(dataclasses.replace(COPY, late=True),)) == PARTLY
    assert word(copies=(dataclasses.replace(COPY, verified_at=None, late=None),)) == PARTLY
    assert word(copies=(dataclasses.replace(COPY, same_pool=True),)) == PARTLY
    assert word(pool=dataclasses.replace(POOL, state="DEGRADED")) == PARTLY
    assert word(pool=dataclasses.replace(POOL, redundant=False)) == PARTLY
    assert word(pool=dataclasses.replace(POOL, scrub_errors=3)) == PARTLY
    assert word(pool=dataclasses.replace(POOL, scrubbed_at=None)) == PARTLY
    assert word(pool=dataclasses.replace(POOL, scrubbed_at=NOW - SCRUBBED - 1)) == PARTLY


def test_what_is_from_a_time_to_come_is_never_good() -> None:
    later = NOW + 400 * 86400
    ahead = {"snapshot": ("dplane-2030", later), "pool": dataclasses.replace(POOL, scrubbed_at=later)}
    for name, value in ahead.items():
        verdict = judge(dataclasses.replace(GOOD, **{name: value}), NOW)  # type: ignore[arg-type]  # fields of Facts
        assert verdict.word == UNKNOWN
        [told] = [reason for reason in verdict.reasons if reason.state == "unknown"]
        assert "a time that has not come yet: a clock is or was wrong" in told.text
    assert word(snapshot=("d", later), pool=dataclasses.replace(POOL, scrub_errors=1, scrubbed_at=later)) == PARTLY
    assert word(snapshot=("d", NOW + 60), pool=dataclasses.replace(POOL, scrubbed_at=NOW + 60)) == PROTECTED


def test_a_peers_name_is_somebody_elses_text() -> None:
    told = judge(dataclasses.replace(GOOD, peer="attic\x1b[2J\ny"), NOW).reasons
    assert not [reason for reason in told if "\x1b" in reason.text or "\n" in reason.text]


def test_each_age_stands_beside_what_is_allowed() -> None:
    old = dataclasses.replace(COPY, late=True, fresh_at=NOW - 7260, allowed=7200.0)
    facts = dataclasses.replace(
        GOOD,
        snapshot=("daily", NOW - FRESH - 3600),
        copies=(old,),
        pool=dataclasses.replace(POOL, scrubbed_at=NOW - SCRUBBED - 86400),
    )
    said = " ".join(reason.text for reason in judge(facts, NOW).reasons)
    assert "Its newest snapshot is 2d 1h ago, allowed 2d" in said
    assert "as it was 2h 1m ago (allowed 2h)" in said
    assert "last scrubbed 41d ago (allowed 40d)" in said


def test_a_policy_that_is_not_kept_lacks_and_one_that_was_not_read_is_never_good() -> None:
    assert word(policy=Kept("hourly=24", False)) == PROTECTED
    assert word(policy=Kept("hourly=24", True)) == PARTLY
    assert word(policy=Kept("", None, "it cannot be understood")) == PARTLY
    assert word(policy=Kept("hourly=24", None)) == UNKNOWN
    assert word(policies_known=False) == UNKNOWN
    assert word(policies_known=False, snapshot=None, copies=()) == NOT, "whatever the policies say"


def test_neither_snapshot_nor_copy_is_not() -> None:
    assert word(snapshot=None, copies=()) == NOT
    assert word(snapshot=("x", NOW - 30 * 86400), copies=(dataclasses.replace(COPY, late=True),)) == NOT


def test_what_was_not_read_is_never_good() -> None:
    assert word(snapshots_known=False) == UNKNOWN
    assert word(copies=None) == UNKNOWN
    assert word(pool=None) == UNKNOWN
    assert word(copies=None, snapshot=None) == UNKNOWN  # it may be `not`
    assert word(pool=dataclasses.replace(POOL, redundant=None)) == UNKNOWN


def test_encryption_is_told_and_not_judged_and_a_copy_of_a_peer_has_its_original() -> None:
    assert word(encryption="off") == PROTECTED
    assert word(copies=None, peer="attic") == UNKNOWN, "nothing here says that the original is still there"


def test_a_late_copy_beside_a_good_one_is_told_and_still_lacks() -> None:
    assert word(copies=(COPY, dataclasses.replace(COPY, task="second", late=True))) == PARTLY


AGES = st.one_of(st.none(), st.floats(0, 10 * SCRUBBED))


@given(
    AGES, AGES, st.sampled_from((True, False, None)), st.sampled_from((True, False, None)),
    st.sampled_from((None, 0, 2)), st.sampled_from(("ONLINE", "DEGRADED")), st.booleans(),
    st.sampled_from((True, False, None)),
)  # fmt: skip
def test_protected_only_when_every_reason_is_good(
    snapshot: float | None, scrub: float | None, late: bool | None, redundant: bool | None, errors: int | None,
    state: str, known: bool, kept: bool | None,
) -> None:  # fmt: skip
    facts = Facts(
        "t/a",
        snapshot=None if snapshot is None else ("x", NOW - snapshot),
        snapshots_known=known,
        copies=(dataclasses.replace(COPY, late=late),),
        pool=PoolFacts(state, redundant, None if scrub is None else NOW - scrub, errors),
        policy=Kept("hourly=24", kept),
        policies_known=known,
    )
    verdict = judge(facts, NOW)
    states = {reason.state for reason in verdict.reasons} - {"note"}
    assert (verdict.word == PROTECTED) == (states == {"good"})
    assert verdict.word != NOT or late is not False


def test_redundancy_is_that_of_every_vdev_whose_loss_takes_the_pool() -> None:
    mirror, disk = Vdev("mirror-0", "mirror", "ONLINE"), Vdev("sda", "disk", "ONLINE")
    scan = Scan("scrub", "finished", ended=NOW, errors=0)
    pool = Pool("t", "1", "ONLINE", scan=scan, vdevs=(mirror, dataclasses.replace(disk, role="cache")))
    assert pool_facts(pool) == PoolFacts("ONLINE", True, NOW, 0)
    assert pool_facts(dataclasses.replace(pool, vdevs=(mirror, disk))).redundant is False
    special = dataclasses.replace(disk, role="special")
    assert pool_facts(dataclasses.replace(pool, vdevs=(mirror, special))).redundant is False
    assert pool_facts(dataclasses.replace(pool, vdevs=())).redundant is None
    resilver = dataclasses.replace(scan, kind="resilver")
    assert pool_facts(dataclasses.replace(pool, scan=resilver)).scrubbed_at is None


def test_verdicts_of_a_box() -> None:
    mirror = Vdev("mirror-0", "mirror", "ONLINE")
    pool = Pool("t", "1", "ONLINE", scan=Scan("scrub", "finished", ended=NOW - 5, errors=0), vdevs=(mirror,))
    task = TaskStatus(Task("a", "t/a", None, "t/copy"), None, NOW - 5, "x", NOW - 6, False, None, NOW - 6, ("t/a",))
    datasets = [Dataset("t/a", "filesystem", "1"), Dataset("t/b", "filesystem", "2")]
    policies = Policies((PolicyStatus("t/a", "1", "on", "hourly=24", late=True), PolicyStatus("t/b", "2", "none")))
    found = verdicts(datasets, [pool], [task], {"t/a": ("autosnap_1", NOW - 9)}, policies, NOW)
    assert {name: one.word for name, one in found.items()} == {"t/a": PARTLY, "t/b": NOT}
    assert any("same pool" in reason.text for reason in found["t/a"].reasons)
    assert any("policy hourly=24 is late" in reason.text for reason in found["t/a"].reasons)
    assert not any("policy" in reason.text for reason in found["t/b"].reasons), "no policy is no fault"
    assert {one.word for one in verdicts(datasets, None, None, None, None, NOW).values()} == {UNKNOWN}
    broken = Policies((PolicyStatus("t/b", "2", "broken", why="what is set cannot be understood: x"),))
    found = verdicts(datasets, [pool], [task], {}, broken, NOW)
    assert "Its snapshot policy is not run: what is set cannot be understood: x." in [
        reason.text for reason in found["t/b"].reasons
    ]
    assert any("was not read" in reason.text for reason in found["t/a"].reasons), "the listing had it not"


def test_who_took_it() -> None:
    assert taken_by("autosnap_2026-01-01_00:00:01_daily") == "sanoid"
    assert taken_by("mine") == ""
