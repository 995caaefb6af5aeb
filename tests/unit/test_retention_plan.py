"""The retention planner: each notation against a model of its tool, and what never goes whatever the input."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from types import FrameType
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dplane_tui.services.retention.backlog import Backlog
from dplane_tui.services.retention.plan import PAUSED, SKEW, UNSHOWN, Decision, plan, what_is_ahead
from dplane_tui.services.retention.points import Point
from dplane_tui.services.retention.policy import PERIODS, Policy, parse

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
VIENNA = ZoneInfo("Europe/Vienna")
MINUTE, HOUR, DAY = 60, 3600, 86400


def at(*ages: int, now: datetime = NOW, **more: Any) -> list[Point]:
    """Snapshots of ours of these ages in seconds, the oldest first."""
    born = sorted(int(now.timestamp()) - age for age in ages)
    return [Point(f"dplane-{time}", str(time), 10 * index + 10, time, **more) for index, time in enumerate(born)]


def kept(decisions: Sequence[Decision], now: datetime = NOW) -> list[int]:
    """Ages of those that stay, the youngest first."""
    return sorted(int(now.timestamp()) - one.point.creation for one in decisions if one.keep)


def why(decisions: Sequence[Decision]) -> dict[str, str]:
    return {one.point.name: one.why for one in decisions}


def test_nothing_is_planned_for_nothing_and_an_empty_policy_keeps_everything() -> None:
    assert plan([], parse("hourly=1"), NOW) == ()
    assert kept(plan(at(1, 2, 3), Policy(), NOW)) == [1, 2, 3]


# Counts


def test_counts_keep_the_first_of_each_period_and_say_why() -> None:
    points = at(*(hour * HOUR for hour in range(72)), *(hour * HOUR + 30 * MINUTE for hour in range(72)))
    found = plan(points, parse("hourly=3,daily=2"), NOW)
    # Noon: the first of each of the last hours, the first of today and of the day before; 3 and 48 hours are the edges.
    assert kept(found) == [0, HOUR, 2 * HOUR, 3 * HOUR, 12 * HOUR, 36 * HOUR]
    reasons = why(found)
    assert reasons[points[-1].name] == "the newest snapshot"
    assert reasons[points[-2].name] == "not the first of its hour"
    first_of_the_22nd = next(point for point in points if NOW.timestamp() - point.creation == 60 * HOUR)
    assert reasons[first_of_the_22nd.name] == "first of its day, but past daily=2"


def test_a_box_that_was_off_keeps_its_number_of_days() -> None:
    months_ago = [200 * DAY + day * DAY for day in range(20)]
    assert kept(plan(at(0, *months_ago), parse("daily=5"), NOW)) == [0, *months_ago[:4]]


@settings(max_examples=150, deadline=None)
@given(st.lists(st.integers(0, 400 * DAY), min_size=1, max_size=60, unique=True), st.integers(1, 12), st.data())
def test_counts_are_sanoids(ages: list[int], number: int, data: st.DataObject) -> None:
    """Sanoid drops the oldest of a kind while it is too old and there are more than so many of its kind."""
    period = data.draw(st.sampled_from(["hourly", "daily"]))
    length = PERIODS[period][1]
    now = NOW + timedelta(seconds=1)
    points = at(*ages, now=now)
    reference = points[-1].creation
    firsts: dict[int, Point] = {}
    for point in points:  # in UTC, hours and days are multiples of their lengths
        firsts.setdefault(point.creation // length, point)
    left = list(firsts.values())
    while len(left) > number and left[0].creation < reference - number * length:
        del left[0]
    found = plan(points, Policy(counts=((period, number),)), now)
    assert {one.point for one in found if one.keep} == {*left, points[-1]}


def test_the_hour_that_comes_twice_is_two_and_a_day_of_25_hours_is_one() -> None:
    now = datetime(2026, 10, 26, 0, 30, tzinfo=VIENNA)  # the clock went back from 3 to 2 o'clock on the 25th
    night = at(*(21 * HOUR + half * 1800 for half in range(8)), now=now)
    local = [datetime.fromtimestamp(point.creation, VIENNA) for point in night]
    assert [f"{time:%H:%M}" for time in local].count("02:30") == 2
    hours = plan(night, parse("hourly=24"), now)
    assert [f"{datetime.fromtimestamp(one.point.creation, VIENNA):%H:%M%z}" for one in hours if one.keep][:-1] == [
        *("01:00+0200", "02:00+0200", "02:00+0100", "03:00+0100")
    ]
    day = at(*(half * 1800 for half in range(52)), now=now)
    days = [datetime.fromtimestamp(one.point.creation, VIENNA) for one in plan(day, parse("daily=9"), now) if one.keep]
    assert [f"{time:%d %H:%M}" for time in days] == ["25 00:00", "26 00:00", "26 00:30"]


def test_periods_are_those_of_the_local_clock() -> None:
    points = at(0, 11 * HOUR + 30 * MINUTE, 12 * HOUR + 30 * MINUTE)  # 00:30 and, the evening before, 23:30 in UTC
    assert len(kept(plan(points, parse("daily=1"), NOW))) == 3
    both = plan(points, parse("daily=1"), NOW.astimezone(VIENNA))  # 01:30 and 00:30 of the same day
    assert [one.keep for one in both] == [True, False, True]
    monday = datetime(2026, 1, 5, tzinfo=UTC)  # the week before it holds the first days of the year
    week = at(0, *(day * DAY for day in range(1, 9)), now=monday)
    assert kept(plan(week, parse("weekly=1"), monday), monday) == [0, 7 * DAY]
    with pytest.raises(ValueError, match="no zone"):
        plan(points, parse("daily=1"), datetime(2026, 1, 1))


# zrepl's grid


def test_the_grid_keeps_the_oldest_of_each_bucket() -> None:
    ages = [0, 20, 40, 60, 80, 119, 120, 150, 240, 299, 300, 1000]
    minutes = [age * MINUTE for age in ages]
    found = plan(at(*minutes), parse("1x1h(keep=all) | 2x1h | 1x2h(keep=2)"), NOW)
    # 0-60: all; 60-120 and 120-180: the oldest; 180-300: the two oldest; the left edge belongs to a bucket.
    assert [age // MINUTE for age in kept(found)] == [0, 20, 40, 119, 150, 240, 299]
    reasons = why(found)
    by_age = {(int(NOW.timestamp()) - one.point.creation) // MINUTE: one.point.name for one in found}
    assert reasons[by_age[119]] == "has a place in 2x1h"
    assert reasons[by_age[60]] == "younger than what is kept in its bucket of 2x1h"
    assert reasons[by_age[300]] == reasons[by_age[1000]] == "older than the whole grid"


def test_the_grid_hangs_on_the_newest_snapshot_not_on_the_clock() -> None:
    points = at(*(200 * DAY + hour * HOUR for hour in range(5)))
    assert len(kept(plan(points, parse("3x1h"), NOW))) == 3


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(0, 40 * DAY), min_size=1, max_size=80, unique=True))
def test_no_bucket_of_a_grid_is_emptied(ages: list[int]) -> None:
    points = at(*ages)
    stay = {one.point for one in plan(points, parse("2x1h(keep=2) | 24x1h | 14x1d"), NOW) if one.keep}
    newest = points[-1].creation

    def bucket(point: Point) -> int:
        age = newest - point.creation
        return age // HOUR if age < 26 * HOUR else 100 + (age - 26 * HOUR) // DAY

    full = {bucket(point) for point in points if newest - point.creation < 26 * HOUR + 14 * DAY}
    assert {bucket(point) for point in stay} == full


# zfs-autobackup's thinning


def test_thinning_keeps_the_newest_and_the_first_of_each_block() -> None:
    hours = [hour * HOUR for hour in range(24 * 20)]
    found = plan(at(*hours), parse("3,1d1w"), NOW)
    days = [12 * HOUR + day * DAY for day in range(7)]  # blocks begin at midnight UTC, and a week has 7 days
    assert kept(found) == [0, HOUR, 2 * HOUR, *days]
    reasons = why(found)
    by_age = {int(NOW.timestamp()) - one.point.creation: one.point.name for one in found}
    assert reasons[by_age[HOUR]] == "among the newest 3"
    assert reasons[by_age[12 * HOUR]] == "first of its 1d for 1w (1d1w)"
    assert reasons[by_age[13 * HOUR]] == "not the first of its 1d"
    assert reasons[by_age[12 * HOUR + 8 * DAY]] == "first of its 1d, but older than 1w"
    assert kept(plan(at(*hours), parse("4"), NOW)) == hours[:4]


# Clocks


def test_nothing_goes_when_the_clock_is_behind_the_newest_snapshot() -> None:
    points = at(*(minute * MINUTE for minute in range(300)))
    early = NOW - timedelta(seconds=SKEW + 1)
    found = plan(points, parse("daily=1"), early)
    assert all(one.keep for one in found)
    assert "the clock says 2026-11-24 10:59" in found[0].why
    assert points[-1].name in found[0].why
    assert not all(one.keep for one in plan(points, parse("daily=1"), early + timedelta(seconds=1)))


AGES = ("1d1w", "3,1d1w", "10,1d1m,1w1y", "24x1h | 9x1d", "4x1h(keep=all) | 24x1h | 30x1d", "24x1h | 30x1d | 12x30d")
"""Policies that let go by age; counts keep their number of each period, however old."""


def taken(left: Sequence[Point], when: int, **more: Any) -> list[Point]:
    """And the one that a run takes by a clock that says `when`."""
    order = max((point.createtxg for point in left), default=0) + 10
    return [*left, Point(f"dplane-{when}", f"g{order}", order, when, **more)]


def pruned(points: Sequence[Point], policy: Policy, **more: Any) -> list[Point]:
    """What a run leaves that has just taken the last of them."""
    now = datetime.fromtimestamp(points[-1].creation, UTC)
    return [one.point for one in plan(points, policy, now, **more) if one.keep]


def lived(policy: Policy, times: Sequence[int]) -> list[Point]:
    """What is left of snapshots of these times when each was taken by a run that prunes."""
    left: list[Point] = []
    for when in times:
        left = pruned(taken(left, when), policy)
    return left


END = int(NOW.timestamp())
HOURLY = range(END - 60 * DAY, END + 1, HOUR)


@pytest.mark.parametrize("days", [60, 200, 5 * 365])
@pytest.mark.parametrize("text", [*AGES, "hourly=24,daily=30"])
def test_a_run_with_the_clock_ahead_makes_no_history_old(text: str, days: int) -> None:
    policy = parse(text)
    before = lived(policy, HOURLY)
    after = pruned(taken(before, END + days * DAY), policy)
    lost = [point for point in before if point not in after]
    assert len(lost) <= (3 if "=" in text and "x" not in text else 1), "the new one pushes out no more than any other"
    again = pruned(taken(after, END + days * DAY + HOUR), policy)
    assert len(again) >= len(before) - 3


@pytest.mark.parametrize("text", AGES)
def test_set_back_such_a_clock_leaves_one_snapshot_that_stays_and_stops_nothing(text: str) -> None:
    policy = parse(text)
    left = [*lived(policy, HOURLY)]
    left = pruned(taken(left, END + 5 * 365 * DAY), policy)
    ahead = left[-1]
    right = lived(policy, HOURLY)
    for hour in range(2, 24 * 20):
        left, right = (pruned(taken(one, END + hour * HOUR), policy) for one in (left, right))
        assert ahead in left
    assert {point.creation for point in right} <= {point.creation for point in left}
    assert len(left) <= len(right) + 2, "what it says is old goes as ever"
    now = datetime.fromtimestamp(left[-1].creation, UTC)
    assert f"{ahead.name} says that it was taken 2031-11-23" in what_is_ahead(left, now)
    assert why(plan(left, policy, now))[ahead.name] == "it says that it was taken at a time that has not come yet"
    twice = pruned(taken(left, END + 6 * 365 * DAY), policy)
    assert len(twice) >= len(left), "and once more ahead it lets nothing go either"


@pytest.mark.parametrize("text", AGES)
def test_after_months_off_history_goes_by_itself_in_the_time_that_it_would_have_or_at_once_by_hand(text: str) -> None:
    policy = parse(text)
    before = lived(policy, HOURLY)
    back = END + 120 * DAY
    found = plan(taken(before, back), policy, datetime.fromtimestamp(back, UTC))
    left = [one.point for one in found if one.keep]
    assert len(left) >= len(before)
    stays = next(one for one in found if one.why.startswith(PAUSED))
    assert stays.why.endswith(f"none is left between {before[-1].name} and dplane-{back}")
    by_hand = plan(left, policy, datetime.fromtimestamp(back, UTC), by_hand=True)
    assert sum(one.keep for one in by_hand) < len(before)
    told = next(one for one in by_hand if one.point == stays.point)
    assert (told.keep, PAUSED in told.why) == (False, True)
    reach = 402 if "12x30d" in text or "1y" in text else 34
    for day in range(1, reach):
        left = pruned(taken(left, back + day * DAY), policy)
    assert not [point for point in left if point in before], "nothing is held back for ever"


@pytest.mark.parametrize("every", [7, 31, 61, 91, 366])
@pytest.mark.parametrize("text", [*AGES, "1d1m,1y5y", "5x365d"])
def test_what_is_taken_seldom_is_kept_as_the_policy_says(text: str, every: int) -> None:
    policy = parse(text)
    left = lived(policy, range(END, END + 40 * every * DAY, every * DAY))
    by_hand = pruned(left, policy, by_hand=True)
    assert left[-len(by_hand) :] == by_hand
    assert len(left) <= len(by_hand) + (every > 45), "of two alone nobody can say that they are taken seldom"


@pytest.mark.parametrize("text", ["1d1m,1y5y", "24x1h | 30x1d | 12x30d | 5x365d", "10,1d1m,1w1y"])
def test_the_last_of_each_year_and_a_pause_of_some_weeks_are_no_reason_to_keep_more(text: str) -> None:
    policy = parse(text)
    times = range(END, END + 9 * 365 * DAY, DAY)
    left = lived(policy, [*times, times[-1] + 44 * DAY])
    assert left == pruned(left, policy, by_hand=True)


@pytest.mark.parametrize(
    ("text", "every", "days"),
    [
        *[("14x1d | 1x360d", 1, 800), ("7x1d | 4x7d | 12x30d | 1x360d", 1, 1200), ("1x1d | 1x360d", 1, 800)],
        *[("7x1d | 1x360d", 3, 1200), ("10,1w1m,1m1y,1y2y", 7, 3000), ("30x1d | 12x30d | 5x360d", 2, 1500)],
        *[("10,1y1y", 3, 1500), ("7,1y1y", 7, 2000), ("1x360d", 3, 1200), ("2x180d", 5, 1200)],
    ],
)
def test_where_a_policy_leaves_one_a_year_a_year_is_no_pause(text: str, every: int, days: int) -> None:
    policy, left = parse(text), list[Point]()
    for when in range(END, END + days * DAY, every * DAY):
        found = plan(taken(left, when), policy, datetime.fromtimestamp(when, UTC))
        assert not [one.why for one in found if PAUSED in one.why]
        left = [one.point for one in found if one.keep]
        assert sum(one.why == UNSHOWN for one in found) <= 2, "on the safe side a little stays, and not for ever"


@pytest.mark.parametrize("days", [60, 360, 500, 700])
@pytest.mark.parametrize(("text", "reach"), [("14x1d | 1x360d", 13), ("1d1m,1y5y", 29), ("1d1m,1m1y,1y5y", 29)])
def test_a_jump_of_a_year_lets_no_history_go_while_snapshots_since_are_in_finer_rows(
    text: str, reach: int, days: int
) -> None:
    policy = parse(text)
    true = shown = lived(policy, range(END - 500 * DAY, END, DAY))
    for day in range(reach):
        true = pruned(taken(true, END + day * DAY), policy)
        shown = pruned(taken(shown, END + (days + day) * DAY), policy)
        assert {point.createtxg for point in true} <= {point.createtxg for point in shown}


@pytest.mark.parametrize("days", [500, 700])
@pytest.mark.parametrize("text", ["14x1d | 1x360d", "1x1d | 1x360d"])
def test_a_jump_of_more_than_a_year_takes_not_the_last_of_the_history_once_the_finer_rows_are_over(
    text: str, days: int
) -> None:
    policy = parse(text)
    before = shown = lived(policy, range(END - 500 * DAY, END, DAY))
    for day in range(200):
        shown = pruned(taken(shown, END + (days + day) * DAY), policy)
        assert any(point in before for point in shown)


def test_the_cap_of_what_waits_holds_whatever_the_clock_did() -> None:
    """A target that is away, and the clock ahead, set right, ahead again, and months off."""
    policy, left = parse("24x1h | 30x1d"), at(DAY)
    base, clock = left[0], END
    for jump in (0, 5 * 365 * DAY, -5 * 365 * DAY, 6 * 365 * DAY, 0, 200 * DAY):
        clock += jump
        for _ in range(30):
            clock += HOUR
            left = pruned(taken(left, clock), policy, protected={base.guid}, backlog=Backlog(base.createtxg, most=20))
            ahead = [one for one in left if one.creation > clock + SKEW]
            assert base in left
            assert len(left) - len(ahead) <= 21
            assert len(ahead) <= 20, "what a wrong clock took was under the cap when it did"


@pytest.mark.parametrize("most", [9, 5, 3])
def test_what_is_dated_ahead_takes_no_place_of_what_waits_and_stays(most: int) -> None:
    points = at(*(day * DAY for day in range(10)))
    ahead = replace(points[4], creation=END + 90 * DAY, written=10**9)
    without = [*points[:4], *points[5:]]
    for cap in (Backlog(most=most), Backlog(most_bytes=most)):
        left = plan([replace(one, written=1) for one in without], parse("daily=30"), NOW, backlog=cap)
        mixed = sorted([*(one.point for one in left), ahead], key=lambda one: one.createtxg)
        found = plan(mixed, parse("daily=30"), NOW, backlog=cap)
        assert sum(not one.keep for one in left) == 9 - most
        stays = {one.point: one.keep for one in found}
        assert stays.pop(ahead)
        assert stays == {one.point: one.keep for one in left}


jumps = st.integers(3, 50).map(lambda count: count * 210 * DAY)
"""Whole days, weeks, and months of 30 days."""


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(600, 30 * HOUR), min_size=2, max_size=50),
    st.lists(st.integers(600, 30 * HOUR), min_size=1, max_size=50),
    jumps,
    st.none() | st.integers(0, 49),
    st.sampled_from(["1d1w", "3,1h6h,1d1m", "5,1h1d,1d1w,1w1m", "1d1d"]).map(parse),
)
def test_whatever_jumps_what_a_right_clock_keeps_stays(
    before: list[int], after: list[int], jump: int, back: int | None, policy: Policy
) -> None:
    """Two boxes live through the same; the clock of one jumps ahead, and may be set right again after a while."""
    true: list[Point] = []
    shown: list[Point] = []
    time = END
    for index, gap in enumerate([*before, *after]):
        time += gap
        ahead = jump if len(before) <= index and (back is None or index <= len(before) + back) else 0
        true = pruned(taken(true, time), policy)
        shown = pruned(taken(shown, time + ahead), policy)
        order = {point.createtxg for point in shown}
        assert {point.createtxg for point in true} <= order


def test_a_box_that_often_begins_with_an_old_clock_prunes_as_any_other() -> None:
    policy = parse("24x1h | 9x1d")
    left = lived(policy, HOURLY)
    for hour in range(1, 24 * 30):
        if hour % 50 == 0:  # its first run has a clock that says 2015
            left = pruned(taken(left, 1_420_070_400 + hour), policy)
        left = pruned(taken(left, END + hour * HOUR), policy)
    right = lived(policy, range(END - 60 * DAY, left[-1].creation + 1, HOUR))
    assert len(left) <= len(right) + 1


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(600, 30 * HOUR), min_size=5, max_size=60),
    st.lists(st.integers(600, 30 * HOUR), min_size=1, max_size=30),
    jumps,
)
def test_no_bucket_that_had_one_is_emptied_by_a_jump(before: list[int], after: list[int], jump: int) -> None:
    """Of a grid: what was in the history stays within the length of its bucket."""
    policy, time = parse("6x1h | 10x1d | 5x7d"), END
    true: list[Point] = []
    shown: list[Point] = []
    for index, gap in enumerate([*before, *after]):
        time += gap
        true = pruned(taken(true, time), policy)
        shown = pruned(taken(shown, time + (jump if index >= len(before) else 0)), policy)
    history = [point for point in shown if point.creation < END + sum(before) + 1]
    for point in true:
        if point.creation <= END + sum(before):
            age = true[-1].creation - point.creation
            near = HOUR if age < 6 * HOUR else DAY if age < 10 * DAY else 7 * DAY
            assert any(abs(other.creation - point.creation) <= 2 * near for other in history), (age, near)


def test_a_date_that_no_calendar_has_is_told_not_stumbled_over() -> None:
    [*_, last] = plan([*at(1, 2), Point("dplane-x", "9", 999, 2**62)], parse("daily=1"), NOW)
    assert last.keep
    assert str(2**62) in last.why


def test_snapshots_dated_by_a_wrong_clock_displace_nothing() -> None:
    good = at(*(day * DAY for day in range(6)))
    strayed = Point("dplane-1970", "1970", good[2].createtxg + 1, 5)
    found = plan([*good, strayed], parse("daily=3"), NOW)
    assert {one.point for one in found if one.keep} >= set(good[-3:])
    newest = Point("dplane-1970", "1970", good[-1].createtxg + 1, 5)  # and when it is the newest, nothing seems old
    assert {one.point for one in plan([*good, newest], parse("3x1d"), NOW) if one.keep} == {*good, newest}


@pytest.mark.parametrize("text", ["1x1h(keep=all) | 24x1h | 30x1d", "hourly=24,daily=30", "10,1d1m", "1x1h | 30x1d"])
def test_what_came_later_with_an_older_name_takes_no_ones_place(text: str) -> None:
    """A box that is pulled from gives the names and dates; what was here before it lied is what a copy is for."""
    true = at(*(day * DAY + 9 * HOUR + 30 * MINUTE for day in range(26)))
    before = plan(true, parse(text), NOW)
    last = true[-1].createtxg
    false = [
        Point(f"dplane-f{index}-{earlier}", f"f{index}-{earlier}", last + 2 * index + place, point.creation - earlier)
        for index, point in enumerate(true)
        for place, earlier in ((1, 14 * HOUR), (2, 5 * HOUR))
    ]
    newest = Point("dplane-now", "now", last + 1000, int(NOW.timestamp()))
    after = plan([*true, *false, newest], parse(text), NOW)
    stay = {one.point for one in after if one.keep}
    assert {one.point for one in before if one.keep} <= stay
    assert newest in stay


@pytest.mark.parametrize("text", ["3x1d", "daily=3", "2,1d3d"])
def test_a_newest_with_an_old_name_stops_retention_and_it_is_said(text: str) -> None:
    good = at(*(day * DAY for day in range(20)))
    old = Point("dplane-1971", "1971", good[-1].createtxg + 1, 40_000_000)
    found = plan([*good, old], parse(text), NOW)
    assert all(one.keep for one in found)
    assert all("dplane-1971 is the newest snapshot, but says that it was taken 1971-04-08" in one.why for one in found)
    without = plan([*good, Point("dplane-mine", "mine", 9999, 0)], parse(text), NOW)
    assert {one.point for one in without if not one.keep} == {
        one.point for one in plan(good, parse(text), NOW) if not one.keep
    }, "and one whose name says no time counts for nothing"


# Peers that take snapshots here


@pytest.mark.parametrize("text", ["hourly=24,daily=3", "1x1h(keep=all) | 24x1h | 3x1d", "2,1h1d,1d3d"])
def test_what_a_peer_had_taken_takes_no_place_in_the_history_of_the_owner(text: str) -> None:
    """It takes its own a moment before the owner's of each hour, and may destroy them whenever it likes."""

    def kept_after(days: int, *, peer: bool) -> set[str]:
        left: list[Point] = []
        start, order = NOW - timedelta(days=days), 0
        for hour in range(24 * days):
            for minute, name in ((1, "box-a"), (30, "")) if peer else ((30, ""),):
                taken, order = int((start + timedelta(hours=hour, minutes=minute)).timestamp()), order + 1
                left.append(Point(f"dplane-{taken}", str(taken), order, taken, peer=name))
            now = start + timedelta(hours=hour, minutes=31)
            left = [one.point for one in plan(left, parse(text), now) if one.keep]
        assert peer is any(point.peer for point in left), "what the peer had taken is thinned, not kept out of sight"
        return {point.name for point in left if not point.peer}

    alone = kept_after(5, peer=False)
    assert len(alone) > 20
    assert kept_after(5, peer=True) == alone


