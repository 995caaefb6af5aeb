"""Consoles on the box's own terminals, and signing in there.

systemd is a stand-in that keeps a state; PAM is the real library with the real file of ours and real pam_unix, in a
mount namespace where passwd, group, shadow and pam.d are the test's own. What systemd itself does with the units is
tests/lab/test_kiosk.py's.
"""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from privhelper import pam
from privhelper.kiosk import content
from privhelper.signin import session_argv
from privhelper.terminals import console_unit, getty_unit, terminal_problem

from .privhelper_door import Door

ROOT = Path(__file__).parents[2]
GETTY, UNIT = "getty@tty1.service", "dplane-console@tty1.service"
RIGHT, WRONG = "correct horse 1", "correct horse 2"
KIOSK_UID, ANN_UID = 4401, 4402
HASHES = {
    "": "",
    "*": "*",
    RIGHT: "$6$2w8NneWzoOHG64Eb$bbAlde.74we414V5Un9QzD2Ss58m8tviznwwGf.9L/BkPRNe/701cPNbpCf/sIM4DBSq1n3QCUffrmqeoi/OS0",
    "toor": "$6$2cZw2sVdrwm.mcg6$kCieV9mI5TbQIfH4osAA2W6fIPNwFzhmYGeiObVG"
    "wukrbyR6WarW3Lrph.UlmrrnQJDHjJ1Sr79D1WyKzvq0T1",
}  # crypt(3); Python makes none any more

# A systemd of files: what is active, enabled and masked. A console comes up unless a file `broken` is there.
SYSTEMD = """#!/usr/bin/python3 -IS
import os, sys
here = os.path.dirname(os.path.abspath(__file__))
name = os.path.basename(sys.argv[0])
words = [word for word in sys.argv[1:] if word != "--"]
with open(here + "/asked", "a") as out:
    out.write(" ".join([name, *words]) + "\\n")
units = here + "/units"
def active(unit): return os.path.exists(here + "/active-" + unit)
def masked(unit): return os.path.islink(units + "/" + unit)
def put(unit, on):
    path = here + "/active-" + unit
    if on: open(path, "w").close()
    elif os.path.exists(path): os.unlink(path)
if name == "systemd-analyze":
    print(open(here + "/logind.conf").read())
    sys.exit()
if name == "systemd-run":
    if os.path.exists(here + "/no-session"): sys.exit("Failed to start transient service unit: no")
    sys.exit()
verb, unit = words[0], words[-1]
if verb == "list-units":
    for path in sorted(os.listdir(here)):
        if path.startswith("active-") and "getty@" in path: print(path[7:], "loaded active running Getty")
elif verb == "show" and "--value" in words:
    print("TERM=linux", open(here + "/environment").read())
elif verb == "show":
    print("LoadState=" + ("masked" if masked(unit) else "loaded"))
    print("ActiveState=" + ("active" if active(unit) else "inactive"))
    print("SubState=" + ("running" if active(unit) else "dead"))
    print("UnitFileState=" + ("enabled" if os.path.exists(here + "/enabled-" + unit) else "disabled"))
    print("User=dplane-kiosk\\nMainPID=7")
elif verb == "mask":
    if os.path.lexists(units + "/" + unit): sys.exit("Failed to mask unit: File exists")
    os.symlink("/dev/null", units + "/" + unit); put(unit, False)
elif verb == "unmask": os.unlink(units + "/" + unit)
elif verb == "enable": open(here + "/enabled-" + unit, "w").close()
elif verb == "disable":
    if os.path.exists(here + "/enabled-" + unit): os.unlink(here + "/enabled-" + unit)
    put(unit, False)
elif verb in ("start", "restart"):
    if masked(unit): sys.exit("Unit is masked.")
    if "dplane" in unit and os.path.exists(here + "/broken"): sys.exit("Job failed.")
    put(unit, True)
elif verb == "stop": put(unit, False)
"""


def account(name: str, uid: int, password: str = "*", gid: int = 4400) -> tuple[str, str]:  # noqa: S107 (`*` is none)
    """Its lines of passwd and shadow."""
    return f"{name}:x:{uid}:{gid}::/:/bin/sh\n", f"{name}:{HASHES[password]}:19000:0:99999:7:::\n"


