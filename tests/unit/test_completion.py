"""Completion scripts and the manual page say what the parser says; each script is run in its real shell."""

from __future__ import annotations

import argparse
import shutil
import subprocess
from pathlib import Path

import pytest

from dplane_tui.cli.completion import SHELLS, commands, script
from dplane_tui.cli.main import GROUPS, build_parser
from dplane_tui.cli.manual import EXIT_CODES, page, write_all
from dplane_tui.errors import DPlaneError


def parser() -> argparse.ArgumentParser:
    """A small parser with what a script must survive: quotes, colons, choices, nested groups, hidden ones."""
    top = argparse.ArgumentParser(prog="dplane", description="it's a test")
    top.add_argument("--host", metavar="NAME", help="another box: its name")
    top.add_argument("--json", action="store_true", help="100%% JSON")
    groups = top.add_subparsers(dest="group")
    pool = groups.add_parser("pool", help="pools: don't panic $(touch /tmp/never) `x`")
    verbs = pool.add_subparsers(dest="verb")
    scrub = verbs.add_parser("scrub", help="read all data")
    scrub.add_argument("pool", help="its name")
    scrub.add_argument("--mode", choices=["start", "stop"], help="what to do")
    verbs.add_parser("list", help="all pools")
    groups.add_parser("list", help="a group called like a verb")
    groups.add_parser("agent")  # without help: not shown to people
    return top


def test_the_commands_are_those_of_the_parser() -> None:
    found = {command.path: command for command in commands(parser())}
    assert list(found) == [(), ("pool",), ("pool", "scrub"), ("pool", "list"), ("list",)]
    assert [name for name, _ in found[()].words] == ["pool", "list"]
    assert [name for name, _ in found[("pool",)].words] == ["scrub", "list"]
    mode = found[("pool", "scrub")].options[1]
    assert (mode.flags, mode.choices, mode.takes_value) == (("--mode",), ("start", "stop"), True)


def need(shell: str) -> str:
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"{shell} is not on this machine")
    return program


BASH = """
source "$1"; shift
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=()
_dplane
printf '%s\\n' "${COMPREPLY[@]}"
"""
# zsh completes only inside its line editor; the functions it would call are replaced by ones that print.
ZSH = """
file=$1; shift
compdef() { : }
source $file
compadd() { shift; print -rl -- "$@" }
_describe() { print -rl -- "${(@)found%%:*}" }
_files() { : }
words=("$@"); CURRENT=$#
_dplane
"""


def complete(shell: str, file: Path, *words: str) -> set[str]:
    """What `shell` offers for the command line `words`, the last of which is the one being typed."""
    program = need(shell)
    if shell == "fish":
        line = " ".join(words)
        argv = [program, "--no-config", "-c", f"source {file}; complete -C '{line}'"]
    else:
        argv = [program, "-f" if shell == "zsh" else "--norc", "-c", ZSH if shell == "zsh" else BASH, "x"]
        argv += [str(file), *words]
    done = subprocess.run(argv, capture_output=True, text=True, check=True, cwd=file.parent)
    assert not done.stderr
    offered = {line.split("\t")[0] for line in done.stdout.splitlines() if line}
    return {word for word in offered if word.startswith(words[-1])}


@pytest.mark.parametrize("shell", SHELLS)
def test_a_shell_offers_what_can_follow(shell: str, tmp_path: Path) -> None:
    file = tmp_path / "script"
    file.write_text(script(shell, parser()))
    assert {"pool", "list"} <= complete(shell, file, "dplane", "")
    assert "agent" not in complete(shell, file, "dplane", "")
    assert complete(shell, file, "dplane", "po") == {"pool"}
    assert complete(shell, file, "dplane", "pool", "") >= {"scrub", "list"}
    assert complete(shell, file, "dplane", "--host", "pool", "pool", "s") == {"scrub"}
    assert complete(shell, file, "dplane", "pool", "scrub", "--mode", "sta") == {"start"}
    assert "--mode" in complete(shell, file, "dplane", "pool", "scrub", "tank", "--")
    assert "--mode" not in complete(shell, file, "dplane", "pool", "list", "--")
    assert not Path("/tmp/never").exists()


@pytest.mark.parametrize("shell", SHELLS)
def test_the_real_parser_completes_in_every_shell(shell: str, tmp_path: Path) -> None:
    real = build_parser((), every_group=True)
    text = script(shell, real)
    for name, (_module, help_text) in GROUPS.items():
        assert not help_text or name in text
    file = tmp_path / "script"
    file.write_text(text)
    offered = complete(shell, file, "dplane", "")
    assert {name for name, (_module, help_text) in GROUPS.items() if help_text} <= offered
    assert not {name for name, (_module, help_text) in GROUPS.items() if not help_text} & offered
    assert complete(shell, file, "dplane", "completion", "") >= set(SHELLS)


@pytest.mark.parametrize("shell", SHELLS)
def test_every_option_of_every_command_is_offered(shell: str, tmp_path: Path) -> None:
    real = build_parser((), every_group=True)
    file = tmp_path / "script"
    file.write_text(script(shell, real))
    every = [command for command in commands(real) if shell == "bash" or command.path[1:] in {(), ("list",)}]
    assert len(every) > 10
    for command in every:
        flags = {flag for option in command.options for flag in option.flags if flag.startswith("--")}
        assert {"--json", "--host", "--read-only"} <= flags
        assert complete(shell, file, "dplane", *command.path, "--") == flags, command.path
    assert complete(shell, file, "dplane", "pool", "scrub", "tank", "") >= {"start", "pause", "stop"}
    assert complete(shell, file, "dplane", "pool", "list", "--host", "nas-b", "--ch") == {"--check"}


def kinds(base: type[DPlaneError]) -> set[type[DPlaneError]]:
    return {base}.union(*(kinds(child) for child in base.__subclasses__()))


def test_the_manual_lists_every_exit_code() -> None:
    listed = {code for code, _ in EXIT_CODES}
    assert {kind.exit_code for kind in kinds(DPlaneError)} | {0, 3, 130} == listed


def test_the_manual_names_every_command_and_option() -> None:
    real = build_parser((), every_group=True)
    text = page(real).replace("\\-", "-")
    for command in commands(real):
        if command.path:
            assert " ".join(("dplane", *command.path)) in text
        for option in command.options:
            assert option.flags[-1] in text or option.flags[-1] == "--help"
    for name, (_module, help_text) in GROUPS.items():
        assert bool(help_text) == (f'.SS "dplane {name}"' in text)


def test_the_installer_gets_every_file(tmp_path: Path) -> None:
    write_all(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"dplane.1", "dplane.bash", "dplane.zsh", "dplane.fish"}
    assert all(path.stat().st_size > 1000 for path in tmp_path.iterdir())


def test_roff_does_not_obey_texts() -> None:
    top = argparse.ArgumentParser(prog="dplane")
    top.add_argument("--x", help=".so /etc/passwd")
    top.add_argument("--y", help="'back \\*x slash")
    text = page(top)
    assert "\n.so" not in text
    assert "\n'back" not in text
    assert "\\*x" not in text


@pytest.mark.skipif(shutil.which("groff") is None, reason="groff is not on this machine")
def test_groff_reads_the_manual_without_complaint() -> None:
    text = page(build_parser((), every_group=True))
    assert text.isascii(), "other characters are written as roff names them, so no locale can spoil the page"
    done = subprocess.run(
        ["groff", "-man", "-Tutf8", "-ww", "-z"], input=text, capture_output=True, text=True, check=True
    )
    assert not done.stderr
