"""The one table of everything the helper can do; the files verbs_* are its other pages.

A verb's `argv` is made of parts: a plain text is itself; Value, Option, When, Pairs and so on take checked arguments.
Nothing else can reach a program. A verb whose argv starts with "privhelper" starts none: the helper does it itself.
"""

from __future__ import annotations

from . import grammar as g
from . import rules
from .kinds import BODY, REPEATED, TIMER, WHEN
from .places import CURRENT, SYSTEMCTL
from .shape import ADMIN, OPERATE, VIEW, Arg, Value, Verb, When
from .verbargs import CHILD, GUID, PEER
from .verbs_accounts import ACCOUNTS
from .verbs_datasets import DATASETS_AND_SNAPSHOTS
from .verbs_files import FILES
from .verbs_growth import GROWTH
from .verbs_notify import NOTIFY
from .verbs_pools import POOLS
from .verbs_shares import SHARES
from .verbs_streams import STREAMS
from .verbs_terminals import TERMINALS
from .verbs_trees import TREES
from .verbs_vdevs import DEVICES

OURS = "privhelper"  # the first word of an argv that no program gets
OTHER_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB8eHRwbGhkYFxYVFBMSERAPDg0MCwoJCAcGBQQDAgEA"

SYSTEM = (
    Verb("noop", VIEW, "Does nothing and answers.", (), (OURS, "noop"), acts=False),
    Verb(
        "several",
        VIEW,
        "Does many requests of one verb: lines of `bytes` bytes in all; for receive, the streams come behind them. "
        "All are judged first; each needs its own role and is checked, written down and done as if alone.",
        (Arg("of", REPEATED), Arg("bytes", BODY)),
        (OURS, "several", Value("of"), Value("bytes")),
        acts=False,
        stream="both",
        limit=0,
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
        "Lets a peer's key in: for the replication agent only, and below `root` only. With `may_read` it may read what "
        "is there and below (and receive nothing, unless there is a `root`), with `may_snapshot` take snapshots of "
        "it; with `may_prune` destroy old snapshots that its own tasks took, and of its copies what `dplane:may-prune` "
        "there lets go; with `may_rollback` roll its copies back.",
        (
            PEER,
            Arg("key", g.KEY),
            Arg("root", g.PLAIN_DATASET, optional=True),
            Arg("may_read", g.PLAIN_DATASET, optional=True),
            Arg("may_snapshot", g.FLAG, optional=True),
            Arg("may_prune", g.FLAG, optional=True),
            Arg("may_rollback", g.FLAG, optional=True),
        ),
        (
            *(OURS, "peer-accept", Value("peer"), Value("key"), Value("root"), Value("may_read")),
            *(When("may_snapshot", "--may-snapshot"), When("may_prune", "--may-prune")),
            When("may_rollback", "--may-rollback"),
        ),
        rules=(rules.snapshot_needs_read,),
    ),
    Verb(
        "peer-renew",
        OPERATE,
        "Lets a peer in with a second key, `key`, which gets the rights of the one it has, `current`.",
        (PEER, Arg("key", g.KEY), Arg("current", g.KEY, example=OTHER_KEY)),
        (OURS, "peer-renew", Value("peer"), Value("key"), Value("current")),
    ),
    Verb(
        "peer-retire",
        OPERATE,
        "Removes all keys of a peer but `key`, which must be one of them.",
        (PEER, Arg("key", g.KEY)),
        (OURS, "peer-retire", Value("peer"), Value("key")),
    ),
    Verb("peer-revoke", ADMIN, "Removes a peer's keys.", (PEER,), (OURS, "peer-revoke", Value("peer"))),
    Verb(
        "peer-adopt",
        ADMIN,
        "Lets a peer go on with a copy that another tool, or the peer `former`, made here: marks it and what is below, "
        "makes it read-only.",
        (PEER, CHILD, GUID, Arg("former", g.PEER, optional=True)),
        (OURS, "peer-adopt", Value("peer"), Value("dataset")),
        guard="dataset",
        before=("adopt",),
    ),
)

VERBS = (
    *(*SYSTEM, *TERMINALS, *POOLS, *DEVICES, *GROWTH, *DATASETS_AND_SNAPSHOTS),
    *(*ACCOUNTS, *SHARES, *TREES, *STREAMS, *FILES, *NOTIFY),
)
BY_NAME = {verb.name: verb for verb in VERBS}
