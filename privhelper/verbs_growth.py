"""The verbs by which a pool grows, shrinks and changes as a whole."""

from __future__ import annotations

from . import grammar as g
from .kinds import ADDED, POOL_SETTING
from .places import ZPOOL
from .shape import ADMIN, OPERATE, Arg, Disks, Value, Verb, When
from .verbargs import DRY_RUN, GUID, POOL
from .verbs_vdevs import FORCE, VDEV_GUID

ONE_VDEV = Arg("vdev", g.GUID, optional=True, example=VDEV_GUID.example)

GROWTH = (
    Verb(
        "pool-add",
        ADMIN,
        "Adds groups of disks to a pool. zpool refuses disks in use, and redundancy unlike the pool's, unless force; "
        "`mismatch` (ZFS 2.3) allows the latter alone. "
        "Returns the GUIDs of the new disks as `added`; the dry run, zpool's own drawing.",
        (POOL, GUID, Arg("vdevs", ADDED), FORCE, Arg("mismatch", g.FLAG, optional=True), DRY_RUN),
        (
            *(ZPOOL, "add", When("dry_run", "-n"), When("force", "-f")),
            *(When("mismatch", "--allow-replication-mismatch"), "--", Value("pool"), Disks("vdevs")),
        ),
        guard="pool",
        before=("disks",),
        after="vdevs-added",
        limit=300,
    ),
    Verb(
        "vdev-remove",
        ADMIN,
        "Takes a group, or a log, cache or spare disk, out of a pool; data on it is copied to the others first. zpool "
        "refuses where there is a raidz. Returns `removed` or, when zpool tells of that, `removing` as `outcome`.",
        (POOL, GUID, VDEV_GUID, DRY_RUN),
        (ZPOOL, "remove", When("dry_run", "-n"), "--", Value("pool"), Value("vdev")),
        guard="pool",
        before=("vdev",),
        after="vdev-removed",
        limit=300,
    ),
    Verb(
        "pool-split",
        ADMIN,
        "Makes a pool of its own, called `to`, from one disk of each mirror; it is not imported. Returns its GUID as "
        "`split`.",
        (POOL, GUID, Arg("to", g.NEW_POOL, example="tank2"), DRY_RUN),
        (ZPOOL, "split", When("dry_run", "-n"), "--", Value("pool"), Value("to")),
        guard="pool",
        after="pool-split",
        limit=300,
    ),
    Verb(
        "pool-set",
        OPERATE,
        "Switches one habit of a pool on or off. autoreplace=on needs the role admin: ZFS then overwrites a new disk "
        "in the place of a lost one by itself. Returns it as `setting` as it then is.",
        (POOL, GUID, Arg("setting", POOL_SETTING)),
        (ZPOOL, "set", Value("setting"), Value("pool")),
        guard="pool",
        after="pool-setting",
    ),
    Verb(
        "pool-upgrade",
        ADMIN,
        "Switches all features on that this ZFS has: older ones cannot import the pool then. Cannot be undone.",
        (POOL, GUID),
        (ZPOOL, "upgrade", "--", Value("pool")),
        guard="pool",
        after="pool-upgraded",
    ),
    Verb(
        "pool-checkpoint",
        ADMIN,
        "Keeps the pool as it is at this moment, to which an import can take it back. Returns its `checkpoint` bytes.",
        (POOL, GUID),
        (ZPOOL, "checkpoint", "--", Value("pool")),
        guard="pool",
        after="checkpoint",
        limit=300,
    ),
    Verb(
        "pool-checkpoint-discard",
        ADMIN,
        "Gives the checkpoint up. Returns the bytes still to give back as `checkpoint`.",
        (POOL, GUID),
        (ZPOOL, "checkpoint", "-d", "--", Value("pool")),
        guard="pool",
        after="checkpoint-discarded",
        destroys=True,
        limit=300,
    ),
    Verb(
        "trim-stop",
        OPERATE,
        "Ends a trim.",
        (POOL, GUID),
        (ZPOOL, "trim", "-c", "--", Value("pool")),
        guard="pool",
    ),
    Verb(
        "initialize-start",
        ADMIN,
        "Writes to all space of the pool that nothing was ever written to, so that its disks show what they can bear.",
        (POOL, GUID, ONE_VDEV),
        (ZPOOL, "initialize", "--", Value("pool"), Value("vdev")),
        guard="pool",
    ),
    Verb(
        "initialize-stop",
        ADMIN,
        "Ends that.",
        (POOL, GUID, ONE_VDEV),
        (ZPOOL, "initialize", "-c", "--", Value("pool"), Value("vdev")),
        guard="pool",
    ),
)
