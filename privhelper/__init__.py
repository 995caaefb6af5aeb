"""The privileged door: a fixed table of verbs, the only way the console reaches root.

Read in this order: `verbs.py` and `verbs_*.py` (the table), `grammar.py`, `properties.py`, `vdevs.py` (what an argument
may be), `request.py` (how a request becomes an argv), `session.py` (what happens to it). That table is all it can do.

Standard library only, and little of it: the helper starts for every action on machines as slow as a Raspberry Pi, so
modules that are slow to import (re, json, dataclasses, argparse, subprocess, typing) stay out of its way.
"""
