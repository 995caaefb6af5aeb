"""Passwords of this machine's accounts, asked of the privileged door: to sign in at a kiosk, to unlock a console."""

from __future__ import annotations

from ..errors import RefusedError
from .door import Door
from .host import LocalHost

_PATIENCE = 90.0  # seconds: PAM pauses after a wrong password, and others may be asked meanwhile
MAX_PASSWORD = 512  # bytes


class SignIn:
    """Always about this machine, whichever box the console shows."""

    def __init__(self, door: Door | None = None) -> None:
        self._door = door or Door(LocalHost())

    async def possible(self) -> str:
        """Why this console could not be unlocked again; empty when it can. Raises as `Door.call`."""
        answer = await self._door.call("unlock", dry_run=True)
        if answer.get("password") == "no":
            return "this account has no password on this machine, so nothing could unlock it."
        return ""

    async def unlock(self, password: str) -> None:
        """Check the password of the account that this console runs as. Raises RefusedError and as `Door.call`."""
        await self._door.call("unlock", stream=_line(password), timeout=_PATIENCE)

    async def sign_in(self, user: str, password: str) -> None:
        """Have systemd start the console of `user` in place of this one, which is then ended from outside.

        Raises RefusedError (wrong, or not let in), NotAllowedError (no role), and as `Door.call`.
        """
        await self._door.call("sign-in", stream=_line(password), timeout=_PATIENCE, user=user)


def _line(password: str) -> bytes:
    """The password as the door takes it: one line behind the request. Raises RefusedError."""
    line = password.encode("utf-8", "surrogateescape")
    if not line or len(line) > MAX_PASSWORD or b"\n" in line or b"\0" in line:
        raise RefusedError("Type the password." if not line else "That cannot be a password.")
    return line + b"\n"
