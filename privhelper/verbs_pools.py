"""The verbs for pools and disks."""

from __future__ import annotations

from . import grammar as g
from . import rules
from .kinds import FOLDER, SELF_TEST, VDEVS
from .places import DISKS, SMARTCTL, ZPOOL
from .shape import ADMIN, OPERATE, VIEW, Arg, Disks, Option, Pairs, Value, Verb, When
from .verbargs import GUID, POOL, PROPERTY_SET


def _of_pool(name: str) -> bool:
    """Whether that property is one of the pool, not of its root file system."""
    from .properties import PROPERTIES as LISTED

    return name in LISTED and "pool" in LISTED[name].applies


def _of_dataset(name: str) -> bool:
    return not _of_pool(name)


LOOK_IN = Arg("folder", FOLDER, optional=True)
NEW_NAME = Arg("name", g.NEW_POOL, optional=True)

POOLS = (
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
        "Lists the pools that could be imported, or the destroyed ones, as zpool's text.",
        (Arg("destroyed", g.FLAG, optional=True), LOOK_IN),
        (ZPOOL, "import", When("destroyed", "-D"), Option("-d", "folder", "/dev/disk/"), "--"),
        acts=False,
        limit=120,
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
        "trim-start",
        OPERATE,
        "Tells the pool's disks which of their blocks are free.",
        (POOL, GUID),
        (ZPOOL, "trim", "--", Value("pool")),
        guard="pool",
    ),
    Verb(
        "smart-test",
        OPERATE,
        "Starts a self-test of a disk, which goes on in the disk itself. `smart-read` tells how it ended.",
        (Arg("disk", g.DISK_ID), Arg("kind", SELF_TEST)),
        (SMARTCTL, "-t", Value("kind"), Value("disk", f"{DISKS}/")),
        before=("disk",),
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
        "Imports a pool, then mounts what the rules allow. Returns its `pool` and what was `not_mounted`: what "
        "the rules refuse gets canmount=noauto. What it would share is switched off, and told as `unshared`; not with "
        "`known`, for a pool that was this box's until now.",
        (
            *(GUID, NEW_NAME, Arg("readonly", g.FLAG, optional=True), Arg("destroyed", g.FLAG, optional=True)),
            *(LOOK_IN, Arg("known", g.FLAG, optional=True)),
        ),
        (
            *(ZPOOL, "import", "-N", "-o", "cachefile=none", When("destroyed", "-D", "-f")),
            *(Option("-d", "folder", "/dev/disk/"), When("readonly", "-o", "readonly=on")),
            *("--", Value("guid"), Value("name")),
        ),
        after="import",
        limit=300,
    ),
    Verb(
        "pool-rewind-preview",
        ADMIN,
        "Tells how much a pool would lose to be imported without its last moments, in zpool's words. One that needs "
        "none of that may be imported by the look: read-only, nothing mounted, and exported again at once.",
        (GUID, LOOK_IN),
        (
            *(ZPOOL, "import", "-N", "-o", "readonly=on", "-F", "-n", Option("-d", "folder", "/dev/disk/")),
            *("--", Value("guid")),
        ),
        limit=600,
    ),
    Verb(
        "pool-rewind",
        ADMIN,
        "Imports a pool that cannot be imported as it is, without its last moments.",
        (GUID, NEW_NAME, LOOK_IN),
        (
            *(ZPOOL, "import", "-N", "-o", "cachefile=none", "-F", Option("-d", "folder", "/dev/disk/")),
            *("--", Value("guid"), Value("name")),
        ),
        after="import",
        destroys=True,
        limit=600,
    ),
    Verb(
        "pool-rewind-checkpoint",
        ADMIN,
        "Imports a pool as it was at its checkpoint: everything since is lost.",
        (GUID, NEW_NAME, LOOK_IN),
        (
            *(ZPOOL, "import", "-N", "-o", "cachefile=none", "--rewind-to-checkpoint"),
            Option("-d", "folder", "/dev/disk/"),
            *("--", Value("guid"), Value("name")),
        ),
        after="import",
        destroys=True,
        limit=600,
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
)
