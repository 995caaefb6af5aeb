"""From the bytes of a request to a verb and checked arguments. Pure: reads nothing of the machine."""

from __future__ import annotations

from .grammar import LOWER
from .shape import ADMIN, ROLES, VIEW, Args, Verb, assemble
from .strictjson import JsonError, loads
from .verbs import BY_NAME

MAX_REQUEST = 65536  # bytes, without the line end


class Refused(Exception):
    """The request is not one that the table allows; str() is one sentence that says which rule it breaks."""


def parse(raw: bytes) -> tuple[Verb, Args]:
    """The verb and the checked arguments of a request. Raises Refused."""
    if len(raw) > MAX_REQUEST:
        raise Refused(f"The request is larger than {MAX_REQUEST} bytes.")
    if not raw.strip():
        raise Refused("The request is empty: one JSON object is expected.")
    try:
        request = loads(raw)
    except JsonError as error:
        raise Refused(f"The request {error}.") from None
    if not isinstance(request, dict):
        raise Refused("The request is not a JSON object.")
    name = request.pop("verb", None)
    if not isinstance(name, str):
        raise Refused("The request names no verb, or not as a text.")
    verb = BY_NAME.get(name)
    if verb is None:
        raise Refused(f"The verb {_word(name)} is not one of those that `privhelper help` lists.")
    _check(verb, request)
    return verb, request


def _check(verb: Verb, request: Args) -> None:
    known = {arg.name: arg for arg in verb.args}
    for name in request:
        if name not in known:
            raise Refused(f"{verb.name} takes no argument {_word(name)}.")
    for name, arg in known.items():
        if name not in request:
            if not arg.optional:
                raise Refused(f"{verb.name} needs the argument {name}.")
            continue
        problem = arg.kind.check(request[name])
        if problem:
            raise Refused(f"{verb.name}: {name} {problem}.")
    for rule in verb.rules:
        problem = rule(request)
        if problem:
            raise Refused(f"{verb.name}: {problem}.")


def _word(name: str) -> str:
    """A hostile word made fit for a sentence."""
    plain = "".join(c if c in LOWER or c in "-_" else "?" for c in name[:40])
    return f"'{plain}'"


def argv(verb: Verb, args: Args) -> list[str]:
    """The command that `verb` becomes; every element is a literal of the table or holds a checked argument."""
    return assemble(verb.argv, args)


def role_needed(verb: Verb, args: Args) -> str:
    """The role this request needs: a dry run is a look, and some property values are an administrator's."""
    if verb.is_dry(args):
        return VIEW
    if verb.name == "snapshot-rename" and _becomes_ours(str(args["snapshot"]), str(args["to"])):
        return ADMIN
    if verb.name == "pool-set" and args["setting"] == "autoreplace=on":
        return ADMIN  # ZFS then overwrites a new disk in the place of a lost one by itself
    if "properties" not in args and "property" not in args:
        return verb.role
    from .properties import admin_when_inherited, needs_admin

    if verb.name == "dataset-inherit" and admin_when_inherited(args.get("property")):
        return ADMIN

    given = args.get("properties")
    settings = dict(given) if isinstance(given, dict) else {}
    if isinstance(args.get("property"), str):
        settings[args["property"]] = args.get("value")
    if any(needs_admin(name, value) for name, value in settings.items()):
        return ADMIN
    return verb.role


def _becomes_ours(old: str, new: str) -> bool:
    """Whether a snapshot would get a name by which `snapshot-prune`, or a policy's run, may destroy it."""
    before, after = old.partition("@")[2], new.partition("@")[2]
    return any(after.startswith(ours) and not before.startswith(ours) for ours in ("dplane-", "dplane-auto-"))


def allows(held: str, needed: str) -> bool:
    """Whether the role `held` ("" for none) carries the role `needed`."""
    return held in ROLES and ROLES.index(held) >= ROLES.index(needed)
