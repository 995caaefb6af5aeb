"""Channels made, tried and removed from the list of who is told: nothing is called accepted that no server accepted."""

from __future__ import annotations

import pytest

from dplane_tui.errors import CommandError, NotAllowedError, RefusedError
from dplane_tui.screens.notified_acts import in_words
from dplane_tui.screens.notified_new import fields, wanted
from dplane_tui.services.notify.listed import Listing
from dplane_tui.services.notify.model import ChannelState, Delivery, Status
from dplane_tui.services.notify.wanted import KINDS, check
from tests.console.conftest import MONO, Opener, Seen
from tests.console.fakes import FakeServices

ADMIN, OPERATE, VIEW = (f"dplane-{role}" for role in ("admin", "operate", "view"))


def closed(role: str = ADMIN) -> FakeServices:
    """Of an account that may not read the configuration itself, as nobody but root and the service may."""
    services = FakeServices()
    services.host.groups = f"owner {role}"  # type: ignore[attr-defined]  # a fake
    services.told = Status((ChannelState("phone", 1.0, True, "HTTP 200 OK", "nas-a: a test", 1.0),), readable=False)
    return services


async def opened(seen: Seen) -> None:
    await seen.until_text("vault")
    await seen.press("M")
    await seen.until_text("Who is told of alarms")


@pytest.mark.parametrize("size", [(80, 24), (60, 18)])
async def test_an_administrator_sees_every_channel_and_which_were_made_here(
    console: Opener, size: tuple[int, int]
) -> None:
    async with console(closed(), size=size, profile=MONO) as seen:
        await opened(seen)
        await seen.until_said("Channels: 2")
        said = seen.said
        assert "ann: nothing was sent on it yet" in said
        assert "mail, ann@example.org by smtp.example.org:587; in notify.toml" in said
        assert "phone: accepted" in said
        assert "ntfy, https://ntfy.sh/…; made here" in said
        assert "n new channel   e test   d remove" in seen.text


@pytest.mark.parametrize("role", [OPERATE, VIEW])
@pytest.mark.parametrize("key", ["n", "e", "d"])
async def test_others_are_told_in_a_sentence_that_they_may_not(console: Opener, role: str, key: str) -> None:
    services = closed(role)
    async with console(services) as seen:
        await opened(seen)
        assert "n new channel" not in seen.text
        await seen.press(key)
        word = role.removeprefix("dplane-")
        await seen.until_said(f"Channels are made, tried and removed by the role admin; this account has {word}.")
        assert services.fake_channels.calls == []


async def test_a_read_only_console_changes_nobody(console: Opener) -> None:
    services = closed()
    async with console(services, read_only=True) as seen:
        await opened(seen)
        await seen.press("e")
        await seen.until_said("who is told")
        assert [call[0] for call in services.fake_channels.calls if call[0] != "list"] == []


async def test_what_the_door_does_not_tell_is_not_called_none(console: Opener) -> None:
    services = closed()
    services.fake_channels.failure = CommandError("The privileged helper ended with status 1 and no answer.")
    async with console(services) as seen:
        await opened(seen)
        await seen.until_said("The privileged helper ended with status 1")
        assert "Nobody is told anything" not in seen.text
        assert "This account may not read which there are" in seen.said


async def test_a_test_shows_the_servers_own_words(console: Opener) -> None:
    services = closed()
    async with console(services, profile=MONO) as seen:
        await opened(seen)
        await seen.press("e")
        await seen.until_text("Send a test: to which channel?")
        await seen.press("down", "enter")
        await seen.until_said("phone: accepted by its server: HTTP 200 OK")
        services.fake_channels.answer = Delivery("", False, "HTTP 403 Forbid\x1b[2Jden.")
        await seen.press("e")
        await seen.until_text("to which channel?")
        await seen.press("enter")
        await seen.until_said("ann: NOT ACCEPTED: HTTP 403 Forbid")
        assert "\x1b" not in seen.text
    assert [call for call in services.fake_channels.calls if call[0] == "test"] == [("test", "phone"), ("test", "ann")]


async def test_a_channel_is_made_and_a_test_of_it_offered(console: Opener) -> None:
    services = closed()
    async with console(services) as seen:
        await opened(seen)
        await seen.press("n")
        await seen.until_text("A new channel: of which kind?")
        await seen.press("down", "enter")
        await seen.until_text("A new channel: ntfy")
        await seen.type("attic")
        await seen.press("enter")
        await seen.type("https://ntfy.sh")
        await seen.press("enter")
        await seen.type("tk_1")
        assert "tk_1" not in seen.text
        await seen.press("enter", "enter", "enter", "enter")
        await seen.until_said("The address names no topic")
        await seen.press("up", "up", "up", "up", "up")
        await seen.type("/x7")
        await seen.press("enter", "enter", "enter", "enter", "enter")
        await seen.until_text("Send a test to attic now?")
        assert "Whether anything arrives, only a test shows." in seen.said
        await seen.press("right", "enter")
        await seen.until_said("attic: accepted by its server: HTTP 200 OK")
    (made,) = [call[1] for call in services.fake_channels.calls if call[0] == "add"]
    assert (made.kind, made.name, made.url, made.secret) == ("ntfy", "attic", "https://ntfy.sh/x7", "tk_1")
    assert (made.events, made.tasks, made.replace) == ((), (), False)
    assert services.fake_channels.calls[-2:] == [("test", "attic"), ("list",)]


