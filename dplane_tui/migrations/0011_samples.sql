-- How full pools were and how warm disks were, noted when something of ours read them anyway, at most once an hour.
-- Times in whole Unix seconds, GUIDs as text, disks by their name under /dev/disk/by-id.

CREATE TABLE pool_samples (
    pool TEXT NOT NULL,
    at INTEGER NOT NULL,
    allocated INTEGER NOT NULL,
    size INTEGER NOT NULL,
    PRIMARY KEY (pool, at)
) STRICT, WITHOUT ROWID;

CREATE TABLE disk_samples (
    disk TEXT NOT NULL,
    at INTEGER NOT NULL,
    celsius REAL NOT NULL,
    PRIMARY KEY (disk, at)
) STRICT, WITHOUT ROWID;
