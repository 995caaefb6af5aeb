"""The attacks on a privileged door that we know of, one test or more for each that applies (docs/threats.md lists all).

Some are held off elsewhere and tested there: roles, descriptors, hangs, the plan of a destroy and streams in the other
tests of the door, hostile arguments in those named hostile, the log in those of the audit, real sudo in the lab's.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from privhelper import alone as locks
from privhelper import checks, peers
from privhelper.audit import LOCK, AuditError, Log
from privhelper.build import build
from privhelper.failure import Failure, one_line
from privhelper.grammar import KEY
from privhelper.kinds import TOKEN
from privhelper.properties import PROPERTIES, problem
from privhelper.request import Refused, argv, parse, role_needed
from privhelper.shape import Value
from privhelper.trust import problem as distrust
from privhelper.verbs import BY_NAME, VERBS

from .test_privhelper_terminals import until

ROOT = Path(__file__).parents[2]
GUID = "1234567890123456789"


def request(verb: str, **args: object) -> bytes:
    return json.dumps({"verb": verb, **args}).encode()


def refused(verb: str, **args: object) -> str:
    with pytest.raises(Refused) as refusal:
        parse(request(verb, **args))
    return str(refusal.value)


def full(verb: str, **args: object) -> dict[str, Any]:
    return {**{arg.name: arg.example for arg in BY_NAME[verb].args}, **args}


@pytest.fixture
def helper(tmp_path: Path) -> Path:
    (tmp_path / "log").mkdir(mode=0o750)
    build(str(tmp_path / "privhelper"), {"AUDIT_DIR": str(tmp_path / "log"), "OWNER_UID": os.getuid()})
    return tmp_path / "privhelper"


def run(helper: Path, raw: bytes, **more: Any) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([str(helper)], input=raw + b"\n", capture_output=True, check=False, **more)


@pytest.mark.parametrize(
    "name", ["t/a;id", "t/$(touch x)", "t/`id`", "t/a|b", "t/a&b", "t/a\nb", "t/a'b", 't/a"b', "t/a*"]
)
def test_01_shell_metacharacters(name: str) -> None:
    refused("dataset-create", dataset=name)
    refused("snapshot-create", snapshot=f"{name}@x")
    refused("peer-accept", **full("peer-accept", root=name))


@pytest.mark.parametrize("name", ["-r", "--", "-o", "-rf/x", "-o mountpoint=/"])
def test_02_names_that_look_like_options(name: str) -> None:
    refused("dataset-destroy", dataset=name, guid=GUID)
    refused("scrub-start", pool=name, guid=GUID)
    refused("pool-create", pool="tank", vdevs=[name])
    refused("hold-add", snapshot="t/a@x", guid=GUID, tag=name)
    refused("job-start", job=name)


def test_02_a_part_that_looks_like_an_option_stands_behind_a_pools_name() -> None:
    assert argv(*parse(request("dataset-destroy", dataset="t/-r", guid=GUID)))[-2:] == ["--", "t/-r"]
    assert argv(*parse(request("snapshot-destroy", snapshot="t/a@-r", guid=GUID)))[-2:] == ["--", "t/a@-r"]
    refused("send", snapshot="t/a@x", guid=GUID, **{"from": "-r"})


def test_02_operands_stand_behind_two_dashes() -> None:
    for verb in VERBS:
        built = argv(verb, {arg.name: arg.example for arg in verb.args})
        program = Path(built[0]).name
        # zfs set of 2.1 knows no --; its operand begins with a property of the list. Nor does zfs promote: its operand
        # begins with a letter. -t and -a take their own operand.
        bare = built[1] in ("set", "promote")
        if program in ("zfs", "zpool", "systemctl") and verb.args and not bare and "-t" not in built[:7]:
            assert "--" in built, verb.name


def test_04_a_link_below_a_mountpoint(tmp_path: Path) -> None:
    (tmp_path / "share").mkdir()
    (tmp_path / "share" / "trap").symlink_to("/etc")
    checks.no_links(str(tmp_path / "share" / "new" / "deeper"))
    for path in ("share/trap", "share/trap/ssh"):
        with pytest.raises(Failure) as failure:
            checks.no_links(str(tmp_path / path))
        assert failure.value.code == "refused"


def test_04_a_mountpoint_below_a_folder_that_somebody_owns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing looks for links again when a start mounts it."""
    monkeypatch.setattr(checks, "OWNER_UID", os.getuid())
    for name in ("root/new", "shared/hers", "sticky/hers"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "shared").chmod(0o2775)
    (tmp_path / "sticky").chmod(0o1777)
    below = str(tmp_path)
    for path in ("root", "root/new", "root/new/x/y", "shared"):
        checks.roots_ground(f"{below}/{path}")
    for path in ("shared/hers", "shared/new", "shared/hers/x", "sticky/new", "sticky/new/x"):
        with pytest.raises(Failure, match="needs the role admin") as failure:
            checks.roots_ground(f"{below}/{path}")
        assert failure.value.code == "role"
    if os.getuid() == 0:
        os.chown(tmp_path / "root" / "new", 65534, -1)
        checks.roots_ground(f"{below}/root/new")
        with pytest.raises(Failure, match="does not belong to root"):
            checks.roots_ground(f"{below}/root/new/x")


