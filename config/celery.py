"""The Celery application. Redis only says "look now": losing it costs seconds, never a warning."""

import os

from celery import Celery
from celery.signals import beat_init, worker_init, worker_ready, worker_shutdown

from config import workers
from config.start import refuse_what_breaks

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("tocsin")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
worker_ready.connect(workers.begin)
worker_shutdown.connect(workers.end)


@worker_init.connect
@beat_init.connect
def refuse(**_: object) -> None:
    """Nothing starts that would break what people have in their mailboxes."""
    refuse_what_breaks()


# Every verb that asks the database what is to be done, but for those that the beat rings within seconds anyway.
LOOKS = (
    "alerts.tasks.cascade_all",
    "alerts.tasks.deliver",
    "alerts.tasks.tend_gaps",
    "alerts.tasks.tend_reviews",
    "alerts.tasks.chase",
    "alerts.tasks.fold_all",
    "departments.tasks.refresh_readiness",
    "departments.tasks.load_uploads",
)


@worker_ready.connect
def look_at_everything(**_: object) -> None:
    """A worker that comes (back) looks at all there is to do, without waiting for the beat."""
    for name in LOOKS:
        app.send_task(name)
