"""Colour themes as data: one TOML file each, read by `dplane_tui.theme`."""
