"""OpenZFS: what is there (read without root) and what can be done to it (through the door)."""
