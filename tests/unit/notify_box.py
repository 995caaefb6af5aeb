"""A box whose channels are made by the real helper and read, and tried, by the real `dplane`.

Configuration and store are in the test's own folders; who stands for the user dplane is nobody.
"""

from __future__ import annotations

import asyncio
import grp
import json
import os
import pwd
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import aiosqlite
import pytest

from dplane_tui.services.host import LocalHost, Output

from .privhelper_door import PYTHON, Door

ROOT = Path(__file__).parents[2]
PACKAGES = Path(aiosqlite.__file__).parents[1]  # for the system's Python: ours can be where nobody else may go
NOBODY = (pwd.getpwnam("nobody").pw_uid, pwd.getpwnam("nobody").pw_gid) if os.geteuid() == 0 else (-1, -1)
GROUP = grp.getgrgid(NOBODY[1] if os.geteuid() == 0 else os.getegid()).gr_name
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")


class Box(Door):
    """A helper with a configuration folder of the test's own, and the real `dplane` behind a stand-in for systemd."""

    def __init__(self, root: Path) -> None:
        self.config = root / "etc"
        self.config.mkdir(mode=0o755)
        self.made = self.config / "notify.d"
        release = root / "releases/1"
        for part in ("bin", "libexec"):
            (release / part).mkdir(parents=True)
        for part in ("own", "run"):
            (root / part).mkdir()
            os.chown(root / part, *NOBODY)
        folders = f"DPLANE_CONFIG_DIR={self.config} DPLANE_STATE_DIR={root}/own DPLANE_RUN_DIR={root}/run"
        (release / "bin/dplane").write_text(
            f"#!/bin/sh\ncp /proc/self/status {root}/run/status; cd {ROOT} || exit\n"
            f'exec env {folders} PYTHONDONTWRITEBYTECODE=1 PYTHONPATH={PACKAGES} {PYTHON} -m dplane_tui "$@"\n'
        )
        (release / "bin/dplane").chmod(0o755)
        for above in (root, *root.parents):
            if above.stat().st_uid == os.getuid() and not above.stat().st_mode & 1:
                above.chmod(above.stat().st_mode | 0o011)  # nobody must get to what is theirs
        places = {"CONFIG_DIR": str(self.config), "SERVICE_GROUP": GROUP, "SERVICE_USER": "nobody"}
        super().__init__(root, RELEASES=str(root / "releases"), CURRENT=str(root / "current"), **places)
        self.file = self.file.rename(release / "libexec/privhelper")

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
        """The log's bytes."""
        return "".join(one.read_text() for one in self.log.iterdir())


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
