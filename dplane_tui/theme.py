"""Colour themes: read from TOML, handed to Textual and to our own Line-API widgets as Rich styles by role."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

from rich.errors import StyleSyntaxError as StyleError
from rich.style import Style
from textual.color import Color, ColorParseError
from textual.theme import Theme

from .errors import UsageError
from .lazyclass import dataclass
from .paths import user_config
from .text import clean

# Beside this package, in the checkout as in an installed release.
_FOLDER = Path(__file__).resolve().parent.parent / "themes"
NAMES = ("dark", "light", "contrast", "colourblind", "amber", "ansi16", "mono")
NATIVE = frozenset({"ansi16", "mono"})
"""Themes that use the terminal's own colours; a console without those stays among them."""
_OWN_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
_OWN_BYTES = 64 * 1024
# Textual's own style sheets ask for these in its ANSI mode.
_VARIABLES = {"ansi-background": "ansi_default", "ansi-foreground": "ansi_default"}
ROLES = frozenset(
    {
        "text",
        "dim",
        "strong",
        "accent",
        "good",
        "warn",
        "bad",
        "unknown",
        "rule",
        "caption",
        "head",
        "title",
        "title-on",
    }
    | {"title-dim", "cursor", "cursor-off", "key", "gauge", "gauge-off"}
)


@dataclass(frozen=True, slots=True)
class Look:
    """One theme, ready to draw with."""

    name: str
    theme: Theme
    styles: dict[str, Style]

    def __getitem__(self, role: str) -> Style:
        return self.styles[role]


def own_folder() -> Path:
    """Where a person's own themes are, one TOML file each, in the form of those in `themes/`."""
    return user_config() / "themes"


def available(native: bool) -> tuple[str, ...]:
    """The names of the themes that fit a terminal: of its own colours (`native`), or of all; own ones last."""
    if native:
        return tuple(name for name in NAMES if name in NATIVE)
    try:
        files = sorted(own_folder().glob("*.toml"))
    except OSError:
        files = []
    own = [file.stem for file in files if _OWN_NAME.fullmatch(file.stem) and file.stem not in NAMES]
    return (*(name for name in NAMES if name not in NATIVE), *own)


def load(name: str) -> Look:
    """The theme called `name`, ours or the person's own. Raises UsageError for one that is not there or not sound."""
    if name in NAMES:
        return _look(name, tomllib.loads((_FOLDER / f"{name}.toml").read_text("utf-8")))
    if not _OWN_NAME.fullmatch(name):
        raise UsageError("A theme's name has small letters, digits, - and _.")
    file = own_folder() / f"{name}.toml"
    try:
        with file.open("rb") as content:
            text = content.read(_OWN_BYTES).decode("utf-8")
        return _look(name, {**tomllib.loads(text), "ansi": False})
    except (
        OSError,
        UnicodeDecodeError,
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        StyleError,
        ColorParseError,
    ) as error:
        raise UsageError(
            f"The theme {name} in {file} cannot be used: {clean(str(error), 120)}.",
            "The file themes/dark.toml of D-Plane shows what one needs.",
        ) from None


def _look(name: str, data: dict[str, Any]) -> Look:
    roles = {key: Style.parse(value) for key, value in data["roles"].items()}
    if missing := ROLES - roles.keys():
        raise ValueError(f"it lacks the roles {', '.join(sorted(missing))}")
    ground = roles["text"]
    # The mark of a cursor without focus is laid over a cell's own colours: it brings no ground.
    bare = {"text", "cursor-off"}
    styles = {key: value if key in bare else ground + value for key, value in roles.items()}
    cursor = styles["cursor"]
    if not (cursor.reverse or cursor.bgcolor != ground.bgcolor):
        raise ValueError("its cursor cannot be seen: it has the background of the text")
    parse = str if data["ansi"] else lambda value: Color.parse(value).hex
    colors: dict[str, Any] = {key: parse(value) for key, value in data["colors"].items()}
    theme = Theme(
        name=f"dplane-{name}", dark=bool(data["dark"]), ansi=bool(data["ansi"]), variables=_VARIABLES, **colors
    )
    return Look(name, theme, styles)
