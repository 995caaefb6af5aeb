"""Notification channels made by the helper: written whole, read back, nothing of root's touched, no secret told.

What they stand on is in notify_box.py.
"""

from __future__ import annotations

import errno
import fcntl
import functools
import grp
import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dplane_tui.services.notify.config import parse
from dplane_tui.services.notify.model import EVENTS
from privhelper import channels, notifying
from privhelper.alone import alone
from privhelper.failure import CODES, Failure
from privhelper.request import Refused, role_needed
from privhelper.request import parse as parsed
from privhelper.verbs import BY_NAME

from .notify_box import GROUP, NOBODY, Box, needs_root
from .notify_servers import web

PASSWORD, TOPIC, TOKEN = "correct horse 1", "/nas-of-ann-7f3k29", "tk_veryprivate"
MAIL: dict[str, Any] = {
    "verb": "notify-mail",
    "channel": "ann",
    "server": "smtp.example.org",
    "from": "nas@example.org",
    "to": ["ann@example.org"],
    "user": "nas",
}
PHONE: dict[str, Any] = {"verb": "notify-web", "channel": "phone", "kind": "ntfy", "site": "https://ntfy.example.org"}


def channels_in(folder: Path) -> list[str]:
    """The files of a folder of channels, but its lock."""
    return [name for name in os.listdir(folder) if name != notifying.LOCK]


def secret_of(folder: Path, name: str) -> Path:
    """The one file of a channel's secret, whose name begins with the channel's."""
    (found,) = folder.glob(f"{name}@*.secret")
    return found


@pytest.fixture
def box(tmp_path: Path) -> Box:
    return Box(tmp_path)


def test_a_mail_is_made_read_back_and_understood(box: Box) -> None:
    status, answer = box.set({**MAIL, "port": 2525, "events": ["failed", "late"], "tasks": ["photos"]}, PASSWORD)
    assert (status, answer["channel"], answer["replaced"]) == (0, "ann", False)
    config = parse((box.made / "ann.toml").read_text())
    (channel,) = config.channels
    assert not config.problems
    assert (channel.kind, channel.server, channel.port, channel.user) == ("mail", "smtp.example.org", 2525, "nas")
    assert (channel.events, channel.tasks, channel.to) == (("failed", "late"), ("photos",), ("ann@example.org",))
    secret = secret_of(box.made, "ann")
    assert channel.password_file == str(secret)
    assert Path(channel.password_file).read_text() == f"{PASSWORD}\n"
    assert box.made.stat().st_mode & 0o7777 == 0o750
    for name in ("ann.toml", secret.name):
        found = (box.made / name).stat()
        assert (found.st_mode & 0o7777, found.st_uid, found.st_gid) == (0o640, os.geteuid(), grp.getgrnam(GROUP).gr_gid)
    assert sorted(channels_in(box.made)) == ["ann.toml", secret.name]


@needs_root
def test_no_secret_is_in_the_log_an_answer_or_an_argument(box: Box) -> None:
    said = [box.set(MAIL, PASSWORD), box.set({**PHONE, "with_token": True}, TOPIC, TOKEN), box.set(PHONE, TOPIC)]
    said += [box.set({**PHONE, "channel": "b", "url": TOPIC}), box.set({**PHONE, "channel": "c"}, f"{TOPIC} x")]
    assert [status for status, _ in said] == [0, 0, 2, 2, 2]
    box.set({"verb": "notify-list"})
    told = box.everything() + json.dumps(said)
    for secret in (PASSWORD, TOPIC, TOKEN):
        assert secret.strip("/") not in told
    last = next(line for line in box.audit() if line.get("verb") == "notify-web" and line["phase"] == "done")
    assert (last["args"]["site"], last["code"]) == ("https://ntfy.example.org", 0), "where it leads is in the log"


def test_one_is_replaced_only_if_asked_for_and_an_old_secret_goes(box: Box) -> None:
    assert box.set({**PHONE, "with_token": True}, TOPIC, TOKEN)[0] == 0
    status, answer = box.set(PHONE, "/other")
    assert (status, answer["error"]["code"]) == (CODES["refused"], "refused")
    assert "already" in answer["error"]["message"]
    assert box.set({**PHONE, "replace": True}, "/other")[1]["replaced"] is True
    assert channels_in(box.made) == ["phone.toml"]
    assert "https://ntfy.example.org/other" in (box.made / "phone.toml").read_text()


