"""Channels, alarms, messages and what became of them. Times in Unix seconds."""

from __future__ import annotations

from ...lazyclass import dataclass

STARTED, SUCCEEDED, NOTHING_NEW = "started", "succeeded", "nothing-new"
FAILED, LATE, POOL, DISK, STORE, RECOVERED = "failed", "late", "pool", "disk", "store", "recovered"
STOPPED, TEST = "stopped", "test"

EVENTS: dict[str, str] = {
    STARTED: "a run of a task began",
    SUCCEEDED: "a run ended, and the target was read back to have what was sent",
    NOTHING_NEW: "a run ended, and the target was read back to have everything already",
    FAILED: "a run, restore, verification or retention of a task, or the policies, failed, died, or found a conflict",
    LATE: "what is proven of a task is older than its RPO or not of what is there now, or a policy lacks snapshots",
    POOL: "a pool is not well, or the pools cannot be read",
    DISK: "SMART says that a disk fails, or counts what should not be",
    STORE: "D-Plane's own store was damaged and replaced",
    RECOVERED: "what an earlier alarm told of has ended",
}
"""What a channel can ask to be told."""
DEFAULT_EVENTS = (FAILED, LATE, POOL, DISK, STORE, RECOVERED)
OF_TASKS = frozenset({STARTED, SUCCEEDED, NOTHING_NEW, FAILED, LATE})

MAIL, WEBHOOK, NTFY, PING = "mail", "webhook", "ntfy", "ping"


@dataclass(frozen=True, slots=True)
class Channel:
    """One way to a person. Secrets are not in it: only the names of the files that hold them."""

    name: str
    kind: str
    """`mail`, `webhook`, `ntfy` or `ping`."""
    events: tuple[str, ...] = DEFAULT_EVENTS
    tasks: tuple[str, ...] = ()
    """Only of these tasks; empty is all. A ping follows its one task, or without one the box itself."""
    url: str = ""
    token_file: str = ""
    ca_file: str = ""
    """Certificates to trust instead of the system's."""
    server: str = ""
    port: int = 0
    security: str = ""
    """`starttls`, `tls` or `none`."""
    user: str = ""
    password_file: str = ""
    sender: str = ""
    to: tuple[str, ...] = ()
    made: bool = False
    """Made by D-Plane, in a file of its own, so that it can be removed as well; else it stands in notify.toml."""
    since: float = 0.0
    """When it was made so. What was sent earlier was sent by another channel of that name."""

    def wants(self, event: str, task: str = "") -> bool:
        """Whether it is to be told of `event`, of the task of that name if it is about one."""
        return event in self.events and (not task or not self.tasks or task in self.tasks)


@dataclass(frozen=True, slots=True)
class Observation:
    """What was found out about one thing that can be well or not."""

    key: str
    """`run:TASK`, `late:TASK`, `verify:TASK`, `restore:RUN`, `compare:RUN`, `prune:RUN`, `policy:run`,
    `policy-late:GUID`, `pool:GUID`, `full:GUID`, `gone:GUID`, `zfs`, `disk:ID`, `store:NUMBER`."""
    event: str
    active: bool | None
    """Whether it is an alarm. None: known to be neither, what was last known stays."""
    about: str = ""
    """The name of the task, pool or disk."""
    level: int = 1
    """1 is a warning, 2 bad, 3 worse. A rise is told at once."""
    title: str = ""
    """Without the box's name. Empty with `active` False: it ends without a word."""
    text: str = ""
    """Sentences."""
    once: bool = False
    """News rather than a state: told once, never reminded of."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """An observation as the store keeps it."""

    key: str
    event: str
    about: str
    active: bool
    level: int
    title: str
    text: str
    once: bool
    since: float
    seen: float
    """When it was last looked at."""


@dataclass(frozen=True, slots=True)
class Message:
    """What is sent. Every text is clean and a single line, but for `text`, which may have several."""

    host: str
    event: str
    state: str
    """`begin`, `worse`, `reminder`, `end` (of an alarm), `once`."""
    title: str
    text: str
    at: float
    about: str = ""
    since: float | None = None
    level: int = 0
    """0 is good or neutral."""
    run: str = ""


@dataclass(frozen=True, slots=True)
class Delivery:
    """What became of one message on one channel. `accepted` only when the server said so."""

    channel: str
    accepted: bool
    answer: str
    """The server's own words, or why nothing was accepted."""
    at: float = 0.0
    title: str = ""
    part: bool = False
    """Accepted for some of its recipients only."""


@dataclass(frozen=True, slots=True)
class ChannelState:
    """A channel's last delivery, for `dplane notify status`."""

    channel: str
    tried: float | None = None
    accepted: bool | None = None
    """None: nothing was ever sent."""
    answer: str = ""
    title: str = ""
    last_accepted: float | None = None
    failures: int = 0
    """In a row, up to now."""

    def of_one_made(self, since: float, now: float) -> ChannelState:
        """This, for a channel made at `since`: what was sent before was not sent on it. A time to come counts not."""
        earlier = self.tried is not None and self.tried < since <= now
        return ChannelState(self.channel) if earlier else self


@dataclass(frozen=True, slots=True)
class Status:
    """What `dplane notify status` tells."""

    channels: tuple[ChannelState, ...] = ()
    alarms: tuple[Alarm, ...] = ()
    problems: tuple[str, ...] = ()
    """What is wrong with the configuration, as far as this user may read it."""
    readable: bool = True
    """Whether this user may read the configuration."""
