"""The verbs that change what a dataset is called, who owns its snapshots, its keys, and where it is mounted."""

from __future__ import annotations

from . import grammar as g
from . import rules
from .kinds import CHOSEN, PROPERTY
from .places import ZFS
from .shape import ADMIN, OPERATE, Arg, DatasetOf, Pairs, Several, Unless, Value, Verb, When
from .verbargs import CHILD, DATASET, DRY_RUN, GUID, PROPERTY_SET, SNAPSHOT

_TO_CHILD = Arg("to", g.CHILD, example="tank/other")
_PROMPT = ("-o", "keyformat=passphrase", "-o", "keylocation=prompt")
# What was received may hold programs and devices that are root's; a clone of it is as harmless as it is.
_HARMLESS = (Unless("-o", "setuid=off", "properties"), Unless("-o", "devices=off", "properties"))

TREES = (
    Verb(
        "dataset-rename",
        ADMIN,
        "Renames a dataset, with all below it, inside of its pool. Returns the new name.",
        (CHILD, GUID, _TO_CHILD),
        (ZFS, "rename", "--", Value("dataset"), Value("to")),
        rules=(rules.same_pool,),
        guard="dataset",
        before=("rename",),
        after="aside",
    ),
    Verb(
        "dataset-promote",
        ADMIN,
        "Makes a clone the owner of the snapshots it hangs on; what it was cloned from becomes its clone.",
        (CHILD, GUID),
        (ZFS, "promote", Value("dataset")),  # it knows no --
        guard="dataset",
        after="promoted",
    ),
    Verb(
        "dataset-unmount",
        OPERATE,
        "Unmounts a file system; refused by ZFS while something in it is open.",
        (DATASET, GUID),
        (ZFS, "unmount", "--", Value("dataset")),
        guard="dataset",
        after="unmounted",
    ),
    Verb(
        "dataset-inherit",
        OPERATE,
        "Takes a property back to what is above, or to its default. setuid, devices and our marks need the role admin.",
        (DATASET, GUID, Arg("property", PROPERTY)),
        (ZFS, "inherit", "--", Value("property"), Value("dataset")),
        rules=(rules.inheritable,),
        guard="dataset",
        before=("inherit",),
        after="inherited",
    ),
    Verb(
        "key-load",
        OPERATE,
        "Loads the key of an encryption root: the line behind the request, or (from_file) from its own keylocation.",
        (DATASET, GUID, Arg("from_file", g.FLAG, optional=True)),
        (ZFS, "load-key", When("from_file", otherwise=("-L", "prompt")), "--", Value("dataset")),
        secret=rules.key_is_given,
        guard="dataset",
        after="key-loaded",
    ),
    Verb(
        "key-check",
        OPERATE,
        "Says whether a passphrase, the line behind the request, is the one of an encryption root. Changes nothing.",
        (DATASET, GUID),
        (ZFS, "load-key", "-n", "-L", "prompt", "--", Value("dataset")),
        secret=rules.always,
        guard="dataset",
    ),
    Verb(
        "key-unload",
        OPERATE,
        "Forgets the key of an encryption root; nothing of it may be mounted.",
        (DATASET, GUID),
        (ZFS, "unload-key", "--", Value("dataset")),
        guard="dataset",
        after="key-unloaded",
    ),
    Verb(
        "key-change",
        ADMIN,
        "Gives an encryption root whose key is loaded another passphrase: the line behind the request. Refused for a "
        "copy (marked as a peer's, or set as a first receive sets it): its key is that of its original.",
        (DATASET, GUID),
        (ZFS, "change-key", *_PROMPT, "--", Value("dataset")),
        secret=rules.always,
        guard="dataset",
        before=("own-key",),
        after="key-changed",
    ),
    Verb(
        "snapshot-rename",
        OPERATE,
        "Renames a snapshot of one dataset. A name of ours (dplane-, dplane-auto-) for one that has none needs "
        "the role admin: such snapshots are pruned. A name that `dplane:may-prune` lets go is refused.",
        (SNAPSHOT, GUID, Arg("to", g.SNAPSHOT, example="tank/data@before-upgrade")),
        (ZFS, "rename", "--", Value("snapshot"), Value("to")),
        rules=(rules.same_dataset,),
        guard="snapshot",
        before=("snapshot-name",),
        after="snapshot-renamed",
    ),
    Verb(
        "snapshot-clone",
        OPERATE,
        "Makes a dataset that begins as the snapshot is, in the same pool. Returns its `guid`. "
        "A clone has nothing of what was set on its origin, so a file system's gets setuid=off and devices=off anew.",
        (
            *(SNAPSHOT, GUID, Arg("dataset", g.CHILD, example="tank/clone"), Arg("kind", g.DATASET_KIND)),
            PROPERTY_SET,
        ),
        (
            ZFS,
            "clone",
            When("kind", *_HARMLESS, equals="filesystem"),
            Pairs("-o", "properties"),
            "--",
            Value("snapshot"),
            Value("dataset"),
        ),
        rules=(rules.clone_in_pool, rules.clone_properties),
        guard="snapshot",
        before=("clone",),
        after="dataset",
    ),
    Verb(
        "snapshots-destroy",
        ADMIN,
        "Destroys several snapshots of one dataset, all or none; the dry run tells what they free together.",
        (DATASET, Arg("snapshots", CHOSEN), DRY_RUN),
        (ZFS, "destroy", When("dry_run", "-n", "-v", "-p"), "--", Several("dataset", "snapshots")),
        before=("chosen",),
        after="pruned",
        destroys=True,
        limit=600,
    ),
    Verb(
        "snapshot-diff",
        OPERATE,
        "Lists what changed since a snapshot: until a later one, or until now. Names are escaped by zfs.",
        (SNAPSHOT, GUID, Arg("to", g.SNAPSHOT, optional=True, example="tank/data@dplane-2026-01-03")),
        (
            *(ZFS, "diff", "-F", "-H", "--", Value("snapshot")),
            When("to", DatasetOf("snapshot"), equals=None, otherwise=(Value("to"),)),
        ),
        rules=(rules.same_dataset,),
        guard="snapshot",
        acts=False,
        stream="out",
        limit=0,
    ),
)
