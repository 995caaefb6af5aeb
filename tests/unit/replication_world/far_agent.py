"""The real agent over the far model: `far_agent.py WORLD PEER [ROOT] [RIGHTS…]`; asked by SSH_ORIGINAL_COMMAND."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from dplane_tui.services.replication import agent, agent_box
from tests.unit.replication_world import helper_command

world = Path(sys.argv[1])
agent_box.ENVIRONMENT["PATH"] = f"{world}/far-bin:{os.environ['PATH']}"
agent._helper = lambda: helper_command(world / "far")
agent_box.MODULE = str(world / "far-state" / "zfs-version")
agent.STATE = str(world / "far-state")
rest = sys.argv[3:]
root = ["--root", rest.pop(0)] if rest and not rest[0].startswith("--") else []
sys.exit(agent.main(["--peer", sys.argv[2], *root, *rest]))