def test_a_peer_cannot_stop_retention_by_the_names_it_may_give() -> None:
    """It may name one an hour ahead of this box's clock, and then one an hour behind."""
    own = at(*(hour * HOUR for hour in range(1, 9)))
    now = int(NOW.timestamp())
    early = Point("dplane-early", "e", 900, now + HOUR, peer="box-a")
    late = Point("dplane-late", "l", 901, now - HOUR, peer="box-a")
    found = plan([*own, early, late], parse("2"), NOW)
    assert [one.point for one in found if not one.keep] == own[:-2]


def test_the_newest_and_the_backlog_are_of_each_by_itself() -> None:
    own = at(*(hour * HOUR for hour in range(1, 9)))
    theirs = [
        replace(point, name=f"{point.name}-p", guid=f"p{point.guid}", createtxg=1000 + index, peer="box-a")
        for index, point in enumerate(own)
    ]
    found = plan([*own, *theirs], parse("1"), NOW, backlog=Backlog(0, most=8))
    assert all(one.keep for one in found), "what waits of the one fills no room of the other"
    found = plan([*own, *theirs, Point("mine", "m", 5000, 0)], parse("1s1s"), NOW)
    assert [one.point for one in found if one.keep][:2] == [own[-1], theirs[-1]]
    assert why(found)[theirs[-1].name] == "the newest that was taken for box-a"


