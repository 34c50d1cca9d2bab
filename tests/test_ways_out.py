"""Whoever bears a sign of a machine that stays, such as a browser without a name, types a proof, whatever they press."""

import re
from collections import Counter
from typing import Any

import pytest
from django.test import Client

from alerts import tokens
from alerts.models import Acknowledgement, Advisory, Code, Message, Recipient, Relay
from tests import rows
from tests.haste import no_haste as no_haste
from tests.holding import Holding
from tests.office import Office
from tests.test_answer_page import link, send

pytestmark = pytest.mark.django_db
SCANNED = "Mozilla/5.0 Zscaler"


@pytest.fixture
def client() -> Client:
    return Client(headers={"user-agent": SCANNED})


@pytest.fixture
def reader() -> Recipient:
    advisory = rows.advisory()
    assert advisory.current
    rows.action(advisory.current, "move")
    return rows.recipient(advisory, rows.relay(advisory, "treasury"))


def presses(client: Client, where: str, press: str, **typed: str) -> Any:
    """Open the page, and press that."""
    page = client.get(where).content.decode()
    form = page[page.index(f'name="press" value="{press}"') - 400 :]
    hidden = re.findall(
        r'<input type="hidden" name="(relay|form|advisory)" value="([^"]+)"', form.partition("</form>")[0]
    )
    return client.post(where, {"press": press, **dict(hidden), **typed})


def asks(answer: Any, prefix: str) -> bool:
    """Whether it came back with a field for the proof in that form, and every id stands for one thing."""
    page = answer.content.decode()
    ids = Counter(re.findall(r' id="([^"]+)"', page))
    assert [one for one, times in ids.items() if times > 1] == []
    return answer.status_code == 422 and f'name="proof" id="{prefix}proof"' in page


def test_they_may_doubt_it(client: Client, reader: Recipient) -> None:
    assert asks(presses(client, link(reader), "phishing", text="odd"), "doubt-")
    wrong = presses(client, link(reader), "phishing", text="odd", proof="9999")
    assert asks(wrong, "doubt-")
    assert "That is not it" in wrong.content.decode()
    assert presses(client, link(reader), "phishing", text="odd", proof=reader.advisory.reference).status_code == 303
    assert Acknowledgement.objects.latest("pk").suspect == []
    assert "has been told" in client.get(link(reader)).content.decode()


def test_they_may_doubt_it_while_they_are_asked_to_answer_once_more(client: Client, reader: Recipient) -> None:
    send(client, reader)
    assert 'id="proof"' in client.get(link(reader)).content.decode()
    assert asks(presses(client, link(reader), "phishing", text="odd"), "doubt-")


def test_they_may_have_a_receipt(client: Client, reader: Recipient) -> None:
    proof = reader.advisory.reference[-4:]
    assert send(client, reader, proof=proof).status_code == 303
    assert asks(presses(client, link(reader), "receipt"), "receipt-")
    assert "That is not it" in presses(client, link(reader), "receipt", proof="x").content.decode()
    assert not Message.objects.exists()
    assert presses(client, link(reader), "receipt", proof=proof).status_code == 303
    assert Message.objects.get().kind == Message.Kind.RECEIPT


def test_they_may_have_a_code_sent(client: Client, reader: Recipient) -> None:
    Advisory.objects.update(marking="RED", open_title="About telephones")
    assert asks(presses(client, link(reader), "send"), "send-")
    assert not Code.objects.exists()
    assert presses(client, link(reader), "send", proof=reader.advisory.reference).status_code == 303
    assert Code.objects.count() == 1


def test_they_may_let_a_warning_go_on(client: Client, office: Office) -> None:
    held = Holding(office)
    recipient = held.recipient(held.ann)
    where = f"/a/{tokens.make(recipient.pk, recipient.token_issue)}"
    assert asks(presses(client, where, "release"), "hold-")
    assert held.state() == Relay.State.HELD
    assert presses(client, where, "release", proof=recipient.advisory.reference).status_code == 303
    assert held.state() == Relay.State.RELEASED


def test_a_form_that_is_only_old_asks_for_no_proof(client: Client, reader: Recipient) -> None:
    answer = client.post(link(reader), {"press": "phishing", "form": "damaged", "text": "odd"})
    assert (answer.status_code, 'name="proof"' in answer.content.decode()) == (422, False)
