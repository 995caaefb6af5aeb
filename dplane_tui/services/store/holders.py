"""Who has the lock that writers of the store wait for, as the kernel tells it.

Read from `/proc/locks`: to open the file and ask would give up the locks that this process has on it, as POSIX has it.
"""

from __future__ import annotations

import os
import pwd
from pathlib import Path

from ...text import clean

_LOCKS = Path("/proc/locks")
_WRITERS = range(120, 123)  # bytes of the -shm: who writes, who checkpoints, who recovers (SQLite's file format)


def holder(path: Path) -> int | None:
    """The process that has the writers' lock of the store at `path`: its number, 0 for one unknown, None for none."""
    try:
        side = path.with_name(path.name + "-shm").stat()
        lines = _LOCKS.read_text("ascii", "replace").splitlines()
    except OSError:
        return None
    place = f"{os.major(side.st_dev):02x}:{os.minor(side.st_dev):02x}:{side.st_ino}"
    for line in lines:
        words = line.split()  # 1: POSIX ADVISORY READ 4711 fd:01:131 120 120
        if len(words) == 8 and words[5] == place and words[1] in ("POSIX", "OFDLCK"):
            first, last = words[6], words[7]
            end = _WRITERS[-1] if last == "EOF" else int(last)
            pid = int(words[4])
            if pid != os.getpid() and int(first) <= _WRITERS[-1] and end >= _WRITERS[0]:
                return max(pid, 0)
    return None


def told(pid: int) -> str:
    """That process for a person: its number, name and account, as far as they are known."""
    try:
        owner = os.stat(f"/proc/{pid}").st_uid
        name = clean(Path(f"/proc/{pid}/comm").read_text("utf-8", "replace").strip(), 32)
    except OSError:
        return f"the process {pid}"
    try:
        account = pwd.getpwuid(owner).pw_name
    except KeyError:
        account = str(owner)
    return f"the process {pid} ({name}) of {account}"
