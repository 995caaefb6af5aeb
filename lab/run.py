"""`make run`: the console where there is ZFS, on this machine or else on the practice pair's nas-a.

Whatever is in the way is said in one sentence and the console opens on this machine: it is useful without ZFS too.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from dplane_tui import paths
from dplane_tui.errors import DPlaneError
from dplane_tui.services.jobs import files

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "lab"))

from dplane_lab import build, hostcheck  # noqa: E402 - lab/lab finds its package the same way
from dplane_lab.config import Config  # noqa: E402
from dplane_lab.errors import LabError  # noqa: E402

LAB = ROOT / "lab" / "lab"
NODE = "nas-a"
JOB = "lab-build"


@dataclass(frozen=True, slots=True)
class Facts:
    """What decides where the console opens."""

    zfs_here: bool
    pair_built: bool
    cannot: str
    """Why the practice pair cannot run on this machine, a sentence; empty when it can."""
    terminal: bool
    """Whether a person sits at standard input."""
    arguments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Choice:
    """What to do: `here`, `pair` or `build`, with which arguments, and what to tell first."""

    where: str
    arguments: tuple[str, ...] = ()
    note: str = ""


def choose(facts: Facts) -> Choice:
    """Where to open the console. Pure."""
    arguments = facts.arguments
    if not arguments and not facts.terminal:
        arguments = ("health",)
    if any(word == "--host" or word.startswith("--host=") for word in arguments) or facts.zfs_here:
        return Choice("here", arguments)
    if facts.pair_built:
        return Choice("pair", ("--host", NODE, *arguments))
    if facts.cannot:
        return Choice("here", arguments, f"{facts.cannot} So this is about this machine.")
    if arguments:
        why = "This machine has no ZFS and the practice pair is not built yet (`make lab` builds it),"
        return Choice("here", arguments, f"{why} so this is about this machine.")
    return Choice("build")


def zfs_here() -> bool:
    """Whether this machine's kernel has ZFS and its tools are there."""
    return (
        Path("/sys/module/zfs").is_dir()
        and shutil.which("zpool", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin") is not None
    )


def cannot_run_pair() -> str:
    """Why the practice pair cannot be built here; empty when it can be tried (root may install what is missing)."""
    try:
        hostcheck.check_machine()
        if os.geteuid() != 0:
            hostcheck.check_programs(hostcheck.RUN_PROGRAMS)
    except LabError as error:
        return str(error)
    return ""


def pair_built() -> bool:
    """Whether the practice pair only has to be started."""
    try:
        build.recall(Config())
    except LabError:
        return False
    return True


def start_build(folder: Path) -> Path:
    """Start building in the background, unless that is under way; returns the file that tells its progress.

    The build is a process of its own: it goes on when the console is closed. Raises OSError.
    """
    file = files.file_of(folder, JOB)
    progress = files.read(folder, JOB)
    if progress is not None and progress.active:
        return file
    folder.mkdir(parents=True, exist_ok=True)
    file.unlink(missing_ok=True)
    with (folder / f"{JOB}.log").open("wb") as log:
        subprocess.Popen(
            [sys.executable, "-m", "lab.firstbuild", folder],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    return file


def become(argv: list[str]) -> NoReturn:
    """Put `argv` in the place of this process, so that signals and the exit code are its own."""
    sys.stdout.flush()
    os.execv(argv[0], argv)  # noqa: S606 - no shell is what we want


def go(choice: Choice) -> int:
    """Do what was chosen; returns the exit code."""
    if choice.note:
        print(f"make run: {choice.note}", file=sys.stderr)
    if choice.where == "build":
        from dplane_tui.app import open_console

        file = start_build(paths.current().jobs)
        return open_console(follow_job=file, then_host=NODE)
    if choice.where == "pair":
        up = subprocess.run([LAB, "up"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=False)
        if up.returncode != 0:
            print("make run: the practice pair did not start (see above); lab/lab status tells more.", file=sys.stderr)
            return up.returncode
    argv = [sys.executable, "-m", "dplane_tui", *choice.arguments]
    if choice.arguments[-1:] == ("health",) and not sys.stdin.isatty():
        # Nobody sits here and the page says itself what is wrong; `make` would report its exit code 3 as an error.
        status = subprocess.run(argv, stdin=subprocess.DEVNULL, check=False).returncode
        return 0 if status == 3 else status
    become(argv)


def main(arguments: list[str]) -> int:
    """Look, choose, go; returns the exit code."""
    here = zfs_here()
    cannot = "" if here else cannot_run_pair()
    built = not here and not cannot and pair_built()
    try:
        return go(choose(Facts(here, built, cannot, sys.stdin.isatty(), tuple(arguments))))
    except DPlaneError as error:
        print(f"make run: {error}", file=sys.stderr)
        return error.exit_code
    except OSError as error:
        print(f"make run: the practice pair's build could not be started: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
