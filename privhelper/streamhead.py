"""What a ZFS stream begins with. Pure: judges one record, whoever read it.

Layout: dmu_replay_record in OpenZFS's zfs_ioctl.h, 312 bytes. 32-bit type (0 begin, 5 end) and payload length, then for
a begin: 64-bit magic, version word (its lowest two bits: 1 one snapshot, 2 a package of several; the others: features),
creation time, 32-bit objset type, 32-bit flags, GUIDs of the snapshot and of what it starts from, 256 bytes of name.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal

SIZE = 312
_MAGIC = 0x2F5BACBAC
_END = (b"\5\0\0\0", b"\0\0\0\5")
_KINDS = {2: "filesystem", 3: "volume"}
_RESUMING = 1 << 22  # feature 20, above the two bits of the header's kind
_CLONE = 1


class Head:
    """A begin record, as far as it matters here."""

    __slots__ = ("alone", "carries", "clone", "full", "kind", "named", "package", "resuming")

    def __init__(self, record: bytes, order: Literal["little", "big"]) -> None:
        def number(start: int, size: int) -> int:
            return int.from_bytes(record[start : start + size], order)

        self.alone = number(16, 8) & 3 == 1
        self.package = number(16, 8) & 3 == 2
        self.carries = number(4, 4) != 0  # of a package: properties and children
        self.kind = _KINDS.get(number(32, 4), "")
        self.clone = number(36, 4) & _CLONE != 0
        self.full = number(48, 8) == 0
        self.resuming = number(16, 8) & _RESUMING != 0
        name = record[56:SIZE]
        self.named = b"\0" in name and b"@" in name.partition(b"\0")[0]


def parse(record: bytes) -> Head | None:
    """The begin record in `record`; None when it is none."""
    if len(record) == SIZE and record[:4] == bytes(4):
        if int.from_bytes(record[8:16], "little") == _MAGIC:
            return Head(record, "little")
        if int.from_bytes(record[8:16], "big") == _MAGIC:
            return Head(record, "big")
    return None


def is_end(record: bytes) -> bool:
    """Whether this is the record that ends a package's own head, and the whole package."""
    return len(record) == SIZE and record[:4] in _END


def package_problem(head: Head, first: bool) -> str:
    """Why what this package brings must not be received one by one; "" when it may: it is then what `send -I` makes."""
    if head.carries:
        return "is a package with properties or children (send -p or -R)"
    return "is of several snapshots, and a new dataset begins with one" if first else ""


def problem(head: Head | None, kind: str, first: bool) -> str:
    """Why the stream of one snapshot that begins so must not be received into a dataset of that kind; "" when it may.

    What `zfs` does with a stream is decided by this record alone: whether it makes a file system or a volume (the
    settings that make each harmless are not the same), and whether it makes one at all. So `first` is not believed.
    """
    if head is not None and head.package:
        return "has a package inside of a package"
    if head is None or not head.alone:
        return "is none that ZFS sends"
    if not head.named:
        return "names no snapshot"
    if head.kind != kind:
        return f"is not that of a {kind}"
    if first and (head.clone or not head.full):
        return "goes on from something, but the dataset is to be new"
    if not first and (head.clone or head.full) and not head.resuming:
        return "would make a new dataset, which only `first` may"
    return ""
