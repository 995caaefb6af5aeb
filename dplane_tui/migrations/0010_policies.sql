-- Runs of snapshot policies and of scheduled scrubs, trims and self-tests. What a dataset's policy is stands in its own
-- property dplane:policy, which moves with the pool. Times in Unix seconds, GUIDs as text.

CREATE TABLE policy_runs (
    id TEXT PRIMARY KEY,
    state TEXT NOT NULL,
    started REAL NOT NULL,
    ended REAL,
    message TEXT NOT NULL DEFAULT '',
    report TEXT NOT NULL DEFAULT '' -- JSON of policies.model.PolicyRun
) STRICT;
CREATE INDEX policy_runs_started ON policy_runs (started);

-- Since when this box has known a dataset to have a policy: before its first snapshot nothing else tells its age.
CREATE TABLE policy_seen (
    guid TEXT PRIMARY KEY,
    since REAL NOT NULL
) STRICT;

-- What timers of scrubs, trims and self-tests started, and why not.
CREATE TABLE upkeep_runs (
    id INTEGER PRIMARY KEY,
    timer TEXT NOT NULL,
    at REAL NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('started', 'left-out', 'failed')),
    message TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX upkeep_runs_of_timer ON upkeep_runs (timer, at);
