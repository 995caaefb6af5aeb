"""`dplane files`: files as they were. A place is DATASET@SNAPSHOT and a path, or a path as people type it and --at."""

from __future__ import annotations

import argparse
import os
import sys
from typing import Any

from ..errors import DPlaneError, MissingError, RefusedError, UsageError
from ..services.files import versions as compared
from ..services.files.model import Content, Entry, Measured, Place, readable
from ..services.files.service import NEWEST, FilesService
from ..services.files.words import held, preview, told_of, when
from ..services.host import Host
from ..text import clean, size
from . import confirm
from .output import Result, rewrite, table

_MARKS = {"dir": "/", "link": "@", "fifo": "|", "socket": "=", "char": "%", "block": "%", "unread": "?"}


def add(parser: argparse.ArgumentParser) -> None:
    """Its verbs."""
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    listing = _where(verbs.add_parser("ls", help="what is in a folder, now or at a snapshot"))
    _at(listing)
    listing.set_defaults(handler=_ls, reads=True)
    versions = _where(verbs.add_parser("versions", help="every version of a file or folder, the newest first"))
    versions.add_argument(
        "--newest", type=int, default=NEWEST, metavar="N", help=f"how many snapshots to look at ({NEWEST})"
    )
    versions.set_defaults(handler=_versions, reads=True)
    cat = _where(verbs.add_parser("cat", help="write a file out; on a terminal only text, made safe"))
    _at(cat)
    cat.set_defaults(handler=_cat, reads=True)
    diff = _where(verbs.add_parser("diff", help="what differs between a snapshot's file and today's, or another's"))
    _at(diff)
    diff.add_argument(
        "--with", dest="other", default="", metavar="SNAPSHOT", help="compare with this one, not with now"
    )
    diff.set_defaults(handler=_diff, reads=True)
    restore = _where(verbs.add_parser("restore", help="bring a file or folder back, beside its old place or in it"))
    _at(restore)
    restore.add_argument(
        "--over", action="store_true", help="in its old place; what is there is kept under another name"
    )
    confirm.add(restore)
    restore.set_defaults(handler=_restore)


def _where(verb: argparse.ArgumentParser) -> argparse.ArgumentParser:
    verb.add_argument("where", metavar="WHERE", help="DATASET, DATASET@SNAPSHOT, or a whole path such as /tank/home/a")
    verb.add_argument("path", nargs="?", default="", help="below the top of the dataset")
    verb.add_argument("--as-root", action="store_true", help="through the privileged door (role admin)")
    return verb


