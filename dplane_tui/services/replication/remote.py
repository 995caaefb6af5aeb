"""The replication of a far box: its own `dplane` command does the work there, and answers in JSON."""

from __future__ import annotations

import json
from typing import Any, TypeVar

from ...errors import CommandError, MissingError
from ...text import clean
from ..asking import error_from
from ..host import Host
from ..retention.model import PruneWish, Pruning
from ..store import Notice
from .codec import decode
from .compare import Comparison
from .content import Wish
from .divergence import BESIDE, Divergence, Resolution
from .model import Copy, HostIdentity, Options, PairRequest, Peer, Plan, Restore, Run, Task, TaskStatus
from .options import words as option_words
from .places import place_of
from .rights import flags_of

T = TypeVar("T")
PRUNE_SECONDS = 1800.0
DPLANE = "/usr/local/bin/dplane"


class RemoteReplication:
    """Speaks to the `dplane` command of `host`. Every method as in `ReplicationService`."""

    def __init__(self, host: Host) -> None:
        self._host = host

    async def _ask(self, *words: str, stdin: bytes = b"", timeout: float = 90.0, despite: bool = False) -> Any:
        """The command's `data`. With `despite`, also data that comes with an error, as a plan with conflicts does."""
        output = await self._host.run([DPLANE, "--json", *words], stdin=stdin, timeout=timeout)
        try:
            answer = json.loads(output.text)
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            if output.status == 127:
                raise MissingError(
                    f"D-Plane is not installed on {self._host.name}.", "Install it there with `sudo make install`."
                )
            raise CommandError(f"dplane on {self._host.name} ended with status {output.status} and no answer.")
        if despite and answer.get("data") is not None:
            return answer["data"]
        if answer.get("ok") is not True:
            raise error_from(answer.get("error"))
        if output.status != 0:
            raise CommandError(f"dplane on {self._host.name} said that it was done, but ended with {output.status}.")
        return answer.get("data")

    def _decode(self, kind: type[T], data: Any) -> T:
        try:
            return decode(kind, data)
        except ValueError as error:
            raise CommandError(
                f"{self._host.name} answered what this release does not understand: {error}.",
                "Use the same D-Plane release on both.",
            ) from None

    def _list(self, kind: type[T], data: Any) -> tuple[T, ...]:
        if not isinstance(data, list):  # not an empty list: that would be “there is nothing”
            raise CommandError(
                f"{self._host.name} answered something that is no list.", "Use the same D-Plane release on both."
            )
        return tuple(self._decode(kind, item) for item in data)

    async def peers(self) -> tuple[Peer, ...]:
        return self._list(Peer, await self._ask("peer", "list"))

    async def tasks(self, *, look: bool = False) -> tuple[TaskStatus, ...]:  # noqa: ARG002 (the list always looks)
        return self._list(TaskStatus, await self._ask("replicate", "list"))

    async def runs(self, task: str | None = None, limit: int = 50) -> tuple[Run, ...]:
        words = [task] if task is not None else []
        return self._list(Run, await self._ask("replicate", "runs", "--limit", str(limit), *words))

    async def run(self, run_id: str) -> Run:
        return self._decode(Run, await self._ask("replicate", "run-show", run_id))

    async def probe(self, address: str, port: int) -> HostIdentity:
        return self._decode(HostIdentity, await self._ask("peer", "probe", f"{address}:{port}", timeout=180))

    async def own_key(self, name: str) -> str:
        data = await self._ask("peer", "key", "show", name, timeout=330)
        return clean(str(data.get("fingerprint", ""))) if isinstance(data, dict) else ""

    async def pair(self, request: PairRequest) -> Peer:
        root = ["--root", request.root] if request.root else []
        root += ["--may-read", request.may_read] if request.may_read else []
        root += [f"--{flag.replace('_', '-')}" for flag, given in flags_of(request).items() if given]
        where = f"{request.user}@{_bracketed(request.address)}:{request.port}"
        words = ["peer", "add", request.name, where, "--password-stdin", "--host-key", request.host_key, *root]
        data = await self._ask(*words, stdin=request.password.encode() + b"\n", timeout=330)
        return self._decode(Peer, data)

    async def test_peer(self, name: str) -> str:
        return _message(await self._ask("peer", "test", name, timeout=330))

    async def remove_peer(self, name: str) -> str:
        return _message(await self._ask("peer", "remove", name, "--yes", timeout=330))

    async def add_task(self, task: Task) -> Task:
        return self._decode(Task, await self._ask(*_task_words(task)))

    async def preview(self, task: Task) -> Plan:
        answer = await self._ask(*_task_words(task), "--dry-run", timeout=400, despite=True)
        return self._decode(Plan, answer)

    async def task(self, name: str) -> Task:
        return self._decode(TaskStatus, await self._ask("replicate", "show", name)).task

    async def set_options(
        self,
        name: str,
        options: Options,
        rpo: int | None = None,
        *,
        recursive: bool | None = None,
        snapshot: bool | None = None,
        timed: bool = False,
    ) -> Task:
        before = (await self.task(name)).options
        words = [*option_words(options, before), *([] if rpo is None else [f"--rpo={rpo}"])]
        words += [] if recursive is None else ["--recursive" if recursive else "--no-recursive"]
        words += [] if snapshot is None else ["--snapshot" if snapshot else "--no-snapshot"]
        words += [f"--schedule={options.schedule}"] if timed and options.schedule == before.schedule else []
        changed = self._decode(Task, await self._ask("replicate", "set", name, *words))
        if changed.options.paused != options.paused:
            changed = self._decode(Task, await self._ask("replicate", "pause" if options.paused else "resume", name))
        return changed

    async def remove_task(self, name: str) -> str:
        return _message(await self._ask("replicate", "remove", name, timeout=400))

    async def plan(self, name: str) -> Plan:
        return self._decode(Plan, await self._ask("replicate", "run", name, "--dry-run", timeout=400, despite=True))

    async def prune(self, name: str, wish: PruneWish) -> Pruning:
        words = ["replicate", "prune", name]
        words += ["--dry-run"] if wish.dry else []
        words += ["--ahead"] if wish.ahead else []
        words += [f"--keep-source={wish.keep_source}"] if wish.keep_source is not None else []
        words += [f"--keep-target={wish.keep_target}"] if wish.keep_target is not None else []
        words += [f"--backlog={wish.backlog}"] if wish.backlog is not None else []
        return self._decode(Pruning, await self._ask(*words, timeout=PRUNE_SECONDS + 60, despite=True))

    async def conflicts(self, name: str) -> tuple[Divergence, ...]:
        return self._list(Divergence, await self._ask("replicate", "resolve", name, "--dry-run", timeout=400))

    async def resolve(self, name: str, wish: Resolution) -> Run:
        way = [f"--{wish.way}={wish.to}"] if wish.way == BESIDE else [f"--{wish.way}"]
        words = [name, f"--dataset={wish.dataset}", *way, f"--plan={wish.plan}", "--yes"]
        return self._decode(Run, await self._ask("replicate", "resolve", *words, timeout=400))

    async def start(self, name: str) -> str:
        return self._decode(Run, await self._ask("replicate", "run", name, "--detach")).id

    async def restore(self, name: str, wish: Restore) -> str:
        words = ["replicate", "restore", name, f"--to={wish.to}", "--detach"]
        words += [f"--dataset={wish.below}"] if wish.below else []
        words += [f"--snapshot={wish.snapshot}"] if wish.snapshot else []
        words += ["--recursive"] if wish.recursive else ["--alone"]
        words += [] if wish.history else ["--newest-only"]
        return self._decode(Run, await self._ask(*words)).id

    async def compare(self, name: str) -> Comparison:
        data = await self._ask("replicate", "compare", name, timeout=400, despite=True)
        return self._decode(Comparison, data)

    async def copies(self, name: str) -> tuple[Copy, ...]:
        return self._list(Copy, await self._ask("replicate", "restore", name, "--list", timeout=400))

    async def verify(self, name: str, wish: Wish) -> str:
        words = ["replicate", "verify", name, "--content", f"--sample={wish.percent}%", "--detach"]
        words += [f"--dataset={wish.below or '.'}"] if wish.below is not None else []
        words += [f"--snapshot={wish.snapshot}"] if wish.snapshot else []
        words += [f"--seed={wish.seed}"] if wish.seed else []
        return self._decode(Run, await self._ask(*words)).id

    async def cancel(self, run_id: str) -> None:
        await self._ask("replicate", "cancel", run_id, timeout=180)

    async def notices(self) -> tuple[Notice, ...]:
        return self._list(Notice, await self._ask("replicate", "notices"))


def _task_words(task: Task) -> list[str]:
    """The command that makes `task`."""
    source, target = place_of(task.source_peer, task.source), place_of(task.peer, task.target)
    words = ["replicate", "add", task.name, "--source", source, "--to", target, "--rpo", str(task.rpo)]
    words += ["--recursive"] if task.recursive else []
    words += ["--no-snapshot"] if not task.snapshot else []
    words += [] if task.raw is None else ["--raw" if task.raw else "--plain"]
    return [*words, *option_words(task.options)]


def _message(data: Any) -> str:
    return str(data.get("message", "")) if isinstance(data, dict) else ""


def _bracketed(address: str) -> str:
    return f"[{address}]" if ":" in address else address
