"""One mail over SMTP. Accepted is what the server took over with its own 250, nothing else."""

from __future__ import annotations

import contextlib
import email.message
import email.policy
import email.utils
import re
import smtplib
import socket
import string
from typing import Any

from ...text import clean
from . import compose, wire
from .model import Channel, Message
from .wire import NotDelivered

_ANSWERS_LIMIT = 256 * 1024  # bytes a server may say in one conversation


class _Answers:
    """What a server says, up to a limit: smtplib keeps all lines of an answer, however many there are."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self._left = _ANSWERS_LIMIT

    def readline(self, size: int) -> bytes:
        found: bytes = self._file.readline(size)
        self._left -= len(found)
        if self._left < 0:
            raise OSError("the server talks without end")
        return found

    def close(self) -> None:
        self._file.close()


class _Smtp(smtplib.SMTP):
    """An SMTP client on a connection that is there already."""

    def __init__(self, line: wire.Line, host: str, port: int, own_name: str, timeout: float) -> None:
        self._line = line
        super().__init__(host, port, own_name, timeout)

    def _get_socket(self, _host: str, _port: int, _timeout: float) -> socket.socket:
        return self._line.sock

    def getreply(self) -> tuple[int, bytes]:
        """As smtplib does, from a limited reader."""
        if self.file is None and self.sock is not None:
            self.file: Any = _Answers(self.sock.makefile("rb"))
        return super().getreply()


def send(channel: Channel, message: Message, password: str, seconds: float) -> tuple[str, bool]:
    """Hand the mail over; returns the server's answer and whether it refused some of the recipients.

    Raises NotDelivered.
    """
    context = None if channel.security == "none" else wire.tls(channel.ca_file)
    at_once = context if channel.security == "tls" else None
    hide = wire.hiding([password], as_sent(channel.user, password))
    with wire.connected(channel.server, channel.port, at_once, seconds) as line:
        try:
            smtp = _Smtp(line, channel.server, channel.port, _own_name(message.host), seconds)
            smtp.ehlo()
            if context is not None and at_once is None:
                smtp.starttls(context=context)  # verifies, and refuses to go on without
                line.sock = smtp.sock or line.sock
                smtp.ehlo()
            if channel.user:
                smtp.login(channel.user, password)
            answer = _hand_over(smtp, channel, message, hide)
        except smtplib.SMTPException as error:
            if line.expired:
                raise TimeoutError from None
            raise NotDelivered(_said(error, hide)) from None
        if line.expired:
            raise TimeoutError
        with contextlib.suppress(smtplib.SMTPException, OSError):
            smtp.quit()
        return answer


def _hand_over(smtp: smtplib.SMTP, channel: Channel, message: Message, hide: wire.Hide) -> tuple[str, bool]:
    status, said = smtp.mail(channel.sender)
    if status != 250:
        raise NotDelivered(f"The server refused the sender {channel.sender}: {_answer(status, said, hide)}.")
    refused = []
    for one in channel.to:
        status, said = smtp.rcpt(one)
        if status not in (250, 251):
            refused.append(f"{one}: {_answer(status, said, hide)}")
    if len(refused) == len(channel.to):
        raise NotDelivered(f"The server refused every recipient: {'; '.join(refused)}.")
    status, said = smtp.data(written(channel, message))
    if status != 250:
        raise NotDelivered(f"The server refused the mail: {_answer(status, said, hide)}.")
    told = _answer(status, said, hide)
    return (f"{told}; refused for {'; '.join(refused)}", True) if refused else (told, False)


def written(channel: Channel, message: Message) -> bytes:
    """The mail as bytes: plain text, 7-bit, headers without anything foreign."""
    mail = email.message.EmailMessage(email.policy.SMTP)
    mail["From"] = channel.sender
    mail["To"] = ", ".join(channel.to)
    mail["Subject"] = compose.subject(message)
    mail["Date"] = email.utils.formatdate(message.at, localtime=True)
    mail["Message-ID"] = email.utils.make_msgid("dplane", _own_name(message.host))
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(compose.body(message), cte="quoted-printable")
    return mail.as_bytes()


def as_sent(user: str, password: str) -> list[str]:
    """How what AUTH sends as base64 begins: a server may repeat the line that it does not take.

    The answer to a challenge (CRAM-MD5) is the user and an HMAC of the password, at which passwords can be tried.
    """
    answers = [f"{user} {digit}" for digit in string.hexdigits[:16]]
    return [f"\0{user}\0{password}", password, *answers] if user else []


def _own_name(host: str) -> str:
    """How we call ourselves: a name that SMTP lets through, without asking anybody's DNS."""
    return host if re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,62}[A-Za-z0-9])?", host) else "localhost"


def _answer(status: int, said: bytes, hide: wire.Hide) -> str:
    return f"{status} {clean(hide(said.decode('utf-8', 'replace')), 200)}".strip()


def _said(error: smtplib.SMTPException, hide: wire.Hide) -> str:
    words = clean(hide(str(error)), 160).rstrip(".")
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return f"The server refused the user or password: {_answer(error.smtp_code, _bytes(error.smtp_error), hide)}."
    if isinstance(error, smtplib.SMTPResponseException):
        return f"The server answered {_answer(error.smtp_code, _bytes(error.smtp_error), hide)}."
    if isinstance(error, smtplib.SMTPServerDisconnected):
        return f"The server closed the connection ({words})."
    if isinstance(error, smtplib.SMTPNotSupportedError):
        return f"The server does not offer what is asked of it: {words}."
    return f"SMTP failed: {words or type(error).__name__}."


def _bytes(said: bytes | str) -> bytes:
    return said if isinstance(said, bytes) else said.encode("utf-8", "replace")
