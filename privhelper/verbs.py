"""The one table of everything the helper can do.

A verb's `argv` is made of parts: a plain text is itself; Value, Option, When, Pairs and so on take checked arguments.
Nothing else can reach a program. A verb whose argv starts with "privhelper" starts none: the helper does it itself.
"""

from __future__ import annotations

from . import grammar as g
from . import rules
from .kinds import DATASETS, OWN_SNAPSHOTS, PROPERTIES, PROPERTY, TIMER, TOKEN, VALUE, VDEVS, WHEN
from .places import CURRENT, DISKS, SMARTCTL, SYSTEMCTL, ZFS, ZPOOL
from .shape import (
    ADMIN,
    OPERATE,
    VIEW,
    Arg,
    DatasetOf,
    Disks,
    Option,
    Pairs,
    SameName,
    Setting,
    Several,
    Value,
    Verb,
    When,
)

OURS = "privhelper"  # the first word of an argv that no program gets


def _of_pool(name: str) -> bool:
    """Whether that property is one of the pool, not of its root file system."""
    from .properties import PROPERTIES as LISTED

    return name in LISTED and "pool" in LISTED[name].applies


def _of_dataset(name: str) -> bool:
    return not _of_pool(name)


GUID = Arg("guid", g.GUID)
POOL = Arg("pool", g.POOL)
DATASET = Arg("dataset", g.DATASET)
CHILD = Arg("dataset", g.CHILD)
SNAPSHOT = Arg("snapshot", g.SNAPSHOT)
PLAN = Arg("plan", g.PLAN, optional=True)
DRY_RUN = Arg("dry_run", g.FLAG, optional=True)
PARENTS = Arg("parents", g.FLAG, optional=True)
PROPERTY_SET = Arg("properties", PROPERTIES, optional=True)
RAW = Arg("raw", g.FLAG, optional=True)
PROGRESS = Arg("progress", g.FLAG, optional=True)
PEER = Arg("peer", g.PEER)
TOKEN_ARG = Arg("token", TOKEN)

_SENT = (
    SNAPSHOT,
    Arg("from", g.ORIGIN, optional=True),
    Arg("intermediates", g.FLAG, optional=True),
    RAW,
    Arg("compressed", g.FLAG, optional=True),
    Arg("large_blocks", g.FLAG, optional=True),
    Arg("embedded", g.FLAG, optional=True),
)
_SEND_OPTIONS = (
    When("raw", "-w"),
    When("compressed", "-c"),
    When("large_blocks", "-L"),
    When("embedded", "-e"),
    When("intermediates", Option("-I", "from"), otherwise=(Option("-i", "from"),)),
)
_SHOW_PROGRESS = When("progress", "-v", "-P")
_RESUMED = (SNAPSHOT, GUID, TOKEN_ARG, RAW)

# What a received dataset must not bring with it: where it is mounted and shared, and programs and devices that are
# root's. Any increment can carry these, so they are kept out each time.
_NEVER_RECEIVED = When(
    "kind",
    *("-x", "mountpoint", "-x", "sharenfs", "-x", "sharesmb"),
    *("-o", "setuid=off", "-o", "devices=off", "-o", "exec=off"),
    equals="filesystem",
)
# Set on the first receive only, as local values, so that no later stream overrides them.
_FIRST_RECEIVED = When(
    "first",
    "-o",
    "readonly=on",
    When("kind", "-o", "canmount=noauto", equals="filesystem"),
    When("kind", "-o", "volmode=none", equals="volume"),  # no partition or LVM scan of a stranger's volume
    Option("-o", "peer", "dplane:peer="),
)

