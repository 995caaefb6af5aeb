"""Where space went: asked of a played box, and told in words that claim nothing that was not read."""

from __future__ import annotations

import json
from typing import Any

import pytest

from dplane_tui.cli.dataset_space import lines
from dplane_tui.services.host.base import Output
from dplane_tui.services.zfs.space import Freed, Space, read_space, sentences

from .storage_box import StorageBox, line, row, service

SETTINGS = "written\t4096\t-\nlogicalused\t600\t-\nusedbysnapshots\t50\t-\n"


class DryBox(StorageBox):
    """A box whose door answers dry runs as ZFS does: a figure for snapshots, none for a dataset."""

    def __init__(self) -> None:
        super().__init__()
        self.tree = [line("tank/a", usedbychildren="150"), line("tank/a/b", used="150")]
        self.datasets = []
        self.values = {"all": SETTINGS, "holds": ""}
        sizes = (3, 9, 0)
        self.shelf = [f"tank/a@s{at}\t{100 + at}\t{at + 1}\t17\t{held}\t6\t0" for at, held in enumerate(sizes)]
        self.refuses = ""

    async def run(self, argv: Any, *, stdin: bytes = b"", timeout: float = 30.0) -> Output:
        if self.refuses and "sudo" in argv:
            answer = {"ok": False, "error": {"code": "role", "message": self.refuses}}
            return Output(5, json.dumps(answer).encode(), b"")
        return await super().run(argv, stdin=stdin, timeout=timeout)


async def look(box: StorageBox, *, ask: bool = True) -> Space:
    tree = await service(box).tree("tank/a")
    return await read_space(service(box), tree[0], tree, ask=ask)


async def test_dry_runs_are_asked_and_the_largest_snapshots_named() -> None:
    box = DryBox()
    box.answer = {"stdout": "destroy\ttank/a@s0\ndestroy\ttank/a@s1\ndestroy\ttank/a@s2\nreclaim\t50\n"}
    space = await look(box)
    asked = [(request["verb"], request["dry_run"]) for request in box.requests]
    assert asked == [("snapshots-destroy", True), ("dataset-destroy", True)]
    assert box.requests[0]["snapshots"] == {"s0": "100", "s1": "101", "s2": "102"}
    assert [(one.short, one.used) for one in space.largest] == [("s1", 9), ("s0", 3)]  # none that holds nothing
    assert (space.snapshots, space.written, space.logical_used) == (3, 4096, 600)
    assert space.without_snapshots == Freed(3, 50)
    told = sentences(space)
    assert told[0] == ("tank/a uses 300B: 150B in the datasets below, 100B what is in it now, "
                       "50B held by its snapshots alone.")  # fmt: skip
    assert "Destroying all its 3 snapshots would free 50B." in told
    assert "Written since its newest snapshot: 4.00K." in told
    assert "      9B  @s1" in lines(space)


async def test_without_a_figure_of_the_dry_run_it_is_said_whose_figure_it_is() -> None:
    box = DryBox()
    box.answer = {"stdout": "destroy\ttank/a\n", "destroys": ["tank/a", "tank/a/b"]}
    space = await look(box)
    assert space.without_it == Freed(2, 300, counted=True)
    assert sentences(space)[-1] == (
        "Destroying it with all below takes 2 objects and frees 300B, which is what ZFS counts as used by it."
    )
    assert space.without_snapshots.bytes is None
    assert "is not known: ZFS told no figure." in " ".join(sentences(space))


async def test_what_may_not_or_cannot_be_asked_is_not_known_and_says_why() -> None:
    box = DryBox()
    silent = await look(box, ask=False)
    assert box.requests == []
    assert "is not known: this account may not ask for a dry run." in " ".join(sentences(silent))
    box.refuses = "dataset-destroy needs the role view"
    refused = await look(box)
    assert refused.without_it.bytes is None
    assert sentences(refused)[-1].endswith("is not known: dataset-destroy needs the role view.")
    box.refuses = ""
    box.values["holds"] = "tank/a@s1\tdplane-keep\tThu\n"
    held = await look(box)
    assert "tank/a@s1 is held (dplane-keep)" in held.without_snapshots.why


async def test_of_very_many_zfs_s_own_count_is_told_and_no_dry_run_made() -> None:
    box = DryBox()
    box.shelf = [f"tank/a@s{at}\t{100 + at}\t{at + 1}\t17\t1\t6\t0" for at in range(1001)]
    box.answer = {"stdout": "destroy\ttank/a\n"}
    space = await look(box)
    assert [request["verb"] for request in box.requests] == ["dataset-destroy"]
    assert "all its 1001 snapshots would free 50B, which is what ZFS counts as used by them." in " ".join(
        sentences(space)
    )
    box.datasets = [row("tank/try", 9).replace("\t-\ton\toff\t0\t", "\ttank/a@s7\ton\toff\t0\t")]
    assert "tank/try is a clone of one of them" in (await look(box)).without_snapshots.why
    box.shelf[-1] = box.shelf[-1][:-1] + "1"
    held = await look(box)
    assert (held.without_snapshots.bytes, held.without_snapshots.why) == (None, "some of them are held")


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"snapshots": 0, "without_snapshots": Freed()}, "It has no snapshots of its own."),
        ({"snapshots": 1, "without_snapshots": Freed(1, 5)}, "Destroying its only snapshot would free 5B."),
        ({"dataset": "tank"}, "It is the root of its pool, so it goes only with the pool."),
        ({"used": None, "by_itself": None}, "tank/a uses ?"),
        ({"logical_used": 1000}, "As it was written it is 1000B; compression keeps it in 300B."),
        ({"logical_used": 300}, "compression saves next to nothing"),
        ({"snapshots": 0, "written": 7}, "Written so far; it has no snapshot: 7B."),
    ],
)
def test_words_for_each_case(more: dict[str, Any], words: str) -> None:
    given: dict[str, Any] = {
        "dataset": "tank/a", "used": 300, "by_itself": 100, "by_snapshots": None, "by_children": None,
        "by_refreservation": None, "written": None, "logical_used": None, "shares": (), "snapshots": 2, "largest": (),
        "without_snapshots": Freed(2, 5), "without_it": Freed(3, 300), **more,
    }  # fmt: skip
    assert words in " ".join(sentences(Space(**given)))
