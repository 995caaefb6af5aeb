"""What a person chose in the console, remembered for the next time. Never anything a box said."""

from __future__ import annotations

import contextlib
import os
import re
import tomllib
from pathlib import Path

from .paths import user_state

_LINE = re.compile(r"[a-z0-9._-]{1,64}")


def _file() -> Path:
    return user_state() / "console.toml"


def read() -> dict[str, str]:
    """The choices, by name; none when nothing (readable) is there."""
    try:
        found = tomllib.loads(_file().read_text("utf-8")[:65536])
    except (OSError, ValueError):
        return {}
    return {key: value for key, value in found.items() if isinstance(value, str) and _LINE.fullmatch(value)}


def remember(name: str, value: str) -> None:
    """Keep one choice. A folder that cannot be written costs the memory of it, nothing else."""
    if not (_LINE.fullmatch(name) and _LINE.fullmatch(value)):
        raise ValueError(f"{name!r} and {value!r} are no choice")
    kept = {**read(), name: value}
    text = "".join(f'{key} = "{kept[key]}"\n' for key in sorted(kept))
    file = _file()
    with contextlib.suppress(OSError):
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        new = file.with_name(f".{file.name}.{os.getpid()}")
        new.write_text(text, "utf-8")
        new.replace(file)
