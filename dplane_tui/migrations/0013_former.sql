-- What a run proved of another place must not count for where its task sends now.
-- 0: it counts. 1: the task's place was changed since (a conflict was resolved). 2: the run's task was removed.
ALTER TABLE runs ADD COLUMN former INTEGER NOT NULL DEFAULT 0 CHECK (former IN (0, 1, 2));
UPDATE runs SET former = 2 WHERE NOT EXISTS (SELECT 1 FROM tasks WHERE tasks.name = runs.task AND tasks.created <= runs.started);
-- In the order they were begun, not of a clock that may have been wrong.
DROP INDEX runs_of_task;
CREATE INDEX runs_of_task ON runs (task);
