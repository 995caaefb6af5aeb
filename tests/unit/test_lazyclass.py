"""Classes whose methods are made later are, for whoever uses them, those of the standard library."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import itertools
import pickle
import re
import subprocess
import sys
import threading
import typing as t
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import pytest

import dplane_tui
from dplane_tui import lazyclass

Made = Callable[[type], Any]


class Point:
    """Two numbers and what belongs to them."""

    KIND: ClassVar[str] = "point"
    x: int
    y: int = 2
    tags: tuple[str, ...] = ()
    notes: list[str]

    def __post_init__(self) -> None:
        if self.x < 0:
            raise ValueError("below nought")

    @property
    def sum(self) -> int:
        """Both together."""
        return self.x + self.y


def made(by: Any, frozen: bool = True) -> Any:
    """A class with the same body, by our own or the library's decorator; found in this module, to be pickled."""
    body = {key: value for key, value in vars(Point).items() if key not in {"__dict__", "__weakref__"}}
    mine = by is lazyclass.dataclass
    body["notes"] = (lazyclass.field if mine else dataclasses.field)(default_factory=list, compare=False, repr=False)
    return by(frozen=frozen, slots=True)(type("Point", (), body))


def below(one: Any) -> Any:
    """A class of the library's that inherits from it."""
    return dataclasses.dataclass(frozen=True)(type("Below", (one,), {"__annotations__": {"z": "int"}}))


def said(act: Callable[[], Any]) -> object:
    """What an act returns, or what it raises."""
    try:
        return act()
    except Exception as error:
        return type(error), str(error)


ACTS: tuple[tuple[str, Callable[[Any], Any]], ...] = (
    ("signature", lambda one: str(inspect.signature(one))),
    ("repr", lambda one: repr(one(1, tags=("a",), notes=["unseen"]))),
    ("equal", lambda one: (one(1) == one(1, notes=["other"]), one(1) == one(2), one(1) == 1, one(1) != one(1))),
    ("hash", lambda one: hash(one(1)) == hash((1, 2, ()))),
    ("key", lambda one: {one(1): "found"}[one(1)]),
    ("fields", lambda one: [(f.name, f.type, f.default, f.compare) for f in dataclasses.fields(one)]),
    ("is one", lambda one: (dataclasses.is_dataclass(one), dataclasses.is_dataclass(one(1)))),
    ("as a dict", lambda one: dataclasses.asdict(one(1, notes=["kept"]))),
    ("replaced", lambda one: repr(dataclasses.replace(one(1), y=9))),
    ("replaced, wrongly", lambda one: dataclasses.replace(one(1), z=9)),
    ("too few", lambda one: one()),
    ("refused", lambda one: one(-1)),
    ("assigned", lambda one: setattr(one(1), "x", 3)),
    ("deleted", lambda one: delattr(one(1), "x")),
    ("slots", lambda one: (one.__slots__, hasattr(one(1), "__dict__"))),
    ("match", lambda one: one.__match_args__),
    ("default is no attribute", lambda one: hasattr(one, "notes")),
    ("constant", lambda one: (one.KIND, one(1).KIND, one(1).sum)),
    ("apart", lambda one: one(1).notes is one(1).notes),
    ("copied", lambda one: repr(copy.copy(one(4, 5)))),
    ("deep", lambda one: repr(copy.deepcopy(one(4, 5)))),
    ("replace of 3.13", lambda one: hasattr(one, "__replace__")),
    ("doc", lambda one: (one.__doc__, one.__name__, one.__qualname__, one.__module__)),
    ("below", lambda one: repr(below(one)(1, z=3))),
)  # fmt: skip


@pytest.mark.parametrize("act", [act for _, act in ACTS], ids=[name for name, _ in ACTS])
def test_the_first_thing_asked_of_a_frozen_one_is_answered_as_by_the_library(act: Callable[[Any], Any]) -> None:
    assert said(lambda: act(made(lazyclass.dataclass))) == said(lambda: act(made(dataclasses.dataclass)))


@pytest.mark.parametrize(
    "act", [act for name, act in ACTS if name != "below"], ids=[name for name, _ in ACTS if name != "below"]
)
def test_and_of_one_that_can_change(act: Callable[[Any], Any]) -> None:
    ours, theirs = made(lazyclass.dataclass, frozen=False), made(dataclasses.dataclass, frozen=False)
    assert said(lambda: act(ours)) == said(lambda: act(theirs))


