"""Peers, tasks, runs and their evidence. Sizes in bytes, times in Unix seconds, GUIDs as strings of digits."""

from __future__ import annotations

from ...lazyclass import dataclass
from ..retention.model import Pruned


@dataclass(frozen=True, slots=True)
class Peer:
    """A paired box."""

    name: str
    user: str
    """The account unattended runs log in as."""
    address: str
    port: int
    host_key: str
    """The pinned host key, OpenSSH form without a name (`ssh-ed25519 AAAA…`)."""
    host_fingerprint: str
    """`SHA256:…` of it, as `ssh` shows it."""
    key_fingerprint: str
    """`SHA256:…` of the key made here for this peer."""
    product: bool
    """Whether the far end has the product (confined forced command), or only ZFS and sshd."""
    root: str | None = None
    """The far dataset the key is confined to, when one was given."""
    created: float = 0.0
    may_read: str | None = None
    """The far dataset that we may read, with all below, when one was given. A plain peer needs no such right."""
    may_snapshot: bool = False
    """Whether we may take snapshots of that."""
    key_created: float = 0.0
    """When our key for it was made; 0 is unknown."""
    may_prune: bool = False
    """Whether the far box let this one destroy there, when it was asked last, old snapshots of its own tasks, and of
    its copies what `dplane:may-prune` lets go."""
    may_rollback: bool = False
    """Whether it let this one roll back there what it sent there."""
    mark: str = ""
    """What its copies and our bookmarks for it are known by: the host key it was paired with first, whatever it shows
    now; empty: that is still the same."""

    own_name: str = ""
    """How a box with D-Plane calls this one, as it said when it was asked last: what we make there is named by it.
    Empty: not known."""

    @property
    def known_by(self) -> str:
        """Which box it is, for all that must outlive a new host key."""
        return self.mark or self.host_key

    def takes_snapshots(self) -> bool:
        """Whether a task that pulls from it can take its own snapshots there."""
        return self.may_snapshot or not self.product


@dataclass(frozen=True, slots=True)
class Options:
    """How a task differs from the default. Texts are in the notation a person types; each has a parser of its own."""

    include: tuple[str, ...] = ()
    """Patterns (`*`, `?`, `[…]`) of datasets below the source, relative to it; empty takes all."""
    exclude: tuple[str, ...] = ()
    """Patterns of datasets that are left out with all below them; wins over `include`."""
    initial: str = "all"
    """A first full brings `all` snapshots, or only the `newest`."""
    intermediates: bool = True
    """Send the snapshots between the base and the newest as well."""
    limit: str = ""
    """Bytes a second, also by time of day: `rates.py`. Empty is no limit."""
    window: str = ""
    """When scheduled runs may start: `22:00-06:00`. Empty is always."""
    schedule: str = ""
    """When it runs by itself: `schedule.py`. Empty is never."""
    keep_source: str = ""
    """Retention of our snapshots at the source after a proven run: `retention/policy.py`. Empty keeps all."""
    keep_target: str = ""
    """The same at the target."""
    paused: bool = False
    """Nothing starts by itself, and a running transfer holds still."""
    backlog: int = 500
    """With `keep_source`: so many snapshots of a dataset wait for their target at most; more are thinned."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What is taken of a source's tree; patterns as in `Options`."""

    recursive: bool
    include: tuple[str, ...]
    exclude: tuple[str, ...]

    def covers(self, other: Scope) -> bool:
        """Whether it takes all that `other` does, whatever there is; False also where only the tree could tell."""
        if not other.recursive:
            return True
        included = not self.include or (bool(other.include) and set(other.include) <= set(self.include))
        return self.recursive and included and set(self.exclude) <= set(other.exclude)


