"""Consoles on the real screen and the real serial line of a practice box, with the real systemd, getty, sudo and PAM.

`make test T="-m lab tests/lab/test_kiosk.py"`. What only these can show: that the units start, that a sign-in hands the
terminal over and it comes back, that the login prompt returns.
"""

from __future__ import annotations

import json
import re
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import pyte
import pytest

pytestmark = [pytest.mark.lab, pytest.mark.long]

PASSWORD = "practice horse 7"
PATIENCE = 300.0  # seconds: without KVM a start takes long


class Line:
    """The other end of a box's serial line, read through a terminal emulator."""

    def __init__(self, path: Any) -> None:
        self._link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._link.connect(str(path))
        self._link.settimeout(0.5)
        self.screen = pyte.Screen(80, 24)
        self._stream = pyte.ByteStream(self.screen)
        self.written = b""

    @property
    def text(self) -> str:
        return "\n".join(row.rstrip() for row in self.screen.display)

    def send(self, keys: bytes) -> None:
        self._link.sendall(keys)

    def until(self, seen: Callable[[str], bool], what: str) -> None:
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            try:
                got = self._link.recv(65536)
            except TimeoutError:
                got = b""
            self.written += got
            self._stream.feed(got)
            if seen(self.text):
                return
        pytest.fail(f"{what} never came:\n{self.text}")

    def until_text(self, text: str) -> None:
        self.until(lambda screen: text in screen, text)

    def close(self) -> None:
        self._link.close()


def show(box: Any, unit: str, *names: str) -> dict[str, str]:
    said = box.ssh("systemctl", "show", "-p", ",".join(names), "--", unit).stdout
    return dict(line.partition("=")[::2] for line in said.splitlines())


def until_state(box: Any, unit: str, wanted: str) -> None:
    end = time.monotonic() + PATIENCE
    while (now := show(box, unit, "ActiveState")["ActiveState"]) != wanted:
        assert time.monotonic() < end, f"{unit} is {now}, not {wanted}\n{box.ssh('journalctl', '-u', unit).stdout}"
        time.sleep(1)


@pytest.fixture(scope="module")
def box(pair: Any) -> Iterator[Any]:
    """nas-a as it was saved, whose accounts have a password for once."""
    pair.reset()
    box = pair.nas_a
    box.ssh("chpasswd", input="".join(f"{user}:{PASSWORD}\n" for user in ("owner", "viewer")))
    yield box
    pair.reset()


@pytest.fixture
def line(box: Any) -> Iterator[Line]:
    one = Line(box.serial_socket)
    yield one
    one.close()


def dplane(box: Any, *words: str, user: str = "owner") -> Any:
    done = box.ssh("dplane", *words, "--json", user=user, check=False)
    return json.loads(done.stdout)


def only_for(box: Any, terminal: str, user: str) -> None:
    """That terminal is `user`'s alone, and not the group's that serial lines are for, even when udev looks again."""
    owner, group, mode = box.ssh("stat", "-c", "%U %G %a", f"/dev/{terminal}").stdout.split()
    assert (owner, mode) == (user, "600")
    assert group != "dialout", "taken away before systemd hung the line up"
    box.ssh("udevadm", "trigger", "--action=change", f"--name-match=/dev/{terminal}")
    box.ssh("udevadm", "settle")
    box.ssh("chmod", "0660", f"/dev/{terminal}")
    box.ssh("chgrp", "dialout", f"/dev/{terminal}")
    as_member = ("setpriv", "--reuid=nobody", "--regid=dialout", "--clear-groups")
    tried = box.ssh(*as_member, "sh", "-c", f": < /dev/{terminal}", check=False)
    assert tried.returncode != 0
    assert "busy" in tried.stderr, tried.stderr


HELPER = '"$(readlink -e /opt/dplane/current/libexec/privhelper)"'


def as_kiosk(box: Any, *lines: str, cgroup: str = "") -> str:
    """What the helper answers the account of kiosks, from within that cgroup if one is named."""
    enter = f"echo $$ > '{cgroup}'; " if cgroup else ""
    script = f"{enter}runuser -u dplane-kiosk -- sudo -n {HELPER}"
    return str(box.ssh("sh", "-c", script, input="".join(f"{one}\n" for one in lines), check=False).stdout)


