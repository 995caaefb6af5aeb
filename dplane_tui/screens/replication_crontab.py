"""Coming from syncoid: the lines of this box's crontabs that run it, and the tasks that take their place."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from ..services.replication import crontabs, moving
from ..services.replication.model import Task
from ..services.replication.moving import Stored
from ..services.replication.syncoid import Proposal
from ..widgets.dialogs import Choose, Confirm, Reader, ask
from ..widgets.layout import wrap
from .crontab_rows import ALL, COLUMNS, PASTE, all_words, line_rows, looked, ready, stored_lines, where
from .replication_moving import paste, proposal_lines, take
from .replication_protect import first_run

if TYPE_CHECKING:
    from textual.widget import Widget

    from ..app import Console

_NEXT = "p"


class CrontabLines(Choose):
    """The lines, over the whole width."""

    wide = True

    def content(self) -> Iterable[Widget]:
        yield from super().content()
        above = len(wrap(self._text, self.inner_width()))
        self.table.styles.height = min(len(self._rows) + 2, max(4, self.app.size.height - 5 - above))


async def from_syncoid(console: Console) -> Task | Stored | None:
    """Look through the crontabs, then take one line, all of them, or a pasted one. Raises DPlaneError.

    Returns the task that was made, what came of making all, or None when the person left.
    """
    services = console.services
    console.say(f"Looking through the crontabs of {services.host.name}…", "dim")
    read = await crontabs.look(services.host)
    pools = [pool.name for pool in await services.zfs.pools()]
    peers = await services.replication.peers()
    tasks = await services.replication.tasks(look=True)
    found = moving.of_crontabs(read.texts, pools, peers, tasks)
    console.say("")
    if not found:
        return await paste(console, f"{looked(read, found)} Paste a line, then.")
    at = ""
    while True:
        dialog = CrontabLines("Coming from syncoid", COLUMNS, line_rows(found), looked(read, found), "Look", at)
        chosen = await ask(console, dialog)
        if chosen is None:
            return None
        at = chosen
        if chosen == PASTE:
            return await paste(console)
        made = await (_take_all(console, found) if chosen == ALL else take(console, found[int(chosen)]))
        if made is not None:
            return made


async def _take_all(console: Console, found: Sequence[Proposal]) -> Stored | None:
    """Show each with its first run, ask once, make them. None when the person left: then nothing was made."""
    can = ready(found)
    for number, one in enumerate(can, 1):
        assert one.task is not None
        lines = proposal_lines(one, await first_run(console, one.task))
        below = f"{_NEXT}  {'on to the next' if number < len(can) else 'on to making them; nothing is made yet'}"
        title = f"{number} of {len(can)}: {where(one)}"
        if await ask(console, Reader(title, lines, (_NEXT,), below)) is None:
            return None
    if not await ask(console, Confirm(f"Make {len(can)} tasks?", all_words(can), "Make them")):
        return None
    console.say(f"Making {len(can)} tasks…", "dim")
    done = await moving.store(console.services.replication, can)
    console.say("")
    await ask(console, Reader("What was made", stored_lines(done, [one for one in found if one not in can])))
    return done
