"""The `lab` command line."""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from . import build, proc, screen, steps_product
from .config import FLAVOURS, Config, Node, checked_config, node_named
from .errors import LabError
from .pair import Pair
from .paths import cache_dir, state_dir
from .progress import Progress
from .stages import folders_of
from .status import report, text_of

ABOUT = """The practice pair: two virtual NAS boxes, nas-a and nas-b, with real OpenZFS, Docker and D-Plane installed.
They reach each other over a private cable (10.77.0.1 and 10.77.0.2) and nothing else; this machine reaches their sshd
on a loopback port. Accounts: owner, viewer and root, all with the password "practice"."""
NOTES = """First time:   sudo lab/lab build   (minutes; goes on where it was interrupted)     then:   lab/lab up
In a box:     lab/lab ssh nas-a           lab/lab ssh nas-a -- zpool status
Mischief:     lab/lab pull-disk nas-a 2   lab/lab cut   lab/lab power-cut nas-b   lab/lab reset
Folders:      DPLANE_LAB_CACHE (what was built), XDG_STATE_HOME (what runs). lab/lab paths prints them."""


def parser() -> argparse.ArgumentParser:
    """The command line's grammar."""
    raw = argparse.RawDescriptionHelpFormatter
    top = argparse.ArgumentParser(prog="lab", description=ABOUT, epilog=NOTES, formatter_class=raw)
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def add(name: str, text: str, node: bool = False, number: bool = False) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=text, description=text)
        if node:
            sub.add_argument("node", metavar="NODE", help="nas-a or nas-b")
        if number:
            sub.add_argument("number", metavar="N", type=int, help="number of the disk, from 1")
        return sub

    def sized(sub: argparse.ArgumentParser) -> None:
        sub.add_argument(
            "--zfs",
            choices=sorted(FLAVOURS, reverse=True),
            help="OpenZFS in the boxes: 2.3 (Debian 13, default) or 2.1 (Debian 12)",
        )
        sub.add_argument("--memory", metavar="MB", type=int, help="memory of each box (default 1024; 512 works too)")

    sub = add("build", "build the pair, or what is missing of it, and save it ready to resume (needs root)")
    sized(sub)
    sub.add_argument("--progress", metavar="FILE", type=Path, help="keep this JSON file up to date while building")
    sub.add_argument("--id", default="", help="name of this job in the progress file")
    sub = add("up", "start the boxes (or one) from the saved state, in seconds")
    sub.add_argument("node", metavar="NODE", nargs="?", help="only this box")
    sized(sub)
    add("down", "end both boxes; what they wrote is dropped, the saved state stays")
    add("reset", "put both boxes back to the saved state: memory, disks, cable")
    add("status", "what runs, where, with which disks").add_argument("--json", action="store_true", help="as JSON")
    sub = add("ssh", "log in to a box as root, or run one command there", node=True)
    sub.add_argument("--user", default="root", help="root (default), owner or viewer")
    sub.add_argument(
        "argv", metavar="-- CMD", nargs=argparse.REMAINDER, help="command and its arguments, passed on as they are"
    )
    sub = add("copy", "copy a file or folder into a box; write :PATH for SRC to copy out of it", node=True)
    sub.add_argument("source", metavar="SRC")
    sub.add_argument("target", metavar="DST")
    add("serial", "join this terminal to the box's serial line (leave with Ctrl+])", node=True)
    add("screen", "save what the box's screen shows as a picture", node=True).add_argument(
        "file", metavar="FILE.png", type=Path
    )
    add("cut", "cut the cable between the boxes")
    add("heal", "join the cable again")
    add("power-cut", "take the power from a box: only what it flushed to its disks survives", node=True)
    sub = add("power-on", "boot a box that is off from its disks as they are (50-200 s without KVM)", node=True)
    sub.add_argument("--no-wait", action="store_true", help="do not wait until it answers")
    add("pull-disk", "pull a data disk out of a running box", node=True, number=True)
    sub = add("insert-disk", "put the pulled disk back", node=True, number=True)
    sub.add_argument("--blank", action="store_true", help="a new empty disk instead of the old one")
    add("add-disk", "put one more empty disk into a running box", node=True)
    add("deploy", "install the checkout's code into the running boxes, without saving it (developers; needs root)")
    add("paths", "print where the lab keeps things, as JSON")
    add("ssh-config", "print the path of the ssh configuration for the running boxes")
    return top


def _config(args: argparse.Namespace, pair: Pair | None = None) -> Config | None:
    """What was asked for; None when nothing was, so that `up` takes what ran last."""
    if pair is not None and args.zfs is None and args.memory is None:
        return None
    return checked_config(args.zfs or "2.3", args.memory or 1024)


def do_build(args: argparse.Namespace) -> None:
    """`lab build`."""
    config = _config(args) or Config()
    began = time.time()
    build.build(config, Progress(args.progress.absolute() if args.progress else None, args.id))
    took = time.time() - began
    print(f"The pair with ZFS {config.zfs} and {config.memory} MB is ready ({took:.0f} s). Start it with: lab/lab up")


def do_up(args: argparse.Namespace) -> None:
    """`lab up`."""
    pair = Pair()
    began = time.time()
    started = pair.up(node_named(args.node) if args.node else None, _config(args, pair))
    if started:
        names = " and ".join(node.name for node in started)
        print(f"{names} resumed in {time.time() - began:.1f} s. Log in with: lab/lab ssh {started[0].name}")
    else:
        print("Already up.")
    state = pair.state()
    if state is not None and folders_of(build.stage_list(state.config), cache_dir())["ready"] != state.ready:
        print(
            "lab: the boxes have an older checkout; lab/lab build (or lab/lab deploy) brings this one.", file=sys.stderr
        )