@pytest.mark.parametrize(
    ("verb", "args"),
    [
        ("dataset-create", {"dataset": "tank/x", "properties": {"mountpoint": "/srv/hers/x"}}),
        ("dataset-set", {"dataset": "tank/x", "guid": GUID, "property": "mountpoint", "value": "/srv/hers/x"}),
        (
            "snapshot-clone",
            {
                "snapshot": "tank/x@a",
                "guid": GUID,
                "dataset": "tank/y",
                "kind": "filesystem",
                "properties": {"mountpoint": "/srv/hers/x"},
            },
        ),
    ],
)
def test_04_only_an_administrator_insists_on_such_a_mountpoint(
    verb: str, args: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def ground(path: str) -> None:
        asked.append(path)
        raise Failure("role", "it is hers")

    monkeypatch.setattr(checks, "roots_ground", ground)
    monkeypatch.setattr(checks, "BEFORE", dict.fromkeys(checks.BEFORE, lambda _verb, _args: {}))
    monkeypatch.setattr(checks, "guard", lambda _verb, _args: None)
    with pytest.raises(Failure, match="it is hers"):
        checks.look(BY_NAME[verb], args, "operate")
    checks.look(BY_NAME[verb], args, "admin")
    assert asked == ["/srv/hers/x"]
    inherited: dict[str, Any] = {
        "dataset": "tank/hers/x"
    }  # what is inherited is not chosen: a dataset below a share works as ever
    checks.look(BY_NAME["dataset-create"], inherited, "operate")


def test_04_a_disk_that_is_no_link_to_a_device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "DISKS", str(tmp_path))
    (tmp_path / "file").write_text("")
    (tmp_path / "to-file").symlink_to("/etc/passwd")
    (tmp_path / "dangling").symlink_to("/nowhere")
    for name in ("file", "to-file", "dangling", "absent"):
        with pytest.raises(Failure) as failure:
            checks.BEFORE["disk"](BY_NAME["smart-read"], {"disk": name})
        assert failure.value.code == "changed"


def test_04_a_link_in_place_of_the_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peers, "STATE_DIR", str(tmp_path))
    monkeypatch.setattr(peers, "OWNER_UID", os.getuid())
    (tmp_path / "elsewhere").write_text("keep\n")
    (tmp_path / peers.DIRECTORY).mkdir(mode=0o755)
    (tmp_path / peers.DIRECTORY / peers.FILE).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Failure):
        peers.change("peer-accept", {"peer": "nas-b", "key": KEY.example})
    (tmp_path / peers.DIRECTORY).rename(tmp_path / "moved")
    (tmp_path / peers.DIRECTORY).symlink_to(tmp_path / "moved")
    with pytest.raises(Failure):
        peers.change("peer-accept", {"peer": "nas-b", "key": KEY.example})
    assert (tmp_path / "elsewhere").read_text() == "keep\n"


