"""What a link lends: it leads to other open advisories as far as its own marking goes, and mails the links of the others."""

import re
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from alerts import suspicion, tokens
from alerts.models import Advisory, Message, Recipient
from departments.models import Person
from tests import rows
from tests.referring import AGENT

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _no_haste(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FASTEST_PERSON", "SOONEST", "SOONEST_UNSEEN"):
        monkeypatch.setattr(suspicion, name, 0)


@pytest.fixture
def client() -> Client:
    return Client(headers={"user-agent": AGENT})


@pytest.fixture
def rita() -> Person:
    return rows.person("Rita Reader")


def told(who: Person, reference: str, marking: str = "GREEN", **fields: object) -> Recipient:
    """An open advisory, of which she was told; from AMBER up it has an open title."""
    of = rows.advisory(reference)
    Advisory.objects.filter(pk=of.pk).update(**{"marking": marking, "open_title": "Advice on meetings", **fields})
    made = rows.recipient(of, rows.relay(of, f"of-{reference.lower()}"), who=who)
    Recipient.objects.filter(pk=made.pk).update(told_revision=1)
    return Recipient.objects.get(pk=made.pk)


def link(recipient: Recipient) -> str:
    return f"/a/{tokens.make(recipient.pk, recipient.token_issue)}"


def also(client: Client, recipient: Recipient) -> str:
    """The list on the page behind this link, as it stands in the page; "" where there is none."""
    page = client.get(link(recipient)).content.decode()
    return page.partition('id="also"')[2].partition("</section>")[0]


def hidden(client: Client, recipient: Recipient) -> str:
    """A hidden value of the page's forms."""
    found = re.search(r'name="form" value="([^"]+)"', client.get(link(recipient)).content.decode())
    assert found
    return found[1]


def press(client: Client, recipient: Recipient, other: Recipient, **typed: str) -> Any:
    """Have the other one's link mailed."""
    said = {"press": "own-link", "advisory": str(other.advisory_id), "hand": "seen", **typed}
    return client.post(link(recipient), {"form": hidden(client, recipient), **said})


@pytest.mark.parametrize(
    ("own", "theirs", "leads"),
    [
        ("CLEAR", "CLEAR", True),
        ("CLEAR", "GREEN", False),
        ("GREEN", "CLEAR", True),
        ("GREEN", "AMBER", False),
        ("AMBER", "AMBER", True),
        ("AMBER", "AMBER+STRICT", False),
        ("CLEAR", "RED", True),  # behind a code in any case
    ],
)
def test_a_link_leads_to_what_is_marked_no_stricter_or_asks_for_a_code(
    client: Client, rita: Person, own: str, theirs: str, leads: bool
) -> None:
    one, other = told(rita, "ADV-2020-0001", own), told(rita, "ADV-2020-0002", theirs)
    shown = also(client, one)
    for word in ("ADV-2020-0002", f"TLP:{theirs}<", "High", "by "):
        assert word in shown
    assert (link(other) in shown) is leads
    assert ("Its own mail has its link" in shown) is not leads
    # Its full title only where the link leads to a text that mails have; otherwise the open one, as in its own mail.
    full = leads and theirs in ("CLEAR", "GREEN")
    assert ("Zoom" in shown) is full
    assert ("Advice on meetings" in shown) is not full
    assert shown.count(">ADV-2020-0002<") == 1


def test_without_an_open_title_the_reference_stands_there_once(client: Client, rita: Person) -> None:
    one, _ = told(rita, "ADV-2020-0001", "CLEAR"), told(rita, "ADV-2020-0002", open_title="")
    shown = also(client, one)
    assert "Zoom" not in shown
    assert shown.count(">ADV-2020-0002<") == 1


def test_a_revoked_link_is_handed_out_by_mail_alone(client: Client, rita: Person) -> None:
    one, other = told(rita, "ADV-2020-0001"), told(rita, "ADV-2020-0002")
    Recipient.objects.filter(pk=other.pk).update(token_issue=1)
    shown = also(client, one)
    assert tokens.make(other.pk, 1) not in shown
    assert "Its own mail has its link" in shown


@pytest.mark.parametrize("over", ["left", "stood-down", "expired"])
def test_a_leavers_link_and_one_of_what_is_over_open_nothing_newer(client: Client, rita: Person, over: str) -> None:
    one, other = told(rita, "ADV-2020-0001"), told(rita, "ADV-2020-0002", "AMBER")
    if over == "left":
        Person.objects.filter(pk=rita.pk).update(left_at=timezone.now())
    else:
        Advisory.objects.filter(pk=one.advisory_id).update(state=over)
    assert "ADV-2020-0002" not in client.get(link(one)).content.decode()
    assert press(client, one, other).status_code == 422
    assert not Message.objects.exists()


def test_a_press_mails_its_link_to_their_own_address_once_a_day(client: Client, rita: Person) -> None:
    one, other = told(rita, "ADV-2020-0001"), told(rita, "ADV-2020-0002", "AMBER")
    assert "Mail me the link" in also(client, one)
    assert press(client, one, other)["Location"] == f"{link(one)}#also"
    shown = also(client, one)
    assert "Its link is on its way to your own address." in shown
    assert "Mail me the link" not in shown
    message = Message.objects.get()
    assert (message.kind, message.person, message.batch.about) == ("own-link", rita, other.advisory)
    assert press(client, one, other).status_code == 303
    assert Message.objects.count() == 1
    Message.objects.update(state="sent")
    assert "Its link was mailed to your own address today." in also(client, one)
    with time_machine.travel(timezone.now() + timedelta(days=1)):
        assert "Mail me the link" in also(client, one)


@pytest.mark.parametrize("wrong", ["machine", "form", "other", "none", "bounced"])
def test_a_press_that_mails_nothing_says_why(client: Client, rita: Person, wrong: str) -> None:
    one, other = told(rita, "ADV-2020-0001"), told(rita, "ADV-2020-0002", "AMBER")
    typed = {
        "machine": {"steered": "1"},
        "form": {"form": "damaged"},
        "other": {"advisory": str(told(rows.person(), "ADV-2020-0003").advisory_id)},
        "none": {"advisory": "9" * 30},
    }.get(wrong, {})
    if wrong == "bounced":
        Person.objects.filter(pk=rita.pk).update(bounced_at=timezone.now())
        assert "mail does not reach your own address at present" in also(client, one)
    answer = press(client, one, other, **typed)
    shown = answer.content.decode().partition('id="also"')[2]
    assert answer.status_code == 422
    assert 'role="alert"' in shown
    assert "nothing was mailed" in shown
    assert not Message.objects.exists()


def test_beyond_fifty_it_says_how_many_more_there_are(client: Client, rita: Person) -> None:
    one = told(rita, "ADV-2020-0001")
    for number in range(2, 54):
        told(rita, f"ADV-2020-{number:04}")
    shown = also(client, one)
    assert shown.count('<p class="meta">') == 50
    assert "And 2 more: each has its link in its own mail." in shown
