"""Reads a ZFS resume token far enough to know which snapshot it would send.

The token comes from the receiving side, which may be hostile: without this, a peer could name any snapshot of this box.
Form: 1-CHECKSUM-SIZE-HEX, where HEX is a zlib stream of a packed name/value list in native byte order.
"""

from __future__ import annotations

from .grammar import HEX, guid_problem, snapshot_problem

MAX_TOKEN = 8192
MAX_UNPACKED = 65536
_UINT64, _STRING, _BOOLEAN = 8, 9, 1

Fields = dict[str, "int | str | bool"]


class TokenError(ValueError):
    """The text is not a resume token."""


def unpack(token: str) -> Fields:
    """The names and values in `token`. Raises TokenError for anything that zfs would not have written."""
    parts = token.split("-")
    if len(token) > MAX_TOKEN or len(parts) != 4 or parts[0] != "1" or not all(parts):
        raise TokenError
    if not all(set(part).issubset(HEX) for part in parts) or len(parts[3]) % 2 or len(parts[1] + parts[2]) > 32:
        raise TokenError
    packed = bytes.fromhex(parts[3])
    whole = len(packed) // 4 * 4  # fletcher-4's first word is the sum of the 32-bit words; a rest is not counted
    total = sum(int.from_bytes(packed[at : at + 4], "little") for at in range(0, whole, 4))
    if parts[1] != f"{total % 2**64:x}" or parts[2] != f"{int(parts[2], 16):x}":  # as zfs writes them, no leading zeros
        raise TokenError
    return _pairs(_inflate(packed, int(parts[2], 16)))


def _inflate(packed: bytes, size: int) -> bytes:
    import zlib

    if size > MAX_UNPACKED:
        raise TokenError
    stream = zlib.decompressobj()
    try:
        plain = stream.decompress(packed, MAX_UNPACKED)
    except zlib.error:
        raise TokenError from None
    if not stream.eof or stream.unused_data or len(plain) != size:
        raise TokenError
    return plain


def _pairs(plain: bytes) -> Fields:
    """Walk the native encoding: a header of 12 bytes, then pairs of (size, name size, elements, type, name, value)."""
    if plain[:2] != b"\0\1":  # native encoding, little endian: every machine this product runs on
        raise TokenError
    found: Fields = {}
    at = 12
    while True:
        size = int.from_bytes(plain[at : at + 4], "little")
        if size == 0 and len(plain) - at >= 4:
            return found
        if size < 16 or size % 8 or at + size > len(plain):
            raise TokenError
        pair = plain[at : at + size]
        name_size = int.from_bytes(pair[4:6], "little")
        kind = int.from_bytes(pair[12:16], "little")
        name = _string(pair[16 : 16 + name_size])
        value = pair[16 + (name_size + 7) // 8 * 8 :]
        if name in found:
            raise TokenError
        if kind == _UINT64 and len(value) == 8:
            found[name] = int.from_bytes(value, "little")
        elif kind == _STRING:
            found[name] = _string(value)
        elif kind == _BOOLEAN and not value:
            found[name] = True
        elif kind < 1 or kind > 27:
            raise TokenError
        at += size


def _string(raw: bytes) -> str:
    body, end, rest = raw.partition(b"\0")
    if not end or rest.strip(b"\0") or not body.isascii():
        raise TokenError
    return body.decode("ascii")


def token_problem(value: object) -> str:
    """Why `value` is not a resume token of a snapshot."""
    if not isinstance(value, str):
        return "must be a text"
    try:
        fields = unpack(value)
    except TokenError:
        return "is not a resume token of zfs (version, checksum, size and contents must agree)"
    if snapshot_problem(fields.get("toname")) or guid_problem(str(fields.get("toguid"))):
        return "does not name a snapshot that may be sent"
    return ""


def mismatch(token: str, snapshot: object, guid: object, raw: object) -> str:
    """Why `token` must not be sent by someone who expects `snapshot` with `guid`, encrypted blocks raw or not."""
    fields = unpack(token)
    if fields.get("toname") != snapshot or str(fields.get("toguid")) != guid:
        return "token is for another snapshot than the one named"
    if raw is True and fields.get("rawok") is not True:
        return "token is of a plain send, but raw is asked for"
    return ""