def test_05_a_hostile_environment_and_directory(helper: Path, tmp_path: Path) -> None:
    trap = tmp_path / "trap"
    (trap / "privhelper").mkdir(parents=True)
    for name in (
        "os.py",
        "select.py",
        "sitecustomize.py",
        "privhelper/__init__.py",
        "privhelper/main.py",
        "binascii.py",
    ):
        (trap / name).write_text(f"open({str(tmp_path / 'sprung')!r}, 'w')\n")
    hostile = {
        "PYTHONPATH": str(trap),
        "PYTHONSTARTUP": str(trap / "os.py"),
        "PYTHONHOME": str(trap),
        "PATH": str(trap),
    }
    done = run(helper, request("noop"), env=hostile, cwd=trap)
    assert json.loads(done.stdout) == {"ok": True, "verb": "noop"}
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("what", ["file", "directory", "group"])
def test_06_a_helper_that_others_could_write(helper: Path, what: str) -> None:
    {"file": helper, "group": helper, "directory": helper.parent}[what].chmod(0o775 if what == "group" else 0o757)
    done = run(helper, request("noop"))
    assert done.returncode == 5
    assert "can be written by others" in json.loads(done.stdout)["error"]["message"]
    helper.chmod(0o755)
    helper.parent.chmod(0o755)
    assert run(helper, request("noop")).returncode == 0


def test_06_links_owners_and_sticky_directories(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    file.chmod(0o644)
    assert distrust(str(file), os.getuid()) == ""
    (tmp_path / "link").symlink_to(tmp_path)
    assert "is a link" in distrust(str(tmp_path / "link" / "file"), os.getuid())
    assert "cannot be checked" in distrust(str(tmp_path / "absent"), os.getuid())
    if os.getuid() == 0:
        os.chown(file, 65534, -1)
        assert "does not belong to root" in distrust(str(file), 0)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("mountpoint", path) for path in ("/", "/etc", "/usr/lib", "/srv", "/srv/../etc", "/home/x", "/tankx")),
        *((name, "on") for name in ("sharenfs", "sharesmb", "jailed", "zoned", "keylocation", "encryption", "nbmand")),
        *(
            ("keylocation", "file:///etc/shadow"),
            ("compression", "lz4 -o exec=on"),
            ("checksum", "off"),
            ("quota", "1;"),
        ),
    ],
)
def test_08_properties_and_values_outside_the_list(name: str, value: str) -> None:
    refused("dataset-set", dataset="tank/a", guid=GUID, property=name, value=value)
    refused("dataset-create", dataset="tank/a", properties={name: value})
    refused("pool-create", **full("pool-create", properties={name: value}))


def test_08_a_new_pool_over_a_system_directory() -> None:
    for name in ("etc", "usr", "home", "root", "var"):
        refused("pool-create", **full("pool-create", pool=name))
        refused("pool-import", guid=GUID, name=name)


def test_08_an_imported_pool_mounts_nothing_by_itself() -> None:
    built = argv(*parse(request("pool-import", guid=GUID)))
    assert built[2:5] == ["-N", "-o", "cachefile=none"], "nor at a start, before it was judged"
    assert problem("mountpoint", "/etc/cron.d", "evil/data", ("filesystem",), birth=False)
    assert problem("mountpoint", "/tank2/data", "tank/data", ("filesystem",), birth=False)


def test_09_a_token_for_somebody_elses_snapshot() -> None:
    assert "another snapshot" in refused("send-resume", snapshot="tank/other@x", guid=GUID, token=TOKEN.example)
    refused("send-resume", token=TOKEN.example)


def test_09_the_root_of_a_pool_is_no_dataset_to_destroy_or_receive_into() -> None:
    refused("dataset-destroy", dataset="tank", guid=GUID)
    refused("receive", dataset="tank", kind="filesystem")


def test_10_a_destroy_cannot_be_replayed() -> None:
    # What it names is named by GUID, so a second run finds nothing (the door's tests try that).
    for verb in VERBS:
        if verb.destroys:
            by_guid = any(isinstance(part, Value) and part.arg == "guid" for part in verb.argv)
            assert verb.guard or by_guid or {"prune", "bookmarks", "chosen"} & set(verb.before), verb.name
            needed = {arg.name for arg in verb.args if not arg.optional}
            assert needed & {"guid", "token", "snapshots", "bookmarks"}, verb.name


def test_12_the_request_is_bounded(helper: Path) -> None:
    done = run(helper, b'{"verb":"noop","x":"' + b"a" * 70_000 + b'"}')
    assert done.returncode == 2
    assert "larger than 65536 bytes" in json.loads(done.stdout)["error"]["message"]


def test_13_what_a_program_says_reaches_nobody_raw() -> None:
    assert one_line(b"a\x1b]0;x\x07b\r\n\xff\xc2\x9bc") == "a ]0;x b � c"
    assert len(one_line("x" * 5000)) < 500


