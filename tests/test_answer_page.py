"""The page behind a link: who answers, for whom and for which bodies, what they get for it, and what is wrong with a form."""

import re
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django.utils.formats import date_format
from pytest_django.live_server_helper import LiveServer

from alerts import counting, coverage, suspicion, tokens
from alerts.models import Acknowledgement, ActionAnswer, Advisory, Message, Recipient, Relay
from departments.models import Delegation, Membership, Person
from tests import rows
from tests.browser import faults_in_every_look, open_page
from tests.haste import no_haste as no_haste

pytestmark = pytest.mark.django_db

AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/120 Safari/537.36"
LONG = "Office for " + "Extraordinary " * 9 + "x" * 70


@pytest.fixture
def client() -> Client:
    return Client(headers={"user-agent": AGENT})


@pytest.fixture
def advisory() -> Advisory:
    made = rows.advisory()
    assert made.current
    rows.action(made.current, "move")
    return made


@pytest.fixture
def treasury(advisory: Advisory) -> Relay:
    return rows.relay(advisory, "treasury")


@pytest.fixture
def reader(advisory: Advisory, treasury: Relay) -> Recipient:
    return rows.recipient(advisory, treasury, who=rows.person("Rita Reader"))


def link(recipient: Recipient) -> str:
    return f"/a/{tokens.make(recipient.pk, recipient.token_issue)}"


def see(client: Client, of: Recipient, query: str = "") -> str:
    response = client.get(f"{link(of)}{query}")
    assert response.status_code == 200
    return response.content.decode()


def text_of(page: str) -> str:
    """What somebody reads."""
    return " ".join(re.sub(r"<[^>]+>", " ", page).split()).replace(" ,", ",").replace(" .", ".")


def hidden(page: str, form: str = 'id="answer"') -> str:
    """The hidden value of the page's form."""
    found = re.search(r'name="form" value="([^"]+)"', page[page.index(form) :])
    assert found
    return found[1]


def send(client: Client, of: Recipient, query: str = "", **given: str) -> Any:
    """Open it, choose, send."""
    page = see(client, of, query)
    keep = dict(re.findall(r'<input type="hidden" name="(delegate|office)" value="([^"]*)"', page))
    answer = {"form": hidden(page), "read": "yes", "a-move": "done", **keep, **given}
    return client.post(f"{link(of)}{query}", {name.replace("__", "-"): value for name, value in answer.items()})


def kept() -> Acknowledgement:
    return Acknowledgement.objects.latest("pk")


# --- for whom, and what changed ---


def test_it_says_for_whom_it_is_and_who_is_meant_by_it(client: Client, advisory: Advisory, treasury: Relay) -> None:
    both = rows.recipient(advisory, treasury, rows.relay(advisory, "audit"), who=rows.person("Rita Reader"))
    page = see(client, both)
    assert "For Rita Reader : Audit; Treasury." in text_of(page)
    assert f'href="{link(both)}/not-me"' in page
    assert "Answer now, 2 questions" in page


def test_whoever_missed_revisions_reads_what_each_of_them_changed_the_newest_first(
    client: Client, advisory: Advisory, reader: Recipient
) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as asked:
            see(client, reader)
        return len(asked)

    Recipient.objects.update(told_revision=1)
    rows.revise(advisory, what_changed="Version 2 is out.")
    one = queries()
    rows.revise(advisory, what_changed="Version 3 is out.")
    rows.revise(advisory, what_changed="Version 4 is out.")
    assert queries() == one
    page = text_of(see(client, reader))
    first = advisory.revisions.get(number=1)
    assert f"Changed since your e-mail, which was revision 1 of {date_format(first.at, 'l j F Y')}" in page
    places = [page.index(f"Version {number} is out.") for number in (4, 3, 2)]
    assert places == sorted(places)
    Recipient.objects.update(told_revision=4)
    assert "Version 3 is out." not in see(client, reader)


# --- the questions ---


