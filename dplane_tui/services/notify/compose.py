"""What messages say, and how each kind of channel writes them. Pure. Nothing foreign gets past `line` and `block`."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from urllib.parse import urlsplit, urlunsplit

from ...text import clean, clean_lines, duration
from .model import FAILED, NOTHING_NEW, RECOVERED, STARTED, STOPPED, SUCCEEDED, TEST, Message
from .records import Due

_TITLE, _LINE, _NTFY_BYTES = 160, 600, 3800  # ntfy turns what is longer than 4 KiB into a file
_PING_PARTS = {STARTED: "/start", FAILED: "/fail", STOPPED: "/log", TEST: "/log"}


def line(text: str, limit: int = _TITLE) -> str:
    """`text` as one line that is safe in a header, whoever wrote it.

    An encoded word of RFC 2047 in it is taken apart: whoever reads the header would decode it, line ends and all.
    """
    return clean(text.replace("=?", "= ?"), limit).strip()


def block(text: str) -> str:
    """`text` as clean lines."""
    return "\n".join(clean(one, _LINE) for one in clean_lines(text)[:40])


def of_alarm(due: Due, host: str, now: float) -> Message:
    """The message about one alarm."""
    alarm = due.alarm
    lines = [block(alarm.text)]
    if due.state == "reminder":
        lines.append(f"This began {duration(now - alarm.since)} ago and goes on.")
    title = f"still: {alarm.title}" if due.state == "reminder" else alarm.title
    good = due.state == "end"
    return Message(
        host=line(host, 64),
        event=RECOVERED if good else alarm.event,
        state=due.state,
        title=line(title),
        text="\n".join(lines),
        at=now,
        about=line(alarm.about, 255),
        since=alarm.since,
        level=0 if good else alarm.level,
    )


def digest(messages: Sequence[Message]) -> Message:
    """Several as one: twenty late tasks are one mail."""
    first, count = messages[0], len(messages)
    if count == 1:
        return first
    level = max(one.level for one in messages)
    what = "things need you" if level else "things are well again"
    title = line(f"{count} {what}: {'; '.join(one.title for one in messages)}")
    text = "\n\n".join(f"{one.title[:1].upper()}{one.title[1:]}\n{one.text}" for one in messages)
    return Message(first.host, first.event, first.state, title, text, first.at, level=level)


def body(message: Message) -> str:
    """The text of a mail or ping: what happened, and when by the box's clock."""
    when = time.strftime("%Y-%m-%d %H:%M:%S %z", time.localtime(message.at))
    return f"{block(message.text)}\n\n{message.host}, {when}\n"


def subject(message: Message) -> str:
    """The title with the box's name."""
    return line(f"{message.host}: {message.title}")


def webhook(message: Message) -> bytes:
    """JSON, ASCII only. `v` changes when a field's meaning does."""
    return json.dumps(
        {
            "v": 1,
            "host": message.host,
            "event": message.event,
            "state": message.state,
            "level": message.level,
            "about": message.about,
            "title": message.title,
            "text": message.text,
            "run": message.run,
            "at": message.at,
            "since": message.since,
        }
    ).encode("ascii")


def ntfy(message: Message) -> tuple[dict[str, str], bytes]:
    """Headers and body for an ntfy topic."""
    good = message.level == 0
    priority = "3" if good or message.state == "reminder" else "5" if message.level >= 3 else "4"
    tags = "white_check_mark" if message.event in {RECOVERED, SUCCEEDED, NOTHING_NEW} else "warning"
    if message.event in {STARTED, TEST}:
        tags, priority = "information_source", "2"
    headers = {"Title": encoded(subject(message)), "Priority": priority, "Tags": tags}
    text = body(message).encode("utf-8")
    return headers, text[:_NTFY_BYTES].decode("utf-8", "ignore").encode("utf-8")


def encoded(text: str) -> str:
    """A header's value in ASCII; what is not is written as RFC 2047 has it, which ntfy reads."""
    if text.isascii():
        return text
    import base64

    return f"=?UTF-8?B?{base64.b64encode(text.encode('utf-8', 'replace')).decode('ascii')}?="


def ping_url(url: str, event: str) -> str:
    """Where a healthchecks-style server is told of `event`: success is the address itself."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(path=parts.path.rstrip("/") + _PING_PARTS.get(event, "")))
