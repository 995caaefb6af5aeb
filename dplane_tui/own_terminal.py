"""The first thing a console on the box's own terminal does with it. Imports little: keys are echoed until then."""

from __future__ import annotations

import contextlib
import fcntl
import os
import termios
from collections.abc import Iterator


@contextlib.contextmanager
def alone(descriptor: int) -> Iterator[None]:
    """Let nobody but root open that terminal, however its mode is changed meanwhile.

    A serial line is for the whole group `dialout`, which could read along; systemd leaves the group its right to write.
    """
    if not os.isatty(descriptor):
        yield
        return
    with contextlib.suppress(OSError):
        os.fchmod(descriptor, 0o600)
    with contextlib.suppress(OSError):
        fcntl.ioctl(descriptor, termios.TIOCEXCL)  # udev gives the mode back whenever it is told to look again
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            fcntl.ioctl(descriptor, termios.TIOCNXCL)