class TestBodies:
    """What is asked once of each body."""

    @pytest.fixture
    def mia(self, advisory: Advisory) -> Recipient:
        assert advisory.current
        rows.action(advisory.current, "count", of="body")
        places = [rows.relay(advisory, slug) for slug in ("audit", "border", "coast")]
        return rows.recipient(advisory, *places, who=rows.person("Mia Many"), role="contact")

    def test_one_press_answers_for_all_and_a_choice_of_its_own_wins(self, client: Client, mia: Recipient) -> None:
        page = see(client, mia)
        assert "3. Count, by" in text_of(page)
        assert "the same for all 3 bodies" in page
        assert "3 questions" in page
        border = Relay.objects.get(body__slug="border")
        send(client, mia, **{"b-count-all": "done", f"b-count-{border.pk}": "later"})
        said = dict(ActionAnswer.objects.exclude(relay=None).values_list("relay__body__slug", "choice"))
        assert said == {"audit": "done", "border": "later", "coast": "done"}
        assert "Border: to be answered later" in text_of(see(client, mia))

    def test_single_bodies_are_folded_away_until_something_is_typed_or_wrong_there(
        self, client: Client, mia: Recipient
    ) -> None:
        assert '<details class="fold"><summary>Or answer for each' in see(client, mia)
        border = Relay.objects.get(body__slug="border")
        response = send(client, mia, **{"b-count-all": "done", f"b-count-{border.pk}": "na"})
        page = response.content.decode()
        assert response.status_code == 422
        assert '<details class="fold" open><summary>Or answer for each' in page
        assert f'<a href="#b-count-{border.pk}-why">Question 3, Border: Say in a few words' in page

    def test_everybody_else_reads_who_answers_it(
        self, client: Client, advisory: Advisory, mia: Recipient, reader: Recipient
    ) -> None:
        audit = Relay.objects.get(body__slug="audit")
        rows.recipient(advisory, audit, who=rows.person("Ada Ask"))
        both = Recipient.objects.get(person__name="Ada Ask")
        Membership.objects.create(person=both.person, body=Relay.objects.get(body__slug="treasury").body)
        page = text_of(see(client, both))
        assert "Mia Many answers it for Audit." in page
        assert "so you need not answer it" in page
        assert "2 questions" in page
        assert "nobody is named now" in text_of(see(client, reader))


def test_nothing_is_chosen_beforehand_also_by_whoever_answered(client: Client, reader: Recipient) -> None:
    send(client, reader)
    page = see(client, reader)
    assert " checked" not in page
    assert "You said: done." in page
    assert "Change your answer" in page


def test_later_is_an_answer_too(client: Client, reader: Recipient) -> None:
    assert send(client, reader, a__move="later").status_code == 303
    reader.refresh_from_db()
    assert (reader.answered_revision, reader.acted_revision) == (1, 0)
    assert "to be answered later" in text_of(see(client, reader))


def test_a_day_and_a_month_are_enough(client: Client, reader: Recipient) -> None:
    day = timezone.localdate() + timedelta(days=20)
    send(client, reader, **{"a-move": "by", "a-move-day": str(day.day), "a-move-month": str(day.month)})
    assert ActionAnswer.objects.get().by_date == day
    assert f"will be done by {date_format(day, 'j F Y')}" in see(client, reader)


@pytest.mark.parametrize(("day", "month"), [("31", "2"), ("9" * 30, "1"), ("-1", "1"), ("first", "may"), ("", "")])
def test_a_day_that_is_none_comes_back_as_it_was_typed(client: Client, reader: Recipient, day: str, month: str) -> None:
    response = send(client, reader, **{"a-move": "by", "a-move-day": day, "a-move-month": month})
    page = response.content.decode()
    assert response.status_code == 422
    assert '<a href="#a-move-date">Question 2: Give the day' in page
    assert f'name="a-move-day" inputmode="numeric" maxlength="10" autocomplete="off" value="{day}"' in page


@pytest.mark.parametrize("of", ["person", "body"])
def test_nobody_is_offered_to_do_it_by_a_day_that_is_over(
    client: Client, advisory: Advisory, treasury: Relay, of: str
) -> None:
    assert advisory.current
    asked = rows.action(advisory.current, "count", of)
    head = rows.recipient(advisory, treasury, who=rows.person("Hal Head"), role="head")
    offer = f"Will be done by {date_format(timezone.localtime(asked.due), 'l j F')}"
    with time_machine.travel(asked.due - timedelta(minutes=1), tick=False):
        assert offer in see(client, head)
        opened = hidden(see(client, head))
    with time_machine.travel(asked.due + timedelta(minutes=1), tick=False):
        late = see(client, head)
        assert offer not in late
        assert late.count("Will be done on another day") == 2
        # Whoever chose it while it was offered, and forgot something else, finds it chosen.
        name = "a-count" if of == "person" else f"b-count-{treasury.pk}"
        again = client.post(link(head), {"form": opened, "read": "yes", name: "will"})
        assert again.status_code == 422
        assert f'name="{name}" value="will" checked' in again.content.decode()


