"""The page of the very mail that somebody got: what it shows, what it keeps back, and who may not open it."""

import html
from datetime import datetime

import pytest
from django.test import Client
from django.utils import timezone

from alerts.cascading.cascade import cascade
from alerts.letters import letters
from alerts.letters.letters import Personal
from alerts.models import Advisory, Batch, Message
from departments.models import Body, Membership, Person
from tests import rows
from tests.clients import signed_in
from tests.office import Office

pytestmark = pytest.mark.django_db

LINK = "http://127.0.0.1:8000/a/7Qm2vX9cKpT4nR8sWd1yZb"


def sent(who: Person, advisory: Advisory | None = None, kind: str = "notice") -> Message:
    """A mail that left, with its letter, as delivery leaves it."""
    about = advisory if kind in ("code", "approve") else None
    if advisory is not None and about is None:
        assert advisory.current is not None
        message = Message.objects.get(advisory=advisory, person=who, kind=kind)
        number = letters.keep(letters.skeleton(advisory.current, kind))
    else:
        batch = Batch.objects.create(rank=9, kind=kind, size=1, not_before=timezone.now(), about=about)
        message = Message.objects.create(key=f"{kind}:1", batch=batch, person=who, kind=kind)
        number = letters.keep(letters.plain_skeleton(kind, about))
    personal = Personal(
        message_key=message.key,
        name=who.name,
        address=who.email,
        bodies=("A Department",),
        link=LINK,
        contact="Béa Contact",
        telephone="020 7946 0001",
        code="123456",
        date=letters.dated(timezone.now()),
        letter=number,
    )
    Message.objects.filter(pk=message.pk).update(state="sent", sent_at=timezone.now(), personal=personal.to_json())
    return Message.objects.get(pk=message.pk)


def published(office: Office, **changes: object) -> Advisory:
    advisory = office.publish(**changes).advisory
    cascade(advisory.pk)
    advisory.refresh_from_db()
    return advisory


def status(viewer: Person | None, message: Message, *, frame: bool = False) -> int:
    client = signed_in(viewer) if viewer is not None else Client()
    return client.get(f"/people/{message.person_id}/mails/{message.pk}/{'html/' if frame else ''}").status_code


def page(viewer: Person, message: Message) -> str:
    answer = signed_in(viewer).get(f"/people/{message.person_id}/mails/{message.pk}/")
    assert answer.status_code == 200
    return html.unescape(answer.content.decode())


def test_it_shows_the_mail_as_it_was_without_its_keys(office: Office) -> None:
    advisory, auditor = published(office), rows.person("Aud", is_auditor=True)
    message = sent(office.cas, advisory)
    link = f"/people/{office.cas.pk}/mails/{message.pk}/"
    assert link in signed_in(auditor).get(f"/people/{office.cas.pk}/").content.decode()
    Person.objects.filter(pk=office.cas.pk).update(name="Cas Newname")
    Body.objects.update(name="Renamed")
    shown = page(auditor, message)
    for words in (
        "The Centre alerts <alerts@",
        "[High] Do not use Zoom for confidential business: answer by",
        "Dear Cas,\n\nDO NOT USE ZOOM",
        "You get this for: A Department.",
        "Or ask your contact, Béa Contact, on 020 7946 0001.",
        "‹their own link, which is a key and is not shown›",
    ):
        assert words in shown.replace("\r\n", "\n")
    assert LINK not in shown
    frame = signed_in(auditor).get(f"{link}html/")
    assert "Dear Cas," in frame.content.decode()
    assert LINK not in frame.content.decode()
    assert "sandbox" in frame["Content-Security-Policy"]
    assert frame["X-Frame-Options"] == "SAMEORIGIN"
    assert signed_in(auditor).post(link).status_code == 405


def test_who_may_open_a_mail_of_an_advisory_and_who_may_not(office: Office) -> None:
    head = office.person("head", office.department, "head")
    Membership.objects.create(person=office.ben, body=office.government, role="officer")
    message = sent(office.cas, published(office))
    administrator, auditor = rows.person(is_administrator=True), rows.person(is_auditor=True)
    outsider = office.person("out", office.outside, "head")
    # Ada is an officer of the issuer, but Cas sits in no branch of hers; the head has Cas below, but sees a branch only.
    who_may_not = {"ada": office.ada, "head": head, "outsider": outsider}
    for frame in (False, True):
        for viewer in (administrator, auditor, office.ben):
            assert status(viewer, message, frame=frame) == 200
        for name, viewer in who_may_not.items():
            assert (name, status(viewer, message, frame=frame)) == (name, 403)
        assert status(office.cas, message, frame=frame) == 302  # who has no duty does not sign in
        assert status(None, message, frame=frame) == 302
    own = sent(head, Advisory.objects.get())
    assert status(head, own) == 200
    assert "Read the very mail" in signed_in(head).get(f"/people/{head.pk}/").content.decode()
    assert "Read the very mail" not in signed_in(head).get(f"/people/{office.cas.pk}/").content.decode()


def test_of_a_red_one_nobody_reads_more_here_than_the_mail_had(office: Office) -> None:
    advisory = published(office, marking="RED", title="Secret", audience={"people": [office.cas.email]})
    shown = page(rows.person(is_administrator=True), sent(office.cas, advisory))
    assert "ADVICE ON VIDEO MEETINGS" in shown
    assert "Secret" not in shown
    assert "overheard" not in shown


def test_a_code_is_never_shown_and_a_mail_about_nobody_else_is_for_few(office: Office) -> None:
    auditor, advisory = rows.person(is_auditor=True), published(office)
    Membership.objects.create(person=office.ben, body=office.government, role="officer")
    code, check = sent(office.cas, advisory, "code"), sent(office.cas, None, "check")
    assert "······ is your code for" in page(auditor, code)
    assert "123456" not in page(auditor, code)
    assert "Are you still the contact?" in page(auditor, check)
    assert [status(office.ben, one) for one in (code, check)] == [200, 403]


def test_what_never_left_and_what_is_somebody_elses_is_not_found(office: Office) -> None:
    auditor, advisory = rows.person(is_auditor=True), published(office)
    message = sent(office.cas, advisory)
    other = signed_in(auditor).get(f"/people/{office.ada.pk}/mails/{message.pk}/")
    assert other.status_code == 404
    assert signed_in(auditor).get(f"/people/{office.cas.pk}/mails/{10**30}/").status_code == 404
    Message.objects.filter(pk=message.pk).update(state="waiting")
    assert status(auditor, message) == 404


def test_the_date_is_the_mails_own(office: Office) -> None:
    message = sent(office.cas, published(office))
    assert message.personal is not None
    assert isinstance(message.sent_at, datetime)
    assert message.personal["date"] in page(rows.person(is_auditor=True), message)
