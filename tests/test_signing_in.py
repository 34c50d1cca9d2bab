"""Signing in is for those with a duty, for as long as they have it."""

import re

import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from departments.models import Body, Membership, Person

pytestmark = pytest.mark.django_db

PASSWORD = "a long enough password"


@pytest.fixture
def body() -> Body:
    return Body.objects.create(slug="body", name="Body", kind="department")


def somebody(body: Body, role: str) -> Person:
    person = Person.objects.create_user(f"{role}@example.org", PASSWORD, name=role)
    Membership.objects.create(person=person, body=body, role=role)
    return person


def signs_in(client: Client, address: str) -> bool:
    client.post(reverse("account_login"), {"login": address, "password": PASSWORD})
    return "_auth_user_id" in client.session


@pytest.mark.parametrize("role", ["officer", "contact", "deputy", "head"])
def test_somebody_with_a_duty_comes_in(client: Client, body: Body, role: str) -> None:
    somebody(body, role)
    assert signs_in(client, f"{role.upper()}@Example.org")


def test_a_member_does_not_even_with_a_password(client: Client, body: Body) -> None:
    somebody(body, "member")
    assert not signs_in(client, "member@example.org")


def test_whoever_left_does_not(client: Client, body: Body) -> None:
    person = somebody(body, "officer")
    Person.objects.filter(pk=person.pk).update(left_at=timezone.now())
    assert not signs_in(client, "officer@example.org")


def test_a_duty_that_ends_ends_the_session(client: Client, body: Body) -> None:
    somebody(body, "contact")
    assert signs_in(client, "contact@example.org")
    assert client.get(reverse("departments:tree")).status_code == 200
    Membership.objects.update(until=timezone.now())
    assert client.get(reverse("departments:tree")).status_code == 302


def test_an_officer_who_never_had_a_password_sets_one_by_mail(client: Client, body: Body) -> None:
    person = somebody(body, "officer")
    Person.objects.filter(pk=person.pk).update(password="!")
    client.post(reverse("account_reset_password"), {"email": "officer@example.org"})
    [letter] = mail.outbox
    link = re.search(r"https?://[^/\s]+(/accounts/password/reset/key/\S+)", str(letter.body))
    assert link is not None
    page = client.get(link[1], follow=True)
    client.post(page.request["PATH_INFO"], {"password1": PASSWORD, "password2": PASSWORD})
    assert signs_in(Client(), "officer@example.org")


def test_nobody_signs_up(client: Client) -> None:
    answer = client.post(reverse("account_signup"), {"email": "new@example.org", "password1": PASSWORD})
    assert answer.status_code in (200, 403)
    assert not Person.objects.exists()


def test_a_stranger_gets_no_mail_and_is_told_nothing(client: Client, body: Body) -> None:
    somebody(body, "officer")
    known = client.post(reverse("account_reset_password"), {"email": "officer@example.org"})
    mail.outbox.clear()
    unknown = client.post(reverse("account_reset_password"), {"email": "stranger@example.org"})
    assert (known.status_code, known.headers.get("Location")) == (unknown.status_code, unknown.headers.get("Location"))
    assert mail.outbox == []
