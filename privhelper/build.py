"""Makes the installed helper: one file with everything in it that the helper can do (its form: loader.py).

Deterministic: the same sources and interpreter give the same bytes, which the digest in the sudoers rule pins.
"""

from __future__ import annotations

import os
from binascii import b2a_base64
from collections.abc import Mapping
from hashlib import sha256
from importlib.util import MAGIC_NUMBER
from marshal import dumps
from types import CodeType

# -I: no environment, no user site, no current directory. -S: no site-packages at all.
SHEBANG = b"#!/usr/bin/python3 -IS\n"
LEFT_OUT = ("__main__.py", "build.py", "loader.py")  # the installed helper cannot make another


def build(target: str, places: Mapping[str, object] | None = None) -> str:
    """Write the helper to `target` (mode 0755) and return its SHA-256.

    `places` replaces constants of places.py, for tests and benchmarks only. Raises OSError.
    """
    body = installed({"INSTALLED": True, **(places or {})})
    new = f"{target}.new"
    with open(new, "wb") as out:
        out.write(body)
    os.chmod(new, 0o755)  # noqa: S103 (everyone may read it and run `help`)
    os.rename(new, target)
    return sha256(body).hexdigest()


def installed(places: Mapping[str, object]) -> bytes:
    """The text of the installed helper with these constants in places.py."""
    here = os.path.dirname(os.path.abspath(__file__))
    text = SHEBANG + _read(f"{here}/loader.py")
    code: dict[str, bytes] = {}
    for file in sorted(os.listdir(here)):
        if not file.endswith(".py") or file in LEFT_OUT:
            continue
        name = "privhelper" if file == "__init__.py" else f"privhelper.{file[:-3]}"
        source = _read(f"{here}/{file}")
        if file == "places.py":
            source += "".join(f"{key} = {value!r}\n" for key, value in sorted(places.items())).encode()
        lines = source.decode("utf-8").removesuffix("\n").split("\n")
        text += f"#== {name}\n{''.join(f'#|{line}' + chr(10) for line in lines)}".encode()
        code[name] = dumps(_lean(compile(source, name, "exec", dont_inherit=True, optimize=2)))
    return text + b"#==\n#code %s %s" % (MAGIC_NUMBER.hex().encode(), b2a_base64(dumps(code)))


def _lean(code: CodeType) -> CodeType:
    """`code` without what only tracebacks need (the helper shows none): Python reads all of this file at each start."""
    inner = tuple(_lean(item) if isinstance(item, CodeType) else item for item in code.co_consts)
    return code.replace(co_linetable=b"", co_consts=inner)


def _read(path: str) -> bytes:
    with open(path, "rb") as source:
        return source.read()
