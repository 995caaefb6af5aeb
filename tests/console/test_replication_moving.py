"""Coming from syncoid with keys: a pasted line becomes a task, and what cannot be one says why."""

from __future__ import annotations

import pytest
from textual import events

from dplane_tui.errors import DPlaneError
from dplane_tui.services.replication import crontab, moving
from tests.console.conftest import Opener, Seen
from tests.console.fakes import PEER, FakeServices

LINE = "30 2 * * * /usr/sbin/syncoid -r --no-sync-snap --source-bwlimit=2M tank/vm dplane@10.9.0.2:backup/vm"


def made(services: FakeServices) -> list[object]:
    """The tasks that were made."""
    return [call[1] for call in services.fake_replication.calls if call[0] == "add_task"]


async def paste(seen: Seen, line: str) -> None:
    """Open the form and paste into it."""
    await seen.press("I")
    await seen.until_text("Coming from syncoid")
    assert seen.app.focused is not None
    seen.app.focused.post_message(events.Paste(line))
    await seen.settle()
    await seen.press("enter", "enter")


async def test_a_crontabs_line_becomes_a_task(console: Opener) -> None:
    services = FakeServices()
    async with console(services, section="replication") as seen:
        await seen.until_text("nas-b")
        await paste(seen, LINE)
        await seen.until_text("What takes its place")
        assert "tank/vm and all below it go to nas-b:backup/vm" in seen.said
        assert "--no-sync-snap" in seen.text
        assert not made(services)
        await seen.press("p")
        await seen.until_text("The first run: about 3.00G")
        await seen.press("tab", "enter")
        await seen.until_text("Run vm now?")
        await seen.press("escape")
        await seen.until(lambda: bool(made(services)))
    (task,) = made(services)
    wanted = moving.of_line(LINE, ["tank"], [PEER], []).task
    assert wanted is not None
    assert task == wanted
    assert (wanted.options.schedule, wanted.options.limit, wanted.snapshot) == ("daily 02:30", "2M", False)


async def test_a_box_that_is_not_paired_has_to_be_first(console: Opener) -> None:
    services = FakeServices()
    async with console(services, section="replication") as seen:
        await seen.until_text("nas-b")
        await paste(seen, "syncoid tank/vm root@attic:backup/vm")
        await seen.until_said("The box has to be paired first: n, with the name attic.")
        assert "see what its first run would do" not in seen.text
        await seen.press("p", "escape")
    assert not made(services)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("syncoid 'tank/vm", "The line cannot be taken apart: its quotes do not match."),
        ("  ", "There is no syncoid command in it."),
        ("syncoid --nonsense tank/a b:c/d", "No task: “--nonsense” is no option of syncoid"),
        ("ssh attic syncoid -r tank/a vault/b", "No task: ssh runs it on another box"),
        ("0 2 * * * root echo syncoid tank/a vault/b", "There is no syncoid command in it."),
        ("syncoid tank/a vault/a; syncoid tank/b vault/b", "The line runs syncoid 2 times. Paste one command"),
        ("syncoid root@a:tank/x root@b:tank/x", "No task: It copies from a to b, through this box"),
    ],
)
async def test_what_cannot_be_a_task_says_why(console: Opener, line: str, said: str) -> None:
    services = FakeServices()
    async with console(services, section="replication") as seen:
        await seen.until_text("nas-b")
        await paste(seen, line)
        await seen.until_said(said)
        await seen.press("escape")
    assert not made(services)


async def test_it_needs_the_role_and_the_services_error_is_a_sentence(console: Opener) -> None:
    services = FakeServices()
    services.host.groups = "owner dplane-view"  # type: ignore[attr-defined]  # the fake's
    async with console(services, section="replication") as seen:
        await seen.until_text("nas-b")
        await seen.press("I")
        await seen.until_text("“from syncoid” needs the role operate")
    services = FakeServices()

    async def refused(_task: object) -> None:
        raise DPlaneError("There is a task called vm already.", "Choose another name.")

    services.fake_replication.add_task = refused  # type: ignore[method-assign,assignment]  # the fault to test
    async with console(services, section="replication") as seen:
        await seen.until_text("nas-b")
        await paste(seen, LINE)
        await seen.until_text("What takes its place")
        await seen.press("p")
        await seen.until_text("The first run: about 3.00G")
        await seen.press("tab", "enter")
        await seen.until_text("There is a task called vm already. Choose another name.")


def test_what_stands_before_the_arguments_is_left_out() -> None:
    assert read("sudo /usr/sbin/syncoid -r a/b c/d") == (("-r", "a/b", "c/d"), "")
    assert read("@daily root syncoid a/b c/d") == (("a/b", "c/d"), "daily 00:00")
    assert read("-r a/b c/d") == (("-r", "a/b", "c/d"), "")


def read(line: str) -> tuple[tuple[str, ...], str]:
    found = crontab.pasted(line, "syncoid")
    assert not found.problem
    return found.words, found.schedule
