-- The name by which a box with D-Plane accepts our key: bookmarks and holds that we have made there begin with it. Empty:
-- not known, until it is paired again or tested.
ALTER TABLE peers ADD COLUMN own_name TEXT NOT NULL DEFAULT '';
