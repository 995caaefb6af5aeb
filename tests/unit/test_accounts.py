"""Quotas of users and groups: what ZFS tells is parsed, what goes to the door is checked, what comes back believed only
when it is what was wanted."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dplane_tui.errors import CommandError, RefusedError
from dplane_tui.services.zfs.accounts import AccountUse, check_quota, parse_accounts
from dplane_tui.services.zfs.model import Dataset
from privhelper.accounts import account_problem
from privhelper.request import Refused, argv, parse, role_needed

from .privhelper_door import GUID, Door
from .storage_box import StorageBox, line, row, service
from .test_zfs_cli import Cli

DATA = Dataset("tank/a", "filesystem", "77", mounted=True)
TOLD = (
    "POSIX User\tanna\t900\t1000\nPOSIX User\troot\t5\tnone\nPOSIX User\t1005\t2000\t1000\n"
    "POSIX User\tDOM\\jo doe\t-\t10\nSMB User\tjo@dom\t7\tnone\n"
)


def request(verb: str, **args: object) -> bytes:
    return json.dumps({"verb": verb, **args}).encode()


def test_who_uses_most_comes_first_with_how_it_stands() -> None:
    found = parse_accounts(TOLD, "user")
    assert [(one.name, one.used, one.quota, one.word) for one in found] == [
        ("1005", 2000, 1000, "over its quota"), ("anna", 900, 1000, "nearly full"), ("jo@dom (SMB)", 7, 0, "no quota"),
        ("root", 5, 0, "no quota"), ("DOM\\jo doe", 0, 10, "within its quota"),
    ]  # fmt: skip
    assert found[1].percent == 90.0
    assert AccountUse("user", "x", None, 5).word == "not known"
    assert parse_accounts("", "group") == ()


@pytest.mark.parametrize("text", ["nonsense\n", "POSIX User\tanna\tmany\tnone\n", "POSIX User\tanna\t5\n", "\tx\n"])
def test_what_is_not_understood_is_no_empty_list(text: str) -> None:
    with pytest.raises(CommandError, match="was not understood"):
        parse_accounts(text, "user")


@given(st.lists(st.tuples(st.text(min_size=1).filter(lambda n: "\n" not in n), st.integers(0, 1 << 60)), max_size=5))
def test_any_name_comes_through_as_it_is(given: list[tuple[str, int]]) -> None:
    text = "".join(f"POSIX User\t{name}\t{used}\tnone\n" for name, used in given)
    assert sorted((one.name, one.used) for one in parse_accounts(text, "user")) == sorted(given)


@pytest.mark.parametrize("account", ["", "-x", "anna@dom", "a=b", "a b", "a\n", "a,b", "4294967295", "007", "1x", "é",
                                     "x" * 33, "@x", "a/b", "\u0661"])  # fmt: skip
def test_a_name_that_could_mean_something_else_goes_nowhere(account: str) -> None:
    assert account_problem(account)
    with pytest.raises(RefusedError):
        check_quota(account, "10G")
    with pytest.raises(Refused):
        parse(request("account-quota", dataset="t/a", guid=GUID, kind="user", account=account, quota="1G"))


@pytest.mark.parametrize("quota", ["", "0", "-1", "1.5G", "10 G", "NONE", "1E", "1G,x"])
def test_a_quota_that_is_none_goes_nowhere(quota: str) -> None:
    with pytest.raises(RefusedError):
        check_quota("anna", quota)
    with pytest.raises(Refused):
        parse(request("account-quota", dataset="t/a", guid=GUID, kind="user", account="anna", quota=quota))


def test_what_they_become_and_who_may() -> None:
    put = parse(request("account-quota", dataset="t/a", guid=GUID, kind="group", account="_www.x-1", quota="10G"))
    assert argv(*put) == ["/usr/sbin/zfs", "set", "groupquota@_www.x-1=10G", "t/a"]
    assert role_needed(*put) == "operate"
    read = parse(request("accounts-list", dataset="t/a", kind="user"))
    assert argv(*read)[1:] == ["userspace", "-H", "-p", "-o", "type,name,used,quota", "--", "t/a"]
    assert role_needed(*read) == "view"
    with pytest.raises(Refused):
        parse(request("accounts-list", dataset="t/a", kind="project"))


@pytest.mark.parametrize(
    ("quota", "told", "ends"),
    [
        ("10G", str(10 << 30), 0),
        ("none", "none", 0),
        ("none", "0", 0),
        ("10G", "none", 1),
        ("none", "5", 1),
        ("10G", "x", 1),
    ],
)
def test_the_door_reads_the_quota_back(door: Door, quota: str, told: str, ends: int) -> None:
    get = "get -H -p -o value"
    door.answers((f"{get} guid t/a", 0, GUID + "\n", ""), (f"{get} userquota@anna t/a", 0, told + "\n", ""))
    status, answer = door.ask("account-quota", dataset="t/a", guid=GUID, kind="user", account="anna", quota=quota)
    assert status == ends
    if ends == 0:
        assert answer["quota"] == (10 << 30 if quota == "10G" else 0)
    else:
        assert "could not be read back" in answer["error"]["message"]


def test_the_door_sets_no_quota_on_another_dataset_of_that_name(door: Door) -> None:
    door.answers(("get -H -p -o value guid t/a", 0, "5\n", ""))
    status, answer = door.ask("account-quota", dataset="t/a", guid=GUID, kind="user", account="anna", quota="1G")
    assert (status, answer["error"]["code"]) == (4, "changed")
    assert not any(start["argv"][1] == "set" for start in door.started())


async def test_a_quota_that_reads_back_as_another_is_no_success() -> None:
    box = StorageBox()
    box.answer = {"quota": 10 << 30}
    assert await service(box).set_account_quota(DATA, "user", "anna", "10G") == 10 << 30
    assert box.requests[-1] == {
        "verb": "account-quota", "dataset": "tank/a", "guid": "77", "kind": "user", "account": "anna", "quota": "10G",
    }  # fmt: skip
    box.answer = {"quota": 5}
    with pytest.raises(CommandError, match="reads back as 5"):
        await service(box).set_account_quota(DATA, "user", "anna", "none")
    with pytest.raises(RefusedError, match="is a volume"):
        await service(box).set_account_quota(Dataset("tank/vm", "volume", "5"), "user", "anna", "1G")
    assert len(box.requests) == 2


def test_the_commands_list_and_set(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    box = StorageBox()
    box.datasets, box.tree = [row("tank/a", 77)], [line("tank/a", guid="77")]
    monkeypatch.setattr("dplane_tui.cli.main.connect", lambda _name: box)
    cli = Cli(box, capsys)
    box.answer = {"stdout": TOLD.replace("anna", "an\x1b[2Jna")}
    status, out, _ = cli("dataset", "users", "tank/a")
    assert status == 0
    assert "\x1b" not in out
    assert out.splitlines()[2].split()[2:] == ["90%", "of", "1000B", "nearly", "full"]
    listed = cli.json("dataset", "groups", "tank/a")[1]["data"][0]
    assert listed == {"name": "1005", "used": 2000, "quota": 1000, "percent": 200.0, "state": "over its quota"}
    box.answer = {"quota": 0}
    assert (
        cli("dataset", "user-quota", "tank/a", "anna", "none")[1] == "The user anna has no quota on tank/a any more.\n"
    )
    assert cli("dataset", "group-quota", "tank/a", "a b", "1G")[0] == 4
    assert cli("dataset", "group-quota", "tank/a", "staff", "1G", "--read-only")[0] == 5
    assert cli.verbs() == ["accounts-list", "accounts-list", "account-quota"]
