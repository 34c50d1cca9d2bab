"""Stop, go on, correct, stand down: what had left, what had not, and what it came to."""

import json
from typing import Any, TypeAlias
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from alerts.cascading.cascade import cascade
from alerts.counting import recount
from alerts.delivery.deliver_sql import NOTE_REFUSED, NOTE_SENT
from alerts.models import Acknowledgement, Action, ActionAnswer, Advisory, Message, Recipient, Record, Relay, Revision
from alerts.publishing.achieved import achieved
from alerts.publishing.draft import update_from_file
from alerts.publishing.publish import publish_draft
from alerts.publishing.stopping import HowFar, go_on, how_far, stand_down, stop
from departments.models import Body, Membership
from departments.refusal import Refused
from tests import rows
from tests.office import Office, an_advisory

pytestmark = pytest.mark.django_db


class Busy(Office):
    """Ten people in the department, and Cas."""

    def __init__(self) -> None:
        super().__init__()
        self.people = [self.cas, *(self.person(f"p{n}", self.department, "member") for n in range(9))]

    def published(self, **changes: object) -> Advisory:
        advisory = self.publish(**changes).advisory
        cascade(advisory.pk)
        return advisory

    def note(self, sql: str, advisory: Advisory, count: int, **values: Any) -> None:
        """What became of the next mails, as delivery notes it."""
        advisory.refresh_from_db()
        waiting = Message.objects.filter(advisory=advisory, state="waiting").order_by("pk")
        ids = list(waiting.values_list("pk", flat=True)[:count])
        assert len(ids) == count
        assert advisory.current is not None
        sent = json.dumps([{"id": id_, "provider_id": "", "personal": {}} for id_ in ids])
        more = {"now": timezone.now(), "number": advisory.current.number, "route": "", **values}
        with connection.cursor() as cursor:
            cursor.execute(sql, {"ids": ids, "sent": sent, **more})

    def sends(self, advisory: Advisory, count: int) -> None:
        self.note(NOTE_SENT, advisory, count)

    def is_refused(self, advisory: Advisory, count: int) -> None:
        refused = {"errors": ["550 no such user"] * count, "fates": [""] * count, "runs": [0] * count}
        self.note(NOTE_REFUSED, advisory, count, **refused)


@pytest.fixture
def office() -> Busy:
    return Busy()


class TestHowFar:
    def test_it_says_how_many_were_sent_to_and_how_many_were_not(self, office: Busy) -> None:
        advisory = office.published()
        office.sends(advisory, 3)
        assert stop(advisory, office.ben) == HowFar(sent=3, unsent=7)
        assert Record.objects.get(kind="stopped").details == {"sent": 3, "unsent": 7}

    def test_an_address_that_was_refused_is_neither(self, office: Busy) -> None:
        advisory = office.published()
        office.sends(advisory, 3)
        office.is_refused(advisory, 2)
        assert stop(advisory, office.ben) == HowFar(sent=3, unsent=5)

    def test_after_an_update_it_is_the_latest_text_that_counts(self, office: Busy) -> None:
        advisory = office.published()
        office.sends(advisory, 6)
        publish_draft(update_from_file(advisory, an_advisory(), office.ada, material=True), office.ben)
        assert Message.objects.filter(state="superseded").count() == 4
        cascade(advisory.pk)
        office.sends(advisory, 1)
        assert stop(advisory, office.ben) == HowFar(sent=1, unsent=9)

    def test_in_the_first_second_whoever_is_not_looked_up_yet_is_unsent_as_well(self, office: Busy) -> None:
        advisory = office.publish().advisory
        assert how_far(advisory) == HowFar(sent=0, unsent=10)
        cascade(advisory.pk)
        Relay.objects.update(stale=True)
        recipient = Recipient.objects.first()
        assert recipient is not None
        Message.objects.filter(recipient=recipient).delete()
        recipient.seats.all().delete()
        recipient.delete()
        assert how_far(advisory) == HowFar(sent=0, unsent=10)

    def test_whoever_left_before_they_were_told_is_not_waited_for(self, office: Busy) -> None:
        advisory = office.published()
        office.sends(advisory, 3)
        unsent = Message.objects.filter(state="waiting").values("person")
        Membership.objects.filter(person__in=unsent[:2]).update(until=timezone.now())
        cascade(advisory.pk)
        assert how_far(advisory) == HowFar(sent=3, unsent=5)

    def test_a_contact_who_is_told_for_information_is_counted_with_the_others(self, office: Busy) -> None:
        office.person("con", office.government, "contact")
        advisory = office.published(audience={"branches": ["department"]})
        assert how_far(advisory) == HowFar(sent=0, unsent=11)

    def test_it_is_one_question_and_looks_at_no_mail(self, office: Busy) -> None:
        advisory = office.published()
        with CaptureQueriesContext(connection) as asked:
            how_far(advisory)
        assert len([query for query in asked if "alerts_recipient" in query["sql"]]) == len(asked) == 1
        assert "alerts_message" not in asked[0]["sql"]

    def test_of_a_draft_there_is_nothing_to_say(self, office: Busy) -> None:
        assert how_far(office.draft().advisory) == HowFar(0, 0)


