"""Introducing the system: to whom, once, and never by itself."""

import io
import threading

import pytest
from django.conf import settings as configured
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from alerts.delivery.deliver import deliver
from alerts.delivery.introduce import introduce, strangers
from alerts.models import Batch, Message, Record
from departments.models import Body, Membership, Person, Role
from tests.clients import signed_in
from tests.rows import body, person
from tests.smtp import Server

pytestmark = pytest.mark.django_db(transaction=True)


def sit(where: Body, name: str = "Ada Example", role: str = Role.MEMBER) -> Person:
    return Membership.objects.create(person=person(name), body=where, role=role).person


def test_everybody_who_never_had_a_mail_gets_one_letter_and_no_second(server: Server) -> None:
    alpha = body("alpha")
    for number in range(7):
        sit(alpha, f"Person {number}")
    sit(alpha, "Connie Contact", Role.CONTACT)
    assert strangers() == 8
    assert introduce() == 8
    while deliver():
        pass
    assert introduce() == 0
    assert strangers() == 0
    assert len({mail.recipients[0] for mail in server.mails}) == len(server.mails) == 8
    mail = server.mails[0]
    words = " ".join(mail.text.split())
    assert "You get this for: Alpha." in words
    assert configured.ALERTS_FROM in words
    assert "127.0.0.1:8000/check" in words
    assert "a question for a password" in words
    html = mail.message.get_body(("html",))
    assert html
    for said in (words, " ".join(html.get_content().split())):
        assert "If its text may not travel by mail, it has only a title" in said
        assert "in an exercise with [EXERCISE]" in said
    assert "Connie Contact" in words
    assert not list(mail.message.iter_attachments())


def test_whoever_can_not_be_told_sits_nowhere_or_had_a_mail_gets_none() -> None:
    alpha, closed = body("alpha"), body("closed")
    Body.objects.filter(pk=closed.pk).update(closed=timezone.localdate())
    person("Nowhere")
    sit(closed)
    Person.objects.filter(pk=sit(alpha).pk).update(left_at=timezone.now())
    Person.objects.filter(pk=sit(alpha).pk).update(bounced_at=timezone.now())
    known = sit(alpha)
    batch = Batch.objects.create(rank=9, kind="check", size=1, not_before=timezone.now())
    Message.objects.create(key="check:1", batch=batch, person=known, kind="check", state="sent")
    assert strangers() == 0
    assert introduce() == 0


@pytest.mark.parametrize("why", ["refused", "left"])
def test_whom_a_letter_did_not_reach_gets_another_once_they_can_be_told(server: Server, why: str) -> None:
    who = sit(body("alpha"))
    if why == "refused":
        server.answers[who.email] = "550 5.1.1 no such mailbox"
    introduce()
    if why == "left":
        Person.objects.update(left_at=timezone.now())
    while deliver():
        pass
    assert server.mails == []
    assert (strangers(), introduce()) == (0, 0)
    server.answers.clear()
    Person.objects.update(left_at=None, bounced_at=None)
    assert (strangers(), introduce(), introduce()) == (1, 1, 0)
    while deliver():
        pass
    assert [mail.recipients for mail in server.mails] == [[who.email]]


def test_two_who_introduce_at_once_write_each_letter_once() -> None:
    alpha = body("alpha")
    for number in range(5):
        sit(alpha, f"Person {number}")
    start = threading.Barrier(2)

    def press() -> None:
        start.wait(timeout=20)
        introduce()
        connection.close()

    pressing = [threading.Thread(target=press) for _ in range(2)]
    for one in pressing:
        one.start()
    for one in pressing:
        one.join(timeout=60)
    assert Message.objects.count() == 5
    assert Record.objects.filter(kind="introduced").count() == 1


def test_letters_leave_in_batches_of_five_hundred() -> None:
    alpha = body("alpha")
    people = Person.objects.bulk_create(
        Person(email=f"p{n}@x.example", written=f"p{n}@x.example", name=f"P {n}") for n in range(1_100)
    )
    Membership.objects.bulk_create(Membership(person=one, body=alpha) for one in people)
    assert introduce() == 1_100
    assert sorted(Batch.objects.values_list("size", flat=True)) == [100, 500, 500]
    for batch in Batch.objects.all():
        assert batch.messages.count() == batch.size


def test_the_beat_never_introduces() -> None:
    assert not [task for task in configured.CELERY_BEAT_SCHEDULE if "introduce" in task]


def test_the_command_counts_first_and_writes_then() -> None:
    sit(body("alpha"))
    said = io.StringIO()
    call_command("introduce", "--dry-run", stdout=said)
    assert said.getvalue().startswith("1 people never had a mail")
    assert not Message.objects.exists()
    call_command("introduce", stdout=said)
    assert "1 letters on the way." in said.getvalue()
    assert Record.objects.get().kind == "introduced"


def test_an_administrator_sees_the_letter_and_sends_it_by_one_press() -> None:
    alpha = body("alpha")
    sit(alpha)
    address = reverse("introduce")
    for client in (Client(), *(signed_in(who) for who in (sit(alpha, role=Role.CONTACT), person(is_auditor=True)))):
        assert client.post(address).status_code in (302, 403)
    assert not Message.objects.exists()
    client = signed_in(person(is_administrator=True))
    page = client.get(address).content.decode()
    assert "2 people have never had a mail" in page or "2 people have" in page
    assert "HOW SECURITY WARNINGS WILL REACH YOU" in page
    assert not Message.objects.exists()
    assert "2 letters are on the way." in client.post(address, follow=True).content.decode()
    assert "Nobody is left to write to." in client.post(address, follow=True).content.decode()
