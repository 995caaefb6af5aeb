"""What the account may do on a host, told from its groups. The privileged helper decides; this only saves a refusal."""

from __future__ import annotations

from .host import Host

_GROUPS = (("dplane-admin", "admin"), ("dplane-operate", "operate"), ("dplane-view", "view"))


def of_groups(names: set[str], root: bool) -> str:
    """`admin`, `operate`, `view`, or empty for an account in none of the groups."""
    if root:
        return "admin"
    return next((role for group, role in _GROUPS if group in names), "")


async def role(host: Host) -> str:
    """The role of the account on `host`. Raises as `Host.run`."""
    user = (await host.run(["id", "-u"])).text.strip()
    groups = (await host.run(["id", "-Gn"])).text.split()
    return of_groups(set(groups), user == "0")
