"""Who: what users and groups use of a dataset and the most they may, and who may do what with it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..errors import RefusedError
from ..services.zfs.accounts import GROUP, USER, AccountUse, check_quota
from ..services.zfs.delegation import Grant, sentence
from ..text import size
from ..widgets.dialogs import Choose, Form, Reader, Values, ask
from ..widgets.fields import Field, TextField
from ..widgets.gauge import share_role, text_bar
from ..widgets.layout import Cell, Column, Pieces, Row, paragraphs, row
from .dataset_properties import exact
from .sure import choose_way

if TYPE_CHECKING:
    from ..app import Console
    from ..services.zfs.storage import StorageService
    from ..services.zfs.tree import Holding

_COLUMNS = (
    Column("WHO", least=12, most=40, grow=True),
    Column("USED", right=True, least=6),
    Column("QUOTA", right=True, least=6),
    Column("FULL", least=16, most=16),
    Column("STATE", least=16),
)
_ROLES = {"over its quota": "bad", "nearly full": "warn", "not known": "unknown"}
_ANOTHER = "+"
_RIGHTS = "rights"
_WAYS = (
    (USER, "users", "what each user uses of it, and the most they may"),
    (GROUP, "groups", "the same for groups"),
    (_RIGHTS, "rights", "who may do what with it without being root (zfs allow)"),
)


def account_rows(found: Sequence[AccountUse], kind: str) -> list[Row]:
    """One row for each, who uses most first, and one to give a quota to somebody who is not listed."""
    rows = []
    for one in found:
        full = one.percent
        bar = "-" if full is None else f"{full:3.0f}% {text_bar(full, 10)}"
        rows.append(
            row(
                f"@{one.name}",
                Cell(one.name, "strong"),
                Cell(size(one.used), "text"),
                Cell(size(one.quota) if one.quota else "-", "text" if one.quota else "dim"),
                Cell(bar, share_role(full) if full is not None else "dim"),
                Cell(one.word, _ROLES.get(one.word, "dim")),
            )
        )
    return [*rows, row(_ANOTHER, Cell(f"another {kind}…", "accent"), "", "", "", "")]


def allow_lines(name: str, grants: Sequence[Grant], width: int) -> list[Pieces]:
    """Who may do what on a dataset; what was given above and does not reach it comes behind."""
    here = [one for one in grants if one.reaches(name)]
    rest = [one for one in grants if not one.reaches(name)]
    lines: list[Pieces] = [[(f"On {name}, besides root:", "strong")], []]
    lines += _told(here, grants, width) or [[(" Nobody may do anything.", "text")]]
    if rest:
        lines += [[], [(f"Not on {name} itself:", "strong")], [], *_told(rest, grants, width)]
    text = "ZFS's own delegation (zfs allow), shown and not changed here. The dplane groups act through the helper."
    return [*lines, [], *paragraphs(text, width, "dim")]


def _told(some: Sequence[Grant], grants: Sequence[Grant], width: int) -> list[Pieces]:
    return [
        [(" ", "text"), *line]
        for one in some
        for line in paragraphs(sentence(one, grants), width - 1, "warn" if one.kind == "unclear" else "text")
    ]


class DatasetWhoActs:
    """Needs `console`, `storage` and `chosen` of the acts it is mixed into."""

    if TYPE_CHECKING:

        @property
        def console(self) -> Console: ...
        @property
        def storage(self) -> StorageService: ...
        def chosen(self) -> Holding: ...

    async def do_dataset_who(self) -> str | None:
        """Users, groups, or rights: asked first."""
        one = self.chosen()
        way = await choose_way(self.console, f"Who, on {one.name}?", _WAYS)
        if way == _RIGHTS:
            grants = await self.storage.allowed(one)
            lines = allow_lines(one.name, grants, self.console.size.width - 4)
            await ask(self.console, Reader(f"Rights on {one.name}", lines))
            return None
        return None if way is None else await self._accounts(one, way)

    async def _accounts(self, one: Holding, kind: str) -> str | None:
        """All of a kind; Enter changes a quota, again and again until Esc."""
        if one.kind != "filesystem":
            raise RefusedError(f"{one.name} is a volume: only a file system knows who owns what in it.")
        at, said = "", None
        while True:
            found = await self.storage.accounts(one.name, kind)
            text = "Counted by ZFS with a delay of some seconds. Enter sets a quota."
            list_ = Choose(
                f"The {kind}s of {one.name}", _COLUMNS, account_rows(found, kind), text, pick="Quota", first=at
            )
            list_.wide = True
            at = await ask(self.console, list_) or ""
            if not at:
                return said
            account = next((use for use in found if at == f"@{use.name}"), None)
            changed = await self._set_quota(one, kind, account)
            if changed:
                said = changed
                self.console.say(changed, "good")

    async def _set_quota(self, one: Holding, kind: str, account: AccountUse | None) -> str | None:
        fields: list[Field] = [
            TextField("Quota", exact(account.quota) if account else "", id="quota", hint="none; e.g. 10G")
        ]
        if account is None:
            fields.insert(0, TextField(kind.capitalize(), id="account", hint="a name on the box, or its number"))
        name = account.name if account else ""
        uses = f"{name} uses {size(account.used)} of {one.name}. " if account else ""
        dialog = Form(
            f"Quota of {name}" if account else f"Quota of another {kind}",
            fields,
            "Set",
            text=f"{uses}It counts what belongs to this {kind} here, not in datasets below; none takes it away.",
            preview=lambda values: _about(account, values),
            check=lambda values: check_quota(*_asked(name, values)),
        )
        values = await ask(self.console, dialog)
        if values is None:
            return None
        who, quota = _asked(name, values)
        kept = await self.storage.set_account_quota(one, kind, who, quota)
        if not kept:
            return f"The {kind} {who} has no quota on {one.name} any more."
        return f"The {kind} {who} may use {size(kept)} of {one.name}."


def _asked(name: str, values: Values) -> tuple[str, str]:
    """Who, and which quota."""
    return name or values["account"].strip(), values["quota"].strip() or "none"


def _about(account: AccountUse | None, values: Values) -> list[str]:
    """How full the quota would be."""
    from .dataset_properties import typed_bytes

    most = typed_bytes(values["quota"])
    if account is None or not most or account.used is None:
        return []
    percent = 100 * account.used / most
    over = " It uses more than that already: it can write nothing then." if percent >= 100 else ""
    return [f"{text_bar(percent, 20)} {percent:.0f}% used.{over}"]
