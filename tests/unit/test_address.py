"""Addresses as users of syncoid type them: what they mean, and that nothing unsound comes out of any text."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dplane_tui.errors import UsageError
from dplane_tui.services.replication import keys
from dplane_tui.services.replication.address import Address, parse
from dplane_tui.text import clean
from privhelper import grammar


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("tank", Address("tank")),
        ("tank/photos", Address("tank/photos")),
        ("tank/photos/2026 summer", Address("tank/photos/2026 summer")),
        ("tank/vm:disk0", Address("tank/vm:disk0")),  # a colon behind a slash is the dataset's (sanoid#392)
        ("nas-b:backup/photos", Address("backup/photos", "nas-b")),
        ("root@nas-b:backup/photos", Address("backup/photos", "nas-b", "root")),
        ("@nas-b:backup", Address("backup", "nas-b")),
        ("root@nas.example.org:backup/vm:disk0", Address("backup/vm:disk0", "nas.example.org", "root")),
        ("nas-b:pool:odd/ds", Address("pool:odd/ds", "nas-b")),
        ("root@192.168.1.20:backup/a", Address("backup/a", "192.168.1.20", "root")),
        ("[fe80::1]:backup/a", Address("backup/a", "fe80::1")),
        ("root@[fe80::1%eth0]:backup/a:b", Address("backup/a:b", "fe80::1%eth0", "root")),
    ],
)
def test_what_an_address_means(text: str, address: Address) -> None:
    assert parse(text) == address
    assert parse(str(address)) == address


def test_a_pool_of_this_box_may_hold_a_colon() -> None:
    assert parse("my:pool/photos", {"my:pool"}) == Address("my:pool/photos")
    assert parse("my:pool/photos", {"my"}) == Address("pool/photos", "my")
    assert parse("root@my:pool/photos", {"my:pool"}) == Address("pool/photos", "my", "root"), "an @ decides"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "must not be empty"),
        ("tank/photos@monday", "A snapshot is never named here"),
        ("nas-b:tank/photos@monday", "names a snapshot"),
        ("root@nas-b", "USER@HOST:POOL/DATASET"),
        ("root@nas-b/photos", "has an @ and no colon"),
        (":tank/photos", "no host before the colon"),
        ("root@:tank/photos", "no host before the colon"),
        ("-oProxyCommand=x:tank/photos", "that is none"),
        ("-F@nas-b:tank/photos", "account"),
        ("fe80::1:tank/photos", "brackets"),
        ("[nas b]:tank/photos", "that is none"),
        ("nas-b:", "must not be empty"),
        ("tank/", "must not be empty"),
        ("/tank/photos", "must not be empty"),
        ("tank/pho\x1btos", "U+001B"),
        ("$SRC", "'$'"),
    ],
)
def test_what_is_no_address_is_told_in_a_sentence(text: str, says: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(text)
    assert says in str(caught.value)
    assert caught.value.message.endswith(".")
    assert caught.value.next_step
    assert str(caught.value).isprintable()


part = st.from_regex(r"[a-z0-9_.:-]{1,8}", fullmatch=True).filter(lambda text: ".." not in text and text[0].isalnum())
datasets = st.builds(
    lambda pool, rest: "/".join((f"p{pool}", *rest)),
    st.from_regex(r"[a-z0-9_-]{0,6}", fullmatch=True),
    st.lists(part, max_size=3),
)
hosts = st.none() | st.from_regex(r"[a-z0-9][a-z0-9.-]{0,10}", fullmatch=True) | st.ip_addresses().map(str)


@given(datasets, hosts, st.none() | st.from_regex(r"[a-z_][a-z0-9_-]{0,8}", fullmatch=True))
def test_whatever_is_sound_is_read_back_as_it_was_written(dataset: str, host: str | None, user: str | None) -> None:
    address = Address(dataset, host, user if host else None)
    assert parse(str(address)) == address


@given(st.text() | st.text(alphabet="ab@:/[]-.1 %$\n", max_size=30))
@example("a@b@c:d/e")
@example("a:b@c:d/e")
@example("[::1]:tank\n")
def test_nothing_unsound_comes_out_of_any_text(text: str) -> None:
    try:
        address = parse(text)
    except UsageError as error:
        said = str(error)
        assert said == clean(said)
        return
    assert not grammar.dataset_problem(address.dataset)
    if address.host is not None:
        keys.check_address(address.user or "someone", address.host, 22)  # what the rest of the product lets through
    assert parse(str(address)) == address
