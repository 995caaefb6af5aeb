"""What is wrong with a pool, and what to do about it."""
