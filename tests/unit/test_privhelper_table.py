"""The table of verbs: its promises to the people and programs that read it."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from privhelper import helptext
from privhelper.checks import BEFORE
from privhelper.kinds import TOKEN
from privhelper.properties import PROPERTIES, needs_admin, problem
from privhelper.readback import AFTER
from privhelper.request import Refused, allows, argv, parse, role_needed
from privhelper.shape import ROLES, Value, Verb
from privhelper.verbs import BY_NAME, OURS, VERBS

ROOT = Path(__file__).parents[2]
GUID = "1234567890123456789"


def request(verb: str, **args: object) -> bytes:
    return json.dumps({"verb": verb, **args}).encode()


def becomes(verb: str, **args: object) -> list[str]:
    return argv(*parse(request(verb, **args)))


def refusal(verb: str, **args: object) -> str:
    with pytest.raises(Refused) as refused:
        parse(request(verb, **args))
    return str(refused.value)


def helper(*words: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "privhelper", *words]
    return subprocess.run(command, input=stdin, capture_output=True, cwd=ROOT, check=False)


def test_names_are_unique_and_every_reference_exists() -> None:
    assert len(BY_NAME) == len(VERBS)
    for verb in VERBS:
        names = [arg.name for arg in verb.args]
        assert len(set(names)) == len(names)
        assert verb.role in ROLES
        assert set(verb.before) <= set(BEFORE)
        assert not verb.after or verb.after in AFTER
        assert not verb.guard or (verb.guard in names and "guid" in names)
        assert verb.argv[0] == OURS or not isinstance(verb.argv[0], str) or verb.argv[0].startswith("/")


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb.name)
def test_destructive_verbs_compare_the_guid(verb: Verb) -> None:
    if verb.destroys:
        by_guid = any(isinstance(part, Value) and part.arg == "guid" for part in verb.argv)  # zpool itself looks for it
        # The checks named here compare one GUID for each.
        assert verb.guard or by_guid or {"prune", "bookmarks", "chosen"} & set(verb.before)
        assert verb.acts


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb.name)
def test_the_examples_are_valid_alone_and_together(verb: Verb) -> None:
    for arg in verb.args:
        assert arg.kind.check(arg.example) == ""
    every = {arg.name: arg.example for arg in verb.args}
    assert becomes(verb.name, **every)
    needed = {arg.name: arg.example for arg in verb.args if not arg.optional}
    assert becomes(verb.name, **needed)


def test_help_json_and_check_as_processes() -> None:
    printed = helper("help", "--json")
    assert printed.returncode == 0
    verbs: list[dict[str, Any]] = json.loads(printed.stdout)["verbs"]
    assert [verb["name"] for verb in verbs] == [verb.name for verb in VERBS]
    assert all({"name", "grammar", "example", "optional"} <= arg.keys() for verb in verbs for arg in verb["args"])
    for verb in verbs[:3]:
        full = {"verb": verb["name"], **{arg["name"]: arg["example"] for arg in verb["args"]}}
        checked = helper("check", stdin=json.dumps(full, indent=1).encode())
        assert checked.returncode == 0
        assert json.loads(checked.stdout)["argv"]


@pytest.mark.parametrize("raw", [b"", b"\xff", b"{}", b"[" * 70000, b'{"verb":"scrub-start","pool":"-f","guid":"1"}'])
def test_check_refuses_with_one_sentence(raw: bytes) -> None:
    refused = helper("check", stdin=raw)
    assert refused.returncode == 2
    assert refused.stdout == b""
    assert refused.stderr.count(b"\n") == 1
    assert b"Traceback" not in refused.stderr


def test_the_page_is_the_table() -> None:
    page = (ROOT / "docs/privileged-surface.md").read_text(encoding="utf-8")
    assert page == helptext.as_page(), "run: python3 -m privhelper docs > docs/privileged-surface.md"


def test_a_checkout_never_acts() -> None:
    answered = helper(stdin=b'{"verb":"noop"}\n')
    assert answered.returncode == 5
    assert json.loads(answered.stdout)["error"]["code"] == "unavailable"


def test_only_the_standard_library_and_nothing_that_runs_a_shell() -> None:
    for file in (ROOT / "privhelper").glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            names: list[str] = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and not node.level:
                names = [node.module or ""]
            elif isinstance(node, ast.Attribute):
                assert node.attr not in ("system", "popen", "eval"), f"{file.name} starts a shell"
            for name in names:
                top = name.split(".")[0]
                # _sha2 is _sha256 before Python 3.12
                assert top in sys.stdlib_module_names | {"privhelper", "_sha2", "_sha256"}, (
                    f"{file.name} imports {name}"
                )
                if (file.name, top) in {("linuxcalls.py", "ctypes"), ("pam.py", "ctypes")}:
                    continue  # calls that Python has nowhere else
                assert top not in ("subprocess", "pty", "ctypes", "pickle"), f"{file.name} imports {name}"


def test_what_some_verbs_become() -> None:
    assert becomes("scrub-stop", pool="tank", guid=GUID) == ["/usr/sbin/zpool", "scrub", "-s", "--", "tank"]
    assert becomes("send", snapshot="t/a@2", guid=GUID, **{"from": "#1"})[1:] == ["send", "-i", "#1", "--", "t/a@2"]
    assert becomes("receive", dataset="t/a", kind="volume") == ["/usr/sbin/zfs", "receive", "-s", "-u", "--", "t/a"]
    first = becomes("receive", dataset="t/a", kind="filesystem", first=True, peer="nas-b")
    assert "-F" not in first
    for wanted in ("readonly=on", "canmount=noauto", "setuid=off", "devices=off", "exec=off"):
        assert wanted in first
    again = becomes("receive", dataset="t/a", kind="filesystem")
    assert again == ["/usr/sbin/zfs", "receive", "-s", "-u", "--", "t/a"]
    assert "canmount=noauto" not in becomes("receive", dataset="t/a", kind="volume", first=True)
    assert becomes("dataset-destroy", dataset="t/a", guid=GUID) == ["/usr/sbin/zfs", "destroy", "--", "t/a"]
    created = becomes(
        "pool-create",
        pool="tank",
        vdevs=["mirror", "a", "b", "log", "c"],
        properties={"ashift": "12", "compression": "zstd", "mountpoint": "/srv/tank"},
    )
    assert created[2:8] == ["-o", "ashift=12", "-O", "compression=zstd", "-O", "mountpoint=/srv/tank"]
    assert created[8:] == [
        *("--", "tank", "mirror", "/dev/disk/by-id/a", "/dev/disk/by-id/b", "log", "/dev/disk/by-id/c"),
    ]


@pytest.mark.parametrize(
    ("name", "valid"),
    [
        *((name, True) for name in ("tank", "Tank_1.x:y-z", "a" * 239)),
        *(
            (name, False)
            for name in ("", "1tank", "-tank", "log", "mirror", "mirrors", "raidz", "draid1", "spare", "c0t0")
        ),
        *((name, False) for name in ("a" * 240, "a b", "a/b", "tank\n", "tänk", "a..b", "%tank", "tank@x")),
    ],
)
def test_names_of_pools(name: str, valid: bool) -> None:
    assert valid == (BY_NAME["scrub-start"].args[0].kind.check(name) == "")


@pytest.mark.parametrize(
    ("name", "valid"),
    [
        *((name, True) for name in ("t/a", "t/My data/2", "t/" + "a" * 253, "t" + "/a" * 49)),
        # OpenZFS takes these, so they are there and must be replicated, destroyed and all the rest.
        *((name, True) for name in ("t/ a", "t/a ", "t/-r", "t/_a", "t/.a", "t/:", "t/...", "t/a..b")),
        *((name, False) for name in ("t", "t/", "/t/a", "t//a", "t/a/", "t/.", "t/..", "t/a/../b", "t/./b")),
        *(
            (name, False)
            for name in ("t/a@b", "t/a#b", "t/%a", "t/" + "a" * 254, "t" + "/a" * 50, "t/a\n", "t/ä", "-t/a", "_t/a")
        ),
    ],
)
def test_names_of_datasets(name: str, valid: bool) -> None:
    assert valid == (BY_NAME["dataset-create"].args[0].kind.check(name) == "")


@pytest.mark.parametrize(
    ("words", "force", "why"),
    [
        (["a"], False, ""),
        (["a", "b"], False, ""),
        (["mirror", "a", "b", "mirror", "c", "d"], False, ""),
        (["raidz2", "a", "b", "c", "d", "spare", "e", "cache", "f", "log", "mirror", "g", "h"], False, ""),
        ([], False, "not empty"),
        (["mirror", "a"], False, "at least 2"),
        (["raidz1", "a", "b"], False, "at least 3"),
        (["raidz3", "a", "b", "c", "d"], False, "at least 5"),
        (["mirror", "a", "a"], False, "twice"),
        (["mirror", "a", "b", "log"], False, "no disk behind log"),
        (["log", "a"], False, "holds data"),
        (["log", "cache", "a", "b"], False, "no disk behind log"),
        (["a", "cache", "mirror", "b", "c"], False, "plain disks"),
        (["a", "log", "raidz1", "b", "c", "d"], False, "plain disks or mirrors"),
        (["mirror", "a", "b", "c", "mirror", "d", "e"], False, "mixes"),
        (["mirror", "a", "b", "c", "mirror", "d", "e"], True, ""),
        (["mirror", "a", "b", "special", "c"], False, "without redundancy"),
        (["mirror", "a", "b", "special", "mirror", "c", "d"], False, ""),
        (["mirror", "/dev/sda", "b"], False, "must start"),
        (["mirror", "x/sda", "b"], False, "not allowed"),
        (["mirror", "../sda", "b"], False, "must start"),
        (["mirror", ["a"], "b"], False, "must be a text"),
        (["draid1:2d:5c:1s", "a", "b", "c", "d", "e"], False, ""),
        (["draid1:2d:5c:1s", "a", "b", "c", "d"], False, "needs 5 disks"),
        (["draid1:8d:5c:1s", "a", "b", "c", "d", "e"], False, ""),  # no shape that fits, so a disk's name
        (["draid2:2d:6c:1s", "a", "b", "c", "d", "e", "f", "log", "mirror", "g", "h"], False, ""),
        (["mirror", "a", "b", "special", "draid1:1d:3c:0s", "c", "d", "e"], False, "plain disks or mirrors"),
        (["draid", "a", "b"], False, ""),  # no word of ours, so a disk's name: the run refuses a disk that is not there
    ],
)
def test_layouts(words: list[object], force: bool, why: str) -> None:
    if why:
        assert why in refusal("pool-create", pool="tank", vdevs=words, force=force)
    else:
        assert becomes("pool-create", pool="tank", vdevs=words, force=force)


@pytest.mark.parametrize(
    ("name", "value", "valid"),
    [
        ("compression", "zstd-19", True),
        ("compression", "zstd-20", False),
        ("recordsize", "128K", True),
        ("recordsize", "1048576", True),
        ("recordsize", "100K", False),
        ("recordsize", "32M", False),
        ("quota", "10G", True),
        ("quota", "none", True),
        ("quota", "-1", False),
        ("quota", "10.5G", False),
        ("mountpoint", "/srv/data", True),
        ("mountpoint", "/tank", True),
        ("mountpoint", "/tank/a b", True),
        ("mountpoint", "/other/a", False),
        ("mountpoint", "/srv", False),
        ("mountpoint", "/etc", False),
        ("mountpoint", "/", False),
        ("mountpoint", "/srv/../etc", False),
        ("mountpoint", "/srv//x", False),
        ("mountpoint", "srv/x", False),
        ("sharenfs", "on", False),
        ("keylocation", "file:///etc/shadow", False),
        ("dplane:peer", "nas-b", True),
        ("dplane:", "x", False),
        ("dplane:may-prune", "autosnap_,syncoid_attic_", True),
        ("dplane:may-prune", "none", True),
        ("dplane:may-prune", "dplane-", False),
        ("dplane:may-prune", "a", False),
        ("dplane:peer", "a b", False),
        ("dplane:was-mountpoint", "/home/My Photos", True),
        ("dplane:was-sharenfs", "rw=@10.0.0.0/8:a,sec=krb5", True),
        ("dplane:was-sharenfs", "x" * 256, False),
        ("dplane:was-sharenfs", " x", False),
        ("dplane:was-sharenfs", "x\ny", False),
        ("dplane:policy", "a b", False),
        ("com.sun:auto-snapshot", "true", False),
        ("volblocksize", "16K", False),  # only when the volume is made
        ("ashift", "12", False),  # of the pool
    ],
)
def test_property_values(name: str, value: str, valid: bool) -> None:
    said = problem(name, value, "tank/data", ("filesystem", "volume"), birth=False)
    assert (said == "") == valid, said
    if valid:
        set_to = becomes("dataset-set", dataset="tank/data", guid=GUID, property=name, value=value)
        assert set_to == ["/usr/sbin/zfs", "set", f"{name}={value}", "tank/data"]
    else:
        assert refusal("dataset-set", dataset="tank/data", guid=GUID, property=name, value=value)


def test_what_depends_on_several_arguments() -> None:
    assert "same dataset" in refusal("bookmark-create", snapshot="t/a@x", guid=GUID, bookmark="t/b#x")
    assert "needs from" in refusal("send", snapshot="t/a@x", guid=GUID, intermediates=True)
    assert "not a bookmark" in refusal("send-estimate", snapshot="t/a@x", intermediates=True, **{"from": "#x"})
    assert "argument size" in refusal("volume-create", dataset="t/v", size="1G", properties={"volsize": "2G"})
    assert "another snapshot" in refusal("send-resume", snapshot="t/a@x", guid=GUID, token=TOKEN.example)
    assert "ours" in refusal("bookmark-destroy", bookmark="t/a#mine", guid=GUID)
    assert "system directory" in refusal("pool-create", pool="etc", vdevs=["a"])


def test_roles() -> None:
    def needed(verb: str, **args: object) -> str:
        return role_needed(*parse(request(verb, **args)))

    assert needed("noop") == "view"
    assert needed("dataset-destroy", dataset="t/a", guid=GUID) == "admin"
    assert needed("dataset-destroy", dataset="t/a", guid=GUID, dry_run=True) == "view"
    assert needed("dataset-destroy", dataset="t/a", guid=GUID, dry_run=False) == "admin"
    assert needed("dataset-set", dataset="t/a", guid=GUID, property="setuid", value="off") == "operate"
    assert needed("dataset-set", dataset="t/a", guid=GUID, property="setuid", value="on") == "admin"
    assert needed("dataset-create", dataset="t/a", properties={"devices": "on"}) == "admin"
    assert needed("dataset-set", dataset="t/a", guid=GUID, property="dplane:was-quota", value="1") == "operate"
    assert needed("dataset-set", dataset="t/a", guid=GUID, property="dplane:peer", value="me") == "admin"
    for own in ("dplane:peer", "dplane:may-prune"):
        assert needed("dataset-inherit", dataset="t/a", guid=GUID, property=own) == "admin"
    for value in ("autosnap_", "none"):
        assert needed("dataset-set", dataset="t/a", guid=GUID, property="dplane:may-prune", value=value) == "admin"
    assert needed("dataset-create", dataset="t/a", properties={"dplane:may-prune": "autosnap_"}) == "admin"
    for setting, role in (("autoreplace=on", "admin"), ("autoreplace=off", "operate"), ("autoexpand=on", "operate")):
        assert needed("pool-set", pool="tank", guid=GUID, setting=setting) == role
    for verb, more in (("dataset-create", {}), ("volume-create", {"size": "1G"})):
        assert needed(verb, dataset="t/a", properties={"dplane:peer": "me"}, **more) == "admin"
    assert [allows(held, "operate") for held in ("", "view", "operate", "admin")] == [False, False, True, True]
    assert not allows("nonsense", "view")
    assert not any(needs_admin(name, "off") for name in PROPERTIES)
