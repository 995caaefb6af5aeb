"""What the terminal on the other end can do, told from the environment: nothing is asked of the terminal itself."""

from __future__ import annotations

from collections.abc import Mapping

from ..lazyclass import dataclass

_XTERM_LIKE = ("xterm", "screen", "tmux", "rxvt", "alacritty", "foot", "kitty", "wezterm", "ghostty", "konsole", "st-")
_SERIAL_TERMS = ("vt", "ansi", "wy", "linux-m", "xterm-mono")
KINDS = ("full", "console", "serial", "plain")
"""What a person may say a terminal is."""
_SERIAL_LINES = ("/dev/ttyS", "/dev/ttyAMA", "/dev/ttyUSB", "/dev/ttyACM", "/dev/hvc")
_NO_COLOUR = ("vt", "linux-m", "xterm-mono", "ansi-m", "wy", "dumb", "unknown")
_POLL_COST = 100_000
"""Bits a poll may come to on a line times what else the line must carry: a poll takes a tenth of it at most."""


@dataclass(frozen=True, slots=True)
class Profile:
    """One kind of terminal."""

    kind: str
    """`full` (xterm-like), `console` (Linux virtual console), `serial` (vt100 and its kin), `plain` (no cursor)."""
    symbols: str
    """`unicode`, `console` (glyphs every console font has) or `ascii`."""
    theme: str
    """Theme to start with unless the person chose one."""
    alternate: bool = False
    """Whether it has a second screen to draw on (else the screen is cleared at the end)."""
    paste: bool = False
    """Whether it marks pasted text."""
    every: float = 5.0
    """Seconds between polls of a visible panel on this machine."""
    clipboard: bool = False
    """Whether it may take text for its own clipboard (OSC 52); one that does not know it stays silent."""
    baud: int = 0
    """Bits a second of the line; 0 for unknown or no matter."""
    asks: bool = False
    """Whether its size has to be asked of the terminal itself: the kernel of a serial line does not know it."""
    mark: bool = False
    """Whether the cursor of a list is a mark before the row, not the whole row: that is ten bytes on a slow line."""


def _charset(env: Mapping[str, str]) -> str:
    """`utf-8`, `ascii`, or empty when the locale says nothing.

    Python turns an unset or C locale into LC_CTYPE=C.UTF-8 by itself (PEP 538), so that value says nothing.
    """
    everything = env.get("LC_ALL", "")
    kind = env.get("LC_CTYPE", "")
    locale = everything or ("" if kind in {"C.UTF-8", "C.utf8", "UTF-8"} else kind) or env.get("LANG", "")
    if not locale:
        return ""
    return "utf-8" if locale.lower().replace("-", "").endswith("utf8") else "ascii"


def detect(env: Mapping[str, str], line: str = "", kind: str = "", baud: int = 0) -> Profile:
    """The profile for `env` (TERM, COLORTERM, locale, NO_COLOR) on the terminal device `line` (`/dev/ttyS0`).

    `kind` is what the person says the terminal is (one of KINDS); empty goes by TERM and the line. `baud` is the speed
    the line is set to; it counts on a serial line only, elsewhere it means nothing.
    """
    term = env.get("TERM", "").lower()
    charset = _charset(env)
    match kind or _kind(term, line):
        case "serial":
            return _serial(term, charset, bool(env.get("NO_COLOR")), line, baud)
        case "console":
            symbols = "ascii" if charset == "ascii" else "console"
            return Profile("console", symbols, "mono" if env.get("NO_COLOR") else "ansi16")
        case "full":
            return _full(env, term, charset)
    return Profile("plain", "ascii" if charset == "ascii" else "unicode", "mono")


def _kind(term: str, line: str) -> str:
    if term in {"", "dumb", "unknown"}:
        return "plain"
    if line.startswith(_SERIAL_LINES) or term.startswith(_SERIAL_TERMS):
        return "serial"
    return "console" if term.startswith("linux") or not term.startswith(_XTERM_LIKE) else "full"


def _serial(term: str, charset: str, no_color: bool, line: str, baud: int) -> Profile:
    colour = ("color" in term or not term.startswith(_NO_COLOUR)) and bool(term) and not no_color
    symbols = "console" if charset == "utf-8" and not term.startswith("vt") else "ascii"
    real = line.startswith(_SERIAL_LINES)
    baud = baud if real else 0
    every = max(5.0, round(_POLL_COST / baud, 1)) if baud else 10.0
    theme = "ansi16" if colour else "mono"
    return Profile("serial", symbols, theme, every=every, baud=baud, asks=real, mark=True)


def _full(env: Mapping[str, str], term: str, charset: str) -> Profile:
    symbols = "ascii" if charset == "ascii" else "unicode"
    rich = "256color" in term or env.get("COLORTERM", "").lower() in {"truecolor", "24bit"} or "direct" in term
    theme = "mono" if env.get("NO_COLOR") else "dark" if rich else "ansi16"
    return Profile("full", symbols, theme, alternate=True, paste=True, clipboard=True)
