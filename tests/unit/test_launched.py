"""What of a shell's line runs syncoid: behind what really runs it, and never a line that runs something else."""

from __future__ import annotations

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dplane_tui.services.replication import crontab, launched

RUN = "syncoid -r tank/a usb/b"
WORDS = ("-r", "tank/a", "usb/b")


@pytest.mark.parametrize(
    "line",
    [
        RUN,
        "/usr/sbin/syncoid -r tank/a usb/b >> /var/log/syncoid.log 2>&1",
        f"PATH=/sbin:/bin TZ=UTC {RUN} | logger -t syncoid",
        f"sudo -u syncoid -H -- {RUN}",
        f"sudo -nu root nice -n -5 ionice -c 2 -n 7 {RUN}",
        f"nice -19 ionice -c3 /usr/bin/chronic {RUN}",
        f"flock -n /run/lock/x {RUN}",
        f"/usr/bin/flock -xw 60 -E 0 /run/x -c '{RUN}'",
        f"timeout -k 5m --signal=INT 3h {RUN}",
        f"env -i -u HOME PATH=/sbin {RUN}",
        f"systemd-cat -t syncoid --priority info {RUN}",
        f"systemd-inhibit --what=sleep --why='a copy' {RUN}",
        f"test -x /usr/sbin/syncoid && {RUN}",
        f"[ -x /usr/sbin/syncoid ] && cd / && {RUN}",
        f"command -v syncoid >/dev/null && which syncoid && {RUN}",
        f"if ! pgrep -x syncoid; then {RUN}; fi",
        f"(cd / && exec {RUN}) || echo syncoid failed | mail -s 'syncoid failed' root",
        f"{{ sleep 60; {RUN}; }}",
        f"perl -w /usr/sbin/{RUN}",
        f"bash -c '{RUN}'",
        f"/bin/bash -o pipefail -lc '{RUN} | logger'",
        f"su - root -c '{RUN}'",
        f"su -s /bin/sh -c '{RUN}' syncoid",
        f"runuser -u syncoid -- {RUN}",
        f"sudo su - root -c \"sh -c '{RUN}'\"",
        f"{RUN} # photos; syncoid tank/b usb/c",
        f"{RUN};# tank/b 'usb",
        "syncoid -r tank/a usb\\/b 2>/dev/null",
    ],
)
def test_what_is_known_to_run_it_is_followed(line: str) -> None:
    assert launched.read(line, "syncoid").runs == (launched.Launch(WORDS),)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (f"ssh attic {RUN}", "ssh runs it on another box"),
        (f"sudo timeout 3h ssh -p 22 root@attic '{RUN}'", "ssh runs it on another box"),
        (f"sh -c 'ssh attic {RUN}'", "ssh runs it on another box"),
        (f"docker exec z {RUN}", "docker runs it in a container"),
        (f"pct exec 101 -- {RUN}", "pct runs it in a container"),
        (f"chroot /jail {RUN}", "chroot runs it in a system of its own"),
        (f"systemd-run --on-calendar=daily {RUN}", "what systemd-run does with it"),
        ("systemctl start syncoid.service", "what systemctl does with it"),
        (f"echo tank/a usb/b | xargs {RUN}", "what xargs does with it"),
        (f"sudo -R /jail {RUN}", "what jail does with it"),
        ("/opt/syncoid-all.sh", "it runs a script or another program (/opt/syncoid-all.sh)"),
        ("bash -x /opt/syncoid.sh", "it runs a script or another program (bash)"),
        ("/opt/backup.sh >> /var/log/syncoid.log 2>&1", "it names syncoid, but runs backup.sh"),
        (f"echo '{RUN}' | sh", "sh is given on its input"),
        (f"echo '{RUN}' | sudo bash -s", "bash is given on its input"),
        (f"bash <<< '{RUN}'", "bash is given on its input"),
        (f"echo '{RUN}' | at now", "at is given on its input"),
        ("$(which syncoid) -r tank/a usb/b", "it holds what only a shell"),
        ("sh -c 'syncoid tank/$(hostname) usb/b'", "it holds what only a shell"),
        ("SYNCOID=/sbin/syncoid; $SYNCOID -r tank/a usb/b", "it holds what only a shell"),
        ("sh -c \"syncoid --sendoptions='$raw_w' tank/a usb/b\"", "it holds what only a shell"),
        ('sh -c "syncoid --sendoptions=\\$raw_w tank/a usb/b"', "it holds what only a shell"),
        ("syncoid --sendoptions=$'\\x77' tank/a usb/b", "it holds what only a shell"),
        (f"ssh attic cd / ';' {RUN}", "ssh runs it on another box"),
        (f'echo "$(date): $({RUN} 2>&1)" >> /var/log/sync', "it holds what only a shell"),
        (f'logger -t sync "$(/usr/sbin/{RUN})"', "it holds what only a shell"),
        (f"echo `{RUN}`", "it holds what only a shell"),
        (f"sh -c 'echo \"$({RUN})\"'", "it holds what only a shell"),
        (f'OUT="$({RUN})"', "it holds what only a shell"),
        (f"echo ok < <({RUN})", "it holds what only a shell"),
        ('logger "$($SYNCOID -r tank/a usb/b)"', "it holds what only a shell"),
        (f'CALL="{RUN}"; echo "$($CALL)"', "it holds what only a shell"),
        (f"find /x -name y -exec {RUN} \\;", "what find does with it"),
        (f"find /x -exec rm {{}} ';' -execdir nice {RUN} +", "what find does with it"),
        ("find /opt/syncoid.d -type f -exec sh {} \\;", "what find does with it"),
        (f'echo "$(date "+%F # begin")" >> /x; {RUN}', "it holds what only a shell"),
        (f"echo `date # now`; {RUN}", "it holds what only a shell"),
        (f"echo ${{X:-a # b}}; {RUN}", "it holds what only a shell"),
        (f'echo "${{X:-"\'"}}"; {RUN} # \'', "it holds what only a shell"),
        (f'env --split-string="{RUN}"', "what env does with it"),
        (f'sudo env -S"{RUN}"', "what env does with it"),
        (f"perl -e'system(\"{RUN}\")'", "what perl does with it"),
    ],
)
def test_what_runs_elsewhere_or_is_not_understood_is_named_and_is_no_run(line: str, why: str) -> None:
    runs = launched.read(line, "syncoid").runs
    assert runs
    assert all(run.problem for run in runs)
    assert why in runs[0].problem


