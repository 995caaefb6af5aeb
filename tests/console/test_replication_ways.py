"""A copy that went its own way, answered with keys: what differs, the ways out, the one that is taken."""

from __future__ import annotations

from dplane_tui.errors import ChangedError, UnreachableError
from dplane_tui.services.replication.divergence import BESIDE, KEEP_BOTH, ROLL_BACK, Resolution
from tests.console.conftest import MONO, Opener, Seen
from tests.console.fake_looks import diverged
from tests.console.fakes import FakeServices


def conflicted(*found: object, groups: str = "owner dplane-admin") -> FakeServices:
    """A box whose task `home` is in conflict, and what the account may do there."""
    services = FakeServices()
    services.host.groups = groups  # type: ignore[attr-defined]  # the fake's
    services.fake_replication.in_conflict = list(found) or [diverged()]  # type: ignore[arg-type]
    return services


def taken(services: FakeServices) -> list[object]:
    """The ways out that were taken."""
    return [call[2] for call in services.fake_replication.calls if call[0] == "resolve"]


async def to_the_ways(seen: Seen) -> None:
    """From the list of tasks to the list of ways out."""
    await seen.until_text("nas-b")
    await seen.press("m")
    await seen.until_text("Why nas-b:backup/home cannot go on")
    await seen.press("m")
    await seen.until_text("which way out?")


async def test_what_differs_since_when_and_what_each_way_costs_is_read_first(console: Opener) -> None:
    async with console(conflicted(), section="replication", profile=MONO) as seen:
        await seen.until_text("nas-b")
        await seen.press("m")
        await seen.until_text("Why nas-b:backup/home cannot go on")
        text = seen.text
        assert "copies     tank/home → nas-b:backup/home" in text
        assert "both have  @daily-1, taken 1d 1h ago; what came after it differs" in text
        assert "keep both      backup/home is renamed" in text
        assert "destroys 1 snapshot; 4.00K that were written there are lost" in seen.said
        assert "then sends about 3.00G" in text
        assert "only at the target: 1" in text
        assert "@mine  1h ago, 4.00K written" in text
        assert "@daily-2" in text
        await seen.press("escape")
        assert seen.app.log_book.entries[-1].kind != "done"
    assert not taken(seen.services)


async def test_keeping_both_is_typed_and_what_was_read_back_is_told(console: Opener) -> None:
    services = conflicted()
    async with console(services, section="replication") as seen:
        await to_the_ways(seen)
        assert "nothing is lost; then sends about 3.00G" in seen.text
        await seen.press("enter")
        await seen.until_text("Nothing is destroyed. To go on, type the name: nas-b:backup/home")
        assert "This cannot be undone" not in seen.text
        await seen.type("nas-b:backup/hom")
        await seen.press("enter")
        await seen.until_text("The name is not the same")
        assert not taken(services)
        await seen.type("e")
        await seen.press("enter")
        await seen.until_text("tank/home: keep-both was read back.")
    assert taken(services) == [Resolution(KEEP_BOTH, "tank/home", "plan-keep")]


async def test_rolling_back_names_what_is_destroyed(console: Opener) -> None:
    services = conflicted()
    async with console(services, section="replication") as seen:
        await to_the_ways(seen)
        await seen.press("down", "enter")
        await seen.until_text("This cannot be undone. To go on, type the name: nas-b:backup/home")
        assert "  backup/home@mine" in seen.text
        assert "4.00K that were written there are lost." in seen.text
        await seen.press("enter")  # Cancel has the cursor
        assert not taken(services)
        await to_the_ways(seen)
        await seen.press("down", "enter")
        await seen.until_text("type the name")
        await seen.type("nas-b:backup/home")
        await seen.press("enter")
        await seen.until_text("roll-back was read back")
    assert taken(services) == [Resolution(ROLL_BACK, "tank/home", "plan-back")]


async def test_rolling_back_needs_an_administrator_and_the_other_ways_do_not(console: Opener) -> None:
    services = conflicted(groups="owner dplane-operate")
    async with console(services, section="replication") as seen:
        await to_the_ways(seen)
        await seen.press("down", "enter")
        await seen.until_said("needs the role admin; this account has operate")
        assert not taken(services)
        await to_the_ways(seen)
        await seen.press("enter")
        await seen.until_text("Nothing is destroyed.")


async def test_a_way_that_cannot_be_taken_says_why(console: Opener) -> None:
    services = conflicted(diverged(back=False))
    async with console(services, section="replication") as seen:
        await to_the_ways(seen)
        assert "not now: our key has no right" in seen.text
        await seen.press("down", "enter")
        await seen.until_said("cannot be taken for nas-b:backup/home: our key has no right to roll back at nas-b.")
    assert not taken(services)


async def test_afresh_beside_asks_for_the_new_target(console: Opener) -> None:
    services = conflicted()
    async with console(services, section="replication") as seen:
        await to_the_ways(seen)
        await seen.press("G", "enter")
        await seen.until_text("Beside nas-b:backup/home")
        await seen.press("backspace", "backspace", "enter", "enter")
        await seen.until_text("That is where the copy is now.")
        await seen.press("up", "up")
        await seen.type("-new")
        await seen.press("enter", "enter")
        await seen.until_said("sends to nas-b:backup/home-new from now on")
        await seen.press("tab", "enter")
        await seen.until_text("beside was read back")
    assert taken(services) == [Resolution(BESIDE, "tank/home", "plan-beside", "backup/home-new")]


async def test_of_several_conflicts_one_is_chosen(console: Opener) -> None:
    services = conflicted(diverged(), diverged(dataset="tank/home/anna", target="backup/home/anna"))
    async with console(services, section="replication") as seen:
        await seen.until_text("nas-b")
        await seen.press("m")
        await seen.until_text("2 datasets of home cannot go on")
        await seen.press("down", "enter")
        await seen.until_text("Why nas-b:backup/home/anna cannot go on")


async def test_nothing_in_conflict_and_an_unreachable_box_are_sentences(console: Opener) -> None:
    services = conflicted()
    services.fake_replication.in_conflict = []
    async with console(services, section="replication") as seen:
        await seen.until_text("nas-b")
        await seen.press("m")
        await seen.until_text("Nothing of home is in conflict")
        services.fake_replication.failure_of_look = UnreachableError("nas-b cannot be reached.", "Is it on?")
        await seen.press("m")
        await seen.until_text("nas-b cannot be reached. Is it on?")


async def test_what_changed_since_it_was_shown_is_refused(console: Opener) -> None:
    services = conflicted()
    services.fake_replication.failure_of_resolve = ChangedError("What is at backup/home is not what was shown.")
    async with console(services, section="replication") as seen:
        await to_the_ways(seen)
        await seen.press("enter")
        await seen.until_text("type the name")
        await seen.type("nas-b:backup/home")
        await seen.press("enter")
        await seen.until_text("What is at backup/home is not what was shown.")


async def test_who_may_only_look_is_told_so(console: Opener) -> None:
    services = conflicted(groups="owner dplane-view")
    async with console(services, section="replication") as seen:
        await seen.until_text("nas-b")
        await seen.press("m")
        await seen.until_text("“ways out” needs the role operate")
    assert not services.fake_replication.calls
