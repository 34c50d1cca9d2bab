"""The last word: of all that was said by somebody and for them, the one that stands, and that every page takes it for that."""

from __future__ import annotations

import threading
from datetime import timedelta
from uuid import uuid4

import pytest
import time_machine
from django.db import connections, transaction
from django.test import Client as Browser
from django.utils import timezone
from hypothesis import given as many
from hypothesis import settings as bounded
from hypothesis import strategies as st

from alerts import answer_form, counting, coverage, tokens
from alerts.answer_form import ActionChoice, Form, Said
from alerts.answering import acknowledge, answers, behalf, doubts, receipts
from alerts.answering.answered import answers_of
from alerts.answering.answers import Given, How, Read, Told
from alerts.cascading.cascade import cascade
from alerts.coverage import standings, told
from alerts.last_word import last_word
from alerts.models import Acknowledgement, Advisory, Message, Recipient, Relay
from alerts.publishing import stopping
from alerts.publishing.achieved import achieved
from alerts.statements import run
from departments.models import Person
from tests import rows
from tests.office import Office
from tests.referring import SOMEBODY

# Whether anybody waits for a lock here; other workers' databases have locks of their own.
WAITED_FOR = """
SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
WHERE NOT l.granted AND a.datname = current_database()
"""


def fresh(recipient: Recipient) -> Recipient:
    """As a link finds it."""
    whole = Recipient.objects.select_related("person", "advisory__issuer", "advisory__current", "advisory__material")
    return whole.get(pk=recipient.pk)


def say(
    recipient: Recipient,
    number: int,
    how: str = "link",
    read: str = "yes",
    choice: str = "done",
    by: Person | None = None,
) -> Acknowledgement:
    """What somebody says to a revision, kept however it came."""
    asked = answers.question(recipient.pk, number)
    assert asked is not None
    said = [Said(one, None, ActionChoice(choice)) for one in asked.actions if one.of == "person" and read != "phishing"]
    by_telephone = Told.TELEPHONE if how == "behalf" else None
    given = Given(
        How(how),
        Read(read),
        uuid4(),
        said,
        by=by,
        told_how=by_telephone,
        told_at=timezone.now() if by_telephone else None,
    )
    return answers.keep(asked, given)[0]


def update(advisory: Advisory, kind: str = "material") -> None:
    """One more revision that asks for the same."""
    rows.action(rows.revise(advisory, kind), "move")


class Scene:
    """An advisory of one revision, a body, and somebody in it."""

    def __init__(self, **fields: object) -> None:
        self.advisory = rows.advisory(f"ADV-{uuid4().hex[:8]}", **fields)
        assert self.advisory.current
        rows.action(self.advisory.current, "move")
        self.place: Relay = rows.relay(self.advisory, f"treasury-{uuid4().hex[:8]}")
        self.cas: Recipient = rows.recipient(self.advisory, self.place, who=rows.person("Cas Member"))

    def standing(self) -> str:
        """How the body's page says that they stand."""
        return next(one.standing for one in standings.people_of(self.place).people if one.recipient_id == self.cas.pk)

    def raised(self) -> list[int]:
        """Of how many the advisory's page says that they need help, and that they doubt it."""
        return [one.count for one in doubts.raised(Advisory.objects.get(pk=self.advisory.pk))]

    def word(self) -> int:
        """The id of their last word."""
        return int(run(f"SELECT {last_word('%(whose)s')}", whose=self.cas.pk)[0][0])


@pytest.fixture
def scene(db: None) -> Scene:
    return Scene()


