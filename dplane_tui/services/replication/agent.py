"""The far end of a replication: the one command a peer's key may run (`restrict,command="dplane agent --peer NAME"`).

What the peer asks for is one JSON object in SSH_ORIGINAL_COMMAND. There is no shell, and nothing here can destroy a
snapshot or roll back: a peer can list, receive into datasets it made itself, and give up its own interrupted receive.
What it may beyond that stands in the forced command (`rights.py`): to read what is here, to take snapshots of it, and
to destroy old snapshots of its own tasks (trimming.py) or roll its copies back (amending.py).
Every connection starts this, also on a Pi: it is plain blocking code and imports little.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Sequence
from typing import Any

from privhelper import grammar, resumetoken, strictjson

from . import agent_box as box
from . import begun
from .agent_granted import Granted
from .read import ASKED, ASKED_FIRST, OWNER, is_missing, list_argv, times_argv, top_values
from .rights import Rights, flags_of, of_words

REQUEST_LIMIT = 64 * 1024
HELPER = "/opt/dplane/current/libexec/privhelper"
STATE = "/var/lib/dplane/ssh"
ABSENT, BEGUN, OWNED = "absent", "begun", "owned"
MOST_PARENTS = 4


class Agent(Granted):
    """One request of one peer."""

    def __init__(self, rights: Rights) -> None:
        self._rights = rights
        self._peer = rights.peer
        self._root = rights.root
        self._helper = _helper()
        self._state = STATE
        self.streams = False  # standard output is for a stream, so a refusal goes to standard error

    def serve(self, request: str | None) -> dict[str, Any]:
        """Do what `request` asks and return the answer. Raises Refusal."""
        operations = {
            "hello": self._hello,
            "read": self._read,
            "receive": self._receive,
            "receive-several": self._receive_several,
            "abort": self._abort,
            "send": self._send,
            "estimate": self._estimate,
            "note": self._note_originals,
            "settle": self._lend,
            "snapshot": self._lend,
            "bookmark": self._lend,
            "forget": self._lend,
            "hold": self._lend,
            "release": self._lend,
            "creations": self._lend,
            "key-add": self._change_key,
            "key-keep": self._change_key,
            "times": self._times,
            "content": self._content,
            **({"prune": self._prune} if self._rights.may_prune else {}),
            **dict.fromkeys(("details", "aside", "rollback"), self._amend),
        }
        if request is None:
            raise box.Refusal("refused", "This key is for D-Plane's replication only; it gives no shell.")
        if len(request) > REQUEST_LIMIT:
            raise box.Refusal("refused", "The request is too large.")
        try:
            fields = strictjson.loads(request.encode("utf-8", "surrogateescape"))
        except strictjson.JsonError as error:
            raise box.Refusal("refused", f"The request {error}.") from None
        operation = operations.get(str(fields.get("op"))) if isinstance(fields, dict) else None
        if not isinstance(fields, dict) or operation is None:
            raise box.Refusal("refused", "This key is for D-Plane's replication only; that is not one of its requests.")
        return operation(fields)

    def _hello(self, _fields: dict[str, Any]) -> dict[str, Any]:
        """Say who answers, then stay until the peer goes: the connection that the others are multiplexed on."""
        first = {"ok": True, "peer": self._peer, "root": self._root, "zfs": box.version(), "several": True}
        first |= {"all_notes": True, "lets_go": True}
        first |= {"may_read": self._rights.may_read, **flags_of(self._rights)}
        box.say(first)
        while os.read(0, 4096):
            pass
        return {}

    def _dataset(self, fields: dict[str, Any]) -> str:
        """The dataset a request is about: a sound name, inside of what the key is confined to. Raises Refusal."""
        name = fields.get("dataset")
        problem = grammar.dataset_problem(name)
        if problem or not isinstance(name, str) or "/" not in name:
            raise box.Refusal("refused", f"The target {problem or 'must be a dataset below a pool'}.")
        if not self._rights.may_write(name):
            raise box.Refusal("refused", f"This peer may only {self._rights.in_words()}, and not use {name}.")
        return name

    def _readable(self, fields: dict[str, Any]) -> str | None:
        """The dataset of a request when the peer was given the right to read it, whoever made it; else None."""
        name = fields.get("dataset")
        sound = isinstance(name, str) and not grammar.dataset_problem(name)
        return str(name) if sound and self._rights.reads(str(name)) else None

    def _standing(self, name: str) -> str:
        """ABSENT, OWNED, or BEGUN: this peer's, though not marked yet. Raises Refusal for what is somebody else's."""
        found = box.run(["zfs", "get", "-H", "-p", "-o", "value,source", OWNER, name])
        if found.returncode != 0:
            if is_missing(found.stderr):
                return ABSENT
            raise box.Refusal("failed", f"The far box could not look at {name}: {box.last(found.stderr)}")
        # Asked for one dataset and compared whole, so that a value with a line end in it cannot speak for another one.
        # An inherited mark says whose the dataset above is: what the owner makes below is not the peer's.
        if found.stdout == f"{self._peer}\tlocal\n":
            return OWNED
        if (found.stdout == "-\t-\n" or "\tinherited from " in found.stdout) and self._began(name):
            return BEGUN
        raise box.Refusal(
            "refused",
            f"{name} exists on the far box and was not made by this peer, so nothing is received into it.",
            "Choose a target that does not exist yet.",
        )

    def _began(self, name: str) -> bool:
        """Whether an unmarked dataset is what a first receive of this peer left behind when the power failed."""
        noted = begun.read(self._state, name)
        if noted is None or noted.peer != self._peer:
            return False
        try:
            fields = resumetoken.unpack(self._unfinished(name))
        except resumetoken.TokenError:
            return False
        return str(fields.get("toguid")) == noted.guid and "fromguid" not in fields

    def _unfinished(self, name: str) -> str:
        """The resume token of a first receive that has not ended; empty for a dataset that is whole."""
        token = box.value(name, "receive_resume_token")
        if token == "-":  # noqa: S105
            return ""
        listed = box.run(list_argv(name, False))
        if listed.returncode != 0:
            raise box.Refusal("failed", f"The far box could not list {name}: {box.last(listed.stderr)}")
        return "" if "@" in listed.stdout else token

    def _read(self, fields: dict[str, Any]) -> dict[str, Any]:
        """What the target has, after ending what an earlier, lost connection of the same peer is still receiving.

        With `look`, a receive goes on: who asks wants to see, not to send.
        """
        name, recursive = self._readable(fields) or self._dataset(fields), fields.get("recursive") is True
        if fields.get("look") is not True and self._rights.may_write(name):
            self._take_over(name)
            self._forget_whole(name)
        listing = box.reread if fields.get("apart") is True else box.properties
        got = listing(name, recursive, ASKED if fields.get("all_notes") is True else ASKED_FIRST)
        if not got:
            return {"ok": True, "list": "", "get": "", "available": box.available(name)}
        top = top_values(got, name)
        if not self._rights.reads(name) and top.get(OWNER) != self._peer and self._standing(name) == ABSENT:
            raise box.Refusal("failed", f"{name} went away on the far box while it was read.", "Run again.")
        listed = box.run(list_argv(name, recursive))
        if listed.returncode != 0:
            raise box.Refusal("failed", f"The far box could not list {name}: {box.last(listed.stderr)}")
        free = top.get("available", "")
        return {
            "ok": True,
            "list": listed.stdout,
            "get": got,
            "available": int(free) if free.isdigit() else None,
        }

    def _forget_whole(self, top: str) -> None:
        """Forget the notes of datasets at and below `top` that are whole: who noted them was killed before that."""
        for noted in begun.every(self._state, self._peer):
            if not f"{noted.dataset}/".startswith(f"{top}/"):
                continue
            with contextlib.suppress(box.Refusal):  # a note too many does no harm
                if self._standing(noted.dataset) == OWNED and not self._unfinished(noted.dataset):
                    begun.remove(self._state, noted.dataset, self._peer)

    def _absent(self, name: str) -> bool:
        """Whether the dataset is not there. Raises Refusal when it is, and the peer may not look at it."""
        if not self._rights.reads(name):
            return self._standing(name) == ABSENT
        found = box.run(["zfs", "list", "-H", "-o", "name", name])
        if found.returncode != 0 and not is_missing(found.stderr):
            raise box.Refusal("failed", f"The far box could not look at {name}: {box.last(found.stderr)}")
        return found.returncode != 0

    def _times(self, fields: dict[str, Any]) -> dict[str, Any]:
        """When the target's snapshots were taken."""
        name = self._readable(fields) or self._dataset(fields)
        if self._absent(name):
            return {"ok": True, "times": ""}
        output = box.run(times_argv(name, fields.get("recursive") is True))
        if output.returncode != 0:
            raise box.Refusal("failed", f"The far box could not list {name}: {box.last(output.stderr)}")
        return {"ok": True, "times": output.stdout}

    def _abort(self, fields: dict[str, Any]) -> dict[str, Any]:
        name, token = self._dataset(fields), fields.get("token")
        if resumetoken.token_problem(token):
            raise box.Refusal("refused", "That is not a resume token.")
        with self._alone(
            name
        ):  # or a receive that waits for its stream would find its dataset gone, and make a new one
            if self._standing(name) != ABSENT:
                if box.value(name, "receive_resume_token") != token:  # told here, so that no log grows by asking
                    raise box.Refusal("changed", f"{name} holds no interrupted receive with that token (any more).")
                self._ask_helper({"verb": "receive-abort", "dataset": name, "token": token})
                begun.remove(self._state, name, self._peer)
        return {"ok": True}

    def _receive(self, fields: dict[str, Any]) -> dict[str, Any]:
        """Pass the stream on standard input to the privileged helper's `receive`."""
        name, kind = self._dataset(fields), fields.get("kind")
        if grammar.dataset_kind_problem(kind):
            raise box.Refusal("refused", "The kind of dataset must be filesystem or volume.")
        with self._alone(name):
            standing = self._standing(name)
            # Whatever the peer says: what makes a stranger's dataset harmless is set until the dataset is whole.
            first = standing == ABSENT or bool(self._unfinished(name))
            if standing == ABSENT:
                box.refuse_anothers(name, self._peer)
                self._make_parents(name)
                self._note(name, fields.get("guid"))
            elif first and box.value(name, "type") != kind:  # the helper looks only at what is whole
                raise box.Refusal("refused", f"{name} is not a {kind}.")
            request = {"verb": "receive", "dataset": name, "kind": kind, "first": first}
            try:
                return box.pour([*self._helper], box.line({**request, "peer": self._peer}))
            finally:
                self._settle(name, standing)

    def _receive_several(self, fields: dict[str, Any]) -> dict[str, Any]:
        from . import agent_several

        return agent_several.receive(self, fields)

    def _own(self, fields: dict[str, Any]) -> str:
        """The dataset of a request that needs a whole copy of this peer's. Raises Refusal."""
        name = self._dataset(fields)
        if self._standing(name) != OWNED:
            raise box.Refusal("missing", f"The far box has no {name} of this peer.")
        return name

    def _note_originals(self, fields: dict[str, Any]) -> dict[str, Any]:
        from . import giving

        name = self._own(fields)
        try:
            return giving.keep_notes(name, fields, box.value(name, "guid"), self._ask_helper)
        except ValueError as error:
            raise box.Refusal("refused", f"The request {error}.") from None

    def _note(self, name: str, guid: object) -> None:
        """Write down that this peer begins to receive into `name`. Without it, only a power loss needs a person."""
        if isinstance(guid, str) and not grammar.guid_problem(guid):
            with contextlib.suppress(OSError):
                begun.write(self._state, begun.Begun(self._peer, name, guid))

    def _settle(self, name: str, before: str) -> None:
        """Forget the note where it has done its work, so that none lives longer than its receive but by power loss."""
        try:
            if before == BEGUN and self._standing(name) == BEGUN:
                return
        except box.Refusal as refusal:
            if refusal.code != "refused":
                return  # not known how it stands
        begun.remove(self._state, name, self._peer)

    def _make_parents(self, name: str) -> None:
        """The levels above the target, never mounted, nor marked as the peer's: others may live below them too."""
        parts = name.split("/")[:-1]
        levels = ["/".join(parts[:depth]) for depth in range(2, len(parts) + 1)]
        missing = [level for level in levels if box.run(["zfs", "list", "-H", "-o", "name", level]).returncode != 0]
        if len(missing) > MOST_PARENTS:
            raise box.Refusal(
                "refused",
                f"{len(missing)} levels above {name} do not exist on the far box; a peer makes {MOST_PARENTS} at most.",
                "Make the upper ones there first: `dplane dataset create`.",
            )
        for parent in missing:
            if self._root is not None and not f"{parent}/".startswith(f"{self._root}/"):
                raise box.Refusal("refused", f"{parent}, above this peer's root, does not exist on the far box.")
            self._ask_helper(
                {"verb": "dataset-create", "dataset": parent, "mount": False, "properties": {"canmount": "off"}}
            )

    def _ask_helper(self, request: dict[str, Any]) -> dict[str, Any]:
        output = box.run(self._helper, box.line(request))
        with contextlib.suppress(ValueError, AttributeError):
            answer: dict[str, Any] = json.loads(output.stdout)
            if answer.get("ok") is True and output.returncode == 0:
                return answer
            raise box.Refusal("failed", f"The far box refused: {answer['error']['message']}")
        raise box.Refusal("failed", f"The far box's privileged helper failed: {box.last(output.stderr)}")