def do_status(args: argparse.Namespace) -> None:
    """`lab status`."""
    found = report(Pair())
    print(json.dumps(found, indent=1) if args.json else text_of(found))


def do_ssh(args: argparse.Namespace) -> None:
    """`lab ssh`: becomes ssh."""
    pair, node = Pair(), node_named(args.node)
    pair.running(node)
    argv: list[str] = args.argv[1:] if args.argv[:1] == ["--"] else args.argv
    options = [] if argv or not sys.stdin.isatty() else ["-t"]
    options += ["-o", "BatchMode=no"]
    sys.stdout.flush()
    os.execvp("ssh", pair.login.argv(node, argv, args.user, options))  # noqa: S606 - no shell is what we want


def do_copy(args: argparse.Namespace) -> None:
    """`lab copy`: becomes scp."""
    pair, node = Pair(), node_named(args.node)
    pair.running(node)
    if args.source.startswith(":"):
        ends = [f"{node.name}{args.source}", args.target]
    else:
        ends = [args.source, f"{node.name}:{args.target.removeprefix(':')}"]
    options = [
        "-F",
        str(pair.login.config),
        "-o",
        "User=root",
        "-o",
        f"ControlPath={pair.login.control(node)}",
        "-o",
        "LogLevel=ERROR",
    ]
    os.execvp("scp", ["scp", "-q", "-r", "-p", *options, "--", *ends])  # noqa: S606 - no shell is what we want


def do_deploy(_: argparse.Namespace) -> None:
    """`lab deploy`: the installer runs in the cached root folder, at this machine's speed; the boxes get its result."""
    pair = Pair()
    state = pair.state()
    if state is None:
        raise LabError("The pair was never started; start it with: lab/lab up")
    if os.geteuid() != 0:
        raise LabError("Installing into the boxes' root folder needs root; run: sudo lab/lab deploy")
    began = time.time()
    stages = build.stage_list(state.config)
    folders = folders_of(stages, cache_dir())
    if not (folders["image"] / "tree").is_dir():
        raise LabError("What the boxes were built from is gone or differs from this checkout; run: lab/lab build")
    if folders["product"].is_dir():
        nodes = pair.deploy(folders["product"] / "product.tar")
    else:
        if not folders["wheels"].is_dir():
            raise LabError("The lock file changed since the last build, so packages are missing; run: lab/lab build")
        with tempfile.TemporaryDirectory(prefix="deploy-", dir=cache_dir()) as folder:
            steps_product.install_product(folders, Path(folder), cache_dir() / "logs" / "deploy.log")
            nodes = pair.deploy(Path(folder) / "product.tar")
    print(f"The code of this checkout is in {' and '.join(node.name for node in nodes)} ({time.time() - began:.0f} s).")


def do_power_on(args: argparse.Namespace) -> None:
    """`lab power-on`."""
    began = time.time()
    Pair().power_on(node_named(args.node), wait=not args.no_wait)
    print(f"{args.node} {'is booting' if args.no_wait else f'answers again after {time.time() - began:.0f} s'}.")


def do_paths(_: argparse.Namespace) -> None:
    """`lab paths`."""
    state = state_dir()
    found = {"cache": cache_dir(), "logs": cache_dir() / "logs", "state": state, "ssh_config": state / "ssh_config"}
    print(json.dumps({name: str(path) for name, path in found.items()}, indent=1))


def _node(args: argparse.Namespace) -> Node:
    return node_named(args.node)


def _disk_told(args: argparse.Namespace, plug: Callable[[], object]) -> None:
    serial = getattr(plug(), "serial", "")
    print(f"{args.node} has /dev/disk/by-id/virtio-{serial}")


def do_ssh_config(_: argparse.Namespace) -> None:
    """`lab ssh-config`."""
    path = state_dir() / "ssh_config"
    if not path.exists():
        raise LabError("There is no ssh configuration yet; it is written by: lab/lab up")
    print(path)


COMMANDS: dict[str, Callable[[argparse.Namespace], None]] = {
    "build": do_build,
    "up": do_up,
    "down": lambda _: Pair().down(),
    "reset": lambda _: Pair().reset(),
    "status": do_status,
    "ssh": do_ssh,
    "copy": do_copy,
    "serial": lambda args: screen.attach_serial(Pair(), _node(args)),
    "screen": lambda args: screen.save_screen(Pair(), _node(args), args.file),
    "cut": lambda _: Pair().set_cable(up=False),
    "heal": lambda _: Pair().set_cable(up=True),
    "power-cut": lambda args: Pair().power_cut(_node(args)),
    "power-on": do_power_on,
    "pull-disk": lambda args: Pair().pull_disk(_node(args), args.number),
    "insert-disk": lambda args: _disk_told(args, lambda: Pair().insert_disk(_node(args), args.number, args.blank)),
    "add-disk": lambda args: _disk_told(args, lambda: Pair().add_disk(_node(args))),
    "deploy": do_deploy,
    "paths": do_paths,
    "ssh-config": do_ssh_config,
}


def main(argv: Sequence[str]) -> int:
    """Run one command; returns the exit code: 0 done, 1 failed with a sentence, 2 usage, 130 interrupted."""
    args = parser().parse_args(argv)
    try:
        COMMANDS[args.command](args)
        sys.stdout.flush()
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        # Who read our output has seen enough; Python must not complain about it at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        print(
            f"lab: {args.command} failed: {error.strerror or error}{f' ({error.filename})' if error.filename else ''}.",
            file=sys.stderr,
        )
        return 1
    except KeyboardInterrupt:
        proc.stop_all()
        print("lab: interrupted.", file=sys.stderr)
        return 130
    return 0
