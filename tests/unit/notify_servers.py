"""Servers on loopback that accept, refuse, dawdle, redirect, lie and speak TLS, for the tests of notifications."""

from __future__ import annotations

import base64
import contextlib
import datetime
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass
class Request:
    """What an HTTP server was asked."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Web:
    """An HTTP server. `answers` are used up from the front, the last one stays; a callable serves by itself."""

    url: str = ""
    requests: list[Request] = field(default_factory=list)
    answers: list[int | Callable[[BaseHTTPRequestHandler], None]] = field(default_factory=lambda: [200])


@contextlib.contextmanager
def web(context: ssl.SSLContext | None = None) -> Iterator[Web]:
    """A running HTTP server, with TLS where there is a `context`."""
    made = Web()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            made.requests.append(Request(self.path, dict(self.headers.items()), body))
            answer = made.answers.pop(0) if len(made.answers) > 1 else made.answers[0]
            if callable(answer):
                answer(self)
                return
            self.send_response(answer)
            if 300 <= answer < 400:
                self.send_header("Location", "file:///etc/passwd\x1b[31m")
            self.end_headers()
            self.wfile.write(b'{"id":"xyz"}\nsecond line')

        def do_GET(self) -> None:
            made.requests.append(Request(f"GET {self.path}", {}, b""))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    made.url = f"{'https' if context else 'http'}://localhost:{server.server_port}"
    with served(server):
        yield made


@contextlib.contextmanager
def served(server: ThreadingHTTPServer) -> Iterator[None]:
    """While it serves."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@dataclass
class Post:
    """An SMTP server, and what it took over."""

    port: int = 0
    mails: list[bytes] = field(default_factory=list)
    senders: list[str] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    logins: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    encrypted: list[bool] = field(default_factory=list)
    """Whether TLS was on, for each command in `said`."""
    refuse: tuple[str, ...] = ()
    """Recipients that get 550."""
    final: bytes = b"250 2.0.0 queued as ABC123"
    """The answer to the mail itself."""
    starttls: bool = True
    greeting: bytes = b"220 post ESMTP"
    secret: str = "hunter2"
    repeats: int = 0
    """So many characters of the line that logs in are repeated with 500, as what it does not know."""


@contextlib.contextmanager
def post(context: ssl.SSLContext | None = None, *, at_once: bool = False) -> Iterator[Post]:
    """A running SMTP server: STARTTLS where there is a `context`, TLS from the start with `at_once`."""
    made = Post()
    listener = socket.create_server(("127.0.0.1", 0))
    made.port = listener.getsockname()[1]
    open_lines: list[socket.socket] = []

    def accept() -> None:
        while True:
            try:
                line, _ = listener.accept()
            except OSError:
                return
            open_lines.append(line)
            threading.Thread(target=talk, args=(line,), daemon=True).start()

    def talk(line: socket.socket) -> None:
        with contextlib.suppress(OSError, ValueError, IndexError):
            Conversation(made, line, context, at_once=at_once).hold()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for line in open_lines:
            line.close()
        thread.join()


