-- What each copy is, so that a stream of another kind, or a key that was changed there, is seen before it does harm.
-- `peer` is the pinned host key of the box, empty for this one: names may change, the box does not.
CREATE TABLE chains (
    peer TEXT NOT NULL,
    target TEXT NOT NULL,
    dataset TEXT NOT NULL,
    raw INTEGER NOT NULL, -- decided by its first full, never changed
    key TEXT NOT NULL DEFAULT '', -- what the target told of its encryption key when it was last proven
    since REAL NOT NULL,
    PRIMARY KEY (peer, target)
) STRICT;

-- Holds that a run is about to make, written down before it makes them: what a killed run left is found without a list.
CREATE TABLE holds (
    run TEXT NOT NULL,
    tag TEXT NOT NULL,
    snapshot TEXT NOT NULL,
    guid TEXT NOT NULL,
    PRIMARY KEY (tag, snapshot)
) STRICT;
