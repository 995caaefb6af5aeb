"""What the Replication screen does: pairs, adds tasks, runs them, says what came of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import RefusedError
from ..services.replication.model import PairRequest, Task, TaskStatus
from ..widgets.dialogs import Confirm, Form, Reader, Values, ask
from ..widgets.fields import Choice, TextField

if TYPE_CHECKING:
    from ..app import Console
    from .replication import ReplicationScreen

_RPO = (("3600", "1 hour"), ("21600", "6 hours"), ("86400", "1 day"), ("604800", "1 week"))


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
            raise RefusedError("There is no task under the cursor.", "a adds one.")
        return self._screen.status

    async def do_peer_pair(self) -> str | None:
        """Address, then the fingerprint to compare, then the password once."""
        fields = (
            TextField("Name", id="name", hint="how you call it, e.g. nas-b"),
            TextField("Address", id="address", hint="host name or IP address"),
            TextField("Port", "22", id="port"),
            TextField("User", "owner", id="user", hint="an account there that may administer D-Plane"),
            TextField("Confine to", id="root", hint="optional dataset there, e.g. backup"),
        )
        text = "A key is made here for that box. Nothing is sent before you have seen its fingerprint."
        place = await ask(self.console, Form("Pair a box", fields, "Look", text=text, check=_check_place))
        if place is None:
            return None
        self.console.say(f"Asking {place['address']} for its host key…", "dim")
        found = await self.console.services.replication.probe(place["address"].strip(), int(place["port"]))
        self.console.say("")
        question = (
            f"{place['address']} shows this host key:\n\n  {found.fingerprint}\n\n"
            "Compare it with the one on that box's own screen (ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub). "
            "It is pinned from now on."
        )
        if not await ask(self.console, Confirm("Is it really that box?", question, "It is the same")):
            return None
        return await self._pair(place, found.key)

    async def _pair(self, place: Values, host_key: str) -> str | None:
        secret = (TextField("Password", id="password", secret=True),)
        who = f"{place['user']}@{place['address']}"
        text = f"The password of {who}, used once to hand over the new key. It is not kept anywhere."
        given = await ask(self.console, Form(f"Password of {who}", secret, "Pair", text=text))
        if given is None:
            return None
        self.console.say(f"Pairing with {place['name']}…", "dim")
        request = PairRequest(
            name=place["name"].strip(),
            user=place["user"].strip(),
            address=place["address"].strip(),
            port=int(place["port"]),
            password=given.pop("password"),
            host_key=host_key,
            root=place["root"].strip() or None,
        )
        peer = await self.console.services.replication.pair(request)
        self._screen.show_tab("peers")
        return f"Paired with {peer.name}; a login with the new key worked. Our key: {peer.key_fingerprint}."

    async def do_peer_remove(self) -> str | None:
        """Forget the peer under the cursor."""
        peer = self._screen.peer
        if peer is None:
            raise RefusedError("There is no peer under the cursor.")
        text = f"Tasks to {peer.name} stop working. Its copy of the key is removed there if it can be reached."
        if not await ask(self.console, Confirm(f"Forget {peer.name}?", text, "Forget")):
            return None
        said = await self.console.services.replication.remove_peer(peer.name)
        return said or f"{peer.name} is forgotten."

    async def do_task_add(self) -> str | None:
        """Source dataset, peer, target."""
        services = self.console.services
        peers = await services.replication.peers()
        if not peers:
            raise RefusedError("There is no peer to replicate to yet.", "n pairs one.")
        datasets = await services.zfs.datasets()
        if not datasets:
            raise RefusedError("This box has no dataset to replicate.", "Create one in Pools (1).")
        sources = sorted(datasets, key=lambda one: "/" not in one.name)
        fields = (
            TextField("Name", id="name", hint="how you call the task"),
            Choice("Source", [(one.name, one.name) for one in sources], id="source"),
            Choice("Below as well", (("", "no, only this one"), ("yes", "yes, every dataset below")), id="recursive"),
            Choice("Peer", [(peer.name, f"{peer.name} ({peer.address})") for peer in peers], id="peer"),
            TextField("Target", id="target", hint="dataset there, e.g. backup/home"),
            Choice("Late after", _RPO, "86400", id="rpo"),
        )
        roots = {peer.name: peer.root for peer in peers}

        def preview(values: Values) -> list[str]:
            below = f" It may receive below {roots[values['peer']]} only." if roots.get(values["peer"]) else ""
            return [f"{values['source']} → {values['peer']}:{values['target'] or '?'}.{below}"]

        values = await ask(self.console, Form("New task", fields, "Add", preview=preview, check=_task))
        if values is None:
            return None
        task = await services.replication.add_task(_task(values))
        self._screen.show_tab("tasks")
        return f"The task {task.name} was added. u runs it now."

    async def do_task_run(self) -> str | None:
        """Start a run of the task under the cursor; it goes on without this console."""
        task = self._status().task
        self.console.say(f"Starting {task.name}…", "dim")
        run = await self.console.services.replication.start(task.name)
        self.console.say(f"The run {run} was started. It goes on when this console is closed.", "text")
        return None

    async def do_task_plan(self) -> str | None:
        """What a run would do now."""
        from ..cli.replicate import describe_plan

        task = self._status().task
        self.console.say(f"Reading both sides for {task.name}…", "dim")
        plan = await self.console.services.replication.plan(task.name)
        self.console.say("")
        await ask(
            self.console,
            Reader(
                f"What a run of {task.name} would do", [[(line, "text")] for line in describe_plan(plan).split("\n")]
            ),
        )
        return None

    async def do_run_cancel(self) -> str | None:
        """Stop the run of the task under the cursor."""
        status = self._status()
        if status.last is None or status.last.state not in {"queued", "running"}:
            raise RefusedError(f"{status.task.name} is not running.")
        text = "What has arrived stays there; the next run goes on from it."
        if not await ask(self.console, Confirm(f"Stop the run of {status.task.name}?", text, "Stop it")):
            return None
        await self.console.services.replication.cancel(status.last.id)
        run = await self.console.services.replication.run(status.last.id)
        return f"The run {run.id} is {run.state}."

    async def do_task_remove(self) -> str | None:
        """Forget the task under the cursor."""
        task = self._status().task
        text = "Its runs and everything on the pools stay, here and there."
        if not await ask(self.console, Confirm(f"Forget the task {task.name}?", text, "Forget")):
            return None
        await self.console.services.replication.remove_task(task.name)
        return f"The task {task.name} is forgotten."


def _check_place(values: Values) -> None:
    for key, what in (("name", "a name"), ("address", "an address"), ("user", "a user")):
        if not values[key].strip():
            raise RefusedError(f"The box needs {what}.")
    if not values["port"].isdigit() or not 0 < int(values["port"]) < 65536:
        raise RefusedError("The port is a number from 1 to 65535.")


def _task(values: Values) -> Task:
    from ..services.replication.service import check_task

    task = Task(
        name=values["name"].strip(),
        source=values["source"],
        peer=values["peer"],
        target=values["target"].strip(),
        recursive=bool(values["recursive"]),
        rpo=int(values["rpo"]),
    )
    if not task.target:
        raise RefusedError("The task needs a target: a dataset on the peer.")
    return check_task(task)
