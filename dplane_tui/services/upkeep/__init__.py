"""Scrubs, trims and self-tests that systemd timers start, and what came of them."""