# What never goes

names = st.sampled_from(["dplane-", "syncoid_box_2026-01-0", "autosnap_2026-01-0", "zrepl_2026", "bzfs_", "mine-"])
policies = st.sampled_from(
    [
        *("hourly=1", "hourly=2,daily=3,monthly=1", "weekly=2,yearly=1", "1x1h", "2x1h | 3x1d(keep=2) | 2x1w"),
        *("1", "4", "1s1s", "2,1h1d,1d1w", "1d1m", ""),
    ]
).map(parse)


@st.composite
def histories(draw: st.DrawFn) -> list[Point]:
    """Any history: clocks that jump, names of all makers, holds and clones."""
    found = []
    for index in range(draw(st.integers(0, 25))):
        creation = int(NOW.timestamp()) - draw(st.integers(-SKEW, 40 * DAY) | st.integers(0, 2 * HOUR))
        found.append(
            Point(
                f"{draw(names)}{index}",
                str(draw(st.integers(1, 60))),
                draw(st.integers(1, 40)),
                creation,
                draw(st.sampled_from([0, 0, 0, 1])),
                draw(st.sampled_from([(), (), (), ("tank/clone",)])),
                draw(st.none() | st.integers(0, 100)),
            )
        )
    return found


backlogs = st.none() | st.builds(
    Backlog, st.integers(0, 40), st.none() | st.integers(0, 9), st.none() | st.integers(0, 500)
)
ahead = st.sampled_from([None, 0, 50 * DAY, 400 * DAY, 5 * 365 * DAY])
"""By how much a clock was ahead when a run took one by it; None: none was taken."""
guids = st.frozensets(st.integers(1, 60).map(str), max_size=3)


