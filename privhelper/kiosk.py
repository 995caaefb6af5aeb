"""Consoles on the box's own terminals: systemd is told, and asked afterwards. The way back stays open throughout."""

from __future__ import annotations

import os

from .failure import Failure
from .places import SYSTEMCTL, SYSTEMD_ANALYZE, TTYS, UNITS
from .shape import Args
from .signin import KIOSK_USER, see_it_through
from .terminals import console_unit, getty_unit, session_unit, terminal_problem

Shown = dict[str, str]
_LIMIT = 200  # a console on a slow box needs its time until it has painted
_DROP_IN = "dplane.conf"
_LOCK_AFTER = 300
_DEFAULT_VTS = 6  # logind.conf(5), NAutoVTs


def preview(verb: str, args: Args) -> dict[str, object]:
    """What `verb` would take away and what would stay. Raises Failure where it may not be done."""
    terminal = str(args["terminal"])
    if verb == "kiosk-disable":
        return {"terminal": terminal, "on": os.path.lexists(_drop_in(terminal)), "gives": getty_unit(terminal)}
    _exists(terminal)
    _account()
    stays = login_places(without=terminal)
    if not stays and args.get("last") is not True and args.get("dry_run") is not True:
        raise Failure("refused", f"{terminal} is the last place on this box to log in at; it stays unless you insist.")
    getty = show(getty_unit(terminal), "LoadState,ActiveState")
    return {
        "terminal": terminal,
        "takes": getty_unit(terminal),
        "login_now": getty.get("ActiveState") == "active",
        "stays": stays,
        "on": os.path.lexists(_drop_in(terminal)),
    }


def _exists(terminal: str) -> None:
    place = f"{TTYS}/{terminal}"
    kind = _text(f"{place}/type").strip()  # of a serial port: 0 where the number has no port behind it
    if not os.path.isdir(place) or kind == "0":
        raise Failure("changed", f"This box has no terminal {terminal} (now).")


def _account() -> None:
    import pwd

    try:
        pwd.getpwnam(KIOSK_USER)
    except KeyError:
        raise Failure("unavailable", f"There is no user {KIOSK_USER} on this machine; install D-Plane again.") from None


def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read(65536)
    except OSError:
        return ""


def login_places(without: str) -> list[str]:
    """The terminals, but `without`, where a login prompt is or appears when a person goes there (Alt and F-key)."""
    running = _ask([SYSTEMCTL, "list-units", "--plain", "--no-legend", "--state=active", "*getty@*.service"])
    units = [line.split()[0] for line in running.splitlines() if line.strip()]
    found = {unit.partition("@")[2].removesuffix(".service") for unit in units}
    found = {terminal for terminal in found if not terminal_problem(terminal)}
    if os.path.isdir(f"{TTYS}/tty0") and show("systemd-logind.service", "ActiveState").get("ActiveState") == "active":
        found |= {f"tty{number}" for number in range(1, _auto_terminals() + 1)}
    found -= {terminal for terminal in found if _masked(terminal)}
    return sorted(found - {without})


def _auto_terminals() -> int:
    """How many of the box's screens logind gives a login prompt when somebody goes there."""
    config = _ask([SYSTEMD_ANALYZE, "cat-config", "systemd/logind.conf"])
    given = [line.partition("=")[2].strip() for line in config.splitlines() if line.strip().startswith("NAutoVTs=")]
    return int(given[-1]) if given and given[-1].isdigit() and len(given[-1]) < 3 else _DEFAULT_VTS


def _masked(terminal: str) -> bool:
    try:
        return os.readlink(f"{UNITS}/{getty_unit(terminal)}") == os.devnull
    except OSError:
        return False


def change(verb: str, args: Args) -> dict[str, object]:
    """Do `kiosk-enable` or `kiosk-disable`; returns what systemd then says. Raises Failure."""
    terminal = str(args["terminal"])
    see_it_through()
    try:
        return _enable(terminal, args) if verb == "kiosk-enable" else _disable(terminal)
    except OSError as error:
        raise Failure("failed", f"{UNITS} cannot be changed: {error.strerror}.") from None


def _enable(terminal: str, args: Args) -> dict[str, object]:
    unit, getty = console_unit(terminal), getty_unit(terminal)
    before = _before(terminal)
    try:
        _write(terminal, content(args, before))
        _ask([SYSTEMCTL, "daemon-reload"])
        if not _masked(terminal):
            _ask(
                [SYSTEMCTL, "mask", "--now", "--", getty]
            )  # logind starts one whenever somebody comes to a free screen
        _run([SYSTEMCTL, "reset-failed", "--", unit])
        _ask([SYSTEMCTL, "enable", "--", unit])
        _ask([SYSTEMCTL, "restart", "--", unit])  # returns when the console has painted
        return {"unit": _running(unit)}
    except (Failure, OSError) as error:
        try:
            _disable(terminal)
        except (Failure, OSError) as second:
            raise Failure(
                "failed", f"{error} And the login prompt on {terminal} could not be given back: {second}"
            ) from None
        why = str(error) if isinstance(error, Failure) else f"{UNITS} cannot be changed: {error.strerror}."
        raise Failure("failed", f"{why} So {terminal} is as it was; `journalctl -u {unit}` may say more.") from None


