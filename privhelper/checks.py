"""What is looked at right before a verb acts: the object is the one the person saw, paths are what they seem."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from time import monotonic

from . import let_go
from .audit import sha256
from .failure import Failure, one_line
from .places import DISKS, OWNER_UID, ZFS, ZPOOL
from .programs import ask, run
from .properties import mountpoint_problem
from .shape import ADMIN, Args, Verb
from .vdevs import is_word

Found = dict[str, object]  # what a check adds to the answer


def zfs_get(name: str, prop: str) -> str:
    """One property's value of a dataset, snapshot or bookmark. Raises Failure (`changed` when it is gone)."""
    return ask([ZFS, "get", "-H", "-p", "-o", "value", prop, name]).removesuffix("\n")


def guid_of(what: str, name: str) -> str:
    """The GUID that `name`, a pool or something of a pool, has now."""
    if what == "pool":
        return ask([ZPOOL, "get", "-H", "-p", "-o", "value", "guid", name]).rstrip("\n")
    return zfs_get(name, "guid")


def guard(verb: Verb, args: Args) -> None:
    """Compare the GUID that the person saw with the one that is there now. Raises Failure `changed`."""
    if verb.guard and "guid" in args:
        name = str(args[verb.guard])
        now = guid_of(verb.guard, name)
        if now != args["guid"]:
            raise Failure("changed", f"{name} is not what you saw: its GUID is {now} now, not {args['guid']}.")


def no_links(path: str) -> None:
    """Refuse a mountpoint that a link below it leads elsewhere. Raises Failure `refused`."""
    at = ""
    for part in path.strip("/").split("/"):
        at = f"{at}/{part}"
        try:
            mode = os.lstat(at).st_mode
        except FileNotFoundError:
            return
        except OSError as error:
            raise Failure("refused", f"The mountpoint {path} cannot be checked: {error.strerror}.") from None
        if not stat.S_ISDIR(mode):
            raise Failure("refused", f"The mountpoint {path} is refused: {at} is a link or a file, not a directory.")


def roots_ground(path: str) -> None:
    """Refuse a mountpoint to which others than root could put a link in the way later: each start follows it. Raises
    Failure `role`, for an administrator may know better."""
    from .trust import problem

    above = path
    while above == path or not os.path.lexists(above):
        above = above.rpartition("/")[0] or "/"
    broken = problem(above, OWNER_UID)
    if not broken and os.lstat(above).st_mode & 0o022:  # sticky, but what is to come is not there yet
        broken = f"{above} can be written by others than root"
    if broken:
        raise Failure(
            "role",
            f"The mountpoint {path} needs the role admin (group dplane-admin): {broken}, so it can be led astray.",
        )


def _given(args: Args, name: str) -> str:
    given = args.get("properties")
    if isinstance(given, dict) and name in given:
        return str(given[name])
    return str(args.get("value")) if args.get("property") == name else ""


def inherited_mountpoint(dataset: str) -> str:
    """Where a new dataset would be mounted by what its nearest existing parent says."""
    parent, _, rest = dataset.rpartition("/")
    while True:
        try:
            above = zfs_get(parent, "mountpoint")
        except Failure as error:
            if error.code != "changed" or "/" not in parent:
                raise
            parent, _, last = parent.rpartition("/")
            rest = f"{last}/{rest}"
            continue
        return f"{above.rstrip('/')}/{rest}" if above.startswith("/") else above


def _parents(args: Args) -> None:
    """Look at the place of each parent that `zfs create -p` would make: it mounts them, whatever is asked of the last.
    Raises Failure."""
    parent, missing = str(args.get("dataset", "")).rpartition("/")[0], []
    while args.get("parents") is True and "/" in parent:
        try:
            zfs_get(parent, "type")
        except Failure as error:
            if error.code != "changed":
                raise
        else:
            break
        missing.append(parent)
        parent = parent.rpartition("/")[0]
    for name in missing:
        path = inherited_mountpoint(name)
        if mountpoint_problem(path):
            raise Failure(
                "refused", f"{name} would be made and mounted at {path}, where the door mounts nothing; make it first."
            )
        if path.startswith("/"):
            no_links(path)
            nothing_is_hidden(path, name)


