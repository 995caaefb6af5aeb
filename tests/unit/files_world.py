"""A dataset with snapshots as the helper meets them, made of temporary file systems: real mounts, real attributes.

`tank/a` is mounted at `live`, and `tank/a@NAME` below its `.zfs/snapshot`, as ZFS mounts them for whoever looks.
"""

from __future__ import annotations

import fcntl
import json
import os
import struct
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from .privhelper_door import GUID, Door

DATASET = "tank/a"
RED = ("user.colour", b"red")


def acl(user: int) -> bytes:
    """A POSIX ACL that lets one more user read and write."""
    none = 0xFFFFFFFF
    entries = ((1, 6, none), (2, 6, user), (4, 4, none), (0x10, 6, none), (0x20, 0, none))
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)


def _clear_up() -> None:
    """Unmount what a world left whose process was killed; whoever calls holds the lock."""
    for line in reversed(Path("/proc/self/mounts").read_text().splitlines()):
        source, where, kind = line.split(" ")[:3]
        if kind == "tmpfs" and source.startswith("tank/") and "/dplane-files-" in where:
            subprocess.run(["umount", "-l", where], check=False)


class World:
    """The mounts, and a helper that takes them for ZFS."""

    def __init__(self, root: Path) -> None:
        # The helper finds a dataset by its name among all mounts, so there is one such world at a time.
        self._lock = os.open(Path(tempfile.gettempdir()) / "dplane-files-world.lock", os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        _clear_up()
        self.live = root / "live"
        self.live.mkdir()
        self.mounted: list[Path] = []
        self.guids: dict[str, str] = {}
        self._mount(DATASET, self.live)
        (root / "door").mkdir()
        self.door = Door(root / "door", FILE_SYSTEM="tmpfs")
        self.answer()
        (root / "door" / "started").touch()
        (root / "door" / "started").chmod(0o666)  # the stand-in for zfs notes there what it was asked, as anybody

    def _mount(self, source: str, where: Path) -> None:
        where.mkdir(parents=True, exist_ok=True)
        subprocess.run(["mount", "-t", "tmpfs", source, str(where)], check=True)
        self.mounted.append(where)

    def snapshot(self, name: str) -> Path:
        """A new snapshot to fill; it is the newest one."""
        top = self.live / ".zfs" / "snapshot" / name
        self._mount(f"{DATASET}@{name}", top)
        self.guids[name] = str(1000 + len(self.guids))
        self.answer()
        return top

    def answer(self) -> None:
        """Let the stand-in for zfs tell of what there is."""
        rows = [f"{DATASET}@{name}\t{guid}\t{guid}\t1700000000\n" for name, guid in self.guids.items()]
        get = "get -H -p -o"
        self.door.answers(
            *((f"{get} value guid {DATASET}@{name}", 0, f"{guid}\n", "") for name, guid in self.guids.items()),
            (f"{get} value guid {DATASET}", 0, f"{GUID}\n", ""),
            (f"{get} property,value type,keystatus", 0, "type\tfilesystem\nkeystatus\t-\n", ""),
            ("list", 0, "".join(rows), ""),
        )

    def guid(self, of: str) -> str:
        """The GUID of a snapshot, by its name behind the @, or of the dataset."""
        return self.guids[of.partition("@")[2]] if "@" in of else GUID

    def ask(self, verb: str, *, user: int | None = None, **args: Any) -> tuple[int, list[dict[str, Any]], str]:
        """`privhelper files` as this process's user, or another: exit code, lines, what it said."""
        named = next((str(args[name]) for name in ("of", "snapshot", "dataset") if name in args), "")
        request = {"verb": verb, "guid": self.guid(named), **args}
        done = subprocess.run(
            [str(self.door.file), "files"],
            input=json.dumps(request).encode() + b"\n",
            capture_output=True,
            check=False,
            timeout=60,
            user=user,
            group=user,
            extra_groups=[] if user is not None else None,
        )
        return done.returncode, [json.loads(line) for line in done.stdout.splitlines()], done.stderr.decode()

    def close(self) -> None:
        for where in reversed(self.mounted):
            subprocess.run(["umount", "-l", str(where)], check=True)
        os.close(self._lock)


def left_over(folder: Path) -> list[str]:
    """What of ours is still in a folder."""
    return [name for name in os.listdir(folder) if "dplane" in name]
