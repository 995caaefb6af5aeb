"""What is measured, and how: each bench measures ours against a named alternative, in turn, in the same run."""
