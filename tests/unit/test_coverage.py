"""What is in no task, and what is only within this box: told by dataset, and the same wherever it is asked."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from dplane_tui.screens.replication_protect import source_rows
from dplane_tui.screens.replication_pull import allowed_words
from dplane_tui.services.protection.gather import copies_of
from dplane_tui.services.replication.coverage import Coverage, coverage, held, taken
from dplane_tui.services.replication.model import Options, Peer, Task, TaskStatus
from dplane_tui.services.replication.plan import members, target_of
from dplane_tui.services.replication.read import Dataset as Member
from dplane_tui.services.zfs.model import Dataset

M = 1 << 20
PHOTOS = ("tank/photos", "tank/photos/2026")
USB = ("usb/photos", "usb/photos/2026")
LOCAL = Task("local", "tank/photos", None, "usb/photos", recursive=True)


def box(*names: str, referenced: int | None = 50 * M, peer: str = "") -> tuple[Dataset, ...]:
    """Datasets with data."""
    return tuple(Dataset(name, "filesystem", name, referenced=referenced, peer=peer) for name in names)


def asked(tasks: list[Task], *names: str) -> Coverage:
    """Of datasets with data."""
    return coverage(held(box(*names)), tasks)


def test_a_parent_that_goes_away_takes_nothing_below_along() -> None:
    away = Task("away", "tank/photos", "nas-b", "backup/photos")
    assert asked([LOCAL, away], *PHOTOS, *USB) == Coverage((), ("tank/photos/2026",))


def test_what_a_task_leaves_out_is_not_brought_away_by_it() -> None:
    away = Task("away", "tank", "nas-b", "backup/tank", recursive=True, options=Options(exclude=("photos",)))
    assert asked([LOCAL, away], "tank", *PHOTOS, *USB) == Coverage((), PHOTOS)
    assert asked([away], "tank", *PHOTOS) == Coverage(PHOTOS, ())


def test_a_copy_that_is_sent_on_counts_for_its_original() -> None:
    on = Task("on", "usb/photos", "nas-b", "backup/photos", recursive=True)
    assert asked([LOCAL, on], *PHOTOS, *USB) == Coverage()
    assert asked([LOCAL, replace(on, recursive=False)], *PHOTOS, *USB).here == ("tank/photos/2026",)
    back = Task("back", "usb/photos", None, "tank/photos", recursive=True)
    assert asked([LOCAL, back], *PHOTOS, *USB) == Coverage(), "each is the other's copy: no original is here"


def test_a_readonly_archive_is_ours_and_only_what_another_box_sent_is_not() -> None:
    archive = replace(box("tank/archive")[0], readonly=True)
    sent = tuple(replace(one, readonly=True) for one in box("vault/nas-c", peer="nas-c"))
    assert coverage(held((archive, *sent)), []).bare == ("tank/archive",)
    pulled = Task("pulled", "tank/d", None, "vault/d", recursive=True, source_peer="nas-c")
    below = replace(box("vault/d/x")[0], readonly=True)
    both = coverage(held((*box("tank/d", "vault/d"), below)), [pulled])
    assert both.bare == ("tank/d",), "that tank/d is on another box"
    assert [row.key for row in source_rows((archive, *sent), [])] == ["tank/archive"]
    worked_with = box("vault/nas-c/mine", peer="nas-c")  # an own dataset below it is listed with its mark
    assert coverage(held((*sent, *worked_with)), []).bare == ("vault/nas-c/mine",)
    assert [row.key for row in source_rows((*sent, *worked_with), [])] == ["vault/nas-c/mine"]


def test_what_was_made_below_a_copy_on_this_box_is_ours() -> None:
    was = replace(box("usb/photos/2019")[0], readonly=True)  # the task left it out since
    mine = box("usb/photos/mine")
    listed = (*box(*PHOTOS, *USB), was, *mine)
    assert coverage(held(listed), [LOCAL]) == Coverage(("usb/photos/mine",), PHOTOS)
    assert [row.key for row in source_rows(listed, [LOCAL])] == [*PHOTOS, "usb/photos/mine"]
    pulled = Task("pulled", "data", None, "usb/photos", source_peer="nas-c")
    assert coverage(held((*box("usb/photos"), was, *mine)), [pulled]).bare == ("usb/photos/mine",)


def test_below_a_pulled_copy_only_what_the_task_is_known_not_to_send_is_ours() -> None:
    """Copies that syncoid made can be written to."""
    listed = box("usb/photos", "usb/photos/2026", "usb/photos/cache", "usb/photos/cache/x")
    pulled = Task("pulled", "data", None, "usb/photos", recursive=True, source_peer="nas-c")
    assert coverage(held(listed), [pulled]) == Coverage()
    assert source_rows(listed, [pulled]) == []
    cache = ("usb/photos/cache", "usb/photos/cache/x")
    assert coverage(held(listed), [replace(pulled, options=Options(exclude=("cache",)))]).bare == cache
    assert coverage(held(listed), [replace(pulled, options=Options(include=("2026",)))]).bare == cache


def test_copies_stay_copies_while_the_pool_of_their_source_is_away() -> None:
    assert coverage(held(box(*USB)), [LOCAL]) == Coverage()


def test_what_was_emptied_has_its_data_in_its_snapshots() -> None:
    emptied = replace(box("tank/a")[0], referenced=90_000, by_snapshots=70 * M)
    volume = replace(box("tank/v")[0], kind="volume", referenced=8_000, by_snapshots=2 * M)
    pool = replace(box("tank")[0], referenced=90_000, used=300 * M, by_snapshots=0)
    assert coverage(held((pool, emptied, volume)), []).bare == ("tank/a", "tank/v")


def test_what_is_kept_free_is_no_data() -> None:
    full = replace(box("tank/p/c")[0], used=50 * M, by_snapshots=0)
    parent = replace(full, name="tank/p", referenced=90_000, used=10_000 * M)  # the one below has a reservation
    thick = replace(full, name="tank/e", referenced=90_000, used=10_000 * M)  # it has a refreservation
    volume = replace(thick, name="tank/v", kind="volume")
    assert coverage(held((full, parent, thick, volume)), []).bare == ("tank/p/c",)


def test_what_has_hardly_anything_is_left_out_and_an_unknown_size_is_not_little() -> None:
    little = replace(box("tank", referenced=90_000)[0], by_snapshots=90_000)
    assert coverage(held([little]), []).bare == ()
    for unknown in (replace(little, referenced=None), replace(little, by_snapshots=None)):
        assert coverage(held([unknown]), []).bare == ("tank",)


def test_the_words_name_both() -> None:
    assert Coverage().words() == ""
    assert Coverage(tuple("abcde")).words() == "In no task: a, b, c and 2 more."
    assert Coverage(("x",), ("tank/a",)).words() == "In no task: x. Only within this box: tank/a."


def test_the_wizards_list_calls_nothing_protected_that_no_task_takes() -> None:
    task = Task("tank", "tank", "nas-b", "b/tank", recursive=True, options=Options(exclude=("photos",)))
    rows = {row.key: row.cells[2].text for row in source_rows(box("tank", "tank/a", *PHOTOS, *USB), [task, LOCAL])}
    both = "local (this box)"
    assert rows == {"tank": "tank", "tank/a": "tank", "tank/photos": both, "tank/photos/2026": both}
    assert source_rows(box("tank/b"), [task])[0].cells[2].text == "tank"
    assert source_rows(box("tank/photos"), [task])[0].cells[2].text == "none yet"


def test_what_may_be_done_at_a_box_that_is_pulled_from_is_a_sentence() -> None:
    plain = Peer("attic", "root", "10.0.0.2", 22, "k", "f", "g", False)
    assert allowed_words(plain) == (
        "attic has no D-Plane: there our key may do what the account root may, and a run takes its snapshots there."
    )
    paired = replace(plain, product=True, may_read="tank/home")
    assert allowed_words(paired).endswith("read tank/home and below; the snapshots that are there are sent.")
    assert allowed_words(replace(paired, may_snapshot=True)).endswith("below, and take snapshots of that.")


_LEAF = st.sampled_from(["a", "b", "a/x", "a/x/y", "b/x", "b/tmp"])
_PATTERNS = st.lists(st.sampled_from(["a", "b", "x", "a/*", "*/x", "*tmp", "[ab]", "a/x/y"]), max_size=2).map(tuple)


@given(st.sets(_LEAF), _PATTERNS, _PATTERNS, st.booleans())
def test_it_is_what_the_planner_sends(
    leaves: set[str], include: tuple[str, ...], exclude: tuple[str, ...], recursive: bool
) -> None:
    names = sorted({"t/s", *(f"t/s/{leaf}" for leaf in leaves)})
    task = Task("t", "t/s", "nas-b", "b/s", recursive, options=Options(include=include, exclude=exclude))
    planned = {name: target_of(task, name) for name in members(task, {name: Member(name) for name in names})}
    assert taken(task, [*names, "t", "t/sister"]) == planned
    assert taken(replace(task, source_peer="nas-c"), names) == {}
    status = TaskStatus(task)
    for name in names:
        assert [one.where for one in copies_of(name, [status], names)] == (
            [f"nas-b:{planned[name]}"] if name in planned else []
        )
