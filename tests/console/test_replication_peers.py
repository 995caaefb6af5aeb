"""Peers by keys alone: in detail, a new key, a changed host key, pasted lines, and who may come in here."""

from __future__ import annotations

import dataclasses
import time

import pytest

from dplane_tui.errors import HostKeyError, RefusedError, UnreachableError
from dplane_tui.screens.replication_peers import meant
from dplane_tui.services.host import Output
from dplane_tui.services.replication import adopt
from dplane_tui.services.replication.adopt import Adoption
from dplane_tui.services.replication.model import PairRequest, Run, TaskStatus
from dplane_tui.services.replication.rights import Rights
from tests.console.conftest import MONO, Opener, Seen
from tests.console.fake_keys import ANSWER, OFFER
from tests.console.fake_looks import diverged
from tests.console.fakes import PEER, TASK, FakeServices
from tests.console.test_replication_looks import compared

NEW = "SHA256:" + "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"


def box(groups: str = "owner dplane-admin") -> FakeServices:
    """A box where the account has that role."""
    services = FakeServices()
    services.host.groups = groups  # type: ignore[attr-defined]  # the fake's
    return services


async def paste(seen: Seen, text: str) -> None:
    """Paste into the field that has the cursor."""
    from textual import events

    assert seen.app.focused is not None
    seen.app.focused.post_message(events.Paste(text))
    await seen.settle()


# -- in detail -------------------------------------------------------------------------------------------------


async def test_a_peer_opens_to_its_rights_and_the_keys_that_work_there(console: Opener) -> None:
    services = box()
    services.fake_replication.peer_list = [dataclasses.replace(PEER, may_read="tank/home", key_created=time.time())]
    async with console(services, section="replication", profile=MONO) as seen:
        await seen.until_text("nas-b")
        await seen.press("t")
        await seen.until_text("OUR KEY MAY")
        await seen.press("enter")
        await seen.until_text("Peer nas-b")
        assert "our key     SHA256:ownownown, made " in seen.text
        assert "our key there may receive into backup and below, read tank/home and below" in seen.said
        assert "W           a new key for the peer, without a gap" in seen.text
        await seen.press("e")
        await seen.until_text("nas-b answered: D-Plane")


async def test_a_new_key_is_asked_for_made_and_told(console: Opener) -> None:
    services = box()
    async with console(services, section="replication") as seen:
        await seen.until_text("nas-b")
        await seen.press("t")
        await seen.until_text("OUR KEY MAY")
        await seen.press("W")
        await seen.until_text("A new key for nas-b?")
        await seen.press("enter")  # Cancel has the cursor
        assert not services.fake_keys.calls
        await seen.press("W", "tab", "enter")
        await seen.until_said("The key for nas-b is SHA256:freshfresh now; a login with it worked")
        services.fake_keys.failure = UnreachableError("nas-b cannot be reached.", "The old key stays.")
        await seen.press("W", "tab", "enter")
        await seen.until_text("nas-b cannot be reached. The old key stays.")
    assert services.fake_keys.calls[0] == ("rotate", "nas-b")


@pytest.mark.parametrize(
    ("tab", "key", "word"), [("peers", "W", "new key"), ("", "h", "accept key"), ("", "i", "by line")]
)
async def test_what_changes_keys_is_an_administrators(console: Opener, tab: str, key: str, word: str) -> None:
    services = box("owner dplane-operate")
    async with console(services, section="replication") as seen:
        await seen.until_text("nas-b")
        if tab:
            await seen.press("t")
            await seen.until_text("OUR KEY MAY")
        await seen.press(key)
        await seen.until_text(f"“{word}” needs the role admin; this account has operate.")
    assert not services.fake_keys.calls


# -- a host key that changed -----------------------------------------------------------------------------------


