"""The crontabs of a box: what is looked at and what is not, what becomes of each line, and what was really made."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dplane_tui.cli.replicate_check import verdict
from dplane_tui.cli.replicate_import import outcome
from dplane_tui.errors import DPlaneError, UnreachableError
from dplane_tui.screens.crontab_rows import becomes
from dplane_tui.screens.replication_moving import proposal_lines
from dplane_tui.services.host import LocalHost, Output
from dplane_tui.services.host.base import FILE_LIMIT
from dplane_tui.services.replication import crontabs, moving
from dplane_tui.services.replication.crontab import LINES_LIMIT
from dplane_tui.services.replication.freshness import AHEAD, LATE, NEVER, doubt, of_age, with_proof
from dplane_tui.services.replication.model import Evidence, Options, Peer, Run, Scope, Task, TaskStatus
from dplane_tui.services.replication.records import Proof
from dplane_tui.services.replication.service import LocalReplication
from dplane_tui.services.replication.syncoid import Proposal
from dplane_tui.services.replication.syncoid_options import KEPT
from dplane_tui.widgets.layout import Cell

from .test_cli_outcomes import Cli, cli  # noqa: F401 (a fixture)

LINE = "30 2 * * * root syncoid -r tank/vm vault/vm\n"
NO_RECORD = "its last run kept no record of what exactly it took (older releases did not)"
FOLDER = crontabs.FOLDER
ATTIC = Peer("attic", "dplane", "10.0.0.7", 22, "ssh-ed25519 k", "SHA256:f", "SHA256:g", True)


@dataclass
class Box(LocalHost):
    """A box whose `find` and files are these."""

    found: str = ""
    errors: str = ""
    status: int = 0
    files: dict[str, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    async def run(self, argv: Sequence[str], **_more: Any) -> Output:
        if self.status > 1:
            raise UnreachableError("nas-a cannot be reached.")
        return Output(self.status, self.found.encode(), self.errors.encode())

    async def read_files(self, paths: Sequence[str]) -> dict[str, str]:
        self.asked += paths
        return {path: self.files[path] for path in paths if path in self.files}


def listed(*files: tuple[str, int]) -> str:
    return "".join(f"{size}\t{path}\0" for path, size in files)


async def test_the_crontabs_of_a_real_machine_are_found_and_what_is_none_is_not_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "cron.d"
    folder.mkdir()
    (folder / "syncoid").write_text(LINE)
    (folder / "syncoid.dpkg-old").write_text(LINE)
    (folder / ".placeholder").write_text("x")
    (folder / "empty").touch()
    (folder / "link").symlink_to(folder / "syncoid")
    (folder / "below").mkdir()
    (folder / "below" / "deep").write_text(LINE)
    os.mkfifo(folder / "pipe")
    os.mkfifo(tmp_path / "crontab")
    places = (str(tmp_path / "crontab"), str(folder), str(tmp_path / "none" / "root"))
    for name, place in zip(("SYSTEM", "FOLDER", "ROOTS", "_PLACES"), (*places, places), strict=True):
        monkeypatch.setattr(crontabs, name, place)
    read = await crontabs.look(LocalHost())
    assert read.texts == {f"{folder}/link": LINE, f"{folder}/syncoid": LINE}
    assert read.unseen == (
        (f"{folder}/syncoid.dpkg-old", "Debian's cron runs no file of such a name"),
        (places[0], "it is no file"),
    )


async def test_what_may_not_be_read_is_said_and_what_is_not_there_is_not() -> None:
    errors = f"find: '{crontabs.SYSTEM}': No such file or directory\nfind: '{crontabs.ROOTS}': Permission denied\n"
    box = Box(listed((f"{FOLDER}/a", 5), (f"{FOLDER}/shut", 5)), errors, 1, {f"{FOLDER}/a": LINE})
    read = await crontabs.look(box)
    assert read.texts == {f"{FOLDER}/a": LINE}
    assert read.unseen == (
        (f"{FOLDER}/shut", "this account may not read it"),
        (crontabs.ROOTS, "this account may not read it"),
    )
    gone = "".join(
        f"find: '{place}': No such file or directory\n" for place in (crontabs.SYSTEM, FOLDER, crontabs.ROOTS)
    )
    assert await crontabs.look(Box("", gone, 1)) == crontabs.Crontabs({})
    (shut,) = (
        await crontabs.look(
            Box("", gone.replace(f"{FOLDER}': No such file or directory", f"{FOLDER}': Permission denied"), 1)
        )
    ).unseen
    assert shut == (FOLDER, "this account may not read all of it")


@pytest.mark.parametrize(
    ("box", "why"),
    [
        (Box("", "find: unrecognized: -printf\x1b[2J\n", 1), "they could not be listed: find: unrecognized"),
        (Box("", "", 1), "they could not be listed: status 1"),
        (Box(status=2), "nas-a cannot be reached"),
    ],
)
async def test_a_box_that_cannot_say_is_not_one_without_crontabs(box: Box, why: str) -> None:
    read = await crontabs.look(box)
    ((places, told),) = read.unseen
    assert crontabs.ROOTS in places
    assert told.startswith(why)
    assert "\x1b" not in told
    assert not read.texts


async def test_the_reading_is_bounded() -> None:
    many = [(f"{FOLDER}/n{number:03}", 10) for number in range(120)]
    big = [(f"{FOLDER}/a{number}", FILE_LIMIT) for number in range(5)]
    box = Box(listed(*many, *big, (f"{FOLDER}/huge", FILE_LIMIT + 1), (f"{FOLDER}/\x1b", 5), (f"{FOLDER}/*", 5)))
    read = await crontabs.look(box)
    assert len(box.asked) <= 100
    why = dict(read.unseen)
    assert why[f"{FOLDER}/huge"] == "it is too large to be a crontab"
    assert why[f"{FOLDER}/a4"] == why[f"{FOLDER}/n119"] == "there is too much to read all of it"
    assert not {f"{FOLDER}/*", f"{FOLDER}/\x1b"} & set(box.asked)
    long = {f"{FOLDER}/long": "\n" * LINES_LIMIT, f"{FOLDER}/syncoid": LINE}
    read = await crontabs.look(Box(listed(*((path, len(text)) for path, text in long.items())), "", 0, long))
    assert list(read.texts) == [f"{FOLDER}/syncoid"]
    assert (f"{FOLDER}/long", f"it has more than {LINES_LIMIT} lines") in read.unseen


def test_a_line_that_does_what_a_task_or_an_earlier_line_does_needs_none() -> None:
    home = Task("home", "tank/home", None, "vault/home")
    files = {
        "/etc/crontab": LINE + "1 1 * * * root syncoid -r tank/home vault/home\n",
        "/etc/cron.d/x": "@hourly root syncoid tank/vm vault/vm\n@daily root syncoid tank/b/vm vault/vm2\n",
    }
    found = moving.of_crontabs(files, ["tank", "vault"], [], [proven(home)])
    assert [(one.file, one.line, one.there, one.task.name if one.task else "") for one in found] == [
        ("/etc/crontab", 1, "", "vm"),
        ("/etc/crontab", 2, "home", ""),
        ("/etc/cron.d/x", 1, "vm", ""),
        ("/etc/cron.d/x", 2, "", "vm-2"),
    ]
    assert [one.schedule for one in found] == ["daily 02:30", "daily 01:01", "hourly", "daily 00:00"]
    assert found[1].lacks == (
        "it has no schedule, the line daily 01:01",
        "it copies nothing below its source (`dplane replicate set home --recursive`)",
    )
    assert (found[2].planned, found[2].lacks) == (True, ("it runs daily 02:30, the line hourly",))
    deep = settled(LINE, Options(schedule="daily 02:30"))
    assert (deep.there, deep.planned, deep.commands, deep.lacks) == ("v", False, (), ())
    assert moving.there_words(deep) == "The task v copies it to the same place: nothing is to be made."
    assert not [note for note in deep.notes if note.fate == KEPT], "nothing is made that could keep it"


def settled(line: str, options: Options, **fields: Any) -> Proposal:
    """What becomes of a system crontab's only line beside a task for the same two places."""
    there = Task("v", "tank/vm", None, "vault/vm", **{"recursive": True, **fields}, options=options)
    (one,) = moving.of_crontabs({f"{FOLDER}/x": line}, ["tank", "vault"], [], [proven(there)])
    return one


