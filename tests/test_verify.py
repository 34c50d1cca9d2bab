"""Asking contacts whether they still are: who is asked, how often, and what becomes of the answer."""

import re
import threading
from datetime import datetime, timedelta

import pytest
import time_machine
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django.fixtures import Settings as SettingsWrapper

from alerts import tokens
from alerts.delivery import verify
from alerts.delivery.deliver import deliver
from alerts.letters.letters import again
from alerts.models import Batch, ContactCheck, Message, Record
from departments.models import Body, Membership, Person, PersonEvent, Role
from tests.clients import signed_in
from tests.rows import advisory, body, person, recipient, relay
from tests.smtp import Server

pytestmark = pytest.mark.django_db(transaction=True)

BROWSER = {"User-Agent": "Mozilla/5.0 (a person's)"}


def contact(*places: Body, since: datetime | None = None, **fields: object) -> Person:
    """A contact of these bodies, named long ago."""
    who = person(f"Connie of {places[0].name}")
    long_ago = since or timezone.now() - timedelta(days=200)
    for place in places:
        Membership.objects.create(person=who, body=place, role=Role.CONTACT, since=long_ago, **fields)
    return who


def deliver_all() -> None:
    while deliver():
        pass


def link_in(text: str) -> str:
    found = re.search(r"http://\S+(/c/[A-Za-z0-9]+)", text)
    assert found
    return found[1]


def test_a_contact_of_three_bodies_gets_one_mail_about_all_three(server: Server) -> None:
    who = contact(body("alpha"), body("beta"), body("gamma"))
    assert verify.ask_contacts() == 1
    deliver_all()
    (mail,) = server.mails
    assert mail.recipients == [who.email]
    assert mail.subject == "Are you still the contact?"
    assert "For: Alpha; Beta; Gamma." in mail.text
    assert "We never ask for a password" in " ".join(mail.text.split())
    assert len(f"http://127.0.0.1:8000{link_in(mail.text)}") < 80
    assert mail.message["Auto-Submitted"] == "auto-generated"
    assert not Batch.objects.filter(done_at=None).exists()


def test_nobody_is_asked_twice_in_a_quarter_and_everybody_again_after_it() -> None:
    contact(body("alpha"))
    now = timezone.now()
    assert verify.ask_contacts(now) == 1
    assert verify.ask_contacts(now + timedelta(days=75)) == 0
    assert verify.ask_contacts(now + timedelta(days=77)) == 1


def test_only_those_are_asked_whose_confirmation_runs_out_and_who_can_be_told() -> None:
    now = timezone.now()
    contact(body("fresh"), verified_at=now - timedelta(days=75))
    contact(body("new"), since=now - timedelta(days=75))
    contact(body("ended"), until=now)
    closed = body("closed")
    contact(closed)
    Body.objects.filter(pk=closed.pk).update(closed=now.date())
    for field in ("left_at", "bounced_at"):
        Person.objects.filter(pk=contact(body(field.replace("_", "-"))).pk).update(**{field: now})
    Membership.objects.create(person=person(), body=body("member"), since=now - timedelta(days=200))
    assert verify.ask_contacts(now) == 0
    contact(body("due"), verified_at=now - timedelta(days=77))
    assert verify.ask_contacts(now) == 1


def test_one_press_asks_whoever_has_not_confirmed_but_once_a_day() -> None:
    now = timezone.now()
    alpha, beta = body("alpha"), body("beta")
    contact(alpha, since=now)
    contact(beta, since=now)
    contact(body("gamma"), since=now, verified_at=now - timedelta(days=70))
    assert verify.ask_contacts(now) == 0
    assert verify.ask_contacts(now, bodies=[alpha.pk]) == 1
    assert verify.ask_contacts(now, everybody=True) == 1
    assert verify.ask_contacts(now, everybody=True) == 0
    assert verify.ask_contacts(now + timedelta(days=2), everybody=True) == 2


def test_two_who_ask_at_once_ask_once() -> None:
    contact(body("alpha"))
    start = threading.Barrier(2)

    def ask() -> None:
        start.wait(timeout=20)
        verify.ask_contacts()
        connection.close()

    askers = [threading.Thread(target=ask) for _ in range(2)]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join(timeout=60)
    assert Message.objects.count() == 1


def test_the_command_and_the_beat_ask() -> None:
    from alerts.tasks import ask_contacts

    contact(body("alpha"))
    ask_contacts()
    assert Message.objects.count() == 1
    contact(body("beta"), since=timezone.now())
    call_command("ask_contacts", "--everybody", verbosity=0)
    assert Message.objects.count() == 2
    assert Record.objects.filter(kind="contacts asked").count() == 2


