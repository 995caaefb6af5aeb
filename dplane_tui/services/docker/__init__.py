"""Docker: containers and their logs, through a child that holds the SDK."""
