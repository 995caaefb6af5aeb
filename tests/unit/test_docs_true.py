"""What the pages say exists: make targets, commands and their options, exit codes, files, links."""

from __future__ import annotations

import argparse
import re
import shlex
import subprocess
from pathlib import Path

import pytest

from dplane_tui.cli.completion import commands
from dplane_tui.cli.main import GROUPS, build_parser
from dplane_tui.cli.manual import EXIT_CODES
from dplane_tui.errors import DPlaneError

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
FENCE = re.compile(r"^```\w*\n(.*?)^```", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"`([^`\n]+)`")

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


def code(page: Path) -> list[str]:
    """Every piece of code of a page: lines of fenced blocks, and spans."""
    text = page.read_text()
    blocks = [line for block in FENCE.findall(text) for line in block.splitlines()]
    return [piece.strip() for piece in [*blocks, *SPAN.findall(FENCE.sub("", text))]]


def words(piece: str) -> list[str]:
    try:
        return shlex.split(piece, comments=True)
    except ValueError:
        return piece.split()


@each_page
def test_make_targets_exist(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for piece in code(page):
        for target in re.findall(r"\bmake ([a-z][a-z-]*)", piece):
            assert target in targets, f"{page.name}: make {target}"


def test_the_makefile_explains_every_target() -> None:
    shown = subprocess.run(["make", "-s", "help"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    for target in ("run", "test", "lint", "bench", "lab", "install", "uninstall"):
        assert re.search(rf"^{target}\s+\S", shown, re.MULTILINE)


@pytest.fixture(scope="module")
def known() -> dict[tuple[str, ...], set[str]]:
    """Options of every command path of the real parser, hidden groups included."""
    parser = build_parser((), every_group=True)
    found = {command.path: {flag for o in command.options for flag in o.flags} for command in commands(parser)}
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, child in action.choices.items():
                for command in commands(child, (name,)):
                    found.setdefault(command.path, {flag for o in command.options for flag in o.flags})
    return found


def check_command(said: list[str], known: dict[tuple[str, ...], set[str]]) -> str:
    """Why `dplane` with these words does not exist, or nothing. A word in capitals stands for anything."""
    path: tuple[str, ...] = ()
    top, value_follows = known[()], False
    for word in said:
        if word in {"|", "||", "&&", ";", ">", "<", "…", "..."}:
            break
        if word.startswith("-"):
            flag = word.split("=")[0]
            if flag not in known[path] | top:
                return f"no option {flag} after {' '.join(path)}"
            value_follows = flag in {"--host", "--profile", "--size"} and "=" not in word
        elif value_follows:
            value_follows = False
        elif (*path, word) in known:
            path = (*path, word)
        elif word.isupper() or "…" in word or word.startswith(("[", "%", "<")):
            break
        elif "|" in word:
            for choice in word.split("|"):
                if (*path, choice) not in known and path not in {("completion",)}:
                    return f"no command {' '.join((*path, choice))}"
            break
        elif any(len(other) == len(path) + 1 and other[: len(path)] == path for other in known):
            return f"no command {' '.join((*path, word))}"
    return ""


@each_page
def test_commands_and_options_exist(page: Path, known: dict[tuple[str, ...], set[str]]) -> None:
    for piece in code(page):
        said = words(piece)
        if said[:1] == ["sudo"]:
            said = said[1:]
        if said[:1] == ["dplane"]:
            problem = check_command(said[1:], known)
            assert not problem, f"{page.name}: `{piece}`: {problem}"


def test_the_check_of_commands_can_fail(known: dict[tuple[str, ...], set[str]]) -> None:
    assert check_command(["fly"], known)
    assert check_command(["completion", "bash", "--sideways"], known)
    assert not check_command(["--host", "nas-a", "completion", "bash"], known)


def table(page: Path, head: str) -> dict[str, str]:
    """First and second column of the table whose head row starts with `head`."""
    rows = page.read_text().split(f"| {head} |", 1)[1].splitlines()[2:]
    found = {}
    for row in rows:
        if not row.startswith("|"):
            break
        first, second = row.strip("| ").split(" | ")[:2]
        found[first] = second
    return found


def kinds(base: type[DPlaneError]) -> set[type[DPlaneError]]:
    return {base}.union(*(kinds(child) for child in base.__subclasses__()))


def test_exit_codes_are_the_same_everywhere() -> None:
    listed = {int(first) for first in table(ROOT / "README.md", "exit code")}
    assert listed == {0, 3, 130} | {kind.exit_code for kind in kinds(DPlaneError)}
    assert listed == {number for number, _ in EXIT_CODES}
    epilog = build_parser(()).epilog or ""
    assert {int(number) for number in re.findall(r"\b(\d+) [a-z]", epilog)} == listed
    architecture = (ROOT / "docs" / "architecture.md").read_text()
    line = next(part for part in architecture.split("\n\n") if part.startswith("Exit codes of `dplane`"))
    assert {int(number) for number in re.findall(r"(?:^|[:·])\s*(\d+) [a-z]", line)} == listed


def test_the_readme_names_every_command() -> None:
    listed = {first.strip("`").removeprefix("dplane").strip() for first in table(ROOT / "README.md", "command")}
    assert listed == {""} | {name for name, (_module, help_text) in GROUPS.items() if help_text}


def test_installing_names_every_file_that_the_installer_writes() -> None:
    page = (ROOT / "docs" / "installing.md").read_text()
    script = (ROOT / "packaging" / "install.sh").read_text()
    written = re.findall(r"^ *put \d+ \S+ (/\S+)$", script, re.MULTILINE)
    assert len(written) >= 4
    for path in written:
        assert f"`{path}`" in page
    folders = (ROOT / "packaging" / "etc" / "tmpfiles.conf").read_text()
    for path in re.findall(r"^d (/var/\S+/dplane) ", folders, re.MULTILINE):
        assert path in page


def test_uninstall_removes_every_file_that_the_installer_writes() -> None:
    script = (ROOT / "packaging" / "install.sh").read_text()
    removed = (ROOT / "packaging" / "uninstall.sh").read_text()
    for path in re.findall(r"^ *put \d+ \S+ (/\S+)$", script, re.MULTILINE):
        assert re.search(re.escape(path) + r"(?![\w/])", removed), path


@each_page
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", FENCE.sub("", page.read_text())):
        if target.startswith("http"):
            continue
        path, _, anchor = target.partition("#")
        goal = page.parent / path if path else page
        assert goal.exists(), f"{page.name}: {target}"
        if anchor:
            heads = re.findall(r"^#+ (.*)$", goal.read_text(), re.MULTILINE)
            assert anchor in {re.sub(r"[^\w -]", "", head.lower()).replace(" ", "-") for head in heads}


# Written in pieces, so that this file does not find itself.
NEVER = re.compile(
    "|".join(
        (
            r"/wo" + r"rk/(?:main|shared|\.)",
            r"/tmp/te" + r"am\b",
            r"/ro" + r"ot/\.",
            r"py" + r"pi\.org|pythonho" + r"sted",
            r"deb\.deb" + r"ian\.org|archive\.ubu" + r"ntu",
            r"index-u" + r"rl\s*=|--trusted-ho" + r"st",
            r"registry-1\.doc" + r"ker|npm" + r"js\.(?:org|com)",
        )
    )
)


def test_no_package_host_and_no_path_of_one_machine_in_the_repository() -> None:
    trusted = ["-c", f"safe.directory={ROOT}"]  # a checkout that another user made, as in a container
    listed = subprocess.run(["git", *trusted, "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True).stdout
    files = [ROOT / name for name in listed.decode().split("\0") if name]
    assert files
    found = []
    for file in files:
        if file.is_file():
            text = file.read_bytes().decode("utf-8", "replace")
            found += [f"{file.relative_to(ROOT)}: {match.group()}" for match in NEVER.finditer(text)]
    assert not found
