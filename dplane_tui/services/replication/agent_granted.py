"""What a peer gets from the agent beside receiving: its own data back, and what its key was given a right to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import agent_box as box
from .agent_locks import Locked
from .read import OWNER

if TYPE_CHECKING:
    from .rights import Rights


class Granted(Locked):
    """The part of the agent that gives, lends and amends."""

    if TYPE_CHECKING:
        streams: bool
        _rights: Rights
        _helper: tuple[str, ...]

        def _dataset(self, fields: dict[str, Any]) -> str: ...

        def _readable(self, fields: dict[str, Any]) -> str | None: ...

        def _own(self, fields: dict[str, Any]) -> str: ...

        def _ask_helper(self, request: dict[str, Any]) -> dict[str, Any]: ...

    def _send(self, fields: dict[str, Any]) -> dict[str, Any]:
        """Give the peer's own data back to it, as the stream on standard output."""
        from . import giving

        self.streams = True
        try:
            request = giving.stream_request(self._readable(fields) or self._own(fields), fields, "send")
            giving.become_sender(self._helper, request, box.ENVIRONMENT)
        except ValueError as error:
            raise box.Refusal("refused", f"The request {error}.") from None
        except OSError as error:
            raise box.Refusal("failed", f"The far box cannot send: {error.strerror}.") from None

    def _content(self, fields: dict[str, Any]) -> dict[str, Any]:
        """Tell what is in a snapshot of the peer's own copy, as lines on standard output."""
        from . import giving

        self.streams = True
        try:
            request = giving.content_request(self._readable(fields) or self._own(fields), fields)
            giving.become_sender(self._helper, request, box.ENVIRONMENT)
        except ValueError as error:
            raise box.Refusal("refused", f"The request {error}.") from None
        except OSError as error:
            raise box.Refusal("failed", f"The far box cannot read: {error.strerror}.") from None

    def _estimate(self, fields: dict[str, Any]) -> dict[str, Any]:
        from . import giving

        try:
            request = giving.stream_request(self._readable(fields) or self._own(fields), fields, "send-estimate")
        except ValueError as error:
            raise box.Refusal("refused", f"The request {error}.") from None
        return {"ok": True, "size": giving.size_of(str(self._ask_helper(request).get("stdout", "")))}

    def _lend(self, fields: dict[str, Any]) -> dict[str, Any]:
        """What a peer may do with datasets of this box beyond reading them."""
        from . import lending

        name, op = self._readable(fields), fields["op"]
        if name is None or (op != "creations" and not self._rights.may_snapshot):
            raise box.Refusal("refused", f"This peer may only {self._rights.in_words()}.")
        try:
            if op == "creations":
                return lending.creations(name, fields, box.listed)
            if op == "settle":
                return lending.settle(name, self._ask_helper)
            if op == "snapshot":
                return lending.snapshot(self._peer, name, fields, self._ask_helper)
            if op in ("hold", "release"):
                return lending.hold(self._peer, name, fields, self._ask_helper)
            if op == "bookmark":
                return lending.bookmark(self._peer, name, fields, self._ask_helper, box.listed)
            return lending.forget(self._peer, name, fields, self._ask_helper, box.listed)
        except ValueError as error:
            raise box.Refusal("refused", f"The request {error}.") from None

    def _change_key(self, fields: dict[str, Any]) -> dict[str, Any]:
        """Let the peer in with another key that has the same rights, or with that one alone."""
        if fields["op"] == "key-add":
            keys = {"key": fields.get("key"), "current": fields.get("current")}
            return self._ask_helper({"verb": "peer-renew", "peer": self._peer, **keys})
        return self._ask_helper({"verb": "peer-retire", "peer": self._peer, "key": fields.get("key")})

    def _prune(self, fields: dict[str, Any]) -> dict[str, Any]:
        """Destroy snapshots that this peer's tasks took, or only say what that would do; with `let_go`, say what else
        may go in its copies.

        In its own copies but what others took there, and of what it reads, if it may take snapshots of that, those it
        took there.
        """
        from . import trimming

        lent = self._readable(fields) if self._rights.may_snapshot else None
        try:
            if lent is not None and not self._is_own(fields):
                if fields.get("let_go") is True:
                    return {"ok": True, "let_go": ""}  # only what was taken for it, whatever else may go
                return trimming.prune(lent, fields, box.run, self._ask_helper, peer=self._peer, lent=True)
            if fields.get("let_go") is True:
                return trimming.others(self._own(fields), fields, box.run)
            return trimming.prune(self._own(fields), fields, box.run, self._ask_helper, peer=self._peer)
        except trimming.Trouble as trouble:
            raise box.Refusal(trouble.code, str(trouble)) from None

    def _is_own(self, fields: dict[str, Any]) -> bool:
        try:
            return bool(self._own(fields))
        except box.Refusal:
            return False

    def _amend(self, fields: dict[str, Any]) -> dict[str, Any]:
        """About a copy that went its own way: what it has, rename it, or take it back if the key may do that."""
        from . import amending

        name, op = self._own(fields), fields["op"]
        if op == "details":
            listed = box.run(amending.details_argv(name))
            if listed.returncode != 0:
                raise box.Refusal("failed", f"The far box could not list {name}: {box.last(listed.stderr)}")
            return {"ok": True, "list": listed.stdout, "may_rollback": self._rights.may_rollback}
        try:
            if op == "aside":
                request = amending.aside_request(name, self._dataset({"dataset": fields.get("to")}), fields)
            else:
                request = amending.rollback_request(name, self._peer, fields)
        except ValueError as error:
            raise box.Refusal("refused", f"The request {error}.") from None
        if op == "rollback" and not self._rights.may_rollback:
            way = f"`dplane snapshot rollback '{request['snapshot']}' --destroy-newer` there does it."
            raise box.Refusal("refused", f"This peer's key has no right to roll {name} back.", way)
        with self._alone(name):
            if op == "aside":
                self._refuse_others_below(name)
                box.refuse_anothers(request["to"], self._peer)
            self._ask_helper(request)
        return {"ok": True}

    def _refuse_others_below(self, name: str) -> None:
        """What lies below goes along with a copy that is renamed, so all of it must be this peer's."""
        found = box.run(["zfs", "get", "-H", "-p", "-r", "-t", "filesystem,volume", "-o", "value,source", OWNER, name])
        if found.returncode != 0 or set(found.stdout.splitlines()) != {f"{self._peer}\tlocal"}:
            raise box.Refusal("refused", f"Below {name} there is something that this peer did not make.")