# --- who answers ---


class TestSomebodyElse:
    """Shared mailboxes, delegates and offices."""

    @pytest.fixture
    def dan(self, reader: Recipient) -> Person:
        dan = rows.person("Dan Delegate")
        Delegation.objects.create(
            person=reader.person, delegate=dan, until=timezone.now() + timedelta(days=90), named_by=reader.person
        )
        return dan

    def test_a_shared_mailbox_asks_for_a_name_and_is_answered_once(self, client: Client, reader: Recipient) -> None:
        Person.objects.filter(pk=reader.person_id).update(shared=True, name="Press Office")
        response = send(client, reader)
        assert '<a href="#name">Your name: Type your own name' in response.content.decode()
        assert send(client, reader, name="  Nia   Name ").status_code == 303
        assert (kept().how, kept().name_given) == ("link", "Nia Name")
        assert "Answered by Nia Name for Press Office." in text_of(see(client, reader))

    def test_a_delegate_is_offered_greeted_and_stays_one(self, client: Client, reader: Recipient, dan: Person) -> None:
        page = see(client, reader)
        assert "Do you open this for Rita Reader ?" in text_of(page)
        assert f'href="{link(reader)}?as={dan.pk}"' in page
        assert f'href="{link(reader)}?as=office"' in page
        theirs = text_of(see(client, reader, f"?as={dan.pk}"))
        assert "You are Dan Delegate, and answer for Rita Reader until" in theirs
        assert "Rita Reader is still asked." in theirs
        response = send(client, reader, f"?as={dan.pk}")
        assert response["Location"] == f"{link(reader)}?as={dan.pk}#receipt"
        assert (kept().how, kept().by) == ("office", dan)
        receipt = text_of(see(client, reader, f"?as={dan.pk}"))
        assert (
            "Answered by Dan Delegate for Rita Reader. It is kept as their office’s answer: Rita Reader is still"
            in receipt
        )
        assert "Change your answer" in receipt

    def test_they_themselves_are_still_asked_where_their_office_is_counted_apart(
        self, client: Client, advisory: Advisory, reader: Recipient, dan: Person
    ) -> None:
        send(client, reader, f"?as={dan.pk}")
        page = text_of(see(client, reader))
        assert "Your office answered; you are still asked" in page
        assert "Answer now, 2 questions" in page
        figures = coverage.whole(advisory).figures
        assert (figures.acknowledged, figures.office) == (0, 1)

    def test_it_counts_where_the_advisory_says_so(
        self, client: Client, advisory: Advisory, reader: Recipient, dan: Person
    ) -> None:
        Advisory.objects.update(office="counts")
        counting.recount(advisory.pk)
        assert "It counts as if Rita Reader had given it." in text_of(see(client, reader, f"?as={dan.pk}"))
        send(client, reader, f"?as={dan.pk}")
        page = text_of(see(client, reader))
        assert "is still asked" not in page
        assert "Answered by Dan Delegate for Rita Reader." in page
        assert coverage.whole(advisory).figures.acknowledged == 1

    @pytest.mark.parametrize("says", ["?as=0", "?as=x", "?as=٣", "?as=" + "9" * 40, "?as=", "?as=%00"])
    def test_whoever_was_not_named_is_nobody(self, client: Client, reader: Recipient, dan: Person, says: str) -> None:
        page = see(client, reader, says)
        assert "and answer for" not in text_of(page)
        assert 'name="delegate"' not in page

    def test_nor_is_somebody_elses_delegate_or_one_whose_time_is_over(
        self, client: Client, reader: Recipient, dan: Person
    ) -> None:
        page = see(client, reader, f"?as={dan.pk}")
        Delegation.objects.update(until=timezone.now())
        assert 'name="delegate"' not in see(client, reader, f"?as={dan.pk}")
        late = {"form": hidden(page), "read": "yes", "a-move": "done", "delegate": str(dan.pk)}
        response = client.post(f"{link(reader)}?as={dan.pk}", late)
        assert response.status_code == 422
        assert "not named as opening this mail any more" in response.content.decode()
        assert not Acknowledgement.objects.exists()

    def test_somebody_of_the_office_gives_their_name(self, client: Client, reader: Recipient) -> None:
        assert 'href="?as=office"' in see(client, reader)
        assert send(client, reader, "?as=office").status_code == 422
        long = send(client, reader, "?as=office", name="S" * 501)
        assert long.status_code == 422
        assert "That has 501 characters; 500 is the most. Shorten it." in long.content.decode()
        assert not Acknowledgement.objects.exists()
        assert send(client, reader, "?as=office", name="Sam Clerk").status_code == 303
        assert (kept().how, kept().name_given) == ("office", "Sam Clerk")
        assert "Answered by Sam Clerk for Rita Reader." in text_of(see(client, reader, "?as=office"))

    def test_looking_as_somebody_writes_nothing(self, client: Client, reader: Recipient, dan: Person) -> None:
        with CaptureQueriesContext(connection) as asked:
            for query in ("", "?as=office", f"?as={dan.pk}"):
                see(client, reader, query)
        assert not [one for one in asked if one["sql"].startswith(("INSERT", "UPDATE", "DELETE"))]