async def test_a_changed_host_key_is_accepted_by_what_was_read_on_the_box(console: Opener) -> None:
    services = box()
    services.fake_replication.shown_key = NEW
    async with console(services, section="replication") as seen:
        await seen.until_text("nas-b")
        await seen.press("f")
        await seen.until_text("h accepts it here; tasks and copies stay.")
        await seen.press("h")
        await seen.until_text("New host key of nas-b")
        assert NEW not in seen.text, "it is read on the box, not copied from here"
        await seen.type("short")
        await seen.press("enter", "enter")
        await seen.until_said("or at least its last 12 characters.")
        await seen.press("up", "up", "ctrl+u")
        await seen.type("ZZZZ56789ABCDEFG")
        await seen.press("enter", "enter")
        await seen.until_said("does not end in ZZZZ56789ABCDEFG, so nothing is changed.")
        assert not services.fake_keys.calls
        await seen.press("up", "up", "ctrl+u")
        await seen.type("56789ABCDEFG")
        await seen.press("enter", "enter")
        await seen.until_said(f"nas-b is known by the host key {NEW} now")
    assert services.fake_keys.calls == [("trust", "nas-b", NEW)]


async def test_the_pinned_key_needs_no_acceptance_and_leaving_changes_nothing(console: Opener) -> None:
    services = box()
    async with console(services, section="replication") as seen:
        await seen.until_text("nas-b")
        await seen.press("f")
        await seen.until_text("Both are the same")
        assert "accepts it here" not in seen.text
        await seen.press("escape", "h")
        await seen.until_text("nas-b shows the host key that is pinned")
        services.fake_replication.shown_key = NEW
        await seen.press("h")
        await seen.until_text("New host key of nas-b")
        await seen.press("escape")
    assert not services.fake_keys.calls


async def test_a_run_that_failed_on_the_host_key_offers_the_keys_that_fix_it(console: Opener) -> None:
    services = box()
    services.fake_replication.shown_key = NEW
    now = time.time()
    run = Run("h1", "home", "failed", now - 60, now - 50, 0, "nas-b shows another host key.", "host-key")
    services.fake_replication.run_list = [run]
    services.fake_replication.task_list = [TaskStatus(TASK, run)]
    async with console(services, section="replication") as seen:
        await seen.until_text("never proven")
        await seen.press("tab", "enter")
        await seen.until_text("Run of home")
        assert "helps f host key h accept key" in seen.said
        await seen.press("h")
        await seen.until_text("New host key of nas-b")


def test_what_counts_as_read_on_the_box() -> None:
    assert meant(PEER, f" {NEW} ", "SHA256:other") == NEW, "the service compares a whole one with all the box's keys"
    assert meant(PEER, NEW[-12:], NEW) == NEW
    with pytest.raises(RefusedError):
        meant(PEER, NEW[-11:], NEW)
    with pytest.raises(HostKeyError):
        meant(PEER, NEW[-12:], "SHA256:other")


# -- without a password ----------------------------------------------------------------------------------------


async def test_an_offer_is_shown_whole_and_sent_to_the_clipboard(console: Opener) -> None:
    services = box()
    async with console(services, section="replication") as seen:
        await seen.until_text("nas-b")
        await seen.press("i", "enter")
        await seen.until_text("Offer: which box?")
        await seen.press("enter", "enter")
        await seen.until_text("The peer's name “”")
        await seen.press("up", "up")
        await seen.type("attic")
        await seen.press("enter", "enter")
        await seen.until_text("Offer to attic")
        assert "dplane-offer-1 attic-1a2b ssh-ed25519" in seen.said
        assert OFFER.fingerprint in seen.said
        await seen.press("Y")
        await seen.until_text("Offer to attic")
        assert OFFER.line in seen.app.toast[0]
        await seen.press("escape")
    assert services.fake_keys.calls == [("offer", "attic")]