def test_a_match_and_a_pickle_find_the_fields(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = made(lazyclass.dataclass)
    monkeypatch.setattr(sys.modules[__name__], "Point", ours)
    ours.__module__ = __name__
    kept = pickle.loads(pickle.dumps(ours(3, 4, ("b",))))  # noqa: S301 - our own
    match kept:
        case ours(x, y, tags):
            assert (x, y, tags) == (3, 4, ("b",))
        case _:
            pytest.fail(f"no match: {kept}")


def test_nothing_else_can_be_assigned_either() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError, match="cannot assign to field 'z'"):
        made(lazyclass.dataclass)(1).z = 3


def test_what_asks_for_more_is_made_by_the_library_at_once() -> None:
    class Own:
        x: int

        def __eq__(self, other: object) -> bool:
            return True

        __hash__ = None  # type: ignore[assignment]

    assert lazyclass.dataclass(slots=True)(Own)(1) == 7  # type: ignore[call-arg]

    @lazyclass.dataclass(frozen=True, slots=True, order=True)
    class Sorted:
        x: int

    assert Sorted(1) < Sorted(2)


def test_a_constant_that_is_written_otherwise_and_a_class_of_classes_are_the_librarys_too() -> None:
    class Odd:
        LIMIT: t.ClassVar[int] = 7
        x: int

    class Kind(type):
        pass

    class Particular(metaclass=Kind):
        x: int

    assert lazyclass.dataclass(frozen=True, slots=True)(Odd)(1).LIMIT == 7  # type: ignore[call-arg]
    assert type(lazyclass.dataclass(frozen=True, slots=True)(Particular)) is Kind


def test_a_class_below_is_copied_with_its_own_fields() -> None:
    below_ours = dataclasses.make_dataclass("Below", [("z", int, 0)], bases=(made(lazyclass.dataclass),), frozen=True)
    assert copy.deepcopy(below_ours(1, z=3)).z == 3
    assert copy.copy(below_ours(1, z=3)).z == 3


def test_a_first_use_that_breaks_off_anywhere_leaves_the_class_whole() -> None:
    theirs = repr(made(dataclasses.dataclass)(1)), str(inspect.signature(made(dataclasses.dataclass)))
    for point in itertools.count(1):
        ours, left = made(lazyclass.dataclass), [point]

        def count(_frame: Any, event: str, _arg: Any, left: list[int] = left) -> Any:
            if event == "call":
                left[0] -= 1
                if not left[0]:
                    raise MemoryError
            return count

        before = sys.gettrace()
        sys.settrace(count)
        try:
            ours(1)
        except MemoryError:
            pass
        finally:
            sys.settrace(before)
        assert (repr(ours(1)), str(inspect.signature(ours))) == theirs, point
        assert ours(1) == ours(1, notes=["other"]), point
        if left[0] > 0:
            break
    assert point > 50


def test_many_threads_that_need_the_first_get_the_same() -> None:
    for _ in range(20):
        ours = made(lazyclass.dataclass)
        ready = threading.Barrier(4)
        found: list[str] = []

        def ask(one: Any = ours, ready: Any = ready, found: list[Any] = found) -> None:
            ready.wait()
            found.append(repr(one(1)))

        threads = [threading.Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert found == ["Point(x=1, y=2, tags=())"] * 4


def test_every_class_of_ours_is_made_so() -> None:
    for path in Path(dplane_tui.__path__[0]).rglob("*.py"):
        if path.name != "lazyclass.py":
            assert not re.search(r"^from dataclasses import .*\b(dataclass|field)\b", path.read_text(), re.M), path


EVERY = """
import dataclasses, importlib, inspect, pkgutil
import dplane_tui
from dplane_tui import lazyclass
count = 0
for module in pkgutil.walk_packages(dplane_tui.__path__, "dplane_tui."):
    for one in () if module.name.endswith("__main__") else list(vars(importlib.import_module(module.name)).values()):
        if isinstance(getattr(one, "__dict__", {}).get("__init__"), lazyclass._Later):
            count += 1
            assert [field.name for field in dataclasses.fields(one)] == list(one.__slots__), one
            assert one.__match_args__ == tuple(one.__slots__), one
            assert len(inspect.signature(one).parameters) == len(one.__slots__), one
print(count)
"""


def test_every_class_of_ours_can_be_made() -> None:
    """One that could not be would say so only where it is first used."""
    done = subprocess.run([sys.executable, "-c", EVERY], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 150


def test_what_is_not_used_is_not_made() -> None:
    code = (
        "import dplane_tui.services.replication.model as model, dplane_tui.lazyclass as lazy; "
        "assert isinstance(model.Peer.__dict__['__init__'], lazy._Later)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
