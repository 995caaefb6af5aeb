"""The far end's agent as sshd starts it: a real process, a model of ZFS behind it. A peer gets what is its own."""

from __future__ import annotations

import json
import os
import random
import string
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from dplane_tui.services.replication import begun

from .replication_world.zfs_model import head_line, new_dataset, new_guid, read_state, script, state_of, token_of

AGENT = Path(__file__).parent / "replication_world" / "far_agent.py"
ROOT = Path(__file__).parents[2]


class Far:
    """The far box and the peers that ask it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        for name in ("far", "far-bin", "far-state"):
            (path / name).mkdir()
        script(path / "far-bin", path / "far")
        with state_of(path / "far") as state:
            state["pools"]["vault"] = 10**9
            for name in ("vault", "vault/mine", "vault/mine/below", "vault/theirs", "vault/nobody"):
                state["datasets"][name] = new_dataset()
            state["datasets"]["vault/mine"]["props"]["dplane:peer"] = "box-a"
            state["datasets"]["vault/theirs"]["props"]["dplane:peer"] = "box-b"

    @property
    def state(self) -> dict[str, Any]:
        return read_state(self.path / "far")

    def run(
        self,
        request: Any,
        *,
        peer: str = "box-a",
        root: str | None = None,
        stream: bytes = b"",
        more: Sequence[str] = (),
    ) -> subprocess.CompletedProcess[bytes]:
        text = request if isinstance(request, str) else json.dumps(request)
        argv = [sys.executable, str(AGENT), str(self.path), peer, *([root] if root else []), *more]
        environment = {**os.environ, "SSH_ORIGINAL_COMMAND": text, "PYTHONPATH": str(ROOT)}
        return subprocess.run(argv, env=environment, input=stream, capture_output=True, check=False, timeout=60)

    def ask(self, request: Any, **how: Any) -> dict[str, Any]:
        done = self.run(request, **how)
        assert done.returncode in (0, 1), done.stderr
        answer: dict[str, Any] = json.loads(done.stdout.splitlines()[0])
        assert answer["ok"] is (done.returncode == 0)
        return answer


@pytest.fixture
def far(tmp_path: Path) -> Far:
    return Far(tmp_path)


def stream(name: str = "tank/x@s1", size: int = 100_000, guid: str = "", offset: int = 0) -> bytes:
    item = {"name": name.split("@")[1], "guid": guid or new_guid(), "size": size, "txg": 1, "created": 1}
    left = size - offset
    head = {"items": [item], "fromguid": "", "toname": name, "offset": offset, "type": "filesystem", "size": left}
    return head_line(head) + b"x" * left + b"END"


def test_there_is_no_shell(far: Far) -> None:
    before = far.state
    for text in (
        "",
        "id",
        "sh",
        "; id",
        "$(id)",
        "scp -t /",
        "/usr/lib/openssh/sftp-server",
        '{"op": "sh"}',
        "null",
        "[]",
    ):
        answer = far.ask(text)
        assert answer["error"]["code"] == "refused", text
        assert "uid=" not in json.dumps(answer)
    assert far.state == before


def test_without_a_request_there_is_only_a_sentence(far: Far) -> None:
    environment = {key: value for key, value in os.environ.items() if key != "SSH_ORIGINAL_COMMAND"}
    done = subprocess.run(
        [sys.executable, str(AGENT), str(far.path), "box-a"],
        env={**environment, "PYTHONPATH": str(ROOT)}, capture_output=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 1
    assert "no shell" in json.loads(done.stdout)["error"]["message"]


def test_hostile_requests_are_refused_and_change_nothing(far: Far) -> None:
    before = far.state
    chance = random.Random(7)  # noqa: S311
    seeds = [
        '{"op": "read", "dataset": "vault/mine"}',
        '{"op": "receive", "dataset": "vault/new", "kind": "filesystem"}',
    ]
    texts = [
        '{"op": "read", "op": "abort"}',
        '{"op": NaN}',
        "[" * 5000,
        '{"op": "read", "dataset": "' + "a" * 20_000 + '"}',
    ]
    for _ in range(12):
        letters = list(chance.choice(seeds))
        for _ in range(3):
            letters[chance.randrange(len(letters))] = chance.choice(string.punctuation + "\n\t é")
        texts.append("".join(letters))
    for text in texts:
        answer = far.ask(text)
        if answer["ok"]:
            assert set(answer) == {"ok", "list", "get", "available"}, text
        else:
            assert answer["error"]["message"].isprintable(), text
    assert far.state == before


@pytest.mark.parametrize("name", [
    "vault/../etc", "-r", "vault/mine@s1", "vault/x;id", "vault/./x", "vault", "vault/x\nvault/y", "/vault/x", "", 7,
    None, "vault/" + "a" * 300,
])  # fmt: skip
def test_only_sound_names_are_taken(far: Far, name: object) -> None:
    for op in ("read", "receive", "abort"):
        answer = far.ask({"op": op, "dataset": name, "kind": "filesystem", "token": "x"})
        assert answer["error"]["code"] == "refused", (op, name)


def test_a_peer_reads_its_own_and_not_what_is_another_s_or_nobody_s(far: Far) -> None:
    assert far.ask({"op": "read", "dataset": "vault/mine", "recursive": True})["get"].count("\ttype\t") == 2
    assert not far.ask({"op": "read", "dataset": "vault/mine/below"})["ok"], "an inherited mark gives nothing"
    for other in ("vault/theirs", "vault/nobody"):
        for op in ("read", "receive"):
            answer = far.ask({"op": op, "dataset": other, "kind": "filesystem"}, stream=stream())
            assert "not made by this peer" in answer["error"]["message"]
    assert far.ask({"op": "read", "dataset": "vault/new/deep"}) == {
        "ok": True,
        "list": "",
        "get": "",
        "available": 10**9,
    }


def test_a_value_with_a_line_end_does_not_speak_for_another_dataset(far: Far) -> None:
    """A stream can bring any user property: one that imitates a listing must not give away somebody else's dataset."""
    with state_of(far.path / "far") as state:
        state["datasets"]["vault/theirs"]["props"]["dplane:peer"] = "box-b\nbox-a"
        state["datasets"]["vault/nobody"]["props"]["dplane:peer"] = "box-a\nvault/theirs\tdplane:peer\tbox-a"
    for other in ("vault/theirs", "vault/nobody"):
        assert far.ask({"op": "read", "dataset": other})["error"]["code"] == "refused"


