"""The practice pair's build, without building: keys, order, caching, interruption, progress, what apt says."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "lab"))

from dplane_lab import apt, build, hostcheck, proc, stages, steps_product
from dplane_lab.config import Config, checked_config, node_named
from dplane_lab.errors import LabError
from dplane_lab.progress import Progress, start_ticks
from dplane_lab.stages import Build, Stage, code_digest, folders_of, keys_of, remaining_seconds


def stage(
    name: str, needs: tuple[str, ...] = (), inputs: str = "", fails: str = "", made: list[str] | None = None
) -> Stage:
    def work(at: Path, given: Mapping[str, Path], log: Path) -> None:
        (at / "out").write_text(name + "".join((given[need] / "out").read_text() for need in needs))
        if made is not None:
            made.append(name)
        if fails:
            raise LabError(fails)

    return Stage(name, name, 10.0, needs, inputs, work)


def chain(made: list[str], fails: str = "", inputs: str = "") -> list[Stage]:
    return [
        stage("one", made=made, inputs=inputs),
        stage("left", ("one",), made=made),
        stage("right", ("one",), made=made, fails=fails),
        stage("end", ("left", "right"), made=made),
    ]


def test_a_changed_input_changes_the_keys_of_all_that_stand_on_it_and_no_other() -> None:
    before, after = keys_of(chain([])), keys_of([stage("one"), stage("left", ("one",), "new"), *chain([])[2:]])
    assert {name for name in before if before[name] != after[name]} == {"left", "end"}


def test_the_real_stages_come_after_what_they_need_and_depend_on_what_they_should() -> None:
    usual = keys_of(build.stage_list(Config()))
    small = keys_of(build.stage_list(Config(memory=512)))
    older = keys_of(build.stage_list(Config(zfs="2.1")))
    assert {name for name in usual if usual[name] != small[name]} == {"boot", "ready"}
    assert all(usual[name] != older[name] for name in usual)
    seen: set[str] = set()
    for one in build.stage_list(Config()):
        assert seen.issuperset(one.needs)
        seen.add(one.name)


def test_a_build_does_each_stage_once_and_the_next_build_none(tmp_path: Path) -> None:
    made: list[str] = []
    folders = Build(chain(made), tmp_path, Progress(quiet=True)).run()
    assert sorted(made) == ["end", "left", "one", "right"]
    assert (folders["end"] / "out").read_text() == "endleftonerightone"
    Build(chain(made), tmp_path, Progress(quiet=True)).run()
    assert len(made) == 4
    assert Build(chain(made, inputs="other"), tmp_path, Progress(quiet=True)).run()["end"] != folders["end"]
    assert len(made) == 8


def test_a_failed_build_keeps_what_was_finished_and_never_a_half_built_stage(tmp_path: Path) -> None:
    made: list[str] = []
    with pytest.raises(LabError, match="the disk is full"):
        Build(chain(made, fails="the disk is full"), tmp_path, Progress(quiet=True)).run()
    proc._stopping.clear()
    folders = folders_of(chain([]), tmp_path)
    assert folders["one"].is_dir()
    assert not folders["right"].exists()
    assert not list(tmp_path.glob("*.partial-*"))
    made.clear()
    Build(chain(made), tmp_path, Progress(quiet=True)).run()
    assert "one" not in made
    assert made[-1] == "end"


def test_what_a_killed_builder_left_is_removed_and_what_a_live_one_makes_is_not(tmp_path: Path) -> None:
    ours = tmp_path / f"base-1.partial-{os.getpid()}-{start_ticks(os.getpid())}"
    dead = tmp_path / f"base-2.partial-{os.getpid()}-1"
    done = tmp_path / "base-3"
    for folder in (ours, dead / "nas-a", done):
        folder.mkdir(parents=True)
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        (dead / "nas-a" / "qemu.pid").write_text(f"{child.pid} {start_ticks(child.pid)}")
        stages.remove_leftovers(tmp_path)
        assert {path.name for path in tmp_path.iterdir()} == {done.name, ours.name}
        assert child.wait(timeout=10) == -9
    finally:
        child.kill()
        child.wait()


def test_layout_and_comments_do_not_count_as_a_change(tmp_path: Path) -> None:
    one, two, three = (tmp_path / name for name in ("a.py", "b.py", "c.py"))
    one.write_text('"""Text."""\ndef f(x):\n    """More."""\n    return x + 1\n')
    two.write_text("def f( x ):  # why\n\n    return (x +\n        1)\n")
    three.write_text("def f(x):\n    return x + 2\n")
    assert code_digest(one) == code_digest(two) != code_digest(three)


def test_the_time_left_is_the_longest_path() -> None:
    graph = chain([])
    assert remaining_seconds(graph, set(), {}, 0.0) == 30.0
    assert remaining_seconds(graph, {"one", "left"}, {"right": 0.0}, 4.0) == 16.0
    assert remaining_seconds(graph, {"one", "left", "right", "end"}, {}, 0.0) == 0.0


def test_the_progress_file_tells_what_the_jobs_reader_needs(tmp_path: Path) -> None:
    target = tmp_path / "run" / "job.json"
    progress = Progress(target, "lab-build-1", quiet=True, total=3)
    progress.update("working", "base")
    told = json.loads(target.read_text())
    assert (told["id"], told["kind"], told["state"], told["stage"]) == ("lab-build-1", "lab-build", "running", "base")
    assert told["pid"] == os.getpid()
    assert told["started"] <= told["updated"]
    progress.fail("No space.")
    assert json.loads(target.read_text())["error"] == "No space."
    assert list(target.parent.iterdir()) == [target]


def test_a_build_without_root_says_so_and_the_progress_file_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DPLANE_LAB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(LabError, match=r"needs root.*sudo"):
        build.build(Config(), Progress(tmp_path / "p.json", quiet=True))
    assert json.loads((tmp_path / "p.json").read_text())["state"] == "failed"


def test_a_full_disk_a_missing_program_and_a_foreign_machine_are_sentences(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with pytest.raises(LabError, match=r"needs 99999999999 MB.*free"):
        hostcheck.check_space(tmp_path / "not" / "there", 99999999999, "Building")
    with pytest.raises(LabError, match="sudo apt-get install --no-install-recommends no-such-package"):
        hostcheck.check_programs({"no-such-program": "no-such-package"})
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    with pytest.raises(LabError, match=r"Linux on aarch64.*x86-64"):
        hostcheck.check_machine()


def test_kvm_needs_the_processors_flag_and_a_device_that_opens(tmp_path: Path) -> None:
    device = tmp_path / "kvm"
    device.touch()
    assert hostcheck.kvm_possible("flags\t\t: fpu svm sse", str(device))
    assert not hostcheck.kvm_possible("flags\t\t: fpu sse", str(device))
    assert not hostcheck.kvm_possible("flags\t\t: fpu vmx", str(tmp_path / "none"))


def test_the_mirror_is_the_one_apt_uses() -> None:
    lines = [
        "https://other.example/thing/|stable|main|Other",
        "http://one.example/debian-security/|bookworm-security|main|Debian-Security",
        "http://one.example/debian/|bookworm-updates|main|Debian",
        "http://two.example/debian/|bookworm|main|Debian",
    ]
    assert apt.choose_mirror("\n".join(lines)) == "http://two.example/debian"
    assert apt.choose_mirror("\n".join(lines[:2])) is None
    assert (
        apt.choose_mirror("http://never-updated.example/debian/|bookworm|main|")
        == "http://never-updated.example/debian"
    )


def test_the_hosts_way_to_the_archive_goes_into_the_boxes_build_and_nothing_else() -> None:
    dump = 'APT::Get "";\nAcquire "";\nAcquire::http::Proxy "http://p.example:3128";\nAcquire::Languages "none";\n'
    dump += 'Acquire::https::CaInfo "/etc/ca.pem";\nAcquire::Check-Valid-Until "false";\nAcquire::http "";'
    assert apt.acquire_options(dump) == [
        'Acquire::http::Proxy "http://p.example:3128";',
        'Acquire::https::CaInfo "/etc/ca.pem";',
        'Acquire::Check-Valid-Until "false";',
    ]
    assert apt.proxy_environment(dump) == {"http_proxy": "http://p.example:3128"}


def test_no_node_memory_or_zfs_but_the_known_ones() -> None:
    assert node_named("nas-b").cable_address == "10.77.0.2"
    with pytest.raises(LabError, match="nas-a and nas-b"):
        node_named("nas-c")
    with pytest.raises(LabError, match="512 to"):
        checked_config("2.3", 100)
    with pytest.raises(LabError, match=r"2\.1, 2\.3"):
        checked_config("9", 1024)


def test_the_products_digest_sees_contents_and_ignores_caches(tmp_path: Path) -> None:
    (tmp_path / "dplane_tui" / "__pycache__").mkdir(parents=True)
    code = tmp_path / "dplane_tui" / "app.py"
    code.write_text("one")
    before = steps_product.product_digest(tmp_path)
    (tmp_path / "dplane_tui" / "__pycache__" / "app.pyc").write_text("x")
    (tmp_path / "dplane_tui" / ".app.py.swp").write_text("x")
    (tmp_path / "tests").mkdir()
    assert steps_product.product_digest(tmp_path) == before
    code.write_text("two")
    assert steps_product.product_digest(tmp_path) != before


def test_what_an_overlay_holds_becomes_a_tar_without_the_scratch_folders(tmp_path: Path) -> None:
    upper = tmp_path / "upper"
    for name in ("opt/dplane/releases/1/x", "run/lock", "var/tmp/dplane/source/y", "var/lib/dplane/z", "etc/group"):
        (upper / name).parent.mkdir(parents=True, exist_ok=True)
        (upper / name).write_text(name)
    changed, removed = steps_product.changed_paths(upper)
    assert "opt/dplane/releases/1/x" in changed
    assert "etc/group" in changed
    assert not any(name.startswith(("run", "var/tmp")) for name in changed)
    assert removed == []
    steps_product.pack_changes(upper, tmp_path / "product.tar")
    assert (tmp_path / "product.tar").stat().st_size % 512 == 0
    (upper / "opt/dplane/releases/1/x").rename(upper / "etc/x")
    for folder in ("opt/dplane/releases/1", "opt/dplane/releases", "opt/dplane"):
        (upper / folder).rmdir()
    with pytest.raises(LabError, match="nothing under /opt/dplane"):
        steps_product.pack_changes(upper, tmp_path / "product.tar")
