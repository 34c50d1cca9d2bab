"""For tests of the watchdog: a place of one's own in the real Redis, and a house in which all is well."""

import uuid
from datetime import datetime, timedelta

import pytest
from django.db.models import F

from alerts.models import Advisory, Batch, Heartbeat, Message
from alerts.watching.view import Finding
from alerts.watching.watch import audit, look
from alerts.watching.watch_workers import pulse
from config import workers
from tests import rows

WORKER = "celery@one.example"


def apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other tests, beside this one, see none of its workers."""
    monkeypatch.setattr(workers, "WORKERS", f"tocsin:test:{uuid.uuid4()}")


def all_well(now: datetime) -> None:
    """A beat, a worker and an auditor, each seen a moment ago, and nothing that is still to be done."""
    workers.show(WORKER, took=True)
    pulse(WORKER, now)
    Heartbeat.objects.update_or_create(process="beat", defaults={"at": now})
    done()


def done() -> None:
    """Nothing is left to do in any cascade."""
    Advisory.objects.update(queued=F("current"), seen=2**62)


def kinds(now: datetime) -> list[str]:
    """What is not well: the kind and what it is about."""
    return [f"{one.kind} {one.subject}".strip() for one in look(now)]


def only(now: datetime) -> Finding:
    """The one thing that is not well."""
    [found] = look(now)
    return found


def audited(now: datetime, beside: float = 0) -> None:
    """An audit, by a beat and a worker that live."""
    Heartbeat.objects.filter(process="beat").update(at=now)
    Heartbeat.objects.filter(process__startswith="worker:").update(at=now)
    workers.show(WORKER, took=True)
    assert audit(now + timedelta(seconds=beside))


def batch(now: datetime, of: Advisory | None = None, age: float = 0, **fields: object) -> Batch:
    """A batch of ten mails, made so many seconds ago and due since then."""
    at = now - timedelta(seconds=age)
    values: dict[str, object] = {
        "rank": 1,
        "kind": "notice" if of else "check",
        "size": 10,
        "not_before": at,
        "made_at": at,
        "advisory": of,
        "revision": of.current if of else None,
        **fields,
    }
    return Batch.objects.create(**values)


def mails(made: Batch, number: int = 1, **fields: object) -> list[Message]:
    """So many mails of a batch that wait; of an advisory's, each with its recipient."""
    of = made.advisory
    people = [rows.person() for _ in range(number)]
    whom = [rows.recipient(of, who=person) if of else None for person in people]
    values: dict[str, object] = {"advisory": of, "revision": made.revision, "kind": made.kind, **fields}
    return Message.objects.bulk_create(
        Message(key=f"{made.pk}:{n}", batch=made, person=person, recipient=recipient, **values)
        for n, (person, recipient) in enumerate(zip(people, whom, strict=True))
    )
