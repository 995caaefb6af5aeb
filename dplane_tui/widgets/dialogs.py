"""Dialogs: a question, a typed confirmation, a choice, a form, a text to read. Esc always means no."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Generic, TypeVar

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widget import Widget

from ..errors import DPlaneError
from ..session import answered
from ..text import clean
from .bars import Lines
from .fields import Button, Field, TextField
from .layout import Column, Pieces, Row, paragraphs, wrap
from .table import Table

if TYPE_CHECKING:
    from ..app import Console

R = TypeVar("R")


class Dialog(ModalScreen[R], Generic[R], inherit_bindings=False):
    """A box over the section. Subclasses give `content` and what the buttons do."""

    AUTO_FOCUS = ""
    DEFAULT_CSS = """
    Dialog { align: center middle; background: transparent; }
    Dialog #box { width: 76; max-width: 100%; height: auto; max-height: 100%; border: solid $primary;
                  background: $background; padding: 0 1; overflow-y: auto; scrollbar-size: 0 0; }
    Dialog #box.wide { width: 100%; }
    Dialog #buttons { height: 1; width: 1fr; margin-top: 1; }
    Dialog .room { height: 1fr; }
    """
    wide = False
    locks = False
    """Whether it is the lock itself, over everything else."""

    def __init__(self, title: str) -> None:
        super().__init__()
        self.heading = title

    def content(self) -> Iterable[Widget]:
        """The widgets between title and buttons."""
        return ()

    def buttons(self) -> Iterable[Button]:
        """Left to right; Cancel first."""
        return (Button("Cancel", id="cancel"),)

    def compose(self) -> ComposeResult:
        box = Vertical(*self.content(), Horizontal(*self.buttons(), id="buttons"), id="box")
        box.border_title = clean(self.heading, 70).replace("[", "\\[")
        box.set_class(self.wide, "wide")
        yield box

    def on_mount(self) -> None:
        self.begin()  # at once: the next key is for the dialog

    def begin(self) -> None:
        """Where the cursor starts: on Cancel, so that Enter at once never confirms."""
        self.query_one("#cancel", Button).focus()

    def inner_width(self) -> int:
        """Cells a line of text may have."""
        return max(20, min(76, self.app.size.width) - 4) if not self.wide else max(20, self.app.size.width - 4)

    def on_key(self, event: events.Key) -> None:
        """Textual calls this once for each class that has it, so subclasses override `key_pressed` instead."""
        self.key_pressed(event)

    def key_pressed(self, event: events.Key) -> None:
        """Esc leaves; Tab and arrows move."""
        if event.key in {"escape", "ctrl+c"}:
            event.stop()
            self.dismiss(None)
        elif event.key in {"tab", "down", "right"}:
            event.stop()
            self.focus_next()
        elif event.key in {"shift+tab", "up", "left"}:
            event.stop()
            self.focus_previous()

    def on_button_pressed(self, message: Button.Pressed) -> None:
        """Cancel leaves; another button is the subclass's."""
        if message.button.id == "cancel":
            self.dismiss(None)
        elif message.button.id == "more":
            self.go_deeper()
        else:
            self.accept()

    def go_deeper(self) -> None:
        """What a third button does, where there is one."""

    def accept(self) -> None:
        """What the other button does."""


class Confirm(Dialog[bool]):
    """A question with Cancel under the cursor; `no` is its name where nothing is cancelled."""

    def __init__(self, title: str, text: str, yes: str, no: str = "Cancel") -> None:
        super().__init__(title)
        self._text, self._yes, self._no = text, yes, no

    def content(self) -> Iterable[Widget]:
        lines = Lines()
        lines.show(paragraphs(self._text, self.inner_width()))
        return (lines,)

    def buttons(self) -> Iterable[Button]:
        return (Button(self._no, id="cancel"), Button(self._yes, id="yes"))

    def accept(self) -> None:
        self.dismiss(True)


