"""Trees, shelves of snapshots, ranges and patterns, differences: pure parts of storage."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dplane_tui.errors import CommandError, RefusedError, UsageError
from dplane_tui.services.zfs import properties as props
from dplane_tui.services.zfs.choose import chosen
from dplane_tui.services.zfs.diff import Change, parse_change, unescape
from dplane_tui.services.zfs.model import Snapshot
from dplane_tui.services.zfs.shelf import fill
from dplane_tui.services.zfs.snapshot_acts import batches
from dplane_tui.services.zfs.tree import TREE, TREE_COLUMNS, Holding, explain, parse_tree, quota_of, waiting
from privhelper.properties import PROPERTIES


def line(name: str, **more: str) -> str:
    """A dataset as `zfs list` prints it."""
    value = {
        "name": name, "type": "filesystem", "guid": "77", "createtxg": "5", "used": "300", "available": "900",
        "referenced": "100", "mounted": "yes", "encryption": "off", "compressratio": "1.50", "quota": "0",
        "usedbysnapshots": "50", "usedbydataset": "100", "usedbychildren": "150", "creation": "1760000000",
        "canmount": "on", "mountpoint": f"/{name}", "readonly": "off", **more,
    }  # fmt: skip
    return "\t".join(value.get(column, "-") for column in TREE_COLUMNS.split(",")) + "\n"


def holdings(text: str) -> tuple[Holding, ...]:
    """Those of a listing in which every text fits."""
    listed = TREE.whole(text)
    assert listed is not None
    return parse_tree(listed)


def test_a_tree_from_one_listing() -> None:
    text = line("tank", quota="600", mountpoint="/a b") + line("tank/a", keystatus="unavailable", encryption="aes")
    tank, a = holdings(text)
    assert (tank.mountpoint, tank.quota, tank.ratio, tank.by_snapshots) == ("/a b", 600, 1.5, 50)
    assert (a.locked, a.name, a.canmount) == (True, "tank/a", "on")
    assert quota_of(tank) == (300, 600)
    with pytest.raises(CommandError):
        holdings(line("tank", guid="nonsense"))


def test_what_waits_for_a_key_is_told_by_its_root() -> None:
    key = {"encryption": "aes-256-gcm", "keystatus": "unavailable", "encryptionroot": "t/safe"}
    text = line("t") + line("t/safe", keylocation="prompt", **key) + line("t/safe/deep", **key)
    [one] = waiting(holdings(text))
    assert (one.root.name, one.below, one.from_file) == ("t/safe", ("t/safe/deep",), False)
    [two] = waiting(holdings(text.replace("prompt", "file:///root/key")))
    assert two.from_file


def test_space_is_explained_and_adds_up() -> None:
    tree = holdings(
        line("t", used="400", usedbychildren="250", usedbydataset="100", usedbysnapshots="50")
        + line("t/a", used="150")
        + line("t/a/b", used="90")
        + line("t/c", used="40", reservation="60")
    )
    shares = explain(tree[0], tree)
    assert [(share.what, share.bytes) for share in shares] == [
        ("t/a", 150), ("what is in it now", 100), ("t/c", 60), ("only its snapshots", 50), ("other below", 40),
    ]  # fmt: skip
    assert sum(share.bytes for share in shares) == tree[0].used


NAMES = st.from_regex(r"[a-z][a-z0-9:._-]{0,12}", fullmatch=True)


@given(st.dictionaries(NAMES, st.lists(NAMES, unique=True, max_size=5), max_size=5), st.text(max_size=4))
def test_a_shelf_gives_back_what_was_put_in_sorted_and_filtered(there: dict[str, list[str]], query: str) -> None:
    rows, txg = [], 10
    for dataset in sorted(there):
        for short in there[dataset]:
            txg += 1
            size = txg * 7919 % 100
            rows.append((f"tank/{dataset}@{short}", txg, 1_700_000_000 + txg, size))
    shelf = fill(f"{name}\t{at}\t{at}\t{when}\t{size}\t{size + 1}\t0" for name, at, when, size in rows)
    assert [shelf.snapshot(place).name for place in range(len(shelf))] == [row[0] for row in rows]
    assert [shelf.find(row[0]) for row in rows] == list(range(len(rows)))
    assert [shelf.snapshot(p).used for p in shelf.ordered("used")] == sorted((r[3] for r in rows), reverse=True)
    assert [shelf.snapshot(p).createtxg for p in shelf.ordered("age", reverse=True)] == [row[1] for row in rows]
    words = query.lower().split()
    wanted = {row[0] for row in rows if all(word in row[0].lower() for word in words)}
    assert {shelf.name(place) for place in shelf.ordered(words=words)} == wanted
    newest = shelf.newest()
    for dataset, shorts in there.items():
        assert newest.get(f"tank/{dataset}", ("",))[0] == (shorts[-1] if shorts else "")


def test_a_shelf_refuses_what_is_no_snapshot_and_tells_unknown_sizes() -> None:
    shelf = fill(["t/a@x\t5\t10\t1700000000\t-\t-\t-"])
    assert (shelf.snapshot(0).used, shelf.holds(0)) == (None, 0)
    assert shelf == fill(["t/a@x\t5\t10\t1700000000\t-\t-\t-"])
    for bad in ("t/a\t5\t10\t1\t1\t1\t0", "t/a@x\t-5\t1\t1\t1\t1\t0", "t/a@x\t5", "\x1b[2J"):
        with pytest.raises(CommandError, match="not understood"):
            fill([bad])


SOME = tuple(Snapshot(f"t/a@{name}", str(at + 1), at) for at, name in enumerate(("old", "auto-1", "auto-2", "new")))


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ("old%auto-2", ["old", "auto-1", "auto-2"]),
        ("%auto-1", ["old", "auto-1"]),
        ("auto-2%", ["auto-2", "new"]),
        ("auto-*", ["auto-1", "auto-2"]),
        ("new, old", ["old", "new"]),
        ("auto-?,auto-1", ["auto-1", "auto-2"]),
    ],
)
def test_ranges_patterns_and_names(words: str, names: list[str]) -> None:
    assert [one.short for one in chosen(words, SOME)] == names


def test_what_fits_nothing_or_runs_backwards_is_refused() -> None:
    for words in ("", "nope-*", " , "):
        with pytest.raises(UsageError):
            chosen(words, SOME)
    for words in ("new%old", "gone", "old%gone"):
        with pytest.raises(RefusedError):
            chosen(words, SOME)
    assert "#" not in chosen("*", [*SOME, Snapshot("t/a#mark", "9", 9)])[-1].name


def test_batches_fit_into_a_request() -> None:
    many = [Snapshot(f"t@{'n' * 200}{at}", str(10**18 + at), at) for at in range(700)]
    parts = batches(many)
    assert sum(map(len, parts)) == 700
    assert all(len(str(part)) < 60_000 and len(part) <= 1000 for part in parts)


def test_differences_and_their_hostile_names() -> None:
    assert parse_change("M\tF\t/t/a") == Change("changed", "file", "/t/a")
    assert parse_change("R\t/\t/t/a\t/t/b") == Change("renamed", "folder", "/t/a", "/t/b")
    assert parse_change("+\tF\t/t/a\\0040b\\0303\\0244").path == "/t/a bä"
    assert "\x1b" in parse_change("-\tF\t/t/\\0033[2J").path  # kept as it is; what draws it cleans it
    for bad in ("", "X\tF\t/a", "M\tF"):
        with pytest.raises(CommandError):
            parse_change(bad)


@given(st.binary(max_size=20))
def test_names_come_back_whatever_bytes_they_are(raw: bytes) -> None:
    escaped = "".join(chr(b) if 33 <= b < 127 and b != 92 else f"\\{b:04o}" for b in raw)
    assert unescape(escaped) == raw.decode("utf-8", "replace")


def test_every_property_that_can_be_set_has_help_and_an_editor() -> None:
    one = Holding("t/a", "filesystem", "1")
    for name, listed in PROPERTIES.items():
        if "pool" in listed.applies:
            continue
        assert name in props.HELP, name
        for word in props.options(name):
            assert not listed.check(word)
    assert props.options("atime") == ("on", "off")
    assert props.options("compression") == ()
    assert not props.inheritable("quota")
    assert not props.editable(props.Setting("volsize", "1", "local"), one)
    found = props.parse_settings("used\t5\t-\nmountpoint\t/a\tb\tlocal\nquota\t0\tdefault\n")
    assert [s.name for s in props.ordered(found, one)] == ["mountpoint", "quota", "dplane:may-prune", "used"]
    assert found[1].value == "/a\tb"
