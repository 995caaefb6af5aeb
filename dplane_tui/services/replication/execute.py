"""A run: read both sides, plan, send, read back what arrived. Success is only what the target was seen to list."""

from __future__ import annotations

import asyncio
import calendar
import hashlib
import random
import re
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ... import text
from ...errors import (
    AuthenticationError,
    CommandError,
    DivergedError,
    DPlaneError,
    HostKeyError,
    MissingError,
    RefusedError,
    UnreachableError,
)
from ..door import Door, request_line
from ..host import Host
from ..jobs.report import Reporter
from ..store import Store
from . import codec, failures, records
from .model import Evidence, Match, Peer, Plan, Step, Task
from .plan import OWN_SNAPSHOT, make_plan, wants_snapshot
from .read import Dataset, Side, get_argv, is_missing, list_argv, parse
from .settle import settled
from .stream import Command, Transfer, transfer
from .targets import Target

RECONNECTS = (3.0, 10.0)
_LIST_SECONDS = 300.0
_NAMES_AT_ONCE = 500
_OWN_TIME = "%Y-%m-%dT%H-%M-%SZ"
_FLAGS = {"compressed": True, "large_blocks": True, "embedded": True}  # never changed for a chain


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended well."""

    state: str
    message: str


class Execution:
    """One run of one task."""

    def __init__(
        self, task: Task, peer: Peer | None, target: Target, host: Host, store: Store, run_id: str, report: Reporter
    ) -> None:
        self._task = task
        self._target = target
        self._host = host
        self._door = Door(host)
        self._store = store
        self._run_id = run_id
        self._report = report
        self._sent = 0
        # Whose base it is: the box and the place, not the task's name, which may change.
        whose = f"{peer.host_key if peer else 'local'}|{task.target}"
        self._mark = f"{OWN_SNAPSHOT}{hashlib.sha256(whose.encode()).hexdigest()[:8]}-"
        self._source: Side = {}
        self._listed = ""

    async def run(self) -> Outcome:
        """Everything, with a few attempts when the connection breaks. Raises DPlaneError."""
        lost: UnreachableError | None = None
        for pause in (*RECONNECTS, None):
            try:
                return await self._once()
            except (HostKeyError, AuthenticationError):
                raise
            except UnreachableError as error:
                if not self._sent:  # never got anywhere: a person is told at once
                    raise
                print(f"dplane: {error}", file=sys.stderr)  # for the journal: a run that heals keeps it to itself
                lost = lost or error  # how far it got says more than that it cannot be reached now
                if pause is None:
                    raise lost from None
            finally:
                await self._target.close()
            self._report.update(stage="the connection was lost; trying again", rate_bps=None, eta_s=None)
            await asyncio.sleep(pause * random.uniform(0.8, 1.2))  # noqa: S311
        raise AssertionError

    async def dry(self) -> Plan:
        """The plan that `run` would execute now. Changes nothing."""
        try:
            await self._target.open()
            return await self._plan(take=False)
        finally:
            await self._target.close()

    async def _once(self) -> Outcome:
        self._report.update(stage="connecting")
        await self._target.open()
        self._report.update(stage="reading both sides")
        plan = await self._plan(take=True)
        await records.update_run(self._store, self._run_id, plan=codec.dumps(plan))
        refuse_conflicts(plan)
        refuse_no_space(plan, self._target.name)
        await self._found_there(plan.matches)
        for abort in plan.aborts:
            await self._target.abort(abort.target, abort.token)
        if any(step.raw for step in plan.steps):
            await records.set_raw(self._store, self._task.name, True)
        done = 0
        for number, step in enumerate(plan.steps):
            self._report.update(stage=f"sending {text.clean(step.dataset)}", stages_done=number)
            done += await self._step(step, done, plan)
        if not plan.steps and not self._sent:
            return nothing_new(plan)
        # An attempt before this one may have delivered what it could no longer read back.
        return Outcome("succeeded", f"{text.size(self._sent)} sent; the target was read and lists every snapshot.")

    # reading and planning

    async def _plan(self, *, take: bool) -> Plan:
        """The plan; with `take`, the snapshot it begins with is taken, and the plan names its GUIDs."""
        self._source = await self._read_source()
        there, available = await self._target.read(self._task.target, self._task.recursive)
        if not wants_snapshot(self._task, self._source):
            plan = make_plan(self._task, self._source, there, None, available)
            if plan.steps or plan.conflicts or not self._task.snapshot:
                return await self._estimated(plan)
            # `written` counts only what is on the disks: what was written a moment ago must not pass for nothing new.
            await settled(self._task.source.split("/")[0])
            self._source = parse(self._listed, await self._get_source())
            if not wants_snapshot(self._task, self._source):
                return plan
        name = OWN_SNAPSHOT + time.strftime(_OWN_TIME, time.gmtime())
        plan = make_plan(self._task, self._source, there, name, available)
        if not take or plan.conflicts:
            return await self._estimated(plan)
        await self._door.call("snapshot-create", snapshot=f"{self._task.source}@{name}", recursive=self._task.recursive)
        self._source = await self._read_source()
        plan = replace(make_plan(self._task, self._source, there, None, available), snapshot=name)
        return await self._estimated(plan)

    async def _read_source(self) -> Side:
        task = self._task
        got = await self._get_source()
        listed = await self._host.run(list_argv(task.source, task.recursive), timeout=_LIST_SECONDS)
        if listed.status != 0:
            raise failures.of_zfs(listed.error, f"{task.source} could not be listed")
        self._listed = listed.text
        return parse(listed.text, got)

    async def _get_source(self) -> str:
        task = self._task
        got = await self._host.run(get_argv(task.source, task.recursive), timeout=_LIST_SECONDS)
        if got.status != 0 and is_missing(got.error):
            raise MissingError(
                f"The source {task.source} of the task {task.name} does not exist on this machine (any more).",
                "Import its pool, or remove the task.",
            )
        if got.status != 0:
            raise failures.of_zfs(got.error, f"{task.source} could not be looked at")
        if not got.text.startswith(f"{task.source}\t"):
            raise CommandError(f"ZFS listed nothing for {task.source}.")
        return got.text

    async def _estimated(self, plan: Plan) -> Plan:
        return replace(plan, steps=tuple([await self._estimate(step) for step in plan.steps]))

    async def _estimate(self, step: Step) -> Step:
        """`step` with the size ZFS expects; as it was when ZFS cannot tell."""
        if not step.guid:
            return step
        try:
            if step.token:
                answer = await self._door.call("send-resume-estimate", **_resumed(step))
            else:
                answer = await self._door.call("send-estimate", **_sent(step))
        except CommandError:
            return step
        found = re.search(r"^size\t(\d+)$", str(answer.get("stdout", "")), re.MULTILINE)
        return replace(step, size=int(found[1])) if found else step

    # sending

    async def _step(self, step: Step, before: int, plan: Plan) -> int:
        """Send one stream and prove that it arrived; returns its bytes."""
        dataset = self._source[step.dataset]
        await self._keep_base(dataset, step)
        begun = time.time()
        receive = await self._target.receive(step)
        verb, args = ("send-resume", _resumed(step)) if step.token else ("send", {**_sent(step), "guid": step.guid})
        send = Command(await self._door.argv(), request_line(verb, args))
        known = [other.size for other in plan.steps]
        total = None if None in known else sum(size or 0 for size in known)
        done = await transfer(send, receive, lambda count: self._report.bytes(before + count, total))
        self._sent += done.count
        await records.update_run(self._store, self._run_id, bytes=self._sent)
        self._judge(step, done)
        self._report.update(stage=f"reading back {text.clean(step.target)}")
        await self._prove(step, done.count, begun)
        return done.count

    def _judge(self, step: Step, done: Transfer) -> None:
        """Raise unless both programs say that all went well."""
        if done.end == "stalled":
            raise CommandError(
                f"The stream of {step.dataset} to {self._target.name} stood still after {text.size(done.count)}.",
                "The next run goes on from there.",
            )
        try:
            if done.send_failed and done.receive_status != 255:
                raise failures.of_zfs(done.send_said, f"{step.dataset}@{step.snapshot} could not be sent")
            self._target.check(step, done)
        except (HostKeyError, AuthenticationError):
            raise
        except UnreachableError as error:
            raise UnreachableError(
                f"The connection to {self._target.name} was lost after {text.size(done.count)} of about "
                f"{text.size(step.size)} of {step.dataset}@{step.snapshot}.",
                f"The next run resumes there. ({error.message})",
            ) from None

    async def _prove(self, step: Step, count: int, begun: float) -> None:
        """Read the target again: only a snapshot that it lists with the source's GUID counts."""
        there, _ = await self._target.read(step.target, False)
        dataset = there.get(step.target)
        found = next((point for point in dataset.snapshots if point.name == step.snapshot), None) if dataset else None
        guid = found.guid if found else ""
        now = time.time()
        proof = Evidence(step.dataset, step.target, step.snapshot, step.guid, guid, count, step.base, now - begun, now)
        name = f"{step.dataset}@{step.snapshot}"
        await records.add_evidence(self._store, self._run_id, proof, (await self._creations([name])).get(name))
        if not proof.proven:
            raise CommandError(
                f"{self._target.name} took the stream, but lists {step.target}@{step.snapshot} "
                f"{'with another GUID' if guid else 'not at all'}: this is not a success.",
                "Run again; if it stays, look at the target's pool.",
            )
        await self._drop_old_bases(self._source[step.dataset], step.guid)

    async def _found_there(self, matches: Sequence[Match]) -> None:
        """The target was read in this run and has these newest snapshots: that is evidence too."""
        created = await self._creations([f"{match.dataset}@{match.snapshot}" for match in matches])
        for match in matches:
            now = time.time()
            proof = Evidence(match.dataset, match.target, match.snapshot, match.guid, match.guid, 0, None, 0.0, now)
            await records.add_evidence(
                self._store, self._run_id, proof, created.get(f"{match.dataset}@{match.snapshot}")
            )

    async def _creations(self, snapshots: Sequence[str]) -> dict[str, float]:
        """When snapshots were taken. Our own names tell; the others are asked for with one command."""
        found = {name: when for name in snapshots if (when := named_time(name)) is not None}
        others = [name for name in snapshots if name not in found]
        for start in range(0, len(others), _NAMES_AT_ONCE):
            argv = ["zfs", "get", "-Hp", "-o", "name,value", "creation", *others[start : start + _NAMES_AT_ONCE]]
            for line in (await self._host.run(argv, timeout=_LIST_SECONDS)).text.splitlines():
                name, _, value = line.partition("\t")
                if value.isascii() and value.isdigit():
                    found[name] = float(value)
        return found

    # bases that survive

    async def _keep_base(self, dataset: Dataset, step: Step) -> None:
        """Bookmark what is about to be sent: the next base even if the snapshot is destroyed, or we are killed.

        Until the target lists that GUID the bookmark is tentative; the planner matches by GUID, so it never misleads.
        """
        name = f"{self._mark}{int(step.guid):016x}"
        if any(mark.name == name for mark in dataset.bookmarks):
            return
        await self._door.call(
            "bookmark-create",
            snapshot=f"{dataset.name}@{step.snapshot}",
            guid=step.guid,
            bookmark=f"{dataset.name}#{name}",
        )

    async def _drop_old_bases(self, dataset: Dataset, proven: str) -> None:
        """Our other bookmarks for this target are of no use now. What cannot be removed is tried again next time."""
        for mark in dataset.bookmarks:
            if mark.name.startswith(self._mark) and mark.guid != proven:
                try:
                    await self._door.call("bookmark-destroy", bookmark=f"{dataset.name}#{mark.name}", guid=mark.guid)
                except UnreachableError:
                    raise
                except DPlaneError:
                    continue


