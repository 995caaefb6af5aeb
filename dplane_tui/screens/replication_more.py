"""What else can be chosen for a task: what of the tree, which snapshots, raw or plain. One form, asked for."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ..services.replication import options as wording
from ..services.replication.model import Options, Task
from ..widgets.dialogs import Form, Values, ask
from ..widgets.fields import Choice, Field, TextField

if TYPE_CHECKING:
    from ..app import Console

BELOW = (("yes", "yes, every dataset below"), ("", "no, only this one"))
"""The choice of how deep a task goes."""
_FIRST = (("all", "all snapshots that are there"), ("newest", "the newest snapshot alone"))
_BETWEEN = (("no", "every snapshot between two runs as well"), ("yes", "the newest snapshot only"))
_STREAM = (
    ("", "encrypted ones as they are on disk (raw)"),
    ("raw", "always raw, or not at all"),
    ("plain", "decrypted; their keys must be loaded"),
)
_OWN = (("yes", "takes its own before each run"), ("", "sends those that are there, takes none"))
_RAW = {"": None, "raw": True, "plain": False}
_ABOUT = (
    "Patterns name datasets below the source, with a comma between them: * and ? stand for any letters. Raw or plain "
    "is decided by the first run and never changes."
)
_ABOUT_OLD = (
    "Patterns name datasets below the source, with a comma between them: * and ? stand for any letters. What is left "
    "out from now on is sent no more; its copy stays. The first run is that of datasets that have no copy yet. What "
    "comes in or leaves is shown next. Raw or plain was decided by the first run and never changes."
)


async def ask_more(console: Console, task: Task, *, new: bool = True) -> Task | None:
    """The task with what the person chose; None when they left. Of one that is not new, raw or plain stays."""
    from ..services.replication.newtask import refuse_idle_patterns
    from ..services.replication.service import check_task

    fields: tuple[Field, ...] = (
        TextField("Only", ", ".join(task.options.include), id="include", hint="everything below; e.g. photos, docs/*"),
        TextField("Leave out", ", ".join(task.options.exclude), id="exclude", hint="nothing; e.g. cache, */tmp"),
        Choice("First run", _FIRST, task.options.initial, id="initial"),
        Choice("Later runs", _BETWEEN, "no" if task.options.intermediates else "yes", id="intermediates"),
    )
    own = Choice("Snapshots", _OWN, "yes" if task.snapshot else "", id="snapshot")
    if new:
        stream = Choice("Stream", _STREAM, next(key for key, raw in _RAW.items() if raw is task.raw), id="raw")
        fields = (*fields, stream, own)
    else:
        fields = (Choice("Below as well", BELOW, "yes" if task.recursive else "", id="recursive"), *fields, own)

    def check(values: Values) -> None:
        refuse_idle_patterns(check_task(made(task, values)), None if new else task)

    title, about = (f"Protect {task.source}: more", _ABOUT) if new else (f"What {task.name} copies", _ABOUT_OLD)
    dialog = Form(title, fields, "Next", text=about, check=check)
    values = await ask(console, dialog)
    return made(task, values) if values is not None else None


def made(task: Task, values: Values) -> Task:
    """The task that the form says. Raises UsageError."""
    patterns = {
        name: tuple(one.strip() for one in values[name].split(",") if one.strip()) for name in ("include", "exclude")
    }
    typed = {**patterns, "initial": values["initial"], "intermediates": values["intermediates"]}
    options: Options = wording.change(task.options, typed)
    task = replace(task, options=options, snapshot=bool(values["snapshot"]))
    if "raw" not in values:
        return replace(task, recursive=bool(values["recursive"]))
    return replace(task, raw=_RAW[values["raw"]])


def more_words(task: Task) -> list[str]:
    """What differs from what most want, in words."""
    options = task.options
    found = [f"only {', '.join(options.include)}"] if options.include else []
    found += [f"without {', '.join(options.exclude)}"] if options.exclude else []
    found += ["its first run brings the newest snapshot alone"] if options.initial == "newest" else []
    found += ["later runs bring the newest snapshot only"] if not options.intermediates else []
    found += [] if task.raw is None else ["it is sent raw"] if task.raw else ["it is sent decrypted"]
    found += [] if task.snapshot else ["it takes no snapshots of its own"]
    return [f"Besides: {'; '.join(found)}."] if found else []