def _mount(verb: Verb, args: Args) -> Found:
    _parents(args)
    path = _given(args, "mountpoint")
    if not path and verb.name == "pool-create":
        path = f"/{args['pool']}"
    # What is only not mounted at once is mounted at the next start.
    never = args.get("mount") is False and _given(args, "canmount") in ("off", "noauto")
    if not path and verb.name == "dataset-create" and not never:
        path = inherited_mountpoint(str(args["dataset"]))
        if mountpoint_problem(path):
            raise Failure(
                "refused", f"It would be mounted at {path}, where the door mounts nothing; give a mountpoint."
            )
    if verb.name == "dataset-mount":
        path = zfs_get(str(args["dataset"]), "mountpoint")
        if mountpoint_problem(path):
            raise Failure("refused", f"{args['dataset']} belongs at {path}, where the door mounts nothing.")
    if args.get("property") == "canmount" and args.get("value") == "on":
        path = zfs_get(str(args["dataset"]), "mountpoint")
        if path.startswith("/") and mountpoint_problem(path):
            raise Failure("refused", f"It would be mounted at {path}, where the door mounts nothing.")
    if path.startswith("/"):
        no_links(path)
        if verb.name != "pool-create":  # zpool itself wants an empty place
            nothing_is_hidden(path, str(args["dataset"]))
    return {}


def nothing_is_hidden(path: str, dataset: str) -> None:
    """Refuse a place that holds something: ZFS would mount over it, and what is there would be out of sight, or in its
    place something that a stranger sent. Raises Failure `refused`."""
    mounts = _mounts()
    at = path.rstrip("/")
    if mounts.get(at) == dataset:
        return
    try:
        why, advice = _in_the_way(at, mounts)
    except FileNotFoundError:
        return
    except OSError as error:
        raise Failure("refused", f"The mountpoint {path} cannot be checked: {error.strerror}.") from None
    if why:
        raise Failure("refused", f"The mountpoint {path} {why}, which {dataset} would cover; {advice}choose another.")


def _in_the_way(path: str, mounts: dict[str, str]) -> tuple[str, str]:
    """What would be covered there, and what to do; empty for nothing. Raises OSError.

    Mounts come first: who is told to empty a place would empty what is mounted in it.
    """
    if path in mounts:
        return f"is in use (by {one_line(mounts[path])})", ""
    for place, what in mounts.items():
        if place.startswith(f"{path}/"):
            return f"has {one_line(place)} ({one_line(what)}) mounted below it", "unmount that first or "
    held = _held(path, os.lstat(path).st_dev)
    return held, "empty it or " if held == "holds files" else "unmount that first or "


def _held(path: str, device: int) -> str:
    """What is there, if more than empty directories, which places of datasets below leave behind; what is not on this
    `device` is not walked into."""
    with os.scandir(path) as entries:
        for entry in entries:
            if not entry.is_dir(follow_symlinks=False):
                return "holds files"
            if entry.stat(follow_symlinks=False).st_dev != device:
                return f"holds another file system, {one_line(entry.path)}"
            if held := _held(entry.path, device):
                return held
    return ""


def _mounts() -> dict[str, str]:
    """What is mounted, as the kernel calls it, by its place; of several in one place the last, which is in sight."""
    found = {}
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as lines:
        for line in lines:
            fields, _, kind = line.rstrip("\n").partition(" - ")
            found[_unescaped(fields.split(" ")[4])] = _unescaped(kind.split(" ")[1])
    return found


def _unescaped(text: str) -> str:
    """A name in /proc/self/mountinfo, where a space is \\040."""
    for letter in " \t\n\\":
        text = text.replace(f"\\{ord(letter):03o}", letter)
    return text


