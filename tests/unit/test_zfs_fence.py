"""Properties read with the ends of their texts: whatever a text holds, it is that text and nothing else."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dplane_tui.errors import CommandError
from dplane_tui.services.host.base import Host, Output
from dplane_tui.services.zfs.fence import Row, fenced, told
from dplane_tui.services.zfs.values import values_of

ASKED = ("type", "dplane:peer", "mountpoint", "guid")
MARK = "dplane:end-0"


def printed(there: Sequence[tuple[str, Mapping[str, str]]], asked: str) -> str:
    """What `zfs get` prints of such datasets."""
    rows = [(name, prop, own.get(prop, "-")) for name, own in there for prop in asked.split(",")]
    return "".join(f"{name}\t{prop}\t{value}\t{'-' if value == '-' else 'local'}\n" for name, prop, value in rows)


def of(peer: str, mountpoint: str) -> dict[str, str]:
    """What is set on a dataset."""
    return {"type": "filesystem", "dplane:peer": peer, "mountpoint": mountpoint, "guid": "7"}


WHOLE = printed([("t/b", of("nas", "/x"))], fenced(ASKED, MARK))
PIECES = st.sampled_from(
    [*"\t\n-x", "\tlocal\n", "t/a", "t/b", "t/new", *WHOLE.splitlines(keepends=True), WHOLE,
     *WHOLE.replace("t/b", "t/a").splitlines(keepends=True), WHOLE.replace("t/b", "t/new"), MARK]
)  # fmt: skip
TEXT = st.lists(PIECES, max_size=10).map("".join).filter(lambda text: text != "-")


@given(st.tuples(TEXT, TEXT, TEXT, TEXT))
def test_a_text_is_read_as_it_is_and_who_knows_the_end_of_it_makes_nothing_up(values: tuple[str, ...]) -> None:
    there = [("t/a", of(*values[:2])), ("t/b", of(*values[2:])), ("t/c", of("me", "/c"))]
    rows = told(printed(there, fenced(ASKED, MARK)), ASKED, MARK)
    real: list[Row] = [(name, prop, own[prop], "local") for name, own in there for prop in ASKED]
    known = any(MARK in value for value in values)
    assert rows == (None if known else real)


OWN = ("dplane:peer", "mountpoint", "quota")


@given(st.lists(st.tuples(TEXT, st.none() | TEXT, st.none() | st.just("5G")), min_size=1, max_size=3))
def test_a_row_that_is_left_out_where_it_is_inherited_is_set_nowhere(
    each: list[tuple[str, str | None, str | None]],
) -> None:
    asked = ("type", "quota", "dplane:peer", "mountpoint", "guid")
    out, real = "", list[Row]()
    for at, (peer, mountpoint, quota) in enumerate(each):
        name = f"t/{'abc'[at]}"
        here = {"type": "filesystem", "quota": quota, "dplane:peer": peer, "mountpoint": mountpoint, "guid": "7"}
        for prop in fenced(asked, MARK).split(","):
            value = here.get(prop, "-")
            out += "" if value is None else f"{name}\t{prop}\t{value}\t{'local' if prop in here else '-'}\n"
        real += [(name, prop, *(("-", "-") if value is None else (value, "local"))) for prop, value in here.items()]
    known = any(MARK in text for peer, mountpoint, _ in each for text in (peer, mountpoint or ""))
    assert told(out, asked, MARK, OWN) == (None if known else real)
    if any(None in one for one in each):
        assert told(out, asked, MARK) is None, "nobody takes it for that who asked for all"


def test_a_listing_that_is_cut_off_is_none() -> None:
    whole = printed([("t/a", of("me", "/a")), ("t/b", of("me", "/b"))], fenced(ASKED, MARK))
    assert len(told(whole, ASKED, MARK) or ()) == 8
    one = whole.index("t/b\ttype")
    assert [told(whole[:end], ASKED, MARK, OWN) for end in range(1, len(whole)) if end != one] == [None] * (
        len(whole) - 2
    )
    assert [told(whole[:end], ASKED, MARK) for end in range(1, len(whole)) if end != one] == [None] * (len(whole) - 2)
    assert told("", ASKED, MARK) == []


class Box:
    """One on which a property is set on some datasets; it counts what is asked."""

    def __init__(self, values: dict[str, str]) -> None:
        self.values = values
        self.lines: list[str] = []

    async def run(self, argv: Sequence[str], *, stdin: bytes = b"", timeout: float = 30.0) -> Output:
        self.lines.append(shlex.join(argv))
        at = argv.index("-o") + 2
        prop = argv[at].split(",")[0]
        there = [(name, {prop: self.values[name]}) for name in argv[at + 1 :] if name in self.values]
        return Output(int(len(there) < len(argv[at + 1 :])), printed(there, argv[at]).encode(), b"")


async def test_values_cost_a_command_for_what_fits_one_however_strange_they_are() -> None:
    values = {f"tank/a name that is rather long {at:04}": f"nas\n{at}\tx" for at in range(5000)}
    box = Box(values)
    assert await values_of(cast(Host, box), "dplane:peer", [*values, "tank/gone"]) == values
    assert len(box.lines) == 3
    assert max(map(len, box.lines)) < 128 * 1024, "to a far box it goes as one word"
    box = Box(values)
    assert await values_of(cast(Host, box), "dplane:peer", []) == {}
    assert box.lines == []


async def test_values_that_cannot_be_told_apart_are_no_values_that_are_set_nowhere() -> None:
    class Cut:
        async def run(self, argv: Sequence[str], **_more: object) -> Output:
            return Output(0, b"tank\tdplane:peer\tnas", b"")

    with pytest.raises(CommandError, match="cannot be told apart"):
        await values_of(cast(Host, Cut()), "dplane:peer", ["tank"])
