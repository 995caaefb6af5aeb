"""Properties of a dataset: all of them with where they come from, and an editor for each kind."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from textual.widget import Widget

from ..errors import RefusedError
from ..services.zfs import properties as props
from ..services.zfs.requests import check_property
from ..text import size
from ..widgets.bars import Lines
from ..widgets.dialogs import Choose, Form, Values, ask
from ..widgets.fields import Choice, Field, TextField
from ..widgets.layout import Cell, Column, Row, row

if TYPE_CHECKING:
    from ..app import Console
    from ..services.zfs.storage import StorageService
    from ..services.zfs.tree import Holding

_COLUMNS = (
    Column("PROPERTY", least=12, most=22),
    Column("VALUE", least=8, most=24),
    Column("FROM", least=7, most=30, grow=True),
)
_QUOTAS = ("quota", "refquota", "reservation", "refreservation")
_SIZES = frozenset((*_QUOTAS, "available", "used", "referenced", "volsize", "recordsize", "volblocksize", "written",
                    "logicalused", "logicalreferenced", "usedbychildren", "usedbydataset", "usedbysnapshots",
                    "usedbyrefreservation"))  # fmt: skip
_KEEP, _INHERIT = "set", "inherit"


def shown(setting: props.Setting) -> str:
    """A value as a person reads it."""
    if setting.name in _SIZES and setting.value.isdigit():
        none = setting.name in _QUOTAS and setting.value == "0"
        return "none" if none else size(float(setting.value))
    return setting.value


def property_rows(found: Sequence[props.Setting], dataset: Holding) -> list[Row]:
    """Those that can be set first."""
    rows = []
    for one in props.ordered(tuple(found), dataset):
        can = props.editable(one, dataset)
        own = one.source in ("local", "received")
        rows.append(
            row(
                one.name,
                Cell(one.name, "strong" if can else "dim"),
                Cell(shown(one), "text" if can else "dim"),
                Cell("here" if one.source == "local" else one.source, "accent" if own else "dim"),
            )
        )
    return rows


class PropertyList(Choose):
    """The properties, and a line about the one under the cursor."""

    wide = True

    def __init__(self, one: Holding, found: Sequence[props.Setting], at: str) -> None:
        super().__init__(f"Properties of {one.name}", _COLUMNS, property_rows(found, one), pick="Edit", first=at)
        self._found = {setting.name: setting for setting in found}

    def content(self) -> Iterable[Widget]:
        yield from super().content()
        self.table.styles.height = min(len(self._found) + 2, max(4, self.app.size.height - 7))
        self._help = Lines()
        yield self._help

    def begin(self) -> None:
        super().begin()
        self._tell()

    def on_table_moved(self) -> None:
        """Another property."""
        self._tell()

    def _tell(self) -> None:
        one = self._found.get(self.table.key or "")
        if one is not None:
            self._help.show([[(f"{one.name}: ", "strong"), (one.help or "no help here", "text")]])


class DatasetPropertyActs:
    """Needs `console`, `storage` and `chosen` of the acts it is mixed into."""

    if TYPE_CHECKING:

        @property
        def console(self) -> Console: ...
        @property
        def storage(self) -> StorageService: ...
        def chosen(self) -> Holding: ...

    async def do_dataset_properties(self) -> str | None:
        """All properties; Enter edits, again and again until Esc."""
        one = self.chosen()
        at, said = "", None
        while True:
            found = await self.storage.settings(one.name)
            at = await ask(self.console, PropertyList(one, found, at)) or ""
            setting = next((s for s in found if s.name == at), None)
            if setting is None:
                return said
            if not props.editable(setting, one):
                self.console.say(f"{at} of {one.name} is told by ZFS, or fixed since it was made.", "warn")
                continue
            changed = await self._edit(one, setting)
            if changed:
                said = changed
                self.console.say(changed, "good")

    async def _edit(self, one: Holding, setting: props.Setting) -> str | None:
        values = await ask(self.console, _editor(one, setting))
        if values is None:
            return None
        if values.get("how") == _INHERIT:
            value, source = await self.storage.inherit(one, setting.name)
            return f"{setting.name} of {one.name} is {value} again ({source})."
        kept = await self.storage.set_property(one, setting.name, values["value"].strip())
        return f"{setting.name} of {one.name} is {shown(props.Setting(setting.name, kept, 'local'))}."

    async def do_dataset_quota(self) -> str | None:
        """Quotas and reservations together."""
        one = self.chosen()
        now = {"quota": one.quota, "refquota": one.refquota, "reservation": one.reservation}
        now["refreservation"] = one.refreservation
        names = ("refreservation", "reservation") if one.kind == "volume" else _QUOTAS
        fields = tuple(
            TextField(name, exact(now[name]), id=name, hint="none") for name in names
        )  # fmt: skip
        dialog = Form(
            f"Quotas of {one.name}",
            fields,
            "Set",
            text=f"It uses {size(one.used)} with all below and reaches {size(one.referenced)} itself; "
            f"{size(one.available)} are left for it. A quota is the most it may use, a reservation is kept for it.",
            preview=lambda values: _about_quotas(one, values),
            check=lambda values: _check_quotas(one, values),
        )
        values = await ask(self.console, dialog)
        if values is None:
            return None
        done = []
        for name in names:
            wanted = values[name].strip() or "none"
            if wanted != exact(now[name]):
                kept = await self.storage.set_property(one, name, wanted)
                done.append(f"{name} {shown(props.Setting(name, kept, 'local'))}")
        return f"{one.name}: {', '.join(done)}." if done else None


def exact(value: int | None) -> str:
    """Bytes as they are typed, without losing any: `10G`, `1536M`, `none`."""
    if not value:
        return "none"
    for unit, bits in (("T", 40), ("G", 30), ("M", 20), ("K", 10)):
        if value % (1 << bits) == 0:
            return f"{value >> bits}{unit}"
    return str(value)


def _check_quotas(one: Holding, values: Values) -> None:
    """Raises RefusedError for what ZFS would refuse."""
    for name, text in values.items():
        check_property(one.name, name, text.strip() or "none")
    quota, kept = typed_bytes(values.get("quota", "")), typed_bytes(values.get("reservation", ""))
    if quota and one.used is not None and quota < one.used:
        raise RefusedError(f"It uses {size(one.used)} already, which is more than that quota.")
    if quota and kept and kept > quota:
        raise RefusedError("The reservation is more than the quota lets it use.")


def typed_bytes(text: str) -> int:
    """The bytes of a size as it is typed; 0 for what is none."""
    text = text.strip()
    unit = "KMGT".find(text[-1:]) + 1 if text else 0
    digits = text[:-1] if unit else text
    return int(digits) << 10 * unit if digits.isascii() and digits.isdigit() else 0


def _about_quotas(one: Holding, values: Values) -> list[str]:
    from ..widgets.gauge import text_bar

    lines = []
    for name, used in (("quota", one.used), ("refquota", one.referenced)):
        most = typed_bytes(values.get(name, ""))
        if most and used is not None:
            percent = 100 * used / most
            lines.append(f"{name:>9} {text_bar(percent, 20)} {percent:.0f}% used")
    return lines


def _editor(one: Holding, setting: props.Setting) -> Form:
    """The fields that fit the property."""
    words = props.options(setting.name)
    now = exact(int(setting.value)) if setting.name in _SIZES and setting.value.isdigit() else setting.value
    field: Field
    if words:
        field = Choice("Value", [(word, word) for word in words], setting.value, id="value")
    else:
        field = TextField("Value", now, id="value", hint=props.values(setting.name))
    fields = [field]
    if props.inheritable(setting.name):
        fields.append(Choice("How", ((_KEEP, "set it here"), (_INHERIT, "take it from above")), id="how"))

    def check(values: Values) -> None:
        if values.get("how") != _INHERIT:
            check_property(one.name, setting.name, values["value"].strip())

    text = f"{setting.help[:1].upper()}{setting.help[1:]}. Now {shown(setting)}, {_source(setting)}."
    may = [] if words else [f"May be: {props.values(setting.name)}"]
    return Form(f"{setting.name} of {one.name}", fields, "Set", text=text, preview=lambda _values: may, check=check)


def _source(setting: props.Setting) -> str:
    return "set here" if setting.source == "local" else setting.source