class Box(Door):
    """A helper on a box with systemd, accounts and PAM of the test's own."""

    def __init__(self, root: Path) -> None:
        name: str
        for name in ("systemctl", "systemd-run", "systemd-analyze"):
            (root / name).write_text(SYSTEMD)
            (root / name).chmod(0o755)
        (root / "units").mkdir()
        for name in ("tty0", "tty1", "ttyS0", "ttyS1"):
            (root / "ttys" / name).mkdir(parents=True)
        (root / "ttys/ttyS0/type").write_text("4\n")
        (root / "ttys/ttyS1/type").write_text("0\n")
        (root / "logind.conf").write_text("[Login]\n#NAutoVTs=6\n")
        (root / "environment").write_text("DPLANE_LINE=kiosk DPLANE_LOCK_AFTER=120 SECRET=x\n")
        self.be_in("0::/system.slice/system-dplane\\x2dconsole.slice/dplane-console@tty1.service", root)
        self._accounts(root)
        places = {"SYSTEMCTL": "systemctl", "SYSTEMD_RUN": "systemd-run", "SYSTEMD_ANALYZE": "systemd-analyze"}
        places |= {"UNITS": "units", "TTYS": "ttys", "CGROUP": "cgroup"}
        super().__init__(root, **{name: str(root / file) for name, file in places.items()})
        for unit in (GETTY, "systemd-logind.service"):
            (root / f"active-{unit}").touch()

    def be_in(self, cgroup: str, root: Path | None = None) -> None:
        """Which unit the helper runs in."""
        ((root or self.root) / "cgroup").write_text(f"1:misc:/x\n{cgroup}\n")

    @staticmethod
    def _accounts(root: Path) -> None:
        etc = root / "etc"
        etc.mkdir()
        people = [
            account("root", 0, "toor", 0),
            account("dplane-kiosk", KIOSK_UID),
            account("ann", ANN_UID, RIGHT),
            account("bob", 4403, RIGHT),
            account("old", 4404, RIGHT),
            account("blank", 4405, ""),
            account("keyonly", 4406),
        ]
        people[4] = (people[4][0], people[4][1].replace(":19000:0:99999:7:::", ":19000:0:99999:7::19500:"))
        (etc / "passwd").write_text("".join(one for one, _ in people))
        (etc / "shadow").write_text("".join(two for _, two in people))
        members = "ann,old,blank,keyonly"
        groups = f"root:x:0:\nshadow:x:42:\nfolk:x:4400:\ndplane-view:x:4410:dplane-kiosk,{members}\n"
        (etc / "group").write_text(groups + f"dplane-operate:x:4411:{members}\n")
        shutil.copytree("/etc/pam.d", etc / "pam.d")
        shutil.copy(ROOT / "packaging/etc/pam-dplane", etc / "pam.d/dplane")

    def _command(self, uid: int) -> list[str]:
        binds = "".join(f'mount --bind "$1/etc/{n}" /etc/{n}; ' for n in ("passwd", "group", "shadow", "pam.d"))
        script = f'set -e; {binds} export SUDO_UID="$2"; exec "$1/privhelper"'
        return ["unshare", "-m", "/bin/sh", "-c", script, "sh", str(self.root), str(uid)]

    @staticmethod
    def _request(verb: str, password: str | None, args: dict[str, Any]) -> bytes:
        request = json.dumps({"verb": verb, **args}).encode() + b"\n"
        return request if password is None else request + password.encode() + b"\n"

    def ask_later(self, verb: str, uid: int, password: str, **args: Any) -> subprocess.Popen[bytes]:
        """The helper that was asked, while it still works."""
        helper = subprocess.Popen(self._command(uid), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert helper.stdin is not None
        helper.stdin.write(self._request(verb, password, args))
        helper.stdin.flush()
        return helper

    def call(self, verb: str, uid: int, password: str | None = None, **args: Any) -> tuple[int, dict[str, Any]]:
        """Ask as the account `uid`, with a password behind the request."""
        request = self._request(verb, password, args)
        done = subprocess.run(self._command(uid), input=request, capture_output=True, check=False, timeout=120)
        assert b"Traceback" not in done.stderr, done.stderr
        return done.returncode, json.loads(done.stdout)

    def asked(self, program: str = "systemctl") -> list[str]:
        """What the stand-in was asked, in order."""
        file = self.root / "asked"
        lines = file.read_text().splitlines() if file.exists() else []
        return [line.removeprefix(f"{program} ") for line in lines if line.startswith(f"{program} ")]

    def state(self) -> tuple[bool, bool, bool]:
        """Whether the login prompt runs, is masked, and the console runs."""
        return (
            (self.root / f"active-{GETTY}").exists(),
            (self.root / "units" / GETTY).is_symlink(),
            (self.root / f"active-{UNIT}").exists(),
        )


def can_have_its_own_etc() -> bool:
    """Whether this machine lets the tests mount for themselves."""
    try:
        return os.geteuid() == 0 and subprocess.run(["unshare", "-m", "true"], check=False).returncode == 0
    except OSError:
        return False


pytestmark = [pytest.mark.root, pytest.mark.skipif(not can_have_its_own_etc(), reason="needs root and namespaces")]


def held(lock: Path) -> bool:
    """Whether somebody has that lock."""
    try:
        with lock.open("r") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def until(there: Callable[[], bool]) -> None:
    """Wait for something another process does."""
    end = time.monotonic() + 60
    while not there():
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.fixture
def box(tmp_path: Path) -> Box:
    return Box(tmp_path)


LOGIN, SHOWING = (True, False, False), (False, True, True)


def test_terminals_by_their_strict_names() -> None:
    for name in ("tty1", "tty63", "ttyS0", "ttyAMA0", "ttyUSB12"):
        assert terminal_problem(name) == "", name
    bad = ("tty0", "tty64", "tty01", "tty", "ttyS", "ttyS01", "ttyACM0", "pts/0", "../tty1", "tty1.service", "tty١", 1)
    for odd in (*bad, "tty1\n", "ttyS-1", "console", "", "tty1 tty2", None):
        assert terminal_problem(odd), odd
    assert (console_unit("ttyS0"), getty_unit("ttyS0")) == (
        "dplane-serial@ttyS0.service",
        "serial-getty@ttyS0.service",
    )


def test_a_console_takes_the_place_of_the_login_prompt_and_gives_it_back(box: Box) -> None:
    status, seen = box.call("kiosk-enable", 0, terminal="tty1", dry_run=True)
    assert (status, seen["takes"], seen["login_now"], seen["on"]) == (0, GETTY, True, False)
    assert seen["stays"] == ["tty2", "tty3", "tty4", "tty5", "tty6"]
    assert box.state() == LOGIN, "a dry run changes nothing"

    status, answer = box.call("kiosk-enable", 0, terminal="tty1", lock_after=120)
    assert (status, answer.get("unit", {}).get("ActiveState")) == (0, "active"), answer
    assert box.state() == SHOWING
    file = box.root / "units" / f"{UNIT}.d" / "dplane.conf"
    assert file.stat().st_mode & 0o777 == 0o644
    assert "Environment=DPLANE_LOCK_AFTER=120\n" in file.read_text()
    assert "Login=active" in file.read_text()
    did = [line.split()[0] for line in box.asked() if line.split()[0] not in {"show", "list-units"}]
    assert did.index("daemon-reload") < did.index("mask") < did.index("enable") < did.index("restart")

    # Other settings later: it is still known how the login prompt was before the first time.
    assert box.call("kiosk-enable", 0, terminal="tty1", view_only=True)[0] == 0
    assert "Environment=DPLANE_LINE=view-only\n" in file.read_text()
    assert "Login=active" in file.read_text()

    assert box.call("kiosk-disable", 0, terminal="tty1")[0] == 0
    assert box.state() == LOGIN
    assert not file.parent.exists()
    assert box.call("kiosk-disable", 0, terminal="tty1")[0] == 0, "what is not there is taken away"
    phases = [(line["verb"], line["phase"], line["code"]) for line in box.audit() if line["phase"] == "done"]
    assert phases == [("kiosk-enable", "done", 0)] * 2 + [("kiosk-disable", "done", 0)] * 2


def test_a_console_that_does_not_start_leaves_the_login_prompt_as_it_was(box: Box) -> None:
    (box.root / "broken").touch()
    status, answer = box.call("kiosk-enable", 0, terminal="tty1")
    assert status == 1
    assert "tty1 is as it was" in answer["error"]["message"]
    assert box.state() == LOGIN
    assert not (box.root / "units" / f"{UNIT}.d").exists()


def test_a_login_prompt_of_the_owners_own_making_is_not_touched(box: Box) -> None:
    (box.root / "units" / GETTY).write_text("[Service]\n")
    status, answer = box.call("kiosk-enable", 0, terminal="tty1")
    assert status == 1
    assert "File exists" in answer["error"]["message"]
    assert (box.root / "units" / GETTY).read_text() == "[Service]\n"
    assert box.state()[0], "it still runs"


def test_a_login_prompt_that_was_masked_before_stays_masked(box: Box) -> None:
    (box.root / f"active-{GETTY}").unlink()
    (box.root / "units" / GETTY).symlink_to("/dev/null")
    box.call("kiosk-enable", 0, terminal="tty1")
    # The stand-in refuses to mask twice; systemd does not. Either way it stays as the owner made it.
    box.call("kiosk-disable", 0, terminal="tty1")
    assert box.state() == (False, True, False)


def test_the_last_place_to_log_in_is_not_taken_without_insisting(box: Box) -> None:
    (box.root / "logind.conf").write_text("NAutoVTs=1\n")
    status, seen = box.call("kiosk-enable", 0, terminal="tty1", dry_run=True)
    assert (status, seen["stays"]) == (0, [])
    status, answer = box.call("kiosk-enable", 0, terminal="tty1")
    assert (status, answer["error"]["code"]) == (2, "refused")
    assert box.state() == LOGIN
    (box.root / "active-serial-getty@ttyS0.service").touch()
    assert box.call("kiosk-enable", 0, terminal="tty1", dry_run=True)[1]["stays"] == ["ttyS0"]
    (box.root / "active-serial-getty@ttyS0.service").unlink()
    assert box.call("kiosk-enable", 0, terminal="tty1", last=True)[0] == 0
    assert box.state() == SHOWING


def test_what_is_no_terminal_of_this_box_and_who_is_no_administrator(box: Box) -> None:
    for name in ("ttyS1", "ttyS7", "tty9"):
        status, answer = box.call("kiosk-enable", 0, terminal=name)
        assert (status, answer["error"]["code"]) == (4, "changed"), name
    assert box.call("kiosk-enable", 0, terminal="tty1", speed=115200)[0] == 2
    assert box.call("kiosk-enable", 0, terminal="ttyS0", speed=115201)[0] == 2
    for verb in ("kiosk-enable", "kiosk-disable"):
        assert box.call(verb, ANN_UID, terminal="tty1")[0] == 3
        assert box.call(verb, KIOSK_UID, terminal="tty1")[0] == 3
    assert box.call("kiosk-enable", ANN_UID, terminal="tty1", dry_run=True)[0] == 0, "looking needs no more than view"
    assert box.state() == LOGIN


def test_settings_hold_nothing_but_what_was_checked() -> None:
    text = content({"terminal": "ttyS0", "speed": 9600, "view_only": True}, "idle")
    assert [line for line in text.splitlines() if line and line[0] not in "#["] == [
        "Environment=DPLANE_LINE=view-only",
        "Environment=DPLANE_LOCK_AFTER=300",
        "Environment=DPLANE_LINE_SPEED=9600",
        "Login=idle",
    ]


def test_the_right_password_starts_that_accounts_own_console(box: Box) -> None:
    status, answer = box.call("sign-in", KIOSK_UID, RIGHT, user="ann")
    assert (status, answer.get("user"), answer.get("uid")) == (0, "ann", ANN_UID), answer
    [started] = box.asked("systemd-run")
    for words in ("--uid=ann", "--unit=dplane-session-tty1.service", "TTYPath=/dev/tty1", "PAMName=dplane"):
        assert words in started
    assert "Environment=DPLANE_LOCK_AFTER=120" in started
    assert "SECRET" not in started, "only settings of ours go on"
    assert started.endswith(" /opt/dplane/current/bin/dplane")
    intent, done = box.audit()
    assert (intent["user"], intent["verb"], intent["args"]) == ("dplane-kiosk", "sign-in", {"user": "ann"})
    assert (done["phase"], done["code"], done["intent"]) == ("done", 0, intent["seq"])


@pytest.mark.parametrize(
    ("user", "password", "why"),
    [
        ("ann", WRONG, "not right"),
        ("ann", "", "not right"),
        ("ann", RIGHT + "\0", "not right"),
        ("ann", "x" * 600, "not right"),
        ("nobody-here", RIGHT, "not right"),
        ("blank", "", "not right"),
        ("blank", "x", "not right"),
        ("keyonly", "*", "not right"),
        ("old", RIGHT, "may not sign in"),
        ("bob", RIGHT, "in none of the dplane groups"),
        ("root", "toor", "root has no console"),
    ],
)
def test_everybody_else_stays_outside(box: Box, user: str, password: str, why: str) -> None:
    status, answer = box.call("sign-in", KIOSK_UID, password, user=user)
    assert status in {2, 3}
    assert why in answer["error"]["message"]
    assert box.asked("systemd-run") == []
    assert box.audit()[-1]["code"] == status
    assert "--uid" not in json.dumps(box.audit())


def test_no_password_is_in_a_log_an_answer_or_an_argument(box: Box) -> None:
    secret = "tr0ub4dor"
    box.call("sign-in", KIOSK_UID, secret, user="ann")
    box.call("sign-in", KIOSK_UID, RIGHT, user="ann")
    box.call("sign-in", KIOSK_UID, "x", user=secret)  # the classic: typed where the name goes
    box.call("sign-in", KIOSK_UID, "x", user=secret.upper() + "!")
    box.call("unlock", ANN_UID, secret)
    written = "".join(path.read_text() for path in [*box.log.glob("audit*"), box.root / "asked"])
    for word in (secret, secret.upper(), RIGHT):
        assert word not in written
    assert "(no such account)" in written


def test_signing_in_is_for_a_kiosk_of_ours_on_its_own_terminal(box: Box) -> None:
    status, answer = box.call("sign-in", ANN_UID, RIGHT, user="ann")
    assert (status, answer["error"]["code"]) == (3, "role")
    outside = (
        "0::/user.slice/user-4401.slice/user@4401.service/app.slice/dplane-console@tty1.service",
        "0::/system.slice/dplane-job@x.service",
        "0::/system.slice/system-dplane\\x2dconsole.slice/dplane-console@tty1.service/inner",
        "0::/system.slice/system-dplane\\x2dserial.slice/dplane-console@tty1.service",
        "0::/system.slice/system-dplane\\x2dconsole.slice/dplane-console@tty99.service",
        "0::/system.slice/evil-dplane-console@tty1.service",
        "0::/../system.slice/dplane-console@tty1.service",
        "",
    )
    for place in outside:
        box.be_in(place)
        assert box.call("sign-in", KIOSK_UID, RIGHT, user="ann")[0] == 3, place
    assert box.asked("systemd-run") == []
    box.be_in("0::/system.slice/system-dplane\\x2dserial.slice/dplane-serial@ttyS0.service")
    assert box.call("sign-in", KIOSK_UID, RIGHT, user="ann")[1]["terminal"] == "ttyS0"


def test_where_nobody_may_sign_in_not_even_the_right_password_does(box: Box) -> None:
    (box.root / "environment").write_text("DPLANE_LINE=view-only DPLANE_LOCK_AFTER=120\n")
    status, answer = box.call("sign-in", KIOSK_UID, RIGHT, user="ann")
    assert (status, answer["error"]["code"]) == (2, "refused")
    assert box.asked("systemd-run") == []


def test_a_session_that_systemd_does_not_take_is_no_success(box: Box) -> None:
    (box.root / "no-session").touch()
    status, answer = box.call("sign-in", KIOSK_UID, RIGHT, user="ann")
    assert (status, answer["ok"]) == (1, False)
    assert box.audit()[-1]["code"] == 1


def test_the_console_may_be_ended_while_the_helper_finishes(box: Box) -> None:
    """systemd stops the kiosk, and all its processes get SIGTERM, as soon as the session is to start."""
    file = box.root / "systemd-run"
    file.write_text(file.read_text().replace("import os, sys\n", "import os, sys\nos.kill(os.getppid(), 15)\n", 1))
    status, answer = box.call("sign-in", KIOSK_UID, RIGHT, user="ann")
    assert (status, answer["ok"]) == (0, True)
    assert box.audit()[-1]["phase"] == "done"


def test_one_guess_at_a_time_and_a_pause_behind_each(box: Box) -> None:
    with (box.log / "lock-sign-in").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        status, answer = box.call("sign-in", KIOSK_UID, RIGHT, user="ann")
        assert status == 1
        assert box.call("unlock", ANN_UID, RIGHT)[0] == 0, "who unlocks waits for nobody who signs in"
    with (box.log / f"lock-unlock-{ANN_UID}").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert "Another password" in box.call("unlock", ANN_UID, RIGHT)[1]["error"]["message"]
        assert box.call("sign-in", KIOSK_UID, RIGHT, user="ann")[0] == 0, "nor keeps others from signing in"
    assert "Another password is being checked" in answer["error"]["message"]
    assert "pam_faildelay.so" in (ROOT / "packaging/etc/pam-dplane").read_text()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGHUP])
