"""What each process loads is its memory and its start: held here, in fresh interpreters."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from dplane_tui.__main__ import _WITHOUT_TLS
from dplane_tui.cli import replicate
from dplane_tui.cli.main import build_parser
from dplane_tui.cli.parsing import below, subparsers

ROOT = Path(__file__).resolve().parents[2]
HEAVY = ("asyncssh", "docker", "cryptography", "requests", "urllib3", "rich.markdown", "rich.traceback", "pygments",
         "markdown_it", "tree_sitter", "argparse", "sqlite3", "aiosqlite", "textual.widgets._data_table",
         "textual.widgets._footer", "dplane_tui.cli.main")  # fmt: skip


def loaded(code: str) -> set[str]:
    """The modules of an interpreter that ran `code`."""
    tail = "\nimport sys; print('\\n'.join(name for name, module in sys.modules.items() if module is not None))"
    env = {**os.environ, "TERM": "xterm-256color", "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code + tail], capture_output=True, text=True, env=env, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


CONSOLE = """
from dplane_tui import lean
lean.leave_out_tls()
import asyncio, os
from dplane_tui.app import Console
from dplane_tui.services.bundle import open_services
from dplane_tui.terminal.profile import detect
app = Console(open_services(None), detect(os.environ))
async def look():
    async with app.run_test(size=(80, 24)) as pilot:
        for _ in range(100):
            await pilot.pause(0.05)
            if app.poller.snapshot("pools").taken_at or app.poller.snapshot("pools").error:
                break
        else:
            raise SystemExit("the pools were never read")
