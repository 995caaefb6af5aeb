-- Peers, replication tasks, their runs and the evidence of each. Times in Unix seconds, sizes in bytes, GUIDs as text
-- (they do not fit a signed 64-bit integer).

CREATE TABLE peers (
    name TEXT PRIMARY KEY,
    user TEXT NOT NULL,
    address TEXT NOT NULL,
    port INTEGER NOT NULL,
    host_key TEXT NOT NULL,
    host_fingerprint TEXT NOT NULL,
    key_fingerprint TEXT NOT NULL,
    product INTEGER NOT NULL,
    root TEXT,
    created REAL NOT NULL
) STRICT;

CREATE TABLE tasks (
    name TEXT PRIMARY KEY,
    source TEXT NOT NULL,
    peer TEXT REFERENCES peers (name) ON DELETE RESTRICT,
    target TEXT NOT NULL,
    recursive INTEGER NOT NULL,
    raw INTEGER,
    rpo INTEGER NOT NULL,
    snapshot INTEGER NOT NULL,
    created REAL NOT NULL,
    options TEXT NOT NULL DEFAULT '{}' -- JSON of model.Options
) STRICT;

-- A run outlives its task: history is not lost with the task that made it.
CREATE TABLE runs (
    id TEXT PRIMARY KEY,
    task TEXT NOT NULL,
    mode TEXT NOT NULL DEFAULT 'run' CHECK (mode IN ('run', 'plan', 'compare', 'verify', 'restore', 'conflicts', 'resolve')),
    state TEXT NOT NULL,
    started REAL NOT NULL,
    ended REAL,
    bytes INTEGER NOT NULL DEFAULT 0,
    message TEXT NOT NULL DEFAULT '',
    error_code TEXT NOT NULL DEFAULT '',
    request TEXT NOT NULL DEFAULT '', -- what was asked for besides the task, as JSON (model.Restore)
    plan TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX runs_of_task ON runs (task, started);

CREATE TABLE evidence (
    id INTEGER PRIMARY KEY,
    run TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    dataset TEXT NOT NULL,
    target TEXT NOT NULL,
    snapshot TEXT NOT NULL,
    snapshot_created REAL,
    source_guid TEXT NOT NULL,
    target_guid TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    base TEXT,
    duration REAL NOT NULL,
    verified_at REAL NOT NULL
) STRICT;
CREATE INDEX evidence_of_run ON evidence (run);

-- What a person must hear about the store itself (it was damaged and replaced).
CREATE TABLE notices (
    id INTEGER PRIMARY KEY,
    at REAL NOT NULL,
    text TEXT NOT NULL
) STRICT;
