"""A page that is locked: from a link to a code, from a code to the text, and nothing of the text before that."""

import logging
import re
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from http.cookies import Morsel
from typing import Any
from uuid import uuid4

import pytest
import time_machine
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import Settings as SettingsWrapper
from pytest_django.live_server_helper import LiveServer
from pytest_django.plugin import DjangoDbBlocker

from alerts import codes, suspicion, tokens
from alerts.answering import unlocking
from alerts.cascading.cascade import cascade
from alerts.delivery.deliver import deliver
from alerts.letters.letters import again
from alerts.models import Acknowledgement, Batch, Code, Message, Recipient, Record
from alerts.publishing.draft import update_from_file
from alerts.publishing.publish import publish_draft
from alerts.publishing.reviewing import expire
from alerts.publishing.stopping import stand_down, stop
from departments.models import Membership, Person, Role
from departments.refusal import Refused
from tests.browser import LOOKS, faults, open_page
from tests.clients import signed_in
from tests.office import Office, an_advisory
from tests.put_back import PutBack
from tests.smtp import Server

pytestmark = pytest.mark.django_db(transaction=True)

AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/120 Safari/537.36"
# Every word that `an_advisory` says and that its mail may not.
WORDS = ("Zoom", "overheard", "Because.", "closed meetings", "public meetings", "approved service", "Count")


@pytest.fixture(autouse=True)
def _no_haste(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suspicion, "FASTEST_PERSON", 0)


@pytest.fixture
def client() -> Client:
    return browser()


def browser() -> Client:
    return Client(headers={"user-agent": AGENT})


def recipient_of(office: Office, marking: str = "RED", **changes: object) -> Recipient:
    """Cas, who is told of an advisory with this marking."""
    advisory = office.publish(marking=marking, audience={"people": [office.cas.email]}, **changes).advisory
    cascade(advisory.pk)
    return Recipient.objects.get(advisory=advisory)


def warned() -> tuple[Office, Recipient]:
    office = Office()
    return office, recipient_of(office)


@pytest.fixture(scope="module")
def kept(django_db_blocker: DjangoDbBlocker) -> Iterator[PutBack[tuple[Office, Recipient]]]:
    """Made by the first test that asks for it."""
    world = PutBack(warned)
    yield world
    with django_db_blocker.unblock(), world:
        pass


@pytest.fixture
def world(transactional_db: None, kept: PutBack[tuple[Office, Recipient]]) -> tuple[Office, Recipient]:
    return kept.again()


@pytest.fixture
def office(request: pytest.FixtureRequest) -> Office:
    """The one in which Cas is told, where a test asks for that too."""
    if "red" not in request.fixturenames:
        return Office()
    found: Office = request.getfixturevalue("world")[0]
    return found


@pytest.fixture
def red(world: tuple[Office, Recipient]) -> Recipient:
    return world[1]


def deliver_all() -> None:
    while deliver():
        pass


def link(recipient: Recipient) -> str:
    return f"/a/{tokens.make(recipient.pk, recipient.token_issue)}"


def form_of(client: Client, recipient: Recipient) -> str:
    found = re.search(r'name="form" value="([^"]+)"', client.get(link(recipient)).content.decode())
    assert found is not None
    return found[1]


def press(client: Client, recipient: Recipient, what: str, **typed: str) -> Any:
    return client.post(link(recipient), {"form": form_of(client, recipient), "press": what, **typed})


def digits_of(recipient: Recipient) -> str:
    code = Code.objects.filter(recipient=recipient).latest("asked_at")
    return codes.digits(code.pk, code.issue)


def other_than(digits: str) -> str:
    return f"{(int(digits) + 1) % 10**6:06}"


def opened(client: Client, recipient: Recipient) -> Client:
    assert press(client, recipient, "send").status_code == 303
    assert press(client, recipient, "open", code=digits_of(recipient)).status_code == 303
    return client


