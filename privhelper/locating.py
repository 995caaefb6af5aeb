"""The light of a disk's place in an enclosure, where the kernel has one."""

from __future__ import annotations

import os

from .failure import Failure
from .places import BLOCKS, DISKS
from .shape import Args

MARK = "enclosure_device:"


def locate(args: Args) -> dict[str, object]:
    """Switch the light on or off; where it is and how it then is. Raises Failure."""
    disk, wanted = str(args["disk"]), "1" if args["on"] is True else "0"
    folder = f"{BLOCKS}/{os.path.basename(os.path.realpath(f'{DISKS}/{disk}'))}/device"
    try:
        slot = next((name for name in sorted(os.listdir(folder)) if name.startswith(MARK)), "")
    except OSError:
        slot = ""
    light = f"{folder}/{slot}/locate"
    if not slot or not os.path.isfile(light):
        raise Failure("refused", f"The kernel knows of no light for {disk}, so there is none to switch.")
    try:
        with open(light, "w", encoding="ascii") as target:
            target.write(wanted)
        with open(light, encoding="ascii") as source:
            now = source.read(8).strip()
    except OSError as error:
        raise Failure("failed", f"The light of {disk} cannot be switched: {error.strerror}.") from None
    if now != wanted:
        raise Failure(
            "failed", f"The light of {disk} was switched, but the enclosure says {'on' if now == '1' else 'off'}."
        )
    return {"slot": slot.removeprefix(MARK), "on": now == "1"}