def by_a_right_clock(points: list[Point]) -> list[Point]:
    """The same, with dates in the order of createtxg."""
    order = sorted(points, key=lambda point: (point.createtxg, point.name))
    dates = sorted(point.creation for point in points)
    return [replace(point, creation=creation) for point, creation in zip(order, dates, strict=True)]


@settings(max_examples=500, deadline=None)
@given(histories() | histories().map(by_a_right_clock), policies, guids, st.booleans(), backlogs, ahead)
def test_never_rules_hold_and_a_second_plan_is_empty(
    points: list[Point],
    policy: Policy,
    protected: frozenset[str],
    only_ours: bool,
    backlog: Backlog | None,
    jump: int | None,
) -> None:
    now = NOW + timedelta(seconds=jump or 0)
    points = points if jump is None else taken(points, int(now.timestamp()))
    points = [replace(point, let_go="" if only_ours or point.ours else point.name[:3]) for point in points]
    found = plan(points, policy, now, protected, backlog=backlog)
    assert sorted(map(id, points)) == sorted(id(one.point) for one in found)
    assert all(one.why for one in found)
    order = [(point.createtxg, point.name) for point in points]
    assert [(one.point.createtxg, one.point.name) for one in found] == sorted(order)
    newest_ours = [one.point for one in found if one.point.ours][-1:]
    for one in found:
        if one.keep:
            continue
        assert not one.point.holds
        assert not one.point.clones
        assert one.point.guid not in protected
        assert one.point is not found[-1].point
        assert one.point not in newest_ours
        assert one.point.ours or not only_ours
    again = plan([one.point for one in found if one.keep], policy, now, protected, backlog=backlog)
    # After a jump the age of a grid counts from the last before it, which may have gone: see the models above. And by a
    # clock that went back, the first of an hour may give way to one that came after hours which are younger by date.
    dates = [one.point.creation for one in found]
    assert all(one.keep for one in again) or jump is not None or dates != sorted(dates)


