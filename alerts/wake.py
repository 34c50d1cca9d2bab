"""Forward motion: after a commit, ring for the next verb. A bell that nobody hears costs seconds; the beat looks too."""

from functools import partial

import structlog
from django.db import transaction
from kombu.exceptions import OperationalError

log = structlog.get_logger(__name__)


def wake(name: str, *args: int) -> None:
    """Send the task `alerts.tasks.<name>` once the current transaction has committed (at once outside of one)."""
    transaction.on_commit(partial(_send, name, args))


def _send(name: str, args: tuple[int, ...]) -> None:
    from config.celery import app

    try:
        app.send_task(f"alerts.tasks.{name}", args=args, retry=False)
    except (OperationalError, OSError) as error:
        log.warning("nobody heard the bell; the beat will look", task=name, error=type(error).__name__)