def proven(task: Task) -> TaskStatus:
    """A task whose copy is there and in time, and that starts again."""
    return TaskStatus(task, None, 1.0, "s", 1.0, False, 2.0, datasets=(task.source,), guids=("5",))


@pytest.mark.parametrize(
    ("options", "fields", "lack"),
    [
        (Options(schedule="daily 02:30", paused=True), {}, "it is paused (`dplane replicate resume v`)"),
        (Options(), {}, "it has no schedule, the line daily 02:30"),
        (Options(schedule="weekly Sun 02:30"), {}, "it runs weekly Sun 02:30, the line daily 02:30"),
        (Options(schedule="*-01-01 00:00:00"), {}, "it runs *-01-01 00:00:00, the line daily 02:30"),
        (Options(schedule="hourly", window="22:00-06:00"), {}, "it starts only at 22:00-06:00"),
        (Options(schedule="hourly", exclude=("*",)), {}, "it leaves out *"),
        (Options(schedule="hourly", include=("a",)), {}, "it takes only a"),
        (Options(schedule="hourly", intermediates=False), {}, "it leaves out the snapshots between two runs"),
        (Options(schedule="hourly", initial="newest"), {}, "its first run brings only the newest snapshot"),
        (Options(schedule="hourly", limit="0"), {}, "its limit of 0 holds every stream"),
        (Options(schedule="hourly", limit="22:00-06:00=0 0K"), {}, "its limit of 22:00-06:00=0 0K holds every stream"),
        (Options(schedule="hourly"), {"snapshot": False}, "it takes no snapshot of its own"),
        (
            Options(schedule="hourly"),
            {"recursive": False},
            "it copies nothing below its source (`dplane replicate set v --recursive`)",
        ),
    ],
)
def test_a_task_for_the_same_places_that_does_less_is_not_called_the_same(
    options: Options, fields: dict[str, Any], lack: str
) -> None:
    one = settled(LINE, options, **fields)
    assert (one.there, one.task, one.lacks) == ("v", None, (lack,))
    assert f"but not as the line does: {lack}." in moving.there_words(one)
    assert becomes(one) == Cell("not the same: v", "warn")


