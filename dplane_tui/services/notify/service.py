"""Look, decide who is to be told, tell them, and say what they answered. For this machine; nothing stays resident."""

from __future__ import annotations

import asyncio
import json
import socket
import time

from ... import paths
from ...errors import DPlaneError, MissingError, NotAllowedError
from ..host import Host
from ..replication import records as runs
from ..replication.codec import decode
from ..replication.model import Run, TaskStatus
from ..replication.service import LocalReplication
from ..store import Store, open_store
from . import compose, observe, records
from .config import Config
from .look import look, policies, remember
from .model import (
    FAILED,
    NOTHING_NEW,
    PING,
    STARTED,
    STOPPED,
    SUCCEEDED,
    TEST,
    ChannelState,
    Delivery,
    Message,
    Status,
)
from .read import load
from .send import deliver
from .tell import Trouble, tell

_NEWS_SECONDS = 7 * 86400.0
_EVENTS = {"succeeded": SUCCEEDED, "nothing-new": NOTHING_NEW, "failed": FAILED, "died": FAILED, "cancelled": STOPPED}
_WORDS = {
    STARTED: "started",
    SUCCEEDED: "succeeded",
    NOTHING_NEW: "has nothing new",
    FAILED: "failed",
    STOPPED: "was stopped",
}


