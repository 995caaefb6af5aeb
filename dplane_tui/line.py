"""What the unit of a console on the box's own terminal says about it: its part, its speed, when it locks.

It comes by the environment and only takes away: who sets it by hand gets a console that can do less. What a person may
do there is decided by the account the process runs as, in the privileged helper.
"""

from __future__ import annotations

import os
import termios
from collections.abc import Mapping

from .errors import UsageError
from .lazyclass import dataclass

KIOSK, VIEW_ONLY, SESSION = "kiosk", "view-only", "session"
LEAST, MOST = 30, 86400


@dataclass(frozen=True, slots=True)
class Line:
    """`part` is KIOSK (shows; U signs in), VIEW_ONLY, SESSION (of who signed in there), or empty: a person's own."""

    part: str = ""
    lock_after: int = 0
    """Seconds without a key after which it locks, or a session ends; 0: never."""
    speed: int = 0
    """Bits a second to set the line to; 0: as it is."""

    @property
    def shows_only(self) -> bool:
        """Whether it stands there for everybody."""
        return self.part in {KIOSK, VIEW_ONLY}

    @property
    def groups(self) -> tuple[str, ...]:
        """The groups of actions that it adds."""
        return (self.part,) if self.part else ()


def read(env: Mapping[str, str]) -> Line:
    """The line that `env` describes. What makes no sense there is left out."""
    part = env.get("DPLANE_LINE", "")
    part = part if part in {KIOSK, VIEW_ONLY, SESSION} else ""
    speed = _number(env.get("DPLANE_LINE_SPEED", ""))
    return Line(
        part,
        _number(env.get("DPLANE_LOCK_AFTER", "")) if part else 0,
        speed if hasattr(termios, f"B{speed}") else 0,
    )


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 9 else 0


def seconds(text: str) -> int:
    """What a person says about when to lock: `off`, `90`, `90s`, `5m`, `1h`; 0 is never. Raises UsageError."""
    if text in {"off", "0"}:
        return 0
    digits = text[:-1] if text[-1:] in {"s", "m", "h"} else text
    value = _number(digits) * {"m": 60, "h": 3600}.get(text[-1:], 1)
    if not LEAST <= value <= MOST:
        raise UsageError("When to lock is off, or a time from 30s to 24h without a key: 90s, 5m, 1h.")
    return value


def set_speed(descriptor: int, speed: int) -> None:
    """Set a serial line to `speed` bits a second, without modem control: a cable of three wires has none."""
    settings = termios.tcgetattr(descriptor)
    settings[2] |= termios.CLOCAL
    settings[4] = settings[5] = getattr(termios, f"B{speed}")
    termios.tcsetattr(descriptor, termios.TCSANOW, settings)


class _Systemd:
    """What started us, if it wants to be told."""

    def __init__(self) -> None:
        self._address = ""

    def tell(self, word: bytes) -> None:
        self._address = os.environ.pop("NOTIFY_SOCKET", "") or self._address  # no child is to say it again
        if not self._address.startswith(("/", "@")):
            return
        from socket import AF_UNIX, SOCK_DGRAM, socket

        try:
            with socket(AF_UNIX, SOCK_DGRAM) as link:
                link.settimeout(1.0)
                link.connect(self._address.replace("@", "\0", 1) if self._address[0] == "@" else self._address)
                link.send(word)
        except OSError:
            return  # it will notice by itself


_systemd = _Systemd()


def tell_ready() -> None:
    """Tell systemd that the console has painted, if it wants to know."""
    _systemd.tell(b"READY=1")


def tell_stopping() -> None:
    """Tell systemd that the console ends, if it wants to know: it sees to it, should the process be stuck."""
    _systemd.tell(b"STOPPING=1")
