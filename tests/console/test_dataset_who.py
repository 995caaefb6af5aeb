"""Key w on the Datasets screen: what users and groups use, their quotas, and who may do what."""

from __future__ import annotations

from tests.console.conftest import Opener


async def test_users_by_what_they_use_and_a_quota_set_and_taken_away(console: Opener) -> None:
    async with console(section="datasets") as seen:
        await seen.until_text("anna")
        await seen.press("down", "w")
        await seen.until_text("Who, on tank/home?")
        await seen.press("enter")
        await seen.until_text("The users of tank/home")
        assert seen.text.index("bert") < seen.text.index("  9.00G")  # who uses most first
        anna = next(line for line in seen.text.splitlines() if "9.00G" in line)
        assert "10.0G" in anna
        assert "90% " in anna
        assert "nearly full" in anna
        assert "over its quota" in next(line for line in seen.text.splitlines() if "1005" in line)
        assert "\x1b" not in seen.text
        await seen.press("down", "enter")
        await seen.until_text("Quota of anna")
        await seen.press("ctrl+u")
        await seen.type("8G")
        await seen.until_text("It uses more than that already")
        await seen.press("enter", "enter")
        await seen.until_text("The users of tank/home")
        assert ("account_quota", "tank/home", "user", "anna", "8G") in seen.services.fake_storage.calls
        await seen.until(lambda: "over its quota" in next(x for x in seen.text.splitlines() if "9.00G" in x))
        await seen.press("enter")
        await seen.until_text("Quota of anna")
        await seen.press("ctrl+u", "enter", "enter")
        await seen.until_text("The users of tank/home")
        await seen.press("escape")
        await seen.until_text("The user anna has no quota on tank/home any more.")


async def test_somebody_who_is_not_listed_gets_one_and_a_wild_name_none(console: Opener) -> None:
    async with console(section="datasets") as seen:
        await seen.until_text("anna")
        await seen.press("down", "w", "down", "enter")
        await seen.until_text("The groups of tank/home")
        await seen.press("G", "enter")
        await seen.until_text("Quota of another group")
        await seen.type("-x")
        await seen.press("tab")
        await seen.type("5G")
        await seen.press("enter", "enter")
        await seen.until_text("cannot be an account or group here")
        await seen.press("shift+tab", "shift+tab", "shift+tab", "ctrl+u")
        await seen.type("media")
        await seen.press("enter", "enter", "enter")
        await seen.until_text("The groups of tank/home")
        await seen.press("escape")
        await seen.until_text("The group media may use 5.00G of tank/home.")
    assert ("account_quota", "tank/home", "group", "media", "5G") in seen.services.fake_storage.calls


async def test_a_volume_has_no_users(console: Opener) -> None:
    async with console(section="datasets") as seen:
        await seen.until_text("anna")
        await seen.press("G", "w", "enter")
        await seen.until_text("tank/vm is a volume: only a file system knows who owns what in it.")


async def test_rights_say_by_which_dataset_they_come(console: Opener) -> None:
    async with console(section="datasets") as seen:
        await seen.until_text("anna")
        await seen.press("down", "w", "G", "enter")
        await seen.until_text("Rights on tank/home")
        words = " ".join(seen.text.replace("│", " ").split())
        assert "anna may snapshot, mount. Given on tank/home, for itself and all below." in words
        assert "Who is in the group staff may hold, send (by @backup). Given on tank, for what is below only." in words
        assert "Not on tank/home itself:" in words
        assert "This line can be read in two ways: “user evil" in words
        assert "\x1b" not in seen.text
        await seen.press("escape", "G", "w", "G", "enter")
        await seen.until_text("Nobody may do anything.")