def test_the_pause_after_a_wrong_password_cannot_be_cut(box: Box, number: signal.Signals) -> None:
    """What a key of a terminal of one's own sends would end the helper, and the next guess begin at once."""
    helper = box.ask_later("unlock", ANN_UID, WRONG)
    lock = box.log / f"lock-unlock-{ANN_UID}"
    until(lambda: held(lock))
    helper.send_signal(number)
    answer = json.loads(helper.communicate(timeout=60)[0])
    assert answer["error"]["code"] == "refused"
    assert (helper.returncode, box.audit()[-1]["code"]) == (2, 2), "the guess is in the log"


def test_unlocking_is_for_the_callers_own_account(box: Box) -> None:
    assert box.call("unlock", ANN_UID, RIGHT)[0] == 0
    status, answer = box.call("unlock", ANN_UID, WRONG)
    assert (status, answer["error"]["code"]) == (2, "refused")
    assert box.call("unlock", ANN_UID, RIGHT, user="bob")[0] == 2, "it takes no name"
    for uid, has in ((ANN_UID, "yes"), (4406, "no"), (4405, "no"), (0, "yes")):
        assert box.call("unlock", uid, dry_run=True) == (0, {"ok": True, "verb": "unlock", "password": has})


@pytest.mark.parametrize(
    ("styles", "answers"),
    [((1,), [b"once"]), ((4, 1, 3), [None, b"once", None]), ((1, 1), None), ((2,), None), ((2, 1), None)],
)
def test_only_the_first_hidden_question_is_answered(
    styles: tuple[int, ...], answers: list[bytes | None] | None
) -> None:
    """A second factor is not answered with the password again."""
    talk: Any = pam._talk_with(b"once")
    messages = [pam._Message(style, b"?") for style in styles]
    given = (ctypes.POINTER(pam._Message) * len(styles))(*map(ctypes.pointer, messages))
    found = ctypes.c_void_p()
    assert talk(len(styles), given, ctypes.pointer(found), None) == (0 if answers is not None else 19)
    if answers is not None:
        responses = ctypes.cast(found, ctypes.POINTER(pam._Response))
        texts = [responses[n].text for n in range(len(styles))]
        assert [ctypes.string_at(text) if text else None for text in texts] == answers
        libc = ctypes.CDLL(None)
        for address in (*filter(None, texts), found.value):
            libc.free(ctypes.c_void_p(address))
    else:
        assert not found.value


