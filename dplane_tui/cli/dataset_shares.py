"""`dplane dataset`: what is shared over NFS and SMB, by the tables of the servers, and sharing."""

from __future__ import annotations

import argparse

from ..errors import BadNewsError, RefusedError, UsageError
from ..services.host import Host
from ..services.zfs.shares import Share, Shares, is_so, nfs_words, smb_words
from ..services.zfs.storage import StorageService
from ..text import clean
from .output import Result


def add(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """These verbs."""
    listing = verbs.add_parser("shares", help="what is shared over NFS and SMB, by the servers' own tables")
    listing.add_argument("below", nargs="?", metavar="DATASET", help="only this one and those below it")
    listing.set_defaults(handler=_list, reads=True)
    nfs = verbs.add_parser("share-nfs", help="share it over NFS with hosts or networks, or no more")
    nfs.add_argument("dataset")
    nfs.add_argument("--rw", action="append", default=[], metavar="CLIENT", help="may read and write")
    nfs.add_argument("--ro", action="append", default=[], metavar="CLIENT", help="may read")
    nfs.add_argument("--off", action="store_true", help="no more")
    nfs.set_defaults(handler=_nfs)
    smb = verbs.add_parser("share-smb", help="share it over SMB with Samba's accounts, or no more")
    smb.add_argument("dataset")
    smb.add_argument("state", choices=("on", "off"))
    smb.set_defaults(handler=_smb)


async def _list(host: Host, args: argparse.Namespace) -> Result:
    service = StorageService(host)
    below = (await service.dataset(args.below)).name if args.below else ""
    shares = await service.shares()
    some = [one for one in shares.found if not below or f"{one.dataset}/".startswith(f"{below}/")]
    data = {
        "nfs_server": shares.nfs_server,
        "smb_server": shares.smb_server,
        "datasets": [_data(one, shares) for one in some],
    }
    lines = [f"NFS server: {shares.nfs_server}. SMB server: {shares.smb_server}."]
    for one in (each for each in some if each.wanted):
        lines += [f"{one.dataset} at {one.mountpoint}"]
        lines += [f"  NFS: {nfs_words(one, shares.nfs_server)}", f"  SMB: {smb_words(one, shares.smb_server)}"]
    if len(lines) == 1:
        lines.append("No file system is shared, and none wants to be.")
    return Result(data, "\n".join(clean(line) for line in lines))


def _data(one: Share, shares: Shares) -> dict[str, object]:
    return {
        "dataset": one.dataset,
        "mountpoint": one.mountpoint,
        "sharenfs": one.nfs,
        "sharesmb": one.smb,
        "exported": one.exported,
        "smb_names": one.shares,
        "nfs": nfs_words(one, shares.nfs_server),
        "smb": smb_words(one, shares.smb_server),
    }


async def _nfs(host: Host, args: argparse.Namespace) -> Result:
    if args.off is bool(args.rw or args.ro):
        raise UsageError("Give --rw or --ro and who, as often as needed, or --off.")
    both = set(args.rw) & set(args.ro)
    if both:
        raise RefusedError(f"{clean(min(both), 60)} stands for both --rw and --ro.")
    service = StorageService(host)
    dataset = await service.dataset(args.dataset)
    done = await service.share_nfs(dataset, {**dict.fromkeys(args.rw, "rw"), **dict.fromkeys(args.ro, "ro")})
    return await _told(service, done, "NFS", not args.off)


async def _smb(host: Host, args: argparse.Namespace) -> Result:
    service = StorageService(host)
    done = await service.share_smb(await service.dataset(args.dataset), args.state == "on")
    return await _told(service, done, "SMB", args.state == "on")


async def _told(service: StorageService, one: Share, kind: str, wanted: bool) -> Result:
    """How it is shared now; bad news when `kind` is not as it was wanted: ZFS's setting alone shares nothing."""
    shares = await service.shares()
    words = {"NFS": nfs_words(one, shares.nfs_server), "SMB": smb_words(one, shares.smb_server)}
    text = clean(f"{one.dataset} over NFS: {words['NFS']}. Over SMB: {words['SMB']}.")
    bad = None if is_so(words[kind], wanted) else BadNewsError(clean(f"{one.dataset} over {kind}: {words[kind]}."))
    return Result(_data(one, shares), text, bad)
