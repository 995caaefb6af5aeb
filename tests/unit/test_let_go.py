"""What retention may destroy besides our own: only what an administrator named, where he did, and never a stream."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from dplane_tui.services.replication.read import Dataset, Point
from dplane_tui.services.retention import looking
from privhelper import let_go
from privhelper.let_go import beginnings, covers, of_dataset, problem, told


@pytest.mark.parametrize(
    "value", ["none", "autosnap_", "autosnap_,syncoid_attic_", "zfs-auto-snap_daily", "none,a_x", "a.b:c-", "x" * 64]
)
def test_beginnings_of_names_are_taken(value: str) -> None:
    assert problem(value) == ""
    assert beginnings(value) == (() if value == "none" else tuple(value.split(",")))


@pytest.mark.parametrize(
    "value",
    [
        *("", ",", "autosnap_,", ",autosnap_", "ab", "a b", "auto*", "autosnap_\n", "auto\tsnap", "x" * 65, "_auto"),
        *(
            "dplane-",
            "dplane-2026",
            "dpl",
            "dplane",
            "autosnap_,dplane-before",
            ",".join(["auto"] * 11),
            "@auto",
            "ä_x",
        ),
        *("-rf", "auto%", "auto/snap", "auto@x", "auto#x"),
    ],
)
def test_what_would_take_all_or_ours_or_is_no_name_is_not(value: str) -> None:
    assert problem(value)
    assert beginnings(value) == ()


def test_a_name_is_covered_by_how_it_begins() -> None:
    assert covers(("autosnap_", "syncoid_a_"), "syncoid_a_2026")
    assert not covers(("autosnap_",), "my_autosnap_1")
    assert not covers((), "autosnap_1")


@pytest.mark.parametrize(
    ("said", "where", "names"),
    [
        ("autosnap_\tlocal\n", "t/a/b", ("autosnap_",)),
        ("none\tlocal\n", "t/a/b", ()),
        ("-\t-\n", "", ()),
        ("autosnap_\treceived\n", "", ()),
        ("autosnap_\tinherited from t/a\n", "t/a", ()),
        ("autosnap_\tinherited from t\n", "t", ()),
        ("autosnap_\tinherited from t/a/b\n", "", ()),
        ("autosnap_\tinherited from t/a/bc\n", "", ()),
        ("autosnap_\tinherited from tank\n", "", ()),
        ("autosnap_\tlocal\nautosnap_\treceived\n", "", ()),
        ("x\nautosnap_\tlocal\n", "t/a/b", ()),
        ("auto\tsnap_\tlocal\n", "t/a/b", ()),
        ("", "", ()),
    ],
)
def test_only_what_is_set_here_counts_and_no_value_speaks_for_its_source(
    said: str, where: str, names: tuple[str, ...]
) -> None:
    assert told("t/a/b", said) == (where, names)


def box(**sources: str) -> Callable[[list[str]], str]:
    def ask(words: list[str]) -> str:
        assert words[:-1] == ["get", "-H", "-p", "-o", "value,source", let_go.MARK]
        return sources[words[-1].replace("/", "_")]

    return ask


def test_above_it_counts_what_is_set_there_and_not_what_came_with_a_stream() -> None:
    inherited = "autosnap_\tinherited from t/a\n"
    ask = box(t_a_b=inherited, t_a="autosnap_\tlocal\n")
    assert of_dataset("t/a/b", ask) == ("autosnap_",)
    ask = box(t_a_b=inherited, t_a="autosnap_\treceived\n")
    assert of_dataset("t/a/b", ask) == ()
    ask = box(t_a_b=inherited, t_a="autosnap_\tinherited from t\n", t="autosnap_\tlocal\n")  # changed in between
    assert of_dataset("t/a/b", ask) == ()


def test_a_listing_tells_where_the_mark_is_set() -> None:
    said = "t/a\tlocal\nt/a/b\tinherited from t/a\nt/a/c\t-\nt/a/d\treceived\nt/a/e\tinherited from other\n"
    assert looking.lets_where(said) == {"t/a": "t/a", "t/a/b": "t/a"}
    assert looking.received(said) == {"t/a/d"}


def test_what_is_named_as_ours_is_never_among_the_others() -> None:
    points = tuple(Point(name, "1", 1) for name in ("autosnap_1", "dplane-before", "mine", "auto_1"))
    side = {name: Dataset(name, snapshots=points) for name in ("t/a", "t/b")}
    named = looking.others(side, {"t/a": ("autosnap_", "dplane-"), "t/c": ("mine",)})
    assert named == {"t/a": {"autosnap_1": "autosnap_"}}
    taken = {"t/a@autosnap_1": 5.0, "t/b@autosnap_1": 8.0}
    assert looking.dated(named, taken) == {"t/a": {"autosnap_1": looking.Other(5, "autosnap_")}}
    assert looking.dated(named, {}) == {"t/a": {"autosnap_1": looking.Other(0, "autosnap_")}}


def test_a_mark_on_very_many_datasets_is_refused_before_each_is_asked() -> None:
    assert looking.origins_of({"t/a": "t", "t/b": "t", "t/c": "t/c"}) == ["t", "t/c"]
    with pytest.raises(ValueError, match="set on 101 datasets"):
        looking.origins_of({f"t/{number}": f"t/{number}" for number in range(101)})


def test_what_stands_in_the_way_of_ours_stands_in_the_way_of_others() -> None:
    names = {"autosnap_1": "11", "autosnap_2": "12", "by hand": "13", "dplane-by-hand": "14", "autosnap_9": "19"}
    listed = "".join(f"t/a@{name}\t{guid}\t{guid}\n" for name, guid in names.items())
    rows = {name: f"guid\t{guid}|userrefs\t{int(name == 'autosnap_2')}|clones\t" for name, guid in names.items()}
    details = "".join(f"t/a@{name}\t{cell}\n" for name, row in rows.items() for cell in row.split("|"))
    details = details.replace("clones\t\n", "clones\t-\n")
    kept = looking.in_the_way("t/a", names, listed, details, begins=("autosnap_",))
    strange = "no task or policy gives such a name, nor does dplane:may-prune there let it go"
    assert kept == {
        "autosnap_2": "it is held",
        "by hand": strange,
        "dplane-by-hand": strange,
        "autosnap_9": "the newest snapshot",
    }
    assert set(looking.in_the_way("t/a", names, listed, details)) == set(names)
