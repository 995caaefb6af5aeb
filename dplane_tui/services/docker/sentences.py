"""What a person reads when Docker does not do what was asked. Pure."""

from __future__ import annotations

from ...errors import ChangedError, CommandError, DPlaneError, MissingError, NotAllowedError
from .model import Container

_LOGS = "Its last lines tell why: `dplane docker logs NAME`."

# worker's code: (exception, what happened, what to do). {where} host, {said} detail, {what} container, {do} action.
_SENTENCES: dict[str, tuple[type[DPlaneError], str, str]] = {
    "absent": (
        MissingError,
        "There is no Docker engine on {where} (no socket {said}).",
        "Install one with `sudo apt-get install docker.io`.",
    ),
    "down": (
        MissingError,
        "The Docker engine on {where} is not running ({said}).",
        "Start it with `sudo systemctl start docker`; `journalctl -u docker` tells why it stopped.",
    ),
    "lost": (
        MissingError,
        "The Docker engine on {where} broke off in the middle of its answer.",
        "Look at `journalctl -u docker`.",
    ),
    "hung": (
        MissingError,
        "The Docker engine on {where} does not answer.",
        "Look at `journalctl -u docker`; `sudo systemctl restart docker` starts it anew, and its containers with it.",
    ),
    "forbidden": (
        NotAllowedError,
        "This user may not use the Docker engine on {where} ({said}).",
        "Whoever can reach that socket is root on the box, so D-Plane adds nobody to its group. If you want it: "
        "`sudo adduser YOUR-NAME docker`, then log in again.",
    ),
    "address": (
        MissingError,
        "DOCKER_HOST is {said} on {where}; D-Plane speaks only to a local socket (unix:///…).",
        "Unset it, or manage the other box with `dplane --host`.",
    ),
    "version": (MissingError, "The Docker engine on {where} is too old: {said}.", "Upgrade docker.io."),
    "sdk": (
        MissingError,
        "The Docker library of D-Plane cannot be loaded on {where} ({said}).",
        "Install D-Plane again with `sudo make install`.",
    ),
    "no-product": (
        MissingError,
        "D-Plane is not installed on {where}, so its containers cannot be read from here.",
        "Install it there with `sudo make install`.",
    ),
    "gone": (ChangedError, "{what} is no longer on {where}.", "Look at the list again."),
    "exited": (CommandError, "{what} was started on {where} but exited with code {said}.", _LOGS),
    "looping": (
        CommandError,
        "{what} was started on {where} but exits with code {said} and is restarted over and over.",
        _LOGS,
    ),
    "running": (CommandError, "{what} was told to stop on {where} but its state is {said}.", ""),
    "same": (CommandError, "{what} was told to restart on {where} but is the same process as before.", ""),
    "refused": (CommandError, "Docker on {where} refused to {do}: {said}.", ""),
}
_OTHER = (CommandError, "The helper that talks to Docker on {where} failed: {said}.", "`dplane doctor` checks it.")
_DONE = {"start": "runs", "stop": "is stopped", "restart": "was restarted and runs"}


def outcome(action: str, after: Container) -> str:
    """What an act came to, from the container as the engine told it afterwards."""
    return f"{after.name} {_DONE.get(action, after.state)}{f' ({after.status})' if after.status else ''}."


def told(code: str, detail: str, where: str, what: str = "The container", action: str = "") -> DPlaneError:
    """The exception for a worker's error: what happened, to what, and what to do. `detail` is already cleaned."""
    kind, happened, next_step = _SENTENCES.get(code, _OTHER)
    said = detail.rstrip(". ")
    text = happened.replace("{where}", where).replace("{what}", what).replace("{do}", action or "answer")
    text = text.replace(" ({said})", f" ({said})" if said else "").replace("{said}", said or "unknown")
    return kind(text, next_step.replace("NAME", what.removeprefix("Container ")) if next_step is _LOGS else next_step)
