"""Names, clones, keys and many snapshots through the door: what it compares, what it runs, where a passphrase goes."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest

from privhelper.request import Refused, argv, parse, role_needed
from privhelper.secret import LIMIT

from .privhelper_door import GUID, Door

SECRET = "correct horse battery"
GET = "get -H -p -o value"


def becomes(verb: str, **args: object) -> list[str]:
    return argv(*parse(json.dumps({"verb": verb, **args}).encode()))


def role(verb: str, **args: object) -> str:
    return role_needed(*parse(json.dumps({"verb": verb, **args}).encode()))


def give(door: Door, secret: bytes, verb: str, **args: object) -> tuple[int, dict[str, Any]]:
    done = door.run(json.dumps({"verb": verb, **args}).encode() + b"\n" + secret)
    return done.returncode, json.loads(done.stdout)


def test_what_they_become() -> None:
    zfs = "/usr/sbin/zfs"
    assert becomes("dataset-rename", dataset="t/a", guid=GUID, to="t/b") == [zfs, "rename", "--", "t/a", "t/b"]
    assert becomes("key-load", dataset="t/a", guid=GUID) == [zfs, "load-key", "-L", "prompt", "--", "t/a"]
    assert becomes("key-load", dataset="t/a", guid=GUID, from_file=True) == [zfs, "load-key", "--", "t/a"]
    assert "-n" in becomes("key-check", dataset="t/a", guid=GUID)
    some = becomes("snapshots-destroy", dataset="t/a", snapshots={"y": GUID, "x": GUID}, dry_run=True)
    assert some == [zfs, "destroy", "-n", "-v", "-p", "--", "t/a@x,y"]
    assert becomes("snapshot-diff", snapshot="t/a@x", guid=GUID)[1:] == ["diff", "-F", "-H", "--", "t/a@x", "t/a"]
    assert becomes("snapshot-diff", snapshot="t/a@x", guid=GUID, to="t/a@y")[-1] == "t/a@y"
    volume = becomes("snapshot-clone", snapshot="t/a@x", guid=GUID, dataset="t/b", kind="volume")
    assert volume == [zfs, "clone", "--", "t/a@x", "t/b"]
    made = becomes("dataset-create", dataset="t/a", encrypted=True)
    assert made[2:-2] == ["-o", "encryption=on", "-o", "keyformat=passphrase", "-o", "keylocation=prompt"]


@pytest.mark.parametrize(
    ("verb", "args"),
    [
        ("dataset-rename", {"dataset": "t/a", "to": "other/a"}),
        ("dataset-rename", {"dataset": "t/a", "to": "t/a/b"}),
        ("dataset-rename", {"dataset": "t/a", "to": "t/a"}),
        ("dataset-rename", {"dataset": "t", "to": "t/b"}),
        ("snapshot-rename", {"snapshot": "t/a@x", "to": "t/b@x"}),
        ("snapshot-clone", {"snapshot": "t/a@x", "dataset": "other/a", "kind": "volume"}),
        ("snapshot-clone", {"snapshot": "t/a@x", "dataset": "t/b"}),
        (
            "snapshot-clone",
            {"snapshot": "t/a@x", "dataset": "t/b", "kind": "volume", "properties": {"volsize": "1G"}},
        ),
        ("snapshot-diff", {"snapshot": "t/a@x", "to": "t/b@y"}),
        ("dataset-inherit", {"dataset": "t/a", "property": "quota"}),
        ("dataset-inherit", {"dataset": "t/a", "property": "sharenfs"}),
        ("dataset-inherit", {"dataset": "t/a", "property": "ashift"}),
        ("snapshots-destroy", {"dataset": "t/a", "snapshots": {}}),
        ("snapshots-destroy", {"dataset": "t/a", "snapshots": {"x,y": GUID}}),
        ("snapshots-destroy", {"dataset": "t/a", "snapshots": {"x%y": GUID}}),
        ("key-load", {"dataset": "t/a", "secret": SECRET}),
    ],
)
def test_what_does_not_fit_is_refused(verb: str, args: dict[str, object]) -> None:
    guid = {} if verb == "snapshots-destroy" else {"guid": GUID}
    with pytest.raises(Refused):
        parse(json.dumps({"verb": verb, **guid, **args}).encode())


def test_taking_setuid_back_to_its_default_needs_an_administrator() -> None:
    assert role("dataset-inherit", dataset="t/a", guid=GUID, property="setuid") == "admin"
    assert role("dataset-inherit", dataset="t/a", guid=GUID, property="atime") == "operate"
    assert role("snapshots-destroy", dataset="t/a", snapshots={"x": GUID}, dry_run=True) == "view"
    assert role("snapshots-destroy", dataset="t/a", snapshots={"x": GUID}) == "admin"


@pytest.mark.parametrize(
    ("old", "new", "needed"),
    [
        ("before-upgrade", "old", "operate"),
        ("dplane-auto-1", "before-upgrade", "operate"),
        ("dplane-1", "dplane-2", "operate"),
        ("before-upgrade", "dplane-x", "admin"),
        ("before-upgrade", "dplane-auto-2020-01-01T00-00-00Z", "admin"),
        ("dplane-1", "dplane-auto-2020-01-01T00-00-00Z", "admin"),
    ],
)
def test_what_nobody_may_prune_does_not_become_ours_by_its_name(old: str, new: str, needed: str) -> None:
    assert role("snapshot-rename", snapshot=f"t/a@{old}", guid=GUID, to=f"t/a@{new}") == needed


def test_a_passphrase_reaches_zfs_and_neither_its_argv_nor_the_log(door: Door) -> None:
    door.answers(
        (f"{GET} guid t/a", 0, GUID + "\n", ""),
        (f"{GET} keystatus t/a", 0, "available\n", ""),
        ("load-key", 0, "SECRET", ""),
    )
    status, answer = give(door, SECRET.encode() + b"\n", "key-load", dataset="t/a", guid=GUID)
    assert (status, answer["key"]) == (0, "available")
    assert (door.root / "secret").read_bytes() == SECRET.encode() + b"\n"
    assert SECRET not in json.dumps(door.started())
    assert SECRET not in json.dumps(door.audit())
    assert all(str(start["env"]).count("horse") == 0 for start in door.started())


@pytest.mark.parametrize("secret", [b"", b"\n", b"x" * (LIMIT + 1) + b"\n", b"a\0b\n"])
def test_no_passphrase_or_none_that_zfs_takes_is_refused_before_zfs_is_asked(door: Door, secret: bytes) -> None:
    door.answers((f"{GET} guid t/a", 0, GUID + "\n", ""))
    status, answer = give(door, secret, "key-load", dataset="t/a", guid=GUID)
    assert (status, answer["error"]["code"]) == (2, "refused")
    assert not any("load-key" in start["argv"] for start in door.started())


def test_a_wrong_passphrase_is_told_in_zfs_s_words(door: Door) -> None:
    door.answers(
        (f"{GET} guid t/a", 0, GUID + "\n", ""),
        ("load-key", 255, "", "Key load error: Incorrect key provided for 't/a'.\n"),
    )
    status, answer = give(door, b"wrong wrong\n", "key-load", dataset="t/a", guid=GUID)
    assert status == 1
    assert "Incorrect key provided" in answer["error"]["message"]


OWN_KEY = "get -H -p -o property,value,source readonly,canmount,volmode t/a"
SET = {
    "received": "readonly\ton\tlocal\ncanmount\tnoauto\tlocal\nvolmode\tdefault\tdefault\n",
    "received volume": "readonly\ton\tlocal\ncanmount\t-\t-\nvolmode\tnone\tlocal\n",
    "own": "readonly\toff\tdefault\ncanmount\ton\tdefault\nvolmode\tdefault\tdefault\n",
    "taken into use": "readonly\toff\tlocal\ncanmount\tnoauto\tlocal\nvolmode\tdefault\tdefault\n",
    "below a copy": "readonly\ton\tinherited from t\ncanmount\tnoauto\tlocal\nvolmode\tdefault\tdefault\n",
    "above volumes": "readonly\ton\tlocal\ncanmount\ton\tdefault\nvolmode\tnone\tlocal\n",
}


def changes_key(door: Door, settings: str, mark: str, peer: str = "") -> tuple[int, str, bool]:
    """Status, what is said, and whether zfs was started for it."""
    door.answers(
        (OWN_KEY, 0, settings, ""),
        ("get -H -p -o source dplane:peer t/a", 0, f"{mark}\n", ""),
        (f"{GET} dplane:peer t/a", 0, f"{peer}\n", ""),
        (f"{GET} guid t/a", 0, GUID + "\n", ""),
        (f"{GET} encryptionroot t/a", 0, "t/a\n", ""),
        (f"{GET} keyformat t/a", 0, "passphrase\n", ""),
        (f"{GET} keylocation t/a", 0, "prompt\n", ""),
        (f"{GET} keystatus t/a", 0, "available\n", ""),
    )
    status, answer = give(door, b"long enough\n", "key-change", dataset="t/a", guid=GUID)
    said = str(answer.get("error", {}).get("message", ""))
    return status, said, any(start["argv"][1] == "change-key" for start in door.started())


@pytest.mark.parametrize(
    ("settings", "mark", "peer", "says"),
    [
        ("received", "local", "nas-a", "a copy that nas-a sends here"),
        ("own", "local", "nas-a\n\x1b[2J", "a copy that nas-a [2J sends here"),
        ("own", "received", "nas-a", "`dplane dataset inherit 't/a' dplane:peer`"),
        ("received", "-", "", "`dplane dataset set 't/a' readonly=off`"),
        ("received volume", "inherited from t", "nas-a", "set as what is received here is"),
    ],
)
def test_the_key_of_a_copy_is_not_changed_whoever_asks(
    door: Door, settings: str, mark: str, peer: str, says: str
) -> None:
    status, said, ran = changes_key(door, SET[settings], mark, peer)
    assert (status, ran) == (2, False)
    assert says in said
    assert "Change the key at the original" in said
    assert ("dplane:peer" in said) == (mark in ("local", "received"))
    assert ("readonly=off" in said) == (settings != "own")


@pytest.mark.parametrize(
    ("settings", "mark"),
    [("own", "-"), ("own", "inherited from t"), ("taken into use", "-"), ("below a copy", "-"), ("above volumes", "-")],
)
def test_what_is_no_copy_gets_its_key_also_above_or_below_one(door: Door, settings: str, mark: str) -> None:
    assert changes_key(door, SET[settings], mark) == (0, "", True)


CHANGED = [
    ("dataset-rename", {"dataset": "t/a", "to": "t/b"}, "rename"),
    ("dataset-promote", {"dataset": "t/a"}, "promote"),
    ("dataset-unmount", {"dataset": "t/a"}, "unmount"),
    ("dataset-inherit", {"dataset": "t/a", "property": "atime"}, "inherit"),
    ("key-load", {"dataset": "t/a"}, "load-key"),
    ("key-unload", {"dataset": "t/a"}, "unload-key"),
    ("key-change", {"dataset": "t/a"}, "change-key"),
    ("snapshot-rename", {"snapshot": "t/a@x", "to": "t/a@y"}, "rename"),
    ("snapshot-clone", {"snapshot": "t/a@x", "dataset": "t/b", "kind": "volume"}, "clone"),
]


@pytest.mark.parametrize(("verb", "args", "word"), CHANGED)
def test_another_guid_stops_it(door: Door, verb: str, args: dict[str, object], word: str) -> None:
    door.answers((f"{GET} guid", 0, "5\n", ""), (f"{GET} type", 0, "volume\n", ""))
    status, answer = give(door, b"long enough\n", verb, guid=GUID, **args)
    assert (status, answer["error"]["code"]) == (4, "changed")
    assert not any(start["argv"][1] == word for start in door.started())


def test_a_clone_is_not_of_another_kind_than_it_says(door: Door) -> None:
    door.answers((f"{GET} guid", 0, GUID + "\n", ""), (f"{GET} type t/a", 0, "filesystem\n", ""))
    status, answer = door.ask("snapshot-clone", snapshot="t/a@x", guid=GUID, dataset="t/b", kind="volume")
    assert (status, answer["error"]["message"]) == (2, "t/a is a filesystem, not a volume.")
    assert not any(start["argv"][1] == "clone" for start in door.started())


def test_several_snapshots_go_only_when_each_is_the_one_that_was_seen(door: Door) -> None:
    listed = f"t/a@x\t{GUID}\t1\nt/a@y\t7\t2\n"
    door.answers(("list -H -p -d 1 -t snapshot", 0, listed, ""))
    status, answer = door.ask("snapshots-destroy", dataset="t/a", snapshots={"x": GUID, "y": "8"})
    assert (status, answer["error"]["code"]) == (4, "changed")
    assert "t/a@y is not what you saw" in answer["error"]["message"]
    assert not any(start["argv"][1] == "destroy" for start in door.started())
    assert door.ask("snapshots-destroy", dataset="t/a", snapshots={"z": "8"})[1]["error"]["message"].endswith(
        "is gone."
    )
    assert door.ask("snapshots-destroy", dataset="t/a", snapshots={"x": GUID}, dry_run=True)[0] == 0
    status, answer = door.ask("snapshots-destroy", dataset="t/a", snapshots={"x": GUID})
    assert (status, "still listed" in answer["error"]["message"]) == (1, True)  # the stand-in destroys nothing


def test_a_rename_into_a_place_of_the_system_is_refused(door: Door) -> None:
    door.answers(
        (f"{GET} type t/a", 0, "filesystem\n", ""),
        ("get -H -p -o source mountpoint t/a", 0, "default\n", ""),
        (f"{GET} mountpoint t", 0, "/\n", ""),
    )
    status, answer = door.ask("dataset-rename", dataset="t/a", guid=GUID, to="t/etc")
    assert (status, answer["error"]["code"]) == (2, "refused")
    assert "/etc" in answer["error"]["message"]


def test_a_difference_is_passed_on_as_it_comes(door: Door) -> None:
    door.answers((f"{GET} guid t/a@x", 0, GUID + "\n", ""), ("diff", 0, "+\tF\t/t/a\\0033\n", ""))
    done = door.run({"verb": "snapshot-diff", "snapshot": "t/a@x", "guid": GUID})
    assert (done.returncode, done.stdout) == (0, b"+\tF\t/t/a\\0033\n")
    done = door.run({"verb": "snapshot-diff", "snapshot": "t/a@x", "guid": "5"})
    assert (done.returncode, done.stdout) == (4, b"")


def test_the_secret_is_read_from_the_pipe_and_no_byte_of_it_is_left_in_a_file(door: Door) -> None:
    door.answers((f"{GET} guid t/a", 0, GUID + "\n", ""), (f"{GET} keystatus", 0, "available\n", ""))
    give(door, SECRET.encode() + b"\n", "key-load", dataset="t/a", guid=GUID)
    for folder, _, files in os.walk(door.root):
        for name in files:
            with open(os.path.join(folder, name), "rb") as file:
                assert SECRET.encode() not in file.read(), name
