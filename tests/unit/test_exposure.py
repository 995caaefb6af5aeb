"""What a share of what is above would open to others than the copy notes is not mounted, nor what lies below it."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from dplane_tui.errors import RefusedError
from dplane_tui.services.replication.exposure import Exposure, clauses, exposures, held_back, places_of
from dplane_tui.services.replication.originals import to_note
from dplane_tui.services.replication.read import ASKED, Dataset, parse
from dplane_tui.services.replication.restored import Settings, put_back, put_in_place, told_of

WIDE, NARROW = "rw=@10.0.0.0/8", "ro=10.0.0.5"


def came(name: str, nfs: str = "off", smb: str = "off", kind: str = "filesystem") -> Dataset:
    """A dataset as it was received, with what ZFS tells of its shares."""
    told = {"type": kind, "guid": "7", "sharenfs": nfs, "sharesmb": smb}
    return Dataset(name, told, local={"readonly": "on", "canmount": "noauto"})


def nfs_of(dataset: Dataset, notes: dict[str, dict[str, str]], *, home: bool) -> str | None:
    """The `sharenfs` that was expected instead; None when it is not exposed by that."""
    return next((one.was for one in exposures(dataset, notes, home=home) if one.share == "sharenfs"), None)


@pytest.mark.parametrize(
    ("now", "notes", "at_home", "elsewhere"),
    [
        (WIDE, {"t/a": NARROW}, NARROW, NARROW),  # not into a wider one
        (WIDE, {"t/a": "off"}, "off", "off"),
        (WIDE, {"t/a": WIDE}, None, None),
        (WIDE, {}, None, "off"),  # as what is above it, but that is another place
        (WIDE, {"t": "off"}, "off", "off"),
        (WIDE, {"t": NARROW, "t/a": WIDE}, None, None),
        (WIDE, {"t": WIDE, "t/a/b": "off", "t/ab": "off"}, None, None),
        ("off", {"t/a": NARROW}, None, None),
        ("off", {}, None, None),
        ("-", {"t/a": "off"}, "off", "off"),  # not known what it is in
        ("-", {}, None, "off"),
        (f"{NARROW}\nsharesmb\toff", {"t/a": NARROW}, NARROW, NARROW),
        (WIDE, {"t/a": "not-noted"}, "not-noted", "not-noted"),
        ("not-noted", {"t": "not-noted"}, "not-noted", "not-noted"),  # unequal to whatever is there
        ("off", {"t/a": "not-noted"}, None, None),
    ],
)
def test_expected_is_the_nearest_note_or_what_is_inherited_at_home_or_no_share(
    now: str, notes: dict[str, str], at_home: str | None, elsewhere: str | None
) -> None:
    noted = {name: {"sharenfs": value, "atime": "off"} for name, value in notes.items()}
    assert nfs_of(came("t/a", now), noted, home=True) == at_home
    assert nfs_of(came("t/a", now), noted, home=False) == elsewhere
    assert [one.share for one in exposures(came("t/a", smb="on"), noted, home=False)] == ["sharesmb"]


def test_what_a_dataset_inherits_is_read_with_its_tree_and_not_known_is_not_off() -> None:
    told = {"type": "filesystem", "guid": "7", "sharenfs": WIDE}
    rows = [f"t/a\t{prop}\t{told[prop]}\tinherited from t\n" if prop in told else "" for prop in ASKED]
    dataset = parse("", "".join(rows))["t/a"]
    assert dataset.local == {}
    assert exposures(dataset, {}, home=False) == (
        Exposure("sharenfs", WIDE, "off", ""),
        Exposure("sharesmb", "-", "off", ""),
    )


def test_what_lies_below_one_that_is_held_back_stays_unmounted_and_is_told_with_it() -> None:
    side = {name: came(name, WIDE) for name in ("t/a", "t/a-b", "t/a/x", "t/a/x/y", "t/a/z", "t/a/off")}
    side["t/a/v"] = came("t/a/v", "-", "-", kind="volume")
    side["t/a/own"] = replace(came("t/a/own", WIDE), local={"sharenfs": WIDE})
    notes = {"t/a": {"sharenfs": "off"}, "t/a/x": {"sharenfs": WIDE}, "t/a/z": {"sharenfs": NARROW}}
    notes |= {"t/a/off": {"canmount": "off"}, "t/a/own": {"sharenfs": NARROW}}
    held = held_back(side, notes, side.keys())
    assert {name: [one.was for one in found] for name, found in held.items()} == {
        "t/a": ["off"], "t/a/own": [NARROW], "t/a/x": [], "t/a/x/y": [], "t/a/z": [],
    }  # fmt: skip
    assert clauses(held) == (
        [
            f"t/a/own would be in “sharenfs={WIDE}”, noted is “sharenfs={NARROW}”: "
            "`dplane dataset share-nfs t/a/own --ro 10.0.0.5`",
            f"t/a would be in “sharenfs={WIDE}”, noted is “sharenfs=off”: `dplane dataset share-nfs t/a --off`",
        ],
        ["t/a/x", "t/a/x/y", "t/a/z"],
    )
    del side["t/a/own"]
    assert held_back(side, {}, side.keys()) == {}, "at home, as ever"
    assert clauses(held_back(side, {}, ["t/a", "t/a-b"]))[0] == [
        f"{name} would be in “sharenfs={WIDE}”, no such share is noted: `dplane dataset share-nfs {name} --off`"
        for name in ("t/a/off", "t/a/x", "t/a/z")
    ], "what this box never sent is at home nowhere"


def test_what_lies_below_is_judged_by_what_it_inherits_after_the_command_that_is_told_above() -> None:
    names = ("t/a", "t/a/in", "t/a/in/private", "t/a/private", "t/a/private/x", "t/a/same")
    side = {name: came(name, NARROW) for name in names}
    notes = {name: {"sharenfs": NARROW if name.endswith("private") else WIDE} for name in ("t/a", *names[2:])}
    notes["t/a/in"] = {"canmount": "off"}
    del notes["t/a/private/x"]
    told, along = clauses(held_back(side, notes, side.keys()))
    assert told == [
        *(
            f"{name} would be in “sharenfs={WIDE}” by the command for what is above it, noted is “sharenfs={NARROW}”: "
            f"`dplane dataset share-nfs {name} --ro 10.0.0.5`"
            for name in ("t/a/in/private", "t/a/private")
        ),
        f"t/a would be in “sharenfs={NARROW}”, noted is “sharenfs={WIDE}”: "
        "`dplane dataset share-nfs t/a --rw 10.0.0.0/8`",
    ]
    assert along == ["t/a/private/x", "t/a/same"]
    side, odd = {name: came(name, smb="on") for name in ("t/a", "t/a/b", "t/a/c")}, {"sharesmb": "name=x"}
    assert clauses(held_back(side, {"t/a": odd, "t/a/b": {"sharesmb": "on"}}, []))[1] == ["t/a/b", "t/a/c"]
    side, odd = {name: came(name, WIDE) for name in ("t/a", "t/a/b", "t/a/c")}, {"sharenfs": "rw=*"}
    (told_of_b, _), along = clauses(held_back(side, {"t/a": odd, "t/a/b": odd}, []))
    assert told_of_b.startswith(
        "t/a/b would be in the sharenfs that you choose by the command for what is above it, noted is “sharenfs=rw=*”: "
    )
    assert along == ["t/a/c"]


def test_what_was_inherited_from_a_note_above_is_told_with_where_that_is() -> None:
    notes = {"t/a": {"sharesmb": "name=x", "canmount": "off"}}
    held = held_back({name: came(name, smb="on") for name in ("t/a", "t/a/b")}, notes, [])
    assert clauses(held) == (
        [
            "t/a/b would be in “sharesmb=on”, noted at t/a is “sharesmb=name=x”: `dplane dataset share-smb t/a/b on`, "
            "without options of its own"
        ],
        [],
    )


async def restored(dataset: Dataset, noted: dict[str, str], *, home: bool = True) -> tuple[set[str], str]:
    """What is done of canmount and mounting, and what is told."""
    calls: set[str] = set()

    async def call(verb: str, **args: Any) -> None:
        calls.add(args.get("property", verb))

    held = held_back({dataset.name: dataset}, {dataset.name: noted}, [dataset.name] if home else [])
    door = cast(Any, SimpleNamespace(call=call))
    done = await put_back(door, dataset, noted, held=held.get(dataset.name))
    assert "readonly" in calls
    return calls & {"canmount", "dataset-mount"}, "\n".join(told_of([done]))


async def test_one_with_a_narrower_share_is_not_mounted_into_a_wider_one_and_told_once() -> None:
    noted = {"sharenfs": NARROW, "sharesmb": "on"}
    done, told = await restored(came("t/a", WIDE), noted)
    assert done == set()
    unmounted, again = told.split("\n")
    assert unmounted == (
        "Left unmounted, as what is above is, or may be, shared otherwise than the copy notes: t/a would be in "
        f"“sharenfs={WIDE}”, noted is “sharenfs={NARROW}”: `dplane dataset share-nfs t/a --ro 10.0.0.5`. After those "
        "commands, or without them where they may be in that share: `dplane dataset set NAME canmount=on`, then "
        "`dplane dataset mount NAME`, the upper ones first."
    )
    assert "share-smb t/a on" in again
    assert "share-nfs" not in again
    done, told = await restored(came("t/a", WIDE), {**noted, "canmount": "noauto"})
    assert done == set(), "it is the person who mounts it"
    assert "Left unmounted" not in told
    assert "share-nfs t/a --ro 10.0.0.5" in told


async def test_what_is_not_exposed_is_mounted_and_only_what_it_does_not_have_is_called_not_shared() -> None:
    done, told = await restored(came("t/a"), {"sharenfs": NARROW})
    assert done == {"canmount", "dataset-mount"}
    assert told.startswith("Not shared again")
    done, told = await restored(came("t/a", WIDE), {"sharenfs": WIDE})
    assert done == {"canmount", "dataset-mount"}
    assert told == f"In the share that the copy notes, by what is above: t/a (“sharenfs={WIDE}”)."
    assert await restored(came("t/a", WIDE), {}) == ({"canmount", "dataset-mount"}, "")
    assert (await restored(came("t/a", WIDE), {}, home=False))[0] == set()


async def test_a_share_of_its_own_that_no_note_holds_is_not_taken_for_none_nor_told_as_a_value() -> None:
    own = {"sharenfs": "ro=" + ":".join(f"192.168.1.{at}" for at in range(10, 32)), "sharesmb": "name=ü"}
    notes, left = to_note(own, {"sharenfs": NARROW})
    assert left.keys() == own.keys()
    done, told = await restored(came("t/a", WIDE, "on"), notes)
    assert done == set()
    assert (
        f"t/a would be in “sharenfs={WIDE}”, how it was shared could not be noted: `dplane dataset share-nfs t/a "
        "--rw CLIENT`, with whom you name; t/a would be in “sharesmb=on”, how it was shared could not be noted: "
        "`dplane dataset share-smb t/a off`, or on. "
    ) in told
    assert (await restored(came("t/a", WIDE), {**notes, "canmount": "noauto"}))[1].endswith(
        "`dplane dataset share-nfs t/a --rw CLIENT`, with whom you name (how it was shared could not be noted); "
        "`dplane dataset share-smb t/a off`, or on (how it was shared could not be noted)."
    )
    _, below = clauses(held_back({"t/a": came("t/a", WIDE), "t/a/b": came("t/a/b", WIDE)}, {"t/a": notes}, []))
    assert below == ["t/a/b"]
    (above, _) = clauses(held_back({"t/a/b": came("t/a/b", WIDE)}, {"t/a": notes}, []))
    assert "how t/a was shared could not be noted" in above[0]
    assert "not-noted" not in told


def listing(*rows: str) -> str:
    """What `zfs list` tells of file systems, each given as its name, sharenfs, sharesmb and mounted, or the first of
    these."""
    usual, told = ("off", "off", "yes"), ""
    for name, *words in (row.split() for row in rows):
        told += "\t".join([name, *words, *usual[len(words) :], f"/{name}"]) + "\n"
    return told


TO = "t/m/old"


def told_at(*rows: str, nfs: str = "off", smb: str = "off", noted: dict[str, str] | None = None) -> list[str]:
    """The clauses of one that is restored elsewhere, with all the file systems of the box."""
    side = {TO: came(TO, nfs, smb)}
    places = places_of(listing(*rows, f"{TO} {nfs} {smb} no"), side)
    return clauses(held_back(side, {TO: noted or {}}, [], places))[0]


SET_PLACE = "and only a PATH outside of it keeps it out: `dplane dataset set t/m/old mountpoint=PATH`"


@pytest.mark.parametrize(
    ("rows", "noted", "folder"),
    [
        (["t off on", "t/m"], {}, "/t”, which is shared as “sharesmb=on"),
        (["t on", "t/m"], {}, "/t”, which is shared as “sharenfs=on"),
        (["t rw=a,crossmnt", "t/m"], {"sharenfs": NARROW}, "/t”, which is shared as “sharenfs=rw=a,crossmnt"),
        (["t", "t/m off on"], {"sharesmb": "off"}, "/t/m”, which is shared as “sharesmb=on"),
        (["t off on", "t/m off name=x"], {"sharesmb": "on"}, "/t/m”, which is shared as “sharesmb=name=x"),
        (["t off on", "t/m off name=x"], {"sharesmb": "name=y"}, "/t”, which is shared as “sharesmb=on"),
        (["t off on", "t/m"], {"sharesmb": "not-noted"}, "/t”, which is shared as “sharesmb=on"),
        (["t off on", "t/m"], {"sharesmb": "on"}, ""),  # as noted
        (["t rw=a,ro=crossmnt", "t/m"], {}, ""),  # NFS serves only that file system itself
        (["t off on no", "t/m"], {}, ""),  # not mounted, so not shared
        (["t/m/o off on", "t/m/old/x off on", "t/n off on"], {}, ""),  # other folders
    ],
)
def test_what_lies_in_a_folder_that_is_shared_with_all_in_it_is_exposed_by_its_place(
    rows: list[str], noted: dict[str, str], folder: str
) -> None:
    told = told_at(*rows, noted=noted)
    assert len(told) == bool(folder)
    if folder:
        assert told[0].startswith(f"t/m/old would lie in “{folder}” with all that is mounted in it, ")
        assert told[0].endswith(SET_PLACE)


def test_where_the_command_for_the_share_does_not_keep_it_out_the_place_is_told_too() -> None:
    own, place = told_at("t off on", "t/m", smb="on")
    assert own.endswith("no such share is noted: `dplane dataset share-smb t/m/old off`")
    assert place.endswith(f"no such share is noted, {SET_PLACE}")
    own, place = told_at("t on", "t/m", nfs="on")
    assert (own.endswith("share-nfs t/m/old --off`"), place.endswith(SET_PLACE)) == (True, True)
    (own,) = told_at("t on", "t/m", nfs="on", noted={"sharenfs": NARROW})
    assert own.endswith("--ro 10.0.0.5`"), "an export of its own is served as that one"


def test_what_is_told_of_a_place_reaches_what_lies_below_but_not_an_outer_folder() -> None:
    side = {name: came(name) for name in (TO, f"{TO}/a", f"{TO}/b", f"{TO}/b/c")}
    rows = listing("t off on", "t/m off name=x", *(f"{name} off off no" for name in side))
    notes = {TO: {"sharesmb": "on"}, f"{TO}/b": {"sharesmb": "off"}}
    told, along = clauses(held_back(side, notes, [], places_of(rows, side)))
    assert [words.split(",")[0] for words in told] == [f"{TO}/b would lie in “/t”", f"{TO} would lie in “/t/m”"]
    assert along == [f"{TO}/a", f"{TO}/b/c"]
    told, along = clauses(held_back(side, {}, [], places_of(rows, side)))
    assert (len(told), along) == (1, [name for name in side if name != TO])
    assert held_back(side, {}, side.keys(), places_of(rows, side)) == {}, "at home, as ever"


def test_what_a_listing_does_not_tell_for_certain_is_not_known_and_held_back() -> None:
    side = {name: came(name) for name in (TO, f"{TO}/a")}
    rows = listing("t off on", *(f"{name} off off no" for name in side))
    assert places_of(rows, side) is not None
    for odd in (
        "x\n" + rows,
        rows.replace("/t\n", "/t\nx\n"),
        rows.replace("t\toff", "t\ta\tb\tyes"),
        rows + f"t/z\toff\toff\tno\t/srv/a\n{TO}\toff\toff\tno\t/nowhere\n",  # one mountpoint, with a line end
        rows[:-1],
        "",
        listing("t"),
    ):
        assert places_of(odd, side) is None, odd
    told, along = clauses(held_back(side, {}, [], None))
    assert [words.split("; ")[0] for words in told] == [
        f"whether {TO} would lie in a folder that is shared ({share}) is not known, no such share is noted"
        for share in ("sharenfs", "sharesmb")
    ]
    assert along == [f"{TO}/a"]
    assert held_back(side, {}, side.keys(), None) == {}


async def test_a_mountpoint_that_is_put_back_is_set_before_what_is_judged_by_its_place() -> None:
    async def call(verb: str, **args: Any) -> None:
        if args["dataset"] == "t/no":
            raise RefusedError("It holds files.")

    side = {name: came(name) for name in ("t/p", "t/p/x", "t/no", "t/evil")}
    notes = {name: {"mountpoint": f"/srv/{name}"} for name in ("t/p", "t/no", "t/evil")}
    door = cast(Any, SimpleNamespace(call=call))
    now, left = await put_in_place(door, side, notes, {"t/p", "t/no"})
    assert {name: one.local.get("mountpoint") for name, one in now.items()} == {
        "t/p": "/srv/t/p", "t/p/x": None, "t/no": None, "t/evil": None,
    }  # fmt: skip
    assert [clause for one in left for clause in one.left] == [
        "mountpoint=/srv/t/no (It holds files)",
        "mountpoint=/srv/t/evil (this box never sent it; set it by hand)",
    ]
    assert (await put_in_place(door, now, notes, {"t/p"}))[0] == now


def test_nothing_narrower_is_left_to_the_wide_share_of_a_command_that_is_told_above_it() -> None:
    many = {f"t/a/d{at:02}": WIDE for at in range(10)} | {"t/a": WIDE, "t/a/private": NARROW, "t": "off"}
    shared = [Settings(name, shared={"sharenfs": value}) for name, value in many.items()]
    shared.append(Settings("t/a/d00/deep", shared={"sharesmb": "on"}))
    (told,) = told_of(shared)
    found = [told.find(words) for words in ("share-nfs t --off", "share-smb t/a/d00/deep on", "share-nfs t/a/d00")]
    assert -1 not in found
    assert found == sorted(found)
    assert "share-nfs t/a --rw" not in told, "what is cut off lies below nothing that is told"
    in_it = Settings("t/a/b", inherited={"sharenfs": NARROW})
    same, again = told_of([Settings("t/a", shared={"sharenfs": WIDE}), in_it])
    assert same == f"In the share that the copy notes, by what is above: t/a/b (“sharenfs={NARROW}”)."
    assert 0 < again.find("share-nfs t/a/b --ro 10.0.0.5`") < again.find("share-nfs t/a --rw 10.0.0.0/8`")
    assert len(told_of([Settings("t/a", shared={"sharesmb": "on"}), in_it])) == 2
    assert "share-nfs t/a/b" in told_of([Settings("t/a", held=[Exposure("sharenfs", NARROW, WIDE, "t/a")]), in_it])[-1]


def test_what_is_cut_of_those_held_back_lies_below_none_whose_command_is_told() -> None:
    names = ["t/a", *(f"t/a/p{at:02}" for at in range(12))]
    notes = {"t/a": {"sharenfs": WIDE}, **{name: {"sharenfs": NARROW} for name in names[1:]}}
    held = held_back({name: came(name, NARROW) for name in names}, notes, names)
    (told,) = told_of([Settings(name, held=found) for name, found in held.items()])
    assert "share-nfs t/a/p09 --ro 10.0.0.5`; and 3 more. After those commands" in told
    assert "share-nfs t/a --rw" not in told


def test_what_is_told_of_many_that_stay_unmounted_is_bounded_and_no_value_ends_a_sentence() -> None:
    evil = "rw=”. All is well.\x1b[2J" + "x" * 9000
    side = {f"t/{at:03}{below}": came(f"t/{at:03}{below}", evil) for at in range(400) for below in ("", "/x")}
    (told,) = told_of([Settings(name, held=found) for name, found in held_back(side, {}, []).items()])
    assert told.count("”") == 10
    assert "\x1b" not in told
    assert "; and 390 more. Left unmounted with them, as they lie below: t/000/x, " in told
    assert len(told) < 5000


async def test_what_is_put_in_its_place_is_mounted_by_places_not_by_names() -> None:
    async def call(_verb: str, **_: Any) -> None:
        """Set."""

    names = ("t/www/cache", "t/www/site", "t/www/site/new", "t/www", "t/www/b")
    notes = {"t/www/cache": {"mountpoint": "/srv/www/site/cache"}, "t/www/site": {"mountpoint": "/srv/www/site"}}
    side = {name: came(name) for name in sorted(names)}
    found, _ = await put_in_place(cast(Any, SimpleNamespace(call=call)), side, notes, side)
    assert list(found) == ["t/www/site", "t/www/cache", "t/www/site/new", "t/www", "t/www/b"]
    assert found["t/www/site"].local["mountpoint"] == "/srv/www/site"
