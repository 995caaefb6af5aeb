"""Builds, starts and torments the practice pair: two QEMU boxes with real OpenZFS. Standard library only."""