def is_open(client: Client, recipient: Recipient) -> bool:
    page = client.get(link(recipient)).content.decode()
    assert ("Meetings may be overheard." in page) != ("a link is not enough" in page)
    return "Meetings may be overheard." in page


def says_nothing(response: Any) -> str:
    page: str = response.content.decode()
    assert [word for word in WORDS if word in page] == []
    return page


def unlock(recipient: Recipient, typed: str, now: datetime | None = None) -> bool:
    """Type it into a page that was opened for that."""
    return unlocking.unlock(recipient, typed, uuid4().hex, now)


def everything() -> list[object]:
    """How many rows there are in every table that unlocking might touch, and whether one of them changed."""
    found: list[object] = []
    with connection.cursor() as cursor:
        for table in ("alerts_code", "alerts_message", "alerts_batch", "alerts_record", "alerts_recipient"):
            cursor.execute(f"SELECT count(*), sum(xmin::text::bigint) FROM {table}")
            found.append(cursor.fetchone())
        cursor.execute("SELECT count(*) FROM django_session")
        found.append(cursor.fetchone())
    return found


# --- the page ---


def test_the_locked_page_says_what_the_mail_said_and_no_more(client: Client, red: Recipient) -> None:
    response = client.get(link(red))
    page = says_nothing(response)
    assert response.status_code == 200
    assert "Advice on video meetings" in page
    assert "TLP:RED" in page
    assert "High" in page
    assert "Cas" in page
    assert "A Department" in page
    assert "Send me a code" in page
    assert "<script" not in page
    assert "csrf" not in page
    assert f"<title>Security advisory {red.advisory.reference}</title>" in page
    assert "no-store" in response["Cache-Control"]
    assert response["Referrer-Policy"] == "no-referrer"
    assert not response.cookies


def test_opening_it_writes_nothing_and_sends_nothing(client: Client, red: Recipient) -> None:
    before = everything()
    assert client.get(link(red)).status_code == 200
    assert client.head(link(red)).status_code == 200
    assert everything() == before


def test_the_right_code_opens_the_page_for_this_browser_alone(client: Client, red: Recipient) -> None:
    sent = press(client, red, "send")
    assert (sent.status_code, sent["Location"]) == (303, f"{link(red)}#unlock")
    assert "A code is on its way" in says_nothing(client.get(link(red)))
    response = press(client, red, "open", code=digits_of(red))
    assert (response.status_code, response["Location"]) == (303, link(red))
    assert is_open(client, red)
    assert not is_open(browser(), red)


def test_the_key_is_kept_by_the_browser_and_goes_nowhere_but_to_this_page(
    client: Client, red: Recipient, settings: SettingsWrapper
) -> None:
    settings.SESSION_COOKIE_SECURE = True
    press(client, red, "send")
    key: Morsel[str] = press(client, red, "open", code=digits_of(red)).cookies["unlocked"]
    assert key["path"] == link(red)
    assert key["httponly"]
    assert key["secure"]
    assert key["samesite"] == "Lax"
    assert key["max-age"] == 12 * 3600


def test_the_key_holds_for_half_a_day(client: Client, red: Recipient) -> None:
    opened(client, red)
    with time_machine.travel(timezone.now() + timedelta(hours=11)):
        assert unlocking.is_locked(red, client.cookies["unlocked"].value, None) is False
    with time_machine.travel(timezone.now() + timedelta(hours=13)):
        assert unlocking.is_locked(red, client.cookies["unlocked"].value, None) is True


def test_a_key_of_one_page_opens_no_other(client: Client, office: Office, red: Recipient) -> None:
    opened(client, red)
    other = recipient_of(office, title="Another thing about Zoom")
    assert is_open(client, red)
    assert not is_open(client, other)
    client.cookies["unlocked"] = "forged"
    assert not is_open(client, red)


def test_a_revoked_link_locks_again_and_so_does_its_successor(client: Client, red: Recipient) -> None:
    old = link(red)
    opened(client, red)
    Recipient.objects.filter(pk=red.pk).update(token_issue=1)
    red.refresh_from_db()
    assert client.get(old).status_code == 404
    assert not is_open(client, red)