def _size(_verb: Verb, args: Args) -> Found:
    """A volume never shrinks: what lies behind its new end would be gone."""
    if args.get("property") == "volsize":
        from .properties import size_in_bytes

        now = zfs_get(str(args["dataset"]), "volsize")
        if now.isdigit() and size_in_bytes(str(args["value"])) < int(now):
            raise Failure("refused", f"{args['dataset']} has {now} bytes; a smaller volsize would cut data off.")
    return {}


def _disk(_verb: Verb, args: Args) -> Found:
    _is_disk(str(args["disk"]))
    return {}


def _disks(_verb: Verb, args: Args) -> Found:
    words = args["vdevs"]
    seen: dict[str, str] = {}
    for word in words if isinstance(words, list) else ():
        if is_word(word):
            continue
        device = _is_disk(word)
        if device in seen:
            raise Failure("refused", f"{word} and {seen[device]} are the same disk.")
        seen[device] = word
    return {}


def _is_disk(name: str) -> str:
    """The device that `name` in /dev/disk/by-id stands for. Raises Failure `changed` when there is no such link."""
    path = f"{DISKS}/{name}"
    try:
        link = stat.S_ISLNK(os.lstat(path).st_mode)
        block = stat.S_ISBLK(os.stat(path).st_mode)
    except OSError:
        link = block = False
    if not link or not block:
        raise Failure("changed", f"There is no disk {name} in {DISKS} (now).")
    return os.path.realpath(path)


def _token(_verb: Verb, args: Args) -> Found:
    if zfs_get(str(args["dataset"]), "receive_resume_token") != args["token"]:
        raise Failure("changed", f"{args['dataset']} holds no interrupted receive with that token (any more).")
    return {}


def _received(_verb: Verb, args: Args) -> Found:
    """The kind is what says which settings make a stranger's dataset safe, so nobody is taken at their word for it."""
    name, kind = str(args["dataset"]), str(args["kind"])
    if args.get("first") is not True:
        there = zfs_get(name, "type")
        if there != kind:
            raise Failure("refused", f"{name} is a {there}, not a {kind}.")
    elif kind == "filesystem":
        path = inherited_mountpoint(name)
        if path.startswith("/") and mountpoint_problem(path):
            raise Failure("refused", f"{name} would belong at {path}, where the door mounts nothing.")
    return {}


class Seen:
    """The GUIDs of many snapshots, asked for once and, while streams take their time, again.

    Between question and stream another snapshot may take the name. What then arrives has another GUID than was asked
    for, and is found out where every stream is: when the target's GUIDs are read back.
    """

    FRESH = 10.0  # seconds

    def __init__(self, requests: list[Args]) -> None:
        self._left = [str(args["snapshot"]) for args in requests]
        self._known: dict[str, str] = {}
        self._until = 0.0

    def check(self, args: Args) -> None:
        """As `guard` compares one; the requests come in their order. Raises Failure `changed`."""
        name = str(args["snapshot"])
        if monotonic() > self._until:
            self._ask()
        self._left.remove(name)
        now = self._known.get(name)
        if now is None:
            raise Failure("changed", f"{name} is gone.")
        if now != args["guid"]:
            raise Failure("changed", f"{name} is not what you saw: its GUID is {now} now, not {args['guid']}.")

    def _ask(self) -> None:
        # One that is gone makes its status bad; the others are listed all the same.
        listed = run([ZFS, "get", "-H", "-p", "-o", "name,value", "guid", *dict.fromkeys(self._left)], 300).text
        self._known = dict(row.split("\t") for row in listed.splitlines() if row.count("\t") == 1)
        self._until = monotonic() + self.FRESH


