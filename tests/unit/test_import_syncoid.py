"""A syncoid command becomes the task that takes its place: every option has a fate, nothing is evaluated or done."""

from __future__ import annotations

import asyncio
import fnmatch
import re
import shlex
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dplane_tui import paths
from dplane_tui.cli.main import build_parser
from dplane_tui.services.replication import crontab, records, schedule
from dplane_tui.services.replication.model import Options, Peer, Task
from dplane_tui.services.replication.places import place_of
from dplane_tui.services.replication.service import check_task
from dplane_tui.services.replication.syncoid import Proposal, patterns_of, propose
from dplane_tui.services.replication.syncoid_options import KEPT, NOT_NEEDED, NOT_SUPPORTED, TABLE
from dplane_tui.services.store import open_store
from privhelper import grammar

from .test_cli_outcomes import Cli, cli  # noqa: F401 (a fixture)

ATTIC = Peer("attic", "dplane", "10.0.0.7", 22, "ssh-ed25519 k", "SHA256:f", "SHA256:g", True)


def proposed(line: str, **more: Any) -> Proposal:
    return propose(shlex.split(line), **more)


def task_of(line: str, **more: Any) -> Task:
    found = proposed(line, **more)
    assert found.task, found.problem
    return found.task


def fate(found: Proposal, option: str) -> str:
    [one] = [note for note in found.notes if note.option.startswith(option)]
    assert one.text
    return one.fate


def test_a_paired_box_is_known_by_its_name_and_by_its_address_in_any_case() -> None:
    by_name = replace(ATTIC, name="nas-b", address="NAS.lan")
    for where in ("root@nas-b", "root@nas.LAN"):
        found = proposed(f"tank/photos {where}:backup/photos", peers=[by_name])
        assert found.task is not None, where
        assert (found.task.peer, len(found.commands)) == ("nas-b", 1), "nothing has to be paired again"
    assert task_of("--sshport 2222 tank/photos root@nas-b:backup/photos", peers=[by_name]).peer != "nas-b"


def test_the_usual_command() -> None:
    found = proposed("-r --no-sync-snap --sshport 2222 tank/photos root@nas.lan:backup/photos", schedule="daily 02:30")
    assert found.commands == (
        "dplane peer add nas root@nas.lan:2222",
        "dplane replicate add photos --source tank/photos --to nas:backup/photos --recursive --no-snapshot "
        "'--schedule=daily 02:30'",
    )
    assert found.peer_missing == "nas"
    assert found.task == Task(
        *("photos", "tank/photos", "nas", "backup/photos", True, None, 129600, False),
        options=Options(schedule="daily 02:30"),
    )


def test_the_proposed_command_is_one_that_makes_that_very_task(
    cli: Cli,  # noqa: F811
) -> None:
    async def store() -> None:
        async with open_store(paths.current().database, write=True) as opened:
            await records.put_peer(opened, replace(ATTIC, may_read="home", root="backup"))

    asyncio.run(store())
    lines = [
        "-r --no-stream --source-bwlimit=5m --exclude-datasets='/tmp$' 'tank/my data' 10.0.0.7:backup/d",
        "--sendoptions=w --no-sync-snap tank/b vault/b",
        "--no-sync-snap 10.0.0.7:home/c vault/c",
    ]
    for line in lines:
        found = proposed(line, peers=[replace(ATTIC, may_read="home", root="backup")])
        assert not found.peer_missing
        [command] = found.commands
        status, answer = cli.json(*shlex.split(command)[1:])
        assert status == 0, answer
        assert found.task
        made = answer["data"]
        assert (made["source"], made["target"], made["peer"]) == (found.task.source, found.task.target, found.task.peer)
        assert (made["recursive"], made["raw"], made["snapshot"]) == (
            found.task.recursive, found.task.raw, found.task.snapshot,
        )  # fmt: skip
        assert tuple(made["options"]["exclude"]) == found.task.options.exclude
        assert made["options"]["limit"] == found.task.options.limit