class TestAnOldForm:
    """A form of an earlier revision, sent after a newer one was answered."""

    def test_the_newer_answer_stays_the_one_on_their_page(self, scene: Scene) -> None:
        update(scene.advisory)
        good = say(scene.cas, 2)
        old = say(scene.cas, 1)
        page = acknowledge.page(fresh(scene.cas))
        assert page.answered
        assert page.receipt is not None
        assert page.receipt.answer == good
        assert [one.answer for one in page.earlier_answers] == [old]

    def test_it_takes_back_no_cry_for_help(self, scene: Scene) -> None:
        update(scene.advisory)
        say(scene.cas, 2, read="help")
        say(scene.cas, 1)
        assert (scene.raised(), scene.standing()) == ([1, 0], "help")

    def test_its_cry_for_help_is_overtaken_everywhere(self, scene: Scene) -> None:
        update(scene.advisory)
        say(scene.cas, 2)
        say(scene.cas, 1, read="help")
        assert (scene.raised(), scene.standing()) == ([0, 0], "answered")

    def test_its_doubt_is_overtaken_as_well(self, scene: Scene) -> None:
        update(scene.advisory)
        good = say(scene.cas, 2)
        say(scene.cas, 1, read="phishing")
        assert (scene.raised(), scene.standing(), scene.word()) == ([0, 0], "answered", good.pk)

    def test_the_receipt_that_is_mailed_is_of_the_newer_answer(self, scene: Scene) -> None:
        update(scene.advisory)
        good = say(scene.cas, 2)
        say(scene.cas, 1)
        receipts.send_last(scene.cas)
        assert list(Message.objects.values_list("key", flat=True)) == [f"receipt:{good.pk}"]

    @pytest.mark.django_db
    def test_of_two_contacts_the_one_who_answered_the_newer_revision_is_believed(self) -> None:
        advisory = rows.advisory()
        assert advisory.current
        rows.action(advisory.current, "tell", "body")
        place = rows.relay(advisory, "treasury")
        one, other = (rows.recipient(advisory, place, role="contact") for _ in range(2))
        rows.action(rows.revise(advisory), "tell", "body")
        with time_machine.travel(timezone.now() - timedelta(minutes=5), tick=False):
            new, old = answer_form.issue(one.pk, 2), answer_form.issue(other.pk, 1)
        key = ("tell", place.pk)
        acknowledge.answer(fresh(one), Form(new, "yes", {key: ActionChoice("done")}), SOMEBODY)
        acknowledge.answer(fresh(other), Form(old, "yes", {key: ActionChoice("later")}), SOMEBODY)
        previous = acknowledge.page(fresh(one)).body_actions[0].questions[0].previous
        assert previous is not None
        assert previous.choice == "done"
        assert "“Tell”: done by 1 body." in achieved(advisory)

    def test_whoever_presses_it_is_led_to_the_receipt_of_the_newer_one(self, scene: Scene) -> None:
        update(scene.advisory)
        with time_machine.travel(timezone.now() - timedelta(minutes=5), tick=False):
            forms = [answer_form.issue(scene.cas.pk, number) for number in (2, 1)]
        url, browser = f"/a/{tokens.make(scene.cas.pk, 0)}", Browser(headers={"user-agent": SOMEBODY.user_agent})
        for form in forms:
            sent = browser.post(url, {"form": form, "read": "yes", "a-move": "done", "hand": "seen"})
            assert sent["Location"] == f"{url}#receipt"
        page = browser.get(url).content.decode()
        assert "answer once more" not in page
        assert 'class="card said receipt"' in page


# --- what others said for them ---


@pytest.mark.django_db
def test_what_an_office_says_apart_replaces_nothing_that_they_said_themselves() -> None:
    scene = Scene(office="apart")
    own = say(scene.cas, 1, read="help", choice="later")
    say(scene.cas, 1, "office")
    assert answers_of(fresh(scene.cas)).last == own
    assert (scene.raised(), scene.standing(), fresh(scene.cas).needs_help) == ([1, 0], "help", True)
    update(scene.advisory)
    of_office = say(scene.cas, 2, "office")
    assert answers_of(fresh(scene.cas)).last == of_office, "they said nothing of this one"


@pytest.mark.django_db
def test_where_an_office_counts_whoever_spoke_last_is_believed() -> None:
    scene = Scene(office="counts")
    say(scene.cas, 1, read="help")
    say(scene.cas, 1, "office")
    assert (scene.raised(), scene.standing()) == ([0, 0], "answered")
    say(scene.cas, 1, read="help")
    assert (scene.raised(), scene.standing()) == ([1, 0], "help")


@pytest.mark.django_db
def test_a_cry_for_help_outlives_an_update_on_every_page(scene: Scene) -> None:
    say(scene.cas, 1, read="help")
    update(scene.advisory)
    assert (scene.raised(), scene.standing()) == ([1, 0], "help")


@pytest.mark.django_db(transaction=True)
def test_their_own_cry_for_help_at_the_moment_of_a_call_is_what_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Scene()
    ann = rows.person("Ann Contact")
    rows.recipient(scene.advisory, scene.place, who=ann, role="contact")
    form = behalf.issue_form(fresh(scene.cas), ann)

    def own() -> None:
        """It has its number before the call's, and waits for the row behind it."""
        try:
            say(scene.cas, 1, read="help")
        finally:
            connections.close_all()

    thread = threading.Thread(target=own)
    looked = behalf.answered_themselves

    def look(recipient: Recipient, number: int) -> bool:
        found = looked(recipient, number)
        thread.start()
        while not run(WAITED_FOR)[0][0]:
            assert thread.is_alive()
        return found

    monkeypatch.setattr(behalf, "answered_themselves", look)
    at = timezone.localtime().strftime("%Y-%m-%dT%H:%M")
    put_down = behalf.Form(form, "yes", {("move", None): ActionChoice("later")}, told_how="telephone", told_at=at)
    behalf.answer(fresh(scene.cas), ann, put_down)
    thread.join()
    assert list(Acknowledgement.objects.order_by("pk").values_list("how", flat=True)) == ["link", "behalf"]
    last = answers_of(fresh(scene.cas)).last
    assert last is not None
    assert (last.how, fresh(scene.cas).needs_help, fresh(scene.cas).behalf_revision) == ("link", True, 0)
    assert (scene.raised(), scene.standing()) == ([1, 0], "help")


