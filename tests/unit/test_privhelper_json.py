"""The helper's own JSON reader and writer against the standard library's."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from privhelper.strictjson import MAX_DEPTH, JsonError, dumps, loads
from tests.conftest import many

_VALUES = st.recursive(
    st.one_of(st.booleans(), st.integers(-(10**19), 10**19), st.text(max_size=30)),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=8), inner, max_size=4)),
    max_leaves=10,
)


def _depth(value: object) -> int:
    if isinstance(value, dict):
        return 1 + max(map(_depth, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(_depth, value), default=0)
    return 0


@given(_VALUES, st.booleans(), st.sampled_from([None, 0, 1]))
@settings(deadline=None, database=None, max_examples=many(3000))
def test_reads_what_the_standard_library_writes(value: object, ascii_only: bool, indent: int | None) -> None:
    raw = json.dumps(value, ensure_ascii=ascii_only, indent=indent).encode("utf-8")
    if _depth(value) <= MAX_DEPTH:
        assert loads(raw) == value
    else:
        with pytest.raises(JsonError):
            loads(raw)


@given(_VALUES)
@settings(deadline=None, database=None, max_examples=many(3000))
def test_the_standard_library_reads_what_it_writes(value: object) -> None:
    written = dumps(value)
    assert written.isascii()
    assert written.isprintable()
    assert json.loads(written) == value


@given(
    st.one_of(st.binary(max_size=60), st.text(alphabet='{}[]":,\\u0019eE+-. truefalsn"', max_size=40).map(str.encode))
)
@settings(deadline=None, database=None, max_examples=many(20_000))
def test_accepts_nothing_that_the_standard_library_refuses(raw: bytes) -> None:
    try:
        value = loads(raw)
    except JsonError:
        return
    assert json.loads(raw.decode("utf-8")) == value


def test_control_characters_never_leave_the_writer() -> None:
    assert dumps("a\x1b[2J\x9b\u202e\x7f\n") == '"a\\u001b[2J\\u009b\\u202e\\u007f\\n"'
    assert dumps({"a": [1, True, False, "x"]}) == '{"a":[1,true,false,"x"]}'
    assert dumps("\udcff") == '"\\udcff"'