# --- the receipt ---


def test_a_receipt_says_for_when_an_action_is_promised(client: Client, reader: Recipient) -> None:
    send(client, reader, **{"a-move": "will"})
    page = see(client, reader)
    due = kept().answers.get().action.due
    local = timezone.localtime(due)
    said = f"will be done in time, by {date_format(local, 'l j F Y, H:i')} {local.tzname()}"
    assert said in text_of(page[page.index('id="receipt"') :])


def test_a_receipt_says_what_was_answered_when_by_and_for_whom(client: Client, reader: Recipient) -> None:
    text = "نحتاج <help>\x00"
    send(client, reader, read="help", text=text, **{"a-move": "na", "a-move-why": "never used"})
    page = see(client, reader)
    receipt = text_of(page[page.index('id="receipt"') : page.index("</section>", page.index('id="receipt"'))])
    local = timezone.localtime(kept().at)
    for words in (
        "ADV-2020-0017, revision 1",
        f"{date_format(local, 'l j F Y, H:i:s')} {local.tzname()}",
        kept().receipt,
        "Rita Reader : Treasury",
        "Yes, and needs help: نحتاج &lt;help&gt;",
        "Move does not apply: never used",
    ):
        assert words in receipt
    assert '<bdi class="typed">نحتاج' in page


def test_answers_can_be_changed_and_the_earlier_ones_stay_to_be_seen(client: Client, reader: Recipient) -> None:
    send(client, reader, a__move="later")
    first = kept()
    assert "Earlier answers" not in see(client, reader)
    send(client, reader, a__move="done")
    page = text_of(see(client, reader))
    assert "Earlier answers: 1" in page
    assert f"revision 1: read and understood. Receipt {first.receipt}. Move : to be answered later" in page


