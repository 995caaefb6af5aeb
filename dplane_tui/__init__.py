"""D-Plane console: a terminal console for ZFS NAS boxes."""

__version__ = "0.1.0"