async def test_another_box_is_let_in_by_its_line_after_its_key_was_compared(console: Opener) -> None:
    services = box()
    async with console(services, section="replication") as seen:
        await seen.until_text("nas-b")
        await seen.press("i", "down", "enter")
        await seen.until_text("Accept: the offer of which box?")
        await paste(seen, "nonsense")
        await seen.press("enter", "enter")
        await seen.until_text("That is not an offer of D-Plane's.")
        await seen.press("up", "up", "ctrl+u")
        await paste(seen, OFFER.line)
        await seen.press("enter", "enter")
        await seen.until_text("What may attic-1a2b do here?")
        await seen.type("backup/attic")
        await seen.press("enter", "enter", "right", "enter", "enter", "enter", "enter", "enter")
        await seen.until_text("Snapshots are taken of what may be read.")
        for _ in range(6):
            await seen.press("up")
        await seen.type("tank/home")
        for _ in range(6):
            await seen.press("enter")
        await seen.until_text("Let attic-1a2b in?")
        assert OFFER.fingerprint in seen.text
        assert "It may: receive into backup/attic and below, read tank/home and below, take snapshots" in seen.said
        assert not services.fake_keys.calls
        await seen.press("tab", "enter")
        await seen.until_text("Answer for attic-1a2b")
        assert "This box's host key is" in seen.said
        await seen.press("escape")
        await seen.until_said("attic-1a2b may come in here: receive into backup/attic")
    given = Rights("attic-1a2b", "backup/attic", "tank/home", may_snapshot=True)
    assert services.fake_keys.calls == [("accept", "attic-1a2b", given, None, 22)]


