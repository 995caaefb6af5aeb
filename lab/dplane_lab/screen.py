"""What a box shows and says: its screen as a PNG, its serial line in your terminal."""

from __future__ import annotations

import os
import select
import socket
import struct
import sys
import tempfile
import termios
import tty
import zlib
from pathlib import Path

from .config import Node
from .errors import LabError
from .pair import Pair

LEAVE = b"\x1d"  # Ctrl+]


def png_of(ppm: bytes) -> bytes:
    """A PPM picture (P6, 8 bits) as PNG; raises LabError when it is not one."""
    try:
        magic, size, depth, pixels = ppm.split(b"\n", 3)
        width, height = (int(word) for word in size.split())
    except ValueError as error:
        raise LabError("QEMU gave no readable picture of the screen.") from error
    if magic != b"P6" or depth != b"255" or len(pixels) != width * height * 3:
        raise LabError("QEMU gave a picture of the screen in an unknown form.")
    rows = b"".join(b"\0" + pixels[line * width * 3 : (line + 1) * width * 3] for line in range(height))

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def save_screen(pair: Pair, node: Node, target: Path) -> None:
    """Write the picture of a box's screen to `target` as PNG."""
    with tempfile.TemporaryDirectory(prefix="dplane-lab-screen") as folder:
        shot = Path(folder) / "shot.ppm"
        pair.screendump(node, shot)
        picture = png_of(shot.read_bytes())
    try:
        target.write_bytes(picture)
    except OSError as error:
        raise LabError(f"The picture could not be written to {target}: {error.strerror}.") from error


def attach_serial(pair: Pair, node: Node) -> None:
    """Join the terminal to the box's serial line until Ctrl+]; without a terminal, until input ends and it is quiet."""
    pair.running(node)
    line = socket.socket(socket.AF_UNIX)
    try:
        line.connect(str(pair.sockets / f"{node.name}.serial"))
    except OSError as error:
        raise LabError(f"The serial line of {node.name} cannot be opened: {error.strerror}.") from error
    source = sys.stdin.fileno()
    if not os.isatty(source):
        _copy(line, source, quiet_seconds=3.0)
        return
    print(f"Serial line of {node.name}; leave with Ctrl+]", file=sys.stderr)
    before = termios.tcgetattr(source)
    try:
        tty.setraw(source)
        _copy(line, source, quiet_seconds=None)
    finally:
        termios.tcsetattr(source, termios.TCSADRAIN, before)
        print(file=sys.stderr)


def _copy(line: socket.socket, source: int, quiet_seconds: float | None) -> None:
    sources: list[int | socket.socket] = [line, source]
    while True:
        ready, _, _ = select.select(sources, [], [], quiet_seconds if source not in sources else None)
        if not ready:
            return
        if line in ready:
            data = line.recv(65536)
            if not data:
                return
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()
        if source in ready:
            typed = os.read(source, 4096)
            if not typed:
                sources.remove(source)
            elif LEAVE in typed and quiet_seconds is None:
                return
            else:
                line.sendall(typed)
