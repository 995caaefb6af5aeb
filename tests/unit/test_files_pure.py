"""Versions and differences, worked out without any box."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dplane_tui.services.files import versions
from dplane_tui.services.files.model import Content, Entry, Measured, Place, Restored
from dplane_tui.services.files.words import preview


def content(data: bytes, size: int | None = None) -> Content:
    return Content(data, len(data) if size is None else size, "0" * 64)


def entry(inode: int = 1, mtime: int = 1, size: int = 1) -> Entry:
    return Entry(b"f", "file", size, 0o644, 0, 0, mtime, inode)


def test_versions_are_told_apart_by_inode_size_and_time() -> None:
    places = [Place("tank/a", str(n), f"s{n}" if n else "") for n in range(6)]
    found = [entry(), entry(), entry(mtime=2), entry(size=2), entry(inode=2), entry()]
    grouped = versions.group(zip(places, found, strict=True))
    assert [[place.snapshot for place in one.holders] for one in grouped] == [["", "s1", "s5"], ["s2"], ["s3"], ["s4"]]


lines = st.lists(st.sampled_from(["a", "b", "c", "d", ""]), max_size=40)


@given(lines, lines)
def test_a_difference_applied_to_one_side_gives_the_other(one: list[str], other: list[str]) -> None:
    left, right = "\n".join(one).encode(), "\n".join(other).encode()
    told = versions.difference(content(left), content(right), ("x", "y"))
    if left == right:
        assert told == []
        return
    a, b = versions.lines(content(left)), versions.lines(content(right))
    made, at = [], 0
    for line in told[2:]:
        if line.startswith("@@"):
            start, _, count = line.split()[1][1:].partition(",")
            begin = int(start) - (count != "0")
            made += a[at:begin]
            at = begin
        elif line.startswith("+"):
            made.append(line[1:])
        else:
            assert line[1:] == a[at]
            at += 1
            if line.startswith(" "):
                made.append(line[1:])
    assert made + a[at:] == b


def test_large_files_with_few_changes_are_compared_at_once() -> None:
    old = [f"line {n}" for n in range(200_000)]
    new = [*old[:100_000], "changed", *old[100_001:]]
    told = versions.difference(content("\n".join(old).encode()), content("\n".join(new).encode()), ("x", "y"))
    assert told[2:] == [
        "@@ -99998,7 +99998,7 @@", " line 99997", " line 99998", " line 99999", "-line 100000", "+changed",
        " line 100001", " line 100002", " line 100003",
    ]  # fmt: skip
    other = versions.difference(content(b"a\n" * 50_000), content(b"b\n" * 50_000), ("x", "y"))
    assert len(other) == versions.SHOWN + 1
    assert "not shown" in other[-1]


def test_what_is_not_text_or_not_whole_is_said() -> None:
    told = versions.difference(content(b"a\0b"), content(b"text"), ("x", "y"))
    assert told == ["x and y are not text, and differ: 3 and 4 bytes."]
    assert versions.difference(content(b"a\0b"), content(b"a\0b"), ("x", "y")) == []
    assert "only the beginnings" in versions.difference(content(b"a", 9), content(b"a", 9), ("x", "y"))[-1]
    assert "differ only in bytes" in versions.difference(content(b"a\r\n"), content(b"a\n"), ("x", "y"))[-1]
    assert versions.is_text("é\tü\n".encode())
    assert not versions.is_text(bytes(range(1, 32)) * 9)


@given(st.binary(max_size=300))
def test_nothing_shown_of_any_file_can_be_obeyed(data: bytes) -> None:
    for line in [*versions.lines(content(data)), *versions.difference(content(data), content(b"x"), ("x", "y"))]:
        assert line.isprintable()


def test_the_words_say_what_is_kept_and_what_was_left_out() -> None:
    place = Place("tank/a", "1", "s1")
    measured = Measured(place, b"d/f", entry(), 1, 0, 0, 2, 5, 100, entry(mtime=7), "1:1:7")
    told = " ".join(preview(measured, True))
    assert "kept as f.kept-TIME" in told
    assert "2 devices, pipes or sockets are left out" in told
    done = Restored("tank/a@s1", b"d/f", b"d/f.kept-1", 1, 0, 0, 2, 5, "", "e")
    assert "is now d/f.kept-1" in done.sentence()
    assert "2 devices" in done.sentence()
