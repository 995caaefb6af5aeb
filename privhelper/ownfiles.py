"""`privhelper files`: the verbs for files with the rights of whoever starts it; no sudo, no role, nothing of root's.

It takes the same request and gives the same answer as the helper does for an administrator, so that the two ways cannot
differ in what they check. What it may read and write is decided by the system, as for any program of that person.
"""

from __future__ import annotations

import os

from .failure import CODES, Failure
from .request import Refused, parse


def serve() -> int:
    """Handle the request on standard input; returns the exit code."""
    from .session import read_request

    os.umask(0o077)
    try:
        return _serve(read_request(0))
    except Failure as failure:
        return _say(failure)
    except KeyboardInterrupt:
        return _say(Failure("failed", "It was interrupted."))
    except Exception as error:
        return _say(Failure("failed", f"The helper made a mistake ({type(error).__name__}) and stopped."))


def _serve(raw: bytes) -> int:
    from . import checks, files

    try:
        verb, args = parse(raw.removesuffix(b"\n"))
    except Refused as refusal:
        raise Failure("refused", str(refusal)) from None
    if verb.name not in files.VERBS:
        raise Failure("refused", f"{verb.name} is nothing that is done with a person's own rights.")
    checks.look(verb, args)
    files.serve(verb.name, args, own=True)
    return 0


def _say(failure: Failure) -> int:
    try:  # noqa: SIM105 (contextlib is slow to import)
        os.write(2, f"{failure}\n".encode("utf-8", "replace"))
    except OSError:
        pass
    return CODES[failure.code]
