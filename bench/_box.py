"""`python -m bench._box`: the console on a made-up box with 3 pools, 40 datasets and 12 containers.

Reading costs nothing here, so that what is measured is the console. BOX_EVERY: seconds between polls. BOX_MOVES: each
reading finds other values. BOX_COUNT: a file that grows by a byte with each reading of the pools.
"""

from __future__ import annotations

import dataclasses
import os
import sys
from pathlib import Path

from dplane_tui.app import Console
from dplane_tui.services.docker.model import Container, Engine
from dplane_tui.services.zfs.model import Dataset, Pool
from dplane_tui.terminal.line import line_speed, terminal_line
from dplane_tui.terminal.profile import detect
from tests.console.fakes import FakeDocker, FakeServices, FakeZfs, G, M, tank, vault

_DATASETS = {"tank": 20, "vault": 14, "backup": 6}
_CONTAINERS = 12


class Zfs(FakeZfs):
    """Three pools, forty datasets."""

    readings = 0

    async def pools(self) -> tuple[Pool, ...]:
        self.readings += 1
        if place := os.environ.get("BOX_COUNT"):
            with Path(place).open("a") as file:
                file.write(".")
        moved = self.readings % 90 if os.environ.get("BOX_MOVES") else 41
        backup = tank(name="backup", guid="1003", capacity=55)
        return tank(), dataclasses.replace(vault(), fragmentation=moved), backup

    async def datasets(self, pool: str | None = None) -> tuple[Dataset, ...]:
        return tuple(
            Dataset(
                one if n == 0 else f"{one}/share{n:02}",
                "filesystem",
                f"2{n}",
                used=n * 300 * M,
                available=6 * G,
                referenced=100 * M,
                mountpoint=f"/{one}/{n}",
                mounted=True,
            )
            for one, count in _DATASETS.items()
            for n in range(count)
            if pool in {None, one}
        )


class Docker(FakeDocker):
    """Twelve containers."""

    async def engine(self, *, stats: bool = True) -> Engine:
        first, *_ = (await super().engine(stats=stats)).containers
        many: list[Container] = [dataclasses.replace(first, id=f"c{n}", name=f"web{n}") for n in range(_CONTAINERS)]
        return Engine("26.1", tuple(many))


def main() -> int:
    """Open it on this terminal."""
    services = FakeServices()
    services.__dict__.update(zfs=Zfs(), docker=Docker())
    profile = detect(os.environ, terminal_line(), "", line_speed())
    if every := os.environ.get("BOX_EVERY"):
        profile = dataclasses.replace(profile, every=float(every))
    app = Console(services, profile)
    app.run(mouse=False)
    return app.return_code or 0


if __name__ == "__main__":
    sys.exit(main())
