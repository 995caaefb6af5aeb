"""Everything a person can do, in one table. Bindings, hints, help and palette all come from here."""

from __future__ import annotations

from .lazyclass import dataclass

ROLES = ("", "view", "operate", "admin")


@dataclass(frozen=True, slots=True)
class Action:
    """One thing to do. The screen (or the app) carries it out in its method `do_<id with underscores>`."""

    id: str
    keys: tuple[str, ...]
    """Keys in Textual's names, the one to show first."""
    label: str
    """Two words at most: it stands in the hints line."""
    group: str
    """Where it works: `global`, a section, or a pane of one (`pools.datasets`)."""
    help: str = ""
    """One line for the help screen and the palette; the label when empty."""
    role: str = "view"
    """The least role that may do it."""
    mutating: bool = False
    hint: int = 50
    """Place in the hints line, low first; 0 keeps it out."""

    @property
    def key(self) -> str:
        """The key to show."""
        return SHOWN.get(self.keys[0], self.keys[0])

    @property
    def shown_keys(self) -> str:
        """All of them, to show."""
        return " ".join(SHOWN.get(key, key) for key in self.keys)


SHOWN = {
    "question_mark": "?",
    "slash": "/",
    "minus": "-",
    "colon": ":",
    "enter": "Enter",
    "escape": "Esc",
    "tab": "Tab",
    "left_square_bracket": "[",
    "right_square_bracket": "]",
    "space": "Space",
    "up": "Up",
    "down": "Down",
    "pageup": "PgUp",
    "pagedown": "PgDn",
    "home": "Home",
    "end": "End",
}


def _write(id: str, key: str, label: str, group: str, text: str, role: str, hint: int = 50) -> Action:
    return Action(id, (key,), label, group, text, role, mutating=True, hint=hint)


