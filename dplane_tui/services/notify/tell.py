"""Send what is due, and keep what each server answered. Channels do not wait for each other."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from ..store import Store
from . import compose, records
from .config import Config
from .model import MAIL, NTFY, PING, RECOVERED, STORE, Channel, Delivery, Message
from .records import Due
from .send import deliver

_TRIES = 2


async def tell(store: Store, config: Config, host: str, extra: Mapping[str, Message]) -> tuple[Delivery, ...]:
    """Tell each channel of the alarms that are due, then what `extra` has for it, by its name. Raises DPlaneError."""
    due = await records.claim(store, config.channels, config.remind, time.time())
    alone = asyncio.Lock()  # the store's connection carries one transaction at a time

    async def serve(channel: Channel) -> list[Delivery]:
        done: list[Delivery] = []
        waiting = batches(channel, [item for item in due if item.channel.name == channel.name], host)
        if channel.name in extra:
            waiting.append((extra[channel.name], []))
        for message, group in waiting:
            if group and done and not done[-1].accepted:  # the server is away: the next check tries again
                async with alone:
                    await records.settle(store, group, False, time.time())
                continue
            tries = 1 if group else _TRIES  # nobody would send a run's own message again later
            done.append(await asyncio.to_thread(deliver, channel, message, tries=tries))
            async with alone:
                await records.settle(store, group, done[-1].accepted, time.time())
                await records.delivered(store, done[-1:])
        return done

    found = await asyncio.gather(*(serve(channel) for channel in config.channels))
    return tuple(one for done in found for one in done)


def batches(channel: Channel, due: Sequence[Due], host: str) -> list[tuple[Message, list[Due]]]:
    """The messages for one channel and the alarms each is about: people get a digest, programs one by one."""
    now = time.time()
    if channel.kind not in {MAIL, NTFY}:
        return [(compose.of_alarm(item, host, now), [item]) for item in due]
    found = []
    for good in (False, True):
        group = [item for item in due if (item.state == "end") is good]
        if group:
            found.append((compose.digest([compose.of_alarm(item, host, now) for item in group]), group))
    return found


class Trouble:
    """A check that cannot work. Told once and again after the usual time, though the store that would know is broken.

    A file below /run remembers.
    """

    def __init__(self, folder: Path, config: Config, host: str) -> None:
        self._mark = folder / ".notify-trouble"
        self._config = config
        self._host = host

    async def goes_on(self, why: str) -> tuple[Delivery, ...]:
        """Tell of it, unless that was done lately."""
        try:
            age = time.time() - self._mark.stat().st_mtime
        except OSError:
            age = None
        if age is not None and (self._config.remind is None or abs(age) < self._config.remind):
            return ()
        text = f"{why}\nUntil that is mended, nothing else is looked after."
        done = await self._send(STORE, "begin", "the check of this box does not work", text, 3)
        if any(one.accepted for one in done):
            self._set(True)
        return done

    async def ended(self) -> tuple[Delivery, ...]:
        """Tell that it works again, if it was told that it does not."""
        if not self._mark.exists():
            return ()
        done = await self._send(
            RECOVERED, "end", "the check of this box works again", "It looks after it as before.", 0
        )
        if all(one.accepted for one in done):
            self._set(False)
        return done

    def _set(self, there: bool) -> None:
        try:
            self._mark.parent.mkdir(parents=True, exist_ok=True)
            self._mark.touch() if there else self._mark.unlink(missing_ok=True)
        except OSError:
            pass  # then it is told more often than needed

    async def _send(self, event: str, state: str, title: str, text: str, level: int) -> tuple[Delivery, ...]:
        message = Message(self._host, event, state, title, compose.block(text), time.time(), level=level)
        chosen = [one for one in self._config.channels if one.kind != PING and one.wants(event)]
        return tuple(await asyncio.gather(*(asyncio.to_thread(deliver, channel, message) for channel in chosen)))
