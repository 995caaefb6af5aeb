"""Whether anyone but root can have changed a file: its owner and mode, and those of each directory above it."""

from __future__ import annotations

import os
import stat


def problem(path: str, owner: int) -> str:
    """Why others than root and `owner` could have changed `path` (absolute, without links); "" when not."""
    at = ""
    for part in ["", *path.strip("/").split("/")]:
        at = f"{at}/{part}" if part else "/"
        try:
            found = os.lstat(at)
        except OSError as error:
            return f"{at} cannot be checked: {error.strerror}"
        at = at.rstrip("/")
        if stat.S_ISLNK(found.st_mode):
            return f"{at} is a link"
        if found.st_uid not in (0, owner):
            return f"{at or '/'} does not belong to root"
        # In a sticky directory of root's (such as /tmp) others can make files, but not replace this one.
        sticky = stat.S_ISDIR(found.st_mode) and found.st_mode & stat.S_ISVTX
        if found.st_mode & 0o022 and not sticky:
            return f"{at or '/'} can be written by others than root"
    return ""
