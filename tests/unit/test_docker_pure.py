"""The pure parts of the Docker service: conversion, sentences, what a log line may show."""

from __future__ import annotations

import json
import math
import subprocess
import sys
import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dplane_tui.cli.docker import find, row
from dplane_tui.errors import ChangedError, CommandError, DPlaneError, MissingError, NotAllowedError, UsageError
from dplane_tui.services.docker import convert
from dplane_tui.services.docker.engine import Fault, LogStream, socket_path
from dplane_tui.services.docker.link import WorkerError
from dplane_tui.services.docker.model import Container
from dplane_tui.services.docker.sentences import _SENTENCES, told
from dplane_tui.services.docker.service import decode, readable
from dplane_tui.services.docker.worker import _messages


def test_ports_published_first_and_bounded() -> None:
    listed = [
        {"PrivatePort": 443, "Type": "tcp"},
        {"IP": "0.0.0.0", "PrivatePort": 80, "PublicPort": 8080, "Type": "tcp"},
        {"IP": "::", "PrivatePort": 80, "PublicPort": 8080, "Type": "tcp"},
        {"PrivatePort": 53, "PublicPort": 53, "Type": "udp"},
    ]
    assert convert.ports(listed) == ["0.0.0.0:8080->80/tcp", "53->53/udp", "[::]:8080->80/tcp", "443/tcp"]
    many = convert.ports([{"PrivatePort": port, "Type": "tcp"} for port in range(1000)])
    assert len(many) == convert.PORTS_SHOWN + 1
    assert many[-1] == "and 968 more"
    assert convert.ports(None) == []


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2026-11-23T13:03:13.650789884Z", 1795438993.650789),
        ("2026-11-23T13:03:13Z", 1795438993.0),
        ("2026-11-23T15:03:13.5+02:00", 1795438993.5),
        ("0001-01-01T00:00:00Z", None),
        ("soon", None),
        (None, None),
    ],
)
def test_timestamp(text: object, seconds: float | None) -> None:
    assert convert.timestamp(text) == (seconds if seconds is None else pytest.approx(seconds))


def _stats(total: int, system: int) -> dict[str, Any]:
    return {"cpu_stats": {"cpu_usage": {"total_usage": total}, "system_cpu_usage": system, "online_cpus": 4}}


def test_cpu_is_counted_as_docker_stats_counts_it() -> None:
    before, after = convert.cpu_counters(_stats(1_000, 100_000)), convert.cpu_counters(_stats(26_000, 200_000))
    assert convert.cpu_percent(before, after, convert.cpus(_stats(0, 1))) == 100.0  # one of four cores
    assert convert.cpu_percent(None, after, 4) is None
    assert convert.cpu_percent(after, before, 4) is None  # started anew: the counters went back
    assert convert.cpu_counters({}) is None
    assert convert.cpu_counters({"precpu_stats": {"cpu_usage": {"total_usage": 0}}}, "precpu_stats") is None


@pytest.mark.parametrize(
    ("told_by_engine", "expected"),
    [
        ({"usage": 1000, "limit": 5000, "stats": {"inactive_file": 300}}, (700, 5000)),
        ({"usage": 1000, "limit": 5000, "stats": {"total_inactive_file": 300, "inactive_file": 1}}, (700, 5000)),
        ({"usage": 1000, "stats": {"inactive_file": 2000}}, (1000, None)),
        ({}, (None, None)),
    ],
)
def test_memory(told_by_engine: dict[str, Any], expected: tuple[int | None, int | None]) -> None:
    assert convert.memory({"memory_stats": told_by_engine}) == expected


def test_container_of_a_list_entry_and_its_inspection() -> None:
    listed = {"Id": "ab" * 32, "Names": ["/web"], "Image": "x:1", "State": "running", "Status": "Up", "Created": 5}
    state = {"Status": "running", "Running": True, "StartedAt": "2026-11-23T13:03:13Z", "ExitCode": 0}
    inspected = {"State": {**state, "Health": {"Status": "unhealthy"}}, "RestartCount": 2}
    found = decode(convert.container(listed, inspected))
    assert (found.name, found.health, found.exit_code, found.restarts) == ("web", "unhealthy", None, 2)
    never = {"State": {"Status": "created", "StartedAt": "0001-01-01T00:00:00Z", "ExitCode": 0}}
    assert decode(convert.container(listed, never)).exit_code is None  # it never ran, so it never exited
    ended = {"State": {**state, "Status": "exited", "Running": False, "ExitCode": 3}}
    assert (decode(convert.container(listed, ended)).state, decode(convert.container(listed, ended)).exit_code) == (
        "exited",
        3,
    )


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), st.lists, max_leaves=5))
def test_decode_shows_nothing_a_terminal_obeys_whatever_a_far_box_sends(junk: object) -> None:
    fields = dict.fromkeys(Container.__dataclass_fields__, junk)
    found = decode(fields)
    for text in (found.id, found.name, found.image, found.state, found.status, found.health, *found.ports):
        assert all(unicodedata.category(char) not in {"Cc", "Cf", "Cs"} for char in text)
    assert found.memory is None or type(found.memory) is int
    assert found.created is None or math.isfinite(found.created)


