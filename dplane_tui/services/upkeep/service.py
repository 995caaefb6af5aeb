"""Timers of scrubs, trims and self-tests on one host: list them with what came of the last, set, remove, start."""

from __future__ import annotations

import time
from collections.abc import Sequence

from privhelper.kinds import TIMER

from ... import paths
from ...errors import CommandError, DPlaneError, RefusedError, UsageError
from ...text import clean
from ..door import Door
from ..host import Host
from ..replication import schedule
from ..store import open_store
from ..zfs.model import Disk, Pool
from ..zfs.service import ZfsService
from . import parse
from .model import (
    FAILED,
    KINDS,
    LEFT_OUT,
    OF_POOL,
    RUNNING,
    SCRUB,
    SHORT,
    STARTED,
    TRIM,
    UNKNOWN,
    Outcome,
    Schedule,
    Start,
    parse_timer,
    timer_of,
)

_UNITS = "/etc/systemd/system/dplane-scheduled@"
_KEPT = 500


class UpkeepService:
    """What a host does regularly to its pools and disks. Raises only `DPlaneError`s."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._door = Door(host)
        self._zfs = ZfsService(host)

    async def list(self) -> tuple[Schedule, ...]:
        """Every timer with its next and last start, and what pool and disks themselves tell of the last one.

        Asks disks, which may wake one: not for a poll.
        """
        files = await self._host.read_files([f"{_UNITS}{kind}-*.timer" for kind in ("scrub", "trim", "smart")])
        starts = await schedule.starts(self._host)
        noted = await self.noted()
        found: list[Schedule] = []
        for path, text in sorted(files.items()):
            timer = path.removeprefix(_UNITS).removesuffix(".timer")
            parsed = parse_timer(timer)
            if parsed is None:
                continue
            kind, pool = parsed
            lines = [line.removeprefix("OnCalendar=") for line in text.splitlines() if line.startswith("OnCalendar=")]
            due, last = starts.get(timer, (None, None))
            outcome = await self._outcome(kind, pool)
            found.append(Schedule(timer, kind, pool, clean("; ".join(lines)), due, last, noted.get(timer), outcome))
        return tuple(found)

    async def _outcome(self, kind: str, pool: str) -> Outcome:
        try:
            if kind == SCRUB:
                return parse.scrub(await self._zfs.pool(pool))
            if kind == TRIM:
                return parse.trim(await self._trim_status(pool))
            return parse.together([(clean(disk.id), await self._test(disk, kind)) for disk in await self._disks()])
        except DPlaneError as error:
            return Outcome(UNKNOWN, error.message.rstrip("."))

    async def _trim_status(self, pool: str) -> str:
        answer = await self._host.run(["zpool", "status", "-t", pool], timeout=30)
        if answer.status != 0:
            raise CommandError(f"zpool does not tell of {clean(pool)}: {clean(answer.error, 200)}")
        return answer.text

    async def _disks(self) -> Sequence[Disk]:
        return [disk for disk in await self._zfs.disks() if disk.id]

    async def _test(self, disk: Disk, kind: str) -> Outcome:
        answer = await self._door.call("smart-read", disk=disk.id)
        return parse.self_test(str(answer.get("stdout", "")), kind)

    async def set(self, kind: str, pool: str, when: str) -> Schedule:
        """Let systemd start it at those times. Raises UsageError, RefusedError, MissingError, and as the door."""
        timer = self._timer(kind, pool)
        wanted = schedule.parse(when)
        if not wanted or any(not one.startswith("calendar:") for one in wanted):
            raise UsageError(
                "Only times of the calendar are caught up when the box slept through them.",
                "Write it as daily 02:30, weekly Sun 03:00 or monthly 1 04:00, or as a systemd calendar expression.",
            )
        if pool:
            await self._zfs.pool(pool)
        await self._door.call("timer-set", timer=timer, when=wanted)
        due, last = (await schedule.starts(self._host)).get(timer, (None, None))
        if due is None:
            raise CommandError(
                f"systemd took the timer {timer}, but does not tell when it starts.", "Look at it again."
            )
        shown = "; ".join(one.removeprefix("calendar:") for one in wanted)
        return Schedule(timer, kind, pool, shown, due, last)

    async def unset(self, kind: str, pool: str) -> str:
        """Remove the timer; returns its name."""
        timer = self._timer(kind, pool)
        await self._door.call("timer-remove", timer=timer)
        if self._host.local:  # what is planned no more is no alarm any more
            async with open_store(paths.current().database, write=True) as store, store.transaction() as db:
                await db.execute("DELETE FROM upkeep_runs WHERE timer = ?", (timer,))
        return timer

    def _timer(self, kind: str, pool: str) -> str:
        if kind not in KINDS or (kind in OF_POOL) is not bool(pool):
            raise UsageError(
                f"“{clean(f'{kind} {pool}'.strip(), 60)}” cannot be planned.",
                "Give scrub POOL, trim POOL, smart-short or smart-long.",
            )
        timer = timer_of(kind, pool)
        if problem := TIMER.check(timer):
            raise RefusedError(f"The timer {clean(timer, 60)} cannot be made: its name {problem}.")
        return timer

    async def start(self, timer: str) -> Start:
        """Start what the timer is for, now, and read back that it goes on. What is stored says how that went."""
        parsed = parse_timer(timer)
        if parsed is None:
            raise UsageError(f"There is no scheduled work called {clean(timer, 60)}.")
        try:
            state, message = await self._started(*parsed)
        except DPlaneError as error:
            state, message = FAILED, str(error)
        done = Start(time.time(), state, message)
        await self._note(timer, done)
        return done

    async def _started(self, kind: str, name: str) -> tuple[str, str]:
        if kind not in OF_POOL:
            return await self._self_tests(kind)
        pool = await self._zfs.pool(name)
        if pool.state == "SUSPENDED":
            return LEFT_OUT, f"The pool {pool.name} is suspended."
        return await (self._scrub(pool) if kind == SCRUB else self._trim(pool))

    async def _scrub(self, pool: Pool) -> tuple[str, str]:
        if pool.scan is not None and pool.scan.state in ("scanning", "paused"):
            return LEFT_OUT, f"A {pool.scan.kind} of {pool.name} is {pool.scan.state} already."
        scan = await self._zfs.scrub(pool, "start")
        return STARTED, f"The scrub of {pool.name} is {scan.state}."

    async def _trim(self, pool: Pool) -> tuple[str, str]:
        before = parse.trim(await self._trim_status(pool.name))
        if before.state == RUNNING:
            return LEFT_OUT, f"A trim of {pool.name} {before.text} already."
        await self._door.call("trim-start", pool=pool.name, guid=pool.guid)
        after = parse.trim(await self._trim_status(pool.name))
        if after == before and after.state != RUNNING:
            return FAILED, f"zpool took the order, but tells nothing new of a trim of {pool.name}: {after.text}."
        return STARTED, f"The trim of {pool.name} {after.text}."

    async def _self_tests(self, kind: str) -> tuple[str, str]:
        """Start one on each disk. A disk that cannot is named; the others are tested all the same."""
        begun: list[str] = []
        left: list[str] = []
        for disk in await self._disks():
            try:
                now = await self._test(disk, kind)
                if now.state == RUNNING:
                    left.append(f"{clean(disk.id)}: a test {now.text} already")
                    continue
                await self._door.call("smart-test", disk=disk.id, kind="short" if kind == SHORT else "long")
                after = await self._test(disk, kind)
                if after.state == RUNNING or after != now:
                    begun.append(disk.id)
                else:
                    left.append(f"{clean(disk.id)}: it took the order, but tells of no test that goes on")
            except DPlaneError as error:
                left.append(f"{clean(disk.id)}: {error.message.rstrip('.')}")
        told = f"{len(begun)} disk(s) test themselves."
        return (STARTED if begun else FAILED), f"{told} {'; '.join(left)}".strip()

    async def _note(self, timer: str, done: Start) -> None:
        if not self._host.local:
            return
        async with open_store(paths.current().database, write=True) as store, store.transaction() as db:
            await db.execute(
                "INSERT INTO upkeep_runs (timer, at, state, message) VALUES (?, ?, ?, ?)",
                (timer, done.at, done.state, done.message),
            )
            await db.execute(
                "DELETE FROM upkeep_runs WHERE id NOT IN (SELECT id FROM upkeep_runs ORDER BY id DESC LIMIT ?)",
                (_KEPT,),
            )

    async def noted(self) -> dict[str, Start]:
        """The last start of each timer of this machine; of a far one, only systemd's own word is known."""
        if not self._host.local:
            return {}
        async with open_store(paths.current().database) as store:
            rows = await store.rows("SELECT timer, at, state, message, max(id) FROM upkeep_runs GROUP BY timer")
        return {row["timer"]: Start(row["at"], row["state"], row["message"]) for row in rows}
