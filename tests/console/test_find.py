"""Search everything: by a few letters, kind by kind; Enter goes there; hostile names do nothing."""

from __future__ import annotations

import dataclasses

from dplane_tui import finding
from dplane_tui.errors import DPlaneError
from dplane_tui.finding import Thing, score, search
from tests.console.conftest import Opener
from tests.console.fakes import FakeServices, tank


async def test_things_of_every_kind_that_was_read_and_the_way_there(console: Opener) -> None:
    async with console(section="start") as seen:
        await seen.until_text("SMART of 1 disk is")
        await seen.press("3", "0")
        for word, words, there in (
            ("vault", "pool     vault", "> vault"),
            ("anna", "dataset  tank/home/anna", "home/anna"),
            ("job", "container  job", "> job"),
            ("dock", "service    docker.service", "> docker.service"),
            ("sda", "disk", "[disks]"),
        ):
            await seen.press("colon")
            await seen.until_text("What to do, where to go?")
            await seen.type(word)
            if word == "dock":
                await seen.press("down")  # the section Docker is the better fit
                while "> service" not in seen.text:
                    await seen.press("down")
            await seen.until_text(words.split()[0])
            await seen.press("enter")
            await seen.until_text(there)
            assert "What to do, where to go?" not in seen.text


async def test_what_was_not_read_is_told_and_reading_fails_in_a_sentence(console: Opener) -> None:
    services = FakeServices()

    async def refused(pool: str | None = None) -> tuple[()]:
        raise DPlaneError("zfs did not answer.")

    services.fake_zfs.datasets = refused  # type: ignore[method-assign]  # the fault
    async with console(services, section="start") as seen:
        await seen.until_text("vault")
        await seen.press("colon")
        await seen.until_text("Datasets are not found: zfs did not answer.")
        await seen.press("escape")
    async with console(section="start") as seen:
        await seen.until_text("vault")
        await seen.press("ctrl+p")
        await seen.until_text("Not read yet, so not found: containers (3 reads them), peers (2 reads")


async def test_what_other_screens_do_is_found_and_enter_goes_there(console: Opener) -> None:
    async with console() as seen:
        await seen.until_text("vault")
        await seen.press("colon")
        await seen.type("quota")
        await seen.until_text("works in Datasets: quotas")
        await seen.press("enter")
        await seen.until(lambda: seen.app.section == "datasets")
        await seen.until_text("anna")
        await seen.press("colon")
        await seen.type("dry run")
        await seen.until_text("works in Replication")
        await seen.press("enter")
        await seen.until(lambda: seen.app.section == "replication" and seen.app.current.tab == "tasks")
        await seen.press("colon")
        await seen.type("zzzqq")
        await seen.until_text("Nothing that was read, and nothing any screen does, has these")


async def test_a_theme_is_found_and_worn(console: Opener) -> None:
    async with console() as seen:
        await seen.press("colon")
        await seen.type("amber")
        await seen.press("enter")
        await seen.until_text("Theme amber, from now on.")
        assert seen.app.look.name == "amber"


async def test_hostile_names_are_shown_harmless_and_still_lead_there(console: Opener) -> None:
    services = FakeServices()
    evil = "\x1b]52;c;aGk=\x07[bold]zz\u202e\n"
    services.fake_zfs.pool_list = [tank(), tank(name=evil, guid="66", state="\x1b[31mBAD")]
    async with console(services) as seen:
        await seen.until_text("tank")
        await seen.press("colon")
        await seen.type("bold")
        await seen.until_text("[bold]zz")
        assert not {"\x1b", "\x07", "\u202e"} & set(seen.text)
        await seen.press("enter")
        assert seen.app.current.place().rows[0] == ("pools", "66")


async def test_read_only_does_not_offer_what_changes_things(console: Opener) -> None:
    async with console(read_only=True) as seen:
        await seen.until_text("vault")
        await seen.press("colon")
        await seen.type("scrub")
        await seen.until_text("Nothing that was read, and nothing any screen does, has these")
        await seen.press("enter", "escape")
        assert "What to do" not in seen.text


def test_letters_in_order_fit_the_nearer_the_better() -> None:
    fits = [score("tan", name) for name in ("tan", "tank", "my-tank", "titan", "t-a-n", "nat")]
    assert fits == [0, 1, 2, 3, 8, None]
    things = [Thing("pool", "tank"), Thing("dataset", "tank/home"), Thing("dataset", "vault/tank"), Thing("task", "x")]
    found, more = search("tank", things)
    assert ([one.name for one in found], more) == (["tank", "tank/home", "vault/tank"], 0)
    assert [one.name for one in search("ho tank", things)[0]] == ["tank/home"]
    assert [one.kind for one in search("dataset", things)[0]] == ["dataset", "dataset"]
    assert len(search("", things)[0]) == 4


def test_many_are_cut_and_counted() -> None:
    things = [Thing("dataset", f"tank/d{n}") for n in range(1000)]
    found, more = search("tank", things)
    assert (len(found), more) == (finding.MOST, 800)
    assert search("x" * 10_000, [dataclasses.replace(things[0], name="x" * 5)]) == ([], 0)
