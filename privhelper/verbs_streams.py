"""The verbs that send and receive."""

from __future__ import annotations

from . import grammar as g
from . import rules
from .kinds import PERCENT, SEED
from .places import ZFS
from .shape import OPERATE, VIEW, Arg, Option, Value, Verb, When
from .verbargs import CHILD, GUID, PROGRESS, RAW, SNAPSHOT, TOKEN_ARG

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

# Set when a stream makes a dataset, also one that is cut short, as local values that no later stream overrides: no
# programs and devices that are root's, nothing mounted at boot. An increment sets nothing and brings nothing: a stream
# that carries properties is refused by its head (streamhead.py), and each -o or -x costs a transaction group.
_FIRST_RECEIVED = When(
    "first",
    "-o",
    "readonly=on",
    When(
        "kind",
        *("-o", "canmount=noauto", "-o", "setuid=off", "-o", "devices=off", "-o", "exec=off"),
        equals="filesystem",
    ),
    When("kind", "-o", "volmode=none", equals="volume"),  # no partition or LVM scan of a stranger's volume
    Option("-o", "peer", "dplane:peer="),
)

STREAMS = (
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
        "content",
        OPERATE,
        "Reads a snapshot and tells what is in it, as JSON lines: of each file its attributes and, for `percent` of "
        "them, chosen by `seed`, the SHA-256; of a volume that of each MiB. Mounted for itself alone, read-only.",
        (SNAPSHOT, GUID, Arg("percent", PERCENT, optional=True), Arg("seed", SEED, optional=True)),
        ("privhelper", "content", Value("snapshot")),
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
        (ZFS, "receive", "-s", "-u", _FIRST_RECEIVED, "--", Value("dataset")),
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
)
