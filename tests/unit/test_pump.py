"""The pump on real pipes and sockets: every byte, in order, and every way to end."""

from __future__ import annotations

import contextlib
import hashlib
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable

import pytest

from dplane_tui.services.replication import pump as pumps
from dplane_tui.services.replication.pump import CLOSED, EOF, STALLED, STOPPED, Pump, Throttle
from privhelper import receiving, streamhead

from .zfs_streams import package, stream


def feed(descriptor: int, data: bytes) -> threading.Thread:
    def write() -> None:
        with os.fdopen(descriptor, "wb", buffering=0) as file:
            view = memoryview(data)
            while view:
                view = view[file.write(view) :]

    thread = threading.Thread(target=write)
    thread.start()
    return thread


def drain(descriptor: int, into: list[bytes]) -> threading.Thread:
    def read() -> None:
        with os.fdopen(descriptor, "rb") as file:
            into.append(file.read())

    thread = threading.Thread(target=read)
    thread.start()
    return thread


def socket_pair() -> tuple[int, int]:
    left, right = socket.socketpair()
    return left.detach(), right.detach()


DATA = os.urandom(5_000_011)


@pytest.mark.parametrize("splice", [True, False])
@pytest.mark.parametrize(("entry", "way_out"), [(os.pipe, os.pipe), (socket_pair, os.pipe), (socket_pair, socket_pair)])
def test_every_byte_arrives_in_order(
    entry: Callable[[], tuple[int, int]],
    way_out: Callable[[], tuple[int, int]],
    splice: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if not splice:

        def refuse(*_args: object, **_options: object) -> int:
            raise OSError(22, "Invalid argument")

        monkeypatch.setattr(os, "splice", refuse)
    source, feeder = entry()
    drained, sink = way_out()
    got: list[bytes] = []
    counts: list[int] = []
    threads = [feed(feeder, DATA), drain(drained, got)]
    pump = Pump(source, sink, report=counts.append)
    assert pump.run() == EOF
    os.close(sink)
    os.close(source)
    for thread in threads:
        thread.join()
    assert hashlib.sha256(got[0]).digest() == hashlib.sha256(DATA).digest()
    assert pump.count == counts[-1] == len(DATA)
    assert counts == sorted(counts)


def test_a_reader_that_goes_away_ends_it() -> None:
    source, feeder = os.pipe()
    process = subprocess.Popen(["head", "-c", "100000"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    assert process.stdin
    writer = threading.Thread(target=lambda: _write_until_closed(feeder))
    writer.start()
    assert Pump(source, process.stdin.fileno()).run() == CLOSED
    os.close(source)
    writer.join()
    process.stdin.close()
    process.wait()


def _write_until_closed(descriptor: int) -> None:
    with contextlib.suppress(BrokenPipeError):
        while True:
            os.write(descriptor, b"x" * 65536)
    os.close(descriptor)


@pytest.mark.parametrize("silent", ["source", "sink"])
def test_a_side_that_stands_still_is_noticed(silent: str) -> None:
    source, feeder = os.pipe()
    drained, sink = os.pipe()
    writer = threading.Thread(target=lambda: _write_until_closed(feeder))
    if silent == "sink":
        writer.start()
    quiet, stall = (0.2, None) if silent == "source" else (None, 0.2)
    pump = Pump(source, sink, stall=stall, quiet=quiet)
    result = [pump.run()]
    if silent == "sink":  # its pipe took the first of it, then nothing moved
        assert pump.count > 0
    assert result == [STALLED]
    for descriptor in (source, drained, sink):
        os.close(descriptor)
    if silent == "sink":
        writer.join()
    else:
        os.close(feeder)


def test_a_sender_that_looks_for_changes_is_not_taken_for_one_that_hangs() -> None:
    source, feeder = os.pipe()
    drained, sink = os.pipe()
    looks: list[int] = []

    def look(count: int) -> None:
        looks.append(count)
        if len(looks) == 3:  # two ticks have passed without a byte, longer than the receiver may hold still
            os.write(feeder, b"at last")
            os.close(feeder)

    assert Pump(source, sink, report=look, stall=0.0, quiet=None).run() == EOF
    assert os.read(drained, 100) == b"at last"
    assert looks[:2] == [0, 0]
    for descriptor in (source, drained, sink):
        os.close(descriptor)


def test_it_can_be_stopped_from_outside_while_nothing_moves() -> None:
    source, feeder = os.pipe()
    drained, sink = os.pipe()
    pump = Pump(source, sink)
    results: list[str] = []
    thread = threading.Thread(target=lambda: results.append(pump.run()))
    thread.start()
    pump.stop()
    thread.join(20)
    assert results == [STOPPED]
    for descriptor in (source, feeder, drained, sink):
        os.close(descriptor)


def test_the_throttle_gives_no_more_than_its_rate_and_follows_a_change(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    throttle = Throttle(1000.0)
    sent = 0
    for _ in range(1000):  # ten seconds in steps of 10 ms
        clock[0] += 0.01
        count = throttle.allowed(1 << 20)
        throttle.spent(count)
        sent += count
    assert 9900 <= sent <= 10_000
    throttle.rate = 50_000.0
    clock[0] += 3600.0
    burst = throttle.allowed(1 << 20)
    assert burst <= 12_500, "an hour of silence is no licence for a flood"
    throttle.rate = None
    assert throttle.allowed(1 << 20) == 1 << 20


def test_what_is_held_leaks_so_much_that_no_receiver_takes_it_for_dead(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [5.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    throttle = Throttle(0.0)

    def leaks() -> list[int]:
        found = []
        while count := throttle.allowed(700):
            throttle.spent(count)
            found.append(count)
        return found

    assert leaks() == [700, pumps.LEAK - 700]
    clock[0] += pumps.LEAK_SECONDS - 1
    assert leaks() == []
    clock[0] += 1
    assert sum(leaks()) == pumps.LEAK, "what was not used is not saved up, and no more comes"
    throttle.rate = 1000.0
    clock[0] += 3600
    assert throttle.allowed(1 << 20) == 250
    # A package of snapshots begins with three records, and one of them may come in two pieces.
    assert streamhead.SIZE * 3 <= pumps.LEAK
    assert pumps.LEAK_SECONDS * 2 < receiving._PATIENCE


def test_a_receiver_gets_the_head_of_a_stream_that_is_held_and_waits_for_the_rest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(receiving, "_PATIENCE", 30.0)
    source, feeder = os.pipe()
    drained, sink = os.pipe()
    os.set_blocking(feeder, False)
    os.write(feeder, package(stream(origin=1, size=50_000), stream(origin=2)))
    pump = Pump(source, sink, throttle=Throttle(0.0))
    results: list[str] = []
    thread = threading.Thread(target=lambda: results.append(pump.run()))
    thread.start()
    inflow = receiving.Inflow(drained)
    receiving.Receiving(inflow, "tank/a", "filesystem", first=False).begin()  # the real one is content with it
    assert inflow.count == pumps.LEAK
    for descriptor in (inflow.outlet, inflow._inlet):
        os.close(descriptor)
    os.close(drained)  # the receiver gives up
    thread.join(30)
    assert results == [CLOSED]
    assert pump.count == pumps.LEAK
    for descriptor in (source, feeder, sink):
        os.close(descriptor)


def test_a_reader_that_goes_away_is_noticed_while_the_sender_is_silent() -> None:
    source, feeder = os.pipe()
    drained, sink = os.pipe()
    os.close(drained)
    assert Pump(source, sink).run() == CLOSED
    for descriptor in (source, feeder, sink):
        os.close(descriptor)


def test_a_throttled_pump_delivers_everything_and_takes_its_time() -> None:
    source, feeder = os.pipe()
    drained, sink = os.pipe()
    got: list[bytes] = []
    threads = [feed(feeder, DATA[:300_000]), drain(drained, got)]
    began = time.monotonic()
    assert Pump(source, sink, throttle=Throttle(400_000.0)).run() == EOF
    took = time.monotonic() - began
    os.close(sink)
    os.close(source)
    for thread in threads:
        thread.join()
    assert got[0] == DATA[:300_000]
    assert took > 0.4, "faster than the rate allows"  # never a limit upwards: the machine may be busy


def test_it_imports_next_to_nothing() -> None:
    code = (
        "import sys; before = set(sys.modules)\n"
        "import importlib.util as u; s = u.spec_from_file_location('pump', sys.argv[1])\n"
        "m = u.module_from_spec(s); s.loader.exec_module(m)\n"
        "print(*sorted({n.split('.')[0] for n in set(sys.modules) - before}))"
    )
    path = pumps.__file__
    done = subprocess.run([sys.executable, "-I", "-c", code, path], capture_output=True, text=True, check=True)
    assert not {"asyncio", "typing", "subprocess", "json"} & set(done.stdout.split())
