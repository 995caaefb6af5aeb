"""What the Replication screen says, as pure text: the answer, ages, classes of failures, charts, suggestions."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dplane_tui.actions import ACTIONS, within
from dplane_tui.cli.replicate import describe_plan
from dplane_tui.errors import DPlaneError
from dplane_tui.screens.replication_answer import (
    late,
    next_words,
    proof_age,
    rough,
    verdict,
)
from dplane_tui.screens.replication_detail import chart_lines, detail_lines, plan_lines, run_lines
from dplane_tui.screens.replication_failures import _DIED, _KINDS, _OF_VERIFY, _STOPPED, kind_of, sentences
from dplane_tui.screens.replication_looks import comparison_lines
from dplane_tui.screens.replication_protect import planned, suggest
from dplane_tui.screens.replication_restore import copy_rows, free_place, what_happens
from dplane_tui.screens.replication_rows import age_cell, may_words, run_rows, task_rows
from dplane_tui.services.replication.compare import Compared, Comparison
from dplane_tui.services.replication.model import (
    Copy,
    Evidence,
    Options,
    Peer,
    Plan,
    Restore,
    Run,
    Step,
    Task,
    TaskStatus,
)
from dplane_tui.services.zfs.model import Dataset
from dplane_tui.terminal.symbols import SPARK, translator
from dplane_tui.widgets.chart import MISSING, spark
from dplane_tui.widgets.layout import Pieces

NOW = 1_800_000_000.0
DAY = 86400
M = 1 << 20
TASK = Task("photos", "tank/photos", "nas-b", "backup/photos", rpo=DAY)


def said(lines: Sequence[Pieces]) -> str:
    """Lines as a person reads them."""
    return "\n".join("".join(text for text, _ in line) for line in lines)


def status(name: str, old: float | None, rpo: int = DAY, state: str = "succeeded") -> TaskStatus:
    """A task whose copy is `old` seconds old."""
    run = Run(f"{name}-1", name, state, NOW - 60, NOW - 50)
    task = Task(name, f"tank/{name}", "nas-b", f"backup/{name}", rpo=rpo)
    if old is None:
        return TaskStatus(task, run)
    return TaskStatus(task, run, NOW - old, "s", NOW - old, old > rpo, None, NOW - old)


STATUSES = st.lists(
    st.tuples(
        st.one_of(st.none(), st.integers(0, 20 * DAY)),
        st.sampled_from((3600, DAY, 7 * DAY)),
        st.sampled_from(("succeeded", "nothing-new", "failed", "died", "cancelled", "running")),
    ),
    min_size=1,
    max_size=9,
).map(lambda found: [status(f"t{n}", old, rpo, state) for n, (old, rpo, state) in enumerate(found)])


@given(STATUSES)
def test_the_answer_is_never_better_than_the_worst_task(statuses: list[TaskStatus]) -> None:
    text, role = verdict(statuses, NOW)
    fine = [one for one in statuses if late(one, NOW) is False]
    broken = [one for one in statuses if one.last and one.last.state in {"failed", "died"}]
    if len(fine) < len(statuses) or broken:
        assert role != "good"
        assert "All " not in text
    else:
        assert role == "good"
    overdue = [one for one in statuses if late(one, NOW)]
    if overdue:
        assert role == "bad"
        worst = max(overdue, key=lambda one: (proof_age(one, NOW) or 0) / one.task.rpo)
        assert f"{worst.task.name} is late" in text
        assert text.index("is late") == text.index(f"{worst.task.name} is late") + len(worst.task.name) + 1
    if len(statuses) > 1 and len(fine) < len(statuses):
        assert text.startswith(f"{len(fine) or 'None'} of {len(statuses)} tasks ")


@pytest.mark.parametrize(
    ("statuses", "text"),
    [
        ([], ""),
        ([status("a", 600)], "a is in time: 10m, allowed 1d."),
        ([status("a", 183600)], "a is late: 2d 3h, allowed 1d."),
        ([status("a", None)], "a was never proven."),
        ([status("a", 600, state="failed")], "a is in time: 10m, allowed 1d; the last run of a failed."),
        ([status("a", 600), status("b", 7200)], "All 2 tasks are in time; nearest to late is b: 2h, allowed 1d."),
        ([status("a", 600), status("b", 2 * DAY)], "1 of 2 tasks is in time; b is late: 2d, allowed 1d."),
        ([status("a", None, state="died"), status("b", None)],
         "None of 2 tasks is in time; a was never proven, and its last run died; b was never proven."),
        ([*(status(name, n * DAY) for n, name in ((6, "a"), (5, "b"), (4, "c"), (3, "d"))),
          status("e", 600, state="failed")],
         "1 of 5 tasks is in time; a is late: 6d, allowed 1d; b is late: 5d, allowed 1d; c is late: 4d, allowed 1d; "
         "and 1 more; e wants a look, too."),
        ([status("a", 6 * DAY), *(status(name, 600, state="failed") for name in "bcde")],
         "4 of 5 tasks are in time; a is late: 6d, allowed 1d; the last run of b failed; the last run of c failed; "
         "d, e want a look, too."),
    ],
)  # fmt: skip
def test_the_answer_in_words(statuses: list[TaskStatus], text: str) -> None:
    assert verdict(statuses, NOW)[0] == text


def test_the_list_begins_with_what_needs_a_person_and_diverged_is_said_as_such() -> None:
    stuck = status("stuck", 600, state="failed")
    stuck = replace(stuck, last=replace(stuck.last, error_code="diverged"))  # type: ignore[type-var]  # it has one
    paused = replace(TASK, name="a-paused", options=Options(paused=True))
    tasks = [
        status("b-well", 600),
        replace(status("a", 600), task=paused),
        stuck,
        status("failed", 600, state="failed"),
        status("new", None),
        status("old", 6 * DAY),
    ]
    rows = task_rows(tasks, {}, NOW)
    assert [row.key for row in rows] == ["old", "new", "failed", "stuck", "a-paused", "b-well"]
    assert [row.cells[3].text for row in rows][2:4] == ["failed", "diverged"]
    assert rows[3].cells[3].style == "bad"
    assert verdict(tasks, NOW)[0] == (
        "4 of 6 tasks are in time; old is late: 6d, allowed 1d; new was never proven; stuck has diverged and cannot go "
        "on by itself; failed, a-paused want a look, too."
    )


def test_the_page_for_owners_has_every_class_by_the_words_of_the_screens() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "replication.md").read_text()
    table = page.split("| the class |")[1].split("\n\n")[0]
    said = {row.split("|")[1].split("(")[0].strip() for row in table.split("\n")[2:]}
    assert said == {kind.name for kind in (*_KINDS.values(), *_OF_VERIFY.values(), _DIED, _STOPPED)}


def test_a_peers_row_says_what_our_key_may_do() -> None:
    peer = Peer("nas-b", "dplane", "10.0.0.2", 22, "k", "f", "g", True, "backup")
    assert may_words(peer) == "receive backup"
    assert may_words(replace(peer, root=None)) == "receive"
    reads = replace(peer, root=None, may_read="tank", may_snapshot=True, may_rollback=True)
    assert may_words(reads) == "read tank, snapshot, roll back"
    assert may_words(replace(peer, product=False, user="root")) == "as root"


def test_a_runs_window_says_nothing_twice() -> None:
    run = Run("r", "photos", "failed", NOW, NOW, 0, "The cable was cut. The next run resumes.", "unreachable")
    text = said(run_lines(run, [], NOW, 80))
    assert text.count("The cable was cut.") == 1
    assert "result   The next run resumes." in text
    assert "result" not in said(run_lines(replace(run, message="It broke."), [], NOW, 80))
    assert "result   Proven." in said(run_lines(Run("r", "photos", "succeeded", NOW, message="Proven."), [], NOW, 80))


def test_a_task_says_that_its_copy_is_lost_with_the_box_and_that_everything_is_kept() -> None:
    local = replace(TASK, peer=None, target="vault/photos")
    text = said(detail_lines(TaskStatus(local), [], [], NOW, 80, 20))
    assert "The copy is within this box: what takes the box takes it, too." in text
    assert "keeps every snapshot on both sides" in text
    kept = replace(TASK, options=Options(keep_target="daily=7"))
    text = said(detail_lines(TaskStatus(kept), [], [], NOW, 80, 20))
    assert "within this box" not in text
    assert "keeps every snapshot" not in text


@given(STATUSES)
def test_no_task_is_counted_twice(statuses: list[TaskStatus]) -> None:
    text, _ = verdict(statuses, NOW)
    fine = sum(late(one, NOW) is False for one in statuses)
    more = re.search(r"; and (\d+) more(?! in time)", text)
    named = text.count(" is late") + text.count(" was never proven")
    if fine < len(statuses):
        assert named + (int(more[1]) if more else 0) + fine == len(statuses)


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (None, "as the dataset is: raw if it is encrypted"),
        (True, "raw (what is encrypted stays so on the way)"),
        (False, "plain (what is encrypted is sent decrypted)"),
    ],
)
def test_how_it_is_sent_is_said_also_after_many_runs(raw: bool | None, words: str) -> None:
    one = status("a", 600)
    one = replace(one, task=replace(one.task, raw=raw))
    assert f"stream: {words}" in said(detail_lines(one, (), (), NOW, 200, 30))


def test_a_copy_grows_late_while_nobody_can_read() -> None:
    one = status("a", DAY - 10)
    assert one.late is False
    assert late(one, NOW + 20) is True
    assert age_cell(one, NOW + 20).text == "LATE 1d / 1d"
    paused = replace(one, task=replace(one.task, options=Options(paused=True)))
    assert verdict([paused], NOW + 20)[0] == "a is late: 1d, allowed 1d, and it is paused."
    assert late(status("a", None), NOW) is None


def test_when_it_runs_next() -> None:
    def words(options: Options, due: float | None) -> str:
        return next_words(TaskStatus(Task("a", "tank/a", None, "vault/a", options=options), next_run=due), NOW)

    daily = Options(schedule="daily 02:30")
    assert words(Options(), None) == "by hand"
    assert words(Options(), NOW + 60) == "by hand"
    assert words(daily, None) == "unknown"
    assert words(daily, NOW + 3 * 3600) == "in 3h"
    assert words(daily, NOW - 5) == "due now"
    assert words(Options(schedule="daily 02:30", paused=True), NOW + 60) == "paused"


@given(st.floats(0, 1e9))
def test_ages_hold_still_within_a_minute(seconds: float) -> None:
    assert rough(seconds - seconds % 60) == rough(seconds)


def test_rows_do_not_change_while_nothing_does() -> None:
    """A changed row is a repainted row."""
    first = [status("a", 7230), status("b", None), status("c", 3 * DAY + 5)]
    assert task_rows(first, {}, NOW) == task_rows(first, {}, NOW + 20)


# -- failures ----------------------------------------------------------------------------------------------------


def codes() -> set[str]:
    """Every class of error a run can end with: the command line has some of its own."""
    kinds: list[type[DPlaneError]] = [DPlaneError]
    for kind in kinds:
        kinds += kind.__subclasses__()
    ours = [kind for kind in kinds if kind.__module__.startswith(("dplane_tui.errors", "dplane_tui.services"))]
    return {kind.code for kind in ours} - {"bad-news", "interrupted"}  # no run ends with the one; the other is a stop


def test_every_class_of_failure_has_words_and_keys_that_exist() -> None:
    assert codes() <= _KINDS.keys()
    known = {action.id for action in within(("replication", "replication.tasks"))}
    for kind in _KINDS.values():
        assert kind.meaning.endswith(".")
        assert set(kind.acts) <= known
        assert kind.acts or kind.command


def test_what_helps_depends_on_the_class() -> None:
    def kind(code: str, message: str = "", state: str = "failed") -> str:
        found = kind_of(Run("r", "t", state, 1.0, 2.0, 0, message, code))
        return found.name if found else ""

    assert kind("unreachable") == "network"
    assert kind("failed", "nas-b: the target ran out of space.") == "no space"
    assert (
        kind("refused", "nas-b has 1M free for b/x, and this run would send about 2M: nothing was sent.") == "no space"
    )
    assert kind("refused", "tank/x: an encryption key is not loaded.") == "key not loaded"
    assert kind("diverged", "the dataset is busy") == "diverged", "a class that is told is not guessed from words"
    assert kind("something-new") == "something-new"
    assert kind("", "") == "unknown"
    assert kind("failed", state="died") == "died"
    assert kind("cancelled", state="cancelled") == "stopped"
    assert kind("", state="succeeded") == ""
    assert kind("", state="running") == ""


def test_a_message_splits_into_its_first_sentence_and_the_rest() -> None:
    assert sentences("It broke. Try again. Now.") == ("It broke.", "Try again. Now.")
    assert sentences("10.0.0.2 is off.") == ("10.0.0.2 is off.", "")
    assert sentences("") == ("", "")


# -- charts --------------------------------------------------------------------------------------------------------


@given(st.lists(st.one_of(st.none(), st.floats(0, 1e15)), max_size=40))
def test_a_chart_has_a_glyph_for_each_value_and_keeps_their_order(values: list[float | None]) -> None:
    drawn = spark(values)
    assert len(drawn) == len(values)
    for value, glyph in zip(values, drawn, strict=True):
        assert (glyph == MISSING) == (value is None)
        assert value is None or glyph in SPARK
    known = sorted((value, SPARK.index(glyph)) for value, glyph in zip(values, drawn, strict=True) if value is not None)
    assert [height for _, height in known] == sorted(height for _, height in known)


def test_poorer_terminals_show_the_heights_in_the_same_order() -> None:
    for symbols, order in (("ascii", "_-=+*%#"), ("console", "_░▒█")):
        table = translator(symbols)
        assert table is not None
        shown = SPARK.translate(table)
        assert [order.index(glyph) for glyph in shown] == sorted(order.index(glyph) for glyph in shown)
        assert len(set(shown)) >= 4
        assert MISSING.translate(table) not in shown, "unknown is no height"


def run(number: int, state: str, took: float, sent: int, dataset: str = "tank/photos") -> Run:
    """A run with one proof."""
    proof = Evidence(dataset, "x", "s", "7", "7", sent, None, 1.0, NOW)
    begun = NOW - number * DAY
    return Run(f"r{number}", "photos", state, begun, begun + took, sent, "", "", (proof,))


def test_the_history_is_of_runs_that_went_well_and_not_of_restores() -> None:
    runs = [run(0, "succeeded", 60, 8 * M), run(1, "failed", 900, M), run(2, "succeeded", 30, 4 * M),
            run(3, "succeeded", 7200, 90 * M, "backup/photos")]  # fmt: skip
    took, sent = said(chart_lines(TASK, runs, 80)).split("\n")
    assert took == " took        ▅·█  longest 1m, newest right"
    assert sent == " sent        ▅·█  most 8.00M, · did not end well"
    assert chart_lines(TASK, runs[:1], 80) == []
    assert "none of the last 2 runs ended well" in said(chart_lines(TASK, [runs[1], run(5, "died", 1, 0)], 80))


@pytest.mark.parametrize("width", [60, 80, 100])
def test_the_detail_fits_its_width_and_its_room(width: int) -> None:
    runs = [run(number, "succeeded", 30 + number, number * M) for number in range(60)]
    failed = Run(
        "f", "photos", "failed", NOW - 9, NOW - 5, 0, "nas-b cannot be reached: " + "no route " * 20, "unreachable"
    )
    one = TaskStatus(TASK, failed, NOW - DAY, "s" * 200, NOW - DAY, False, None, NOW - DAY)
    lines = detail_lines(one, runs, list(ACTIONS), NOW, width, 99)
    assert all(len(said([line])) <= width for line in lines)
    short = detail_lines(one, runs, list(ACTIONS), NOW, width, 6)
    assert short == lines[:6]
    assert "network" in said(lines)


# -- coverage, wizard, restore, plan -----------------------------------------------------------------------------


def test_a_pulled_task_names_the_box_of_its_original() -> None:
    pulled = Task("e", "tank/d", None, "vault/pulled/d", recursive=True, source_peer="nas-c")
    assert task_rows([TaskStatus(pulled)], {}, NOW)[0].cells[1].text == "nas-c:tank/d/…"
    assert "nas-c:tank/d and all below it → vault/pulled/d" in said(
        detail_lines(TaskStatus(pulled), [], [], NOW, 80, 9)
    )


def test_a_suggested_task_takes_nothing_that_is_taken() -> None:
    peer = Peer("nas-b", "dplane", "10.0.0.2", 22, "k", "f", "g", True, "backup/here")
    tasks = [Task("my-photos", "tank/x", "nas-b", "backup/here/my photos")]
    new = suggest("tank/my photos", "peer:nas-b", [peer], [], tasks)
    assert (new.name, new.target, new.peer) == ("my-photos-2", "backup/here/my photos-2", "nas-b")
    local = suggest("tank/a", "pool:vault", [], [Dataset("vault/a", "filesystem", "1")], [])
    assert (local.name, local.target, local.peer) == ("a", "vault/a-2", None)
    assert suggest("tank/…", "pool:vault", [], [], []).name == "copy"


def test_a_restore_is_offered_everything_that_is_there_with_what_is_proven_and_a_place_that_is_free() -> None:
    found = [Copy("", "s", "9", NOW - 60, NOW), Copy("", "by-hand", "7"), Copy("2026", "s", "8", None, NOW)]
    rows = copy_rows(TASK, found, NOW)
    assert [one.key for one in rows] == ["@", "@s", "@by-hand", "2026@s"]
    assert [one.cells[3].text for one in rows[1:]] == ["0s ago", "not proven", "0s ago"]
    assert free_place("tank/a", ["tank"]) == "tank/a"
    assert free_place("tank/a", ["tank", "tank/a", "tank/a-restored"]) == "tank/a-restored-2"
    assert free_place("tank", ["tank"]) == "tank/restored"
    text = what_happens(TASK, Restore("tank/new", "2026", True, "s", False), ["tank/photos/2026"])
    assert "nas-b:backup/photos/2026@s and all below it comes to tank/new, that snapshot only." in text
    assert "tank/photos/2026 stays as it is." in text


def test_a_plan_is_told_whole() -> None:
    steps = (Step("full", "tank/a", "b/a", "filesystem", "s1", "7", size=3 * M, raw=True),
             Step("incremental", "tank/b", "b/b", "filesystem", "s2", "8", "@s1", "7", True, size=None))  # fmt: skip
    text = said(plan_lines(Plan("photos", "dplane-x", steps=steps, available=9 * M), 100))
    assert "takes       @dplane-x" in text
    assert " incremental tank/b@s2" in text, "the longest word stands apart from the name"
    assert "tank/a@s1 → b/a, raw, about 3.00M" in text
    assert "tank/b@s2 from @s1 with those between → b/b, about ?" in text
    assert "At least 3.00M (one size unknown) in 2 streams; 9.00M free at the target." in text
    assert "about ?" in describe_plan(Plan("photos", steps=steps[1:]))
    assert "in all    at least 3.00M (one size unknown); 9.00M free" in describe_plan(
        Plan("p", steps=steps, available=9 * M)
    )
    assert "(2 sizes unknown)" in describe_plan(Plan("photos", steps=(*steps, steps[1])))
    assert "Nothing to send: the target has it all." in said(plan_lines(Plan("photos"), 80))


def test_what_is_known_of_the_size_is_enough_to_see_that_it_does_not_fit() -> None:
    steps = (Step("full", "tank/a", "b/a", "filesystem", "s1", "7", size=3 * M),
             Step("resume", "tank/b", "b/b", "filesystem", "s2", "8", size=None))  # fmt: skip
    plan = Plan("photos", steps=steps, available=2 * M)
    assert (plan.size, plan.unsized, plan.at_least) == (3 * M, 1, True)
    assert (Plan("photos").size, Plan("photos", steps=steps[1:]).size) == (0, None)
    told = planned(plan)
    assert told == [
        "The first run: at least 3.00M (one size unknown) in 2 streams; 2.00M free at the target.",
        "Not all of that fits: a dataset that does not is not sent until there is room.",
    ]
    assert len(planned(Plan("photos", steps=steps, available=4 * M))) == 1
    told = planned(Plan("photos", steps=steps, available=4 * M, notes=("a", "b", "c", "d")))
    assert told[1:] == ["a", "b", "c", "And 1 more to know: y on the task shows them."]
    assert len(planned(Plan("photos", steps=steps[1:], available=4 * M))) == 1


def test_a_comparison_writes_names_as_they_are() -> None:
    one = Compared("tank/a", "backup/a", "ahead", "backup/a has 1 snapshot(s) newer than @s1.")
    lines = ["".join(text for text, _ in line).strip() for line in comparison_lines(Comparison("photos", (one,)), NOW)]
    assert one.text in lines


def test_hostile_text_stays_text() -> None:
    """Cleaning is the widgets' work; nothing here may fail on what a peer says."""
    evil = Run("r", "photos", "failed", NOW, NOW + 1, 0, "\x1b[2J\u202e" * 90, "\x1b[31m")
    one = TaskStatus(TASK, evil)
    assert detail_lines(one, [evil, evil], list(ACTIONS), NOW, 80, 50)
    assert run_rows([evil], NOW)
