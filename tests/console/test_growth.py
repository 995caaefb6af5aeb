"""What leaked in textual 8.2.8 must not grow with us. Runs again at each bump of textual."""

from __future__ import annotations

import gc

from textual.screen import ModalScreen
from textual.widget import Widget

from tests.console.conftest import Opener


def alive(kind: type[object]) -> int:
    """Objects of `kind` that nothing let go of."""
    gc.collect()
    return sum(isinstance(one, kind) for one in gc.get_objects())


async def test_dialogs_are_let_go(console: Opener) -> None:
    async with console() as seen:
        await seen.until_text("vault")
        await seen.press("x", "escape", "question_mark", "escape")
        before = alive(ModalScreen), alive(Widget)
        for _ in range(15):
            await seen.press("x", "escape", "question_mark", "escape", "colon", "escape")
        # The last one may still be on its way out.
        assert alive(ModalScreen) <= before[0] + 1
        assert alive(Widget) <= before[1] + 12


async def test_polls_and_sections_leave_nothing(console: Opener) -> None:
    async with console() as seen:
        await seen.until_text("vault")
        for key in "2341":
            await seen.press(key)
        before = alive(Widget)
        for _ in range(10):
            await seen.press("2", "r", "4", "r", "1", "r", "t", "t", "t")
        assert alive(Widget) <= before
