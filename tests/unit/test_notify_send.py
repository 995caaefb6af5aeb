"""Delivering, to real servers on loopback: delivered is only what a server said it took."""

from __future__ import annotations

import base64
import email
import email.policy
import errno
import json
import os
import re
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dplane_tui.services.notify import compose, send, wire
from dplane_tui.services.notify.mail import as_sent, written
from dplane_tui.services.notify.model import (
    FAILED,
    MAIL,
    NTFY,
    PING,
    RECOVERED,
    STARTED,
    STOPPED,
    SUCCEEDED,
    TEST,
    WEBHOOK,
    Channel,
    Message,
)
from dplane_tui.services.notify.send import deliver
from dplane_tui.text import clean

from .notify_servers import Authority, Web, authority, drip, flood, post, raw, silent, web

LATE = Message("nas-a", FAILED, "begin", "replication photos failed", "The attic refused.\nTry again.", 1e9, level=2)


def channel(kind: str, url: str = "", **more: str) -> Channel:
    return Channel("it", kind, url=url, **more)  # type: ignore[arg-type]  # only texts are given here


@pytest.fixture
def server() -> Iterator[Web]:
    with web() as made:
        yield made


@pytest.fixture(scope="module")
def ca(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return authority(tmp_path_factory.mktemp("ca"))


def test_a_webhook_gets_json(server: Web) -> None:
    done = deliver(channel(WEBHOOK, f"{server.url}/hook?key=a%20b"), LATE)
    assert (done.accepted, done.answer, done.title) == (
        True,
        'HTTP 200 OK: {"id":"xyz"}',
        "nas-a: replication photos failed",
    )
    assert abs(done.at - time.time()) < 60
    (request,) = server.requests
    assert request.path == "/hook?key=a%20b"
    told = json.loads(request.body)
    assert told["v"] == 1
    assert {name: told[name] for name in ("host", "event", "state", "level", "title", "text", "at")} == {
        "host": "nas-a",
        "event": "failed",
        "state": "begin",
        "level": 2,
        "title": "replication photos failed",
        "text": "The attic refused.\nTry again.",
        "at": 1e9,
    }


def test_ntfy_gets_a_title_a_priority_and_tags(server: Web, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("tk_123\n")
    token.chmod(0o600)
    assert deliver(channel(NTFY, f"{server.url}/topic", token_file=str(token)), LATE).accepted
    (request,) = server.requests
    assert request.path == "/topic"
    assert request.headers["Title"] == "nas-a: replication photos failed"
    assert (request.headers["Priority"], request.headers["Tags"]) == ("4", "warning")
    assert request.headers["Authorization"] == "Bearer tk_123"
    assert request.body.decode().startswith("The attic refused.\nTry again.\n\nnas-a, ")


def test_a_ping_goes_where_its_event_says(server: Web) -> None:
    ping = channel(PING, f"{server.url}/uuid/?rid=1")
    for event in (STARTED, SUCCEEDED, FAILED, STOPPED, TEST):
        assert deliver(ping, Message("nas-a", event, "once", "t", "x", 1.0)).accepted
    assert [one.path for one in server.requests] == [
        f"/uuid{end}?rid=1" for end in ("/start", "", "/fail", "/log", "/log")
    ]  # fmt: skip
    assert server.requests[0].body.startswith(b"x\n\nnas-a, ")


@pytest.mark.parametrize(("status", "said"), [(500, "HTTP 500"), (404, "HTTP 404"), (403, "HTTP 403"), (199, "HTTP")])
def test_what_a_server_refuses_is_not_delivered(server: Web, status: int, said: str) -> None:
    server.answers[:] = [status]
    done = deliver(channel(WEBHOOK, server.url), LATE, seconds=3)
    assert not done.accepted
    assert done.answer.startswith(said)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_never_followed_and_is_no_delivery(server: Web, status: int) -> None:
    server.answers[:] = [status]
    done = deliver(channel(NTFY, f"{server.url}/topic"), LATE)
    assert not done.accepted
    assert "sends us on to file://, which is not followed" in done.answer
    assert "\x1b" not in done.answer
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", [200, 301, 404])
def test_an_answer_never_repeats_the_secret_of_the_address(server: Web, status: int, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("tk_SECRET/TOKEN\n")
    token.chmod(0o600)

    def echo(asked: BaseHTTPRequestHandler) -> None:
        asked.send_response(status, f"for {asked.path}")
        asked.send_header("Location", f"https://u:SECRETUSER@hooks.example:8443{asked.path}")
        asked.end_headers()
        told = f"Cannot POST {asked.path}: no secrettoken, {quote(asked.path, safe='')}, {unquote(asked.path)}, "
        asked.wfile.write(f"{told}{asked.headers['Authorization']} &lt;SECRETKEY&gt; T0".encode())

    server.answers[:] = [echo]
    url = f"{server.url}/services/T0/SECRETTOKEN/%53ECRETPART?key=%3CSECRETKEY%3E"
    done = deliver(channel(NTFY, url, token_file=str(token)), LATE)
    assert done.accepted is (status == 200)
    assert "SECRET" not in done.answer.upper()
    assert "services" not in done.answer
    assert "Cannot POST" in done.answer
    assert ("https://hooks.example:8443, which" in done.answer) is (status == 301)


def test_where_a_server_sends_us_is_told_without_what_may_be_secret() -> None:
    told = {"": "nowhere", "/x/SECRET": "another path", "//other/x": "the same://other", "http://[": "none"}
    for location, words in told.items():
        with pytest.raises(wire.NotDelivered, match=re.escape(words)):
            wire._judge(302, "Found", location, b"")


def test_nobody_there_or_no_such_name() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    done = deliver(channel(WEBHOOK, f"http://127.0.0.1:{port}/"), LATE)
    assert (done.accepted, done.answer) == (
        False,
        f"127.0.0.1 port {port} was not reached: it refused the connection.",
    )
    unknown = deliver(channel(WEBHOOK, "http://no-such-host.invalid/"), LATE)
    assert not unknown.accepted
    assert "no-such-host.invalid port 80 was not reached" in unknown.answer


def test_a_server_that_drips_or_is_silent_is_cut_off_at_the_deadline() -> None:
    for serve in (drip, silent):
        with raw(serve) as port:
            for kind in (channel(WEBHOOK, f"http://127.0.0.1:{port}/"),
                         channel(WEBHOOK, f"https://127.0.0.1:{port}/"),
                         mail_to(port, "none"), mail_to(port, "tls")):  # fmt: skip
                done = deliver(kind, LATE, seconds=0.4)
                assert not done.accepted, kind
                assert "did not answer within" in done.answer or "TLS failed" in done.answer, done.answer


def test_many_silent_addresses_together_take_no_longer_than_one(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, tried = [0.0], []

    class Silent:
        def __init__(self, family: int, *_kind: int) -> None:
            self.family, self.patience = family, 0.0

        def settimeout(self, seconds: float) -> None:
            self.patience = seconds

        def connect(self, _address: object) -> None:
            tried.append(self.family)
            clock[0] += self.patience
            raise TimeoutError

        def close(self) -> None:
            pass

    found = [(family, socket.SOCK_STREAM, 6, "", ("x", 1)) for family in (socket.AF_INET6, socket.AF_INET)] * 30
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_asked, **_how: found)
    monkeypatch.setattr(socket, "socket", Silent)
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    done = deliver(channel(WEBHOOK, "http://hooks.example/"), LATE)
    assert (done.accepted, "did not answer in time" in done.answer) == (False, True)
    assert clock[0] == pytest.approx(send.SECONDS)
    assert set(tried) == {socket.AF_INET6, socket.AF_INET}, "one family that leads nowhere leaves room for the other"


def test_an_address_that_answers_is_found_behind_one_that_does_not(
    server: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = socket.getaddrinfo
    with socket.create_server(("127.0.0.1", 0)) as free:
        dead = free.getsockname()[1]

    def both(host: str, port: int, **how: Any) -> list[Any]:
        return [*real("127.0.0.1", dead, **how), *real("127.0.0.1", port, **how)]

    monkeypatch.setattr(socket, "getaddrinfo", both)
    assert deliver(channel(WEBHOOK, server.url), LATE).accepted


def test_a_family_that_the_kernel_lacks_ends_no_delivery(server: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    real, made = socket.getaddrinfo, socket.socket

    def both(host: str, port: int, **how: Any) -> list[Any]:
        there = real("127.0.0.1", port, **how)
        lacking = (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("::1", port, 0, 0))
        return [lacking, *there, lacking]

    class Without(socket.socket):
        def __init__(self, family: int = -1, *kind: Any, **more: Any) -> None:
            if family == socket.AF_INET6:
                raise OSError(errno.EAFNOSUPPORT, "Address family not supported by protocol")
            super().__init__(family, *kind, **more)

    monkeypatch.setattr(socket, "getaddrinfo", both)
    with made() as bound:  # and does not listen
        bound.bind(("127.0.0.1", 0))
        monkeypatch.setattr(socket, "socket", Without)
        assert deliver(channel(WEBHOOK, server.url), LATE).accepted
        done = deliver(channel(WEBHOOK, f"http://127.0.0.1:{bound.getsockname()[1]}/"), LATE)
        assert done.answer.endswith("was not reached: it refused the connection.")


def test_a_name_that_nobody_tells_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    hangs = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_asked, **_how: [][: hangs.wait(60)])
    for kind in (channel(WEBHOOK, "http://hooks.example/"), mail_to(25, "none")):
        done = deliver(kind, LATE, seconds=0.2)
        assert done.answer.endswith("was not reached: its name could not be looked up in time.")
        assert not hangs.is_set()
    hangs.set()


def test_an_answer_whose_body_drips_is_still_an_answer() -> None:
    def serve(line: socket.socket) -> None:
        line.recv(1 << 16)
        line.sendall(b"HTTP/1.1 201 Created\r\nContent-Length: 999\r\n\r\nfirst words")
        drip(line)

    with raw(serve) as port:
        done = deliver(channel(WEBHOOK, f"http://127.0.0.1:{port}/"), LATE, seconds=30)
    assert done.accepted
    assert done.answer.startswith("HTTP 201 Created: first words")


@pytest.mark.parametrize(
    "junk",
    [
        *(b"", b"SSH-2.0-OpenSSH\r\n", b"HTTP/1.1 2", b"\x00" * 100, b"HTTP/1.1 99999 OK\r\n\r\n"),
        *(b"HTTP/1.1 200 " + b"x" * 70000, b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 200),
    ],
)
def test_what_is_not_http_is_no_delivery(junk: bytes) -> None:
    def serve(line: socket.socket) -> None:
        line.recv(1 << 16)
        line.sendall(junk)
        line.shutdown(socket.SHUT_WR)

    with raw(serve) as port:
        done = deliver(channel(WEBHOOK, f"http://127.0.0.1:{port}/"), LATE, seconds=5)
    assert not done.accepted
    assert done.answer.isprintable()


def test_tls_is_verified(ca: Authority) -> None:
    with web(ca.good) as server:
        trusting = channel(WEBHOOK, f"{server.url}/", ca_file=ca.ca_file)
        assert deliver(trusting, LATE).accepted
        done = deliver(channel(WEBHOOK, f"{server.url}/"), LATE)
        assert not done.accepted
        assert "its certificate is not trusted" in done.answer
        bad = deliver(channel(WEBHOOK, f"{server.url}/", ca_file="/nowhere.pem"), LATE)
        assert "The certificates in /nowhere.pem cannot be used" in bad.answer
        assert len(server.requests) == 1
    with web(ca.other_name) as server:
        done = deliver(channel(WEBHOOK, f"{server.url}/", ca_file=ca.ca_file), LATE)
        assert not done.accepted
        assert "its certificate is not trusted" in done.answer
        assert not server.requests, "nothing is said to a server that is not the one that was meant"
    with web() as plain:
        done = deliver(channel(WEBHOOK, plain.url.replace("http:", "https:")), LATE)
        assert "TLS failed" in done.answer


def test_what_nobody_would_send_again_is_tried_twice(server: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(send, "_PAUSE", 0.0)
    server.answers[:] = [503, 200]
    assert deliver(channel(PING, server.url), LATE, tries=2).accepted
    server.answers[:] = [503]
    assert not deliver(channel(PING, server.url), LATE, tries=2).accepted
    assert len(server.requests) == 4


def mail_to(port: int, security: str, **more: str) -> Channel:
    return Channel("ann", MAIL, server="localhost", port=port, security=security, sender="nas@example.org",
                   to=("ann@example.org", "bob@example.org"), **more)  # type: ignore[arg-type]  # fmt: skip


@pytest.fixture
def password(tmp_path: Path) -> str:
    path = tmp_path / "password"
    path.write_text("hunter2\n")
    path.chmod(0o640)
    return str(path)


def test_a_mail_over_starttls(ca: Authority, password: str) -> None:
    with post(ca.good) as server:
        ann = mail_to(server.port, "starttls", ca_file=ca.ca_file, user="nas", password_file=password)
        done = deliver(ann, LATE)
        assert (done.accepted, done.answer) == (True, "250 2.0.0 queued as ABC123")
        assert server.recipients == ["ann@example.org", "bob@example.org"]
        assert server.logins == ["nas"]
        plain = [one for one, secure in zip(server.said, server.encrypted, strict=True) if not secure]
        assert [one.split()[0] for one in plain] == ["ehlo", "STARTTLS"], "nothing else travels readable"
    mail = email.message_from_bytes(server.mails[0], policy=email.policy.default)
    assert mail["Subject"] == "nas-a: replication photos failed"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail.get_content().replace("\r\n", "\n").startswith("The attic refused.\nTry again.\n\nnas-a, ")


def test_a_mail_over_tls_and_to_a_plain_relay(ca: Authority) -> None:
    with post(ca.good, at_once=True) as server:
        assert deliver(mail_to(server.port, "tls", ca_file=ca.ca_file), LATE).accepted
        assert all(server.encrypted)
        assert "not trusted" in deliver(mail_to(server.port, "tls"), LATE).answer
    with post() as server:
        assert deliver(mail_to(server.port, "none"), LATE).accepted


def test_a_server_without_starttls_gets_neither_mail_nor_password(ca: Authority, password: str) -> None:
    with post(ca.good) as server:
        server.starttls = False
        done = deliver(mail_to(server.port, "starttls", user="nas", password_file=password), LATE)
        assert not done.accepted
        assert "does not offer" in done.answer
        assert (server.logins, server.senders) == ([], [])
    with post(ca.other_name) as server:
        done = deliver(mail_to(server.port, "starttls", ca_file=ca.ca_file, user="nas", password_file=password), LATE)
        assert "not trusted" in done.answer
        assert (server.logins, server.senders) == ([], [])


def test_what_an_smtp_server_refuses_is_not_delivered(ca: Authority, password: str) -> None:
    with post(ca.good) as server:
        ann = mail_to(server.port, "starttls", ca_file=ca.ca_file, user="nas", password_file=password)
        server.final = b"552 5.2.2 mailbox full"
        done = deliver(ann, LATE)
        assert (done.accepted, done.answer) == (False, "The server refused the mail: 552 5.2.2 mailbox full.")
        server.final = b"250 ok"
        server.refuse = ("bob@example.org",)
        done = deliver(ann, LATE)
        assert (done.accepted, done.part) == (True, True)
        assert "refused for bob@example.org: 550 5.1.1 no such person" in done.answer
        assert "\x1b" not in done.answer
        server.refuse = ("ann@example.org", "bob@example.org")
        done = deliver(ann, LATE)
        assert (done.accepted, len(server.mails)) == (False, 1)
        assert done.answer.startswith("The server refused every recipient")
        server.secret = "other"
        assert "refused the user or password: 535" in deliver(ann, LATE).answer
        server.greeting = b"421 busy"
        assert "421 busy" in deliver(ann, LATE).answer


@pytest.mark.parametrize("characters", [60, 75, 300])
def test_an_answer_never_repeats_the_password(ca: Authority, password: str, characters: int) -> None:
    Path(password).write_text("correct horse battery\n")
    with post(ca.good) as server:
        server.repeats = characters
        ann = mail_to(server.port, "starttls", ca_file=ca.ca_file, user="nas", password_file=password)
        answer = deliver(ann, LATE).answer
        assert server.logins
    assert answer.startswith('The server refused the user or password: 500 5.5.1 Command unrecognized: "AUTH PLAIN …')
    assert "correct" not in answer
    for line in ("\0nas\0correct horse battery", "nas", "correct horse battery"):
        assert base64.b64encode(line.encode()).decode()[:8].rstrip("=") not in answer


def test_base64_of_a_secret_is_hidden_wherever_a_server_cuts_it() -> None:
    hide = wire.hiding([], ["\0nas\0correct horse battery", "correct horse battery", "x"])
    assert hide("AG5hcwBjb3JyZWN0IGhvcnNl, Y29ycmVjdCBob3JzZSBiYXR0ZXJ5= and eA==") == "…, … and eA=="
    assert wire.hiding([], [])("as it is") == "as it is"


@pytest.mark.parametrize("user", ["a", "jo", "ann", "anna", "nas@example.org"])
def test_the_answer_to_a_challenge_is_hidden_whoever_logs_in(user: str) -> None:
    """Its HMAC is of the password: who reads it can try passwords, as the server's challenge may be known."""
    hide = wire.hiding(["hunter2"], as_sent(user, "hunter2"))
    for digest in ("0123456789abcdef" * 2, "f" * 32, "9" * 32, "a0" * 16):
        line = base64.b64encode(f"{user} {digest}".encode()).decode()
        assert hide(f"535 bad: {line}, {line[:9]}") == "535 bad: …, …"
    assert hide("535 5.7.8 Authentication failed: no") == "535 5.7.8 Authentication failed: no"


def test_an_smtp_server_that_talks_without_end_is_left() -> None:
    with raw(flood) as port:
        done = deliver(mail_to(port, "none"), LATE, seconds=30)
    assert not done.accepted
    assert "talks without end" in done.answer


def test_a_server_that_hangs_up_before_its_last_word_took_nothing() -> None:
    def serve(line: socket.socket) -> None:
        file = line.makefile("rb")
        line.sendall(b"220 hi\r\n")
        while raw_line := file.readline():
            verb = raw_line[:4].lower()
            line.sendall(b"354 go\r\n" if verb == b"data" else b"250 ok\r\n")
            if verb == b"data":
                while file.readline() != b".\r\n":
                    pass
                line.shutdown(socket.SHUT_RDWR)
                return

    with raw(serve) as port:
        done = deliver(mail_to(port, "none"), LATE, seconds=5)
    assert not done.accepted
    assert "closed the connection" in done.answer


def test_a_secret_that_others_may_read_is_not_used(server: Web, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("tk_123\n")
    for mode, group, good in ((0o644, os.getegid(), False), (0o600, os.getegid(), True), (0o640, os.getegid(), True)):
        token.chmod(mode)
        os.chown(token, -1, group)
        done = deliver(channel(NTFY, f"{server.url}/t", token_file=str(token)), LATE)
        assert done.accepted is good, done.answer
    token.chmod(0o644)
    assert f"chmod 0640 {token}" in deliver(channel(NTFY, f"{server.url}/t", token_file=str(token)), LATE).answer
    for content in (b"", b"\n", b"a\x1bb\n", "pä".encode(), b"x" * 5000):
        token.write_bytes(content)
        token.chmod(0o600)
        assert not deliver(channel(NTFY, f"{server.url}/t", token_file=str(token)), LATE).accepted
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo, 0o600)
    for path in (fifo, tmp_path, tmp_path / "absent"):
        assert not deliver(channel(NTFY, f"{server.url}/t", token_file=str(path)), LATE).accepted
    assert len(server.requests) == 2


HOSTILE = st.text(st.characters(codec=None), max_size=300)


@settings(max_examples=50)
@given(title=HOSTILE, text=HOSTILE, host=HOSTILE)
def test_nothing_foreign_gets_into_a_header_or_past_the_cleaning(title: str, text: str, host: str) -> None:
    message = Message(compose.line(host, 64), FAILED, "begin", compose.line(title), compose.block(text), 1e9, level=2)
    headers, body = compose.ntfy(message)
    assert all(value.isascii() and value.isprintable() for value in headers.values())
    assert len(body) <= 4096
    body.decode("utf-8")
    mail = written(mail_to(25, "none"), message)
    assert all(len(one) <= 998 for one in mail.split(b"\r\n"))
    parsed = email.message_from_bytes(mail, policy=email.policy.default)
    assert set(parsed.keys()) == {"From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "Content-Type",
                                  "Content-Transfer-Encoding", "MIME-Version"}  # fmt: skip
    assert parsed["To"] == "ann@example.org, bob@example.org"
    assert json.loads(compose.webhook(message))["title"] == message.title
    for one in parsed.get_content().split("\r\n"):
        assert clean(one) == one


@pytest.mark.parametrize(
    "title", ["a\r\nBcc: x@example.org", "a\nX: y", "a\x00b", "a\u2028b", "\r\n.\r\nMAIL FROM:<x>"]
)
def test_an_injected_header_stays_text(title: str, server: Web) -> None:
    message = Message("nas", FAILED, "begin", title, title, 1e9)  # not even cleaned before
    assert deliver(channel(NTFY, f"{server.url}/t"), message).accepted
    assert "X" not in server.requests[0].headers
    assert "Bcc" not in server.requests[0].headers
    with post() as relay:
        assert deliver(mail_to(relay.port, "none"), message).accepted
        assert relay.recipients == ["ann@example.org", "bob@example.org"]
        parsed = email.message_from_bytes(relay.mails[0], policy=email.policy.default)
        assert "Bcc" not in parsed
        assert len(relay.senders) == 1


@pytest.mark.parametrize(
    "word",
    [
        "/tmp/=?utf-8?q?x=0D=0AX-Evil=3A_yes?=", "=?utf-8?q?x=0D=0AX-Evil:_yes=0D=0A=0D=0Abody_of_mine?=",
        "=?utf-8?q?x=0AX-Evil:_yes?=", "==?utf-8?b?eA0KWC1FdmlsOiB5ZXM=?=",
    ],
)  # fmt: skip
def test_an_encoded_word_in_a_title_is_decoded_by_nobody(word: str, server: Web) -> None:
    for title in (word, compose.line(f"pool usb has a device that is OFFLINE: {word}")):
        message = Message("box", FAILED, "begin", title, "body", 1e9)
        mail = written(mail_to(25, "none"), message)
        assert b"\nX-Evil" not in mail
        parsed = email.message_from_bytes(mail, policy=email.policy.default)
        assert "X-Evil" not in parsed
        assert str(parsed["Subject"]).strip() == f"box: {title.replace('=?', '= ?')}"
        assert "body of mine" not in parsed.get_content()
        assert deliver(channel(NTFY, f"{server.url}/t"), message).accepted
        assert "=?" not in server.requests[-1].headers["Title"]


def test_a_title_that_is_not_ascii_is_written_as_rfc_2047(server: Web) -> None:
    good = Message("nas-ä", RECOVERED, "end", "Größe ✓", "ja", 1e9)
    assert deliver(channel(NTFY, f"{server.url}/t"), good).accepted
    headers = server.requests[0].headers
    assert base64.b64decode(headers["Title"].removeprefix("=?UTF-8?B?").removesuffix("?=")).decode() == "nas-ä: Größe ✓"
    assert (headers["Tags"], headers["Priority"]) == ("white_check_mark", "3")
