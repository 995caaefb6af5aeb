"""The `dplane` command: one thing done and printed, or the console."""

from __future__ import annotations

import os
import sys

_WITHOUT_TLS = (["pool"], ["dataset"], ["snapshot"], ["files"], ["policy"], ["replicate"], ["peer"])
"""Commands that start sooner without it."""


def command() -> None:
    """What the `dplane` command does: `main`, and the end of the process.

    Taking every module apart at the end is a sixth of a short command's time, and of use to nobody: what is to last is
    on disk by then, and what was written is flushed here.
    """
    code = main()
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except OSError:  # whoever read is gone
            code = code or 1
    os._exit(code)


def main() -> int:
    """Run the command line and return its exit code."""
    try:
        return _on_own_terminal() if os.environ.get("DPLANE_LINE") else _main()
    except KeyboardInterrupt:  # while modules are loaded, which takes seconds on a Pi
        print("dplane: Interrupted.", file=sys.stderr)
        return 130


def _on_own_terminal() -> int:
    from .own_terminal import alone

    with alone(0):
        return _main()


def _main() -> int:
    if sys.argv[1:2] == ["agent"]:  # a peer's connection: the command line's own imports would take seconds on a Pi
        from .services.replication.agent import main as serve

        return serve(sys.argv[2:])
    from . import lean

    opens, hosts = lean.console_hosts(sys.argv[1:])
    if opens:
        return lean.run(hosts)
    if sys.argv[1:2] in _WITHOUT_TLS or sys.argv[1:3] == ["job", "run"]:  # what tells over TLS is a child of its own
        lean.leave_out_tls()
    from .cli import run

    return run(sys.argv[1:])


if __name__ == "__main__":
    command()