class Places:
    """What the checks of `receive` need to know of many targets, asked for once and not once for each.

    A target that is replaced between the question and its stream cannot be harmed: what goes on from a snapshot finds
    that snapshot or is refused by ZFS, and what makes a dataset finds one there and is refused, too.
    """

    def __init__(self, requests: list[Args]) -> None:
        names = {str(args["dataset"]) for args in requests}
        above = {"/".join(parts[:depth]) for parts in (n.split("/") for n in names) for depth in range(1, len(parts))}
        columns = ["-H", "-p", "-d", "0", "-t", "filesystem,volume", "-o", "name,type,mountpoint"]
        # Those that are not there yet make its status bad and are told on its standard error; the others are listed.
        listed = run([ZFS, "list", *columns, "--", *sorted(names | above)], 300).text
        self._known = _placed(listed, names | above)

    def check(self, args: Args) -> None:
        """As `received` checks one. Raises Failure `refused`, `changed`."""
        name, kind = str(args["dataset"]), str(args["kind"])
        if args.get("first") is not True:
            there = self._known.get(name, ("", ""))[0]
            if not there:
                raise Failure("changed", f"{name} does not exist (any more).")
            if there != kind:
                raise Failure("refused", f"{name} is a {there}, not a {kind}.")
            return
        self._known[name] = (kind, "")  # what goes on from it may be the next in line
        if kind != "filesystem":
            return
        path = self._mountpoint(name)
        if path.startswith("/") and mountpoint_problem(path):
            raise Failure("refused", f"{name} would belong at {path}, where the door mounts nothing.")

    def _mountpoint(self, name: str) -> str:
        parent, _, rest = name.rpartition("/")
        while parent:
            above = self._known.get(parent, ("", ""))[1]
            if above:
                return f"{above.rstrip('/')}/{rest}" if above.startswith("/") else above
            parent, _, last = parent.rpartition("/")
            rest = f"{last}/{rest}"
        raise Failure("changed", f"Nothing above {name} exists.")


def _placed(listed: str, asked: set[str]) -> dict[str, tuple[str, str]]:
    """Kind and mountpoint by name. A mountpoint may hold tabs and line ends: one that speaks for another dataset is
    seen by that one being there twice, and neither is believed."""
    found: dict[str, tuple[str, str]] = {}
    twice: set[str] = set()
    last = ""
    for line in listed.split("\n")[:-1]:
        row = line.split("\t", 2)
        if len(row) == 3 and row[0] in asked and row[1] in ("filesystem", "volume"):
            last = row[0]
            twice.update({last} & set(found))
            found[last] = (row[1], row[2])
        elif last:
            found[last] = (found[last][0], f"{found[last][1]}\n{line}")
    return {name: there for name, there in found.items() if name not in twice}


def _planned(args: Args, lines: list[str], needed: bool) -> Found:
    """Bind an act to what its dry run showed: `lines` are name and GUID of everything that would go."""
    plan = sha256("\n".join(sorted(lines)).encode())
    if args.get("dry_run") is not True and needed:
        if "plan" not in args:
            raise Failure(
                "refused", "This needs the plan that its dry run returns, so that nothing unseen is destroyed."
            )
        if args["plan"] != plan:
            raise Failure("changed", "What would be destroyed is not what the dry run showed; look at it again.")
    if args.get("dry_run") is True:
        return {"plan": plan, "destroys": sorted(line.split("\t")[0] for line in lines)}
    return {}


def _destroy_plan(_verb: Verb, args: Args) -> Found:
    recursive = args.get("recursive") is True
    if not recursive and args.get("dry_run") is not True:
        return {}
    depth = ["-r"] if recursive else ["-d", "0"]
    listed = ask([ZFS, "list", "-H", "-p", *depth, "-t", "all", "-o", "name,guid", "--", str(args["dataset"])])
    return _planned(args, listed.splitlines(), recursive)


def _rollback_plan(verb: Verb, args: Args) -> Found:
    newer = args.get("destroy_newer") is True or verb.name == "replica-rollback"
    if not newer and args.get("dry_run") is not True:
        return {}
    snapshot = str(args["snapshot"])
    columns = ["-H", "-p", "-d", "1", "-t", "snapshot,bookmark", "-o", "name,guid,createtxg"]
    rows = [line.split("\t") for line in ask([ZFS, "list", *columns, "--", snapshot.split("@")[0]]).splitlines()]
    born = next((int(row[2]) for row in rows if row[0] == snapshot), -1)
    if born < 0:
        raise Failure("changed", f"{snapshot} is gone.")
    return _planned(args, [f"{row[0]}\t{row[1]}" for row in rows if int(row[2]) > born], newer)


