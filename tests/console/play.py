"""`python -m tests.console.play`: the console on made-up data, to look at it; `PLAY=start` where it opens."""

from __future__ import annotations

import os
import sys

from dplane_tui import line as lines
from dplane_tui.app import Console
from dplane_tui.terminal.driver import terminal_line
from dplane_tui.terminal.profile import detect
from tests.console.fakes import FakeServices


def main() -> int:
    """Open it on this terminal."""
    services = FakeServices()
    line = lines.read(os.environ)
    if line.shows_only:
        services.host.groups = "dplane-kiosk dplane-view"  # type: ignore[attr-defined]  # the fake's
    app = Console(services, detect(os.environ, terminal_line()), line=line, section=os.environ.get("PLAY", "pools"))
    app.run(mouse=False)
    return app.return_code or 0


if __name__ == "__main__":
    sys.exit(main())
