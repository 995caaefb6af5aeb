"""Channels made up: what is made is listed, and a server answers what the test wants."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from dplane_tui.errors import DPlaneError
from dplane_tui.services.notify.listed import Listed, Listing
from dplane_tui.services.notify.model import Delivery
from dplane_tui.services.notify.wanted import Wanted, check


@dataclass
class FakeChannels:
    """One in notify.toml, and those that were made."""

    listing: Listing = field(
        default_factory=lambda: Listing(
            (
                Listed("ann", "mail", "ann@example.org by smtp.example.org:587", ("failed",)),
                Listed("phone", "ntfy", "https://ntfy.sh/…", ("failed",), made=True),
            )
        )
    )
    answer: Delivery = field(default_factory=lambda: Delivery("", True, "HTTP 200 OK"))
    failure: DPlaneError | None = None
    calls: list[tuple[Any, ...]] = field(default_factory=list)

    def _asked(self, *call: Any) -> None:
        self.calls.append(call)
        if self.failure:
            raise self.failure

    async def list(self) -> Listing:
        self._asked("list")
        return self.listing

    async def add(self, wanted: Wanted) -> Listed:
        self._asked("add", wanted)
        check(wanted)
        made = Listed(wanted.name, wanted.kind, "https://made.example/…", wanted.events, wanted.tasks, made=True)
        kept = [one for one in self.listing.channels if one.name != wanted.name]
        self.listing = Listing((*kept, made), self.listing.problems)
        return made

    async def remove(self, name: str) -> None:
        self._asked("remove", name)
        self.listing = Listing(tuple(one for one in self.listing.channels if one.name != name))

    async def test(self, name: str | None = None) -> tuple[Delivery, ...]:
        self._asked("test", name)
        return (replace(self.answer, channel=name or "ann"),)
