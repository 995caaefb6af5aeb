"""The bookmarks of a run: one for what is sent, none where a name has no room for it."""

from __future__ import annotations

from typing import Any

import pytest

from dplane_tui.services.replication.bases import Bases
from dplane_tui.services.replication.model import Step, Task
from dplane_tui.services.replication.read import Dataset, Point


class Door:
    """Writes down what it is asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, Any]]] = []

    async def call(self, verb: str, **args: Any) -> dict[str, Any]:
        self.asked.append((verb, args))
        return {"ok": True}


@pytest.mark.parametrize(("length", "kept"), [(10, True), (222, True), (223, False)])
async def test_a_dataset_whose_name_leaves_no_room_for_a_bookmark_is_sent_without_one(length: int, kept: bool) -> None:
    name = "tank/".ljust(length, "x")
    door = Door()
    step = Step("full", name, "vault/x", "filesystem", "s", "17")
    await Bases(door, None, Task("t", name, None, "vault/x")).keep(Dataset(name), step)  # type: ignore[arg-type]
    assert [verb for verb, _ in door.asked] == (["bookmark-create"] if kept else [])
    assert all(len(args["bookmark"]) <= 255 for _, args in door.asked)


async def test_a_bookmark_that_is_there_is_not_made_again_and_older_ones_go() -> None:
    door = Door()
    bases = Bases(door, None, Task("t", "tank/a", None, "vault/x"))  # type: ignore[arg-type]
    await bases.keep(Dataset("tank/a"), Step("full", "tank/a", "vault/x", "filesystem", "s", "17"))
    mark = door.asked[0][1]["bookmark"].partition("#")[2]
    old = Point(mark[:-1] + "0", "16", 1)
    there = Dataset("tank/a", bookmarks=(old, Point(mark, "17", 2), Point("mine", "16", 1)))
    await bases.keep(there, Step("full", "tank/a", "vault/x", "filesystem", "s", "17"))
    assert len(door.asked) == 1
    await bases.drop_old(there, "17")
    assert door.asked[1:] == [("bookmark-destroy", {"bookmark": f"tank/a#{old.name}", "guid": "16"})]


async def test_what_this_run_bookmarked_goes_too_once_something_newer_is_proven() -> None:
    """A first run sends the oldest snapshot and then the others: no listing has the mark of the first."""
    door = Door()
    bases = Bases(door, None, Task("t", "tank/a", None, "vault/x"))  # type: ignore[arg-type]
    steps = [Step("full", name, "vault/x", "filesystem", "s", guid) for name in ("tank/a", "tank/ab") for guid in "56"]
    await bases.keep_all([(Dataset(step.dataset), step) for step in steps])
    made = dict(door.asked.pop()[1]["bookmarks"])
    await bases.drop_all_old([(Dataset("tank/a"), "6")])
    ((verb, asked),) = door.asked
    assert (verb, list(asked["bookmarks"].values())) == ("bookmarks-destroy", ["5"])
    assert all(name in made and name.startswith("tank/a#") for name in asked["bookmarks"])
    door.asked.clear()
    await bases.drop_old(Dataset("tank/ab"), "6")
    assert [(verb, args["guid"]) for verb, args in door.asked] == [("bookmark-destroy", "5")]