class TypedConfirm(Dialog[bool]):
    """For what cannot be undone: shows what would go, and needs the name of the object typed.

    `note` stands before the name where something else than “cannot be undone” is true.
    """

    def __init__(self, title: str, preview: Sequence[str], name: str, yes: str, note: str = "") -> None:
        super().__init__(title)
        self._preview, self._object, self._yes = preview, name, yes
        self._said = note or "This cannot be undone. To go on, type the name: "

    def content(self) -> Iterable[Widget]:
        lines = Lines()
        width, shown = self.inner_width(), list(self._preview)
        most = max(4, self.app.size.height - 10)
        text = [line for part in shown for line in wrap(part, width)]
        if len(text) > most:
            text = [*text[: most - 1], f"… and {len(text) - most + 1} lines more"]
        lines.show([[(line, "text")] for line in text])
        self._note = Lines()
        self._note.show([[(self._said, "warn"), (self._object, "strong")]])
        self._field = TextField("Name", id="name")
        return (lines, self._note, self._field)

    def buttons(self) -> Iterable[Button]:
        return (Button("Cancel", id="cancel"), Button(self._yes, id="yes"))

    def key_pressed(self, event: events.Key) -> None:
        """Letters go into the field even while Cancel has the cursor."""
        if self.focused is not self._field and event.is_printable and event.character and event.key != "space":
            event.stop()
            self._field.focus()
            self._field.on_key(event)
            return
        super().key_pressed(event)

    def on_field_done(self) -> None:
        """Enter in the field."""
        self.accept()

    def accept(self) -> None:
        if self._field.value == self._object:
            self.dismiss(True)
        else:
            typed = "The name is not the same: " if self._field.value else "Type the name first: "
            self._note.show([[(typed, "bad"), (self._object, "strong")]])
            self._field.focus()


class Choose(Dialog[str]):
    """Pick one row; returns its key."""

    def __init__(
        self,
        title: str,
        columns: Sequence[Column],
        rows: Sequence[Row],
        text: str = "",
        pick: str = "Choose",
        first: str = "",
    ) -> None:
        super().__init__(title)
        self._columns, self._rows, self._text, self._pick, self._first = columns, rows, text, pick, first

    def content(self) -> Iterable[Widget]:
        if self._text:
            lines = Lines()
            lines.show(paragraphs(self._text, self.inner_width()))
            yield lines
        self.table = Table(self._columns, caption="")
        self.table.styles.height = min(len(self._rows) + 2, max(4, self.app.size.height - 8))
        self.table.set_rows(self._rows)
        yield self.table

    def buttons(self) -> Iterable[Button]:
        return (Button("Cancel", id="cancel"), Button(self._pick, id="yes"))

    def begin(self) -> None:
        self.table.select(self._first)
        self.table.focus()

    def key_pressed(self, event: events.Key) -> None:
        """Enter in the list picks, also in the moment before the list has the keys."""
        if event.key == "enter" and self.focused in (self.table, None):
            event.stop()
            self.accept()
        else:
            super().key_pressed(event)

    def accept(self) -> None:
        self.dismiss(self.table.key)


Values = dict[str, str]


MORE = "more"
"""In what a form answers: the person wants to be asked for more, by its third button."""


class Form(Dialog[Values]):
    """Fields, and below them what they would come to. `check` raises a DPlaneError for what cannot be.

    `more` is a third button, which `+` presses as well; what was chosen then has the key MORE.
    """

    def __init__(
        self,
        title: str,
        fields: Sequence[Field],
        yes: str,
        *,
        text: str = "",
        preview: Callable[[Values], Sequence[str]] | None = None,
        check: Callable[[Values], object] | None = None,
        more: str = "",
        error: str = "",
    ) -> None:
        """`error` stands below the fields until something is typed: what was wrong with them before."""
        super().__init__(title)
        self._fields, self._yes, self._text, self._more = fields, yes, text, more
        self._preview, self._check, self._error = preview, check, error

    @property
    def values(self) -> Values:
        """What the fields hold."""
        return {str(field.id): field.value for field in self._fields}

    def content(self) -> Iterable[Widget]:
        if self._text:
            lines = Lines()
            lines.show([*paragraphs(self._text, self.inner_width()), []])
            yield lines
        yield from self._fields
        self._below = Lines()
        yield self._below
        self._tell(self._error)

    def buttons(self) -> Iterable[Button]:
        more = (Button(f"+ {self._more}", id=MORE),) if self._more else ()
        return (Button("Cancel", id="cancel"), Button(self._yes, id="yes"), *more)

    def key_pressed(self, event: events.Key) -> None:
        """`+` asks for more, except in a line of text, which takes it."""
        if event.key == "plus" and self._more:
            event.stop()
            self.go_deeper()
        else:
            super().key_pressed(event)

    def go_deeper(self) -> None:
        """Another form comes next."""
        if self._sound():
            self.dismiss({**self.values, MORE: "yes"})

    def begin(self) -> None:
        self._fields[0].focus()

    def on_field_changed(self) -> None:
        """Draw the preview again."""
        self._tell()

    def on_field_done(self) -> None:
        """Enter goes on to the next field, at the end to the button; a password that is asked alone it sends."""
        only = self._fields[0]
        if len(self._fields) == 1 and isinstance(only, TextField) and only.secret and only.value:
            self.accept()
            return
        self.focus_next()
        if self.focused is not None and self.focused.id == "cancel":
            self.query_one("#yes", Button).focus()

    def _tell(self, error: str = "") -> None:
        width = self.inner_width()
        lines: list[Pieces] = [[]]
        for part in self._preview(self.values) if self._preview else ():
            lines += paragraphs(part, width, "dim")
        if error:
            lines += paragraphs(error, width, "bad")
        self._below.show(lines)

    def _sound(self) -> bool:
        """Whether the values make sense; if not, why not stands below them."""
        try:
            if self._check is not None:
                self._check(self.values)
        except DPlaneError as error:
            self._tell(str(error))
            return False
        return True

    def accept(self) -> None:
        if self._sound():
            self.dismiss(self.values)


