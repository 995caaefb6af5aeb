"""The first thing a console on the box's own terminal does with it. Imports little: keys are echoed until then."""

from __future__ import annotations

import contextlib
import fcntl
import os
import termios
from collections.abc import Iterator


def forget(descriptor: int) -> None:
    """Echo no key from now on, and drop those that came: they were typed at something else. systemd undoes it."""
    with contextlib.suppress(termios.error):
        settings = termios.tcgetattr(descriptor)
        settings[3] &= ~termios.ECHO
        termios.tcsetattr(descriptor, termios.TCSANOW, settings)
        termios.tcflush(descriptor, termios.TCIFLUSH)


@contextlib.contextmanager
def alone(descriptor: int) -> Iterator[None]:
    """Let nobody but root open that terminal, however its mode is changed; echo nothing, forget what was typed.

    A serial line is for the whole group `dialout`, which could read along; systemd leaves the group its right to write.
    Keys that come before there is a screen are meant for nothing that is to be seen there.
    """
    if not os.isatty(descriptor):
        yield
        return
    forget(descriptor)
    with contextlib.suppress(OSError):
        os.fchmod(descriptor, 0o600)
    with contextlib.suppress(OSError):
        fcntl.ioctl(descriptor, termios.TIOCEXCL)  # udev gives the mode back whenever it is told to look again
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            fcntl.ioctl(descriptor, termios.TIOCNXCL)
