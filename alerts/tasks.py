"""Celery's doors: a line or two each. A task carries an id or nothing, and asks the database what is to be done."""

import time

from celery import shared_task
from django.utils import timezone

from alerts import cascade as cascading
from alerts import counting, gaps, reviewing, verify
from alerts import deliver as delivering
from alerts.models import Heartbeat
from alerts.wake import wake

# A turn is short, so that heartbeats, cascades and folding never stand behind a long queue of mail.
ONE_TURN = 5.0  # seconds


@shared_task
def heartbeat() -> None:
    """Beat and a worker are alive: beat sent this, a worker ran it."""
    Heartbeat.objects.update_or_create(process="beat", defaults={"at": timezone.now()})


@shared_task
def cascade(advisory_id: int) -> None:
    """One pass over one advisory."""
    cascading.cascade(advisory_id)


@shared_task
def cascade_all() -> None:
    """A pass over each live advisory: late joiners, due relays, lost work."""
    for advisory_id in cascading.live_advisories():
        cascading.cascade(advisory_id)
    cascading.forget_changes()


@shared_task
def deliver() -> None:
    """Batch after batch, each time the most severe, for as long as a turn lasts."""
    until = time.monotonic() + ONE_TURN
    while delivering.deliver():
        if time.monotonic() > until:
            wake("deliver")
            return


@shared_task
def tend_gaps() -> None:
    """Bodies left out until a day, and what was left undecided."""
    gaps.tend(timezone.now())


@shared_task
def tend_reviews() -> None:
    """Review dates, and advisories of closed bodies."""
    reviewing.tend(timezone.now())


@shared_task
def fold(advisory_id: int) -> None:
    """Fold one advisory's deltas."""
    counting.fold(advisory_id)


@shared_task
def fold_all() -> None:
    """Fold whatever is pending anywhere."""
    for advisory_id in counting.unfolded():
        counting.fold(advisory_id)


@shared_task
def ask_contacts() -> None:
    """Ask the contacts whose confirmation runs out."""
    verify.ask_contacts()