def test_the_account_looks_and_has_no_shell(box: Any) -> None:
    assert set(box.ssh("id", "-nG", "dplane-kiosk").stdout.split()) == {"dplane-kiosk", "dplane-view"}
    assert box.ssh("getent", "passwd", "dplane-kiosk").stdout.strip().endswith("/usr/sbin/nologin")
    assert '"ok"' in as_kiosk(box, '{"verb":"noop"}')
    assert '"role"' in as_kiosk(box, '{"verb":"scrub-start","pool":"tank","guid":"1"}')
    # Outside of a kiosk's unit even the account itself cannot ask for a sign-in.
    assert '"role"' in as_kiosk(box, '{"verb":"sign-in","user":"owner"}', PASSWORD)


def test_the_screen_of_the_box(box: Any) -> None:
    seen = dplane(box, "kiosk", "enable", "tty1", "--dry-run")
    assert seen["ok"], seen
    assert "tty2" in seen["data"]["preview"]["stays"]
    done = dplane(box, "kiosk", "enable", "tty1", "--confirm", "tty1")
    assert done["ok"], done
    shown = show(box, "dplane-console@tty1.service", "ActiveState", "User", "MainPID", "UnitFileState")
    assert (shown["ActiveState"], shown["User"], shown["UnitFileState"]) == ("active", "dplane-kiosk", "enabled")
    assert box.ssh("ps", "-o", "user=,tty=", "-p", shown["MainPID"]).stdout.split()[1] == "tty1"
    assert show(box, "getty@tty1.service", "LoadState", "ActiveState") == {
        "LoadState": "masked",
        "ActiveState": "inactive",
    }
    # The virtual console's own memory has what stands on the screen.
    screen = box.ssh("cat", "/dev/vcs1").stdout
    assert "Pools" in screen
    assert "U sign in" in screen
    status = dplane(box, "kiosk", "status")
    assert status["ok"], status
    # It comes back when it is killed, and no shell shows.
    box.ssh("kill", "-9", shown["MainPID"])
    until_state(box, "dplane-console@tty1.service", "active")
    again = show(box, "dplane-console@tty1.service", "MainPID")["MainPID"]
    assert again not in {"0", shown["MainPID"]}
    # However often: who stands before it can end it, but not for good.
    limit = show(box, "dplane-console@tty1.service", "StartLimitIntervalUSec")
    assert limit["StartLimitIntervalUSec"] == "0", limit

    assert dplane(box, "kiosk", "disable", "tty1", "--confirm", "tty1")["ok"]
    assert show(box, "getty@tty1.service", "ActiveState")["ActiveState"] == "active"
    assert show(box, "dplane-console@tty1.service", "ActiveState")["ActiveState"] == "inactive"


def test_signing_in_over_the_serial_line_and_back(box: Any, line: Line) -> None:
    done = dplane(box, "kiosk", "enable", "ttyS0", "--speed", "115200", "--lock-after", "2m", "--confirm", "ttyS0")
    assert done["ok"], done
    line.until_text("U sign in")
    only_for(box, "ttyS0", "dplane-kiosk")
    line.send(b"\x03\x1a\x1cq")  # nothing of that gets out
    line.send(b"U")
    line.until_text("Sign in on nas-a")
    line.send(b"owner\r")
    line.send(b"not it\r")
    line.until_text("not right")
    line.send(PASSWORD.encode() + b"\r")
    line.until_text("Signed in as owner")
    shown = show(box, "dplane-session-ttyS0.service", "ActiveState", "User", "MainPID")
    assert (shown["ActiveState"], shown["User"]) == ("active", "owner")
    status = box.ssh("cat", f"/proc/{shown['MainPID']}/status").stdout
    uid = box.ssh("id", "-u", "owner").stdout.strip()
    assert re.search(rf"^Uid:\t{uid}\t{uid}\t{uid}\t{uid}$", status, re.MULTILINE), "all of it is that account's"
    assert show(box, "dplane-serial@ttyS0.service", "ActiveState")["ActiveState"] == "inactive"
    only_for(box, "ttyS0", "owner")
    if not box.ssh("test", "-e", "/run/utmp", check=False).returncode:  # Debian 13 keeps none any more
        assert "owner" in box.ssh("who").stdout
    # What the account leaves running, and takes the line again whenever it is free, does not keep the kiosk away.
    take = "import os, signal, time\nsignal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
    take += "end = time.monotonic() + 120\nwhile time.monotonic() < end:\n time.sleep(0.005)\n"
    take += " try: os.open('/dev/ttyS0', os.O_RDWR)\n except OSError: pass\n"
    unit = ("systemd-run", "--quiet", "--collect", "--unit=grabs", f"--uid={uid}", "--", "/usr/bin/python3", "-c", take)
    box.ssh(*unit)
    line.send(b"q")
    line.until_text("U sign in")
    until_state(box, "dplane-serial@ttyS0.service", "active")
    box.ssh("systemctl", "stop", "grabs.service", check=False)
    # Left alone the next one ends by itself.
    line.send(b"U")
    line.until_text("Sign in on nas-a")
    line.send(b"owner\r" + PASSWORD.encode() + b"\r")
    line.until_text("Signed in as owner")
    line.until_text("U sign in")
    lines = [json.loads(one) for one in box.ssh("cat", "/var/log/dplane/audit.jsonl").stdout.splitlines()]
    signed = [(one["user"], one["phase"], one.get("code")) for one in lines if one.get("verb") == "sign-in"]
    assert ("dplane-kiosk", "done", 0) in signed
    assert ("dplane-kiosk", "done", 2) in signed
    assert PASSWORD not in box.ssh("cat", "/var/log/dplane/audit.jsonl").stdout
    assert PASSWORD not in box.ssh("journalctl", "--no-pager").stdout
    assert PASSWORD.encode() not in line.written

    assert dplane(box, "kiosk", "disable", "ttyS0", "--confirm", "ttyS0")["ok"]
    line.send(b"\r")
    line.until(lambda screen: "login:" in screen, "the login prompt")


