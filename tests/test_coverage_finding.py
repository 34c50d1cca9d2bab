"""The filters over the bodies of a coverage page: there where there is something to find."""

from __future__ import annotations

import pytest
from django.urls import reverse

from alerts import counting
from departments.models import Membership
from tests import rows
from tests.clients import signed_in

pytestmark = pytest.mark.django_db


def test_whoever_sees_a_handful_of_bodies_has_no_filters_over_them() -> None:
    advisory = rows.advisory()
    top = rows.relay(advisory, "government", purpose="between")
    own = rows.relay(advisory, "committee", top)
    for number in range(5):
        rows.relay(advisory, f"team-{number}", top)
    counting.fold(advisory.pk)
    contact, auditor = rows.person("Connie Contact"), rows.person("Audrey Auditor", is_auditor=True)
    Membership.objects.create(person=contact, body=own.body, role="contact")
    page = reverse("alerts:coverage", args=[advisory.reference])
    filters = '<select name="kind">'
    assert filters not in signed_in(contact).get(page).content.decode()
    assert filters in signed_in(auditor).get(page).content.decode()
    # Whoever came with one gets rid of it here.
    assert filters in signed_in(contact).get(f"{page}?state=dark").content.decode()