steady = st.sampled_from(["hourly=3,daily=4,weekly=2", "daily=2,monthly=2", "1h1d,1d1w", "3,1h6h,1w1m", "5"]).map(parse)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(60, 30 * HOUR), min_size=2, max_size=60), st.data(), steady)
def test_what_goes_today_is_not_wanted_tomorrow(gaps: list[int], data: st.DataObject, policy: Policy) -> None:
    """For counts and thinning: pruning after each snapshot loses nothing that one late look at all would keep."""
    born: list[int] = []
    clock = int(NOW.timestamp())
    for gap in gaps:
        clock += gap
        born.append(clock)
    every = [Point(f"dplane-{index}", str(index), index, time) for index, time in enumerate(born)]
    late = datetime.fromtimestamp(clock + data.draw(st.integers(0, HOUR)), VIENNA)
    wanted = {one.point for one in plan(every, policy, late) if one.keep}
    left: list[Point] = []
    for point in every:
        now = datetime.fromtimestamp(point.creation, VIENNA)
        left = [one.point for one in plan([*left, point], policy, now) if one.keep]
    assert wanted <= set(left)


def test_the_reasons_of_what_never_goes() -> None:
    ours = [
        Point("dplane-1", "1", 1, int(NOW.timestamp()) - 90, holds=2),
        Point("dplane-2", "2", 2, int(NOW.timestamp()) - 80, clones=("tank/copy",)),
        Point("dplane-3", "3", 3, int(NOW.timestamp()) - 70),
        Point("dplane-4", "4", 4, int(NOW.timestamp()) - 60),
        Point("dplane-5", "5", 5, int(NOW.timestamp()) - 50),
    ]
    others = [Point("autosnap_x", "6", 6, 1), Point("by hand", "7", 7, 1)]
    assert why(plan([*ours, *others], parse("1s1s"), NOW, {"3"})) == {
        "dplane-1": "it is held",
        "dplane-2": "tank/copy is a clone of it",
        "dplane-3": "a target's next increment starts from it",
        "dplane-4": "first of its 1s, but older than 1s",
        "dplane-5": "the newest snapshot of ours",
        "autosnap_x": "sanoid took it, not D-Plane",
        "by hand": "somebody else took it, not D-Plane",
    }


