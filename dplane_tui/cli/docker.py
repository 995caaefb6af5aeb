"""`dplane docker`: containers and their logs."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Awaitable, Callable

from ..errors import MissingError, UsageError
from ..services.docker.model import Container
from ..services.docker.sentences import outcome
from ..services.docker.service import ACTIONS, DockerService
from ..services.host import Host
from ..text import clean, size
from .output import Result, say, table

_SHORT_ID = 6  # characters of an id that are accepted for a container


def add(parser: argparse.ArgumentParser) -> None:
    """Its verbs."""
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    verbs.add_parser("list", help="containers with state, health, CPU and memory").set_defaults(
        handler=_with(_list), reads=True
    )
    for action in ACTIONS:
        verb = verbs.add_parser(action, help=f"{action} a container and read back that it did")
        verb.add_argument("name", help="container name, or the beginning of its id")
        verb.set_defaults(handler=_with(_act), action=action)
    logs = verbs.add_parser("logs", help="what a container wrote, standard output and error")
    logs.add_argument("name", help="container name, or the beginning of its id")
    logs.add_argument("-f", "--follow", action="store_true", help="go on with what it writes, until interrupted")
    logs.add_argument("--tail", type=_lines, default=200, metavar="N", help="how many old lines (default 200)")
    logs.set_defaults(handler=_with(_logs), reads=True)


def _lines(text: str) -> int:
    if not text.isdecimal() or len(text) > 7:
        raise argparse.ArgumentTypeError(f"{clean(text, 20)!r} is not a number of lines")
    return int(text)


def _with(
    verb: Callable[[DockerService, argparse.Namespace], Awaitable[Result]],
) -> Callable[[Host, argparse.Namespace], Awaitable[Result]]:
    """`verb` as a handler: with a service that is closed whatever happens."""

    async def handler(host: Host, args: argparse.Namespace) -> Result:
        service = DockerService(host)
        try:
            return await verb(service, args)
        finally:
            await service.close()

    return handler


def find(containers: tuple[Container, ...], name: str) -> Container:
    """The container called `name`, or whose id begins so. Raises MissingError (none), UsageError (several)."""
    for container in containers:
        if name in (container.name, container.id):
            return container
    begun = [item for item in containers if len(name) >= _SHORT_ID and item.id.startswith(name)]
    if len(begun) == 1:
        return begun[0]
    if begun:
        raise UsageError(f"{len(begun)} containers have an id that begins {clean(name, 64)}.", "Give more of it.")
    raise MissingError(f"There is no container {clean(name, 64)}.", "`dplane docker list` shows all.")


def row(container: Container) -> tuple[str, ...]:
    """One line of the list."""
    cpu = f"{container.cpu_percent:.1f}%" if container.cpu_percent is not None else "?"
    up = container.state == "running"
    return (
        container.name,
        container.state + (f" ({container.exit_code})" if container.exit_code is not None else ""),
        container.health or "-",
        cpu if up else "-",
        size(container.memory) if up else "-",
        container.image,
        ", ".join(container.ports) or "-",
        container.status,
    )


async def _list(service: DockerService, _args: argparse.Namespace) -> Result:
    engine = await service.engine()
    if not engine.containers:
        return Result(engine, f"Docker {engine.version}: no containers.")
    head = ("NAME", "STATE", "HEALTH", "CPU", "MEMORY", "IMAGE", "PORTS", "STATUS")
    return Result(engine, table(head, [row(container) for container in engine.containers]))


async def _act(service: DockerService, args: argparse.Namespace) -> Result:
    wanted = find((await service.engine(stats=False)).containers, args.name)
    after = await service.act(wanted.id, args.action)
    return Result(after, outcome(args.action, after))


async def _logs(service: DockerService, args: argparse.Namespace) -> Result:
    if args.json and args.follow:
        raise UsageError("`--json` prints one object, so it cannot follow a log.", "Leave out one of the two.")
    wanted = find((await service.engine(stats=False)).containers, args.name)
    lines: list[str] = []
    async with contextlib.aclosing(service.logs(wanted.id, args.tail, follow=args.follow)) as log:
        async for line in log:
            if args.json:
                lines.append(line)
            else:
                say(line, flush=args.follow)
    return Result({"container": wanted.name, "lines": lines})