def test_the_root_is_the_end_of_the_world(far: Far) -> None:
    for outside in ("vault/mine", "vault/inboxes", "vault"):
        answer = far.ask(
            {"op": "receive", "dataset": outside, "kind": "filesystem"}, root="vault/inbox", stream=stream()
        )
        assert answer["error"]["code"] == "refused"
    assert far.ask(
        {"op": "receive", "dataset": "vault/inbox/a/b", "kind": "filesystem", "first": True},
        root="vault/inbox", stream=stream(),
    )["ok"]  # fmt: skip
    made = far.state["datasets"]
    assert made["vault/inbox/a/b"]["props"]["dplane:peer"] == "box-a"
    assert "dplane:peer" not in made["vault/inbox"]["props"], "others may live beside it"
    assert far.ask({"op": "read", "dataset": "vault/inbox/a/b"}, peer="box-b")["error"]["code"] == "refused"
    answer = far.ask(
        {"op": "receive", "dataset": "vault/no/such/x", "kind": "filesystem"}, root="vault/no/such", stream=stream()
    )
    assert "above this peer's root" in answer["error"]["message"]


def test_it_can_neither_destroy_nor_roll_back(far: Far) -> None:
    with state_of(far.path / "far") as state:
        snap = {"name": "s9", "guid": "9", "txg": 9, "size": 1, "created": 1}
        state["datasets"]["vault/mine"]["snaps"] = [snap]
    before = far.state
    for op in ("destroy", "rollback", "rename", "set", "clone", "snapshot", "promote"):
        assert far.ask({"op": op, "dataset": "vault/mine", "snapshot": "vault/mine@s9"})["error"]["code"] == "refused"
    answer = far.ask({"op": "receive", "dataset": "vault/mine", "kind": "filesystem", "first": True}, stream=stream())
    assert "exists" in answer["error"]["message"]
    good = token_of({"bytes": 1, "toguid": "9", "toname": "tank/x@s9", "fromguid": ""})
    assert not far.ask({"op": "abort", "dataset": "vault/theirs", "token": good})["ok"]
    assert far.state["datasets"]["vault/mine"]["snaps"] == [snap]
    assert far.state["datasets"].keys() == before["datasets"].keys()