def test_notify_toml_is_its_owners(box: Box) -> None:
    own = '[channel.phone]\nkind = "ntfy"\nurl = "https://ntfy.example.org/mine"\n'
    (box.config / "notify.toml").write_text(own)
    status, answer = box.set(PHONE, TOPIC)
    assert (status, "that one counts" in answer["error"]["message"]) == (2, True)
    status, answer = box.ask("notify-remove", channel="phone")
    assert (status, "its owner's" in answer["error"]["message"]) == (CODES["changed"], True)
    assert box.set({**PHONE, "channel": "other"}, TOPIC)[0] == 0
    assert box.ask("notify-remove", channel="phone")[0] == CODES["changed"]
    assert (box.config / "notify.toml").read_text() == own
    assert sorted(channels_in(box.made)) == ["other.toml"]


def test_removing_takes_the_secret_along_and_once(box: Box) -> None:
    assert box.ask("notify-remove", channel="ann")[0] == CODES["changed"]
    assert not box.made.exists(), "looking for one makes nothing"
    box.set(MAIL, PASSWORD)
    assert box.ask("notify-remove", channel="ann") == (0, {"ok": True, "verb": "notify-remove", "channel": "ann"})
    assert channels_in(box.made) == []
    assert box.ask("notify-remove", channel="ann")[0] == CODES["changed"]


@pytest.mark.parametrize(
    ("request_", "lines", "said"),
    [
        (MAIL, (), "password must be"),
        (MAIL, ("pass\tword",), "plain characters"),
        (MAIL, ("p\u00e4ss",), "plain characters"),
        (MAIL, ("x" * 600,), "1 to 512"),
        ({**MAIL, "security": "none"}, (PASSWORD,), "travel readable"),
        ({**MAIL, "to": []}, (PASSWORD,), "list of 1 to 20"),
        ({**MAIL, "to": ["ann@x\nBcc: b@c"]}, (PASSWORD,), "no mail address"),
        ({**MAIL, "channel": "../../../etc/cron.d/x"}, (PASSWORD,), "must start with"),
        ({**MAIL, "password_file": "/etc/shadow"}, (PASSWORD,), "takes no argument"),
        ({**MAIL, "ca_file": "/etc/shadow"}, (PASSWORD,), "takes no argument"),
        ({**MAIL, "events": ["every"]}, (PASSWORD,), "is none of"),
        (PHONE, ("/",), "names no topic"),
        (PHONE, (".evil.example/x",), "a / behind its host"),
        (PHONE, ("@evil.example/x",), "holds a user"),
        (PHONE, (":1@evil.example/x",), "holds a user"),
        (PHONE, ("/a b",), "spells as %XX"),
        (PHONE, ("/a#b",), "# part"),
        (PHONE, ("/" + "a" * 490,), "longer than 500"),
        ({**PHONE, "with_token": True}, (TOPIC,), "token must be"),
        ({**PHONE, "site": "http://ntfy.example.org"}, (TOPIC,), "only for this box itself"),
        ({**PHONE, "site": "https://u:p@ntfy.example.org"}, (TOPIC,), "site must be"),
        ({**PHONE, "site": "file:///etc"}, (TOPIC,), "site must be"),
        ({**PHONE, "kind": "ping", "with_token": True}, (TOPIC, TOKEN), "neither events nor a token"),
    ],
)
def test_what_is_refused_leaves_nothing(box: Box, request_: dict[str, Any], lines: tuple[str, ...], said: str) -> None:
    status, answer = box.set(request_, *lines)
    assert (status, answer["error"]["code"]) == (CODES["refused"], "refused")
    assert said in answer["error"]["message"]
    assert not box.made.exists()


def test_there_is_an_end_to_channels(box: Box) -> None:
    box.set(PHONE, TOPIC)
    for number in range(channels.MOST - 1):
        (box.made / f"c{number}.toml").touch()
    status, answer = box.set({**PHONE, "channel": "more"}, TOPIC)
    assert (status, "remove one first" in answer["error"]["message"]) == (2, True)
    assert box.set({**PHONE, "replace": True}, TOPIC)[0] == 0