class NotifyService:
    """The notifications of this machine. Raises only `DPlaneError`s."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._paths = paths.current()

    def config(self) -> Config:
        """What is configured. Raises NotAllowedError, CommandError."""
        return load(paths.notify_config())

    async def check(self) -> tuple[Delivery, ...]:
        """Look at tasks, pools, disks and the store, and tell what began, goes on for long or ended.

        Where nobody is told anything, only how full the pools are is noted. Returns what was sent. Raises DPlaneError
        when the look itself fails, after telling of that.
        """
        config = self.config()
        if not config.channels:
            await remember(self._host)
            if self._paths.database.exists():
                async with open_store(self._paths.database, write=True) as store:
                    await _forget(store, config)
            return ()
        trouble = Trouble(self._paths.jobs, config, _name(config))
        try:
            async with open_store(self._paths.database, write=True) as store:
                await _forget(store, config)
                await look(self._host, store)
                sent = await tell(store, config, _name(config), await _beat(store, config))
        except Exception as error:
            ours = f"D-Plane made a mistake ({type(error).__name__}); the journal has the details."
            await trouble.goes_on(str(error) if isinstance(error, DPlaneError) else ours)
            raise
        return (*sent, *await trouble.ended())

    async def run(self, run_id: str, *, started: bool) -> tuple[Delivery, ...]:
        """Tell of one run that began or ended, and of all else that is due. Returns what was sent.

        Raises DPlaneError.
        """
        config = self.config()
        if not config.channels:
            return ()
        async with open_store(self._paths.database, write=True) as store:
            seen = time.time()
            run = await runs.run(store, run_id)
            tasks = await LocalReplication(self._host).tasks(look=not started)
            status = next((one for one in tasks if one.task.name == run.task), None)
            if status is None:  # the task was removed meanwhile
                return ()
            if run.kind != "run":  # pings and those who want every run follow the runs alone
                found = observe.of_other(run, found_in(run))
                await records.observe(store, found, seen, time.time())
                return await tell(store, config, _name(config), {})
            if not started:
                await records.observe(store, observe.of_task(status, seen), seen, time.time())
            event = STARTED if started else _EVENTS.get(run.state, "")
            return await tell(store, config, _name(config), _of_run(config, run, status, event))

    async def policies(self) -> tuple[Delivery, ...]:
        """Tell of a run of snapshot policies that failed, or of the end of that. Raises DPlaneError."""
        config = self.config()
        if not config.channels:
            return ()
        async with open_store(self._paths.database, write=True) as store:
            await policies(self._host, store)
            return await tell(store, config, _name(config), {})

    async def test(self, name: str | None = None) -> tuple[Delivery, ...]:
        """Send a test to the channel called `name`, or to all. Raises MissingError when there is none."""
        config = self.config()
        chosen = [channel for channel in config.channels if name in (None, channel.name)]
        if not chosen:
            raise MissingError(
                f"There is no channel called {compose.line(name, 63)}." if name else "No channel is set up.",
                f"Channels stand in {paths.notify_config()}; `dplane notify list` shows them.",
            )
        text = "This is a test. If you read it, messages from this box reach you."
        message = Message(_name(config), TEST, "once", "a test", text, time.time())
        done = await asyncio.gather(*(asyncio.to_thread(deliver, channel, message) for channel in chosen))
        async with open_store(self._paths.database, write=True) as store:
            await records.delivered(store, done)
        return tuple(done)

    async def status(self) -> Status:
        """What was last delivered on each channel, and the alarms that stand."""
        config, readable = None, True
        problems: tuple[str, ...] = ()
        try:
            config = self.config()
            problems = config.problems
        except NotAllowedError:
            readable = False
        except DPlaneError as error:
            problems = (str(error),)
        async with open_store(self._paths.database) as store:
            known = {state.channel: state for state in await records.states(store)}
            alarms = await records.alarms(store)
        now = time.time()
        standing = [one for one in alarms if one.active and not (one.once and now - one.since > _NEWS_SECONDS)]
        names = list(known) if config is None else [channel.name for channel in config.channels]
        since = {} if config is None else {channel.name: channel.since for channel in config.channels}
        states = [known.get(name, ChannelState(name)).of_one_made(since.get(name, 0.0), now) for name in names]
        return Status(tuple(states), tuple(standing), problems, readable)


def found_in(run: Run) -> str:
    """What a comparison or pruning that came to its end found wrong, a sentence; empty for nothing."""
    if run.state not in runs.GOOD or not run.plan:
        return ""
    if run.kind == "compare":
        from ..replication.compare import GOOD, Comparison

        bad = [one for one in decode(Comparison, json.loads(run.plan)).datasets if one.state not in GOOD]
        more = f" And {len(bad) - 1} more." if len(bad) > 1 else ""
        return f"{bad[0].target} cannot simply be continued: {bad[0].text}{more}" if bad else ""
    if run.kind == "prune":
        from ..replication.pruning import decode_pruning

        done = decode_pruning(run.plan)
        wrong = any(side.problem or any(one.error for one in side.judged) for side in done.sides)
        return run.message if wrong and not done.dry else ""
    return ""


async def _forget(store: Store, config: Config) -> None:
    """What was sent by channels that are not there any more. One that is left out for a mistake may come back."""
    await records.forget_channels(store, config.channels, time.time(), others=not config.problems)


def _name(config: Config) -> str:
    return compose.line(config.name or socket.gethostname(), 64)


def _of_run(config: Config, run: Run, status: TaskStatus, event: str) -> dict[str, Message]:
    """What each channel is told of a run itself. A failure is an alarm, so only pings hear of it from here; that it was
    stopped none but they hear at all."""
    if event not in _WORDS:
        return {}
    lines = [f"Run {run.id}: {run.message}" if run.message else f"Run {run.id}."]
    lines += [] if event == STARTED else [observe.proven(status, time.time())]
    message = Message(
        host=_name(config),
        event=event,
        state="once",
        title=compose.line(f"replication {run.task} {_WORDS[event]}"),
        text=compose.block("\n".join(lines)),
        at=time.time(),
        about=run.task,
        level=2 if event == FAILED else 0,
        run=run.id,
    )
    return {
        channel.name: message
        for channel in config.channels
        if (
            channel.tasks == (run.task,) if channel.kind == PING else event != FAILED and channel.wants(event, run.task)
        )
    }


async def _beat(store: Store, config: Config) -> dict[str, Message]:
    """What pings that follow the box are told: that it still looks, and whether something is wrong."""
    wrong = [alarm for alarm in await records.alarms(store) if alarm.active and not alarm.once]
    event, title = (FAILED, f"{len(wrong)} alarm(s)") if wrong else (SUCCEEDED, "all is well")
    text = "\n".join(alarm.title for alarm in wrong) or "Everything that could be looked at is well."
    message = Message(_name(config), event, "once", title, compose.block(text), time.time(), level=2 if wrong else 0)
    return {channel.name: message for channel in config.channels if channel.kind == PING and not channel.tasks}