@pytest.mark.parametrize(
    "raw",
    [
        b'{"verb":"noop","verb":"pool-destroy"}',
        b'{"verb":"scrub-start","pool":"tank","guid":"1","guid":"2"}',
        b'{"verb":"scrub-start","pool":"tank","guid":NaN}',
        b'{"verb":"scrub-start","pool":"tank","guid":1234567890123456789}',
        b'{"verb":"scrub-start","pool":["tank"],"guid":"1"}',
        b'{"verb":"scrub-start","pool":"tank","guid":"1"}{"verb":"noop"}',
        b'{"verb":"noop","a":' + b"[" * 60_000,
        b'{"verb":"dataset-create","dataset":"t/a","properties":{"quota":"1G","quota":"2G"}}',
    ],
)
def test_14_ambiguous_json(helper: Path, raw: bytes) -> None:
    done = run(helper, raw)
    assert done.returncode == 2
    assert b"Traceback" not in done.stderr
    assert json.loads(done.stdout)["error"]["code"] == "refused"


def test_17_nothing_that_could_start_a_pager_an_editor_or_a_shell() -> None:
    allowed = {"/usr/sbin/zfs", "/usr/sbin/zpool", "/usr/sbin/smartctl", "/usr/bin/systemctl", "privhelper"}
    for verb in VERBS:
        program = argv(verb, {arg.name: arg.example for arg in verb.args})[0]
        assert program in allowed or verb.name in ("pair", "smb-shares", "notify-list", "notify-test")
    assert argv(BY_NAME["smb-shares"], {}) == ["/usr/bin/net", "usershare", "info", "-l"]
    for word in ("list", "test"):  # our own program, as a user that is not root, without a terminal
        assert argv(BY_NAME[f"notify-{word}"], {}) == ["/opt/dplane/current/bin/dplane", "--json", "notify", word]
    # systemctl start and stop use no pager; status, edit and cat do.
    assert {argv(BY_NAME[v], {"job": "j"})[1] for v in ("job-start", "job-stop")} == {"start", "stop"}


def test_18_no_argument_is_a_secret() -> None:
    secret = re.compile(r"pass|secret|credential|private|keylocation|keyformat", re.IGNORECASE)
    for verb in VERBS:
        assert not any(secret.search(arg.name) for arg in verb.args)
        # Those that read a passphrase let nothing else come behind the request, and say so to whoever reads the table.
        assert verb.secret is None or (not verb.stream and "line behind the request" in verb.about)
    assert not any(secret.search(name) for name in PROPERTIES)
    assert sum(verb.secret is not None for verb in VERBS) == 5


def test_20_a_peers_key_never_gives_a_shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peers, "STATE_DIR", str(tmp_path))
    monkeypatch.setattr(peers, "OWNER_UID", os.getuid())
    key = str(KEY.example)
    assert peers.change("peer-accept", {"peer": "nas-b", "key": key, "root": "tank/backup"}) == {"changed": True}
    assert peers.change("peer-accept", {"peer": "nas-b", "key": key, "root": "tank/backup"}) == {"changed": False}
    file = tmp_path / peers.DIRECTORY / peers.FILE
    assert file.read_text() == (
        'restrict,command="/opt/dplane/current/bin/dplane agent --peer nas-b --root tank/backup" '
        + key
        + " dplane:nas-b\n"
    )
    assert file.stat().st_mode & 0o777 == 0o644
    with pytest.raises(Failure, match="already the key of nas-b"):
        peers.change("peer-accept", {"peer": "nas-c", "key": key})
    assert peers.change("peer-accept", {"peer": "nas-b", "key": key}) == {"changed": True}
    assert file.read_text().count("\n") == 1
    assert "--may-prune" not in file.read_text()
    assert peers.change("peer-accept", {"peer": "nas-b", "key": key, "root": "tank/b", "may_prune": True})["changed"]
    assert 'dplane agent --peer nas-b --root tank/b --may-prune yes" ssh-ed25519' in file.read_text()
    assert peers.change("peer-accept", {"peer": "nas-b", "key": key, "may_prune": False}) == {"changed": True}
    assert "--may-prune" not in file.read_text(), "a key that is accepted without the right has it no more"
    assert peers.change("peer-revoke", {"peer": "nas"}) == {"changed": False}
    assert peers.change("peer-revoke", {"peer": "nas-b"}) == {"changed": True}
    assert file.read_text() == ""


