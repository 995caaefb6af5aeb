-- What a run said while it worked: JSON list of model.LogLine. Empty: it said nothing, or its log is not kept any more.
ALTER TABLE runs ADD COLUMN log TEXT NOT NULL DEFAULT '';
