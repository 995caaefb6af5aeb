"""One lab command at a time for what must not be done twice at once."""

from __future__ import annotations

import fcntl
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def locked(path: Path, what: str, check: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Hold an exclusive lock on `path`; tells the person when it has to wait, and calls `check` (may raise) meanwhile.

    The kernel frees it when the process ends, however it ends.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        told = False
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if not told:
                    print(f"lab: waiting for another command that {what}", file=sys.stderr)
                told = True
                check()
                time.sleep(0.1)
        yield
    finally:
        os.close(descriptor)