@pytest.mark.parametrize(
    ("words", "options", "fields", "lack"),
    [
        ("--sendoptions=w -r", Options(schedule="hourly"), {"raw": False}, "it sends what is encrypted decrypted"),
        ("--source-bwlimit=2M -r", Options(schedule="hourly", limit="1M"), {}, "its limit is 1M, the line's 2M"),
        ("--exclude=x -r", Options(schedule="hourly", exclude=("*x*", "y")), {}, "it leaves out y"),
    ],
)
def test_what_the_lines_own_options_say_is_compared_as_well(
    words: str, options: Options, fields: dict[str, Any], lack: str
) -> None:
    (found,) = settled(LINE.replace("-r", words), options, **fields).lacks
    assert found.startswith(lack)


@pytest.mark.parametrize(
    ("words", "options", "fields"),
    [
        ("-r", Options(schedule="every 1h"), {}),
        ("-r", Options(schedule="daily 04:00", keep_source="10"), {"raw": True}),
        ("--source-bwlimit=10m -r", Options(schedule="hourly", limit="10m"), {}),
        ("-r", Options(schedule="hourly", limit="08:00-18:00=0"), {}),
        ("--source-bwlimit=10m -r", Options(schedule="hourly", limit="10240K/s"), {}),
        ("", Options(schedule="daily 02:30", exclude=("*",)), {}),
        ("--exclude=x -r", Options(schedule="daily 02:30", exclude=("*x*",)), {}),
        ("--no-sync-snap --no-stream -r", Options(schedule="daily 02:30"), {}),
    ],
)
def test_what_a_task_does_beyond_the_line_takes_nothing_from_it(
    words: str, options: Options, fields: dict[str, Any]
) -> None:
    one = settled(LINE.replace("-r", words), options, **fields)
    assert (one.there, one.lacks, one.doubt) == ("v", (), "")
    assert becomes(one) == Cell("is there: v", "good")


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"verified_at": None, "late": None}, "no run of it has proven a copy yet"),
        ({"late": True}, "its copy is late, or nobody knows"),
        ({"late": None}, "its copy is late, or nobody knows"),
        ({"next_run": None}, "systemd tells no next start of it"),
        ({"anew": None}, "ZFS did not tell whether its datasets are still those that were proven"),
        ({"anew": ("tank/vm",)}, "tank/vm was made anew or brought back since it was proven"),
        ({"guids": ("",)}, NO_RECORD),
        ({"guids": ()}, NO_RECORD),
        ({"datasets": ("tank/vm", "tank/vm/a"), "guids": ("5", "")}, NO_RECORD),
        ({"unproven": ("tank/vm/a", "tank/vm/b")}, "nothing of tank/vm/a (and 1 more) is proven yet"),
        (
            {"notes": ("x\x1b is not sent.", "More.")},
            "its last run left something out (x\ufffd is not sent, and 1 more)",
        ),
        ({"last": Run("r", "v", "failed", 1.0, 2.0, error_code="diverged")}, "its last run failed"),
        ({"last": Run("r", "v", "died", 1.0)}, "its last run died"),
        ({"last": Run("r", "v", "cancelled", 1.0, 2.0)}, "its last run was cancelled"),
        (
            {"last": Run("s", "v", "queued", 3.0), "before": Run("r", "v", "failed", 1.0, 2.0)},
            "its last run failed",
        ),
    ],
)
def test_a_task_that_is_set_to_do_the_same_is_not_good_without_evidence(changed: dict[str, Any], why: str) -> None:
    status = proven(Task("v", "tank/vm", None, "vault/vm", True, options=Options(schedule="hourly")))
    (one,) = moving.of_crontabs({"": LINE}, ["tank", "vault"], [], [replace(status, **changed)])
    assert (one.there, one.lacks, one.doubt) == ("v", (), why)
    assert f"nothing is to be made. But {why}: leave the line in" in moving.there_words(one)
    assert becomes(one) == Cell("doubtful: v", "warn")


