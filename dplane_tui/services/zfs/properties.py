"""Properties for people: value, where it comes from, what it may be, and a line of help for each. Pure."""

from __future__ import annotations

from privhelper import let_go
from privhelper import properties as allowed

from ...lazyclass import dataclass
from .model import Dataset

HELP = {
    "acltype": "which access lists files may have; posix is what Linux and NFS use",
    "aclinherit": "how NFSv4 access lists are passed on to new files",
    "aclmode": "what chmod does to NFSv4 access lists",
    "atime": "whether reading a file writes its time of access; off is faster",
    "canmount": "on: mounted by itself; noauto: only when asked; off: never",
    "casesensitivity": "whether File and file are two files; only when it is made",
    "checksum": "how blocks are checked; on is fletcher4, sha256 for deduplication",
    "compression": "lz4 costs next to nothing, zstd packs tighter; only new blocks",
    "copies": "how many copies of each block; no replacement for redundancy",
    "dedup": "share equal blocks; needs much memory, seldom worth it",
    "devices": "whether device files in it work",
    "dnodesize": "room for extended attributes beside each file; auto with xattr=sa",
    "exec": "whether programs in it may be started",
    "filesystem_limit": "how many file systems there may be below",
    "logbias": "throughput: big writes go past the log device",
    "mountpoint": "where its files are seen",
    "normalization": "how Unicode names are compared; only when it is made",
    "primarycache": "what of it is kept in memory",
    "quota": "the most it may use, with snapshots and all below",
    "readonly": "on: nobody writes into it",
    "recordsize": "largest block of a file; 1M for media, 16K for databases; only new files",
    "redundant_metadata": "how many copies of metadata",
    "refquota": "the most its files may use, without snapshots and what is below",
    "refreservation": "room kept for its files, without snapshots",
    "relatime": "with atime: write it once a day at most",
    "reservation": "room kept for it, with snapshots and all below",
    "secondarycache": "what of it is kept on a cache device",
    "setuid": "whether programs in it may run as their owner",
    "snapdev": "whether snapshots of a volume are devices",
    "snapdir": "whether .zfs/snapshot is shown in listings",
    "snapshot_limit": "how many snapshots there may be here and below",
    "special_small_blocks": "blocks up to this size go to the special device; 0: only metadata",
    "sync": "disabled loses the last seconds of writes in a power cut; standard is safe",
    "utf8only": "refuse names that are not UTF-8; only when it is made",
    "volblocksize": "block size of a volume; only when it is made",
    "volmode": "how a volume is seen by the system",
    "volsize": "size of the volume; it can only grow from here",
    "xattr": "sa keeps extended attributes beside the file, which is faster",
    let_go.MARK: "what D-Plane did not take and tasks may prune, by how the names begin: autosnap_,syncoid_",
    "available": "what could still be written here",
    "compressratio": "how much compression saves",
    "creation": "when it was made, in Unix seconds",
    "encryption": "the cipher; fixed when it was made",
    "encryptionroot": "the dataset whose key opens this one",
    "keyformat": "passphrase, hex or raw",
    "keylocation": "where the key is read from; prompt: somebody types it",
    "keystatus": "whether the key is loaded",
    "logicalused": "what it would use without compression",
    "mounted": "whether its files can be seen now",
    "origin": "the snapshot it was cloned from",
    "referenced": "what it reaches now, shared with snapshots or not",
    "sharenfs": "who sees it over NFS",
    "sharesmb": "whether Samba shares it",
    "used": "what would come back if it went, with all below",
    "usedbychildren": "of that: the datasets below",
    "usedbydataset": "of that: its own files now",
    "usedbyrefreservation": "of that: kept free for it",
    "usedbysnapshots": "of that: only its snapshots hold it",
    "written": "written since its newest snapshot",
}
_FEW = 12


@dataclass(frozen=True, slots=True)
class Setting:
    """One property as `zfs get` tells it."""

    name: str
    value: str
    source: str
    """`local`, `default`, `inherited from …`, `received`, or `-` for what cannot be set."""

    @property
    def help(self) -> str:
        """What it is, in a line."""
        return HELP.get(self.name, "a property of ours" if self.name.startswith("dplane:") else "")


def parse_settings(text: str) -> tuple[Setting, ...]:
    """`zfs get -Hpo property,value,source all`; a line that is none is part of the value before (a mountpoint).

    What may be pruned is told also where it is not set, so that it can be.
    """
    found: list[Setting] = []
    for line in text.split("\n"):
        cells = line.split("\t")
        if len(cells) >= 3:
            found.append(Setting(cells[0], "\t".join(cells[1:-1]), cells[-1]))
    told = any(one.name == let_go.MARK for one in found)
    return tuple(found if told or not found else [*found, Setting(let_go.MARK, let_go.NONE, "-")])


def _listed(name: str) -> allowed.Property | None:
    """What is known of a property that a person sets by its name; other words of ours are the product's."""
    return allowed.MAY_PRUNE if name == let_go.MARK else allowed.PROPERTIES.get(name)


def editable(setting: Setting, dataset: Dataset) -> bool:
    """Whether it can be set on a dataset that is there."""
    listed = _listed(setting.name)
    return listed is not None and not listed.at_birth and dataset.kind in listed.applies


def inheritable(name: str) -> bool:
    """Whether it can be taken back to what is above."""
    return not allowed.inherit_problem(name)


def options(name: str) -> tuple[str, ...]:
    """The few words a property may be; empty when it is a size, a number, a path, or one of very many words."""
    listed = _listed(name)
    words = tuple(listed.values.split(" | ")) if listed else ()
    pure = listed is not None and all(not listed.check(word) for word in words)
    return words if pure and len(words) <= _FEW else ()


def values(name: str) -> str:
    """What a property may be, in words."""
    listed = _listed(name)
    return listed.values if listed else ""


def ordered(found: tuple[Setting, ...], dataset: Dataset) -> tuple[Setting, ...]:
    """Those that can be set first, then the rest; each by name, ours behind ZFS's own."""
    return tuple(sorted(found, key=lambda one: (not editable(one, dataset), one.name.startswith("dplane:"), one.name)))
