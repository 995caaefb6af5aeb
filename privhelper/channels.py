"""What a notification channel may be: each field's rule. The console reads notify.toml by the same ones. Pure."""

from __future__ import annotations

from .grammar import ALNUM, DIGITS, Kind, list_problem, peer_problem, text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ipaddress import IPv4Address, IPv6Address

MAIL, WEBHOOK, NTFY, PING = "mail", "webhook", "ntfy", "ping"
PORTS = {"starttls": 587, "tls": 465, "none": 25}
EVENTS = ("started", "succeeded", "nothing-new", "failed", "late", "pool", "disk", "store", "recovered")
DIRECTORY = "notify.d"  # beside notify.toml
MOST = 64  # channels that were made here
URL_LIMIT = 500
SECRET_LIMIT = 512
_DOMAIN = ALNUM | frozenset("-.")
_LOCAL = ALNUM | frozenset("!#$%&'*+-./=?^_`{|}~")
_IP = DIGITS | frozenset("abcdefABCDEF:.")
_VISIBLE = frozenset(map(chr, range(0x21, 0x7F)))


def host_problem(value: object) -> str:
    """Why `value` is neither the name nor the address of a host."""
    if not text(value, 253, _DOMAIN, dots=True):
        return ""
    address = isinstance(value, str) and _IP.issuperset(value) and _address(value) is not None
    return "" if address else "is not the name or address of a host"


def mail_problem(value: object) -> str:
    """Why `value` is no bare mail address; a name without a domain is one of this box."""
    name, at, domain = value.partition("@") if isinstance(value, str) else ("", "", "")
    sound = 0 < len(name) <= 64 and _LOCAL.issuperset(name) and (not at or not text(domain, 190, _DOMAIN, dots=True))
    return "" if sound else "is no mail address (only the address, such as ann@example.org)"


def url_problem(url: str, kind: str) -> str:
    """Why `url` is no address of a channel of that kind. Says nothing of what stands in it: it can be a secret."""
    from urllib.parse import urlsplit

    if len(url) > URL_LIMIT:
        return f"is longer than {URL_LIMIT} characters"
    try:
        parts = urlsplit(url)
        port, host = parts.port, parts.hostname or ""
    except ValueError:
        return "is no address"
    if parts.scheme not in ("https", "http") or host_problem(host) or port == 0:
        return "is not an address that begins with https:// or http:// and a host"
    if parts.username is not None or parts.password is not None:
        return "holds a user or password; a secret belongs in a token"
    if not _VISIBLE.issuperset(url):
        return "has characters that an address spells as %XX"
    if parts.fragment:
        return "has a # part, which never reaches a server"
    if kind == NTFY and not parts.path.strip("/"):
        return "names no topic: it is written as https://ntfy.sh/TOPIC"
    return ""


def _address(host: str) -> IPv4Address | IPv6Address | None:
    from ipaddress import ip_address

    try:
        return ip_address(host)
    except ValueError:
        return None


def is_loopback(host: str) -> bool:
    """Whether `host` is this box itself."""
    address = _address(host)
    return host == "localhost" or (address is not None and address.is_loopback)


def is_protected(url: str) -> bool:
    """Whether nobody on the way can read what is sent there."""
    from urllib.parse import urlsplit

    parts = urlsplit(url)
    return parts.scheme == "https" or is_loopback(parts.hostname or "")


def secret_problem(value: str) -> str:
    """Why `value` cannot be a password or token."""
    sound = 0 < len(value) <= SECRET_LIMIT and value.isascii() and value.isprintable()
    return "" if sound else f"must be 1 to {SECRET_LIMIT} plain characters (ASCII) in one line"


def site_problem(value: object) -> str:
    """Why `value` is not the part of an address that is no secret. Only this box may be one without TLS."""
    rule = "must be https:// and a host, and a port behind it if wanted; http:// only for this box itself"
    if not isinstance(value, str) or len(value) > 300 or "//" not in value:
        return rule
    begins, _, host = value.partition("//")
    sound = begins in ("https:", "http:") and not {"/", "?", "@", "\\"}.intersection(host)
    return "" if sound and not url_problem(f"{value}/", WEBHOOK) and is_protected(value) else rule


def security_problem(value: object) -> str:
    """Why `value` is no way to protect a mail on its way to the server."""
    return "" if isinstance(value, str) and value in PORTS else f"must be one of {', '.join(PORTS)}"


def port_problem(value: object) -> str:
    """Why `value` is no number of a port."""
    sound = isinstance(value, int) and not isinstance(value, bool) and 0 < value < 65536
    return "" if sound else "must be a number from 1 to 65535"


def user_problem(value: object) -> str:
    """Why `value` cannot be the user that a mail server knows."""
    sound = isinstance(value, str) and 0 < len(value) <= 128 and _VISIBLE.issuperset(value)
    return "" if sound else "must be 1 to 128 plain characters (ASCII) without spaces"


def kind_problem(value: object) -> str:
    """Why `value` is no kind of channel that is an address."""
    return "" if value in (NTFY, WEBHOOK, PING) else f"must be one of {NTFY}, {WEBHOOK}, {PING}"


def _event_problem(value: object) -> str:
    return "" if isinstance(value, str) and value in EVENTS else f"is none of {', '.join(EVENTS)}"


HOST = Kind("mail-host", "the name or address of a host", "smtp.example.org", host_problem)
SECURITY = Kind("mail-security", ", ".join(PORTS), "starttls", security_problem)
PORT = Kind("port", "a number from 1 to 65535", 587, port_problem)
ADDRESS = Kind(
    "mail-address", "a bare mail address, or the name of an account of this box", "nas@example.org", mail_problem
)
ADDRESSES = Kind(
    "mail-addresses",
    "a list of 1 to 20 of those, none twice",
    ["ann@example.org"],
    lambda value: list_problem(value, 20, mail_problem),
)
USER = Kind("mail-user", "1 to 128 visible ASCII characters", "nas@example.org", user_problem)
KIND = Kind("channel-kind", f"{NTFY}, {WEBHOOK} or {PING}", WEBHOOK, kind_problem)
SITE = Kind(
    "site",
    "https:// and a host, and : and a port if wanted; http:// only for this box itself",
    "https://hooks.example.org",
    site_problem,
)
TOLD = Kind(
    "events",
    f"a list of {', '.join(EVENTS)}; one or more, none twice",
    ["failed", "late"],
    lambda value: list_problem(value, len(EVENTS), _event_problem),
)
TASKS = Kind(
    "task-names",
    "a list of 1 to 50 names of tasks, none twice",
    ["photos"],
    lambda value: list_problem(value, 50, peer_problem),
)
