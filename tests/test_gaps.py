"""Who will not hear: found before publishing, decided by name, and looked at again when its day comes."""

from collections.abc import Callable
from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from alerts.cascading.cascade import cascade
from alerts.models import Advisory, Draft, Gap, Message, Relay, Revision
from alerts.publishing import gaps
from alerts.publishing.draft import update_from_file
from alerts.publishing.publish import publish_draft
from alerts.publishing.reach import reach
from alerts.publishing.stopping import stand_down
from alerts.publishing.targeting import leave_out
from departments.models import Body, Person, Remit, Sponsor, Topic
from departments.refusal import Refused
from tests.office import Office, an_advisory

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


class Wide(Office):
    """Beside the government and the China Committee: a board that sponsors, and somebody who was told last month."""

    def __init__(self) -> None:
        super().__init__()
        self.person("head", self.government, "head")
        self.board = self.body("board", people=1)
        Sponsor.objects.create(body=self.department, sponsor=self.board)
        self.person("mia", self.outside, "member")
        self.root = Person.objects.create(email="root@example.org", written="root", name="Root", is_administrator=True)

    def body(self, slug: str, parent: Body | None = None, people: int = 0, topics: str = "") -> Body:
        made = Body.objects.create(slug=slug, name=slug.title(), kind="team", parent=parent)
        for number in range(people):
            self.person(f"{slug}{number}", made, "member")
        for topic in topics.split():
            Remit.objects.create(body=made, topic=Topic.objects.get_or_create(slug=topic)[0])
        return made


@pytest.fixture
def office() -> Wide:
    return Wide()


def at(advisory: Advisory) -> dict[str, str]:
    """The decision about each body."""
    return dict(advisory.gaps.values_list("body__slug", "decision"))


def mails(kind: str) -> list[str]:
    return sorted(Message.objects.filter(kind=kind).values_list("person__name", flat=True))


def told(advisory: Advisory) -> set[str]:
    cascade(advisory.pk)
    return set(Message.objects.filter(advisory=advisory).values_list("person__name", flat=True))


class TestFound:
    def test_each_kind_is_found_and_says_why(self, office: Wide) -> None:
        past = office.publish(audience={"branches": ["board"]}).advisory
        cascade(past.pk)
        office.body("empty", office.government)
        deaf = office.body("deaf", office.government, people=2)
        Person.objects.filter(memberships__body=deaf).update(bounced_at=timezone.now())
        found = reach(office.draft().advisory)
        assert {(gap.kind, gap.body.slug, gap.why) for gap in found.gaps} == {
            ("outside", "committee", "remit: china"),
            ("similar", "board", f"told of {past.reference} on the same subject"),
            ("nobody", "empty", "nobody to tell"),
            ("bouncing", "deaf", "every address bounces"),
        }
        assert [gap.body.slug for gap in found.choices()] == ["board", "committee"]
        assert sorted(gap.body.slug for gap in found.tasks()) == ["deaf", "empty"]

    def test_a_sponsor_of_who_is_told_is_found_where_nothing_else_finds_it(self, office: Wide) -> None:
        found = reach(office.draft().advisory)
        assert {(gap.kind, gap.body.slug): gap.why for gap in found.gaps}["sponsor", "board"] == (
            "sponsors A Department, which is told"
        )

    def test_they_stand_by_branch_the_one_with_the_strongest_match_first(self, office: Wide) -> None:
        lords = office.body("lords")
        office.body("b-committee", lords, topics="cyber")
        office.body("a-committee", lords, topics="cyber china")
        office.body("unit", office.government)
        found = reach(office.draft(topics=["china", "cyber"]).advisory)
        assert [(branch.slug, [gap.body.slug for gap in group]) for branch, group in found.by_branch()] == [
            ("a-committee", ["a-committee"]),
            ("b-committee", ["b-committee"]),
            ("board", ["board"]),
            ("committee", ["committee"]),
            ("unit", ["unit"]),
        ]

    def test_what_is_closed_or_signed_away_is_no_gap(self, office: Wide) -> None:
        Body.objects.filter(slug="committee").update(closed="2020-01-01")
        made = office.draft(audience={"branches": ["government"], "exclusions": [{"body": "board", "reason": "x"}]})
        assert reach(made.advisory).choices() == []


