"""What is shared over NFS and SMB: what datasets want, and what the tables of the two servers really have."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Mapping

from privhelper import shares as allowed

from ...errors import CommandError, DPlaneError, RefusedError
from ...lazyclass import dataclass
from ...text import clean
from .model import Dataset
from .service import ZfsService

ETAB = "/var/lib/nfs/etab"
_NFS, _SMB = "nfs-server.service", "smbd.service"
MISSING = "not installed"
_STANDS = frozenset({"inactive", "failed"})
PACKAGES = {"nfs": "nfs-kernel-server", "smb": "samba"}
WANTED_ARGV = ("zfs", "list", "-Ho", "name,sharenfs,sharesmb,mounted,mountpoint", "-t", "filesystem")
"""What all file systems want, for `parse_wanted`."""


@dataclass(frozen=True, slots=True)
class Share:
    """One file system: what it wants, and what is so."""

    dataset: str
    mountpoint: str
    mounted: bool
    nfs: str
    """`sharenfs`: `off`, or what ZFS hands to the NFS server."""
    smb: str
    """`sharesmb`."""
    exported: tuple[str, ...] | None
    """The clients in the NFS server's table for its mountpoint, each as `client (rw)`; None when it was not read."""
    shares: tuple[str, ...] | None
    """The names under which Samba's table has its mountpoint; None when that table was not read."""

    @property
    def wanted(self) -> bool:
        """Whether it wants to be shared, or is."""
        return self.nfs != "off" or self.smb != "off" or bool(self.exported) or bool(self.shares)


@dataclass(frozen=True, slots=True)
class Shares:
    """All file systems of the box, and how the two servers are: `active`, another word of systemd, `not installed`."""

    nfs_server: str
    smb_server: str
    found: tuple[Share, ...]


def parse_wanted(text: str) -> list[tuple[str, str, str, bool, str]]:
    """The answer to WANTED_ARGV: a line that is none is part of the mountpoint before it."""
    rows: list[tuple[str, str, str, bool, str]] = []
    for line in text.removesuffix("\n").split("\n"):
        cells = line.split("\t", 4)
        if len(cells) == 5 and cells[3] in ("yes", "no"):
            rows.append((cells[0], cells[1], cells[2], cells[3] == "yes", cells[4]))
        elif rows and line:
            rows[-1] = (*rows[-1][:4], f"{rows[-1][4]}\n{line}")
    return rows


def parse_etab(text: str) -> dict[str, tuple[str, ...]]:
    """The NFS server's export table: path → `client (rw)` or `client (ro)`."""
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        path, tab, rest = line.partition("\t")
        matched = re.fullmatch(r"(\S+)\(([^()]*)\)", rest.strip())
        if tab and matched:
            access = "rw" if "rw" in matched[2].split(",") else "ro"
            path = re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), path)
            found.setdefault(path, []).append(f"{matched[1]} ({access})")
    return {path: tuple(clients) for path, clients in found.items()}


def parse_usershares(text: str) -> dict[str, tuple[str, ...]]:
    """`net usershare info`: path → the names it is shared under."""
    found: dict[str, tuple[str, ...]] = {}
    name = ""
    for line in text.splitlines():
        if line.startswith("[") and line.rstrip().endswith("]"):
            name = line.strip()[1:-1]
        elif line.startswith("path=") and name:
            path = line.removeprefix("path=").rstrip()
            found[path] = (*found.get(path, ()), name)
    return found


def parse_servers(text: str) -> dict[str, str]:
    """`systemctl show -p Id,LoadState,ActiveState`: unit → its state, or `not installed`."""
    found = {}
    for block in text.split("\n\n"):
        told = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
        state = told.get("ActiveState", "unknown")
        found[told.get("Id", "")] = MISSING if told.get("LoadState") == "not-found" else state
    return found


def nfs_words(share: Share, server: str) -> str:
    """Whether it is shared over NFS. `shared` is only what is mounted and in the table of a server that runs."""
    so = f"shared with {', '.join(share.exported)}" if share.exported else ""
    return _words(share, share.nfs, so if share.exported is not None else None, server, "nfs")


def smb_words(share: Share, server: str) -> str:
    """The same for SMB and Samba's table of user shares."""
    so = f"shared as {', '.join(share.shares)}" if share.shares else ""
    return _words(share, share.smb, so if share.shares is not None else None, server, "smb")


def is_so(words: str, wanted: bool) -> bool:
    """Whether what `nfs_words` or `smb_words` says is what was wanted; what is not known is not."""
    return words.startswith("shared ") if wanted else words == "not shared"


