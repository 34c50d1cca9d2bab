"""The first page: what burns stands first, and the page says so in words."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from alerts.models import Advisory, Batch, ChaseStep, Clock, Escalation, Message, Recipient, Relay
from departments.models import Body, Membership, Person
from tests import rows
from tests.browser import LOOKS, faults, open_page
from tests.clients import signed_in

if TYPE_CHECKING:
    from pytest_django.live_server_helper import LiveServer

pytestmark = pytest.mark.django_db


@pytest.fixture
def body() -> Body:
    return rows.body("department")


@pytest.fixture
def contact(body: Body) -> Person:
    made = rows.person("Connie Contact")
    Membership.objects.create(person=made, body=body, role="contact")
    return made


def live(reference: str, at: Body, answered: int = 0, **fields: object) -> Advisory:
    """An advisory of which one person in this body was told."""
    made = rows.advisory(reference)
    Advisory.objects.filter(pk=made.pk).update(clocked=1, **fields)
    relay = Relay.objects.create(advisory=made, body=at, purpose="target", state="released", stale=False)
    Relay.objects.filter(pk=relay.pk).update(path=[relay.pk])
    one = rows.recipient(made, relay)
    Recipient.objects.filter(pk=one.pk).update(told_revision=1, answered_revision=answered)
    made.refresh_from_db()
    return made


def clock(of: Advisory, by: datetime) -> Clock:
    return Clock.objects.create(advisory=of, material=1, kind="answer", starts_at=by - timedelta(hours=4), by=by)


def escalated(of: Advisory, to: Person, at: datetime, running: Clock) -> None:
    """That their body is silent, a mail to this person says."""
    step = ChaseStep.objects.create(clock=running, what="escalate", n=1, planned_at=at, due_at=at, since=at, done_at=at)
    batch = Batch.objects.create(rank=0, about=of, kind="escalation", size=1, not_before=at, made_at=at)
    mail = Message.objects.create(key=f"escalate:{step.pk}", batch=batch, person=to, kind="escalation")
    relay = Relay.objects.get(advisory=of)
    Escalation.objects.create(
        step=step,
        relay=relay,
        person=to,
        body=relay.body,
        role="contact",
        silent=1,
        at=at,
        state="mailed",
        message=mail,
    )


def page(person: Person) -> str:
    return " ".join(signed_in(person).get("/").content.decode().split())


def test_the_critical_one_whose_time_is_up_stands_first_and_says_that_it_was_escalated(
    body: Body, contact: Person
) -> None:
    now = timezone.now()
    up = now - timedelta(minutes=14, seconds=5)
    amber: dict[str, Any] = {
        "severity": "critical",
        "marking": "AMBER",
        "open_title": "Advice on meetings",
        "acknowledge_by": up,
    }
    burning = live("ADV-2026-0002", body, published_at=now - timedelta(hours=5), **amber)
    escalated(burning, contact, now - timedelta(minutes=2, seconds=5), clock(burning, up))
    live("ADV-2026-0003", body, marking="RED", open_title="Advice on telephones", published_at=now - timedelta(hours=1))
    # A critical one that everybody has answered burns no more; a drill never does.
    live("ADV-2026-0004", body, answered=1, severity="critical", acknowledge_by=up)
    live("EX-2026-0001", body, severity="critical", exercise=True, acknowledge_by=up)
    html = page(contact)
    under = html.split("<h2>Under way</h2>")[1].split("</article>")
    assert [one.split("/advisories/")[1].split("/")[0] for one in under[:4]] == [
        "ADV-2026-0002", "ADV-2026-0003", "ADV-2026-0004", "EX-2026-0001",
    ]  # fmt: skip
    assert "Time is up: answers were due <time" in under[0]
    assert "14 min ago</time>; 1 has not answered" in under[0]
    assert "Escalated to you <time" in under[0]
    assert "2 min ago</time>, about 1 body" in under[0]
    assert "Answers are due <time" in under[1]
    assert "in 23 h" in under[1]
    assert "Escalated" not in under[1]
    assert "due" not in under[2]


def test_of_what_a_body_held_its_own_time_counts(body: Body, contact: Person) -> None:
    now = timezone.now()
    made = live("ADV-2026-0002", body, acknowledge_by=now - timedelta(minutes=5))
    Relay.objects.filter(advisory=made).update(clock=clock(made, now + timedelta(hours=3, minutes=1)))
    html = page(contact)
    assert "Time is up" not in html
    assert "in 3 h" in html
    # Whoever sees all of it is told by when it was asked for.
    assert "Time is up" in page(rows.person("Audrey Auditor", is_auditor=True))


def test_the_oldest_burns_above_twenty_newer_ones_and_many_cost_no_more_queries(body: Body, contact: Person) -> None:
    now = timezone.now()

    def asked() -> tuple[str, int]:
        with CaptureQueriesContext(connection) as queries:
            html = page(contact)
        return html, len(queries)

    live("ADV-2020-0001", body, severity="critical", published_at=now - timedelta(days=9), acknowledge_by=now)
    _, few = asked()
    for number in range(24):
        live(f"ADV-2026-{number:04d}", body)
    html, many = asked()
    assert many == few
    assert html.count('<article class="card under-way">') == 20
    assert "and 5 more" in html
    assert html.index("ADV-2020-0001") < html.index("ADV-2026-")


@pytest.mark.django_db(transaction=True)
def test_it_is_fit_for_every_screen(body: Body, contact: Person, live_server: LiveServer) -> None:
    now = timezone.now()
    burning = live("ADV-2026-0002", body, severity="critical", acknowledge_by=now - timedelta(minutes=14))
    escalated(burning, contact, now, clock(burning, now - timedelta(minutes=14)))
    live("ADV-2026-0003", body)
    session = signed_in(contact).cookies["sessionid"].value
    for name, look in LOOKS.items():
        with open_page(**look) as seen:
            seen.context.add_cookies([{"name": "sessionid", "value": session, "url": live_server.url}])
            assert faults(seen, live_server.url) == [], name
