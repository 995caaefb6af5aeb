"""A box whose channels are made by the real helper and read, and tried, by the real `dplane`.

systemd-run is a stand-in that runs what it is given; configuration and store are in the test's own folders.
"""

from __future__ import annotations

import asyncio
import grp
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dplane_tui.services.host import LocalHost, Output

from .privhelper_door import Door

ROOT = Path(__file__).parents[2]
GROUP = grp.getgrgid(os.getegid()).gr_name
SYSTEMD_RUN = """#!/usr/bin/python3 -IS
import json, os, sys
here = os.path.dirname(os.path.abspath(__file__))
with open(here + "/asked", "a") as out:
    out.write(json.dumps(sys.argv[1:]) + "\\n")
if os.path.exists(here + "/no-systemd"):
    sys.exit("Failed to connect to bus: No such file or directory")
words = sys.argv[sys.argv.index("--") + 1:]
os.execv(words[0], words)
"""


class Box(Door):
    """A helper with a configuration folder of the test's own, and the real `dplane` behind a stand-in for systemd."""

    def __init__(self, root: Path) -> None:
        self.config = root / "etc"
        self.config.mkdir(mode=0o755)
        self.made = self.config / "notify.d"
        (root / "systemd-run").write_text(SYSTEMD_RUN)
        (root / "bin").mkdir()
        folders = f"DPLANE_CONFIG_DIR={self.config} DPLANE_STATE_DIR={root}/own DPLANE_RUN_DIR={root}/run"
        (root / "bin/dplane").write_text(
            f'#!/bin/sh\ncd {ROOT} && exec env HOME={root} {folders} {sys.executable} -m dplane_tui "$@"\n'
        )
        for script in ("systemd-run", "bin/dplane"):
            (root / script).chmod(0o755)
        places = {"CONFIG_DIR": str(self.config), "SERVICE_GROUP": GROUP, "CURRENT": str(root)}
        super().__init__(root, SYSTEMD_RUN=str(root / "systemd-run"), **places)

    def set(self, request: dict[str, Any], *lines: str, **more: Any) -> tuple[int, dict[str, Any]]:
        """The request and the lines behind it."""
        raw = (
            json.dumps(request).encode()
            + b"\n"
            + "".join(f"{line}\n" for line in lines).encode("utf-8", "surrogateescape")
        )
        done = self.run(raw, **more)
        return done.returncode, json.loads(done.stdout)

    def everything(self) -> str:
        """The log's bytes, and all that was started."""
        asked = self.root / "asked"
        return "".join(one.read_text() for one in self.log.iterdir()) + (asked.read_text() if asked.exists() else "")


class BoxHost(LocalHost):
    """That box as a host, here or afar: the only program it has is its helper."""

    def __init__(self, box: Box, *, local: bool = False) -> None:
        super().__init__()
        self.name, self.local = "nas-b", local
        self._box = box
        self.asked: list[str] = []
        """The verbs."""

    async def run(self, argv: Sequence[str], *, stdin: bytes = b"", timeout: float = 0) -> Output:
        if argv[0] == "readlink":
            return Output(0, f"{self._box.file}\n".encode(), b"")
        if argv[0] == "id":
            return Output(0, b"1000\n", b"")
        assert argv[-1] == str(self._box.file)
        self.asked.append(json.loads(stdin.partition(b"\n")[0])["verb"])
        done = await asyncio.to_thread(
            subprocess.run, [str(self._box.file)], input=stdin, capture_output=True, check=False, timeout=60
        )
        return Output(done.returncode, done.stdout, done.stderr)
