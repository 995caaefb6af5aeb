"""Keys and places through the far box's own command, and here: the same answers, the same refusals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from dplane_tui import paths
from dplane_tui.cli.main import build_parser
from dplane_tui.errors import HostKeyError, MissingError, RefusedError, UnreachableError
from dplane_tui.services.host import LocalHost, Output
from dplane_tui.services.replication import keys, pasted, records
from dplane_tui.services.replication.keyring import KeyService, LocalKeys
from dplane_tui.services.replication.keyring_remote import RemoteKeys
from dplane_tui.services.replication.model import Options, PairRequest, Peer, Task
from dplane_tui.services.replication.remote import RemoteReplication
from dplane_tui.services.replication.rights import Rights
from dplane_tui.services.store import open_store
from privhelper.peers import line

from .test_peer_keys import KEY, OTHER
from .test_replication_service import FarHost, service, state  # noqa: F401 (fixtures)


@pytest.fixture(params=["local", "remote"])
def ring(request: pytest.FixtureRequest, state: Path) -> KeyService:  # noqa: F811
    return LocalKeys(LocalHost()) if request.param == "local" else RemoteKeys(FarHost())


PEER = Peer(
    "attic", "dplane", "127.0.0.1", 1, OTHER, keys.fingerprint(OTHER), "SHA256:x", True, None, 1.0, "vault/home", True
)


async def know(peer: Peer) -> None:
    async with open_store(paths.current().database, write=True) as store:
        await records.put_peer(store, peer)


async def test_keys_are_offered_listed_and_refused_the_same(ring: KeyService) -> None:
    offer = await ring.offer("attic")
    assert await ring.offer("attic") == offer, "made once"
    assert pasted.read_offer(offer.line) == offer
    assert await ring.accepted() == ()
    file = paths.current().state / "ssh-accept" / "authorized_keys"
    file.parent.mkdir(parents=True)
    file.write_text(f"{line('nas-b', KEY, 'vault/in', 'vault/home', ('may_snapshot',))}\nssh-rsa AAAA somebody\n")
    stranger, known = await ring.accepted()
    assert (stranger.name, stranger.line) == ("", "ssh-rsa AAAA somebody")
    assert (known.name, known.key_fingerprint) == ("nas-b", keys.fingerprint(KEY))
    assert (known.root, known.may_read, known.may_snapshot) == ("vault/in", "vault/home", True)
    with pytest.raises(MissingError, match="no box called nas-c"):
        await ring.revoke("nas-c")
    with pytest.raises(MissingError, match="no peer called attic"):
        await ring.rotate("attic")
    with pytest.raises(MissingError, match="no peer called attic"):
        await ring.trust("attic", keys.fingerprint(OTHER))
    other = pasted.make_answer("127.0.0.1", 1, OTHER, keys.fingerprint(KEY))
    with pytest.raises(RefusedError, match="That answer is for the key"):
        await ring.adopt("attic", other)
    own = pasted.make_answer("127.0.0.1", 1, OTHER, offer.fingerprint)
    with pytest.raises(UnreachableError):
        await ring.adopt("attic", own)
    await know(PEER)
    with pytest.raises(UnreachableError) as raised:
        await ring.trust("attic", keys.fingerprint(OTHER))
    assert not isinstance(raised.value, HostKeyError)


async def test_a_task_that_pulls_is_stored_the_same(service: object, state: Path) -> None:  # noqa: F811
    await know(PEER)
    await know(replace(PEER, name="shed", address="10.0.0.7", may_snapshot=False))
    pull = Task("home", "vault/home", None, "tank/home", True, None, 3600, source_peer="attic")
    made = await service.add_task(pull)  # type: ignore[attr-defined]
    assert (made.source_peer, made.source, made.peer, made.snapshot) == ("attic", "vault/home", None, True)
    assert await service.task("home") == made  # type: ignore[attr-defined]
    none = await service.add_task(replace(pull, name="other", source_peer="shed"))  # type: ignore[attr-defined]
    assert none.snapshot is False, "it may take none there, so its age is that of what it finds"
    with pytest.raises(RefusedError, match="lets this box read vault/home only"):
        await service.add_task(replace(pull, name="third", source="vault/private"))  # type: ignore[attr-defined]
    with pytest.raises(RefusedError, match="has not granted this box to prune") as refused:
        await service.set_options("home", Options(keep_source="daily=7"))  # type: ignore[attr-defined]
    assert "--may-read vault/home --may-snapshot --may-prune" in refused.value.next_step
    await know(replace(PEER, product=False))
    with pytest.raises(RefusedError, match="nobody can tell whose"):
        await service.set_options("home", Options(keep_source="daily=7"))  # type: ignore[attr-defined]
    await know(replace(PEER, may_prune=True))
    kept = await service.set_options("home", Options(keep_source="daily=7"))  # type: ignore[attr-defined]
    assert kept.options.keep_source == "daily=7"
    await service.set_options("home", Options())  # type: ignore[attr-defined]
    with pytest.raises(RefusedError, match="receives nothing"):
        await service.add_task(Task("push", "tank/a", "attic", "vault/a"))  # type: ignore[attr-defined]


class Heard(FarHost):
    """Keeps what it was asked, and answers nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.words: Sequence[str] = ()

    async def run(self, argv: Sequence[str], *, stdin: bytes = b"", timeout: float = 30.0) -> Output:
        self.words = argv[1:]
        return Output(1, b'{"ok": false, "error": {"code": "refused", "message": "No."}}', b"")


async def test_what_is_asked_of_a_far_box_is_what_its_command_line_takes() -> None:
    host = Heard()
    ring, tasks = RemoteKeys(host), RemoteReplication(host)
    offer = pasted.make_offer("nas-a", KEY)
    rights = Rights("nas-a", "tank/in", "tank/home", True)

    async def asked(call: object) -> object:
        with pytest.raises(RefusedError, match=r"No\."):
            await call  # type: ignore[misc]
        return build_parser(host.words).parse_args(host.words)

    said = await asked(ring.accept(offer, rights, "fe80::1", 2222))
    assert (said.line, said.fingerprint) == (offer.line, offer.fingerprint)  # type: ignore[attr-defined]
    assert (said.root, said.may_read, said.may_snapshot) == ("tank/in", "tank/home", True)  # type: ignore[attr-defined]
    assert said.address == "[fe80::1]:2222"  # type: ignore[attr-defined]
    request = PairRequest("b", "root", "10.0.0.2", 22, "x", OTHER, None, "tank/home", True)
    said = await asked(tasks.pair(request))
    assert (said.root, said.may_read, said.may_snapshot) == (None, "tank/home", True)  # type: ignore[attr-defined]
    assert (await asked(ring.rotate("b"))).deeper == "rotate"  # type: ignore[attr-defined]
    assert (await asked(tasks.own_key("b"))).deeper == "show"  # type: ignore[attr-defined]
    assert (await asked(ring.revoke("b"))).yes is True  # type: ignore[attr-defined]
