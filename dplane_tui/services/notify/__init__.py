"""Being told: what begins, goes on and ends on a box reaches a person by mail, webhook, ntfy or ping."""
