"""The console's side of the privileged door: one request in, one answer out, through sudo."""

from __future__ import annotations

import json
import os
from typing import Any

from .. import paths
from ..errors import (
    ChangedError,
    CommandError,
    DPlaneError,
    MissingError,
    NotAllowedError,
    RefusedError,
    TimedOutError,
)
from ..text import clean
from .host import Host

HELPER = "libexec/privhelper"
_ERRORS: dict[str, type[DPlaneError]] = {
    "refused": RefusedError,
    "role": NotAllowedError,
    "changed": ChangedError,
    "unavailable": MissingError,
    "timeout": TimedOutError,
}
# What sudo, and sudo-rs, say to someone whom no rule lets through.
_SUDO_SAYS_NO = (
    "password is required",
    "authentication is required",
    "may not run sudo",
    "not allowed",
    "not in the sudoers",
    "I'm afraid I can't do that",
)


def request_line(verb: str, args: dict[str, Any]) -> bytes:
    """The one line the helper reads; arguments that are None are left out."""
    request = {"verb": verb, **{key: value for key, value in args.items() if value is not None}}
    return json.dumps(request, ensure_ascii=True, separators=(",", ":")).encode() + b"\n"


class Door:
    """Calls verbs of the privileged helper on a host."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._argv: tuple[str, ...] | None = None

    async def argv(self) -> tuple[str, ...]:
        """The command that takes requests on its standard input. Raises MissingError where nothing is installed."""
        if self._argv is None:
            self._argv = await self._find()
        return self._argv

    async def _find(self) -> tuple[str, ...]:
        own = paths.release() if self._host.local else None
        if own is not None:
            helper = f"{own}/{HELPER}"
        else:
            # sudo compares paths, so the link is resolved on the box where the rule lives.
            output = await self._host.run(["readlink", "-e", f"{paths.CURRENT}/{HELPER}"])
            helper = output.text.strip()
            if output.status != 0 or not helper:
                raise MissingError(
                    f"D-Plane is not installed on {self._host.name}, so nothing there can be changed from here.",
                    "Install it with `sudo make install`; reading works without.",
                )
        if await self._is_root():
            return (helper,)
        return ("sudo", "-n", helper)

    async def _is_root(self) -> bool:
        if self._host.local:
            return os.geteuid() == 0
        return (await self._host.run(["id", "-u"])).text.strip() == "0"

    async def call(self, verb: str, *, stream: bytes = b"", timeout: float = 120.0, **args: Any) -> dict[str, Any]:
        """Ask for `verb` and return the helper's answer.

        Raises RefusedError, NotAllowedError, ChangedError, MissingError or CommandError with the helper's sentence.
        """
        request = request_line(verb, args) + stream
        argv = await self.argv()
        output = await self._host.run(argv, stdin=request, timeout=timeout)
        if output.status != 0 and not output.stdout and _refused_by_sudo(output.error):
            # Nothing ran. After an upgrade the rule is for the new release, and ours was found before it.
            self._argv = await self._find()
            if self._argv != argv:
                output = await self._host.run(self._argv, stdin=request, timeout=timeout)
        answer = _answer(output.stdout)
        if answer is not None and answer.get("ok") is True and output.status == 0:
            return answer
        error = answer.get("error") if answer is not None else None
        if isinstance(error, dict):
            raise failure(str(error.get("code", "")), str(error.get("message", "")))
        raise without_answer(output.status, output.error)


def _answer(stdout: bytes) -> dict[str, Any] | None:
    try:
        answer = json.loads(stdout)
    except (ValueError, RecursionError):
        return None
    return answer if isinstance(answer, dict) else None


def _refused_by_sudo(stderr: str) -> bool:
    return any(words in stderr for words in _SUDO_SAYS_NO)


def failure(code: str, message: str) -> DPlaneError:
    """The exception for an error the helper named."""
    sentence = clean(message) or "The privileged helper refused without saying why."
    kind = _ERRORS.get(code)
    return kind(sentence) if kind else CommandError(sentence, detail=sentence)


def without_answer(status: int, stderr: str) -> DPlaneError:
    """The exception for a call that never reached the helper (sudo said no) or died in it."""
    said = clean(stderr.strip().splitlines()[-1]) if stderr.strip() else ""
    if _refused_by_sudo(stderr):
        return NotAllowedError(
            "sudo does not let this user through the D-Plane door.",
            "Ask an administrator to add you to dplane-view, dplane-operate or dplane-admin and log in again; "
            "`dplane doctor` checks the rule.",
        )
    return CommandError(
        f"The privileged helper ended with status {status} and no answer{': ' + said if said else ''}.",
        "`dplane doctor` checks it.",
        detail=said,
        status=status,
    )
