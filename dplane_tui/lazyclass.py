"""`dataclass` as the standard library has it, whose methods are made when the first of them is needed.

Making them costs one to two milliseconds a class on a fast machine, and most classes that a process loads are never
used by it: they were two fifths of the start of a run and of `dplane replicate list`, a second on a Pi. The standard
library still makes every method; classes that ask it for more than these do are made by it at once.
"""

from __future__ import annotations

import _thread
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from dataclasses import dataclass as dataclass
    from dataclasses import field as field
    from typing import Any
else:

    def dataclass(
        cls: type | None = None, /, *, frozen: bool = False, slots: bool = False, **more: Any
    ) -> type | Callable[[type], type]:
        """As `dataclasses.dataclass`."""
        if cls is None:
            return lambda made: dataclass(made, frozen=frozen, slots=slots, **more)
        if not slots or more or not _is_plain(cls) or sys.version_info >= _UNKNOWN:
            return _at_once(cls, frozen=frozen, slots=slots, **more)
        return _slotted(cls, frozen)

    def field(**settings: Any) -> _Field:
        """As `dataclasses.field`."""
        return _Field(settings)


_UNKNOWN = (3, 14)
"""From this Python on classes keep their annotations otherwise, and nobody tried this there."""
_LATER = (
    "__init__", "__repr__", "__eq__", "__hash__", "__match_args__", "__dataclass_fields__", "__dataclass_params__",
    "__replace__",
)  # fmt: skip
_OWN = {*_LATER, "__setattr__", "__delattr__", "__slots__", "__getstate__", "__setstate__", "__init_subclass__"}
_making = _thread.RLock()


def _is_plain(cls: type) -> bool:
    """Whether nothing of a class is particular: no bases, no methods of those that are made, only simple fields."""
    hints = [str(hint) for hint in cls.__annotations__.values()]
    strange = any(
        word in hint for hint in hints if not _is_constant(hint) for word in ("ClassVar", "InitVar", "KW_ONLY")
    )
    return type(cls) is type and cls.__bases__ == (object,) and not strange and not _OWN & {*cls.__dict__}


def _is_constant(hint: str) -> bool:
    """Whether that is the annotation of what belongs to the class, written as everywhere."""
    return hint == "ClassVar" or hint.startswith(("ClassVar[", "typing.ClassVar["))


def _slotted(plain: type, frozen: bool) -> type:
    """The class with slots for its fields. `plain` is kept: of copies of it the library makes the methods, later."""
    names = tuple(name for name, hint in plain.__annotations__.items() if not _is_constant(str(hint)))
    body = {key: value for key, value in _body(plain).items() if key not in names}
    body |= {name: _Later(name) for name in _LATER if name != "__hash__" or frozen}
    if frozen:
        body |= {"__setattr__": _assign, "__delattr__": _delete, "__getstate__": _state, "__setstate__": _restore}
    else:
        body["__hash__"] = None  # what can change is no key
    body["__slots__"] = names
    made = type(plain.__name__, (), body)
    for later in body.values():
        if isinstance(later, _Later):
            later.made, later.plain, later.frozen = made, plain, frozen
    return made


def _body(plain: type) -> dict[str, Any]:
    """What another class of the same name is made of."""
    kept = {key: value for key, value in plain.__dict__.items() if key not in ("__dict__", "__weakref__")}
    return {**kept, "__qualname__": plain.__qualname__}


class _Field:
    """Stands for a field of the library's until a class with it is made."""

    __slots__ = ("settings",)

    def __init__(self, settings: dict[str, Any]) -> None:
        self.settings = settings


def _at_once(cls: type, **settings: Any) -> type:
    """What the standard library makes of a class."""
    import dataclasses

    for name, value in list(cls.__dict__.items()):
        if isinstance(value, _Field):
            setattr(cls, name, dataclasses.field(**value.settings))
    return dataclasses.dataclass(**settings)(cls)


class _Later:
    """Stands for what is not made yet; whoever asks for one of them gets it, and all are made."""

    __slots__ = ("frozen", "made", "name", "plain")
    made: type
    plain: type
    frozen: bool

    def __init__(self, name: str) -> None:
        self.name = name

    def __get__(self, instance: object, owner: type) -> Any:
        with _making:
            if self.made.__dict__.get(self.name) is self:
                self._make()
        if self.name not in self.made.__dict__:  # `__replace__` came with Python 3.13
            raise AttributeError(self.name)
        found = self.made.__dict__[self.name]
        return found.__get__(instance, owner) if callable(found) else found

    def _make(self) -> None:
        # On a copy: one that breaks off halfway (a deep stack, no memory) leaves nothing half made for the next.
        done = _at_once(type(self.plain.__name__, (), _body(self.plain)), frozen=self.frozen)
        for name in _LATER:
            if isinstance(self.made.__dict__.get(name), _Later):
                if name in done.__dict__:
                    setattr(self.made, name, done.__dict__[name])
                else:
                    delattr(self.made, name)


def _assign(_self: object, name: str, _value: object) -> None:
    from dataclasses import FrozenInstanceError

    raise FrozenInstanceError(f"cannot assign to field {name!r}")


def _delete(_self: object, name: str) -> None:
    from dataclasses import FrozenInstanceError

    raise FrozenInstanceError(f"cannot delete field {name!r}")


def _state(self: Any) -> list[Any]:
    from dataclasses import fields

    return [getattr(self, field.name) for field in fields(self)]


def _restore(self: Any, state: list[Any]) -> None:
    from dataclasses import fields

    for field, value in zip(fields(self), state, strict=True):
        object.__setattr__(self, field.name, value)
