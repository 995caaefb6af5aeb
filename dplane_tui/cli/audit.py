"""`dplane audit`: the log of everything done as root, and whether it is unbroken."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from typing import Any

from privhelper import audit as chain

from .. import paths
from ..errors import BadNewsError, MissingError, NotAllowedError, UsageError
from ..services.host import Host
from ..text import clean
from .output import Result, table


def add(parser: argparse.ArgumentParser) -> None:
    """Its verbs."""
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    show = verbs.add_parser("show", help="the newest entries")
    show.add_argument("-n", dest="count", type=_count, default=50, metavar="N", help="how many (default 50)")
    show.set_defaults(handler=_show, reads=True)
    verify = verbs.add_parser("verify", help="check that no entry was changed or removed")
    verify.add_argument(
        "--head", metavar="HASH", default="", help="a hash noted earlier, which must still be in the log"
    )
    verify.set_defaults(handler=_verify, reads=True)


def _count(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) <= 100_000:
        raise argparse.ArgumentTypeError("must be a number from 1 to 100000")
    return int(text)


async def read_log(host: Host) -> list[bytes]:
    """The lines of the whole log, oldest first, through the host. Raises MissingError or NotAllowedError."""
    folder = str(paths.AUDIT_LOG.parent)
    listed = await host.run(
        ["find", folder, "-maxdepth", "1", "-type", "f", "-name", "audit*.jsonl", "-printf", "%f\\n"]
    )
    found = [name for name in listed.text.split("\n") if name]
    # Files that were set aside carry the number of their last entry; the one that is written to has none.
    names = [*sorted(name for name in found if name != chain.NAME), *([chain.NAME] if chain.NAME in found else [])]
    if "Permission denied" in listed.error:
        raise NotAllowedError(
            f"This user may not read the audit log on {host.name}.",
            "It takes the group dplane-view: `sudo adduser USER dplane-view`, then log in again.",
        )
    if not names:
        raise MissingError(
            f"There is no audit log on {host.name}: nothing was done through D-Plane there, or it is not installed.",
            "`dplane doctor` tells which.",
        )
    output = await host.run(["cat", "--", *(f"{folder}/{name}" for name in names)])
    if output.status != 0:
        raise NotAllowedError(
            f"The audit log on {host.name} cannot be read: {clean(output.error.strip(), 200)}.",
            f"Look at its files in {folder}; they belong to root and the group dplane-view.",
        )
    return output.stdout.splitlines(keepends=True)


def entry(line: bytes) -> dict[str, Any]:
    """One entry as it stands in the log; `{"unreadable": …}` for a line that is not one."""
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        found = None
    return found if isinstance(found, dict) else {"unreadable": line.decode("utf-8", "replace")[:200]}


def row(found: dict[str, Any]) -> tuple[str, ...]:
    """One line of the list."""
    if "unreadable" in found:
        return ("?", "?", "?", "?", "?", "", str(found["unreadable"]))
    args = found.get("args", found.get("request", ""))
    return (
        str(found.get("seq", "?")),
        str(found.get("time", "?")),
        str(found.get("user", "?")),
        str(found.get("phase", "?")),
        str(found.get("verb", "?")),
        str(found.get("code", "")),
        " ".join(filter(None, (_words(args), str(found.get("message", ""))))),
    )


def _words(args: object) -> str:
    if isinstance(args, dict):
        return " ".join(f"{key}={value}" for key, value in args.items() if key != "guid")
    return str(args)


async def _show(host: Host, args: argparse.Namespace) -> Result:
    entries = [entry(line) for line in (await read_log(host))[-args.count :]]
    head = ("NO", "TIME (UTC)", "USER", "PHASE", "VERB", "CODE", "WHAT")
    return Result(entries, table(head, [row(one) for one in entries]))


async def _verify(host: Host, args: argparse.Namespace) -> Result:
    if args.head and (len(args.head) != 64 or not set(args.head) <= set("0123456789abcdef")):
        raise UsageError(
            f"“{clean(args.head, 80)}” is not an entry's hash.",
            "--head takes 64 hexadecimal digits, as `dplane audit verify` prints them.",
        )
    return verdict(await read_log(host), args.head)


def verdict(lines: Sequence[bytes], head: str = "") -> Result:
    """What the check of the chain found, as a result; exit code 3 when it is broken."""
    found = chain.verify(lines, head)
    data = {
        "unbroken": not found.problem,
        "problem": found.problem,
        "lines": found.lines,
        "first": found.first,
        "head": found.head,
        "torn": found.torn,
    }
    if found.problem:
        bad = BadNewsError(
            f"The audit log is broken: {found.problem}.",
            "Somebody changed it, or a disk lost parts of it; `dplane audit show` lists what can be read.",
        )
        return Result(data, str(bad), bad)
    text = f"{found.lines} entries, unbroken. Head: {found.head}"
    if found.first > 1:
        text += f"\nIt begins with entry {found.first}: older files are not there."
    if found.torn:
        text += f"\nCut short by a crash and accounted for: line {', '.join(map(str, found.torn))}."
    return Result(data, text)