def test_told_to_take_all_names_the_newest_of_each_job_of_another_tool_stays() -> None:
    found = [
        *("syncoid_attic_nas_2026-01-01:00:00:01", "syncoid_cloud_nas_2026-01-01:00:00:02"),
        *("autosnap_2026-01-02_00:00:00_daily", "syncoid_attic_nas_2026-01-03:00:00:01", "by hand", "dplane-1", "last"),
    ]
    points = [
        Point(name, str(index), index, 1000 + index, let_go="" if name.startswith("dplane-") else name[:3])
        for index, name in enumerate(found)
    ]
    stays = [one.point.name for one in plan(points, parse("yearly=1"), NOW) if one.keep]
    assert stays == found, "the very first is that of the year"
    assert [one.keep for one in plan([*points, replace(points[4], name="by hour", createtxg=99)], parse("1"), NOW)] == [
        *(False, True, True, True, False, True, True, True)
    ]
    reasons = why(plan(points, parse("1"), NOW))
    assert reasons[found[3]] == "the newest of syncoid, from which that tool may go on"
    assert reasons[found[0]] == "not among the newest 1"


@settings(max_examples=300, deadline=None)
@given(histories(), policies, guids, backlogs)
def test_nothing_of_ours_goes_in_favour_of_what_another_tool_took(
    points: list[Point], policy: Policy, protected: frozenset[str], backlog: Backlog | None
) -> None:
    """Whoever took it may destroy it: with the mark, without it, and without those snapshots, the same of ours stay."""
    marked = [replace(point, let_go="" if point.ours else point.name[:3]) for point in points]
    alone = [point for point in points if point.ours]

    def ours(of: list[Point]) -> dict[str, bool]:
        return {one.point.guid: one.keep for one in plan(of, policy, NOW, protected, backlog=backlog) if one.point.ours}

    assert ours(marked) == ours(points)
    newest = max(points, key=lambda point: (point.createtxg, point.name), default=None)
    if newest is None or newest.ours:
        assert ours(points) == ours(alone)


