"""Arguments that several verbs take."""

from __future__ import annotations

from . import grammar as g
from .kinds import PROPERTIES, TOKEN
from .shape import Arg

GUID = Arg("guid", g.GUID)
POOL = Arg("pool", g.POOL)
DATASET = Arg("dataset", g.DATASET)
CHILD = Arg("dataset", g.CHILD)
SNAPSHOT = Arg("snapshot", g.SNAPSHOT)
PLAN = Arg("plan", g.PLAN, optional=True)
DRY_RUN = Arg("dry_run", g.FLAG, optional=True)
PARENTS = Arg("parents", g.FLAG, optional=True)
ENCRYPTED = Arg("encrypted", g.FLAG, optional=True)
PROPERTY_SET = Arg("properties", PROPERTIES, optional=True)
RAW = Arg("raw", g.FLAG, optional=True)
PROGRESS = Arg("progress", g.FLAG, optional=True)
PEER = Arg("peer", g.PEER)
TOKEN_ARG = Arg("token", TOKEN)

ENCRYPTION = ("-o", "encryption=on", "-o", "keyformat=passphrase", "-o", "keylocation=prompt")
"""What makes a new dataset an encryption root whose passphrase is read from standard input."""
