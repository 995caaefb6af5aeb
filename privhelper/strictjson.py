"""A strict reader of JSON requests, and a writer for answers.

Stricter than the standard library on purpose: no duplicate keys, no floats, no NaN, no null, no lone surrogates,
bounded depth and digits, bytes that are UTF-8. It is also quicker to import: `json` brings `re` with it.
"""

from __future__ import annotations

MAX_DEPTH = 4
MAX_DIGITS = 20
_SPACE = " \t\r\n"
_ESCAPES = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}


class JsonError(ValueError):
    """The bytes are not JSON as this reader allows it; str() says why, without repeating them."""


def loads(raw: bytes) -> object:
    """The one value in `raw`. Raises JsonError for anything else."""
    try:
        source = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise JsonError("is not UTF-8") from None
    value, at = _value(source, _skip(source, 0), 0)
    if _skip(source, at) != len(source):
        raise JsonError("has something behind its end")
    return value


def _skip(source: str, at: int) -> int:
    while source[at : at + 1] and source[at] in _SPACE:
        at += 1
    return at


def _value(source: str, at: int, depth: int) -> tuple[object, int]:
    first = source[at : at + 1]
    if first == '"':
        return _string(source, at + 1)
    if first in ("{", "["):
        if depth >= MAX_DEPTH:
            raise JsonError("is nested too deep")
        return _object(source, at + 1, depth + 1) if first == "{" else _array(source, at + 1, depth + 1)
    if source.startswith("true", at):
        return True, at + 4
    if source.startswith("false", at):
        return False, at + 5
    if first and first in "-0123456789":
        return _integer(source, at)
    raise JsonError("is not JSON" if first else "ends too early")


def _integer(source: str, at: int) -> tuple[int, int]:
    end = at + 1
    while source[end : end + 1] and source[end] in "0123456789.eE+-":
        end += 1
    digits = source[at:end].removeprefix("-")
    # isascii, because isdigit alone takes digits of other scripts
    if not (digits.isascii() and digits.isdigit()) or (digits[0] == "0" and digits != "0"):
        raise JsonError("holds a number that is not a whole number")
    if len(digits) > MAX_DIGITS:
        raise JsonError("holds a number that is too large")
    return int(source[at:end]), end


def _string(source: str, at: int) -> tuple[str, int]:
    parts: list[str] = []
    while True:
        quote, slash = source.find('"', at), source.find("\\", at)
        if quote < 0:
            raise JsonError("ends inside of a text")
        end = slash if 0 <= slash < quote else quote
        plain = source[at:end]
        if plain and min(plain) < " ":
            raise JsonError("holds a control character in a text")
        parts.append(plain)
        if end == quote:
            return "".join(parts), quote + 1
        escape = source[end + 1 : end + 2]
        at = end + 2
        if escape == "u":
            character, at = _unicode(source, at)
            parts.append(character)
        elif escape in _ESCAPES:
            parts.append(_ESCAPES[escape])
        else:
            raise JsonError("holds an unknown escape in a text")


def _unicode(source: str, at: int) -> tuple[str, int]:
    code, at = _hex(source, at)
    if 0xD800 <= code < 0xDC00 and source.startswith("\\u", at):
        low, at = _hex(source, at + 2)
        if 0xDC00 <= low < 0xE000:
            return chr(0x10000 + ((code - 0xD800) << 10) + low - 0xDC00), at
    if 0xD800 <= code < 0xE000:
        raise JsonError("holds half of a character")
    return chr(code), at


def _hex(source: str, at: int) -> tuple[int, int]:
    digits = source[at : at + 4]
    if len(digits) != 4 or not set(digits).issubset("0123456789abcdefABCDEF"):
        raise JsonError("holds an unknown escape in a text")
    return int(digits, 16), at + 4


def _array(source: str, at: int, depth: int) -> tuple[list[object], int]:
    found: list[object] = []
    at = _skip(source, at)
    if source[at : at + 1] == "]":
        return found, at + 1
    while True:
        value, at = _value(source, _skip(source, at), depth)
        found.append(value)
        at = _skip(source, at)
        if source[at : at + 1] == "]":
            return found, at + 1
        if source[at : at + 1] != ",":
            raise JsonError("is not JSON")
        at += 1


def _object(source: str, at: int, depth: int) -> tuple[dict[str, object], int]:
    found: dict[str, object] = {}
    at = _skip(source, at)
    if source[at : at + 1] == "}":
        return found, at + 1
    while True:
        at = _skip(source, at)
        if source[at : at + 1] != '"':
            raise JsonError("is not JSON")
        key, at = _string(source, at + 1)
        if key in found:
            raise JsonError("names something twice")
        at = _skip(source, at)
        if source[at : at + 1] != ":":
            raise JsonError("is not JSON")
        found[key], at = _value(source, _skip(source, at + 1), depth)
        at = _skip(source, at)
        if source[at : at + 1] == "}":
            return found, at + 1
        if source[at : at + 1] != ",":
            raise JsonError("is not JSON")
        at += 1


def dumps(value: object) -> str:
    """`value` as JSON on one line, ASCII only, so that no terminal escape survives in it."""
    if value is True or value is False:
        return "true" if value else "false"
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return f"{value:.3f}"
    if isinstance(value, dict):
        return "{" + ",".join(f"{_quoted(str(key))}:{dumps(item)}" for key, item in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(dumps(item) for item in value) + "]"
    return "null"


def _quoted(value: str) -> str:
    if value.isascii() and value.isprintable() and '"' not in value and "\\" not in value:
        return f'"{value}"'
    plain = {code: f"\\u{code:04x}" for code in (*range(32), 127)}
    plain.update({ord('"'): '\\"', ord("\\"): "\\\\", ord("\n"): "\\n", ord("\t"): "\\t"})
    escaped = value.translate(plain)
    if not escaped.isascii():
        escaped = "".join(c if c < "\x80" else _escape(c) for c in escaped)
    return f'"{escaped}"'


def _escape(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))
