"""Hostile arguments by the hundred thousand: nothing outside the grammar reaches an argv, refusals are sentences.

The regular expressions here are written apart from the helper's own checks, so that the two hold each other up.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from privhelper.request import MAX_REQUEST, Refused, argv, parse
from privhelper.shape import Arg, Part, Unless, Verb, When
from privhelper.vdevs import WORDS, is_word
from privhelper.verbs import BY_NAME, VERBS
from tests.conftest import many

_PART = r"(?!\.{1,2}(?:\Z|[/@#]))[A-Za-z0-9_.: -]+"
_POOL = r"(?!log\Z|mirror|raidz|draid|spare|c[0-9])[A-Za-z][A-Za-z0-9_.:-]*"
_POOL_IN = r"(?!log(?:\Z|[/@#])|mirror|raidz|draid|spare|c[0-9])[A-Za-z][A-Za-z0-9_.:-]*"
_DATASET = rf"{_POOL_IN}(?:/{_PART})*"
_SIZE = r"[1-9][0-9]*[KMGT]?"
_LETTERS = r"(?:[ -$&-.0-~]|%[0-9A-F]{2})+"
SHAPES = {
    "place": rf"{_DATASET}(?:@{_PART})?",
    "folder-path": rf"(?:{_LETTERS}(?:/{_LETTERS})*)?",
    "item-path": rf"{_LETTERS}(?:/{_LETTERS})*",
    "file-state": r"[0-9]+:[0-9]+:-?[0-9]+",
    "policy-name": r"dplane-auto-[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}-[0-9]{2}-[0-9]{2}Z",
    "self-test": r"short|long",
    "terminal": r"tty(S|AMA|USB)?(0|[1-9][0-9]{0,2})",
    "login": r"[a-z_][a-z0-9_.-]{0,31}",
    "pool": _POOL,
    "new-pool": rf"(?!(?:etc|usr|var|home|root|boot|dev|proc|sys|run|tmp)\Z){_POOL}",
    "dataset": _DATASET,
    "child-dataset": rf"{_POOL_IN}(?:/{_PART})+",
    "plain-dataset": r"[A-Za-z][A-Za-z0-9_.:/-]*",
    "snapshot": rf"{_DATASET}@{_PART}",
    "bookmark": rf"{_DATASET}#{_PART}",
    "own-bookmark": rf"{_DATASET}#dplane-[A-Za-z0-9_.: -]*",
    "origin": rf"(?:{_DATASET})?[@#]{_PART}",
    "seed": r"[A-Za-z0-9-]{1,64}",
    "repeated-verb": r"send|receive",
    "guid": r"[1-9][0-9]{0,19}",
    "hold-tag": r"dplane-[A-Za-z0-9_.:-]*",
    "job": r"[a-z0-9][a-z0-9-]{0,63}",
    "peer": r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}",
    "disk": r"[A-Za-z0-9][A-Za-z0-9_.:+-]*",
    "vdev": r"[A-Za-z0-9][A-Za-z0-9_.:+-]*",
    "plan": r"[0-9a-f]{64}",
    "disk-folder": r"by-[a-z]+",
    "pool-setting": r"auto(?:expand|trim|replace)=(?:on|off)",
    "draid-spare": r"draid[123]-[0-9]+-[0-9]+",
    "public-key": r"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI[A-Za-z0-9+/]{43}",
    "size": _SIZE,
    "dataset-kind": r"filesystem|volume",
    "property": r"[a-z0-9_]+|dplane:[a-z][a-z0-9-]*",
    "property-value": r"[A-Za-z0-9/][A-Za-z0-9_.:@/+, -]*",
    "resume-token": r"1-[0-9a-f]+-[0-9a-f]+-[0-9a-f]+",
    "account": r"[A-Za-z_][A-Za-z0-9_.-]{0,31}|0|[1-9][0-9]{0,9}",
    "account-kind": r"user|group",
    "account-quota": rf"none|{_SIZE}",
    "mail-host": r"[A-Za-z0-9][A-Za-z0-9.-]*|[0-9a-fA-F:.]+",
    "mail-security": r"starttls|tls|none",
    "mail-address": r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+(?:@[A-Za-z0-9][A-Za-z0-9.-]*)?",
    "mail-user": r"[!-~]{1,128}",
    "channel-kind": r"ntfy|webhook|ping",
    "site": r"https://(?:[A-Za-z0-9][A-Za-z0-9.-]*|\[[0-9a-fA-F:.]+\])(?::[0-9]*)?|"
    r"http://(?:localhost|127[0-9.]*|\[[0:]*1\])(?::[0-9]*)?",
    "timer": r"(?:task|policy|scrub|trim|smart)-[A-Za-z0-9_.-]+",
}
NASTY = [
    *(";", "|", "&", "$(id)", "`id`", "\n", "\r\n", "\0", "\t", "\x1b[31m", "\x7f", "\\", "'", '"', "*", "?", "~", "%"),
    *("..", "../", "/../", "/", "//", "./", "-", "--", "-r", "-o", "@", "@@", "#", " ", "  ", "=", ",", "{", "<", ">"),
    *("é", "\u202e", "\u200b", "\ud800", "\U0001f4a5", "\u0660", "\uff0f", "x" * 256, "x" * 300, "a/" * 60, "mirror"),
]
FAST = settings(deadline=None, database=None, suppress_health_check=list(HealthCheck))
IN_ALL = settings(FAST, max_examples=many(400))  # each goes into every argument of the table


def example(verb: Verb) -> dict[str, Any]:
    """A valid request of that verb with every argument."""
    return {"verb": verb.name, **{arg.name: copy.deepcopy(arg.example) for arg in verb.args}}


def literals(parts: tuple[str | Part, ...]) -> Iterator[str]:
    """Every fixed text that a table entry can put into an argv."""
    for part in parts:
        if isinstance(part, str):
            yield part
            continue
        if isinstance(part, When):
            yield from literals(part.parts)
            yield from literals(part.otherwise)
        if hasattr(part, "flag"):
            yield part.flag
        if isinstance(part, Unless):
            yield part.setting


LITERALS = {verb.name: frozenset(literals(verb.argv)) | WORDS for verb in VERBS}
TEXTS = [(verb, arg) for verb in VERBS for arg in verb.args if isinstance(arg.example, str) and arg.kind.name != "flag"]


def judge(request: dict[str, Any], where: Arg | None, value: object) -> bool:
    """Whether the request is accepted. A refusal must be one clean sentence, an argv made of known things."""
    raw = json.dumps(request).encode()
    try:
        verb, args = parse(raw)
    except Refused as refusal:
        said = str(refusal)
        assert said.isprintable(), said
        assert said.isascii(), said
        assert said.endswith("."), said
        assert len(said) < 500, said
        return False
    built = argv(verb, args)
    ours = verb.argv[0] == "privhelper"  # which starts no program: the top of a dataset has an empty path
    assert all(isinstance(element, str) and (element or ours) for element in built)
    assert all(element.isascii() and element.isprintable() for element in built)
    given_texts = list(_texts(args))
    for element in built:
        if element in LITERALS[verb.name]:
            continue
        assert any(_made_of(element, text) for text in given_texts), (element, "comes from nowhere")
        assert ours or not element.startswith("-"), element
    if where is not None and isinstance(value, str):
        assert re.fullmatch(SHAPES[where.kind.name], value), (where.name, value)
        path = where.kind.name.endswith("-path")
        if where.kind.name not in {"mail-address", "mail-user"}:  # which name nothing on this box
            assert not {".", ".."}.intersection(re.split("/" if path else "[/@#]", value))
        assert len(value) < 256 or where.kind.name == "resume-token" or (path and len(value) <= 4096)
    return True


FRAMES = (("", ""), ("/dev/disk/by-id/", ""), ("/dev/disk/", ""), ("dplane:peer=", ""), ("dplane-job@", ".service"),
          ("userquota@", ""), ("groupquota@", ""))  # fmt: skip


def _made_of(element: str, text: str) -> bool:
    """Whether `element` is `text` and one of the few fixed pieces of text that the table puts around a value."""
    return any(element == before + text + after for before, after in FRAMES)


def _exports(clients: dict[str, str]) -> str:
    """What `sharenfs` is for those clients, written apart from the helper."""
    found = ""
    for access in ("rw", "ro"):
        some = sorted(one for one, how in clients.items() if how == access)
        assert all(re.fullmatch(r"[A-Za-z0-9.-]+(/[0-9]+)?", one) for one in some)
        if some:
            found += ("," if found else "") + f"{access}=" + ":".join("@" * ("/" in one) + one for one in some)
    return f"sharenfs={found or 'off'}"


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
        yield value.split("@")[0]
    elif isinstance(value, int) and not isinstance(value, bool):
        yield str(value)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)
    elif isinstance(value, dict):
        yield f"{value.get('property')}={value.get('value')}"
        if isinstance(value.get("to"), dict):
            yield _exports(value["to"])
        yield f"{value.get('account')}={value.get('quota')}"
        if isinstance(value.get("snapshots"), dict):
            yield f"{value.get('dataset')}@{','.join(sorted(value['snapshots']))}"
        for dataset in value.get("datasets") or ():
            yield f"{dataset}@{value.get('name')}"
        for dataset in value.get("also") or ():
            yield f"{dataset}@{str(value['snapshot']).split('@')[1]}"
        for name, inner in value.items():
            yield name
            yield f"{name}={inner}"
            yield from _texts(inner)


def test_the_nasty_pieces_at_every_place_of_every_text() -> None:
    tried = 0
    for verb, arg in TEXTS:
        whole = str(arg.example)
        places = sorted({0, 1, len(whole) // 2, len(whole)})
        for piece in NASTY:
            for value in [piece, *(whole[:at] + piece + whole[at:] for at in places)]:
                judge({**example(verb), arg.name: value}, arg, value)
                tried += 1
    assert tried > 10_000


@given(
    st.one_of(st.text(max_size=300), st.text(alphabet="ab1@#/.-_: %;\n\0=,é", max_size=40)),
    st.integers(0, 10**6),
    st.integers(0, 3),
)
@IN_ALL
def test_random_hostile_texts_in_every_argument(piece: str, at: int, how: int) -> None:
    for verb, arg in TEXTS:
        whole = str(arg.example)
        place = at % (len(whole) + 1)
        value = (
            piece,
            whole[:place] + piece + whole[place:],
            whole[:place] + piece + whole[place + 1 :],
            whole[:place] + piece,
        )[how]
        judge({**example(verb), arg.name: value}, arg, value)


@given(st.text(alphabet="abcdefgh019AZ_.:- /@#", min_size=1, max_size=30))
@IN_ALL
def test_almost_valid_texts_in_every_argument(value: str) -> None:
    for verb, arg in TEXTS:
        judge({**example(verb), arg.name: value}, arg, value)


_JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20)),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=10), inner, max_size=4)),
    max_leaves=8,
)


@given(_JSON, st.text(max_size=12))
@IN_ALL
def test_values_of_any_type_in_every_argument(value: object, name: str) -> None:
    for verb in VERBS:
        for arg in verb.args:
            judge({**example(verb), arg.name: value}, None, value)
        if name not in {arg.name for arg in verb.args} | {"verb"}:
            assert not judge({**example(verb), name: value}, None, value), "an unknown argument was taken"


@given(st.binary(max_size=400))
@settings(FAST, max_examples=many(10_000))
def test_any_bytes_are_refused_with_a_sentence(raw: bytes) -> None:
    with pytest.raises(Refused) as refusal:
        parse(raw)
    assert str(refusal.value).isprintable()


@given(st.lists(st.one_of(st.sampled_from(sorted(WORDS)), st.text(max_size=10), st.just("ata-A1"), st.just("ata-B2"))))
@settings(FAST, max_examples=many(5000))
def test_layouts_of_pools(words: list[str]) -> None:
    request = {"verb": "pool-create", "pool": "tank", "vdevs": words, "force": True}
    if judge(request, None, words):
        disks = [word for word in words if not is_word(word)]
        assert disks
        assert len(set(disks)) == len(disks)
        assert all(re.fullmatch(SHAPES["disk"], disk) for disk in disks)
        assert words[-1] not in WORDS


@given(st.text(max_size=40), st.text(max_size=40))
@settings(FAST, max_examples=many(5000))
def test_properties_that_are_not_listed(name: str, value: str) -> None:
    request = {**example(BY_NAME["dataset-set"]), "property": name, "value": value}
    if judge(request, None, value):
        assert re.fullmatch(SHAPES["property"], name)
    judge({**example(BY_NAME["dataset-create"]), "properties": {name: value}}, None, value)
    judge({**example(BY_NAME["pool-create"]), "properties": {name: value}}, None, value)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\n",
        b"null",
        b"[]",
        b'"noop"',
        b"{",
        b'{"verb":"noop"',
        b'{"verb":"noop"}x',
        b'{"verb":"noop","verb":"noop"}',
        b'{"verb":"noop","\\u0076erb":"noop"}',
        b'{"verb":NaN}',
        b'{"verb":1e999}',
        b'{"verb":' + b"9" * 5000 + b"}",
        b'{"verb":' + b"[" * 30000 + b"]" * 30000 + b"}",
        b'{"verb":"noop","a":' + b'{"a":' * 9000 + b"1" + b"}" * 9000 + b"}",
        b'{"verb":"\xff"}',
        b'{"verb":"noop\\ud800"}',
        b'{"verb":"no\0op"}',
        b'{"verb":"noop"}' + b" " * MAX_REQUEST,
        b"\xef\xbb\xbf" + b'{"verb":"noop"}',
        b'{"verb":null}',
        b'{"verb":["noop"]}',
        b'{"verb":{"verb":"noop"}}',
        b"{}",
        b'{"verb":"NOOP"}',
        b'{"verb":"noop "}',
        b"{'verb':'noop'}",
        b'{"verb":"noop",}',
        b'{"verb":01}',
        b'{"verb":-}',
        b'{"verb":"\\x"}',
        b'{"verb":tru}',
    ],
)
def test_broken_requests(raw: bytes) -> None:
    with pytest.raises(Refused) as refusal:
        parse(raw)
    assert str(refusal.value).isprintable()
    assert len(str(refusal.value)) < 200