def test_what_is_set_after_the_last_run_is_proven_by_none() -> None:
    """The command that `lacks` names changes what is copied from the next run on, and nothing before."""
    task = Task("a", "tank/a", None, "backup/a", rpo=90000, options=Options(schedule="daily 01:00"))
    run = Run(
        "r",
        "a",
        "succeeded",
        100.0,
        200.0,
        evidence=(Evidence("tank/a", "backup/a", "s", "5", "5", 1, None, 1.0, 200.0),),
    )
    proof = Proof(run, 100.0, ("tank/a",), ALONE, (), {"tank/a": "5"})
    [narrow, deep] = [
        with_proof(TaskStatus(replace(task, recursive=recursive), run, next_run=3600.0), proof, 300.0)
        for recursive in (False, True)
    ]
    line = {"": "0 1 * * * syncoid -r tank/a backup/a\n"}
    (one,) = moving.of_crontabs(line, ["tank", "backup"], [], [narrow])
    assert one.lacks == ("it copies nothing below its source (`dplane replicate set a --recursive`)",)
    (one,) = moving.of_crontabs(line, ["tank", "backup"], [], [deep])
    assert (one.lacks, becomes(one)) == ((), Cell("doubtful: a", "warn"))
    assert "What lies below tank/a is sent from the next run on" in moving.there_words(one)


ALONE = Scope(False, (), ())
DEEP = Scope(True, (), ())


