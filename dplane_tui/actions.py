"""Everything a person can do, in one table. Bindings, hints, help and palette all come from here."""

from __future__ import annotations

from dataclasses import dataclass

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


SHOWN = {
    "question_mark": "?",
    "slash": "/",
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
    Action("section-pools", ("1",), "Pools", "global", "go to Pools", hint=0),
    Action("section-replication", ("2",), "Replication", "global", "go to Replication", hint=0),
    Action("section-docker", ("3",), "Docker", "global", "go to Docker", hint=0),
    Action("section-health", ("4",), "Health", "global", "go to Health", hint=0),
    Action("help", ("question_mark", "f1"), "help", "global", "every key that works here", hint=97),
    Action("palette", ("colon", "ctrl+p"), "command", "global", "find an action by its name", hint=98),
    Action("quit", ("q", "f10", "ctrl+q"), "quit", "global", "close the console; transfers go on without it", hint=99),
    Action("refresh", ("r", "f5"), "refresh", "global", "read everything on this screen again", hint=0),
    Action("theme", ("T",), "theme", "global", "choose the colours", hint=0),
    Action(
        "policies", ("Y",), "policies", "global", "snapshots by themselves: how many are kept, what is late", hint=0
    ),
    Action("messages", ("N",), "messages", "global", "what was said in the message line before", hint=0),
    Action("back", ("escape",), "back", "global", "one step back: filter, pane, dialog", hint=0),
    Action("filter", ("slash",), "filter", "list", "show only rows with a word (! before it: without)", hint=90),
    Action("sort", ("s",), "sort", "list", "sort by the next column", hint=91),
    Action("sort-reverse", ("R",), "reverse", "list", "sort the other way round", hint=0),
    Action("next-pane", ("tab",), "pane", "list", "move between the list and its detail", hint=80),
    # Pools
    Action("open", ("enter",), "detail", "pools", "look into the pool", hint=10),
    Action("tab-next", ("right_square_bracket", "t"), "next tab", "pools", "devices, datasets, snapshots", hint=12),
    Action("tab-previous", ("left_square_bracket",), "previous tab", "pools", "the tab before", hint=0),
    _write("pool-create", "n", "new pool", "pools", "create a pool from free disks", "admin", 20),
    _write("pool-import", "i", "import", "pools", "import a pool found on the disks", "admin", 26),
    _write("dataset-create", "a", "add dataset", "pools", "create a file system or volume", "operate", 22),
    _write("scrub", "b", "scrub", "pools", "start, pause or stop a scrub", "operate", 24),
    _write("pool-clear", "c", "clear errors", "pools", "clear error counts of pool or device", "operate", 28),
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
    # Snapshot policies (the list that `Y` opens)
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
    _write("task-run", "u", "run now", "replication.tasks", "run the task now", "operate", 11),
    Action("task-plan", ("y",), "dry run", "replication.tasks", "what a run would do now", role="operate", hint=24),
    _write("task-pause", "p", "pause", "replication.tasks", "pause the task, or let it go on", "operate", 21),
    _write("restore", "b", "bring back", "replication.tasks", "restore from the copy; replaces nothing", "operate", 22),
    _write("task-limit", "l", "limit", "replication.tasks", "how fast it may send, at once", "operate", 25),
    _write("task-schedule", "w", "schedule", "replication.tasks", "when it runs by itself", "operate", 23),
    _write("run-cancel", "x", "cancel run", "replication.tasks", "stop the run of this task", "operate", 26),
    _write("task-remove", "d", "remove", "replication.tasks", "forget the task; data stays", "operate", 30),
    _write("peer-remove", "d", "remove", "replication.peers", "forget the peer and its key", "admin", 30),
    Action("tab-next", ("right_square_bracket", "t"), "next tab", "replication", "tasks, peers, jobs", hint=12),
    Action("tab-previous", ("left_square_bracket",), "previous tab", "replication", "the tab before", hint=0),
    # Docker
    Action("container-logs", ("enter",), "logs", "docker", "follow the container's log", hint=10),
    Action("log-follow", ("f",), "follow", "docker", "follow the log, or hold still", hint=12),
    _write("container-start", "u", "start", "docker", "start the container", "operate", 20),
    _write("container-stop", "x", "stop", "docker", "stop the container", "operate", 22),
    _write("container-restart", "e", "restart", "docker", "restart the container", "operate", 24),
    # Health
    Action("smart", ("enter",), "detail", "health", "everything known about the row", hint=10),
    Action("tab-next", ("right_square_bracket", "t"), "next tab", "health", "disks, services, temperatures", hint=12),
    Action("tab-previous", ("left_square_bracket",), "previous tab", "health", "the tab before", hint=0),
)

SECTIONS = ("pools", "replication", "docker", "health")


def within(groups: tuple[str, ...]) -> tuple[Action, ...]:
    """The actions of `groups`, in the table's order."""
    return tuple(action for action in ACTIONS if action.group in groups)


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
    for group in reversed(groups):
        for action in within((group,)):
            if key in action.keys:
                return action
    return None


def search(query: str, groups: tuple[str, ...]) -> tuple[Action, ...]:
    """Actions whose id, label or help has every word of `query`; beginnings of the label first."""
    words = query.lower().split()
    found = [
        action
        for action in within(groups)
        if all(word in f"{action.id} {action.label} {action.help} {action.group}".lower() for word in words)
    ]
    return tuple(sorted(found, key=lambda a: not (words and a.label.lower().startswith(words[0]))))
