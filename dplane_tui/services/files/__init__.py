"""The time machine: files of snapshots, their versions, and bringing them back."""
