"""Typed requests: what is refused before the door, the warnings, and the space a layout gives."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dplane_tui.cli.pool import parse_properties
from dplane_tui.cli.pool_layout import parse_layout
from dplane_tui.errors import RefusedError, UsageError
from dplane_tui.services.zfs.model import Disk
from dplane_tui.services.zfs.requests import (
    CreateDataset,
    CreatePool,
    VdevSpec,
    check_property,
    draid_word,
    grouped,
    same_value,
)
from privhelper.request import Refused, parse
from privhelper.strictjson import dumps

TB = 10**12
DISKS = tuple(Disk(f"ata-{letter}", f"sd{letter}", 4 * TB) for letter in "abcdef")
NAMES = [disk.id for disk in DISKS]


def pool(layout: str, count: int, **more: object) -> CreatePool:
    """A pool of that many equal disks."""
    return CreatePool("tank", (VdevSpec(layout, tuple(NAMES[:count])),), **more)  # type: ignore[arg-type]  # as given


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        (pool("mirror", 1), "at least 2 disks behind mirror"),
        (pool("raidz1", 2), "at least 3 disks behind raidz1"),
        (pool("raidz2", 3), "at least 4 disks"),
        (pool("raidz3", 4), "at least 5 disks"),
        (CreatePool("mirror1", (VdevSpec("", ("ata-a",)),)), "reserves"),
        (CreatePool("etc", (VdevSpec("", ("ata-a",)),)), "system directory"),
        (CreatePool("tank", (VdevSpec("mirror", ("ata-a", "ata-a")),)), "a disk twice"),
        (CreatePool("tank", (VdevSpec("mirror", ("ata-a", "../sdb")),)), "has a disk that"),
        (CreatePool("tank", (VdevSpec("mirror", ("ata-a", "ata-nope")),)), "There is no disk ata-nope"),
        (CreatePool("tank", ()), "not empty"),
        (CreatePool("tank", (VdevSpec("mirror", ("ata-a", "ata-b")), VdevSpec("", ("ata-c",)))), "mixes groups"),
        (pool("mirror", 2, properties={"sharenfs": "on"}), "not on the list"),
        (pool("mirror", 2, properties={"ashift": "99"}), "must be"),
    ],
)
def test_refused(request_: CreatePool, reason: str) -> None:
    with pytest.raises(RefusedError, match=reason):
        request_.check(DISKS)


def test_disk_in_use_needs_force_and_is_warned_of() -> None:
    disks = (*DISKS[:1], Disk("ata-b", "sdb", 4 * TB, in_use="member of pool old, which is not imported"))
    with pytest.raises(RefusedError, match="ata-b is in use: member of pool old"):
        pool("mirror", 2).check(disks)
    forced = pool("mirror", 2, force=True)
    forced.check(disks)
    said = "ata-b is in use (member of pool old, which is not imported) and will be overwritten."
    assert forced.warnings(disks) == [said]


def test_warnings() -> None:
    unequal = (Disk("ata-a", "sda", 4 * TB), Disk("ata-b", "sdb", 2 * TB))
    assert "will not be used" in pool("mirror", 2).warnings(unequal)[0]
    assert "no redundancy" in pool("", 1).warnings(DISKS)[0]
    assert pool("raidz1", 3).warnings(DISKS) == []


def test_words_are_what_the_door_takes() -> None:
    vdevs = (
        VdevSpec("mirror", ("ata-a", "ata-b")),
        VdevSpec("", ("ata-c",), "cache"),
        VdevSpec("mirror", ("ata-d", "ata-e"), "log"),
        VdevSpec("", ("ata-f",), "spare"),
    )
    request = CreatePool("tank", vdevs)
    request.check(DISKS)
    words = ["mirror", "ata-a", "ata-b", "log", "mirror", "ata-d", "ata-e", "cache", "ata-c", "spare", "ata-f"]
    assert request.words() == words
    assert sorted(map(repr, parse_layout(words))) == sorted(map(repr, vdevs))
    verb, _ = parse(dumps({"verb": "pool-create", "pool": "tank", "vdevs": words}).encode())
    assert verb.name == "pool-create"


@given(
    st.lists(
        st.sampled_from([*NAMES, "mirror", "raidz1", "raidz2", "log", "cache", "special", "spare", "dedup", "x y"]),
        min_size=1,
        max_size=9,
    )
)
def test_what_passes_here_passes_the_door(words: list[str]) -> None:
    try:
        request = CreatePool("tank", parse_layout(words))
        request.check(DISKS)
    except (RefusedError, UsageError):
        return
    try:
        parse(dumps({"verb": "pool-create", "pool": "tank", "vdevs": request.words()}).encode())
    except Refused as refusal:
        pytest.fail(f"the door refuses {request.words()}: {refusal}")


@pytest.mark.parametrize(
    ("layout", "count", "share"),
    [("mirror", 2, 1.0), ("mirror", 3, 1.0), ("", 2, 2.0), ("raidz1", 3, 2.0), ("raidz2", 6, 4.0), ("raidz3", 6, 3.0)],
)
def test_usable_space_is_near_the_rule_of_thumb(layout: str, count: int, share: float) -> None:
    usable = pool(layout, count).usable(DISKS)
    assert usable is not None
    assert 0.90 * share < usable / (4 * TB) < share


def test_usable_space_counts_the_smallest_disk_and_data_only() -> None:
    small = (*DISKS[:1], Disk("ata-b", "sdb", TB))
    mirror = pool("mirror", 2)
    usable = mirror.usable(small)
    assert usable is not None
    assert usable < TB
    with_cache = CreatePool("tank", (*mirror.vdevs, VdevSpec("", ("ata-c",), "cache")))
    assert with_cache.usable((*small, DISKS[2])) == usable
    assert CreatePool("tank", (VdevSpec("", ("ata-zz",)),)).usable(DISKS) is None


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        (CreateDataset("tank"), "is a pool's name"),
        (CreateDataset("tank/a;b"), "holds ';', which is not allowed"),
        (CreateDataset("tank/../etc"), "cannot be used as a dataset's name"),
        (CreateDataset("tank/" + "a" * 256), "longer than 255"),
        (CreateDataset("-r/tank"), "must start with a letter or digit, not with '-'|must not start with '-'"),
        (CreateDataset("tank/./a", {}), "must not have . or .. as a part"),
        (CreateDataset("tank/a\nb"), "holds the character U\\+000A, which is not allowed"),
        (CreateDataset("tank/a@b@c"), "not allowed"),
        (CreateDataset("tank/a", {"mountpoint": "/etc"}), "mountpoint"),
        (CreateDataset("tank/v", volume_size="0"), "size"),
        (CreateDataset("tank/v", {"recordsize": "1M"}, volume_size="1G"), "cannot be set here"),
    ],
)
def test_datasets_refused(request_: CreateDataset, reason: str) -> None:
    with pytest.raises(RefusedError, match=reason):
        request_.check()


def test_datasets_taken() -> None:
    CreateDataset("tank/a b", {"compression": "lz4", "mountpoint": "/srv/a"}).check()
    CreateDataset("tank/v", {"volblocksize": "16K"}, volume_size="10G").check()
    check_property("tank/a", "quota", "10G")
    with pytest.raises(RefusedError, match="not on the list"):
        check_property("tank/a", "keylocation", "file:///etc/shadow")


@pytest.mark.parametrize(
    ("wanted", "kept", "same"),
    [
        ("lz4", "lz4", True),
        ("lz4", "off", False),
        ("1M", "1048576", True),
        ("10G", "10737418240", True),
        ("10G", "1073741824", False),
        ("none", "0", True),
        ("posixacl", "posix", True),
        ("off", "on", False),
        ("/srv/a", "/srv/a", True),
        ("/srv/a", "/srv/b", False),
        ("2", "3", False),
    ],
)
def test_value_read_back(wanted: str, kept: str, same: bool) -> None:
    assert same_value("any", wanted, kept) is same


def test_volume_is_rounded_up_to_whole_blocks() -> None:
    assert same_value("volsize", "1000000", "1007616")
    assert not same_value("quota", "1000000", "1007616")


def test_single_disk_beside_a_mirror_does_not_become_a_third_side() -> None:
    mixed = CreatePool("tank", (VdevSpec("mirror", ("ata-a", "ata-b")), VdevSpec("", ("ata-c",))), force=True)
    assert mixed.words() == ["ata-c", "mirror", "ata-a", "ata-b"]
    assert sorted(map(repr, parse_layout(mixed.words()))) == sorted(map(repr, mixed.vdevs))


def test_properties_on_the_command_line() -> None:
    assert parse_properties(["a=b", "c=d=e"]) == {"a": "b", "c": "d=e"}
    for bad in (["a"], ["=b"], ["a=1", "a=2"]):
        with pytest.raises(UsageError):
            parse_properties(bad)
    with pytest.raises(UsageError, match="no disk behind mirror"):
        parse_layout(["mirror"])


@pytest.mark.parametrize(
    ("layout", "count", "words", "survives"),
    [
        ("mirror", 3, "mirror ata-a ata-b ata-c", "any 2 of 3 disks may fail"),
        ("pairs", 4, "mirror ata-a ata-b mirror ata-c ata-d", "any 1 may fail, and at best 2 in all"),
        ("raidz2", 5, "raidz2 ata-a ata-b ata-c ata-d ata-e", "any 2 of 5 disks may fail"),
        ("draid1", 5, "draid1:3d:5c:1s ata-a ata-b ata-c ata-d ata-e", "any 1 of 5 disks may fail"),
        ("", 2, "ata-a ata-b", "no disk may fail"),
    ],
)
def test_layouts_of_the_wizard(layout: str, count: int, words: str, survives: str) -> None:
    disks = [f"ata-{letter}" for letter in "abcdefgh"[:count]]
    request = CreatePool("tank", grouped(layout, disks, {})) if layout else pool("", count)
    assert " ".join(request.words()) == words
    assert request.survives().startswith(survives)
    request.check(DISKS)


def test_classes_of_the_wizard() -> None:
    classes = {"log": ["ata-c", "ata-d"], "cache": ["ata-e"], "special": ["ata-f"], "spare": ["ata-g"]}
    request = CreatePool("tank", grouped("mirror", ["ata-a", "ata-b"], classes))
    assert " ".join(request.words()) == (
        "mirror ata-a ata-b log mirror ata-c ata-d cache ata-e special ata-f spare ata-g"
    )
    assert request.survives().startswith("no disk may fail"), "a lone special disk takes the pool with it"
    with pytest.raises(RefusedError, match="special or dedup disk without redundancy"):
        request.check(DISKS)


def test_a_draid_of_too_few_disks_is_refused_in_words() -> None:
    request = CreatePool("tank", grouped("draid1", ["ata-a"], {}))
    assert request.survives()
    with pytest.raises(RefusedError, match="too few disks"):
        request.check(DISKS)
    assert draid_word(2, 11) == "draid2:8d:11c:1s"
    assert draid_word(1, 20) == "draid1:8d:20c:1s"
