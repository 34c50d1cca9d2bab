"""Whom an advisory is for, put in and taken out while it is written."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone

from alerts.cascading.cascade import cascade
from alerts.models import Draft, Exclusion, Message
from alerts.officers import issuer_of
from alerts.publishing.approving import submit
from alerts.publishing.contract import NotUnderstood
from alerts.publishing.publish import publish_draft
from alerts.publishing.reach import reach
from alerts.publishing.targeting import add_branch, drop_branch, leave_out, name_person, narrow, take_back, unname
from departments.closing import close
from departments.models import Body, Membership, Person, Remit, Topic
from departments.refusal import Refused
from tests.office import Office
from tests.test_drafts import a_draft, fresh

pytestmark = pytest.mark.django_db

SOON = timedelta(days=9)


@pytest.fixture
def draft(office: Office) -> Draft:
    return a_draft(office)


def heard(draft: Draft) -> set[str]:
    """Who has a mail when it is published by Ben, whoever submitted it."""
    held = fresh(draft)
    submitted = submit(held, held.saved_by, held.version)
    cascade(publish_draft(submitted, Person.objects.get(email="ben@example.org")).advisory_id)
    return set(Message.objects.filter(advisory__isnull=False).values_list("person__name", flat=True))


class TestBranchesRolesTopicsAndNames:
    def test_a_branch_is_a_body_and_all_below_it(self, office: Office, draft: Draft) -> None:
        office.person("gil", office.government, "member")
        assert heard(draft) == {"Gil", "Cas"}

    def test_taken_out_it_is_out(self, office: Office, draft: Draft) -> None:
        add_branch(draft.advisory, office.outside, office.ada)
        office.person("mia", office.outside, "member")
        drop_branch(draft.advisory, office.government, office.ada)
        assert heard(draft) == {"Mia"}

    def test_only_people_in_these_roles_and_the_contacts_for_information(self, office: Office, draft: Draft) -> None:
        office.person("con", office.department, "contact")
        office.person("hed", office.department, "head")
        narrow(draft.advisory, office.ada, ["head"], [])
        assert reach(draft.advisory).people == 1
        assert heard(draft) == {"Hed", "Con"}

    def test_only_bodies_with_one_of_these_remits(self, office: Office, draft: Draft) -> None:
        office.person("gil", office.government, "member")
        Remit.objects.create(body=office.department, topic=Topic.objects.get(slug="china"))
        narrow(draft.advisory, office.ada, [], ["china"])
        assert heard(draft) == {"Cas"}

    def test_narrowed_to_nothing_it_is_for_all_again(self, office: Office, draft: Draft) -> None:
        narrow(draft.advisory, office.ada, ["head"], ["china"])
        assert reach(draft.advisory).people == 0
        narrow(draft.advisory, office.ada, [], [])
        assert reach(draft.advisory).people == 1

    @pytest.mark.parametrize(("roles", "topics"), [(["king"], []), ([], ["chess"]), ([], ["a\x00b"]), ([], ["\ud800"])])
    def test_a_role_or_topic_that_nobody_knows_narrows_nothing(
        self, office: Office, draft: Draft, roles: list[str], topics: list[str]
    ) -> None:
        with pytest.raises(Refused, match="no role or topic that the directory knows"):
            narrow(draft.advisory, office.ada, roles, topics)
        assert not draft.advisory.roles.exists()

    def test_somebody_named_hears_it_wherever_they_sit(self, office: Office, draft: Draft) -> None:
        office.person("mia", office.outside, "member")
        office.person("max", office.outside, "member")
        assert name_person(draft.advisory, " MIA@Example.org ", office.ada).name == "Mia"
        name_person(draft.advisory, "mia@example.org", office.ada)
        assert draft.advisory.named.count() == 1
        assert heard(draft) == {"Cas", "Mia"}

    def test_not_named_any_more_they_do_not(self, office: Office, draft: Draft) -> None:
        mia = office.person("mia", office.outside, "member")
        name_person(draft.advisory, mia.email, office.ada)
        unname(draft.advisory, mia.pk, office.ada)
        unname(draft.advisory, mia.pk, office.ada)
        assert heard(draft) == {"Cas"}

    @pytest.mark.parametrize(
        "address", ["nobody@example.org", "not an address", "", "a\x00@example.org", "\udc80@x.org"]
    )
    def test_a_name_that_nobody_has_is_refused(self, office: Office, draft: Draft, address: str) -> None:
        with pytest.raises(Refused, match="Nobody with the address"):
            name_person(draft.advisory, address, office.ada)


def leaves(kim: Person) -> None:
    Person.objects.filter(pk=kim.pk).update(left_at=timezone.now())


def is_unseated(kim: Person) -> None:
    Membership.objects.filter(person=kim).update(until=timezone.now())


def loses_the_body(kim: Person) -> None:
    close(Body.objects.get(slug="committee"), by=None, on=timezone.localdate(), why="abolished")


NOWHERE = (
    pytest.param(leaves, "Kim .* has left", id="left"),
    pytest.param(is_unseated, "Kim .* sits in no open body", id="unseated"),
    pytest.param(loses_the_body, "Kim .* sits in no open body", id="body closed"),
)


class TestNamedButNowhere:
    """Whoever sits in no open body is found by no warning; that is said, never passed over."""

    @pytest.fixture
    def kim(self, office: Office) -> Person:
        return office.person("kim", office.outside, "member")

    @pytest.mark.parametrize(("happens", "sentence"), NOWHERE)
    def test_naming_them_is_refused(
        self, office: Office, draft: Draft, kim: Person, happens: Callable[[Person], None], sentence: str
    ) -> None:
        happens(kim)
        with pytest.raises(Refused, match=sentence):
            name_person(draft.advisory, kim.email, office.ada)
        with pytest.raises(NotUnderstood, match=f"audience.people: {sentence}"):
            office.draft(audience={"people": [kim.email]})

    @pytest.mark.parametrize(("happens", "sentence"), NOWHERE)
    @pytest.mark.parametrize("when", ["before submitting", "before publishing"])
    def test_named_before_it_happened_they_are_seen_and_publishing_waits(
        self,
        office: Office,
        draft: Draft,
        kim: Person,
        happens: Callable[[Person], None],
        sentence: str,
        when: str,
    ) -> None:
        name_person(draft.advisory, kim.email, office.ada)
        assert reach(draft.advisory).nowhere == []
        held = fresh(draft)
        if when == "before publishing":
            held = submit(held, office.ada, held.version)
        happens(kim)
        assert reach(draft.advisory).nowhere == [kim]
        with pytest.raises(Refused, match=sentence):
            publish_draft(held, office.ben) if held.stage == "submitted" else submit(held, office.ada, held.version)
        unname(draft.advisory, kim.pk, office.ada)
        assert heard(draft) == {"Cas"}

    def test_of_an_update_they_are_no_hindrance_since_it_is_for_those_who_were_told(
        self, office: Office, draft: Draft, kim: Person
    ) -> None:
        name_person(draft.advisory, kim.email, office.ada)
        assert "Kim" in heard(draft)
        Membership.objects.filter(person=kim).update(until=timezone.now())
        update = Draft.objects.create(
            advisory=draft.advisory, content=draft.content, saved_by=office.ada, submitted_by=office.ada
        )
        assert publish_draft(update, office.ben).number == 2


class TestLeftOut:
    def test_a_body_and_what_is_reached_only_through_it(self, office: Office, draft: Draft) -> None:
        unit = Body.objects.create(slug="unit", name="Unit", kind="team", parent=office.department)
        office.person("una", unit, "member")
        office.person("gil", office.government, "member")
        leave_out(draft.advisory, office.department, office.ada, "in hand", timezone.now() + SOON)
        left = Exclusion.objects.get()
        assert (left.by, left.reason) == (office.ada, "in hand")
        assert heard(draft) == {"Gil"}

    def test_signed_twice_the_last_word_holds(self, office: Office, draft: Draft) -> None:
        for reason in ("first", "second"):
            leave_out(draft.advisory, office.department, office.ben, reason, timezone.now() + SOON)
        assert Exclusion.objects.get().reason == "second"

    def test_taken_back_or_put_in_as_a_branch_it_hears_again(self, office: Office, draft: Draft) -> None:
        for undo in (take_back, add_branch):
            leave_out(draft.advisory, office.department, office.ada, "in hand", timezone.now() + SOON)
            assert reach(draft.advisory).people == 0
            undo(draft.advisory, office.department, office.ada)
            assert reach(draft.advisory).people == 1


class TestWhatIsRefused:
    def test_a_closed_body_unless_somebody_took_over(self, office: Office, draft: Draft) -> None:
        heir = Body.objects.create(slug="heir", name="Heir", kind="team")
        office.person("hal", heir, "member")
        old = Body.objects.create(slug="old", name="Old Office", kind="team", closed="2020-01-01")
        with pytest.raises(Refused, match="Old Office is closed, and nobody took over"):
            add_branch(draft.advisory, old, office.ada)
        with pytest.raises(NotUnderstood, match=r"audience\.branches: Old Office is closed"):
            office.draft(audience={"branches": ["old"]})
        old.successor = heir
        old.save()
        add_branch(draft.advisory, old, office.ada)
        assert heard(draft) == {"Cas", "Hal"}

    def test_a_body_that_closed_after_it_was_chosen_is_said_before_anything_is_sent(
        self, office: Office, draft: Draft
    ) -> None:
        """What hung below it hangs elsewhere now, and would be left out unseen."""
        unit = Body.objects.create(slug="unit", name="Unit", kind="team", parent=office.outside)
        office.person("una", unit, "member")
        add_branch(draft.advisory, office.outside, office.ada)
        submitted = submit(fresh(draft), office.ada, fresh(draft).version)
        close(office.outside, by=None, on=timezone.localdate(), why="abolished")
        with pytest.raises(Refused, match="China Committee is closed, and nobody took over"):
            publish_draft(submitted, office.ben)
        drop_branch(draft.advisory, office.outside, office.ada)
        add_branch(draft.advisory, unit, office.ada)
        assert heard(draft) == {"Cas", "Una"}

    def test_bodies_that_took_over_from_each_other_are_nobody(self, office: Office, draft: Draft) -> None:
        one, two = (Body.objects.create(slug=s, name=s, kind="team", closed="2020-01-01") for s in ("one", "two"))
        Body.objects.filter(pk=one.pk).update(successor=two)
        Body.objects.filter(pk=two.pk).update(successor=one)
        with pytest.raises(Refused, match="nobody took over"):
            add_branch(draft.advisory, Body.objects.get(pk=one.pk), office.ada)

    def test_red_has_no_branches(self, office: Office, draft: Draft) -> None:
        draft.advisory.marking = "RED"
        draft.advisory.save()
        with pytest.raises(Refused, match="TLP:RED is for named people"):
            add_branch(draft.advisory, office.outside, office.ada)

    def test_an_officer_reaches_nobody_beyond_their_branch(self, office: Office) -> None:
        lou, sue = (office.person(name, office.department, "officer") for name in ("lou", "sue"))
        mia = office.person("mia", office.outside, "member")
        draft = a_draft(office)
        draft.advisory.issuer = office.department
        draft.advisory.save()
        for change, name in (
            (lambda: None, "Government"),
            (lambda: add_branch(draft.advisory, office.outside, lou), "China Committee, Government"),
            (lambda: drop_branch(draft.advisory, office.outside, lou), "Government"),
            (lambda: name_person(draft.advisory, mia.email, lou), "Government, Mia"),
        ):
            change()
            with pytest.raises(Refused, match=f"A Department is not an issuing authority, and {name} "):
                submit(fresh(draft), lou, fresh(draft).version)
        unname(draft.advisory, mia.pk, lou)
        add_branch(draft.advisory, office.department, lou)
        drop_branch(draft.advisory, office.government, lou)
        submitted = submit(fresh(draft), lou, fresh(draft).version)
        assert publish_draft(submitted, sue).approved_by == sue

    def test_where_no_body_may_issue_each_officer_may(self, office: Office) -> None:
        Body.objects.update(may_issue=False)
        lou = office.person("lou", office.department, "officer")
        assert issuer_of(lou) == office.department
        draft = a_draft(office)
        draft.advisory.issuer = office.department
        draft.advisory.save()
        submit(fresh(draft), lou, fresh(draft).version)

    def test_whoever_may_not_changes_nothing_and_what_is_published_only_grows(
        self, office: Office, draft: Draft
    ) -> None:
        of = draft.advisory
        presses: list[Callable[[Person], object]] = [
            lambda who: add_branch(of, office.outside, who),
            lambda who: drop_branch(of, office.government, who),
            lambda who: narrow(of, who, [], []),
            lambda who: name_person(of, office.cas.email, who),
            lambda who: unname(of, office.cas.pk, who),
            lambda who: leave_out(of, office.department, who, "x", timezone.now() + SOON),
            lambda who: take_back(of, office.department, who),
        ]
        for press in presses:
            with pytest.raises(Refused, match="not an officer of"):
                press(office.cas)
        assert heard(draft) == {"Cas"}
        for press in presses:
            with pytest.raises(Refused, match="its audience only grows"):
                press(office.ada)
