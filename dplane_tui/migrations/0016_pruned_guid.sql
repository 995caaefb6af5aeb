-- What a run has on record of a snapshot is replaced when it is known what became of it.

CREATE INDEX pruned_of_snapshot ON pruned (run, guid);
DROP INDEX pruned_of_run;
