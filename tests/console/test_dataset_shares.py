"""Key X on the Datasets screen: what is exported, by the servers' own tables, and sharing it."""

from __future__ import annotations

from tests.console.conftest import Opener


async def test_what_is_shared_is_told_and_who_may_is_changed(console: Opener) -> None:
    async with console(section="datasets") as seen:
        await seen.until_text("anna")
        await seen.press("down", "X")
        await seen.until_text("Share tank/home")
        words = " ".join(seen.text.replace("│", " ").split())
        assert "NFS: shared with 192.168.1.0/24 (rw), nas2 (ro). SMB: not shared." in words
        await seen.press("enter")
        await seen.until_text("Share tank/home over NFS")
        words = " ".join(seen.text.replace("│", " ").split())
        assert "those machines are trusted with who their users are. It reaches 1 below too" in words
        assert "192.168.1.0/24" in seen.text
        await seen.press("ctrl+u")
        await seen.type("10.0.0.0")
        await seen.press("slash", "0", "enter", "enter", "enter")
        await seen.until_text("cannot be given a share: it must have /8 to /32")
        await seen.press("shift+tab", "shift+tab", "shift+tab", "ctrl+u")
        await seen.type("192.168.1.7")
        await seen.press("enter", "enter", "enter")
        await seen.until_text("tank/home over NFS: shared with")
    assert seen.services.fake_storage.calls == [("share_nfs", "tank/home", {"192.168.1.7": "rw", "nas2": "ro"})]


async def test_a_server_that_is_not_installed_is_said_and_a_volume_has_no_files(console: Opener) -> None:
    async with console(section="datasets") as seen:
        await seen.until_text("anna")
        await seen.press("X", "down", "enter")
        await seen.until_text("samba is not installed on this box")
        await seen.press("G", "X")
        await seen.until_text("tank/vm is a volume: it has no files to share.")
    assert seen.services.fake_storage.calls == []


async def test_wanted_but_not_in_the_table_is_not_shared(console: Opener) -> None:
    async with console(section="datasets") as seen:
        await seen.until_text("anna")
        await seen.press("down", "down", "X", "enter")
        await seen.until_text("Share tank/home/anna over NFS")
        await seen.press("tab")
        await seen.type("nas2")
        await seen.press("enter", "enter")
        await seen.until_text("wanted, but not shared: it is not in the")
        assert seen.app.toast[1] == "warn", "it is no success"
