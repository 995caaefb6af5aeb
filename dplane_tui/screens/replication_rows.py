"""Tasks, peers, runs, jobs and evidence as rows and lines. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from ..services.jobs.model import Progress
from ..services.replication.freshness import proven_since
from ..services.replication.model import Peer, Run, Task, TaskStatus
from ..services.replication.places import place_of
from ..text import age, clean, duration, size
from ..widgets.gauge import bar
from ..widgets.layout import Cell, Column, Pieces, Row, row
from ..widgets.paint import state_role
from .pool_rows import coarse, percent
from .replication_answer import ACTIVE, at_work, late, next_words, now_words, proof_age, rough, urgency

TASKS = (
    Column("TASK", least=6, most=24),
    Column("SOURCE", drop=4, least=8, most=32),
    Column("TARGET", drop=3, least=14, most=36, grow=True, middle=True),
    Column("STATE", least=11),
    Column("AGE / RPO", right=True),
    Column("NOW / NEXT", drop=2, right=True),
)
PEERS = (
    Column("PEER", least=6, most=24),
    Column("ADDRESS", drop=1, least=12, most=48, middle=True),
    Column("KIND", drop=3, least=7),
    Column("OUR KEY MAY", drop=2, least=14, most=48, grow=True),
    Column("THEIR HOST KEY", drop=4, least=50, middle=True),
    Column("OUR KEY", drop=5, least=14, middle=True),
)
JOBS = (
    Column("JOB", least=8, most=40, middle=True),
    Column("KIND", drop=2, least=8),
    Column("STATE", least=9),
    Column("DONE", drop=1, right=True, least=4),
    Column("RATE", drop=2, right=True, least=5),
    Column("ETA", drop=1, right=True, least=4),
    Column("WHAT", least=8, grow=True),
)
RUNS = (
    Column("STARTED", least=10),
    Column("STATE", least=11),
    Column("BYTES", drop=1, right=True, least=5),
    Column("TOOK", drop=2, right=True, least=4),
    Column("PROVEN", drop=1, right=True, least=6),
    Column("RESULT", least=10, most=300, grow=True),
)


def place(task: Task) -> str:
    """Where the copy lives."""
    return place_of(task.peer, task.target)


def origin(task: Task) -> str:
    """Where the original lives: a task that pulls has it on another box."""
    return place_of(task.source_peer, task.source)


def task_rows(tasks: Iterable[TaskStatus], jobs: dict[str, Progress], now: float) -> list[Row]:
    """One row a task: where it stands, how old its copy is, what it does now or next; first what needs a person."""
    rows = []
    for status in sorted(tasks, key=lambda one: (urgency(one, now), one.task.name)):
        task = status.task
        rows.append(
            row(
                task.name,
                Cell(task.name, "strong"),
                Cell(origin(task) + ("/…" if task.recursive else ""), "text"),
                Cell(place(task), "text"),
                _state(status, jobs),
                age_cell(status, now),
                _next(status, jobs, now),
            )
        )
    return rows


def _state(status: TaskStatus, jobs: dict[str, Progress]) -> Cell:
    """The state of the last run, in a word; how far it is while it is at work."""
    run = at_work(status)
    if run is None:
        return Cell(status.last.word, state_role(status.last.word)) if status.last else Cell("never run", "unknown")
    job = jobs.get(run.id)
    word = "restore" if run.kind == "restore" else run.state
    word = "held" if status.task.options.paused and run.kind == "run" else word
    return Cell(f"{word} {percent(job.percent)}" if job and job.percent is not None else word, "accent")


def age_cell(status: TaskStatus, now: float) -> Cell:
    """How old what is proven at the target is, against what it may be: `2h / 1d`."""
    old, over, allowed = proof_age(status, now), late(status, now), duration(status.task.rpo)
    if over is None:
        return Cell(f"unknown / {allowed}", "unknown")
    return Cell(
        f"{'LATE ' if over else ''}{rough(old)} / {allowed}", "bad" if over else "good", -(proven_since(status) or 0.0)
    )


def _next(status: TaskStatus, jobs: dict[str, Progress], now: float) -> Cell:
    if (run := at_work(status)) is not None:
        return Cell(now_words(jobs.get(run.id)), "accent", 0.0)
    words = next_words(status, now)
    return Cell(words, "warn" if words in {"paused", "unknown"} else "text", status.next_run)


def peer_rows(peers: Iterable[Peer]) -> list[Row]:
    """Paired boxes with both fingerprints."""
    return [
        row(
            peer.name,
            Cell(peer.name, "strong"),
            Cell(f"{peer.user}@{peer.address}:{peer.port}", "text"),
            Cell("D-Plane" if peer.product else "plain", "text"),
            Cell(may_words(peer), "text"),
            Cell(peer.host_fingerprint, "text"),
            Cell(peer.key_fingerprint, "text"),
        )
        for peer in peers
    ]


def may_words(peer: Peer) -> str:
    """What our key may do there, short enough for a list."""
    if not peer.product:
        return f"as {peer.user}"
    found = [f"receive {peer.root}"] if peer.root else [] if peer.may_read else ["receive"]
    found += [f"read {peer.may_read}"] if peer.may_read else []
    found += [word for word, given in (("snapshot", peer.may_snapshot), ("prune", peer.may_prune)) if given]
    return ", ".join([*found, *(["roll back"] if peer.may_rollback else [])])


def job_rows(jobs: Iterable[Progress]) -> list[Row]:
    """Work outside the console."""
    return [
        row(
            job.id,
            job.title or job.id,
            Cell(job.kind, "dim"),
            Cell(job.state, state_role(job.state)),
            Cell(percent(job.percent) if job.percent is not None else "?", "text", job.percent),
            Cell(f"{size(job.rate_bps)}/s" if job.active else "-", "text" if job.active else "dim", job.rate_bps),
            Cell(duration(job.eta_s).split(" ")[0] if job.active else "-", "text" if job.active else "dim", job.eta_s),
            Cell(job.error or job.message or job.stage, "bad" if job.error else "dim"),
        )
        for job in jobs
    ]


def run_rows(runs: Iterable[Run], now: float) -> list[Row]:
    """Newest first, as the service gives them."""
    rows = []
    for run in runs:
        proven = sum(proof.proven for proof in run.evidence)
        wrong = len(run.evidence) - proven
        took = duration(run.ended - run.started) if run.ended else "-"
        proof = (
            Cell("verify", "dim")
            if run.kind == "verify"
            else Cell(
                f"{proven}" if not wrong else f"{proven}, {wrong} NOT", "bad" if wrong else "good" if proven else "dim"
            )
        )
        rows.append(
            row(
                run.id,
                Cell(coarse(age(run.started, now)), "text", -run.started),
                Cell(run.word, "accent" if run.state in ACTIVE else state_role(run.word)),
                Cell(size(run.bytes), "text", run.bytes),
                Cell(took, "text"),
                proof,
                Cell(run.message, "bad" if run.state in {"failed", "died"} else "dim"),
            )
        )
    return rows


def progress_lines(job: Progress | None, width: int) -> list[Pieces]:
    """Bytes, rate, ETA of a run that is at work."""
    if job is None:
        return [[(" The run was started; waiting for its first report.", "dim")]]
    cells = max(10, width // 4)
    line: list[tuple[str, str]] = [(" ", "text"), *bar(job.percent, cells)]
    line.append((f" {percent(job.percent)}" if job.percent is not None else " ", "strong"))
    of = f" of {size(job.bytes_total)}" if job.bytes_total else ""
    if job.bytes_done is not None:
        line.append((f"  {size(job.bytes_done)}{of}", "text"))
    line.append((f"  {size(job.rate_bps)}/s" if job.rate_bps is not None else "  rate ?", "text"))
    line.append((f"  ETA {duration(job.eta_s)}", "text"))
    doing = clean(job.stage or job.message or job.state)
    return [line, [(f" {doing}", "dim")]]


def evidence_lines(run: Run, now: float, said: str = "", *, files: bool = True) -> list[Pieces]:
    """A run and what was read back, as proof; `said` is what of its message stands above already. Without `files` no
    name of a file."""
    took = f", took {duration(run.ended - run.started)}" if run.ended else ""
    lines: list[Pieces] = [
        [("run      ", "dim"), (run.id, "text")],
        [("task     ", "dim"), (run.task, "text")],
        [("state    ", "dim"), (run.word, state_role(run.word))],
        [("started  ", "dim"), (f"{age(run.started, now)}{took}", "text")],
        [
            (f"{'read' if run.kind == 'verify' else 'bytes':<9}", "dim"),
            (f"{size(run.bytes)} ({run.bytes} bytes)", "text"),
        ],
    ]
    told = run.message.removeprefix(said).strip()
    if told:
        lines.append([("result   ", "dim"), (told, "text")])
    if run.kind == "verify":
        from .replication_looks import verified_lines

        return [*lines, *verified_lines(run, files=files)]
    if run.kind == "resolve":
        return lines
    lines.append([])
    if not run.evidence:
        lines.append([("Nothing was proven by this run.", "unknown")])
    for proof in run.evidence:
        how = f"incremental from {proof.base}" if proof.base else "full" if proof.bytes else "found there already"
        verdict = ("proven: both sides have the same GUID", "good") if proof.proven else ("NOT PROVEN", "bad")
        lines += [
            [(f"{proof.dataset}@{proof.snapshot}", "strong")],
            [("  target       ", "dim"), (proof.target, "text")],
            [("  source GUID  ", "dim"), (proof.source_guid, "text")],
            [("  target GUID  ", "dim"), (proof.target_guid or "none", "text"), ("  read back", "dim")],
            [("  verdict      ", "dim"), verdict],
            [("  stream       ", "dim"), (f"{how}, {size(proof.bytes)} in {duration(proof.duration)}", "text")],
            [("  read back    ", "dim"), (age(proof.verified_at, now), "text")],
            [],
        ]
    return lines