@pytest.mark.parametrize(
    "key",
    [
        *("", "ssh-ed25519", "ssh-ed25519 AAAA", f"{KEY.example} comment", f"no-pty {KEY.example}", f"{KEY.example}\n"),
        *(f"{KEY.example}\nssh-rsa AAAA", 'command="id" ' + str(KEY.example), f" {KEY.example}"),
        str(KEY.example).replace("ssh-ed25519", "ssh-rsa", 1),
        str(KEY.example).replace("AAAAC3", "AAAAC2", 1),
        str(KEY.example)[:-1] + "=",
        str(KEY.example)[:-1] + '"',
    ],
)
def test_20_keys_with_something_hidden_in_them(key: str) -> None:
    refused("peer-accept", peer="nas-b", key=key)


@pytest.mark.parametrize("peer", ['a"b', "a b", "a\nb", "-a", "../a", "a,b", "a\\b", "", "a" * 64])
def test_20_names_of_peers(peer: str) -> None:
    refused("peer-accept", peer=peer, key=KEY.example)


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("kind", ["filesystem", "volume"])
def test_21_a_malicious_stream(kind: str, first: bool) -> None:
    built = argv(*parse(request("receive", dataset="tank/in", kind=kind, first=first, peer="nas-b")))
    assert "-F" not in built
    assert built[2:4] == ["-s", "-u"]
    assert ("readonly=on" in built) == first
    for setting in ("setuid=off", "devices=off", "exec=off"):
        assert (setting in built) == (first and kind == "filesystem")
    assert ("canmount=noauto" in built) == (first and kind == "filesystem")


def test_53_a_clone_of_what_was_received_runs_nothing_as_root() -> None:
    wanted = {"snapshot": "tank/in@a", "guid": GUID, "dataset": "tank/out", "kind": "filesystem"}
    for properties in ({}, {"mountpoint": "/srv/out"}, {"setuid": "off", "devices": "off"}):
        verb, args = parse(request("snapshot-clone", **wanted, properties=properties))
        built = argv(verb, args)
        for setting in ("setuid=off", "devices=off"):
            assert built.count(setting) == 1
            assert built[built.index(setting) - 1] == "-o"
        assert role_needed(verb, args) == "operate"
    for name in ("setuid", "devices"):
        verb, args = parse(request("snapshot-clone", **wanted, properties={name: "on"}))
        assert role_needed(verb, args) == "admin"
        assert f"{name}=off" not in argv(verb, args)


def test_27_no_way_to_the_docker_socket() -> None:
    text = "".join(file.read_text(encoding="utf-8") for file in (ROOT / "privhelper").glob("*.py"))
    assert "docker" not in text.lower()


def test_28_the_log_is_for_viewers_only(helper: Path) -> None:
    run(helper, request("noop"))
    assert (helper.parent / "log" / "audit.jsonl").stat().st_mode & 0o007 == 0


def test_the_page_of_threats_names_tests_that_exist() -> None:
    page = (ROOT / "docs/threats.md").read_text(encoding="utf-8")
    known = "".join(file.read_text(encoding="utf-8") for file in (ROOT / "tests").rglob("test_*.py"))
    named = re.findall(r"`(test_[a-z0-9_]+)`", page)
    assert len(named) > 25
    assert [name for name in named if f"def {name}(" not in known and f"{name}.py" not in page] == []
    rows = [int(number) for number in re.findall(r"^\| (\d+) \|", page, re.MULTILINE)]
    assert rows == list(range(1, max(28, len(rows)) + 1))


def _held(path: Path) -> int:
    """Lock `path` as somebody who may only read it: whoever can open a file or a folder can."""
    handle = os.open(path, os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    return handle


def test_62_no_lock_of_the_door_can_be_held_by_who_only_reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peers, "STATE_DIR", str(tmp_path))
    monkeypatch.setattr(peers, "OWNER_UID", os.getuid())
    (tmp_path / "log").mkdir(mode=0o750)
    (tmp_path / peers.DIRECTORY).mkdir(mode=0o755)
    log = Log(str(tmp_path / "log"), os.getuid())
    assert log.append({"verb": "noop"}, durable=False)[0] == 1
    assert peers.change("peer-accept", {"peer": "nas-b", "key": KEY.example})["changed"]
    readable = [
        path
        for folder in ("log", peers.DIRECTORY)
        for path in (tmp_path / folder, *(tmp_path / folder).iterdir())
        if path.stat().st_mode & 0o044
    ]
    assert tmp_path / "log" in readable
    holders = [_held(path) for path in readable]
    try:
        assert log.append({"verb": "noop"}, durable=True)[0] == 2
        assert peers.change("peer-revoke", {"peer": "nas-b"})["changed"]
    finally:
        for handle in holders:
            os.close(handle)


