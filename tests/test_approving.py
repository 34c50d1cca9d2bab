"""A second pair of eyes: what is published is what somebody else has read, whoever changed it in between."""

from collections.abc import Callable
from datetime import timedelta

import pytest
import time_machine
from django.db import IntegrityError, transaction
from django.utils import timezone

from alerts.models import Draft, Message, Record, Revision
from alerts.publishing import gaps, targeting
from alerts.publishing.approving import alone_from, approve, check, give_back, looked, lookers, submit
from alerts.publishing.contract import NotUnderstood
from alerts.publishing.draft import drop, save, set_material, settle_aside
from alerts.publishing.publish import publish_draft
from departments.models import Membership, Person
from departments.refusal import Refused
from tests.office import Office
from tests.test_drafts import Page, a_draft, at_once, fresh, numbers

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def cleo(office: Office) -> Person:
    """A third officer."""
    return office.person("cleo", office.centre, "officer")


@pytest.fixture
def draft(office: Office) -> Draft:
    made = a_draft(office)
    targeting.add_branch(made.advisory, office.department, office.ada)
    return fresh(made)


@pytest.fixture
def submitted(office: Office, draft: Draft) -> Draft:
    return submit(draft, office.ada, draft.version)


def asked() -> list[str]:
    """Who has a mail that asks them to approve, and that may still leave."""
    waiting = Message.objects.filter(kind="approve").exclude(state="superseded")
    return sorted(waiting.values_list("person__name", flat=True))


class TestSubmitting:
    def test_everybody_else_who_may_approve_has_one_mail_before_every_other(self, office: Office, draft: Draft) -> None:
        office.person("sam", office.department, "officer")  # of another branch
        left = office.person("lena", office.centre, "officer")
        Person.objects.filter(pk=left.pk).update(left_at=timezone.now())
        submit(draft, office.ada, draft.version)
        assert asked() == ["Ben", "Cleo"]
        assert {(batch.rank, batch.about) for batch in draft.advisory.batches.model.objects.all()} == {
            (0, draft.advisory)
        }

    def test_an_officer_of_a_body_above_is_asked_as_well(self, office: Office) -> None:
        office.centre.parent = office.government
        office.centre.save()
        office.person("gwen", office.government, "officer")
        draft = a_draft(office)
        submit(draft, office.ada, draft.version)
        assert "Gwen" in asked()

    @pytest.mark.django_db(transaction=True)
    def test_a_second_press_submits_nothing_and_mails_nobody(self, office: Office, submitted: Draft) -> None:
        with pytest.raises(Refused, match="submitted already"):
            submit(submitted, office.ada, submitted.version)
        failures = at_once(*(lambda: submit(submitted, office.ada, submitted.version) for _ in range(2)))
        assert [type(one) for one in failures] == [Refused, Refused]
        assert asked() == ["Ben", "Cleo"]

    def test_a_page_that_is_out_of_date_submits_nothing(self, office: Office, draft: Draft) -> None:
        Page(draft, office.ben).types(title="Stop")
        with pytest.raises(Refused, match="Look at the page again"):
            submit(draft, office.ada, draft.version)
        assert asked() == []

    def test_submitted_anew_everybody_is_asked_anew(self, office: Office, submitted: Draft) -> None:
        with time_machine.travel(timezone.now() + timedelta(minutes=1), tick=False):
            give_back(submitted, office.ben, submitted.version, "Too long.")
            assert asked() == []
            submit(submitted, office.ada, submitted.version)
        assert asked() == ["Ben", "Cleo"]

    def test_what_stands_in_the_draft_holds_for_the_advisory_from_here_on(self, office: Office, draft: Draft) -> None:
        Page(draft, office.ada).types(severity="low", marking="AMBER", open_title="Video", rule="any", review_by="P20D")
        now = timezone.now()
        with pytest.raises(NotUnderstood, match="confirm that it gives nothing away"):
            submit(draft, office.ada, fresh(draft).version, now)
        submit(draft, office.ada, fresh(draft).version, now, gives_nothing_away=True)
        found = fresh(draft).advisory
        assert (found.severity, found.marking, found.open_title, found.rule) == ("low", "AMBER", "Video", "any")
        assert found.review_by == now + timedelta(days=20)

    @pytest.mark.parametrize(
        ("typed", "sentence"),
        [
            ({"title": ""}, "title: is missing"),
            ({"marking": "AMBER"}, "open_title: is missing"),
            ({"marking": "RED", "open_title": "x"}, "TLP:RED is for named people"),
            ({"supersedes": "ADV-1999-0001"}, "there is no published advisory"),
            ({"review_by": "2020-01-01T00:00:00Z"}, "review_by: is in the past"),
        ],
    )
    def test_what_would_be_refused_is_refused_here(
        self, office: Office, draft: Draft, typed: dict[str, object], sentence: str
    ) -> None:
        Page(draft, office.ada).types(**typed)
        with pytest.raises(NotUnderstood, match=sentence):
            submit(draft, office.ada, fresh(draft).version, gives_nothing_away=True)
        assert fresh(draft).stage == "writing"
        assert asked() == []

    def test_an_audience_of_nobody_or_beyond_the_branch_or_of_leavers_is_refused(
        self, office: Office, draft: Draft
    ) -> None:
        for body in (office.government, office.department):
            targeting.drop_branch(draft.advisory, body, office.ada)
        with pytest.raises(NotUnderstood, match="names no branch and no person"):
            check(fresh(draft), office.ada, timezone.now(), gives_nothing_away=True)
        targeting.name_person(draft.advisory, office.cas.email, office.ada)
        Membership.objects.filter(person=office.cas).update(until=timezone.now())
        with pytest.raises(Refused, match=r"Cas .* sits in no open body"):
            check(fresh(draft), office.ada, timezone.now(), gives_nothing_away=True)


