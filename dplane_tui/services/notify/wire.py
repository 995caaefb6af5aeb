"""The network, for a few seconds: a connection with verified TLS that ends at its deadline, and one HTTP POST.

Nothing here follows a redirect, asks a proxy or reads more than a little, whoever answers.
"""

from __future__ import annotations

import base64
import contextlib
import html
import http.client
import queue
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlsplit

from ...lazyclass import dataclass
from ...text import clean

CONNECT_SECONDS = 10.0
ANSWER_LIMIT = 2048
_SHORTEST = 5  # characters of a part of an address that is taken for a secret
_GROUP = 4  # characters of base64, three bytes: fewer begin too many words
_ADDRESSES = 2  # of each family that are tried: behind them is the same server, or another one of its owner
Hide = Callable[[str], str]
Address = tuple[Any, ...]
"""What the resolver says of one address: family, kind, protocol, name, and what is connected to."""


class NotDelivered(Exception):
    """Why the message was not accepted, a sentence."""


@dataclass(slots=True)
class Line:
    """An open connection. `expired` is set when its deadline has cut it."""

    sock: socket.socket
    expired: bool = False


def tls(ca_file: str = "") -> ssl.SSLContext:
    """A context that verifies the server's certificate and name. Raises NotDelivered when `ca_file` is no good."""
    try:
        return ssl.create_default_context(cafile=ca_file or None)
    except (OSError, ssl.SSLError) as error:
        raise NotDelivered(f"The certificates in {ca_file} cannot be used: {_reason(error)}.") from None


@contextlib.contextmanager
def connected(host: str, port: int, context: ssl.SSLContext | None, seconds: float) -> Iterator[Line]:
    """A connection to `host`, with TLS from the start where there is a `context`, cut off after `seconds`, those in
    which its name is looked up and its addresses are tried among them.

    Raises NotDelivered, also for what goes wrong while it is used.
    """
    where, until = f"{host} port {port}", time.monotonic() + seconds
    try:
        sock = _reached(_addresses(host, port, seconds), until)
    except (OSError, ValueError) as error:
        raise NotDelivered(f"{where} was not reached: {_reason(error)}.") from None
    sock.settimeout(None)  # from here on the deadline alone decides
    lever = sock.dup()  # stays valid when TLS takes the socket over
    line = Line(sock)

    def cut() -> None:
        line.expired = True
        with contextlib.suppress(OSError):
            lever.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(until - time.monotonic(), cut)
    timer.daemon = True
    timer.start()
    try:
        if context is not None:
            line.sock = context.wrap_socket(sock, server_hostname=host)
        yield line
    except (OSError, http.client.HTTPException, EOFError, ValueError) as error:
        if line.expired or isinstance(error, TimeoutError):
            raise NotDelivered(f"{where} did not answer within {seconds:.0f} seconds.") from None
        raise NotDelivered(f"{where}: {_reason(error)}.") from None
    finally:
        timer.cancel()
        line.sock.close()
        lever.close()


def _addresses(host: str, port: int, seconds: float) -> list[Address]:
    """The first few addresses of `host` of each family. Raises OSError, ValueError.

    The resolver knows no deadline, so it is asked beside us; one that hangs is left to itself.
    """
    told: queue.SimpleQueue[list[Address] | Exception] = queue.SimpleQueue()

    def look() -> None:
        try:
            told.put(list(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)))
        except Exception as error:  # told where somebody waits for it
            told.put(error)

    threading.Thread(target=look, daemon=True).start()
    try:
        found = told.get(timeout=seconds)
    except queue.Empty:
        raise OSError("its name could not be looked up in time") from None
    if isinstance(found, Exception):
        raise found
    families = [[one for one in found if one[0] == family] for family in dict.fromkeys(one[0] for one in found)]
    return [one for family in families for one in family[:_ADDRESSES]]


def _reached(addresses: list[Address], until: float) -> socket.socket:
    """A connection to the first address that takes one; each may take its share of the time. Raises OSError."""
    problem: OSError | None = None
    for number, (family, kind, proto, _, address) in enumerate(addresses):
        share = (until - time.monotonic()) / (len(addresses) - number)
        if share <= 0:
            raise TimeoutError
        try:
            sock = socket.socket(family, kind, proto)
        except OSError as error:  # a family that this kernel lacks says nothing of the server
            problem = problem or error
            continue
        sock.settimeout(min(CONNECT_SECONDS, share))
        try:
            sock.connect(address)
        except OSError as error:
            sock.close()
            problem = error
        else:
            return sock
    raise problem or TimeoutError


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted ({clean(error.verify_message, 120).rstrip('.')})"
    if isinstance(error, socket.gaierror):
        return "its name is not known"
    if isinstance(error, ConnectionRefusedError):
        return "it refused the connection"
    if isinstance(error, TimeoutError):
        return "it did not answer in time"
    if isinstance(error, ssl.SSLError):
        return f"TLS failed ({clean(error.reason or str(error), 120)})"
    if isinstance(error, http.client.HTTPException):
        return f"it did not speak HTTP ({type(error).__name__})"
    if isinstance(error, OSError) and error.strerror:
        return clean(error.strerror, 120)
    if isinstance(error, ValueError):  # some repeat the header or address that was wrong
        return f"what was to be sent cannot be ({type(error).__name__})"
    return clean(str(error), 120) or type(error).__name__


