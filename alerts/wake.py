"""Forward motion: after a commit, ring for the next verb of alerts."""

from alerts.models import Advisory, Severity
from config.bell import ring


def wake(name: str, *args: int, rank: int = 0) -> None:
    """Send the task `alerts.tasks.<name>` once the current transaction has committed (at once outside of one)."""
    ring(f"alerts.tasks.{name}", *args, rank=rank)


def wake_cascade(advisory: Advisory) -> None:
    """Ring for a pass over this advisory, before those over milder ones."""
    wake("cascade", advisory.pk, rank=Severity(advisory.severity).rank)