def test_62_a_lock_is_waited_for_within_a_limit_and_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks.alone, "__defaults__", (0.05,))
    monkeypatch.setattr(peers, "STATE_DIR", str(tmp_path))
    monkeypatch.setattr(peers, "OWNER_UID", os.getuid())
    for folder, lock in (("log", LOCK), (peers.DIRECTORY, peers.LOCK)):
        (tmp_path / folder).mkdir(mode=0o750)
        (tmp_path / folder / lock).touch(0o600)
        os.utime(tmp_path / folder / lock, (86400, 86400))
        handle = _held(tmp_path / folder / lock)
        said = f"has held the lock {tmp_path}/{folder}/{lock} since 1970-01-02T00:00:00Z"
        log = Log(str(tmp_path / folder), os.getuid())
        with pytest.raises((AuditError, Failure), match=re.escape(said)):
            log.append({}, durable=False) if folder == "log" else peers.change("peer-revoke", {"peer": "nas-b"})
        os.close(handle)


def test_62_a_lock_that_others_could_open_is_shut_and_a_link_is_none(tmp_path: Path) -> None:
    place = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
    (tmp_path / "lock").touch(0o644)
    os.close(locks.alone(place, "lock", "here"))
    assert (tmp_path / "lock").stat().st_mode & 0o777 == 0o600
    (tmp_path / "hard").hardlink_to(tmp_path / "lock")
    (tmp_path / "link").symlink_to(tmp_path / "lock")
    with pytest.raises(locks.Held):
        locks.alone(place, "hard", "here")
    with pytest.raises(OSError, match="symbolic"):
        locks.alone(place, "link", "here")
    os.close(place)


@pytest.fixture
def accepting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of peers' keys, which everybody can look into."""
    monkeypatch.setattr(peers, "STATE_DIR", str(tmp_path))
    monkeypatch.setattr(peers, "OWNER_UID", os.getuid())
    (tmp_path / peers.DIRECTORY).mkdir(mode=0o755)
    return tmp_path / peers.DIRECTORY


def test_62_who_waits_for_a_folder_keeps_nobody_else_waiting(
    tmp_path: Path, accepting: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = Log(str(tmp_path), os.getuid())
    log.append({"verb": "noop"}, durable=False)
    peers.change("peer-revoke", {"peer": "nas-b"})
    waited: list[Path] = []

    def watched(handle: int, how: int, limit: float) -> bool:
        folder = Path(os.readlink(f"/proc/self/fd/{handle}"))
        if folder.is_dir():
            waited.append(folder)
            with next(folder.glob("*.lock")).open() as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # nobody has it, else this raises
            limit = 0.01
        return taken(handle, how, limit)

    taken = locks._taken
    monkeypatch.setattr(locks, "_taken", watched)
    holders = [_held(tmp_path), _held(accepting)]
    try:
        assert log.append({"verb": "noop"}, durable=True)[0] == 2
        assert peers.change("peer-revoke", {"peer": "nas-b"}) == {"changed": False}
    finally:
        for handle in holders:
            os.close(handle)
    assert waited == [tmp_path, accepting]


def test_62_who_waits_for_a_lock_gets_it_in_turn(tmp_path: Path) -> None:
    """With turns many calls cost each act their own time; without, one of them can be overtaken until it gives up."""
    log = Log(str(tmp_path), os.getuid())
    log.append({"turn": 0}, durable=False)
    handle = _held(tmp_path / LOCK)
    children = []
    for turn in range(1, 5):
        child = os.fork()
        if child == 0:
            os.close(handle)
            try:
                log.append({"turn": turn}, durable=False)
            finally:
                os._exit(0)
        children.append(child)
        until(lambda: f"-> FLOCK  ADVISORY  WRITE {children[-1]} " in Path("/proc/locks").read_text())
    os.close(handle)
    for child in children:
        os.waitpid(child, 0)
    lines = (tmp_path / "audit.jsonl").read_text().splitlines()
    assert [json.loads(line)["turn"] for line in lines] == [0, 1, 2, 3, 4]
