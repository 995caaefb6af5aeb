"""Snapshot policies: which datasets get snapshots by themselves, how many are kept, and what became of it."""