@pytest.mark.parametrize(
    "line",
    [
        f"echo {RUN}",
        "pgrep syncoid || logger 'no syncoid'",
        "find /var/log/syncoid -mtime +7 -delete",
        "find /var/log -name 'syncoid*' -exec gzip {} +",
        "echo syncoid is off on $HOSTNAME and ${HOST}",
        "echo off #; syncoid -r tank/a usb/b",
        "pgrep syncoid || logger '$(syncoid)' \"\\$(syncoid)\"",
        "command -v syncoid",
        "zfs destroy tank/syncoid@old",
    ],
)
def test_what_only_speaks_of_it_is_no_line_of_it(line: str) -> None:
    assert launched.read(line, "syncoid").runs == ()


def test_a_second_command_of_a_line_is_not_lost_behind_the_first() -> None:
    runs = launched.read(f"{RUN} && ssh attic {RUN}; nice {RUN} | logger", "syncoid").runs
    assert [run.words for run in runs] == [WORDS, (), WORDS]
    assert "ssh runs it" in runs[1].problem


def test_what_else_a_line_does_is_named_but_for_what_does_not_matter() -> None:
    line = launched.read(f"cd / && zpool import usb && {RUN}; sh /opt/x.sh; curl https://example.invalid", "syncoid")
    assert line.beside == ("zpool", "sh", "curl")
    assert launched.read(f"cd /; sleep 9; {RUN} | logger || echo syncoid failed", "syncoid").beside == ()


@pytest.mark.parametrize(
    ("line", "beside"),
    [
        (f"zfs snapshot -r tank/a@syncoid && {RUN}", ("zfs",)),
        (f"sanoid --take-snapshots --configdir /etc/syncoid && {RUN}", ("sanoid",)),
        (f"{RUN} && touch /run/syncoid.ok", ("touch",)),
        (f"{RUN} || mail -s 'syncoid failed' root", ("mail",)),
        (f"{RUN}; find /var/log/syncoid -mtime +7 -delete", ("find",)),
        (f"[ -x /usr/sbin/syncoid ] && command -v syncoid && ! pgrep -f 'syncoid tank' && {RUN}", ()),
    ],
)
def test_what_a_line_does_besides_is_named_also_where_it_speaks_of_the_program(line: str, beside: tuple[str]) -> None:
    assert launched.read(line, "syncoid") == launched.Line((launched.Launch(WORDS),), beside)