@pytest.mark.parametrize(
    ("took", "now", "why"),
    [
        (DEEP, DEEP, ""),
        (Scope(True, (), ("photos",)), Scope(True, (), ("photos",)), ""),
        (DEEP, Scope(True, ("a*",), ("photos",)), ""),  # less is taken, and all of it is proven
        (Scope(True, ("a", "b"), ("x",)), Scope(True, ("b",), ("y", "x")), ""),
        (Scope(True, (), ("photos",)), DEEP, "More of what lies below tank/a"),
        (Scope(True, (), ("photos",)), Scope(True, (), ("other",)), "More of what lies below tank/a"),
        (Scope(True, ("a",), ()), DEEP, "More of what lies below tank/a"),
        (Scope(True, ("a",), ()), Scope(True, ("b",), ()), "More of what lies below tank/a"),
        (ALONE, DEEP, "What lies below tank/a"),
        (ALONE, ALONE, ""),
        (DEEP, ALONE, ""),
        (None, ALONE, ""),
    ],
)
def test_a_pull_that_takes_more_than_its_last_run_did_is_not_proven(took: Scope | None, now: Scope, why: str) -> None:
    """Its tree is at the other box, and is not looked at from here."""
    status = pulled(took, now)
    said = f"its last run left something out ({why} is sent from the next run on)" if why else ""
    assert doubt(status) == said
    assert verdict(status, 300.0).state == ("WARNING" if why else "OK")


def pulled(took: Scope | None, now: Scope) -> TaskStatus:
    """A pull that takes `now`, and whose last run took `took`."""
    options = Options(schedule="daily 01:00", include=now.include, exclude=now.exclude)
    task = Task("a", "tank/a", None, "backup/a", now.recursive, rpo=90000, options=options, source_peer="nas")
    evidence = Evidence("tank/a", "backup/a", "s", "5", "5", 1, None, 1.0, 200.0)
    run = Run("r", "a", "succeeded", 100.0, 200.0, evidence=(evidence,))
    return with_proof(
        TaskStatus(task, run, next_run=3600.0), Proof(run, 100.0, ("tank/a",), took, (), {"tank/a": "5"}), 300.0
    )


def test_a_pull_of_which_an_older_release_kept_no_patterns_is_in_doubt_and_no_alarm() -> None:
    status = pulled(None, DEEP)
    assert doubt(status) == NO_RECORD
    assert verdict(status, 300.0).state == "OK"


@given(
    st.sampled_from(["", "running", "succeeded", "nothing-new", "failed", "died", "cancelled"]),
    st.sampled_from([None, 0.0, 200.0, 1e9]),
    st.sampled_from([(), ("Something.",)]),
    st.sampled_from([(), ("tank/vm",)]),
)
def test_a_task_is_in_doubt_whenever_its_check_is_not_ok(
    state: str, fresh: float | None, notes: tuple[str, ...], anew: tuple[str, ...]
) -> None:
    now = 300.0
    task = Task("v", "tank/vm", None, "vault/vm", True, rpo=200, options=Options(schedule="hourly"))
    age = of_age(None if fresh is None else now - fresh, task.rpo)
    late = None if age in (NEVER, AHEAD) else age == LATE
    run = Run("r", "v", state, 1.0) if state else None
    status = TaskStatus(task, run, fresh, "s", fresh, late, 400.0, fresh, notes=notes, anew=anew, guids=("5",))
    (one,) = moving.of_crontabs({"": LINE}, ["tank", "vault"], [], [status])
    assert (verdict(status, now).state == "OK") == (one.doubt == "")


def test_of_several_tasks_the_one_that_does_most_of_the_line_is_named() -> None:
    ends = ("tank/vm", None, "vault/vm")
    tasks = [Task("a", *ends, True, options=Options(paused=True)), Task("b", *ends, True)]
    tasks.append(Task("c", *ends, options=Options(schedule="hourly")))
    (one,) = moving.of_crontabs({"": LINE}, ["tank", "vault"], [], [proven(task) for task in tasks[:2]])
    assert (one.there, one.compare) == ("b", "")
    (one,) = moving.of_crontabs({"": LINE.replace("-r", "")}, ["tank", "vault"], [], [proven(task) for task in tasks])
    assert (one.there, one.lacks) == ("c", ())
    twice = [TaskStatus(replace(tasks[2], name="d")), proven(tasks[2])]
    (one,) = moving.of_crontabs({"": LINE.replace("-r", "")}, ["tank", "vault"], [], twice)
    assert (one.there, one.doubt) == ("c", "")


