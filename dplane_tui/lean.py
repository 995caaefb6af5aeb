"""The short way into the console: what it leaves out of its memory. Imports nothing itself: it runs before asyncio."""

from __future__ import annotations

import sys


def console_hosts(argv: list[str]) -> tuple[bool, tuple[str, ...]]:
    """Whether `argv` opens the console and nothing else, and on which hosts (none: this machine).

    Anything but `--host NAME` is for the command line's own parser, which costs a megabyte.
    """
    names = tuple(argv[1::2])
    opens = len(argv) % 2 == 0 and all(word == "--host" for word in argv[::2])
    return (True, names) if opens and not any(name.startswith("-") for name in names) else (False, ())


def leave_out_tls() -> None:
    """Let `import ssl` fail from now on: asyncio does without, and no console and no run speaks TLS. Saves 2.7 MiB."""
    if "ssl" not in sys.modules:
        sys.modules["ssl"] = None  # type: ignore[assignment]  # the documented way to forbid an import


def run(hosts: tuple[str, ...]) -> int:
    """Open the console; an error is a sentence and an exit code, as on the command line."""
    from .errors import DPlaneError
    from .terminal.line import drawable

    if not drawable():  # as text then, which the command line prints
        from .cli import run as command

        return command([word for host in hosts for word in ("--host", host)])
    leave_out_tls()
    try:
        from .app import open_console

        return open_console(hosts)
    except DPlaneError as error:
        from .cli.output import show_error

        return show_error(error, as_json=False)
    except KeyboardInterrupt:
        return 130
