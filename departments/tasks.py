"""Celery's doors: a line or two each. A task carries nothing, and asks the database what is to be done."""

from celery import shared_task

from departments import readiness
from departments.uploads import run_waiting

# A large file takes longer than other steps. Before Celery ends the worker the step is told, and can say what happened.
TOLD_AFTER, ENDED_AFTER = 240, 270  # seconds; the broker hands a task to somebody else after 300


@shared_task
def refresh_readiness() -> None:
    """Readiness of the bodies that changed, and of those whose contacts' confirmation ran out."""
    readiness.refresh()


@shared_task
def refresh_all_readiness() -> None:
    """Readiness of every body, in case a change was ever missed."""
    readiness.refresh_whole()


@shared_task(soft_time_limit=TOLD_AFTER, time_limit=ENDED_AFTER)
def load_uploads() -> None:
    """Compare or load whatever files wait."""
    run_waiting()
