"""Stages of the product: its Python packages, and what its own installer changes in a box."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import sys
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from . import chroot, proc
from .config import Flavour
from .errors import LabError
from .paths import REPO

PRODUCT = (
    "dplane_tui",
    "privhelper",
    "themes",
    "packaging",
    "pyproject.toml",
    "requirements.lock",
    "README.md",
    "LICENSE",
)
INSIDE = "var/tmp/dplane"
# What the installer leaves there is of no use in a box, or belongs to the running system.
NOT_TAKEN = ("run", "tmp", "var/tmp", "var/cache", "proc", "sys", "dev", "root/.cache")


def product_files(repo: Path = REPO) -> Iterator[Path]:
    """Source files that make the product, sorted; caches and hidden files are not among them."""
    for name in PRODUCT:
        root = repo / name
        for path in sorted([root] if root.is_file() else root.rglob("*")):
            parts = path.relative_to(repo).parts
            if path.is_file() and not any(part == "__pycache__" or part.startswith(".") for part in parts):
                yield path


def product_digest(repo: Path = REPO) -> str:
    """Hash over names, modes and contents of the product's sources."""
    digest = hashlib.sha256()
    for path in product_files(repo):
        data = path.read_bytes()
        digest.update(f"{path.relative_to(repo)}:{os.access(path, os.X_OK)}:{len(data)}:".encode() + data)
    return digest.hexdigest()


def copy_sources(target: Path, repo: Path = REPO) -> None:
    """Copy the product's sources to `target`."""
    for path in product_files(repo):
        copy = target / path.relative_to(repo)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, copy)


def pip_argv(cache: Path, log: Path) -> list[str]:
    """A pip to download with: this Python's, the checkout's, or one in a fresh environment."""
    for python in (REPO / ".venv/bin/python", Path(sys.executable)):
        if python.exists():
            try:
                proc.run([str(python), "-m", "pip", "--version"], log, "Looking for pip", pip_environment())
            except LabError:
                continue
            return [str(python), "-m", "pip"]
    proc.run(
        [sys.executable, "-m", "venv", str(cache / "pip")], log, "Making a Python environment (package python3-venv)"
    )
    return [str(cache / "pip/bin/python"), "-m", "pip"]


def pip_environment() -> dict[str, str]:
    """The build's environment plus what the caller configured for pip and for certificates."""
    kept = {name: value for name, value in os.environ.items() if name.startswith(("PIP_", "SSL_", "REQUESTS_"))}
    return {**proc.build_environment(), "HOME": str(Path.home()), **kept}


def make_wheels(flavour: Flavour, folder: Path, log: Path) -> None:
    """Download the locked packages for the boxes' Python; pip checks them against the lock file's hashes."""
    argv = [
        *pip_argv(folder, log),
        "download",
        "--quiet",
        "--disable-pip-version-check",
        "--only-binary=:all:",
        "--no-deps",
    ]
    argv += [
        "--implementation=cp",
        f"--python-version={flavour.python}",
        f"--abi=cp{flavour.python.replace('.', '')}",
        "--abi=abi3",
        "--abi=none",
    ]
    for platform in ("manylinux_2_34", "manylinux_2_28", "manylinux_2_17", "manylinux2014", "linux"):
        argv.append(f"--platform={platform}_x86_64")
    argv += [
        "--platform=any",
        "--require-hashes",
        "-r",
        str(REPO / "requirements.lock"),
        "--dest",
        str(folder / "wheels"),
    ]
    proc.run(argv, log, "Downloading the Python packages", pip_environment())
    shutil.rmtree(folder / "pip", ignore_errors=True)


def install_product(needs: Mapping[str, Path], folder: Path, log: Path) -> None:
    """Run packaging/install.sh in a box's tree, at the host's speed; what it changed becomes product.tar."""
    if not (REPO / "packaging/install.sh").exists():
        raise LabError(
            "The product has no installer yet (packaging/install.sh is missing), so it cannot be put into the boxes."
        )
    scratch = folder / "scratch"
    upper = scratch / "upper"
    copy_sources(upper / INSIDE / "source")
    shutil.copytree(needs["wheels"] / "wheels", upper / INSIDE / "wheels")
    lower = needs["image"] / "tree"
    for part in ("var", "var/tmp"):
        shutil.copystat(lower / part, upper / part)
    installer = [f"/{INSIDE}/source/packaging/install.sh", "--wheels", f"/{INSIDE}/wheels", "--no-start"]
    for argv, what in (
        (installer, "The product's installer"),
        (["usermod", "-aG", "dplane-view,dplane-operate,dplane-admin", "owner"], "Giving owner the product's groups"),
        (["usermod", "-aG", "dplane-view", "viewer"], "Giving viewer the product's group"),
    ):
        chroot.enter_overlay(lower, scratch, argv, log, what)
    pack_changes(upper, folder / "product.tar")
    shutil.rmtree(scratch)


def changed_paths(upper: Path) -> tuple[list[str], list[str]]:
    """(changed or new, removed) paths of an overlay's upper folder, relative and sorted."""
    changed: list[str] = []
    removed: list[str] = []
    for path in sorted(upper.rglob("*")):
        name = str(path.relative_to(upper))
        if any(name == skip or name.startswith(f"{skip}/") for skip in NOT_TAKEN):
            continue
        status = path.lstat()
        if stat.S_ISCHR(status.st_mode) and status.st_rdev == 0:
            removed.append(name)
        else:
            changed.append(name)
    return changed, removed


def pack_changes(upper: Path, target: Path) -> None:
    """Tar of what changed, with numeric owners; removed paths are listed in <target>.removed."""
    changed, removed = changed_paths(upper)
    if not any(name.startswith("opt/dplane/") for name in changed):
        raise LabError("The product's installer reported success but put nothing under /opt/dplane.")
    with tarfile.open(target, "w", format=tarfile.GNU_FORMAT) as archive:
        for name in changed:
            entry = archive.gettarinfo(str(upper / name), name)
            entry.uname = entry.gname = ""
            if entry.isreg():
                with (upper / name).open("rb") as stream:
                    archive.addfile(entry, stream)
            else:
                archive.addfile(entry)
    target.with_name(f"{target.name}.removed").write_text("".join(f"{name}\n" for name in removed))
