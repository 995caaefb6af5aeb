"""Locks between processes: who may not take one cannot open its file, and none is waited for without end."""

from __future__ import annotations

import fcntl
import os
import pwd
import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from dplane_tui.errors import BusyError, CommandError, DPlaneError, NotAllowedError, RefusedError
from dplane_tui.services.alone import HeldError, alone
from dplane_tui.services.policies import service as policies
from dplane_tui.services.replication import job
from dplane_tui.services.store import prepare

LOCKS = {
    "task": (".task-photos.lock", RefusedError),
    "verify": (".verify-photos.lock", RefusedError),
    "policies": (".policies.lock", BusyError),
    "store": ("dplane.lock", CommandError),
}


def take(folder: Path, which: str) -> AbstractContextManager[None]:
    if which == "policies":
        return policies._alone(folder)
    if which == "store":
        return prepare._lock(folder / "dplane.db")
    return job._alone(folder, "photos", "verify" if which == "verify" else "run")


@contextmanager
def held(path: Path) -> Iterator[None]:
    handle = os.open(path, os.O_RDWR)
    fcntl.flock(handle, fcntl.LOCK_EX)
    os.utime(handle, (1764150000, 1764150000))
    try:
        yield
    finally:
        os.close(handle)


@pytest.mark.parametrize("which", LOCKS)
@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_who_is_not_in_its_group_cannot_open_a_lock(tmp_path: Path, which: str, umask: int) -> None:
    path = tmp_path / LOCKS[which][0]
    old = os.umask(umask)
    try:
        for before in (None, 0o664, 0o644):  # as releases before this one left them
            if before is not None:
                path.chmod(before)
            with take(tmp_path, which):
                assert path.stat().st_mode & 0o777 == 0o660, f"{before}"
    finally:
        os.umask(old)


@pytest.mark.root
@pytest.mark.parametrize("which", LOCKS)
def test_nobody_cannot_hold_what_everybody_waits_for(tmp_path: Path, which: str) -> None:
    for folder in (tmp_path, *tmp_path.parents[:3]):
        folder.chmod(folder.stat().st_mode | 0o055)
    with take(tmp_path, which):
        pass
    child = os.fork()
    if child == 0:
        nobody = pwd.getpwnam("nobody")
        os.setgroups([])
        os.setgid(nobody.pw_gid)
        os.setuid(nobody.pw_uid)
        try:
            os.open(tmp_path / LOCKS[which][0], os.O_RDONLY)
        except PermissionError:
            os._exit(0)
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.parametrize("which", LOCKS)
def test_a_lock_that_is_held_is_named_with_its_time(
    tmp_path: Path, which: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prepare, "BUSY_SECONDS", 0.05)
    name, kind = LOCKS[which]
    (tmp_path / name).touch(0o660)
    said = re.escape(f"(the lock {tmp_path / name} is held since 2025-11-2")
    with held(tmp_path / name), pytest.raises(kind, match=said), take(tmp_path, which):
        pass
    with take(tmp_path, which), pytest.raises(HeldError), alone(tmp_path / name):
        pass


@pytest.mark.parametrize("which", LOCKS)
def test_what_is_no_file_of_its_own_is_no_lock_and_a_sentence_says_so(tmp_path: Path, which: str) -> None:
    other = tmp_path / "other"
    other.write_text("mine")
    other.chmod(0o600)
    path = tmp_path / LOCKS[which][0]
    for make in (path.symlink_to, path.hardlink_to):
        make(other)
        with pytest.raises((DPlaneError, OSError)) as told, take(tmp_path, which):
            pass
        assert which == "store" or isinstance(told.value, (RefusedError, NotAllowedError))
        path.unlink()
    os.mkfifo(path)
    with pytest.raises((DPlaneError, OSError)), take(tmp_path, which):
        pass
    assert (other.read_text(), other.stat().st_mode & 0o777) == ("mine", 0o600)
