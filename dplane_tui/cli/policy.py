"""`dplane policy …`: which datasets get snapshots by themselves, how many are kept, what a run did or would do."""

from __future__ import annotations

import argparse
import time

from ..errors import BadNewsError, CommandError, DPlaneError
from ..services.host import Host
from ..services.policies import wording
from ..services.policies.model import BROKEN, ON, DatasetRun, Policies, PolicyRun, PolicyStatus, Wish
from ..services.policies.service import open_policies
from ..text import age, clean, duration, size
from . import confirm, policy_import
from .output import Result, table


def add(parser: argparse.ArgumentParser) -> None:
    """Its verbs."""
    parser.epilog = "Exit code 3: something is late, or the last run failed."
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    listing = verbs.add_parser("list", help="datasets with a policy, their newest snapshot, the next run")
    listing.set_defaults(handler=_list, reads=True)
    show = verbs.add_parser("show", help="one dataset's policy, where it comes from, and its snapshots")
    show.add_argument("dataset")
    show.set_defaults(handler=_show, reads=True)
    give = confirm.add(verbs.add_parser("set", help="give a dataset, and what is below it, a policy; shows what goes"))
    give.add_argument("dataset")
    give.add_argument("policy", nargs="?", metavar="POLICY", help="such as hourly=24,daily=30,monthly=12, or none")
    give.add_argument("--template", metavar="NAME", help="a policy by its name; `dplane policy templates` shows them")
    give.add_argument("--as", dest="name", metavar="NAME", help="the template's name that POLICY gets")
    give.set_defaults(handler=_set)
    unset = verbs.add_parser("unset", help="take a dataset's own policy away: that of its parent counts again")
    unset.add_argument("dataset")
    unset.set_defaults(handler=_unset)
    preview = verbs.add_parser("preview", help="what a run would take and let go now, each with the reason")
    preview.add_argument("dataset", nargs="?", default="")
    preview.add_argument("policy", nargs="?", default="", help="as if this were its policy")
    preview.set_defaults(handler=_preview, reads=True)
    run = verbs.add_parser("run", help="run the policies now")
    run.add_argument("dataset", nargs="?", default="", help="only this one and what is below it")
    run.add_argument("--dry-run", action="store_true", help="as preview")
    run.set_defaults(handler=_run)
    runs = verbs.add_parser("runs", help="what the last runs did")
    runs.add_argument("--limit", type=int, default=20)
    runs.set_defaults(handler=_runs, reads=True)
    verbs.add_parser("templates", help="policies with a name").set_defaults(handler=_templates, reads=True)
    policy_import.add(verbs)


async def _list(host: Host, _args: argparse.Namespace) -> Result:
    found = await open_policies(host).status()
    return Result(found, describe(found), bad_news(found))


def describe(found: Policies) -> str:
    """All datasets that have, or are told to have, a policy."""
    now = time.time()
    shown = [one for one in found.datasets if one.state != "none" or one.set_on]
    lines = [
        table(("DATASET", "POLICY", "FROM", "NEWEST", "COUNT", "STATE"), [row(one, now) for one in shown])
        if shown
        else "No dataset has a snapshot policy; `dplane policy set tank/data --template standard` makes one."
    ]
    if any(one.state == ON for one in shown):
        lines += ["", f"next run  {next_run(found, now)}", f"last run  {last_run(found, now)}"]
    return "\n".join([*lines, *(f"PROBLEM   {clean(problem)}" for problem in found.problems)])


def row(one: PolicyStatus, now: float) -> tuple[str, ...]:
    """One line of the list."""
    named = f"{one.template}: " if one.template else ""
    origin = "itself" if one.set_on == one.dataset else one.set_on or "-"
    newest = age(one.newest, now) if one.state == ON else "-"
    return one.dataset, f"{named}{one.policy}" or "none", origin, newest, str(one.snapshots), word(one)


def word(one: PolicyStatus) -> str:
    """Its state in a word."""
    if one.state != ON:
        return one.state
    return "LATE" if one.late else "in time" if one.newest is not None and one.late is False else "none yet"


def next_run(found: Policies, now: float) -> str:
    """When systemd starts the next run, in words."""
    if found.next_run is None:
        return "unknown: systemd tells of no timer"
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(found.next_run))
    return f"{when}, in {duration(max(0.0, found.next_run - now))}"


def last_run(found: Policies, now: float) -> str:
    """How the last run ended, in words."""
    if not found.last_run:
        return "never"
    return f"{found.last_state} {age(found.last_ended, now)}: {clean(found.last_message)}"


def bad_news(found: Policies) -> DPlaneError | None:
    """The error when something is late or broken, or the last run failed."""
    late = [one.dataset for one in found.datasets if one.late]
    if late:
        return BadNewsError(f"Snapshots are late: {clean(', '.join(late[:5]))}.", "`dplane policy run` takes them now.")
    broken = next((one for one in found.datasets if one.state == BROKEN), None)
    if broken is not None:
        return BadNewsError(f"The policy of {clean(broken.dataset)}: {broken.why}.")
    if any(one.state == ON for one in found.datasets) and found.last_state in ("failed", "died"):
        return BadNewsError(f"The last run {found.last_state}: {clean(found.last_message)}")
    return BadNewsError(found.problems[0]) if found.problems else None


