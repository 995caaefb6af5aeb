"""Making, changing and bringing back from the console: the wizard, pause, limit, schedule, restore. By keys alone."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from dplane_tui.errors import UnreachableError
from dplane_tui.services.host import LocalHost
from dplane_tui.services.replication.model import Options, Restore, Task
from dplane_tui.services.replication.service import LocalReplication
from dplane_tui.services.retention.model import Judged, PruneWish, Pruning, SideReport
from tests.console.conftest import Opener
from tests.console.fakes import PEER, FakeServices, tank, vault
from tests.console.test_growth import alive


def calls(services: FakeServices, name: str) -> list[tuple[object, ...]]:
    """What was asked of the service `name`."""
    return [call for call in services.fake_replication.calls if call[0] == name]


async def test_a_dataset_is_protected_from_the_replication_screen(console: Opener) -> None:
    services = FakeServices()
    async with console(services, section="replication") as seen:
        await seen.until_text("nas-b")
        await seen.press("a")
        await seen.until_text("Protect a dataset: which?")
        await seen.press("G", "enter")
        await seen.until_text("Protect tank/vm: where to?")
        assert "another box, 10.9.0.2, below backup" in seen.text
        await seen.press("enter")
        await seen.until_text("Protect tank/vm: how?")
        assert "every hour" in seen.text
        assert "< 3h >" in seen.text
        await seen.press("right")
        assert "every night at 02:30" in seen.text
        assert "< 1d 12h >" in seen.text, "how old it may get follows how often"
        await seen.press("enter", "enter", "enter", "enter", "enter", "enter")
        await seen.until_text("The first run: about 3.00G in 1 stream; 120G free at the target.")
        assert not calls(services, "add_task"), "nothing is made before it was shown"
        await seen.press("tab", "enter")
        await seen.until_text("Run vm now?")
        await seen.press("tab", "enter")
        await seen.until_text("vm was made and its run r1 started. Nothing is proven")
        assert "  vm " in seen.text
    wanted = Task("vm", "tank/vm", "nas-b", "backup/vm", rpo=129600, options=Options(schedule="daily 02:30"))
    assert calls(services, "preview") == [("preview", wanted)]
    assert calls(services, "add_task") == [("add_task", wanted)]
    assert calls(services, "start") == [("start", "vm")]


async def test_a_chosen_age_is_kept_and_leaving_makes_nothing(console: Opener) -> None:
    services = FakeServices()
    async with console(services, section="replication") as seen:
        await seen.until_text("nas-b")
        await seen.press("a")
        await seen.until_text("which?")
        assert "> tank  " in seen.text, "the cursor is on what no task copies"
        await seen.press("enter", "enter")
        await seen.until_text("how?")
        await seen.press("tab", "right", "right")
        assert "< 1d >" in seen.text
        await seen.press("up", "left")
        assert "by hand" in seen.text
        assert "< 1d >" in seen.text, "what a person chose is not changed behind them"
        assert "apart" not in seen.text
        await seen.press("left")
        assert "an RPO of 1d it is late between them" in " ".join(seen.text.replace("│", " ").split())
        await seen.press("escape")
    assert not services.fake_replication.calls


async def test_a_size_nobody_can_tell_is_unknown_and_the_task_can_still_be_made(console: Opener) -> None:
    services = FakeServices()
    services.fake_replication.failure_of_plan = UnreachableError("nas-b cannot be reached.", "Is it on?")
    async with console(services, section="replication") as seen:
        await seen.until_text("nas-b")
        await seen.press("a", "G", "enter", "enter", "enter", "enter", "enter", "enter", "enter", "enter")
        await seen.until_text("What the first run would do is unknown: nas-b cannot be reached.")
        await seen.press("tab", "enter")
        await seen.until_text("Run vm now?")
        await seen.press("enter")  # Cancel
        await seen.until_text("vm was made, but systemd tells no next run of it.")
    assert not calls(services, "start")


async def test_from_pools_to_another_pool(console: Opener) -> None:
    services = FakeServices()
    services.fake_replication.peer_list = []
    own = services.fake_zfs.datasets

    async def both(pool: str | None = None) -> object:
        return await own(pool) if pool else (*await own("tank"), *await own("vault"))

    services.fake_zfs.datasets = both  # type: ignore[method-assign,assignment]  # two pools
    services.fake_zfs.pool_list = [tank(), vault()]
    async with console(services) as seen:
        await seen.until_text("vault")
        await seen.press("t", "tab", "down", "P")
        await seen.until_text("Protect tank/home: where to?")
        assert "another pool here, 6.00G free; lost when this box is" in seen.text
        assert "pair a box first" in seen.text
        await seen.press("enter")
        await seen.until_text("tank/home and all below it go to vault/home-2, every hour.")
        await seen.press("enter", "enter", "enter", "enter", "enter", "enter")
        await seen.until_text("Protect tank/home?")
        assert "It lets no snapshot go, on either side, until o says what to keep." in seen.said
        await seen.press("tab", "enter")
        await seen.until_text("Run home-2 now?")
    ((_, task),) = calls(services, "add_task")
    assert task == Task(
        "home-2", "tank/home", None, "vault/home-2", True, rpo=10800, options=Options(schedule="every 1h")
    )


async def test_who_has_no_peer_pairs_one_on_the_way(console: Opener) -> None:
    services = FakeServices()
    services.fake_replication.peer_list = []
    async with console(services, section="replication") as seen:
        await seen.until_text("home is in time")
        await seen.press("a", "G", "enter")
        await seen.until_text("> pair a box first")
        await seen.press("enter")
        await seen.until_text("Pair a box")
        await seen.type("nas-c")
        await seen.press("enter")
        await seen.type("10.9.0.3")
        await seen.press("enter", "enter", "enter", "enter", "enter")
        await seen.until_text("SHA256:farfarfar")
        await seen.press("tab", "enter")
        await seen.until_text("used once to hand over")
        await seen.type("hunter2")
        await seen.press("enter", "enter")
        await seen.until_text("tank/vm goes to nas-c:backup/vm, every hour.")


async def test_pause_limit_and_schedule_are_changed_and_read_back(console: Opener) -> None:
    services = FakeServices()
    services.fake_replication.options = Options(keep_source="hourly=24")
    async with console(services, section="replication") as seen:
        await seen.until_text("nas-b")
        await seen.press("p", "enter")  # Cancel has the cursor
        assert not services.fake_replication.calls
        await seen.press("p", "tab", "enter")
        await seen.until_text("home is paused. p lets it go on.")
        assert "home is in time: 10m, allowed 1d; home is paused." in seen.text
        await seen.press("p")
        await seen.until_text("home may go on.")
        await seen.press("l")
        await seen.type("quick")
        await seen.press("enter", "enter")
        await seen.until_text("“quick” is not a rate.")
        await seen.press("up", "up", "ctrl+u")
        await seen.type("2M")
        await seen.press("enter", "enter")
        await seen.until_text("home may send 2M a second.")
        await seen.press("w")
        await seen.type("every 6h")
        await seen.press("enter", "enter", "enter")
        await seen.until_text("home runs in 3h.")
        assert "next is home, in 3h." in seen.text
        await seen.press("w", "ctrl+u")
        await seen.type("weekly Sun 03:00")
        await seen.press("enter", "enter", "enter")
        await seen.until_said("home runs in 3h. Its runs are up to 7d apart: with an RPO of 1d it is late between them")
        await seen.press("o", *("enter",) * 5)
        await seen.until_said("late between them. home counts as late after 1d, and keeps hourly=24")
    assert services.fake_replication.options.schedule == "weekly Sun 03:00"
    assert services.fake_replication.options.limit == "2M"


async def test_what_is_kept_and_how_old_it_may_get_is_changed_after_what_goes_was_shown(console: Opener) -> None:
    services = FakeServices()
    async with console(services, section="replication") as seen:
        await seen.until_text("nas-b")
        await seen.press("o")
        await seen.until_text("What home keeps")
        assert "1d" in seen.text, "the RPO it has"
        await seen.press("ctrl+u")
        await seen.type("soon")
        await seen.press("enter", "enter", "enter", "enter", "enter")
        await seen.until_text("“soon” is not a time.")
        await seen.press("up", "up", "up", "up", "up", "ctrl+u")
        await seen.type("36h")
        await seen.press("enter")
        await seen.type("hourly=24")
        await seen.press("enter", "enter", "enter", "enter")
        await seen.until_text("Let home keep that?")
        assert "1 would be destroyed, 0 stay" in seen.text
        assert "tank/home@dplane-2026-11-01T00-00-00Z: older than what is kept" in seen.text
        assert not calls(services, "set_options"), "nothing is changed before that was seen"
        await seen.press("tab", "enter")
        await seen.until_text("home counts as late after 1d 12h, and keeps hourly=24 at the source")
        await seen.press("o", "ctrl+u")
        await seen.type("2d")
        await seen.press("enter", "enter", "enter", "enter", "enter")
        await seen.until_text("home counts as late after 2d")
    wanted = Options(keep_source="hourly=24")
    assert calls(services, "set_options") == [
        ("set_options", "home", wanted, 129600),
        ("set_options", "home", wanted, 172800),
    ]


async def test_a_schedule_that_systemd_does_not_know_is_no_success(console: Opener) -> None:
    services = FakeServices()

    async def forget(name: str, options: Options, rpo: int | None = None, **_how: bool | None) -> Task:
        first = (await services.fake_replication.tasks())[0]
        changed = dataclasses.replace(first.task, options=options)
        services.fake_replication.task_list = [dataclasses.replace(first, task=changed, next_run=None)]
        return changed

    services.fake_replication.set_options = forget  # type: ignore[method-assign]  # a timer that is not there
    async with console(services, section="replication") as seen:
        await seen.until_text("nas-b")
        await seen.press("w")
        await seen.type("daily 02:30")
        await seen.press("enter", "enter", "enter")
        await seen.until_text("but systemd tells no next run of it.")


async def test_a_restore_says_what_will_happen_and_replaces_nothing(console: Opener) -> None:
    services = FakeServices()
    async with console(services, section="replication") as seen:
        await seen.until_text("nas-b")
        await seen.press("b")
        await seen.until_text("Bring back from home: what?")
        assert "the newest there is" in seen.text
        assert any("by-hand" in line and "not proven" in line for line in seen.text.splitlines())
        await seen.press("down", "enter")
        await seen.until_text("The original place tank/home is there: another name is needed.")
        assert "tank/home-restored" in seen.text
        await seen.press("ctrl+u")
        await seen.type("tank/vm")
        await seen.press("enter", "enter", "enter", "enter", "enter")
        await seen.until_text("tank/vm exists, and a restore never replaces anything.")
        await seen.press("up", "up", "up", "up", "up", "ctrl+u")
        await seen.type("tank/old")
        await seen.press("enter", "enter", "enter", "enter", "enter")
        await seen.until_text("Bring back to tank/old?")
        assert "nas-b:backup/home@dplane-20261123T120000Z comes to tank/old" in seen.text
        assert "tank/home stays as it is." in seen.text
        assert not calls(services, "restore")
        await seen.press("tab", "enter")
        await seen.until_text("The restore replicate-home-restore was started")
    assert calls(services, "restore") == [
        ("restore", "home", Restore("tank/old", "", False, "dplane-20261123T120000Z", True, "99"))
    ]


async def test_the_new_dialogs_are_let_go(console: Opener) -> None:
    from textual.screen import ModalScreen
    from textual.widget import Widget

    async with console(section="replication") as seen:
        await seen.until_text("nas-b")

        async def round_trip() -> None:
            await seen.press("a", "enter", "enter", "escape", "escape", "escape", "b", "enter", "escape")
            await seen.press("l", "escape", "w", "escape", "f", "escape", "enter", "enter", "escape", "escape")

        await round_trip()
        before = alive(ModalScreen), alive(Widget)
        for _ in range(4):
            await round_trip()
        assert alive(ModalScreen) <= before[0] + 1
        assert alive(Widget) <= before[1] + 12


async def test_what_is_changed_here_is_in_the_real_store(
    console: Opener, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DPLANE_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("DPLANE_RUN_DIR", str(tmp_path / "run"))
    services = FakeServices()
    real = LocalReplication(LocalHost())
    services.__dict__["replication"] = real
    async with console(services, section="replication") as seen:
        await seen.until_text("Nothing is copied anywhere yet.")
        await real.add_task(Task("home", "tank/home", None, "vault/home", options=Options(keep_source="hourly=24")))
        await seen.press("r")
        await seen.until_text("home was never proven.")
        await seen.until_text("Only within this box: tank/home.")
        await seen.press("p", "tab", "enter")
        await seen.until_text("home is paused. p lets it go on.")
        await seen.press("l")
        await seen.type("3M")
        await seen.press("enter", "enter")
        await seen.until_text("home may send 3M a second.")
        assert (await real.task("home")).options == Options(keep_source="hourly=24", paused=True, limit="3M")
        await seen.press("enter")
        await seen.until_text("home has not run yet. u runs it now.")
        assert "paused: nothing starts by itself" in seen.text
        assert "limit: 3M" in seen.text
        await seen.press("d", "tab", "enter")
        await seen.until_text("Nothing is copied anywhere yet.")
    assert await real.tasks() == ()


async def test_more_choices_stand_behind_one_key(console: Opener) -> None:
    services = FakeServices()
    async with console(services, section="replication") as seen:
        await seen.until_text("nas-b")
        await seen.press("a", "down", "enter", "enter")
        await seen.until_text("Protect tank/home: how?")
        assert "[ + More choices ]" in seen.text
        await seen.press("plus")
        await seen.until_text("Protect tank/home: more")
        await seen.type("photos, docs/*".replace("*", "x"))
        await seen.press("enter")
        await seen.type("/cache")
        await seen.press(
            "enter", "right", "enter", "right", "enter", "right", "right", "enter", "right", "enter", "enter"
        )
        await seen.until_said("is not a pattern of datasets below the source.")
        await seen.press(*("up",) * 6, "home", "delete", *("enter",) * 6)
        await seen.until_said(
            "Besides: only photos, docs/x; without cache; its first run brings the newest snapshot alone;"
        )
        assert "later runs bring the newest snapshot only; it is sent decrypted; it takes no snapshots" in seen.said
        assert not calls(services, "add_task")
        await seen.press("tab", "enter")
        await seen.until_text("Run home-2 now?")
    ((_, task),) = calls(services, "add_task")
    options = Options(("photos", "docs/x"), ("cache",), "newest", False, schedule="every 1h")
    assert task == Task(
        "home-2", "tank/home", "nas-b", "backup/home-2", True, False, 10800, snapshot=False, options=options
    )


async def test_more_choices_can_be_left(console: Opener) -> None:
    services = FakeServices()
    async with console(services, section="replication") as seen:
        await seen.until_text("nas-b")
        await seen.press("a", "enter", "enter", "plus")
        await seen.until_text("Protect tank: more")
        await seen.press("escape")
        assert "Protect tank: how?" in seen.text, "one step back"
        await seen.press("escape", "escape", "escape")
        await seen.until(lambda: len(seen.app.screen_stack) == 1)
    assert not services.fake_replication.calls


async def test_a_dataset_of_another_box_is_pulled(console: Opener) -> None:
    services = FakeServices()
    peer = dataclasses.replace(PEER, name="attic", may_read="pool/home", may_snapshot=True)
    services.fake_replication.peer_list = [PEER, peer]
    async with console(services, section="replication") as seen:
        await seen.until_text("nas-b")
        await seen.press("a", "G")
        assert "> pull from attic…" in seen.text
        assert "pull from nas-b" not in seen.text, "it lets nothing be read"
        await seen.press("enter")
        await seen.until_text("Pull from attic: what?")
        assert "It lets this box read pool/home and below, and take snapshots of that." in seen.said
        await seen.press("ctrl+u")
        await seen.type("pool/other")
        await seen.press("enter", "enter")
        await seen.until_said("lets this box read pool/home only, and the source is pool/other.")
        await seen.press("up", "up", "ctrl+u")
        await seen.type("pool/home/anna")
        await seen.press("enter", "enter")
        await seen.until_said("attic:pool/home/anna and all below it go to tank/attic/anna, every hour.")
        await seen.press(*("enter",) * 6)
        await seen.until_text("The first run: about 3.00G")
        await seen.press("tab", "enter")
        await seen.until_text("Run anna now?")
    ((_, task),) = calls(services, "add_task")
    assert task == Task(
        "anna", "pool/home/anna", None, "tank/attic/anna", True, rpo=10800, source_peer="attic",
        options=Options(schedule="every 1h"),
    )  # fmt: skip


async def test_pulling_where_no_snapshots_may_be_taken_sends_those_that_are_there(console: Opener) -> None:
    services = FakeServices()
    services.fake_replication.peer_list = [dataclasses.replace(PEER, may_read="pool/home")]
    async with console(services, section="replication") as seen:
        await seen.until_text("nas-b")
        await seen.press("a", "G", "enter")
        await seen.until_said("and below; the snapshots that are there are sent.")
        await seen.press("enter", "enter")
        await seen.until_text("how?")
        await seen.press(*("enter",) * 6)
        await seen.until_said("Besides: it takes no snapshots of its own.")
        await seen.press("escape")
    assert not calls(services, "add_task")


MORE = ("o", "enter", "enter", "enter", "enter", "right", "enter")
"""The keys to the second form of `o`."""


async def test_what_an_existing_task_copies_is_changed_behind_what_it_keeps(console: Opener) -> None:
    services = FakeServices()
    services.fake_replication.options, services.fake_replication.recursive = Options(exclude=("cache",)), True
    async with console(services, section="replication") as seen:
        await seen.until_text("nas-b")
        await seen.press(*MORE)
        await seen.until_text("What home copies")
        assert "[cache" in seen.text
        assert "< yes, every dataset below >" in seen.text
        assert "Stream" not in seen.text, "it never changes"
        await seen.press("escape")
        await seen.until_text("What home keeps")
        assert not calls(services, "set_options")
        await seen.press(*MORE[1:])
        await seen.until_text("What home copies")
        await seen.press("enter", "enter", "ctrl+u")
        await seen.type("tmp")
        await seen.press("enter", "enter", "right", *("enter",) * 3)
        await seen.until_said("No dataset that is there now comes in or leaves by it.")
        await seen.press("tab", "enter")
        await seen.until_said("It copies tank/home and below. Besides: without tmp; later runs bring the newest")
    ((_, _, options, rpo),) = calls(services, "set_options")
    assert options == Options(exclude=("tmp",), intermediates=False)
    assert rpo == 86400
    assert not calls(services, "set_depth")
    assert not calls(services, "set_own")


async def test_whether_a_task_takes_snapshots_is_changed_after_it_was_shown_what_that_means(console: Opener) -> None:
    services = FakeServices()
    async with console(services, section="replication") as seen:
        await seen.until_text("nas-b")
        await seen.press(*MORE)
        await seen.until_text("What home copies")
        assert "< takes its own before each run >" in seen.text
        await seen.press(*("enter",) * 5, "right", "enter", "enter")
        await seen.until_text("Let home copy that?")
        assert "takes no snapshot: it sends those that are there" in seen.said
        assert not calls(services, "set_own")
        await seen.press("tab", "enter")
        await seen.until(lambda: bool(calls(services, "set_own")))
    assert calls(services, "set_own") == [("set_own", "home", False)]


async def test_the_depth_of_a_task_is_changed_after_it_was_shown_what_comes_in_and_what_leaves(console: Opener) -> None:
    services = FakeServices()
    services.host.listed = "tank/home\ntank/home/anna\ntank/home/b\x1b[2J\n"  # type: ignore[attr-defined]  # the fake's
    async with console(services, section="replication") as seen:
        await seen.until_text("nas-b")
        await seen.press(*MORE)
        await seen.until_text("What home copies")
        assert "< no, only this one >" in seen.text
        await seen.press("right", *("enter",) * 7)
        await seen.until_text("Let home copy that?")
        assert "2 datasets come in, copied from the next run on; until then only the source itself" in seen.said
        assert "  tank/home/anna" in seen.text
        assert "\x1b" not in seen.text
        await seen.press("enter")  # Cancel has the cursor
        await seen.until_text("What home copies")
        assert not calls(services, "set_options")
        assert "< yes, every dataset below >" in seen.text, "as it was chosen"
        await seen.press(*("enter",) * 7)
        await seen.until_text("Let home copy that?")
        await seen.press("tab", "enter")
        await seen.until_said(
            "home counts as late after 1d, and keeps all at the source, all at the target. It copies tank/home"
        )
        await seen.until_text("tank/home/…")
        await seen.press(*MORE, "right", *("enter",) * 7)
        await seen.until_said("2 datasets leave: not copied any more. Their copies stay as they are, and grow old;")
        await seen.press("tab", "enter")
        await seen.until_said("It copies tank/home, nothing below it.")
    assert calls(services, "set_depth") == [("set_depth", "home", True), ("set_depth", "home", False)]


async def test_the_depth_that_is_changed_here_is_in_the_real_store(
    console: Opener, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DPLANE_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("DPLANE_RUN_DIR", str(tmp_path / "run"))
    services = FakeServices()
    real = LocalReplication(LocalHost())
    services.__dict__["replication"] = real
    await real.add_task(Task("home", "tank/home", None, "vault/home"))
    async with console(services, section="replication") as seen:
        await seen.until_text("home was never proven.")
        await seen.press(*MORE, "right", "enter", "enter")
        await seen.type("cache")
        await seen.press(*("enter",) * 5)
        await seen.until_said("1 dataset comes in")
        await seen.press("tab", "enter")
        await seen.until_said("It copies tank/home and below. Besides: without cache.")
    changed = await real.task("home")
    assert (changed.recursive, changed.options, changed.rpo) == (True, Options(exclude=("cache",)), 86400)


async def test_patterns_without_depth_are_refused_in_the_form_as_by_the_command(console: Opener) -> None:
    services = FakeServices()
    async with console(services, section="replication") as seen:
        await seen.until_text("nas-b")
        await seen.press(*MORE, "enter")
        await seen.type("photos")
        await seen.press(*("enter",) * 6)
        await seen.until_said(
            "The task home takes tank/home alone, so there is nothing below it to include or exclude."
        )
        await seen.press("escape")
    assert not calls(services, "set_options")


async def test_depth_and_policies_are_agreed_to_one_after_the_other(console: Opener) -> None:
    services = FakeServices()
    async with console(services, section="replication") as seen:
        await seen.until_text("nas-b")
        await seen.press("o", "enter")
        await seen.type("hourly=24")
        await seen.press("enter", "enter", "enter", "right", "enter")
        await seen.until_text("What home copies")
        await seen.press("right", *("enter",) * 7)
        await seen.until_text("Let home copy that?")
        await seen.press("tab", "enter")
        await seen.until_text("Let home keep that?")
        assert "This was worked out for the datasets that it copies so far." in seen.said
        assert not calls(services, "set_options"), "nothing is stored before both were agreed to"
        await seen.press("enter")
        await seen.until_text("What home copies")
        await seen.press("escape")
        await seen.until_text("What home keeps")
        assert "[hourly=24" in seen.text, "one step back, with what was typed there"
        await seen.press("enter", "enter", "enter", "enter", "enter")
        await seen.until_text("Let home keep that?")
        await seen.press("enter")
        await seen.until_text("What home keeps")
        assert "[hourly=24" in seen.text
        await seen.press("escape")
    assert not calls(services, "set_options")


async def test_retention_at_once_is_looked_at_typed_and_told(console: Opener) -> None:
    services = FakeServices()
    async with console(services, section="replication") as seen:
        await seen.until_text("nas-b")
        await seen.press("D")
        await seen.until_text("goes    tank/home@dplane-2026-11-01T00-00-00Z: older than what is kept")
        assert "D  destroy what goes" in seen.text
        await seen.press("D")
        await seen.until_text("To go on, type the name: home")
        assert "this machine (source): 1 of 1 snapshots go, 0 stay, about 1.00M become free." in seen.said
        assert "  tank/home@dplane-2026-11-01T00-00-00Z" in seen.text
        await seen.press("enter")  # Cancel has the cursor
        assert [call[2] for call in calls(services, "prune")] == [PruneWish(True)]
        await seen.press("D")
        await seen.until_text("D  destroy what goes")
        await seen.press("D")
        await seen.until_text("To go on, type the name: home")
        await seen.type("home")
        await seen.press("enter")
        await seen.until_text("What was destroyed of home")
        assert "gone    tank/home@dplane-2026-11-01T00-00-00Z" in seen.text
        await seen.press("escape")
        await seen.until_text("1 snapshot of home was destroyed; it is not listed any more.")
    assert [call[2] for call in calls(services, "prune")] == [PruneWish(True), PruneWish(True), PruneWish(False)]


async def test_all_that_would_go_can_be_read_before_it_does(console: Opener) -> None:
    services = FakeServices()

    async def many(name: str, wish: PruneWish) -> Pruning:
        old = tuple(Judged("tank/home", f"dplane-{number:02}", "5", False, "old") for number in range(30))
        return Pruning(name, wish.dry, (SideReport("source", "this machine", "daily=1", old, 5 << 20),))

    services.fake_replication.prune = many  # type: ignore[method-assign]  # very many are old
    async with console(services, section="replication") as seen:
        await seen.until_text("nas-b")
        await seen.press("D")
        await seen.until_text("goes    tank/home@dplane-00: old")
        await seen.press("G")
        assert "goes    tank/home@dplane-29: old" in seen.text
        await seen.press("escape", "o", "tab")
        await seen.type("daily=1")
        await seen.press("enter", "enter", "enter", "enter")
        await seen.until_text("o  go on     Esc  nothing changes")
        await seen.press("G")
        assert "tank/home@dplane-29: old" in seen.text
        await seen.press("o")
        await seen.until_text("and 25 more, as read before")
        assert "[ Switch on ]" in seen.text
        await seen.press("escape")
    assert not calls(services, "set_options")


async def test_retention_that_is_emptied_is_switched_off_in_words_too(console: Opener) -> None:
    services = FakeServices()
    services.fake_replication.options = Options(keep_source="hourly=24")
    async with console(services, section="replication") as seen:
        await seen.until_text("nas-b")
        await seen.press("o", "tab", "ctrl+u", "enter", "enter", "enter", "enter")
        await seen.until_text("Let home keep everything?")
        assert "[ Keep everything ]" in seen.text
        assert "Switch on" not in seen.text
        await seen.press("tab", "enter")
        await seen.until_text("home counts as late after 1d, and keeps all at the source")


async def test_leaving_a_step_of_the_wizard_is_one_step_back(console: Opener) -> None:
    services = FakeServices()
    async with console(services, section="replication") as seen:
        await seen.until_text("nas-b")
        await seen.press("a", "G", "enter", "enter")
        await seen.until_text("Protect tank/vm: how?")
        await seen.press("right", "plus")
        await seen.until_text("Protect tank/vm: more")
        await seen.press("escape")
        await seen.until_text("Protect tank/vm: how?")
        assert "every night at 02:30" in seen.text, "what was chosen is still there"
        await seen.press("enter", "enter", "enter", "enter", "enter", "enter")
        await seen.until_text("Nothing at the target is ever replaced")
        await seen.press("enter")  # Cancel has the cursor
        await seen.until_text("Protect tank/vm: how?")
        assert "every night at 02:30" in seen.text
        await seen.press("escape")
        await seen.until_text("Protect tank/vm: where to?")
        await seen.press("escape")
        await seen.until_text("Protect a dataset: which?")
        assert "> tank/vm" in seen.text
        await seen.press("escape")
        await seen.until(lambda: len(seen.app.screen_stack) == 1)
    assert not calls(services, "add_task")


async def test_what_was_said_of_one_task_does_not_stand_over_another(console: Opener) -> None:
    services = FakeServices()
    own = await services.fake_replication.tasks()
    other = dataclasses.replace(own[0], task=dataclasses.replace(own[0].task, name="other"))
    services.fake_replication.task_list = [*own, other]
    async with console(services, section="replication") as seen:
        await seen.until_text("other")
        await seen.press("e")
        await seen.until_text("nas-b answered: D-Plane")
        await seen.press("r")
        assert "nas-b answered: D-Plane" in seen.text, "what is read again changes nothing of it"
        await seen.press("down")
        assert "nas-b answered" not in seen.text
        await seen.press("e")
        await seen.until_text("nas-b answered: D-Plane")
        await seen.press("right_square_bracket")
        assert "nas-b answered" not in seen.text


async def test_what_retention_could_not_destroy_is_never_told_as_done(console: Opener) -> None:
    services = FakeServices()

    async def held(name: str, wish: PruneWish) -> Pruning:
        one = Judged("tank/home", "dplane-1", "5", False, "old", False, "" if wish.dry else "somebody holds it")
        late = Judged("tank/home", "dplane-2", "6", False, "old", True)  # which became old between the look and the act
        judged = (one,) if wish.dry else (one, late)
        return Pruning(name, wish.dry, (SideReport("source", "this machine", "daily=1", judged),))

    services.fake_replication.prune = held  # type: ignore[method-assign]  # the fault to test
    async with console(services, section="replication") as seen:
        await seen.until_text("nas-b")
        await seen.press("D")
        await seen.until_text("how much that frees is unknown")
        await seen.press("D")
        await seen.until_text("type the name")
        await seen.type("home")
        await seen.press("enter")
        await seen.until_text("LEFT    tank/home@dplane-1: somebody holds it")
        await seen.press("escape")
        await seen.until_said("1 of 2 destroyed: tank/home@dplane-1: somebody holds it")


async def test_retention_needs_the_role_and_something_to_let_go(console: Opener) -> None:
    services = FakeServices()
    services.host.groups = "owner dplane-view"  # type: ignore[attr-defined]  # the fake's
    async with console(services, section="replication") as seen:
        await seen.until_text("nas-b")
        await seen.press("D")
        await seen.until_text("“prune” needs the role operate")
    assert not calls(services, "prune")
    services = FakeServices()

    async def nothing(name: str, wish: PruneWish) -> Pruning:
        kept = Judged("tank/home", "dplane-1", "5", True, "the newest")
        return Pruning(name, wish.dry, (SideReport("source", "this machine", "daily=1", (kept,), 0),))

    services.fake_replication.prune = nothing  # type: ignore[method-assign]  # nothing is old
    async with console(services, section="replication") as seen:
        await seen.until_text("nas-b")
        await seen.press("D")
        await seen.until_text("stays   tank/home@dplane-1: the newest")
        assert "type the name" not in seen.text
