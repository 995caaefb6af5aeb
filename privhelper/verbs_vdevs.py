"""The verbs for the devices that a pool is made of. Each names its device by GUID, which is looked up right before."""

from __future__ import annotations

from . import grammar as g
from .kinds import DRAID_SPARE
from .places import DISKS, ZPOOL
from .shape import ADMIN, OPERATE, Arg, Value, Verb, When
from .verbargs import GUID, POOL

VDEV_GUID = Arg("vdev", g.GUID, example="9876543210987654321")
NEW = Arg("new", g.DISK_ID)
FORCE = Arg("force", g.FLAG, optional=True)


DEVICES = (
    Verb(
        "disk-locate",
        OPERATE,
        "Switches the light of a disk's place in its enclosure, where the kernel knows one. Returns `slot` and `on`.",
        (Arg("disk", g.DISK_ID), Arg("on", g.FLAG)),
        ("privhelper", "disk-locate", Value("disk"), When("on", "--on")),
        before=("disk",),
    ),
    Verb(
        "pool-errors",
        OPERATE,
        "Tells which files of a pool have permanent errors, as zpool's text.",
        (POOL, GUID),
        (ZPOOL, "status", "-v", "--", Value("pool")),
        guard="pool",
        acts=False,
    ),
    Verb(
        "vdev-online",
        OPERATE,
        "Brings a disk back into use. With `expand` it uses all of its size. Returns its `state` then.",
        (POOL, GUID, VDEV_GUID, Arg("expand", g.FLAG, optional=True)),
        (ZPOOL, "online", When("expand", "-e"), "--", Value("pool"), Value("vdev")),
        guard="pool",
        before=("vdev",),
        after="vdev-there",
    ),
    Verb(
        "vdev-offline",
        OPERATE,
        "Takes a disk out of use until it is brought back; zpool refuses when data would be out of reach. "
        "Returns its `state` then.",
        (POOL, GUID, VDEV_GUID),
        (ZPOOL, "offline", "--", Value("pool"), Value("vdev")),
        guard="pool",
        before=("vdev",),
        after="vdev-there",
    ),
    Verb(
        "vdev-replace",
        ADMIN,
        "Puts a disk, which may be a spare of the pool, in the place of another. Returns its `state` and GUID. "
        "zpool refuses a disk in use unless force: that overwrites it.",
        (POOL, GUID, VDEV_GUID, NEW, FORCE),
        (ZPOOL, "replace", When("force", "-f"), "--", Value("pool"), Value("vdev"), Value("new", f"{DISKS}/")),
        guard="pool",
        before=("new-disk", "vdev"),
        after="vdev-new",
        limit=300,
    ),
    Verb(
        "vdev-spare",
        ADMIN,
        "Puts a distributed spare of a draid in the place of a disk. Returns its `state` and GUID.",
        (POOL, GUID, VDEV_GUID, Arg("spare", DRAID_SPARE)),
        (ZPOOL, "replace", "--", Value("pool"), Value("vdev"), Value("spare")),
        guard="pool",
        before=("vdev",),
        after="vdev-new",
        limit=300,
    ),
    Verb(
        "vdev-attach",
        ADMIN,
        "Puts a disk beside another as its mirror, or into a raidz that grows by it. Returns its `state` and GUID. "
        "zpool refuses a disk in use unless force: that overwrites it.",
        (POOL, GUID, VDEV_GUID, NEW, FORCE),
        (ZPOOL, "attach", When("force", "-f"), "--", Value("pool"), Value("vdev"), Value("new", f"{DISKS}/")),
        guard="pool",
        before=("new-disk", "vdev"),
        after="vdev-new",
        limit=300,
    ),
    Verb(
        "vdev-detach",
        ADMIN,
        "Takes a disk out of its mirror, or out of a replacement that goes on.",
        (POOL, GUID, VDEV_GUID),
        (ZPOOL, "detach", "--", Value("pool"), Value("vdev")),
        guard="pool",
        before=("vdev",),
        after="vdev-gone",
    ),
)