class TestPublishing:
    @pytest.mark.parametrize("severity", ["medium", "low"])
    @pytest.mark.parametrize("kind", ["outside", "similar", "sponsor"])
    def test_a_routine_warning_waits_for_every_choice_of_whatever_kind(
        self, office: Wide, severity: str, kind: str
    ) -> None:
        if kind == "similar":
            cascade(office.publish(audience={"branches": ["board"]}).advisory_id)
        if kind != "outside":
            office.outside.remit.all().delete()
        draft = office.draft(severity=severity)
        assert [gap.kind for gap in reach(draft.advisory).choices()][:1] in ([kind], ["sponsor"])
        with pytest.raises(Refused, match="would not hear this"):
            publish_draft(draft, office.ben)
        assert Draft.objects.filter(pk=draft.pk).exists()
        assert "signed" in at(publish_draft(draft, office.ben, accept_gaps="told otherwise").advisory).values()

    @pytest.mark.parametrize("severity", ["critical", "high"])
    def test_an_urgent_one_goes_out_with_choices_undecided(self, office: Wide, severity: str) -> None:
        advisory = publish_draft(office.draft(severity=severity), office.ben).advisory
        assert at(advisory) == {"committee": "undecided", "board": "undecided"}

    def test_what_was_signed_before_is_not_asked_again(self, office: Wide) -> None:
        draft = office.draft(severity="low")
        bodies = [office.outside.pk, office.board.pk]
        assert gaps.sign(draft.advisory, bodies, office.ada, "told by phone", timezone.now() + 9 * DAY) == 2
        assert gaps.undecided(draft.advisory, reach(draft.advisory)) == []
        advisory = publish_draft(draft, office.ben).advisory
        kept = advisory.gaps.get(body=office.outside)
        assert (kept.decision, kept.reason, kept.by) == ("signed", "told by phone", office.ada)

    def test_signed_until_a_day_that_has_passed_it_is_undecided(self, office: Wide) -> None:
        draft = office.draft(severity="low", actions=[])
        bodies = [office.outside.pk, office.board.pk]
        gaps.sign(draft.advisory, bodies, office.ada, "told by phone", timezone.now() + DAY)
        with time_machine.travel(timezone.now() + 2 * DAY, tick=False):
            assert len(gaps.undecided(draft.advisory, reach(draft.advisory))) == 2
            with pytest.raises(Refused, match="would not hear this"):
                publish_draft(draft, office.ben)
            Advisory.objects.update(severity="critical")
            assert set(at(publish_draft(draft, office.ben).advisory).values()) == {"undecided"}

    def test_a_reason_for_all_stands_under_each_with_a_name_and_a_day(self, office: Wide) -> None:
        advisory = office.publish(review_by="P20D").advisory
        for gap in advisory.gaps.all():
            assert (gap.decision, gap.reason, gap.by) == ("signed", "told otherwise", office.ben)
            assert gap.look_again_at == advisory.review_by
        assert reach_of(advisory) == ["board", "committee"]

    def test_a_reason_that_cannot_be_kept_is_refused(self, office: Wide) -> None:
        for reason in ("x" * 2_001, "a\x00b"):
            with pytest.raises(Refused, match="The reason has"):
                publish_draft(office.draft(), office.ben, accept_gaps=reason)

    def test_an_update_never_waits_and_what_is_new_in_its_reach_stands_there(self, office: Wide) -> None:
        advisory = office.publish(severity="low").advisory
        office.body("health", topics="health", people=1)
        office.body("bare", office.government)
        draft = update_from_file(advisory, an_advisory(topics=["health", "china"]), office.ada, material=True)
        publish_draft(draft, office.ben)
        assert at(advisory) == {"committee": "signed", "board": "signed", "health": "undecided", "bare": "task"}
        assert advisory.gaps.get(body=office.outside).by == office.ben

    def test_whom_only_the_directory_can_mend_each_administrator_hears_of_once(self, office: Wide) -> None:
        office.body("empty", office.government)
        left = Person.objects.create(email="old@example.org", written="old", name="Old", left_at=timezone.now())
        Person.objects.filter(pk=left.pk).update(is_administrator=True)
        advisory = office.publish().advisory
        assert at(advisory)["empty"] == "task"
        assert mails("gaps") == ["Root"]
        publish_draft(update_from_file(advisory, an_advisory(), office.ada, material=False), office.ben)
        assert mails("gaps") == ["Root"]

    def test_a_drill_gives_administrators_nothing_to_do(self, office: Wide) -> None:
        office.body("empty", office.government)
        assert at(office.publish(exercise=True).advisory)["empty"] == "task"
        assert mails("gaps") == []


def reach_of(advisory: Advisory) -> list[str]:
    revision = Revision.objects.get(advisory=advisory)
    return sorted(gap["body"] for gap in revision.preview["gaps"])


