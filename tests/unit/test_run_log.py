"""What a run says while it works is kept with it, bounded, and is there to read also when the run died."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dplane_tui import aside as spoken
from dplane_tui.aside import HALF, MOST, WIDE, Log, aside, kept_in
from dplane_tui.cli.replicate import describe_kept
from dplane_tui.errors import BusyError, CommandError, DPlaneError, UnreachableError
from dplane_tui.screens.replication_detail import run_lines
from dplane_tui.services.jobs.report import Reporter
from dplane_tui.services.replication import codec, failures, history, records
from dplane_tui.services.replication.execute import Execution, Outcome
from dplane_tui.services.replication.leaving import left_behind, left_lines
from dplane_tui.services.replication.model import Conflict, LogLine, Plan, Run, Step, Task
from dplane_tui.services.store import Store, open_store
from dplane_tui.widgets.layout import Pieces

NOW = 1_700_000_000.0
STEP = Step("full", "tank/a", "vault/a", "filesystem", "s1", "7", size=3 << 20, token="1-secret")
PLAN = Plan("photos", "s1", steps=(STEP,), notes=("tank/b is left out.",), available=9 << 20)
LINES = tuple(LogLine(NOW + number, text) for number, text in enumerate(("again in 2s: lost\x1b[2J", "no hold")))


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with open_store(tmp_path / "store" / "dplane.db", write=True) as made:
        yield made


def said(lines: list[Pieces]) -> str:
    return "\n".join("".join(text for text, _ in line) for line in lines)


def test_what_is_said_aside_goes_to_the_log_and_to_the_journal(capsys: pytest.CaptureFixture[str]) -> None:
    log = Log()
    with kept_in(log):
        aside("nothing is\nheld\x1b[2J")
    aside("of nobody's run")
    assert [text for _, text in log.lines()] == ["nothing is held\ufffd[2J"]
    assert abs(log.lines()[0][0] - time.time()) < 60
    assert capsys.readouterr().err == "dplane: nothing is held\ufffd[2J\ndplane: of nobody's run\n"


def test_what_nobody_can_be_told_is_kept_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise BrokenPipeError

    monkeypatch.setattr(spoken, "print", broken, raising=False)
    log = Log()
    with kept_in(log):
        aside("lost")  # no run ends because nobody hears it
    with pytest.raises(BrokenPipeError):
        aside("kept by nobody")
    assert [text for _, text in log.lines()] == ["lost"]


def test_a_log_that_is_full_loses_its_middle_and_says_so() -> None:
    log = Log()
    for number in range(MOST):
        log.add(f"{number}")
    assert [text for _, text in log.lines()] == [str(number) for number in range(MOST)]
    for number in range(MOST, 1000):
        log.add(f"{number}")
    texts = [text for _, text in log.lines()]
    assert len(texts) == MOST
    assert texts[:HALF] == [str(number) for number in range(HALF)]
    assert texts[HALF] == f"{1000 - MOST + 1} lines are left out here"
    assert texts[HALF + 1 :] == [str(number) for number in range(1000 - MOST + HALF + 1, 1000)]
    assert [at for at, _ in log.lines()] == sorted(at for at, _ in log.lines())
    log.add("x" * 1000)
    assert len(log.lines()[-1][1]) == WIDE


async def test_the_log_is_stored_with_what_is_stored_anyway_and_only_when_there_is_news(store: Store) -> None:
    run_id = (await records.new_run(store, "photos")).id
    log = Log()
    await records.update_run(store, run_id, log=log, state="running")
    assert (await records.run(store, run_id)).log == ()
    log.add("one")
    await records.update_run(store, run_id, log=log, bytes=5)
    run = await records.run(store, run_id)
    assert ([line.text for line in run.log], run.bytes) == (["one"], 5)
    before = store._db.total_changes
    await records.update_run(store, run_id, log=log)
    assert store._db.total_changes == before, "nothing new, nothing written"
    assert (await records.runs(store, "photos"))[0].log == run.log
    assert codec.decode(Run, json.loads(codec.dumps(run))) == run


STRANGE = ["{", "5", '{"a":1}', '[{"at":"x"}]', "[1]", "[" * 200_000]
STRANGE += [f'[{{"at":{at},"text":"x"}}]' for at in ("NaN", "1e999", "-Infinity", '"nan"', 10**400, "null")]
STRANGE += [f'[{{"at":1,"text":{text}}}]' for text in ('{"a":1}', "NaN", "null", "7")]


@pytest.mark.parametrize("stored", STRANGE)
async def test_a_log_that_cannot_be_understood_hides_no_run(store: Store, stored: str) -> None:
    run_id = (await records.new_run(store, "photos")).id
    async with store.transaction() as db:
        await db.execute("UPDATE runs SET log = ?", (stored,))
    run = await records.run(store, run_id)
    assert ["cannot be understood" in line.text for line in run.log] == [True]
    assert codec.decode(Run, json.loads(codec.dumps(run))) == run, "another box shows it as well"


@pytest.mark.parametrize(
    "started",
    [10**400, -(10**400), float("nan"), float("inf"), float("-inf"), True, "1", None],
    ids=lambda at: str(at)[:9],
)
def test_a_number_that_no_time_can_be_is_an_answer_that_is_not_understood(started: Any) -> None:
    told = {**json.loads(codec.dumps(Run("r", "photos", "succeeded", NOW))), "started": started}
    with pytest.raises(ValueError, match="started is not float"):
        codec.decode(Run, told)
    assert codec.decode(Run, {**told, "started": 5}).started == 5.0


async def test_a_run_that_is_old_keeps_no_log(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "RUNS_KEPT", 2)
    monkeypatch.setattr(history, "_AT_ONCE", 1)
    log = Log()
    log.add("one")
    for number in range(4):
        run = await records.new_run(store, "photos")
        await records.update_run(store, run.id, state="failed", started=NOW + number)
        if number == 0:
            async with store.transaction() as db:
                values = (run.id, "{}")
                await db.execute("UPDATE runs SET plan = ?2 WHERE id = ?1", values)
                sql = (
                    "INSERT INTO evidence (run, dataset, target, snapshot, source_guid, target_guid, bytes, duration, "
                    "verified_at) VALUES (?, 'a', 'b', 's', '1', '1', 1, 1, 1)"
                )
                await db.execute(sql, (run.id,))
            log.add("two")
            await records.update_run(store, run.id, log=log)
    await history.trim(store, "photos")
    kept = await store.rows("SELECT log FROM runs WHERE plan = '' AND id IN (SELECT run FROM evidence)")
    assert [row["log"] for row in kept] == [""]


class Broken:
    """An end of a run that is only opened and closed."""

    name = "nas-b"

    async def open(self) -> None:
        pass

    async def close(self) -> None:
        pass


async def test_a_retry_is_stored_with_its_reason_and_pause_before_the_run_waits(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever ends the run then: its log says what went wrong before."""
    await records.add_task(store, Task("photos", "tank/photos", None, "vault/photos"))
    run_id = (await records.new_run(store, "photos")).id
    broken: list[DPlaneError] = [UnreachableError("nas-b is away."), BusyError("It is busy.")]
    seen: list[list[str]] = []

    async def once(_self: Execution) -> Outcome:
        if broken:
            raise broken.pop(0)
        return Outcome("succeeded", "Done.")

    async def sleep(_seconds: float) -> None:
        seen.append([line.text for line in (await records.run(store, run_id)).log])

    monkeypatch.setattr(Execution, "_once", once)
    monkeypatch.setattr(failures, "jittered", lambda _pauses: [2.0, 61.0])
    monkeypatch.setattr(asyncio, "sleep", sleep)
    report = Reporter(tmp_path, run_id, "replicate", "photos")
    ends: Any = Broken()
    run = Execution(await records.task(store, "photos"), ends, ends, store, run_id, report)
    with kept_in(report.log):
        assert (await run._attempts()).state == "succeeded"
    first, second = "again in 2s: nas-b is away.", "again in 1m 1s: It is busy."
    assert seen == [[first], [first, second]]

    broken[:] = [UnreachableError(f"{number}") for number in range(3)]
    with kept_in(report.log), pytest.raises(UnreachableError):
        await run._attempts()
    assert report.log.lines()[-1][1] == "not again: 2"