def test_a_material_update_locks_again(client: Client, office: Office, red: Recipient) -> None:
    opened(client, red)
    words = an_advisory(marking="RED", audience={"people": [office.cas.email]}, what_changed="More.", earlier="holds")
    for material, still_open in ((False, True), (True, False)):
        publish_draft(update_from_file(red.advisory, words, office.ada, material=material), office.ben)
        assert is_open(client, red) is still_open


def test_whoever_is_signed_in_as_the_recipient_needs_no_code(office: Office, red: Recipient) -> None:
    Membership.objects.create(person=office.cas, body=office.department, role=Role.CONTACT)
    assert is_open(signed_in(office.cas), red)
    assert not is_open(signed_in(office.ada), red)


@pytest.mark.parametrize("press", ["send", "open"])
def test_a_form_of_a_day_ago_sends_and_opens_nothing_and_the_page_says_so(
    client: Client, red: Recipient, press: str
) -> None:
    with time_machine.travel(timezone.now() - timedelta(hours=25)):
        form = unlocking.issue_form(red)
    answer = client.post(link(red), {"press": press, "form": form, "code": "123456"})
    page = answer.content.decode()
    assert (answer.status_code, "had been open for long" in page, "Nothing is lost" in page) == (422, True, True)
    assert not Code.objects.exists()


@pytest.mark.parametrize("marking", ["CLEAR", "GREEN", "AMBER", "AMBER+STRICT"])
def test_below_red_a_link_is_enough(client: Client, office: Office, marking: str) -> None:
    recipient = recipient_of(office, marking)
    assert is_open(client, recipient)
    client.post(link(recipient), {"press": "send", "form": unlocking.issue_form(recipient)})
    assert not Code.objects.exists()


def test_at_amber_strict_a_setting_asks_for_a_code(client: Client, office: Office, settings: SettingsWrapper) -> None:
    settings.AMBER_STRICT_NEEDS_CODE = True
    strict, amber = recipient_of(office, "AMBER+STRICT"), recipient_of(office, "AMBER")
    assert not is_open(client, strict)
    assert is_open(client, amber)
    assert is_open(opened(client, strict), strict)


def test_a_locked_page_says_that_a_warning_is_stood_down_and_not_why(
    client: Client, office: Office, red: Recipient
) -> None:
    stop(red.advisory, office.ben)
    assert "Sending was stopped" in says_nothing(client.get(link(red)))
    stand_down(red.advisory, office.ben, "It was about Zoom.")
    assert "Stood down" in says_nothing(client.get(link(red)))
    assert "It was about Zoom." in opened(client, red).get(link(red)).content.decode()


# --- answering ---


def test_a_locked_page_takes_no_answer(client: Client, red: Recipient) -> None:
    opened(client, red)
    answer = {"form": form_of(client, red), "read": "yes", "a-action-1": "done"}
    stranger = browser()
    response = stranger.post(link(red), answer)
    assert response.status_code == 403
    assert "your answer was not taken" in says_nothing(response)
    assert not Acknowledgement.objects.exists()
    assert client.post(link(red), answer).status_code == 303
    assert Acknowledgement.objects.count() == 1
    assert "Thank you" in client.get(link(red)).content.decode()
    assert "Receipt" not in says_nothing(stranger.get(link(red)))


# --- asking for a code ---


def test_a_double_press_sends_one_code(client: Client, red: Recipient) -> None:
    form = {"form": form_of(client, red), "press": "send"}
    assert [client.post(link(red), form).status_code for _ in range(2)] == [303, 303]
    assert Code.objects.count() == Message.objects.filter(kind="code").count() == 1


