"""Everything at once: people answer, mails are noted, people join, and new revisions come; nothing locks up or drifts."""

from __future__ import annotations

import itertools
import json
import random
import threading
from collections.abc import Callable

import pytest
from django.db import connection, connections, transaction
from django.utils import timezone

from alerts import counting, suspicion
from alerts.answering import acknowledge
from alerts.answering.acknowledge import Form
from alerts.cascading.cascade import cascade
from alerts.delivery.deliver_sql import NOTE_SENT
from alerts.models import Acknowledgement, Advisory, Branch, Draft, Message, Recipient
from alerts.publishing.publish import publish_draft
from alerts.suspicion import Client
from departments.models import Body, Membership, Person, Role
from tests import rows
from tests.test_counting import figures_of_rows, figures_read

PERSON = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
REVISIONS = 12


class Office:
    """A live advisory for a department of forty people, and two officers who revise it."""

    def __init__(self) -> None:
        self.advisory = rows.advisory()
        self.department = rows.body("department", rows.body("government"))
        Branch.objects.create(advisory=self.advisory, body=self.department)
        self.officers = [self.officer(), self.officer()]
        for _ in range(40):
            self.joins()
        cascade(self.advisory.pk)
        self.recipients = list(self.advisory.recipients.values_list("pk", flat=True))

    def officer(self) -> Person:
        who = rows.person("Olive Officer")
        Membership.objects.create(person=who, body=Body.objects.get(pk=self.advisory.issuer_id), role=Role.OFFICER)
        return who

    def joins(self) -> None:
        Membership.objects.create(person=rows.person(), body=self.department, role=Role.MEMBER)

    def joins_and_is_seated(self) -> None:
        self.joins()
        cascade(self.advisory.pk)

    def answers(self) -> None:
        recipient = Recipient.objects.get(pk=random.choice(self.recipients))
        form = acknowledge.page(recipient).form_token
        acknowledge.answer(recipient, Form(form, "yes", {}), Client(PERSON))

    def notes_what_was_sent(self) -> None:
        """As the deliverer does: figures before messages."""
        advisory = Advisory.objects.select_related("current").get(pk=self.advisory.pk)
        waiting = Message.objects.filter(advisory=advisory, state="waiting").order_by("pk")
        ids = list(waiting.values_list("pk", flat=True)[:20])
        assert advisory.current
        with transaction.atomic(), connection.cursor() as cursor:
            counting.share_figures(advisory.pk)
            cursor.execute(
                NOTE_SENT,
                {
                    "sent": json.dumps([{"id": id_, "provider_id": "", "personal": {}} for id_ in ids]),
                    "route": "",
                    "now": timezone.now(),
                    "number": advisory.current.number,
                },
            )

    def folds(self) -> None:
        counting.fold(self.advisory.pk)

    def is_revised(self) -> None:
        content = {"title": "Zoom", "summary": "Changed.", "severity": "high"}
        submitter, approver = self.officers
        draft = Draft.objects.create(
            advisory=self.advisory, content=content, saved_by=submitter, submitted_by=submitter
        )
        publish_draft(draft, approver)


@pytest.mark.django_db(transaction=True)
def test_answers_mails_joiners_and_revisions_at_once_neither_lock_up_nor_drift(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suspicion, "FASTEST_PERSON", 0)
    office = Office()
    over = threading.Event()
    failures: list[BaseException] = []

    def again_and_again(work: Callable[[], None]) -> Callable[[], None]:
        def run() -> None:
            try:
                for _ in itertools.takewhile(lambda _: not over.is_set(), itertools.count()):
                    work()
            except BaseException as failure:
                failures.append(failure)
            finally:
                connections.close_all()

        return run

    works = [office.answers, office.answers, office.notes_what_was_sent, office.joins_and_is_seated, office.folds]
    threads = [threading.Thread(target=again_and_again(work)) for work in works]
    for thread in threads:
        thread.start()
    try:
        for _ in range(REVISIONS):
            office.is_revised()
    finally:
        over.set()
        for thread in threads:
            thread.join()
    assert failures == []
    assert office.advisory.revisions.count() == 1 + REVISIONS
    assert figures_read(office.advisory) == figures_of_rows(office.advisory)
    assert Acknowledgement.objects.filter(suspect=[]).exists()
