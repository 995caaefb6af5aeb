"""One message on one channel, from a thread of its own: what the server answered, never more."""

from __future__ import annotations

import contextlib
import dataclasses
import grp
import os
import stat
import sys
import time
import traceback

from ...text import clean
from . import compose
from .model import MAIL, NTFY, PING, WEBHOOK, Channel, Delivery, Message

SECONDS = 15.0
_PAUSE = 2.0
_SECRET_LIMIT = 4096


def deliver(channel: Channel, message: Message, *, tries: int = 1, seconds: float = SECONDS) -> Delivery:
    """Send it and tell what became of it; never raises. `tries` above 1 is for what nobody would send again later."""
    while True:
        tries -= 1
        done = _once(channel, message, seconds)
        if done.accepted or tries < 1:
            return dataclasses.replace(done, at=time.time(), title=compose.subject(message))
        time.sleep(_PAUSE)


def _once(channel: Channel, message: Message, seconds: float) -> Delivery:
    from .wire import NotDelivered  # with it comes TLS, which only a process that sends should carry

    try:
        answer, part = _send(channel, message, seconds)
        return Delivery(channel.name, True, clean(answer, 400), part=part)
    except NotDelivered as error:
        return Delivery(channel.name, False, clean(str(error), 400))
    except Exception as error:  # a mistake of ours must not stop the other channels
        traceback.print_exc(file=sys.stderr)
        return Delivery(channel.name, False, f"D-Plane made a mistake ({type(error).__name__}).")


def _send(channel: Channel, message: Message, seconds: float) -> tuple[str, bool]:
    if channel.kind == MAIL:
        from . import mail

        return mail.send(channel, message, secret(channel.password_file), seconds)
    from .wire import post

    headers: dict[str, str] = {}
    if token := secret(channel.token_file):
        headers["Authorization"] = f"Bearer {token}"
    url = channel.url
    if channel.kind == WEBHOOK:
        headers["Content-Type"], content = "application/json", compose.webhook(message)
    elif channel.kind == NTFY:
        more, content = compose.ntfy(message)
        headers |= more
    else:
        assert channel.kind == PING
        headers["Content-Type"] = "text/plain; charset=utf-8"
        url, content = compose.ping_url(url, message.event), compose.body(message).encode("utf-8")
    return post(url, content, headers, ca_file=channel.ca_file, seconds=seconds), False


def secret(path: str) -> str:
    """The first line of a file that only the service may read; empty for no file. Raises NotDelivered."""
    from .wire import NotDelivered

    if not path:
        return ""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        with os.fdopen(handle, "rb") as file:
            status = os.fstat(file.fileno())
            content = file.read(_SECRET_LIMIT + 1) if stat.S_ISREG(status.st_mode) else None
    except OSError as error:
        raise NotDelivered(f"The secret in {path} cannot be read: {error.strerror or error}.") from None
    if content is None or len(content) > _SECRET_LIMIT:
        raise NotDelivered(f"{path} is not a file that could hold a password or token.")
    if status.st_mode & 0o007 or (status.st_mode & 0o070 and status.st_gid not in _service_groups()):
        mend = f"chown root:dplane {path}; chmod 0640 {path}"
        raise NotDelivered(f"{path} is open to others, so its secret is not used. As root: {mend}")
    text = content.decode("utf-8", "replace").partition("\n")[0].rstrip("\r")
    if not text or not text.isprintable() or not text.isascii():
        raise NotDelivered(f"{path} does not begin with a password or token in plain characters.")
    return text


def _service_groups() -> set[int]:
    groups = {0, os.getegid()}
    with contextlib.suppress(KeyError):
        groups.add(grp.getgrnam("dplane").gr_gid)
    return groups
