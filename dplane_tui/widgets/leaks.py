"""The guard against a leak of textual 8.2.8 (Textualize/textual#6665); tests/console/test_growth.py watches it."""

from __future__ import annotations

import contextlib
from typing import Any

from textual.app import App


def forget_closed_screens(app: App[Any]) -> None:
    """Drop the style cache that keeps closed screens alive. Call after a modal was popped."""
    del app
    with contextlib.suppress(ImportError, AttributeError):  # another textual: nothing to guard, the growth test decides
        from textual._styles_cache import StylesCache

        StylesCache.get_inner_outer.cache_clear()
