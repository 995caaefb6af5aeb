"""Listings with texts of people's in them: whatever a text holds, it is the text of its own dataset and of no other."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dplane_tui.errors import ChangedError, CommandError, MissingError
from dplane_tui.services.host.base import DEFAULT_TIMEOUT, Output
from dplane_tui.services.zfs.parse_lists import DATASET_COLUMNS, DATASETS
from dplane_tui.services.zfs.storage import StorageService
from dplane_tui.services.zfs.tree import TREE, TREE_COLUMNS

TEXTS = TREE.texts


def cells(name: str, guid: int, peer: str = "-", mountpoint: str = "", keylocation: str = "none") -> dict[str, str]:
    """What ZFS knows of a file system."""
    plain = dict.fromkeys(TREE.plain.split(","), "-")
    texts = {"dplane:peer": peer, "mountpoint": mountpoint or f"/{name}", "keylocation": keylocation}
    return {**plain, "name": name, "type": "filesystem", "guid": str(guid), "createtxg": "5", "readonly": "on", **texts}


def line(one: dict[str, str], columns: str = DATASET_COLUMNS) -> str:
    """A row as -H prints it: nothing of it is escaped."""
    return "\t".join(one[column] for column in columns.split(","))


@dataclass
class Zfs:
    """The `zfs` of a box, as far as it lists."""

    there: dict[str, dict[str, str]]
    ran: list[list[str]] = field(default_factory=list)
    name: str = "box"
    local: bool = False
    goes: str = ""
    """What is destroyed behind the first command."""

    async def run(self, argv: Sequence[str], *, stdin: bytes = b"", timeout: float = DEFAULT_TIMEOUT) -> Output:
        words = list(argv)
        self.ran.append(words)
        plain = [word for word in words[2:] if word not in ("-t", "filesystem,volume", "-r", "-Hp", "-o", "-Hpo")]
        columns, rest = plain[0], plain[1:]
        if words[1] == "get":
            asked, rest = rest[0].split(","), rest[1:]
        there = [self.there[name] for name in rest or self.there if name in self.there]
        if words[1] == "get":
            rows = [
                {"name": one["name"], "property": prop, "value": one.get(prop, "-"), "source": "local"}
                if prop in one
                else {"name": one["name"], "property": prop, "value": "-", "source": "-"}
                for one in there
                for prop in asked
            ]
        else:
            rows = there
        told = "".join(line(row, columns) + "\n" for row in rows)
        gone = "".join(f"cannot open '{name}': dataset does not exist\n" for name in rest if name not in self.there)
        self.there.pop(self.goes, None)
        return Output(1 if gone else 0, told.encode(), gone.encode())

    async def close(self) -> None:
        return None


def box(*there: dict[str, str], goes: str = "") -> Zfs:
    """One with these datasets, listed by their names."""
    return Zfs({one["name"]: one for one in sorted(there, key=lambda one: one["name"])}, goes=goes)


async def seen(zfs: Zfs) -> dict[str, tuple[str, str, str | None]]:
    """GUID, peer and mountpoint of each dataset, as the service reads them."""
    return {one.name: (one.guid, one.peer, one.mountpoint) for one in await StorageService(zfs).datasets()}  # type: ignore[arg-type]  # it needs no `open`


FORGED = f"x\t/m\ttank/usb\n{line(cells('tank/zoo', 111, 'attic')).rpartition('attic')[0]}attic"
"""A mark of tank/usb that is the whole row of another dataset, but for what ZFS prints behind it."""


@pytest.mark.parametrize(
    "peer",
    [
        FORGED,
        f"x\t/m\ttank/usb\n{line(cells('tank/zoo', 111, 'attic'))}",
        f"x\t/m\ttank/usb\n{line(cells('tank/zoo', 111, 'attic'))}\n{line(cells('tank/usb', 5)).rpartition('-')[0]}y",
        f"x\t/m\ttank/usb\n{line(cells('tank/new', 111))}\n{line(cells('tank/usb', 5)).rpartition('-')[0]}y",
        "x\na\tfilesystem\t1\t1\t",
        "x\ta\tb",
        "\n\n\n",
    ],
)
async def test_a_users_property_speaks_for_no_other_dataset_nor_hides_any(peer: str) -> None:
    zfs = box(cells("tank", 1), cells("tank/usb", 5, peer), cells("tank/zoo", 222))
    assert await seen(zfs) == {
        "tank": ("1", "", "/tank"),
        "tank/usb": ("5", peer, "/tank/usb"),
        "tank/zoo": ("222", "", "/tank/zoo"),
    }
    tree = await StorageService(zfs).tree()  # type: ignore[arg-type]  # it needs no `open`
    assert [(one.name, one.guid, one.peer) for one in tree] == [
        ("tank", "1", ""), ("tank/usb", "5", peer), ("tank/zoo", "222", "")
    ]  # fmt: skip


async def test_one_listing_is_enough_when_nothing_is_strange() -> None:
    zfs = box(*(cells(f"tank/{at:03}", at + 1, "attic") for at in range(300)))
    assert len(await seen(zfs)) == 300
    assert zfs.ran == [["zfs", "list", "-Hpo", DATASET_COLUMNS, "-t", "filesystem,volume"]]


async def test_strange_values_cost_two_commands_whatever_the_number_of_datasets_that_have_them() -> None:
    many = [cells(f"tank/{at:04}", at + 1, mountpoint="/odd\ttab\nand line") for at in range(1000)]
    zfs = box(*many)
    assert (await seen(zfs))["tank/0500"] == ("501", "", "/odd\ttab\nand line")
    assert len(zfs.ran) == 3
    begun = "".join(f"{one['name']}\t\n" for one in many)
    many[500]["mountpoint"], many[0]["dplane:peer"] = "/m", f"x\t/m\ttank/0000\n{begun}"
    zfs = box(*many)
    assert (await seen(zfs))["tank/0999"] == ("1000", "", "/odd\ttab\nand line")
    assert len(zfs.ran) == 3


async def test_what_is_gone_between_two_commands_is_left_out_and_one_asked_for_is_missing() -> None:
    zfs = box(cells("tank", 1), cells("tank/odd", 2, "a\nb"), cells("tank/odder", 3, "a\nb"), goes="tank/odd")
    assert set(await seen(zfs)) == {"tank", "tank/odder"}
    zfs = box(cells("tank/odd", 2, "a\nb"), goes="tank/odd")
    with pytest.raises(MissingError, match="There is no dataset tank/odd"):
        await StorageService(zfs).holding("tank/odd")  # type: ignore[arg-type]  # it needs no `open`


async def test_a_listing_that_breaks_off_because_one_is_gone_is_neither_empty_nor_of_nothing() -> None:
    class Broken(Zfs):
        async def run(self, argv: Sequence[str], *, stdin: bytes = b"", timeout: float = DEFAULT_TIMEOUT) -> Output:
            if argv[1] == "list":
                return await super().run(argv)
            self.there.pop(self.goes, None)
            return Output(1, b"tank\ttype\tfilesystem\t-\n", b"cannot open 'tank/x': dataset does not exist\n")

    there = {name: cells(name, at, "a\nb") for at, name in enumerate(("tank", "tank/odd"), 1)}
    service = StorageService(Broken(there))  # type: ignore[arg-type]  # it needs no `open`
    with pytest.raises(ChangedError, match="tank/x"):
        await service.datasets()
    with pytest.raises(ChangedError, match="tank/x"):
        await service.datasets("tank")
    service = StorageService(Broken(there, goes="tank"))  # type: ignore[arg-type]  # it needs no `open`
    with pytest.raises(MissingError, match="There is no dataset tank on box"):
        await service.datasets("tank")


async def test_what_is_no_listing_at_all_is_told() -> None:
    zfs = box({**cells("tank", 1), "guid": "what?"})
    with pytest.raises(CommandError, match="was not understood"):
        await seen(zfs)


PIECES = st.sampled_from(
    [*"\t\n-x/", "t/a", "t/b", "t/c", "\tt/a\n", "\tt/b\n", *(line(cells(name, 9)) for name in ("t/a", "t/b", "t/new")),
     line(cells("t/b", 2), DATASETS.plain), line(cells("t/b", 2), TREE_COLUMNS)]
)  # fmt: skip
VALUE = st.lists(PIECES, max_size=8).map("".join).filter(lambda text: text not in ("", "-"))


@given(st.tuples(VALUE, VALUE, VALUE, VALUE))
def test_every_text_is_read_as_it_is(values: tuple[str, str, str, str]) -> None:
    there = [cells("t/a", 1, values[0], values[1]), cells("t/b", 2, values[2], values[3]), cells("t/c", 3)]
    assert asyncio.run(seen(box(*there))) == {
        one["name"]: (one["guid"], "" if one["dplane:peer"] == "-" else one["dplane:peer"], one["mountpoint"])
        for one in there
    }
