"""What every section has: title, banner, body, message line, hints; keys that become actions; sources it reads."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ClassVar, cast

from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.screen import Screen
from textual.widget import Widget

from ..actions import for_key, hints
from ..place import Place
from ..services.poller import Read
from ..state import Snapshot
from ..widgets.bars import Banner, FilterLine, Hints, Notice, TitleBar, Toast
from ..widgets.layout import wrap
from ..widgets.table import Table

if TYPE_CHECKING:
    from ..app import Console

LEAST = (60, 15)
"""Columns and lines a section needs; below, one sentence and the worst news stand instead."""
UNSEEN = frozenset({"quit", "sign-in", "sign-out", "lock", "redraw"})
"""The actions that work there: nobody acts on rows that cannot be seen."""
_EARLY = 20
PATIENT = frozenset({"smart", "policies"})
"""Sources that are dear to read: what is known of them serves until it is due, whoever comes and goes."""


class Section(Screen[None], inherit_bindings=False):
    """One of the sections. Subclasses give `body`, `sources`, `show_source`, and `do_*` for their actions."""

    section: ClassVar[str]
    source: ClassVar[str] = ""
    """The source whose age stands in the title."""
    tabs: ClassVar[tuple[str, ...]] = ()
    tab = ""
    """The tab that is shown, where there are tabs."""
    arriving: Place | None = None
    """Where the person wants to be here, as soon as the widgets are there."""
    _focus_later = ""
    early: list[str]
    """Keys that were typed before its widgets were there."""
    _had_keys: Table | None = None
    """The list that had the keys before the terminal became too small."""
    AUTO_FOCUS = ""
    DEFAULT_CSS = """
    Section { layout: vertical; background: $background; overflow: hidden; }
    Section #body { height: 1fr; width: 1fr; }
    Section #small { display: none; height: 1fr; }
    Section.small #body { display: none; }
    Section.small #small { display: block; }
    """

    def __init__(self) -> None:
        super().__init__()
        self.early = []

    @property
    def console(self) -> Console:
        """The app, with its real type."""
        return cast("Console", self.app)

    def body(self) -> Iterable[Widget]:
        """The widgets between title and message line."""
        raise NotImplementedError

    def sources(self) -> dict[str, tuple[Read, float]]:
        """name → (how to read it, pace as a multiple of the console's): what this section needs while it is seen."""
        return {}

    def show_source(self, name: str) -> None:
        """Draw what `name` says now."""

    def groups(self) -> tuple[str, ...]:
        """The action groups that work now, innermost last."""
        return ("global", "list", self.section)

    def all_groups(self) -> tuple[str, ...]:
        """Those of the section, and of the terminal the console stands on."""
        return (*self.groups(), *(self.console.line.groups or ("own",)))

    def compose(self) -> ComposeResult:
        yield TitleBar(id="title")
        yield Banner(id="banner")
        yield Vertical(*self.body(), id="body")
        yield Notice(id="small")
        yield Toast(id="toast")
        yield FilterLine(id="filter")
        yield Hints(id="hints")

    # -- while it is seen --------------------------------------------------------------------------------------

    def on_mount(self) -> None:
        self.app.call_after_refresh(self._first_frame)

    def _first_frame(self) -> None:
        """Draw the frame before anything is loaded or read: a person sees at once that it is there."""
        self.tell()
        self.focus_first()
        self.app.call_after_refresh(self.entered)

    def on_screen_resume(self) -> None:
        self.tell()

    def entered(self) -> None:
        """The person came here: begin to read."""
        if self.console.section != self.section or not self.ready:
            return
        self._arrive()
        for name, (read, pace) in self.sources().items():
            self.console.poller.watch(name, read, self.console.every * pace, patient=name in PATIENT)
        for name in self.sources():
            self.show_source(name)
        if self.focused is None:
            self.focus_first()
        self.tell()
        self._catch_up()

    def _catch_up(self) -> None:
        """Do what was typed before the widgets were there, up to the first key that would move a cursor, or change
        something: whoever typed that had other rows, or a dialog, in mind.
        """
        typed, self.early = self.early, []
        for key in typed:
            here = self.console.current
            action = for_key(key, here.all_groups())
            if action is None or action.mutating:
                return
            self.take(key)

    def place(self) -> Place:
        """Where the person is here."""
        if self.arriving is not None or not self.is_mounted:
            return self.arriving or Place(self.section)
        tables = [table for table in self.query(Table) if table.id]
        focused = self.focused
        return Place(
            self.section,
            self.tab,
            tuple((str(table.id), table.key) for table in tables if table.key is not None),
            str(focused.id) if isinstance(focused, Table) and focused.id else "",
            tuple(
                (str(table.id), table.sort_column, table.sort_reversed)
                for table in tables
                if table.sort_column is not None
            ),
        )

    def show_tab(self, tab: str) -> None:
        """Show another tab, where there are any."""

    def _arrive(self) -> None:
        """Go where the person wanted to be: the tab, the rows as soon as they are read, the list that had the keys."""
        place, self.arriving = self.arriving, None
        if place is None:
            return
        if place.tab in self.tabs and place.tab != self.tab:
            self.show_tab(place.tab)
        tables = {table.id: table for table in self.query(Table)}
        for name, column, turned in place.sorts:
            if name in tables:
                tables[name].sort_by(column, turned)
        for name, key in place.rows:
            if name in tables:
                tables[name].want(key)
        self._focus_later = place.focus
        self._focus_now()

    def _focus_now(self) -> None:
        """Give the keys to the list that shall have them, once it is shown."""
        for table in self.query(Table) if not self.small else ():
            if self._focus_later and table.id == self._focus_later and table.display:
                self._focus_later = ""
                table.focus()

    def draw_source(self, name: str) -> None:
        """Draw what `name` says now, and everything around it."""
        self.show_source(name)
        self._focus_now()
        self.tell()

    def fleet_changed(self) -> None:
        """Another of several boxes says something else."""
        self.tell()

    def left(self) -> None:
        """The person went elsewhere: stop reading."""
        for name in self.sources():
            self.console.poller.unwatch(name)

    def host_changed(self) -> None:
        """Another host: what was shown belongs to the old one."""
        for name in self.sources():
            self.console.poller.forget(name)

    def focus_first(self) -> None:
        """Put the cursor into the first list."""
        for table in self.query(Table) if not self.small else ():
            if table.display:
                table.focus()
                return

    def snapshot(self, name: str) -> Snapshot[Any]:
        """The latest of a source."""
        return self.console.poller.snapshot(name)

    def age(self, name: str) -> str:
        """How old a source's value is, in words."""
        return self.snapshot(name).age(time.time())

    @property
    def ready(self) -> bool:
        """Whether its widgets are there: a message may come before they are, or when they are gone already."""
        return bool(self.size.width) and self.is_mounted and bool(self.query(TitleBar)) and bool(self.query(Hints))

    @property
    def small(self) -> bool:
        """Whether the terminal is too small for the section."""
        return self.size.width < LEAST[0] or self.size.height < LEAST[1]

    # -- the lines around the body -----------------------------------------------------------------------------

    def tell(self) -> None:
        """Draw title, banner, message and hints as they are now."""
        if not self.ready:
            return
        console = self.console
        small = self.small
        if small:
            self._hide_lists()
        elif self.has_class("small"):
            self.call_after_refresh(self._show_lists)
        self.set_class(small, "small")
        if small:
            self._tell_small()
        right = [(self.age(self.source) + "  ", "title-dim")] if self.source and not small else []
        self.query_one(TitleBar).tell(console.host_name, console.tabs(), [*right, (f"{console.role_word} ", "title")])
        self.query_one(Banner).tell(() if small else console.banner_lines(self.size.width))
        toast = self.query_one(Toast)
        toast.tell(*console.toast)
        self._tell_hints()

    def worst_news(self) -> str:
        """What stands there when the terminal is too small for more."""
        return self.console.worst_news()

    def _hide_lists(self) -> None:
        """What is not seen takes no keys."""
        if isinstance(self.focused, Table):
            self._had_keys = self.focused
        if self.focused is not None:
            self.set_focus(None)
        self.query_one(FilterLine).display = False
        self.query_one(Hints).display = True

    def _show_lists(self) -> None:
        """The list that had the keys gets them again."""
        table, self._had_keys = self._had_keys, None
        if table is not None and table.display:
            table.focus()
        elif self.focused is None:
            self.focus_first()

    def _tell_small(self) -> None:
        width, height = self.size
        text = f"{width}×{height} is too small: the console needs {LEAST[0]}×{LEAST[1]}. q quits."
        lines = [*wrap(text, max(10, width - 2)), "", *wrap(self.worst_news(), max(10, width - 2))]
        self.query_one("#small", Notice).show([[(" " + line, "text")] for line in lines])

    def _tell_hints(self) -> None:
        """Read-only, what changes things is not offered; nor, where no rows can be seen, what does nothing there."""
        role = "view" if self.console.read_only else self.console.role
        offered = hints(self.all_groups(), role)
        self.query_one(Hints).tell(tuple(one for one in offered if one.id in UNSEEN) if self.small else offered)

    def on_resize(self) -> None:
        self.call_after_refresh(self.tell)

    def on_descendant_focus(self) -> None:
        if self.ready:
            self._tell_hints()

    # -- keys --------------------------------------------------------------------------------------------------

    def on_key(self, event: events.Key) -> None:
        """A key that no widget took: look it up in the table of actions."""
        if self.take(event.key):
            event.stop()

    def take(self, key: str) -> bool:
        """Do what a key stands for; whether it stands for anything.

        Keys typed faster than sections change (a slow line or a slow box) are meant for the one to come: until its
        widgets are there, it keeps them.
        """
        here = self.console.current
        if here is not self and not here.ready:
            if len(here.early) < _EARLY:
                here.early.append(key)
            return True
        action = for_key(key, here.all_groups())
        if here.small and (action is None or action.id not in UNSEEN):
            return True
        if action is not None:
            self.console.perform(action, here)
        return action is not None

    @property
    def acts(self) -> object:
        """Where the `do_*` of acts with dialogs are; the screen itself unless a section loads them late."""
        return self

    @property
    def table(self) -> Table | None:
        """The list that has the cursor."""
        return self.focused if isinstance(self.focused, Table) else None

    @property
    def about(self) -> str:
        """What is under the cursor, as its row calls it."""
        table = self.table
        found = next((row for row in table.rows if row.key == table.key), None) if table is not None else None
        return found.cells[0].text if found is not None else ""

    def files_under(self) -> tuple[str, str] | None:
        """The dataset, and its snapshot or the empty name for now, whose files `F` opens; None: as they were left."""
        return None

    def do_filter(self) -> None:
        """Open the filter line for the list under the cursor."""
        table = self.table
        if table is None:
            return
        line = self.query_one(FilterLine)
        self._filtered = table
        line.count = lambda: f"{len(table.rows)}/{len(table._all)}"
        self.query_one(Hints).display = False
        line.open(table.query_text)

    def on_filter_line_changed(self, message: FilterLine.Changed) -> None:
        """Filter as the person types."""
        table = self._filtered
        table.set_filter(message.text)
        line = self.query_one(FilterLine)
        line.tell()
        if message.done:
            line.display = False
            self.query_one(Hints).display = True
            table.focus()

    def do_sort(self) -> None:
        """Sort the list under the cursor by its next column."""
        if self.table is not None:
            title = self.table.sort_next()
            what = (
                f"Sorted by {title}."
                if title
                else "A tree keeps its order."
                if self.table.is_tree
                else "Natural order."
            )
            self.console.say(what)

    def do_sort_reverse(self) -> None:
        """Turn the order round."""
        if self.table is not None:
            self.table.sort_reverse()

    def do_next_pane(self) -> None:
        """Move the cursor to the next list."""
        tables = [table for table in self.query(Table) if table.display]
        if tables:
            place = tables.index(self.focused) if self.focused in tables else -1
            tables[(place + 1) % len(tables)].focus()

    def do_back(self) -> None:
        """Clear the filter, else go back to the first list, else clear the message."""
        table = self.table
        if table is not None and table.query_text:
            table.set_filter("")
        elif self.console.toast[0]:
            self.console.say("")
        else:
            self.focus_first()
