"""The console that stands on the box's own terminal, who signs in there, and one that locks."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from dplane_tui import choices
from dplane_tui.actions import ACTIONS, within
from dplane_tui.errors import TimedOutError, UsageError
from dplane_tui.line import KIOSK, SESSION, VIEW_ONLY, Line, read, seconds
from dplane_tui.place import Place
from dplane_tui.screens.files import browse
from dplane_tui.screens.sign_in import Locked
from dplane_tui.services.sign_in import Opened
from dplane_tui.terminal.profile import detect
from dplane_tui.widgets.dialogs import Confirm, ask
from tests.console.conftest import Opener, Seen
from tests.console.fakes import FakeServices
from tests.console.test_replication_looks import verified

VIEWER = "dplane-kiosk dplane-view"


def standing() -> FakeServices:
    """Services as the account of a kiosk has them."""
    services = FakeServices()
    services.host.groups = VIEWER  # type: ignore[attr-defined]  # the fake's
    return services


def nobody_for_long(seen: Seen) -> None:
    """As if the time without a key had passed."""
    seen.app._touched -= seen.app.lock_after
    seen.app._look()


def test_what_the_unit_says_and_what_makes_no_sense() -> None:
    assert read({}) == Line()
    assert read({"DPLANE_LINE": "kiosk", "DPLANE_LOCK_AFTER": "300"}) == Line(KIOSK, 300)
    assert read({"DPLANE_LINE": "shell", "DPLANE_LOCK_AFTER": "300"}) == Line()
    assert read({"DPLANE_LINE": "session", "DPLANE_LOCK_AFTER": "x", "DPLANE_LINE_SPEED": "7"}) == Line(SESSION)
    assert read({"DPLANE_LINE": "kiosk", "DPLANE_LINE_SPEED": "115200"}).speed == 115200
    assert [seconds(text) for text in ("off", "90", "90s", "5m", "1h")] == [0, 90, 90, 300, 3600]
    for text in ("", "5", "2d", "25h", "-5m", "m", "5 m", "٥m"):
        with pytest.raises(UsageError):
            seconds(text)


async def test_a_kiosk_shows_everything_and_does_nothing(console: Opener) -> None:
    async with console(standing(), line=Line(KIOSK, 300)) as seen:
        await seen.until_text("vault")
        assert "U sign in" in seen.text
        assert "quit" not in seen.text.splitlines()[-1]
        for key in ("n", "b", "c", "x", "D"):
            await seen.press(key)
            await seen.until_text("sign in first (U)")
            assert len(seen.app.screen_stack) == 1, "no dialog opens"
            await seen.press("escape")
        await seen.press("q", "ctrl+q", "f10", "ctrl+c", "ctrl+z", "L", "K")
        assert seen.app.is_running
        assert not seen.app._exit
        await seen.press("2")
        await seen.until_text("backup/home")
        assert seen.services.fake_zfs.calls == []
        await seen.press("question_mark")
        await seen.until_text("Keys that work here")
        assert "with your account's password" in seen.text


# Every act that a console standing there for everybody carries out by itself; a new one has to be thought about.
FOR_PASSERS_BY = {
    *(f"section-{name}" for name in ("start", "pools", "replication", "docker", "health", "datasets", "snapshots")),
    *("help", "palette", "refresh", "theme", "messages", "jobs", "next-box", "jump-back", "redraw", "copy", "policies"),
    *("back", "filter", "sort", "sort-reverse", "next-pane", "lead", "open", "tab-next", "tab-previous"),
    *("policy-preview", "policy-runs", "evidence", "peer-test", "host-key", "task-plan", "container-logs"),
    *("log-follow", "smart", "dataset-snapshots", "dataset-protection", "dataset-space"),
    *("pool-charts", "pool-repair"),  # the guide tells what is wrong; what mends it needs a role
    *("snapshot-show", "snapshot-mark", "snapshot-diff", "snapshot-scope"),
}


@pytest.mark.parametrize(("part", "own"), [(KIOSK, "sign-in"), (VIEW_ONLY, "how-to-act")])
def test_what_a_passer_by_can_do(part: str, own: str) -> None:
    everywhere = tuple({action.group for action in ACTIONS} - {"kiosk", "view-only", "session", "own"})
    done = {action.id for action in within((*everywhere, part)) if not action.mutating}
    assert done == FOR_PASSERS_BY | {own}


@pytest.mark.parametrize("part", [KIOSK, VIEW_ONLY])
async def test_a_passer_by_reads_no_files_and_writes_none(console: Opener, tmp_path: Path, part: str) -> None:
    async with console(standing(), line=Line(part, 300)) as seen:
        await seen.until_text("vault")
        await seen.press("F", "S")
        await seen.settle()
        assert (seen.app.section, len(seen.app.screen_stack)) == ("pools", 1)
        seen.app.visit(Place("files"))  # as kept from a session before
        browse(seen.app, "tank/home")
        await seen.settle()
        assert seen.app.section == "pools"
        await seen.press("colon")
        await seen.type("picture")
        await seen.until_text("Nothing that was read")
        await seen.press("escape", "colon")
        await seen.type("browse")
        await seen.until_text("Nothing that was read")
    assert list(tmp_path.rglob("screenshots/*")) == []


@pytest.mark.parametrize("part", [KIOSK, VIEW_ONLY, SESSION])
async def test_a_passer_by_reads_counts_of_a_verification_and_no_names(console: Opener, part: str) -> None:
    services = standing()
    services.fake_replication.run_list = [verified("failed", "bad-news")]
    async with console(services, line=Line(part, 300), section="replication") as seen:
        await seen.until_text("nas-b")
        await seen.press("tab", "enter")
        await seen.until_text("Run of home")
        assert "120 compared, 100 by content" in seen.said
        told = seen.text
        await seen.press("G")
        told += seen.text
        assert ("a%1B/b" in told) is (part == SESSION)
        assert ("What differs is listed where you signed in" in told) is (part != SESSION)


async def test_where_nobody_signs_in_it_says_where_to_go(console: Opener) -> None:
    async with console(standing(), line=Line(VIEW_ONLY, 300)) as seen:
        await seen.until_text("vault")
        await seen.press("U")
        await seen.until_text("log in over SSH")
        assert len(seen.app.screen_stack) == 1
        await seen.press("n")
        await seen.until_text("this screen only shows")


async def test_signing_in_asks_the_system_and_shows_no_password(console: Opener) -> None:
    async with console(standing(), line=Line(KIOSK, 300)) as seen:
        await seen.until_text("vault")
        await seen.press("U")
        await seen.until_text("Sign in on nas-a")
        await seen.press("enter")
        await seen.type("wrong")
        assert "•••••" in seen.text
        await seen.press("enter")
        await seen.until_text("Type the name of an account")
        assert seen.services.fake_sign_in.asked == []
        await seen.press("shift+tab")
        await seen.type("ann")
        await seen.press("enter", "enter")
        await seen.until_text("not right")
        assert seen.services.fake_sign_in.asked == [("ann", "wrong")]
        assert "•" not in seen.text, "the password is gone from the field"
        await seen.type("sesame")
        await seen.press("enter")
        await seen.until_text("Signed in: your console is open on tty1.")
        assert seen.services.fake_sign_in.asked[-1] == ("ann", "sesame")
        assert seen.app.read_only, "this console itself stays what it was"
        assert "sesame" not in repr(list(seen.app.log_book.entries))


async def test_a_session_that_did_not_come_up_is_told_and_never_called_open(console: Opener) -> None:
    services = standing()
    services.fake_sign_in.opened = Opened(False, "Your console did not come up on tty1: systemd says it is failed.")
    async with console(services, line=Line(KIOSK, 300)) as seen:
        await seen.until_text("vault")
        await seen.press("U")
        await seen.until_text("Sign in on nas-a")
        await seen.type("ann")
        await seen.press("enter")
        await seen.type("sesame")
        await seen.press("enter")
        await seen.until_text("did not come up on tty1")
        assert "is open" not in seen.text
        assert not any("is open" in one.text for one in seen.app.log_book.entries)


async def test_a_kiosk_left_alone_forgets_half_of_a_sign_in(console: Opener) -> None:
    async with console(standing(), line=Line(KIOSK, 300)) as seen:
        await seen.press("4", "U")
        await seen.until_text("Sign in on nas-a")
        await seen.type("ann")
        nobody_for_long(seen)
        await seen.until_text("vault")
        assert len(seen.app.screen_stack) == 1
        assert seen.app.section == "pools"
        await seen.press("U")
        await seen.until_text("Sign in on nas-a")
        assert " ann" not in seen.text


async def test_a_session_acts_by_its_own_role_and_ends(console: Opener) -> None:
    async with console(line=Line(SESSION, 300)) as seen:
        await seen.until_text("q signs out")
        assert "sign out" in seen.text.splitlines()[-1]
        await seen.press("n")
        await seen.until_text("New pool")
        nobody_for_long(seen)
        await seen.settle()
        assert seen.app._exit, "left alone it ends, dialog or not"
    async with console(line=Line(SESSION, 300)) as seen:
        await seen.press("q")
        assert seen.app._exit


async def test_a_key_is_a_sign_of_life(console: Opener) -> None:
    async with console(line=Line(SESSION, 300)) as seen:
        seen.app._touched -= 299
        await seen.press("j")
        seen.app._look()
        assert not seen.app._exit
        assert seen.app._alarm is not None
        seen.app._alarm.cancel()


@pytest.mark.parametrize("size", [(80, 24), (40, 10), (132, 43)])
async def test_nothing_shines_through_a_lock(console: Opener, size: tuple[int, int]) -> None:
    """A terminal in its own colours has no ground to paint over what is below."""
    async with console(profile=detect({"TERM": "vt220"}), size=size) as seen:
        await seen.press("L")
        await seen.until_text("Locked")
        inside = seen.text.splitlines()
        assert len(inside) == size[1]
        assert all(row[0] in "┌│└" and row[-1] in "┐│┘" for row in inside), seen.text
        assert not {"tank", "vault", "quit", "Pools", "help"} & set(seen.text.split())


async def test_a_locked_console_shows_and_does_nothing_until_the_password(console: Opener) -> None:
    async with console(line=Line(lock_after=300)) as seen:
        await seen.until_text("vault")
        nobody_for_long(seen)
        await seen.until_text("unlocks this console")
        assert "vault" not in seen.text
        assert "tank" not in seen.text
        assert seen.app.poller.watched == frozenset() or not seen.app.poller.watched, "what is not seen is not read"
        await seen.press("escape", "ctrl+c", "ctrl+q", "f10", "ctrl+z", "2", "colon", "question_mark")
        await seen.press("tab", "tab", "escape")
        assert "unlocks this console" in seen.text
        assert not seen.app._exit
        await seen.type("wrong")
        await seen.press("enter")
        await seen.until_text("not right")
        await seen.type("sesame")
        await seen.press("enter")
        await seen.until_text("Unlocked.")
        await seen.until_text("vault")
        assert seen.services.fake_sign_in.asked == [("(own)", "wrong"), ("(own)", "sesame")]


async def test_a_dialog_is_still_there_after_unlocking(console: Opener) -> None:
    async with console() as seen:
        await seen.until_text("vault")
        await seen.press("n")
        await seen.until_text("New pool")
        seen.app.act(seen.app.do_lock())
        await seen.until_text("unlocks this console")
        assert "New pool" not in seen.text
        await seen.type("sesame")
        await seen.press("enter")
        await seen.until_text("New pool")


async def test_a_dialog_that_comes_late_waits_behind_the_lock(console: Opener) -> None:
    """The preview of an act took its time; meanwhile the console was locked."""
    answers: list[bool] = []
    looked = asyncio.Event()
    async with console() as seen:
        await seen.until_text("vault")

        async def act() -> None:
            await looked.wait()
            sure = await ask(seen.app, Confirm("Destroy?", "all of secret/payroll goes", "Destroy"))
            answers.append(bool(sure))

        seen.app.act(act())
        await seen.press("L")
        await seen.until_text("unlocks this console")
        looked.set()
        await seen.settle()
        assert isinstance(seen.app.screen, Locked)
        assert "payroll" not in seen.text
        await seen.press("tab", "enter")
        await seen.settle()
        assert answers == []
        await seen.press("escape")
        await seen.type("sesame")
        await seen.press("enter")
        await seen.until_text("all of secret/payroll goes")
        await seen.press("escape")
        await seen.settle()
        assert answers == [False]


async def test_an_account_without_a_password_is_not_locked_out(console: Opener) -> None:
    services = FakeServices()
    services.fake_sign_in.why_not = "this account has no password on this machine, so nothing could unlock it."
    async with console(services, line=Line(lock_after=300)) as seen:
        await seen.until_text("cannot be locked")
        assert seen.app.lock_after == 0
        await seen.press("L")
        await seen.until_text("has no password")
        assert len(seen.app.screen_stack) == 1


async def test_it_hides_everything_before_it_asks_whether_a_password_opens_it(console: Opener) -> None:
    services = FakeServices()
    services.fake_sign_in.told = asyncio.Event()
    async with console(services) as seen:
        await seen.until_text("vault")
        await seen.press("L")
        await seen.until_text("unlocks this console")
        assert "vault" not in seen.text
        services.fake_sign_in.why_not = "this account has no password on this machine."
        services.fake_sign_in.told.set()
        await seen.until_text("cannot be locked: this account has no password")
        assert len(seen.app.screen_stack) == 1
        assert seen.app.unlocked.is_set()


async def test_one_error_neither_opens_the_lock_nor_ends_locking_for_good(console: Opener) -> None:
    """sudo timed out, nothing could be forked, the release was replaced: none of it says that there is no password."""
    services = FakeServices()
    services.fake_sign_in.silent = TimedOutError("sudo did not answer within 120 s.")
    async with console(services, line=Line(lock_after=300)) as seen:
        await seen.until_text("is not known: sudo did not answer")
        assert seen.app.lock_after == 300
        for _ in range(2):
            nobody_for_long(seen)
            await seen.until_text("Whether it does is not known: sudo did not answer")
            assert "vault" not in seen.text
            await seen.type("sesame")
            await seen.press("enter")
            await seen.until_text("Unlocked.")
            assert seen.app.lock_after == 300
            assert seen.app._alarm is not None, "it will lock again"
        # What cannot be asked is not chosen either, and what was chosen before stays.
        await seen.press("K")
        await seen.until_text("Lock after")
        await seen.press("home", "down", "enter")
        await seen.until_text("is not known: sudo did not answer")
        assert seen.app.lock_after == 300
        assert "lock-after" not in choices.read()


async def test_when_to_lock_is_chosen_and_remembered(console: Opener) -> None:
    async with console() as seen:
        await seen.until_text("vault")
        await seen.press("K")
        await seen.until_text("Lock after")
        await seen.press("down", "down", "enter")
        await seen.until_text("locks after 5 minutes")
        assert seen.app.lock_after == 300
        assert choices.read()["lock-after"] == "5m"
        await seen.press("L")
        await seen.until_text("unlocks this console")