VERBS = (
    Verb("noop", VIEW, "Does nothing and answers.", (), (OURS, "noop"), acts=False),
    Verb(
        "smart-read",
        VIEW,
        "Reads a disk's SMART data, as smartctl's JSON. Its exit bits describe the disk and come as `status`.",
        (Arg("disk", g.DISK_ID),),
        (SMARTCTL, "-j", "-a", Value("disk", f"{DISKS}/")),
        before=("disk",),
        acts=False,
    ),
    Verb(
        "pool-scan",
        VIEW,
        "Lists the pools that could be imported, as zpool's text.",
        (),
        (ZPOOL, "import"),
        acts=False,
        limit=120,
    ),
    Verb(
        "send-estimate",
        VIEW,
        "How large a send would be, as zfs's parsable text.",
        _SENT,
        (ZFS, "send", "-n", "-v", "-P", *_SEND_OPTIONS, "--", Value("snapshot")),
        rules=(rules.origin_fits,),
        acts=False,
    ),
    Verb(
        "send-resume-estimate",
        VIEW,
        "How much is left of an interrupted send. The token must be for that snapshot.",
        _RESUMED,
        (ZFS, "send", "-n", "-v", "-P", "-t", Value("token")),
        rules=(rules.token_fits,),
        guard="snapshot",
        acts=False,
    ),
    Verb(
        "pool-sync",
        OPERATE,
        "Brings what was written to the pool onto its disks now, so that ZFS's numbers are true.",
        (POOL,),
        (ZPOOL, "sync", "--", Value("pool")),
        acts=False,
        limit=120,
    ),
    Verb(
        "scrub-start",
        OPERATE,
        "Starts a scrub, or goes on with a paused one.",
        (POOL, GUID),
        (ZPOOL, "scrub", "--", Value("pool")),
        guard="pool",
    ),
    Verb(
        "scrub-pause",
        OPERATE,
        "Pauses a scrub.",
        (POOL, GUID),
        (ZPOOL, "scrub", "-p", "--", Value("pool")),
        guard="pool",
    ),
    Verb(
        "scrub-stop", OPERATE, "Stops a scrub.", (POOL, GUID), (ZPOOL, "scrub", "-s", "--", Value("pool")), guard="pool"
    ),
    Verb(
        "pool-clear",
        OPERATE,
        "Clears the error counts of a pool or of one of its vdevs.",
        (POOL, GUID, Arg("vdev", g.VDEV, optional=True)),
        (ZPOOL, "clear", "--", Value("pool"), Value("vdev")),
        guard="pool",
    ),
    Verb(
        "dataset-create",
        OPERATE,
        "Creates a file system. Returns its `guid`.",
        (CHILD, PARENTS, Arg("mount", g.FLAG, optional=True), PROPERTY_SET),
        (
            ZFS,
            "create",
            When("parents", "-p"),
            When("mount", "-u", equals=False),
            Pairs("-o", "properties"),
            "--",
            Value("dataset"),
        ),
        rules=(rules.filesystem_properties,),
        before=("mount",),
        after="dataset",
    ),
    Verb(
        "volume-create",
        OPERATE,
        "Creates a volume. Returns its `guid`.",
        (CHILD, Arg("size", g.SIZE), Arg("sparse", g.FLAG, optional=True), PARENTS, PROPERTY_SET),
        (
            ZFS,
            "create",
            When("parents", "-p"),
            When("sparse", "-s"),
            Option("-V", "size"),
            Pairs("-o", "properties"),
            "--",
            Value("dataset"),
        ),
        rules=(rules.volume_properties,),
        after="dataset",
    ),
    Verb(
        "dataset-set",
        OPERATE,
        "Sets one property. Returns the `value` read back. Some values need the role admin; a volume never shrinks.",
        (DATASET, GUID, Arg("property", PROPERTY), Arg("value", VALUE)),
        (ZFS, "set", Setting("property", "value"), Value("dataset")),
        rules=(rules.listed_value,),
        guard="dataset",
        before=("mount", "size"),
        after="property",
    ),
    Verb(
        "dataset-mount",
        OPERATE,
        "Mounts a file system where its own mountpoint says, if that is a place the door mounts at.",
        (DATASET, GUID),
        (ZFS, "mount", "--", Value("dataset")),
        guard="dataset",
        before=("mount",),
        after="mounted",
    ),
    Verb(
        "snapshot-create",
        OPERATE,
        "Takes a snapshot, in the same transaction of those in `also` or (recursive) of all below. Returns its `guid`.",
        (SNAPSHOT, Arg("recursive", g.FLAG, optional=True), Arg("also", DATASETS, optional=True)),
        (
            *(ZFS, "snapshot", When("recursive", "-r"), "--", Value("snapshot")),
            When("recursive", otherwise=(SameName("also", "snapshot"),)),
        ),
        rules=(rules.below_snapshot,),
        after="snapshot",
    ),
    Verb(
        "bookmark-create",
        OPERATE,
        "Makes a bookmark of a snapshot. Returns its `guid`.",
        (SNAPSHOT, GUID, Arg("bookmark", g.BOOKMARK)),
        (ZFS, "bookmark", "--", Value("snapshot"), Value("bookmark")),
        rules=(rules.bookmark_of_snapshot,),
        guard="snapshot",
        after="bookmark",
    ),
    Verb(
        "bookmark-destroy",
        OPERATE,
        "Destroys a bookmark of ours.",
        (Arg("bookmark", g.OWN_BOOKMARK), GUID),
        (ZFS, "destroy", "--", Value("bookmark")),
        guard="bookmark",
        destroys=True,
    ),
    Verb(
        "hold-add",
        OPERATE,
        "Holds a snapshot, so that it cannot be destroyed.",
        (SNAPSHOT, GUID, Arg("tag", g.TAG)),
        (ZFS, "hold", "--", Value("tag"), Value("snapshot")),
        guard="snapshot",
    ),
    Verb(
        "hold-release",
        OPERATE,
        "Releases a hold of ours.",
        (SNAPSHOT, GUID, Arg("tag", g.TAG)),
        (ZFS, "release", "--", Value("tag"), Value("snapshot")),
        guard="snapshot",
    ),
    Verb(
        "send",
        OPERATE,
        "Sends a snapshot to standard output. `progress` makes zfs report on standard error.",
        (*_SENT[:1], GUID, *_SENT[1:], PROGRESS),
        (ZFS, "send", _SHOW_PROGRESS, *_SEND_OPTIONS, "--", Value("snapshot")),
        rules=(rules.origin_fits,),
        guard="snapshot",
        acts=False,
        stream="out",
        limit=0,
    ),
    Verb(
        "send-resume",
        OPERATE,
        "Goes on with an interrupted send. The token must be for that snapshot, and of a raw send if `raw`.",
        (*_RESUMED, PROGRESS),
        (ZFS, "send", _SHOW_PROGRESS, "-t", Value("token")),
        rules=(rules.token_fits,),
        guard="snapshot",
        acts=False,
        stream="out",
        limit=0,
    ),
    Verb(
        "receive",
        OPERATE,
        "Receives the stream behind the request; never with -F. A new dataset needs `first`, which makes it harmless.",
        (CHILD, Arg("kind", g.DATASET_KIND), Arg("first", g.FLAG, optional=True), Arg("peer", g.PEER, optional=True)),
        (ZFS, "receive", "-s", "-u", _NEVER_RECEIVED, _FIRST_RECEIVED, "--", Value("dataset")),
        before=("received",),
        stream="in",
        limit=0,
    ),
    Verb(
        "receive-abort",
        OPERATE,
        "Throws away what an interrupted receive has saved. The token must be the one that is there.",
        (CHILD, TOKEN_ARG, Arg("guid", g.GUID, optional=True)),
        (ZFS, "receive", "-A", "--", Value("dataset")),
        guard="dataset",
        before=("token",),
        destroys=True,
    ),
    Verb(
        "job-start",
        OPERATE,
        "Starts a job's unit.",
        (Arg("job", g.JOB),),
        (SYSTEMCTL, "start", "--no-block", "--", Value("job", "dplane-job@", ".service")),
    ),
    Verb(
        "job-stop",
        OPERATE,
        "Stops a job's unit.",
        (Arg("job", g.JOB),),
        (SYSTEMCTL, "stop", "--", Value("job", "dplane-job@", ".service")),
        limit=120,
    ),
    Verb(
        "timer-set",
        OPERATE,
        "Makes systemd start scheduled work at those times; what the box slept through is caught up.",
        (Arg("timer", TIMER), Arg("when", WHEN)),
        (OURS, "timer-set", Value("timer")),
    ),
    Verb(
        "timer-remove",
        OPERATE,
        "Removes such a timer.",
        (Arg("timer", TIMER),),
        (OURS, "timer-remove", Value("timer")),
    ),
    Verb(
        "pair",
        ADMIN,
        "Becomes the user dplane and runs the pairing dialogue, which follows the request.",
        (PEER,),
        (f"{CURRENT}/bin/dplane", "peer-worker"),
        stream="both",
        limit=0,
    ),
    Verb(
        "peer-accept",
        ADMIN,
        "Lets a peer's key in: for the replication agent only, and below `root` only.",
        (PEER, Arg("key", g.KEY), Arg("root", g.PLAIN_DATASET, optional=True)),
        (OURS, "peer-accept", Value("peer"), Value("key"), Value("root")),
    ),
    Verb("peer-revoke", ADMIN, "Removes a peer's key.", (PEER,), (OURS, "peer-revoke", Value("peer"))),
    Verb(
        "pool-create",
        ADMIN,
        "Creates a pool. Returns its `guid`. zpool refuses disks in use unless force: that overwrites them.",
        (Arg("pool", g.NEW_POOL), Arg("vdevs", VDEVS), PROPERTY_SET, Arg("force", g.FLAG, optional=True)),
        (
            ZPOOL,
            "create",
            When("force", "-f"),
            Pairs("-o", "properties", _of_pool),
            Pairs("-O", "properties", _of_dataset),
            "--",
            Value("pool"),
            Disks("vdevs"),
        ),
        rules=(rules.pool_properties, rules.one_redundancy),
        before=("disks", "mount"),
        after="pool",
        limit=300,
    ),
    Verb(
        "pool-import",
        ADMIN,
        "Imports a pool, then mounts what the rules allow. Returns its `pool` and what was `not_mounted`.",
        (GUID, Arg("name", g.NEW_POOL, optional=True), Arg("readonly", g.FLAG, optional=True)),
        (ZPOOL, "import", "-N", When("readonly", "-o", "readonly=on"), "--", Value("guid"), Value("name")),
        after="import",
        limit=300,
    ),
    Verb(
        "pool-export",
        ADMIN,
        "Exports a pool.",
        (POOL, GUID),
        (ZPOOL, "export", "--", Value("pool")),
        guard="pool",
        limit=300,
    ),
    Verb(
        "pool-destroy",
        ADMIN,
        "Destroys a pool and everything in it.",
        (POOL, GUID),
        (ZPOOL, "destroy", "--", Value("pool")),
        guard="pool",
        destroys=True,
        limit=300,
    ),
    Verb(
        "dataset-destroy",
        ADMIN,
        "Destroys a dataset. `recursive` also destroys everything below it, and needs the `plan` of the dry run.",
        (CHILD, GUID, Arg("recursive", g.FLAG, optional=True), PLAN, DRY_RUN),
        (ZFS, "destroy", When("dry_run", "-n", "-v", "-p"), When("recursive", "-r"), "--", Value("dataset")),
        guard="dataset",
        before=("destroy-plan",),
        destroys=True,
        limit=600,
    ),
    Verb(
        "snapshot-destroy",
        ADMIN,
        "Destroys a snapshot.",
        (SNAPSHOT, GUID, DRY_RUN),
        (ZFS, "destroy", When("dry_run", "-n", "-v", "-p"), "--", Value("snapshot")),
        guard="snapshot",
        destroys=True,
        limit=300,
    ),
    Verb(
        "snapshot-prune",
        OPERATE,
        "Destroys snapshots of ours in one dataset, all or none; never its newest snapshot.",
        (DATASET, Arg("snapshots", OWN_SNAPSHOTS)),
        (ZFS, "destroy", "--", Several("dataset", "snapshots")),
        before=("prune",),
        after="pruned",
        destroys=True,
        limit=600,
    ),
    Verb(
        "snapshot-rollback",
        ADMIN,
        "Takes a dataset back to a snapshot. `destroy_newer` destroys the later ones, by the dry run's `plan`.",
        (SNAPSHOT, GUID, Arg("destroy_newer", g.FLAG, optional=True), PLAN, DRY_RUN),
        (
            ZFS,
            When(
                "dry_run",
                *("list", "-H", "-p", "-d", "1", "-t", "snapshot,bookmark", "-o", "name,guid,createtxg", "--"),
                DatasetOf("snapshot"),
                otherwise=("rollback", When("destroy_newer", "-r"), "--", Value("snapshot")),
            ),
        ),
        guard="snapshot",
        before=("rollback-plan",),
        destroys=True,
        limit=300,
    ),
)

BY_NAME = {verb.name: verb for verb in VERBS}