def test_a_plain_mail_stands_behind_every_warning_and_needs_no_advisory() -> None:
    contact(body("alpha"))
    verify.ask_contacts()
    assert Batch.objects.get().rank == 9
    message = Message.objects.get()
    warning = advisory()
    with pytest.raises(IntegrityError), transaction.atomic():
        Message.objects.create(key="x", batch=message.batch, person=message.person, kind="notice", advisory=warning)


def test_whoever_left_before_the_mail_left_is_not_written_to(server: Server) -> None:
    Person.objects.filter(pk=contact(body("alpha")).pk)
    verify.ask_contacts()
    Person.objects.update(left_at=timezone.now())
    deliver_all()
    assert server.mails == []
    assert Message.objects.get().state == "superseded"


def test_an_address_that_refuses_the_mail_is_noted(server: Server) -> None:
    who = contact(body("alpha"))
    server.answers[who.email] = "550 5.1.1 no such mailbox"
    verify.ask_contacts()
    deliver_all()
    assert Person.objects.get(pk=who.pk).bounced_at is not None
    assert Message.objects.get().state == "failed"


def test_the_very_mail_can_be_shown_again_without_its_key(server: Server) -> None:
    contact(body("alpha"))
    verify.ask_contacts()
    deliver_all()
    shown = again(Message.objects.get())
    assert b"Are you still the contact?" in shown
    assert b"/c/" not in shown


@pytest.mark.parametrize("what", ["closed", "bounced_at"])
def test_whoever_can_not_be_asked_any_more_when_the_mail_would_leave_is_not_written_to(
    server: Server, what: str
) -> None:
    contact(body("alpha"))
    verify.ask_contacts()
    if what == "closed":
        Body.objects.update(closed=timezone.localdate())
    else:
        Person.objects.update(bounced_at=timezone.now())
    deliver_all()
    assert server.mails == []
    assert Message.objects.get().state == "superseded"


def test_a_warning_leaves_before_a_plain_mail_that_waited_longer(server: Server) -> None:
    contact(body("alpha"))
    verify.ask_contacts(timezone.now() - timedelta(hours=1))
    about = advisory()
    told = recipient(about, relay(about, "beta"))
    revision = about.current
    batch = Batch.objects.create(
        rank=4, advisory=about, revision=revision, kind="notice", size=1, not_before=timezone.now()
    )
    Message.objects.create(
        key="a warning",
        batch=batch,
        person=told.person,
        advisory=about,
        recipient=told,
        revision=revision,
        kind="notice",
    )
    deliver_all()
    assert [mail.recipients == [told.person.email] for mail in server.mails] == [True, False]


# --- the page ---


def open_check(*places: Body) -> tuple[Client, str, Person]:
    who = contact(*places)
    verify.ask_contacts()
    ask = ContactCheck.objects.get()
    return Client(headers=BROWSER), verify.link(ask).removeprefix("http://127.0.0.1:8000"), who


def form_of(client: Client, link: str) -> str:
    page = client.get(link)
    assert page.status_code == 200
    return str(page.context["form"])


def answer(client: Client, link: str, **chosen: str) -> int:
    now = timezone.now()
    with time_machine.travel(now - timedelta(minutes=1), tick=False):
        form = form_of(client, link)
    with time_machine.travel(now, tick=False):
        return client.post(link, {"form": form, **chosen}).status_code


def test_opening_the_link_changes_nothing_and_tells_nobody() -> None:
    client, link, _ = open_check(body("alpha"))
    page = client.get(link)
    assert "Are you still the contact?" in page.content.decode()
    assert "checked" not in page.content.decode()
    assert page["Cache-Control"] == "no-store, private"
    assert page["Referrer-Policy"] == "no-referrer"
    assert "noindex" in page["X-Robots-Tag"]
    assert Membership.objects.get().verified_at is None
    assert ContactCheck.objects.get().answered_at is None


def test_yes_confirms_and_says_so() -> None:
    client, link, who = open_check(body("alpha"))
    place = Membership.objects.get()
    assert answer(client, link, **{f"place-{place.pk}": "yes"}) == 303
    assert Membership.objects.get().verified_at is not None
    event = PersonEvent.objects.get()
    assert (event.what, event.by, event.body) == ("confirmed by link", who, place.body)
    assert "Thank you" in client.get(link).content.decode()
    assert verify.ask_contacts(timezone.now() + timedelta(days=70)) == 0


def test_answering_again_changes_nothing_more() -> None:
    client, link, _ = open_check(body("alpha"))
    place = Membership.objects.get()
    assert answer(client, link, **{f"place-{place.pk}": "yes"}) == 303
    answered = ContactCheck.objects.get().answered_at
    assert "<form" not in client.get(link).content.decode()
    assert answer(client, link, **{f"place-{place.pk}": "left"}) == 303
    assert Membership.objects.get().until is None
    assert PersonEvent.objects.count() == 1
    assert ContactCheck.objects.get().answered_at == answered


