"""From pools, tasks, snapshots and datasets to the facts of each dataset. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ..policies.state import BROKEN, ON, Policies, PolicyStatus
from ..replication.coverage import sent_here, taken
from ..replication.model import TaskStatus
from ..zfs.model import Dataset, Pool, Vdev
from .judge import Copy, Facts, Kept, PoolFacts, Verdict, judge

_REDUNDANT = ("mirror", "raidz", "draid")
_MUST_HOLD = ("data", "special", "dedup")
"""Whose loss takes the pool: a lost cache or log device does not."""


def pool_facts(pool: Pool) -> PoolFacts:
    """What a pool adds."""
    tops = [vdev for vdev in pool.vdevs if vdev.role in _MUST_HOLD and vdev.kind not in ("hole", "spare")]
    scan = pool.scan
    done = scan if scan is not None and scan.kind == "scrub" and scan.state == "finished" else None
    return PoolFacts(
        pool.state,
        all(_redundant(top) for top in tops) if tops else None,
        done.ended if done else None,
        done.errors if done else None,
    )


def _redundant(top: Vdev) -> bool:
    return top.kind.startswith(_REDUNDANT)


def copies_of(dataset: str, tasks: Iterable[TaskStatus], names: Iterable[str] = (), guid: str = "") -> tuple[Copy, ...]:
    """Where it is replicated to, with what was proven of this very dataset. `names` are the other datasets here; an
    empty `guid` is not known."""
    listed = {dataset, *names}
    return _copies(dataset, [(status, taken(status.task, listed)) for status in tasks], guid)


def _copies(dataset: str, sent: Iterable[tuple[TaskStatus, Mapping[str, str]]], guid: str) -> tuple[Copy, ...]:
    found = []
    for status, goes in sent:
        target = goes.get(dataset)
        if target is not None:
            here = status.task.peer is None
            anew = status.was_another(dataset, guid)
            seen = dataset in status.datasets and not anew
            found.append(
                Copy(
                    status.task.name,
                    target if here else f"{status.task.peer}:{target}",
                    status.verified_at if seen else None,
                    status.fresh_at if seen else None,
                    status.late if seen else None,
                    here and target.split("/")[0] == dataset.split("/")[0],
                    status.task.rpo,
                    anew=anew,
                )
            )
    return tuple(found)


def _kept(one: PolicyStatus) -> Kept | None:
    if one.state == ON:
        return Kept(one.policy, one.late)
    return Kept("", None, one.why) if one.state == BROKEN else None


def gather(
    datasets: Iterable[Dataset],
    pools: Iterable[Pool] | None,
    tasks: Iterable[TaskStatus] | None,
    newest: Mapping[str, tuple[str, float]] | None,
    policies: Policies | None,
) -> dict[str, Facts]:
    """The facts of each dataset; None for what was not read."""
    kept = {one.dataset: one for one in policies.datasets} if policies is not None else {}
    by_name = {pool.name: pool_facts(pool) for pool in pools or ()}
    listed = tuple(datasets)
    names = [one.name for one in listed]
    sent = None if tasks is None else [(status, taken(status.task, names)) for status in tasks]
    return {
        one.name: Facts(
            one.name,
            one.encryption,
            None if newest is None else newest.get(one.name),
            newest is not None,
            None if sent is None else _copies(one.name, sent, one.guid),
            by_name.get(one.name.split("/")[0]),
            one.peer if sent_here(one) else "",
            _kept(kept[one.name]) if one.name in kept else None,
            one.name in kept,
        )
        for one in listed
    }


def verdicts(
    datasets: Iterable[Dataset],
    pools: Iterable[Pool] | None,
    tasks: Iterable[TaskStatus] | None,
    newest: Mapping[str, tuple[str, float]] | None,
    policies: Policies | None,
    now: float,
) -> dict[str, Verdict]:
    """The verdict of each dataset."""
    return {name: judge(facts, now) for name, facts in gather(datasets, pools, tasks, newest, policies).items()}