def named_time(snapshot: str) -> float | None:
    """The time that the name of a snapshot of ours says; None for a name of another kind."""
    short = snapshot.rpartition("@")[2]
    if not short.startswith(OWN_SNAPSHOT):
        return None
    try:
        return float(calendar.timegm(time.strptime(short[len(OWN_SNAPSHOT) :], _OWN_TIME)))
    except ValueError:
        return None


def _sent(step: Step) -> dict[str, Any]:
    """The door's arguments that say what is sent."""
    return {
        "snapshot": f"{step.dataset}@{step.snapshot}",
        "from": step.base,
        "intermediates": step.intermediates or None,
        "raw": step.raw or None,
        **_FLAGS,
    }


def _resumed(step: Step) -> dict[str, Any]:
    return {
        "snapshot": f"{step.dataset}@{step.snapshot}",
        "guid": step.guid,
        "token": step.token,
        "raw": step.raw or None,
    }


def refuse_conflicts(plan: Plan) -> None:
    """Raise DivergedError for a plan with conflicts: nothing is sent at all."""
    if plan.conflicts:
        more = f" And {len(plan.conflicts) - 1} more dataset(s) conflict." if len(plan.conflicts) > 1 else ""
        raise DivergedError(
            plan.conflicts[0].text + more,
            "Nothing was sent or destroyed. Keep what the target has and choose a new target, "
            "or bring the target back to a common snapshot by hand.",
        )


