"""`dplane policy import-sanoid`, and which policy `dplane policy set` means."""

from __future__ import annotations

import argparse
import os
import stat
from typing import Any

from ..errors import BadNewsError, CommandError, DPlaneError, MissingError, UsageError
from ..services.host import Host
from ..services.policies import sanoid, wording
from ..services.policies.model import Wish
from ..services.policies.service import PolicyService, open_policies
from ..text import clean
from .output import Result


def add(verbs: Any) -> None:
    """Add the verb."""
    moving = verbs.add_parser(
        "import-sanoid", help="propose policies for a sanoid.conf; nothing is done without --apply"
    )
    moving.add_argument("file", nargs="?", default=sanoid.FILE, metavar="FILE")
    moving.add_argument("--apply", action="store_true", help="set the policies that can be set")
    moving.set_defaults(handler=_import)


async def chosen(service: PolicyService, args: argparse.Namespace) -> tuple[str, str]:
    """The policy that is meant, and its template's name. Raises UsageError, MissingError."""
    if bool(args.policy) == bool(args.template):
        raise UsageError(
            "Give a policy or a template, one of the two.",
            "`dplane policy set tank/data hourly=24,daily=30`, or --template standard.",
        )
    if args.policy:
        return (args.policy if args.policy == wording.NONE else str(wording.check(args.policy))), args.name or ""
    known = await service.templates()
    if args.template not in known:
        raise MissingError(
            f"There is no template {clean(args.template, 40)}.", "`dplane policy templates` shows those there are."
        )
    return known[args.template], args.template


async def _import(host: Host, args: argparse.Namespace) -> Result:
    service = open_policies(host)
    found = sanoid.propose(await _read(host, args.file), {one.dataset for one in (await service.status()).datasets})
    if not found:
        return Result([], "The file names no dataset.")
    lines = [line for one in found for line in _describe(one)]
    problem = next((f"{one.section}: {one.problem}." for one in found if one.problem), "")
    if not args.apply:
        lines += ["", "Nothing was done: type the commands, or add --apply. Snapshots that sanoid took stay."]
        data = [{**_plain(one), "commands": [item.command for item in one.settings]} for one in found]
        return Result(data, "\n".join(lines), BadNewsError(problem) if problem else None)
    done, left = await _apply(service, found)
    lines += ["", *(f"set       {one}" for one in done), *(f"NOT       {why}" for why in left)]
    lines.append("Switch sanoid's own timer off: `systemctl disable --now sanoid.timer`. Snapshots that it took stay.")
    error: DPlaneError | None = CommandError(left[0]) if left else BadNewsError(problem) if problem else None
    return Result({"set": done, "left": left}, "\n".join(lines), error)


def _plain(one: sanoid.Proposal) -> dict[str, object]:
    return {"section": one.section, "notes": one.notes, "problem": one.problem}


def _describe(one: sanoid.Proposal) -> list[str]:
    lines = [one.section, *(f"  {item.command}" for item in one.settings)]
    lines += [f"  NO POLICY: {one.problem}"] if one.problem else []
    return [clean(line) for line in [*lines, *(f"    {note}" for note in one.notes)]]


async def _apply(service: PolicyService, found: tuple[sanoid.Proposal, ...]) -> tuple[list[str], list[str]]:
    """Set what can be set; one that would let snapshots go is left to a person, who sees which."""
    done: list[str] = []
    left: list[str] = []
    for item in (item for one in found for item in one.settings):
        try:
            if item.policy != wording.NONE:
                planned = await service.preview(Wish(True, item.dataset, item.policy))
                if any(not judged.keep for one in planned.datasets for judged in one.judged):
                    left.append(f"{item.dataset}: snapshots would go; look with `{item.command} --dry-run`.")
                    continue
            await service.set(item.dataset, item.policy, item.template)
            done.append(item.dataset)
        except DPlaneError as error:
            left.append(f"{item.dataset}: {error}")
    return done, left


async def _read(host: Host, path: str) -> str:
    """The file on the box that is managed. Raises MissingError, UsageError."""
    if not host.local:
        text = (await host.read_files([path])).get(path) if "*" not in path else None
        if text is None:
            raise MissingError(f"{clean(path, 100)} cannot be read on {host.name}.")
        return text
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(handle, "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise UsageError(f"{clean(path, 100)} is not a file.", f"Sanoid's is {sanoid.FILE}.")
            raw = file.read(sanoid.LIMIT + 1)
    except OSError as error:
        raise MissingError(f"{clean(path, 100)} cannot be read: {error.strerror}.", "Give its path.") from None
    if len(raw) > sanoid.LIMIT:
        raise UsageError(f"{clean(path, 100)} is too large to be a sanoid.conf.")
    return raw.decode("utf-8", "replace")