ACTIONS: tuple[Action, ...] = (
    Action("section-start", ("0",), "Start", "global", "go to Start: is everything all right?", hint=0),
    Action("section-pools", ("1",), "Pools", "global", "go to Pools", hint=0),
    Action("section-replication", ("2",), "Replication", "global", "go to Replication", hint=0),
    Action("section-docker", ("3",), "Docker", "global", "go to Docker", hint=0),
    Action("section-health", ("4",), "Health", "global", "go to Health", hint=0),
    Action("section-datasets", ("5",), "Datasets", "global", "go to Datasets", hint=0),
    Action("section-snapshots", ("6",), "Snapshots", "global", "go to Snapshots", hint=0),
    Action("section-files", ("F",), "Files", "global", "files as they were: browse, versions, bring back", hint=0),
    Action("help", ("question_mark", "f1"), "help", "global", "every key that works here", hint=97),
    Action("palette", ("colon", "ctrl+p"), "find", "global", "find anything by its name, or what to do", hint=98),
    Action("quit", ("q", "f10", "ctrl+q"), "quit", "global", "close the console; transfers go on without it", hint=99),
    Action("refresh", ("r", "f5"), "refresh", "global", "read everything on this screen again", hint=0),
    Action("theme", ("T",), "theme", "global", "choose the colours", hint=0),
    Action("messages", ("N",), "log", "global", "what this session did, and what came of it", hint=0),
    Action("jobs", ("J",), "jobs", "global", "all work that runs or ran outside the console", hint=0),
    Action("picture", ("S",), "picture", "global", "write this screen to a file, with names hidden or not", hint=0),
    Action("next-box", ("B",), "next box", "global", "go to the next of several boxes", hint=0),
    Action("jump-back", ("minus", "ctrl+o"), "jump back", "global", "where you were before, on the same row", hint=0),
    Action("lock", ("L",), "lock", "own", "hide everything until your password was typed", hint=0),
    Action("lock-after", ("K",), "lock after", "own", "after how long without a key it locks by itself", hint=0),
    # A console on the box's own terminal: what it shows for everybody, and who signed in there
    Action("sign-in", ("U",), "sign in", "kiosk", "open your own console here, with your account's password", hint=1),
    Action("how-to-act", ("U",), "how to act", "view-only", "where to go to change something", hint=1),
    Action(
        "sign-out",
        ("q", "L", "f10", "ctrl+q"),
        "sign out",
        "session",
        "end this console; the view that needs no login comes back",
        hint=99,
    ),
    Action("redraw", ("ctrl+l",), "redraw", "global", "draw it all again; a serial terminal is asked its size", hint=0),
    Action("suspend", ("ctrl+z",), "suspend", "global", "back to the shell for a while; fg returns", hint=0),
    Action("copy", ("Y",), "copy name", "list", "send the row's name to the terminal's clipboard", hint=0),
    Action(
        "policies", ("O",), "policies", "global", "snapshots by themselves: how many are kept, what is late", hint=0
    ),
    Action("notified", ("M",), "who is told", "global", "who is told of alarms, whether it arrives; channels", hint=0),
    Action("back", ("escape",), "back", "global", "one step back: filter, pane, dialog", hint=0),
    Action("filter", ("slash",), "filter", "list", "show only rows with a word (! before it: without)", hint=90),
    Action("sort", ("s",), "sort", "list", "sort by the next column", hint=91),
    Action("sort-reverse", ("R",), "reverse", "list", "sort the other way round", hint=0),
    Action("next-pane", ("tab",), "pane", "list", "move between the list and its detail", hint=80),
    # Start
    Action("lead", ("enter",), "go there", "start", "go to what needs you, or to the box", hint=10),
    Action(
        "pool-repair",
        ("y",),
        "repair",
        "start.pool",
        "what is wrong with the pool under the cursor, what helps",
        hint=11,
    ),
    # Pools
    Action("open", ("enter",), "detail", "pools", "look into the pool", hint=10),
    Action(
        "tab-next",
        ("right_square_bracket", "t", "right", "l"),
        "next tab",
        "pools",
        "devices, datasets, snapshots",
        hint=12,
    ),
    Action("tab-previous", ("left_square_bracket", "left", "h"), "previous tab", "pools", "the tab before", hint=0),
    Action("pool-charts", ("H",), "charts", "pools", "how full over time, when it is full, what goes on now", hint=29),
    Action("pool-repair", ("y",), "repair", "pools", "what is wrong with the pool, and the one thing to do", hint=11),
    _write("pool-create", "n", "new pool", "pools", "create a pool from free disks", "admin", 20),
    _write("pool-import", "i", "import", "pools", "import a pool found on the disks", "admin", 26),
    _write("pool-import-other", "I", "import other", "pools", "destroyed, renamed, read-only, rewound, …", "admin", 0),
    _write("dataset-create", "a", "add dataset", "pools", "create a file system or volume", "operate", 22),
    _write("scrub", "b", "scrub", "pools", "start, pause or stop a scrub", "operate", 24),
    _write("pool-clear", "c", "clear errors", "pools", "clear error counts of pool or device", "operate", 28),
    _write("pool-change", "m", "change", "pools", "change a disk, a group, or the whole pool", "operate", 27),
    _write("pool-export", "x", "export", "pools", "export the pool: unmount it and let it go", "admin", 30),
    _write("pool-destroy", "D", "destroy pool", "pools", "destroy the pool and everything in it", "admin", 34),
    Action(
        "protect",
        ("P",),
        "protect",
        "pools.datasets",
        "copy the dataset to another box or pool",
        "operate",
        mutating=True,
        hint=21,
    ),
    _write("snapshot-create", "p", "snapshot", "pools.datasets", "take a snapshot of the dataset", "operate", 23),
    _write("dataset-destroy", "d", "destroy", "pools.datasets", "destroy the dataset", "admin", 33),
    _write(
        "snapshot-rollback", "o", "roll back", "pools.snapshots", "roll the dataset back to the snapshot", "admin", 25
    ),
    _write("snapshot-destroy", "d", "destroy", "pools.snapshots", "destroy the snapshot", "admin", 33),
    Action("files-here", ("f",), "files", "pools.datasets", "browse its files and bring old ones back", hint=22),
    Action("files-here", ("f",), "files", "pools.snapshots", "browse its files and bring old ones back", hint=22),
    # Files
    Action("file-open", ("enter",), "open", "files", "go into the folder, or look at the file", hint=10),
    Action("file-up", ("u", "backspace"), "up", "files", "go to the folder above", hint=14),
    Action("file-older", ("left_square_bracket",), "older", "files", "the same folder one snapshot earlier", hint=13),
    Action("file-newer", ("right_square_bracket",), "newer", "files", "the same folder one snapshot later", hint=15),
    Action("file-versions", ("v",), "versions", "files", "every version of what is under the cursor", hint=11),
    Action("file-compare", ("c",), "compare", "files", "what differs from the file as it is now", hint=16),
    Action(
        "file-restore",
        ("b",),
        "bring back",
        "files",
        "restore it, beside its old place or in it",
        role="",
        mutating=True,
        hint=12,
    ),
    Action("file-at", ("a",), "at", "files", "choose the snapshot to look at", hint=18),
    Action("file-dataset", ("d",), "dataset", "files", "choose the dataset", hint=19),
    Action("file-path", ("p",), "path", "files", "type the path of a folder", hint=20),
    Action("file-stop", ("x",), "stop", "files", "stop the restore; it is undone", hint=0),
    _write("file-root", "A", "as root", "files", "read and restore as root, or as yourself again", "admin", 30),
    # Snapshot policies (the list that `O` opens)
    _write("policy-set", "enter", "set", "policies", "give the dataset a policy, with a preview", "operate", 10),
    Action("policy-preview", ("p",), "preview", "policies", "what the next run would take and let go", hint=12),
    _write("policy-run", "u", "run now", "policies", "run the policies of the dataset and below", "operate", 14),
    _write("policy-none", "x", "none", "policies", "no policy for the dataset and below", "operate", 16),
    _write("policy-unset", "i", "inherit", "policies", "let the policy of its parent count", "operate", 18),
    Action("policy-runs", ("h",), "history", "policies", "what the last runs did", hint=20),
    # Replication
    Action("evidence", ("enter",), "open", "replication", "a task in detail; why a run failed, its proof", hint=10),
    _write("peer-pair", "n", "pair a box", "replication", "pair with another NAS", "admin", 20),
    Action(
        "protect",
        ("a", "P"),
        "protect",
        "replication",
        "protect a dataset: make a task for it",
        "operate",
        mutating=True,
        hint=13,
    ),
    Action("peer-test", ("e",), "test peer", "replication", "log in at the peer with its key now", "operate", hint=31),
    Action("host-key", ("f",), "host key", "replication", "the peer's pinned host key and the one it shows", hint=32),
    _write("host-key-trust", "h", "accept key", "replication", "accept a host key that was read there", "admin", 35),
    _write("peer-by-line", "i", "by line", "replication", "pair by pasted lines, without a password", "admin", 36),
    _write(
        "task-import",
        "I",
        "from syncoid",
        "replication",
        "tasks for the crontabs' syncoid, or a pasted line",
        "operate",
        38,
    ),
    Action("peers-in", ("A",), "let in", "replication", "which boxes may come in here; shut one out", hint=37),
    _write("task-run", "u", "run now", "replication.tasks", "run the task now", "operate", 11),
    Action("task-plan", ("y",), "dry run", "replication.tasks", "what a run would do now", role="operate", hint=24),
    _write(
        "task-ways", "m", "ways out", "replication.tasks", "a copy that went its own way: what helps", "operate", 28
    ),
    Action(
        "task-compare",
        ("c",),
        "compare",
        "replication.tasks",
        "which snapshots each side has, by GUID",
        role="operate",
        hint=29,
    ),
    _write("task-verify", "v", "verify", "replication.tasks", "read both sides and compare the content", "operate", 29),
    _write("task-pause", "p", "pause", "replication.tasks", "pause the task, or let it go on", "operate", 21),
    _write("restore", "b", "bring back", "replication.tasks", "restore from the copy; replaces nothing", "operate", 22),
    _write("task-limit", "l", "limit", "replication.tasks", "how fast it may send, at once", "operate", 25),
    _write("task-schedule", "w", "schedule", "replication.tasks", "when it runs by itself", "operate", 23),
    _write("task-keep", "o", "keep", "replication.tasks", "how old the copy may get, what is kept", "operate", 27),
    _write(
        "task-prune", "D", "prune", "replication.tasks", "retention now: destroy what it does not keep", "operate", 31
    ),
    _write("run-cancel", "x", "cancel run", "replication.tasks", "stop the run of this task", "operate", 26),
    _write("task-remove", "d", "remove", "replication.tasks", "forget the task; data stays", "operate", 30),
    _write("key-rotate", "W", "new key", "replication.peers", "a new key for the peer, without a gap", "admin", 29),
    _write("peer-remove", "d", "remove", "replication.peers", "forget the peer and its key", "admin", 30),
    Action(
        "tab-next",
        ("right_square_bracket", "t", "right"),
        "next tab",
        "replication",
        "tasks, peers, jobs",
        hint=12,
    ),
    Action("tab-previous", ("left_square_bracket", "left"), "previous tab", "replication", "the tab before", hint=0),
    # Docker
    Action("container-logs", ("enter",), "logs", "docker", "follow the container's log", hint=10),
    Action("log-follow", ("f",), "follow", "docker", "follow the log, or hold still", hint=12),
    _write("container-start", "u", "start", "docker", "start the container", "operate", 20),
    _write("container-stop", "x", "stop", "docker", "stop the container", "operate", 22),
    _write("container-restart", "e", "restart", "docker", "restart the container", "operate", 24),
    # Health
    Action("smart", ("enter",), "detail", "health", "everything known about the row", hint=10),
    Action(
        "tab-next",
        ("right_square_bracket", "t", "right", "l"),
        "next tab",
        "health",
        "disks, services, temperatures",
        hint=12,
    ),
    Action("tab-previous", ("left_square_bracket", "left", "h"), "previous tab", "health", "the tab before", hint=0),
    # Datasets
    Action("dataset-snapshots", ("enter",), "snapshots", "datasets", "the snapshots of the dataset", hint=10),
    Action("dataset-protection", ("y",), "why", "datasets", "why it is protected or not, and what helps", hint=11),
    Action("dataset-space", ("x",), "space", "datasets", "where its space went, what destroying it frees", hint=12),
    Action("dataset-who", ("w",), "who", "datasets", "who uses how much, their quotas, who may do what", hint=13),
    Action("dataset-shares", ("X",), "shares", "datasets", "what is exported over NFS and SMB; share it", hint=27),
    _write("dataset-create", "a", "add", "datasets", "create a file system or volume below it", "operate", 20),
    _write("snapshot-create", "p", "snapshot", "datasets", "take a snapshot of it", "operate", 21),
    _write(
        "key-load",
        "E",
        "unlock",
        "datasets",
        "load the keys that datasets wait for, one after the other",
        "operate",
        22,
    ),
    _write("dataset-properties", "o", "properties", "datasets", "see and set its properties", "operate", 23),
    _write("dataset-quota", "u", "quota", "datasets", "quotas and reservations", "operate", 24),
    _write("dataset-mount", "m", "mount", "datasets", "mount it, or unmount it", "operate", 25),
    _write("protect", "P", "protect", "datasets", "copy it to another box or pool", "operate", 26),
    _write("dataset-rename", "e", "rename", "datasets", "give it another name in its pool", "admin", 30),
    _write("dataset-destroy", "d", "destroy", "datasets", "set it aside or destroy it, after a look", "admin", 31),
    _write("dataset-promote", "v", "promote", "datasets", "make a clone stand alone", "admin", 40),
    _write("key-unload", "C", "lock", "datasets", "unmount what has its key, and forget the key", "operate", 41),
    _write("key-change", "W", "new key", "datasets", "another passphrase for an encrypted dataset", "admin", 42),
    # Snapshots
    Action("snapshot-show", ("enter",), "detail", "snapshots", "holds, clones and figures of the snapshot", hint=10),
    Action("snapshot-mark", ("m",), "mark", "snapshots", "mark one end of a range or comparison", hint=11),
    Action("snapshot-diff", ("f",), "compare", "snapshots", "what changed: from the mark, or until now", hint=12),
    Action("snapshot-scope", ("A",), "all/one", "snapshots", "all snapshots, or those of one dataset", hint=13),
    _write("snapshot-create", "p", "snapshot", "snapshots", "take a snapshot of the dataset", "operate", 20),
    _write("snapshot-rollback", "o", "roll back", "snapshots", "roll back to it, or clone it beside", "admin", 21),
    _write("snapshot-clone", "c", "clone", "snapshots", "make a dataset that begins as it is", "operate", 22),
    _write("snapshot-hold", "h", "hold", "snapshots", "keep it from being destroyed, or release it", "operate", 23),
    _write("snapshot-destroy", "d", "destroy", "snapshots", "destroy the snapshot", "admin", 30),
    _write("snapshots-destroy", "D", "destroy some", "snapshots", "destroy a range or a pattern of them", "admin", 31),
    _write("snapshot-rename", "e", "rename", "snapshots", "give it another name", "operate", 32),
)

