"""An officer steers the chase: skips a step, brings one forward, ends it or lets it go on; each with a reason, and once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import pytest
from django.db import connection
from pytest_django.fixtures import Settings as SettingsWrapper
from pytest_django.plugin import DjangoDbBlocker

from alerts.chasing import outlook, steering
from alerts.chasing.tending import tend
from alerts.models import Advisory, ChaseStep, Nudge, Record
from alerts.publishing.draft import update_from_file
from alerts.publishing.publish import publish_draft
from alerts.publishing.stopping import stand_down, stop
from departments.models import Person
from departments.refusal import Refused
from tests.chased import answer, at, chase, minutes, publish, run_on, team
from tests.office import Office, an_advisory
from tests.put_back import PutBack

pytestmark = pytest.mark.django_db(transaction=True)

MONDAY = at("2026-11-30 10:00")
SOON = MONDAY + timedelta(minutes=10)


def department() -> Office:
    """A department with a contact, a deputy and a head, and a team below it with a contact and two members."""
    office = Office()
    for name, role in (("dora", "contact"), ("dan", "deputy"), ("hal", "head")):
        office.person(name, office.department, role)
    team(office, "team", office.department, ("tess", "contact"), ("tim", "member"), ("tom", "member"))
    return office


def begun() -> tuple[Office, Advisory]:
    """The same, and an advisory published on Monday at ten, its clock begun: half is at two, the end on Tuesday at ten."""
    office = department()
    advisory = publish(office, MONDAY, actions=[], audience={"branches": ["department"]})
    chase(SOON)
    return office, fresh(advisory)


@pytest.fixture(scope="module")
def kept(django_db_blocker: DjangoDbBlocker) -> Iterator[PutBack[tuple[Office, Advisory]]]:
    """Made by the first test that asks for it."""
    world = PutBack(begun)
    yield world
    with django_db_blocker.unblock(), world:
        pass


@pytest.fixture
def world(transactional_db: None, kept: PutBack[tuple[Office, Advisory]]) -> tuple[Office, Advisory]:
    return kept.again()


@pytest.fixture
def place(request: pytest.FixtureRequest) -> Office:
    """The department; the one in which the advisory is chased, where a test asks for that too."""
    if "chased" not in request.fixturenames:
        return department()
    office: Office = request.getfixturevalue("world")[0]
    return office


@pytest.fixture
def chased(world: tuple[Office, Advisory]) -> Advisory:
    """The advisory, chased."""
    return world[1]


def fresh(advisory: Advisory) -> Advisory:
    return Advisory.objects.get(pk=advisory.pk)


def step(what: str = "remind", n: int = 1) -> ChaseStep:
    return ChaseStep.objects.select_related("clock").get(what=what, n=n)


def entries(kind: str) -> list[tuple[str, str]]:
    """Who, and why, as the record has it."""
    return [(one.actor.name, one.details["reason"]) for one in Record.objects.filter(kind=kind) if one.actor]


def refused(act: Callable[[], str]) -> str:
    with pytest.raises(Refused) as found:
        act()
    return str(found.value)


class TestLookingAhead:
    def test_an_officer_sees_whom_the_next_step_will_mail_and_in_how_many_bodies(self, chased: Advisory) -> None:
        answer(chased, "Tim", SOON)
        found = steering.whom(step(), SOON)
        assert (found.people, found.bodies, found.more) == (6, 2, 0)
        assert [(one.name, one.body, one.role) for one in found.shown] == [
            ("Cas", "A Department", ""), ("Dan", "A Department", ""), ("Dora", "A Department", ""),
            ("Hal", "A Department", ""), ("Tess", "Team", ""), ("Tom", "Team", ""),
        ]  # fmt: skip
        assert not Nudge.objects.exists()

    def test_and_they_are_who_it_mails(self, chased: Advisory) -> None:
        answer(chased, "Tim", SOON)
        promised = {one.name for one in steering.whom(step(), SOON).shown}
        assert {name for _, name in chase(at("2026-11-30 14:00"))} == promised

    def test_of_a_rung_they_are_told_for_which_body_each_answers(self, chased: Advisory) -> None:
        found = steering.whom(step("escalate"), SOON)
        assert (found.people, found.bodies) == (2, 2)
        assert [(one.name, one.role, one.body) for one in found.shown] == [
            ("Dora", "contact", "A Department"),
            ("Tess", "contact", "Team"),
        ]
        chase(at("2026-12-01 10:00"))
        assert {one.person.name for one in step("escalate").escalations.all()} == {"Dora", "Tess"}

    def test_of_many_the_first_are_named(self, chased: Advisory, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(steering, "SHOWN", 2)
        found = steering.whom(step(), SOON)
        assert (found.people, len(found.shown), found.more) == (7, 2, 5)

    def test_the_next_step_of_each_advisory_is_the_first_that_is_due(self, place: Office, chased: Advisory) -> None:
        other = publish(place, MONDAY, actions=[], title="Another")
        chase(SOON + timedelta(minutes=1))
        steering.skip(step_of(other, 1).pk, place.ada, "x", SOON)
        found = outlook.next_steps([chased.pk, other.pk], SOON)
        assert (found[chased.pk].n, found[other.pk].n) == (1, 2)
        steering.end(chased, place.ada, "x", SOON)
        assert set(outlook.next_steps([chased.pk, other.pk], SOON)) == {other.pk}


def step_of(advisory: Advisory, n: int) -> ChaseStep:
    return ChaseStep.objects.get(clock__advisory=advisory, what="remind", n=n)


class TestSkipping:
    def test_mails_nobody_and_the_next_keeps_its_time(self, place: Office, chased: Advisory) -> None:
        said = steering.skip(step().pk, place.ada, " They are all at the same conference. ", SOON)
        assert said.startswith("Skipped: nobody is mailed by it")
        assert not minutes(SOON, at("2026-12-01 09:00"))
        assert len(chase(at("2026-12-01 09:30"))) == 7
        assert entries("chase step skipped") == [("Ada", "They are all at the same conference.")]

    def test_a_rung_lets_the_next_come_in_its_time(self, place: Office, chased: Advisory) -> None:
        steering.skip(step("escalate").pk, place.ada, "x", SOON)
        # Four working hours after Tuesday at ten.
        assert step("escalate", 2).due_at == at("2026-12-01 14:00")
        told = {name for _, kind, name in minutes(SOON, at("2026-12-01 14:10")) if kind == "escalation"}
        assert told == {"Dan", "Dora"}  # the deputy of the department; of the team, the contacts of the body above

    def test_twice_the_second_hears_so_and_the_first_reason_stands(self, place: Office, chased: Advisory) -> None:
        steering.skip(step().pk, place.ada, "first", SOON)
        assert "was done already" in refused(lambda: steering.skip(step().pk, place.ben, "second", SOON))
        assert entries("chase step skipped") == [("Ada", "first")]
        assert step().reason == "first"

    def test_one_that_was_carried_out_is_not_skipped(self, place: Office, chased: Advisory) -> None:
        chase(at("2026-11-30 14:00"))
        assert "was done already" in refused(
            lambda: steering.skip(step().pk, place.ada, "late", at("2026-11-30 14:01"))
        )
        assert not entries("chase step skipped")

    def test_one_that_is_gone_over_says_that_some_were_reached(self, place: Office, chased: Advisory) -> None:
        ChaseStep.objects.filter(pk=step().pk).update(people=3)
        assert "it had reached 3 already" in steering.skip(step().pk, place.ada, "enough", SOON)

    def test_there_is_no_such_step(self, place: Office, chased: Advisory) -> None:
        assert "no such step" in refused(lambda: steering.skip(0, place.ada, "x", SOON))


class TestHastening:
    def test_mails_within_the_minute_and_what_came_before_is_overtaken(self, place: Office, chased: Advisory) -> None:
        now = at("2026-11-30 12:00")
        said = steering.hasten(step(n=2).pk, place.ada, "Exploited today.", now)
        assert said == "Brought forward: its mails leave within a minute."
        assert step().overtaken
        assert len(chase(now)) == 7
        assert not minutes(now + timedelta(minutes=1), at("2026-12-01 09:59"))
        assert entries("chase step hastened") == [("Ada", "Exploited today.")]

    def test_at_night_waits_for_the_morning_and_says_so(self, place: Office, chased: Advisory) -> None:
        said = steering.hasten(step(n=2).pk, place.ada, "x", at("2026-11-30 20:00"))
        assert said.endswith("on Tuesday 1 December, 09:00 GMT.")
        assert not chase(at("2026-11-30 20:01"))
        assert len(chase(at("2026-12-01 09:00"))) == 7

    def test_a_rung_gives_the_next_all_of_its_time(self, place: Office, chased: Advisory) -> None:
        now = at("2026-11-30 11:00")
        steering.hasten(step("escalate").pk, place.ada, "x", now)
        assert [row for row in chase(now) if row[0] == "escalation"] == [("escalation", "Dora"), ("escalation", "Tess")]
        assert step("escalate", 2).due_at == at("2026-11-30 15:00")

    def test_whoever_was_told_within_the_hour_is_left_out(self, place: Office, chased: Advisory) -> None:
        place.person("nora", place.department, "member")
        run_on(chased, at("2026-11-30 11:30"))
        now = at("2026-11-30 12:00")
        promised = steering.sooner(step(), now)
        assert promised.whom
        steering.hasten(step().pk, place.ada, "x", now)
        mailed = {name for _, name in chase(now)}
        assert mailed == {one.name for one in promised.whom.shown}
        assert len(mailed) == 7
        assert "Nora" not in mailed

    def test_where_that_would_be_nobody_it_is_refused_and_keeps_its_time(self, place: Office, chased: Advisory) -> None:
        now = MONDAY + timedelta(minutes=30)
        assert refused(lambda: steering.hasten(step(n=2).pk, place.ada, "x", now)) == (
            "Everybody who is silent was written to within the last hour: brought forward now, it would mail nobody. "
            "Nothing was changed."
        )
        assert (step(n=2).hastened_by, step(n=2).due_at) == (None, at("2026-12-01 09:12"))
        assert not step().done_at
        assert not entries("chase step hastened")
        assert len(chase(at("2026-11-30 14:00"))) == 7

    def test_the_refusal_says_since_when_they_were_written_to(self, place: Office, chased: Advisory) -> None:
        ChaseStep.objects.filter(pk=step().pk).update(since=MONDAY - timedelta(minutes=5))
        said = refused(lambda: steering.hasten(step().pk, place.ada, "x", at("2026-11-30 12:00")))
        assert said.startswith("Everybody who is silent was written to since 09:55 GMT on 30 November: ")

    def test_where_all_have_answered_it_is_refused(self, place: Office, chased: Advisory) -> None:
        for name in ("Cas", "Dan", "Dora", "Hal", "Tess", "Tim", "Tom"):
            answer(chased, name, SOON)
        now = at("2026-11-30 12:00")
        for one, verb in ((step(), "remind"), (step("escalate"), "tell")):
            said = refused(lambda one=one: steering.hasten(one.pk, place.ada, "x", now))  # type: ignore[misc]
            assert said.startswith(f"As things stand it finds nobody to {verb}: ")
        assert not entries("chase step hastened")

    def test_at_closing_time_whoever_was_told_within_the_hour_is_mailed_in_the_morning(self, place: Office) -> None:
        advisory = publish(place, at("2026-11-30 16:30"), actions=[], audience={"branches": ["department"]})
        chase(at("2026-11-30 16:40"))
        now = at("2026-11-30 17:10")
        assert steering.sooner(step_of(advisory, 1), now).whom is None
        assert steering.hasten(step_of(advisory, 1).pk, place.ada, "x", now).endswith("Tuesday 1 December, 09:00 GMT.")
        assert not chase(now)
        assert len(chase(at("2026-12-01 09:00"))) == 7

    def test_twice_the_second_hears_so_and_the_first_reason_stands(self, place: Office, chased: Advisory) -> None:
        now = at("2026-11-30 12:00")
        steering.hasten(step().pk, place.ada, "first", now)
        said = refused(lambda: steering.hasten(step().pk, place.ben, "second", now + timedelta(seconds=5)))
        assert said == "Ada has brought it forward already. Nothing was changed."
        assert step().hastened_by == place.ada
        assert step().reason == "first"
        chase(now + timedelta(minutes=1))
        assert "was done already" in refused(lambda: steering.hasten(step().pk, place.ben, "x", now))

    def test_one_that_is_due_already_can_come_no_sooner(self, place: Office, chased: Advisory) -> None:
        assert "due already" in refused(lambda: steering.hasten(step().pk, place.ada, "x", at("2026-11-30 14:00")))
        assert step().hastened_by is None

    @pytest.mark.parametrize("verb", [steering.hasten, steering.skip])
    @pytest.mark.parametrize("how", ["ended", "stopped"])
    def test_while_nothing_leaves_no_step_is_brought_forward_or_skipped(
        self, how: str, verb: Callable[[int, Person, str, datetime], str], place: Office, chased: Advisory
    ) -> None:
        if how == "ended":
            steering.end(chased, place.ada, "x", SOON)
        else:
            stop(chased, place.ben)
        said = refused(lambda: verb(step().pk, place.ada, "x", at("2026-11-30 12:00")))
        assert said.endswith(
            f"is {how}: let it go on first, and then skip a step or bring one forward. Nothing was changed."
        )
        assert (step().due_at, step().done_at) == (at("2026-11-30 14:00"), None)


class TestEnding:
    def test_nobody_is_mailed_any_more_not_even_what_waits(self, place: Office, chased: Advisory) -> None:
        said = steering.end(chased, place.ada, "Everybody was rung.", at("2026-11-30 13:00"))
        assert said.startswith("The chase is ended")
        assert not minutes(at("2026-11-30 13:00"), at("2026-12-03 12:00"), every=60)
        assert entries("chase ended") == [("Ada", "Everybody was rung.")]
        ended = fresh(chased)
        assert (ended.chase_ended_by, ended.chase_ended_why) == (place.ada, "Everybody was rung.")

    def test_twice_the_second_hears_who_did(self, place: Office, chased: Advisory) -> None:
        steering.end(chased, place.ada, "first", SOON)
        assert refused(lambda: steering.end(chased, place.ben, "second", SOON)).startswith("Ada has ended the chase")
        assert entries("chase ended") == [("Ada", "first")]

    def test_it_goes_on_with_one_mail_a_person_for_all_that_came_due(self, place: Office, chased: Advisory) -> None:
        steering.end(chased, place.ada, "x", SOON)
        later = at("2026-12-01 09:45")
        assert not chase(later)
        assert steering.go_on(chased, place.ben, "Too early.").startswith("The chase goes on")
        assert len(chase(later)) == 7
        assert step().overtaken
        assert entries("chase goes on") == [("Ben", "Too early.")]

    def test_within_the_minute_and_at_night_in_the_morning(self, place: Office, chased: Advisory) -> None:
        steering.end(chased, place.ada, "x", SOON)
        assert "within a minute of working time" in steering.go_on(chased, place.ben, "Too early.")
        assert not chase(at("2026-11-30 20:00"))
        assert len(chase(at("2026-12-01 09:00"))) == 7

    def test_lists_that_waited_when_it_was_ended_are_not_sent_and_the_sentence_says_so(
        self, place: Office, chased: Advisory, settings: SettingsWrapper
    ) -> None:
        settings.CHASE_MAILS_A_DAY = 0
        chase(at("2026-12-01 10:00"))
        assert step("escalate").escalations.filter(state="waiting").count() == 2
        settings.CHASE_MAILS_A_DAY = 9
        now = at("2026-12-01 10:01")
        steering.end(chased, place.ada, "x", now)
        assert not chase(now)
        said = steering.go_on(chased, place.ben, "y")
        assert said.endswith(" Lists of who is silent that waited for 2 people are not sent any more.")
        assert "escalation" not in {kind for kind, _ in chase(now + timedelta(minutes=1))}
        assert {name for kind, name in chase(at("2026-12-01 14:00")) if kind == "escalation"} == {"Dan", "Dora"}

    def test_where_it_is_stopped_too_it_says_that_it_has_to_go_on(self, place: Office, chased: Advisory) -> None:
        steering.end(chased, place.ada, "x", SOON)
        stop(chased, place.ben)
        assert f"are done once {chased.reference} goes on" in steering.go_on(chased, place.ben, "y")

    def test_twice_the_second_hears_who_let_it(self, place: Office, chased: Advisory) -> None:
        steering.end(chased, place.ada, "x", SOON)
        steering.go_on(chased, place.ben, "first")
        assert refused(lambda: steering.go_on(chased, place.ada, "second")) == (
            "Ben has let the chase go on already. Nothing was changed."
        )
        assert entries("chase goes on") == [("Ben", "first")]

    def test_what_goes_on_already_says_so(self, place: Office, chased: Advisory) -> None:
        assert "being chased already" in refused(lambda: steering.go_on(chased, place.ada, "x"))
        assert not entries("chase goes on")


Verb = Callable[[Advisory, Person, str], str]


def on_step(verb: Callable[[int, Person, str, datetime], str]) -> Verb:
    return lambda advisory, by, why: verb(step().pk, by, why, at("2026-11-30 12:00"))


VERBS: dict[str, Verb] = {
    "skip": on_step(steering.skip),
    "hasten": on_step(steering.hasten),
    "end": lambda advisory, by, why: steering.end(advisory, by, why, SOON),
    "go on": steering.go_on,
}


def made_ready(name: str, advisory: Advisory, by: Person) -> None:
    if name == "go on":
        steering.end(advisory, by, "for now", SOON)


@pytest.mark.parametrize("name", VERBS)
class TestEachVerb:
    def test_is_for_an_officer_of_the_issuer(self, name: str, place: Office, chased: Advisory) -> None:
        made_ready(name, chased, place.ada)
        others = [
            place.person("olga", place.outside, "officer"),
            Person.objects.get(name="Dora"),
            Person.objects.create(
                email="ann@example.org", written="ann@example.org", name="Ann", is_administrator=True
            ),
            Person.objects.create(email="aud@example.org", written="aud@example.org", name="Aud", is_auditor=True),
        ]
        before = Record.objects.count()
        for who in others:
            assert refused(lambda who=who: VERBS[name](chased, who, "x")) == steering.NOT_YOURS  # type: ignore[misc]
        assert Record.objects.count() == before

    def test_not_for_an_officer_who_left(self, name: str, place: Office, chased: Advisory) -> None:
        made_ready(name, chased, place.ada)
        Person.objects.filter(pk=place.ben.pk).update(left_at=SOON)
        left = Person.objects.get(pk=place.ben.pk)
        assert refused(lambda: VERBS[name](chased, left, "x")) == steering.NOT_YOURS

    @pytest.mark.parametrize("reason", ["", "  \n\t ", "\u200b", "\0"])
    def test_wants_a_reason(self, name: str, reason: str, place: Office, chased: Advisory) -> None:
        made_ready(name, chased, place.ada)
        before = Record.objects.count()
        assert "Say why" in refused(lambda: VERBS[name](chased, place.ada, reason))
        assert (Record.objects.count(), step().done_at, step().due_at) == (before, None, at("2026-11-30 14:00"))

    def test_takes_no_reason_that_nobody_reads(self, name: str, place: Office, chased: Advisory) -> None:
        made_ready(name, chased, place.ada)
        assert "501 characters; 500 is the most" in refused(lambda: VERBS[name](chased, place.ada, "x" * 501))
        assert VERBS[name](chased, place.ada, "x" * 500)

    def test_changes_nothing_once_it_is_not_live(self, name: str, place: Office, chased: Advisory) -> None:
        made_ready(name, chased, place.ada)
        stand_down(chased, place.ben, "Mended.")
        assert "is not live" in refused(lambda: VERBS[name](fresh(chased), place.ada, "x"))

    def test_of_two_officers_at_once_one_does_it_and_the_other_hears_so(
        self, name: str, place: Office, chased: Advisory
    ) -> None:
        made_ready(name, chased, place.ada)
        found = at_once(
            lambda: VERBS[name](chased, place.ada, "of Ada"), lambda: VERBS[name](chased, place.ben, "of Ben")
        )
        assert sorted(isinstance(one, Refused) for one in found) == [False, True]
        kind = {"skip": "chase step skipped", "hasten": "chase step hastened", "end": "chase ended"}.get(
            name, "chase goes on"
        )
        assert len(entries(kind)) == 1


def at_once(*acts: Callable[[], str]) -> list[str | Refused]:
    """All of these at the same moment, each in a connection of its own; what each said."""
    gate, found = threading.Barrier(len(acts)), list[str | Refused]()

    def run(act: Callable[[], str]) -> None:
        try:
            gate.wait(10)
            found.append(act())
        except Refused as refused:
            found.append(refused)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(act,)) for act in acts]
    for one in threads:
        one.start()
    for one in threads:
        one.join(30)
    assert len(found) == len(acts)
    return found


class TestRaces:
    def test_skipped_while_the_beat_carries_it_out_it_mails_all_or_nobody(
        self, place: Office, chased: Advisory
    ) -> None:
        now = at("2026-11-30 14:00")

        def beat() -> str:
            tend(now)
            return "done"

        skipped, *_ = [
            one for one in at_once(lambda: steering.skip(step().pk, place.ada, "x", now), beat) if one != "done"
        ]
        reached = Nudge.objects.count()
        assert reached == (7 if isinstance(skipped, Refused) else 0)
        assert (step().skipped_by is None) == isinstance(skipped, Refused)

    def test_one_skips_and_the_other_brings_it_forward_one_of_them_is_refused(
        self, place: Office, chased: Advisory
    ) -> None:
        found = at_once(
            lambda: steering.skip(step().pk, place.ada, "x", SOON),
            lambda: steering.hasten(step().pk, place.ben, "y", at("2026-11-30 12:00")),
        )
        # Skipped after it was brought forward it is skipped; the other way round the second hears that it was done.
        assert step().skipped_by == place.ada
        assert len([one for one in found if isinstance(one, Refused)]) in (0, 1)
        assert not [row for row in chase(at("2026-11-30 12:01")) if row[0] == "reminder"]


def test_a_new_text_begins_with_nothing_skipped_and_nothing_ended(place: Office, chased: Advisory) -> None:
    steering.skip(step().pk, place.ada, "x", SOON)
    steering.end(chased, place.ada, "x", SOON)
    draft = update_from_file(fresh(chased), an_advisory(actions=[], what_changed="All"), place.ada, material=True)
    publish_draft(draft, place.ben, accept_gaps="as before", now=at("2026-11-30 13:00"))
    run_on(chased, at("2026-11-30 13:00"))
    chase(at("2026-11-30 13:10"))
    assert fresh(chased).chase_ended_at is None
    assert {one.n for one in outlook.to_come(fresh(chased), SOON) if one.what == "remind"} == set(range(1, 9))
