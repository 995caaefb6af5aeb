"""Which host key a box shows before anyone logs in. `ssh-keyscan` asks: it needs no rights and starts at once."""

from __future__ import annotations

import asyncio
import contextlib
import socket

from ...errors import RefusedError, UnreachableError
from ...text import clean
from ..host import Host
from . import keys
from .model import HostIdentity

SECONDS = 15
_PREFERRED = ("ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "ssh-rsa")


async def probe(host: Host, address: str, port: int) -> HostIdentity:
    """The key of the SSH server at `address`, asked from here. Raises UnreachableError, RefusedError."""
    return (await probe_all(host, address, port))[0]


async def probe_all(host: Host, address: str, port: int) -> tuple[HostIdentity, ...]:
    """All its keys of kinds that we use, the kind we prefer first. Raises as `probe`."""
    keys.check_address("probe", address, port)
    await _reach(address, port)  # ssh-keyscan keeps to itself why it got no answer
    argv = ["ssh-keyscan", "-T", str(SECONDS), "-p", str(port), "-t", "ed25519,ecdsa,rsa", "--", address]
    output = await host.run(argv, timeout=4.0 * SECONDS)
    found = shown_keys(output.text)
    if not found:
        said = [line for line in output.error.splitlines() if line.strip() and not line.startswith("#")]
        why = f" ({clean(said[-1].strip(), 200)})" if said else ""
        raise UnreachableError(
            f"{address} port {port} was reached, but shows no host key{why}.", "Is it an SSH server that listens there?"
        )
    return tuple(HostIdentity(key, keys.fingerprint(key)) for key in found)


def shown_keys(text: str) -> list[str]:
    """The sound keys in what `ssh-keyscan` printed, the kind we prefer first. Everything else in it is ignored."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        words = line.split()
        if len(words) == 3 and words[1] in _PREFERRED:
            try:
                keys.host_key_type(f"{words[1]} {words[2]}")
            except RefusedError:
                continue
            found[words[1]] = f"{words[1]} {words[2]}"
    return sorted(found.values(), key=lambda key: _PREFERRED.index(key.split()[0]))


async def _reach(address: str, port: int) -> None:
    """Raise UnreachableError saying why nobody answers there."""
    try:
        _, writer = await asyncio.wait_for(asyncio.open_connection(address, port), SECONDS)
    except TimeoutError:
        why = f"it did not answer within {SECONDS} s"
    except ConnectionRefusedError:
        why = "nothing listens there"
    except socket.gaierror:
        why = "no such name is known"
    except OSError as error:
        why = clean(error.strerror or str(error), 200)
    else:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
        return
    raise UnreachableError(
        f"{address} port {port} cannot be reached: {why}.", "Is the box on, and is its SSH server running?"
    )
