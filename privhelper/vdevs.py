"""The layout of a new pool: a list of words in zpool's order, such as mirror DISK DISK log DISK."""

from __future__ import annotations

from .grammar import disk_problem

# The fewest disks a group may have. draid is left out: its width is in its word, and it is for more than a dozen disks.
GROUPS = {"mirror": 2, "raidz1": 3, "raidz2": 4, "raidz3": 5}
CLASSES = ("log", "cache", "special", "dedup", "spare")
WORDS = frozenset(GROUPS) | frozenset(CLASSES)
MAX_WORDS = 256


class Group:
    """Disks that belong together: the class they serve ("" for data), the redundancy word ("" for none), the disks."""

    __slots__ = ("disks", "layout", "role")

    def __init__(self, role: str, layout: str) -> None:
        self.role = role
        self.layout = layout
        self.disks: list[str] = []


def groups(words: list[str]) -> list[Group]:
    """The groups that zpool would read from `words`; disks that follow no redundancy word are groups of their own."""
    found: list[Group] = []
    role = layout = ""
    for word in words:
        if word in CLASSES:
            role, layout = word, ""
            found.append(Group(role, "class"))
        elif word in GROUPS:
            layout = word
            found.append(Group(role, layout))
        else:
            if not layout:
                found.append(Group(role, ""))
            found[-1].disks.append(word)
    return found


def _words_problem(value: object) -> str:
    if not isinstance(value, list) or not value:
        return "must be a list of words and disks, not empty"
    if len(value) > MAX_WORDS:
        return f"must not hold more than {MAX_WORDS} words"
    for word in value:
        broken = "" if isinstance(word, str) and word in WORDS else disk_problem(word)
        if broken:
            return f"has a disk that {broken}"
    disks = [word for word in value if word not in WORDS]
    return "must not name a disk twice" if len(set(disks)) != len(disks) else ""


def vdevs_problem(value: object) -> str:
    """Why `value` is not a layout that zpool would take: unknown words, too few disks in a group, a disk twice."""
    broken = _words_problem(value)
    if broken or not isinstance(value, list):
        return broken
    found = groups(value)
    for place, group in enumerate(found):
        if group.layout == "class":
            following = found[place + 1] if place + 1 < len(found) else None
            if following is None or following.role != group.role or following.layout == "class":
                return f"has no disk behind {group.role}"
            continue
        if group.layout and len(group.disks) < GROUPS[group.layout]:
            return f"needs at least {GROUPS[group.layout]} disks behind {group.layout}"
        if group.role in ("cache", "spare") and group.layout:
            return f"must have plain disks behind {group.role}"
        if group.role and group.layout.startswith("raidz"):
            return f"must have plain disks or mirrors behind {group.role}"
    if not any(group.role == "" for group in found):
        return "has no disk that holds data"
    return ""


def mixed(words: list[str]) -> str:
    """Why `words` mixes redundancies, which only force may: data groups unlike each other or unlike the special one."""
    found = [group for group in groups(words) if group.layout != "class"]
    data = {(group.layout, len(group.disks)) for group in found if not group.role}
    if len(data) > 1:
        return "mixes groups of different redundancy or width (force allows it)"
    redundant = any(layout for layout, _ in data)
    if redundant and any(group.role in ("special", "dedup") and not group.layout for group in found):
        return "has a special or dedup disk without redundancy, its loss would be the pool's (force allows it)"
    return ""