def _running(unit: str) -> Shown:
    """What systemd says of it. Raises Failure unless it runs as its own user and will at the next start."""
    shown = show(unit, "ActiveState,SubState,UnitFileState,User,MainPID")
    wanted = {"ActiveState": "active", "SubState": "running", "UnitFileState": "enabled", "User": KIOSK_USER}
    for name, value in wanted.items():
        if shown.get(name) != value:
            raise Failure("failed", f"systemd says {name}={shown.get(name, 'unknown')} of {unit}, not {value}.")
    return shown


def _disable(terminal: str) -> dict[str, object]:
    unit, getty = console_unit(terminal), getty_unit(terminal)
    before = _before(terminal)
    _run([SYSTEMCTL, "stop", "--", session_unit(terminal)])  # one that is not there is no mistake
    _ask([SYSTEMCTL, "disable", "--now", "--", unit])
    _run([SYSTEMCTL, "reset-failed", "--", unit])
    if os.path.lexists(_drop_in(terminal)):
        os.unlink(_drop_in(terminal))
        os.rmdir(os.path.dirname(_drop_in(terminal)))
    if before != "masked" and _masked(terminal):
        _ask([SYSTEMCTL, "unmask", "--", getty])
    _ask([SYSTEMCTL, "daemon-reload"])
    if before == "active":
        _ask([SYSTEMCTL, "start", "--", getty])
    console, login = show(unit, "ActiveState"), show(getty, "LoadState,ActiveState")
    if console.get("ActiveState") not in ("inactive", "failed"):
        raise Failure("failed", f"systemd says that {unit} is {console.get('ActiveState', 'unknown')}.")
    if before != "masked" and login.get("LoadState") == "masked":
        raise Failure("failed", f"systemd still does not let {getty} start; run `systemctl unmask {getty}`.")
    if before == "active" and login.get("ActiveState") != "active":
        raise Failure("failed", f"systemd says that {getty} is {login.get('ActiveState', 'unknown')}, not active.")
    return {"login": login, "getty": getty}


def _before(terminal: str) -> str:
    """How the login prompt was before a console took its place: active, idle or masked."""
    kept = [line for line in _text(_drop_in(terminal)).splitlines() if line.startswith("Login=")]
    if kept:
        return kept[0].partition("=")[2]
    login = show(getty_unit(terminal), "LoadState,ActiveState")
    if login.get("LoadState") == "masked":
        return "masked"
    return "active" if login.get("ActiveState") == "active" else "idle"


def content(args: Args, before: str) -> str:
    """The settings of one terminal. All values have passed their grammar. Pure."""
    line = "view-only" if args.get("view_only") is True else "kiosk"
    settings = [f"DPLANE_LINE={line}", f"DPLANE_LOCK_AFTER={args.get('lock_after', _LOCK_AFTER)}"]
    if "speed" in args:
        settings.append(f"DPLANE_LINE_SPEED={args['speed']}")
    lines = ["# Written by `dplane kiosk enable`; `dplane kiosk disable` removes it and gives the login prompt back."]
    lines += ["[Service]", *(f"Environment={one}" for one in settings), "", "[X-DPlane]", f"Login={before}"]
    return "\n".join(lines) + "\n"


def _drop_in(terminal: str) -> str:
    return f"{UNITS}/{console_unit(terminal)}.d/{_DROP_IN}"


def _write(terminal: str, text: str) -> None:
    path = _drop_in(terminal)
    os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
    file = os.open(f"{path}.new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
    with os.fdopen(file, "w", encoding="ascii") as target:
        target.write(text)
        target.flush()
        os.fsync(target.fileno())
    os.rename(f"{path}.new", path)


def show(unit: str, names: str) -> Shown:
    """Properties of a unit, as systemd tells them. Raises Failure."""
    return dict(line.partition("=")[::2] for line in _ask([SYSTEMCTL, "show", "-p", names, "--", unit]).splitlines())


def _ask(argv: list[str]) -> str:
    from . import programs

    return programs.ask(argv, _LIMIT)


def _run(argv: list[str]) -> None:
    from . import programs

    programs.run(argv, _LIMIT)
