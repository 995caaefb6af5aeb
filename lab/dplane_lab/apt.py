"""Where Debian comes from: the mirror, proxies and certificates that this host's own apt uses. No host name in here."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

from .errors import LabError

FORMAT = "$(REPO_URI)|$(RELEASE)|$(COMPONENT)|$(LABEL)"
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")


def choose_mirror(targets: str) -> str | None:
    """The Debian archive among `apt-get indextargets` lines (`uri|release|component|label`), or None."""
    best: tuple[int, str] | None = None
    for line in targets.splitlines():
        uri, _, rest = line.partition("|")
        release, component, label = [*rest.split("|"), "", "", ""][:3]
        path = uri.rstrip("/")
        if component != "main" or label not in ("Debian", "") or not path.endswith("/debian"):
            continue
        score = 2 * (label == "Debian") + ("-" not in release)
        if best is None or score > best[0]:
            best = (score, path)
    return best[1] if best else None


def mirror() -> str:
    """Address of the Debian archive this host uses (DPLANE_LAB_MIRROR overrides); raises LabError without one."""
    if own := os.environ.get("DPLANE_LAB_MIRROR"):
        return own.rstrip("/")
    argv = ["apt-get", "indextargets", "--format", FORMAT, "Created-By: Packages"]
    try:
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
    except OSError as error:
        raise LabError(
            f"apt-get could not be started ({error.strerror}); the practice pair is built on Debian."
        ) from error
    found = choose_mirror(done.stdout)
    if found is None:
        raise LabError("This host's apt knows no Debian archive; set DPLANE_LAB_MIRROR to the address of one.")
    return found


def acquire_options(dump: str) -> list[str]:
    """Lines of `apt-config dump` that say how to reach an archive: proxies, certificates, date checks."""
    wanted = re.compile(r"^Acquire::(https?|ftp)::|^Acquire::(Check-|Retries|ForceIPv|Proxy)", re.IGNORECASE)
    return [line for line in dump.splitlines() if wanted.match(line) and not line.endswith(' "";')]


def chroot_apt_config() -> str:
    """apt.conf text for the boxes' chroots while they are built."""
    done = subprocess.run(["apt-config", "dump"], capture_output=True, text=True, check=False)
    own = ['Acquire::Languages "none";', 'Acquire::Retries "3";', 'APT::Install-Recommends "false";']
    own += ['APT::Install-Suggests "false";', 'Dpkg::Use-Pty "0";']
    return "\n".join([*own, *acquire_options(done.stdout)]) + "\n"


def proxy_environment(dump: str | None = None) -> dict[str, str]:
    """http_proxy and https_proxy as apt has them, for debootstrap, which does not read apt's configuration."""
    if dump is None:
        dump = subprocess.run(["apt-config", "dump"], capture_output=True, text=True, check=False).stdout
    found: dict[str, str] = {}
    for scheme in ("http", "https"):
        match = re.search(rf'^Acquire::{scheme}::Proxy "([^"]+)";', dump, re.MULTILINE | re.IGNORECASE)
        if match and match[1] != "DIRECT":
            found[f"{scheme}_proxy"] = match[1]
    return found


def keyring() -> Path:
    """The archive keys that prove what is downloaded; raises LabError when the host has none."""
    if not KEYRING.exists():
        raise LabError(
            "This host has no Debian archive keys; install them with: sudo apt-get install debian-archive-keyring"
        )
    return KEYRING