def test_a_machine_that_presses_gets_nothing_sent(client: Client, red: Recipient) -> None:
    form = form_of(client, red)
    for posted in ({}, {"press": "send"}, {"press": "send", "form": "forged"}):
        assert client.post(link(red), posted).status_code in (403, 422)
    scanner = Client(headers={"user-agent": "Barracuda Sentinel"})
    response = scanner.post(link(red), {"press": "send", "form": form})
    assert response.status_code == 422
    assert "Press once more" in says_nothing(response)
    assert not Code.objects.exists()


def test_a_form_of_another_page_sends_nothing(client: Client, office: Office, red: Recipient) -> None:
    other = recipient_of(office, title="Another")
    response = client.post(link(red), {"press": "send", "form": form_of(client, other)})
    assert response.status_code == 422
    assert not Code.objects.exists()


def test_a_few_codes_an_hour_and_then_a_sentence(client: Client, office: Office, red: Recipient) -> None:
    now = timezone.now()
    for minutes in range(0, 8, 2):
        assert unlocking.ask(red, now + timedelta(minutes=minutes)) is True
    with time_machine.travel(now + timedelta(minutes=10)):
        response = press(client, red, "send")
    assert response.status_code == 429
    assert "4 codes within an hour" in says_nothing(response)
    assert Code.objects.count() == Message.objects.filter(kind="code").count() == 4
    # A colleague behind the same address, and the same person about something else, are not held up.
    assert unlocking.ask(recipient_of(office, title="Another"), now + timedelta(minutes=10)) is True
    assert unlocking.ask(red, now + timedelta(minutes=61)) is True


def test_two_who_press_at_once_send_one_code(red: Recipient) -> None:
    run_at_once(lambda: unlocking.ask(red), 2)
    assert Code.objects.count() == Message.objects.filter(kind="code").count() == 1


@pytest.mark.parametrize("gone", ["left_at", "bounced_at"])
def test_whoever_can_not_be_written_to_is_told_so(client: Client, red: Recipient, gone: str) -> None:
    form = form_of(client, red)
    Person.objects.filter(pk=red.person_id).update(**{gone: timezone.now()})
    response = client.post(link(red), {"press": "send", "form": form})
    assert response.status_code == 422
    assert "can&#x27;t write to your address" in says_nothing(response)
    assert "can't write to your address" in says_nothing(client.get(link(red)))
    assert not Code.objects.exists()


# --- typing a code ---


def test_a_code_works_once(client: Client, red: Recipient) -> None:
    opened(client, red)
    second = browser()
    assert press(second, red, "open", code=digits_of(red)).status_code == 422
    assert not is_open(second, red)


def test_two_who_type_the_same_code_at_once_use_it_once(red: Recipient) -> None:
    unlocking.ask(red)
    digits = digits_of(red)
    assert sorted(run_at_once(lambda: unlock(red, digits), 4)) == [False, False, False, True]
    assert Record.objects.filter(kind="unlocked").count() == 1


def test_a_double_press_of_the_right_code_opens_the_page_and_uses_it_once(red: Recipient) -> None:
    unlocking.ask(red)
    form = {"form": form_of(browser(), red), "press": "open", "code": digits_of(red)}
    pressed = run_at_once(lambda: browser().post(link(red), form), 3)
    assert [response.status_code for response in pressed] == [303, 303, 303]
    assert all("unlocked" in response.cookies for response in pressed)
    assert (Code.objects.get().tries, Record.objects.filter(kind="unlocked").count()) == (1, 1)
    with time_machine.travel(timezone.now() + timedelta(minutes=16)):
        assert browser().post(link(red), form).status_code == 422


def test_many_who_guess_at_once_have_five_tries_together(red: Recipient) -> None:
    unlocking.ask(red)
    wrong = other_than(digits_of(red))
    run_at_once(lambda: unlock(red, wrong), 8)
    assert Code.objects.get().tries == 5
    assert not unlock(red, digits_of(red))


