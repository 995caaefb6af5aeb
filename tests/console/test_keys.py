"""A person's own keys: what makes sense is used, what does not is told and changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dplane_tui import actions, keys
from dplane_tui.actions import ACTIONS, Action, find, for_key
from tests.console.conftest import Opener

POOLS = ("global", "list", "pools")


@pytest.fixture(autouse=True)
def defaults() -> Iterator[None]:
    """Other tests have the keys everybody has."""
    yield
    actions.use(ACTIONS)


def laid(wanted: dict[str, object]) -> tuple[dict[str, Action], tuple[str, ...]]:
    table, problems = keys.lay_over(ACTIONS, wanted)
    return {f"{one.group}/{one.id}": one for one in table}, problems


def test_an_action_gets_its_keys_and_the_others_keep_theirs() -> None:
    table, problems = laid({"refresh": ["F5", "&"], "pools/scrub": "Z"})
    assert problems == ()
    assert table["global/refresh"].keys == ("f5", "ampersand")
    assert table["pools/scrub"].keys == ("Z",)
    changed = {"global/refresh", "pools/scrub"}
    assert all(table[f"{one.group}/{one.id}"] == one for one in ACTIONS if f"{one.group}/{one.id}" not in changed)


def test_a_name_that_several_groups_have_means_all_of_them() -> None:
    table, problems = laid({"tab-next": "z"})
    assert problems == ()
    assert {table[f"{group}/tab-next"].keys for group in ("pools", "replication", "health")} == {("z",)}


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        ({"refesh": "v"}, "refesh: there is no such action."),
        ({"refresh": "q"}, "refresh: q is the key of “quit” already."),
        ({"scrub": "n"}, "scrub: n is the key of “new pool” already."),
        ({"refresh": "alt+r"}, "refresh: “alt+r” is no key every terminal sends."),
        ({"refresh": "j"}, "refresh: j moves in lists."),
        ({"refresh": "ctrl+s"}, "refresh: ctrl+s would stop a serial line."),
        ({"refresh": "ctrl+m"}, "refresh: “ctrl+m” is no key every terminal sends."),
        ({"quit": []}, "quit: it needs a key or a list of keys."),
        ({"quit": 7}, "quit: it needs a key or a list of keys."),
        ({"ev\x1bil": "v"}, "ev\ufffdil: there is no such action."),
    ],
)
def test_what_makes_no_sense_is_told_and_changes_nothing(wanted: dict[str, object], told: str) -> None:
    table, problems = keys.lay_over(ACTIONS, wanted)
    assert problems == (told,)
    assert table == ACTIONS


def test_two_actions_can_change_places() -> None:
    table, problems = laid({"pools/scrub": "c", "pools/pool-clear": "b"})
    assert problems == ()
    assert (table["pools/scrub"].keys, table["pools/pool-clear"].keys) == (("c",), ("b",))


def test_who_goes_back_to_the_default_takes_it_from_whoever_took_it() -> None:
    table, problems = laid({"pools/scrub": "c", "pools/pool-clear": "n"})
    assert len(problems) == 2
    assert (table["pools/scrub"].keys, table["pools/pool-clear"].keys) == (("b",), ("c",))


def test_of_two_on_one_new_key_one_keeps_its_default() -> None:
    table, problems = laid({"refresh": "z", "messages": "z"})
    assert len(problems) == 1
    assert {table["global/refresh"].keys, table["global/messages"].keys} != {("z",)}


@given(st.dictionaries(st.sampled_from([one.id for one in ACTIONS]), st.text(min_size=1, max_size=7), max_size=6))
def test_nothing_anybody_writes_leaves_an_action_without_a_key(wanted: dict[str, object]) -> None:
    table, _ = keys.lay_over(ACTIONS, wanted)
    assert [one.id for one in table] == [one.id for one in ACTIONS]
    assert all(one.keys for one in table)


def write(home: Path, text: str) -> None:
    file = home / ".config" / "dplane" / "keys.toml"
    file.parent.mkdir(parents=True)
    file.write_text(text)


async def test_the_console_obeys_them_and_help_shows_them(console: Opener, tmp_path: Path) -> None:
    write(tmp_path, '[keys]\nquit = "Q"\nsection-health = "z"\n')
    async with console() as seen:
        await seen.press("z")
        await seen.until_text("What to know")
        await seen.press("q", "question_mark")
        await seen.until_text("Keys that work here")
        assert find("quit", POOLS).key == "Q"  # type: ignore[union-attr]
        await seen.press("G")
        assert "Q " in seen.text
        assert "keys.toml are in use" in " ".join(seen.text.split())


async def test_it_tells_at_the_start_what_it_did_not_take(console: Opener, tmp_path: Path) -> None:
    write(tmp_path, '[keys]\nrefresh = "q"\n')
    async with console(size=(120, 30)) as seen:
        await seen.until(lambda: "q is the key of “quit” already" in " ".join(seen.text.split()))
        assert for_key("r", POOLS).id == "refresh"  # type: ignore[union-attr]


@pytest.mark.parametrize("text", ["keys = 3", "[keys\n", "\xff"])
async def test_a_file_that_is_none_is_told(console: Opener, tmp_path: Path, text: str) -> None:
    write(tmp_path, "")
    (tmp_path / ".config" / "dplane" / "keys.toml").write_bytes(text.encode("latin-1"))
    async with console(size=(120, 30)) as seen:
        await seen.until(lambda: "The defaults stay." in " ".join(seen.text.split()))
