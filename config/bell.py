"""Ringing for the next verb: after a commit a task is sent by its name. A bell that nobody hears costs seconds.

Redis only says "look now": whatever is to be done stands in the database, and the beat looks there too.
"""

from functools import partial

import structlog
from django.db import transaction
from kombu.exceptions import OperationalError

log = structlog.get_logger(__name__)


def ring(task: str, *args: int) -> None:
    """Send the task of this full name once the current transaction has committed (at once outside of one).

    Rolled back, nothing is sent. A broker that is away is a line in the log and no error.
    """
    transaction.on_commit(partial(_send, task, args))


def _send(task: str, args: tuple[int, ...]) -> None:
    from config.celery import app

    try:
        app.send_task(task, args=args, retry=False)
    except (OperationalError, OSError) as error:
        log.warning("nobody heard the bell; the beat will look", task=task, error=type(error).__name__)
