"""Retention: which snapshots may go, by a policy, and destroying just those. One planner for all that prunes."""
