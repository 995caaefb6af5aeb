"""What doctor makes of what it sees."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import pytest

from dplane_tui.cli.doctor import lines
from dplane_tui.errors import CommandError, MissingError, UnreachableError
from dplane_tui.services.health import doctor
from dplane_tui.services.health.doctor import Check, Doctor, needed_missing
from dplane_tui.services.host import LocalHost, Output
from dplane_tui.services.zfs import recipe

HELPER = "/opt/dplane/releases/1/libexec/privhelper"
DIGEST = "ab" * 32


def _out(text: str, status: int = 0) -> Output:
    return Output(status, text.encode(), b"")


@pytest.mark.parametrize(
    ("output", "level"),
    [(None, "bad"), (_out("Python 3.9.2\n"), "bad"), (_out("Python 3.11.2\n"), "ok"), (_out("Python 3.13.1\n"), "ok")],
)
def test_python(output: Output | None, level: str) -> None:
    assert doctor.python(output).level == level


@pytest.mark.parametrize(
    ("tools", "module", "level", "fix"),
    [
        (None, "", "bad", "install linux-headers-amd64 zfs-dkms zfsutils-linux"),
        (_out("zfs-2.3.9-1\nzfs-kmod-2.3.9-1\n"), "2.3.9-1", "ok", ""),
        (_out("zfs-2.1.11-1+deb12u1\nzfs-kmod-2.1.11-1\n"), "2.1.11-1", "ok", ""),
        (_out("zfs-2.3.9-1\n"), "2.1.11-1", "warn", "reboot"),
        (_out("zfs-2.3.9-1\n", 1), "", "bad", "install linux-headers-amd64 zfs-dkms zfsutils-linux"),
    ],
)
def test_zfs(tools: Output | None, module: str, level: str, fix: str) -> None:
    found = doctor.zfs(tools, module, "6.12-amd64")
    assert found.level == level
    assert fix in found.fix


@pytest.mark.parametrize(
    ("kernel", "package"),
    [
        ("6.1.0-25-amd64", "linux-headers-amd64"),  # Debian 12
        ("6.12.48+deb13-amd64", "linux-headers-amd64"),  # Debian 13
        ("6.12.48+deb13-arm64", "linux-headers-arm64"),
        ("6.12.48+deb13-arm64-16k", "linux-headers-arm64-16k"),
        ("6.1.0-25-cloud-amd64", "linux-headers-cloud-amd64"),
        ("6.1.0-25-rt-amd64", "linux-headers-rt-amd64"),
        ("6.12.9+bpo-amd64", "linux-headers-amd64"),
        ("6.1.0-0.deb11.21-arm64", "linux-headers-arm64"),
        ("6.1.0-25-armmp-lpae", "linux-headers-armmp-lpae"),
        ("6.12.25+rpt-rpi-v8", "linux-headers-rpi-v8"),  # Raspberry Pi OS on a Pi 3 or 4
        ("6.12.25+rpt-rpi-2712\n", "linux-headers-rpi-2712"),  # on a Pi 5
        ("6.18.44-of-my-own", "linux-headers-$(uname -r)"),
        ("6.1.0-25-amd64; reboot", "linux-headers-$(uname -r)"),  # a far box may say anything
        ("", "linux-headers-$(uname -r)"),
    ],
)
def test_the_headers_are_those_of_the_kernels_flavour(kernel: str, package: str) -> None:
    assert recipe.headers(kernel) == package
    assert f" {package} zfs-dkms zfsutils-linux && " in recipe.command(kernel)


@pytest.mark.parametrize(
    ("rule", "digest", "level"),
    [
        (None, DIGEST, "unknown"),
        (f'%dplane-view ALL=(root) NOPASSWD: sha256:{DIGEST} {HELPER} ""\n', DIGEST, "ok"),
        (f'%dplane-view ALL=(root) NOPASSWD: sha256:{DIGEST} {HELPER} ""\n', "cd" * 32, "bad"),
        (f'%dplane-view ALL=(root) NOPASSWD: sha256:{DIGEST} {HELPER} ""\n', "", "unknown"),
        (f'%dplane-view ALL=(root) NOPASSWD: {HELPER} ""\n', DIGEST, "warn"),
        (f"# {HELPER} sha256:{DIGEST}\n", DIGEST, "bad"),
        (f"Defaults!{HELPER} env_reset\n", DIGEST, "bad"),
        (f'Defaults!{HELPER} env_reset\n%dplane-view ALL=(root) NOPASSWD: sha256:{DIGEST} {HELPER} ""\n', DIGEST, "ok"),
        (f'%dplane-view ALL=(root) NOPASSWD: sha256:{DIGEST} {HELPER}2 ""\n', DIGEST, "bad"),
        ("", DIGEST, "bad"),
    ],
)
def test_helper(rule: str | None, digest: str, level: str) -> None:
    assert doctor.helper(HELPER, rule, digest).level == level


@pytest.mark.parametrize(
    ("user", "now", "later", "level", "words"),
    [
        ("root", frozenset(), frozenset(), "ok", "root"),
        ("anna", {"anna", "dplane-view", "dplane-operate"}, {"dplane-view", "dplane-operate"}, "ok", "dplane-operate"),
        ("anna", {"anna"}, {"anna", "dplane-view"}, "warn", "before that"),
        ("anna", {"anna"}, {"anna"}, "bad", "none of the groups"),
    ],
)
def test_groups(user: str, now: set[str], later: set[str], level: str, words: str) -> None:
    found = doctor.groups(user, frozenset(now), frozenset(later))
    assert found.level == level
    assert words in found.text


def test_space() -> None:
    head = "Filesystem 1024-blocks Used Available Capacity Mounted on\n"
    assert doctor.space(head + "/dev/vda 9000000 1 8000000 1% /\n").level == "ok"
    assert doctor.space(head + "/dev/vda 9000000 1 8000000 1% /\n/dev/vdb 9000000 1 100 99% /var/lib\n").level == "bad"
    assert doctor.space(head + "/dev/vda 9000000 1 500000 95% /\n").level == "warn"
    assert doctor.space(head + "/dev/vda 9000000 1 8000000 1% /\n/dev/vdb 500000 1 100000 1% /boot\n").level == "ok"
    assert doctor.space("").level == "unknown"


@pytest.mark.parametrize(
    ("kind", "symbols", "columns", "rows", "level"),
    [
        ("full", "unicode", 80, 24, "ok"),
        ("full", "unicode", 40, 10, "warn"),
        ("serial", "ascii", 80, 24, "warn"),
        ("plain", "ascii", 80, 24, "bad"),
    ],
)
def test_terminal(kind: str, symbols: str, columns: int, rows: int, level: str) -> None:
    assert doctor.terminal("xterm", kind, symbols, columns, rows).level == level


def test_store() -> None:
    assert doctor.store("/x", "does not exist", False).level == "ok"
    assert doctor.store("/x", "does not exist", True).level == "bad"
    assert doctor.store("/x", "may not be written", True).level == "warn"


def test_page_tells_the_fix_and_obeys_nothing() -> None:
    shown = lines((Check("a", "bad", "gone \x1b[31m", "sudo \x07x"), Check("b", "ok", "fine", "not shown")))
    assert shown == ["MISSING a         gone \ufffd[31m", f"{'':18}→ sudo \ufffdx", "ok      b         fine"]


class Bare(LocalHost):
    """A box on which nothing is installed: the fault cannot be made on a machine that runs the tests."""

    async def run(self, argv: Sequence[str], **_options: Any) -> Output:
        raise MissingError(f"{argv[0]} is not installed.", "Install it.")

    async def open(self, argv: Sequence[str]) -> Any:
        raise MissingError(f"{argv[0]} is not installed.", "Install it.")

    async def read_files(self, _paths: Sequence[str]) -> dict[str, str]:
        return {}


class Cut(Bare):
    async def run(self, argv: Sequence[str], **_options: Any) -> Output:
        raise UnreachableError("The box does not answer.")


async def test_a_bare_box_is_told_as_such_and_nothing_is_green() -> None:
    found = await Doctor(Bare()).checks()
    levels = {check.name: check.level for check in found}
    assert [name for name, level in levels.items() if level == "ok"] in ([], ["store"])
    for name in ("python", "zfs", "ssh", "systemd", "sudo", "door", "helper"):
        assert levels[name] == "bad"
    assert levels["smartctl"] == levels["docker"] == "warn"
    assert levels["clock"] == levels["space"] == "unknown"
    assert all(check.fix for check in found if check.level in {"bad", "warn"})
    assert needed_missing(found)


async def test_an_unreachable_box_is_an_error_not_a_list_of_unknowns() -> None:
    with pytest.raises(UnreachableError):
        await Doctor(Cut()).checks()


async def test_this_machine() -> None:
    found = {check.name: check for check in await Doctor(LocalHost()).checks()}
    assert found["python"].level == "ok"
    assert found["space"].level in {"ok", "warn", "bad"}
    assert json.dumps([check.text for check in found.values()])


@pytest.mark.parametrize(
    ("said", "left"),
    [
        ("`dplane doctor` checks it.", ""),
        ("`dplane doctor` looks what is missing.", ""),
        ("Ask an administrator; `dplane doctor` checks the rule.", "Ask an administrator."),
        ("Log in again. `dplane doctor` tells more.", "Log in again."),
        ("sudo make install", "sudo make install"),
    ],
)
def test_who_is_at_the_doctor_is_not_sent_there(said: str, left: str) -> None:
    class Failing(Doctor):
        async def _python(self) -> Check:
            raise CommandError("It failed.", said)

    found = asyncio.run(Failing(LocalHost()).checks())[0]
    assert (found.name, found.level, found.text, found.fix) == ("python", "unknown", "It failed.", left)
