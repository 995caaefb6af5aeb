"""Comparing and verifying a task with keys: counts, lists, what could not be read, and what helps."""

from __future__ import annotations

import time

import pytest

from dplane_tui.errors import UnreachableError
from dplane_tui.screens.replication_failures import kind_of
from dplane_tui.services.jobs.model import Progress
from dplane_tui.services.replication import codec
from dplane_tui.services.replication.compare import AHEAD, EQUAL, Compared, Comparison, Seen
from dplane_tui.services.replication.content import Checked, Difference, Verified, Wish
from dplane_tui.services.replication.model import Run
from tests.console.conftest import MONO, Opener
from tests.console.fake_looks import diverged
from tests.console.fakes import FakeServices, M


def calls(services: FakeServices, name: str) -> list[tuple[object, ...]]:
    """What was asked of the service `name`."""
    return [call for call in services.fake_replication.calls if call[0] == name]


def compared(*, good: bool) -> Comparison:
    """Two datasets; the second one's target has a snapshot of its own unless all is `good`."""
    now = time.time()
    both = tuple(Seen(f"daily-{n}", str(n), now - (40 - n) * 86400) for n in range(30))
    first = Compared("tank/home", "backup/home", EQUAL, "both have @daily-29 as their newest.", both=both)
    mine = (Seen("mi\x1b[31mne", "77", now - 3600),)
    other = Compared(
        "tank/home/anna", "backup/home/anna", AHEAD, "@mine of the target is not at the source.", (), mine, both[:2]
    )
    return Comparison("home", (first,) if good else (first, other), ("backup/home/stray",))


async def test_what_each_side_has_is_counted_and_listed(console: Opener) -> None:
    services = FakeServices()
    services.fake_replication.compared = compared(good=True)
    async with console(services, section="replication", profile=MONO) as seen:
        await seen.until_text("nas-b")
        await seen.press("c")
        await seen.until_text("Both sides of home")
        assert "1 dataset: 1 equal." in seen.text
        assert "Snapshots: 0 only at the source, 0 only at the target, 30 in both." in seen.said
        assert "@daily-29  11d ago" in seen.text
        assert "ways out" not in seen.text.split("Both sides")[1].split("Close")[0]
        await seen.press("G")
        assert "… and 10 more" in seen.text
        assert "backup/home/stray" in seen.text
        await seen.press("escape")
    assert calls(services, "compare") == [("compare", "home")]


async def test_what_cannot_go_on_comes_first_and_names_the_key(console: Opener) -> None:
    services = FakeServices()
    services.fake_replication.compared = compared(good=False)
    services.fake_replication.in_conflict = [diverged()]
    async with console(services, section="replication") as seen:
        await seen.until_text("nas-b")
        await seen.press("c")
        await seen.until_text("2 datasets: 1 equal, 1 AHEAD.")
        assert seen.text.index("AHEAD      tank/home/anna") < seen.text.index("only at the target  @mi")
        assert "\x1b" not in seen.text
        await seen.press("m")
        await seen.until_text("Why nas-b:backup/home cannot go on")


async def test_without_the_role_the_comparison_offers_no_way_out(console: Opener) -> None:
    services = FakeServices()
    services.host.groups = "owner dplane-view"  # type: ignore[attr-defined]  # the fake's
    services.fake_replication.compared = compared(good=False)
    async with console(services, section="replication") as seen:
        await seen.until_text("nas-b")
        await seen.press("c")
        await seen.until_text("1 AHEAD")
        assert "the ways out" not in seen.text
        await seen.press("escape", "v")
        await seen.until_text("“verify” needs the role operate")
    assert not calls(services, "verify")


async def test_a_side_that_cannot_be_read_is_a_sentence(console: Opener) -> None:
    services = FakeServices()
    services.fake_replication.failure_of_look = UnreachableError("nas-b cannot be reached.", "Is it on?")
    async with console(services, section="replication") as seen:
        await seen.until_text("nas-b")
        await seen.press("c")
        await seen.until_text("nas-b cannot be reached. Is it on?")
        await seen.press("N")
        await seen.until_text("This session")
        await seen.press("escape", "v", "enter", "enter", "enter", "enter", "enter")
        await seen.until_text("nas-b cannot be reached. Is it on?")


