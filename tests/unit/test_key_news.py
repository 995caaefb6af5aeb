"""What waits for its key is told on Start and by `dplane health`, and is no alarm."""

from __future__ import annotations

import dataclasses

from dplane_tui.services.health.key_news import Keys, key_news, read_keys
from dplane_tui.services.health.news import is_bad_news
from dplane_tui.services.replication.coverage import Held
from dplane_tui.services.zfs.service import ZfsService

from .test_zfs_service import PlayedBox, row


def sealed(name: str, status: str, root: str) -> str:
    """A dataset with a key."""
    return row(name, 5).replace("\toff\t-\t-\t", f"\taes-256-gcm\t{status}\t{root}\t", 1)


async def test_each_root_without_its_key_is_named_with_what_waits_below() -> None:
    box = PlayedBox()
    box.datasets = [
        row("tank", 1),
        sealed("tank/a", "unavailable", "tank/a"),
        sealed("tank/a/b", "unavailable", "tank/a"),
        sealed("tank/c", "available", "tank/c"),
        sealed("tank/d", "unavailable", "tank/d"),
    ]
    keys = await read_keys(ZfsService(box))  # type: ignore[arg-type]  # it needs no `open`
    assert (keys.roots, keys.waiting) == (3, (("tank/a", 1), ("tank/d", 0)))
    names = ("tank", "tank/a", "tank/a/b", "tank/c", "tank/d")
    assert keys.held == Held(names, (), frozenset(names))
    told = key_news(keys)
    assert [(one.level, one.about) for one in told] == [("note", "tank/a"), ("note", "tank/d")]
    assert [one.text for one in told] == [
        "Dataset tank/a and 1 below wait for their key and cannot be read. Datasets (5), E unlocks.",
        "Dataset tank/d waits for its key and cannot be read. Datasets (5), E unlocks.",
    ]
    assert not is_bad_news(told)


def test_all_open_is_well_and_a_box_without_encryption_says_nothing() -> None:
    assert [one.text for one in key_news(Keys(2, ()))] == ["All 2 encrypted datasets are open."]
    assert [one.text for one in key_news(Keys(1, ()))] == ["The encrypted dataset is open."]
    assert key_news(Keys(0, ())) == ()
    assert {field.name for field in dataclasses.fields(Keys)} == {"roots", "waiting", "held"}
