"""`dplane health` and `dplane doctor` as a person and a script see them."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace

from dplane_tui.cli.health import figures, page
from dplane_tui.services.health.model import DiskHealth, Health, Memory, News, ServiceState, Temperature
from dplane_tui.services.health.report import Report

HEALTH = Health(
    taken_at=1.0,
    hostname="nas\x1b[2J",
    kernel="6.12",
    zfs_version="2.3.9-1",
    uptime=3700.0,
    cpus=4,
    load=(0.1, 0.2, 0.3),
    cpu_percent=12.4,
    memory=Memory(1 << 30, 1 << 29, arc=1 << 28, arc_max=1 << 29, swap_total=1 << 30, swap_free=1 << 29),
    temperatures=(Temperature("cpu", 51.5),),
    disks=(DiskHealth("ata-A", "sda", "passed", celsius=33.0), DiskHealth("", "vda", "unknown", "virtual")),
    services=(ServiceState("ssh", "active", 0.0), ServiceState("smbd", "not-installed")),
)


def _dplane(*args: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "dplane_tui", *args]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_page() -> None:
    news = (News("bad", "Pool \x1b[31mtank is DEGRADED.", "pools"), News("ok", "Fine.", "memory"))
    shown = page(Report(replace(HEALTH, hostname="nas"), (), (), news))
    assert shown.startswith("nas: Something is wrong.")
    assert "\x1b" not in shown
    assert "  BAD     Pool" in shown
    assert "12 % of 4 cores" in shown
    assert "256M, at most 512M" in shown
    assert "512M used of 1.00G" in shown
    assert "cpu 52 °C" in shown
    assert "virtual" in shown
    assert "smbd" not in shown


def test_unknown_figures_are_question_marks() -> None:
    told = dict(figures(Health(taken_at=1.0)))
    assert told["CPU"] == "? of ? cores"
    assert told["Load"] == told["Memory"] == told["Up"] == "?"
    assert told["Temperature"] == "unknown: no sensor"
    assert told["OpenZFS"] == "not loaded"


def test_health_of_this_machine() -> None:
    done = _dplane("health", "--json")
    answer = json.loads(done.stdout)
    assert answer["ok"] is (done.returncode == 0)
    assert done.returncode == (3 if answer["data"]["verdict"] in {"bad", "warn"} else done.returncode)
    assert answer["data"]["health"]["cpu_percent"] is not None
    assert answer["data"]["health"]["memory"]["total"] > 0
    areas = {item["where"] for item in answer["data"]["news"]}
    assert {"pools", "replication", "disks", "temperature", "memory", "services"} <= areas
    plain = _dplane("health")
    assert plain.returncode == done.returncode
    assert "Memory" in plain.stdout


def test_doctor_of_this_machine() -> None:
    done = _dplane("doctor", "--json")
    answer = json.loads(done.stdout)
    checks = answer["data"]["checks"]
    assert answer["ok"] is (done.returncode == 0)
    assert (done.returncode == 6) == any(check["level"] == "bad" for check in checks)
    assert {check["name"] for check in checks} >= {"python", "zfs", "door", "docker", "clock", "terminal", "space"}
    assert all(check["fix"] for check in checks if check["level"] == "bad")