@dataclass(frozen=True, slots=True)
class Task:
    """Replicate `source` (here, or on `source_peer`) to `target` on `peer` (None: here). One of the ends is here."""

    name: str
    source: str
    peer: str | None
    target: str
    recursive: bool = False
    raw: bool | None = None
    """None until the first full decided it; then never changed."""
    rpo: int = 86400
    """Seconds after which the newest verified snapshot at the target is late."""
    snapshot: bool = True
    """Take a snapshot `dplane-<UTC time>` before each run."""
    created: float = 0.0
    options: Options = Options()
    source_peer: str | None = None
    """The peer that it is pulled from; None: the source is here."""

    @property
    def scope(self) -> Scope:
        """What it takes of its source's tree."""
        return Scope(self.recursive, self.options.include, self.options.exclude)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was read back from the target for one snapshot that arrived."""

    dataset: str
    target: str
    snapshot: str
    """Name behind the `@`."""
    source_guid: str
    target_guid: str
    """The GUID the target listed after the receive."""
    bytes: int
    """Bytes of stream that were sent for it in this run."""
    base: str | None
    """Snapshot or bookmark it was incremental to; None for a full."""
    duration: float
    verified_at: float

    @property
    def proven(self) -> bool:
        """Whether the target really has it."""
        return self.source_guid == self.target_guid


@dataclass(frozen=True, slots=True)
class LogLine:
    """What a run said while it worked: why it tried again, what it could not do besides, what it left behind."""

    at: float
    text: str


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a task."""

    id: str
    task: str
    state: str
    """`queued`, `running`, `succeeded`, `nothing-new`, `failed`, `cancelled`, `died`."""
    started: float
    ended: float | None = None
    bytes: int = 0
    message: str = ""
    """One sentence for a person: what happened."""
    error_code: str = ""
    evidence: tuple[Evidence, ...] = ()
    plan: str = ""
    """The plan as JSON, the very one that ran, of several attempts the last one's; of a verification what it found
    (`content.Verified`)."""
    kind: str = "run"
    """`run`, `restore` or `verify` (which sends nothing); a dry run is a `plan`, a comparison a `compare`."""
    pruned: tuple[Pruned, ...] = ()
    """What retention destroyed after it, or could not."""
    log: tuple[LogLine, ...] = ()
    """What it said while it worked, oldest first; the middle of a long one is left out."""

    @property
    def word(self) -> str:
        """Its state for a list: a failure that no further run mends is `diverged`."""
        return "diverged" if self.state == "failed" and self.error_code == "diverged" else self.state


@dataclass(frozen=True, slots=True)
class TaskStatus:
    """A task with what a person wants to know at a glance."""

    task: Task
    last: Run | None = None
    """Its last run."""
    verified_at: float | None = None
    """When the target was last read back and had the newest snapshot of that run."""
    verified_snapshot: str = ""
    snapshot_created: float | None = None
    """Creation time of the newest proven snapshot at the target: its age is the real RPO."""
    late: bool | None = None
    """None: never proven, or up to a time that has not come yet."""
    next_run: float | None = None
    """When systemd will start it; None: it has no timer, or systemd does not tell."""
    fresh_at: float | None = None
    """What was written at the source up to then is proven at the target; `late` is its age against the RPO."""
    datasets: tuple[str, ...] = ()
    """The datasets of the source of which a copy was read back then: no other is proven."""
    notes: tuple[str, ...] = ()
    """What that run said of datasets that it did not send."""
    restore: Run | None = None
    """The last restore of its copy, when that was begun after the last run; it says nothing about the copy."""
    guids: tuple[str, ...] = ()
    """The GUIDs that `datasets` had then, in the same order; empty for one that the run did not keep."""
    anew: tuple[str, ...] | None = ()
    """Those that were made anew, or brought back, since then, where it was looked for (`anew.py`): of what they hold
    now nothing is proven. None: it was looked for, and ZFS did not tell."""
    unproven: tuple[str, ...] = ()
    """Those that the task takes, looked for with `anew`, of which that run proved nothing: new, or left out then."""
    scope: Scope | None = None
    """What that run took of the source's tree; None: it was not kept."""
    before: Run | None = None
    """The run before `last`, while that is queued or at work."""

    @property
    def ended(self) -> Run | None:
        """The last run that has ended: one that is at work says nothing yet."""
        return self.before if self.last is not None and self.last.state in ("queued", "running") else self.last

    def was_another(self, dataset: str, guid: str) -> bool:
        """Whether what was proven then is of another dataset than the one with that GUID (empty: not known), which had
        its name before it."""
        then = dict(zip(self.datasets, self.guids, strict=False)).get(dataset, "")
        return bool(guid and then) and guid != then


@dataclass(frozen=True, slots=True)
class Restore:
    """What is brought home from a task's target, and to where."""

    to: str
    """The dataset here that is made."""
    below: str = ""
    """Which dataset of the task's tree, relative to its source; empty is the source itself."""
    recursive: bool = False
    snapshot: str = ""
    """The newest snapshot that is wanted, the name behind the `@`; empty is the newest there is."""
    history: bool = True
    """Bring the older snapshots as well."""
    guid: str = ""
    """The GUID of that snapshot of the dataset that is named, where it was seen; another one under that name is not
    what was chosen."""


