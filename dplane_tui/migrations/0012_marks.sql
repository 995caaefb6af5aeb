-- What a box is known by: its copies (`chains.peer`) and our bookmarks. It was the pinned host key, which changes when the
-- box is reinstalled with its pools kept; from now on it is the one that was pinned first.

ALTER TABLE peers ADD COLUMN mark TEXT NOT NULL DEFAULT '';
UPDATE peers SET mark = host_key;