def refuse_no_space(plan: Plan, name: str) -> None:
    """Raise RefusedError before the first byte when the target cannot hold what would be sent."""
    need = sum(step.size or 0 for step in plan.steps)
    if plan.available is not None and need > plan.available:
        raise RefusedError(
            f"{name} has {text.size(plan.available)} free for {plan.steps[0].target}, and this run would send about "
            f"{text.size(need)}: nothing was sent.",
            "Free some space there, or choose another target.",
        )


def nothing_new(plan: Plan) -> Outcome:
    """The outcome of a plan without streams."""
    if not plan.matches:
        raise RefusedError(
            "There is nothing that could be sent: no dataset of the task has a snapshot.",
            "Let the task take its own snapshots, or take one.",
        )
    newest: Sequence[str] = sorted({match.snapshot for match in plan.matches})
    return Outcome("nothing-new", f"Nothing new: the target was read and has @{newest[-1]}.")


def target_for(peer: Peer | None, host: Host, ssh_folder: Path, run_folder: Path) -> Target:
    """The kind of target that a task's peer is."""
    from .targets import AgentTarget, LocalTarget, PlainTarget
    from .transport import Link

    if peer is None:
        return LocalTarget(host, Door(host))
    link = Link(peer, ssh_folder, run_folder)
    return AgentTarget(link) if peer.product else PlainTarget(link)