async def _show(host: Host, args: argparse.Namespace) -> Result:
    found = await open_policies(host).status()
    one = next((item for item in found.datasets if item.dataset == args.dataset), None)
    if one is None:
        from ..errors import MissingError

        raise MissingError(f"There is no dataset {clean(args.dataset, 80)} here.", "`dplane dataset list` shows them.")
    return Result(one, show(one, found))


def show(one: PolicyStatus, found: Policies) -> str:
    """One dataset in lines."""
    now = time.time()
    lines = [f"dataset   {one.dataset}", f"state     {word(one)}{f': {one.why}' if one.why else ''}"]
    lines += [f"policy    {one.policy or 'none'}{f' (template {one.template})' if one.template else ''}"]
    lines += [f"set on    {one.set_on}"] if one.set_on else []
    if one.state == ON:
        lines += [
            f"newest    {age(one.newest, now)}; it is late after {duration(2 * (one.interval or 0))}",
            f"snapshots {one.snapshots} of about {wording.most(wording.check(one.policy))}",
            f"next run  {next_run(found, now)}",
        ]
    return "\n".join(map(clean, lines))


async def _set(host: Host, args: argparse.Namespace) -> Result:
    service = open_policies(host)
    policy, name = await policy_import.chosen(service, args)
    shown = ""
    if policy != wording.NONE:
        planned = await service.preview(Wish(True, args.dataset, policy))
        shown = tell(planned)
        if args.dry_run:
            return Result(planned, shown, trouble(planned))
        if any(not item.keep for one in planned.datasets for item in one.judged):
            await confirm.require(args, args.dataset, shown)
    elif args.dry_run:
        return Result({}, f"{clean(args.dataset)} would get no snapshots of a policy any more; those there are stay.")
    done = await service.set(args.dataset, policy, name)
    told = f"{clean(args.dataset)} has the policy {done.policy}." if done.policy else f"{clean(args.dataset)} has none."
    return Result(done, "\n".join(filter(None, [shown, told])))


async def _unset(host: Host, args: argparse.Namespace) -> Result:
    done = await open_policies(host).unset(args.dataset)
    now = f"that of {done.set_on} counts: {done.policy or 'none'}" if done.set_on else "none counts for it"
    return Result(done, clean(f"{args.dataset} has no policy of its own; {now}. Its snapshots stay."))


async def _preview(host: Host, args: argparse.Namespace) -> Result:
    done = await open_policies(host).preview(Wish(True, args.dataset, args.policy))
    return Result(done, tell(done), trouble(done))


async def _run(host: Host, args: argparse.Namespace) -> Result:
    if args.dry_run:
        args.policy = ""
        return await _preview(host, args)
    done = await open_policies(host).run(Wish(False, args.dataset))
    return Result(done, tell(done, only_changes=True), trouble(done))


def tell(run: PolicyRun, *, only_changes: bool = False) -> str:
    """What a run did, or would do."""
    if not run.datasets and not run.problems:
        return run.message or "No dataset has a snapshot policy, so there is nothing to do."
    lines = [line for one in run.datasets for line in _dataset(one, run.dry, only_changes=only_changes)]
    lines += [f"PROBLEM   {problem}" for problem in run.problems]
    return "\n".join(map(clean, [*lines, *([f"{run.state}: {run.message}"] if run.message else [])]))


def _dataset(one: DatasetRun, dry: bool, *, only_changes: bool) -> list[str]:
    going = [item for item in one.judged if not item.keep]
    if only_changes and not (one.taken or going or one.problem):
        return []
    lines = [f"{one.dataset}, keeping {one.policy}"]
    if one.taken:
        lines.append(f"  {'would take' if dry else 'taken'} @{one.taken}")
    for item in going if only_changes else one.judged:
        lines.append(f"  {item.fate(dry=dry):<7} @{item.snapshot}  {item.error or item.why}")
    if dry:
        room = f", about {size(one.frees)} free by it" if going and one.frees is not None else ""
        count = len(one.judged) - len(going)
        lines.append(f"  in all {len(going)} would go, {count} stay{room}")
    return [*lines, *([f"  PROBLEM {one.problem}"] if one.problem else [])]


def trouble(run: PolicyRun) -> DPlaneError | None:
    """The error of a run that did not do everything, or of a preview that could not look at everything."""
    if run.state == "failed":
        return CommandError(run.message, "`dplane policy runs` keeps what it did; the next run tries again.")
    bad = [*run.problems, *(f"{clean(one.dataset)}: {one.problem}." for one in run.datasets if one.problem)]
    return BadNewsError(bad[0]) if bad else None


async def _runs(host: Host, args: argparse.Namespace) -> Result:
    found = await open_policies(host).runs(args.limit)
    now = time.time()
    rows = [(one.id, one.state, age(one.started, now), one.message) for one in found]
    return Result(found, table(("RUN", "STATE", "STARTED", "RESULT"), rows) if rows else "No policy has run yet.")


async def _templates(host: Host, _args: argparse.Namespace) -> Result:
    found = await open_policies(host).templates()
    return Result(found, table(("TEMPLATE", "POLICY"), sorted(found.items())))