def test_of_each_job_of_whatever_tool_the_newest_stays() -> None:
    jobs = {
        "zfs-auto-snap": ["zfs-auto-snap_daily-2026-02-18-0000", "zfs-auto-snap_daily-2026-02-19-0000"],
        "syncoid_": ["syncoid_20260101_hostA_2026-02-10:00:00:01", "syncoid_20260202_hostB_2026-02-11:00:00:01"],
        "weekly": ["weekly_1", "weekly_2"],
    }
    found = [(name, begins) for begins, names in jobs.items() for name in names]
    points = [
        *(Point(name, str(at), at, 1000 + at, let_go=begins) for at, (name, begins) in enumerate(found)),
        *at(*(hour * HOUR for hour in range(5))),
    ]
    stays = [one.point.name for one in plan(points, parse("2"), NOW) if one.keep and one.point.let_go]
    assert stays == [found[1][0], found[2][0], found[3][0], "weekly_2"]


def test_what_stays_for_its_false_date_is_not_thinned_while_a_target_is_away() -> None:
    ours = [*at(31 * DAY), replace(at(0)[0], guid="99", createtxg=99)]
    dates = enumerate((10, 9, 400, 8, 7, 6, 1), 11)
    theirs = [
        Point(f"autosnap_{txg}", str(txg), txg, int(NOW.timestamp()) - ago * DAY, let_go="autosnap_")
        for txg, ago in dates
    ]
    for backlog in (None, Backlog(after=1, most=2)):
        found = plan([*ours, *theirs], parse("daily=30"), NOW, backlog=backlog)
        assert [one.keep for one in found if one.point.name == "autosnap_13"] == [True]


def test_a_date_of_theirs_makes_nothing_older_or_younger() -> None:
    days = at(*(day * DAY for day in range(40)))
    strange = Point("autosnap_bad", "99", 99, 60, let_go="autosnap_")
    of_ours = [one.point for one in plan(days, parse("1d1w"), NOW) if not one.keep]
    assert of_ours
    assert [one.point for one in plan([*days, strange], parse("1d1w"), NOW) if not one.keep] == of_ours