def test_whoever_is_no_administrator_is_told_so(box: Box) -> None:
    for verb in ("notify-mail", "notify-web", "notify-remove", "notify-list", "notify-test"):
        every = {arg.name: arg.example for arg in BY_NAME[verb].args}
        assert role_needed(*parsed(json.dumps({"verb": verb, **every}).encode())) == "admin"
    status, answer = box.set(MAIL, PASSWORD, env={**os.environ, "SUDO_UID": "65534"})
    assert (status, answer["error"]["code"]) == (CODES["role"], "role")
    assert "notify-mail needs the role admin (group dplane-admin)" in answer["error"]["message"]
    assert not box.made.exists()


# -- hostile folders -------------------------------------------------------------------------------------------------


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The helper's functions on a folder of the test's own."""
    (tmp_path / "etc").mkdir(mode=0o755)
    monkeypatch.setattr(notifying, "CONFIG_DIR", str(tmp_path / "etc"))
    monkeypatch.setattr(notifying, "OWNER_UID", os.getuid())
    monkeypatch.setattr(notifying, "SERVICE_GROUP", GROUP)
    monkeypatch.setattr(notifying, "_line", lambda what: {"address": TOPIC, "token": TOKEN}.get(what, PASSWORD))
    return tmp_path / "etc"


def make(**more: Any) -> dict[str, object]:
    return notifying.change("notify-web", {**PHONE, "with_token": True, **more})


def test_a_link_in_place_of_the_folder(here: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (here / "notify.d").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Failure, match="cannot be changed"):
        make()
    assert os.listdir(tmp_path / "elsewhere") == []


@pytest.mark.parametrize("mode", [0o770, 0o757])
def test_a_folder_that_others_can_write(here: Path, mode: int) -> None:
    (here / "notify.d").mkdir()
    (here / "notify.d").chmod(mode)
    with pytest.raises(Failure, match="does not belong to root alone"):
        make()
    (here / "notify.d").chmod(0o750)
    here.chmod(0o777)
    with pytest.raises(Failure, match="does not belong to root alone"):
        make()
    assert channels_in(here / "notify.d") == []


def test_who_may_only_read_the_folder_holds_nobody_up(here: Path) -> None:
    make()
    folder = os.open(here / "notify.d", os.O_RDONLY)
    fcntl.flock(folder, fcntl.LOCK_EX)  # as anybody could who can open it
    try:
        make(replace=True)
    finally:
        os.close(folder)
    assert (here / "notify.d" / notifying.LOCK).stat().st_mode & 0o777 == 0o600


def test_a_change_at_work_is_waited_for_within_a_limit_and_named(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make()
    monkeypatch.setattr("privhelper.notifying.alone", functools.partial(alone, limit=0.01))
    other = os.open(here / "notify.d" / notifying.LOCK, os.O_RDWR)
    fcntl.flock(other, fcntl.LOCK_EX)
    try:
        with pytest.raises(Failure, match=r"has held the lock .*/notify\.d/lock since"):
            make(replace=True)
    finally:
        os.close(other)


def test_a_folder_of_somebody_else(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (here / "notify.d").mkdir(0o750)
    monkeypatch.setattr(notifying, "OWNER_UID", os.getuid() + 1)
    with pytest.raises(Failure, match="does not belong to root alone"):
        make()


def test_links_in_place_of_the_files_are_replaced_not_followed(
    here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "urandom", bytes)  # the same name each time
    secret = f"phone@{bytes(4).hex()}.secret"
    make()
    precious = tmp_path / "shadow"
    precious.write_text("root:x")
    for name in ("phone.toml", secret, "phone.secret", ".phone.toml.new", f".{secret}.new"):
        (here / "notify.d" / name).unlink(missing_ok=True)
        (here / "notify.d" / name).symlink_to(precious)
    make(replace=True)
    assert precious.read_text() == "root:x"
    assert not any(path.is_symlink() for path in (here / "notify.d").iterdir())
    assert (here / "notify.d" / secret).read_text() == f"{TOKEN}\n"
    for name in ("phone.toml", secret):
        (here / "notify.d" / name).unlink()
        (here / "notify.d" / name).symlink_to(precious)
    notifying.change("notify-remove", {"channel": "phone"})
    assert precious.read_text() == "root:x"
    assert channels_in(here / "notify.d") == []


def _token(folder: Path) -> str:
    """The token that is sent to the address which stands in the channel's file."""
    (channel,) = parse((folder / "phone.toml").read_text()).channels
    return Path(channel.token_file).read_text().strip()


