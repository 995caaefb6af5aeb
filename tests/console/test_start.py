"""The Start screen: the answer in words, what needs a person on top, and the way to it and back."""

from __future__ import annotations

import asyncio
import dataclasses
import time
from typing import Any

from dplane_tui.errors import UnreachableError
from dplane_tui.place import Place
from dplane_tui.screens.judged import judged
from dplane_tui.screens.start_words import keyed, leads_to, needing, verdict_line, well_line
from dplane_tui.services.health.model import Health, News
from dplane_tui.services.jobs.model import Progress
from dplane_tui.services.policies.model import Policies
from dplane_tui.services.replication.model import Task, TaskStatus
from dplane_tui.state import Snapshot
from tests.console.conftest import Opener
from tests.console.fake_policies import troubled
from tests.console.fakes import FakeServices, tank


async def test_the_worst_is_first_and_each_thing_has_its_key(console: Opener) -> None:
    async with console(section="start") as seen:
        await seen.until_text("virtio disks tell no")
        await seen.until_text("Copies: home is in time")
        lines = seen.text.split("\n")
        assert "nas-a: Something is wrong. 4 of 6 things need you." in lines[1]
        rows = [line for line in lines if line[2:9].strip() in {"bad", "warn", "unknown", "note"}]
        assert rows[0].startswith("> bad      pools        Pool vault is DEGRADED")
        assert "In no task: tank, tank/home/anna, tank/vm." in rows[-1]
        assert [row[2:9].strip() for row in rows] == ["bad", "bad", "bad", "warn", "unknown", "note"]
        assert [row[-1] for row in rows] == ["1", "1", "4", "1", "4", "2"]
        assert "persistent errors." in seen.text  # the sentence under the cursor in full
        assert "Well: 1 pool online without errors: tank" in seen.text
        assert "replication" not in seen.text.split("Well:")[1], "most of the data is in no task"
        assert "91% full" in seen.text


async def test_repair_is_offered_only_where_the_row_is_about_a_pool(console: Opener) -> None:
    async with console(section="start") as seen:
        await seen.until_text("virtio disks tell no")
        assert "y repair" in seen.text.split("\n")[-1]
        await seen.press("down", "down")
        assert "> bad      services" in seen.text
        assert "y repair" not in seen.text.split("\n")[-1]
        await seen.press("y")
        assert len(seen.app.screen_stack) == 1
        await seen.press("down")
        assert "y repair" in seen.text.split("\n")[-1]


async def test_enter_goes_to_the_very_row_and_minus_comes_back_to_the_same(console: Opener) -> None:
    async with console(section="start") as seen:
        await seen.until_text("Service docker.service has failed")
        await seen.press("down", "down", "enter")
        await seen.until_text("> docker.service")
        assert seen.app.section == "health"
        await seen.press("minus")
        assert seen.app.section == "start"
        await seen.until_text("> bad      services")
        await seen.press("up", "enter")
        await seen.until_text("> vault")
        await seen.press("ctrl+o")
        await seen.until_text("> bad      pools        Pool vault is 91 %")
        await seen.press("minus", "minus")
        assert "nowhere else" in seen.text


async def test_nothing_read_is_never_all_is_well(console: Opener) -> None:
    services = FakeServices()
    services.fake_zfs.pool_list = [tank()]

    async def never(*_: Any, **_how: Any) -> Any:
        await asyncio.Event().wait()

    services.fake_replication.tasks = never  # type: ignore[method-assign]  # it hangs
    services.fake_zfs.disks = never  # type: ignore[method-assign]  # it hangs
    services.health.read = never  # type: ignore[method-assign]  # it hangs
    async with console(services, section="start") as seen:
        await seen.until_text("1 pool online")
        assert "not everything is read yet" in seen.text
        assert "All is well" not in seen.text
        for text in ("The replication is not read yet.", "SMART of the disks is not read yet.", "are not read yet."):
            assert text in seen.text


