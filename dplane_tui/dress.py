"""The console's clothes: which theme it wears, chosen by the person and remembered for terminals of that kind."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from . import choices, crash
from .errors import DPlaneError
from .terminal.profile import Profile
from .theme import NATIVE, Look, available, load

if TYPE_CHECKING:
    from .app import Console


def _choice(native: bool) -> str:
    return "theme-native" if native else "theme"


def remembered(profile: Profile) -> Look:
    """What the person chose on a terminal of this kind; what suits the terminal when there is none, or it is gone."""
    native = profile.theme in NATIVE
    name = choices.read().get(_choice(native), "")
    # Who asked for no colour at all (NO_COLOR, a vt220) is not given any by an older choice.
    if name in available(native) and profile.theme != "mono":
        try:
            return load(name)
        except DPlaneError as error:
            crash.log(error)
    return load(profile.theme)


class Dressed:
    """The part of the console that changes its theme."""

    @property
    def _app(self) -> Console:
        return cast("Console", self)

    def put_on(self, look: Look) -> None:
        """Make `look` the theme of everything that is drawn from now on."""
        app = self._app
        app.look = look
        app.register_theme(look.theme)
        app.theme = look.theme.name

    def wear(self, name: str) -> None:
        """Draw everything in the theme called `name`. Raises UsageError."""
        app = self._app
        if name != app.look.name:
            self.put_on(load(name))
            for screen in app.screen_stack:
                screen.refresh(layout=True)

    async def do_theme(self) -> None:
        """Choose a theme that this terminal can show."""
        from .screens.themes import pick_theme

        app = self._app
        chosen = await pick_theme(app, available(app.native))
        if chosen is not None:
            self.choose_theme(chosen)

    def choose_theme(self, name: str) -> None:
        """Wear the theme called `name` from now on, also in the next session."""
        app = self._app
        try:
            self.wear(name)
        except DPlaneError as error:
            app.say(str(error), "warn")
            return
        choices.remember(_choice(app.native), name)
        app.say(f"Theme {name}, from now on.")
