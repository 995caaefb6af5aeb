"""notify.toml: what makes no sense is told by name and left out, and the rest works."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dplane_tui import paths
from dplane_tui.errors import CommandError, NotAllowedError
from dplane_tui.services.notify.config import Config, parse
from dplane_tui.services.notify.model import DEFAULT_EVENTS, EVENTS
from dplane_tui.services.notify.read import MADE_LIMIT, SIZE_LIMIT, load
from privhelper.channels import DIRECTORY, MOST

ROOT = Path(__file__).parents[2]
MAIL = """
[channel.ann]
kind = "mail"
server = "smtp.example.org"
from = "nas@example.org"
to = "ann@example.org"
"""
NTFY = '[channel.phone]\nkind = "ntfy"\nurl = "https://ntfy.example.org/topic"\n'
PING = '[channel.hc]\nkind = "ping"\nurl = "https://hc.example.org/uuid"\n'


def test_a_mail_and_its_defaults() -> None:
    config = parse(MAIL)
    (ann,) = config.channels
    assert not config.problems
    assert (ann.port, ann.security, ann.to, ann.events) == (587, "starttls", ("ann@example.org",), DEFAULT_EVENTS)
    assert config.remind == 86400.0
    assert parse(MAIL + 'security = "tls"').channels[0].port == 465
    assert parse(f"remind_hours = 0\n{MAIL}").remind is None


def test_events_and_tasks_choose() -> None:
    (phone,) = parse(NTFY + 'events = ["failed", "recovered"]\ntasks = ["photos"]').channels
    assert phone.wants("failed", "photos")
    assert not phone.wants("failed", "music")
    assert not phone.wants("late", "photos")
    assert not phone.wants("pool")
    (everything,) = parse(NTFY).channels
    assert everything.wants("late", "music")
    assert everything.wants("pool")
    assert not everything.wants("started", "music")
    (ping,) = parse(PING + 'task = "photos"').channels
    assert (ping.tasks, ping.events) == (("photos",), ())


@pytest.mark.parametrize(
    ("added", "said"),
    [
        (NTFY + 'urll = "x"', "“urll” is no setting that is known here (did you mean url?)"),
        (NTFY + 'password = "x"', "“password” is no setting"),
        ('[channel.a]\nkind = "pigeon"', "“kind” is to be one of mail, webhook, ntfy, ping"),
        ('[channel.a]\nkind = "ntfy"', "“url” is missing"),
        (NTFY.replace("https", "ftp"), "begins with https://"),
        (NTFY.replace("https", "file"), "begins with https://"),
        (NTFY.replace("/topic", ""), "names no topic"),
        (NTFY.replace("https://", "https://user:pw@"), "belongs in a token"),
        (NTFY.replace("org/", "org:99999/"), "is no address"),
        (NTFY.replace("topic", "to pic"), "%XX"),
        (NTFY.replace("topic", "to\\r\\npic"), "not a plain text"),
        (NTFY.replace("https", "http") + 'token_file = "/x"', "would travel readable"),
        (NTFY + 'token_file = "x"', "a full path"),
        (NTFY + 'events = ["lat"]', "“lat” is no event"),
        (NTFY + "events = []", "never be told anything"),
        (NTFY + 'tasks = ["a b"]', "the task's name"),
        (NTFY + 'tasks = [["a"]]', "not a list of texts"),
        (PING + 'events = ["late"]', "“events” is no setting"),
        (MAIL.replace('"ann@', '"Ann <ann@'), "is no mail address"),
        (MAIL.replace("ann@example.org", "a@b.c\\r\\nBcc: x@y.z"), "is no mail address"),
        (MAIL.replace('to = "ann@example.org"', "to = []"), "names nobody"),
        (MAIL + 'user = "nas"', "come together"),
        (MAIL + 'security = "none"\nuser = "nas"\npassword_file = "/p"', "would travel readable"),
        (MAIL + "port = 0", "from 1 to 65535"),
        (MAIL + "port = true", "from 1 to 65535"),
        (MAIL + 'security = "ssl"', "starttls, tls, none"),
        (MAIL.replace("smtp.example.org", "smtp example"), "name or address of a host"),
        ('[channel."a b"]\nkind = "ntfy"', "its name"),
        ("channel = 7", "[channel.NAME]"),
        ("[channel]\na = 7", "[channel.NAME]"),
        ("remind_hours = -1", "“remind_hours”"),
        ('remind = "24h"', "“remind” is no setting that is known here (did you mean remind_hours?)"),
        ('name = "a\\nb"', "“name”"),
    ],
)
def test_a_mistake_is_named_and_the_other_channels_work(added: str, said: str) -> None:
    good = '[channel.good]\nkind = "webhook"\nurl = "https://example.org/hook"\n'
    config = parse(f"{added}\n{good}" if "channel = 7" not in added and "[channel]" not in added else added)
    (problem,) = config.problems
    assert said in problem
    assert problem.endswith(".")
    if "channel = 7" not in added and "[channel]" not in added:
        assert config.channels[-1].name == "good"


def test_a_local_mail_server_needs_no_tls() -> None:
    local = MAIL.replace("smtp.example.org", "localhost").replace("ann@example.org", "root")
    (channel,) = parse(local + 'security = "none"\nuser = "nas"\npassword_file = "/p"').channels
    assert (channel.to, channel.port) == (("root",), 25)
    assert parse(MAIL + 'security = "none"').channels, "without a password nothing secret travels"


@given(st.text(max_size=200))
def test_whatever_stands_there_is_understood_or_refused(text: str) -> None:
    try:
        config = parse(text)
    except ValueError:
        return
    assert not config.channels
    assert all(problem.isprintable() for problem in config.problems)


def test_files_that_cannot_be_used_are_told(tmp_path: Path) -> None:
    path = tmp_path / "notify.toml"
    assert load(path) == Config()
    path.write_text("[channel.x\n")
    with pytest.raises(CommandError, match=r"notify.toml cannot be understood: .*line 1"):
        load(path)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(CommandError, match="cannot be understood"):
        load(path)
    path.write_text("#" * (SIZE_LIMIT + 1))
    with pytest.raises(CommandError, match="larger than"):
        load(path)
    path.unlink()
    path.mkdir()
    with pytest.raises(CommandError, match="directory"):
        load(path)


def test_a_closed_file_says_who_may(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def closed(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", closed)  # root, who may run the tests, is refused nothing
    with pytest.raises(NotAllowedError, match=r"may not be read by this user.*group dplane"):
        load(tmp_path / "notify.toml")


def test_the_system_file_is_read_only_by_an_installed_release(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.delenv("DPLANE_CONFIG_DIR", raising=False)
    assert paths.notify_config() == tmp_path / "dplane" / "notify.toml"
    monkeypatch.setattr(paths, "release", lambda: Path("/opt/dplane/releases/1"))
    assert paths.notify_config() == Path("/etc/dplane/notify.toml")
    monkeypatch.setenv("DPLANE_CONFIG_DIR", "/elsewhere")
    assert paths.notify_config() == Path("/elsewhere/notify.toml")


def test_the_sample_that_is_installed_tells_nobody_and_is_right_when_uncommented() -> None:
    sample = (ROOT / "packaging" / "etc" / "notify.toml").read_text()
    assert parse(sample) == Config()
    lines = [line[1:] if re.match(r"#(\[channel|[a-z_]+ = )", line) else line for line in sample.splitlines()]
    config = parse("\n".join(lines))
    assert not config.problems
    assert {channel.kind for channel in config.channels} == {"mail", "webhook", "ntfy", "ping"}
    for event in EVENTS:
        assert event in sample


def test_the_page_for_owners_has_samples_that_are_right() -> None:
    page = (ROOT / "docs" / "notifications.md").read_text()
    blocks = re.findall(r"^```toml\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    assert len(blocks) >= 4
    kinds = set()
    for block in blocks:
        config = parse(block)
        assert not config.problems, block
        kinds |= {channel.kind for channel in config.channels}
    assert kinds == {"mail", "webhook", "ntfy", "ping"}
    for event in EVENTS:
        assert f"`{event}`" in page


def dropped(folder: Path, name: str, text: str) -> None:
    """A file as D-Plane makes one beside notify.toml."""
    (folder / DIRECTORY).mkdir(exist_ok=True)
    (folder / DIRECTORY / f"{name}.toml").write_text(text)


def test_channels_made_by_dplane_come_behind_those_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "notify.toml"
    dropped(tmp_path, "phone", NTFY)
    dropped(tmp_path, "hc", PING)
    (tmp_path / DIRECTORY / "phone.secret").write_text("x\n")
    (tmp_path / DIRECTORY / ".late.toml.new").write_text(MAIL)
    assert [one.name for one in load(path).channels] == ["hc", "phone"], "no notify.toml is needed for them"
    path.write_text(f'name = "attic"\nremind_hours = 1\n{MAIL}')
    config = load(path)
    assert [(one.name, one.made) for one in config.channels] == [("ann", False), ("hc", True), ("phone", True)]
    assert (config.name, config.remind, config.problems) == ("attic", 3600.0, ())


def test_of_two_of_one_name_that_of_the_file_counts_and_it_is_told(tmp_path: Path) -> None:
    path = tmp_path / "notify.toml"
    path.write_text(NTFY)
    dropped(tmp_path, "phone", NTFY.replace("topic", "other"))
    config = load(path)
    (phone,) = config.channels
    assert (phone.url, phone.made) == ("https://ntfy.example.org/topic", False)
    assert config.problems == (
        f"Channel “phone” was made by D-Plane, and {path} has one of that name: that one counts.",
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[channel", "cannot be understood"),
        ("\udcff", "cannot be understood"),
        ("", "not one channel of the file's own name"),
        (NTFY, "not one channel of the file's own name"),
        (f"{NTFY.replace('phone', 'x')}{PING}", "not one channel of the file's own name"),
        (f'name = "y"\n{NTFY.replace("phone", "x")}', "not one channel of the file's own name"),
        (f"remind_hours = 1\n{NTFY.replace('phone', 'x')}", "not one channel of the file's own name"),
        ('[channel.x]\nkind = "pigeon"', "“kind” is to be one of"),
        ("#" * (MADE_LIMIT + 1), "no plain file of one channel"),
    ],
)
def test_a_file_that_is_not_as_dplane_makes_one_is_told_and_the_others_work(
    tmp_path: Path, text: str, said: str
) -> None:
    dropped(tmp_path, "phone", NTFY)
    (tmp_path / DIRECTORY / "x.toml").write_bytes(text.encode("utf-8", "surrogateescape"))
    config = load(tmp_path / "notify.toml")
    (problem,) = config.problems
    assert said in problem
    assert problem.startswith(str(tmp_path / DIRECTORY / "x.toml"))
    assert [one.name for one in config.channels] == ["phone"]


def test_links_pipes_and_folders_are_not_read(tmp_path: Path) -> None:
    dropped(tmp_path, "phone", NTFY)
    folder = tmp_path / DIRECTORY
    (folder / "link.toml").symlink_to(folder / "phone.toml")
    os.mkfifo(folder / "pipe.toml")
    (folder / "folder.toml").mkdir()
    config = load(tmp_path / "notify.toml")
    assert len(config.problems) == 3
    assert [one.name for one in config.channels] == ["phone"]


def test_there_is_an_end_to_them(tmp_path: Path) -> None:
    for number in range(MOST + 2):
        dropped(tmp_path, f"c{number:03}", NTFY.replace("phone", f"c{number:03}"))
    config = load(tmp_path / "notify.toml")
    assert len(config.channels) == MOST
    assert f"more than {MOST}" in config.problems[-1]


def test_a_closed_folder_says_who_may(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def closed(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("dplane_tui.services.notify.read.os.listdir", closed)
    with pytest.raises(NotAllowedError, match=r"notify.d may not be read by this user"):
        load(tmp_path / "notify.toml")