class TestStopAndAfter:
    def test_stopped_no_pass_writes_another_mail_until_it_goes_on(self, office: Busy) -> None:
        advisory = office.publish().advisory
        stop(advisory, office.ben)
        cascade(advisory.pk)
        assert not Message.objects.filter(advisory=advisory).exists()
        go_on(advisory, office.ada)
        cascade(advisory.pk)
        assert Message.objects.filter(advisory=advisory, state="waiting").count() == 10
        with pytest.raises(Refused, match="is not stopped"):
            go_on(advisory, office.ada)

    def test_a_correction_goes_to_everyone_it_went_to_and_everyone_it_should_have(self, office: Busy) -> None:
        advisory = office.published()
        office.sends(advisory, 4)
        stop(advisory, office.ben)
        told = Message.objects.filter(state="sent").values("person")
        Membership.objects.filter(person__in=told[:1]).update(until=timezone.now())
        words = an_advisory(what_changed="Our last mail was wrong.", earlier="replaced")
        publish_draft(update_from_file(advisory, words, office.ada, material=True), office.ben)
        advisory.refresh_from_db()
        assert not advisory.stopped
        cascade(advisory.pk)
        second = Message.objects.filter(revision=advisory.current)
        assert (second.filter(kind="update").count(), second.filter(kind="notice").count()) == (4, 6)

    def test_only_whoever_may_presses_it_and_only_on_what_is_live(self, office: Busy) -> None:
        draft = office.draft()
        with pytest.raises(Refused, match="is draft"):
            stop(draft.advisory, office.ada)
        advisory = office.published()
        for press in (stop, go_on, lambda of, who: stand_down(of, who, "x")):
            with pytest.raises(Refused, match="not an officer of"):
                press(advisory, office.cas)
        stand_down(advisory, office.ada, "Over.")
        for press in (stop, go_on, lambda of, who: stand_down(of, who, "x")):
            with pytest.raises(Refused, match="is stood down"):
                press(advisory, office.ada)


class TestStandingDown:
    @pytest.mark.parametrize("reason", ["", " \n", "x" * 2_001, "a\x00b", "a\udcff", "‹what› is over"])
    def test_wants_words_that_everybody_can_read(self, office: Busy, reason: str) -> None:
        advisory = office.published()
        with pytest.raises(Refused):
            stand_down(advisory, office.ada, reason)
        assert advisory.revisions.count() == 1

    def test_goes_to_whoever_was_told_and_to_nobody_else_stopped_or_not(self, office: Busy) -> None:
        advisory = office.published()
        office.sends(advisory, 4)
        stop(advisory, office.ben)
        revision = stand_down(advisory, office.ada, "Zoom mended it.")
        cascade(advisory.pk)
        assert Message.objects.filter(revision=revision, kind="stand-down").count() == 4
        assert Message.objects.filter(state="superseded").count() == 6
        assert revision.content["earlier"] == "replaced"
        assert (revision.content["what_changed"], revision.kind) == ("Zoom mended it.", "stand-down")

    def test_what_expired_can_still_be_stood_down(self, office: Busy) -> None:
        advisory = office.published()
        Advisory.objects.update(state="expired")
        assert stand_down(advisory, office.ada, "Over.").number == 2


Choice: TypeAlias = tuple[Action, str, Relay | None]


class Answers:
    """An advisory of rows: two people and two bodies, one action for each person and one for each body."""

    def __init__(self) -> None:
        self.advisory = rows.advisory()
        revision = self.advisory.current
        assert revision is not None
        self.move, self.count = rows.action(revision, "move"), rows.action(revision, "count", of="body")
        self.north, self.south = rows.relay(self.advisory, "north"), rows.relay(self.advisory, "south")
        self.ann = rows.recipient(self.advisory, self.north, self.south)
        self.bob = rows.recipient(self.advisory, self.north)

    def say(self, who: Recipient, *choices: Choice, suspect: tuple[str, ...] = ()) -> None:
        made = Acknowledgement.objects.create(
            recipient=who,
            revision=Revision.objects.filter(advisory=self.advisory).latest("number"),
            read="yes",
            suspect=list(suspect),
            form_id=uuid4(),
        )
        for action, choice, relay in choices:
            ActionAnswer.objects.create(acknowledgement=made, action=action, choice=choice, relay=relay)
        if not suspect:
            Recipient.objects.filter(pk=who.pk).update(answered_revision=made.revision.number)

    def achieved(self) -> list[str]:
        self.advisory.refresh_from_db()
        return achieved(self.advisory)


