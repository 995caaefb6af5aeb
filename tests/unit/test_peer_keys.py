"""The life of a key: made, offered by a pasted line, changed without a gap whatever is killed, taken away."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import asyncssh
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dplane_tui.errors import AuthenticationError, DPlaneError, HostKeyError, MissingError, RefusedError
from dplane_tui.services.door import Door
from dplane_tui.services.host import LocalHost, Output, quoting
from dplane_tui.services.replication import farside, keyring, keys, pasted, records, rotation, worker
from dplane_tui.services.replication.hello import hello
from dplane_tui.services.replication.keyring import LocalKeys, accepted_of
from dplane_tui.services.replication.lending import mark_prefix
from dplane_tui.services.replication.marked import inherited
from dplane_tui.services.replication.model import PairRequest, Peer
from dplane_tui.services.replication.rights import FLAGS, Rights, of_line, of_words
from dplane_tui.services.store import open_store
from privhelper import peers as door_keys
from privhelper.failure import Failure
from privhelper.request import Refused, parse
from privhelper.strictjson import dumps

from .replication_world import helper_command
from .replication_world.world import World


def new_key() -> str:
    return " ".join(asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode().split()[:2])


# The same in each process that runs a part of these tests: they name cases.
KEY, OTHER, THIRD = (
    f"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI{rest}"
    for rest in (
        "Kl44SimUljxTNancmf8LXBy0aAE74Lk2lyMgch+cgmH",
        "CyFcsd5ElHMFgVcYnSQe+hOtsmWH6VGffZ0N7DRalSm",
        "IUFVYIbBilk4m5PVdMJfhkbk9sX+P8GyEZ5S2yDX6yi",
    )
)


# The lines that sshd reads: the helper writes them, the agent and `peer accepted` understand them.


@pytest.mark.parametrize(("rights", "words"), [
    (Rights("nas-a"), "receive into datasets that it makes"),
    (Rights("nas-a", "tank/in"), "receive into tank/in and below"),
    (Rights("nas-a", None, "tank/home"), "read tank/home and below"),
    (Rights("nas-a", "tank/in", "tank/home", True),
     "receive into tank/in and below, read tank/home and below, take snapshots of that"),
])  # fmt: skip
def test_what_the_helper_writes_is_what_is_understood(rights: Rights, words: str) -> None:
    line = door_keys.line(
        rights.peer,
        KEY,
        rights.root or "",
        rights.may_read or "",
        tuple(flag for flag in FLAGS if getattr(rights, flag)),
    )
    assert of_line(line) == (rights, KEY)
    assert rights.in_words() == words
    (listed,) = accepted_of(f"{line}\n")
    assert (listed.name, listed.key_fingerprint, listed.in_words()) == ("nas-a", keys.fingerprint(KEY), words)


def test_who_may_only_read_receives_nothing() -> None:
    reader = Rights("a", None, "tank/home")
    assert reader.reads("tank/home")
    assert reader.reads("tank/home/x")
    assert not reader.reads("tank/homes")
    assert not reader.may_write("tank/home/x")
    assert not reader.may_write("tank/new")
    both = Rights("a", "tank/in", "tank/home")
    assert both.may_write("tank/in/x")
    assert not both.may_write("tank/home/x")


@pytest.mark.parametrize("line", [
    f"{KEY} owner@laptop", 'command="/bin/sh" ' + KEY + " dplane:nas-a", "restrict " + KEY,
    door_keys.line("nas-a", KEY, "").replace("dplane:nas-a", "dplane:nas-b"),
    door_keys.line("nas-a", KEY, "").replace("agent", "agent --shell yes"),
    door_keys.line("nas-a", KEY, "").replace("--peer nas-a", "--peer nas-a --may-snapshot yes"),
    door_keys.line("nas-a", KEY, "").replace("restrict,", "restrict,pty,"),
])  # fmt: skip
def test_a_line_that_is_not_ours_is_shown_as_what_it_is(line: str) -> None:
    assert of_line(line) is None
    (listed,) = accepted_of(f"# a remark\n\n{line}\n")
    assert (listed.name, listed.line) == ("", line)
    assert "not a line of D-Plane's" in listed.in_words()


@pytest.mark.parametrize("words", [
    [], ["--peer"], ["--peer", "a b"], ["--peer", "a", "--root"], ["--peer", "a", "--root", "x/../y"],
    ["--peer", "a", "--peer", "b"], ["--peer", "a", "--may-snapshot", "yes"], ["--peer", "a", "--may-read", "-r"],
    ["--peer", "a", "--may-read", "t/x", "--may-snapshot", "no"], ["--peer", "a", "--x", "y"],
])  # fmt: skip
def test_words_that_give_no_rights(words: list[str]) -> None:
    assert of_words(words) is None


def test_a_second_key_has_the_rights_of_the_first_and_never_more_than_two_are_there() -> None:
    other = door_keys.line("nas-b", THIRD, "")
    lines = [door_keys.line("nas-a", KEY, "tank/in", "tank/home"), other]
    both = door_keys.renew(lines, "nas-a", OTHER, KEY)
    assert [of_line(line) for line in both if line != other] == [
        (Rights("nas-a", "tank/in", "tank/home"), KEY), (Rights("nas-a", "tank/in", "tank/home"), OTHER),
    ]  # fmt: skip
    assert door_keys.renew(both, "nas-a", OTHER, KEY) == both, "asked twice, the same"
    third = new_key()
    assert third in door_keys.renew(both, "nas-a", third, OTHER)[-1]
    assert len(door_keys.renew(both, "nas-a", third, OTHER)) == 3, "the oldest went"
    assert door_keys.renew(both, "nas-a", KEY, KEY) == [other, lines[0]]
    assert door_keys.retire(both, "nas-a", OTHER) == [other, both[-1]]
    with pytest.raises(Failure, match="not a key of nas-a"):
        door_keys.renew(lines, "nas-a", OTHER, third)
    with pytest.raises(Failure, match="not a key of nas-b"):
        door_keys.renew(lines, "nas-b", OTHER, KEY)
    with pytest.raises(Failure, match="already the key of nas-b"):
        door_keys.renew(lines, "nas-a", THIRD, KEY)
    with pytest.raises(Failure, match="not a key of nas-a"):
        door_keys.retire(lines, "nas-a", OTHER)
    with pytest.raises(Failure, match="not a key of nas-c"):
        door_keys.retire(lines, "nas-c", KEY)


def test_the_door_takes_the_rights_only_in_its_grammar() -> None:
    def refused(**args: Any) -> bool:
        try:
            parse(dumps({"verb": "peer-accept", "peer": "a", "key": KEY, **args}).encode())
        except Refused:
            return True
        return False

    assert not refused(may_read="tank/home", may_snapshot=True)
    assert refused(may_snapshot=True)
    assert refused(may_read='tank/x" ssh')
    assert refused(may_read="tank/a b")
    assert refused(may_read="tank/home", may_snapshot="yes")


# The pasted lines.


@given(st.text(max_size=200))
def test_a_pasted_line_is_ours_or_refused(text: str) -> None:
    for read in (pasted.read_offer, pasted.read_answer):
        with pytest.raises(RefusedError) as raised:
            read(text)
        assert raised.value.message.isprintable()


def test_the_lines_say_what_they_were_made_of() -> None:
    offer = pasted.make_offer("nas-a-1", KEY)
    assert pasted.read_offer(f"  {offer.line}\r\n") == offer
    answer = pasted.make_answer("10.0.0.2", 2222, OTHER, offer.fingerprint)
    assert pasted.read_answer(answer.line) == answer
    assert answer.host_fingerprint == keys.fingerprint(OTHER)
    assert pasted.read_answer(pasted.make_answer("fe80::1", 22, OTHER, offer.fingerprint).line).address == "fe80::1"


OFFER = pasted.make_offer("nas-a-1", KEY).line
ANSWER = pasted.make_answer("10.0.0.2", 22, OTHER, keys.fingerprint(KEY)).line


@pytest.mark.parametrize("line", [
    OFFER.replace("nas-a-1", "-oProxy"), OFFER.replace("nas-a-1", "a\u00a0b"), OFFER.replace(" ", "  ", 1), OFFER[:-1],
    f"{OFFER} root", OFFER.replace("ssh-ed25519", "ssh-rsa"), f"{OFFER}\n{OFFER}", OFFER.replace("-1 ", "-2 ", 1),
    OFFER.replace("nas-a-1", 'a"b'), OFFER.replace("nas-a-1", "\x1b[2J"),
])  # fmt: skip
def test_an_offer_that_is_not_sound(line: str) -> None:
    with pytest.raises(RefusedError):
        pasted.read_offer(line)


@pytest.mark.parametrize("line", [
    ANSWER.replace("10.0.0.2", "-oProxyCommand=id"), ANSWER.replace(" 22 ", " 0 "), ANSWER.replace(" 22 ", " 99999 "),
    ANSWER.replace(" 22 ", " -1 "), ANSWER.replace("SHA256:", "MD5:"), ANSWER[:-1], ANSWER.replace("ssh-ed25519", "x"),
    ANSWER.replace(" 22 ", " ٢٢ "),
])  # fmt: skip
def test_an_answer_that_is_not_sound(line: str) -> None:
    with pytest.raises(RefusedError):
        pasted.read_answer(line)


# Changing a key, in the world of two boxes and a real sshd.


@pytest.fixture
async def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    async with World(tmp_path) as made:
        for name in ("DPLANE_STATE_DIR", "DPLANE_RUN_DIR", "PATH"):
            monkeypatch.setenv(name, made.environment[name])
        monkeypatch.setattr(quoting, "PROGRAM_PATH", f"{tmp_path}/far-bin:{os.environ['PATH']}")

        async def helper(_self: Door) -> tuple[str, ...]:  # the near box's door, to be asked in this process
            return helper_command(tmp_path / "state")

        monkeypatch.setattr(Door, "argv", helper)
        yield made


def public(key: Path) -> str:
    return " ".join(asyncssh.read_private_key(key).export_public_key().decode().split()[:2])


def authorize(world: World, line: str) -> None:
    world.authorized.parent.mkdir(exist_ok=True, mode=0o755)
    world.authorized.write_text(line)


async def paired(world: World, *, plain: bool) -> Path:
    """The peer as pairing leaves it: the far box's file names our key. Returns our key's file."""
    key = keys.files_of(world.path / "state" / "ssh", "vault-box").key
    if plain:
        await world.make_plain()
        authorize(world, f"ssh-rsa AAAA somebody@else\nrestrict {public(key)} dplane:{keys.own_name()}\n")
    else:
        authorize(world, door_keys.line("near-box", public(key), "vault/backup") + "\n")
    return key


async def stored(world: World) -> Peer:
    async with open_store(world.database) as store:
        return await records.peer(store, "vault-box")


@pytest.mark.parametrize("plain", [False, True])
async def test_a_new_key_is_used_before_the_old_one_goes(world: World, plain: bool) -> None:
    key = await paired(world, plain=plain)
    old, text = public(key), key.read_bytes()
    changed = await rotation.rotate("vault-box")
    assert public(key) != old
    assert changed.key_fingerprint == keys.fingerprint(public(key)) == (await stored(world)).key_fingerprint
    assert changed.key_created > 0
    lines = world.authorized.read_text().splitlines()
    assert [line for line in lines if old in line] == []
    assert len([line for line in lines if public(key) in line]) == 1
    if plain:
        assert lines[0] == "ssh-rsa AAAA somebody@else", "nobody else's line changes"
    else:
        assert of_line(lines[0]) == (Rights("near-box", "vault/backup"), public(key))
    assert sorted(path.name for path in key.parent.iterdir()) == [
        "+vault-box.lock", "vault-box.key", "vault-box.known", "vault-box.pub",
    ]  # fmt: skip
    assert key.stat().st_mode & 0o777 == 0o600
    assert (await world.run()).state == "succeeded"
    key.with_name("old").write_bytes(text)
    key.with_name("old").chmod(0o600)
    with pytest.raises(AuthenticationError):
        await hello(changed, key.with_name("old"))


STEPS = ["_next", "_accept_there", "hello", "move", "put_peer", "_keep_there"]


class Killed(BaseException):
    """What stands for a kill: nothing in the product catches it."""


@pytest.mark.parametrize("plain", [False, True])
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
async def test_a_kill_at_any_step_leaves_a_working_key(
    world: World, monkeypatch: pytest.MonkeyPatch, plain: bool, after: bool
) -> None:
    key = await paired(world, plain=plain)
    for step in STEPS:
        where: Any = {"move": keys, "put_peer": records}.get(step, rotation)
        real = getattr(where, step)

        def sync(*args: Any, real: Any = real) -> Any:
            found = real(*args) if after else None
            raise Killed(found)

        async def later(*args: Any, real: Any = real) -> Any:
            found = await real(*args) if after else None
            raise Killed(found)

        with monkeypatch.context() as patch:
            patch.setattr(where, step, later if asyncio.iscoroutinefunction(real) else sync)
            with pytest.raises(Killed):
                await rotation.rotate("vault-box")
        await hello(await stored(world))  # the key that is in place is let in
    before = public(key)
    changed = await rotation.rotate("vault-box")
    assert public(key) != before
    assert changed == await stored(world)
    assert [line.count(public(key)) for line in world.authorized.read_text().splitlines() if "dplane:" in line] == [1]
    assert keys.files_of(key.parent, "vault-box").public.read_text().startswith(public(key))


async def test_what_is_shown_of_a_key_is_the_key_that_is_in_place(world: World) -> None:
    key = keys.files_of(world.path / "state" / "ssh", "vault-box").key
    key.with_suffix(".pub").write_text(f"{OTHER} of the key before\n")
    assert worker._own_key("vault-box") == public(key)
    assert key.with_suffix(".pub").read_text().startswith(public(key))
    key.write_text("not a key")
    assert worker._own_key("vault-box") == public(key) != OTHER


async def test_a_far_box_that_does_not_take_the_new_key_keeps_the_old_one(world: World) -> None:
    key = await paired(world, plain=False)
    old = public(key)
    authorize(world, door_keys.line("somebody-else", old, "") + "\n")  # the agent's peer is near-box
    with pytest.raises(DPlaneError, match="not a key of near-box"):
        await rotation.rotate("vault-box")
    assert public(key) == old
    await hello(await stored(world))


async def test_only_one_changes_a_key(world: World) -> None:
    key = await paired(world, plain=False)
    lock = rotation._alone(key.with_name("+vault-box.lock"), "vault-box")
    with lock, pytest.raises(RefusedError, match="by another process"):
        await rotation.rotate("vault-box")


# Host keys.


async def test_a_new_host_key_is_accepted_only_as_the_far_box_shows_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = await stored(world)
    wrong = keys.fingerprint(new_key())
    service = LocalKeys(LocalHost())
    with pytest.raises(HostKeyError, match="nothing changed") as raised:
        await service.trust("vault-box", wrong)
    assert "ssh-keygen -lf" in raised.value.next_step
    assert await stored(world) == before

    known = keys.files_of(world.path / "state" / "ssh", "vault-box").known
    other = new_key()
    async with open_store(world.database, write=True) as store:
        await records.put_peer(store, _with_key(before, other))
    keys.pin(keys.files_of(known.parent, "vault-box"), other)
    run = await world.run()
    assert (run.state, run.error_code) == ("failed", "host-key")
    assert "dplane peer trust vault-box --fingerprint SHA256:" in run.message

    monkeypatch.setattr(keyring, "PairingSession", Direct)
    changed = await service.trust("vault-box", before.host_fingerprint)
    assert (changed.host_key, changed.host_fingerprint) == (before.host_key, before.host_fingerprint)
    assert (await world.run()).state == "succeeded"


async def test_a_host_key_that_lets_nobody_in_is_not_kept(world: World) -> None:
    known = keys.files_of(world.path / "state" / "ssh", "vault-box").known
    before = known.read_text(), await stored(world)
    with pytest.raises(HostKeyError):
        await rotation.trust("vault-box", new_key())
    assert (known.read_text(), await stored(world)) == before


def _with_key(peer: Peer, key: str) -> Peer:
    from dataclasses import replace

    return replace(peer, host_key=key, host_fingerprint=keys.fingerprint(key))


class Direct:
    """The pairing worker in this process: what `PairingSession` asks it is what it is asked."""

    def __init__(self, _host: object, _peer: str) -> None:
        return None

    async def __aenter__(self) -> Direct:
        return self

    async def __aexit__(self, *_: object) -> None:
        return None

    async def trust(self, name: str, host_key: str) -> Peer:
        return await rotation.trust(name, host_key)

    async def own_key(self, name: str) -> str:
        return keys.fingerprint(worker._own_key(name))

    async def public_key(self, name: str) -> tuple[str, str]:
        return "near-box", worker._own_key(name)

    async def adopt(self, request: PairRequest) -> Peer:
        return await worker.adopt(request)


# Pairing by pasted lines.


async def test_two_boxes_are_paired_by_two_lines(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyring, "PairingSession", Direct)
    near = LocalKeys(LocalHost())
    offer = await near.offer("new-box")
    assert offer.own_name == "near-box"

    host_key = world.path / "host_key.pub"
    host_key.write_text(f"{world.host_key.export_public_key().decode().strip()} root@far\n")
    monkeypatch.setattr(keyring, "HOST_KEYS", str(host_key))
    with monkeypatch.context() as far_box:
        far_box.setenv("DPLANE_STATE_DIR", str(world.path / "far"))

        async def far_helper(_self: Door) -> tuple[str, ...]:
            return helper_command(world.path / "far")

        far_box.setattr(Door, "argv", far_helper)
        far = LocalKeys(LocalHost())
        assert await far.accepted() == ()
        wanted = Rights(offer.own_name, "vault/in", "vault/home", True)
        done = await far.accept(pasted.read_offer(offer.line), wanted, "127.0.0.1", world.port)
        assert await far.accepted() == (done.accepted,)
    world.rights = ["--root", "vault/in", "--may-read", "vault/home", "--may-snapshot", "yes"]

    answer = pasted.read_answer(done.answer.line)
    with pytest.raises(RefusedError, match="That answer is for the key"):
        await near.adopt("another-box", answer)
    peer = await near.adopt("new-box", answer)
    assert (peer.user, peer.product, peer.host_fingerprint) == ("dplane", True, world.host_key.get_fingerprint())
    assert (peer.root, peer.may_read, peer.may_snapshot) == ("vault/in", "vault/home", True), "as the far box says"
    assert peer.own_name == "near-box", "what it makes there is named by that"

    with monkeypatch.context() as far_box:
        far_box.setenv("DPLANE_STATE_DIR", str(world.path / "far"))
        far_box.setattr(Door, "argv", far_helper)
        far = LocalKeys(LocalHost())
        with pytest.raises(MissingError, match="no box called nobody"):
            await far.revoke("nobody")
        said, beginning = await far.revoke("near-box"), mark_prefix("near-box", "01234567")[:23]
        assert "not let in any more" in said
        assert f"grep {beginning}` names them" in said, "what it could mark does not outlast it unsaid"
        assert await far.accepted() == ()
    with pytest.raises(AuthenticationError):
        await hello(peer)


async def test_an_answer_that_lets_nobody_in_stores_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyring, "PairingSession", Direct)
    near = LocalKeys(LocalHost())
    offer = await near.offer("new-box")
    host_key = " ".join(world.host_key.export_public_key().decode().split()[:2])
    answer = pasted.make_answer("127.0.0.1", world.port, host_key, offer.fingerprint)
    with pytest.raises(AuthenticationError):
        await near.adopt("new-box", answer)
    async with open_store(world.database) as store:
        assert [peer.name for peer in await records.peers(store)] == ["vault-box"]


async def test_what_sftp_was_told_is_read_back(world: World) -> None:
    key = await paired(world, plain=True)
    peer = await stored(world)
    async with farside.key_login(peer, key) as connection:
        await farside.edit_keys(connection, peer, "a-box", ["restrict one dplane:a-box", "restrict two dplane:a-box"])
        await farside.edit_keys(connection, peer, "a-box", ["restrict three dplane:a-box"])
    assert world.authorized.read_text().splitlines()[-1] == "restrict three dplane:a-box"
    assert world.authorized.read_text().count("a-box") == 1
    assert world.authorized.stat().st_mode & 0o777 == 0o600


class Marks(LocalHost):
    """A box on which datasets are marked, as ZFS tells it: tabs and line ends of a value are not escaped."""

    def __init__(self, marks: dict[str, str]) -> None:
        super().__init__()
        self.marks = marks
        self.status = 0

    async def run(self, argv: Sequence[str], **_more: Any) -> Output:
        at = argv.index("-o") + 2
        of = argv[at + 1 :] or list(self.marks)
        prop, _, end = argv[at].partition(",")
        assert (argv[at - 1], end) == ("name", "") if "local" in argv else end
        told = "".join(
            f"{name}\t{prop}\t{self.marks[name]}\tlocal\n{name}\t{end}\t-\t-\n" if end else f"{name}\n" for name in of
        )
        return Output(self.status, told.encode(), b"")


async def test_a_mark_with_line_ends_makes_no_copies_of_another_name() -> None:
    forged = "x\nnas-b\tbackup/\x1b[6A\x1b[2K    SHA256:expected\x1b[6B\ny"
    host = Marks({"usb": forged, "backup/a": "nas-b", "backup/b": "nas-b\nmore"})
    (said,) = await inherited(host, Rights("nas-b", "backup"))
    assert said.startswith("1 dataset(s) here are marked as copies of nas-b (backup/a):")


async def test_what_a_name_brings_along_is_what_its_rights_reach_and_unknown_is_not_nothing(tmp_path: Path) -> None:
    host = Marks({"b/x": "nas-a-1", "b/y": "nas-a-1", "c": "nas-a-1", "b/z": "nas-a-12"})
    (said,) = await inherited(host, Rights("nas-a-1", "b"))
    assert said.startswith("2 dataset(s) here are marked as copies of nas-a-1 (b/x, b/y):")
    assert await inherited(host, Rights("nas-b", "b")) == []
    assert await inherited(host, Rights("nas-a-1", "d")) == []
    assert await inherited(host, Rights("nas-a-1", None, "tank/home")) == [], "which reads that and receives nothing"
    host.status = 1
    assert await inherited(host, Rights("nas-a-1", "b")) == [
        "Whether there are copies of nas-a-1 here, which this key could read back, is not known."
    ]


def test_the_command_line_wants_a_fingerprint_that_somebody_confirmed(tmp_path: Path) -> None:
    def dplane(*words: str) -> tuple[int, str]:
        environment = {**os.environ, "DPLANE_STATE_DIR": str(tmp_path / "s"), "DPLANE_RUN_DIR": str(tmp_path / "r")}
        argv = [sys.executable, "-m", "dplane_tui", "peer", *words]
        done = subprocess.run(
            argv, capture_output=True, text=True, env=environment, stdin=subprocess.DEVNULL, check=False
        )
        return done.returncode, done.stdout + done.stderr

    code, said = dplane("accept", f"--line={OFFER}")
    assert (code, keys.fingerprint(KEY) in said) == (2, True)
    code, said = dplane("accept", f"--line={OFFER}", f"--fingerprint={keys.fingerprint(OTHER)}")
    assert (code, "The line holds the key" in said) == (7, True)
    code, said = dplane("accept", f"--line={OFFER}", "--may-snapshot")
    assert (code, "--may-read" in said) == (2, True)
    code, said = dplane("accept", f"--line={ANSWER}")
    assert (code, "not an offer" in said) == (4, True)
    code, said = dplane("import", "nas-b", f"--line={ANSWER}", f"--fingerprint={keys.fingerprint(OTHER)}")
    assert (code, "That answer is for the key" in said) == (4, True)