def well() -> FakeServices:
    """A box of which nothing can be said but that it is well."""
    services = FakeServices()
    services.fake_zfs.pool_list = [tank()]
    read, disks = services.health.read, services.health.disks

    async def calm(previous: Any = None) -> Health:
        found = await read(previous)
        return dataclasses.replace(found, services=found.services[:1])

    async def passed(found: Any) -> Any:
        return (await disks(found))[1:]

    whole = Task("tank", "tank", "nas-b", "backup/tank", recursive=True)
    now = time.time()
    services.fake_replication.task_list = [TaskStatus(whole, None, now - 600, "s", now - 600, False)]
    services.health.read = calm  # type: ignore[method-assign]  # no failed service
    services.health.disks = passed  # type: ignore[method-assign,assignment]  # all pass
    return services


async def test_all_is_well_only_when_the_policies_were_read(console: Opener) -> None:
    services, gate = well(), asyncio.Event()
    status = services.fake_policies.status

    async def slow() -> Policies:
        await gate.wait()
        return await status()

    services.fake_policies.status = slow  # type: ignore[method-assign]  # it takes its time
    async with console(services, section="start") as seen:
        await seen.until_text("tank is in time")
        await seen.until_text("The snapshot policies are not read yet.")
        assert "not everything is read yet" in seen.text
        gate.set()
        await seen.until_text("nas-a: All is well.")
        assert "policies" in seen.text.split("Well:")[1]

        async def lost() -> Policies:
            raise UnreachableError("nas-a was not reached.")

        services.fake_policies.status = lost  # type: ignore[method-assign]  # it fails from now on
        seen.app.poller.refresh("policies")
        await seen.until_text("The snapshot policies: what is said here is less than")
        assert "All is well" not in seen.text


async def test_a_late_policy_is_told_with_its_key_and_enter_leads_to_its_row(console: Opener) -> None:
    services = well()
    services.fake_policies.found = troubled()
    async with console(services, section="start") as seen:
        await seen.until_text("nas-a: Something is wrong. 1 thing needs you.")
        row = next(line for line in seen.text.split("\n") if line.startswith("> bad"))
        assert "policies  tank/late has no snapshot within" in row
        assert row[-1] == "O"
        await seen.press("enter")
        await seen.until_text("Snapshot policies")
        assert next(line for line in seen.text.splitlines() if "> tank/late" in line)
        await seen.press("x")
        await seen.until_text("No policy for tank/late?")
        await seen.press("tab", "enter")
        await seen.until(lambda: bool(services.fake_policies.calls))
        await seen.press("escape")
        await seen.until_text("nas-a: All is well.")  # what was changed is read again at once


async def test_no_copies_are_told_and_no_alarm(console: Opener) -> None:
    services = FakeServices()
    services.fake_zfs.pool_list = [tank()]

    async def none(**_how: bool) -> tuple[()]:
        return ()

    services.fake_replication.tasks = none  # type: ignore[method-assign]  # nothing is set up
    async with console(services, section="start") as seen:
        await seen.until_text("Nothing is copied to another box yet")
        await seen.press("down", "down", "enter")
        assert seen.app.section == "replication"


async def test_a_reading_that_fails_later_makes_the_news_old_not_well(console: Opener) -> None:
    services = FakeServices()
    async with console(services, section="start") as seen:
        await seen.until_text("Well: 1 pool online")
        services.fake_zfs.failure = UnreachableError("nas-a was not reached.")
        seen.app.poller.refresh("pools")
        await seen.until_text("The pools: what is said here is less than a minute")


async def test_work_that_goes_on_is_there_and_its_list_one_key_away(console: Opener) -> None:
    services = FakeServices()
    now = time.time()
    services.fake_jobs.jobs = [
        Progress("r9", "replicate", "running", "home", bytes_done=1 << 20, bytes_total=1 << 22, rate_bps=5e5, eta_s=60,
                 started=now, updated=now)
    ]  # fmt: skip
    async with console(services, section="start") as seen:
        await seen.until_text("home: running")
        assert "25%" in seen.text
        assert "ETA 1m" in seen.text
        await seen.press("J")
        await seen.until_text("[jobs]")
        assert seen.app.section == "replication"
        await seen.press("minus")
        await seen.until_text("What to know")