def post(url: str, content: bytes, headers: Mapping[str, str], *, ca_file: str = "", seconds: float = 15.0) -> str:
    """POST to an http or https address; returns the answer of a server that accepted it (2xx). Raises NotDelivered.

    Neither tells the path and query of an address, nor what `Authorization` says: who may read the one, may not read
    the other.
    """
    parts, secrets = urlsplit(url), headers.get("Authorization", "").split()[1:]
    host, secure = parts.hostname or "", parts.scheme == "https"
    if parts.scheme not in {"http", "https"} or not host:
        raise NotDelivered("Its address begins with neither https:// nor http://.")
    port = parts.port or (443 if secure else 80)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    context = tls(ca_file) if secure else None
    with connected(host, port, context, seconds) as line:
        conversation = (
            http.client.HTTPSConnection(host, port, context=context)
            if context is not None
            else http.client.HTTPConnection(host, port)
        )
        conversation.sock = line.sock
        conversation.request("POST", path, content, {**headers, "User-Agent": "dplane", "Connection": "close"})
        response = conversation.getresponse()
        if line.expired:  # what was read so far may be half an answer
            raise TimeoutError
        said = b""
        with contextlib.suppress(OSError, http.client.HTTPException, ValueError):
            said = response.read1(ANSWER_LIMIT)
        hide = hiding([*secrets, *_parts(parts)])
        return _judge(response.status, response.reason, response.getheader("Location", ""), said, hide)


def _parts(url: SplitResult) -> list[str]:
    """What is secret of an address: its path and query, whole and in the parts that a server may repeat alone."""
    values = [value for _, value in parse_qsl(url.query)]
    return [url.path, url.query, *url.path.split("/"), *values]


def hiding(words: Iterable[str], encoded: Iterable[str] = ()) -> Hide:
    """What puts `…` in place of these words, written in any of the usual ways, and of what is `encoded` as base64.

    Many can read an answer, few the secret that was sent. Base64 goes from its beginning on: a server may cut it, and
    what was sent may have gone on behind what is `encoded`.
    """
    plain = {one for word in words for one in (word, unquote(word)) if len(one) >= _SHORTEST}
    ways = {way for one in plain for way in (one, quote(one), quote(one, safe=""), html.escape(one))}
    begun = {_begun(one.encode()) for one in encoded}
    found = [f"{re.escape(one)}[a-z0-9+/=%]*" for one in sorted(begun) if len(one) >= _GROUP]
    found += [re.escape(way) for way in sorted(ways, key=lambda way: (-len(way), way))]
    pattern = re.compile("|".join(found), re.IGNORECASE)
    return lambda text: pattern.sub("…", text) if found else text


def _begun(secret: bytes) -> str:
    """The first characters of its base64, as far as they are the same whatever follows."""
    return base64.b64encode(secret).decode()[: min(8, len(secret) * 8 // 6)]


def _judge(status: int, reason: str, location: str | None, said: bytes, hide: Hide = str) -> str:
    """The answer of a server that accepted it, without what is to `hide` in it. Raises NotDelivered."""
    told, reason = hide(said.decode("utf-8", "replace")), hide(reason)
    first = clean(told.strip().partition("\n")[0], 160)
    answer = f"HTTP {status} {clean(reason, 60)}{f': {first}' if first else ''}".strip()
    if 200 <= status < 300:
        return answer
    if 300 <= status < 400:
        raise NotDelivered(f"{answer}; the server sends us on to {_place(location or '')}, which is not followed.")
    raise NotDelivered(f"{answer.rstrip('.')}.")


def _place(location: str) -> str:
    """Where an address leads, without what may be secret of it."""
    if not location:
        return "nowhere"
    try:
        parts = urlsplit(location)
        host, port = parts.hostname or "", f":{parts.port}" if parts.port else ""
    except ValueError:
        return "an address that is none"
    if not parts.scheme and not host:
        return "another path of its own"
    return clean(f"{parts.scheme or 'the same'}://{host}{port}", 200)
