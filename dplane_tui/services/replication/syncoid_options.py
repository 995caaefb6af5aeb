"""The options of syncoid 2.1 to 2.3, and what becomes of each."""

from __future__ import annotations

from typing import NamedTuple

KEPT, NOT_NEEDED, NOT_SUPPORTED = "kept", "not needed", "not supported"


class Option(NamedTuple):
    """One option; without `text` its fate is told where it is read."""

    value: bool
    """Whether a value follows."""
    fate: str = NOT_NEEDED
    text: str = ""


TABLE: dict[str, Option] = {
    "recursive": Option(False, KEPT, "--recursive"),
    "no-sync-snap": Option(False, KEPT, "--no-snapshot: the snapshots that are there are sent, none is taken"),
    "no-stream": Option(False, KEPT, "--newest-only and --initial newest: what lies between two runs is left out"),
    "source-bwlimit": Option(True, KEPT),
    "target-bwlimit": Option(True, KEPT),
    "sendoptions": Option(True, KEPT),
    "recvoptions": Option(True),
    "exclude": Option(True, KEPT),
    "exclude-datasets": Option(True, KEPT),
    "sshport": Option(True, KEPT),
    "sshoption": Option(True),
    "skip-parent": Option(False, NOT_SUPPORTED, "the source itself is copied too: make a task for each child instead"),
    "include-snaps": Option(True, NOT_SUPPORTED, "all snapshots since the last run are sent, or only the newest"),
    "exclude-snaps": Option(True, NOT_SUPPORTED, "all snapshots since the last run are sent, or only the newest"),
    "sshconfig": Option(True, NOT_SUPPORTED, "give the real address to `dplane peer add`; the file is not read"),
    "insecure-direct-connection": Option(True, NOT_SUPPORTED, "everything goes through SSH"),
    "force-delete": Option(False, NOT_SUPPORTED, "nothing at the target is destroyed to make a run work; "
                            "`dplane replicate compare` shows what stands in the way"),
    "delete-target-snapshots": Option(False, NOT_SUPPORTED, "use --keep-target for how long copies are kept"),
    "compress": Option(True, text="blocks travel compressed as they are on disk"),
    "sshkey": Option(True, text="each peer gets a key of its own when it is paired"),
    "sshcipher": Option(True, text="both sides agree on the best they have"),
    "identifier": Option(True, text="each target has bases of its own; snapshots named so are left alone"),
    "create-bookmark": Option(False, text="each run leaves a bookmark as its base, always"),
    "use-hold": Option(False, text="bookmarks do that; holds that syncoid set stay until `zfs release`"),
    "keep-sync-snap": Option(False, text="snapshots stay until --keep-source says otherwise"),
    "no-rollback": Option(False, text="a target is never rolled back by a run"),
    "no-resume": Option(False, text="an interrupted stream is always resumed"),
    "no-clone-handling": Option(False, text="a clone is copied as a dataset of its own"),
    "no-clone-rollback": Option(False, text="a target is never rolled back by a run"),
    "no-privilege-elevation": Option(False, text="with D-Plane there its own door is used; without, sudo is tried, "
                                      "then what `zfs allow` gives the account"),
    "preserve-properties": Option(False, text="ZFS's own settings of the original are noted with the copy and put "
                                   "back by a restore, but shares, which it names"),
    "preserve-recordsize": Option(False, text="blocks keep their size, and the setting is put back by a restore"),
    "mbuffer-size": Option(True, text="no mbuffer is used"),
    "pv-options": Option(True, text="`dplane job watch` shows the progress"),
    "quiet": Option(False, text="a scheduled run says nothing; `dplane replicate runs` tells"),
    "debug": Option(False, text="`dplane replicate run-show` has the plan, the evidence and the log"),
    "dumpsnaps": Option(False, text="`dplane replicate compare` lists the snapshots"),
    "monitor-version": Option(False, text="it does nothing in syncoid either"),
    "no-command-checks": Option(False, text="`dplane doctor` checks what is needed"),
}  # fmt: skip