def test_the_fifth_try_may_be_the_right_one_and_the_sixth_may_not(red: Recipient) -> None:
    now = timezone.now()
    unlocking.ask(red, now)
    digits = digits_of(red)
    for _ in range(4):
        assert not unlock(red, other_than(digits), now)
    assert unlock(red, digits, now)
    later = now + timedelta(minutes=2)
    unlocking.ask(red, later)
    digits = digits_of(red)
    for _ in range(5):
        assert not unlock(red, other_than(digits), later)
    assert not unlock(red, digits, later)
    assert unlocking.ask(red, later) is True


def test_a_code_holds_for_a_quarter_of_an_hour(red: Recipient) -> None:
    now = timezone.now()
    unlocking.ask(red, now)
    assert not unlock(red, digits_of(red), now + timedelta(minutes=15))
    assert unlock(red, digits_of(red), now + timedelta(minutes=14, seconds=59))


def test_an_earlier_code_that_still_holds_is_taken_too(red: Recipient) -> None:
    now = timezone.now()
    unlocking.ask(red, now)
    first = digits_of(red)
    unlocking.ask(red, now + timedelta(minutes=2))
    assert unlock(red, first, now + timedelta(minutes=3))


def test_a_code_of_somebody_else_opens_nothing(office: Office, red: Recipient) -> None:
    other = recipient_of(office, title="Another")
    unlocking.ask(red)
    unlocking.ask(other)
    if digits_of(red) != digits_of(other):
        assert not unlock(other, digits_of(red))


def test_what_was_wrong_with_a_code_is_not_said(red: Recipient) -> None:
    pages = set()
    now = timezone.now()
    for what in ("wrong", "expired", "used", "tried", "none"):
        Code.objects.all().delete()
        typed = "123456"
        if what != "none":
            unlocking.ask(red, now - timedelta(hours=1) if what == "expired" else now)
            typed = digits_of(red)
        if what == "wrong":
            typed = other_than(typed)
        elif what == "used":
            Code.objects.update(used_at=now)
        elif what == "tried":
            Code.objects.update(tries=5)
        response = press(browser(), red, "open", code=typed)
        assert response.status_code == 422
        page = says_nothing(response)
        assert typed not in page
        pages.add(re.sub(r'name="form" value="[^"]+"', "", page))
    assert len(pages) == 1
    assert 'aria-invalid="true"' in pages.pop()


@pytest.mark.parametrize("typed", [" 123 456 ", "123-456", "１２３４５６", "123.456"])
def test_a_code_may_be_typed_with_anything_between_its_digits(typed: str) -> None:
    assert codes.typed_digits(typed) == "123456"


@pytest.mark.parametrize("typed", ["", "12345", "1234567", "12345a", "abcdef", "٣" * 7, "1" * 5_000, "\0"])
def test_what_is_no_code_is_no_try(client: Client, red: Recipient, typed: str) -> None:
    unlocking.ask(red)
    response = press(client, red, "open", code=typed)
    assert response.status_code == 422
    assert "six digits" in says_nothing(response)
    assert Code.objects.get().tries == 0


def test_a_code_outlives_a_change_of_key(red: Recipient, settings: SettingsWrapper) -> None:
    unlocking.ask(red)
    digits = digits_of(red)
    settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [settings.SECRET_KEY], "another"
    assert unlock(red, digits)


def test_a_key_that_was_taken_away_makes_no_code_any_more(red: Recipient, settings: SettingsWrapper) -> None:
    unlocking.ask(red)
    digits = digits_of(red)
    settings.SECRET_KEY = "another"
    if digits_of(red) != digits:
        assert not unlock(red, digits)


def test_the_database_too_keeps_to_five_tries(red: Recipient) -> None:
    unlocking.ask(red)
    with pytest.raises(IntegrityError), transaction.atomic():
        Code.objects.update(tries=6)
    with pytest.raises(IntegrityError), transaction.atomic():
        Code.objects.update(expires_at=timezone.now() - timedelta(days=1))


# --- the mail ---