asyncio.run(look())
"""


def test_the_console_loads_nothing_heavy_and_no_tls() -> None:
    found = loaded(CONSOLE)
    assert not {name for name in HEAVY if name in found}
    assert "ssl" not in found
    assert "_ssl" not in found
    assert "dplane_tui.screens.start" in found
    others = ("pools", "pool_rows", "replication", "docker", "health", "find", "session_log", "boxes", "shot")
    assert not {f"dplane_tui.screens.{name}" for name in others} & found
    assert "dplane_tui.services.replication.service" not in found  # another process reads the tasks
    assert "dplane_tui.services.fleet" not in found
    late = ("policies.model", "policies.service", "retention.model", "notify.model", "capacity.model", "zfs.iostat")
    assert not {f"dplane_tui.services.{name}" for name in late} & found


def test_what_the_policies_say_needs_neither_their_runs_nor_the_channels() -> None:
    found = loaded("import dplane_tui.services.policies.news, dplane_tui.services.policies.glance")
    late = ("policies.model", "policies.service", "retention.model", "notify.model")
    assert not {f"dplane_tui.services.{name}" for name in late} & found


def test_the_replication_screen_and_its_dialogs_load_nothing_heavy() -> None:
    names = (
        "",
        "_acts",
        "_detail",
        "_hostkey",
        "_pair",
        "_protect",
        "_restore",
        "_ways",
        "_looks",
        "_peers",
        "_incoming",
        "_paste",
        "_moving",
        "_crontab",
        "_keep",
    )
    found = loaded("\n".join(f"import dplane_tui.screens.replication{name}" for name in names))
    assert not {name for name in HEAVY if name in found}


def test_the_screens_of_storage_and_their_dialogs_load_nothing_heavy() -> None:
    names = [
        "pool_repair",
        "pool_change",
        "pool_whole",
        "pool_import",
        "dataset_space",
        "dataset_who",
        "dataset_shares",
    ]
    names += ["datasets", "dataset_acts", "dataset_properties", "snapshots", "snapshot_acts", "snapshot_diff"]
    found = loaded("\n".join(f"import dplane_tui.screens.{name}" for name in names))
    assert not {name for name in HEAVY if name in found}


def test_nothing_of_ours_in_the_console_asks_for_tls() -> None:
    """The promise behind `leave_out_tls`: no module a local console can load imports ssl."""
    sends = ROOT / "dplane_tui" / "services" / "notify" / "wire.py"  # loaded by the process that sends, at that moment
    for path in set((ROOT / "dplane_tui").rglob("*.py")) - {sends}:
        assert not re.search(r"^\s*(import|from) ssl\b", path.read_text(), re.MULTILINE), path


def test_only_commands_that_keep_tls_send_to_channels() -> None:
    """What sends imports ssl as it sends: without it, nobody would be told."""
    sends = re.compile(
        r"notify(\.(service|send|tell|mail|wire))? import .*(NotifyService|deliver|post|tell_)|notify\.wire"
    )
    found = set()
    for path in (ROOT / "dplane_tui").rglob("*.py"):
        if path.parent.name != "notify" and sends.search(path.read_text()):
            found.add(path.relative_to(ROOT / "dplane_tui").as_posix())
    assert found == {"cli/notify.py", "cli/notify_channels.py", "cli/scheduled.py"}
    assert not {("notify",), ("scheduled",)} & {tuple(words) for words in _WITHOUT_TLS}


@pytest.mark.parametrize("module", ["dplane_tui.services.zfs.service", "dplane_tui.services.zfs.storage",
                                    "dplane_tui.services.repair.service",
                                    "dplane_tui.services.protection.gather", "dplane_tui.services.health.service",
                                    "dplane_tui.services.docker.service", "dplane_tui.services.jobs.service",
                                    "dplane_tui.services.poller", "dplane_tui.cli.main"])  # fmt: skip
def test_services_and_commands_load_no_textual(module: str) -> None:
    found = loaded(f"import {module}")
    assert not {name for name in found if name.partition(".")[0] in {"textual", "rich", "docker", "asyncssh"}}


def verbs_of(words: list[str], every: bool = False) -> set[str]:
    """The verbs of `replicate` that the parser for these words has."""
    return {name for name, _, _ in subparsers(below(build_parser(words, every_group=every), ("replicate",)))}


def test_a_verb_of_replicate_loads_no_other() -> None:
    found = loaded("from dplane_tui.cli.main import build_parser; build_parser(['replicate', 'run', 'x'])")
    assert {name for name in found if name.startswith("dplane_tui.cli.replicate_")} == {
        "dplane_tui.cli.replicate_places"
    }
    assert not {name for name in found if "syncoid" in name or "crontab" in name}


def test_every_verb_of_replicate_is_found_and_all_are_told_where_none_was_named() -> None:
    every = verbs_of([], every=True)
    for verb in every:
        assert verb in verbs_of(["--json", "replicate", "--read-only", verb])
    for verb in replicate._OWN:
        assert verbs_of(["replicate", verb]) == replicate._OWN, "a verb of its own needs no other's module"
    for words in (
        *(["replicate"], ["replicate", "--help"], ["replicate", "lits"], ["replicate", "--", "x"]),
        *(["--host", "run", "replicate", "--help"], ["--host", "replicate", "replicate", "list"]),
    ):
        assert verbs_of(words) == every, words


def test_a_command_about_pools_loads_no_store() -> None:
    assert not loaded("import dplane_tui.cli.pool") & {"sqlite3", "aiosqlite", "dplane_tui.services.capacity.service"}


def test_a_job_that_may_have_to_tell_of_itself_loads_no_network() -> None:
    before = loaded("import asyncio.subprocess")
    found = loaded("import dplane_tui.services.notify.hook, dplane_tui.services.notify.config as c; c.parse('')")
    assert not (found - before) & {"ssl", "http.client", "smtplib", "email.message", "aiosqlite"}


@pytest.mark.parametrize("words", [("job", "run"), ("replicate", "run", "--foreground")])
def test_the_process_of_a_run_loads_no_tls_and_says_what_is_wrong(words: tuple[str, ...], tmp_path: Path) -> None:
    env = {**os.environ, "PYTHONPATH": str(ROOT), "HOME": str(tmp_path), "XDG_STATE_HOME": str(tmp_path)}
    code = f"""
import sys
sys.argv = ["dplane", *{words!r}, "replicate-none-1"]
from dplane_tui.__main__ import main
status = main()
assert status == 6, status  # there is none of that name
assert "asyncio" in sys.modules
assert sys.modules["ssl"] is None
assert "_ssl" not in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env, cwd=tmp_path)
    assert done.returncode == 0, done.stderr


def test_the_helper_loads_only_the_standard_library() -> None:
    names = [path.stem for path in (ROOT / "privhelper").glob("*.py") if path.stem != "__main__"]
    assert len(names) > 3
    code = "\n".join(f"import privhelper.{name}" for name in names if name != "__init__")
    found = {name.partition(".")[0] for name in loaded(code)}
    assert not found & {"dplane_tui", "textual", "rich", "psutil", "asyncssh", "docker", "aiosqlite"}


def test_the_short_way_takes_only_what_it_knows() -> None:
    from dplane_tui.lean import console_hosts

    assert console_hosts([]) == (True, ())
    assert console_hosts(["--host", "nas-a"]) == (True, ("nas-a",))
    assert console_hosts(["--host", "nas-a", "--host", "nas-b"]) == (True, ("nas-a", "nas-b"))
    for argv in (["pool", "list"], ["--help"], ["--host"], ["--host", "--json"], ["--json"], ["--host", "a", "health"]):
        assert console_hosts(argv) == (False, ())
