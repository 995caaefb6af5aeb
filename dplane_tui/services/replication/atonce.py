"""The two sides of a run are two machines: what both are asked, they are asked at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

A = TypeVar("A")
B = TypeVar("B")


async def both(first: Coroutine[Any, Any, A], second: Coroutine[Any, Any, B]) -> tuple[A, B]:
    """Both results. The first that fails ends the other, and nothing of either goes on behind our back."""
    one, other = asyncio.ensure_future(first), asyncio.ensure_future(second)
    try:
        left, right = await asyncio.gather(one, other)
        return left, right
    finally:
        for task in (one, other):
            task.cancel()
        await asyncio.gather(one, other, return_exceptions=True)
