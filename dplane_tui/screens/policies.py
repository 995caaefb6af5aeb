"""Snapshot policies: which dataset has which, what is late, the wizard with its preview. Opened from anywhere."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

from textual import events
from textual.widget import Widget

from ..actions import allowed, for_key, within
from ..errors import DPlaneError
from ..services.policies import wording
from ..services.policies.model import Policies, PolicyStatus, Wish
from ..services.retention.policy import PERIODS
from ..widgets.bars import Lines
from ..widgets.dialogs import Confirm, Dialog, Form, Reader, TypedConfirm, Values, ask
from ..widgets.fields import Button, Choice, TextField
from ..widgets.layout import paragraphs
from ..widgets.table import Table
from . import policies_rows as rows

if TYPE_CHECKING:
    from ..app import Console

GROUP = "policies"
SMALL = 16
"""Lines of a terminal below which the list comes before everything around it."""


async def show_policies(app: Console, at: str = "") -> str | None:
    """The list, and what is chosen in it, until the person leaves; `at` is the dataset under the cursor.

    Reads again only after something was done.
    """
    work = PolicyActs(app)
    app.say("Reading the snapshot policies…", "dim")
    found = await app.services.policies.status()
    app.say("")
    while True:
        answer = await ask(app, PolicyList(found, at, app))
        if answer is None:
            return None
        act, _, at = answer.partition("\t")
        one = next(item for item in found.datasets if item.dataset == at)
        try:
            said = await getattr(work, f"do_{act.replace('-', '_')}")(one)
        except DPlaneError as error:
            app.say(str(error), "bad")
            await ask(app, Reader("That did not work", [[(str(error), "bad")]]))
            said = None
        if said:
            app.say(said, "good")
        found = await app.services.policies.status()
        app.poller.outdated("policies")


class PolicyList(Dialog[str]):
    """All datasets. The answer is the action's id, a tab, and the dataset."""

    wide = True

    def __init__(self, found: Policies, at: str, console: Console) -> None:
        super().__init__("Snapshot policies")
        self._found, self._at, self._shown_by = found, at, console

    def content(self) -> Iterable[Widget]:
        self._top, self._below = Lines(), Lines()
        self.table = Table(rows.COLUMNS, caption="")
        self.table.set_rows(rows.policy_rows(self._found, time.time()), "This box has no datasets.")
        return (self._top, self.table, self._below)

    def buttons(self) -> Iterable[Button]:
        return (Button("Close", id="cancel"),)

    def begin(self) -> None:
        self.table.select(self._at)
        self.table.focus()
        self._tell()

    def on_resize(self) -> None:
        """Everything is laid out for another size."""
        self.call_after_refresh(self._tell)

    def _tell(self, problem: str = "") -> None:
        """What is above the list, the dataset under the cursor, the keys; the list has the room that is left."""
        one = next((item for item in self._found.datasets if item.dataset == self.table.key), None)
        width, height = self.inner_width(), self.app.size.height
        small = height < SMALL
        most = 1 if small else 3
        top = rows.head(self._found, time.time(), width)[: 1 if small else 9]
        said = problem or (rows.about(one) if one is not None else "")
        told = paragraphs(said, width, "warn" if problem else "dim")[:most] if said else []
        names = [f"{action.key} {action.label}" for action in within((GROUP,)) if self._may(action.id)]
        keys = rows.keys_lines([*names, "Esc close"], width)[:most]
        self._top.show(top)
        self._below.show([*told, *keys])
        around = 2 + len(top) + len(told) + len(keys) + (0 if small else 2)
        self.table.styles.height = max(3, height - around)

    def _may(self, act: str) -> bool:
        action = next(action for action in within((GROUP,)) if action.id == act)
        return not action.mutating or (not self._shown_by.read_only and allowed(action, self._shown_by.role))

    def on_table_moved(self, message: Table.Moved) -> None:
        """Another dataset is under the cursor."""
        message.stop()
        self._tell()

    def key_pressed(self, event: events.Key) -> None:
        """A key of the group acts on the dataset under the cursor."""
        action = for_key(event.key, (GROUP,))
        if action is None or self.focused is not self.table or self.table.key is None:
            super().key_pressed(event)
            return
        event.stop()
        if not self._may(action.id):
            need = (
                "this console was opened read-only" if self._shown_by.read_only else f"it needs the role {action.role}"
            )
            self._tell(f"“{action.label}” changes things, and {need}.")
            return
        self.dismiss(f"{action.id}\t{self.table.key}")


