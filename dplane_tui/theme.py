"""Colour themes: read from TOML, handed to Textual and to our own Line-API widgets as Rich styles by role."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

from rich.style import Style
from textual.theme import Theme

# Beside this package, in the checkout as in an installed release.
_FOLDER = Path(__file__).resolve().parent.parent / "themes"
NAMES = ("dark", "light", "contrast", "ansi16", "mono")
NATIVE = frozenset({"ansi16", "mono"})
"""Themes that use the terminal's own colours; a console without those stays among them."""
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


def load(name: str) -> Look:
    """The theme called `name` (one of NAMES). Raises KeyError or ValueError for a file that lacks a role."""
    if name not in NAMES:
        raise KeyError(name)
    data = tomllib.loads((_FOLDER / f"{name}.toml").read_text("utf-8"))
    roles = {key: Style.parse(value) for key, value in data["roles"].items()}
    if missing := ROLES - roles.keys():
        raise ValueError(f"theme {name} lacks {', '.join(sorted(missing))}")
    ground = roles["text"]
    # The mark of a cursor without focus is laid over a cell's own colours: it brings no ground.
    bare = {"text", "cursor-off"}
    styles = {key: value if key in bare else ground + value for key, value in roles.items()}
    theme = Theme(name=f"dplane-{name}", dark=data["dark"], ansi=data["ansi"], variables=_VARIABLES, **data["colors"])
    return Look(name, theme, styles)
