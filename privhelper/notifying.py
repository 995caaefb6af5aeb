"""Notification channels that are made here: a file each beside notify.toml, with its password or token in another.

notify.toml is its owner's and only read. The folder is made when the first channel is; root writes it, and the service
reads it. No path comes from a caller: a channel's name is checked, and its secret's place begins with it. Each secret
has a file of its own, NAME@XXXXXXXX.secret (NAME.secret in releases before): none ever stands beside another address.
"""

from __future__ import annotations

import os
import stat

from . import channels
from .alone import Held, alone
from .channels import DIRECTORY
from .failure import Failure
from .places import CONFIG_DIR, OWNER_UID, SERVICE_GROUP
from .shape import Args

LOCK = "lock"
_OWNERS = "notify.toml"
_SIZE_LIMIT = 64 * 1024
_FLAGS = os.O_NOFOLLOW | os.O_CLOEXEC


def change(verb: str, args: Args) -> dict[str, object]:
    """Do `notify-mail`, `notify-web` or `notify-remove`; what was read back. Raises Failure."""
    name = str(args["channel"])
    url, secret = _secrets(verb, args)
    try:
        place = _open_directory(make=verb != "notify-remove")
        lock = -1
        try:
            lock = alone(place, LOCK, f"{CONFIG_DIR}/{DIRECTORY}")
            if verb == "notify-remove":
                return _remove(place, name)
            _may_be(place, name, replace=args.get("replace") is True)
            file = f"{name}@{os.urandom(4).hex()}.secret" if secret else ""
            return _set(place, name, content(verb, args, url, file), file, secret)
        finally:
            if lock >= 0:
                os.close(lock)
            os.close(place)
    except Held as held:
        raise Failure("failed", f"The channels were not changed: {held}.") from None
    except FileNotFoundError:
        raise Failure("changed", _not_ours(name)) from None
    except OSError as error:
        raise Failure("failed", f"{CONFIG_DIR}/{DIRECTORY} cannot be changed: {error.strerror}.") from None


def content(verb: str, args: Args, url: str, secret: str) -> str:
    """The file of a channel whose password or token is in the file `secret` beside it, if it has one. Pure; everything
    in `args` and `url` has passed its rule."""
    name = str(args["channel"])
    secret = f"{CONFIG_DIR}/{DIRECTORY}/{secret}"
    mail = verb == "notify-mail"
    ping = args.get("kind") == channels.PING
    tasks = args.get("tasks")
    fields: dict[str, object] = {"kind": channels.MAIL if mail else args["kind"]}
    if mail:
        fields |= {key: args[key] for key in ("server", "security", "port", "from", "to", "user") if key in args}
        fields |= {"password_file": secret} if "user" in args else {}
    else:
        fields |= {"url": url, **({"token_file": secret} if args.get("with_token") is True else {})}
    fields |= {"events": args["events"]} if "events" in args else {}
    if isinstance(tasks, list):
        fields |= {"task": tasks[0]} if ping else {"tasks": tasks}
    lines = ["# Made by D-Plane; `dplane notify` and the console change it.", f"[channel.{_toml(name)}]"]
    return "\n".join([*lines, *(f"{key} = {_toml(value)}" for key, value in fields.items())]) + "\n"


def _toml(value: object) -> str:
    """`value`, which is visible ASCII, a number or a list of those, as TOML writes it."""
    if isinstance(value, list):
        return f"[{', '.join(map(_toml, value))}]"
    if isinstance(value, int):
        return str(value)
    plain = str(value).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{plain}"'


def _secrets(verb: str, args: Args) -> tuple[str, str]:
    """The address and the password or token, from the lines behind the request; "" for what the verb does not take."""
    url = secret = ""
    if verb == "notify-web":
        url = f"{args['site']}{_line('address')}"
        if problem := channels.url_problem(url, str(args["kind"])) or _elsewhere(url, str(args["site"])):
            raise Failure("refused", f"{verb}: the address {problem}.")
    if "user" in args or args.get("with_token") is True:
        secret = _line("password" if verb == "notify-mail" else "token")
        if problem := channels.secret_problem(secret):
            raise Failure("refused", f"{verb}: the {'password' if verb == 'notify-mail' else 'token'} {problem}.")
    return url, secret


def _elsewhere(url: str, site: str) -> str:
    """Why `url` does not lead to `site`, which is what the log has."""
    rest = url[len(site) :]
    return "" if rest.startswith(("/", "?")) else "does not go on with a / behind its host"


def _line(what: str) -> str:
    from .secret import read_secret

    return read_secret(0, what).removesuffix(b"\n").removesuffix(b"\r").decode("ascii", "replace")


def _may_be(place: int, name: str, *, replace: bool) -> None:
    """Refuse a channel that nobody asked to replace, that is its owner's, or that is too many. Raises Failure."""
    there = _exists(place, f"{name}.toml")
    if there and not replace:
        raise Failure("refused", f"There is a channel called {name} already; it is replaced only if that is asked for.")
    if _is_owners(name):
        raise Failure("refused", f"{CONFIG_DIR}/{_OWNERS} has a channel called {name}, and that one counts.")
    if not there and sum(one.endswith(".toml") for one in os.listdir(place)) >= channels.MOST:
        raise Failure("refused", f"There are {channels.MOST} channels already; remove one first.")


