"""Real processes, started, killed and stopped: each file by itself, and first of all, since they wait more than they work."""