# --- figures and words ---


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("office", "lines"), [("counts", ["1 of 1 person answered.", "“Move”: done by 1 person."]), ("apart", [])]
)
def test_what_it_came_to_is_counted_as_coverage_counts(office: str, lines: list[str]) -> None:
    scene = Scene(office=office)
    say(scene.cas, 1, "office")
    assert coverage.read(scene.advisory).rows[0].own.acknowledged == len(lines[:1])
    assert achieved(scene.advisory) == lines


@pytest.mark.django_db
def test_what_an_office_said_apart_is_not_what_people_or_bodies_did() -> None:
    scene = Scene(office="apart")
    assert scene.advisory.current
    count = rows.action(scene.advisory.current, "count", "body")
    say(rows.recipient(scene.advisory, scene.place), 1, choice="later")
    made = say(scene.cas, 1, "office")
    made.answers.create(action=count, relay=scene.place, choice="done")
    assert achieved(scene.advisory) == ["1 of 2 people answered."]


@pytest.mark.django_db
def test_an_old_form_sent_after_their_office_spoke_takes_nothing_back() -> None:
    scene = Scene(office="apart")
    update(scene.advisory)
    say(scene.cas, 2)
    update(scene.advisory)
    of_office = say(scene.cas, 3, "office", read="help")
    say(scene.cas, 1)
    assert answers_of(fresh(scene.cas)).last == of_office
    assert (scene.raised(), scene.standing(), fresh(scene.cas).needs_help) == ([1, 0], "help", True)


SAID = st.tuples(
    st.sampled_from(["link", "reply", "behalf", "office"]), st.sampled_from(["yes", "help"]),
    st.integers(1, 3), st.sampled_from(["done", "later"]),
)  # fmt: skip


@pytest.mark.django_db
@bounded(max_examples=40, deadline=None)
@many(
    steps=st.lists(st.one_of(SAID, st.sampled_from(["material", "minor"])), max_size=8),
    office=st.sampled_from(["apart", "counts"]),
)
def test_whatever_was_said_in_whatever_order_every_page_and_the_row_take_the_same_for_the_last(
    steps: list[tuple[str, str, int, str] | str], office: str
) -> None:
    before = transaction.savepoint()
    scene, by, newest = Scene(office=office), rows.person(), 1
    for step in steps:
        if isinstance(step, str):
            update(scene.advisory, step)
            newest += 1
            continue
        how, read, number, choice = step
        # An office answers the page that it sees; nobody puts down what somebody has answered themselves.
        number = newest if how == "office" else min(number, newest)
        if how != "behalf" or not behalf.answered_themselves(scene.cas, number):
            say(scene.cas, number, how, read, choice, by)
    row = fresh(scene.cas)
    last = answers_of(row).last
    assert row.needs_help is (last is not None and last.read == "help")
    assert (row.acted_revision > 0) is (last is not None and last.answers.get().choice == "done")
    assert (scene.raised()[0] == 1, scene.standing() == "help") == (row.needs_help, row.needs_help)
    transaction.savepoint_rollback(before)


@pytest.mark.django_db
@pytest.mark.parametrize("office", ["apart", "counts"])
def test_somebody_told_through_their_office_makes_nobody_dark_on_their_own_page(office: str) -> None:
    scene = Scene(office=office)
    Recipient.objects.filter(pk=scene.cas.pk).update(outcome="bounced")

    def dark() -> tuple[bool, bool]:
        """As coverage has it, and as their page has it."""
        (entry,) = told.entries(scene.cas.person, [scene.advisory.pk])
        return coverage.read(scene.advisory).rows[0].state == "dark", entry.places[0].dark

    assert dark() == (True, True)
    say(scene.cas, 1, "office")
    assert dark() == (False, False)
    update(scene.advisory)
    counting.recount(scene.advisory.pk)
    assert dark() == (True, True)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("worth", "kind"), [("counts", "thanks"), ("apart", "stand-down")])
def test_whoever_answered_through_an_office_that_counts_is_thanked(office: Office, worth: str, kind: str) -> None:
    advisory = office.publish().advisory
    Advisory.objects.filter(pk=advisory.pk).update(office=worth)
    counting.recount(advisory.pk)
    cascade(advisory.pk)
    whose = Recipient.objects.get(advisory=advisory, person=office.cas)
    Recipient.objects.filter(pk=whose.pk).update(told_revision=1)
    say(whose, 1, "office")
    stopping.stand_down(Advisory.objects.get(pk=advisory.pk), office.ben, "The fault is mended.")
    cascade(advisory.pk)
    assert Message.objects.get(recipient=whose, revision__number=2).kind == kind
    page = Browser().get(f"/a/{tokens.make(whose.pk, 0)}").content.decode()
    assert ("Thank you for answering" in page) is (worth == "counts")