async def test_whose_copies_a_key_gets_by_its_name_is_said_before_it_is_let_in(
    console: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    services = box()
    marks = {"backup/attic/photos": "attic-1a2b", "backup/elsewhere": "attic-1a2b", "backup/attic/x": "nas-c"}
    asked: list[list[str]] = []

    plain = services.host.run

    async def run(argv: list[str], **_more: object) -> Output:
        asked.append(list(argv))
        if argv[0] != "zfs":
            return await plain(argv)
        if argv[-1] == "dplane:peer":
            return Output(0, "".join(f"{name}\n" for name in marks).encode(), b"")
        prop, end = argv[argv.index("-o") + 2].split(",")
        rows = [f"{name}\t{prop}\t{marks[name]}\tlocal\n{name}\t{end}\t-\t-\n" for name in argv if name in marks]
        return Output(0, "".join(rows).encode(), b"")

    monkeypatch.setattr(services.host, "run", run)
    async with console(services, section="replication") as seen:
        await seen.until_text("nas-b")
        await seen.press("i", "down", "enter")
        await seen.until_text("Accept: the offer of which box?")
        await paste(seen, OFFER.line)
        await seen.press("enter", "enter")
        await seen.until_text("What may attic-1a2b do here?")
        await seen.type("backup/attic")
        while "Let attic-1a2b in?" not in seen.text:
            await seen.press("enter")
        assert "1 dataset(s) here are marked as copies of attic-1a2b (backup/attic/photos)" in seen.said
        assert "do not let it in" in seen.said
    local = ["zfs", "get", "-H", "-t", "filesystem,volume", "-s", "local", "-o", "name", "dplane:peer"]
    assert [argv for argv in asked if argv[0] == "zfs"][:1] == [local]


async def test_the_answer_finishes_it_after_the_host_key_was_compared(console: Opener) -> None:
    services = box()
    async with console(services, section="replication") as seen:
        await seen.until_text("nas-b")
        await seen.press("i", "G", "enter")
        await seen.until_text("Finish: what did it answer?")
        await seen.type("attic")
        await seen.press("enter")
        await paste(seen, ANSWER.line)
        await seen.press("enter", "enter")
        await seen.until_text("Is it really that box?")
        assert ANSWER.host_fingerprint in seen.text
        await seen.press("enter")  # Cancel has the cursor
        assert not services.fake_keys.calls
        services.fake_keys.failure = RefusedError("That answer is for another key.", "Make an offer.")
        for wanted in ("That answer is for another key. Make an offer.", "Paired with attic"):
            await seen.press("i", "G", "enter")
            await seen.until_text("Finish: what did it answer?")
            await seen.type("attic")
            await seen.press("enter")
            await paste(seen, ANSWER.line)
            await seen.press("enter", "enter")
            await seen.until_text("Is it really that box?")
            await seen.press("tab", "enter")
            await seen.until_text(wanted)
            services.fake_keys.failure = None
    assert services.fake_keys.calls[-1] == ("adopt", "attic", ANSWER)


async def test_rights_are_asked_for_when_pairing_with_a_password(console: Opener) -> None:
    services = box()
    async with console(services, section="replication") as seen:
        await seen.until_text("nas-b")
        await seen.press("n")
        await seen.until_text("+ Rights")
        await seen.type("nas-c")
        await seen.press("enter")
        await seen.type("10.9.0.3")
        await seen.press("enter", "enter", "enter", "enter", "plus")
        await seen.until_text("What may this box do at nas-c?")
        await seen.press("enter")
        await seen.type("tank/home")
        await seen.press("enter", "right", "enter", "enter", "right", "enter", "enter")
        await seen.until_text("SHA256:farfarfar")
        await seen.press("tab", "enter")
        await seen.until_text("used once to hand over")
        await seen.type("hunter2")
        await seen.press("enter")
        await seen.until_text("Paired with nas-c")
    (request,) = [call[1] for call in services.fake_replication.calls if call[0] == "pair"]
    assert isinstance(request, PairRequest)
    assert (request.root, request.may_read, request.may_snapshot) == (None, "tank/home", True)
    assert (request.may_prune, request.may_rollback) == (False, True)


async def test_leaving_a_step_of_pairing_goes_back_to_what_was_typed(console: Opener) -> None:
    services = box()
    async with console(services, section="replication") as seen:
        await seen.until_text("nas-b")
        await seen.press("n")
        await seen.type("nas-c")
        await seen.press("enter")
        await seen.type("10.9.0.3")
        await seen.press("enter", "enter", "enter", "enter", "plus")
        await seen.until_text("What may this box do at nas-c?")
        await seen.press("escape")
        await seen.until_text("Pair a box")
        assert "10.9.0.3" in seen.text
        await seen.press("enter", "enter", "enter", "enter", "enter", "enter")
        await seen.until_text("SHA256:farfarfar")
        await seen.press("enter")  # Cancel has the cursor: it is not that box
        await seen.until_text("Pair a box")
        assert "10.9.0.3" in seen.text
        await seen.press("escape")
        await seen.until(lambda: len(seen.app.screen_stack) == 1)
    assert not [call for call in services.fake_replication.calls if call[0] == "pair"]


# -- who may come in here --------------------------------------------------------------------------------------


async def to_incoming(seen: Seen) -> None:
    """The list of boxes that may come in."""
    await seen.until_text("nas-b")
    await seen.press("A")
    await seen.until_text("Which boxes may come in here")


async def test_who_may_come_in_is_listed_for_everybody_and_changed_by_administrators(console: Opener) -> None:
    services = box("owner dplane-operate")
    async with console(services, section="replication") as seen:
        await to_incoming(seen)
        assert "receive into backup and below, read tank/" in seen.text
        assert "(not ours)" in seen.text
        await seen.press("enter", "enter")
        await seen.until_text("changed by the role admin; this account has operate.")
        await seen.press("A", "G", "enter")
        await seen.until_text("That line is not D-Plane's, so nothing is changed about it.")
    assert not services.fake_keys.calls


async def test_a_box_is_shut_out_by_its_name(console: Opener) -> None:
    services = box()
    async with console(services, section="replication") as seen:
        await to_incoming(seen)
        await seen.press("enter", "enter")
        await seen.until_text("Shut nas-c out?")
        await seen.press("enter")  # Cancel has the cursor
        await seen.until(lambda: seen.app.log_book.entries[-1].text == "opened, cancelled: shut out: nas-c")
        await to_incoming(seen)
        await seen.press("enter", "enter")
        await seen.until_text("Shut nas-c out?")
        await seen.type("nas-c")
        await seen.press("enter")
        await seen.until_text("nas-c is not let in any more; what it sent here stays.")
    assert services.fake_keys.calls == [("revoke", "nas-c")]


async def test_a_copy_of_another_tool_is_looked_at_and_then_given(
    console: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    services, done = box(), []
    seen_there = Adoption("nas-c", "backup/old", "55", ("backup/old/a",), 7, "daily-1", 4096, ("backup/old",))

    async def look(_host: object, peer: str, dataset: str) -> Adoption:
        return dataclasses.replace(seen_there, peer=peer, dataset=dataset)

    async def give(_host: object, seen: Adoption) -> Adoption:
        done.append(seen)
        return dataclasses.replace(seen, owner=seen.peer)

    monkeypatch.setattr(adopt, "look", look)
    monkeypatch.setattr(adopt, "adopt", give)
    async with console(services, section="replication") as seen:
        await to_incoming(seen)
        await seen.press("enter", "down", "enter")
        await seen.until_text("Let nas-c go on: with what?")
        await seen.type("backup/old")
        await seen.press("enter", "enter")
        await seen.until_text("Let nas-c go on with it?")
        assert "become copies of the peer nas-c, with 7 snapshot(s), newest of its own @daily-1." in seen.said
        assert "4.00K were written to it since its newest snapshot" in seen.said
        assert not done
        await seen.type("backup/old")
        await seen.press("enter")
        await seen.until_said("backup/old is the peer nas-c's now; its next run can go on from it.")
    assert done == [seen_there]


async def test_nobody_and_unreadable_keys_are_sentences(console: Opener) -> None:
    services = box()
    services.fake_keys.let_in = []
    async with console(services, section="replication") as seen:
        await seen.until_text("nas-b")
        await seen.press("A")
        await seen.until_text("No other box may come in here.")
        services.fake_keys.failure = UnreachableError("The keys cannot be read.", "Ask an administrator.")
        await seen.press("A")
        await seen.until_text("The keys cannot be read. Ask an administrator.")


# -- what every one of the new dialogs is held to --------------------------------------------------------------

DIALOGS = {
    "ways out": ("m",),
    "which way": ("m", "m"),
    "roll back": ("m", "m", "down", "enter"),
    "compare": ("c",),
    "verify": ("v",),
    "prune": ("D",),
    "prune, typed": ("D", "D"),
    "what it copies": ("o", "enter", "enter", "enter", "enter", "right", "enter"),
    "more choices": ("a", "enter", "enter", "plus"),
    "who may come in": ("A",),
    "shut out": ("A", "enter", "enter"),
    "by line": ("i",),
    "offer": ("i", "enter", "a", "enter", "enter"),
    "syncoid": ("I",),
    "new host key": ("h",),
    "rights": ("n", "a", "enter", "b", "enter", "enter", "enter", "enter", "right", "enter"),
    "new key": ("t", "W"),
    "peer": ("t", "enter"),
    "who is told": ("M",),
}


@pytest.mark.parametrize("size", [(80, 24), (60, 15)], ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("dialog", DIALOGS)
async def test_every_new_dialog_fits_and_can_be_left(console: Opener, dialog: str, size: tuple[int, int]) -> None:
    services = box()
    services.fake_replication.shown_key = NEW
    services.fake_replication.in_conflict = [diverged()]
    services.fake_replication.compared = compared(good=False)
    services.fake_zfs.pool_list = services.fake_zfs.pool_list[:1]
    async with console(services, size=size, section="replication", profile=MONO) as seen:
        await seen.until_text("home is in time")
        for key in DIALOGS[dialog]:
            await seen.press(key)
        await seen.until(lambda: len(seen.app.screen_stack) > 1)
        await seen.settle()
        assert all(len(line) <= size[0] for line in seen.lines)
        focused = seen.app.focused
        assert focused is not None
        assert focused.region.height == 1 or focused.region.height > 2, "what has the keys is seen"
        assert 0 <= focused.region.y < size[1]
        assert seen.app.screen.query_one("#box").region.bottom <= size[1]
        if size == (80, 24):
            assert "[ Cancel ]" in seen.text or "[ Close ]" in seen.text
        for _ in range(4):  # one step back each
            if len(seen.app.screen_stack) > 1:
                await seen.press("escape")
        await seen.until(lambda: len(seen.app.screen_stack) == 1)
    assert not [call for call in services.fake_keys.calls if call[0] != "offer"]
