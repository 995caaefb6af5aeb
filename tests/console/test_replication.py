"""The Replication screen: pairing, tasks, runs, evidence."""

from __future__ import annotations

import dataclasses
import time

from dplane_tui.errors import AuthenticationError, UnreachableError
from dplane_tui.services.jobs.model import Progress
from dplane_tui.services.replication.model import PairRequest, TaskStatus
from tests.console.conftest import Opener
from tests.console.fakes import FakeServices


async def fill_pairing(seen: object, address: str) -> None:
    """Name and address in the pairing form, then on to its button."""
    from tests.console.conftest import Seen

    assert isinstance(seen, Seen)
    await seen.press("n")
    await seen.until_text("Pair a box")
    await seen.type("nas-c")
    await seen.press("enter")
    await seen.type(address)
    await seen.press("enter", "enter", "enter", "enter", "enter")


async def test_pairing_shows_the_fingerprint_before_it_asks_the_password(console: Opener) -> None:
    async with console(section="replication") as seen:
        await seen.until_text("nas-b")
        await fill_pairing(seen, "10.9.0.3")
        await seen.until_text("SHA256:farfarfar")
        assert "Password" not in seen.text
        await seen.press("enter")  # Cancel: back to the form
        await seen.until_text("Pair a box")
        await seen.press("escape")
        assert not [call for call in seen.services.fake_replication.calls if call[0] == "pair"]
        await fill_pairing(seen, "10.9.0.3")
        await seen.until_text("SHA256:farfarfar")
        await seen.press("tab", "enter")
        await seen.until_text("used once to hand over")
        await seen.type("hunter2")
        assert "hunter2" not in seen.text
        await seen.press("enter")
        await seen.until_text("Paired with nas-c; a login with the new key worked.")
    (request,) = [call[1] for call in seen.services.fake_replication.calls if call[0] == "pair"]
    assert isinstance(request, PairRequest)
    assert request.password == "hunter2"
    assert request.host_key == "ssh-ed25519 AAAA"
    assert (request.address, request.port, request.user, request.root) == ("10.9.0.3", 22, "owner", None)
    assert "hunter2" not in repr(seen.app.log_book.entries)


async def test_an_unreachable_box_and_a_wrong_password_are_sentences(console: Opener) -> None:
    services = FakeServices()

    async def refuse(_request: object) -> None:
        raise AuthenticationError("nas-c refused the password of owner.", "Type it again.")

    accept = services.fake_replication.pair
    services.fake_replication.pair = refuse  # type: ignore[method-assign,assignment]  # the fault to test
    async with console(services, section="replication") as seen:
        await seen.until_text("nas-b")
        await fill_pairing(seen, "nowhere")
        await seen.until_text("nowhere cannot be reached: no such host. Check the address.")
        assert "Pair a box" in seen.text, "what was typed is not lost"
        assert "nas-c" in seen.text
        await seen.press("enter", *["backspace"] * len("nowhere"))
        await seen.type("10.9.0.9")
        await seen.press("enter", "enter", "enter", "enter", "enter")
        await seen.until_text("SHA256:farfarfar")
        assert ("probe", "10.9.0.9", 22) in services.fake_replication.calls
        await seen.press("enter")  # Cancel: back to the form
        await seen.until_text("Pair a box")
        await seen.press("escape")
        await fill_pairing(seen, "10.9.0.3")
        await seen.until_text("SHA256:farfarfar")
        await seen.press("tab", "enter")
        await seen.until_text("used once to hand over")
        await seen.type("wrong")
        await seen.press("enter")
        await seen.until_text("refused the password of owner. Type it again.")
        assert "used once to hand over" in seen.text, "it can be typed again at once"
        assert "•" not in seen.text
        services.fake_replication.pair = accept  # type: ignore[method-assign]  # the right one
        await seen.type("hunter2")
        await seen.press("enter")
        await seen.until_text("Paired with nas-c; a login with the new key worked.")


async def test_the_form_says_what_is_missing(console: Opener) -> None:
    async with console(section="replication") as seen:
        await seen.until_text("nas-b")
        await seen.press("n", "enter", "enter", "enter", "enter", "enter", "enter")
        await seen.until_text("The box needs a name.")
        assert not seen.services.fake_replication.calls


