"""Keys one at a time: the next is handed over when the one before has been taken.

Textual hands a key to whatever has the focus at that moment. A burst (a slow line, somebody who types ahead) would go
all together to where the first key was typed: `/web` would open the filter, and its letters would be keys of the list.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from textual.app import App
from textual.dom import DOMNode
from textual.message_pump import MessagePump
from textual.screen import Screen

_TURNS = 8
"""Turns of the event loop for what a key began, before the next key: enough to open a dialog that waits for nothing."""


def when_taken(app: App[Any], done: Callable[[], None]) -> None:
    """Call `done` when the key that was just posted to `app` has gone its way: to the focus, and up to its screen.

    Follows it through the same queues, so that it cannot come first. Call it in the event loop.
    """
    loop = asyncio.get_running_loop()

    def turn(left: int) -> None:
        if left:
            loop.call_soon(turn, left - 1)
        else:
            done()

    def hop(node: MessagePump) -> None:
        following = _next(app, node)
        if following is None:
            turn(_TURNS)
        elif not following.call_later(hop, following):
            done()

    if not app.call_later(hop, app):
        done()


def _next(app: App[Any], node: MessagePump) -> MessagePump | None:
    if isinstance(node, Screen):
        return None
    if node is app:
        return (app.screen.focused or app.screen) if app.screen_stack else None
    return node.parent if isinstance(node, DOMNode) else None