def test_old_ones_of_ours_keep_nothing_of_theirs_and_a_date_that_is_behind_nothing_either() -> None:
    ours = [
        replace(point, createtxg=-400 + place)
        for place, point in enumerate(at(*(400 * DAY + hour * HOUR for hour in range(10))))
    ]
    theirs = [
        Point(f"autosnap_{hour}", f"9{hour}", hour, int(NOW.timestamp()) - (600 - hour) * HOUR, let_go="autosnap_")
        for hour in range(600)
    ]
    strange = Point("autosnap_bad", "99999", 999, 60, let_go="autosnap_")
    for policy in ("hourly=24,daily=7", "24x1h | 7x1d", "5,1h1d,1d1w"):
        gone = [one.point for one in plan([*ours, *theirs], parse(policy), NOW) if not one.keep and one.point.let_go]
        assert len(gone) > 500, policy
        found = plan([*ours, *theirs, strange, Point("last", "x", 1000, 0)], parse(policy), NOW)
        assert {one.point for one in found if not one.keep and one.point.let_go} >= set(gone), policy
        assert found[-2].keep


def test_in_the_hour_that_the_clock_goes_through_twice_ages_are_counted_in_seconds() -> None:
    now = datetime.fromtimestamp(1792890600, VIENNA)  # 2026-10-25 02:10, the second time
    assert now.fold == 1
    newest = Point("dplane-new", "2", 2, int(now.timestamp()) - 20 * 60)
    day = Point("dplane-day", "1", 1, newest.creation - 23 * HOUR - 50 * 60)
    assert [one.keep for one in plan([day, newest], parse("1,1h1d"), now)] == [True, True]


def test_digits_of_a_time_are_no_date() -> None:
    for name in (
        "bzfs_2026-02-01_08:30:05.123456-08:00_daily",
        "snap-2026-02-01T12:00:00.123456789Z",
        "auto-20260201.120000-12m",
        "daily-20260201120000123",
    ):
        assert Point(name, "1", 1, 1).family == name[: name.index("2026")]


# The backlog of a target that is away


def test_what_the_target_lacks_stays_up_to_the_cap_and_the_middle_is_thinned() -> None:
    points = at(*(hour * HOUR for hour in range(50)))
    base = points[9]
    unlimited = plan(points, parse("1"), NOW, {base.guid}, backlog=Backlog(base.createtxg))
    assert [one.point for one in unlimited if one.keep] == points[9:]
    assert unlimited[20].why == "the target does not have it yet"
    capped = plan(points, parse("1"), NOW, {base.guid}, backlog=Backlog(base.createtxg, most=8))
    stays = [one.point for one in capped if one.keep]
    assert stays[0] is base
    assert stays[1] is points[10]
    assert stays[-1] is points[-1]
    assert len(stays) == 9
    gaps = [later.creation - sooner.creation for sooner, later in pairwise(stays[1:])]
    assert max(gaps) <= 3 * min(gaps)
    assert "too many wait" in next(one.why for one in capped if not one.keep and one.point.createtxg > base.createtxg)
    only = plan(points, parse("1"), NOW, {base.guid}, backlog=Backlog(base.createtxg, most=0))
    assert [one.point for one in only if one.keep] == [base, points[-1]]


def test_a_target_that_stays_away_leaves_an_even_backlog() -> None:
    left = at(1000 * HOUR)
    base, start = left[0], left[0].creation
    for hour in range(1, 301):
        left.append(Point(f"dplane-{hour}", f"g{hour}", 100 + hour, start + hour * HOUR))
        now = datetime.fromtimestamp(left[-1].creation, UTC)
        found = plan(left, parse("1"), now, {base.guid}, backlog=Backlog(base.createtxg, most=10))
        left = [one.point for one in found if one.keep]
    assert (left[0], len(left)) == (base, 11)
    gaps = [later.creation - sooner.creation for sooner, later in pairwise(left[1:])]
    assert max(gaps) <= 2 * 300 * HOUR / 9


def test_a_cap_in_bytes_and_what_the_policy_wants_goes_last() -> None:
    points = at(*(hour * HOUR for hour in range(24)), written=10)
    found = plan(points, parse("1"), NOW, backlog=Backlog(most_bytes=75))
    assert len(kept(found)) == 7
    days = at(*(hour * HOUR for hour in range(96)), written=10)
    for_days = plan(days, parse("daily=10"), NOW, backlog=Backlog(most=6))
    assert {12 * HOUR, 36 * HOUR, 60 * HOUR, 84 * HOUR} <= set(kept(for_days))
    assert len(kept(for_days)) == 6


@pytest.mark.parametrize("backlog", [None, Backlog(0, most=20)])
@pytest.mark.parametrize("text", ["hourly=24,daily=30,monthly=12", "1x1h(keep=all) | 24x1h | 14x1d", "10,1d1w,1w1m"])
def test_the_cost_grows_with_the_number_of_snapshots_not_faster(text: str, backlog: Backlog | None) -> None:
    def lines(count: int) -> int:
        """How many lines of Python a plan for so many snapshots runs."""
        points, policy, ran = at(*(10 * MINUTE * one for one in range(count))), parse(text), 0

        def tick(_frame: FrameType, event: str, _arg: object) -> Any:
            nonlocal ran
            ran += event == "line"
            return tick

        before = sys.gettrace()
        sys.settrace(tick)
        try:
            plan(points, policy, NOW, backlog=backlog)
        finally:
            sys.settrace(before)
        return ran

    assert lines(1600) < 4 * lines(400) * 1.5
