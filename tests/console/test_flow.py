"""The console itself: sections, help, palette, messages, errors, hosts, sizes."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from dplane_tui.actions import ACTIONS, SECTIONS, WITHOUT_TAB, hints, within
from dplane_tui.app import Console, open_console
from dplane_tui.errors import DPlaneError, MissingError
from dplane_tui.services.jobs import files
from tests.console.conftest import FULL, MONO, Opener
from tests.console.fakes import FakeServices

SIZES = ((80, 24), (60, 18), (132, 43), (40, 10))


def test_every_action_is_carried_out_somewhere() -> None:
    from dplane_tui.screens import open_section
    from dplane_tui.screens.base import Section
    from dplane_tui.screens.policies import GROUP, PolicyActs

    for action in ACTIONS:
        name = "do_" + action.id.replace("-", "_")
        section = action.group.partition(".")[0]
        screen = open_section(section) if section in (*SECTIONS, *WITHOUT_TAB) else Section()
        owner = PolicyActs if section == GROUP else type(screen)
        assert (
            hasattr(owner, name)
            or hasattr(screen.acts, name)
            or hasattr(Console, name)
            or action.id.startswith("section-")
        ), action


def test_no_key_means_two_things_in_one_place() -> None:
    inner = ("pools.datasets", "pools.snapshots", "replication.tasks", "replication.peers", "start.pool")
    places: list[tuple[str, ...]] = [("global", "list", section) for section in (*SECTIONS, *WITHOUT_TAB)]
    places += [("global", "list", group.partition(".")[0], group) for group in inner]
    moves = {"up", "down", "j", "k", "g", "G", "home", "end", "pageup", "pagedown"}
    places = [(*groups, more) for groups in places for more in ("own", "kiosk", "view-only", "session")]
    for groups in places:
        keys = [key for action in within(groups) for key in action.keys]
        assert len(keys) == len(set(keys)), groups
        assert not moves & set(keys), groups


def test_mutating_actions_name_a_role_and_function_keys_are_never_alone() -> None:
    for action in ACTIONS:
        own_rights = action.id == "file-restore"  # the system decides; as root the door asks for its role
        assert not action.mutating or own_rights or action.role in {"operate", "admin"}, action
        assert any(not (len(key) > 1 and key[0] == "f" and key[1:].isdigit()) for key in action.keys), action


def test_hints_leave_out_what_the_role_may_not_do() -> None:
    named = {action.id for action in hints(("global", "pools"), "view")}
    assert "help" in named
    assert "pool-create" not in named
    assert "pool-create" in {action.id for action in hints(("global", "pools"), "admin")}


async def test_sections_by_number_and_only_the_seen_one_reads(console: Opener) -> None:
    async with console() as seen:
        await seen.until_text("vault")
        assert seen.app.poller.watched == {"pools"}
        await seen.press("2")
        await seen.until_text("nas-b:backup/home")
        assert "pools" not in seen.app.poller.watched
        await seen.press("4")
        await seen.until_text("What to know")
        assert "runs" not in seen.app.poller.watched
        await seen.press("1")
        await seen.until_text("vault")
        assert seen.app.poller.watched == {"pools"}


async def test_help_lists_the_keys_of_the_place_first(console: Opener) -> None:
    async with console(section="replication") as seen:
        await seen.until_text("nas-b")
        await seen.press("question_mark")
        await seen.until_text("Keys that work here")
        assert "Replication: tasks" in seen.text
        assert "run the task now" in seen.text
        await seen.press("escape")
        assert "Keys that work here" not in seen.text


async def test_palette_does_what_is_found(console: Opener) -> None:
    async with console() as seen:
        await seen.until_text("vault")
        await seen.press("colon")
        await seen.until_text("What to do, where to go?")
        await seen.type("health")
        await seen.press("enter")
        await seen.until_text("What to know")
        assert seen.app.section == "health"


async def test_messages_are_kept(console: Opener) -> None:
    async with console() as seen:
        await seen.until_text("vault")
        seen.app.say("First thing.", "good")
        seen.app.say("Second thing.", "bad")
        await seen.press("N")
        await seen.until_text("First thing.")
        lines = [line for line in seen.text.split("\n") if "thing." in line]
        assert "failed" in lines[0]
        assert "Second thing." in lines[0]
        assert "done" in lines[1]


async def test_the_log_has_what_was_asked_for_and_what_came_of_it(console: Opener) -> None:
    async with console() as seen:
        await seen.until_text("vault")
        await seen.press("down", "b", "enter")
        await seen.until_text("The scrub of vault is paused.")
        await seen.press("N")
        await seen.until_text("This session")
        lines = [" ".join(line.split()) for line in seen.text.split("\n") if "nas-a" in line and "scrub" in line]
        assert "done nas-a The scrub of vault is paused." in lines[0]
        assert "asked nas-a start, pause or stop a scrub: vault" in lines[1]
        await seen.press("escape")
        assert "This session" not in seen.text


async def test_the_log_says_which_questions_were_cancelled(console: Opener) -> None:
    async with console() as seen:
        await seen.until_text("vault")
        await seen.press("x")
        await seen.until_text("Export tank?")
        assert seen.app.log_book.entries[-1].kind == "asked", "it is open"
        await seen.press("escape")
        await seen.until(lambda: seen.app.log_book.entries[-1].kind == "left")
        await seen.press("N")
        await seen.until_text("This session")
        lines = [" ".join(line.split()) for line in seen.text.split("\n") if "opened, cancelled" in line]
        assert "left nas-a opened, cancelled: export the pool" in lines[0]
        assert not [call for call in seen.services.fake_zfs.calls if call[0] == "export"]


async def test_an_error_of_ours_is_one_sentence_and_a_log(console: Opener, tmp_path: Path) -> None:
    services = FakeServices()

    async def broken() -> None:
        raise ZeroDivisionError("password=hunter2")

    services.fake_zfs.importable = broken  # type: ignore[method-assign,assignment]  # the fault to test
    async with console(services) as seen:
        await seen.until_text("vault")
        await seen.press("i")
        await seen.until_text("did not foresee")
        assert "Traceback" not in seen.text
    log = (tmp_path / "dplane" / "console.log").read_text()
    assert "ZeroDivisionError" in log
    assert "hunter2" not in log
    assert (tmp_path / "dplane" / "console.log").stat().st_mode & 0o077 == 0


async def test_a_service_error_is_its_sentence(console: Opener) -> None:
    services = FakeServices()

    async def refused(*_args: object) -> None:
        raise DPlaneError("The pool tank is busy.", "Stop what uses it.")

    services.fake_zfs.export = refused  # type: ignore[method-assign,assignment]  # the fault to test
    async with console(services) as seen:
        await seen.until_text("vault")
        await seen.press("x", "tab", "enter")
        await seen.until_text("The pool tank is busy. Stop what uses it.")


async def test_read_only_changes_nothing(console: Opener) -> None:
    async with console(read_only=True) as seen:
        await seen.until_text("vault")
        assert "RO" in seen.text.splitlines()[0]
        for action in within(("pools",)):
            if action.mutating:
                await seen.press(action.keys[0])
                assert "read-only" in seen.text
        assert not seen.services.fake_zfs.calls


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("section", ["", "replication", "health"])
async def test_every_section_at_every_size(console: Opener, size: tuple[int, int], section: str) -> None:
    async with console(size=size, section=section, profile=MONO) as seen:
        if size[0] >= 60:
            await seen.until_text({"": "vault", "replication": "home is in time", "health": "CPU"}[section])
        lines = seen.text.split("\n")
        assert len(lines) == size[1]
        assert all(len(line) <= size[0] for line in lines)
        if size == (40, 10):
            assert "40×10 is too small" in seen.text
            assert "q quits" in seen.text
            await seen.until_text("vault is DEGRADED.")
        await seen.press("q")
        assert seen.app.return_value == 0


async def test_a_small_window_of_a_box_without_pools_praises_none(console: Opener) -> None:
    services = FakeServices()
    services.fake_zfs.pool_list = []
    async with console(services, size=(40, 10), profile=MONO) as seen:
        await seen.until_text("There are no pools")


def test_why_a_console_cannot_open_names_what_is_no_terminal(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    line, end = os.openpty()
    with os.fdopen(line, "rb"), os.fdopen(end, "r") as terminal, (tmp_path / "log").open("w") as log:
        monkeypatch.setattr("sys.stdin", terminal)
        monkeypatch.setattr("sys.stderr", log)
        with pytest.raises(MissingError) as told:
            open_console()
    assert "here standard error, on which it draws, is not one" in told.value.message


async def test_live_resize_down_and_up(console: Opener) -> None:
    async with console() as seen:
        await seen.until_text("vault")
        for size in ((40, 10), (61, 16), (20, 5), (132, 43), (80, 24)):
            await seen.pilot.resize_terminal(*size)
            await seen.settle()
            await seen.press("down", "up")
        assert "> tank" in seen.text


async def test_a_window_too_small_to_see_rows_takes_no_keys_for_them(console: Opener) -> None:
    async with console() as seen:
        await seen.until_text("vault")
        await seen.press("down", "tab")
        before = seen.app.current.place()
        await seen.pilot.resize_terminal(40, 10)
        await seen.until_text("too small")
        await seen.press("down", "up", "G", "tab", "slash", "x", "b", "D", "m", "2", "F", "question_mark", "colon", "N")
        assert len(seen.app.screen_stack) == 1
        assert seen.app.section == "pools"
        await seen.press("ctrl+l")
        await seen.pilot.resize_terminal(80, 24)
        await seen.until_text("vault")
        await seen.settle()
        assert seen.app.current.place() == before
        assert seen.services.fake_zfs.calls == []
        assert not seen.app.log_book.entries
        await seen.pilot.resize_terminal(40, 10)
        await seen.until_text("too small")
        await seen.press("q")
    assert seen.app.return_value == 0


async def test_colourless_cursor_is_marked(console: Opener) -> None:
    async with console(profile=MONO) as seen:
        await seen.until_text("vault")
        strips = seen.app.screen._compositor.render_strips()
        line = next(strip for strip in strips if strip.text.startswith("> tank"))
        assert any(segment.style and segment.style.reverse for segment in line)
        assert not any(
            segment.style and segment.style.color and segment.style.color.name != "default" for segment in line
        )


async def test_a_followed_job_is_shown_and_then_the_host_switched(console: Opener, tmp_path: Path) -> None:
    path = tmp_path / "lab-build.json"

    def write(**fields: object) -> None:
        pid, created = files.own_process()
        body = {"id": "lab-build", "kind": "lab-build", "title": "Practice pair", "started": 1.0, "pid": pid}
        path.write_text(json.dumps({**body, "pid_created": created, "updated": time.time(), **fields}))

    other = FakeServices("nas-a-in-the-lab")
    write(state="running", stage="zfs module", stages_done=2, stages_total=7, eta_s=300)
    async with console(FakeServices("laptop"), follow_job=path, then_host="nas-a", connect=lambda _name: other) as seen:
        await seen.until_text("Practice pair: running · zfs module (stage 3 of 7)")
        assert "ETA 5m" in seen.text
        assert seen.text.split("\n")[0].startswith(" laptop")
        write(state="succeeded", stages_done=7, stages_total=7)
        await seen.until(lambda: "nas-a-in" in seen.text.split("\n")[0])
        assert "Practice pair" not in seen.text.split("\n")[1]
        assert seen.services.closed
        await seen.until_text("vault")


async def test_a_failed_job_says_why_and_stays(console: Opener, tmp_path: Path) -> None:
    path = tmp_path / "lab-build.json"
    body = {
        "id": "lab-build",
        "kind": "lab-build",
        "title": "Practice pair",
        "state": "failed",
        "error": "No space left.",
    }
    path.write_text(json.dumps(body))
    async with console(FakeServices("laptop"), follow_job=path, then_host="nas-a") as seen:
        await seen.until_text("Practice pair failed: No space left.")
        assert seen.text.split("\n")[0].startswith(" laptop")


async def test_a_theme_is_seen_while_the_cursor_is_on_it_and_kept_only_when_chosen(
    console: Opener, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    async with console(profile=FULL) as seen:
        await seen.until_text("vault")
        await seen.press("T")
        await seen.until_text("no red against green")
        worn = [seen.app.look.name]
        for _ in range(4):
            await seen.press("down")
            worn.append(seen.app.look.name)
        assert worn == ["dark", "light", "contrast", "colourblind", "amber"]
        await seen.press("escape")
        assert seen.app.look.name == "dark"
        await seen.press("T", "down", "enter")
        await seen.until_text("Theme light, from now on.")
        assert "vault" in seen.text
    async with console(profile=FULL) as seen:
        await seen.until_text("vault")
        assert seen.app.look.name == "light"
