-- A task may have its source on a peer; what a peer lets us read there; when our key for it was made (0: not known).

ALTER TABLE tasks ADD COLUMN source_peer TEXT REFERENCES peers (name) ON DELETE RESTRICT;
ALTER TABLE peers ADD COLUMN may_read TEXT;
ALTER TABLE peers ADD COLUMN may_snapshot INTEGER NOT NULL DEFAULT 0;
ALTER TABLE peers ADD COLUMN key_created REAL NOT NULL DEFAULT 0;