def test_where_nobody_may_sign_in(box: Any, line: Line) -> None:
    assert dplane(box, "kiosk", "enable", "ttyS0", "--view-only", "--confirm", "ttyS0")["ok"]
    # It starts with its line, which may be on a plug.
    wants = show(box, "dev-ttyS0.device", "Wants")["Wants"].split()
    assert "dplane-serial@ttyS0.service" in wants, wants
    line.until_text("how to act")
    line.send(b"U")
    line.until_text("log in over SSH")
    # A sign-in from inside the very unit is refused as well.
    cgroup = "/sys/fs/cgroup/system.slice/system-dplane\\x2dserial.slice/dplane-serial@ttyS0.service/cgroup.procs"
    said = as_kiosk(box, '{"verb":"sign-in","user":"owner"}', PASSWORD, cgroup=cgroup)
    assert "to show and no more" in said, said
    assert dplane(box, "kiosk", "disable", "ttyS0", "--confirm", "ttyS0")["ok"]
    left = box.ssh("sh", "-c", "ls -d /etc/systemd/system/*.wants/dplane-serial@* 2>/dev/null; true").stdout
    assert left == ""


def test_a_console_that_cannot_start_gives_the_prompt_back(box: Any) -> None:
    folder = "/run/systemd/system/dplane-console@tty1.service.d"
    box.ssh("mkdir", "-p", folder)
    box.ssh("tee", f"{folder}/z.conf", input="[Service]\nExecStart=\nExecStart=/bin/false\n")
    try:
        done = dplane(box, "kiosk", "enable", "tty1", "--confirm", "tty1")
        assert not done["ok"]
        assert "tty1 is as it was" in done["error"]["message"]  # by the first failed start, not by a count of them
        until_state(box, "getty@tty1.service", "active")
        assert dplane(box, "kiosk", "status")["data"] == []
    finally:
        box.ssh("rm", "-rf", folder)
        box.ssh("systemctl", "daemon-reload")


def test_an_ordinary_console_unlocks_by_the_accounts_own_password(box: Any) -> None:
    ask = 'printf \'{"verb":"unlock"}\\n%s\\n\' "$1" | sudo -n "$(readlink -e /opt/dplane/current/libexec/privhelper)"'
    right = box.ssh("sh", "-c", ask, "sh", PASSWORD, user="viewer", check=False).stdout
    wrong = box.ssh("sh", "-c", ask, "sh", "no", user="viewer", check=False).stdout
    assert json.loads(right)["ok"] is True
    assert json.loads(wrong)["error"]["code"] == "refused"


def test_uninstalling_gives_the_terminals_back(box: Any) -> None:
    assert dplane(box, "kiosk", "enable", "tty1", "--confirm", "tty1")["ok"]
    box.ssh("/opt/dplane/current/share/uninstall.sh")
    assert show(box, "getty@tty1.service", "ActiveState", "LoadState") == {
        "LoadState": "loaded",
        "ActiveState": "active",
    }
    left = box.ssh("sh", "-c", "ls -d /etc/systemd/system/*dplane* /etc/pam.d/dplane 2>/dev/null; true").stdout
    assert left == ""
