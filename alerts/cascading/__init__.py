"""From what was published to who is told: relays, recipients, seats; what is held; what readers say about who is there."""