class Conversation:
    """One client of the SMTP server."""

    def __init__(self, made: Post, line: socket.socket, context: ssl.SSLContext | None, *, at_once: bool) -> None:
        self.made, self.context, self.secure = made, context, at_once
        self.line = context.wrap_socket(line, server_side=True) if context and at_once else line
        self.file = self.line.makefile("rb")

    def say(self, text: bytes) -> None:
        self.line.sendall(text + b"\r\n")

    def hold(self) -> None:
        """Answer until the client is gone."""
        self.say(self.made.greeting)
        while raw := self.file.readline(1000):
            text = raw.decode().rstrip("\r\n")
            self.made.said.append(text)
            self.made.encrypted.append(self.secure)
            verb, _, rest = text.partition(" ")
            handler = getattr(self, f"on_{verb.lower()}", None)
            if handler is None:
                self.say(b"502 what")
            elif handler(rest) is False:
                return

    def on_ehlo(self, _rest: str) -> None:
        extra = [b"STARTTLS"] if self.made.starttls and not self.secure else []
        lines = [b"post", *extra, b"AUTH PLAIN", b"8BITMIME"]
        for one in lines[:-1]:
            self.say(b"250-" + one)
        self.say(b"250 " + lines[-1])

    def on_starttls(self, _rest: str) -> None:
        assert self.context
        self.say(b"220 go ahead")
        self.line = self.context.wrap_socket(self.line, server_side=True)
        self.file, self.secure = self.line.makefile("rb"), True

    def on_auth(self, rest: str) -> None:
        user, password = base64.b64decode(rest.split()[1]).decode().split("\0")[1:]
        self.made.logins.append(user)
        if self.made.repeats:
            self.say(f'500 5.5.1 Command unrecognized: "AUTH {rest}"; {user}, {password}'[: self.made.repeats].encode())
            return
        self.say(b"235 hello" if password == self.made.secret else b"535 5.7.8 not with that password")

    def on_mail(self, rest: str) -> None:
        self.made.senders.append(rest)
        self.say(b"250 ok")

    def on_rcpt(self, rest: str) -> None:
        address = rest.partition("<")[2].partition(">")[0]
        if address in self.made.refuse:
            self.say(b"550 5.1.1 no such person\x1b[31m")
        else:
            self.made.recipients.append(address)
            self.say(b"250 ok")

    def on_data(self, _rest: str) -> None:
        self.say(b"354 go on")
        mail = b""
        while (raw := self.file.readline(2000)) not in (b".\r\n", b""):
            mail += raw
        if self.made.final.startswith(b"250"):
            self.made.mails.append(mail)
        self.say(self.made.final)

    def on_quit(self, _rest: str) -> bool:
        self.say(b"221 bye")
        return False


@contextlib.contextmanager
def raw(serve: Callable[[socket.socket], None]) -> Iterator[int]:
    """A server that does with each connection what `serve` does; yields its port."""
    listener = socket.create_server(("127.0.0.1", 0))
    lines: list[socket.socket] = []

    def accept() -> None:
        while True:
            try:
                line, _ = listener.accept()
            except OSError:
                return
            lines.append(line)
            threading.Thread(target=quietly, args=(line,), daemon=True).start()

    def quietly(line: socket.socket) -> None:
        with contextlib.suppress(OSError):
            serve(line)

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for line in lines:
            line.close()
        thread.join()


def drip(line: socket.socket) -> None:
    """A byte now and then, for ever."""
    while True:
        line.sendall(b"2")
        time.sleep(0.05)


def silent(line: socket.socket) -> None:
    """Not a word."""
    while line.recv(1 << 16):
        pass


def flood(line: socket.socket) -> None:
    """An SMTP greeting that never ends."""
    while True:
        line.sendall(b"220-more and more and more and more\r\n" * 100)


@dataclass(frozen=True)
class Authority:
    """A certificate authority of one's own, with a certificate for `localhost` and one for another name."""

    ca_file: str
    good: ssl.SSLContext
    other_name: ssl.SSLContext


def authority(folder: Path) -> Authority:
    """Make one, its files in `folder`."""
    key = ec.generate_private_key(ec.SECP256R1())
    ca = _certificate("test authority", key, None, key)
    (folder / "ca.pem").write_bytes(ca.public_bytes(serialization.Encoding.PEM))

    def context(name: str) -> ssl.SSLContext:
        own = ec.generate_private_key(ec.SECP256R1())
        file = folder / f"{name}.pem"
        private = own.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        certificate = _certificate(name, own, ca, key)
        file.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        made.load_cert_chain(file)
        return made

    return Authority(str(folder / "ca.pem"), context("localhost"), context("elsewhere.example"))


def _certificate(
    name: str, key: ec.EllipticCurvePrivateKey, issuer: x509.Certificate | None, signer: ec.EllipticCurvePrivateKey
) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
    )
    if issuer is not None:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
    return builder.sign(signer, hashes.SHA256())
