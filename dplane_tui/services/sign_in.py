"""Passwords of this machine's accounts, asked of the privileged door: to sign in at a kiosk, to unlock a console."""

from __future__ import annotations

import asyncio
import os
import re

from ..errors import DPlaneError, RefusedError
from ..lazyclass import dataclass
from ..text import clean
from .door import Door
from .host import Host, LocalHost

_TERMINAL = re.compile(r"tty[A-Za-z]*[0-9]{1,3}")
_LOOKS, _APART = 20, 1.0  # seconds between two looks at a session that comes up
_UP, _ENDED = {"active", "reloading"}, {"failed", "inactive", "deactivating"}
_PATIENCE = 90.0  # seconds: PAM pauses after a wrong password, and others may be asked meanwhile
MAX_PASSWORD = 512  # bytes


@dataclass(frozen=True, slots=True)
class Opened:
    """What became of a session that systemd was asked to start."""

    there: bool
    """Whether it was active at two looks in a row."""
    told: str
    """What is known of it, a sentence."""


class SignIn:
    """Always about this machine, whichever box the console shows."""

    def __init__(self, door: Door | None = None, host: Host | None = None, apart: float = _APART) -> None:
        self._host = host or LocalHost()
        self._door = door or Door(self._host)
        self._apart = apart

    async def possible(self) -> str:
        """Why this console could not be unlocked again; empty when it can. Raises as `Door.call`."""
        if os.geteuid() == 0:
            return "root is asked for no password here, so nothing could unlock it."
        answer = await self._door.call("unlock", dry_run=True)
        if answer.get("password") == "no":
            return "this account has no password on this machine, so nothing could unlock it."
        return ""

    async def unlock(self, password: str) -> None:
        """Check the password of the account that this console runs as. Raises RefusedError and as `Door.call`."""
        await self._door.call("unlock", stream=_line(password), timeout=_PATIENCE)

    async def sign_in(self, user: str, password: str) -> str:
        """Have systemd start the console of `user` in place of this one, which is then ended from outside.

        That systemd took the order is no proof that it runs: `came_up` looks. Returns the terminal. Raises RefusedError
        (wrong, or not let in), NotAllowedError (no role), and as `Door.call`.
        """
        answer = await self._door.call("sign-in", stream=_line(password), timeout=_PATIENCE, user=user)
        return str(answer.get("terminal", ""))

    async def came_up(self, terminal: str) -> Opened:
        """Whether the session on `terminal` runs, read back from systemd until it stays or has ended.

        It takes this console's place, so that who still hears the answer mostly hears that it did not come up.
        """
        if not _TERMINAL.fullmatch(terminal):
            return Opened(False, "systemd was asked to start your console; whether it runs is not known.")
        before, state, result = "", "unknown", ""
        for look in range(_LOOKS):
            if look:
                await asyncio.sleep(self._apart)
            before = state
            try:
                state, result = await self._session(terminal)
            except DPlaneError as error:
                return Opened(False, f"systemd was asked to start your console, but does not tell of it: {error}")
            if state in _UP and before in _UP:
                return Opened(True, f"Signed in: your console is open on {terminal}.")
            if state == "failed" or (state in _ENDED and before in {*_UP, "activating"}):
                break
        why = f" ({result})" if result not in ("", "success") else ""
        if state == "activating":
            return Opened(False, f"systemd still starts your console on {terminal}; whether it comes up is not known.")
        unit = f"dplane-session-{terminal}"
        told = f"Your console did not come up on {terminal}: systemd says it is {state}{why}. `journalctl -u {unit}`"
        return Opened(False, f"{told} tells more.")

    async def _session(self, terminal: str) -> tuple[str, str]:
        unit = f"dplane-session-{terminal}.service"
        output = await self._host.run(["systemctl", "show", "-p", "ActiveState,Result", "--", unit], timeout=10)
        shown = dict(line.partition("=")[::2] for line in output.text.splitlines())
        return clean(shown.get("ActiveState", "") or "unknown", 20), clean(shown.get("Result", ""), 20)


def _line(password: str) -> bytes:
    """The password as the door takes it: one line behind the request. Raises RefusedError."""
    line = password.encode("utf-8", "surrogateescape")
    if not line or len(line) > MAX_PASSWORD or b"\n" in line or b"\0" in line:
        raise RefusedError("Type the password." if not line else "That cannot be a password.")
    return line + b"\n"
