"""Celery's doors: a line or two each. A task carries an id or nothing, and asks the database what is to be done."""

import time
from typing import Any

from celery import Task, shared_task
from celery.signals import worker_shutdown
from django.utils import timezone

from alerts import counting
from alerts.cascading import cascade as cascading
from alerts.chasing import tending
from alerts.delivery import deliver as delivering
from alerts.delivery import tracking, verify
from alerts.inbound import mailbox
from alerts.models import Heartbeat, Severity
from alerts.publishing import gaps, reviewing
from alerts.senders import Senders
from alerts.wake import wake
from alerts.watching import alarm, watch, watch_workers

# A turn is short, so that heartbeats, cascades and folding never stand behind a long queue of mail.
ONE_TURN = 2.0  # seconds
LONG_TURN = 20.0


@shared_task
def heartbeat() -> None:
    """Beat and a worker are alive: beat sent this, a worker ran it."""
    Heartbeat.objects.update_or_create(process="beat", defaults={"at": timezone.now()})


@shared_task(bind=True)
def pulse(self: Task) -> None:
    """This worker's pool runs tasks: its main process sent this to its own queue."""
    watch_workers.pulse(self.request.hostname, timezone.now())


@worker_shutdown.connect
def goodbye(sender: Any, **_: object) -> None:
    """A worker that stops as it was asked to is not looked for."""
    watch_workers.goodbye(sender.hostname)


@shared_task
def audit() -> None:
    """Is any live work older than it should be? The beat rings for it, and so does every worker."""
    now = timezone.now()
    if watch.audit(now):
        alarm.tell(now)


@shared_task
def report_well() -> None:
    """Call whoever is paged by silence."""
    alarm.report_well(timezone.now())


@shared_task
def cascade(advisory_id: int) -> None:
    """One pass over one advisory."""
    cascading.cascade(advisory_id)


@shared_task
def cascade_all() -> None:
    """A pass over each live advisory: late joiners, due relays, lost work."""
    wanting = cascading.wanting()
    if not _pass_over(wanting):
        wake("cascade_all")
    if wanting:
        cascading.forget_changes()


@shared_task
def cascade_due() -> None:
    """A pass over each advisory in which something is due, or was left half done by whoever died."""
    if not _pass_over(cascading.wanting(changes=False)):
        wake("cascade_due")


def _pass_over(advisories: list[int]) -> bool:
    """The most severe first. False where a long turn left some, however mild: they are not to wait for the next minute's."""
    until = time.monotonic() + LONG_TURN
    for done, advisory_id in enumerate(advisories, 1):
        cascading.cascade(advisory_id)
        if time.monotonic() > until:
            return done == len(advisories)
    return True


@shared_task
def compare_anew(advisory_id: int) -> None:
    """Compare everything of one advisory, changed or not."""
    cascading.compare_anew(advisory_id)


@shared_task
def compare_all_anew() -> None:
    """Ring for each advisory of which mails may leave to be compared whole."""
    for advisory_id in cascading.to_be_compared():
        wake("compare_anew", advisory_id, rank=len(Severity) - 1)
    # What changed while no advisory was live was looked at by none.
    cascading.forget_changes()


@shared_task
def deliver() -> None:
    """Batch after batch, each time the most severe, for as long as a turn lasts."""
    until = time.monotonic() + ONE_TURN
    with Senders() as senders:
        while delivering.deliver(senders):
            if time.monotonic() > until:
                wake("deliver")
                return


@shared_task
def match_events() -> None:
    """What was said of mails after they left: whose it is, and what follows."""
    tracking.match()


@shared_task
def read_mailbox() -> None:
    """What came back to our address, where a mailbox is read."""
    mailbox.read()


@shared_task
def tend_gaps() -> None:
    """Bodies left out until a day, and what was left undecided."""
    gaps.tend(timezone.now())


@shared_task
def tend_reviews() -> None:
    """Review dates, and advisories of closed bodies."""
    reviewing.tend(timezone.now())


@shared_task
def chase() -> None:
    """Clocks, reminders, escalation."""
    if not tending.tend(timezone.now()):
        wake("chase")


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
