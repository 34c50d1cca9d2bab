"""Figures as the bar draws them: whoever was heard from was told, whatever became of the mail."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from alerts.coverage import Figures, Row, WithoutMail

NOBODY = WithoutMail()


def as_heard(
    rows: Sequence[Row], without: Mapping[int | None, WithoutMail], *, reports_delivery: bool
) -> tuple[list[Row], WithoutMail]:
    """The rows with those heard from without a mail among the sent, and what that changes of the whole.

    Counts of a branch are summed as figures are: somebody who sits twice counts twice.
    """
    below = {row.body: without.get(row.relay_id, NOBODY) if row.relay_id else NOBODY for row in rows}
    own = dict(below)
    for row in reversed(rows):
        if row.parent and any(below[row.body]):
            below[row.parent] = WithoutMail(*map(sum, zip(below[row.parent], below[row.body], strict=True)))
    heard = [
        replace(
            row,
            own=told(row.own, own[row.body], reports_delivery=reports_delivery),
            branch=told(row.branch, below[row.body], reports_delivery=reports_delivery),
        )
        if any(below[row.body])
        else row
        for row in rows
    ]
    return heard, without.get(None, NOBODY)


def told(figures: Figures, without: WithoutMail, *, reports_delivery: bool) -> Figures:
    """Nobody of them waits; and where a route reports what arrived, they are as good as reported."""
    arrived = without.answered + (without.office if reports_delivery else 0)
    return figures._replace(
        waiting=figures.waiting - without.waiting,
        sent=figures.sent + without.waiting,
        delivered=figures.delivered + arrived,
    )
