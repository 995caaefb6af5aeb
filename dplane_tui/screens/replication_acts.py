"""What the Replication screen does: pairs, protects, runs, changes and removes tasks; says what came of it."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from ..actions import Action
from ..errors import DPlaneError, RefusedError
from ..services.replication import rates, schedule
from ..services.replication.gaps import doubt
from ..services.replication.model import Options, Peer, Task, TaskStatus
from ..widgets.dialogs import Confirm, Form, Reader, Values, ask
from ..widgets.fields import TextField
from .replication_answer import at_work, next_words

if TYPE_CHECKING:
    from ..app import Console
    from .replication import ReplicationScreen


class ReplicationActs:
    """The acts of the Replication screen, loaded with their dialogs when the first is asked for."""

    def __init__(self, screen: ReplicationScreen) -> None:
        self._screen = screen

    @property
    def console(self) -> Console:
        """The app."""
        return self._screen.console

    def _status(self) -> TaskStatus:
        if self._screen.status is None:
            raise RefusedError("There is no task under the cursor.", "a protects a dataset, which makes one.")
        return self._screen.status

    # -- peers -------------------------------------------------------------------------------------------------

    async def do_peer_pair(self) -> str | None:
        """Address, then the fingerprint to compare, then the password once."""
        from .replication_pair import pair, paired

        peer = await pair(self.console)
        if peer is None:
            return None
        self._screen.show_tab("peers")
        return paired(peer)

    async def do_peer_remove(self) -> str | None:
        """Forget the peer under the cursor."""
        peer = self._screen.peer
        if peer is None:
            raise RefusedError("There is no peer under the cursor.")
        text = (
            f"Our key for {peer.name} is destroyed on this box, so nothing from here gets in there any more. "
            f"Nothing is done at {peer.name}: the line of that key stays in its list and opens nothing, until it is "
            "removed there. Copies stay on both. It is refused while a task uses the peer."
        )
        if not await ask(self.console, Confirm(f"Forget {peer.name}?", text, "Forget")):
            return None
        said = await self.console.services.replication.remove_peer(peer.name)
        return said or f"{peer.name} is forgotten."

    async def _peer(self) -> Peer:
        """The peer under the cursor, or the one of the task there."""
        if self._screen.peer is not None:
            return self._screen.peer
        status = self._screen.status
        if status is None:
            raise RefusedError("There is neither a peer nor a task under the cursor.", "t shows the peers.")
        name = status.task.peer or status.task.source_peer
        if name is None:
            raise RefusedError(f"{status.task.name} copies to another pool of this box: there is no peer.")
        found = [one for one in await self.console.services.replication.peers() if one.name == name]
        if not found:
            raise RefusedError(f"The peer {name} is not paired any more.", "n pairs it again.")
        return found[0]

    async def do_peer_test(self) -> str | None:
        """Log in at the peer with its key now."""
        peer = await self._peer()
        self.console.say(f"Logging in at {peer.name}…", "dim")
        return await self.console.services.replication.test_peer(peer.name)

    async def do_host_key(self) -> str | None:
        """The pinned host key, the one the box shows now, and what a difference means."""
        from .replication_hostkey import story

        peer = await self._peer()
        self.console.say(f"Asking {peer.address} for its host key…", "dim")
        try:
            shown, problem = (await self.console.services.replication.probe(peer.address, peer.port)).fingerprint, ""
        except DPlaneError as error:
            shown, problem = "", str(error)
        self.console.say("")
        changed = bool(shown) and shown != peer.host_fingerprint
        accept = self._helps("host-key-trust") if changed else None
        lines = story(peer, shown, problem, accept.key if accept else "")
        if await ask(self.console, Reader(f"Host key of {peer.name}", lines, accept.keys if accept else ())) and accept:
            self.console.perform(accept, self._screen)
        return None

    async def do_host_key_trust(self) -> str | None:
        """Accept another host key, whose fingerprint was read on the box itself."""
        from .replication_peers import trust

        return await trust(self.console, await self._peer())

    async def do_key_rotate(self) -> str | None:
        """A new key for the peer under the cursor."""
        from .replication_peers import new_key

        return await new_key(self.console, await self._peer())

    async def do_peer_by_line(self) -> str | None:
        """Pair without a password."""
        from .replication_paste import by_line

        return await by_line(self.console)

    async def do_peers_in(self) -> str | None:
        """Which boxes may come in here."""
        from .replication_incoming import incoming

        return await incoming(self.console)

    # -- tasks -------------------------------------------------------------------------------------------------

    async def do_protect(self) -> str | None:
        """The wizard that makes a task."""
        from .replication_protect import protect

        await self._made(await protect(self.console, None))
        return None

    async def do_task_import(self) -> str | None:
        """Tasks that take the place of the syncoid of this box's crontabs, or of a pasted line."""
        from .crontab_rows import told
        from .replication_crontab import from_syncoid

        made = await from_syncoid(self.console)
        if made is None or isinstance(made, Task):
            await self._made(made)
            return None
        self._screen.show_tab("tasks")
        self.console.poller.refresh()
        return told(made)

    async def _made(self, task: Task | None) -> None:
        """Show a task that was made, and ask whether it shall run."""
        from .replication_protect import offer_run

        if task is not None:
            self._screen.show_tab("tasks")
            self._screen.list.want(task.name)
            self.console.poller.refresh()
            await offer_run(self.console, task)

    async def do_task_run(self) -> str | None:
        """Start a run of the task under the cursor; it goes on without this console."""
        task = self._status().task
        self.console.say(f"Starting {task.name}…", "dim")
        run = await self.console.services.replication.start(task.name)
        if task.options.paused:
            self.console.say(f"The run {run} was started, but {task.name} is paused: nothing moves before p.", "warn")
            return None
        self.console.say(f"The run {run} was started. It goes on when this console is closed.", "text")
        return None

    async def do_task_plan(self) -> str | None:
        """What a run would do now."""
        from .replication_detail import plan_lines

        task = self._status().task
        self.console.say(f"Reading both sides for {task.name}…", "dim")
        plan = await self.console.services.replication.plan(task.name)
        self.console.say("")
        ways = self._helps("task-ways") if plan.conflicts else None
        lines = plan_lines(plan, self._screen.size.width - 4, ways.key if ways else "")
        reader = Reader(f"What a run of {task.name} would do", lines, ways.keys if ways else ())
        if await ask(self.console, reader) is not None and ways is not None:
            self.console.perform(ways, self._screen)
        return None

    def _helps(self, id: str) -> Action | None:
        """That action, if this person may do it here."""
        return next((act for act in self._screen.helpful if act.id == id), None)

    async def do_task_compare(self) -> str | None:
        """What each side has, by GUID."""
        from .replication_looks import compare

        ways = self._helps("task-ways")
        if await compare(self.console, self._status().task, ways) and ways is not None:
            self.console.perform(ways, self._screen)
        return None

    async def do_task_verify(self) -> str | None:
        """Read both sides and compare the content."""
        from .replication_looks import verify

        said = await verify(self.console, self._status().task)
        if said is not None:
            self.console.say(said)  # started is not done: never green
        return None

    async def do_task_ways(self) -> str | None:
        """What differs where a copy went its own way, and the way out that is chosen."""
        from .replication_ways import ways_out

        return await ways_out(self.console, self._status().task)

    async def do_restore(self) -> str | None:
        """Bring the copy home."""
        from .replication_restore import restore

        said = await restore(self.console, self._status())
        if said is not None:
            self.console.say(said, "text")  # started is not done: never green
        return None

    async def do_run_cancel(self) -> str | None:
        """Stop the run of the task under the cursor, or the one that only reads."""
        status = self._status()
        reads = self._screen.at_work
        run = at_work(status) or reads
        run_id = run.id if run is not None else ""
        if not run_id:
            raise RefusedError(f"{status.task.name} is not running.")
        text = "What has arrived stays there; the next run goes on from it."
        if reads is not None and run_id == reads.id:
            text = "It only reads. What it has found so far is kept, and nothing is claimed of the rest."
        elif run is not None and run.kind == "restore":
            text = "What has arrived stays here; the same restore to the same place goes on from it."
        if not await ask(self.console, Confirm(f"Stop the run of {status.task.name}?", text, "Stop it")):
            return None
        await self.console.services.replication.cancel(run_id)
        run = await self.console.services.replication.run(run_id)
        return f"The run {run.id} is {run.state}."

    async def do_task_remove(self) -> str | None:
        """Forget the task under the cursor."""
        task = self._status().task
        text = (
            "Its runs and all snapshots stay, here and there; its bookmarks and the holds that a killed run left go. "
            "Nobody watches how old the copy gets any more. While it runs, it is not forgotten: x stops it."
        )
        if not await ask(self.console, Confirm(f"Forget the task {task.name}?", text, "Forget")):
            return None
        left = await self.console.services.replication.remove_task(task.name)
        return f"The task {task.name} is forgotten. {left}".strip()

    # -- options -----------------------------------------------------------------------------------------------

    async def _change(self, name: str, **fields: object) -> Task:
        """Change options of a task as they are now, not as they were when the form was opened."""
        replication = self.console.services.replication
        options: Options = replace((await replication.task(name)).options, **fields)  # type: ignore[arg-type]  # of ours
        return await replication.set_options(name, options)

    async def do_task_pause(self) -> str | None:
        """Pause the task, or let it go on."""
        status = self._status()
        paused = not status.task.options.paused
        if paused:
            text = (
                "Nothing starts by itself any more, and a running transfer stands still. The copy grows old meanwhile."
            )
            if not await ask(self.console, Confirm(f"Pause {status.task.name}?", text, "Pause")):
                return None
        task = await self._change(status.task.name, paused=paused)
        return f"{task.name} is paused. p lets it go on." if task.options.paused else f"{task.name} may go on."

    async def do_task_limit(self) -> str | None:
        """How fast it may send."""
        task = self._status().task
        fields = (TextField("Limit", task.options.limit, id="limit", hint="none; e.g. 2M, or 08:00-18:00=1M full"),)
        text = (
            "Bytes a second, also by time of day. Empty is no limit, 0 holds it. A running transfer follows in seconds."
        )
        check = lambda values: rates.parse(_rate(values))  # noqa: E731
        values = await ask(self.console, Form(f"Limit of {task.name}", fields, "Set", text=text, check=check))
        if values is None:
            return None
        changed = await self._change(task.name, limit=_rate(values))
        limit = changed.options.limit
        return f"{changed.name} may send {limit} a second." if limit else f"{changed.name} has no limit any more."

    async def do_task_keep(self) -> str | None:
        """How old the copy may get, and which snapshots stay."""
        from .replication_keep import keep

        return await keep(self.console, self._status().task)

    async def do_task_prune(self) -> str | None:
        """Destroy what the task's policies do not keep, after a look."""
        from .replication_prune import prune

        return await prune(self.console, self._status().task)

    async def do_task_schedule(self) -> str | None:
        """When it runs by itself."""
        task = self._status().task
        fields = (
            TextField("When", task.options.schedule, id="schedule", hint="by hand; e.g. every 1h, daily 02:30"),
            TextField("Only between", task.options.window, id="window", hint="always; e.g. 22:00-06:00"),
        )
        text = (
            "every 15m, every 6h, daily 02:30, weekly Sun 03:00, monthly 1 04:00, boot 10m; several joined by a "
            "semicolon. Empty: by hand only."
        )
        dialog = Form(f"When {task.name} runs", fields, "Set", text=text, check=_check_schedule)
        values = await ask(self.console, dialog)
        if values is None:
            return None
        wanted = {name: value.strip() for name, value in values.items()}
        await self._change(task.name, **wanted)
        status = next(
            (one for one in await self.console.services.replication.tasks() if one.task.name == task.name), None
        )
        if status is None:
            raise RefusedError(f"The task {task.name} is no longer listed.")
        words = next_words(status, time.time())
        if words == "unknown":
            raise RefusedError(
                f"{task.name} has the schedule {status.task.options.schedule}, but systemd tells no next run of it.",
                "`dplane doctor` says what is missing.",
            )
        said = f"{task.name} runs {words}." if words != "paused" else f"The schedule is stored; {task.name} is paused."
        return f"{said} {doubt(status.task)}".strip()


def _rate(values: Values) -> str:
    typed = values["limit"].strip()
    return "" if typed in {"full", "none"} else typed


def _check_schedule(values: Values) -> None:
    schedule.parse(values["schedule"])
    if values["window"].strip():
        rates.parse_span(values["window"])
    schedule.refuse_never(values["schedule"], values["window"].strip())
