"""What is missing on a machine, and the command that fixes it. Only looks: nothing here changes anything."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence

from ... import paths
from ...errors import CommandError, DPlaneError, MissingError, NotAllowedError, UnreachableError
from ...lazyclass import dataclass
from ...text import clean, size
from ..docker.service import DockerService
from ..door import HELPER, Door
from ..host import Host, Output
from ..zfs import recipe

PYTHON = (3, 11)
SUDOERS = "/etc/sudoers.d/dplane"
GROUPS = ("dplane-admin", "dplane-operate", "dplane-view")
_LITTLE_SPACE, _NO_SPACE = 1 << 30, 200 << 20  # bytes free
_TIMEOUT = 15.0


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at."""

    name: str
    level: str
    """`ok`; `warn`: works without, or may soon not; `bad`: needed and missing; `unknown`: could not be looked at."""
    text: str
    fix: str = ""
    """What to do, a command where there is one."""


class Doctor:
    """Looks at one host, one thing after the other (a small box has few processes to spare)."""

    def __init__(self, host: Host) -> None:
        self._host = host

    async def checks(self) -> tuple[Check, ...]:
        """Every check, in the order a person would mend things. Raises UnreachableError and its kinds."""
        looks: tuple[tuple[str, Callable[[], Awaitable[Check]]], ...] = (
            ("python", self._python),
            ("zfs", self._zfs),
            ("smartctl", self._smartctl),
            ("ssh", self._ssh),
            ("systemd", self._systemd),
            ("sudo", self._sudo),
            ("door", self._door),
            ("helper", self._helper),
            ("groups", self._groups),
            ("store", self._store),
            ("docker", self._docker),
            ("clock", self._clock),
            ("space", self._space),
        )
        found: list[Check] = []
        for name, look in looks:
            try:
                found.append(await look())
            except UnreachableError:
                raise
            except DPlaneError as error:
                found.append(Check(name, "unknown", error.message, _next(error)))
        return tuple(found)

    async def _run(self, *argv: str) -> Output | None:
        """The output, None when there is no such program."""
        try:
            output = await self._host.run(argv, timeout=_TIMEOUT)
        except MissingError:
            return None
        return None if output.status == 127 else output

    async def _python(self) -> Check:
        return python(await self._run("python3", "--version"))

    async def _zfs(self) -> Check:
        files = await self._host.read_files(["/sys/module/zfs/version", "/proc/sys/kernel/osrelease"])
        kernel = files.get("/proc/sys/kernel/osrelease", "").strip()
        return zfs(await self._run("zfs", "version"), files.get("/sys/module/zfs/version", "").strip(), kernel)

    async def _smartctl(self) -> Check:
        output = await self._run("smartctl", "--version")
        fix = "sudo apt-get install smartmontools"
        if output is None or output.status != 0:
            return Check("smartctl", "warn", "smartmontools is not installed: the disks' SMART state is unknown.", fix)
        return Check("smartctl", "ok", _first_line(output.text))

    async def _ssh(self) -> Check:
        output = await self._run("ssh", "-V")
        if output is None:
            return Check(
                "ssh", "bad", "OpenSSH is not installed.", "sudo apt-get install openssh-client openssh-server"
            )
        return Check("ssh", "ok", _first_line(output.error or output.text))

    async def _systemd(self) -> Check:
        first = (await self._host.read_files(["/proc/1/comm"])).get("/proc/1/comm", "").strip()
        if first != "systemd":
            text = f"systemd does not run here (process 1 is {clean(first, 40) or 'unknown'}): jobs cannot be started."
            return Check("systemd", "bad", text, "Run D-Plane on a system that boots with systemd.")
        unit = await self._run("systemctl", "cat", "dplane-job@.service")
        if unit is None or unit.status != 0:
            return Check("systemd", "bad", "The unit dplane-job@.service is not installed.", "sudo make install")
        return Check("systemd", "ok", "systemd runs and knows dplane-job@.service.")

    async def _sudo(self) -> Check:
        output = await self._run("sudo", "-V")
        if output is None:
            return Check("sudo", "bad", "sudo is not installed.", "sudo is needed: as root, apt-get install sudo")
        version = _first_line(output.text) or _first_line(output.error)
        if "sudo-rs" in version:
            text = f"{version}: it has no digests, so it does not notice when the helper's file was altered."
            return Check("sudo", "warn", text, "sudo apt-get install sudo, if that matters to you")
        return Check("sudo", "ok", version)

    async def _door(self) -> Check:
        try:
            await Door(self._host).call("noop", timeout=_TIMEOUT)
        except (MissingError, NotAllowedError, CommandError) as error:
            return Check("door", "bad", error.message, _next(error))
        return Check("door", "ok", "The privileged helper answers this user.")

    async def _helper(self) -> Check:
        link = await self._run("readlink", "-e", f"{paths.CURRENT}/{HELPER}")
        path = link.text.strip() if link is not None and link.status == 0 else ""
        if not path:
            return Check("helper", "bad", f"There is no {paths.CURRENT}/{HELPER}.", "sudo make install")
        rule = (await self._host.read_files([SUDOERS])).get(SUDOERS)
        summed = await self._run("sha256sum", path)
        digest = summed.text.split(" ", 1)[0] if summed is not None and summed.status == 0 else ""
        return helper(path, rule, digest)

    async def _groups(self) -> Check:
        now, user = await self._run("id", "-Gn"), await self._run("id", "-un")
        name = user.text.strip() if user is not None else ""
        later = await self._run("id", "-Gn", name) if name else None
        return groups(name, _words(now), _words(later))

    async def _store(self) -> Check:
        here = paths.current()
        installed = here.installed or not self._host.local
        folder = str((paths.SYSTEM_STATE if installed and not self._host.local else here.state) / "store")
        for flag, verb in (("-d", "does not exist"), ("-r", "may not be read"), ("-w", "may not be written")):
            output = await self._run("test", flag, folder)
            if output is None or output.status != 0:
                return store(folder, verb, installed)
        return Check("store", "ok", f"{folder} may be read and written.")

    async def _docker(self) -> Check:
        service = DockerService(self._host)
        try:
            engine = await service.engine(stats=False)
        except (MissingError, NotAllowedError) as error:
            return Check("docker", "warn", error.message, _next(error))
        finally:
            await service.close()
        return Check("docker", "ok", f"Docker {engine.version} with {len(engine.containers)} containers.")

    async def _clock(self) -> Check:
        output = await self._run("timedatectl", "show", "-p", "NTPSynchronized", "--value")
        told = output.text.strip() if output is not None and output.status == 0 else ""
        if told == "yes":
            return Check("clock", "ok", "The clock is synchronised.")
        if told == "no":
            text = "The clock is not synchronised: ages of snapshots and runs may be wrong."
            return Check("clock", "warn", text, "sudo apt-get install systemd-timesyncd")
        return Check("clock", "unknown", "Nobody here tells whether the clock is synchronised.")

    async def _space(self) -> Check:
        output = await self._run("df", "-Pk", "/", "/var/lib", "/var/log", "/boot")
        return space(output.text if output is not None else "")


