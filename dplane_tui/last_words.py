"""What must not reach a screen: a traceback with the values of variables, a pointer's shape."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from . import crash

if TYPE_CHECKING:
    from textual.app import App


class LastWords:
    """Mixed into the console before Textual's App: how it ends after an error of its own."""

    _crashed = False
    if TYPE_CHECKING:
        _exception: Exception | None
        _return_code: int | None

        def _close_messages_no_wait(self) -> None: ...

        def begin_to_end(self) -> None: ...

    def _set_pointer_shape(self, shape: str) -> None:
        """No mouse, no pointer."""

    def _handle_exception(self, error: Exception) -> None:
        if self._exception is None:
            self._exception = error
            cast("App[int]", self)._exception_event.set()
        self._fatal_error()

    def _fatal_error(self) -> None:
        self._return_code = 1
        self.begin_to_end()
        if self._exception is not None:
            crash.log(self._exception)
        self._crashed = True
        self._close_messages_no_wait()

    def _print_error_renderables(self) -> None:
        if self._crashed:
            crash.tell()