def test_the_mail_carries_the_code_and_nothing_of_the_text(client: Client, red: Recipient, server: Server) -> None:
    press(client, red, "send")
    deliver_all()
    assert Message.objects.filter(state="sent").count() == 2
    mail = next(mail for mail in server.mails if "code" in mail.subject)
    assert mail.subject == f"Your code for {red.advisory.reference}"
    assert mail.recipients == ["cas@example.org"]
    digits = digits_of(red)
    # The first line is what a telephone shows beside the subject.
    assert mail.text.splitlines()[0] == f"{digits} is your code for {red.advisory.reference}."
    html = mail.message.get_body(("html",))
    assert html is not None
    shown = html.get_content()
    assert shown.index(f"{digits} is your code") < shown.index("Dear Cas")
    for words in (str(mail.message["Subject"]), mail.text, shown):
        assert [word for word in (*WORDS, "Advice on video meetings") if word in words] == []
        assert tokens.make(red.pk, red.token_issue) not in words
    assert "The Centre alerts" in str(mail.message["From"])
    assert press(client, red, "open", code=digits).status_code == 303
    # Nor does the warning's own mail say more.
    assert not any(word in other.text for other in server.mails for word in WORDS)


def test_a_code_goes_to_where_the_person_is_written_to_now(red: Recipient, server: Server) -> None:
    unlocking.ask(red)
    Person.objects.filter(pk=red.person_id).update(email="new@example.org", written="new@example.org")
    deliver_all()
    assert {mail.recipients[0] for mail in server.mails} == {"new@example.org"}


def test_a_code_leaves_before_a_critical_warning_that_waited_longer(office: Office, server: Server) -> None:
    cascade(office.publish(severity="critical").advisory_id)
    red = recipient_of(office, severity="critical")
    Batch.objects.update(not_before=timezone.now() - timedelta(hours=1))
    unlocking.ask(red)
    deliver()
    assert [mail.subject for mail in server.mails] == [f"Your code for {red.advisory.reference}"]


def test_a_code_is_sent_while_the_warning_is_stopped(office: Office, red: Recipient, server: Server) -> None:
    stop(red.advisory, office.ben)
    unlocking.ask(red)
    deliver_all()
    assert [mail.subject for mail in server.mails] == [f"Your code for {red.advisory.reference}"]


@pytest.mark.parametrize("what", ["expired", "used", "left"])
def test_a_code_that_would_be_of_no_use_is_not_sent(red: Recipient, server: Server, what: str) -> None:
    now = timezone.now()
    unlocking.ask(red, now - timedelta(minutes=20) if what == "expired" else now)
    if what == "used":
        unlock(red, digits_of(red), now)
    if what == "left":
        Person.objects.filter(pk=red.person_id).update(left_at=now)
    Message.objects.exclude(kind="code").update(state="superseded")
    deliver_all()
    assert server.mails == []
    assert Message.objects.get(kind="code").state == "superseded"


def test_a_drill_says_in_its_code_too_that_it_is_one(office: Office, server: Server) -> None:
    drill = recipient_of(office, exercise=True)
    unlocking.ask(drill)
    deliver_all()
    mail = next(mail for mail in server.mails if "code" in mail.subject)
    assert mail.subject == f"[EXERCISE] Your code for {drill.advisory.reference}"
    assert mail.message["X-Exercise"] == "yes"
    assert "Nothing here is real" in mail.text


