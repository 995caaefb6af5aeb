"""What a way out of a conflict does at the target, for each kind of target. The GUID is compared right before."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

from ...errors import ChangedError, CommandError, MissingError, NotAllowedError
from ...lazyclass import dataclass
from ...text import clean
from ..door import Door
from ..host import Host
from . import answers, failures
from .divergence import Extra, details, details_argv, goes, rollback_plan
from .model import Peer
from .read import Dataset
from .targets import AgentTarget, LocalTarget, PlainTarget, Target
from .transport import Link


@dataclass(frozen=True, slots=True)
class Seen:
    """A target's snapshots in detail, by GUID, and whether it lets itself be rolled back from here."""

    snapshots: dict[str, Extra]
    may_roll_back: bool
    why_not: str = ""


class Amends(Protocol):
    """What can be done about a conflict at a target. Methods raise only `DPlaneError`s."""

    target: Target

    async def look(self, dataset: str) -> Seen:
        """What its snapshots hold."""
        ...

    async def set_aside(self, there: Dataset, to: str) -> None:
        """Rename it, with all below it."""
        ...

    async def roll_back(self, there: Dataset, snapshot: str) -> None:
        """Take it back to that snapshot, destroying what is newer."""
        ...


class LocalAmends:
    """Another pool of this box, with the rights of whoever runs this."""

    def __init__(self, host: Host, door: Door) -> None:
        self.target: Target = LocalTarget(host, door)
        self._host = host
        self._door = door

    async def look(self, dataset: str) -> Seen:
        listed = await self._host.run(details_argv(dataset), timeout=300)
        if listed.status != 0:
            raise failures.of_zfs(listed.error, f"{dataset} could not be listed")
        return Seen(details(listed.text, dataset), True)

    async def set_aside(self, there: Dataset, to: str) -> None:
        await self._door.call(
            "dataset-set-aside", dataset=there.name, guid=there.properties["guid"], to=to, kind=there.kind
        )

    async def roll_back(self, there: Dataset, snapshot: str) -> None:
        guid = next(point.guid for point in there.snapshots if point.name == snapshot)
        newer: dict[str, Any] = (
            {"destroy_newer": True, "plan": rollback_plan(there, snapshot)} if goes(there, snapshot) else {}
        )
        await self._door.call("snapshot-rollback", timeout=320, snapshot=f"{there.name}@{snapshot}", guid=guid, **newer)


class AgentAmends:
    """A peer with the product."""

    def __init__(self, link: Link) -> None:
        self.target: Target = AgentTarget(link)
        self._link = link

    async def look(self, dataset: str) -> Seen:
        answer = await self._link.ask({"op": "details", "dataset": dataset}, limit=answers.LISTING_LIMIT)
        listed, _ = answers.sound_listing(answer.get("list"), "", self._link.peer.name)
        return Seen(details(listed, dataset), answer.get("may_rollback") is True, self._not_given(dataset))

    def _not_given(self, dataset: str) -> str:
        return (
            f"our key has no right to roll back at {self._link.peer.name}; an administrator there runs "
            f"`dplane snapshot rollback '{dataset}@SNAPSHOT' --destroy-newer`, or pair again with --may-rollback"
        )

    async def set_aside(self, there: Dataset, to: str) -> None:
        fields = {"dataset": there.name, "guid": there.properties["guid"], "to": to, "kind": there.kind}
        await self._link.ask({"op": "aside", **fields})

    async def roll_back(self, there: Dataset, snapshot: str) -> None:
        guid = next(point.guid for point in there.snapshots if point.name == snapshot)
        fields = {"dataset": there.name, "snapshot": snapshot, "guid": guid, "plan": rollback_plan(there, snapshot)}
        await self._link.ask({"op": "rollback", **fields}, timeout=320)


class PlainAmends:
    """A peer with only ZFS and sshd: `zfs` there, as the account may."""

    def __init__(self, link: Link) -> None:
        self._plain = PlainTarget(link)
        self.target: Target = self._plain
        self._link = link

    async def look(self, dataset: str) -> Seen:
        listed = await self._link.run(details_argv(dataset), limit=answers.LISTING_LIMIT)
        if listed.status != 0:
            raise failures.of_zfs(listed.error, f"{self._link.peer.name} could not list {dataset}")
        return Seen(details(answers.sound_listing(listed.text, "", self._link.peer.name)[0], dataset), True)

    async def _do(self, name: str, guid: str, *words: str) -> None:
        now = await self._link.run(["zfs", "get", "-Hp", "-o", "value", "guid", name])
        if now.text.strip() != guid:
            raise ChangedError(f"{clean(name)} on {self._link.peer.name} is not what you saw.", "Look at it again.")
        done = await self._link.run([*self._plain.zfs, *words], timeout=320)
        if done.status == 0:
            return
        if "permission denied" in done.error.lower():
            command = " ".join(["zfs", *words])
            raise NotAllowedError(
                f"{self._link.peer.user} on {self._link.peer.name} may not do that.",
                f"An administrator there runs `{clean(command, 600)}`.",
            )
        raise failures.of_zfs(done.error, f"{name} could not be changed on {self._link.peer.name}")

    async def set_aside(self, there: Dataset, to: str) -> None:
        words = ["rename", *(["-u"] if there.kind == "filesystem" else []), "--", there.name, to]
        await self._do(there.name, there.properties["guid"], *words)

    async def roll_back(self, there: Dataset, snapshot: str) -> None:
        guid = next(point.guid for point in there.snapshots if point.name == snapshot)
        now, _ = await self.target.read(there.name, False)
        if there.name not in now or goes(now[there.name], snapshot) != goes(there, snapshot):
            raise ChangedError(f"What a rollback of {there.name} destroys has changed.", "Look at it again.")
        await self._do(f"{there.name}@{snapshot}", guid, "rollback", "-r", "--", f"{there.name}@{snapshot}")


def amends_for(peer: Peer | None, host: Host, ssh_folder: Path, run_folder: Path) -> Amends:
    """The kind that a task's target is."""
    if peer is None:
        return LocalAmends(host, Door(host))
    link = Link(peer, ssh_folder, run_folder)
    return AgentAmends(link) if peer.product else PlainAmends(link)


def must_have(found: Dataset | None, name: str) -> Dataset:
    """It, which was there a moment ago. Raises MissingError."""
    if found is None:
        raise MissingError(f"{name} is not at the target any more.", "Run the task again.")
    return found


def not_done(what: str) -> CommandError:
    """The error for an act that the read-back does not confirm."""
    return CommandError(f"{what}, but the target does not show it: this is not a success.", "Look at the target.")
