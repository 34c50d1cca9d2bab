"""An advisory that is chased: published, cascaded, mailed and chased as of moments that a test names."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4
from zoneinfo import ZoneInfo

import time_machine
from django.db.models import F

from alerts.cascading.cascade import cascade
from alerts.chasing.tending import tend
from alerts.models import Acknowledgement, Advisory, Message, Recipient, Revision
from alerts.publishing.publish import publish_draft
from alerts.statements import run
from departments.models import Body
from tests.office import Office

LONDON = ZoneInfo("Europe/London")


def at(text: str) -> datetime:
    """ "2026-12-01 10:00", in London."""
    return datetime.fromisoformat(text).replace(tzinfo=LONDON).astimezone(UTC)


def publish(office: Office, when: datetime, **changes: object) -> Advisory:
    """Published at that moment, and everybody told in the same minute."""
    revision = publish_draft(office.draft(**changes), office.ben, accept_gaps="told otherwise", now=when)
    run_on(revision.advisory, when)
    return Advisory.objects.get(pk=revision.advisory_id)


def run_on(advisory: Advisory, when: datetime) -> None:
    """The cascade goes as far as it can, and all that waits is sent."""
    with time_machine.travel(when, tick=False):
        while not cascade(advisory.pk):
            pass
    hand_over(when)


_LEAVE = """
WITH batch AS MATERIALIZED (
    SELECT id FROM alerts_batch WHERE done_at IS NULL AND not_before <= %(when)s
), told AS (
    UPDATE alerts_recipient r SET told_revision = v.number
    FROM alerts_message m JOIN alerts_revision v ON v.id = m.revision_id
    WHERE m.state = 'waiting' AND m.batch_id IN (SELECT id FROM batch) AND m.kind IN ('notice', 'update')
      AND r.id = m.recipient_id
), sent AS (
    UPDATE alerts_message SET state = 'sent', sent_at = %(when)s
    WHERE state = 'waiting' AND batch_id IN (SELECT id FROM batch)
    RETURNING id
), done AS (
    UPDATE alerts_batch SET done_at = %(when)s WHERE id IN (SELECT id FROM batch)
)
SELECT id FROM sent ORDER BY id
"""


def leave(when: datetime) -> list[int]:
    """Every mail that may leave at that moment has left; which ones. As delivery notes it, without a wire."""
    return [message for (message,) in run(_LEAVE, when=when)]


def hand_over(when: datetime) -> list[Message]:
    """The same, with whose they are."""
    left = leave(when)
    return list(Message.objects.filter(pk__in=left).select_related("person").order_by("pk")) if left else []


def chase(when: datetime) -> list[tuple[str, str]]:
    """One look of the chase at that moment, and the mails that it wrote: kind and name, in order."""
    with time_machine.travel(when, tick=False):
        assert tend(when)
    return sorted((one.kind, one.person.name) for one in hand_over(when))


def minutes(start: datetime, end: datetime, every: int = 30) -> list[tuple[datetime, str, str]]:
    """A look every so many minutes (from 30 on, at night and at weekends, one in eight of these); the mails, and when."""
    found, number = [], 0
    while (when := start + number * timedelta(minutes=every)) <= end:
        if every < 30 or _by_day(when) or number % 8 == 0:
            found += [(when, kind, name) for kind, name in chase(when)]
        number += 1
    return found


def _by_day(when: datetime) -> bool:
    local = when.astimezone(LONDON)
    return local.weekday() < 5 and 7 <= local.hour < 19


def answer(advisory: Advisory, name: str, when: datetime, revision: Revision | None = None) -> Acknowledgement:
    """They read it, and say so."""
    recipient = Recipient.objects.get(advisory=advisory, person__name=name)
    current = revision or advisory.current
    assert current is not None
    made = Acknowledgement.objects.create(
        recipient=recipient, revision=current, at=when, read="yes", form_id=uuid4(), suspect=[]
    )
    Recipient.objects.filter(pk=recipient.pk).update(answered_revision=current.number, told_revision=F("told_revision"))
    return made


def team(office: Office, slug: str, parent: Body, *people: tuple[str, str], **fields: object) -> Body:
    """A body with people: (name, role)."""
    body = Body.objects.create(slug=slug, name=slug.title(), kind="team", parent=parent, **fields)
    for name, role in people:
        office.person(name, body, role)
    return body
