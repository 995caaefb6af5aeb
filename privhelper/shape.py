"""The words that the table in `verbs.py` is written in: Verb, Arg, and the parts of an argv."""

from __future__ import annotations

from .grammar import Kind
from .places import DISKS

Args = dict[str, object]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Rule = Callable[[Args], str]  # "" or why these arguments do not go together, a clause

VIEW, OPERATE, ADMIN = "view", "operate", "admin"
ROLES = (VIEW, OPERATE, ADMIN)  # each holds the rights of those before it


class Arg:
    """One argument of a verb."""

    __slots__ = ("example", "kind", "name", "optional")

    def __init__(self, name: str, kind: Kind, *, optional: bool = False, example: object = None) -> None:
        self.name = name
        self.kind = kind
        self.optional = optional
        self.example = kind.example if example is None else example


class Part:
    """A piece of an argv that depends on the arguments."""

    __slots__ = ("arg",)

    def __init__(self, arg: str) -> None:
        self.arg = arg

    def build(self, args: Args) -> list[str]:
        """The elements this part adds to the argv."""
        raise NotImplementedError

    def show(self) -> str:
        """The part as the documentation writes it."""
        raise NotImplementedError


class Value(Part):
    """The argument itself, between two fixed texts; nothing when it is absent."""

    __slots__ = ("after", "before")

    def __init__(self, arg: str, before: str = "", after: str = "") -> None:
        super().__init__(arg)
        self.before = before
        self.after = after

    def build(self, args: Args) -> list[str]:
        return [f"{self.before}{args[self.arg]}{self.after}"] if self.arg in args else []

    def show(self) -> str:
        return f"{self.before}<{self.arg}>{self.after}"


class Option(Value):
    """A fixed flag and the argument behind it; nothing when the argument is absent."""

    __slots__ = ("flag",)

    def __init__(self, flag: str, arg: str, before: str = "") -> None:
        super().__init__(arg, before)
        self.flag = flag

    def build(self, args: Args) -> list[str]:
        return [self.flag, *super().build(args)] if self.arg in args else []

    def show(self) -> str:
        return f"[{self.flag} {super().show()}]"


class When(Part):
    """Parts that are taken only when the argument has that value (true by default), and others when it has not."""

    __slots__ = ("equals", "otherwise", "parts")

    def __init__(
        self, arg: str, *parts: str | Part, equals: object = True, otherwise: tuple[str | Part, ...] = ()
    ) -> None:
        super().__init__(arg)
        self.equals = equals
        self.parts = parts
        self.otherwise = otherwise

    def build(self, args: Args) -> list[str]:
        return assemble(self.parts if args.get(self.arg) == self.equals else self.otherwise, args)

    def show(self) -> str:
        condition = self.arg if self.equals is True else f"{self.arg}={self.equals}"
        otherwise = f" else {show(self.otherwise)}" if self.otherwise else ""
        return f"[if {condition}: {show(self.parts)}{otherwise}]"


class Setting(Part):
    """One element, NAME=VALUE, of two arguments, behind a fixed text."""

    __slots__ = ("before", "value")

    def __init__(self, arg: str, value: str, before: str = "") -> None:
        super().__init__(arg)
        self.value = value
        self.before = before

    def build(self, args: Args) -> list[str]:
        return [f"{self.before}{args[self.arg]}={args[self.value]}"]

    def show(self) -> str:
        return f"{self.before}<{self.arg}>=<{self.value}>"


class DatasetOf(Part):
    """The dataset of a snapshot's name."""

    __slots__ = ()

    def build(self, args: Args) -> list[str]:
        return [str(args[self.arg]).split("@")[0]]

    def show(self) -> str:
        return f"<dataset of {self.arg}>"


class SameName(Part):
    """For each dataset of a list, its snapshot of the same name as another argument's."""

    __slots__ = ("snapshot",)

    def __init__(self, arg: str, snapshot: str) -> None:
        super().__init__(arg)
        self.snapshot = snapshot

    def build(self, args: Args) -> list[str]:
        given = args.get(self.arg)
        name = str(args[self.snapshot]).split("@")[1]
        return [f"{dataset}@{name}" for dataset in given] if isinstance(given, list) else []

    def show(self) -> str:
        return f"[each of {self.arg}@<name of {self.snapshot}>]"


class EachAt(Part):
    """For each dataset of a list, its snapshot of the name that another argument gives."""

    __slots__ = ("name",)

    def __init__(self, arg: str, name: str) -> None:
        super().__init__(arg)
        self.name = name

    def build(self, args: Args) -> list[str]:
        given = args[self.arg]
        assert isinstance(given, list)
        return [f"{dataset}@{args[self.name]}" for dataset in given]

    def show(self) -> str:
        return f"[each of {self.arg}@<{self.name}>]"