def test_a_new_secret_never_stands_beside_the_old_address(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make()
    folder, seen = here / "notify.d", []
    rename = os.rename

    def watched(source: str, target: str, **places: int) -> None:
        if target.endswith(".toml"):
            seen.append(_token(folder))
            raise OSError(errno.ENOSPC, "No space left on device")
        rename(source, target, **places)
        seen.append(_token(folder))

    monkeypatch.setattr(os, "rename", watched)
    monkeypatch.setattr(notifying, "_line", {"address": "/elsewhere", "token": "for-elsewhere"}.__getitem__)
    before = sorted(channels_in(folder))
    with pytest.raises(Failure, match="No space left"):
        make(replace=True, site="https://elsewhere.example")
    assert seen == [TOKEN, TOKEN]
    assert sorted(channels_in(folder)) == before, "nothing of what was not to be is left"
    monkeypatch.setattr(os, "rename", rename)
    make(replace=True, site="https://elsewhere.example")
    assert _token(folder) == "for-elsewhere"
    assert len(channels_in(folder)) == 2


@pytest.mark.parametrize("act", ["set", "remove"])
def test_what_an_ended_helper_or_the_release_before_left_goes_and_nothing_else(here: Path, act: str) -> None:
    make()
    make(channel="phone.x")
    (folder, others) = (here / "notify.d", [*(here / "notify.d").glob("phone.x*"), here / "notify.d/lock"])
    others += [folder / name for name in ("phones@01234567.secret", "phones.secret", "pho.secret")]
    left = [folder / name for name in ("phone.secret", "phone@01234567.secret", ".phone@89abcdef.secret.new")]
    left.append(folder / ".phone.toml.new")
    for path in (*others, *left):
        path.touch()
    if act == "set":
        make(replace=True)
        others += [folder / "phone.toml", secret_of(folder, "phone")]
    else:
        notifying.change("notify-remove", {"channel": "phone"})
    assert sorted(folder.iterdir()) == sorted(others)


def test_a_secret_of_the_release_before_is_read_until_it_is_replaced(here: Path) -> None:
    make()
    make(channel="other")
    folder = here / "notify.d"
    now = secret_of(folder, "phone")
    (folder / "phone.toml").write_text((folder / "phone.toml").read_text().replace(now.name, "phone.secret"))
    now.rename(folder / "phone.secret")
    make(channel="other", replace=True)
    assert _token(folder) == TOKEN
    make(replace=True)
    assert (_token(folder), (folder / "phone.secret").exists()) == (TOKEN, False)


def test_what_is_not_as_it_was_written_is_no_success(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = notifying._write

    def meddling(place: int, name: str, data: bytes, group: int) -> None:
        honest(place, name, data, group)
        if name.endswith(".secret"):
            (here / "notify.d" / name).chmod(0o644)

    monkeypatch.setattr(notifying, "_write", meddling)
    with pytest.raises(Failure, match="is not what was written"):
        make()


# -- one rule --------------------------------------------------------------------------------------------------------

_hosts = st.one_of(
    st.sampled_from(["localhost", "127.0.0.1", "[::1]", "a.b", "[2001:db8::1]"]), st.from_regex(r"\A[a-z0-9.-]{1,20}\Z")
)
_events = st.lists(st.sampled_from([*channels.EVENTS, "x"]), max_size=4)
_names = st.one_of(st.sampled_from(["photos", "a.b", "x-1"]), st.text(max_size=8))
_ascii = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7F), max_size=40)
_shared = {"channel": _names, "events": _events, "tasks": st.lists(_names, max_size=3)}
_mails = st.one_of(st.sampled_from(["root", "ann@example.org", "a'b@c", '"x"@y', "a\\b@c"]), st.text(max_size=20))


@given(
    st.fixed_dictionaries(
        {"channel": _names, "kind": st.sampled_from(["ntfy", "webhook", "ping"]),
         "site": st.builds(lambda scheme, host, port: f"{scheme}{host}{port}", st.sampled_from(["https://", "http://"]),
                           _hosts, st.sampled_from(["", ":8443", ":0", ":99999", "/", "?", ":"]))},
        optional={"events": _events, "tasks": _shared["tasks"], "with_token": st.booleans()},
    ),
    st.one_of(_ascii.map("/".__add__), st.text(max_size=20)),
)  # fmt: skip
def test_whatever_address_the_helper_takes_is_a_channel_without_problems(args: dict[str, Any], rest: str) -> None:
    _hold_together("notify-web", args, f"{args['site']}{rest}")


