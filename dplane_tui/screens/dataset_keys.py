"""Keys of encrypted datasets: unlock, lock, change. A passphrase is in its field and on the door's pipe alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import RefusedError
from ..services.zfs.dataset_acts import Unlocked, check_passphrase
from ..services.zfs.tree import Waiting, waiting
from ..widgets.dialogs import Confirm, Form, Values, ask
from ..widgets.fields import TextField

if TYPE_CHECKING:
    from ..app import Console
    from ..services.zfs.storage import StorageService
    from ..services.zfs.tree import Holding
    from .datasets import DatasetsScreen


class DatasetKeyActs:
    """Needs `_screen`, `console`, `storage` and `chosen` of the acts it is mixed into."""

    _screen: DatasetsScreen

    if TYPE_CHECKING:

        @property
        def console(self) -> Console: ...
        @property
        def storage(self) -> StorageService: ...
        def chosen(self) -> Holding: ...

    def _root(self) -> Holding:
        """The dataset whose key opens the one under the cursor."""
        one = self.chosen()
        if one.encryption == "off":
            raise RefusedError(f"{one.name} is not encrypted.", "Encryption is chosen when a dataset is made.")
        root = next((d for d in self._screen.listed if d.name == one.encryption_root), None)
        if root is None:
            raise RefusedError(f"The dataset with the key of {one.name} is not listed.")
        return root

    def _waiting(self) -> list[Waiting]:
        """What waits for a key: what is under the cursor first, then the rest in their order."""
        found = waiting(self._screen.listed)
        if not found:
            raise RefusedError("Nothing here waits for a key.")
        one = self._screen.dataset
        here = [w for w in found if one is not None and one.name in (w.root.name, *w.below)]
        return [*here, *(w for w in found if w not in here)]

    async def do_key_load(self) -> str | None:
        """Unlock what waits, one after the other, until all is open or the person leaves; mount each."""
        every = self._waiting()
        told: str | None = None
        for place, wait in enumerate(every):
            count = f" ({place + 1} of {len(every)})" if len(every) > 1 else ""
            done = await self._unlock(wait, count)
            if done is None:
                left = len(every) - place
                still = "1 still waits" if left == 1 else f"{left} still wait"
                return f"{told} {still} for a key: E goes on." if told else None
            told = _told(done)
            if len(every) > 1:
                self.console.say(told, "good")
        return told

    async def _unlock(self, wait: Waiting, count: str) -> Unlocked | None:
        """Ask for one key and load it; None when the person left."""
        root = wait.root
        if wait.from_file:
            text = f"Its key is read from {root.key_location} on the box."
            if not await ask(self.console, Confirm(f"Unlock {root.name}?{count}", text, "Unlock")):
                return None
            return await self.storage.load_key(root, None)
        below = f" It opens {len(wait.below)} more below." if wait.below else ""
        dialog = Form(
            f"Unlock {root.name}{count}",
            (TextField("Passphrase", id="secret", secret=True),),
            "Unlock",
            text=f"The passphrase goes to ZFS on this box through a pipe and is kept nowhere.{below}",
        )
        values = await ask(self.console, dialog)
        if values is None:
            return None
        self.console.say(f"Unlocking {root.name}…", "dim")
        return await self.storage.load_key(root, values["secret"])

    async def do_key_unload(self) -> str | None:
        """Lock: unmount what has the key and forget it."""
        root = self._root()
        if root.locked:
            raise RefusedError(f"{root.name} is locked.", "E unlocks it.")
        same = [d.name for d in self._screen.listed if d.encryption_root == root.name]
        text = f"{len(same)} datasets are unmounted and cannot be read until somebody gives the passphrase again."
        if not await ask(self.console, Confirm(f"Lock {root.name}?", text, "Lock")):
            return None
        found = await self.storage.unload_key(root)
        return f"{found.name} is locked: its key is not in memory any more."

    async def do_key_change(self) -> str | None:
        """Another passphrase for the encryption root; not for that of a copy."""
        root = self._root()
        if root.locked:
            raise RefusedError(f"{root.name} is locked.", "E unlocks it; its key can be changed then.")
        from ..services.replication.own_keys import refuse_copy

        await refuse_copy(self.storage, self.console.services.replication, root, self._screen.listed)
        fields = (
            TextField("New passphrase", id="secret", secret=True),
            TextField("Once more", id="again", secret=True),
        )
        text = "Only the key is wrapped anew, the data stays as it is. Old copies of the disks open with the old one."
        values = await ask(
            self.console, Form(f"New passphrase of {root.name}", fields, "Change", text=text, check=_same)
        )
        if values is None:
            return None
        found = await self.storage.change_key(root, values["secret"])
        return f"{found.name} has a new passphrase; ZFS was asked and takes it."


def _same(values: Values) -> None:
    check_passphrase(values["secret"])
    if values["secret"] != values["again"]:
        raise RefusedError("The two passphrases are not the same.")


def _told(done: Unlocked) -> str:
    """What unlocking came to, in a sentence."""
    left = f" Not mounted: {'; '.join(done.not_mounted)}" if done.not_mounted else ""
    return f"{done.root} is unlocked; {len(done.mounted)} mounted.{left}"
