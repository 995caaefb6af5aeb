"""Where the helper's files are. Constants of the build, never of the caller: no variable or argument changes them.

`build.py` can bake other values into a test build; its digest is then another than the one in the sudoers rule.
"""

from __future__ import annotations

RELEASES = "/opt/dplane/releases"
CURRENT = "/opt/dplane/current"
AUDIT_DIR = "/var/log/dplane"
STATE_DIR = "/var/lib/dplane"
CONFIG_DIR = "/etc/dplane"
DISKS = "/dev/disk/by-id"
SYSLOG = "/dev/log"
ZFS = "/usr/sbin/zfs"
ZPOOL = "/usr/sbin/zpool"
SMARTCTL = "/usr/sbin/smartctl"
EXPORTFS = "/usr/sbin/exportfs"
NET = "/usr/bin/net"
CHOWN = "/usr/bin/chown"
SYSTEMCTL = "/usr/bin/systemctl"
SYSTEMD_ANALYZE = "/usr/bin/systemd-analyze"
SYSTEMD_RUN = "/usr/bin/systemd-run"
UNITS = "/etc/systemd/system"
TTYS = "/sys/class/tty"
BLOCKS = "/sys/class/block"
CGROUP = "/proc/self/cgroup"  # which unit we run in: systemd's word, not the caller's
SHADOW = "/etc/shadow"
PAM_CONFDIR = ""  # "" is PAM's own: /etc/pam.d
FILE_SYSTEM = "zfs"  # what the kernel calls the file system of datasets
SERVICE_USER = SERVICE_GROUP = "dplane"  # who does the work that needs no root, and reads channels and their secrets
OWNER_UID = 0  # who must own the helper, its directories and its log, and as whom it must run
INSTALLED = False  # whether this is the one file that build.py makes, not a checkout