class TestPutIn:
    def test_before_publishing_it_is_in_the_audience(self, office: Wide) -> None:
        draft = office.draft(severity="low")
        assert gaps.put_in(draft.advisory, [office.outside.pk, office.board.pk], office.ada) == 2
        assert reach(draft.advisory).choices() == []

    def test_afterwards_the_next_pass_reaches_it_and_all_below(self, office: Wide) -> None:
        advisory = publish_draft(office.draft(), office.ben).advisory
        assert "Mia" not in told(advisory)
        below = office.body("sub", office.outside, people=1)
        cascade(advisory.pk)
        gaps.put_in(advisory, [office.outside.pk], office.ben)
        assert {"Mia", "Sub0"} <= told(advisory)
        assert Relay.objects.get(advisory=advisory, body=below).purpose == "target"
        assert at(advisory)["committee"] == "widened"
        gaps.put_in(advisory, [office.outside.pk], office.ben)
        assert advisory.branches.filter(body=office.outside).count() == 1

    def test_what_changes_nothing_is_refused_and_says_why(self, office: Wide) -> None:
        draft = office.draft(audience={"branches": ["government"], "topics": ["china"]})
        with pytest.raises(Refused, match="narrowed to bodies with one of its remits, which Board has not"):
            gaps.put_in(draft.advisory, [office.board.pk], office.ada)
        assert not draft.advisory.branches.filter(body=office.board).exists()
        with pytest.raises(Refused, match="Choose who is to be put in"):
            gaps.put_in(draft.advisory, [], office.ada)

    def test_red_is_for_named_people_before_and_after(self, office: Wide) -> None:
        advisory = office.publish(marking="RED", audience={"people": ["cas@example.org"]}).advisory
        with pytest.raises(Refused, match="TLP:RED is for named people"):
            gaps.put_in(advisory, [office.outside.pk], office.ada)

    def test_an_officer_puts_in_nobody_beyond_their_own_branch(self, office: Wide) -> None:
        local, second = (office.person(name, office.government, "officer") for name in ("lou", "sue"))
        draft = office.draft()
        Advisory.objects.update(issuer=office.government)
        advisory = publish_draft(draft, second).advisory
        with pytest.raises(Refused, match="not an issuing authority, and China Committee is not below it"):
            gaps.put_in(advisory, [office.outside.pk], local)
        assert not advisory.branches.filter(body=office.outside).exists()

    def test_nobody_else_decides_and_nothing_is_decided_when_it_is_over(self, office: Wide) -> None:
        advisory = publish_draft(office.draft(), office.ben).advisory
        until = timezone.now() + DAY
        presses: list[Callable[[Person], int]] = [
            lambda who: gaps.put_in(advisory, [office.outside.pk], who),
            lambda who: gaps.sign(advisory, [office.outside.pk], who, "x", until),
        ]
        for press in presses:
            with pytest.raises(Refused, match="not an officer of"):
                press(office.cas)
        stand_down(advisory, office.ada, "Over.")
        for press in presses:
            with pytest.raises(Refused, match="is over"):
                press(office.ada)


class TestSigning:
    @pytest.mark.parametrize(
        ("reason", "after", "sentence"),
        [
            (" ", DAY, "your name stands under it"),
            ("x", -DAY, "after today, and within a year"),
            ("x", 367 * DAY, "after today, and within a year"),
        ],
    )
    def test_wants_a_reason_and_a_day(self, office: Wide, reason: str, after: timedelta, sentence: str) -> None:
        draft = office.draft()
        for press in (
            lambda until: gaps.sign(draft.advisory, [office.outside.pk], office.ada, reason, until),
            lambda until: leave_out(draft.advisory, office.department, office.ada, reason, until),
        ):
            with pytest.raises(Refused, match=sentence):
                press(timezone.now() + after)
        assert not Gap.objects.exists()

    def test_nobody_signs_for_what_only_the_directory_can_mend(self, office: Wide) -> None:
        empty = office.body("empty", office.government)
        with pytest.raises(Refused, match="None of them is left out by choice"):
            gaps.sign(office.draft().advisory, [empty.pk], office.ada, "x", timezone.now() + DAY)

    def test_found_for_another_reason_it_is_asked_anew_and_stands_once(self, office: Wide) -> None:
        draft = office.draft()
        gaps.sign(draft.advisory, [office.board.pk], office.ada, "told by phone", timezone.now() + 9 * DAY)
        Remit.objects.create(body=office.board, topic=Topic.objects.get(slug="china"))
        assert "board" in {gap.body.slug for gap in gaps.undecided(draft.advisory, reach(draft.advisory))}
        gaps.sign(draft.advisory, [office.board.pk], office.ada, "they asked us not to", timezone.now() + 9 * DAY)
        assert [gap.kind for gap in draft.advisory.gaps.filter(body=office.board)] == ["outside"]


def test_a_body_through_which_it_passed_is_put_in_as_well(office: Wide) -> None:
    """Its relay is there already, for information."""
    below = office.body("unit", office.outside, people=1)
    advisory = publish_draft(office.draft(audience={"branches": [below.slug, "government"]}), office.ben).advisory
    assert "Mia" not in told(advisory)
    gaps.put_in(advisory, [office.outside.pk], office.ben)
    assert "Mia" in told(advisory)
