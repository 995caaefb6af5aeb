"""Each class of failure is told from what `zfs` and `ssh` really say, and has a policy of its own."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dplane_tui.errors import DPlaneError
from dplane_tui.services.replication import failures

# Sentences of libzfs 2.3.2 (strings of libzfs.so.6), with names put in as it does; some are of 2.1 as well.
ZFS = [
    ("cannot receive new filesystem stream: out of space", "no-space"),
    ("cannot receive incremental stream: destination vault/a space quota exceeded.", "no-space"),
    ("cannot create 'vault/b': out of space", "no-space"),
    ("The stream did not begin within 900 s.", "busy"),
    ("write: No space left on device", "no-space"),
    (
        "cannot receive incremental stream: most recent snapshot of vault/a does not\nmatch incremental source",
        "diverged",
    ),
    (
        "cannot receive incremental stream: destination vault/a has been modified\nsince most recent snapshot",
        "diverged",
    ),
    ("cannot receive new filesystem stream: destination 'vault/a' exists\nmust specify -F to overwrite it", "diverged"),
    (
        "cannot receive new filesystem stream: destination has snapshots (eg. vault/a@x)\nmust destroy them to "
        "overwrite it",
        "diverged",
    ),
    (
        "cannot receive incremental stream: IV set guid mismatch. See the 'zfs receive' man page section\n discussing "
        "the limitations of raw encrypted send streams.",
        "diverged",
    ),
    ("cannot receive incremental stream: IV set guid missing. See errata 4 at https://openzfs.github.io", "diverged"),
    ("warning: cannot send 'tank/a@x': dataset key must be loaded", "key-not-loaded"),
    ("warning: cannot send 'tank/a@x': source key must be loaded", "key-not-loaded"),
    ("cannot receive incremental stream: inherited key must be loaded", "key-not-loaded"),
    ("cannot mount 'tank/a': encryption key not loaded", "key-not-loaded"),
    ("cannot receive incremental stream: dataset is busy", "busy"),
    ("cannot rename 'vault/a': pool or dataset is busy", "busy"),
    ("cannot unmount '/vault/a': pool or dataset is busy", "busy"),
    ("vault/a is being received already.", "busy"),
    ("cannot resume send: 'tank/a@x' used in the initial send no longer exists", "stale-token"),
    ("cannot resume send: 'tank/a@x' is no longer the same snapshot used in the initial send", "stale-token"),
    ("cannot resume send: incremental source 0x1f2e3d no longer exists", "stale-token"),
    ("cannot resume send: resume token is corrupt (incorrect checksum)", "stale-token"),
    ("cannot resume send: provided resume token does not match dataset", "stale-token"),
    (
        "cannot receive incremental stream: destination vault/a contains partially-complete state from "
        '"zfs receive -s".',
        "stale-token",
    ),
    ("cannot receive resume stream: kernel modules must be upgraded to receive this stream.", "stale-token"),
    ("cannot receive incremental stream: kernel modules must be upgraded to receive this stream.", "version"),
    ("cannot receive: stream has unsupported feature, feature flags = 1430000 (unknown flags = 1000000)", "version"),
    ("cannot receive new filesystem stream: pool must be upgraded to receive this stream.", "version"),
    ("cannot receive incremental stream: stream is not compatible with the data in the pool.", "version"),
    (
        "cannot receive incremental stream: incremental send stream requires -L (--large-block), to match previous "
        "receive.",
        "version",
    ),
    ("cannot send 'tank/a': unsupported version or feature", "version"),
    ("cannot receive: failed to read from stream", "failed"),
    ("cannot receive: invalid stream (bad magic number)", "failed"),
    ("cannot open 'vault/a': I/O error", "failed"),
    ("", "failed"),
]
SSH = [
    ("ssh: connect to host 192.0.2.1 port 22: Connection timed out", "unreachable"),
    ("ssh: connect to host 192.0.2.1 port 22: No route to host", "unreachable"),
    ("Timeout, server 192.0.2.1 not responding.", "unreachable"),
    ("client_loop: send disconnect: Broken pipe", "unreachable"),
    ("dplane@192.0.2.1: Permission denied (publickey).", "authentication"),
    ("Host key verification failed.", "host-key"),
]
# What ssh repeats of the other side, line ends and all, as real ones have been seen to.
IMITATED = "Host key verification failed.\r\ndplane@192.0.2.1: Permission denied (publickey).\r\n"
REPEATED = [
    (f"Received disconnect from 192.0.2.1 port 22:2: {IMITATED}Disconnected from 192.0.2.1 port 22\r\n", "unreachable"),
    (f"Received disconnect from fe80::1 port 22:2: x\r\n{IMITATED}", "unreachable"),
    (f"channel 2: open failed: administratively prohibited: x\r\n{IMITATED}", "unreachable"),
    (f"Unable to negotiate with 192.0.2.1 port 22: no matching cipher found. Their offer: x\r\n{IMITATED}",
     "unreachable"),
    (f"Bad remote protocol version identification: 'SSH-{IMITATED}", "unreachable"),
    ("dplane@192.0.2.1: Permission denied (publickey\r\nHost key verification failed.\r\n).\r\n", "authentication"),
    ("Unable to negotiate with 192.0.2.1 port 22: no matching host key type found. Their offer: ssh-rsa", "host-key"),
]  # fmt: skip
AGAIN = {"unreachable", "busy", "stale-token"}


@pytest.mark.parametrize(("said", "code"), ZFS)
def test_what_zfs_says_has_a_class_a_sentence_and_a_next_step(said: str, code: str) -> None:
    error = failures.of_zfs(said, "vault/a was not received")
    assert error.code == code
    assert error.message.startswith("vault/a was not received: ")
    assert code == "failed" or error.next_step.endswith(".")
    assert failures.worth_another_try(error) is (code in AGAIN)


@pytest.mark.parametrize(("said", "code"), SSH)
def test_what_ssh_says_has_a_class(said: str, code: str) -> None:
    error = failures.of_ssh(said, "nas-b", "192.0.2.1", "dplane")
    assert error.code == code
    assert failures.worth_another_try(error) is (code in AGAIN)


@pytest.mark.parametrize(("said", "code"), REPEATED)
def test_what_ssh_repeats_of_the_other_side_is_no_word_of_ssh(said: str, code: str) -> None:
    assert failures.of_ssh(said, "nas-b", "192.0.2.1", "dplane").code == code


def test_the_words_of_a_box_that_hangs_up_stand_in_quotes_that_it_cannot_end() -> None:
    said = "Received disconnect from 192.0.2.1 port 22:2: Bye”. Pair again with “dplane peer add\x1b[2J\r\nmore\r\n"
    error = failures.of_ssh(said, "nas-b", "192.0.2.1", "dplane")
    assert error.message == (
        "The connection to nas-b was lost: Received disconnect from 192.0.2.1 port 22:2: "
        '“Bye". Pair again with "dplane peer add\ufffd[2J”.'
    )


def test_every_class_has_its_own_next_step() -> None:
    steps = {failures.of_zfs(said, "x").next_step for said, code in ZFS if code != "failed"}
    assert len(steps) >= len({code for _, code in ZFS} - {"failed"})


@given(st.integers())
def test_the_pauses_grow_are_jittered_and_end(seed: int) -> None:
    pauses = failures.jittered(failures.PAUSES, random.Random(seed))  # noqa: S311
    assert sum(pauses) <= sum(failures.PAUSES) <= 60
    assert all(most / 2 <= pause <= most for pause, most in zip(pauses, failures.PAUSES, strict=True))
    assert all(after >= before for before, after in zip(failures.PAUSES, failures.PAUSES[1:], strict=False))


def test_a_failure_of_another_process_keeps_its_class() -> None:
    from dplane_tui.services.asking import error_from

    for said, code in ZFS:
        error: DPlaneError = failures.of_zfs(said, "x")
        assert error_from(error.as_object()).code == code
