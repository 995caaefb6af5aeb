"""Capacity over time: what stays, when a pool is full, and that nothing is said of what is not known."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import math
import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dplane_tui import paths
from dplane_tui.cli import run
from dplane_tui.errors import CommandError, DPlaneError, MissingError
from dplane_tui.services.capacity import records, service
from dplane_tui.services.capacity.forecast import forecast
from dplane_tui.services.capacity.glance import warmth_told
from dplane_tui.services.capacity.model import Forecast, Heat, History, Sample, Warmth
from dplane_tui.services.capacity.series import spread
from dplane_tui.services.capacity.thin import DAY, DAYS_FOR, HOUR, HOURS_FOR, is_due, to_drop
from dplane_tui.services.capacity.words import outlook, sentences, warm_words
from dplane_tui.services.health.model import DiskHealth
from dplane_tui.services.host import Host, Output
from dplane_tui.services.notify import look
from dplane_tui.services.store import open_store
from dplane_tui.services.zfs.model import Pool
from tests.unit.test_zfs_service import PlayedBox

NOW = 20_000 * DAY + 9000.0
G = 1 << 30


def line(days: Sequence[float], start: int = 100 * G, each: int = G, size: int = 1000 * G) -> tuple[Sample, ...]:
    """A pool that grows by so much a day, sampled so many days before NOW."""
    return tuple(Sample(NOW - day * DAY, round(start - day * each), size) for day in sorted(days, reverse=True))


# -- what stays ------------------------------------------------------------------------------------------------

TIMES = st.lists(st.integers(int(NOW) - DAYS_FOR - 9 * DAY, int(NOW) + 9 * DAY), max_size=400, unique=True)


@given(TIMES)
def test_thinning_is_small_and_again_changes_nothing(times: list[int]) -> None:
    left = sorted(set(times) - set(to_drop(times, NOW)))
    assert to_drop(left, NOW) == []
    past = [at for at in left if at <= NOW]
    assert len(past) <= DAYS_FOR // DAY + 1 + HOURS_FOR // HOUR + 2
    assert {at for at in times if at > NOW} == {at for at in left if at > NOW}, "a wrong clock takes nothing"
    firsts = {at // DAY: at for at in sorted(times, reverse=True)}
    days = {day for day, first in firsts.items() if NOW - DAYS_FOR <= first <= NOW}
    assert days <= {at // DAY for at in left}, "every day has one"


def test_a_year_of_hours_stays_small() -> None:
    kept: list[int] = []
    begun = int(NOW) - 410 * DAY
    for hour in range(410 * 24):
        now = begun + hour * HOUR + 17
        if is_due(max(kept, default=None), now):
            kept.append(now)
        gone = set(to_drop(kept, now))
        kept = [at for at in kept if at not in gone]
    assert len(kept) == pytest.approx(400 + 46, abs=4)
    assert sum(at > now - HOURS_FOR for at in kept) == 48
    assert len({at // DAY for at in kept}) == pytest.approx(401, abs=1)


def test_an_hour_has_one_sample() -> None:
    assert is_due(None, NOW)
    assert not is_due(NOW - 60, NOW)
    assert is_due(NOW - HOUR, NOW)
    assert to_drop([int(NOW) - 60, int(NOW) - 30], NOW) == [int(NOW) - 30]


# -- when it is full -------------------------------------------------------------------------------------------


def test_a_steady_line_has_its_date() -> None:
    found = forecast(line(range(10)), NOW)
    assert found.per_day == pytest.approx(G)
    assert found.full_at == pytest.approx(NOW + 900 * DAY, abs=DAY)
    assert found.why == ""


def test_one_jump_does_not_bend_it() -> None:
    steady = line(range(30))
    odd = (*steady[:12], dataclasses.replace(steady[12], allocated=900 * G), *steady[13:])
    assert forecast(odd, NOW).full_at == pytest.approx(forecast(steady, NOW).full_at, rel=0.01)


@pytest.mark.parametrize(
    ("samples", "why"),
    [
        ((), "nothing was noted yet"),
        (line([0, 0.01, 0.02]), "on one day only"),
        (line([0, 1, 2]), "spans 2d"),
        (line([0, 4]), "spans 4d"),
        (line(range(10), each=0), "does not grow"),
        (line(range(10), each=-G), "does not grow"),
        (line(range(10), each=1 << 10), "so slowly"),
        (tuple(Sample(NOW - day * DAY, (500 + (day % 2) * 50 - day) * G, 1000 * G) for day in range(20, -1, -1)),
         "up and down"),
        ((*line([-1, -2, -3, -4]), *line([0])), "on one day only"),
    ],
)  # fmt: skip
def test_without_three_days_and_a_rising_line_it_says_why_and_no_date(samples: tuple[Sample, ...], why: str) -> None:
    found = forecast(samples, NOW)
    assert found.full_at is None
    assert why in found.why
    assert outlook(found, NOW) == found.why


def test_what_is_full_is_full_now() -> None:
    found = forecast(line(range(10), start=1000 * G), NOW)
    assert outlook(found, NOW) == "It is full."


@given(
    st.lists(
        st.tuples(st.floats(-5, 500), st.integers(0, 1 << 60), st.integers(0, 1 << 60)).map(
            lambda t: Sample(NOW - t[0] * DAY, t[1], t[2])
        ),
        max_size=60,
    )
)
def test_whatever_was_noted_there_is_a_date_to_come_or_a_reason(samples: list[Sample]) -> None:
    found = forecast(samples, NOW)
    assert (found.full_at is None) == bool(found.why)
    if found.full_at is not None:
        last = max(one.at for one in samples if one.at <= NOW)
        assert math.isfinite(found.full_at)
        assert found.full_at >= last
    assert all(text and text.endswith(".") for text in sentences(History("tank", "1", tuple(samples), found), NOW))


# -- words -----------------------------------------------------------------------------------------------------


def test_it_is_told_in_sentences() -> None:
    samples = line(range(95))
    said = sentences(History("tank", "1", samples, forecast(samples, NOW)), NOW)
    assert said[0] == "tank has 100G of 1000G allocated (10 %)."
    assert said[2] == "90 days ago 1 %; 30 days ago 7 %; a week ago 9 %; a day ago 10 %."
    assert said[1].startswith("It is full about 2027-")
    assert said[1].endswith("in 900d, if it goes on by 1.00G a day.")
    assert said[3] == "Known from 95 samples of the last 94d."
    assert sentences(History("ta\x1bnk", "1", (), Forecast(why="Why.")), NOW) == ["Nothing is noted of ta�nk yet. Why."]


def test_warmth_is_told_with_its_age() -> None:
    found = Warmth("ata-X", (Heat(NOW - 9 * DAY, 31.0), Heat(NOW - DAY, 44.4)))
    assert warm_words(found, NOW) == "ata-X: 44 °C, noted 1d ago; between 31 and 44 °C in 9d (2 samples)."
    assert warm_words(Warmth("x", ()), NOW) == "x: nothing is noted yet."


# -- spread over time ------------------------------------------------------------------------------------------


@given(st.lists(st.tuples(st.floats(0, NOW + 9 * DAY), st.floats(0, 1e18)), max_size=99), st.integers(-1, 80))
def test_spread_is_no_longer_than_asked_and_ends_with_the_last(points: list[tuple[float, float]], most: int) -> None:
    values, span = spread(points, NOW, most)
    assert len(values) <= max(0, most)
    known = [point for point in points if point[0] <= NOW]
    if known and most > 0:
        assert next(value for value in reversed(values) if value is not None) == sorted(known)[-1][1]
        assert span >= NOW - min(known)[0]


def test_a_gap_is_a_gap() -> None:
    values, span = spread([(NOW - 10 * DAY, 1.0), (NOW - 9 * DAY, 2.0), (NOW - DAY, 3.0)], NOW, 80)
    assert span == 10 * DAY
    assert values[:3] == [1.0, 2.0, None]
    assert values[-2:] == [3.0, None]
    assert len(values) == 11


# -- the store -------------------------------------------------------------------------------------------------


def pool(guid: str = "7", allocated: int | None = G) -> Pool:
    return Pool("tank", guid, "ONLINE", size=10 * G, allocated=allocated)


async def test_samples_are_kept_once_an_hour_and_read_back(tmp_path: Path) -> None:
    disk = DiskHealth("ata-X", "sda", "passed", celsius=33.5)
    async with open_store(tmp_path / "store.db", write=True) as store:
        assert await records.note(store, [pool()], [disk, DiskHealth("", "sdb", "unknown", celsius=1.0)], NOW) == 2
        assert await records.note(store, [pool()], [disk], NOW + 60) == 0
        assert await records.note(store, [pool(allocated=2 * G), pool("8", None)], [], NOW + HOUR) == 1
        assert await records.of_pool(store, "7") == (Sample(NOW, G, 10 * G), Sample(NOW + HOUR, 2 * G, 10 * G))
        assert await records.of_pool(store, "8") == ()
        assert await records.of_disks(store) == {"ata-X": (Heat(NOW, 33.5),)}


async def test_old_ones_go_also_of_what_is_gone_and_a_clock_set_back_takes_none(tmp_path: Path) -> None:
    async with open_store(tmp_path / "store.db", write=True) as store:
        await records.note(store, [pool("old")], [], NOW - 401 * DAY)
        await records.note(store, [pool()], [], NOW)
        assert await records.of_pool(store, "old") == ()
        assert await records.note(store, [pool()], [], NOW - 5000 * DAY) == 1
        assert len(await records.of_pool(store, "7")) == 2
        assert await records.note(store, [pool()], [], NOW + HOUR) == 1
        assert [one.at for one in await records.of_pool(store, "7")] == [NOW, NOW + HOUR]


# -- noted when something was read anyway, and told ------------------------------------------------------------


class Told:
    """A host that answers one command."""

    def __init__(self, said: object = None, status: int = 0, *, local: bool = False) -> None:
        self.name, self.local, self.asked = "nas-b", local, list[list[str]]()
        self._output = Output(status, json.dumps(said).encode(), b"")

    async def run(self, argv: Sequence[str], **_: object) -> Output:
        self.asked.append(list(argv))
        return self._output


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DPLANE_STATE_DIR", str(tmp_path))
    return paths.current().database


async def test_without_a_store_nothing_is_made_and_with_one_it_is_noted(state: Path) -> None:
    here = cast(Host, Told(local=True))
    await service.note(here, [pool()])
    assert not state.exists()
    async with open_store(state, write=True):
        pass
    await service.note(here, [pool()], [DiskHealth("ata-X", "sda", "passed", celsius=30.0)])
    await service.note(cast(Host, Told(local=False)), [pool("far")])
    async with open_store(state) as store:
        assert [one.allocated for one in await records.of_pool(store, "7")] == [G]
        assert await records.of_pool(store, "far") == ()
    (one,) = await service.warmth(here, "ata-X")
    assert [heat.celsius for heat in one.samples] == [30.0]
    with pytest.raises(MissingError, match="No temperature of a disk ata-Y"):
        await service.warmth(here, "ata-Y")


async def test_the_regular_look_of_a_box_that_tells_nobody_notes_it_too(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Zfs:
        def __init__(self, _host: object) -> None: ...

        async def pools(self) -> tuple[Pool, ...]:
            return (pool(),)

    monkeypatch.setattr(look, "ZfsService", Zfs)
    state.parent.mkdir(parents=True, exist_ok=True)
    await look.remember(cast(Host, Told(local=True)))
    async with open_store(state) as store:
        assert [one.allocated for one in await records.of_pool(store, "7")] == [G]


async def test_a_store_that_cannot_be_written_stops_nothing(state: Path) -> None:
    state.mkdir(parents=True)  # no account can write a database there, root neither
    with pytest.raises((DPlaneError, OSError)):
        async with open_store(state, write=True):
            pass
    await service.note(cast(Host, Told(local=True)), [pool()])
    assert state.is_dir()


async def test_a_far_box_tells_its_own_history(state: Path) -> None:
    told = History("tank", "7", line(range(3)), Forecast(why="It does not grow, so there is no date."))
    far = Told({"ok": True, "data": dataclasses.asdict(told)})
    assert await service.history(cast(Host, far), "tank") == told
    assert far.asked == [["/usr/local/bin/dplane", "--json", "pool", "chart", "tank"]]
    with pytest.raises(CommandError, match="does not understand"):
        await service.history(cast(Host, Told({"ok": True, "data": {"pool": 1}})), "tank")
    warm = Told({"ok": True, "data": [dataclasses.asdict(Warmth("ata-X", (Heat(1.0, 30.0),)))]})
    assert await warmth_told(cast(Host, warm), "ata-X") == Warmth("ata-X", (Heat(1.0, 30.0),))
    assert await warmth_told(cast(Host, warm), "ata-Y") == Warmth("ata-Y", ())


async def test_the_regular_look_notes_what_it_reads(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Zfs:
        def __init__(self, _host: object) -> None: ...

        async def pools(self) -> tuple[Pool, ...]:
            return (pool(),)

    monkeypatch.setattr(look, "ZfsService", Zfs)
    async with open_store(state, write=True) as store:
        await look._pools(cast(Host, Told(local=True)), (), False)
        assert len(await records.of_pool(store, "7")) == 1


def test_the_command_tells_and_draws_it(
    state: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Closing(PlayedBox):
        local = True

        async def close(self) -> None:
            return None

    box = Closing()
    box.add_pool("tank", 7)
    monkeypatch.setattr("dplane_tui.cli.main.connect", lambda _name: box)

    async def filled() -> None:
        async with open_store(state, write=True) as store:
            for day in range(12, 0, -1):
                one = dataclasses.replace(pool(), size=100, allocated=40 - 2 * day)
                await records.note(store, [one], [], time.time() - day * DAY)

    asyncio.run(filled())
    assert run(["pool", "chart", "tank"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("tank has 40B of 100B allocated (40 %).\nIt is full about 20")
    assert "\nA week ago 26 %; a day ago 38 %.\n" in said
    assert re.search(r"in (30|29)d, if it goes on by 2B a day\.", said)
    assert re.search(r"^100 % \|", said, re.MULTILINE)
    assert re.search(r"^  0 % \|[#=_.]+$", said, re.MULTILINE)
    assert said.isascii()
    assert run(["pool", "chart", "tank", "--json"]) == 0
    data = json.loads(capsys.readouterr().out)["data"]
    assert [data["pool"], data["guid"], len(data["samples"])] == ["tank", "7", 13]
    assert run(["pool", "chart", "nopool"]) == 6
    assert run(["pool", "temperatures"]) == 0
    assert "No temperature" in capsys.readouterr().out
    assert run(["pool", "temperatures", "ata-X"]) == 6
