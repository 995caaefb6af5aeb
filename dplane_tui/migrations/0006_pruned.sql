-- What retention destroyed, or could not; and which peers granted it. Times in Unix seconds, GUIDs as text.

ALTER TABLE peers ADD COLUMN may_prune INTEGER NOT NULL DEFAULT 0;

-- Outlives the run that did it, as that is forgotten when it was one by hand.
CREATE TABLE pruned (
    id INTEGER PRIMARY KEY,
    run TEXT NOT NULL,
    task TEXT NOT NULL,
    side TEXT NOT NULL CHECK (side IN ('source', 'target')),
    dataset TEXT NOT NULL,
    snapshot TEXT NOT NULL,
    guid TEXT NOT NULL,
    at REAL NOT NULL,
    error TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX pruned_of_run ON pruned (run);

CREATE INDEX evidence_of_dataset ON evidence (dataset, target);
ALTER TABLE peers ADD COLUMN may_rollback INTEGER NOT NULL DEFAULT 0;