def test_what_a_tree_leaves_behind_is_in_the_log_each_with_its_reason() -> None:
    plan = Plan(
        "photos",
        steps=tuple(Step("full", name, name, "filesystem", "s", "1") for name in ("t", "t/a", "t/a/x", "t/b")),
        conflicts=(Conflict("t/c", "v/c", "no-common", "They share nothing."),),
    )
    failed: dict[str, DPlaneError] = {"t/c": CommandError("They share nothing."), "t/a": BusyError("It is busy.", "x")}
    assert left_lines(failed, plan) == [
        "t/c was left behind: They share nothing.",
        "t/a was left behind: It is busy.",
        "t/a/x was left behind: it is below t/a",
    ]
    assert left_lines(failed, plan, {"t", "t/a/x"})[2:] == [], "it arrived: its place there is another's fault"
    assert "2 of 5 datasets (with all below them) were left behind, the others arrived." in str(
        left_behind(failed, plan, {"t"})
    )
    whole = replace(plan, steps=plan.steps[1:3], conflicts=())
    told = str(left_behind({"t/a": BusyError("It is busy.")}, whole, ()))
    assert "were left behind. It is busy." in told, "what lies below has not arrived, so there are no others"
    alone = Plan("photos", steps=(STEP,))
    assert left_lines({"tank/a": BusyError("It is busy.")}, alone) == [], "the run's sentence says it"