SECTIONS = ("start", "pools", "replication", "docker", "health", "datasets", "snapshots")
WITHOUT_TAB = ("files",)
"""Sections that are reached from others and have no number in the title."""
STAYS = frozenset({"kiosk", "view-only", "session"})
"""Groups of a console that stands on the box's own terminal: nobody closes it, its session is signed out of."""
FOR_EVERYBODY = frozenset({"kiosk", "view-only"})
"""Those of one that shows to whoever passes by: it reads no files of people, and writes none."""
_OWN_EYES = frozenset(
    {"section-files", "files-here", "picture", "dataset-who", "dataset-shares", "notified", "peers-in", "task-compare"}
)

_in_use = ACTIONS


def use(actions: tuple[Action, ...]) -> None:
    """Let these be the actions from now on: the table with the keys a person chose (`keys.py`)."""
    global _in_use
    _in_use = actions


def in_use() -> tuple[Action, ...]:
    """All actions, with the keys they have now."""
    return _in_use


def within(groups: tuple[str, ...]) -> tuple[Action, ...]:
    """The actions of `groups`, in the table's order."""
    kept = {"quit", "suspend"} if not STAYS.isdisjoint(groups) else set()
    if not FOR_EVERYBODY.isdisjoint(groups):
        groups, kept = tuple(group for group in groups if group != "files"), kept | _OWN_EYES
    return tuple(action for action in _in_use if action.group in groups and action.id not in kept)


def hints(groups: tuple[str, ...], role: str) -> tuple[Action, ...]:
    """What the hints line names: the actions of `groups` this role may do, by their place."""
    named = [action for action in within(groups) if action.hint and allowed(action, role)]
    return tuple(sorted(named, key=lambda action: action.hint))


def allowed(action: Action, role: str) -> bool:
    """Whether `role` is enough. Reading needs none: it is what the account itself may read."""
    return not action.mutating or ROLES.index(role if role in ROLES else "") >= ROLES.index(action.role)


def find(id: str, groups: tuple[str, ...]) -> Action | None:
    """The action called `id` in one of `groups`."""
    return next((action for action in within(groups) if action.id == id), None)


def for_key(key: str, groups: tuple[str, ...]) -> Action | None:
    """What `key` does where `groups` are active; the innermost group wins."""
    meant = [action for action in within(groups) if key in action.keys]
    return max(meant, key=lambda action: groups.index(action.group), default=None)
