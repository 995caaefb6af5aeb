"""Pictures for asking for help: the same name the same alias, nothing moves, and no end of a name is left."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from rich.cells import cell_len

from dplane_tui.veil import Veil
from tests.console.conftest import Opener


def veil() -> Veil:
    one = Veil()
    one.learn(
        {"pool": ["tank", "vault"], "disk": ["WD-WCC7K3", "ata-WDC_WD40EFRX-68N32N0_WD-WCC7K3"], "host": ["nas-a", ""]}
    )
    return one


def test_the_same_name_is_the_same_alias_and_nothing_moves() -> None:
    line = "tank  ONLINE   tank/home  vault  tankard  Pool tank is full."
    hidden = veil().hide(line)
    assert len(hidden) == len(line)
    assert hidden == "ol-1  ONLINE   ol-1/home  ool-2  tankard  Pool ol-1 is full."


@pytest.mark.parametrize(
    "line",
    [
        "ata-WDC_WD40EFRX-68N32N0_WD-WCC7K3 FAULTED",
        "ata-WDC_WD…N0_WD-WCC7K3 FAULTED",
        "ata-WDC_WD40EFRX-68N… FAULTED",
        "on ata-WDC_…, and",
        "va… x",
    ],
)
def test_what_is_left_of_a_cut_name_is_hidden(line: str) -> None:
    hidden = veil().hide(line)
    assert cell_len(hidden) == cell_len(line)
    assert not re.search(r"WD|WCC|N0|ata-|\bva", hidden)


def test_addresses_guids_and_fingerprints_are_hidden_whoever_has_them() -> None:
    line = "a@host.example 192.168.1.20:22 fe80::1:2:3 SHA256:abcdefgh 9911223344556677 52:54:00:12:34:56 12:00:01 42"
    hidden = veil().hide(line)
    assert len(hidden) == len(line)
    for secret in ("192.168", "fe80", "abcdefgh", "99112233", "52:54", "host.example"):
        assert secret not in hidden
    assert hidden.endswith(" 12:00:01 42")


async def test_text_and_svg_are_written_and_told_with_their_place(console: Opener, tmp_path: Path) -> None:
    async with console() as seen:
        await seen.until_text("vault")
        await seen.press("down", "S")
        await seen.until_text("Picture of this screen")
        await seen.press("enter")
        await seen.until_text("Written:")
        assert "look through it" in seen.text
    text_file, svg_file = sorted((tmp_path / "dplane" / "screenshots").iterdir(), key=lambda one: one.suffix)[::-1]
    assert {text_file.suffix, svg_file.suffix} == {".txt", ".svg"}
    for file in (text_file, svg_file):
        assert file.stat().st_mode & 0o077 == 0
        content = file.read_text()
        assert not re.search(r"vault|tank\b|nas-a|WDC|WCC7K|virtio", content)
        assert "DEGRADED" in content
        assert "http" not in content.replace("http://www.w3.org", "").replace("https://www.textualize.io", "")
    assert all(cell_len(line) <= 80 for line in text_file.read_text().split("\n"))


async def test_as_it_is_when_that_is_wanted(console: Opener, tmp_path: Path) -> None:
    async with console() as seen:
        await seen.until_text("vault")
        await seen.press("S", "down", "enter")
        await seen.until_text("Written:")
    (file,) = (tmp_path / "dplane" / "screenshots").glob("*.txt")
    assert "vault" in file.read_text()
