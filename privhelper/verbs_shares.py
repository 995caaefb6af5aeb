"""The verbs that share file systems over the network, and tell what Samba shares."""

from __future__ import annotations

from . import grammar as g
from .places import NET, ZFS
from .shape import ADMIN, VIEW, Arg, Value, Verb, When
from .shares import CLIENTS, NfsValue
from .verbargs import DATASET, GUID

SHARES = (
    Verb(
        "share-nfs",
        ADMIN,
        "Shares a file system, and those below that inherit it, over NFS with those clients; with none, no more.",
        (DATASET, GUID, Arg("to", CLIENTS)),
        (ZFS, "set", NfsValue("to"), Value("dataset")),
        guard="dataset",
        before=("share",),
        after="share",
    ),
    Verb(
        "share-smb",
        ADMIN,
        "Shares a file system, and those below that inherit it, over SMB with accounts of Samba, or no more.",
        (DATASET, GUID, Arg("on", g.FLAG)),
        (ZFS, "set", When("on", "sharesmb=on", otherwise=("sharesmb=off",)), Value("dataset")),
        guard="dataset",
        before=("share",),
        after="share",
    ),
    Verb(
        "smb-shares",
        VIEW,
        "Tells what Samba shares by its own table of user shares.",
        (),
        (NET, "usershare", "info", "-l"),
        acts=False,
    ),
)