@pytest.mark.parametrize("name", sorted(TABLE))
def test_every_option_of_syncoid_has_a_fate(name: str) -> None:
    value = {"sshport": "22", "sshoption": "Port=22", "source-bwlimit": "1m", "target-bwlimit": "1m",
             "sendoptions": "w", "exclude": "cache", "exclude-datasets": "cache"}.get(name, "x")  # fmt: skip
    for words in ([f"--{name}={value}"], [f"--{name}", value]) if TABLE[name].value else ([f"--{name}"],):
        found = propose([*words, "tank/a", "vault/a"])
        assert found.task, found.problem
        assert check_task(found.task)
        noted = [note for note in found.notes if note.option.startswith(f"--{name}")]
        assert noted
        assert all(note.text for note in noted)


def test_options_are_read_as_perl_reads_them() -> None:
    assert task_of("tank/a -r vault/a").recursive
    assert task_of("--recurs tank/a vault/a").recursive
    assert task_of("-recursive tank/a vault/a").recursive
    assert task_of("--RECURSIVE -- tank/a vault/a").recursive
    assert task_of("-c aes tank/a vault/a").target == "vault/a"
    assert task_of("--identifier -r tank/a vault/a").recursive is False, "-r is the identifier's value there"
    for bad in (
        "--no tank/a vault/a",
        "--nonsense tank/a vault/a",
        "- tank/a vault/a",
        "tank/a",
        "a b c",
        "",
        "tank/a vault/a --sshport",
        "--sshport=0 a/b c/d",
        "--source-bwlimit=x a/b c/d",
        "tank/a vault",
        "tank/a@s vault/a",
        "tank/a root@:vault/a",
        "--version",
    ):
        assert proposed(bad).problem, bad
        assert not proposed(bad).commands


def test_limits_excludes_and_streams() -> None:
    assert task_of("--source-bwlimit=10m --target-bwlimit=500k tank/a vault/a").options.limit == "500K"
    assert task_of("--source-bwlimit=1t tank/a vault/a").options.limit == "1024G"
    options = task_of("--no-stream tank/a vault/a").options
    assert (options.intermediates, options.initial) == (False, "newest")
    found = proposed("--exclude=a --exclude-datasets='tank/a/(x|y)' -r tank/a vault/a")
    assert found.task
    assert found.task.options.exclude == ()
    assert fate(found, "--exclude-datasets=") == NOT_SUPPORTED
    found = proposed("--exclude-datasets=cache tank/a vault/a")
    assert found.task
    assert found.task.options.exclude == (), "without -r nothing below is copied, and ours refuses idle patterns"
    assert fate(found, "--exclude-datasets") == NOT_NEEDED
    found = proposed("--force-delete --delete-target-snapshots tank/a vault/a")
    assert fate(found, "--force-delete") == fate(found, "--delete-target-snapshots") == NOT_SUPPORTED
    assert fate(proposed("--sendoptions=w tank/a vault/a"), "--sendoptions w") == KEPT
    assert task_of("--sendoptions=Lce tank/a vault/a").raw is None


@given(
    st.text("ab/.", max_size=5),
    st.sampled_from(["", "^"]),
    st.sampled_from(["", "$"]),
    st.lists(st.text("ab/", min_size=1, max_size=4).map(lambda name: name.strip("/") or "a"), max_size=6),
)
def test_a_pattern_leaves_out_exactly_what_the_expression_did(
    body: str, start: str, end: str, below: list[str]
) -> None:
    source, expression = "t/a", f"{start}{body}{end}"
    patterns = patterns_of(expression, source)
    if not patterns:
        return
    for relative in below:
        wanted = bool(re.search(expression, f"{source}/{relative}"))
        assert any(fnmatch.fnmatchcase(relative, pattern) for pattern in patterns) is wanted, (patterns, relative)


