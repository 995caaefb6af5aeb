"""The layout of a new pool: a list of words in zpool's order, such as mirror DISK DISK log DISK."""

from __future__ import annotations

from .grammar import DIGITS, disk_problem

# The fewest disks a group may have. A draid's shape is in its word: draid2:4d:11c:1s.
GROUPS = {"mirror": 2, "raidz1": 3, "raidz2": 4, "raidz3": 5}
CLASSES = ("log", "cache", "special", "dedup", "spare")
WORDS = frozenset(GROUPS) | frozenset(CLASSES)
MAX_WORDS = 256


def draid(word: object) -> tuple[int, int, int, int] | None:
    """Parity, data disks a stripe, disks in all and distributed spares of a word such as draid2:4d:11c:1s."""
    parts = word.split(":") if isinstance(word, str) else []
    if len(parts) != 4 or parts[0] not in ("draid1", "draid2", "draid3"):
        return None
    numbers = []
    for part, unit in zip(parts[1:], "dcs"):  # noqa: B905 (there are three)
        digits = part[:-1]
        whole = 0 < len(digits) < 4 and set(digits) <= DIGITS and (digits[0] != "0" or digits == "0")
        if part[-1:] != unit or not whole:
            return None
        numbers.append(int(digits))
    parity, (data, disks, spares) = int(parts[0][5]), numbers
    if not (data >= 1 and spares <= 4 and data + parity + spares <= disks <= 255):
        return None
    return parity, data, disks, spares


def is_word(text: str) -> bool:
    """Whether it is a word of a layout, not the name of a disk."""
    return text in WORDS or draid(text) is not None


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
        elif word in GROUPS or draid(word):
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
        broken = "" if isinstance(word, str) and is_word(word) else disk_problem(word)
        if broken:
            return f"has a disk that {broken}"
    disks = [word for word in value if not is_word(word)]
    return "must not name a disk twice" if len(set(disks)) != len(disks) else ""


def vdevs_problem(value: object) -> str:
    """Why `value` is no layout of a pool: unknown words, too few disks in a group, a disk twice, nothing for data."""
    broken = added_problem(value)
    if broken or not isinstance(value, list):
        return broken
    return "" if any(group.role == "" for group in groups(value)) else "has no disk that holds data"


def added_problem(value: object) -> str:
    """The same for what is added to a pool that holds data already."""
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
        shape = draid(group.layout)
        if shape is not None and len(group.disks) != shape[2]:
            return f"needs {shape[2]} disks behind {group.layout}"
        if shape is None and group.layout and len(group.disks) < GROUPS[group.layout]:
            return f"needs at least {GROUPS[group.layout]} disks behind {group.layout}"
        if group.role in ("cache", "spare") and group.layout:
            return f"must have plain disks behind {group.role}"
        if group.role and group.layout.startswith(("raidz", "draid")):
            return f"must have plain disks or mirrors behind {group.role}"
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