def _set(place: int, name: str, text: str, file: str, secret: str) -> dict[str, object]:
    """Write `secret` into `file` (none if empty), then what names it, then remove what was there before."""
    replaced = _exists(place, f"{name}.toml")
    wanted = {**({file: f"{secret}\n".encode("ascii")} if file else {}), f"{name}.toml": text.encode("ascii")}
    group = _group()
    try:
        for one, data in wanted.items():
            _write(place, one, data, group)
        os.fsync(place)
    finally:  # also of what was not to be: a secret that nothing names
        _sweep(place, name)
    for one, data in wanted.items():
        if _read(place, one, group) != data:
            raise Failure("failed", f"{CONFIG_DIR}/{DIRECTORY}/{one} is not what was written.")
    return {"channel": name, "replaced": replaced}


def _remove(place: int, name: str) -> dict[str, object]:
    if not _exists(place, f"{name}.toml"):
        raise Failure("changed", _not_ours(name))
    _unlink(place, f"{name}.toml")
    _sweep(place, name)
    if any(_is_of(name, one) for one in os.listdir(place)):
        raise Failure("failed", f"{name} was removed from {CONFIG_DIR}/{DIRECTORY} and is still there.")
    return {"channel": name}


def _sweep(place: int, name: str) -> None:
    """Remove all files of a channel but its own and the secret that it names."""
    own = f"{name}.toml"
    try:
        with os.fdopen(os.open(own, os.O_RDONLY | os.O_NONBLOCK | _FLAGS, dir_fd=place), "rb") as file:
            text = file.read(_SIZE_LIMIT).decode("ascii", "replace")
    except FileNotFoundError:
        text = ""
    for one in os.listdir(place):
        if _is_of(name, one) and one != own and f'/{DIRECTORY}/{one}"' not in text:
            os.unlink(one, dir_fd=place)
    os.fsync(place)


def _is_of(name: str, file: str) -> bool:
    """Whether `file` is of the channel `name`, be it one that was left half written. No name has an @."""
    whole = file.removeprefix(".").removesuffix(".new")
    return whole in (f"{name}.toml", f"{name}.secret") or (whole.startswith(f"{name}@") and whole.endswith(".secret"))


def _not_ours(name: str) -> str:
    whose = f"it stands in {CONFIG_DIR}/{_OWNERS}, which is its owner's" if _is_owners(name) else "look again"
    return f"No channel called {name} was made by D-Plane (now): {whose}."


def _is_owners(name: str) -> bool:
    """Whether notify.toml has a channel of that name, as far as it can be understood."""
    import tomllib

    try:
        with open(f"{CONFIG_DIR}/{_OWNERS}", "rb") as file:
            told = tomllib.loads(file.read(_SIZE_LIMIT).decode("utf-8"))
    except (OSError, ValueError, RecursionError):
        return False
    known = told.get("channel")
    return isinstance(known, dict) and name in known


def _open_directory(*, make: bool) -> int:
    above = os.open(CONFIG_DIR, os.O_RDONLY | os.O_DIRECTORY | _FLAGS)
    try:
        _trust(above, CONFIG_DIR)
        if make:
            try:  # noqa: SIM105 (contextlib is slow to import)
                os.mkdir(DIRECTORY, 0o700, dir_fd=above)
            except FileExistsError:
                pass
        place = os.open(DIRECTORY, os.O_RDONLY | os.O_DIRECTORY | _FLAGS, dir_fd=above)
    finally:
        os.close(above)
    try:
        _trust(place, f"{CONFIG_DIR}/{DIRECTORY}")
        if stat.S_IMODE(os.fstat(place).st_mode) == 0o700:  # just made, now or by a helper that was ended then
            os.fchown(place, -1, _group())
            os.fchmod(place, 0o750)
    except BaseException:
        os.close(place)
        raise
    return place


def _trust(place: int, what: str) -> None:
    found = os.fstat(place)
    if found.st_uid != OWNER_UID or found.st_mode & 0o022:
        raise Failure("failed", f"{what} does not belong to root alone, so nothing is written there.")


def _group() -> int:
    import grp

    try:
        return grp.getgrnam(SERVICE_GROUP).gr_gid
    except KeyError:
        raise Failure("unavailable", f"There is no group {SERVICE_GROUP} here; install D-Plane again.") from None


def _exists(place: int, name: str) -> bool:
    try:
        os.stat(name, dir_fd=place, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def _unlink(place: int, name: str) -> None:
    try:  # noqa: SIM105 (contextlib is slow to import)
        os.unlink(name, dir_fd=place)
    except FileNotFoundError:
        pass


def _write(place: int, name: str, data: bytes, group: int) -> None:
    new = f".{name}.new"
    _unlink(place, new)
    file = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _FLAGS, 0o600, dir_fd=place)
    with os.fdopen(file, "wb") as target:
        os.fchown(file, -1, group)
        os.fchmod(file, 0o640)
        target.write(data)
        target.flush()
        os.fsync(file)
    os.rename(new, name, src_dir_fd=place, dst_dir_fd=place)


def _read(place: int, name: str, group: int) -> bytes:
    """What stands in a file of ours now; b"" when it is not one that only root writes and the service reads."""
    file = os.open(name, os.O_RDONLY | os.O_NONBLOCK | _FLAGS, dir_fd=place)
    with os.fdopen(file, "rb") as source:
        found = os.fstat(file)
        ours = found.st_uid == OWNER_UID and found.st_gid == group and found.st_nlink == 1
        if not ours or not stat.S_ISREG(found.st_mode) or stat.S_IMODE(found.st_mode) != 0o640:
            return b""
        return source.read(_SIZE_LIMIT)