class TestWhatItAchieved:
    @pytest.fixture
    def answers(self) -> Answers:
        return Answers()

    def test_without_an_answer_there_is_nothing_to_say(self, answers: Answers) -> None:
        assert answers.achieved() == []
        answers.say(answers.ann, (answers.move, "done", None), suspect=("quick",))
        assert answers.achieved() == []

    def test_people_and_bodies_are_counted_apart_each_once(self, answers: Answers) -> None:
        answers.say(answers.ann, (answers.move, "done", None), (answers.count, "done", answers.north))
        assert answers.achieved() == [
            "1 of 2 people answered.",
            "“Move”: done by 1 person.",
            "“Count”: done by 1 body.",
        ]
        answers.say(answers.bob, (answers.move, "done", None), (answers.count, "done", answers.north))
        answers.say(answers.ann, (answers.count, "done", answers.south))
        assert answers.achieved() == [
            "2 of 2 people answered.",
            "“Move”: done by 2 people.",
            "“Count”: done by 2 bodies.",
        ]

    def test_a_machine_s_answer_counts_for_nothing(self, answers: Answers) -> None:
        answers.say(answers.bob, (answers.move, "will", None))
        answers.say(answers.bob, (answers.move, "done", None), suspect=("quick",))
        assert answers.achieved() == ["1 of 2 people answered."]

    def test_of_a_changed_answer_the_last_counts(self, answers: Answers) -> None:
        answers.say(answers.ann, (answers.move, "done", None), (answers.count, "done", answers.south))
        answers.say(answers.ann, (answers.move, "na", None))
        answers.say(answers.bob, (answers.count, "na", answers.south))
        assert answers.achieved() == ["2 of 2 people answered."]
        answers.say(answers.bob, (answers.move, "done", None))
        assert answers.achieved()[1:] == ["“Move”: done by 1 person."]

    def test_what_was_done_before_an_update_stays_done(self, answers: Answers) -> None:
        answers.say(answers.ann, (answers.move, "done", None))
        second = rows.revise(answers.advisory)
        rows.action(second, "move")
        assert answers.achieved() == []  # nobody answered this one yet
        answers.say(answers.bob)
        assert answers.achieved() == ["1 of 2 people answered.", "“Move”: done by 1 person."]

    def test_one_person_is_one_person(self) -> None:
        answers = Answers()
        answers.bob.seats.update(ended_at=timezone.now())
        Recipient.objects.filter(pk=answers.bob.pk).update(targeted=False)
        answers.say(answers.ann)
        assert answers.achieved() == ["1 of 1 person answered."]

    def test_three_actions_are_told_of_and_no_more(self, answers: Answers) -> None:
        revision = answers.advisory.current
        assert revision is not None
        more = [rows.action(revision, f"more{number}") for number in range(3)]
        answers.say(answers.ann, *((action, "done", None) for action in (answers.move, *more)))
        assert len(answers.achieved()) == 4

    def test_a_stand_down_keeps_it_as_it_stood(self, office: Busy) -> None:
        advisory = office.published()
        recipient = Recipient.objects.get(person=office.cas)
        Recipient.objects.filter(pk=recipient.pk).update(answered_revision=1)
        recount(advisory.pk)
        revision = stand_down(advisory, office.ada, "Over.")
        assert revision.content["achieved"] == ["1 of 10 people answered."]
        assert not revision.actions.exists()


def test_a_stop_of_somebody_else_s_advisory_is_theirs_to_press(office: Busy) -> None:
    """An officer of a body above the issuer may; one of a body below it may not."""
    above = office.person("gwen", office.government, "officer")
    below = office.person(
        "lou", Body.objects.create(slug="sub", name="Sub", kind="team", parent=office.centre), "officer"
    )
    office.centre.parent = office.government
    office.centre.save()
    advisory = office.published(audience={"branches": ["department"]})
    with pytest.raises(Refused, match="not an officer of"):
        stop(advisory, below)
    assert stop(advisory, above).unsent == 10
