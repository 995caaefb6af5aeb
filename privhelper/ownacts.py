"""What the helper does itself, without another program's argv; each module is loaded when its verb is asked for."""

from __future__ import annotations

from .shape import Args, Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .roles import Caller


def look(verb: Verb, args: Args, who: Caller) -> dict[str, object]:
    """What a dry run, or a verb that only reads, answers. Raises Failure."""
    if verb.name == "unlock":
        from .signin import has_password

        return has_password(who)
    if not verb.before:
        return {}
    from . import checks, programs

    programs.prepare()
    return checks.look(verb, args)


def act(name: str, args: Args, who: Caller) -> dict[str, object]:
    """Do the verb; what was read back. Raises Failure."""
    if name.startswith("timer-"):
        from . import timers

        return timers.change(name, args)
    if name.startswith("bookmarks-"):
        from . import bookmarks, programs

        programs.prepare()
        return bookmarks.change(name, args)
    if name == "peer-adopt":
        from . import adoption, programs

        programs.prepare()
        return adoption.adopt(args)
    if name == "disk-locate":
        from . import locating

        return locating.locate(args)
    if name.startswith("kiosk-"):
        from . import kiosk

        return kiosk.change(name, args)
    if name.startswith("notify-"):
        from . import notifying

        return notifying.change(name, args)
    if name in ("sign-in", "unlock"):
        from . import signin

        return signin.sign_in(who, args) if name == "sign-in" else signin.unlock(who)
    from . import peers

    return peers.change(name, args)