@pytest.mark.parametrize(
    "expression", ["(a+)+$", "a|b", "[a", "", "^", "^vault/x", "tank/photos", "/", "x" * 300, "\x1b"]
)
def test_an_expression_that_is_not_plain_is_told_and_not_guessed(expression: str) -> None:
    assert patterns_of(expression, "tank/photos") == []
    found = propose(["-r", f"--exclude={expression}", "tank/photos", "vault/p"])
    assert found.task
    assert fate(found, "--exclude=") == NOT_SUPPORTED
    assert "\x1b" not in str(found)


def test_what_comes_from_elsewhere_is_made_where_the_data_is() -> None:
    found = proposed("nas:tank/a root@other:vault/a")
    assert not found.commands
    assert "make the task on nas" in found.problem


def test_what_is_pulled_is_proposed_with_the_rights_it_needs() -> None:
    found = proposed("-r root@nas.lan:tank/a vault/a", schedule="daily 02:30")
    assert found.commands == (
        "dplane peer add nas root@nas.lan --may-read tank/a --may-snapshot",
        "dplane replicate add a --source nas:tank/a --to vault/a --recursive '--schedule=daily 02:30'",
    )
    assert (found.peer_missing, fate(found, "(pull)")) == ("nas", KEPT)
    assert found.task is not None
    assert (found.task.source_peer, found.task.peer) == ("nas", None)
    assert "--may-snapshot" not in proposed("--no-sync-snap root@nas.lan:tank/a vault/a").commands[0]
    assert "a space in its name" in proposed("'root@nas.lan:tank/a b' vault/a").problem

    reads = replace(ATTIC, may_read="tank", may_snapshot=True)
    assert proposed("10.0.0.7:tank/a vault/a", peers=[reads]).commands == (
        "dplane replicate add a --source attic:tank/a --to vault/a",
    )
    assert proposed("10.0.0.7:tank/a vault/a", peers=[replace(ATTIC, product=False)]).commands[1:] == ()
    own = replace(ATTIC, root="backup/here", may_prune=True)
    assert proposed("10.0.0.7:tank/a vault/a", peers=[own]).commands[0] == (
        "dplane peer add attic root@10.0.0.7:22 --root backup/here --may-read tank/a --may-snapshot --may-prune"
    )
    other = proposed("10.0.0.7:tank/a vault/a", peers=[replace(reads, may_read="tank/b")])
    assert any("tank/b be read" in note.text for note in other.notes)


