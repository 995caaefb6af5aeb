"""Readers of /proc, /sys, systemctl and smartctl, on captured files (and some written from the format, marked so)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dplane_tui.services.health import parse, smart
from dplane_tui.services.health.model import Counters

FIXTURES = Path(__file__).parents[1] / "fixtures" / "health"


def _read(name: str) -> str:
    return (FIXTURES / name).read_text()


def test_cpu_of_a_captured_machine() -> None:
    counters, cores = parse.cpu(_read("vm-debian12/stat"))
    values = [int(word) for word in _read("vm-debian12/stat").split("\n")[0].split()[1:]]
    assert cores == 2
    assert counters == Counters(sum(values[:8]) - values[3] - values[4], sum(values[:8]))


def test_guest_time_is_not_counted_twice() -> None:
    """`user` holds the guest's time already."""
    assert parse.cpu("cpu 10 0 10 80 0 0 0 0 9 0\n")[0] == Counters(20, 100)


@pytest.mark.parametrize("text", ["", "cpu", "cpu a b c d", "intr 1 2 3", "\x00"])
def test_cpu_unknown(text: str) -> None:
    assert parse.cpu(text) == (None, None)


def test_percent() -> None:
    assert parse.percent(Counters(10, 100), Counters(35, 200)) == 25.0
    assert parse.percent(None, Counters(1, 2)) is None
    assert parse.percent(Counters(1, 2), None) is None
    assert parse.percent(Counters(10, 100), Counters(10, 100)) is None  # no time passed
    assert parse.percent(Counters(90, 100), Counters(5, 50)) is None  # another boot


def test_memory_of_a_captured_machine() -> None:
    memory = parse.memory(_read("vm-debian12/meminfo"))
    assert memory is not None
    assert memory.total == 24684096 * 1024
    assert 0 < memory.available < memory.total
    assert (memory.arc, memory.arc_max, memory.swap_total) == (None, None, 0)


def test_memory_with_arc() -> None:
    arc = "13 1 0x01 147 39984 3312 99\nname  type data\nsize  4    1048576\nc_max 4    4194304\n"
    memory = parse.memory(_read("vm-debian12/meminfo"), arc)
    assert memory is not None
    assert (memory.arc, memory.arc_max) == (1 << 20, 4 << 20)


def test_memory_unknown() -> None:
    assert parse.memory("") is None
    assert parse.memory("MemTotal: 5 kB\n") is None  # nothing is said about what is available


def test_load_and_uptime() -> None:
    load = parse.load(_read("vm-debian12/loadavg"))
    assert load == tuple(float(word) for word in _read("vm-debian12/loadavg").split()[:3])
    assert parse.uptime(_read("vm-debian12/uptime")) == float(_read("vm-debian12/uptime").split()[0])
    assert parse.load("") is None
    assert parse.load("1 2") is None
    assert parse.uptime("") is None


def test_temperatures_of_a_pi() -> None:
    """Written from the format, not captured."""
    found = parse.temperatures(json.loads(_read("written/pi-sensors.json")))
    assert [(sensor.label, sensor.celsius, sensor.critical) for sensor in found] == [
        ("cpu_thermal", 51.54, 110.0),  # told once, although the thermal zone tells it too
        ("drivetemp", 38.0, 70.0),
        ("nvme Composite", 44.85, 84.85),
        ("soc-thermal", 49.0, 95.0),  # the passive trip point is not the critical one
    ]


def test_temperatures_of_nothing() -> None:
    assert parse.temperatures({}) == ()
    assert parse.temperatures({f"{parse.HWMON}/hwmon0/temp1_input": "soon\n"}) == ()


SHOWN = """\
Type=notify
Id=ssh.service
LoadState=loaded
ActiveState=active
UnitFileState=enabled
ConditionResult=yes
StateChangeTimestampMonotonic=5000000

Type=simple
Id=smbd.service
LoadState=not-found
ActiveState=inactive
StateChangeTimestampMonotonic=0

Type=simple
Id=docker.service
LoadState=loaded
ActiveState=failed
UnitFileState=enabled
ConditionResult=yes
StateChangeTimestampMonotonic=9000000

Type=simple
Id=cron.service
LoadState=loaded
ActiveState=inactive
UnitFileState=enabled
ConditionResult=yes
StateChangeTimestampMonotonic=0

Type=simple
Id=systemd-timesyncd.service
LoadState=loaded
ActiveState=inactive
UnitFileState=enabled
ConditionResult=no
StateChangeTimestampMonotonic=0

Id=odd.service
LoadState=bad-setting
ActiveState=inactive
"""


def test_services() -> None:
    found = {service.unit: service for service in parse.services(SHOWN, 1000.0)}
    assert (found["ssh"].state, found["ssh"].since, found["ssh"].note) == ("active", 1005.0, "")
    assert found["smbd"].state == "not-installed"
    assert (found["docker"].state, found["docker"].since) == ("failed", 1009.0)
    assert found["cron"].note == "enabled, but does not run"
    assert found["systemd-timesyncd"].note == ""  # its condition was not met: it is not missed
    assert found["odd"].state == "unknown"
    assert parse.services("", None) == ()
    assert parse.services(SHOWN, None)[0].since is None


