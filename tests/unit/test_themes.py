"""A person's own themes and choices: used when sound, told of when not, never in the way."""

from __future__ import annotations

from pathlib import Path

import pytest

from dplane_tui import choices
from dplane_tui.dress import remembered
from dplane_tui.errors import UsageError
from dplane_tui.terminal.profile import detect
from dplane_tui.theme import available, load

ROOT = Path(__file__).parents[2]
DARK = (ROOT / "themes/dark.toml").read_text("utf-8")
FULL = detect({"TERM": "xterm-256color", "LANG": "C.UTF-8"})


@pytest.fixture(autouse=True)
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    folder = tmp_path / "dplane" / "themes"
    folder.mkdir(parents=True)
    return folder


def test_an_own_theme_is_found_and_worn_again_the_next_time(own: Path) -> None:
    (own / "forest.toml").write_text(DARK.replace("#6cb6ff", "#77cc77"))
    (own / "Not A Name.toml").write_text(DARK)
    (own / "dark.toml").write_text("this one does not hide ours")
    assert available(False)[-1] == "forest"
    assert "forest" not in available(True), "a terminal with its own colours alone cannot show it"
    assert load("forest")["accent"].color != load("dark")["accent"].color
    choices.remember("theme", "forest")
    assert remembered(FULL).name == "forest"
    (own / "forest.toml").unlink()
    assert remembered(FULL).name == "dark"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("[roles]", "[rolls]"), "cannot be used"),
        (('dim = "#8b96a5"', ""), "lacks the roles dim"),
        (('accent = "#6cb6ff"\ngood', 'accent = "no colour at all"\ngood'), "cannot be used"),
        (('primary = "#6cb6ff"', 'primary = "12"'), "cannot be used"),
        (('cursor = "bold #ffffff on #2f4a6b"', 'cursor = "bold #ffffff"'), "cursor cannot be seen"),
        (("dark = true", "dark = \x1b[31m"), "cannot be used"),
    ],
)
def test_an_unsound_theme_is_a_sentence(own: Path, change: tuple[str, str], told: str) -> None:
    assert change[0] in DARK
    (own / "mine.toml").write_text(DARK.replace(*change))
    with pytest.raises(UsageError) as error:
        load("mine")
    assert told in str(error.value)
    assert "\x1b" not in str(error.value)
    choices.remember("theme", "mine")
    assert remembered(FULL).name == "dark"


@pytest.mark.parametrize("name", ["../dark", "/etc/passwd", "", "x" * 99, "a\nb"])
def test_no_name_leaves_the_folder(name: str) -> None:
    with pytest.raises(UsageError):
        load(name)


def test_no_colour_stays_no_colour_whatever_was_chosen() -> None:
    choices.remember("theme-native", "ansi16")
    assert remembered(detect({"TERM": "linux", "NO_COLOR": "1"})).name == "mono"
    choices.remember("theme", "amber")
    assert remembered(detect({"TERM": "vt220"}, "/dev/ttyS0")).name == "mono"
    assert remembered(FULL).name == "amber"


def test_choices_survive_junk_and_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    state = tmp_path / "state" / "dplane"
    assert choices.read() == {}
    choices.remember("theme", "light")
    choices.remember("section", "health")
    assert choices.read() == {"theme": "light", "section": "health"}
    (state / "console.toml").write_text('theme = "light"\nodd = "\\u001b[31m"\nnumber = 3\n')
    assert choices.read() == {"theme": "light"}
    (state / "console.toml").write_bytes(b"\xff\x00[[[")
    assert choices.read() == {}
    (state / "console.toml").unlink()
    (state / "console.toml").mkdir()
    choices.remember("theme", "dark")
    assert choices.read() == {}