@dataclass(frozen=True, slots=True)
class Step:
    """One stream: what is sent, from what base, into what."""

    kind: str
    """`full`, `incremental` or `resume`."""
    dataset: str
    target: str
    dataset_kind: str
    """`filesystem` or `volume`."""
    snapshot: str
    """The snapshot that the target will have, the name behind the `@`."""
    guid: str
    """Its GUID; empty while the plan's own snapshot is not taken yet."""
    base: str | None = None
    """`@snapshot` or `#bookmark` of the dataset; None for a full."""
    base_guid: str = ""
    intermediates: bool = False
    """Send the snapshots between base and `snapshot` as well."""
    raw: bool = False
    token: str = ""
    """The resume token, for `resume`."""
    size: int | None = None
    """Estimated bytes of stream; None is unknown."""
    at_least: bool = False
    """It can be more: what was written and deleted again between the snapshots in it is not counted."""
    dataset_guid: str = ""
    """GUID of the dataset itself; empty where the run did not keep it."""


@dataclass(frozen=True, slots=True)
class Abort:
    """An interrupted receive of ours that cannot be resumed and is thrown away first."""

    target: str
    token: str
    why: str


@dataclass(frozen=True, slots=True)
class Conflict:
    """Why a dataset cannot be replicated without losing something; nothing is ever lost by itself."""

    dataset: str
    target: str
    kind: str
    """`no-common`, `target-newer`, `target-exists`, `target-written`, `raw-mismatch`, `key-changed`,
    `key-not-loaded`."""
    text: str
    """What diverged, in a sentence."""
    since: str | None = None
    """The newest snapshot both sides have, when there is one."""


@dataclass(frozen=True, slots=True)
class Match:
    """A dataset whose newest snapshot the target was just read to have."""

    dataset: str
    target: str
    snapshot: str
    guid: str
    dataset_guid: str = ""
    """GUID of the dataset itself; empty where the run did not keep it."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run will do, in order. A dry run shows it, a real run executes it."""

    task: str
    snapshot: str | None = None
    """The snapshot that is taken first (name behind the `@`); None takes none."""
    recursive: bool = False
    include: tuple[str, ...] = ()
    """The patterns by which it chose, as those of the task may be others when it is asked what was proven."""
    exclude: tuple[str, ...] = ()
    own: bool | None = None
    """Whether its task takes snapshots of its own, for the same reason; None where the run did not keep it."""
    aborts: tuple[Abort, ...] = ()
    steps: tuple[Step, ...] = ()
    matches: tuple[Match, ...] = ()
    conflicts: tuple[Conflict, ...] = ()
    notes: tuple[str, ...] = ()
    available: int | None = None
    """Bytes free at the target; None is unknown."""

    @property
    def size(self) -> int | None:
        """Estimated bytes of the streams whose size is known; None when that is true of none of them."""
        known = [step.size for step in self.steps if step.size is not None]
        return sum(known) if known or not self.steps else None

    @property
    def unsized(self) -> int:
        """Streams of which nobody knows the size; `size` leaves them out."""
        return sum(step.size is None for step in self.steps)

    @property
    def at_least(self) -> bool:
        """Whether it can be more than `size`."""
        return any(step.at_least or step.size is None for step in self.steps)


@dataclass(frozen=True, slots=True)
class HostIdentity:
    """What a box answers before anyone logs in. Not proven: a person compares the fingerprint."""

    key: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class PairRequest:
    """What pairing needs. `host_key` is the one the person confirmed; the password is used once and kept nowhere."""

    name: str
    user: str
    address: str
    port: int
    password: str
    host_key: str
    root: str | None = None
    may_read: str | None = None
    may_snapshot: bool = False
    may_prune: bool = False
    """Ask the far box for that."""
    may_rollback: bool = False
    """Ask it to let this one roll back there what it sent there."""

    def __repr__(self) -> str:
        return f"PairRequest({self.name!r}, {self.user!r}, {self.address!r}, {self.port}, password hidden)"


@dataclass(frozen=True, slots=True)
class Copy:
    """One snapshot that the target lists."""

    dataset: str
    """Of the task's tree, relative to its source; empty is the source itself."""
    snapshot: str
    """Name behind the `@`."""
    guid: str
    taken: float | None = None
    """Unix seconds; None is unknown."""
    proven: float | None = None
    """When a run last read there that it is the source's very snapshot. None: it is there, and no run of this task
    proved it (it came by other means, or the record is gone)."""


@dataclass(frozen=True, slots=True)
class Copies:
    """What a target has, each dataset's newest first."""

    task: str
    copies: tuple[Copy, ...] = ()
