"""The start of the installed helper, which is this text and everything behind it in one file.

Behind it stand the helper's modules, as comments (each line behind `#|`), so that the file can be read from top to end,
and on the last line the same modules compiled by the Python that built it, so that nothing is compiled at run time. A
Python of another version compiles them from the comments. A plain script starts faster than a zip archive.
"""

from __future__ import annotations

import sys
from binascii import a2b_base64
from marshal import loads  # what it reads is this file, which the digest in the sudoers rule pins

HEAD, LINE, CODE = b"\n#== ", b"#|", b"\n#code "
Spec = type(sys.__spec__)


class Modules:
    """Finds and loads the modules that stand in `file`."""

    def __init__(self, file: str) -> None:
        with open(file, "rb") as source:
            self._text = source.read()
        magic, _, packed = self._text[self._text.rindex(CODE) + len(CODE) :].partition(b" ")
        own = getattr(sys.modules["_frozen_importlib_external"], "MAGIC_NUMBER", b"")
        self._code = loads(a2b_base64(packed)) if magic.decode() == own.hex() else None  # noqa: S302

    def find_spec(self, name: str, _path: object = None, _target: object = None) -> object:
        """Python asks here first for every module it is to import."""
        if name != "privhelper" and not name.startswith("privhelper."):
            return None
        return Spec(name, self, is_package=name == "privhelper")  # type: ignore[arg-type]

    def create_module(self, _spec: object) -> None:
        """Leave the making of the module to Python."""

    def exec_module(self, module: object) -> None:
        """Run a module's code in its namespace."""
        name = getattr(module, "__name__", "")
        code = loads(self._code[name]) if self._code else compile(self._source(name), name, "exec")  # noqa: S302
        exec(code, vars(module))  # noqa: S102 (as every import does)

    def _source(self, name: str) -> bytes:
        start = self._text.index(HEAD + name.encode() + b"\n")
        block = self._text[start + 1 : self._text.index(b"\n#==", start + 1)]
        return b"\n".join(line.removeprefix(LINE) for line in block.split(b"\n")[1:]) + b"\n"


def start(file: str) -> int:
    """Run the helper that stands in `file`."""
    sys.meta_path.insert(0, Modules(file))  # type: ignore[arg-type]
    from privhelper.main import main

    return main(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(start(__file__))
