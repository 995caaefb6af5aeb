"""Retention policies: three notations, one canonical text, and errors that name what is wrong."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dplane_tui.errors import UsageError
from dplane_tui.services.retention.policy import PERIODS, Buckets, Policy, Rule, check, from_counts, parse

DAY = 86400
counts = st.dictionaries(st.sampled_from(list(PERIODS)), st.integers(1, 100_000), min_size=1).map(from_counts)
buckets = st.builds(Buckets, st.integers(1, 40), st.integers(1, 10**6), st.none() | st.integers(1, 9))
grids = st.lists(buckets, min_size=1, max_size=6).map(
    lambda found: Policy(grid=tuple(sorted(found, key=lambda one: (one.length, one.keep or 0))))
)
rules = st.tuples(st.integers(1, 10**8), st.integers(1, 10**8)).map(lambda two: Rule(min(two), max(two)))
thinnings = st.builds(
    lambda last, found: Policy(last=last, rules=tuple(sorted(found, key=lambda rule: (rule.period, rule.ttl)))),
    st.integers(1, 1000),
    st.sets(rules, max_size=5),
)


@given(counts | grids | thinnings | st.just(Policy()))
def test_the_canonical_text_of_a_policy_says_that_policy(policy: Policy) -> None:
    text = str(policy)
    assert check(text) == str(parse(text))
    assert check(check(text)) == check(text)
    if not policy.grid:  # equal buckets side by side become one entry
        assert parse(text) == policy


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("", ""),
        (" all ", ""),
        ("hourly=24,daily=30,weekly=8,monthly=12,yearly=2", "hourly=24,daily=30,weekly=8,monthly=12,yearly=2"),
        ("Daily = 30   hourly=24, monthly=0", "hourly=24,daily=30"),
        ("frequently=4", "frequently=4"),
        ("1x1h(keep=all) | 24x1h | 14x1d", "1x1h(keep=all) | 24x1h | 14x1d"),
        ("1x1h( keep = all )|24 x 1h|14x24h(keep=1)", "1x1h(keep=all) | 24x1h | 14x1d"),
        ("4x60m|20x1h|2x30d(keep=3)", "24x1h | 2x30d(keep=3)"),
        ("2x1d(keep=all)|24x1h", "2x1d(keep=all) | 24x1h"),
        ("10,1d1w,1w1m,1m1y", "10,1d1w,1w1m,1m1y"),
        ("1M12M, 1w30d ,24h7d, 0", "1d1w,1w1m,1m12m"),
        ("10s1min,1d1w,1d1w", "10s1min,1d1w"),
        ("007", "7"),
    ],
)
def test_one_text_for_what_means_the_same(text: str, canonical: str) -> None:
    assert check(text) == canonical
    assert check(canonical) == canonical


def test_units_are_those_of_the_tool_whose_notation_it_is() -> None:
    assert parse("5x1m").grid == (Buckets(5, 60),)  # zrepl: minutes
    assert parse("1m1y").rules == (Rule(30 * DAY, 31_557_600),)  # zfs-autobackup: months
    assert parse("hourly=3").counts == (("hourly", 3),)
    assert {period: length for period, (_, length) in PERIODS.items()} == {  # sanoid, prune_snapshots
        "frequently": 900,
        "hourly": 3600,
        "daily": 86400,
        "weekly": 7 * 86400,
        "monthly": 31 * 86400,
        "yearly": 365.25 * 86400,
    }


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("hourly=24,fortnightly=2", "“fortnightly” in “hourly=24,fortnightly=2”"),
        ("hourly=24,daily", "“daily” in"),
        ("hourly=-1", "“hourly=-1” is not"),
        ("daily=1,daily=2", "“daily=2” in"),
        ("daily=100001", "a number up to 100000"),
        ("hourly=0,daily=0", "keeps no snapshot at all"),
        ("24x1h | 14x1y", "“14x1y” in"),
        ("24x1h | ", "“” in"),
        ("24x1h(keep=0)", "“24x1h(keep=0)” is not"),
        ("24x1h(keep=-1)", "“24x1h(keep=-1)” is not"),
        ("0x1h", "“0x1h” is not"),
        ("1x0h", "“1x0h” is not"),
        ("14x1d | 24x1h", "“24x1h” in “14x1d | 24x1h” is not as long as"),
        ("1x1h(keep=all) | 2x1d | 3x1h", "“3x1h” in"),
        ("100000x1000000d", "within reason"),
        ("60000x1w|60000x1w(keep=2)", "a thousand years"),
        ("10,1d1w,1q1y", "“1q1y” in “10,1d1w,1q1y”"),
        ("1w1d", "“1w1d” is not a period and a longer time"),
        ("0d1w", "“0d1w” is not"),
        ("10,20", "“20” in"),
        ("0", "keeps no snapshot at all"),
        ("1d1w5", "“1d1w5” is not"),
        ("-1", "“-1” is not"),
        ("yes\x1b[2J", "“yes�[2j”"),
        ("1²x1h", "1²x1h"),
        ("1s1s," * 60, "at most 50 parts"),
        ("1" * 5000, "at most 50 parts"),
    ],
)
def test_an_error_names_the_part_that_is_wrong(text: str, named: str) -> None:
    with pytest.raises(UsageError) as raised:
        check(text)
    assert named in raised.value.message
    assert raised.value.message.isprintable()
    assert raised.value.next_step


@given(st.text(alphabet="0123456789xhdwmsy|(),=keepalil adhourny", max_size=30))
def test_whatever_is_typed_is_a_policy_or_a_usage_error(text: str) -> None:
    try:
        canonical = check(text)
    except UsageError:
        return
    assert check(canonical) == canonical
