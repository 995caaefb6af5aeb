"""Resume tokens: written by OpenZFS 0.8 to 2.2 on real systems, and made up by a hostile peer."""

from __future__ import annotations

import contextlib
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from privhelper.kinds import TOKEN
from privhelper.resumetoken import TokenError, mismatch, token_problem, unpack
from tests.conftest import many

GUID, NAME = "1234567890123456789", "tank/data@dplane-2026-01-02"
EXAMPLE = str(TOKEN.example)


def seal(plain: bytes, size: int | None = None) -> str:
    """A token around any contents, with a true checksum, as a hostile peer can make it."""
    packed = zlib.compress(plain)
    words = range(0, len(packed) // 4 * 4, 4)
    total = sum(int.from_bytes(packed[at : at + 4], "little") for at in words)
    return f"1-{total:x}-{len(plain) if size is None else size:x}-{packed.hex()}"


def pair(name: str, kind: int, value: bytes) -> bytes:
    raw = name.encode() + b"\0"
    padded = raw + b"\0" * (-len(raw) % 8)
    value += b"\0" * (-len(value) % 8)
    sizes = (16 + len(padded) + len(value)).to_bytes(4, "little") + len(raw).to_bytes(2, "little") + b"\0\0"
    return sizes + (1).to_bytes(4, "little") + kind.to_bytes(4, "little") + padded + value


HEAD = b"\0\1\0\0" + b"\0\0\0\0" + b"\1\0\0\0"
END = b"\0" * 8


def contents(name: str = NAME, guid: int = int(GUID), *more: bytes) -> bytes:
    named = pair("toname", 9, name.encode() + b"\0")
    return HEAD + pair("toguid", 8, guid.to_bytes(8, "little")) + named + b"".join(more) + END


def test_the_example_and_what_is_in_it() -> None:
    fields = unpack(EXAMPLE)
    assert fields["toname"] == NAME
    assert str(fields["toguid"]) == GUID
    assert fields["rawok"] is True
    assert unpack(seal(contents()))["toname"] == NAME


def test_a_token_is_bound_to_snapshot_guid_and_rawness() -> None:
    assert mismatch(EXAMPLE, NAME, GUID, True) == ""
    assert mismatch(EXAMPLE, NAME, GUID, None) == ""
    assert "another snapshot" in mismatch(EXAMPLE, "tank/secret@x", GUID, None)
    assert "another snapshot" in mismatch(EXAMPLE, NAME, "1", None)
    assert "plain send" in mismatch(seal(contents()), NAME, GUID, True)


@pytest.mark.parametrize(
    "token",
    [
        *("", "-", "---", "1---", "2" + EXAMPLE[1:], EXAMPLE + "00", EXAMPLE[:-2], EXAMPLE.upper(), EXAMPLE + "\n"),
        EXAMPLE.replace("1-d", "1-e", 1),
        EXAMPLE.replace("1-", "1-0", 1),
        seal(contents(), size=3),
        seal(contents(), size=1 << 40),
        seal(b"\0" * 100_000),
        seal(b""),
        seal(HEAD),
        seal(HEAD + END),
        seal(b"\1" + contents()[1:]),
        seal(contents(name="tank/data")),
        seal(contents(name="-r@x")),
        seal(contents(name="tank/data@a@b")),
        seal(contents(guid=0)),
        seal(contents(NAME, 1, pair("toname", 9, b"tank/other@x\0"))),
        seal(contents(NAME, 1, b"\xff" * 16)),
        seal(contents(NAME, 1, (2**31).to_bytes(4, "little") + b"\0" * 12)),
        seal(HEAD + pair("toname", 9, b"no end") + END),
    ],
    ids=lambda token: token[:20],
)
def test_made_up_tokens_are_refused(token: str) -> None:
    assert token_problem(token)


@given(st.binary(max_size=200))
@settings(deadline=None, database=None, max_examples=many(5000))
def test_any_contents_with_a_true_checksum(plain: bytes) -> None:
    for inside in (plain, HEAD + plain, contents()[: len(plain)] + plain):
        with contextlib.suppress(TokenError):
            unpack(seal(inside))


@given(st.integers(0, len(EXAMPLE) - 1), st.sampled_from("0123456789abcdef-x"))
@settings(deadline=None, database=None, max_examples=many(3000))
def test_no_character_can_be_changed(at: int, character: str) -> None:
    changed = EXAMPLE[:at] + character + EXAMPLE[at + 1 :]
    assert changed == EXAMPLE or token_problem(changed)
