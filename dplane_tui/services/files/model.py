"""What is known of files in snapshots. Names and paths are bytes: whatever a file is called, it is found again."""

from __future__ import annotations

from ...lazyclass import dataclass
from ...text import clean

NOW = ""
"""In place of a snapshot's name: the dataset as it is now."""


def readable(raw: bytes) -> str:
    """A name or path fit to be shown; bytes that are not UTF-8 become `�`."""
    return clean(raw.decode("utf-8", "replace"))


def counted(number: int, what: str) -> str:
    """`1 file`, `2 files`."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


@dataclass(frozen=True, slots=True)
class Place:
    """A dataset, as it is now or as it was at a snapshot, with the GUID the person saw."""

    dataset: str
    guid: str
    snapshot: str = NOW
    """The name behind the `@`."""
    taken: float | None = None
    """Unix time of the snapshot."""

    @property
    def name(self) -> str:
        """Its full name."""
        return f"{self.dataset}@{self.snapshot}" if self.snapshot else self.dataset


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing in a folder, or at a path."""

    name: bytes
    kind: str
    """`file`, `dir`, `link`, `fifo`, `socket`, `char`, `block`, `unknown`, or `unread`."""
    size: int = 0
    mode: int = 0
    uid: int = -1
    gid: int = -1
    mtime: int = 0
    """Nanoseconds."""
    inode: int = 0
    link: bytes = b""
    mount: bool = False
    """Another file system is mounted there."""
    error: str = ""

    @property
    def same(self) -> tuple[str, int, int, int]:
        """What two versions have in common that are taken for the same: kind, inode, size, time of change."""
        return (self.kind, self.inode, self.size, self.mtime)


@dataclass(frozen=True, slots=True)
class Listing:
    """A folder."""

    place: Place
    path: bytes
    entries: tuple[Entry, ...]
    cut: bool = False
    """There are more than are told."""


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a thing: what it was, and where it is held."""

    entry: Entry
    holders: tuple[Place, ...]
    """The newest first; the dataset as it is now among them where it has this version."""


@dataclass(frozen=True, slots=True)
class Versions:
    """All versions of what stands at a path, the newest first."""

    dataset: str
    path: bytes
    versions: tuple[Version, ...]
    looked: int
    """Snapshots looked at, of `snapshots`; the older ones were not."""
    snapshots: int
    without: int
    """Of how many of them nothing has that name."""
    problems: tuple[str, ...] = ()
    """Why some could not be looked at, a sentence each."""


@dataclass(frozen=True, slots=True)
class Content:
    """A file that was read, or the beginning of it."""

    data: bytes
    size: int
    """Of the whole file, in bytes."""
    sha256: str
    """Of `data`."""

    @property
    def whole(self) -> bool:
        """Whether all of the file is here."""
        return len(self.data) >= self.size


@dataclass(frozen=True, slots=True)
class Measured:
    """What a restore would bring back, and what stands in its place."""

    place: Place
    path: bytes
    entry: Entry
    files: int
    folders: int
    links: int
    others: int
    """Devices, pipes, sockets: they are left out."""
    size: int
    """Bytes of all files."""
    free: int
    """Bytes free in the dataset."""
    there: Entry | None
    state: str = ""
    """The helper's word for what stands there; empty when nothing does."""


@dataclass(frozen=True, slots=True)
class Restored:
    """What was brought back, after it was read back and compared."""

    snapshot: str
    path: bytes
    """Where it is now, below the top of the dataset."""
    kept: bytes
    """Where what was there before is now; empty when nothing was."""
    files: int
    folders: int
    links: int
    left_out: int
    size: int
    sha256: str
    """Of a single file."""
    evidence: str
    """SHA-256 over names, owners, modes, times, attributes and content: the same of the snapshot and of the copy."""

    def sentence(self) -> str:
        """What happened, and how to get back."""
        what = counted(self.files, "file") if self.files or self.folders else counted(self.links, "link")
        if self.folders:
            what += f" in {counted(self.folders, 'folder')}"
        said = f"{readable(self.path)} was restored from {self.snapshot} ({what}) and reads back as in the snapshot."
        if self.left_out:
            said += f" {self.left_out} devices, pipes or sockets were left out."
        if self.kept:
            said += f" What was there is now {readable(self.kept)}; rename it back to undo this."
        return said