class TestApproving:
    def test_whoever_submitted_it_does_not_approve_it(self, office: Office, submitted: Draft) -> None:
        with pytest.raises(Refused, match="somebody else approves it"):
            approve(submitted, office.ada, submitted.version)

    def test_nor_does_the_table_let_them(self, office: Office, submitted: Draft) -> None:
        approved = {"stage": "approved", "decided_by": office.ada}
        with pytest.raises(IntegrityError, match="draft_approved_by_somebody_else"), transaction.atomic():
            Draft.objects.filter(pk=submitted.pk).update(**approved)
        with pytest.raises(IntegrityError, match="draft_approved_by_somebody_else"), transaction.atomic():
            Draft.objects.filter(pk=submitted.pk).update(**{**approved, "decided_by": office.ben, "submitted_by": None})

    def test_of_a_draft_that_nobody_submitted_whoever_saved_it_is_no_second_officer(self, office: Office) -> None:
        """Such as one that waited before submitting was written down."""
        draft = a_draft(office)
        Draft.objects.filter(pk=draft.pk).update(stage="submitted", submitted_by=None)
        with pytest.raises(Refused, match="somebody else approves it"):
            approve(draft, office.ada, draft.version)
        assert approve(draft, office.ben, draft.version).submitted_by == office.ada
        with pytest.raises(IntegrityError, match="draft_approved_by_somebody_else"), transaction.atomic():
            Draft.objects.filter(pk=draft.pk).update(decided_by=office.ada)

    def test_approved_anybody_who_may_publishes_it_and_it_says_who_approved(
        self, office: Office, cleo: Person, submitted: Draft
    ) -> None:
        for presser in (office.ada, office.ben, cleo):
            with transaction.atomic():
                approve(submitted, office.ben, submitted.version)
                revision = publish_draft(submitted, presser)
                entry = Record.objects.get(kind="published")
                assert (revision.by, revision.approved_by, revision.alone_reason) == (office.ada, office.ben, "")
                assert entry.actor == presser
                assert (entry.details["submitted_by"], entry.details["approved_by"]) == (office.ada.pk, office.ben.pk)
                transaction.set_rollback(True)

    def test_an_approval_is_worth_no_more_than_its_officer(
        self, office: Office, cleo: Person, submitted: Draft
    ) -> None:
        approve(submitted, office.ben, submitted.version)
        Membership.objects.filter(person=office.ben).update(until=timezone.now())
        with pytest.raises(Refused, match="Let a second officer approve it"):
            publish_draft(submitted, office.ada)
        assert publish_draft(submitted, cleo).approved_by == cleo

    def test_a_second_look_at_an_older_version_is_refused(self, office: Office, submitted: Draft) -> None:
        Page(submitted, office.ada).types(title="Stop")
        submit(submitted, office.ada, fresh(submitted).version)
        for press in (
            lambda: approve(submitted, office.ben, submitted.version),
            lambda: give_back(submitted, office.ben, submitted.version, "x"),
            lambda: publish_draft(submitted, office.ben),
        ):
            with pytest.raises(Refused, match="Look at the page again"):
                press()

    def test_what_is_not_submitted_is_neither_approved_nor_published(self, office: Office, draft: Draft) -> None:
        with pytest.raises(Refused, match="It is not submitted: it is being written"):
            approve(draft, office.ben, draft.version)
        with pytest.raises(Refused, match="being written: submit it first"):
            publish_draft(draft, office.ben)

    @pytest.mark.parametrize("approved", [False, True])
    def test_sent_back_its_writer_has_a_mail_and_the_reason(
        self, office: Office, submitted: Draft, approved: bool
    ) -> None:
        if approved:
            approve(submitted, office.ben, submitted.version)
        with pytest.raises(Refused, match="Say why it goes back"):
            give_back(submitted, office.ben, submitted.version, " ")
        give_back(submitted, office.ben, submitted.version, "Which version?")
        after = fresh(submitted)
        assert (after.stage, after.decided_by, after.reason) == ("returned", office.ben, "Which version?")
        assert list(Message.objects.filter(kind="returned").values_list("person", flat=True)) == [office.ada.pk]
        with pytest.raises(Refused, match="submit it first"):
            publish_draft(submitted, office.ben)

    def test_whoever_takes_their_own_back_gets_no_mail(self, office: Office, submitted: Draft) -> None:
        give_back(submitted, office.ada, submitted.version, "I found a mistake.")
        assert not Message.objects.filter(kind="returned").exists()

    @pytest.mark.django_db(transaction=True)
    def test_two_who_decide_at_the_same_moment_decide_once(
        self, office: Office, cleo: Person, submitted: Draft
    ) -> None:
        failures = at_once(
            lambda: approve(submitted, office.ben, submitted.version),
            lambda: approve(submitted, cleo, submitted.version),
        )
        assert [str(one) for one in failures] == ["It is not submitted: it is approved, not yet published."]


