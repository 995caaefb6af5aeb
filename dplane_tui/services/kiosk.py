"""Consoles on the box's own terminals: set up through the door, shown as systemd tells them."""

from __future__ import annotations

import re
from typing import Any

from ..errors import CommandError
from ..lazyclass import dataclass
from .door import Door
from .host import Host

_DROP_INS = "/etc/systemd/system/dplane-*@*.service.d/dplane.conf"
_UNIT = re.compile(r"/(dplane-(?:console|serial)@(tty[A-Za-z]*[0-9]{1,3})\.service)\.d/")
_SHOWN = "Id,ActiveState,SubState,UnitFileState,User,NRestarts,Result"
_SESSION = "dplane-session-{}.service"
_PATIENCE = 240.0  # seconds: systemd answers when the console has painted


@dataclass(frozen=True, slots=True)
class Setup:
    """What a person wants on a terminal (`tty1`, `ttyS0`)."""

    terminal: str
    speed: int | None = None
    """Bits a second, serial lines only; None: as it is."""
    lock_after: int | None = None
    """Seconds without a key after which a session ends; None: 300."""
    view_only: bool = False
    last: bool = False
    """Whether it may take the last place to log in at."""


@dataclass(frozen=True, slots=True)
class Preview:
    """What setting it up takes, and what stays."""

    terminal: str
    takes: str
    """The unit of the login prompt that goes away there."""
    login_now: bool
    """Whether that prompt, or somebody logged in by it, is there now."""
    stays: tuple[str, ...]
    """The terminals of this box where one can still log in."""
    on: bool
    """Whether a console is there already."""


@dataclass(frozen=True, slots=True)
class Kiosk:
    """A terminal with a console of ours, as systemd tells it."""

    terminal: str
    unit: str
    state: str
    """`active`, `activating`, `failed` …, or `signed-in`: then `user` has it."""
    enabled: bool
    """Whether it comes back at the next start of the box."""
    user: str
    view_only: bool
    lock_after: int
    speed: int
    restarts: int
    """How often systemd started it again since it was started."""

    @property
    def works(self) -> bool:
        """Whether it is there as it was set up."""
        return self.enabled and self.state in {"active", "signed-in"}


class KioskService:
    """The consoles on the terminals of one host."""

    def __init__(self, host: Host, door: Door | None = None) -> None:
        self._host = host
        self._door = door or Door(host)

    async def preview(self, setup: Setup) -> Preview:
        """What `enable` would take away. Raises as `Door.call`."""
        answer = await self._door.call("kiosk-enable", dry_run=True, **_args(setup))
        stays = answer.get("stays")
        if not isinstance(stays, list):
            raise CommandError(f"The privileged helper told nothing of {setup.terminal}.")
        return Preview(
            setup.terminal,
            str(answer.get("takes", "")),
            answer.get("login_now") is True,
            tuple(str(one) for one in stays),
            answer.get("on") is True,
        )

    async def enable(self, setup: Setup) -> Kiosk:
        """Put the console there; what systemd then says of it. Raises RefusedError and as `Door.call`."""
        await self._door.call("kiosk-enable", timeout=_PATIENCE, **_args(setup))
        found = next((one for one in await self.list() if one.terminal == setup.terminal), None)
        if found is None or not found.works:
            raise CommandError(
                f"The console on {setup.terminal} was set up, but systemd says it is "
                f"{found.state if found else 'not there'}.",
                "`dplane kiosk status` shows it, `dplane kiosk disable` takes it away.",
            )
        return found

    async def disable(self, terminal: str) -> str:
        """Give the login prompt back; the unit that has the terminal again. Raises as `Door.call`."""
        answer = await self._door.call("kiosk-disable", timeout=_PATIENCE, terminal=terminal)
        if any(one.terminal == terminal for one in await self.list()):
            raise CommandError(f"The console on {terminal} was taken away, but its settings are still there.")
        return str(answer.get("getty", ""))

    async def list(self) -> tuple[Kiosk, ...]:
        """Every terminal that has been given a console. Raises as `Host.run`."""
        files = await self._host.read_files([_DROP_INS])
        found = []
        for path, text in sorted(files.items()):
            named = _UNIT.search(path)
            if named:
                found.append(await self._one(named[2], named[1], text))
        return tuple(found)

    async def _one(self, terminal: str, unit: str, text: str) -> Kiosk:
        shown = await self._show(unit)
        session = await self._show(_SESSION.format(terminal))
        there = session.get("ActiveState") in {"active", "activating"}
        settings = dict(re.findall(r"^Environment=(DPLANE_[A-Z_]+)=([a-z0-9-]+)$", text, re.MULTILINE))
        return Kiosk(
            terminal,
            unit,
            "signed-in" if there else shown.get("ActiveState", "unknown"),
            shown.get("UnitFileState") == "enabled",
            session.get("User", "") if there else shown.get("User", ""),
            settings.get("DPLANE_LINE") == "view-only",
            _number(settings.get("DPLANE_LOCK_AFTER", "")),
            _number(settings.get("DPLANE_LINE_SPEED", "")),
            _number(shown.get("NRestarts", "")),
        )

    async def _show(self, unit: str) -> dict[str, str]:
        output = await self._host.run(["systemctl", "show", "-p", _SHOWN, "--", unit])
        if output.status != 0:
            raise CommandError(f"systemd told nothing of {unit}.", detail=output.error)
        return dict(line.partition("=")[::2] for line in output.text.splitlines())


def _args(setup: Setup) -> dict[str, Any]:
    return {
        "terminal": setup.terminal,
        "speed": setup.speed,
        "lock_after": setup.lock_after,
        "view_only": setup.view_only or None,
        "last": setup.last or None,
    }


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 12 else 0
