"""Each section as text at each size, compared with the file of it. `DPLANE_SNAPSHOTS=write` writes them anew."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from tests.console.conftest import Opener

FOLDER = Path(__file__).parent / "snapshots"
SIZES = ((80, 24), (60, 18), (132, 43), (40, 10))
READY = {
    "start": "What to know",
    "pools": "vault",
    "replication": "Nothing new",
    "health": "What to know",
    "docker": "web",
    "datasets": "partly",
    "snapshots": "daily-3",
}
# How old data is depends on the machine's load; its width is kept where it stands before the frame's end.
_AGE = re.compile(r"(≤\d+[sm] old|\d+s old|reading…|no data|STALE [\dsm ]+ old)")


def steady(text: str) -> str:
    """`text` without what time changes."""
    lines = [re.sub(r"[ ─]{2,}\0", " \0", _AGE.sub("\0", line)).rstrip() for line in text.split("\n")]
    return "\n".join(lines).replace("\0", "AGE") + "\n"  # no title of a column is taken for an age


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("section", READY)
async def test_looks_as_it_should(console: Opener, section: str, size: tuple[int, int]) -> None:
    async with console(size=size, section="" if section == "pools" else section) as seen:
        if size != (40, 10):
            await seen.until_text(READY[section])
            if section == "health":
                await seen.until_text("vdb")
            if section == "start":
                await seen.until_text("SMART of 1 disk is")
                await seen.until_text("home is in time")
        else:
            await seen.until(lambda: "too small" in seen.text and "vault is DEGRADED" in seen.text)
        await seen.settle()
        file = FOLDER / f"{section}-{size[0]}x{size[1]}.txt"
        if os.environ.get("DPLANE_SNAPSHOTS") == "write":
            FOLDER.mkdir(exist_ok=True)
            file.write_text(steady(seen.text))
        assert steady(seen.text) == file.read_text()
