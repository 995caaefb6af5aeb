"""The command's streams as shells hand them over: closed, full, cut off, and in character sets that lack our signs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from dplane_tui.cli.streams import _as_ascii

DPLANE = f"{sys.executable} -m dplane_tui"
ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


def sh(script: str, folder: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """What a shell does with a line of `dplane` commands."""
    own = {"PATH": os.environ["PATH"], "HOME": str(folder), "LC_ALL": "C.UTF-8", **env}
    return subprocess.run(
        ["bash", "-c", script.replace("dplane", DPLANE, 1)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env=own,
        cwd=Path(__file__).parents[2],
    )


def test_a_closed_output_is_no_success(tmp_path: Path) -> None:
    done = sh("dplane replicate list >&-", tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("dplane: Standard output is closed, so nothing was done.")
    assert done.stderr.count("\n") == 1


def test_a_closed_input_and_error_output_do_no_harm(tmp_path: Path) -> None:
    done = sh("dplane replicate add photos --source a/b --to c/d <&- 2>&-", tmp_path)
    assert (done.returncode, "is stored" in done.stdout) == (0, True)
    found = sh("dplane replicate list --json <&- 2>&-", tmp_path)
    assert json.loads(found.stdout)["data"][0]["task"]["name"] == "photos", "the store was not written into"
    assert sh("dplane peer remove attic <&-", tmp_path).returncode == 6


@pytest.mark.parametrize("more", ["", "--json"])
def test_a_full_disk_is_no_success(tmp_path: Path, more: str) -> None:
    done = sh(f"dplane replicate list {more} >/dev/full", tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("dplane: The answer could not be written: No space left on device.")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("words", ["--help", "completion bash", "help pool"])
def test_a_reader_that_has_had_enough_is_no_complaint(tmp_path: Path, words: str) -> None:
    done = sh(f"dplane {words} | true; echo ${{PIPESTATUS[0]}}", tmp_path)
    assert done.stderr == ""
    assert done.stdout.strip() in {"0", "1"}  # 0 when all of it went into the pipe before


def test_our_signs_have_stand_ins_in_ascii(tmp_path: Path) -> None:
    done = sh("dplane peer add --help", tmp_path, **ASCII)
    assert (done.returncode, done.stderr) == (0, "")
    assert "SHA256:..." in done.stdout
    done = sh("dplane fly", tmp_path, **ASCII)
    assert done.returncode == 2
    assert 'has no command "fly"' in done.stderr
    done = sh("dplane pool create $'\\xff\\xc3\\xa4\\x1b[2J' disk", tmp_path, **ASCII)
    assert done.returncode == 4
    assert "\x1b" not in done.stderr
    assert "Traceback" not in done.stderr


def test_what_has_no_stand_in_is_a_question_mark() -> None:
    text = "a → “b”… ü 漢 \udcff °C"
    shown = ""
    for char in text:
        shown += char if char.isascii() else _as_ascii(UnicodeEncodeError("ascii", char, 0, 1, "x"))[0]
    assert shown == 'a -> "b"... ? ? ? C'


@pytest.mark.parametrize("gone", ["HOME", "TERM", "PATH", "LC_ALL"])
def test_a_bare_environment_is_enough(tmp_path: Path, gone: str) -> None:
    done = sh(f"unset {gone}; export XDG_STATE_HOME={tmp_path}; dplane replicate list", tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("There is no replication task yet.")


def test_a_state_folder_that_cannot_be_made_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = sh("dplane replicate add x --source a/b --to c/d", tmp_path, XDG_STATE_HOME=str(tmp_path / "file"))
    assert done.returncode in {1, 5}
    assert done.stderr.startswith("dplane: The store ")
    assert done.stderr.count("\n") == 1
