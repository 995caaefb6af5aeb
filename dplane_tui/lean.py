"""The short way into the console: what it leaves out of its memory. Imports nothing itself: it runs before asyncio."""

from __future__ import annotations

import sys


def console_host(argv: list[str]) -> tuple[bool, str | None]:
    """Whether `argv` opens the console and nothing else, and on which host (None: this machine).

    Anything but `--host NAME` is for the command line's own parser, which costs a megabyte.
    """
    if not argv:
        return True, None
    if len(argv) == 2 and argv[0] == "--host" and not argv[1].startswith("-"):
        return True, argv[1]
    return False, None


def leave_out_tls() -> None:
    """Let `import ssl` fail from now on: asyncio does without, and nothing in the console speaks TLS. Saves 2.7 MiB."""
    if "ssl" not in sys.modules:
        sys.modules["ssl"] = None  # type: ignore[assignment]  # the documented way to forbid an import


def run(host: str | None) -> int:
    """Open the console; an error is a sentence and an exit code, as on the command line."""
    from .errors import DPlaneError
    from .terminal.line import drawable

    if not drawable():  # as text then, which the command line prints
        from .cli import run as command

        return command(["--host", host] if host else [])
    leave_out_tls()
    try:
        from .app import open_console

        return open_console(host)
    except DPlaneError as error:
        from .cli.output import show_error

        return show_error(error, as_json=False)
    except KeyboardInterrupt:
        return 130