def _rollback_right(_verb: Verb, args: Args) -> Found:
    """The peer made this copy, and root's own file says that its key may do this."""
    from .peers import may_rollback

    dataset, peer = str(args["snapshot"]).split("@")[0], str(args["peer"])
    if ask([ZFS, "get", "-H", "-p", "-o", "value,source", "dplane:peer", dataset]) != f"{peer}\tlocal\n":
        raise Failure("refused", f"{dataset} is not a copy that {peer} made.")
    if not may_rollback(peer):
        raise Failure("refused", f"The key of {peer} was not given the right to roll back its copies here.")
    return {}


def _copy(_verb: Verb, args: Args) -> Found:
    """What mounts by itself, or is a disk for others, is in use and not a copy."""
    dataset, kind = str(args["dataset"]), str(args["kind"])
    there = zfs_get(dataset, "type")
    if there != kind:
        raise Failure("refused", f"{dataset} is a {there}, not a {kind}.")
    name, idle = ("canmount", ("noauto", "off")) if kind == "filesystem" else ("volmode", ("none",))
    value = zfs_get(dataset, name)
    if value not in idle:
        raise Failure("refused", f"{dataset} has {name}={value}, so it may be in use; set {name}={idle[0]} first.")
    if ask([ZFS, "get", "-H", "-p", "-o", "source", "dplane:peer", dataset]) != "local\n":
        # A peer's copy is one by its mark, which only an administrator sets; any other must not be in use, nor what is
        # below it: those who may set canmount are not those who may rename.
        kinds = "filesystem,volume"  # zfs takes no volume for the top of what is to be file systems
        listed = ask([ZFS, "list", "-H", "-p", "-r", "-t", kinds, "-o", "mounted,name", "--", dataset])
        used = next((line[4:] for line in listed.splitlines() if line.startswith("yes\t")), "")
        if used:
            raise Failure("refused", f"{used} is mounted, so it may be in use; unmount it first.")
    return {}


def _also(_verb: Verb, args: Args) -> Found:
    """Each of several snapshots is the one that was seen."""
    also = args.get("also")
    if isinstance(also, dict):
        rows = ask([ZFS, "get", "-H", "-p", "-o", "name,value", "guid", *sorted(also)]).splitlines()
        now = {row.partition("\t")[0]: row.partition("\t")[2] for row in rows}
        for name, guid in also.items():
            if now.get(name) != guid:
                raise Failure("changed", f"{name} is {'not what you saw' if name in now else 'gone'}.")
    return {}


def snapshots_of(dataset: str) -> dict[str, tuple[str, int]]:
    """GUID and createtxg of each snapshot of a dataset, by the name behind the @."""
    columns = ["-H", "-p", "-d", "1", "-t", "snapshot", "-o", "name,guid,createtxg"]
    rows = [line.split("\t") for line in ask([ZFS, "list", *columns, "--", dataset]).splitlines()]
    return {row[0].partition("@")[2]: (row[1], int(row[2])) for row in rows}


def _prune(_verb: Verb, args: Args) -> Found:
    """Each is the one that was chosen, and something newer stays: the newest is what a replication goes on from."""
    dataset, chosen = str(args["dataset"]), args["snapshots"]
    assert isinstance(chosen, dict)
    there = snapshots_of(dataset)
    for name, guid in chosen.items():
        now = there.get(name, ("", 0))[0]
        if now != guid:
            raise Failure("changed", f"{dataset}@{name} is {'not what you saw' if now else 'gone'}.")
    newest = max(there, key=lambda name: there[name][1])
    if newest in chosen:
        raise Failure("refused", f"{dataset}@{newest} is the newest snapshot of its dataset, which is never pruned.")
    if others := [name for name in chosen if not name.startswith("dplane-")]:
        _let_go(dataset, others)
    return {}


