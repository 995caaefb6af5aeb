"""A copy as it was at one of its snapshots. Pure."""

from __future__ import annotations

from dataclasses import replace

from ...errors import ChangedError, MissingError
from ...lazyclass import dataclass
from .read import Side


@dataclass(frozen=True, slots=True)
class AsOf:
    """The newest snapshot that is wanted."""

    snapshot: str
    """The name behind the `@`."""
    guid: str = ""
    """What the one of the topmost dataset is to have; empty is any."""

    def of(self, side: Side, top: str) -> tuple[Side, tuple[str, ...]]:
        """The datasets as they were when that snapshot was their newest, and the names of those that do not have it.

        Raises MissingError when `top` does not have it, ChangedError when it has another one under that name.
        """
        found: Side = {}
        without = []
        for name, dataset in side.items():
            wanted = next((point for point in dataset.snapshots if point.name == self.snapshot), None)
            if wanted is None and name == top:
                raise MissingError(f"The copy {name} has no snapshot @{self.snapshot}.")
            if wanted is None:
                without.append(name)
                continue
            if name == top and self.guid and wanted.guid != self.guid:
                raise ChangedError(
                    f"{name}@{self.snapshot} is not the snapshot that was chosen: it was destroyed there since, and "
                    "another one has its name.",
                    "Look at what is there once more, and choose anew.",
                )
            older = tuple(point for point in dataset.snapshots if point.createtxg <= wanted.createtxg)
            found[name] = replace(dataset, snapshots=older)
        return found, tuple(without)