async def test_a_verification_is_chosen_started_and_can_be_left(console: Opener) -> None:
    services = FakeServices()
    async with console(services, section="replication") as seen:
        await seen.until_text("nas-b")
        await seen.press("v")
        await seen.until_text("Verify home")
        assert "< everything >" in seen.text
        await seen.press("escape")
        assert not calls(services, "verify")
        await seen.press("v", "right", "right", "enter")
        await seen.type("anna")
        await seen.press("enter")
        await seen.type("bad/name")
        await seen.press("enter")
        await seen.type("ab12")
        await seen.press("enter", "enter")
        await seen.until_text("The snapshot “bad/name”")
        assert not calls(services, "verify")
        await seen.press("up", "up", "up", "ctrl+u", "enter", "enter", "enter")
        await seen.until_said("The verification replicate-home-verify was started")
    assert calls(services, "verify") == [("verify", "home", Wish("anna", "", 5, "ab12"))]


def verified(state: str, code: str = "") -> Run:
    """A verification that ended, with a difference unless it went well."""
    differences = () if state == "succeeded" else (Difference("tank/home", "a%1B/b", "content"),)
    one = Checked("tank/home", "backup/home", "daily-1", "1", state == "succeeded", 120, 100, 5 * M, len(differences))
    unread = Checked("tank/home/anna", "backup/home/anna", problem="The key is not loaded there.")
    found = Verified(100, "ab", (one,) if state == "succeeded" else (one, unread), differences)
    now = time.time()
    told = "Equal on both boxes." if state == "succeeded" else "1 thing(s) are not the same on both boxes."
    return Run("v1", "home", state, now - 60, now - 50, 5 * M, told, code, (), codec.dumps(found), "verify")


async def test_what_was_verified_is_read_with_counts_and_the_list(console: Opener) -> None:
    services = FakeServices()
    services.fake_replication.run_list = [verified("failed", "bad-news"), verified("succeeded")]
    async with console(services, section="replication") as seen:
        await seen.until_text("nas-b")
        await seen.press("tab", "enter")
        await seen.until_text("Run of home")
        text = seen.said
        assert "class differs: Both boxes were read to their end, and they are not the same." in text
        assert "helps c compare v verify" in text
        assert "datasets 1 DIFFERS, 1 UNKNOWN" in text
        assert "120 compared, 100 by content, 5.00M read, 1 differ" in text
        await seen.press("G")
        assert "tank/home: a%1B/b: content" in seen.text
        assert "Nothing was proven" not in seen.text
        await seen.press("v")
        await seen.until_text("Verify home")


async def test_a_verification_at_work_shows_how_far_it_is_and_can_be_stopped(console: Opener) -> None:
    services = FakeServices()
    now = time.time()
    services.fake_replication.run_list = [Run("v9", "home", "running", now - 60, kind="verify")]
    services.fake_jobs.jobs = [
        Progress("v9", "replicate-verify", "running", "verify home", "comparing tank/home", bytes_done=12 * M)
    ]
    async with console(services, section="replication") as seen:
        await seen.until_text("comparing tank/home")
        await seen.press("x")
        await seen.until_text("It only reads.")
        await seen.press("tab", "enter")
        await seen.until(lambda: calls(services, "cancel") == [("cancel", "v9")])


@pytest.mark.parametrize(
    ("state", "code", "kind", "acts"),
    [
        ("failed", "failed", "not known", ("task-verify",)),
        ("cancelled", "interrupted", "stopped", ("task-verify",)),
        ("died", "failed", "died", ("task-verify",)),
        ("failed", "unreachable", "network", ("peer-test", "task-verify")),
    ],
)
def test_what_helps_a_verification_is_to_verify_again(state: str, code: str, kind: str, acts: tuple[str, ...]) -> None:
    found = kind_of(verified(state, code))
    assert found is not None
    assert (found.name, found.acts) == (kind, acts)


def test_what_helps_a_way_out_that_was_not_taken_is_to_look_again() -> None:
    found = kind_of(Run("w", "home", "failed", 1.0, 2.0, error_code="changed", kind="resolve"))
    assert found is not None
    assert found.acts == ("task-ways",)
