"""Doubts: readers who take a warning for phishing. They go to its issuer, and count as no answer."""

from alerts.answers import Question


def tell(of: Question) -> None:
    """Tell the issuer's officers that somebody doubts this advisory. Within a transaction."""