async def test_without_a_test_it_is_not_called_tried(console: Opener) -> None:
    services = closed()
    async with console(services) as seen:
        await opened(seen)
        await seen.press("n")
        await seen.until_text("of which kind?")
        await seen.press("G", "enter")
        await seen.until_text("A new channel: ping")
        await seen.type("hc")
        await seen.press("enter")
        await seen.type("https://hc.example/u")
        await seen.press("enter")
        await seen.type("photos")
        await seen.press("enter", "enter")
        await seen.until_text("Send a test to hc now?")
        await seen.press("enter")  # Cancel
        await seen.until_said("hc is set up and was not tried yet: e sends a test.")
    (made,) = [call[1] for call in services.fake_channels.calls if call[0] == "add"]
    assert (made.kind, made.tasks) == ("ping", ("photos",))
    assert not any(call[0] == "test" for call in services.fake_channels.calls)


async def test_one_of_a_name_is_replaced_only_after_a_question(console: Opener) -> None:
    services = closed()
    async with console(services) as seen:
        await opened(seen)
        for name, ended in (("phone", "Replace phone?"), ("ann", "ann stands in /etc/dplane/notify.toml already")):
            await seen.press("n")
            await seen.until_text("of which kind?")
            await seen.press("down", "enter")
            await seen.until_text("A new channel: ntfy")
            await seen.type(name)
            await seen.press("enter")
            await seen.type("https://ntfy.sh/x7")
            await seen.press("enter", "enter", "enter", "enter", "enter")
            await seen.until_said(ended)
            if name == "phone":
                await seen.press("right", "enter")
                await seen.until_text("Send a test to phone now?")
                await seen.press("escape")
                await seen.until_said("phone is set up and was not tried yet")
    (made,) = [call[1] for call in services.fake_channels.calls if call[0] == "add"]
    assert (made.name, made.replace) == ("phone", True)


async def test_removing_says_what_goes_and_cancel_has_the_cursor(console: Opener) -> None:
    services = closed()
    async with console(services) as seen:
        await opened(seen)
        for answer in (("enter",), ("right", "enter")):
            await seen.press("d")
            await seen.until_text("Remove: which channel?")
            assert "ann" not in seen.lines[seen.lines.index(next(x for x in seen.lines if "CHANNEL" in x)) + 1]
            await seen.press("enter")
            await seen.until_text("Remove phone (ntfy)?")
            assert "Its address, password and token are deleted from nas-a" in seen.said
            await seen.press(*answer)
            await seen.until_text("Channels:")
        await seen.until_said("phone is removed; nothing is sent there any more.")
        await seen.press("d")
        await seen.until_said("No channel was made here; those in /etc/dplane/notify.toml")
        services.fake_channels.listing = Listing()
        await seen.press("escape", "M")
        await seen.until_said("Nobody is told anything")
        await seen.press("e")
        await seen.until_said("There is no channel yet: n makes one.")
    assert [call for call in services.fake_channels.calls if call[0] == "remove"] == [("remove", "phone")]
    kinds = [entry.text for entry in seen.app.log_book.entries if "remove the channel" in entry.text]
    assert kinds == ["opened, cancelled: remove the channel: phone", "remove the channel: phone"]


async def test_an_error_of_the_door_is_a_sentence_and_the_list_stays(console: Opener) -> None:
    services = closed()
    async with console(services) as seen:
        await opened(seen)
        services.fake_channels.failure = NotAllowedError("sudo does not let this user through the D-Plane door.")
        services.told = Status()
        await seen.press("e")
        await seen.until_text("to which channel?")
        await seen.press("enter")
        await seen.until_said("sudo does not let this user through")
        assert "Who is told of alarms" in seen.text


def test_words_for_what_a_server_said() -> None:
    assert in_words(Delivery("a", True, "250 ok")) == ("a: accepted by its server: 250 ok", "good")
    assert in_words(Delivery("a", True, "250 ok; refused for b", part=True))[1] == "warn"
    assert in_words(Delivery("a", False, "no"))[1] == "bad"


@pytest.mark.parametrize("kind", KINDS)
def test_the_fields_make_a_channel(kind: str) -> None:
    given = {"name": " a ", "url": "https://x.example/t", "server": "smtp.example.org", "security": "tls", "port": "",
             "from": "nas@x.example", "to": "a@x.example  b@x.example", "user": "nas", "secret": "pw ", "tasks": "",
             "events": "failed late"}  # fmt: skip
    asked = {str(field.id): given[str(field.id)] for field in fields(kind)}
    made = wanted(kind, asked)
    check(made)
    assert made.name == "a"
    assert made.secret == ("pw " if kind != "ping" else "")
    if kind == "mail":
        assert (made.to, made.port, made.security) == (("a@x.example", "b@x.example"), None, "tls")
        with pytest.raises(RefusedError, match="port"):
            wanted(kind, {**asked, "port": "x"})