async def test_a_name_no_peer_can_have_is_said_before_the_box_is_asked(console: Opener) -> None:
    async with console(section="replication") as seen:
        await seen.until_text("nas-b")
        await seen.press("n")
        await seen.until_text("Pair a box")
        await seen.type("the attic")
        await seen.press("enter")
        await seen.type("10.9.0.3")
        await seen.press("enter", "enter", "enter", "enter", "enter")
        await seen.until_text("The peer's name “the attic”")
        assert not seen.services.fake_replication.calls
        await seen.press("tab", "tab", *["backspace"] * len("the attic"))
        await seen.type("attic")
        await seen.press("enter", "enter", "enter", "enter")
        await seen.type("backup@")
        await seen.press("enter", "enter")
        await seen.until_text("The dataset “backup@” to confine it to")
        assert not seen.services.fake_replication.calls


async def test_run_now_shows_live_progress_then_evidence(console: Opener) -> None:
    services = FakeServices()
    services.fake_jobs.jobs = [
        Progress("r1", "replicate", "running", "replicate home", "sending", bytes_done=12 << 20, bytes_total=40 << 20,
                 rate_bps=2.0 * (1 << 20), eta_s=14.0, updated=time.time())
    ]  # fmt: skip
    async with console(services, section="replication") as seen:
        await seen.until_text("nas-b")
        await seen.press("u")
        await seen.until_text("The run r1 was started.")
        await seen.until_text("12.0M of 40.0M  2.00M/s  ETA 14s")
        assert "running 30%" in seen.text
        services.fake_replication.run_state = "succeeded"
        services.fake_jobs.jobs = []
        await seen.press("r")
        await seen.until_text("1 snapshot proven")
        assert "ETA" not in seen.text
        await seen.press("enter", "enter")
        await seen.until_text("proven: both sides have the same GUID")
        assert seen.text.count("9911223344556677") == 2
        assert "incremental from dplane-20261122T120000Z" in seen.text


async def test_the_log_names_the_task_whose_run_has_the_cursor(console: Opener) -> None:
    async with console(section="replication") as seen:
        await seen.until_text("nas-b")
        await seen.press("tab")
        await seen.until_text("runs of home")
        await seen.press("u")
        await seen.until_text("The run r1 was started.")
    asked = [entry.text for entry in seen.app.log_book.entries if entry.kind == "asked"]
    assert len(asked) == 1
    assert asked[0].endswith(": home"), asked


async def test_a_failed_run_is_never_green(console: Opener) -> None:
    services = FakeServices()
    services.fake_replication.run_state = "failed"
    async with console(services, section="replication") as seen:
        await seen.until_text("failed")
        assert "succeeded" not in seen.text
        await seen.press("enter", "enter")
        await seen.until_said("the next run resumes there.")
        assert "Nothing was proven by this run." in seen.text


async def test_cancel_remove_and_peers(console: Opener) -> None:
    services = FakeServices()
    services.fake_replication.run_state = "running"
    async with console(services, section="replication") as seen:
        await seen.until_text("running")
        await seen.press("x", "tab", "enter")
        await seen.until_text("The run r1 is running.")  # told as read back, not as hoped
        await seen.press("d", "tab", "enter")
        await seen.until_text("The task home is forgotten.")
        await seen.press("t")
        await seen.until_text("OUR KEY MAY")
        await seen.press("d", "tab", "enter")
        await seen.until_text("nas-b is forgotten.")
    assert [call[0] for call in services.fake_replication.calls] == ["cancel", "remove_task", "remove_peer"]


async def test_unreadable_tasks_are_a_sentence(console: Opener) -> None:
    services = FakeServices()
    services.fake_replication.failure = UnreachableError("The store cannot be read.", "`dplane doctor` says why.")
    async with console(services, section="replication") as seen:
        await seen.until_text("The store cannot be read. `dplane doctor` says why.")
        for key in ("u", "y", "x", "d", "p", "l", "w", "o", "b", "e", "f", "enter"):
            await seen.press(key)
        assert seen.app.is_running


async def test_a_dataset_that_was_made_anew_is_told_by_the_listing_that_is_read_anyway(console: Opener) -> None:
    services = FakeServices()
    asked: list[bool] = []
    fake = services.fake_replication
    before = fake.tasks

    async def tasks(*, look: bool = False) -> tuple[TaskStatus, ...]:
        asked.append(look)
        [status] = await before()
        return (dataclasses.replace(status, guids=("another",)),)

    fake.tasks = tasks  # type: ignore[method-assign]  # proven of another dataset of that name
    async with console(services, section="replication") as seen:
        await seen.until_text("home is not proven: tank/home was made anew or brought back since it was")
        await seen.press("enter")
        await seen.until_text("not proven: tank/home was made anew")
        assert "in time" not in seen.text
        asked.clear()
        seen.app.poller.refresh()
        await seen.until(lambda: bool(asked))
        assert not any(asked), "no process for it, however often it reads"
