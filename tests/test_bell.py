"""The bell: rung after a commit, never after a rollback; a broker that is away is no error."""

from uuid import uuid4

import pytest
from celery import Celery
from django.conf import settings
from django.db import transaction
from kombu.exceptions import OperationalError
from pytest_django import DjangoCaptureOnCommitCallbacks
from structlog.testing import capture_logs

from alerts.models import Advisory
from alerts.wake import wake, wake_cascade
from config.bell import PRIORITIES, ring
from config.celery import LOOKS, app
from departments import tasks, uploads
from departments.models import Change, Standing
from tests.rows import body, person

pytestmark = pytest.mark.django_db


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, tuple[int, ...]]]:
    """Each task that was sent, with its arguments."""
    heard: list[tuple[str, tuple[int, ...]]] = []
    monkeypatch.setattr("config.celery.app.send_task", lambda task, args=(), **how: heard.append((task, args)))
    return heard


def test_the_bell_rings_once_the_transaction_has_committed(
    sent: list[object], django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        ring("departments.tasks.load_uploads")
        assert sent == []
    assert sent == [("departments.tasks.load_uploads", ())]


def test_alerts_ring_for_their_own_tasks(
    sent: list[object], django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        wake("cascade", 7)
    assert sent == [("alerts.tasks.cascade", (7,))]


@pytest.mark.django_db(transaction=True)
def test_what_was_rolled_back_rings_no_bell(sent: list[object]) -> None:
    with transaction.atomic():
        ring("departments.tasks.load_uploads")
        transaction.set_rollback(True)
    assert sent == []


@pytest.mark.parametrize("away", [OperationalError("redis://secret@host"), ConnectionRefusedError()])
def test_a_broker_that_is_away_is_a_line_in_the_log(
    away: Exception,
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    def send(*args: object, **how: object) -> None:
        raise away

    monkeypatch.setattr("config.celery.app.send_task", send)
    with capture_logs() as lines, django_capture_on_commit_callbacks(execute=True):
        ring("departments.tasks.load_uploads")
    assert [(line["task"], line["error"]) for line in lines] == [
        ("departments.tasks.load_uploads", type(away).__name__)
    ]
    assert "secret" not in str(lines)


def test_a_pass_over_a_severe_advisory_rings_before_one_over_a_mild_one(
    monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    heard: list[object] = []
    monkeypatch.setattr("config.celery.app.send_task", lambda task, priority, **how: heard.append(priority))
    with django_capture_on_commit_callbacks(execute=True):
        for severity in ("low", "critical"):
            wake_cascade(Advisory(pk=7, severity=severity))
    assert heard == [PRIORITIES[3], PRIORITIES[0]]


def test_what_is_severe_overtakes_what_is_not_in_a_real_queue() -> None:
    bell, queue = Celery("overtaking"), f"overtaking-{uuid4().hex}"
    bell.config_from_object("django.conf:settings", namespace="CELERY")
    for number, rank in enumerate((3, 3, 1, 0, 2, 0)):
        bell.send_task("a.task", args=(number,), queue=queue, priority=PRIORITIES[rank])
    with bell.connection_for_read() as connection, connection.SimpleQueue(queue) as waiting:
        heard = []
        for _ in range(6):
            message = waiting.get(timeout=5)
            message.ack()
            heard.append(message.payload[0][0])
    assert heard == [3, 5, 2, 4, 0, 1]


def test_every_task_that_the_beat_and_a_new_worker_ring_for_is_there() -> None:
    app.loader.import_default_modules()
    rung = {entry["task"] for entry in settings.CELERY_BEAT_SCHEDULE.values()}
    assert rung | set(LOOKS) <= set(app.tasks)
    assert {"departments.tasks.refresh_readiness", "departments.tasks.load_uploads"} <= rung & set(LOOKS)


@pytest.mark.django_db(transaction=True)
def test_each_door_of_departments_leads_to_its_verb() -> None:
    top = body("top")
    tasks.refresh_readiness()
    assert Standing.objects.get(body=top).state == "dark"
    Change.objects.all().delete()  # else it may look again at what a transaction elsewhere kept it from ticking off
    Standing.objects.update(state="ready")
    tasks.refresh_readiness()
    assert Standing.objects.get(body=top).state == "ready"  # nothing changed that it would have heard of
    tasks.refresh_all_readiness()
    assert Standing.objects.get(body=top).state == "dark"
    ann = person("Ann Administrator", is_administrator=True)
    made = uploads.put("bodies", "x.csv", b"slug,name,kind,parent,topics\n", ann)
    tasks.load_uploads()
    made.refresh_from_db()
    assert made.state != "comparing"


def test_no_bell_outlives_its_own_interval() -> None:
    for entry in settings.CELERY_BEAT_SCHEDULE.values():
        assert entry["options"] == {"expires": entry["schedule"]}