def test_the_digits_are_kept_nowhere(
    client: Client, red: Recipient, server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("", "alerts", "request", "django"):
        caplog.set_level(logging.DEBUG, logger=name)
    press(client, red, "send")
    deliver_all()
    digits = digits_of(red)
    assert press(client, red, "open", code=other_than(digits)).status_code == 422
    assert press(client, red, "open", code=digits).status_code == 303
    message = Message.objects.get(kind="code")
    assert message.personal is not None
    assert "code" not in message.personal
    with connection.cursor() as cursor:
        for table in ("alerts_code", "alerts_message", "alerts_batch", "alerts_record"):
            cursor.execute(f"SELECT t::text FROM {table} t")
            assert [row for (row,) in cursor.fetchall() if re.search(rf"(?<!\d){digits}(?!\d)", row)] == []
    # The mail server of this test logs what it is sent; ours does not.
    logged = "\n".join(entry.getMessage() for entry in caplog.records if entry.name != "mail.log")
    assert "served" in logged
    assert digits not in logged
    assert tokens.make(red.pk, red.token_issue) not in logged


def test_the_very_mail_can_be_shown_again_without_its_code(red: Recipient, server: Server) -> None:
    unlocking.ask(red)
    deliver_all()
    shown = again(Message.objects.get(kind="code"))
    assert f"Subject: Your code for {red.advisory.reference}".encode() in shown
    assert digits_of(red).encode() not in shown


# --- the record, and the tables ---


def test_the_record_says_that_a_code_was_sent_and_used_and_not_which(client: Client, red: Recipient) -> None:
    opened(client, red)
    entries = list(Record.objects.filter(kind__in=["code sent", "unlocked"]))
    assert [(entry.kind, entry.subject) for entry in entries] == [
        ("code sent", red.advisory.reference),
        ("unlocked", red.advisory.reference),
    ]
    assert [entry.actor for entry in entries] == [None, red.person]
    number = Code.objects.get().pk
    assert [entry.details for entry in entries] == [{"recipient": red.pk, "code": number}] * 2


def test_nothing_is_sent_where_the_code_was_not_written(red: Recipient, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise Refused("The record is full.")

    monkeypatch.setattr("alerts.record.write", fail)
    with pytest.raises(Refused):
        unlocking.ask(red)
    assert not Code.objects.exists()
    assert not Message.objects.filter(kind="code").exists()


def run_at_once(what: Any, how_many: int) -> list[Any]:
    """What each of them came to, started together on connections of their own."""
    start = threading.Barrier(how_many)
    came_to: list[Any] = []

    def one() -> None:
        start.wait(timeout=20)
        try:
            came_to.append(what())
        finally:
            connection.close()

    threads = [threading.Thread(target=one) for _ in range(how_many)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    return came_to


# --- in a browser ---


def aside(what: Any) -> Any:
    """What it comes to, in a thread of its own: beside a browser's loop Django asks no database."""
    return run_at_once(what, 1)[0]


@pytest.mark.parametrize("look", list(LOOKS))
def test_a_page_is_unlocked_in_a_browser_and_each_step_can_be_read_by_anybody(
    live_server: LiveServer, office: Office, red: Recipient, look: str
) -> None:
    with open_page(**LOOKS[look]) as page:
        wrong = faults(page, live_server.url + link(red))
        page.get_by_role("button", name="Send me a code").click()
        wrong += faults(page, "")
        page.get_by_label("The code that we sent you").fill(other_than(aside(lambda: digits_of(red))))
        page.get_by_role("button", name="Open the page").click()
        assert page.get_by_role("alert").is_visible()
        wrong += faults(page, "")
        page.get_by_label("The code that we sent you").fill(aside(lambda: digits_of(red)))
        page.keyboard.press("Enter")
        page.get_by_text("Meetings may be overheard.").wait_for()
        wrong += faults(page, "")
        page.get_by_label("Yes, and I know what it asks of me").check()
        page.get_by_label("Done").first.check()
        page.get_by_role("button", name="Send my answer").click()
        assert page.get_by_text("Thank you: your answer is here").is_visible()
        aside(lambda: expire(timezone.now() + timedelta(days=200)))
        wrong += faults(page, live_server.url + link(red))
        aside(lambda: stand_down(red.advisory, office.ben, "The fault is mended."))
        wrong += faults(page, live_server.url + link(red))
        assert page.get_by_text("What it came to").is_visible()
        wrong += faults(page, f"{live_server.url}/check?reference={red.advisory.reference}")
    assert wrong == []
