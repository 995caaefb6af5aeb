"""`python -m tests.console.play_files` (as root): the Files screen on real mounts, to look at it."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from dplane_tui.app import Console
from dplane_tui.services.files.service import FilesService
from dplane_tui.terminal.line import terminal_line
from dplane_tui.terminal.profile import detect
from tests.console.fakes import FakeServices
from tests.unit.files_box import FilesBox
from tests.unit.files_world import World


def main() -> int:
    """Open it on this terminal. What the dataset has at the end is told on standard output."""
    with tempfile.TemporaryDirectory(prefix="dplane-files-") as folder:
        world = World(Path(folder))
        try:
            for hour, text in enumerate(("one\ntwo\n", "one\nzwei\n", "one\nzwei\nthree\n")):
                top = world.snapshot(f"hourly-{hour}")
                (top / "docs").mkdir()
                (top / "docs" / "letter").write_text(text)
                (top / "docs" / "odd \x1b[31m name").write_text("\x1b]0;evil\x07plain\n")
                os.utime(top / "docs" / "letter", (0, 1_764_000_000 + hour * 3600))
            (world.live / "docs").mkdir()
            services = FakeServices()
            services.__dict__["files"] = FilesService(FilesBox(world))
            app = Console(services, detect(os.environ, terminal_line()), section="pools")
            app.run(mouse=False)
            print(sorted(os.listdir(world.live / "docs")), flush=True)
            return app.return_code or 0
        finally:
            world.close()


if __name__ == "__main__":
    sys.exit(main())