def test_an_answer_that_is_refused_leaves_the_question_open() -> None:
    client, link, _ = open_check(body("alpha"))
    place = Membership.objects.get()
    assert answer(client, link, **{f"place-{place.pk}": "yes", "hint": "x" * 501}) == 422
    assert ContactCheck.objects.get().answered_at is None
    assert answer(client, link, **{f"place-{place.pk}": "yes"}) == 303


def test_no_ends_the_place_and_keeps_who_still_works_there_as_a_member() -> None:
    client, link, who = open_check(body("alpha"), body("beta"))
    alpha, beta = Membership.objects.order_by("body__name")
    chosen = {f"place-{alpha.pk}": "no", f"place-{beta.pk}": "left", "hint": "Jane <jane@x.example>"}
    assert answer(client, link, **chosen) == 303
    current = Membership.objects.filter(person=who, until=None)
    assert [(one.body.name, one.role) for one in current] == [("Alpha", "member")]
    events = PersonEvent.objects.filter(what="no longer the contact").order_by("body__name")
    assert [event.after for event in events] == [
        {"still there": True, "hint": "Jane <jane@x.example>"},
        {"still there": False, "hint": "Jane <jane@x.example>"},
    ]
    page = client.get(link).content.decode()
    assert "noted as nobody&#x27;s contact" in page or "nobody's contact" in page
    assert answer(client, link) == 303
    assert PersonEvent.objects.count() == 2


def test_one_answer_may_stand_for_all() -> None:
    client, link, _ = open_check(body("alpha"), body("beta"))
    assert answer(client, link, all="yes") == 303
    assert not Membership.objects.filter(verified_at=None).exists()


def test_what_is_missing_is_asked_for_and_what_was_typed_is_kept() -> None:
    client, link, _ = open_check(body("alpha"))
    form = form_of(client, link)
    page = client.post(link, {"form": form, "hint": "<Jane>"})
    assert page.status_code == 422
    place = Membership.objects.get()
    words = page.content.decode()
    assert f'href="#place-{place.pk}"' in words
    assert "&lt;Jane&gt;" in words
    assert answer(client, link, **{f"place-{place.pk}": "yes", "hint": "x" * 501}) == 422
    assert answer(client, link, **{f"place-{place.pk}": "perhaps"}) == 422
    assert Membership.objects.get().verified_at is None


def test_a_machines_press_is_not_taken() -> None:
    client, link, _ = open_check(body("alpha"))
    chosen = {f"place-{Membership.objects.get().pk}": "left"}
    assert client.post(link, {"form": form_of(client, link), **chosen}).status_code == 422
    assert client.post(link, {"form": "forged", **chosen}).status_code == 422
    scanner = Client(headers={"User-Agent": "Barracuda Sentinel"})
    assert answer(scanner, link, **chosen) == 422
    assert Membership.objects.get().until is None


def test_a_link_is_good_for_its_own_ask_only(settings: SettingsWrapper) -> None:
    client, link, who = open_check(body("alpha"))
    token = link.removeprefix("/c/")
    assert client.get(f"/c/{token[:-1]}x").status_code == 404
    assert client.get(f"/a/{token}").status_code == 404
    assert client.get(f"/c/{tokens.make(ContactCheck.objects.get().pk, 0)}").status_code == 404
    settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [settings.SECRET_KEY], "another"
    assert client.get(link).status_code == 200
    ContactCheck.objects.update(issue=1)
    assert client.get(link).status_code == 404
    ContactCheck.objects.update(issue=0)
    Person.objects.filter(pk=who.pk).update(left_at=timezone.now())
    assert client.get(link).status_code == 404


# --- the presses ---


def test_an_administrator_asks_all_and_a_contact_their_own_body() -> None:
    alpha, beta = body("alpha"), body("beta")
    mine = contact(alpha)
    contact(beta)
    everybody, one = reverse("ask_contacts"), reverse("ask_contacts_of", args=["alpha"])
    assert signed_in(mine).post(everybody).status_code == 403
    assert signed_in(mine).post(reverse("ask_contacts_of", args=["beta"])).status_code == 403
    assert signed_in(person(is_auditor=True)).post(one).status_code == 403
    assert Client().post(everybody).status_code == 302
    assert signed_in(mine).get(one).status_code == 405
    assert not Message.objects.exists()
    page = signed_in(mine).post(one, follow=True)
    assert "1 mail is on the way" in page.content.decode()
    page = signed_in(person(is_administrator=True)).post(everybody, follow=True)
    assert "1 mail is on the way" in page.content.decode()
    assert "Nobody was asked" in signed_in(mine).post(one, follow=True).content.decode()
