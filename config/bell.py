"""Ringing for the next verb: after a commit a task is sent by its name. A bell that nobody hears costs seconds.

Redis only says "look now": whatever is to be done stands in the database, and the beat looks there too.
"""

from functools import partial

import structlog
from django.db import transaction
from kombu.exceptions import OperationalError

log = structlog.get_logger(__name__)

# Redis keeps a list for each of these; a worker empties the first before it looks at the next.
PRIORITIES = (0, 3, 6, 9)


def ring(task: str, *args: int, rank: int = 0) -> None:
    """Send the task of this full name once the current transaction has committed (at once outside of one).

    `rank`: 0 is heard first, 3 last. Rolled back, nothing is sent. A broker that is away is a line in the log and no error.
    """
    transaction.on_commit(partial(_send, task, args, PRIORITIES[rank]))


def _send(task: str, args: tuple[int, ...], priority: int) -> None:
    from config.celery import app

    try:
        app.send_task(task, args=args, priority=priority, retry=False)
    except (OperationalError, OSError) as error:
        log.warning("nobody heard the bell; the beat will look", task=task, error=type(error).__name__)