class PolicyActs:
    """What the keys of the list do. Each returns the sentence of success, or nothing. Raises DPlaneError."""

    def __init__(self, app: Console) -> None:
        self._app = app
        self._service = app.services.policies

    async def do_policy_set(self, one: PolicyStatus) -> str | None:
        """The wizard: how many to keep, then the preview, then on."""
        templates = await self._service.templates()
        values = await ask(self._app, _wizard(one, templates))
        if values is None:
            return None
        policy = str(wording.check(rows.counts_of(values, templates)))
        planned = await self._service.preview(Wish(True, one.dataset, policy))
        going = sum(not item.keep for part in planned.datasets for item in part.judged)
        await ask(self._app, Reader(f"What its next run would do with {one.dataset}", rows.shown(planned)))
        title = f"Switch it on for {one.dataset}?"
        if going:
            text = ["".join(piece for piece, _ in line) for line in rows.shown(planned, stays=False)]
            sure = await ask(self._app, TypedConfirm(title, text, one.dataset, "Switch on"))
        else:
            told = f"It keeps {policy} of {one.dataset} and of what is below it. Nothing would go in the next run."
            sure = await ask(self._app, Confirm(title, told, "Switch on"))
        if not sure:
            return None
        template = values["template"] if values["template"] != rows.CUSTOM else ""
        done = await self._service.set(one.dataset, policy, template)
        return f"{done.dataset} has the policy {done.policy}."

    async def do_policy_preview(self, one: PolicyStatus) -> str | None:
        """What the next run would do."""
        planned = await self._service.preview(Wish(True, one.dataset))
        await ask(self._app, Reader(f"What the next run would do with {one.dataset}", rows.shown(planned)))
        return None

    async def do_policy_none(self, one: PolicyStatus) -> str | None:
        """Take it out of its parent's policy."""
        text = f"{one.dataset} and what is below it get no snapshots of a policy any more. Those there are stay."
        if not await ask(self._app, Confirm(f"No policy for {one.dataset}?", text, "No policy")):
            return None
        await self._service.set(one.dataset, wording.NONE)
        return f"{one.dataset} has no policy."

    async def do_policy_unset(self, one: PolicyStatus) -> str | None:
        """Let the parent's count again."""
        text = f"What is set on {one.dataset} itself goes; the policy of its parent counts, if that has one."
        if not await ask(self._app, Confirm(f"Inherit for {one.dataset}?", text, "Inherit")):
            return None
        done = await self._service.unset(one.dataset)
        return f"{done.dataset} has {f'the policy {done.policy}' if done.policy else 'no policy'} now."

    async def do_policy_run(self, one: PolicyStatus) -> str | None:
        """Run it now."""
        planned = await self._service.preview(Wish(True, one.dataset))
        text = ["".join(piece for piece, _ in line) for line in rows.shown(planned, stays=False)]
        title = f"Run the policy of {one.dataset} now?"
        if any(not item.keep for part in planned.datasets for item in part.judged):
            sure = await ask(self._app, TypedConfirm(title, text, one.dataset, "Run"))
        else:
            sure = await ask(self._app, Confirm(title, "\n".join(text[:6]), "Run"))
        if not sure:
            return None
        done = await self._service.run(Wish(False, one.dataset))
        await ask(
            self._app, Reader(f"The run {done.state}", [[(done.message, "text")], [], *rows.shown(done, stays=False)])
        )
        return done.message if done.state == "succeeded" else None

    async def do_policy_runs(self, _one: PolicyStatus) -> str | None:
        """What the last runs did."""
        await ask(self._app, Reader("Runs of the policies", rows.runs_lines(await self._service.runs())))
        return None


def _wizard(one: PolicyStatus, templates: dict[str, str]) -> Form:
    """“Keep hourly 24, daily 30, monthly 12”: a template, or numbers of one's own."""
    options = [(rows.CUSTOM, "numbers of your own, below")]
    options += [(name, f"{name}: {policy}") for name, policy in sorted(templates.items())]
    have = dict(wording.check(one.policy).counts) if one.policy else {"hourly": 24, "daily": 30, "monthly": 12}
    fields = [TextField(period.capitalize(), str(have.get(period, 0)), id=period, hint="0") for period in PERIODS]

    def preview(values: Values) -> list[str]:
        try:
            return rows.in_words(rows.counts_of(values, templates))
        except DPlaneError as error:
            return [error.message]

    def check(values: Values) -> object:
        return wording.check(rows.counts_of(values, templates))

    text = "How many snapshots are kept of each period; 0 for none."
    choice = Choice("Keep", options, one.template, id="template")
    return Form(
        f"Snapshot policy of {one.dataset}", [choice, *fields], "Preview", text=text, preview=preview, check=check
    )
