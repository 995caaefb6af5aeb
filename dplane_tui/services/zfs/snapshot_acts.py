"""Acts on snapshots beyond taking, destroying and rolling back one: names, holds, many at once, differences."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from privhelper.failure import CODES

from ...errors import CommandError, DPlaneError, RefusedError
from ...text import clean
from ..door import failure, request_line, without_answer
from . import names
from .diff import Change, parse_change
from .model import Dataset, Preview, Snapshot
from .service import ZfsService, read_preview

OUR_HOLD = "dplane-keep"
_BATCH_BYTES = 48 << 10  # of a request, which may have 64 KiB
_BATCH = 1000


def batches(chosen: Sequence[Snapshot]) -> list[dict[str, str]]:
    """Name → GUID of snapshots of one dataset, in parts that each fit into one request."""
    parts: list[dict[str, str]] = []
    room = 0
    for one in chosen:
        size = len(json.dumps({one.short: one.guid}))
        if not parts or room < size or len(parts[-1]) >= _BATCH:
            parts.append({})
            room = _BATCH_BYTES
        parts[-1][one.short] = one.guid
        room -= size
    return parts


class SnapshotActs(ZfsService):
    """Renames, holds, destroys several, compares."""

    async def rename_snapshot(self, snapshot: Snapshot, short: str) -> Snapshot:
        """Rename a snapshot of one dataset (not those below). Returns it as it is then called."""
        to = names.snapshot(f"{snapshot.dataset}@{short}")
        await self.door.call("snapshot-rename", snapshot=snapshot.name, guid=snapshot.guid, to=to)
        found = await self.snapshot_named(to)
        if found.guid != snapshot.guid:
            raise CommandError(f"ZFS took the order, but {to} is another snapshot now.", "Look at it again.")
        return found

    async def holds(self, snapshot: Snapshot) -> tuple[str, ...]:
        """The tags that keep it from being destroyed."""
        output = await self._run(["zfs", "holds", "-H", names.snapshot(snapshot.name)])
        rows = [line.split("\t") for line in output.text.splitlines()]
        return tuple(row[1] for row in rows if len(row) > 1)

    async def hold(self, snapshot: Snapshot, tag: str = OUR_HOLD) -> tuple[str, ...]:
        """Keep it from being destroyed. Returns the tags it has then."""
        await self.door.call("hold-add", snapshot=snapshot.name, guid=snapshot.guid, tag=tag)
        found = await self.holds(snapshot)
        if tag not in found:
            raise CommandError(f"ZFS took the order, but {snapshot.name} has no hold {tag}.", "Look at it again.")
        return found

    async def release(self, snapshot: Snapshot, tag: str = OUR_HOLD) -> tuple[str, ...]:
        """Release a hold that a person set. Returns the tags that are left. Those of runs and of others are refused."""
        if not tag.startswith(OUR_HOLD):
            raise RefusedError(
                f"The hold {clean(tag, 60)} was not set by a person here, so it is not released from here.",
                "A run of a replication releases its own; `zfs release` as root takes any.",
            )
        await self.door.call("hold-release", snapshot=snapshot.name, guid=snapshot.guid, tag=tag)
        found = await self.holds(snapshot)
        if tag in found:
            raise CommandError(f"ZFS took the order, but {snapshot.name} still has the hold {tag}.", "Look again.")
        return found

    async def destroy_many_preview(self, dataset: Dataset, chosen: Sequence[Snapshot]) -> Preview:
        """What destroying several snapshots of one dataset frees, all of them together. Nothing is changed.

        Raises RefusedError for what ZFS would refuse in the end: one of them is held, or a clone hangs on it. Of more
        than one batch the sum is a lower bound: what only two batches share is not counted.
        """
        await self._may_go(chosen)
        objects: list[str] = []
        freed: int | None = 0
        for part in batches(chosen):
            answer = await self.door.call(
                "snapshots-destroy", timeout=630, dataset=dataset.name, snapshots=part, dry_run=True
            )
            shown = read_preview("destroy", dataset, answer, False)
            objects += shown.objects
            freed = None if freed is None or shown.reclaim is None else freed + shown.reclaim
        return Preview("destroy", dataset, tuple(objects), freed)

    async def _may_go(self, chosen: Sequence[Snapshot]) -> None:
        for part in batches(chosen):
            names_ = [f"{chosen[0].dataset}@{short}" for short in part]
            held = (await self._run(["zfs", "holds", "-H", *names_])).text.split("\n")[0].split("\t")
            if len(held) > 1:
                raise RefusedError(
                    f"{clean(held[0])} is held ({clean(held[1], 60)}), so it cannot go, nor can the others with it.",
                    "Release the hold first, or leave that one out.",
                )
        wanted = {one.name for one in chosen}
        clone = next((one for one in await self.datasets() if one.origin in wanted), None)
        if clone is not None:
            raise RefusedError(
                f"{clean(clone.name)} is a clone of {clean(clone.origin or '')}, so that cannot go.",
                "Promote or destroy the clone first.",
            )

    async def destroy_many(self, dataset: Dataset, chosen: Sequence[Snapshot]) -> tuple[str, ...]:
        """Destroy just those, each compared by its GUID; done when none of them is listed. Returns their names."""
        for part in batches(chosen):
            await self.door.call("snapshots-destroy", timeout=630, dataset=dataset.name, snapshots=part)
        gone = {one.guid for one in chosen}
        left = [one.name for one in await self.snapshots(dataset.name) if one.guid in gone]
        if left:
            raise CommandError(f"ZFS took the order, but {left[0]} is still listed.", "Look at it again.")
        return tuple(one.name for one in chosen)

    async def diff(self, snapshot: Snapshot, to: Snapshot | None = None) -> AsyncGenerator[Change, None]:
        """What changed in its dataset since `snapshot`: until `to`, or until now. Read only as far as it is asked for.

        Raises what the door raises when it is refused, CommandError with ZFS's words when it fails.
        """
        args = {"snapshot": snapshot.name, "guid": snapshot.guid, "to": to.name if to else None}
        process = await self.host.open(await self.door.argv())
        try:
            await process.write(request_line("snapshot-diff", args))
            await process.close_stdin()
            async with aclosing(process.lines()) as lines:  # type: ignore[type-var]  # they are generators
                async for line in lines:
                    yield parse_change(line)
            output = await process.wait()
            if output.status != 0:
                raise _diff_failure(output.status, output.error)
        finally:
            await process.stop()


def _diff_failure(status: int, said: str) -> DPlaneError:
    """What it means that a difference ended badly: the helper's own code, or ZFS's words."""
    code = next((name for name, number in CODES.items() if number == status and number > 1), "")
    words = clean(" ".join(said.split()), 300)
    if code and words:
        return failure(code, words)
    if words and "sudo" not in words:
        return CommandError(
            f"The difference could not be read: {words.rstrip('.')}.", "It must be mounted.", detail=words
        )
    return without_answer(status, said)