def test_a_stream_that_ends_early_is_not_received_and_is_kept_for_later(far: Far) -> None:
    request = {"op": "receive", "dataset": "vault/new", "kind": "filesystem", "first": True}
    answer = far.ask(request, stream=stream()[:50_000])
    assert not answer["ok"]
    assert "Partially received" in answer["error"]["message"]
    read = far.ask({"op": "read", "dataset": "vault/new"})
    assert "receive_resume_token\t1-" in read["get"]


def test_a_new_connection_ends_the_one_that_hangs(far: Far) -> None:
    """The peer's old connection is dead but nobody has told this box; a new question of the same peer is enough."""
    request = json.dumps({"op": "receive", "dataset": "vault/new", "kind": "filesystem", "first": True})
    old = subprocess.Popen(
        [sys.executable, str(AGENT), str(far.path), "box-a"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        env={**os.environ, "SSH_ORIGINAL_COMMAND": request, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert old.stdin
    old.stdin.write(stream()[:60_000])
    old.stdin.flush()
    deadline = time.monotonic() + 60
    while "vault/new" not in far.state["datasets"] and time.monotonic() < deadline:
        time.sleep(0.05)
    assert far.ask({"op": "read", "dataset": "vault/new"}, peer="box-b")["error"]["code"] == "refused"
    assert old.poll() is None, "another peer ends nothing"
    read = far.ask({"op": "read", "dataset": "vault/new"})
    assert "receive_resume_token\t1-" in read["get"]
    old.stdin.close()
    assert old.wait(30) == 1
    assert old.stdout
    old.stdout.close()


NEW = {"op": "receive", "dataset": "vault/new", "kind": "filesystem", "guid": "77"}


def noted(far: Far) -> list[str]:
    """The notes about first receives that the far box keeps."""
    return [file.read_text() for file in (far.path / "far-state").glob("begun-*")]


def new(far: Far) -> Any:
    """The dataset that is received, as the far box has it."""
    return far.state["datasets"]["vault/new"]


def lose_power(far: Far, guid: str = "77") -> None:
    """A first receive, ended by the loss of power before the dataset's properties were on the disk."""
    process = subprocess.Popen(
        [sys.executable, str(AGENT), str(far.path), "box-a"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
        env={**os.environ, "SSH_ORIGINAL_COMMAND": json.dumps({**NEW, "guid": guid}), "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert process.stdin
    process.stdin.write(stream(guid="77")[:60_000])
    process.stdin.flush()
    deadline = time.monotonic() + 60
    while "vault/new" not in far.state["datasets"] and time.monotonic() < deadline:
        time.sleep(0.05)
    process.kill()
    process.stdin.close()
    process.wait()
    while not new(far)["partial"]["bytes"] and time.monotonic() < deadline:
        time.sleep(0.05)
    with state_of(far.path / "far") as state:
        state["datasets"]["vault/new"]["props"] = {}


def test_a_first_receive_whose_mark_the_power_took_goes_on(far: Far) -> None:
    lose_power(far)
    assert [json.loads(text)["peer"] for text in noted(far)] == ["box-a"]
    assert far.ask({"op": "read", "dataset": "vault/new"}, peer="box-b")["error"]["code"] == "refused"
    assert "receive_resume_token\t1-" in far.ask({"op": "read", "dataset": "vault/new"})["get"]
    offset = new(far)["partial"]["bytes"]
    assert 0 < offset < 100_000
    # The peer says nothing of `first`, and an older one says the wrong thing: it is made harmless all the same.
    answer = far.ask({**NEW, "first": False}, stream=stream(guid="77", offset=offset))
    assert answer["ok"], answer
    assert new(far)["snaps"][-1]["guid"] == "77"
    assert new(far)["props"] == {
        "readonly": "on", "canmount": "noauto", "setuid": "off", "exec": "off", "devices": "off",
        "dplane:peer": "box-a",
    }  # fmt: skip
    assert not noted(far), "it has done its work"


def test_a_resume_that_breaks_again_keeps_what_the_peer_began(far: Far) -> None:
    lose_power(far)
    offset = new(far)["partial"]["bytes"]
    assert not far.ask(NEW, stream=stream(guid="77", offset=offset)[:20_000])["ok"]
    assert new(far)["props"]["dplane:peer"] == "box-a", "zfs sets it before it reads the stream"
    assert not noted(far)
    assert far.ask(NEW, stream=stream(guid="77", offset=new(far)["partial"]["bytes"]))["ok"]


def test_what_the_power_left_can_be_given_up(far: Far) -> None:
    lose_power(far)
    token = token_of(new(far)["partial"])
    assert not far.ask({"op": "abort", "dataset": "vault/new", "token": token}, peer="box-b")["ok"]
    assert far.ask({"op": "abort", "dataset": "vault/new", "token": token})["ok"]
    assert "vault/new" not in far.state["datasets"]
    assert not noted(far)


def unmarked(far: Far, **changes: Any) -> None:
    """What the power left, other in one point."""
    lose_power(far)
    with state_of(far.path / "far") as state:
        state["datasets"]["vault/new"].update(changes)


def test_only_what_the_note_is_about_is_claimed(far: Far) -> None:
    partial = {"bytes": 5, "toname": "tank/x@s1", "fromguid": "", "toguid": "77"}
    snap = {"name": "s0", "guid": "1", "txg": 1, "size": 1, "created": 1}
    strangers: list[dict[str, Any]] = [
        {"partial": {**partial, "toguid": "78"}},
        {"partial": {**partial, "fromguid": "76"}},
        {"partial": None},
        {"partial": None, "snaps": [snap]},
        {"partial": partial, "snaps": [snap]},
        {"partial": partial, "props": {"dplane:peer": "box-b"}},
    ]
    lose_power(far)
    note = noted(far)
    for changes in strangers:
        with state_of(far.path / "far") as state:
            before = {**new_dataset(), **changes}
            state["datasets"]["vault/new"] = before
        for request in (
            {"op": "read", "dataset": "vault/new"},
            NEW,
            {**NEW, "op": "abort", "token": token_of(partial)},
        ):
            assert far.ask(request, stream=stream())["error"]["code"] == "refused", (changes, request)
        assert new(far) == before
        assert noted(far) == note, "who is refused changes nothing"


def test_a_note_whose_writer_was_killed_goes_when_the_dataset_is_seen_whole(far: Far) -> None:
    folder = str(far.path / "far-state")
    lose_power(far)
    assert far.ask({"op": "read", "dataset": "vault/new"})["ok"]
    assert len(noted(far)) == 1, "it is not whole yet, and the note says whose it is"
    assert far.ask({**NEW, "dataset": "vault/other"}, stream=stream())["ok"]
    for dataset, peer in (("vault/other", "box-a"), ("vault/third", "box-a"), ("vault/other/deep", "box-b")):
        begun.write(folder, begun.Begun(peer, dataset, "77"))
    assert far.ask({"op": "read", "dataset": "vault/new"})["ok"]
    assert len(noted(far)) == 4, "what is elsewhere is not asked about"
    assert far.ask({"op": "read", "dataset": "vault/other"})["ok"]
    assert sorted(json.loads(text)["dataset"] for text in noted(far)) == [
        "vault/new",
        "vault/other/deep",
        "vault/third",
    ]


def test_a_note_that_is_not_this_peers_or_no_file_claims_nothing(far: Far) -> None:
    lose_power(far)
    (path,) = (far.path / "far-state").glob("begun-*")
    text = path.read_text()
    other = far.path / "elsewhere"
    other.write_text(text)
    for wrong in (text.replace("box-a", "box-b"), text.replace("vault/new", "vault/old"), text[:20], "", "[" * 4000):
        path.write_text(wrong)
        assert far.ask({"op": "read", "dataset": "vault/new"})["error"]["code"] == "refused", wrong
    path.unlink()
    path.symlink_to(other)
    assert far.ask({"op": "read", "dataset": "vault/new"})["error"]["code"] == "refused"
    path.unlink()
    assert far.ask({"op": "read", "dataset": "vault/new"})["error"]["code"] == "refused"


def test_no_note_outlives_a_receive_that_was_not_cut_by_the_power(far: Far) -> None:
    """Or a peer could note a name today and claim what somebody else half-receives there tomorrow."""
    assert not far.ask(NEW, stream=b"no stream\n")["ok"]
    assert not noted(far)
    assert not far.ask(NEW, stream=stream(guid="77")[:50_000])["ok"]
    assert not noted(far)
    with state_of(far.path / "far") as state:
        state["datasets"]["vault/new"]["props"] = {}
    assert far.ask({"op": "read", "dataset": "vault/new"})["error"]["code"] == "refused"


def test_the_kind_is_looked_at_where_the_helper_does_not(far: Far) -> None:
    """Until a dataset is whole the helper takes the peer's word, and a volume's settings are not a file system's."""
    lose_power(far)
    answer = far.ask({**NEW, "kind": "volume"}, stream=stream(guid="77", offset=new(far)["partial"]["bytes"]))
    assert "is not a volume" in answer["error"]["message"]
    assert not new(far)["props"]


def test_it_starts_light() -> None:
    code = "import sys, dplane_tui.services.replication.agent; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    loaded = set(done.stdout.split())
    assert not {"asyncio", "asyncssh", "aiosqlite", "psutil", "textual", "argparse", "sqlite3"} & loaded


def test_who_was_shut_out_is_refused_on_a_connection_that_still_holds(far: Far) -> None:
    request = {"op": "read", "dataset": "vault/mine"}
    folder = far.path / "ssh-accept"
    folder.mkdir()
    (folder / "authorized_keys").write_text("restrict key dplane:box-a\nrestrict key dplane:box-b\n")
    assert far.ask(request)["ok"]
    (folder / "authorized_keys").write_text("restrict key dplane:box-ab\n")
    assert far.ask(request)["error"]["code"] == "authentication"


READER = ["--may-read", "vault/nobody"]


def test_who_may_read_gets_streams_of_that_and_nothing_else(far: Far) -> None:
    with state_of(far.path / "far") as state:
        snap = {"name": "s1", "guid": new_guid(), "txg": 2, "size": 1000, "created": 7}
        state["datasets"]["vault/nobody"]["snaps"].append(snap)
        state["datasets"]["vault/nobody/below"] = new_dataset()
    before = far.state

    def ask(request: dict[str, Any], *rights: str) -> dict[str, Any]:
        return far.ask(request, more=[*READER, *rights])

    wanted = {"dataset": "vault/nobody", "snapshot": "s1", "guid": snap["guid"]}
    assert ask({"op": "read", "dataset": "vault/nobody", "recursive": True})["get"].count("\ttype\t") == 2
    assert ask({"op": "estimate", **wanted})["size"] == 1000
    assert ask({"op": "creations", "dataset": "vault/nobody", "snapshots": ["s1"]})["creations"] == {"s1": 7}
    sent = far.run({"op": "send", **wanted}, more=READER)
    assert (sent.returncode, sent.stdout.endswith(b"END")) == (0, True)
    for dataset in ("vault/theirs", "vault/mine", "vault", "vault/nobodys"):
        for op in ("read", "send", "estimate", "creations", "receive", "abort", "note"):
            done = far.run({"op": op, **wanted, "dataset": dataset, "snapshots": []}, more=READER, stream=stream())
            assert done.returncode == 1, (op, dataset)
            assert b"END" not in done.stdout
    for op in ("settle", "snapshot", "bookmark", "forget"):
        assert ask({"op": op, **wanted, "name": OWN_NAME})["error"]["code"] == "refused", op
    answer = far.ask(
        {"op": "receive", "dataset": "vault/nobody/new", "kind": "filesystem"}, more=READER, stream=stream()
    )
    assert answer["error"]["code"] == "refused"
    assert far.state == before


def named(seconds: float = 0.0) -> str:
    """The name of a task's snapshot taken so many seconds from now."""
    return time.strftime("dplane-%Y-%m-%dT%H-%M-%SZ", time.gmtime(time.time() + seconds))


OWN_NAME = named()


def test_who_may_take_snapshots_takes_ours_and_forgets_only_its_own_bookmarks(far: Far) -> None:
    rights = [*READER, "--may-snapshot", "yes"]

    def ask(peer: str = "box-a", **request: Any) -> dict[str, Any]:
        return far.ask({"dataset": "vault/nobody", **request}, peer=peer, more=rights)

    far_off = (named(2 * 86400), named(-2 * 86400), "dplane-2099-01-01T00-00-00Z", "dplane-2026-13-01T00-00-00Z")
    for bad in ("mine", "dplane-x", f"{OWN_NAME}x", "", 7, f"{OWN_NAME}\n", "../x", *far_off):
        assert ask(op="snapshot", name=bad)["error"]["code"] == "refused", bad
    assert ask(op="snapshot", name=OWN_NAME, also=["vault/theirs"])["ok"] is False
    assert ask(op="snapshot", name=OWN_NAME)["ok"]
    with state_of(far.path / "far") as state:
        (snap,) = state["datasets"]["vault/nobody"]["snaps"]
        state["datasets"]["vault/nobody"]["marks"].append({"name": "dplane-somebody", "guid": new_guid(), "txg": 1})
    taken = {"snapshot": OWN_NAME, "guid": snap["guid"]}
    for tag in ("", "x" * 8, "0123456", 7, None):
        assert ask(op="bookmark", tag=tag, **taken)["error"]["code"] == "refused", tag
        assert ask(op="forget", tag=tag, keep=snap["guid"])["error"]["code"] == "refused", tag
    for peer in ("box-a", "box-b", "box-a"):
        assert ask(peer, op="bookmark", tag="0123abcd", **taken)["ok"]

    def marks() -> list[str]:
        found = far.state["datasets"]["vault/nobody"]["marks"]
        return [mark["name"] for mark in found]

    assert len(marks()) == 3, "one a peer, and somebody's"
    theirs = marks()[2]
    assert ask(op="forget", tag="0123abcd", keep=snap["guid"])["ok"]
    assert len(marks()) == 3, "what is kept is kept"
    assert ask(op="forget", tag="0123abcd", keep=new_guid())["ok"]
    assert marks() == ["dplane-somebody", theirs]


def test_a_peer_changes_its_own_key_and_nobody_else_s(far: Far) -> None:
    from privhelper.peers import line
    from privhelper.verbs import OTHER_KEY

    key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"
    file = far.path / "far" / "ssh-accept" / "authorized_keys"
    file.parent.mkdir(mode=0o755)
    file.write_text(line("box-a", key, "vault/in") + "\n")
    for wrong in (f'{OTHER_KEY} command="id"', "ssh-rsa AAAA", "", 7, f"{OTHER_KEY}\n{OTHER_KEY}"):
        assert not far.ask({"op": "key-add", "key": wrong, "current": key})["ok"], wrong
    assert not far.ask({"op": "key-add", "key": OTHER_KEY, "current": key}, peer="box-b")["ok"]
    assert not far.ask({"op": "key-keep", "key": OTHER_KEY})["ok"], "it is not there yet"
    assert file.read_text() == line("box-a", key, "vault/in") + "\n"
    assert far.ask({"op": "key-add", "key": OTHER_KEY, "current": key, "root": "vault"})["ok"]
    assert far.ask({"op": "key-keep", "key": OTHER_KEY})["ok"]
    assert file.read_text() == line("box-a", OTHER_KEY, "vault/in") + "\n", "the same rights"


def amended(far: Far, request: dict[str, Any], *rights: str) -> dict[str, Any]:
    argv = [sys.executable, str(AGENT), str(far.path), "box-a", *rights]
    environment = {**os.environ, "SSH_ORIGINAL_COMMAND": json.dumps(request), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(argv, env=environment, capture_output=True, check=False, timeout=60)
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def test_only_a_peers_own_copy_is_amended_and_taken_back_only_with_the_right(far: Far) -> None:
    with state_of(far.path / "far") as state:
        for name in ("vault/mine", "vault/theirs"):
            state["datasets"][name]["snaps"] = [
                {"name": short, "guid": str(number), "txg": number, "size": 5, "created": 1}
                for number, short in ((11, "s1"), (12, "mine"))
            ]
        own = str(state["datasets"]["vault/mine"]["guid"])
    before = far.state
    back = {"op": "rollback", "dataset": "vault/mine", "snapshot": "s1", "guid": "11", "plan": "0" * 64}
    refused = amended(far, back)["error"]
    assert refused["code"] == "refused"
    assert refused["next"] == "`dplane snapshot rollback 'vault/mine@s1' --destroy-newer` there does it."
    right = ("--may-rollback", "yes")
    aside = {"op": "aside", "dataset": "vault/mine", "guid": own, "kind": "filesystem", "to": "vault/mine-kept-1"}
    for request in (
        {**back, "dataset": "vault/theirs"}, {**back, "dataset": "vault/nobody"}, {**back, "snapshot": "s1 -R"},
        {**back, "snapshot": "s1@x"}, {**back, "snapshot": ["s1"]}, {**back, "guid": "12"}, {**back, "plan": "x"},
        {**aside, "dataset": "vault/theirs"}, {**aside, "to": "vault/theirs/x"}, {**aside, "guid": "1"},
        {**aside, "to": "vault"}, {**aside, "to": 7}, {**aside, "kind": "-r"},
        {"op": "details", "dataset": "vault/theirs"}, {"op": "details", "dataset": "vault/nobody"},
    ):  # fmt: skip
        assert amended(far, request, *right)["ok"] is False, request
    assert far.state == before
    with state_of(far.path / "far") as state:
        state["datasets"]["vault/mine/below"]["props"]["dplane:peer"] = "box-b"
    assert "did not make" in amended(far, aside)["error"]["message"]
    with state_of(far.path / "far") as state:
        state["datasets"]["vault/mine/below"]["props"] = {}
    assert "did not make" in amended(far, aside)["error"]["message"], "an inherited mark gives nothing"
    with state_of(far.path / "far") as state:
        state["datasets"]["vault/mine/below"]["props"]["dplane:peer"] = "box-a"
    seen = amended(far, {"op": "details", "dataset": "vault/mine"}, *right)
    assert seen["may_rollback"] is True
    assert [line.split("\t")[0] for line in seen["list"].splitlines()] == ["vault/mine@s1", "vault/mine@mine"]
    assert amended(far, {"op": "details", "dataset": "vault/mine"})["may_rollback"] is False
    assert amended(far, back, *right)["ok"] is True
    assert amended(far, aside)["ok"] is True
    after = far.state["datasets"]
    assert [snap["name"] for snap in after["vault/mine-kept-1"]["snaps"]] == ["s1"]
    assert "vault/mine-kept-1/below" in after


def test_nothing_of_one_peer_is_put_below_a_copy_of_another(far: Far) -> None:
    before = far.state
    evil: dict[str, Any] = {"op": "receive", "kind": "filesystem", "guid": "5"}
    for root in (None, "vault"):
        for name in ("vault/theirs/evil", "vault/theirs/a/b/evil"):
            refused = far.ask({**evil, "dataset": name}, root=root, stream=stream())
            assert "vault/theirs on the far box is a copy of another peer" in refused["error"]["message"]
    streams = [{"dataset": "vault/theirs/evil", "kind": "filesystem", "guid": "5"}]
    body = json.dumps({"streams": streams}).encode()
    several = {"op": "receive-several", "dataset": "vault/theirs", "bytes": len(body)}
    assert "of another peer" in far.ask(several, stream=body)["error"]["message"]
    guid = before["datasets"]["vault/mine"]["guid"]
    aside = {"op": "aside", "dataset": "vault/mine", "to": "vault/theirs/mine", "guid": guid, "kind": "filesystem"}
    with state_of(far.path / "far") as state:
        state["datasets"]["vault/mine/below"]["props"]["dplane:peer"] = "box-a"
    before = far.state
    assert "of another peer" in far.ask(aside)["error"]["message"]
    assert far.state == before
    # Below its own, and below what is the owner's, it makes what it likes inside of its root.
    assert far.ask({**evil, "dataset": "vault/mine/new"}, stream=stream())["ok"] is True
    assert far.ask({**evil, "dataset": "vault/nobody/new"}, stream=stream())["ok"] is True


def test_names_that_a_peer_invents_leave_no_files_and_few_levels(far: Far) -> None:
    for number in range(3):
        far.ask({"op": "receive", "dataset": f"vault/theirs/x{number}", "kind": "filesystem"})
        far.ask({"op": "abort", "dataset": f"vault/gone{number}", "token": "1-2-3-4"})
    assert [file.name for file in (far.path).rglob("receiving-*")] == []
    before = far.state
    deep = far.ask({"op": "receive", "dataset": "vault/a/b/c/d/e/f", "kind": "filesystem"})
    assert "makes 4 at most" in deep["error"]["message"]
    assert far.state == before
