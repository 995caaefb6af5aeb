-- What a box is known by: its copies (`chains.peer`) and our bookmarks. It was the pinned host key, which changes when the
-- box is reinstalled with its pools kept; from now on it is the one that was pinned first.

ALTER TABLE peers ADD COLUMN mark TEXT NOT NULL DEFAULT '';
UPDATE peers SET mark = host_key;

-- Of a hold at another box, the target of the task that made it, which its tag there is made of; empty: not known.
ALTER TABLE holds ADD COLUMN target TEXT NOT NULL DEFAULT '';

-- Tasks that pulled from a peer and are gone, or have another target now: what they left there is still to be taken away.
CREATE TABLE left_there (
    peer TEXT NOT NULL REFERENCES peers (name) ON DELETE CASCADE,
    source TEXT NOT NULL,
    target TEXT NOT NULL,
    recursive INTEGER NOT NULL,
    PRIMARY KEY (peer, source, target)
) STRICT;
