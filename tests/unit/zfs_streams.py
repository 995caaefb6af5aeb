"""Streams that look like those of ZFS as far as the privileged helper looks, and requests to receive them."""

from __future__ import annotations

import json
import random
from typing import Any

FILESYSTEM, VOLUME = 2, 3
ONE, SEVERAL = 1, 2
RESUMING = 1 << 22
END = (5).to_bytes(4, "little") + bytes(308)
NEW: dict[str, Any] = {"verb": "receive", "dataset": "tank/a", "kind": "filesystem", "first": True}
MORE: dict[str, Any] = {"verb": "receive", "dataset": "tank/a", "kind": "filesystem"}


def head(
    objset: int, origin: int = 0, version: int = ONE, payload: int = 0, order: Any = "little", **more: Any
) -> bytes:
    """A begin record; its GUID, `size`, tells the stand-in for `zfs` how many bytes come before the end record."""
    words = [(0, 4), (payload, 4), (0x2F5BACBAC, 8), (version, 8), (0, 8), (objset, 4), (more.get("flags", 0), 4)]
    words += [(more.get("size", 0), 8), (origin, 8)]
    name: bytes = more.get("name", b"pool/a@x")
    return b"".join(value.to_bytes(size, order) for value, size in words) + name.ljust(256, b"\0")


def stream(objset: int = FILESYSTEM, origin: int = 0, size: int = 1000, **more: Any) -> bytes:
    """A whole stream of one snapshot."""
    body = random.Random(size + origin).randbytes(size)  # noqa: S311
    return head(objset, origin, size=size, **more) + body + END


def package(*streams: bytes, payload: int = 0) -> bytes:
    """What `send -I` makes of several."""
    return head(0, version=SEVERAL, payload=payload) + END + b"".join(streams) + END


def line(request: dict[str, Any]) -> bytes:
    """A request as the helper reads it."""
    return json.dumps(request).encode() + b"\n"
