"""The syncoid of this box's crontabs, with keys: what each line becomes, one of them taken, all of them taken."""

from __future__ import annotations

import dataclasses

from textual import events

from dplane_tui.errors import DPlaneError
from dplane_tui.services.host import Output
from dplane_tui.services.replication.model import Options, Task, TaskStatus
from tests.console.conftest import Opener
from tests.console.fakes import TASK, FakeHost, FakeServices
from tests.console.test_replication_moving import made, paste

ROOTS = "/var/spool/cron/crontabs/root"
SYSTEM = """CRON_TZ=Europe/\x1b[2J[bold]Rome
30 2 * * * root syncoid -r --no-sync-snap tank/vm 10.9.0.2:backup/vm
CRON_TZ=
0 * * * * root /usr/sbin/syncoid tank/home 10.9.0.2:backup/home
0 4 * * * root syncoid tank/new root@attic:backup/new
0 5 * * * root syncoid --\x1b[2Jnonsense tank/a b:c/d
0 6 * * * root syncoid --nonsense tank/a b:c/d
"""


def with_crontabs(**files: str) -> FakeServices:
    """A box with such crontabs: the system's folder has `syncoid`, and root has its own if given."""
    services = FakeServices()
    host = services.host
    assert isinstance(host, FakeHost)
    host.crontabs = {"/etc/cron.d/syncoid": files.get("system", SYSTEM)}
    if "roots" in files:
        host.crontabs[ROOTS] = files["roots"]
    services.fake_replication.options = Options(schedule="every 1h")
    return services


async def test_each_line_says_when_it_runs_and_what_it_becomes_or_why_not(console: Opener) -> None:
    services = with_crontabs(roots="@weekly syncoid tank/home/anna vault/anna\n")
    async with console(services, section="replication") as seen:
        await seen.until_text("nas-b")
        await seen.press("I")
        await seen.until_said("6 lines of the system's crontabs and root's own run or name syncoid.")
        assert "Not looked at" not in seen.said
        assert "\x1b" not in seen.text
        lines = seen.text
        assert "tank/vm/… to" in lines
        assert "daily 02:30" in lines
        assert "task vm" in lines
        assert "is there: home" in lines
        assert "pair attic first" in lines
        assert "no task: the li" in lines
        assert "root's own:1" in lines
        assert "all 2 tasks" in lines
        await seen.press("escape")
        await seen.until(lambda: "Coming from syncoid" not in seen.text)
    assert not made(services)


async def test_one_line_is_taken_as_a_pasted_one_and_leaving_it_comes_back_to_the_list(console: Opener) -> None:
    services = with_crontabs()
    async with console(services, section="replication") as seen:
        await seen.until_text("nas-b")
        await seen.press("I")
        await seen.until_text("task vm")
        await seen.press("enter")
        await seen.until_text("What takes its place")
        assert "\x1b" not in seen.text
        assert "[bold]Rome" in seen.text, "a crontab's words are no markup"
        assert "The line stays in /etc/cron.d/syncoid, and syncoid goes on, until somebody takes it out." in seen.said
        await seen.press("escape")
        await seen.until_text("task vm")
        await seen.press("down", "enter")
        await seen.until_said("The task home copies it to the same place: nothing is to be made.")
        await seen.press("p", "escape", "up", "enter")
        await seen.until_text("What takes its place")
        await seen.press("p")
        await seen.until_text("The first run: about 3.00G")
        assert not made(services)
        await seen.press("tab", "enter")
        await seen.until_text("Run vm now?")
        await seen.press("escape")
    (task,) = made(services)
    assert isinstance(task, Task)
    assert (task.name, task.recursive, task.snapshot, task.options.schedule) == ("vm", True, False, "daily 02:30")


async def test_all_are_made_after_each_was_seen_and_one_that_fails_stops_no_other(console: Opener) -> None:
    services = with_crontabs(roots="@weekly syncoid tank/home/anna vault/anna\n5 5 * * * syncoid tank vault/t\n")
    store = services.fake_replication.add_task

    async def some(task: Task) -> Task:
        if task.name == "anna":
            raise DPlaneError("systemd could not be told when anna runs, so the task was not made.")
        return await store(task)

    services.fake_replication.add_task = some  # type: ignore[method-assign]  # the fault to test
    async with console(services, section="replication") as seen:
        await seen.until_text("nas-b")
        await seen.press("I")
        await seen.until_text("all 3 tasks")
        await seen.press("G", "up", "enter")
        for number, line in enumerate(("cron.d/syncoid:2", "root's own:1", "root's own:2"), 1):
            await seen.until_text(f"{number} of 3: {line}")
            assert "The first run: about 3.00G in 1 stream" in seen.said
            assert not made(services)
            await seen.press("p")
        await seen.until_text("Make 3 tasks?")
        assert "vm, anna, tank. They run by themselves at the times of their lines." in seen.said
        await seen.press("tab", "enter")
        await seen.until_text("What was made")
        assert "made  vm: tank/vm to nas-b:backup/vm" in seen.text
        assert "NOT   anna: systemd could not be told when anna runs" in seen.text
        assert "made  tank: tank to vault/t" in seen.text
        assert "cron.d/syncoid:4: The task home copies it to the same place" in seen.text
        assert "cron.d/syncoid:5: pair attic first; `dplane peer add attic root@attic`" in seen.said
        await seen.press("escape")
        await seen.until_said("2 tasks were made (vm, tank), not all: anna: systemd could not be told")
    assert [task.name for task in made(services)] == ["vm", "tank"]  # type: ignore[attr-defined]  # tasks