def _words(share: Share, wanted: str, so: str | None, server: str, kind: str) -> str:
    """`so` is what the server's table says: empty for nothing, None when it was not read."""
    if so and share.mounted and server == "active":
        return f"{so}{', though ZFS was not told to' if wanted == 'off' else ''}"
    if so:
        why = "it is not mounted" if not share.mounted else f"the server is {server}"
        return f"in the server's table ({so}), but {why}"
    if server == MISSING:
        return "not shared" if wanted == "off" else f"wanted, but not shared: {PACKAGES[kind]} is not installed"
    if so is None and server in _STANDS:
        return "not shared" if wanted == "off" else f"wanted, but not shared: the server is {server}"
    if so is None:
        told = "not shared by ZFS" if wanted == "off" else "wanted"
        return f"{told}; whether it is shared is not known, as the server's table was not read"
    if wanted == "off":
        return "not shared"
    why = "it is not mounted" if not share.mounted else "it is not in the server's table"
    return f"wanted, but not shared: {why}"


def check_clients(clients: Mapping[str, str]) -> None:
    """Raises RefusedError for clients that the door would not take."""
    for client in clients:
        broken = allowed.client_problem(client)
        if broken:
            raise RefusedError(f"“{clean(client, 60)}” cannot be given a share: it {broken}.")
    broken = allowed.CLIENTS.check(dict(clients))
    if broken:
        raise RefusedError(f"The list of hosts {broken}.")


def clients_of(value: str) -> dict[str, str] | None:
    """Who may write (`rw`) and read (`ro`), of a `sharenfs` as we make it; None for any other."""
    if value == "off":
        return {}
    found: list[tuple[str, str]] = []
    for part in value.split(","):
        access, _, some = part.partition("=")
        # `@` before a name is a netgroup, not a host.
        found += [(client[1:] if client[:1] == "@" and "/" in client else client, access) for client in some.split(":")]
    clients = dict(found)
    return None if len(clients) != len(found) or allowed.CLIENTS.check(clients) else clients


class ShareActs(ZfsService):
    """Reads what is shared, and shares."""

    async def shares(self) -> Shares:
        """All file systems with what is really shared. A table that cannot be read is None. Raises as ZfsService."""
        listed, tables, units = await asyncio.gather(
            self._run(WANTED_ARGV),
            self.host.read_files([ETAB]),
            self._servers(),
        )
        nfs_table = parse_etab(tables[ETAB]) if ETAB in tables else {} if units[_NFS] == MISSING else None
        smb = await self._usershares() if units[_SMB] != MISSING else {}
        found = tuple(
            Share(name, place, mounted, nfs, samba, _of(nfs_table, place), _of(smb, place))
            for name, nfs, samba, mounted, place in parse_wanted(listed.text)
        )
        return Shares(units[_NFS], units[_SMB], found)

    async def _servers(self) -> dict[str, str]:
        try:
            argv = ["systemctl", "show", "-p", "Id,LoadState,ActiveState", _NFS, _SMB]
            told = parse_servers((await self.host.run(argv)).text)
        except DPlaneError:
            told = {}
        return {unit: told.get(unit, "unknown") for unit in (_NFS, _SMB)}

    async def _usershares(self) -> dict[str, tuple[str, ...]] | None:
        try:
            return parse_usershares(str((await self.door.call("smb-shares")).get("stdout", "")))
        except DPlaneError:
            return None

    async def share_nfs(self, dataset: Dataset, clients: Mapping[str, str]) -> Share:
        """Share with those hosts and networks (`ro` or `rw` each); with none, no more. Returns it as it then is."""
        check_clients(clients)
        await self.door.call("share-nfs", dataset=dataset.name, guid=dataset.guid, to=dict(clients))
        return await self._share(dataset)

    async def share_smb(self, dataset: Dataset, on: bool) -> Share:
        """Share with Samba's accounts, or no more. Returns it as it then is."""
        await self.door.call("share-smb", dataset=dataset.name, guid=dataset.guid, on=on)
        return await self._share(dataset)

    async def _share(self, dataset: Dataset) -> Share:
        found = await self.shares()
        for one in found.found:
            if one.dataset == dataset.name:
                return one
        raise CommandError(f"{dataset.name} was set, but ZFS does not list it any more.", "Look at the datasets again.")


def _of(table: Mapping[str, tuple[str, ...]] | None, place: str) -> tuple[str, ...] | None:
    return None if table is None else table.get(place, ())


def reached(found: Iterable[Share], dataset: str) -> tuple[str, ...]:
    """The other file systems below, which a share reaches too unless they have a setting of their own."""
    return tuple(one.dataset for one in found if one.dataset.startswith(f"{dataset}/"))