def _helper() -> tuple[str, ...]:
    return ("sudo", "-n", os.path.realpath(HELPER))


def _refuse_revoked(peer: str) -> None:
    """Raise Refusal when the key was taken away since its connection was let in: sshd does not end that by itself."""
    with contextlib.suppress(OSError):
        with open(f"{os.path.dirname(STATE)}/ssh-accept/authorized_keys", encoding="utf-8", errors="replace") as file:
            if any(line.rstrip("\n").endswith(f" dplane:{peer}") for line in file):
                return
        raise box.Refusal("authentication", f"The far box does not let {peer} in any more.", "Pair again.")


def main(words: Sequence[str]) -> int:
    """`--peer NAME` and its rights (`rights.py`), from the forced command; returns the exit code."""
    rights = of_words(list(words))
    if rights is None:
        sys.stderr.write(
            "usage: dplane agent --peer NAME [--root DATASET] [--may-read DATASET [--may-snapshot yes]] "
            "[--may-prune yes] [--may-rollback yes]\n"
        )
        return 2
    agent = Agent(rights)
    try:
        _refuse_revoked(rights.peer)
        answer = agent.serve(os.environ.get("SSH_ORIGINAL_COMMAND"))
        if answer:
            box.say(answer)
        return 0
    except box.Refusal as refusal:
        error = {"code": refusal.code, "message": refusal.message, "next": refusal.next_step}
    except BrokenPipeError:
        return 1
    except Exception as mistake:
        error = {
            "code": "failed",
            "message": f"The far box's agent made a mistake: {type(mistake).__name__}.",
            "next": "",
        }
    with contextlib.suppress(BrokenPipeError):
        if agent.streams:
            sys.stderr.write(f"{error['message']}\n")
        else:
            box.say({"ok": False, "error": error})
    return 1