def _at(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--at", default="", metavar="SNAPSHOT", help="as it was at this snapshot (its name behind the @)")


async def _found(service: FilesService, args: argparse.Namespace, *, item: bool) -> tuple[str, str, bytes]:
    """Dataset, snapshot and path that were meant. Raises UsageError, MissingError."""
    at = getattr(args, "at", "").partition("@")[2] or getattr(args, "at", "")
    path = os.fsencode(args.path).strip(b"/")
    if args.where.startswith("/"):
        if path:
            raise UsageError("A whole path is one word: leave out what stands behind it.")
        dataset, path = await service.find(args.where)
    else:
        dataset, _, own = args.where.partition("@")
        if own and at and own != at:
            raise UsageError(f"Two snapshots are named, {clean(own)} and {clean(at)}.")
        at = own or at
    if item and not path:
        raise UsageError("The path of a file or folder is missing.", "It is written from the top of the dataset.")
    return dataset, at, path


async def _place(service: FilesService, args: argparse.Namespace, *, item: bool) -> tuple[Place, bytes]:
    dataset, at, path = await _found(service, args, item=item)
    return await service.place(dataset, at), path


def _snapshot_needed(place: Place) -> None:
    if not place.snapshot:
        raise UsageError(
            "The snapshot is missing.", f"Write {clean(place.dataset)}@SNAPSHOT or --at; `versions` tells which ones."
        )


def _told(entry: Entry) -> dict[str, Any]:
    """An entry for `--json`: the name as people read it, and as bytes in hexadecimal digits."""
    return {
        "name": readable(entry.name),
        "name_hex": entry.name.hex(),
        "type": entry.kind,
        **{key: getattr(entry, key) for key in ("size", "mode", "uid", "gid", "inode")},
        "mtime": entry.mtime / 1e9,
        **({"link": readable(entry.link)} if entry.link else {}),
        **({"mount": True} if entry.mount else {}),
        **({"error": entry.error} if entry.error else {}),
    }


async def _ls(host: Host, args: argparse.Namespace) -> Result:
    service = FilesService(host)
    place, path = await _place(service, args, item=False)
    found = await service.list(place, path, as_root=args.as_root)
    data = {"place": place, "path": readable(path), "entries": [_told(one) for one in found.entries], "cut": found.cut}
    if not found.entries:
        return Result(data, f"Nothing is in /{readable(path)} of {place.name}.")
    rows = [
        (
            f"{one.mode:04o}",
            str(one.uid),
            str(one.gid),
            size(one.size) if one.kind == "file" else "-",
            when(one),
            readable(one.name) + _MARKS.get(one.kind, "") + (f" -> {readable(one.link)}" if one.link else ""),
        )
        for one in found.entries
    ]
    text = table(("MODE", "UID", "GID", "SIZE", "CHANGED", "NAME"), rows)
    return Result(data, text + (f"\n… only the first {len(rows)} are shown." if found.cut else ""))


async def _versions(host: Host, args: argparse.Namespace) -> Result:
    service = FilesService(host)
    dataset, _, path = await _found(service, args, item=True)
    if not 1 <= args.newest <= 100_000:
        raise UsageError("--newest is a number from 1 to 100000.")
    found = await service.versions(dataset, path, as_root=args.as_root, newest=args.newest)
    data = {
        "dataset": dataset,
        "path": readable(path),
        "versions": [{**_told(one.entry), "holders": [place.name for place in one.holders]} for one in found.versions],
        **{key: getattr(found, key) for key in ("looked", "snapshots", "without", "problems")},
    }
    error = None
    if not found.versions:
        error = MissingError(f"Nothing has the name {readable(path)} in {dataset} now or in {found.looked} snapshots.")
    rows = [
        (when(one.entry), size(one.entry.size), one.entry.kind, str(len(one.holders)), held(one.holders))
        for one in found.versions
    ]
    lines = [table(("CHANGED", "SIZE", "TYPE", "HELD", "BY"), rows)] if rows else []
    return Result(data, "\n".join([*lines, *told_of(found)]) if rows else "", error)


async def _cat(host: Host, args: argparse.Namespace) -> Result:
    service = FilesService(host)
    place, path = await _place(service, args, item=True)
    if not args.json and not sys.stdout.isatty():
        async for piece in service.stream(place, path, as_root=args.as_root):
            sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()
        return Result(None)
    content = await service.read(place, path, as_root=args.as_root)
    text = compared.is_text(content.data)
    lines = compared.lines(content) if text else []
    data = {"size": content.size, "sha256": content.sha256, "whole": content.whole, "text": "\n".join(lines) or None}
    if not text:
        problem = RefusedError(
            f"{readable(path)} is not text ({size(content.size)}), and a terminal would obey it.",
            "Send it to a file: `dplane files cat … >FILE`.",
        )
        return Result(data, "", None if args.json else problem)
    more = "" if content.whole else f"\n… the first {size(len(content.data))} of {size(content.size)}."
    return Result(data, "\n".join(lines).rstrip("\n") + more)


async def _diff(host: Host, args: argparse.Namespace) -> Result:
    service = FilesService(host)
    place, path = await _place(service, args, item=True)
    _snapshot_needed(place)
    other = await service.place(place.dataset, args.other.partition("@")[2] or args.other)
    contents: list[Content] = [await service.read(one, path, as_root=args.as_root) for one in (place, other)]
    names = (f"{place.name}/{readable(path)}", f"{other.name}/{readable(path)}")
    lines = compared.difference(contents[0], contents[1], names)
    return Result({"same": not lines, "lines": lines}, "\n".join(lines) or "They are the same.")


async def _restore(host: Host, args: argparse.Namespace) -> Result:
    service = FilesService(host)
    place, path = await _place(service, args, item=True)
    _snapshot_needed(place)
    measured = await service.measure(place, path, as_root=args.as_root)
    told = "\n".join(preview(measured, args.over))
    if args.dry_run:
        keys = ("files", "folders", "links", "others", "size", "free")
        there = _told(measured.there) if measured.there else None
        return Result({**{key: getattr(measured, key) for key in keys}, "over": args.over, "there": there}, told)
    if args.over and measured.there is not None:
        await confirm.require(args, readable(path.rpartition(b"/")[2]), told)
    try:
        done = await service.restore(measured, over=args.over, as_root=args.as_root, progress=_progress(measured, args))
    except DPlaneError:
        _clear(args)
        raise
    _clear(args)
    data = {
        "path": readable(done.path),
        "path_hex": done.path.hex(),
        "kept": readable(done.kept) or None,
        **{key: getattr(done, key) for key in ("snapshot", "files", "folders", "links", "left_out", "size")},
        "sha256": done.sha256 or None,
        "evidence": done.evidence,
    }
    return Result(data, done.sentence())


def _progress(measured: Measured, args: argparse.Namespace) -> Any:
    def tell(done: int) -> None:
        if _shows(args):
            share = min(100, done * 50 // max(1, measured.size))  # each byte is copied, then read back
            rewrite(f"{share:3d} % copied and read back", 0)

    return tell


def _clear(args: argparse.Namespace) -> None:
    if _shows(args):
        rewrite("", 40)


def _shows(args: argparse.Namespace) -> bool:
    return not args.json and sys.stderr.isatty()
