"""`python -m tests.console.play`: the console on made-up data, to look at it. What tests of the terminal ask for is in
the environment: PLAY_EVERY (seconds between polls), PLAY_SIZE (80x24), PLAY_CRASH (`r` fails, Ctrl-R also while it is
locked), PLAY_HANGS (`keep`: writing into the home never returns; `read`: `r` does not), PLAY_CALLS (a file for what was
called), PLAY_READS (a file that grows by a byte with each reading of the pools), PLAY_MOVES (each reading finds another
value), PLAY=start (where it opens), PLAY_CHILD (a file for the id of a child process), PLAY_ID (a file for its own).
"""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from textual.events import Event, Key

from dplane_tui import kept
from dplane_tui import line as lines
from dplane_tui.app import Console
from dplane_tui.services.zfs.model import Pool
from dplane_tui.terminal.line import line_speed, terminal_line
from dplane_tui.terminal.profile import detect
from dplane_tui.terminal.size import parse
from tests.console.fake_looks import diverged
from tests.console.fakes import FakeServices, FakeZfs

CRONTAB = """30 2 * * * root syncoid -r --no-sync-snap --source-bwlimit=2M tank/vm 10.9.0.2:backup/vm
0 * * * * root /usr/sbin/syncoid tank/home 10.9.0.2:backup/home
@weekly root syncoid --exclude=cache -r tank vault/tank
0 4 * * * root syncoid tank/new root@attic:backup/new
0 5 * * * root syncoid tank/$(hostname) vault/x
"""


class Watched(FakeZfs):
    """Tells that it was read, and changes if asked to."""

    readings = 0

    async def pools(self) -> tuple[Pool, ...]:
        self.readings += 1
        if place := os.environ.get("PLAY_READS"):
            with Path(place).open("a") as file:
                file.write(".")
        found = await super().pools()
        if not os.environ.get("PLAY_MOVES"):
            return found
        return (found[0], dataclasses.replace(found[1], fragmentation=self.readings % 90), *found[2:])


class Fragile(Console):
    """A console with a mistake in it."""

    def do_refresh(self) -> None:
        secret = "hunter2"
        raise ValueError(f"a mistake of ours, with {len(secret)} letters")

    async def on_event(self, event: Event) -> None:
        if isinstance(event, Key) and event.key == "ctrl+r":
            self.do_refresh()
        await super().on_event(event)


class Stuck(Console):
    """A console whose person's home is on a pool that does not answer."""

    def do_refresh(self) -> None:
        hang()


def hang(*_: object) -> None:
    """As a system call there: nothing else of this thread goes on."""
    time.sleep(600)


def kind(env: Mapping[str, str]) -> type[Console]:
    """The console that the environment asks for."""
    if env.get("PLAY_HANGS") == "keep":
        kept.write = hang  # type: ignore[assignment]  # it never returns
    return Fragile if env.get("PLAY_CRASH") else Stuck if env.get("PLAY_HANGS") == "read" else Console


def main() -> int:
    """Open it on this terminal."""
    env = os.environ
    services = FakeServices()
    services.fake_replication.in_conflict = [diverged()]
    services.host.crontabs = {"/etc/cron.d/syncoid": CRONTAB}  # type: ignore[attr-defined]  # the fake's
    services.host.denied = "/var/spool/cron/crontabs/root"  # type: ignore[attr-defined]  # the fake's
    services.fake_zfs = services.__dict__["zfs"] = Watched()
    line = lines.read(env)
    if line.shows_only:
        services.host.groups = "dplane-kiosk dplane-view"  # type: ignore[attr-defined]  # the fake's
    profile = detect(env, terminal_line(), env.get("PLAY_PROFILE", ""), line_speed())
    if every := env.get("PLAY_EVERY"):
        profile = dataclasses.replace(profile, every=float(every))
    if place := env.get("PLAY_ID"):
        Path(place).write_text(str(os.getpid()))
    if place := env.get("PLAY_CHILD"):
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], stdin=subprocess.DEVNULL)
        Path(place).write_text(str(child.pid))
    app = kind(env)(services, profile, line=line, section=env.get("PLAY", "pools"))
    app.run(mouse=False, size=parse(env["PLAY_SIZE"]) if "PLAY_SIZE" in env else None)
    app.ended()
    if place := env.get("PLAY_CALLS"):
        calls = [*services.fake_zfs.calls, *services.fake_replication.calls, *services.fake_docker.calls]
        Path(place).write_text("\n".join(str(call[0]) for call in calls))
    return app.return_code or 0


if __name__ == "__main__":
    sys.exit(main())
