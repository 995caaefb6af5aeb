"""Shares: `shared` is said only of what the servers' tables have; who is given one comes from a small grammar."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dplane_tui.errors import RefusedError
from dplane_tui.services.zfs.shares import (
    Share,
    check_clients,
    clients_of,
    is_so,
    nfs_words,
    parse_etab,
    parse_usershares,
    parse_wanted,
    smb_words,
)
from privhelper.failure import CODES
from privhelper.request import Refused, argv, parse, role_needed
from privhelper.shares import client_problem, nfs_value

from .privhelper_door import GUID, Door
from .storage_box import StorageBox, row
from .test_zfs_cli import Cli

ETAB = (
    "/tank/home\t192.168.1.0/24(rw,sync,wdelay,root_squash,no_all_squash)\n/tank/home\tnas2.lan(ro,sync)\n"
    "/tank/a\\040b\t*(ro,sync)\n\nnonsense\n/x\tno brackets\n"
)
USERSHARES = """[tank_home]
path=/tank/home
comment=Comment: /tank/home
usershare_acl=Everyone:F,
guest_ok=n

[again]
path=/tank/home
"""


def request(verb: str, **args: object) -> bytes:
    return json.dumps({"verb": verb, **args}).encode()


def share(**more: Any) -> Share:
    """A file system that is mounted and not shared."""
    given: dict[str, Any] = {"mountpoint": "/tank/home", "mounted": True, "nfs": "off", "smb": "off", "exported": (),
                             "shares": (), **more}  # fmt: skip
    return Share("tank/home", **given)


def test_the_servers_tables_are_read() -> None:
    assert parse_etab(ETAB) == {"/tank/home": ("192.168.1.0/24 (rw)", "nas2.lan (ro)"), "/tank/a b": ("* (ro)",)}
    assert parse_usershares(USERSHARES) == {"/tank/home": ("tank_home", "again")}
    rows = parse_wanted("tank\toff\toff\tyes\t/tank\ntank/x\trw=@10.0.0.0/8\ton\tno\t/mnt/a\tb\nc\n")
    assert rows == [("tank", "off", "off", True, "/tank"), ("tank/x", "rw=@10.0.0.0/8", "on", False, "/mnt/a\tb\nc")]


@pytest.mark.parametrize(
    ("more", "server", "words"),
    [
        ({}, "active", "not shared"),
        ({"nfs": "on", "exported": ("*  (rw)",)}, "active", "shared with *  (rw)"),
        ({"exported": ("* (rw)",)}, "active", "shared with * (rw), though ZFS was not told to"),
        ({"nfs": "on"}, "active", "wanted, but not shared: it is not in the server's table"),
        ({"nfs": "on", "mounted": False}, "active", "wanted, but not shared: it is not mounted"),
        ({"nfs": "on", "exported": ("a (ro)",), "mounted": False}, "active",
         "in the server's table (shared with a (ro)), but it is not mounted"),
        ({"nfs": "on", "exported": ("a (ro)",)}, "inactive",
         "in the server's table (shared with a (ro)), but the server is inactive"),
        ({"nfs": "on"}, "not installed", "wanted, but not shared: nfs-kernel-server is not installed"),
        ({"nfs": "on", "exported": None}, "active",
         "wanted; whether it is shared is not known, as the server's table was not read"),
        ({"nfs": "on", "exported": None}, "inactive", "wanted, but not shared: the server is inactive"),
        ({"exported": None}, "failed", "not shared"),
        ({"exported": None}, "active",
         "not shared by ZFS; whether it is shared is not known, as the server's table was not read"),
    ],
)  # fmt: skip
def test_shared_is_said_only_of_what_is_shared(more: dict[str, Any], server: str, words: str) -> None:
    assert nfs_words(share(**more), server) == words


def test_the_same_for_samba() -> None:
    assert smb_words(share(smb="on", shares=("tank_home",)), "active") == "shared as tank_home"
    assert smb_words(share(smb="on"), "not installed") == "wanted, but not shared: samba is not installed"
    assert "not known" in smb_words(share(smb="on", shares=None), "active")


@pytest.mark.parametrize("client", ["192.168.1.0/24", "10.0.0.0/8", "192.168.1.7", "0.0.0.1", "nas2.lan", "nas-2", "a",
                                    "10.1.2.3/32"])  # fmt: skip
def test_who_may_be_given_a_share(client: str) -> None:
    assert client_problem(client) == ""
    check_clients({client: "rw"})


WILD = [
    *("", "*", "*.lan", "@net", "-x", "a b", "a:b", "a,sec=none", "a=b", "a(rw)", "a..b", "a-.b", ".a", "x" * 64),
    *("0.0.0.0/0", "10.0.0.0/7", "192.168.1.7/24", "1.2.3", "1.2.3.4.5", "256.1.1.1", "01.2.3.4", "1.2.3.4/33"),
    *("1.2.3.4/", "1.2.3.4/+8", "1e3.lan", "a." * 130, "é", "nas2.lan\n", "::1", "fe80::/64", "\u0661.2.3.4"),
]


@pytest.mark.parametrize("client", WILD)
def test_who_may_not(client: str) -> None:
    assert client_problem(client)
    with pytest.raises(RefusedError):
        check_clients({client: "rw"})
    with pytest.raises(Refused):
        parse(request("share-nfs", dataset="t/a", guid=GUID, to={client: "rw"}))


@given(st.text(max_size=30))
def test_nothing_that_means_something_to_zfs_or_exports_gets_through(client: str) -> None:
    if not client_problem(client):
        assert not set(client) & set("@:,=()* \t\n#\"\\'[]")


def test_what_they_become_and_who_may() -> None:
    some = {"nas2": "ro", "10.0.0.0/8": "rw", "192.168.1.7": "rw"}
    nfs = parse(request("share-nfs", dataset="t/a", guid=GUID, to=some))
    assert argv(*nfs)[1:] == ["set", "sharenfs=rw=@10.0.0.0/8:192.168.1.7,ro=nas2", "t/a"]
    assert argv(*parse(request("share-nfs", dataset="t/a", guid=GUID, to={})))[2] == "sharenfs=off"
    smb = parse(request("share-smb", dataset="t/a", guid=GUID, on=True))
    assert argv(*smb)[2] == "sharesmb=on"
    assert role_needed(*nfs) == role_needed(*smb) == "admin"
    assert role_needed(*parse(request("smb-shares"))) == "view"
    wrong: object
    for wrong in ({"a": "rwx"}, {"a": None}, [], "off", {f"h{n}": "ro" for n in range(33)}):
        with pytest.raises(Refused):
            parse(request("share-nfs", dataset="t/a", guid=GUID, to=wrong))


def installed(tmp_path: Path) -> Door:
    """A door on a box with an NFS server."""
    program = tmp_path / "exportfs"
    program.write_text("")
    program.chmod(0o755)
    return Door(tmp_path, EXPORTFS=str(program), NET=str(tmp_path / "none"))


def listed(places: str, value: str = "ro=nas2") -> list[tuple[str, int, str, str]]:
    """What the stand-in answers."""
    names = "t/a\nt/a/b\n"
    return [
        ("list -H -r -t filesystem -o name -- t/a", 0, names, ""),
        ("list -H -r -t filesystem -o mountpoint -- t/a", 0, places, ""),
        ("get -H -p -o value guid t/a", 0, GUID + "\n", ""),
        ("get -H -p -o value sharenfs t/a", 0, value + "\n", ""),
    ]


def ask(door: Door) -> tuple[int, dict[str, Any]]:
    return door.ask("share-nfs", dataset="t/a", guid=GUID, to={"nas2": "ro"})


def test_the_door_shares_places_that_it_would_mount_at_and_reads_back(tmp_path: Path) -> None:
    door = installed(tmp_path)
    door.answers(*listed("/srv/a\n/srv/a/b\n"))
    assert ask(door) == (0, {"ok": True, "verb": "share-nfs", "stdout": "", "value": "ro=nas2"})
    door.answers(*listed("/srv/a\nnone\n", "off"))
    status, answer = ask(door)
    assert (status, "tells another value" in answer["error"]["message"]) == (1, True)
    assert door.audit()[-1]["args"]["to"] == {"nas2": "ro"}


@pytest.mark.parametrize(
    "places",
    ["/etc\n/srv/b\n", "/srv/a\n/srv/x y\n", "/srv/a\n/srv/x\n/etc *(rw)\n", "/srv/a\n/\n", "/srv/a\n/srv/x#\n"],
)
def test_the_door_shares_no_other_place(tmp_path: Path, places: str) -> None:
    door = installed(tmp_path)
    door.answers(*listed(places))
    status, answer = ask(door)
    assert (status, answer["error"]["code"]) == (2, "refused")
    assert not any(start["argv"][1] == "set" for start in door.started())


def test_without_the_server_nothing_is_set_but_off(tmp_path: Path) -> None:
    door = installed(tmp_path)
    door.answers(*listed("/srv/a\n/srv/a/b\n"), ("get -H -p -o value sharesmb t/a", 0, "off\n", ""))
    status, answer = door.ask("share-smb", dataset="t/a", guid=GUID, on=True)
    assert (status, answer["error"]["code"]) == (CODES["unavailable"], "unavailable")
    assert "samba is not installed on this box" in answer["error"]["message"]
    assert not any(start["argv"][1] == "set" for start in door.started())
    assert door.ask("share-smb", dataset="t/a", guid=GUID, on=False)[0] == 0
    os.unlink(tmp_path / "exportfs")
    assert ask(door)[1]["error"]["message"].startswith("nfs-kernel-server is not installed")


class ShareBox(StorageBox):
    """A box with an NFS server and without Samba."""

    def __init__(self) -> None:
        super().__init__()
        self.datasets = [row("tank/home", 77)]
        self.listed = "tank\toff\toff\tyes\t/tank\ntank/home\trw=@192.168.1.0/24\toff\tyes\t/tank/home\n"
        self.files["/var/lib/nfs/etab"] = ETAB

    def _output(self, words: list[str]) -> str:
        if words[0] == "systemctl":
            return ("Id=nfs-server.service\nLoadState=loaded\nActiveState=active\n\n"
                    "Id=smbd.service\nLoadState=not-found\nActiveState=inactive\n")  # fmt: skip
        if any(word.startswith("name,sharenfs") for word in words):
            return self.listed
        return super()._output(words)


@pytest.mark.parametrize(
    ("words", "wanted", "so"),
    [
        ("shared with nas2 (ro)", True, True),
        ("shared with nas2 (ro), though ZFS was not told to", False, False),
        ("not shared", False, True),
        ("not shared", True, False),
        ("wanted, but not shared: it is not mounted", True, False),
        ("wanted; whether it is shared is not known, as the server's table was not read", True, False),
        ("not shared by ZFS; whether it is shared is not known, as the server's table was not read", False, False),
        ("in the server's table (shared with nas2 (ro)), but it is not mounted", True, False),
    ],
)
def test_what_is_not_known_is_not_as_it_was_wanted(words: str, wanted: bool, so: bool) -> None:
    assert is_so(words, wanted) is so


def test_the_commands(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    box = ShareBox()
    monkeypatch.setattr("dplane_tui.cli.main.connect", lambda _name: box)
    cli = Cli(box, capsys)
    out = cli("dataset", "shares")[1]
    assert "NFS server: active. SMB server: not installed." in out
    assert "NFS: shared with 192.168.1.0/24 (rw), nas2.lan (ro)" in out
    assert cli.verbs() == []  # without Samba its table is not asked for
    box.files["/var/lib/nfs/etab"] = ""
    status, told = cli.json("dataset", "share-nfs", "tank/home", "--rw", "192.168.1.0/24")
    assert (status, told["ok"]) == (3, False), "that ZFS took the setting is no share"
    answer = told["data"]
    assert box.requests[-1]["to"] == {"192.168.1.0/24": "rw"}
    assert answer["nfs"] == "wanted, but not shared: it is not in the server's table"
    assert cli("dataset", "share-nfs", "tank/home")[0] == 2
    assert cli("dataset", "share-nfs", "tank/home", "--off", "--ro", "a")[0] == 2
    assert cli("dataset", "share-nfs", "tank/home", "--rw", "a", "--ro", "a")[0] == 4
    assert cli("dataset", "share-nfs", "tank/home", "--rw", "*")[0] == 4
    assert cli("dataset", "share-smb", "tank/home", "off")[0] == 0
    assert cli.verbs() == ["share-nfs", "share-smb"]
    assert nfs_value({}) == "off"
    assert clients_of("rw=@trusted") is None, "a netgroup is no host"
    assert clients_of("rw=@10.0.0.0/8:nas2.lan,ro=a") == {"10.0.0.0/8": "rw", "nas2.lan": "rw", "a": "ro"}