def test_a_run_is_shown_with_its_plan_in_the_words_of_the_dry_run_and_its_log() -> None:
    run = Run("r", "photos", "succeeded", NOW, NOW + 5, plan=codec.dumps(PLAN), log=LINES)
    text = "\n".join(describe_kept(run))
    assert "plan      as it was made last" in text
    assert "          take      @s1" in text
    assert "          full      tank/a@s1 -> vault/a  about 3.00M" in text
    assert "          note      tank/b is left out." in text
    when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(NOW))
    assert f"log       {when}  again in 2s: lost\ufffd[2J" in text
    assert "1-secret" not in text
    shown = said(run_lines(run, [], NOW, 76))
    assert " full        tank/a@s1 → vault/a, about 3.00M" in shown
    assert " note        tank/b is left out." in shown
    assert shown.index("Nothing was proven") < shown.index("plan, as it was made last") < shown.index("again in 2s")
    assert f"{when}  again in 2s" in shown
    assert "ways out" not in shown


def test_of_a_run_nothing_is_shown_that_it_did_not_keep() -> None:
    bare = Run("r", "photos", "failed", NOW, NOW + 5, message="It broke.")
    assert describe_kept(bare) == []
    assert "plan" not in said(run_lines(bare, [], NOW, 76))
    for kind in ("verify", "resolve", "compare", "prune"):
        other = Run("r", "photos", "succeeded", NOW, NOW + 5, plan='{"task":"photos"}', kind=kind)
        assert describe_kept(other) == [], "what it stored is no plan of a run"
    for plan in ("{", "[]", '{"task":5}', "[" * 200_000):
        broken = Run("r", "photos", "failed", NOW, NOW + 5, plan=plan)
        assert describe_kept(broken)[1:] == ["plan      what was kept of it cannot be understood by this release"]
        assert "cannot be understood by this release" in said(run_lines(broken, [], NOW, 76))


def test_a_conflict_in_a_plan_of_the_past_offers_no_key() -> None:
    plan = Plan("photos", conflicts=(Conflict("t/c", "v/c", "no-common", "They share nothing."),))
    run = Run("r", "photos", "failed", NOW, NOW + 5, 0, "They share nothing.", "diverged", plan=codec.dumps(plan))
    shown = said(run_lines(run, [], NOW, 76))
    assert "1 of its datasets cannot be sent as they are" in shown
    assert "the ways out need" not in shown


@pytest.mark.parametrize("at", [1e300, -1e300, 1e18])
def test_a_time_that_is_none_breaks_nothing(at: float) -> None:
    run = Run("r", "photos", "failed", NOW, NOW, log=(LogLine(at, "x"),))
    assert "?" in "\n".join(describe_kept(run))
    assert "?" in said(run_lines(run, [], NOW, 76))