def test_what_else_a_line_does_is_told_whether_a_task_is_there_or_not() -> None:
    line = LINE.replace("syncoid -r", "cd / && ping -c1 nas && test -x /usr/sbin/syncoid && syncoid -r")
    line = "CRON_TZ=Asia/Tokyo\n" + line.rstrip() + " >>/var/log/x 2>&1; /usr/bin/curl -fsS https://example.invalid\n"
    told = "the line also has ping, curl, which no task does"
    assert settled(line, Options(schedule="hourly")).lacks == (
        "times are the machine's own, not Asia/Tokyo", told,
    )  # fmt: skip
    (one,) = moving.of_crontabs({f"{FOLDER}/x": line}, ["tank", "vault"], [], [])
    assert one.task is not None
    assert told in [note.text for note in one.notes]


def test_who_a_line_runs_as_is_known_by_where_the_crontab_is() -> None:
    def words(file: str, line: str) -> str:
        (one,) = moving.of_crontabs({file: f"@daily\t{line}\n"}, ["tank", "vault"], [], [])
        return one.problem or one.origin

    ran = "syncoid tank/a vault/a"
    assert words("/etc/crontab", f"backup {ran}") == words(f"{FOLDER}/x", f"syncoid {ran}") == ran
    assert words(crontabs.ROOTS, ran) == words("", ran) == words("", f"root  {ran}") == ran
    assert "what backup does with it is not understood here" in words("", f"backup {ran}")
    assert words("", f"backup {ran}\n17 *\t* * *\troot\ttrue") == ran, "where root is named, all are"
    assert "what root does with it is not understood here" in words(crontabs.ROOTS, f"root {ran}")


class Service:
    """A replication service that makes tasks, but for those that it is told to refuse or to lose."""

    def __init__(self) -> None:
        self.listed: list[Task] = []
        self.cannot_list = False

    async def peers(self) -> tuple[Peer, ...]:
        return (ATTIC,)

    async def add_task(self, task: Task) -> Task:
        if task.name == "bad":
            raise DPlaneError("There is a task called bad already.")
        self.listed += [replace(task, created=5.0)] if task.name != "lost" else []
        return task

    async def tasks(self) -> tuple[TaskStatus, ...]:
        if self.cannot_list:
            raise DPlaneError("The store is locked.")
        return tuple(TaskStatus(task) for task in self.listed)


async def test_what_fails_stops_no_other_and_what_is_made_is_what_is_listed() -> None:
    names = ("bad", "lost", "good")
    content = "".join(f"0 1 * * * syncoid tank/{name} 10.0.0.7:backup/{name}\n" for name in names)
    content += "0 2 * * * syncoid tank/x root@nas:y/x\n0 4 * * * syncoid\n"
    content += "".join(f"0 3 * * * syncoid tank/{name} 10.0.0.7:backup/{name}\n" for name in ("good", "bad"))
    content += "0 5 * * 0 syncoid -r tank/good 10.0.0.7:backup/good\n"
    found = moving.of_crontabs({"": content}, ["tank"], [ATTIC], [])
    service = Service()
    done = await moving.store(service, found)  # type: ignore[arg-type]  # what of it is used
    assert [(task.name, task.created) for task in done.made] == [("good", 5.0)], "as it was read back"
    assert (done.there, done.doubtful) == ((), ()), "its second line stays with what was made a moment ago"
    assert [re.split(r":", why)[0] for why in done.left[:3]] == ["bad", "x", "syncoid"]
    assert "pair first with `dplane peer add nas root@nas`" in done.left[1]
    assert "but not as the line does: it copies nothing below" in done.left[3]
    assert done.left[4:] == (
        "lost: it was stored, but is not listed",
        "syncoid tank/bad 10.0.0.7:backup/bad: the task bad, which an earlier line becomes, was not made",
    )
    service.cannot_list = True
    done = await moving.store(service, [one for one in found if one.task and one.task.name == "good"])  # type: ignore[arg-type]
    assert done.made == ()
    assert done.left == ("good: it was stored, but nobody knows whether it is there: The store is locked.",)


