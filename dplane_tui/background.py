"""Work the console does beside its screen: every error becomes a sentence, whoever made it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Coroutine
from typing import TYPE_CHECKING, Any

from . import crash
from .errors import DPlaneError
from .session import answered

if TYPE_CHECKING:
    from .services.poller import Poller
    from .session import Entry, SessionLog


class Background:
    """Mixed into the console; needs `say` and `poller`."""

    if TYPE_CHECKING:
        poller: Poller

        log_book: SessionLog

        def say(self, text: str, role: str = "text") -> None: ...

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._work: set[asyncio.Task[None]] = set()

    def act(self, work: Coroutine[Any, Any, str | None], *, refresh: bool = True, asked: Entry | None = None) -> None:
        """Run `work` beside everything else; what it returns is the sentence of success, an error its own sentence.

        What only shows something needs no `refresh`: a long list is not read again because somebody looked at a row.
        `asked` is the line of the session's log that tells of it; one whose question was cancelled says so.
        """
        self.later(self._finish(work, refresh, asked))

    async def _finish(self, work: Awaitable[str | None], refresh: bool, asked: Entry | None) -> None:
        answered.set(None)  # not what the task before was answered that began this one
        try:
            said = await work
        except DPlaneError as error:
            self.say(str(error), "bad")
        except Exception as error:
            crash.log(error)
            self.say(f"That failed in a way we did not foresee; {crash.where()} has the details.", "bad")
        else:
            if said:
                self.say(said, "good")
            elif asked is not None and answered.get() is False:
                self.log_book.left(asked)
        if refresh:
            self.poller.refresh()

    def later(self, work: Coroutine[Any, Any, None]) -> None:
        """Run `work` as a task of its own."""
        task = asyncio.create_task(work)
        self._work.add(task)
        task.add_done_callback(self._work.discard)

    def cancel_work(self) -> None:
        """End what is still at work here; jobs of the box are not ours and go on."""
        for task in list(self._work):
            task.cancel()
