"""Replication that proves itself."""