class Several(Part):
    """One element: a dataset and the names of several of its snapshots."""

    __slots__ = ("names",)

    def __init__(self, arg: str, names: str) -> None:
        super().__init__(arg)
        self.names = names

    def build(self, args: Args) -> list[str]:
        given = args[self.names]
        assert isinstance(given, dict)
        return [f"{args[self.arg]}@{','.join(sorted(given))}"]

    def show(self) -> str:
        return f"<{self.arg}>@<names of {self.names}, by commas>"


class Names(Part):
    """The names of an object, in their order."""

    __slots__ = ()

    def build(self, args: Args) -> list[str]:
        given = args.get(self.arg)
        return sorted(given) if isinstance(given, dict) else []

    def show(self) -> str:
        return f"[each name of {self.arg}]"


class Pairs(Part):
    """A fixed flag and name=value for each property of an object, in the order of their names."""

    __slots__ = ("flag", "only")

    def __init__(self, flag: str, arg: str, only: Callable[[str], bool] = bool) -> None:
        super().__init__(arg)
        self.flag = flag
        self.only = only  # which names; a property of the pool has another flag than one of its root dataset

    def build(self, args: Args) -> list[str]:
        given = args.get(self.arg)
        found: list[str] = []
        for name, value in sorted(given.items()) if isinstance(given, dict) else ():
            if self.only(name):
                found += [self.flag, f"{name}={value}"]
        return found

    def show(self) -> str:
        return f"[{self.flag} <name>=<value> for each of {self.arg}]"


class Unless(Part):
    """A fixed flag and a setting, unless the object of properties gives another value for it."""

    __slots__ = ("flag", "setting")

    def __init__(self, flag: str, setting: str, arg: str) -> None:
        super().__init__(arg)
        self.flag = flag
        self.setting = setting

    def build(self, args: Args) -> list[str]:
        given = args.get(self.arg)
        name = self.setting.partition("=")[0]
        return [] if isinstance(given, dict) and name in given else [self.flag, self.setting]

    def show(self) -> str:
        return f"[{self.flag} {self.setting} unless in {self.arg}]"


class Disks(Part):
    """The layout of a pool: its words as they are, its disks as paths in /dev/disk/by-id."""

    __slots__ = ()

    def build(self, args: Args) -> list[str]:
        from .vdevs import is_word

        words = args[self.arg]
        assert isinstance(words, list)
        return [word if is_word(word) else f"{DISKS}/{word}" for word in words]

    def show(self) -> str:
        return f"<{self.arg}, each disk as {DISKS}/<name>>"


class Verb:
    """One thing the helper can do.

    `guard` names the argument whose GUID is compared with `guid`; `before` and `after` name further checks and
    read-backs (functions of checks.py and readback.py); `stream` is "", "in", "out" or "both"; `secret` says whether
    a passphrase comes behind the request ("" for no), for the program's standard input; `limit` is in seconds.
    """

    __slots__ = (
        "about",
        "acts",
        "after",
        "args",
        "argv",
        "before",
        "destroys",
        "guard",
        "limit",
        "name",
        "role",
        "rules",
        "secret",
        "stream",
    )

    def __init__(
        self,
        name: str,
        role: str,
        about: str,
        args: tuple[Arg, ...],
        argv: tuple[str | Part, ...],
        *,
        rules: tuple[Rule, ...] = (),
        guard: str = "",
        before: tuple[str, ...] = (),
        after: str = "",
        acts: bool = True,
        destroys: bool = False,
        stream: str = "",
        secret: Rule | None = None,
        limit: int = 120,
    ) -> None:
        self.name = name
        self.role = role
        self.about = about
        self.args = args
        self.argv = argv
        self.rules = rules
        self.guard = guard
        self.before = before
        self.after = after
        self.acts = acts
        self.destroys = destroys
        self.stream = stream
        self.secret = secret
        self.limit = limit

    def wants_secret(self, args: Args) -> bool:
        """Whether a passphrase comes behind this request."""
        return self.secret is not None and bool(self.secret(args))

    def is_dry(self, args: Args) -> bool:
        """Whether this request only asks what would happen."""
        return args.get("dry_run") is True


def assemble(parts: tuple[str | Part, ...], args: Args) -> list[str]:
    """The argv that `parts` make of checked `args`."""
    found: list[str] = []
    for part in parts:
        if isinstance(part, str):
            found.append(part)
        else:
            found += part.build(args)
    return found


def show(parts: tuple[str | Part, ...]) -> str:
    """`parts` as the documentation writes them."""
    return " ".join(part if isinstance(part, str) else part.show() for part in parts)