async def test_leaving_midway_makes_none_of_them_and_what_is_not_listed_is_not_called_made(console: Opener) -> None:
    services = with_crontabs(system="1 2 * * * root syncoid tank/a vault/a\n1 3 * * * root syncoid tank/b vault/b\n")

    async def lost(task: Task) -> Task:
        return task

    services.fake_replication.add_task = lost  # type: ignore[method-assign]  # it is nowhere afterwards
    async with console(services, section="replication") as seen:
        await seen.until_text("nas-b")
        await seen.press("I", "G", "up", "enter")
        await seen.until_text("1 of 2")
        await seen.press("p")
        await seen.until_text("2 of 2")
        await seen.press("escape")
        await seen.until_text("all 2 tasks")
        await seen.press("enter")
        await seen.until_text("1 of 2")
        await seen.press("p", "p")
        await seen.until_text("Make 2 tasks?")
        await seen.press("tab", "enter")
        await seen.until_text("What was made")
        assert "NOT   a: it was stored, but is not listed" in seen.text
        await seen.press("escape")
        await seen.until_said("No task was made: a: it was stored, but is not listed.")


async def test_what_could_not_be_looked_at_is_said_and_a_line_can_be_pasted(console: Opener) -> None:
    services = with_crontabs(system="0 3 * * * root /usr/bin/certbot\n")
    services.host.denied = ROOTS  # type: ignore[attr-defined]  # the fake's
    async with console(services, section="replication") as seen:
        await seen.until_text("nas-b")
        await seen.press("I")
        await seen.until_said("No line of the crontabs that could be read runs syncoid. A script that one starts is")
        assert f"Not looked at: {ROOTS} (this account may not read it). `sudo crontab -l` shows" in seen.said
        await seen.press("escape")
        await paste(seen, "syncoid tank/home 10.9.0.2:backup/home")
        await seen.until_said("The task home copies it to the same place: nothing is to be made.")
        await seen.press("p", "escape")
    assert not made(services)


async def test_a_box_that_cannot_list_its_crontabs_still_takes_a_pasted_line(console: Opener) -> None:
    services = FakeServices()
    host = services.host

    async def broken(argv: list[str], **_more: object) -> Output:
        if "find" in argv:
            raise DPlaneError("find is not installed on nas-a.")
        return Output(0, host.groups.encode() if "-Gn" in argv else b"1000", b"")  # type: ignore[attr-defined]

    host.run = broken  # type: ignore[method-assign,assignment]  # the fault to test
    async with console(services, section="replication") as seen:
        await seen.until_text("nas-b")
        await seen.press("I")
        await seen.until_said("No crontab could be looked at: /etc/crontab, /etc/cron.d, /var/spool/cron/crontabs/root")
        assert "(find is not installed on nas-a). Paste a line, then." in seen.said


async def test_from_the_list_another_line_can_be_pasted(console: Opener) -> None:
    services = with_crontabs()
    first = dataclasses.replace(TASK, name="deep", recursive=True, options=Options(schedule="hourly"))
    proven = TaskStatus(first, None, 1.0, "s", 1.0, False, 2.0, 1.0, anew=("tank/home",))
    services.fake_replication.task_list = [TaskStatus(TASK), proven]
    async with console(services, section="replication") as seen:
        await seen.until_text("nas-b")
        await seen.press("I")
        await seen.until_text("doubtful: deep")
        await seen.press("G", "enter")
        await seen.until_said("A syncoid command, or the line of a crontab that runs it.")
        assert seen.app.focused is not None
        seen.app.focused.post_message(events.Paste("0 * * * * syncoid tank/home 10.9.0.2:backup/home"))
        await seen.settle()
        await seen.press("enter", "enter")
        await seen.until_said("But tank/home was made anew or brought back since it was proven: leave the line in")
        await seen.press("escape")


async def test_a_task_that_does_less_than_the_line_is_not_green_and_what_is_not_understood_says_why(
    console: Opener,
) -> None:
    services = with_crontabs(
        system="0 2 * * * root syncoid tank/home 10.9.0.2:backup/home && curl https://example.invalid\n"
        "0 3 * * * root ssh attic syncoid -r tank vault/tank\n"
        "0 4 * * * root flock -n /run/x sh -c 'syncoid tank/vm vault/vm'\n"
        "0 5 * * * root syncoid -r tank/vm vault/vm\n"
        "0 6 * * * root echo syncoid tank/a vault/a\n"
    )
    services.fake_replication.options = Options(schedule="every 1h", paused=True)
    async with console(services, section="replication") as seen:
        await seen.until_text("nas-b")
        await seen.press("I")
        await seen.until_said("4 lines of the system's crontabs and root's own run or name syncoid.")
        for words in ("not the same: home", "ssh attic syncoid", "no task: ssh runs it", "task vm", "not the same: vm"):
            assert words in seen.text
        assert "all" not in seen.said.partition("BECOMES")[2].split()
        await seen.press("enter")
        await seen.until_said("The task home copies it to the same place, but not as the line does: it is paused (")
        assert "the line also has curl, which no task does." in seen.said
        assert "is to be made" not in seen.said
        await seen.press("escape", "down", "enter")
        await seen.until_said("ssh runs it on another box, where names stand for other datasets than here.")
        await seen.press("p", "escape", "G", "up", "enter")
        await seen.until_said("The task vm, which an earlier line becomes, copies it to the same place, but not as")
        await seen.press("escape")
    assert not made(services)
