"""Browsers of tests, without a browser."""

from django.test import Client

from departments.models import Person


def signed_in(who: Person) -> Client:
    """A client in which this person is signed in."""
    client = Client()
    client.force_login(who, "departments.signing_in.DutyBackend")
    return client
