"""What a ZFS stream on a descriptor begins with, looked at without taking a byte of it.

Layout: dmu_replay_record in OpenZFS's zfs_ioctl.h. 32-bit type (0: begin) and payload length, then drr_begin: 64-bit
magic, version word (its lowest two bits: 1 one dataset, 2 a package of several), creation time, 32-bit objset type.
"""

from __future__ import annotations

import os
import stat
from select import POLLHUP, POLLRDHUP, poll
from time import monotonic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal

_HEAD = 36  # bytes up to and with the objset type
_MAGIC = 0x2F5BACBAC
_SUBSTREAM, _COMPOUND, _ZVOL = 1, 2, 3
_PATIENCE = 600.0  # seconds until the first bytes must have come: the sender may have to wait for its pool


def is_volume(head: bytes) -> bool:
    """Whether a stream that begins so is a plain one of a volume."""
    order = _order(head)
    if order is None:
        return False
    alone = int.from_bytes(head[16:24], order) & 3 == _SUBSTREAM
    return alone and int.from_bytes(head[32:36], order) == _ZVOL


def is_package(head: bytes) -> bool:
    """Whether a stream that begins so brings a list of properties and children (`-p`, `-R`; `-I` alone brings none)."""
    order = _order(head)
    if order is None:
        return False
    return int.from_bytes(head[16:24], order) & 3 == _COMPOUND and head[4:8] != bytes(4)


def _order(head: bytes) -> Literal["little", "big"] | None:
    """The byte order of a stream's first record; None when it is none."""
    if len(head) == _HEAD and head[:4] == bytes(4):
        if int.from_bytes(head[8:16], "little") == _MAGIC:
            return "little"
        if int.from_bytes(head[8:16], "big") == _MAGIC:
            return "big"
    return None


def peek(source: int) -> bytes:
    """The first bytes of `source`, which stay in it; fewer at its end, when it is silent, or is of no known kind."""
    mode = os.fstat(source).st_mode
    if stat.S_ISREG(mode):
        return os.pread(source, _HEAD, os.lseek(source, 0, os.SEEK_CUR))
    if not stat.S_ISFIFO(mode) and not stat.S_ISSOCK(mode):
        return b""
    look = _tee if stat.S_ISFIFO(mode) else _peek_socket
    ended = poll()
    ended.register(source, POLLHUP | POLLRDHUP)
    deadline = monotonic() + _PATIENCE
    head = look(source)
    while head and len(head) < _HEAD and monotonic() < deadline:
        last = ended.poll(50)  # what came before the end is there by now
        head = look(source)
        if last:
            break
    return head


def _tee(source: int) -> bytes:
    """What a pipe holds now, through tee(2), which copies from pipe to pipe and waits for the first byte."""
    import ctypes

    inlet, outlet = os.pipe()
    try:
        library = ctypes.CDLL(None, use_errno=True)
        count = library.tee(source, outlet, ctypes.c_size_t(_HEAD), 0)
        return os.read(inlet, _HEAD) if count > 0 else b""
    finally:
        os.close(inlet)
        os.close(outlet)


def _peek_socket(source: int) -> bytes:
    import socket

    with socket.socket(fileno=os.dup(source)) as ours:
        return ours.recv(_HEAD, socket.MSG_PEEK)