def test_services_of_a_practice_box() -> None:
    """Debian 13: nothing is missing that should run, although half the list is not there."""
    found = {service.unit: service for service in parse.services(_read("lab-debian13/systemctl-show"), 1000.0)}
    states = {unit: service.state for unit, service in found.items()}
    assert states["ssh"] == states["docker"] == states["zfs-zed"] == states["zfs-mount"] == "active"
    assert states["systemd-timesyncd"] == "masked"
    assert states["smartmontools"] == "inactive"  # its condition forbids it in a virtual machine
    assert states["cron"] == states["chrony"] == states["nfs-server"] == states["smbd"] == "not-installed"
    assert not any(service.note for service in found.values())
    assert found["ssh"].since == pytest.approx(1541.46, abs=0.01)


def test_figures_of_a_practice_box() -> None:
    memory = parse.memory(_read("lab-debian13/meminfo"), _read("lab-debian13/arcstats"))
    assert memory is not None
    assert 900 << 20 < memory.total < 1 << 30
    assert memory.arc is not None
    assert memory.arc_max is not None
    assert 0 < memory.arc < memory.arc_max < memory.total
    assert parse.cpu(_read("lab-debian13/stat"))[1] == 2
    assert parse.uptime(_read("lab-debian13/uptime")) is not None


def test_smart_passed() -> None:
    disk = smart.parse("ata-X", "sda", _read("written/ata.json"))
    assert (disk.verdict, disk.note, disk.celsius, disk.power_on_hours) == ("passed", "", 34.0, 21034)
    assert (disk.reallocated, disk.pending) == (0, 0)


def test_smart_failing() -> None:
    disk = smart.parse("ata-X", "sda", _read("written/ata-failing.json"))
    assert (disk.verdict, disk.reallocated, disk.pending) == ("failing", 640, 16)
    for part in ("says that it fails", "Reallocated_Sector_Ct is below", "16 sectors wait", "3 sectors cannot be read"):
        assert part in disk.note


def test_smart_nvme_and_scsi() -> None:
    nvme = smart.parse("nvme-X", "nvme0n1", _read("written/nvme.json"))
    assert (nvme.verdict, nvme.celsius, nvme.power_on_hours) == ("passed", 35.0, 4321)
    assert nvme.note == "2 media errors; 97 % of its rated life is used"
    scsi = smart.parse("scsi-X", "sdg", _read("written/scsi.json"))
    assert (scsi.verdict, scsi.reallocated, scsi.note) == ("passed", 4, "2 uncorrected read errors")


def test_smart_nvme_warnings() -> None:
    told = json.loads(_read("written/nvme.json"))
    told["smart_status"]["passed"] = False
    told["nvme_smart_health_information_log"]["critical_warning"] = 0b1001
    disk = smart.parse("nvme-X", "nvme0n1", json.dumps(told))
    assert disk.verdict == "failing"
    assert "spare blocks run out" in disk.note
    assert "media is read-only" in disk.note


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (_read("virtio.json"), "does not know this kind of disk"),
        (_read("written/usb.json"), "Unknown USB bridge"),
        ("", "cannot be read"),
        ("[]", "cannot be read"),
        ("{}", "tells no SMART state"),
        ('{"smart_status": {"passed": "yes"}}', "tells no SMART state"),
        ('{"smart_support": {"available": false}}', "has no SMART"),
        ('{"smart_support": {"available": true, "enabled": false}}', "switched off"),
    ],
)
def test_smart_is_unknown_with_a_reason_never_passed(text: str, why: str) -> None:
    disk = smart.parse("x", "vda", text)
    assert disk.verdict == "unknown"
    assert why in disk.note


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
_KEYS = ("smart_status", "ata_smart_attributes", "temperature", "power_on_time", "smartctl", "scsi_error_counter_log")


@given(st.dictionaries(st.sampled_from(_KEYS), _JSON))
def test_smart_survives_anything(told: dict[str, object]) -> None:
    status = told.get("smart_status")
    passed = isinstance(status, dict) and status.get("passed") is True
    assert (smart.parse("x", "sda", json.dumps(told)).verdict == "passed") == passed


@given(st.text(max_size=300))
def test_parsers_survive_anything(text: str) -> None:
    parse.cpu(text)
    parse.memory(text, text)
    parse.load(text)
    parse.uptime(text)
    parse.services(text, 1.0)
    files = cast(
        "dict[str, str]", dict.fromkeys((f"{parse.HWMON}/hwmon0/temp1_input", f"{parse.HWMON}/hwmon0/name"), text)
    )
    for sensor in parse.temperatures(files):
        assert sensor.label.isprintable() or "\ufffd" in sensor.label
