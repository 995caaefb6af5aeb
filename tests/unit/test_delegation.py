"""`zfs allow` taken apart: every shape it has, and what a hostile name of a set, an account or a dataset does to it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dplane_tui.errors import CommandError
from dplane_tui.services.zfs.delegation import Grant, opened, parse_allow, sentence

from .storage_box import StorageBox, row
from .test_zfs_cli import Cli

TOLD = """---- Permissions on tank/home/anna -----------------------------------
Local permissions:
\tuser anna destroy,mount
Local+Descendent permissions:
\tuser (unknown: 1005) create
---- Permissions on tank/home ----------------------------------------
Permission sets:
\t@backup @more,send
\t@more hold
Create time permissions:
\tdestroy,@backup
Descendent permissions:
\tgroup staff @backup,create
---- Permissions on tank ---------------------------------------------
Permission sets:
\t@backup snapshot
Local permissions:
\teveryone mount
Local+Descendent permissions:
\teveryone userprop
"""


def test_who_may_do_what_and_by_which_dataset_it_comes() -> None:
    found = parse_allow(TOLD, "tank/home/anna")
    here = [sentence(one, found) for one in found if one.reaches("tank/home/anna")]
    assert here == [
        "anna may destroy, mount. Given on tank/home/anna, for itself only.",
        "(unknown: 1005) may create. Given on tank/home/anna, for itself and all below.",
        "Who is in the group staff may hold, send, snapshot, create (by @backup). Given on tank/home, for what is "
        "below only.",
        "Everyone may userprop. Given on tank, for itself and all below.",
    ]
    rest = [sentence(one, found) for one in found if not one.reaches("tank/home/anna")]
    assert "Whoever makes a dataset below tank/home may then destroy, hold, send, snapshot (by @backup) there." in rest
    assert "Everyone may mount. Given on tank, for itself only." in rest
    assert parse_allow("", "tank") == ()


def test_a_set_counts_for_what_is_given_where_it_is_defined_or_below() -> None:
    grants = (Grant("set", "@s", ("send",), "tank/a", "below"), Grant("user", "x", ("@s", "mount"), "tank", "here"))
    assert opened(grants[1], grants) == ("@s", "mount")
    loop = (Grant("set", "@s", ("@t",), "tank", "below"), Grant("set", "@t", ("@s", "hold"), "tank", "below"),
            Grant("user", "x", ("@s",), "tank/a", "here"))  # fmt: skip
    assert opened(loop[2], loop) == ("hold",)
    near = (Grant("set", "@s", ("send",), "tank/ab", "below"), Grant("user", "x", ("@s",), "tank/abc", "here"))
    assert opened(near[1], near) == ("@s",)


def test_create_time_permissions_alone_come_under_the_wrong_heading() -> None:
    head = "---- Permissions on tank ------\nPermission sets:\n"
    assert [(one.kind, one.permissions) for one in parse_allow(head + "\t@x,mount\n\t@x send\n", "tank")] == [
        ("creator", ("@x", "mount")), ("set", ("send",)),
    ]  # fmt: skip


@pytest.mark.parametrize("line", ["user anna @my set,create", "group domain users create", "user  create", "user anna",
                                  "user anna mount create", "everyone @a b", "robot anna mount",
                                  "user anna cr\x1beate", "everyone"])  # fmt: skip
def test_what_can_be_read_in_two_ways_is_kept_and_marked(line: str) -> None:
    [one] = parse_allow(f"---- Permissions on tank ---\nLocal permissions:\n\t{line}\n", "tank")
    assert (one.kind, one.who, one.permissions) == ("unclear", line, ())


def test_a_name_with_hyphens_at_its_end_is_told_from_the_line_behind_it() -> None:
    name = "tank/a -- -"
    text = f"---- Permissions on {name} -------\nLocal permissions:\n\tuser x mount\n"
    assert parse_allow(text, name)[0].at == name
    assert parse_allow(text.replace(" -------", " "), name)[0].at == name
    for other in ("tank/a", "tank/a --", "tank/b"):
        with pytest.raises(CommandError, match="was not understood"):
            parse_allow(text.replace("a -- -", "c"), other)


@pytest.mark.parametrize("text", ["nonsense\n", "\tuser x mount\n", "Local permissions:\n\tuser x mount\n",
                                  "---- Permissions on tank ---\n\tuser x mount\n"])  # fmt: skip
def test_what_is_not_understood_is_not_nobody(text: str) -> None:
    with pytest.raises(CommandError, match="was not understood"):
        parse_allow(text, "tank")


@given(st.text(max_size=60))
def test_no_line_of_a_grant_gives_anybody_what_is_not_in_it(line: str) -> None:
    try:
        found = parse_allow(f"---- Permissions on tank ---\nLocal permissions:\n\t{line}", "tank")
    except CommandError:
        return
    for one in found:
        assert one.at == "tank"
        assert one.who in line
        assert all(word in line for word in one.permissions)


def test_the_command_tells_it(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    class AllowBox(StorageBox):
        def _output(self, words: list[str]) -> str:
            return self.values["allow"] if words[:2] == ["zfs", "allow"] else super()._output(words)

    box = AllowBox()
    box.datasets = [row("tank/home/anna", 77)]
    monkeypatch.setattr("dplane_tui.cli.main.connect", lambda _name: box)
    cli = Cli(box, capsys)
    box.values["allow"] = TOLD.replace("user anna", "user an\x1b[2Jna")
    status, out, _ = cli("dataset", "allow", "tank/home/anna")
    assert (status, "\x1b" in out) == (0, False)
    assert "Not on tank/home/anna itself:" in out
    data = cli.json("dataset", "allow", "tank/home/anna")[1]["data"]
    [staff] = [one for one in data if one["who"] == "staff"]
    assert (staff["means"], staff["given_on"]) == (["hold", "send", "snapshot", "create"], "tank/home")
    assert staff["counts_here"] is True
    box.values["allow"] = ""
    assert cli("dataset", "allow", "tank/home/anna")[1].startswith("Nobody was given anything on tank/home/anna")
