"""The system's own word on a password: PAM, with the service `dplane` (/etc/pam.d/dplane)."""

from __future__ import annotations

import ctypes

from .failure import Failure
from .places import PAM_CONFDIR

SERVICE = "dplane"
_ECHO_OFF, _ECHO_ON = 1, 2  # kinds of message; the others only tell
_CONV_ERROR = 19
_DISALLOW_NULL, _SILENT = 0x1, 0x8000
_USER, _TTY = 2, 3  # items
_NEW_PASSWORD_NEEDED, _ACCOUNT_EXPIRED = 12, 13
WRONG = "The name or the password is not right, or that account may not sign in."


class _Message(ctypes.Structure):
    _fields_ = (("style", ctypes.c_int), ("text", ctypes.c_char_p))


class _Response(ctypes.Structure):
    _fields_ = (("text", ctypes.c_void_p), ("code", ctypes.c_int))


_Talk = ctypes.CFUNCTYPE(
    ctypes.c_int,
    ctypes.c_int,
    ctypes.POINTER(ctypes.POINTER(_Message)),
    ctypes.POINTER(ctypes.c_void_p),
    ctypes.c_void_p,
)


class _Conversation(ctypes.Structure):
    _fields_ = (("talk", _Talk), ("data", ctypes.c_void_p))


def _library() -> ctypes.CDLL:
    try:
        return ctypes.CDLL("libpam.so.0")
    except OSError:
        raise Failure(
            "unavailable", "PAM is not on this machine (libpam.so.0), so no password can be checked."
        ) from None


def _talk_with(password: bytes) -> object:
    """A conversation that gives the password to the first question that hides its answer, and to no other."""
    libc = ctypes.CDLL(None)
    libc.calloc.restype = libc.strdup.restype = ctypes.c_void_p  # PAM frees both
    left = [password]

    def talk(count: int, messages: object, answers: object, _data: object) -> int:
        found = libc.calloc(ctypes.c_size_t(count), ctypes.c_size_t(ctypes.sizeof(_Response)))
        if not found:
            return _CONV_ERROR
        responses = ctypes.cast(found, ctypes.POINTER(_Response))
        for number in range(count):
            style = messages[number].contents.style  # type: ignore[index]
            if style == _ECHO_ON or (style == _ECHO_OFF and not left):
                libc.free(ctypes.c_void_p(found))
                return _CONV_ERROR  # it asks for more than a password: nobody here can answer
            if style == _ECHO_OFF:
                responses[number].text = libc.strdup(left.pop())
        answers[0] = found  # type: ignore[index]
        return 0

    return _Talk(talk)


def check(user: str, password: bytes, terminal: str) -> None:
    """Raise Failure unless PAM says that this is the password of `user`, whose account may be used now.

    `terminal` (`/dev/tty1`, or "") is what PAM's own rules and log are told. Waits as long as the system's rules want
    after a wrong password.
    """
    library = _library()
    conversation = _Conversation(_talk_with(password), None)
    handle = ctypes.c_void_p()
    folder = PAM_CONFDIR.encode() or None
    begun = library.pam_start_confdir(
        SERVICE.encode(), user.encode(), ctypes.byref(conversation), folder, ctypes.byref(handle)
    )
    if begun != 0:
        raise Failure("unavailable", "PAM cannot be started, so no password can be checked.")
    status = _CONV_ERROR
    try:
        if terminal:
            library.pam_set_item(handle, _TTY, ctypes.c_char_p(terminal.encode()))
        status = library.pam_authenticate(handle, _DISALLOW_NULL | _SILENT)
        if status != 0:
            raise Failure("refused", WRONG)
        status = library.pam_acct_mgmt(handle, _DISALLOW_NULL | _SILENT)
        if status in (_NEW_PASSWORD_NEEDED, _ACCOUNT_EXPIRED):
            what = (
                "password has run out: log in elsewhere to change it" if status == _NEW_PASSWORD_NEEDED else "expired"
            )
            raise Failure("refused", f"The account {user} is not let in; its {what}.")
        if status != 0 or _item(library, handle) != user:
            raise Failure("refused", WRONG)
    finally:
        library.pam_end(handle, status)


def _item(library: ctypes.CDLL, handle: ctypes.c_void_p) -> str:
    """Whom PAM has let in, which a module may have changed."""
    found = ctypes.c_char_p()
    library.pam_get_item(handle, _USER, ctypes.byref(found))
    return (found.value or b"").decode("utf-8", "replace")
