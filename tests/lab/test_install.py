"""The installer on a real box: repair, refused upgrade, upgrade, uninstall. systemd, sudo and sshd are the real ones.

A box reaches no package index, so these also prove that repairing and upgrading need none.
"""

from __future__ import annotations

import base64
import io
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.lab, pytest.mark.long]

ROOT = Path(__file__).parents[2]
SOURCES = ("dplane_tui", "privhelper", "themes", "packaging", "requirements.lock", "LICENSE", "Makefile")
NOOP = """echo '{"verb":"noop"}' | sudo -n "$(readlink -e /opt/dplane/current/libexec/privhelper)" """


def source_archive() -> str:
    """The sources as the installer takes them, as base64 of a tar."""
    held = io.BytesIO()

    def wanted(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
        entry.uid = entry.gid = 0
        return None if "__pycache__" in entry.name else entry

    with tarfile.open(fileobj=held, mode="w:gz") as archive:
        for name in SOURCES:
            archive.add(ROOT / name, f"src/{name}", filter=wanted)
    return base64.b64encode(held.getvalue()).decode()


class Box:
    """One practice box with the sources in /root/src."""

    def __init__(self, node: Any) -> None:
        self._node = node

    def run(self, script: str, *, user: str = "root", stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Run a line of shell there; a failure is for the caller to judge."""
        done = self._node.ssh("sh", "-c", script, user=user, input=stdin, check=False)
        out, err = (
            x.decode("utf-8", "replace") if isinstance(x, bytes) else x or "" for x in (done.stdout, done.stderr)
        )
        return subprocess.CompletedProcess(script, done.returncode, out, err)

    def ok(self, script: str, *, user: str = "root", stdin: str = "") -> str:
        """Run a line of shell there that must succeed; what it printed."""
        done = self.run(script, user=user, stdin=stdin)
        assert done.returncode == 0, (script, done.returncode, done.stdout, done.stderr)
        return done.stdout

    def install(self) -> subprocess.CompletedProcess[str]:
        """Run the installer as a person would."""
        return self.run("cd /root/src && ./packaging/install.sh")

    def live(self) -> str:
        """Everything that says which release is in use and what is let through."""
        return self.ok(
            "readlink /opt/dplane/current; sha256sum /etc/sudoers.d/dplane "
            "/etc/ssh/sshd_config.d/dplane.conf /etc/systemd/system/dplane-job@.service /etc/tmpfiles.d/dplane.conf; "
            "ls -A /etc/sudoers.d /etc/ssh/sshd_config.d"
        )


@pytest.fixture(scope="module")
def box(pair: Any) -> Iterator[Box]:
    """nas-a as it was built, with the sources of this checkout installed. The tests build on each other."""
    pair.reset()
    box = Box(pair.nas_a)
    box.ok("base64 -d | tar -xzf - -C /root", stdin=source_archive())
    done = box.install()
    assert done.returncode == 0, done.stdout + done.stderr
    yield box
    pair.reset()


def test_only_root_can_write_to_the_code_and_each_folder_is_whose_it_should_be(box: Box) -> None:
    writable = box.ok("find /opt/dplane \\( ! -user root -o ! -type l -perm /022 \\) -print")
    assert writable == ""
    folders = "dplane dplane/store dplane/ssh dplane/ssh-accept ../log/dplane /run/dplane /run/dplane/jobs"
    assert box.ok(f"cd /var/lib && stat -c '%a %U %G' {folders}").splitlines() == [
        "750 root dplane-view",
        "2775 dplane dplane-operate",
        "700 dplane dplane",
        "750 root dplane-view",
        "750 root dplane-view",
        "750 root dplane-view",
        "2775 dplane dplane-operate",
    ]
    assert box.ok("stat -c '%a %U' /etc/sudoers.d/dplane").split() == ["440", "root"]
    assert "docker" not in box.ok("id -nG dplane").split()
    # The user of peers: no password, no terminal, no tunnel, and its keys only from root's file.
    told = box.ok("sshd -T -C user=dplane,host=x,addr=10.0.0.1").splitlines()
    for line in (
        "authorizedkeysfile /var/lib/dplane/ssh-accept/authorized_keys",
        "passwordauthentication no",
        "permittty no",
        "disableforwarding yes",
    ):
        assert line in told
    assert "permittty yes" in box.ok("sshd -T -C user=owner,host=x,addr=10.0.0.1").splitlines()


def test_the_job_unit_reaches_root_through_the_door(box: Box) -> None:
    """The unit's hardening must leave sudo working: a job that cannot would be found out in the middle of the night."""
    settings = box.ok("systemd-analyze verify dplane-job@x.service 2>&1; systemctl cat dplane-job@.service")
    assert "User=dplane" in settings
    limits = box.ok("systemctl show -p CapabilityBoundingSet --value dplane-job@x.service").strip()
    drop = box.ok("sed -n 's/^CapabilityBoundingSet=//p' /etc/systemd/system/dplane-job@.service").strip()
    assert "cap_sys_admin" in limits
    assert "cap_sys_boot" not in limits
    # The same properties around a probe: NoNewPrivileges or a private mount namespace would show here.
    box.ok("cat > /tmp/probe; chmod 755 /tmp/probe", stdin=f"#!/bin/sh\n{NOOP}\nreadlink /proc/self/ns/mnt\n")
    run = "systemd-run --quiet --wait --pipe --uid=dplane -p UMask=0002 -p KeyringMode=private"
    said = box.ok(f"{run} -p 'CapabilityBoundingSet={drop}' /tmp/probe; readlink /proc/self/ns/mnt").splitlines()
    assert '"ok":true' in said[0].replace(" ", "")
    assert said[1] == said[2], "what a job mounts must be seen by the box"


def test_what_cannot_be_right_is_refused_before_anything_is_built(box: Box) -> None:
    before = box.live()
    install = "cd /root/src && ./packaging/install.sh"
    # Whoever can write above the code can replace it (attack 6).
    open_place = box.run(f"chmod g+w /opt; {install}; status=$?; chmod g-w /opt; exit $status")
    assert open_place.returncode == 1
    assert "can be written by others than root" in open_place.stderr
    assert "chmod go-w /opt" in open_place.stderr
    busy = box.run(f"flock /opt/dplane/.lock -c '{install}'")
    assert busy.returncode == 1
    assert "another installation is running" in busy.stderr
    nobody = box.run(f"{install} --admin no-such-person")
    assert nobody.returncode == 1
    assert "no user no-such-person" in nobody.stderr
    assert box.live() == before


def test_installing_again_repairs_what_was_altered(box: Box) -> None:
    before = box.live()
    helper = box.ok("readlink -e /opt/dplane/current/libexec/privhelper").strip()
    box.ok(f"printf '\\n# altered\\n' >> {helper}")
    refused = box.run(NOOP, user="owner")
    assert refused.returncode != 0
    assert '"ok"' not in refused.stdout
    done = box.install()
    assert done.returncode == 0, done.stdout + done.stderr
    assert "building release" in done.stdout
    assert '"ok"' in box.ok(NOOP, user="owner")
    assert box.live() == before
    again = box.install()
    assert again.returncode == 0
    assert "unaltered" in again.stdout
    assert box.live() == before


def test_an_upgrade_is_all_or_nothing(box: Box) -> None:
    before = box.live()
    old = box.ok("readlink -e /opt/dplane/current").strip()
    box.ok("echo '# newer' >> /root/src/dplane_tui/text.py")

    # A rule that visudo refuses: nothing moves.
    box.ok(
        "cp -p /root/src/packaging/rules.sh /root/kept && sed -i 's/NOPASSWD/NOPASS WORD/' /root/src/packaging/rules.sh"
    )
    done = box.install()
    assert done.returncode == 1
    assert "visudo refuses" in done.stderr
    assert Path(old).name in done.stderr
    assert box.live() == before
    # A rule that is fine by itself but lets nobody in: found out by a real request, put back.
    box.ok(
        "cp -p /root/kept /root/src/packaging/rules.sh && sed -i 's/%dplane-view/%sudo/' /root/src/packaging/rules.sh"
    )
    done = box.install()
    assert done.returncode == 1
    assert "does not answer" in done.stderr
    assert box.live() == before
    assert '"ok"' in box.ok(NOOP, user="owner")
    # What sshd refuses comes after the sudo rule went live: that is put back as well.
    box.ok("cp -p /root/kept /root/src/packaging/rules.sh && echo 'Bogus yes' > /etc/ssh/sshd_config.d/zz.conf")
    done = box.install()
    assert done.returncode == 1
    assert "sshd does not accept" in done.stderr
    box.ok("rm /etc/ssh/sshd_config.d/zz.conf")
    assert box.live() == before

    done = box.install()
    assert done.returncode == 0, done.stdout + done.stderr
    new = box.ok("readlink -e /opt/dplane/current").strip()
    assert new != old
    assert box.ok("readlink -e /opt/dplane/previous").strip() == old
    assert set(box.ok("ls -d /opt/dplane/releases/*").split()) == {old, new}
    # A console of the old release that is still open goes on; both helpers are let through, each with its digest.
    assert '"ok"' in box.ok(f"""echo '{{"verb":"noop"}}' | sudo -n {old}/libexec/privhelper""", user="owner")
    assert '"ok"' in box.ok(NOOP, user="owner")
    assert box.ok("grep -c NOPASSWD /etc/sudoers.d/dplane").strip() == "2"
    assert box.ok("dplane --version", user="viewer").startswith("dplane ")


def test_uninstalling_keeps_what_was_recorded(box: Box) -> None:
    box.ok("echo kept > /var/lib/dplane/store/mark")
    lines = int(box.ok("wc -l < /var/log/dplane/audit.jsonl"))
    assert lines > 0
    box.ok("/opt/dplane/current/share/uninstall.sh")
    left = box.ok("find /opt /etc /usr/local /run/dplane -name '*dplane*' ! -path '*dplane-lab*' 2>/dev/null; true")
    assert left.split() == ["/etc/dplane"], "who is told what is the person's own"
    assert box.ok("ls /etc/dplane").split() == ["notify.toml"]
    assert box.run("sudo -n true", user="owner").returncode != 0
    assert box.ok("cat /var/lib/dplane/store/mark").strip() == "kept"
    assert int(box.ok("wc -l < /var/log/dplane/audit.jsonl")) == lines
    box.ok(
        "sshd -t && systemctl is-active ssh.service && systemctl daemon-reload && ! systemctl cat dplane-job@.service"
    )

    box.ok("/root/src/packaging/uninstall.sh --purge")
    places = "/var/lib/dplane /var/log/dplane /etc/dplane"
    gone = box.ok(f"ls -d {places} 2>/dev/null; getent passwd dplane; getent group | grep dplane; true")
    assert gone == ""
