"""The time as people of the box count it: with its real zone, so that a day of last summer begins when it did."""

from __future__ import annotations

from datetime import datetime, tzinfo
from functools import cache

_ZONE = "/etc/localtime"


def local_now() -> datetime:
    """Now, with the time zone of this machine."""
    return datetime.now(zone())


@cache
def zone() -> tzinfo | None:
    """The time zone of this machine with its rules; where the file for it is missing, only the present offset."""
    from zoneinfo import ZoneInfo

    try:
        with open(_ZONE, "rb") as file:
            return ZoneInfo.from_file(file, "localtime")
    except (OSError, ValueError):
        return datetime.now().astimezone().tzinfo