async def test_only_of_what_is_proven_it_is_said_that_its_line_can_go() -> None:
    good = proven(Task("v", "tank/vm", None, "vault/vm", True, options=Options(schedule="hourly")))
    for status, there, doubtful in (
        (good, ("v",), ()),
        (replace(good, late=True), (), ("v: its copy is late, or nobody knows",)),
    ):
        found = moving.of_crontabs({"": LINE + LINE}, ["tank", "vault"], [], [status])
        done = await moving.store(Service(), found)  # type: ignore[arg-type]  # what of it is used
        assert (done.made, done.there, done.doubtful, done.left) == ((), there, doubtful, ())
        assert any("can go from the crontab" in line for line in outcome(done)) == bool(there)
        assert any(line.startswith("Leave the line in") for line in outcome(done)) == bool(doubtful)


@pytest.mark.parametrize(
    ("options", "ours"),
    [
        (Options(), "starts only by hand"),
        (Options(schedule="boot 1m"), "runs boot 1m"),
        (Options(schedule="weekly Sun 02:30"), "runs weekly Sun 02:30"),
    ],
)
async def test_a_line_without_its_times_is_to_be_compared_and_never_said_to_be_one_that_can_go(
    options: Options, ours: str
) -> None:
    status = proven(Task("v", "tank/vm", None, "vault/vm", True, options=options))
    one = moving.of_line("/usr/sbin/syncoid -r tank/vm vault/vm", ["tank", "vault"], [], [status])
    why = f"when the line runs was not given, and the task {ours}"
    assert (one.there, one.lacks, one.doubt, one.compare) == ("v", (), "", why)
    said = f"nothing is to be made. But {why}: compare that before you take the line out."
    assert moving.there_words(one).endswith(said)
    assert (becomes(one), proposal_lines(one)[2][0][1]) == (Cell("compare: v", "warn"), "warn")
    done = await moving.store(Service(), [one])  # type: ignore[arg-type]  # what of it is used
    assert (done.there, done.doubtful, done.compare, done.left) == ((), (), (f"v: {why}",), ())
    assert not any("can go from the crontab" in line for line in outcome(done))
    late = replace(one, doubt="its copy is late, or nobody knows")
    assert "nothing is to be made. But its copy is late" in moving.there_words(late)
    timed = moving.of_line("30 2 * * 0 syncoid -r tank/vm vault/vm", ["tank", "vault"], [], [status])
    assert timed.compare == ""


def test_a_line_without_its_times_is_compared_with_a_task_that_starts_by_itself() -> None:
    tasks = [Task(name, "tank/vm", None, "vault/vm", True) for name in ("a", "b")]
    tasks[1] = replace(tasks[1], options=Options(schedule="hourly"))
    one = moving.of_line("syncoid -r tank/vm vault/vm", ["tank", "vault"], [], [proven(task) for task in tasks])
    assert one.there == "b"


def test_a_line_that_an_earlier_one_becomes_is_not_good_before_a_run() -> None:
    _, one = moving.of_crontabs({"": LINE + LINE}, ["tank", "vault"], [], [])
    assert (one.there, one.planned, one.doubt) == ("vm", True, "no run of it has proven a copy yet")
    assert becomes(one) == Cell("in task vm", "accent")
    assert ("leave the line in" in moving.there_words(one), proposal_lines(one)[2][0][1]) == (True, "warn")


def test_the_command_does_not_call_a_task_doubtful_that_an_earlier_line_becomes(
    cli: Cli,  # noqa: F811
    tmp_path: Path,
) -> None:
    file = tmp_path / "crontab"
    file.write_text(LINE + LINE)
    status, out, _ = cli("replicate", "import-syncoid", "--crontab", str(file))
    assert (status, "  IN THAT TASK: The task vm, which an earlier line becomes," in out) == (0, True)
    assert "1 of 2 can be a task, 1 is in the task of an earlier line. Nothing was done: type" in out
    assert "doubt" not in out.lower()