def _next(error: DPlaneError) -> str:
    """What the error says to do; who is at the doctor is not sent to the doctor."""
    said, sent, _ = error.next_step.partition("`dplane doctor`")
    said = said.rstrip(" ;,")
    return f"{said}." if sent and said and not said.endswith(".") else said


def _first_line(text: str) -> str:
    return clean(text.strip().partition("\n")[0], 100)


def _words(output: Output | None) -> frozenset[str]:
    return frozenset(output.text.split()) if output is not None and output.status == 0 else frozenset()


def python(output: Output | None) -> Check:
    """From `python3 --version`."""
    matched = re.match(r"Python (\d+)\.(\d+)", output.text) if output is not None else None
    wanted = ".".join(str(part) for part in PYTHON)
    if output is None or matched is None:
        return Check("python", "bad", "Python 3 is not installed.", "sudo apt-get install python3")
    if (int(matched[1]), int(matched[2])) < PYTHON:
        text = f"{_first_line(output.text)} is too old, {wanted} is needed."
        return Check("python", "bad", text, "Upgrade to Debian 12 or newer.")
    return Check("python", "ok", _first_line(output.text))


def zfs(tools: Output | None, module: str, kernel: str) -> Check:
    """From `zfs version` and the version of the loaded module."""
    if tools is None:
        return Check("zfs", "bad", f"The ZFS programs are not installed. {recipe.WHERE}", recipe.command(kernel))
    matched = re.search(r"^zfs-(\S+)", tools.text, re.MULTILINE)
    version = clean(matched[1], 40) if matched else "?"
    if not module:
        text = f"ZFS programs {version} are here, but the kernel module is not loaded."
        return Check("zfs", "bad", text, f"sudo modprobe zfs, or where there is none yet: {recipe.command(kernel)}")
    if matched and module.split("-")[0] != version.split("-")[0]:
        text = f"ZFS programs are {version}, but the kernel module is {clean(module, 40)}."
        return Check("zfs", "warn", text, "sudo reboot, so that the new module is loaded")
    return Check("zfs", "ok", f"OpenZFS {version}, kernel module {clean(module, 40)}.")


