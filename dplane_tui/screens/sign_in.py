"""A password is asked for: to sign in at a kiosk, to unlock a console. It goes to the door and is kept nowhere."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, cast

from textual import events
from textual.widget import Widget

from ..errors import DPlaneError
from ..widgets.bars import Lines
from ..widgets.dialogs import Dialog
from ..widgets.fields import Button, TextField
from ..widgets.layout import paragraphs

if TYPE_CHECKING:
    from ..app import Console

_NAME = re.compile(r"[a-z_][a-z0-9_.-]{0,31}")


class Asking(Dialog[bool]):
    """A password, and what came of it. Subclasses say of whom and what is done with it."""

    def __init__(self, title: str, text: str, yes: str) -> None:
        super().__init__(title)
        self._text, self._yes = text, yes
        self._asking = False

    def fields(self) -> Iterable[TextField]:
        """What stands above the password."""
        return ()

    def ask(self) -> Awaitable[None]:
        """Give what was typed to the system. Raises DPlaneError, at once for what cannot be."""
        raise NotImplementedError

    def content(self) -> Iterable[Widget]:
        lines = Lines()
        lines.show([*paragraphs(self._text, self.inner_width()), []])
        self.password = TextField("Password", id="password", secret=True)
        self._below = Lines()
        yield lines
        yield from self.fields()
        yield self.password
        yield self._below

    def on_field_done(self) -> None:
        """Enter in the password's field asks; in another it goes on to the next."""
        if self.focused is self.password:
            self.accept()
        else:
            self.focus_next()

    def accept(self) -> None:
        if self._asking:
            return
        try:
            work = self.ask()
        except DPlaneError as error:
            self._tell(str(error), "bad")
            return
        self._asking = True
        self.password.set("")
        self._tell("Asking this machine …", "dim")
        cast("Console", self.app).later(self._finish(work))

    async def _finish(self, work: Awaitable[None]) -> None:
        try:
            await work
        except DPlaneError as error:
            self._tell(str(error), "bad")
            self.password.focus()
        else:
            self.dismiss(True)
        finally:
            self._asking = False

    def _tell(self, text: str, role: str) -> None:
        if self.is_mounted:
            self._below.show([[], *paragraphs(text, self.inner_width(), role)])


class SignInDialog(Asking):
    """Name and password of an account of this box."""

    def __init__(self, box: str, ask: Callable[[str, str], Awaitable[None]]) -> None:
        text = (
            "With the name and password of an account of this box that has a D-Plane role. Your own console opens "
            "here; it ends, and this view comes back, when you sign out or leave it alone."
        )
        super().__init__(f"Sign in on {box}", text, "Sign in")
        self._ask = ask

    def fields(self) -> Iterable[TextField]:
        self.user = TextField("Name", id="user")
        return (self.user,)

    def buttons(self) -> Iterable[Button]:
        return (Button("Cancel", id="cancel"), Button(self._yes, id="yes"))

    def begin(self) -> None:
        self.user.focus()

    def ask(self) -> Awaitable[None]:
        from ..errors import RefusedError

        if not _NAME.fullmatch(self.user.value):
            raise RefusedError("Type the name of an account: small letters, digits and _ . - only.")
        return self._ask(self.user.value, self.password.value)


class Locked(Asking):
    """Nothing is seen and nothing works until the password of the console's own account was typed."""

    wide = True
    locks = True

    def __init__(
        self, box: str, user: str, ask: Callable[[str], Awaitable[None]], shown: Callable[[], None] | None = None
    ) -> None:
        """`shown` is called once it hides everything."""
        super().__init__(f"Locked: {user} on {box}", f"The password of {user} unlocks this console.", "Unlock")
        self._ask, self._shown = ask, shown

    def buttons(self) -> Iterable[Button]:
        return (Button(self._yes, id="yes"),)

    def begin(self) -> None:
        # Over all of the screen: in the terminal's own colours there is no ground that hides what lies below.
        self.query_one("#box").styles.height = "100%"
        self.password.focus()
        if self._shown is not None:
            self._shown()

    def key_pressed(self, event: events.Key) -> None:
        """Esc clears what was typed: there is no way round the password."""
        if event.key in {"escape", "ctrl+c"}:
            event.stop()
            self.password.set("")
            self.password.focus()
        else:
            super().key_pressed(event)

    def doubt(self, why: str) -> None:
        """Say that nobody could tell whether a password opens it, unless one is being checked."""
        if not self._asking:
            self._tell(f"Whether it does is not known: {why} Closing this terminal ends the console.", "warn")

    def ask(self) -> Awaitable[None]:
        return self._ask(self.password.value)
