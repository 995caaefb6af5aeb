"""What a shell does with job control, for the console in a pty: start it, notice that it stopped, `fg` on Enter."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import termios


def main() -> int:
    """Run `python ARGS…` as a job of its own; each time it stops say so, and go on with it when a line is read."""
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    sane = termios.tcgetattr(0)
    job = subprocess.Popen([sys.executable, *sys.argv[1:]], preexec_fn=_take_terminal)
    while True:
        _, status = os.waitpid(job.pid, os.WUNTRACED)
        os.tcsetpgrp(0, os.getpgrp())
        if not os.WIFSTOPPED(status):
            break
        same = termios.tcgetattr(0) == sane
        print(f"STOPPED same={same}", flush=True)
        sys.stdin.readline()
        os.tcsetpgrp(0, job.pid)
        os.kill(-job.pid, signal.SIGCONT)
    print(f"ENDED {os.waitstatus_to_exitcode(status)} same={termios.tcgetattr(0) == sane}", flush=True)
    return 0


def _take_terminal() -> None:
    os.setpgid(0, 0)
    os.tcsetpgrp(0, os.getpid())
    signal.signal(signal.SIGTTOU, signal.SIG_DFL)


if __name__ == "__main__":
    sys.exit(main())
