"""The Celery application. Redis only says "look now": losing it costs seconds, never a warning."""

import os

from celery import Celery
from celery.signals import worker_ready

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("tocsin")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@worker_ready.connect
def look_at_everything(**_: object) -> None:
    """A worker that comes (back) looks at all there is to do, without waiting for the beat."""
    for name in ("alerts.tasks.cascade_all", "alerts.tasks.deliver", "alerts.tasks.fold_all"):
        app.send_task(name)
