"""The letter of a reminder, out of a real mail server: the notice's words, and first of all that it is a reminder."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
import time_machine

from alerts.cascading.cascade import cascade
from alerts.chasing import chase
from alerts.coverage.scope import scope
from alerts.coverage.selection import Selection
from alerts.letters import letters
from alerts.models import Advisory, Message, Recipient
from alerts.publishing.draft import update_from_file
from alerts.publishing.publish import publish_draft
from tests.office import Office, an_advisory
from tests.smtp import Received, Server
from tests.test_deliver import deliver_all, published

pytestmark = pytest.mark.django_db(transaction=True)

TOLD, AFTER = (datetime.fromisoformat(f"2026-05-{day}T11:00:00+00:00") for day in ("05", "07"))


def reminded(advisory: Advisory, office: Office, server: Server) -> list[Received]:
    """What they get two days after they were told."""
    deliver_all()
    with time_machine.travel(AFTER, tick=False):
        chase.remind(Selection(scope(advisory.pk), "targeted"), office.ben, AFTER)
        server.mails.clear()
        deliver_all()
    return server.mails


def html_of(mail: Received) -> str:
    part = mail.message.get_body(("html",))
    assert part is not None
    return str(part.get_content())


def paragraphs(mail: Received) -> list[str]:
    """Of its text, each in one line."""
    return [" ".join(part.split()) for part in mail.text.replace("\r\n", "\n").split("\n\n")]


def told(office: Office, **changes: Any) -> Advisory:
    with time_machine.travel(TOLD, tick=False):
        advisory = published(office, people=2, **changes)
        deliver_all()
    return advisory


def test_it_says_first_that_it_is_one_and_since_when_and_then_what_the_notice_said(
    office: Office, server: Server
) -> None:
    advisory = told(office)
    notice = paragraphs(server.mails[0])
    mail = reminded(advisory, office, server)[0]
    assert mail.subject == "[High] Reminder: Do not use Zoom for confidential business: answer now"
    dear, first, *rest = paragraphs(mail)
    assert first == (
        "Reminder: you were told of this on Tue 5 May, 12:00 BST, 2 working days ago, and have not answered. Your answer was "
        "asked for by Wed 6 May, 12:00 BST, and is late."
    )
    # Where the notice named the time, it is now.
    assert [dear, *rest] == [
        one.replace("We ask this of you, by Wed 6 May, 12:00 BST:", "We ask this of you now:") for one in notice
    ]
    assert mail.text.count("http") == 1
    assert "Reminder: you were told of this on Tue 5 May, 12:00 BST" in html_of(mail)
    assert mail.message["X-Exercise"] is None
    # The very mail can be shown again, but for what is a key.
    message = Message.objects.filter(kind="reminder").order_by("pk").first()
    assert message is not None
    link = mail.text.partition("http")[2].split()[0]
    again = letters.again(message, f"http{link}")
    lines = {line for line in mail.content.splitlines() if not line.startswith(b"Reply-To")}
    assert lines - set(again.splitlines()) == set()


def test_from_amber_up_it_carries_the_open_title_alone(office: Office, server: Server) -> None:
    advisory = told(office, marking="AMBER")
    mail = reminded(advisory, office, server)[0]
    assert mail.subject == "[High] Reminder: Advice on video meetings: answer now"
    whole = mail.text + html_of(mail)
    assert "Reminder: you were told of this on Tue 5 May" in whole
    for words in ("Zoom", "overheard", "closed meetings", "Move closed", "approved service"):
        assert words not in whole + mail.subject


def test_of_an_exercise_says_so_everywhere(office: Office, server: Server) -> None:
    advisory = told(office, exercise=True)
    mail = reminded(advisory, office, server)[0]
    assert mail.subject.startswith("[EXERCISE] [High] Reminder: ")
    assert mail.text.index("THIS IS AN EXERCISE") < mail.text.index("Reminder: you were told")
    assert mail.message["X-Exercise"] == "yes"


def test_whoever_answered_an_earlier_text_is_told_that_it_was_an_earlier_one(office: Office, server: Server) -> None:
    advisory = told(office)
    Recipient.objects.filter(person=office.cas).update(answered_revision=1)
    with time_machine.travel(TOLD.replace(day=6), tick=False):
        draft = update_from_file(advisory, an_advisory(what_changed="All of it"), office.ada, material=True)
        publish_draft(draft, office.ben, accept_gaps="told otherwise")
        cascade(advisory.pk)
        deliver_all()
    cas, other = sorted(reminded(advisory, office, server), key=lambda mail: mail.recipients)
    assert paragraphs(cas)[1] == (
        "Reminder: you answered an earlier text of this. You were told what it says now on Wed 6 May, 12:00 BST, 1 working "
        "day ago, and have not answered that. Your answer is asked for by Thu 7 May, 12:00 BST."
    )
    assert "Reminder: you were told of this on Wed 6 May" in " ".join(other.text.split())
    assert "CHANGED" not in other.text