class TestNobodyReadsTheirOwnWords:
    """Each change of what will be said, or to whom, is submitted anew; each version has two names under it."""

    @pytest.fixture(params=["submitted", "approved"])
    def waiting(self, request: pytest.FixtureRequest, office: Office, submitted: Draft) -> Draft:
        return approve(submitted, office.ben, submitted.version) if request.param == "approved" else submitted

    @pytest.mark.parametrize(
        "change",
        [
            lambda d, o: Page(d, o.ben).types(summary="Others listen."),
            lambda d, o: set_material(d, o.ben, material=False),
            lambda d, o: targeting.add_branch(d.advisory, o.outside, o.ben),
            lambda d, o: targeting.drop_branch(d.advisory, o.department, o.ben),
            lambda d, o: targeting.narrow(d.advisory, o.ben, ["contact"], []),
            lambda d, o: targeting.narrow(d.advisory, o.ben, [], ["china"]),
            lambda d, o: targeting.name_person(d.advisory, o.cas.email, o.ben),
            lambda d, o: targeting.leave_out(d.advisory, o.department, o.ben, "x", timezone.now() + timedelta(days=9)),
            lambda d, o: gaps.put_in(d.advisory, [o.outside.pk], o.ben),
        ],
        ids=["words", "material", "branch", "without", "roles", "remits", "named", "left out", "put in"],
    )
    def test_a_change_takes_it_back_and_the_changer_does_not_approve_it(
        self, office: Office, waiting: Draft, change: Callable[[Draft, Office], object]
    ) -> None:
        change(waiting, office)
        after = fresh(waiting)
        assert (after.stage, after.submitted_by, after.decided_by) == ("writing", None, None)
        assert after.version > waiting.version
        with pytest.raises(Refused):
            publish_draft(after, office.ben)
        submit(after, office.ben, after.version)
        with pytest.raises(Refused, match="somebody else approves it"):
            approve(after, office.ben, after.version)
        assert approve(after, office.ada, after.version).submitted_by == office.ben

    def test_what_changes_nothing_takes_nothing_back(self, office: Office, waiting: Draft) -> None:
        targeting.add_branch(waiting.advisory, office.government, office.ben)
        targeting.drop_branch(waiting.advisory, office.outside, office.ben)
        targeting.narrow(waiting.advisory, office.ben, [], [])
        targeting.unname(waiting.advisory, office.cas.pk, office.ben)
        targeting.take_back(waiting.advisory, office.department, office.ben)
        assert fresh(waiting).stage == waiting.stage

    def test_signing_for_who_is_left_out_changes_nobody_s_hearing_and_takes_nothing_back(
        self, office: Office, waiting: Draft
    ) -> None:
        gaps.sign(
            waiting.advisory, [office.outside.pk], office.ben, "told otherwise", timezone.now() + timedelta(days=9)
        )
        assert fresh(waiting).stage == waiting.stage

    def test_words_taken_from_beside_the_draft_are_read_anew(self, office: Office, submitted: Draft) -> None:
        save(submitted, office.ben, {"title": "Ben's title"}, {"title": "what Ben saw"})
        approve(submitted, office.ben, submitted.version)
        settle_aside(submitted, office.ben, numbers(submitted)[0], use=True)
        assert fresh(submitted).stage == "writing"