def test_the_session_has_nothing_of_a_shell_and_the_kiosk_after_it() -> None:
    argv = session_argv("ttyS0", "ann", {"TERM": "vt220", "DPLANE_LINE_SPEED": "9600", "PATH": "/evil"})
    given = {word.partition("=")[2] for word in argv if word.startswith("--property=")}
    back = "/usr/bin/systemctl --no-block --no-ask-password start -- dplane-serial@ttyS0.service"
    assert f"ExecStopPost=+{back}" in given, "as root, however the session ended"
    assert "StandardInput=tty-force" in given, "what the account left running does not keep the kiosk away"
    assert "ExecStartPre=+/usr/bin/chown root:root /dev/ttyS0" in given, "who is in dialout opens it no more"
    assert not any(one.startswith(("OnSuccess=", "OnFailure=")) for one in given), "systemd would keep the unit loaded"
    assert {"TTYReset=yes", "TTYVHangup=yes", "Conflicts=dplane-serial@ttyS0.service"} <= given
    assert "RuntimeMaxSec=12h" in given, "it ends even if the process that counts the minutes is stopped"
    assert {"Environment=TERM=vt220", "Environment=DPLANE_LINE_SPEED=9600", "Environment=DPLANE_LINE=session"} <= given
    assert argv[argv.index("--") + 1 :] == ["/opt/dplane/current/bin/dplane"]
    assert not any("PATH" in word and "TTYPath" not in word for word in argv)
