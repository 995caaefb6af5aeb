"""Many bookmarks at once: made by one program in one transaction of a pool, and destroyed side by side."""

from __future__ import annotations

from .failure import Failure, one_line
from .places import ZFS
from .programs import failure, run, run_together
from .shape import Args

# A channel program: runs in the kernel, in one transaction group. It looks at all before it makes the first. A GUID is
# a signed number there. Of what is made already (17: EEXIST) the GUID is read back like that of the others.
_MAKE = b"""
local argv = (...)["argv"]
for i = 1, #argv, 3 do
  local guid = zfs.get_prop(argv[i], "guid")
  if "g" .. tostring(guid) ~= argv[i + 1] then error("changed: " .. argv[i]) end
end
for i = 1, #argv, 3 do
  local status = zfs.sync.bookmark(argv[i], argv[i + 2])
  if status ~= 0 and status ~= 17 then error("error " .. status .. ": " .. argv[i + 2]) end
end
"""
_LIMIT = 300  # seconds
_AT_ONCE = 10  # programs
_NONE = (b"does not exist", b"no such pool or dataset")  # what zfs says of a bookmark that is not there


def change(name: str, args: Args) -> dict[str, object]:
    """Do the verb `name`; returns what was read back. Raises Failure."""
    wanted = args["bookmarks"]
    assert isinstance(wanted, dict)
    return _destroy(wanted) if name == "bookmarks-destroy" else _create(wanted)


def _create(wanted: dict[str, list[str]]) -> dict[str, object]:
    pool = next(iter(wanted)).replace("#", "/").split("/")[0]
    words = [word for name, (snapshot, guid) in sorted(wanted.items()) for word in (snapshot, _signed(guid), name)]
    argv = [ZFS, "program", "--", pool, "-", *words]
    output = run(argv, _LIMIT, _MAKE)
    said = output.stderr + output.stdout
    if b"changed: " in said:
        raise Failure("changed", f"A snapshot is not what you saw: {one_line(said)}")
    if output.status != 0:
        raise failure(argv, output)
    now = _guids(list(wanted))
    for name, (_, guid) in wanted.items():
        if now.get(name) != guid:
            raise Failure("failed", f"zfs made {name}, but it has the GUID {now.get(name, 'of nothing')}, not {guid}.")
    return {"made": sorted(wanted)}


def compare(wanted: dict[str, str]) -> None:
    """Refuse when one of these bookmarks has another GUID. One that is gone is as it was to be. Raises Failure."""
    now = _guids(list(wanted))
    for name, guid in wanted.items():
        if now.get(name, guid) != guid:
            raise Failure("changed", f"{name} is not what you saw: its GUID is {now[name]} now, not {guid}.")


def _destroy(wanted: dict[str, str]) -> dict[str, object]:
    commands = [[ZFS, "destroy", "--", name] for name in sorted(wanted)]
    for start in range(0, len(commands), _AT_ONCE):  # those that run side by side share their pool's transactions
        for argv, output in run_together(commands[start : start + _AT_ONCE], _LIMIT):
            if output.status != 0 and b"does not exist" not in output.stderr:
                raise failure(argv, output)
    left = _guids(list(wanted))
    if left:
        raise Failure("failed", f"zfs destroyed, but {min(left)} is still listed.")
    return {"destroyed": sorted(wanted)}


def _signed(guid: str) -> str:
    number = int(guid)
    return f"g{number - 2**64 if number >= 2**63 else number}"  # the letter keeps it from looking like an option


def _guids(names: list[str]) -> dict[str, str]:
    """The GUIDs of those bookmarks that there are."""
    listed = run([ZFS, "list", "-H", "-p", "-t", "bookmark", "-o", "name,guid", "--", *names], _LIMIT)
    rows = (line.split("\t") for line in listed.text.splitlines())
    found = {row[0]: row[1] for row in rows if len(row) == 2}
    if listed.status != 0 and not found and not any(words in listed.stderr for words in _NONE):
        raise failure([ZFS, "list"], listed)
    return found