class TestAlone:
    def test_only_after_ten_minutes_and_with_a_reason(self, office: Office, submitted: Draft) -> None:
        begun = submitted.submitted_at
        assert begun is not None
        assert alone_from(submitted) == begun + timedelta(minutes=10)
        with pytest.raises(Refused, match="say why you publish alone"):
            publish_draft(submitted, office.ada, now=begun + timedelta(hours=1))
        with pytest.raises(Refused, match="you may publish it alone from"):
            publish_draft(submitted, office.ada, alone_reason="urgent", now=begun + timedelta(minutes=9, seconds=59))
        revision = publish_draft(submitted, office.ada, alone_reason="urgent", now=begun + timedelta(minutes=10))
        assert (revision.by, revision.approved_by, revision.alone_reason) == (office.ada, None, "urgent")
        assert asked() == []

    def test_critical_at_once(self, office: Office) -> None:
        draft = a_draft(office, severity="critical")
        submitted = submit(draft, office.ada, draft.version)
        assert alone_from(submitted) is None
        assert publish_draft(submitted, office.ada, alone_reason="now").alone_reason == "now"

    def test_a_change_starts_the_ten_minutes_anew(self, office: Office, submitted: Draft) -> None:
        later = timezone.now() + timedelta(minutes=9)
        Page(submitted, office.ada).types(title="Stop")
        again = submit(submitted, office.ada, fresh(submitted).version, later)
        assert alone_from(again) == later + timedelta(minutes=10)

    @pytest.mark.parametrize("reason", ["x" * 2_001, "a\x00b", "a\udcff"])
    def test_a_reason_that_cannot_be_kept_for_ever_is_refused(
        self, office: Office, submitted: Draft, reason: str
    ) -> None:
        with pytest.raises(Refused, match="The reason has"):
            publish_draft(submitted, office.ada, alone_reason=reason, now=timezone.now() + timedelta(hours=1))


class TestTwoBrowsers:
    @pytest.mark.django_db(transaction=True)
    def test_two_officers_publish_at_the_same_moment_once(self, office: Office, cleo: Person, submitted: Draft) -> None:
        failures = at_once(*(lambda who=who: publish_draft(fresh(submitted), who) for who in (office.ben, cleo)))
        assert [str(one) for one in failures] == [
            "This draft was published or changed by somebody else meanwhile. Look at the page again."
        ]
        assert Revision.objects.count() == Record.objects.filter(kind="published").count() == 1

    @pytest.mark.django_db(transaction=True)
    def test_typing_submitting_and_publishing_at_once_wait_for_each_other(
        self, office: Office, cleo: Person, submitted: Draft
    ) -> None:
        """Both hold the advisory and the draft; in one order, or they would wait for ever."""
        for number in range(6):
            self.all_at_once(office, cleo, fresh(submitted), number)
            current = fresh(submitted)
            if current.stage in ("writing", "returned"):
                submit(current, office.ada, current.version)

    @staticmethod
    def all_at_once(office: Office, cleo: Person, current: Draft, number: int) -> None:
        failures = at_once(
            lambda: Page(current, office.ada).types(summary=f"Version {number}"),
            lambda: targeting.narrow(current.advisory, office.ada, ["member"] if number % 2 else [], []),
            lambda: approve(current, office.ben, current.version),
            lambda: give_back(current, cleo, current.version, "x"),
        )
        assert {type(one) for one in failures} <= {Refused}

    @pytest.mark.django_db(transaction=True)
    def test_one_throws_it_away_while_the_other_publishes(self, office: Office, submitted: Draft) -> None:
        failures = at_once(
            lambda: publish_draft(fresh(submitted), office.ben), lambda: drop(fresh(submitted), office.ben)
        )
        assert [type(one) for one in failures] in ([Refused], [Draft.DoesNotExist])
        assert Revision.objects.count() + Record.objects.filter(kind="dropped").count() == 1


def test_whoever_has_it_before_them_is_shown_to_the_others(office: Office, draft: Draft) -> None:
    now = timezone.now()
    looked(draft.advisory, office.ben, now - timedelta(seconds=50))
    looked(draft.advisory, office.ada, now - timedelta(seconds=15))
    looked(draft.advisory, office.ada, now - timedelta(seconds=30))  # a request that came late
    seen = [(one.person.name, one.now) for one in lookers(draft.advisory, now)]
    assert seen == [("Ada", True), ("Ben", False)]
    assert [one.person.name for one in lookers(draft.advisory, now, but=office.ada)] == ["Ben"]