def test_the_command_says_as_well_that_a_task_is_there_and_makes_no_second_one(
    cli: Cli,  # noqa: F811
    tmp_path: Path,
) -> None:
    file = tmp_path / "crontab"
    file.write_text("@reboot syncoid -r tank/q vault/q\n")
    cli("replicate", "add", "q", "--source", "tank/q", "--to", "vault/q", "--recursive")
    words = ("replicate", "import-syncoid")
    line = ("--", "-r", "tank/q", "vault/q")
    status, out, _ = cli(*words, "--apply", *line)
    assert (status, "there     q" in out, "stored" in out) == (0, False, False)
    assert "doubtful  q: no run of it has proven a copy yet" in out
    assert "take its line out" not in out
    assert "Leave the line in the crontab of what is doubtful until" in out
    data = json.loads(cli(*words, "--apply", "--json", *line)[1])["data"]
    assert (data["there"], data["doubtful"]) == ([], ["q: no run of it has proven a copy yet"])
    assert [item["task"]["name"] for item in cli.json("replicate", "list")[1]["data"]] == ["q"]
    status, out, _ = cli(*words, *line)
    assert (status, "DOUBTFUL: The task q copies it to the same place" in out) == (0, True)
    assert "But no run of it has proven a copy yet: leave the line in until that has changed." in out
    assert out.rstrip().endswith("0 of 1 can be a task, 1 has a task that is in doubt. Nothing was done.")

    status, out, _ = cli(*words, "--crontab", str(file))
    assert (status, f"{file} line 1: syncoid -r tank/q vault/q" in out) == (3, True)
    assert "NOT THE SAME: The task q copies it to the same place, but not as the line does: it has no schedule" in out
    assert "0 of 1 can be a task, 1 has a task that does not do the same. Nothing was done." in out
    status, out, _ = cli(*words, "--crontab", str(file), "--apply")
    assert (status, "there     q" in out, "take its line out" in out) == (1, False, False)
    assert "NOT       syncoid -r tank/q vault/q: The task q copies it to the same place, but not as the line" in out


def test_the_command_looks_through_the_boxs_own_crontabs_and_says_what_it_could_not_look_at(
    cli: Cli,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    read = crontabs.Crontabs({"/etc/cron.d/x": LINE}, ((crontabs.ROOTS, "this account may not read it"),))

    async def look(_host: object) -> crontabs.Crontabs:
        return read

    words = ("replicate", "import-syncoid", "--crontab")
    status, out, _ = cli(*words)
    assert (status, out.count("NOT LOOKED AT")) == (3, 1), "find is not there, which is not an empty crontab"
    assert cli.json(*words)[1]["error"]["message"].startswith("Not every crontab could be looked at: /etc/crontab")
    monkeypatch.setattr(crontabs, "look", look)
    status, answer = cli.json(*words)
    assert (status, answer["data"]["unseen"]) == (3, [[crontabs.ROOTS, "this account may not read it"]])
    assert [(one["file"], one["line"]) for one in answer["data"]["proposals"]] == [("/etc/cron.d/x", 1)]
    assert "/etc/cron.d/x line 1: syncoid -r tank/vm vault/vm" in cli(*words)[1]
    read = crontabs.Crontabs({"/etc/cron.d/x": "1 2 * * * root true\n"})
    assert cli.json(*words) == (0, {"ok": True, "data": {"proposals": [], "unseen": []}})
    assert "No syncoid is run by what was read." in cli(*words)[1]
    read = crontabs.Crontabs({"/etc/cron.d/x": LINE})

    async def tasks(_self: object, *, look: bool = False) -> tuple[TaskStatus, ...]:
        task = Task("v", "tank/vm", None, "vault/vm", True, options=Options(schedule="hourly"))
        return (replace(proven(task), anew=None if look else ()),)

    with monkeypatch.context() as patched:
        patched.setattr(LocalReplication, "tasks", tasks)
        assert "DOUBTFUL: The task v copies it to the same place" in cli(*words)[1], "ZFS is asked as well"
    status, answer = cli.json(*words, "--apply")
    assert (status, answer["data"]["stored"], answer["data"]["unseen"]) == (1, [], [])
    assert "systemd could not be told when vm runs" in answer["data"]["left"][0]