class Reader(Dialog[str]):
    """A text to read, scrolled with the keys of a list; one of `keys` closes it and is the answer."""

    wide = True

    def __init__(self, title: str, lines: Sequence[Pieces], keys: Sequence[str] = (), below: str = "") -> None:
        super().__init__(title)
        self._keys, self._said_below = frozenset(keys), below
        self._text_lines, self._top = list(lines), 0
        self._lines: list[Pieces] = []

    def content(self) -> Iterable[Widget]:
        self._text = Lines()
        yield self._text
        if self._said_below:
            lines = Lines()
            lines.show([[], [(self._said_below, "key")]])
            yield lines

    def buttons(self) -> Iterable[Button]:
        return (Button("Close", id="cancel"),)

    def begin(self) -> None:
        super().begin()
        self._tell()

    def change(self, lines: Sequence[Pieces]) -> None:
        """Another text, while it is open."""
        self._text_lines = list(lines)
        if self.is_mounted:
            self._tell()

    def _tell(self) -> None:
        page = self._page
        self._lines = [part for line in self._text_lines for part in _fold(line, self.inner_width())]
        self._top = max(0, min(self._top, len(self._lines) - page))
        self._text.show(self._lines[self._top : self._top + page])
        more = len(self._lines) - self._top - page
        title = clean(self.heading, 60).replace("[", "\\[")
        self.query_one("#box").border_title = title
        self.query_one("#box").border_subtitle = f"{more} lines more, Down" if more > 0 else ""

    @property
    def _page(self) -> int:
        """Lines of text that fit."""
        return max(3, self.app.size.height - (6 if self._said_below else 4))

    def key_pressed(self, event: events.Key) -> None:
        """Scroll."""
        page = max(1, self._page - 1)
        steps = {"down": 1, "j": 1, "up": -1, "k": -1, "pagedown": page, "space": page, "pageup": -page}
        step = (steps | {"ctrl+d": page // 2 or 1, "ctrl+u": -(page // 2 or 1)}).get(event.key)
        if event.key in {"g", "home"}:
            self._top = 0
        elif event.key in {"G", "end"}:
            self._top = len(self._lines)
        elif step is not None:
            self._top += step
        elif event.key in self._keys:
            self.dismiss(event.key)
        elif event.key == "q":
            self.dismiss(None)
        else:
            super().key_pressed(event)
            return
        event.stop()
        self._tell()

    def on_resize(self) -> None:
        self.call_after_refresh(self._tell)


def _fold(line: Pieces, width: int) -> list[Pieces]:
    """`line` in as many lines as it needs: its last piece is wrapped below itself."""
    if not line:
        return [line]
    *before, (text, role) = line
    indent = sum(len(piece) for piece, _ in before)
    if indent + len(text) <= width or width - indent < 20:
        return [line]
    first, *rest = wrap(text, width - indent)
    return [[*before, (first, role)], *([(" " * indent, role), (more, role)] for more in rest)]


async def ask(app: Console, dialog: Dialog[R]) -> R | None:
    """Show `dialog` and wait for its result; None when the person left it."""
    import asyncio

    from .leaks import forget_closed_screens

    while not (dialog.locks or app.unlocked.is_set()):
        await app.unlocked.wait()  # it would lie over the lock and take the keys of whoever sits there
    answer: asyncio.Future[R | None] = asyncio.get_running_loop().create_future()

    def done(result: R | None) -> None:
        if not answer.done():
            answer.set_result(result)

    await app.push_screen(dialog, done)
    result = await answer
    if not isinstance(dialog, Reader):
        answered.set(result is not None and result is not False)
    forget_closed_screens(app)
    app.retell()
    return result
