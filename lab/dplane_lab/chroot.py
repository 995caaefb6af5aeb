"""Run a command inside a box's root folder, in its own mount and process namespaces, so no mount can be left behind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from . import proc

# Constant text: every path and argument arrives as "$@", nothing is pasted into it.
_MOUNT = 'mount -t proc proc "$root/proc" && mount -t sysfs -o ro sysfs "$root/sys" && exec chroot "$root" "$@"'
_ENTER = f"root=$1; shift; {_MOUNT}"
_OVERLAY = f'root=$1; options=$2; shift 2; mount -t overlay overlay -o "$options" "$root" && {_MOUNT}'
_NAMESPACES = ("unshare", "--mount", "--pid", "--fork", "--kill-child")


def enter(
    root: Path,
    argv: Sequence[str],
    log: Path,
    what: str,
    environment: Mapping[str, str] | None = None,
    data: bytes | None = None,
) -> None:
    """Run `argv` in `root`; its processes end when it ends. Raises LabError."""
    merged = {**proc.build_environment(), **(environment or {})}
    proc.run([*_NAMESPACES, "/bin/sh", "-c", _ENTER, "sh", str(root), *argv], log, what, merged, data)


def enter_overlay(lower: Path, scratch: Path, argv: Sequence[str], log: Path, what: str) -> Path:
    """Run `argv` in a writable view of `lower`; returns the folder that then holds what changed. Raises LabError."""
    upper, work, merged = scratch / "upper", scratch / "work", scratch / "merged"
    for folder in (upper, work, merged):
        folder.mkdir(parents=True, exist_ok=True)
    options = f"lowerdir={lower},upperdir={upper},workdir={work}"
    proc.run([*_NAMESPACES, "/bin/sh", "-c", _OVERLAY, "sh", str(merged), options, *argv], log, what)
    return upper


def prepare(root: Path, sources: str, apt_config: str) -> None:
    """Make a fresh root folder ready for installing: sources, no services started, no documentation, no fsync."""
    (root / "etc/apt/sources.list").write_text(sources)
    (root / "etc/apt/apt.conf.d/90lab").write_text(apt_config)
    excluded = (
        "/usr/share/doc/*",
        "/usr/share/man/*",
        "/usr/share/locale/*",
        "/usr/share/info/*",
        "/usr/share/lintian/*",
    )
    options = ["force-unsafe-io", *(f"path-exclude={path}" for path in excluded)]
    (root / "etc/dpkg/dpkg.cfg.d/90lab").write_text("\n".join(options) + "\n")
    denied = root / "usr/sbin/policy-rc.d"
    denied.write_text("#!/bin/sh\nexit 101\n")
    denied.chmod(0o755)
    resolver = root / "etc/resolv.conf"
    resolver.unlink(missing_ok=True)
    resolver.write_text(Path("/etc/resolv.conf").read_text() if Path("/etc/resolv.conf").exists() else "")
    bundle, host_bundle = root / "etc/ssl/certs/ca-certificates.crt", Path("/etc/ssl/certs/ca-certificates.crt")
    if host_bundle.exists() and "https:" in sources:
        bundle.parent.mkdir(parents=True, exist_ok=True)
        bundle.write_bytes(host_bundle.read_bytes())


def apt_install(
    root: Path, packages: Sequence[str], log: Path, what: str, environment: Mapping[str, str] | None = None
) -> None:
    """Install Debian packages into `root`, without recommendations."""
    argv = ["eatmydata", "apt-get", "install", "-y", "-q", "--no-install-recommends", *packages]
    enter(root, argv, log, what, environment)
    enter(root, ["apt-get", "clean"], log, what)