@pytest.mark.parametrize(
    ("before", "behind"),
    [
        ("exit 0;", "exit"),
        ("cd /; { exit; };", "exit"),
        ("return;", "return"),
        ("exec nice true;", "exec"),
        ("true && exit 0;", "exit"),
        ("false &&", "false"),
        ("/bin/false && cd / && nice", "false"),
        ("false && (cd /;", "false"),
        ("true ||", "true"),
        (": || {", ":"),
        ("if false; then", "false"),
        ("until true; do", "true"),
        ("! true &&", "true"),
        ("(cd /x; false) &&", "false"),
        ("(cd /; exit 0;", "exit"),
        ("pgrep rsync && { echo busy; exit 1; }; { date; exit; };", "exit"),
        ("{ { date; }; exit; };", "exit"),
        ("true && { date; exit; };", "exit"),
    ],
)
def test_what_a_line_may_never_get_to_is_no_run(before: str, behind: str) -> None:
    (run,) = launched.read(f"{before} {RUN}", "syncoid").runs
    assert run == launched.Launch(problem=f"it stands behind {behind}, and the line may never get to it")
    first, second = launched.read(f"{RUN}; {before} ssh attic {RUN}", "syncoid").runs
    assert (first.words, second.problem[:7]) == (WORDS, "ssh run")


@pytest.mark.parametrize(
    "before",
    [
        "cd /x || exit 1;",
        "[ -x /usr/sbin/syncoid ] || exit 0;",
        "pgrep syncoid && exit;",
        "if pgrep syncoid; then exit; fi;",
        "zpool import usb || true;",
        "true;",
        ": >/run/x;",
        "exec >/var/log/x 2>&1;",
        "sh -c 'exit 0';",
        "pgrep -x rsync && { echo busy; exit 1; };",
        "pgrep -x rsync && { test -e /x || { date; }; exit 1; };",
        "if pgrep -x rsync; then echo busy; exit 0; fi;",
        "for x in 1 2; do echo busy; exit; done;",
        "case x in y) exit;; esac;",
        "(exit 0);",
        "die() { date; exit; };",
        "(cd /x) || exit 1;",
        "ls /x | while read x; do date; exit; done;",
        "true &&",
        "! false &&",
        "false ||",
    ],
)
def test_what_a_line_may_end_at_is_a_condition_like_any_other(before: str) -> None:
    assert launched.read(f"{before} {RUN} || true", "syncoid").runs == (launched.Launch(WORDS),)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("syncoid tank/a usb/b --sshport 22 >/dev/null", ("tank/a", "usb/b", "--sshport", "22")),
        ("syncoid tank/a usb/b --sshport 22 2>>/x 2>&1 </dev/null", ("tank/a", "usb/b", "--sshport", "22")),
        ("syncoid tank/a usb/b --sshport 22>/dev/null", ("tank/a", "usb/b", "--sshport", "22")),
        ("syncoid tank/a22>/x usb/b", ("tank/a22", "usb/b")),
        ("syncoid tank/a'22'>/x usb/b", ("tank/a22", "usb/b")),
        ("syncoid &>/x 'tank/a ; b' usb/b#1", ("tank/a ; b", "usb/b#1")),
        (
            "syncoid \"--identifier='x'\" ';' \"tank/\\\"a\" '' usb/b\\ c",
            ("--identifier='x'", ";", 'tank/"a', "", "usb/b c"),
        ),
        (
            "syncoid --exclude='/$x$' \"--exclude=/y$\" tank/a 'usb/`b'",
            ("--exclude=/$x$", "--exclude=/y$", "tank/a", "usb/`b"),
        ),
    ],
)
def test_its_words_are_those_that_a_shell_gives_it(line: str, words: tuple[str, ...]) -> None:
    assert launched.read(line, "syncoid").runs == (launched.Launch(words),)


@given(st.lists(st.sampled_from([*launched._WRAPPERS, "-x", "-n", "sh", "su", "ssh", "x", "1", ";", "--"]), max_size=8))
def test_whatever_stands_before_it_there_is_a_run_or_a_reason(before: list[str]) -> None:
    line = f"{' '.join(before)} {RUN}"
    for run in launched.read(line, "syncoid").runs:
        assert (run.words == WORDS) is not bool(run.problem)


def test_wrapping_a_line_often_is_bounded_by_its_length() -> None:
    line = RUN
    while len(wrapped := f"sh -c {shlex.quote(line)}") < crontab._LINE_LIMIT:
        line = wrapped
    assert launched.read(line, "syncoid").runs == (launched.Launch(WORDS),)
