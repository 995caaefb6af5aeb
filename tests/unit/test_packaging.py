"""The texts that the installer writes, and that its scripts are what they say: POSIX sh, no surprise."""

from __future__ import annotations

import hashlib
import os
import pwd
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGING = ROOT / "packaging"
RULE = re.compile(r'%dplane-view ALL=\(root\) NOPASSWD: (?:sha256:(?P<digest>[0-9a-f]{64}) )?(?P<path>/\S+) ""')


def sh(script: str, *args: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run a line of shell with packaging/rules.sh loaded; `args` are $1, $2, …"""
    command = ["/bin/sh", "-eu", "-c", f'. "{PACKAGING}/rules.sh"; {script}', "test", *args]
    return subprocess.run(command, check=check, capture_output=True, text=True)


def helpers(folder: Path, count: int) -> list[Path]:
    found = []
    for number in range(count):
        helper = folder / f"0.{number}.0+abc" / "privhelper"
        helper.parent.mkdir()
        helper.write_bytes(b"helper %d" % number)
        found.append(helper)
    return found


def rules(text: str) -> list[re.Match[str]]:
    """The rules of a sudoers text; every line must be a comment, a Defaults for one helper, or exactly our rule."""
    found = []
    for line in text.splitlines():
        if line.startswith(("#", "Defaults!/")):
            continue
        match = RULE.fullmatch(line)
        assert match, line
        found.append(match)
    return found


def test_each_kept_release_has_its_rule_with_its_own_digest(tmp_path: Path) -> None:
    both = helpers(tmp_path, 2)
    text = sh('sudoers_text sudo "$@"', *map(str, both)).stdout
    found = rules(text)
    assert [(rule["path"], rule["digest"]) for rule in found] == [
        (str(helper), hashlib.sha256(helper.read_bytes()).hexdigest()) for helper in both
    ]
    assert text.count("Defaults!") == 2
    assert "*" not in text, "no wildcard: it would match more than one file (attack 3)"


def test_sudo_rs_gets_rules_it_understands(tmp_path: Path) -> None:
    (helper,) = helpers(tmp_path, 1)
    text = sh('sudoers_text sudo-rs "$@"', str(helper)).stdout
    (rule,) = rules(text)
    assert rule["digest"] is None
    assert "Defaults" not in text


def test_no_rule_without_a_digest(tmp_path: Path) -> None:
    answer = sh('sudoers_text sudo "$@"', str(tmp_path / "absent"), check=False)
    assert answer.returncode != 0
    assert not rules(answer.stdout)


@pytest.mark.parametrize("name", ["a b", "a,b", "a:b", "a*", "a\nALL ALL=(ALL) ALL", "a\\b", "a=b", "a\tb", "ä"])
def test_a_path_that_sudoers_would_read_otherwise_is_refused(tmp_path: Path, name: str) -> None:
    helper = tmp_path / name / "privhelper"
    helper.parent.mkdir()
    helper.write_bytes(b"x")
    answer = sh('sudoers_text sudo "$@"', str(helper), check=False)
    assert answer.returncode != 0
    assert not [line for line in answer.stdout.splitlines() if not line.startswith("#")]


@pytest.mark.parametrize("kind", ["sudo", "sudo-rs"])
@pytest.mark.skipif(shutil.which("visudo", path="/usr/sbin:/usr/bin") is None, reason="sudo is not on this machine")
def test_visudo_accepts_the_rules(tmp_path: Path, kind: str) -> None:
    text = sh(f'sudoers_text {kind} "$@"', *map(str, helpers(tmp_path, 2))).stdout
    file = tmp_path / "rules"
    file.write_text(text)
    checked = subprocess.run(["/usr/sbin/visudo", "-cf", str(file)], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_the_launcher_is_cut_off_from_the_callers_python() -> None:
    text = sh('launcher_text "$1"', "/opt/dplane/releases/1.0+x").stdout
    assert text.splitlines()[0] == "#!/opt/dplane/releases/1.0+x/venv/bin/python -I"
    compile(text, "dplane", "exec")


def source_tree(folder: Path) -> Path:
    for name in ("dplane_tui", "privhelper", "packaging/etc"):
        (folder / name).mkdir(parents=True)
        (folder / name / "a file.py").write_text("x = 1\n")
    for name in ("requirements.lock", "LICENSE", "packaging/uninstall.sh"):
        (folder / name).write_text("")
    return folder


def test_the_release_name_follows_the_sources_and_nothing_else(tmp_path: Path) -> None:
    tree = source_tree(tmp_path / "tree")

    def name() -> str:
        return sh('release_name "$1" 1.2.3', str(tree)).stdout.strip()

    first = name()
    assert re.fullmatch(r"1\.2\.3\+[0-9a-f]{10}", first)
    cache = tree / "dplane_tui" / "__pycache__"
    cache.mkdir()
    (cache / "x.pyc").write_bytes(b"x")
    (tree / "README.md").write_text("not part of a release")
    assert name() == first
    (tree / "privhelper" / "a file.py").write_text("x = 2\n")
    second = name()
    assert second != first
    (tree / "privhelper" / "a file.py").rename(tree / "privhelper" / "b.py")
    assert name() not in {first, second}


def test_a_manifest_tells_every_change(tmp_path: Path) -> None:
    tree = source_tree(tmp_path / "tree")

    def manifest() -> str:
        return sh('manifest "$1"', str(tree)).stdout

    first = manifest()
    assert len(first.splitlines()) == 6
    (tree / "MANIFEST").write_text(first)
    assert manifest() == first
    (tree / "added").write_text("")
    assert manifest() != first


def unit() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in (PACKAGING / "etc" / "dplane-job@.service").read_text().splitlines():
        if "=" in line and not line.startswith("#"):
            name, value = line.split("=", 1)
            found.setdefault(name, []).append(value)
    return found


# systemd.exec(5): each of these sets NoNewPrivileges for a unit with User=, and sudo could no longer become root.
SHUTS_THE_DOOR = {
    "NoNewPrivileges", "SystemCallFilter", "SystemCallArchitectures", "RestrictAddressFamilies", "RestrictNamespaces",
    "PrivateDevices", "ProtectKernelTunables", "ProtectKernelModules", "ProtectKernelLogs", "ProtectClock",
    "MemoryDenyWriteExecute", "RestrictRealtime", "RestrictSUIDSGID", "DynamicUser", "LockPersonality",
    "ProtectHostname",
}  # fmt: skip
# A mount namespace would hide from the box what a job mounts.
HIDES_MOUNTS = {"ProtectSystem", "ProtectHome", "PrivateTmp", "ReadOnlyPaths", "ReadWritePaths", "PrivateMounts"}


def test_the_job_unit_runs_as_dplane_and_leaves_the_door_open() -> None:
    settings = unit()
    assert settings["User"] == ["dplane"]
    assert settings["UMask"] == ["0002"]
    assert settings["ExecStart"] == ["/opt/dplane/current/bin/dplane job run %i"]
    assert settings["KillMode"] == ["mixed"]
    assert not settings.keys() & SHUTS_THE_DOOR
    assert not settings.keys() & HIDES_MOUNTS


def settings_of(name: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in (PACKAGING / "etc" / name).read_text().splitlines():
        if "=" in line and not line.startswith("#"):
            key, value = line.split("=", 1)
            found.setdefault(key, []).append(value)
    return found


@pytest.mark.parametrize(
    ("name", "getty", "term"),
    [
        ("dplane-console@.service", "getty@%i.service", "linux"),
        ("dplane-serial@.service", "serial-getty@%i.service", "vt220"),
    ],
)
def test_the_units_of_terminals(name: str, getty: str, term: str) -> None:
    """They look and come back: no account but the one that looks, no shell, and nothing that shuts the door."""
    settings = settings_of(name)
    assert settings["User"] == ["dplane-kiosk"]
    [start] = settings["ExecStart"]
    assert start.split()[-1] == "/opt/dplane/current/bin/dplane"
    asks = "import signal; print(*(signal.getsignal(n) == signal.SIG_IGN for n in (2, 3, 20)))"
    told = subprocess.run([*start.split()[:-1], sys.executable, "-c", asks], capture_output=True, text=True, check=True)
    assert told.stdout == "True True True\n", "no key ends it before it has the keyboard"
    assert settings["ExecStartPre"] == ["+/usr/bin/chown root:root /dev/%I"], "before the hang-up of ExecStart"
    assert settings["Restart"] == ["always"]
    assert settings["StartLimitIntervalSec"] == ["0"], (
        "a passer-by who ends it again and again does not end it for good"
    )
    assert "StartLimitBurst" not in settings
    assert int(settings["RestartSec"][0]) >= 3, "one that cannot start leaves the box its time"
    assert settings["Type"] == ["notify"]
    assert getty in settings["Conflicts"][0].split()
    assert getty in settings["After"][0].split()
    assert settings["StandardInput"] == ["tty-force"], "it waits for nobody who holds the terminal"
    assert settings["TTYPath"] == ["/dev/%I"]
    assert settings["TTYReset"] == settings["TTYVHangup"] == ["yes"]
    assert f"TERM={term}" in settings["Environment"][0].split()
    assert "DPLANE_LINE=kiosk" in settings["Environment"][0].split()
    assert not settings.keys() & (SHUTS_THE_DOOR | HIDES_MOUNTS)


def test_a_line_on_a_usb_plug_comes_back_with_it_and_is_forgotten_with_the_rest() -> None:
    settings = settings_of("dplane-serial@.service")
    assert settings["BindsTo"] == ["dev-%i.device"]
    assert settings["WantedBy"] == ["getty.target", "dev-%i.device"]
    assert settings_of("dplane-console@.service")["WantedBy"] == ["getty.target"]
    script = (PACKAGING / "uninstall.sh").read_text()
    for target in ("getty.target", "dev-$terminal.device"):
        assert f'"/etc/systemd/system/{target}.wants/$unit"' in script


def test_the_account_of_a_kiosk_can_only_look() -> None:
    script = (PACKAGING / "install.sh").read_text()
    assert re.search(r"useradd .*?/usr/sbin/nologin.*?--password '\*' dplane-kiosk", script, re.DOTALL)
    assert "usermod --groups dplane-view dplane-kiosk" in script, "set, not added to: no other group stays"


def test_passwords_are_judged_by_the_systems_own_rules() -> None:
    lines = [line.split() for line in (PACKAGING / "etc" / "pam-dplane").read_text().splitlines()]
    lines = [words for words in lines if words and not words[0].startswith("#")]
    assert ["@include", "common-auth"] in lines
    assert ["@include", "common-account"] in lines
    assert not any("pam_permit.so" in words or "sufficient" in words or "nullok" in words for words in lines)
    assert not any("pam_systemd.so" in words for words in lines)


def test_the_folders_are_those_of_the_architecture() -> None:
    lines = [line.split() for line in (PACKAGING / "etc" / "tmpfiles.conf").read_text().splitlines()]
    folders = {words[1]: tuple(words[2:5]) for words in lines if words and words[0] == "d"}
    assert folders["/var/lib/dplane"] == ("0750", "root", "dplane-view")
    assert folders["/var/lib/dplane/store"] == ("2775", "dplane", "dplane-operate")
    assert folders["/var/lib/dplane/ssh"] == ("0700", "dplane", "dplane")
    assert folders["/var/log/dplane"] == ("0750", "root", "dplane-view")
    assert folders["/run/dplane"] == ("0750", "root", "dplane-view"), "progress tells names of files"
    assert folders["/run/dplane/jobs"] == ("2775", "dplane", "dplane-operate")
    # sshd follows authorized_keys only where nobody but root or dplane itself can write on the way down.
    mode, owner, _group = folders["/var/lib/dplane/ssh-accept"]
    assert owner == "root"
    assert int(mode, 8) & 0o022 == 0
    for path, (mode, _owner, _group) in folders.items():
        assert int(mode, 8) & 0o002 == 0, f"{path} can be written by everybody"
        parent = str(Path(path).parent)
        assert parent not in folders or list(folders).index(parent) < list(folders).index(path), (
            f"{path} before {parent}"
        )


def test_an_upgrade_closes_the_locks_that_everybody_could_open(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.touch(0o644)
    folder = tmp_path / "jobs"
    folder.mkdir()
    for name in (".task-photos.lock", "dplane.lock", "run.json"):
        (folder / name).touch(0o644)
        (folder / name).chmod(0o664)
    (folder / ".link.lock").symlink_to(victim)
    me = pwd.getpwuid(os.getuid()).pw_name
    text = sh('shut_locks_text "$@"', me, str(folder)).stdout
    subprocess.run(["/bin/sh", "-c", text], check=True)
    modes = {path.name: path.lstat().st_mode & 0o777 for path in folder.iterdir() if not path.is_symlink()}
    assert modes == {".task-photos.lock": 0o660, "dplane.lock": 0o660, "run.json": 0o664}
    assert victim.stat().st_mode & 0o777 == 0o644
    # One of somebody else's, whom the folder's owner cannot bid to close it, goes.
    (folder / ".task-photos.lock").chmod(0o644)
    subprocess.run(["/bin/sh", "-c", sh('shut_locks_text "$@"', "daemon", str(folder)).stdout], check=True)
    assert sorted(path.name for path in folder.iterdir()) == [".link.lock", "dplane.lock", "run.json"]
    script = (PACKAGING / "install.sh").read_text()
    assert 'runuser -u dplane -- sh -c "$(shut_locks_text dplane' in script, "not as root: members may put links there"


def test_the_installers_own_lock_is_roots_alone() -> None:
    script = (PACKAGING / "install.sh").read_text()
    made = script.index('(umask 077 && : >>"$base/.lock")')
    assert script.index('rm -f -- "$base/.lock"') < made < script.index('exec 9>"$base/.lock"')


def test_paired_boxes_get_no_terminal_no_password_no_tunnel() -> None:
    lines = [line.strip() for line in (PACKAGING / "etc" / "sshd.conf").read_text().splitlines()]
    assert lines[1] == "Match User dplane"
    for line in (
        "PasswordAuthentication no",
        "DisableForwarding yes",
        "PermitTTY no",
        "AuthenticationMethods publickey",
    ):
        assert line in lines


@pytest.mark.parametrize("script", sorted(PACKAGING.glob("*.sh")), ids=lambda path: path.name)
def test_scripts_parse_and_stop_at_the_first_error(script: Path) -> None:
    assert subprocess.run(["/bin/sh", "-n", str(script)], check=False).returncode == 0
    text = script.read_text()
    if script.name != "rules.sh":
        assert text.startswith("#!/bin/sh\n")
        assert script.stat().st_mode & 0o111
        assert re.search(r"^set -eu$", text, re.MULTILINE)


@pytest.mark.parametrize("script", ["install.sh", "uninstall.sh"])
def test_a_person_without_root_is_told_so(script: str, tmp_path: Path) -> None:
    copy = tmp_path / "packaging"
    shutil.copytree(PACKAGING, copy)
    # The scripts set PATH themselves, so `id` is replaced in the text: nothing here may really install.
    text = (copy / script).read_text().replace("$(id -u)", "1000")
    assert "1000" in text
    (copy / script).write_text(text)
    answer = subprocess.run([str(copy / script)], capture_output=True, text=True, check=False)
    assert answer.returncode == 1
    assert "needs root" in answer.stderr
    assert "sudo make" in answer.stderr


@pytest.mark.parametrize("script", ["install.sh", "uninstall.sh"])
def test_options_that_do_not_exist_change_nothing(script: str) -> None:
    answer = subprocess.run([str(PACKAGING / script), "--colour"], capture_output=True, text=True, check=False)
    assert answer.returncode in {1, 2}
    assert subprocess.run([str(PACKAGING / script), "--help"], capture_output=True, check=False).returncode == 0