def test_decode_refuses_what_is_no_container() -> None:
    with pytest.raises(WorkerError):
        decode(["no"])


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("plain", "plain"),
        ("\x1b[1;31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07after", "after"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1bP1$r\x1b\\dcs", "dcs"),
        ("\x1b[2J\x1b[H\x1bcreset", "reset"),
        (" 10%\r 20%\r", " 20%"),
        ("tab\there", "tab here"),
        ("bell\x07 \u202eback", "bell\ufffd \ufffdback"),
        ("half \x1b[", "half "),
    ],
)
def test_readable(line: str, shown: str) -> None:
    assert readable(line) == shown


@given(st.binary(max_size=400))
def test_readable_is_always_safe(data: bytes) -> None:
    shown = readable(data.decode("utf-8", "replace"))
    assert all(unicodedata.category(char) not in {"Cc", "Cf", "Cs"} for char in shown)


@given(st.lists(st.binary(max_size=5000).map(lambda line: line[:4096]), max_size=30))
def test_messages_fit_a_line_of_the_host_protocol_and_lose_nothing(batch: list[bytes]) -> None:
    parts = _messages(batch)
    assert [line for part in parts for line in part] == [line.decode("utf-8", "replace") for line in batch]
    for part in parts:
        assert len(json.dumps({"id": 10**6, "lines": part}, ensure_ascii=False).encode()) < 64 * 1024


def test_worst_line_fits_a_message() -> None:
    for byte in (b"\x00", b"\xff", b'"', "𝄞".encode()):
        (part,) = _messages([(byte * 4096)[:4096]])
        assert len(json.dumps({"id": 10**6, "lines": part}, ensure_ascii=False).encode()) < 64 * 1024


def _batches(*chunks: bytes) -> list[bytes]:
    return [line for batch in LogStream(iter(chunks)).batches() for line in batch]


def test_log_lines_are_put_together_and_cut() -> None:
    assert _batches(b"a", b"b\nc\n", b"", b"d") == [b"ab", b"c", b"d"]
    assert _batches(b"x" * 5000, b"y" * 5000, b"z\nnext\n") == [b"x" * 4096, b"next"]
    assert _batches(b"x" * 9000 + b"\n") == [b"x" * 4096]


@given(st.lists(st.binary(max_size=50), max_size=20))
def test_log_lines_do_not_depend_on_how_they_arrive(chunks: list[bytes]) -> None:
    assert _batches(*chunks) == _batches(b"".join(chunks))


def test_socket_path() -> None:
    assert socket_path(None) == socket_path("") == "/var/run/docker.sock"
    assert socket_path("unix:///run/user/1000/docker.sock") == "/run/user/1000/docker.sock"
    for setting in ("tcp://h:1", "unix://x", "ssh://h", "/run/x", "fd://"):
        with pytest.raises(Fault) as caught:
            socket_path(setting)
        assert caught.value.code == "address"


@pytest.mark.parametrize("code", [*_SENTENCES, "something new"])
def test_every_error_is_a_sentence(code: str) -> None:
    for detail in ("", "because."):
        error = told(code, detail, "nas", "Container web", "stop")
        assert isinstance(error, DPlaneError)
        assert error.message.endswith(".")
        assert "{" not in str(error)
        assert ".." not in str(error)
        assert "()" not in str(error)


def test_kinds_of_errors() -> None:
    assert type(told("absent", "/s", "nas")) is MissingError
    assert type(told("forbidden", "/s", "nas")) is NotAllowedError
    assert type(told("gone", "", "nas")) is ChangedError
    assert told("exited", "3", "nas", "Container web").message == (
        "Container web was started on nas but exited with code 3."
    )
    assert type(told("?", "x", "nas")) is CommandError


def test_find() -> None:
    first = Container("aaaaaaaa1", "web", "i", "running")
    second = Container("aaaaaaaa2", "aaaaaaaa1x", "i", "exited")
    assert find((first, second), "web") is first
    assert find((first, second), "aaaaaaaa2") is second
    with pytest.raises(UsageError):
        find((first, second), "aaaaaaaa")
    with pytest.raises(MissingError):
        find((first, second), "aaa")  # too short for an id


def test_row_tells_unknown_from_none() -> None:
    running = row(Container("a", "web", "i", "running"))
    assert running[3:5] == ("?", "?")
    stopped = row(Container("a", "web", "i", "exited", exit_code=3))
    assert stopped[1:5] == ("exited (3)", "-", "-", "-")


def test_the_console_never_loads_the_sdk() -> None:
    """Everything but the worker process: 25 MB on a box with 1 GB."""
    code = (
        "import sys, dplane_tui.services.docker.service, dplane_tui.cli.docker, dplane_tui.screens.docker\n"
        "print([name for name in ('docker', 'requests', 'urllib3') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