class TestMailingIt:
    """ "Mail me this receipt"."""

    def press(self, client: Client, reader: Recipient, agent: str = AGENT) -> Any:
        page = see(client, reader)
        form = {"press": "receipt", "form": hidden(page)}
        return Client(headers={"user-agent": agent}).post(link(reader), form)

    def test_it_is_mailed_once_and_the_page_says_so(self, client: Client, reader: Recipient) -> None:
        send(client, reader)
        assert "Mail me this receipt" in see(client, reader)
        assert [self.press(client, reader).status_code for _ in range(2)] == [303, 303]
        assert Message.objects.get().key == f"receipt:{kept().pk}"
        page = see(client, reader)
        assert "This receipt is on its way to your own address." in page
        assert "Mail me this receipt" not in page

    def test_a_machines_press_and_an_old_one_mail_nothing_and_say_so(self, client: Client, reader: Recipient) -> None:
        send(client, reader)
        response = self.press(client, reader, "MailGatewayLinkScanner/2.1")
        assert (response.status_code, "nothing was mailed" in response.content.decode()) == (422, True)
        form = hidden(see(client, reader))
        with time_machine.travel(timezone.now() + timedelta(hours=25)):
            response = client.post(link(reader), {"press": "receipt", "form": form})
        assert (response.status_code, "nothing was mailed" in response.content.decode()) == (422, True)
        assert not Message.objects.exists()

    def test_a_press_within_a_second_is_asked_for_once_more_without_a_word_to_type(
        self, client: Client, reader: Recipient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        send(client, reader)
        monkeypatch.setattr(suspicion, "FASTEST_PERSON", 60)
        response = self.press(client, reader)
        page = response.content.decode()
        assert response.status_code == 422
        assert "came within a second of the page" in page
        assert "Press once more: it is mailed then." in page
        assert "Mail me this receipt" in page
        assert "last four characters" not in page
        with time_machine.travel(timezone.now() + timedelta(seconds=61)):
            form = {"press": "receipt", "form": hidden(page)}
            assert client.post(link(reader), form).status_code == 303
        assert Message.objects.get().key == f"receipt:{kept().pk}"

    def test_before_there_is_an_answer_there_is_nothing_to_mail(self, client: Client, reader: Recipient) -> None:
        assert self.press(client, reader).status_code == 303
        assert not Message.objects.exists()


# --- a form that is wrong, old, or overtaken ---


def test_a_wrong_form_leads_to_each_field_in_the_pages_order_and_its_value_stays_good(
    client: Client, reader: Recipient
) -> None:
    first = hidden(see(client, reader))
    answer = {"form": first, "a-move": "na", "a-move-why": "", "text": "half a thought"}
    response = client.post(link(reader), answer)
    page = response.content.decode()
    assert response.status_code == 422
    assert "no-store" in response["Cache-Control"]
    led = re.findall(r'<li><a href="#([^"]+)">', page)
    assert led == ["read", "a-move-why"]
    assert all(f'id="{name}"' in page for name in led)
    assert page.index('role="alert"') < page.index("<h1")
    assert "half a thought" in page
    assert hidden(page) == first
    assert client.post(link(reader), {**answer, "read": "yes", "a-move": "done"}).status_code == 303


def test_a_form_that_answered_already_comes_back_with_a_value_that_can(client: Client, reader: Recipient) -> None:
    first = hidden(see(client, reader))
    client.post(link(reader), {"form": first, "read": "yes", "a-move": "done"})
    page = client.post(link(reader), {"form": first, "read": "yes"}).content.decode()
    assert hidden(page) != first
    assert client.post(link(reader), {"form": hidden(page), "read": "yes", "a-move": "later"}).status_code == 303
    assert [one.choice for one in ActionAnswer.objects.order_by("pk")] == ["done", "later"]


def test_a_page_that_lay_open_for_a_week_loses_nothing_and_the_next_press_counts(
    client: Client, reader: Recipient
) -> None:
    answer = {"form": hidden(see(client, reader)), "read": "help", "text": "kept", "a-move": "done"}
    with time_machine.travel(timezone.now() + timedelta(days=7)):
        response = client.post(link(reader), answer)
        page = response.content.decode()
        assert response.status_code == 422
        assert "open for more than a day" in page
        assert "kept" in page
        assert len(re.findall(" checked", page)) == 2
        assert client.post(link(reader), {**answer, "form": hidden(page)}).status_code == 303
    assert kept().text == "kept"


def test_whoever_answered_while_the_advice_changed_is_told_so_and_asked_once_more(
    client: Client, advisory: Advisory, reader: Recipient
) -> None:
    form = hidden(see(client, reader))
    second = rows.revise(advisory, what_changed="Version 2 is out.")
    rows.action(second, "tell")
    counting.recount(advisory.pk)
    response = client.post(link(reader), {"form": form, "read": "yes", "a-move": "done"})
    assert response["Location"] == f"{link(reader)}#receipt"
    page = text_of(see(client, reader))
    assert (
        "The advice changed while your page was open. Your answer to revision 1 is kept; "
        "look at what changed, and answer once more." in page
    )
    assert "Your answer: 2 questions" in page
    wrong = client.post(link(reader), {"form": form, "read": "yes"}).content.decode()
    assert "The advice changed while your page was open:" in wrong
    assert hidden(wrong) != form


def test_a_minor_change_meanwhile_is_told_and_the_answer_counts(
    client: Client, advisory: Advisory, reader: Recipient
) -> None:
    form = hidden(see(client, reader))
    rows.revise(advisory, kind="minor", what_changed="A comma.")
    counting.recount(advisory.pk)
    client.post(link(reader), {"form": form, "read": "yes", "a-move": "done"})
    page = text_of(see(client, reader))
    assert "Thank you: your answer is here" in page
    assert "Your answer to revision 1 is kept, and counts: look at what changed." in page


def test_nobody_is_sent_to_look_for_a_change_of_which_nothing_was_said(
    client: Client, advisory: Advisory, reader: Recipient
) -> None:
    send(client, reader)
    rows.revise(advisory)
    counting.recount(advisory.pk)
    page = text_of(see(client, reader))
    assert "is kept, and the advice has changed since: read it once more, and answer again." in page
    assert "look at what changed" not in page


def test_a_late_answer_is_welcome_and_says_that_it_was_late(
    client: Client, advisory: Advisory, reader: Recipient
) -> None:
    Advisory.objects.filter(pk=advisory.pk).update(acknowledge_by=timezone.now() - timedelta(hours=1))
    assert "Late is better than never" in see(client, reader)
    send(client, reader)
    assert "after the time asked for; it counts all the same" in see(client, reader)


def test_a_change_that_looks_like_a_machines_leaves_the_answer_and_asks(client: Client, reader: Recipient) -> None:
    send(client, reader)
    scanner = Client(headers={"user-agent": "MailGatewayLinkScanner/2.1"})
    again = text_of(send(scanner, reader, read="help").content.decode())
    page = text_of(see(client, reader))
    assert "the answer above stands as it was" in again
    assert "the answer above stands as it was" in page
    assert "Yes, read and understood" in page


# --- what else is open ---


def other(reader: Recipient, reference: str, **fields: object) -> Recipient:
    """One more advisory, of which the reader was told."""
    words = {name: fields.pop(name) for name in ("marking", "severity", "exercise") if name in fields}
    of = rows.advisory(reference, **fields)
    Advisory.objects.filter(pk=of.pk).update(**words)
    made = rows.recipient(of, who=reader.person)
    Recipient.objects.filter(pk=made.pk).update(told_revision=1)
    return Recipient.objects.get(pk=made.pk)


class TestAlsoOpen:
    """All of somebody's open advisories, behind one link."""

    def test_the_others_are_named_within_their_marking_the_most_severe_first(
        self, client: Client, reader: Recipient
    ) -> None:
        assert 'id="also"' not in see(client, reader)
        low = other(reader, "ADV-2", severity="low")
        red = other(reader, "ADV-3", severity="critical", marking="RED", open_title="About telephones")
        page = see(client, reader)
        also = page[page.index('id="also"') :]
        assert also.index(link(red)) < also.index(link(low))
        assert "About telephones" in also
        assert also.count("Do not use Zoom") == 1
        assert client.get(link(low)).status_code == 200

    def test_those_that_were_answered_are_folded_away(self, client: Client, reader: Recipient) -> None:
        of = other(reader, "ADV-2")
        Recipient.objects.filter(pk=of.pk).update(answered_revision=1)
        page = text_of(see(client, reader))
        assert "Nothing else waits for your answer." in page
        assert "Answered, and still open: 1" in page

    def test_what_has_not_reached_them_or_is_over_is_not_named(self, client: Client, reader: Recipient) -> None:
        over = other(reader, "ADV-2")
        Advisory.objects.filter(pk=over.advisory_id).update(state="stood-down")
        held = rows.advisory("ADV-3")
        rows.recipient(held, rows.relay(held, "audit", state="held"), who=reader.person)
        stopped = rows.advisory("ADV-4", stopped_at=timezone.now())
        rows.recipient(stopped, rows.relay(stopped, "border"), who=reader.person)
        assert 'id="also"' not in see(client, reader)
        Relay.objects.filter(body__slug="audit").update(state="released", held_until=None)
        assert "ADV-3" in see(client, reader)

    def test_it_asks_as_much_of_the_database_for_one_as_for_sixty_and_shows_fifty(
        self, client: Client, reader: Recipient
    ) -> None:
        other(reader, "ADV-1")
        with CaptureQueriesContext(connection) as one:
            see(client, reader)
        for number in range(2, 61):
            other(reader, f"ADV-{number}")
        with CaptureQueriesContext(connection) as sixty:
            page = see(client, reader)
        assert len(one) == len(sixty)
        assert page.count('<p class="meta">') == 51


# --- is it genuine? ---


def test_whom_to_ask_is_the_nearest_contact_up_the_tree_and_otherwise_the_issuer(
    client: Client, advisory: Advisory
) -> None:
    top = rows.relay(advisory, "top", purpose="between")
    middle = rows.relay(advisory, "middle", top, purpose="between")
    low = rows.relay(advisory, "low", middle)
    of = rows.recipient(advisory, low, role="contact")
    assert f"or ask {advisory.issuer}, by a number that you know" in text_of(see(client, of))
    for place, name in ((top, "Tom Top"), (middle, "Mo Middle")):
        who = rows.person(name, telephone="020 7946 0001")
        Membership.objects.create(person=who, body=place.body, role="contact")
    assert "or ask the contact of Middle, Mo Middle, on 020 7946 0001." in text_of(see(client, of))
    Membership.objects.create(person=rows.person("Lo Low"), body=low.body, role="deputy")
    assert "or ask your contact, Lo Low." in text_of(see(client, of))


def test_a_contact_further_up_is_called_so_wherever_somebody_is_sent_to_them(
    client: Client, advisory: Advisory
) -> None:
    middle = rows.relay(advisory, "middle", purpose="between")
    of = rows.recipient(advisory, rows.relay(advisory, "low", middle))
    mo = rows.person("Mo Middle", telephone="020 7946 0001")
    Membership.objects.create(person=mo, body=middle.body, role="contact")
    for kind in ("not-me", "left", "also"):
        page = see(client, of, f"/{kind}")
        assert "or ask the contact of Middle, Mo Middle, on 020 7946 0001." in text_of(page)
        assert 'href="tel:02079460001"' in page
    Advisory.objects.update(marking="RED", open_title="Advice")
    Person.objects.filter(pk=of.person_id).update(bounced_at=timezone.now())
    assert "Ask the contact of Middle, Mo Middle, to see to it." in text_of(see(client, of))
    Advisory.objects.update(marking="GREEN", state="expired", review_by=timezone.now() - timedelta(days=1))
    assert f"ask {advisory.issuer} or the contact of Middle, Mo Middle" in text_of(see(client, of))


class TestDoubts:
    """ "This looks like phishing"."""

    def press(self, client: Client, reader: Recipient, **typed: str) -> Any:
        form = hidden(see(client, reader), 'name="press" value="phishing"')
        return client.post(link(reader), {"press": "phishing", "form": form, **typed})

    def test_it_is_told_and_does_not_count(self, client: Client, advisory: Advisory, reader: Recipient) -> None:
        Person.objects.filter(pk=reader.person_id).update(shared=True)
        response = self.press(client, reader, text="odd link")
        assert (response.status_code, response["Location"]) == (303, f"{link(reader)}#genuine")
        assert (kept().read, kept().text, kept().counts) == ("phishing", "odd link", False)
        page = text_of(see(client, reader))
        assert f"Thank you: {advisory.issuer} has been told" in page
        assert "This does not count as an answer" in page
        assert "Answer now, 2 questions" in page
        assert coverage.whole(advisory).figures.acknowledged == 0

    def test_whoever_thinks_better_of_it_answers(self, client: Client, reader: Recipient) -> None:
        self.press(client, reader)
        assert send(client, reader).status_code == 303
        assert "Thank you: your answer is here" in see(client, reader)

    def test_a_machines_press_tells_nobody_and_says_so(self, client: Client, reader: Recipient) -> None:
        scanner = Client(headers={"user-agent": "MailGatewayLinkScanner/2.1"})
        response = self.press(scanner, reader, text="typed")
        page = response.content.decode()
        assert response.status_code == 422
        assert "nobody was told" in page
        assert "typed</textarea>" in page
        assert "has been told" not in page

    def test_it_can_be_said_while_the_page_is_locked(
        self, client: Client, advisory: Advisory, reader: Recipient
    ) -> None:
        Advisory.objects.update(marking="RED", open_title="About telephones")
        assert self.press(client, reader).status_code == 303
        page = see(client, reader)
        assert "has been told" in page
        assert "Zoom" not in page


# --- bad input ---


@pytest.mark.parametrize(
    "body", ["read=yes&text=" + "x" * 10_000_000, "&".join(f"f{number}=1" for number in range(3_000))]
)
def test_what_is_too_much_is_answered_by_a_page_that_says_what_to_do(
    client: Client, reader: Recipient, body: str
) -> None:
    response = client.post(link(reader), body, content_type="application/x-www-form-urlencoded")
    page = response.content.decode()
    assert response.status_code == 413
    assert "no-store" in response["Cache-Control"]
    assert response["Referrer-Policy"] == "no-referrer"
    for words in ("nothing is lost", "Press “Back”", "2,000 characters"):
        assert words in page
    assert not Acknowledgement.objects.exists()


def test_what_is_no_form_is_answered_by_a_page_too(client: Client, reader: Recipient) -> None:
    response = client.post(link(reader), "nonsense", content_type="multipart/form-data")
    assert response.status_code == 400
    assert "nothing is lost" in response.content.decode()
    assert "no-store" in response["Cache-Control"]


def test_a_text_that_is_too_long_comes_back_whole(client: Client, reader: Recipient) -> None:
    text = "ة" * 2_001
    response = send(client, reader, read="help", text=text)
    page = response.content.decode()
    assert response.status_code == 422
    assert '<a href="#text">Question 1: That has 2,001 characters; 2,000 is the most. Shorten it.' in page
    assert text in page
    assert send(client, reader, read="help", text="a\r\n" * 999).status_code == 303


# --- in a browser ---


@pytest.fixture
def mia(advisory: Advisory, treasury: Relay) -> Recipient:
    """Who answers for herself and for several bodies, one of them with a very long name."""
    assert advisory.current
    rows.action(advisory.current, "count", of="body")
    places = [treasury, *(rows.relay(advisory, slug) for slug in ("audit", "border"))]
    type(treasury.body).objects.filter(slug="border").update(name=LONG)
    return rows.recipient(advisory, *places, who=rows.person("Mia Many"), role="contact")


def test_the_page_is_sound_in_each_of_its_states(live_server: LiveServer, mia: Recipient) -> None:
    dan = rows.person("Dan " + "Delegate" * 20)
    Delegation.objects.create(person=mia.person, delegate=dan, until=timezone.now() + timedelta(days=9))
    other(mia, "ADV-2")
    url = live_server.url + link(mia)
    with open_page() as page:
        wrong = faults_in_every_look(page, url)
        wrong += faults_in_every_look(page, f"{url}?as={dan.pk}")
        page.get_by_label("Yes, but I need help with it").check()
        page.locator("[name='a-move'][value=by]").check()
        page.locator("[name='b-count-all'][value=na]").check()
        page.get_by_text("Or answer for each of the 3 bodies").click()
        page.get_by_role("button", name="Send my answer").click()
        wrong += faults_in_every_look(page, "")
        assert page.get_by_role("alert").is_visible()
        page.get_by_role("link", name="Question 2").click()
        page.keyboard.type("1")
        page.get_by_label("Month").first.fill("2")
        page.get_by_role("link", name="Question 3").click()
        page.keyboard.type("لا نستخدمه")
        page.get_by_role("button", name="Send my answer").click()
        assert page.get_by_text("Thank you: your answer is here").is_visible()
        wrong += faults_in_every_look(page, "")
        page.get_by_text("This looks like phishing").click()
        page.get_by_role("button", name="Tell Issuer").click()
        wrong += faults_in_every_look(page, "")
    assert wrong == []


def test_keys_alone_answer_it_and_on_paper_the_receipt_comes_first(live_server: LiveServer, mia: Recipient) -> None:
    with open_page(forced_colors="active") as page:
        page.goto(live_server.url + link(mia))
        for _ in range(60):
            page.keyboard.press("Tab")
            name = page.evaluate("document.activeElement.name || document.activeElement.textContent")
            if name in ("read", "a-move", "b-count-all"):
                page.keyboard.press("Space")
            if name == "Send my answer":
                page.keyboard.press("Enter")
                break
        page.locator("#receipt").wait_for()
        page.emulate_media(media="print")
        assert not page.locator("form:visible").count()
        assert not page.locator("#more").is_visible()
        heading, receipt = page.locator("h1").bounding_box(), page.locator("#receipt").bounding_box()
        assert heading
        assert receipt
        assert receipt["y"] < heading["y"]


def test_without_scripts_and_on_an_old_browser_everything_is_there(live_server: LiveServer, mia: Recipient) -> None:
    with open_page(java_script_enabled=False) as page:
        # As a browser does that knows none of this: what it does not understand is dropped.
        page.route(
            "**/tocsin.css",
            lambda route: route.fulfill(
                body=re.sub(r"@supports[^{]+\{", "@supports (made: up) {", route.fetch().text()).replace(
                    "clamp(", "no("
                ),
                content_type="text/css",
            ),
        )
        page.goto(live_server.url + link(mia))
        assert page.get_by_label("Month").first.is_visible()
        page.get_by_label("Yes, and I know what it asks of me").check()
        page.get_by_label("Done").first.check()
        page.locator("[name='b-count-all'][value=done]").check()
        page.get_by_role("button", name="Send my answer").click()
        assert page.get_by_text("Thank you: your answer is here").is_visible()
        page.get_by_role("button", name="Mail me this receipt").click()
        assert page.get_by_text("This receipt is on its way to your own address.").is_visible()