@given(
    st.fixed_dictionaries(
        {"channel": _names, "server": st.one_of(_hosts, st.text(max_size=10)), "from": _mails,
         "to": st.lists(_mails, max_size=3)},
        optional={"user": st.text(max_size=10), "port": st.integers(-1, 70000), "events": _events,
                  "security": st.sampled_from(["starttls", "tls", "none", "ssl"]), "tasks": _shared["tasks"]},
    )
)  # fmt: skip
def test_whatever_mail_the_helper_takes_is_a_channel_without_problems(args: dict[str, Any]) -> None:
    _hold_together("notify-mail", args, "")


def _hold_together(verb: str, args: dict[str, Any], url: str) -> None:
    try:
        _, checked = parsed(json.dumps({"verb": verb, **args}).encode())
    except Refused:
        return
    if url and (channels.url_problem(url, args["kind"]) or notifying._elsewhere(url, args["site"])):
        return
    config = parse(notifying.content(verb, checked, url, "x@01234567.secret"))
    assert config.problems == ()
    (channel,) = config.channels
    assert channel.name == args["channel"]
    assert channel.url == url
    assert channel.to == tuple(args.get("to", ()))
    assert channel.tasks == tuple(args.get("tasks", ()))
    if "events" in args:
        assert channel.events == tuple(args["events"])


def test_the_events_are_the_same_on_both_sides() -> None:
    assert tuple(EVENTS) == channels.EVENTS
    assert {"mail", channels.NTFY, channels.WEBHOOK, channels.PING} == {"mail", "ntfy", "webhook", "ping"}


# -- the real program ------------------------------------------------------------------------------------------------


@needs_root
def test_a_test_goes_to_a_real_server_and_its_own_words_come_back(box: Box) -> None:
    with web() as server:
        box.set({**PHONE, "site": server.url, "with_token": True}, TOPIC, TOKEN)
        status, answer = box.ask("notify-list")
        assert status == 0, answer
        told = json.loads(answer["stdout"])["data"]["channels"]
        assert [(one["name"], one["kind"], one["made"]) for one in told] == [("phone", "ntfy", True)]
        assert TOPIC not in answer["stdout"]
        status, answer = box.ask("notify-test", channel="phone")
        assert (status, answer["status"]) == (0, 0)
        (delivery,) = json.loads(answer["stdout"])["data"]
        assert (delivery["accepted"], delivery["answer"]) == (True, 'HTTP 200 OK: {"id":"xyz"}')
        (request,) = server.requests
        assert (request.path, request.headers["Authorization"]) == (TOPIC, f"Bearer {TOKEN}")
        server.answers[:] = [403]
        status, answer = box.ask("notify-test")
        assert (status, answer["status"]) == (0, 1)
        (delivery,) = json.loads(answer["stdout"])["data"]
        assert (delivery["accepted"], delivery["answer"][:8]) == (False, "HTTP 403")


@needs_root
def test_it_runs_as_another_user_without_a_terminal(box: Box) -> None:
    assert box.ask("notify-list")[0] == 0
    status = dict(line.partition(":")[::2] for line in (box.root / "run/status").read_text().splitlines())
    assert status["Uid"].split() == [str(NOBODY[0])] * 4
    assert status["Gid"].split() == [str(NOBODY[1])] * 4
    assert set(status["Groups"].split()) <= {str(NOBODY[1])}
    assert int(status["CapEff"], 16) == int(status["CapPrm"], 16) == 0
    assert status["NSsid"].split() == status["NSpgid"].split(), "a session of its own"


@needs_root
def test_a_program_that_does_not_answer_is_told_and_nothing_called_sent(box: Box) -> None:
    program = box.root / "releases/1/bin/dplane"
    program.write_text("#!/bin/sh\necho 'no such interpreter' >&2; exit 3\n")
    status, answer = box.ask("notify-test", channel="phone")
    assert (status, answer["ok"]) == (CODES["failed"], False)
    assert "no such interpreter" in answer["error"]["message"]
    program.unlink()
    status, answer = box.ask("notify-test", channel="phone")
    assert (status, "cannot be started" in answer["error"]["message"]) == (CODES["failed"], True)


@needs_root
def test_a_helper_outside_a_release_starts_nothing(box: Box) -> None:
    box.file = box.file.rename(box.root / "privhelper")
    status, answer = box.ask("notify-list")
    assert status == CODES["failed"]
    assert "not in a release" in answer["error"]["message"]
