"""Alarms in the store: when they begin and end, and who is to be told, however many processes look at once."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any

from ..store import Notice, Store
from .model import OF_TASKS, PING, RECOVERED, Alarm, Channel, ChannelState, Delivery, Observation

CLAIM_SECONDS = 300.0
"""After that long a process that began to send and never said how it went is taken for dead."""
FORGET_SECONDS = 30 * 86400.0
_FIELDS = ("key", "event", "about", "active", "level", "title", "text", "once", "since", "seen")


@dataclasses.dataclass(frozen=True, slots=True)
class Due:
    """An alarm that a channel is to be told of. Nobody else sends it while `claim` stands."""

    channel: Channel
    alarm: Alarm
    state: str
    """`begin`, `worse`, `reminder`, `once` or `end`."""
    claim: float


def _alarm(row: Any) -> Alarm:
    fields = {name: row[name] for name in _FIELDS}
    return Alarm(**{**fields, "active": bool(fields["active"]), "once": bool(fields["once"])})


async def alarms(store: Store) -> tuple[Alarm, ...]:
    """Everything that was ever looked at, alarms or not, the newest change first."""
    return tuple(_alarm(row) for row in await store.rows("SELECT * FROM alarms ORDER BY since DESC, key"))


async def observe(store: Store, found: Iterable[Observation], seen: float, now: float) -> None:
    """Take over what was found out at the time `seen`. What somebody looked at later than that is left alone."""
    async with store.transaction() as db:
        for item in found:
            if item.active is None:
                continue
            rows = list(await db.execute_fetchall("SELECT * FROM alarms WHERE key = ?", (item.key,)))
            before = _alarm(rows[0]) if rows else None
            if before is not None and seen < before.seen <= now:  # later than now: the clock was set back
                continue
            if before is None or item.active != before.active:
                silent = not item.active and not item.title
                if item.active or silent:
                    await db.execute("DELETE FROM alarm_told WHERE alarm = ?", (item.key,))
                await db.execute(_PUT, _values(item, now, seen))
            elif item.active:
                await db.execute(_PUT, _values(item, before.since, seen))
            else:
                await db.execute("UPDATE alarms SET seen = ?, about = ? WHERE key = ?", (seen, item.about, item.key))


_PUT = (
    f"INSERT INTO alarms ({', '.join(_FIELDS)}) VALUES ({', '.join('?' * len(_FIELDS))}) ON CONFLICT (key) DO UPDATE "  # noqa: S608
    f"SET {', '.join(f'{name} = excluded.{name}' for name in _FIELDS[1:])}"
)


def _values(item: Observation, since: float, seen: float) -> tuple[Any, ...]:
    return (
        item.key,
        item.event,
        item.about,
        int(bool(item.active)),
        item.level,
        item.title,
        item.text,
        int(item.once),
        since,
        seen,
    )


async def forget(store: Store, tasks: Iterable[str], now: float) -> None:
    """Drop alarms of tasks that are not among `tasks` any more, and pools that were gone for a month."""
    names = set(tasks)
    async with store.transaction() as db:
        for row in list(await db.execute_fetchall("SELECT * FROM alarms")):
            alarm = _alarm(row)
            kind, _, rest = alarm.key.partition(":")
            old = kind in {"restore", "compare", "prune"} and now - alarm.since > FORGET_SECONDS
            if old or (kind in {"run", "late", "verify"} and rest not in names):
                await db.execute("DELETE FROM alarms WHERE key = ?", (alarm.key,))
            elif kind == "gone" and alarm.active and now - alarm.since > FORGET_SECONDS:
                gone = (alarm.key, f"pool:{rest}", f"full:{rest}")
                await db.execute("DELETE FROM alarms WHERE key IN (?, ?, ?)", gone)


async def claim(store: Store, channels: Sequence[Channel], remind: float | None, now: float) -> tuple[Due, ...]:
    """What is to be sent now; until it is settled, no other process gets it."""
    found: list[Due] = []
    async with store.transaction() as db:
        told = {
            (row["alarm"], row["channel"]): row for row in list(await db.execute_fetchall("SELECT * FROM alarm_told"))
        }
        for row in list(await db.execute_fetchall("SELECT * FROM alarms ORDER BY level DESC, since, key")):
            alarm = _alarm(row)
            for channel in channels:
                if channel.kind == PING:  # follows its own events
                    continue
                before = told.get((alarm.key, channel.name))
                if before is not None and before["claimed"] is not None and _within(before["claimed"], now):
                    continue
                state = _state(alarm, channel, before, remind, now)
                if state == "drop":
                    await db.execute(
                        "DELETE FROM alarm_told WHERE alarm = ? AND channel = ?", (alarm.key, channel.name)
                    )
                elif state:
                    await db.execute(
                        "INSERT INTO alarm_told (alarm, channel, claimed) VALUES (?, ?, ?) "
                        "ON CONFLICT (alarm, channel) DO UPDATE SET claimed = excluded.claimed",
                        (alarm.key, channel.name, now),
                    )
                    found.append(Due(channel, alarm, state, now))
    return tuple(found)


def _within(claimed: float, now: float) -> bool:
    return abs(now - claimed) < CLAIM_SECONDS  # both ways: the clock of a box without a battery jumps


def _state(alarm: Alarm, channel: Channel, before: Any, remind: float | None, now: float) -> str:
    """Why `channel` is to be told, `drop` when what it was told no longer matters, empty when there is nothing."""
    task = alarm.about if alarm.event in OF_TASKS else ""
    heard = before is not None and before["at"] is not None
    if not alarm.active:
        if before is None:
            return ""
        return "end" if heard and channel.wants(RECOVERED, task) else "drop"
    if not channel.wants(alarm.event, task):
        return ""
    if not heard:
        return "once" if alarm.once else "begin"
    if alarm.level > before["level"]:
        return "worse"
    return "reminder" if remind is not None and not alarm.once and abs(now - before["at"]) >= remind else ""


async def settle(store: Store, due: Iterable[Due], accepted: bool, now: float) -> None:
    """Record how sending `due` went. An alarm that changed its mind meanwhile is not touched."""
    async with store.transaction() as db:
        for item in due:
            which = (item.alarm.key, item.channel.name, item.claim)
            where = "WHERE alarm = ? AND channel = ? AND claimed = ?"
            if not accepted:
                await db.execute(f"UPDATE alarm_told SET claimed = NULL {where}", which)  # noqa: S608
            elif item.state == "end":
                await db.execute(f"DELETE FROM alarm_told {where}", which)  # noqa: S608
            else:
                await db.execute(
                    f"UPDATE alarm_told SET claimed = NULL, at = ?, level = ? {where}",  # noqa: S608
                    (now, item.alarm.level, *which),
                )


async def delivered(store: Store, found: Iterable[Delivery]) -> None:
    """Remember the last delivery of each channel."""
    async with store.transaction() as db:
        for item in found:
            await db.execute(
                "INSERT INTO deliveries (channel, tried, accepted, answer, title, last_accepted, failures) "
                "VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (channel) DO UPDATE SET tried = excluded.tried, "
                "accepted = excluded.accepted, answer = excluded.answer, title = excluded.title, "
                "last_accepted = coalesce(excluded.last_accepted, last_accepted), "
                "failures = CASE WHEN excluded.accepted THEN 0 ELSE failures + 1 END",
                (
                    item.channel,
                    item.at,
                    int(item.accepted),
                    item.answer,
                    item.title,
                    item.at if item.accepted else None,
                    int(not item.accepted),
                ),
            )


async def forget_channels(store: Store, channels: Sequence[Channel], now: float, *, others: bool) -> None:
    """Drop what was sent by earlier channels of the same names, and with `others` that of all that are not there."""
    async with store.transaction() as db:
        for table, when in (("deliveries", "tried"), ("alarm_told", "at")):
            for one in channels:
                if one.since <= now:
                    which = (one.name, one.since)
                    await db.execute(f"DELETE FROM {table} WHERE channel = ? AND {when} < ?", which)  # noqa: S608
            if others:
                names = [one.name for one in channels]
                marks = ", ".join("?" * len(names))
                await db.execute(f"DELETE FROM {table} WHERE channel NOT IN ({marks})", names)  # noqa: S608


async def states(store: Store) -> tuple[ChannelState, ...]:
    """The last delivery of every channel that ever had one, by name."""
    rows = await store.rows("SELECT * FROM deliveries ORDER BY channel")
    return tuple(ChannelState(**{**dict(row), "accepted": bool(row["accepted"])}) for row in rows)


async def notices(store: Store) -> tuple[tuple[int, Notice], ...]:
    """The store's newest notices with their numbers."""
    rows = await store.rows("SELECT id, at, text FROM notices ORDER BY id DESC LIMIT 5")
    return tuple((row["id"], Notice(row["at"], row["text"])) for row in rows)
