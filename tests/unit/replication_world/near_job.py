"""The real job over the near model: `near_job.py WORLD RUN_ID`. What the unit of a run does."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from dplane_tui.services.door import Door
from dplane_tui.services.host import quoting
from dplane_tui.services.jobs.run import run_job
from dplane_tui.services.replication import execute
from tests.unit.replication_world import helper_command

world = Path(sys.argv[1])


async def helper(_self: Door) -> tuple[str, ...]:
    return helper_command(world / "near")


setattr(Door, "argv", helper)  # noqa: B010 (there is no installed release here)
execute.RECONNECTS = (0.1, 0.1)
execute.FREEING = (0.0,)
setattr(quoting, "PROGRAM_PATH", f"{world}/far-bin:{os.environ['PATH']}")  # noqa: B010 (what a far box finds)
(world / "victim").write_text(str(os.getpid()))
print(asyncio.run(run_job(sys.argv[2])))
