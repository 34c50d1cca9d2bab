"""Forward motion: after a commit, ring for the next verb of alerts."""

from config.bell import ring


def wake(name: str, *args: int) -> None:
    """Send the task `alerts.tasks.<name>` once the current transaction has committed (at once outside of one)."""
    ring(f"alerts.tasks.{name}", *args)
