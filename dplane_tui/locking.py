"""What the console does when nobody is there: it locks, a session ends, a kiosk goes back to its first screen."""

from __future__ import annotations

import asyncio
import pwd
from typing import TYPE_CHECKING, Any, cast

from textual import events
from textual.screen import ModalScreen

from . import choices
from . import line as lines
from .errors import DPlaneError
from .line import Line

if TYPE_CHECKING:
    from .app import Console
    from .ending import Deadline
    from .screens.sign_in import Locked

_LATE = 15.0
"""Seconds after which a session that should have ended does not wait for its own event loop any more."""
_CHOICE = "lock-after"
_STEPS = (("off", "never"), ("1m", "1 minute"), ("5m", "5 minutes"), ("15m", "15 minutes"), ("1h", "1 hour"))


def chosen() -> int:
    """The seconds a person chose earlier; 0 (never) when none were, or they make no sense."""
    try:
        return lines.seconds(choices.read().get(_CHOICE, "off"))
    except DPlaneError:
        return 0


def account() -> str:
    """The name of the account this process runs as."""
    import os

    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


class Locking:
    """The part of the console that knows whether somebody is there. Sleeps until it may have to act."""

    line: Line
    lock_after: int

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._touched = 0.0
        self._alarm: asyncio.TimerHandle | None = None
        self._unseen: Deadline | None = None
        self._locked = False
        self.unlocked = asyncio.Event()
        """Set unless the console is locked: what wants to ask something waits for it."""
        self.unlocked.set()

    @property
    def _app(self) -> Console:
        return cast("Console", self)

    def watch_for_idle(self) -> None:
        """Begin; also after `lock_after` became another."""
        self.forget_idle()
        self._touched = asyncio.get_running_loop().time()
        self._arm()

    def forget_idle(self) -> None:
        """Wait for nothing any more."""
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        self._looked()

    def _arm(self) -> None:
        if not self.lock_after:
            return
        loop, at = asyncio.get_running_loop(), self._touched + self.lock_after
        self._alarm = loop.call_at(at, self._look)
        if self.line.part == lines.SESSION:  # ends all the same when the loop is stuck and no longer looks
            self._looked()
            self._unseen = self._app.deadline(at - loop.time() + _LATE)

    def _looked(self) -> None:
        if self._unseen is not None:
            self._unseen.met()
            self._unseen = None

    async def on_event(self, event: events.Event) -> None:
        """A key is a sign of life."""
        if isinstance(event, (events.Key, events.Paste)) and self.lock_after:
            self._touched = asyncio.get_running_loop().time()
            if self._alarm is None:
                self._arm()
        await super().on_event(event)  # type: ignore[misc]  # Textual's App behind this mixin

    def _look(self) -> None:
        self._alarm = None
        self._looked()
        if asyncio.get_running_loop().time() < self._touched + self.lock_after:
            self._arm()  # a key came meanwhile
        else:
            self.left_alone()  # the next key arms it again

    def left_alone(self) -> None:
        """Nobody has pressed a key for as long as was set."""
        app = self._app
        if self.line.part == lines.SESSION:
            app.exit(0)
        elif self.line.shows_only:
            while isinstance(app.screen, ModalScreen):
                app.screen.dismiss(None)
            app.call_after_refresh(lambda: app.go("pools"))
            app.say("")
        else:
            app.later(self.do_lock())

    async def can_be_unlocked(self) -> bool:
        """Whether a password is known to open it again; only where there is none it gives up locking by itself."""
        try:
            why = await self._app.services.sign_in.possible()
        except DPlaneError as error:
            self._app.say(f"Whether a password can unlock this console is not known: {error}", "warn", stays=True)
            return False
        if why:
            self._give_up(why)
        return not why

    def _give_up(self, why: str) -> None:
        self.lock_after = 0
        self.forget_idle()
        self._app.say(f"This console cannot be locked: {why}", "warn", stays=True)

    async def do_lock(self) -> None:
        """Hide everything until the password of this account was typed, or it turns out that it has none."""
        app = self._app
        if self._locked:
            return
        from .screens.sign_in import Locked
        from .widgets.dialogs import ask

        self._locked = True
        self.unlocked.clear()
        app.current.left()  # what is not seen is not read
        lock = Locked(
            app.host_name,
            account(),
            app.services.sign_in.unlock,
            lambda: app.later(self._free_whom_nothing_unlocks(lock)),
        )
        try:
            opened = await ask(app, lock)
        finally:
            self._locked = False
            self.unlocked.set()
        app.current.entered()
        if opened:
            app.say("Unlocked.")

    async def _free_whom_nothing_unlocks(self, lock: Locked) -> None:
        """Open `lock` for an account without a password. What cannot be learnt opens nothing."""
        try:
            why = await self._app.services.sign_in.possible()
        except DPlaneError as error:
            lock.doubt(str(error))
            return
        if why and lock.is_current:
            lock.dismiss(False)
            self._give_up(why)

    async def do_lock_after(self) -> None:
        """Choose after how long without a key this console locks, from now on."""
        from .widgets.dialogs import Choose, ask
        from .widgets.layout import Column, row

        app = self._app
        rows = [row(step, told) for step, told in _STEPS]
        text = "Without a key for that long it hides everything until the password of your account is typed."
        first = choices.read().get(_CHOICE, "off")
        step = await ask(app, Choose("Lock after", (Column("TIME", grow=True),), rows, text, first=first))
        if step is None:
            return
        wanted = lines.seconds(step)
        if wanted and not await self.can_be_unlocked():
            return
        self.lock_after = wanted
        choices.remember(_CHOICE, step)
        self.watch_for_idle()
        told = dict(_STEPS)[step]
        app.say(f"It locks after {told} without a key." if self.lock_after else "It never locks by itself.")

    async def do_sign_in(self) -> None:
        """Ask for an account of this box; its own console then takes this one's place."""
        from .screens.sign_in import SignInDialog
        from .widgets.dialogs import ask

        app, terminal = self._app, ""

        async def sign_in(user: str, password: str) -> None:
            nonlocal terminal
            terminal = await app.services.sign_in.sign_in(user, password)

        if await ask(app, SignInDialog(app.host_name, sign_in)):
            app.say("The password is right. systemd was asked to open your console here…", "dim")
            found = await app.services.sign_in.came_up(terminal)
            app.say(found.told, "good" if found.there else "bad")

    def do_sign_out(self) -> None:
        """End the session; the view that needs no login comes back."""
        self._app.exit(0)

    def do_how_to_act(self) -> None:
        """Say how, where nobody can sign in."""
        self._app.say("This screen only shows. To act, log in over SSH or at another terminal and run dplane.")

    def refusal(self, label: str) -> str:
        """Why something that changes things is not done in a console that only shows."""
        if self.line.part == lines.KIOSK:
            return f"“{label}” changes things: sign in first (U)."
        if self.line.part == lines.VIEW_ONLY:
            return f"“{label}” changes things, and this screen only shows."
        return f"“{label}” changes things, and this console was opened read-only."