@pytest.mark.parametrize(
    ("part", "name"),
    [
        ("a..b", "a.b"), ("a...b", "a.b"), ("a....b", "a.b"), ("a...", "a"), ("....", "task"),
        ("a" * 49 + "..b", "a" * 49), ("a" * 49 + ".b", "a" * 49), ("-x", "x"), ("a.-.b", "a.-.b"),
    ],
)  # fmt: skip
def test_a_dataset_with_dots_gives_a_sound_name(part: str, name: str) -> None:
    """In a process of its own: before, some of these names were tried for ever."""
    code = (
        "import sys; from dplane_tui.services.replication.address import Address; "
        "from dplane_tui.services.replication.syncoid import _task_name; "
        f"place = Address('tank/{part}'); "
        f"print(_task_name(place, []), _task_name(place, ['{name}']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split() == [name, f"{name}-2"]
    assert not grammar.peer_problem(name)


def test_names_of_peers_and_tasks_are_sound_and_free() -> None:
    assert task_of("tank/a root@10.0.0.9:b/a", peers=[ATTIC]).peer == "10.0.0.9"
    assert task_of("tank/a attic.lan:b/a", peers=[ATTIC]).peer == "attic-2"
    assert "[fe80::1]:22" in proposed("--sshport 22 tank/a root@[fe80::1]:b/a").commands[0]
    assert task_of("'tank/My Fotos' b/a", taken=["My-Fotos"]).name == "My-Fotos-2"
    for line in ("tank/a root@x-:b/a", "'tank/- x' b/a", "tank/a..b b/c"):
        found = proposed(line)
        assert found.problem or check_task(task_of(line))


@given(st.lists(st.text(max_size=12) | st.sampled_from(["-r", "tank/a", "vault/b", "--sshport", "x:y/z"]), max_size=6))
def test_whatever_the_words_there_is_a_proposal_or_a_sentence(words: list[str]) -> None:
    found = propose(words)
    assert bool(found.commands) is not bool(found.problem)
    assert "\x1b" not in found.origin
    if found.task:
        assert check_task(found.task)
        for command in found.commands:
            argv = shlex.split(command)[1:]
            if argv[0] == "replicate":
                args = build_parser(argv).parse_args(argv)
                source = place_of(found.task.source_peer, found.task.source)
                assert (args.name, args.source) == (found.task.name, source)


SYSTEM = r"""# m h dom mon dow user command
SHELL=/bin/sh
CRON_TZ = "Europe/Rome"
30 2 * * *   root  /usr/sbin/syncoid --quiet -r tank/a root@nas:backup/a >> /var/log/s.log 2>&1
@daily       root  nice -n 19 syncoid tank/b vault/b && curl -fsS https://example.invalid/ping
*/10 * * * * root  /usr/bin/flock -n /run/x /usr/sbin/syncoid "tank/c d" vault/c | logger; syncoid tank/e vault/e
0 4 1 * 0    root  syncoid tank/f vault/f
0 5 * * 1-5  root  syncoid --identifier=$(hostname) tank/g vault/g
0 6 * * *    root  syncoid --exclude='/x$' --identifier=a\%b tank/h vault/h%tank/i vault/i
# 0 7 * * *  root  syncoid tank/no vault/no
0 8 * * *    root  echo about syncoid; /opt/syncoid.sh
61 8 * * *   root  syncoid tank/j vault/j
0 9 * * *    root  syncoid 'tank/k vault/k
"""


def test_every_syncoid_of_a_crontab_is_found_with_its_time() -> None:
    found = crontab.programs(SYSTEM, "syncoid")
    assert [(one.line, one.schedule, one.words[-2:]) for one in found if not one.problem] == [
        (4, "daily 02:30", ("tank/a", "root@nas:backup/a")),
        (5, "daily 00:00", ("tank/b", "vault/b")),
        (6, "*-*-* *:00/10:00", ("tank/c d", "vault/c")),
        (6, "*-*-* *:00/10:00", ("tank/e", "vault/e")),
        (7, "*-*-01 04:00:00; Sun *-*-* 04:00:00", ("tank/f", "vault/f")),
        (9, "daily 06:00", ("tank/h", "vault/h")),
    ]
    assert {one.zone for one in found} == {"Europe/Rome"}
    assert {one.line: one.problem[:20] for one in found if one.problem} == {
        8: "it holds what only a", 11: "it runs a script or ", 12: "61 is not from 0 to ", 13: "its quotes do not ma",
    }  # fmt: skip
    assert "--identifier=a%b" in next(one.words for one in found if one.line == 9)
    user = crontab.programs("15 3 * * * syncoid tank/a vault/a\n", "syncoid")
    assert [(one.words, one.schedule) for one in user] == [(("tank/a", "vault/a"), "daily 03:15")]


def test_a_line_that_takes_syncoid_from_a_variable_of_the_crontab_is_not_passed_over() -> None:
    text = """
SYNC=/usr/sbin/syncoid
@daily $SYNC -r tank/z vault/z
@daily logger "${SYNC_TOO} $(${SYNC} tank/y vault/y)"
@daily $SYNCED tank/x vault/x
SYNC=rsync
@daily $SYNC tank/w vault/w
"""
    found = crontab.programs(text, "syncoid", False)
    assert [(one.line, one.schedule, one.problem[:24]) for one in found] == [
        (3, "daily 00:00", "it holds what only a she"),
        (4, "daily 00:00", "it holds what only a she"),
    ]


@pytest.mark.parametrize(
    ("cron", "ours"),
    [
        ("0 * * * *", "*-*-* *:00:00"),
        ("*/15 1-5 * * *", "*-*-* 01..05:00/15:00"),
        ("5,35 2 * * *", "*-*-* 02:05,35:00"),
        ("0 3 * * sun", "weekly Sun 03:00"),
        ("0 3 * * 7", "weekly Sun 03:00"),
        ("0 3 * * 5-7", "Sun,Fri,Sat *-*-* 03:00:00"),
        ("0 3 * * */1", "daily 03:00"),
        ("0 3 15 jan-mar *", "*-01..03-15 03:00:00"),
        ("* * * * *", "*-*-* *:*:00"),
        ("5/20 3 * * *", "*-*-* 03:05..59/20:00"),
        ("0 3 1-7 * 0", "*-*-01..07 03:00:00; Sun *-*-* 03:00:00"),
        ("0 3 1-7 * */7", "Sun *-*-01..07 03:00:00"),  # a field that begins with * is none that either may fit
        ("0 3 */2 * 1", "Mon *-*-01/2 03:00:00"),
        ("0 3 */1 * 1,2", "Mon,Tue *-*-* 03:00:00"),
        ("0 3 1-31 * 1", "*-*-01..31 03:00:00; Mon *-*-* 03:00:00"),
        ("0 3 1 * 0-6", "daily 03:00"),
        ("0 3 1 6 0-7", "*-06-* 03:00:00"),
        ("0 3 1 * */1", "*-*-01 03:00:00"),
    ],
)
def test_times_of_cron_are_those_of_systemd(cron: str, ours: str) -> None:
    assert crontab.schedule_of(tuple(cron.split())) == ours
    assert schedule.parse(ours)


@given(st.text("0123456789*/,-~L#@ sunja", max_size=24))
def test_whatever_the_time_it_is_one_that_can_be_planned_or_is_told(text: str) -> None:
    words = tuple(text.split())
    if len(words) not in (1, 5):
        return
    try:
        found = crontab.schedule_of(words)
    except ValueError:
        return
    assert schedule.parse(found)


@given(st.text(max_size=200))
def test_a_hostile_crontab_raises_nothing(text: str) -> None:
    for found in crontab.programs(f"* * * * * syncoid {text}\n{text} syncoid\n", "syncoid"):
        assert found.problem or found.schedule


def test_nothing_is_done_without_apply_and_with_it_only_what_can_be(
    cli: Cli,  # noqa: F811
    tmp_path: Path,
) -> None:
    file = tmp_path / "crontab"
    file.write_text(SYSTEM)
    status, answer = cli.json("replicate", "import-syncoid", "--crontab", str(file))
    assert (status, answer["error"]["code"]) == (3, "bad-news")
    assert len(answer["data"]) == 10
    assert cli.json("replicate", "list")[1]["data"] == []
    assert cli.json("replicate", "import-syncoid", "--crontab", str(file), "--apply", "--read-only")[0] == 5
    for words in (
        ["--crontab", "/nonexistent"],
        ["--crontab", "/dev/zero"],
        ["--crontab", "/proc/self/mem"],
        [],
        ["-r"],
    ):
        assert cli.json("replicate", "import-syncoid", *words)[0] in (2, 6)
    status, out, _ = cli("replicate", "import-syncoid", "--", "syncoid", "-r", "tank/a", "vault/a")
    assert (status, "dplane replicate add a " in out) == (0, True)
    _, out, _ = cli("replicate", "import-syncoid", "--apply", "--", "-r", "tank/q", "vault/q")
    assert "stored    q: late when it is older than 1d" in out
    assert [item["task"]["name"] for item in cli.json("replicate", "list")[1]["data"]][-1:] == ["q"]
    file.write_text("syncoid\n1 2 * * * syncoid -r tank/a vault/a\n@reboot syncoid tank/b nas:b/b\n")
    status, out, err = cli("replicate", "import-syncoid", "--crontab", str(file), "--apply")
    assert status in (1, 3)
    assert "pair first with" in out
    assert out.count("cannot be told from its schedule, nor whether its RPO of 1d fits. `dplane replicate set b") == 1
    assert "Traceback" not in err
    assert "NOT       a: systemd could not be told when a runs, so the task was not made" in out
