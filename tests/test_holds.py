"""A contact lets go on what they hold with one press of their own link: the safe direction needs no sign-in."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django.fixtures import Settings as SettingsWrapper
from pytest_django.plugin import DjangoDbBlocker

from alerts import hold_words, suspicion
from alerts.cascading import holds
from alerts.models import Advisory, Note, Record, Relay
from alerts.publishing.life import life_of
from alerts.publishing.reviewing import expire
from alerts.publishing.stopping import stand_down, stop
from departments.models import Body, Membership
from departments.refusal import Refused
from tests.clients import signed_in
from tests.holding import Holding, browser
from tests.office import Office
from tests.put_back import PutBack

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _no_haste(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suspicion, "FASTEST_PERSON", 0)


@pytest.fixture(scope="module")
def kept(django_db_blocker: DjangoDbBlocker) -> Iterator[PutBack[Holding]]:
    """Made by the first test that asks for it."""
    world = PutBack(lambda: Holding(Office()))
    yield world
    with django_db_blocker.unblock(), world:
        pass


@pytest.fixture
def held(transactional_db: None, kept: PutBack[Holding]) -> Holding:
    return kept.again()


class TestTheCard:
    def test_it_says_who_waits_and_when_it_goes_on_before_the_prose(self, held: Holding) -> None:
        page = held.page(held.ann)
        assert "A Department holds this warning" in page
        assert "3 people wait for you, in it and below it." in page
        assert "(in 3 h 59 min)" in page or "(in 4 h)" in page
        assert page.index("Release now") < page.index("Meetings may be overheard.")
        assert f"/advisories/{held.advisory.reference}/note/{held.relay.pk}/" in page

    def test_nobody_else_has_one(self, held: Holding) -> None:
        for who in (held.dan, held.office.cas, held.meg):
            assert "holds this warning" not in held.page(who)

    def test_looking_at_it_writes_nothing(self, held: Holding) -> None:
        before = [Record.objects.count(), *Relay.objects.order_by("pk").values_list("state", "released_at", "to_tell")]
        browser().get(held.link(held.ann))
        browser().head(held.link(held.ann))
        after = [Record.objects.count(), *Relay.objects.order_by("pk").values_list("state", "released_at", "to_tell")]
        assert before == after

    def test_several_bodies_have_one_each_and_take_no_more_questions(self, held: Holding) -> None:
        def queries() -> int:
            with CaptureQueriesContext(connection) as asked:
                held.page(held.ann)
            return len(asked)

        before = queries()
        for number in range(3):
            body = Body.objects.create(
                slug=f"team-{number}",
                name=f"Team {number}",
                kind="team",
                parent=held.office.government,
                policy="hold",
                hold_hours=2,
            )
            Membership.objects.create(person=held.ann, body=body, role="contact")
        held.go()
        assert held.page(held.ann).count(">Release now<") == 4
        assert queries() == before

    def test_somebody_who_is_told_through_another_body_does_not_wait(self, held: Holding) -> None:
        other = Body.objects.create(slug="other", name="Other", kind="team", parent=held.office.government)
        Membership.objects.create(person=held.meg, body=other, role="member")
        held.go()
        assert "2 people wait for you" in held.page(held.ann)

    def test_while_people_are_looked_up_the_number_is_a_least(self, held: Holding) -> None:
        Relay.objects.filter(body=held.agency).update(stale=True)
        assert "At least 3 people wait for you" in held.page(held.ann)

    def test_what_left_the_audience_is_held_by_nobody(self, held: Holding) -> None:
        Relay.objects.filter(pk=held.relay.pk).update(purpose=Relay.Purpose.LEFT)
        assert "holds this warning" not in held.page(held.ann)


class TestOnePress:
    def test_it_goes_on_and_says_so_and_the_record_says_how(self, held: Holding) -> None:
        answer = held.press(held.ann)
        assert answer.status_code == 303
        assert answer["Location"].endswith(f"#hold-{held.relay.pk}")
        assert held.state() == Relay.State.RELEASED
        assert held.relay.released_by == held.ann
        assert held.relay.to_tell
        entry = Record.objects.get(kind="released")
        assert (entry.actor, entry.details["how"], entry.details["body"]) == (held.ann, "link", "department")
        assert "You released it for A Department" in held.page(held.ann)
        assert ">Release now<" not in held.page(held.ann)
        assert "released A Department after less than a minute, through the link in their mail" in [
            step.what for step in life_of(held.advisory)
        ]

    def test_everybody_below_is_told_then(self, held: Holding) -> None:
        held.press(held.ann)
        held.go()
        told = set(held.advisory.recipients.filter(messages__isnull=False).values_list("person__name", flat=True))
        assert told == {"Ann Contact", "Dan", "Cas", "Meg"}

    def test_a_second_press_is_the_first_one(self, held: Holding) -> None:
        form = held.form(held.ann)
        assert [browser().post(held.link(held.ann), form).status_code for _ in range(2)] == [303, 303]
        assert Record.objects.filter(kind="released").count() == 1

    def test_after_the_clock_it_says_so_and_nothing_changes(self, held: Holding) -> None:
        form = held.form(held.ann)
        Relay.objects.filter(pk=held.relay.pk).update(held_until=timezone.now())
        held.go()
        answer = browser().post(held.link(held.ann), form)
        assert answer.status_code == 422
        assert "It went on by itself at" in answer.content.decode()
        assert held.state() == Relay.State.RELEASED
        assert held.relay.released_by is None
        assert "released over them by the clock: A Department after less than a minute" in [
            step.what for step in life_of(held.advisory)
        ]

    def test_after_a_colleague_it_names_them(self, held: Holding) -> None:
        form = held.form(held.ann)
        holds.release(held.relay.pk, held.dan)
        answer = browser().post(held.link(held.ann), form)
        assert (answer.status_code, "Dan let it go on at" in answer.content.decode()) == (422, True)

    def test_somebody_who_is_not_its_contact_any_more_can_not(self, held: Holding) -> None:
        form = held.form(held.ann)
        Membership.objects.filter(person=held.ann).update(until=timezone.now())
        assert "holds this warning" not in held.page(held.ann)
        answer = browser().post(held.link(held.ann), form)
        assert (answer.status_code, "You are not the contact" in answer.content.decode()) == (422, True)
        assert held.state() == Relay.State.HELD

    @pytest.mark.parametrize(
        ("how", "says"), [("stop", "was stopped"), ("stand down", "is stood down"), ("expire", "has expired")]
    )
    def test_what_does_not_move_is_not_let_go_on(self, held: Holding, how: str, says: str) -> None:
        form = held.form(held.ann)
        if how == "stop":
            stop(held.advisory, held.office.ben)
        elif how == "stand down":
            stand_down(held.advisory, held.office.ben, "over")
        else:
            assert held.advisory.review_by is not None
            expire(held.advisory.review_by + timedelta(days=31))
        assert "holds this warning" not in held.page(held.ann)
        answer = browser().post(held.link(held.ann), form)
        assert (answer.status_code, says in answer.content.decode()) == (422, True)
        assert held.state() == Relay.State.HELD

    def test_an_old_a_forged_and_somebody_elses_form_are_not_taken(self, held: Holding) -> None:
        good = held.form(held.ann)
        other = held.recipient(held.dan)
        for form in ("", "x:y:z", "a" * 5000, holds.issue_form(other, held.relay.pk), "\0"):
            answer = browser().post(held.link(held.ann), {**good, "form": form})
            assert (answer.status_code, "Press once more" in answer.content.decode()) == (422, True)
        for relay in ("", "x", "-1", "9" * 40, "²", str(held.relay.pk + 1)):
            assert browser().post(held.link(held.ann), {**good, "relay": relay}).status_code == 422
        with time_machine.travel(timezone.now() + timedelta(hours=25), tick=True):
            assert browser().post(held.link(held.ann), good).status_code == 422
        assert held.state() == Relay.State.HELD
        assert not Record.objects.filter(kind="released").exists()

    def test_the_relay_of_another_advisory_is_not_taken(self, held: Holding) -> None:
        second = held.office.publish(title="Another", severity="medium").advisory
        holds_it = Holding.go
        first, held.advisory = held.advisory, second
        holds_it(held)
        other = second.relays.get(body=held.department)
        held.advisory = first
        recipient = held.recipient(held.ann)
        form = {"press": "release", "relay": str(other.pk), "form": holds.issue_form(recipient, other.pk)}
        answer = browser().post(held.link(held.ann), form)
        assert (answer.status_code, "belongs to another warning" in answer.content.decode()) == (422, True)
        other.refresh_from_db()
        assert other.state == Relay.State.HELD

    def test_a_machine_is_asked_to_press_once_more(self, held: Holding) -> None:
        form = held.form(held.ann)
        answer = Client(headers={"user-agent": "MailGatewayLinkScanner/2.1"}).post(held.link(held.ann), form)
        assert (answer.status_code, "Press once more" in answer.content.decode()) == (422, True)
        assert held.state() == Relay.State.HELD
        assert browser().post(held.link(held.ann), form).status_code == 303

    def test_haste_is_a_sign(self, held: Holding, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(suspicion, "FASTEST_PERSON", 60)
        assert held.press(held.ann).status_code == 422
        assert held.state() == Relay.State.HELD

    def test_asking_for_it_twice_is_one_release(self, held: Holding) -> None:
        assert holds.release_by_link(held.recipient(held.ann), held.relay.pk)
        assert not holds.release_by_link(held.recipient(held.ann), held.relay.pk)

    def test_an_officer_lets_nothing_go_on_that_is_stood_down(self, held: Holding) -> None:
        stand_down(held.advisory, held.office.ben, "over")
        with pytest.raises(Refused, match="stood down"):
            holds.release(held.relay.pk, held.office.ben)


def test_a_locked_page_lets_it_go_on_and_shows_no_text(office: Office, settings: SettingsWrapper) -> None:
    settings.AMBER_STRICT_NEEDS_CODE = True
    held = Holding(office, marking="AMBER+STRICT")
    Note.objects.create(relay=held.relay, text="Ask Pelican.", by=held.ann)
    page = held.page(held.ann)
    assert "a link is not enough to read it" in page
    assert "A Department holds this warning" in page
    assert held.press(held.ann, form="x").status_code == 422
    assert held.press(held.ann).status_code == 303
    page = held.page(held.ann)
    assert "You released it for A Department" in page
    for words in ("overheard", "Pelican", "Zoom"):
        assert words not in page


class TestWhatIsSaidAfterwards:
    def test_the_coverage_page_says_who_held_it_for_how_long(self, held: Holding) -> None:
        path = f"/advisories/{held.advisory.reference}/coverage/"
        page = signed_in(held.office.ben).get(path).content.decode()
        assert "(Ann Contact, 020 7946 0000), goes on by itself" in page
        assert "Held on the way" not in page
        started = timezone.now() - timedelta(hours=3, minutes=58, seconds=20)
        Relay.objects.filter(pk=held.relay.pk).update(reached_at=started)
        holds.release(held.relay.pk, held.ann)
        page = signed_in(held.office.ben).get(path).content.decode()
        said = "Held by A Department (Ann Contact, 020 7946 0000) for 3 h 58 min, then released by Ann Contact"
        assert said in page
        assert "It was held first by the contacts of 1 body, for 3 h 58 min." in page
        assert "/note/" not in page

    def test_ten_are_named_and_the_others_stand_behind(self, held: Holding) -> None:
        now = timezone.now()
        for number in range(14):
            body = Body.objects.create(slug=f"t-{number}", name=f"Team {number:02}", kind="team")
            Relay.objects.create(
                advisory=held.advisory,
                body=body,
                purpose="target",
                state="released",
                stale=False,
                reached_at=now - timedelta(hours=3, minutes=number),
                held_until=now,
                released_at=now,
            )
        page = signed_in(held.office.ben).get(f"/advisories/{held.advisory.reference}/coverage/").content.decode()
        assert "14 bodies held it first, the longest hold on top." in page
        assert "4 more held it" in page
        assert page.index("Held by Team 13 for 3 h 13 min") < page.index("4 more held it") < page.index("Team 03 for")

    def test_what_was_never_held_is_not_said_to_have_been(self, held: Holding) -> None:
        relay = held.advisory.relays.select_related("body", "released_by").get(body=held.office.government)
        assert hold_words.held_for(relay) == ""

    @pytest.mark.parametrize(
        ("minutes", "said"),
        [
            (0, "less than a minute"),
            (12, "12 min"),
            (60, "1 h"),
            (238, "3 h 58 min"),
            (1440, "1 day"),
            (3180, "2 days 5 h"),
        ],
    )
    def test_a_span_is_said_as_people_say_it(self, minutes: int, said: str) -> None:
        assert hold_words.lasted(timedelta(minutes=minutes)) == said

    def test_a_moment_far_off_has_its_day(self) -> None:
        now = timezone.now().replace(month=6, day=1, hour=12, minute=0)
        assert hold_words.until_exact(now + timedelta(hours=2), now).endswith("today (BST)")
        assert "tomorrow, 2 June" in hold_words.until_exact(now + timedelta(hours=20), now)
        assert "on 4 June" in hold_words.until_exact(now + timedelta(days=3), now)
        assert hold_words.goes_on(now, now) == "now, by the clock"
        assert "(in 2 h)" in hold_words.goes_on(now + timedelta(hours=2), now)


def test_the_advisory_is_as_it_was(held: Holding) -> None:
    before = Advisory.objects.values().get(pk=held.advisory.pk)
    held.press(held.ann)
    assert Advisory.objects.values().get(pk=held.advisory.pk) == before
