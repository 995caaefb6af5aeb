"""Which whole disks there are, by their stable names, and why one is not free. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from privhelper import grammar

from ...errors import CommandError
from .model import BY_LABEL, LABEL_LOST, NOT_IMPORTED, Disk, Pool

LSBLK_COLUMNS = "NAME,TYPE,SIZE,MODEL,SERIAL,ROTA,RO,FSTYPE,LABEL,MOUNTPOINTS"
_NOT_DISKS = ("zd", "zram", "ram", "loop", "fd", "sr", "md", "dm-", "nbd", "mtdblock")
# What is printed on a disk's sticker comes first; a WWN is stable too, but says nothing to a person.
_PREFERRED = ("nvme-", "ata-", "scsi-S", "scsi-", "usb-", "mmc-", "virtio-", "wwn-", "nvme-eui.", "nvme-nvme.")
_SYSTEM = ("/", "/boot", "/boot/firmware", "/boot/efi", "/usr", "/var", "[SWAP]")


def parse_links(text: str) -> dict[str, str]:
    """Name under /dev/disk/by-id → kernel name, from `find … -printf '%f\\t%l\\n'`."""
    links = {}
    for line in text.split("\n"):
        name, tab, target = line.partition("\t")
        if tab and not grammar.disk_problem(name):
            links[name] = target.rpartition("/")[2]
    return links


def parse_disks(lsblk: str, links: Mapping[str, str], pools: Iterable[Pool] = ()) -> tuple[Disk, ...]:
    """The whole disks in `lsblk -J -b -o LSBLK_COLUMNS`. Raises CommandError for anything that is not that output.

    `pools` are the imported ones: a disk that one of them holds is in use whatever its label says.
    """
    try:
        found = json.loads(lsblk)["blockdevices"]
        nodes = [node for node in found if node["type"] == "disk" and not node["name"].startswith(_NOT_DISKS)]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise CommandError(
            "What `lsblk` said was not understood, so the disks of this box are not known.",
            "Please report it with the version of lsblk (`lsblk --version`).",
        ) from None
    holders = _holders(pools, links)
    disks = []
    for node in nodes:
        size = node.get("size")
        if not isinstance(size, int) or size <= 0:  # an empty card reader
            continue
        device = node["name"]
        name = stable_name(device, links)
        why = _in_use(node, holders, {pool.name for pool in pools})
        rotational = node.get("rota")
        disks.append(
            Disk(
                id=name,
                device=device,
                size=size,
                model=_text(node, "model"),
                serial=_text(node, "serial"),
                rotational=rotational if isinstance(rotational, bool) else None,
                in_use=why or ("" if name else "has no stable name under /dev/disk/by-id"),
                aliases=tuple(sorted(alias for alias, target in links.items() if target == device and alias != name)),
            )
        )
    return tuple(disks)


def stable_name(device: str, links: Mapping[str, str]) -> str:
    """The name under by-id that a person knows `device` by; empty when it has none."""

    def rank(name: str) -> tuple[int, int, str]:
        # The longest matching word decides: nvme-eui. is a number, nvme- a model and a serial.
        place = max((i for i, word in enumerate(_PREFERRED) if name.startswith(word)), default=len(_PREFERRED))
        return place, len(name), name

    return min((name for name, target in links.items() if target == device), key=rank, default="")


def _text(node: Mapping[str, Any], key: str) -> str:
    value = node.get(key)
    return value.strip() if isinstance(value, str) else ""


def _holders(pools: Iterable[Pool], links: Mapping[str, str]) -> dict[str, str]:
    """Kernel name of a disk or partition → the imported pool that uses it, in words."""
    holders = {}
    for pool in pools:
        for top in pool.vdevs:
            for _, vdev in top.walk():
                # One whose label is lost may take its own place, by force.
                lost = vdev.state in ("UNAVAIL", "FAULTED") and any(words in vdev.note for words in LABEL_LOST)
                for name in (vdev.name, (vdev.path or "").rpartition("/")[2]):
                    if name and not vdev.children:
                        why = f"was in pool {pool.name}, its label is lost" if lost else f"member of pool {pool.name}"
                        holders[links.get(name, name)] = why
    return holders


def _walk(node: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
    yield node
    for child in node.get("children") or ():
        if isinstance(child, dict):
            yield from _walk(child)


def _in_use(disk: Mapping[str, Any], holders: Mapping[str, str], imported: set[str]) -> str:
    nodes = list(_walk(disk))
    mounts = [point for node in nodes for point in node.get("mountpoints") or () if isinstance(point, str)]
    if any(point in _SYSTEM[:-1] for point in mounts):
        return f"system disk (mounted on {', '.join(point for point in mounts if point in _SYSTEM)})"
    for node in nodes:
        if holder := holders.get(_text(node, "name")):
            return holder
    if "[SWAP]" in mounts:
        return "swap"
    if mounts:
        return f"mounted on {mounts[0]}"
    for node in nodes:
        kind, label = _text(node, "fstype"), _text(node, "label")
        if kind == "zfs_member":
            if not label:
                return "member of a pool"
            return f"member of pool {label}" + (BY_LABEL if label in imported else NOT_IMPORTED)
    for node in nodes:
        if kind := _text(node, "fstype"):
            return f"holds {kind}" + (f" “{label}”" if (label := _text(node, "label")) else "")
    if disk.get("ro") is True:
        return "read-only"
    return "has partitions" if len(nodes) > 1 else ""
