"""The policies' list and wizard by keys: what is late, the preview before it is on, and what no role may do."""

from __future__ import annotations

import pytest

from dplane_tui.services.policies.model import Wish
from tests.console.conftest import Opener
from tests.console.fake_policies import FakePolicies, troubled
from tests.console.fakes import FakeServices


def made() -> tuple[FakeServices, FakePolicies]:
    services, policies = FakeServices(), FakePolicies(troubled())
    services.__dict__["policies"] = policies
    return services, policies


async def test_the_list_says_in_words_what_is_late_and_when_the_next_run_is(console: Opener) -> None:
    services, _ = made()
    async with console(services) as seen:
        await seen.press("O")
        await seen.until_text("Snapshot policies")
        assert "LATE: 1 of 2 datasets" in seen.text
        assert "Next run in 30m" in seen.text or "Next run in 29m" in seen.text
        line = next(line for line in seen.text.splitlines() if "tank/late" in line)
        assert "LATE" in line
        assert "daily=7" in line
        assert "in time" in next(line for line in seen.text.splitlines() if "tank/data" in line)
        await seen.press("G")
        assert "it is a copy that nas-b sends" in seen.text
        await seen.press("h")
        await seen.until_text("it is busy")
        await seen.press("escape")
        await seen.until_text("Snapshot policies")
        await seen.press("escape")
        assert "Snapshot policies" not in seen.text


@pytest.mark.parametrize("size", [(80, 24), (40, 10), (200, 60)])
async def test_it_can_be_read_at_any_size_and_after_another(console: Opener, size: tuple[int, int]) -> None:
    services, _ = made()
    async with console(services, size=(60, 20)) as seen:
        await seen.press("O")
        await seen.until_text("Snapshot policies")
        await seen.pilot.resize_terminal(*size)
        await seen.press("j", "j")
        await seen.until(lambda: "> tank/late" in seen.text)
        lines = seen.text.splitlines()
        assert len(lines) == size[1]
        assert any("LATE: 1 of 2 datasets" in line for line in lines)
        assert "LATE" in next(line for line in lines if "> tank/late" in line)
        assert any("tank/late: daily=7, its own" in line for line in lines)
        assert any("Enter set  p preview" in line for line in lines)


async def test_the_wizard_shows_the_preview_before_it_switches_on(console: Opener) -> None:
    services, policies = made()
    async with console(services) as seen:
        await seen.press("O")
        await seen.until_text("Snapshot policies")
        await seen.press("enter")
        await seen.until_text("Snapshot policy of tank")
        assert "about 66" in seen.text
        await seen.press("down", "down", "ctrl+u")
        await seen.type("12")
        await seen.until_text("about 54")
        await seen.press(*["enter"] * 5)
        assert not policies.calls, "nothing before Preview"
        await seen.press("enter")
        await seen.until_text("would take @dplane-auto-new")
        assert policies.calls == [("preview", Wish(True, "tank", "hourly=12,daily=30,monthly=12"))]
        await seen.press("escape")
        await seen.until_text("Switch it on for tank?")
        await seen.press("tab", "enter")
        await seen.until(lambda: len(policies.calls) == 2)
        assert policies.calls[1] == ("set", "tank", "hourly=12,daily=30,monthly=12", "")
        await seen.until_text("Snapshot policies")
        assert "hourly=12" in next(line for line in seen.text.splitlines() if "tank " in line)


async def test_what_would_go_needs_the_name_typed_and_esc_changes_nothing(console: Opener) -> None:
    services, policies = made()
    policies.goes = True
    async with console(services) as seen:
        await seen.press("O")
        await seen.until_text("Snapshot policies")
        await seen.press("enter")
        await seen.until_text("Snapshot policy of tank")
        await seen.press(*["enter"] * 8)
        await seen.until_text("1 would go")
        await seen.press("escape")
        await seen.until_text("To go on, type the name")
        await seen.press("escape")
        await seen.until_text("Snapshot policies")
        assert [call[0] for call in policies.calls] == ["preview"]


async def test_numbers_that_make_no_policy_are_refused_in_the_form(console: Opener) -> None:
    services, policies = made()
    async with console(services) as seen:
        await seen.press("O")
        await seen.until_text("Snapshot policies")
        await seen.press("enter")
        await seen.until_text("Snapshot policy of tank")
        await seen.press("down", "down", "ctrl+u")
        await seen.type("x")
        await seen.press(*["enter"] * 6)
        await seen.settle()
        assert "is not" in seen.text
        assert not policies.calls


async def test_read_only_changes_nothing_and_says_why(console: Opener) -> None:
    services, policies = made()
    async with console(services, read_only=True) as seen:
        await seen.press("O")
        await seen.until_text("Snapshot policies")
        await seen.press("enter")
        await seen.until_text("read-only")
        await seen.press("x")
        assert not policies.calls


async def test_an_error_is_a_sentence_and_the_list_comes_back(console: Opener) -> None:
    services, policies = made()
    policies.fails = "The pool is read-only."
    async with console(services) as seen:
        await seen.press("O")
        await seen.until_text("Snapshot policies")
        await seen.press("x")
        await seen.until_text("No policy for tank?")
        await seen.press("tab", "enter")
        await seen.until_text("The pool is read-only.")
        await seen.press("escape")
        await seen.until_text("Snapshot policies")