def _let_go(dataset: str, names: list[str]) -> None:
    """Refuse what D-Plane did not take, unless an administrator let names like it go. Raises Failure `refused`."""
    begins = let_go.of_dataset(dataset, lambda words: ask([ZFS, *words]))
    for name in names:
        if not let_go.covers(begins, name):
            raise Failure(
                "refused",
                f"{dataset}@{name} is no snapshot of ours (its name would start with dplane-), nor does "
                f"{let_go.MARK} there let names like it go.",
            )


def _adopt(_verb: Verb, args: Args) -> Found:
    """It is nobody else's, and nothing that this machine lives in: it becomes read-only, with all below it."""
    name = str(args["dataset"])
    kinds = "filesystem,volume"
    free = ("-", args["peer"], args.get("former", "-"))
    marks = ask([ZFS, "get", "-H", "-p", "-r", "-t", kinds, "-o", "name,value,source", "dplane:peer", name])
    for line in marks.split("\n")[:-1]:
        dataset, owner, source = line.split("\t") if line.count("\t") == 2 else (name, "", "")
        if source not in ("-", "local", "received") and not source.startswith("inherited from "):
            raise Failure("refused", f"Something of {name} has a mark that makes no sense, so it is no copy.")
        if owner not in free:
            raise Failure("refused", f"{dataset} is a copy of another peer already: {one_line(owner, 63)}.")
    listed = ask([ZFS, "list", "-H", "-p", "-r", "-t", kinds, "-o", "mounted,mountpoint", "--", name])
    for line in listed.split("\n")[:-1]:
        mounted, _, path = line.partition("\t")
        if mounted not in ("yes", "no", "-"):  # a line end inside of the path before
            raise Failure("refused", f"Something of {name} has a mountpoint of several lines, so it is no copy.")
        if mounted == "yes" and mountpoint_problem(path):
            raise Failure("refused", f"Something of {name} is mounted in a place of the system, so it is no copy.")
    return {}


def _bookmarks(_verb: Verb, args: Args) -> Found:
    from .bookmarks import compare

    chosen = args["bookmarks"]
    assert isinstance(chosen, dict)
    compare(chosen)
    return {}


def _terminal(verb: Verb, args: Args) -> Found:
    from .kiosk import preview

    return preview(verb.name, args)


def _vdev(verb: Verb, args: Args) -> Found:
    from . import devices

    return devices.vdev(verb, args)


def _new_disk(_verb: Verb, args: Args) -> Found:
    _is_disk(str(args["new"]))
    return {}


def _of_trees(name: str) -> Callable[[Verb, Args], Found]:
    """A check of trees.py, which is loaded when it is asked for."""

    def check(verb: Verb, args: Args) -> Found:
        from . import trees

        found: Found = getattr(trees, name)(verb, args)
        return found

    return check


def _share(verb: Verb, args: Args) -> Found:
    from . import shares

    return shares.look(verb, args)


BEFORE: dict[str, Callable[[Verb, Args], Found]] = {
    "terminal": _terminal,
    "disk": _disk,
    "disks": _disks,
    "mount": _mount,
    "size": _size,
    "token": _token,
    "received": _received,
    "destroy-plan": _destroy_plan,
    "rollback-plan": _rollback_plan,
    "rollback-right": _rollback_right,
    "copy": _copy,
    "also": _also,
    "prune": _prune,
    "adopt": _adopt,
    "bookmarks": _bookmarks,
    "vdev": _vdev,
    "new-disk": _new_disk,
    "share": _share,
    **{name: _of_trees(name) for name in ("rename", "inherit", "clone", "chosen")},
    "own-key": _of_trees("own_key"),
    "snapshot-name": _of_trees("snapshot_name"),
}


def look(verb: Verb, args: Args, role: str = ADMIN) -> Found:
    """All checks of the verb, the GUID last, as near to the act as can be. Raises Failure."""
    found: Found = {}
    chosen = _given(args, "mountpoint")
    if role != ADMIN and chosen.startswith("/"):
        roots_ground(chosen)
    for name in verb.before:
        found.update(BEFORE[name](verb, args))
    guard(verb, args)
    return found