def helper(path: str, rule: str | None, digest: str) -> Check:
    """The helper's file against the digest in the sudo rule; `rule` None: it cannot be read."""
    if rule is None:
        text = "The sudo rule is for root's eyes, so its digest was not compared with the helper."
        return Check("helper", "unknown", text, "sudo dplane doctor")
    lines = [line for line in rule.splitlines() if f" {path} " in f"{line} " and line.startswith("%")]
    if not lines:
        return Check("helper", "bad", f"The sudo rule does not name {path}.", "sudo make install")
    pinned = re.search(r"sha256:([0-9a-f]{64})\b", lines[0])
    if pinned is None:
        text = "The sudo rule has no digest, so sudo does not notice when the helper was altered."
        return Check("helper", "warn", text, "With sudo (not sudo-rs): sudo make install")
    if not digest:
        return Check("helper", "unknown", f"{path} could not be read to compute its digest.")
    if digest != pinned[1]:
        text = f"{path} is not the file that was installed: its digest differs from the sudo rule."
        return Check("helper", "bad", text, "Find out who changed it, then: sudo make install")
    return Check("helper", "ok", "The helper is the file whose digest the sudo rule pins.")


def groups(user: str, now: frozenset[str], later: frozenset[str]) -> Check:
    """The role this session has, and whether a new login would have another."""
    held = [group for group in GROUPS if group in now]
    granted = [group for group in GROUPS if group in later and group not in now]
    if user == "root":
        return Check("groups", "ok", "root may do everything.")
    if granted:
        text = f"{clean(user, 40)} is in {granted[0]}, but this session began before that."
        return Check("groups", "warn", text, "Log out and in again.")
    if not held:
        text = f"{clean(user, 40) or 'This user'} is in none of the groups {', '.join(GROUPS)}."
        return Check("groups", "bad", text, f"sudo adduser {clean(user, 40) or 'USER'} dplane-view, then log in again")
    return Check("groups", "ok", f"{clean(user, 40)} is in {held[0]}.")


def store(folder: str, trouble: str, installed: bool) -> Check:
    """A store folder that is not as it should be."""
    if not installed and trouble == "does not exist":
        return Check("store", "ok", f"{folder} will be made when it is first needed.")
    if trouble == "may not be written":
        text = f"{folder} {trouble} by this user: tasks cannot be changed."
        return Check("store", "warn", text, "sudo adduser USER dplane-operate, if this user should")
    fix = "sudo make install" if trouble == "does not exist" else "sudo adduser USER dplane-view, then log in again"
    return Check("store", "bad", f"{folder} {trouble}.", fix)


def space(df: str) -> Check:
    """From `df -Pk`."""
    free: dict[str, int] = {}
    for line in df.splitlines()[1:]:
        words = line.split(None, 5)
        if len(words) == 6 and words[3].isdecimal() and int(words[1]) > 0:
            free[clean(words[5], 60)] = int(words[3]) * 1024
    if not free:
        return Check("space", "unknown", "df does not tell the free space.")
    place, left = min(free.items(), key=lambda item: item[1])
    if left < _LITTLE_SPACE and place != "/boot":
        level = "bad" if left < _NO_SPACE else "warn"
        return Check("space", level, f"Only {size(left)} are free on {place}.", f"sudo du -xh -d1 {place} | sort -h")
    return Check("space", "ok", f"{size(left)} are free on {place}.")


def terminal(term: str, kind: str, symbols: str, columns: int, lines: int) -> Check:
    """Where the console would be drawn: `kind` and `symbols` as its terminal profile has them."""
    name, where = clean(term, 40), f"{columns}×{lines}"
    if kind == "plain":
        text = f"TERM is {name!r}, so the console prints its screens here as text."
        return Check("terminal", "bad", text, "export TERM=vt100 (or what this terminal is)")
    if columns < 80 or lines < 24:
        return Check("terminal", "warn", f"{name}, {where}: smaller than 80×24.", "Enlarge the window.")
    if symbols == "ascii":
        text = f"{name}, {where}: lines and bars are drawn in ASCII."
        return Check("terminal", "warn", text, "export LC_ALL=C.UTF-8, if this terminal shows UTF-8")
    return Check("terminal", "ok", f"{name}, {where}, a {kind} terminal.")


def needed_missing(checks: Sequence[Check]) -> bool:
    """Whether anything that D-Plane cannot do without is missing."""
    return any(check.level == "bad" for check in checks)