async def test_disks_are_not_read_again_by_coming_and_going(console: Opener) -> None:
    services = FakeServices()
    read = 0
    disks = services.health.disks

    async def counted(found: Any) -> Any:
        nonlocal read
        read += 1
        return await disks(found)

    services.health.disks = counted  # type: ignore[method-assign,assignment]  # counts
    async with console(services, section="start") as seen:
        await seen.until_text("virtio disks tell no")
        await seen.press("1", "0", "2", "0", "4", "0")
        assert read == 1
        await seen.press("r")
        await seen.until(lambda: read == 2)


def _said(**known: Any) -> Any:
    return lambda name: Snapshot(known[name], 1000.0) if name in known else Snapshot()


def test_judged_says_what_is_missing_and_what_is_old() -> None:
    found = judged(lambda _name: Snapshot(), 1000.0)
    assert {one.level for one in found} == {"unknown"}
    assert {one.where for one in found} == {"pools", "replication", "policies", "disks", "memory"}
    read = _said(pools=(tank(),), tasks=(), policies=Policies(), smart=(), health=Health(1000.0, zfs_version="2.3"))
    assert not any("what is said here" in one.text for one in judged(read, 1001.0))
    late = [one for one in judged(read, 1000.0 + 400) if "what is said here is 6m old" in one.text]
    assert {one.where for one in late} == {"pools", "replication", "policies", "disks", "memory"}
    failed = judged(lambda name: dataclasses.replace(read(name), error="No."), 1001.0)
    assert sum("less than a minute old; No." in one.text for one in failed) == 5
    unread = _said(pools=(), tasks=(), smart=(), health=Health(1000.0, zfs_version="2.3"))
    assert "policies" not in {one.where for one in judged(unread, 1000.0)}, "no pool that a policy could be for"


def test_verdict_counts_and_never_promises() -> None:
    bad, note = News("bad", "A.", "pools"), News("note", "B.", "replication")
    assert verdict_line("nas", (bad,), True) == ("nas: Something is wrong. 1 thing needs you.", "bad")
    assert verdict_line("nas", (bad, note), False)[0] == "nas: Something is wrong. 1 of 2 things needs you."
    assert verdict_line("nas", (News("ok", "C.", "memory"),), True) == ("nas: not everything is read yet.", "unknown")
    assert verdict_line("nas", (), False)[1] == "unknown"
    assert verdict_line("nas", (note,), False)[0] == "nas: Nothing is wrong, but there is something to know."
    assert verdict_line("nas", (News("ok", "C.", "memory"),), False) == ("nas: All is well.", "good")


def test_keys_hold_still_and_lead_somewhere() -> None:
    pool = News("bad", "Pool a is bad.", "pools", "11")
    found = [pool, News("bad", "Pool a is full.", "pools", "11"), News("warn", "Hot.", "temperature")]
    assert [key for key, _ in keyed(found)] == ["pools/11/bad/1", "pools/11/bad/2", "temperature//warn/1"]
    assert leads_to(pool) == Place("pools", "", (("pools", "11"),), "pools")
    assert leads_to(News("bad", "?", "elsewhere")).section == "health"
    assert needing((News("ok", "Fine.", "memory"), pool)) == [pool]
    assert well_line((News("ok", "Fine.", "memory"), News("bad", "Bad.", "memory"))) == ""


async def test_what_the_window_cannot_hold_is_cut_with_a_mark(console: Opener) -> None:
    async with console(size=(60, 15), section="start") as seen:
        await seen.until_text("Well:")
        await seen.settle()
        lines = [line.rstrip() for line in seen.text.split("\n")]
        first = next(number for number, line in enumerate(lines) if line.startswith(" Well:"))
        told = [line for line in lines[first:-1] if line]
        assert told[-1].endswith("…"), lines
        await seen.press("down")  # whose sentence takes a line less, so there is one more below
        await seen.until_text("memory, policies.")
        await seen.press("up")
        await seen.until_text("tank; temperature, …")


async def test_a_larger_window_holds_all_of_it(console: Opener) -> None:
    async with console(size=(132, 43), section="start") as seen:
        await seen.until_text("Well:")
        await seen.until_text("memory, policies.")
        assert "…" not in seen.text.split("Well:")[1].split("\n")[0]
