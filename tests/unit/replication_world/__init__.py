"""A small model of OpenZFS, as programs that real processes run: for faults at every command boundary, without a pool.

What the real OpenZFS does is proven on the practice pair (tests/lab); here it is about killing, cutting and lying.
"""
