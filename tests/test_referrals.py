"""What readers say about who should have a warning: nothing changes before somebody who answers for the body decides."""

import threading
from collections.abc import Callable
from datetime import timedelta
from uuid import uuid4

import pytest
import time_machine
from django.db import connection
from django.utils import timezone

from alerts import own_links
from alerts.cascading import deciding
from alerts.cascading.cascade import wanting
from alerts.cascading.deciding import AlreadyDecided
from alerts.cascading.referrals import NotSaid, TooMany
from alerts.coverage.told import entries
from alerts.delivery.deliver import deliver
from alerts.models import Advisory, Exclusion, Message, Named, Recipient, Record, Referral, Relay, Seat
from alerts.outbox_sql import ANSWER_RANK
from alerts.publishing.life import life_of
from alerts.publishing.stopping import stand_down
from alerts.suspicion import Client
from departments.models import Body, Membership, Person, Role
from departments.refusal import Refused
from tests.office import Office
from tests.referring import SOMEBODY, Referring, answers_of, form_of
from tests.smtp import Server

pytestmark = pytest.mark.django_db
committed = pytest.mark.django_db(transaction=True)


@pytest.fixture
def scene(office: Office) -> Referring:
    return Referring(office)


def marked(office: Office, marking: str) -> Referring:
    audience = {"people": ["cas@example.org"]} if marking == "RED" else {"branches": ["government"]}
    return Referring(office, marking=marking, audience=audience)


def sits(person: Person) -> set[str]:
    return set(person.memberships.filter(until=None).values_list("body__slug", flat=True))


class TestSaying:
    def test_nothing_changes_but_that_it_is_there_and_those_who_decide_have_a_mail(self, scene: Referring) -> None:
        before = [model.objects.count() for model in (Person, Membership, Named, Seat)]
        said = scene.also()
        assert (said.body, said.decision, said.email) == (scene.department, "", "nia@example.org")
        assert answers_of(scene.advisory) == {"Con", "Dep"}
        assert [model.objects.count() for model in (Person, Membership, Named, Seat)] == before
        entry = Record.objects.get(kind="referred")
        assert "nia" not in str(entry.details).lower()

    def test_the_same_form_twice_says_it_once(self, scene: Referring) -> None:
        form = form_of(scene.recipient(), "also")
        first, second = (scene.say("also", form=form, name="N", email="n@example.org") for _ in range(2))
        assert first == second
        assert Record.objects.filter(kind="referred").count() == 1

    @committed
    def test_two_presses_at_once_are_one(self, scene: Referring) -> None:
        form = form_of(scene.recipient(), "also")
        at_once(*[lambda: scene.say("also", form=form, name="N", email="n@example.org")] * 3)
        assert Referral.objects.count() == 1

    def test_what_is_wrong_is_said_at_each_field_and_nothing_is_written(self, scene: Referring) -> None:
        cases: list[tuple[str, dict[str, str], set[str]]] = [
            ("also", {}, {"name", "email"}),
            ("also", {"name": "N", "email": "nobody"}, {"email"}),
            ("also", {"name": "\u200b\u2060", "email": "n@example.org"}, {"name"}),
            ("also", {"name": "N" * 501, "email": "n@example.org"}, {"name"}),
            ("also", {"name": "N\x00", "email": "n@example.org\x00" * 30}, {"name", "email"}),
            ("also", {"name": "N", "email": "n@example.org", "text": "x" * 2_001}, {"text"}),
            ("not-me", {"name": "N"}, {"email"}),
            ("left", {"name": "N"}, {"email"}),
            ("left", {"email": "n@example.org"}, {"name"}),
            ("left", {"text": "2999-01-01"}, {"text"}),
            ("left", {"text": "soon"}, {"text"}),
        ]
        for kind, typed, wrong in cases:
            with pytest.raises(NotSaid) as refused:
                scene.say(kind, None, SOMEBODY, **typed)
            assert set(refused.value.errors) == wrong
        assert not Referral.objects.exists()

    def test_a_machines_press_writes_nothing_and_is_asked_for_once_more(self, scene: Referring) -> None:
        for client in (Client(user_agent="Mozilla/5.0 Barracuda"), Client(user_agent="")):
            with pytest.raises(NotSaid) as refused:
                scene.say("left", client=client)
            assert "proof" in refused.value.errors
        with pytest.raises(NotSaid):
            scene.say("left", form=form_of(scene.recipient(), "left", age=0))
        assert not Referral.objects.exists()
        scene.say("left", client=Client(user_agent="Mozilla/5.0 Barracuda", proved=True))

    def test_a_form_of_another_page_or_day_says_nothing(self, scene: Referring) -> None:
        own, others = scene.recipient(), scene.recipient(scene.meg)
        old = form_of(own, "left", age=90_000)
        for form in (" ", "x", form_of(own, "also"), form_of(others, "left"), old):
            with pytest.raises(NotSaid) as refused:
                scene.say("left", form=form)
            assert set(refused.value.errors) == {"form"}
        assert not Referral.objects.exists()

    def test_five_wait_and_no_more(self, scene: Referring) -> None:
        for number in range(5):
            scene.also(email=f"n{number}@example.org")
        with pytest.raises(TooMany):
            scene.also()
        scene.also(who=scene.meg)
        deciding.decline(Referral.objects.earliest("pk").pk, scene.con, "No.")
        scene.also()

    def test_twenty_a_day_and_no_more(self, scene: Referring) -> None:
        own, now = scene.recipient(), timezone.now()
        decided = {"decision": "declined", "decided_by": scene.con, "decided_at": now}
        Referral.objects.bulk_create(
            [Referral(recipient=own, kind="also", form_id=uuid4(), at=now, **decided) for _ in range(20)]
        )
        with pytest.raises(TooMany):
            scene.also()
        with time_machine.travel(timezone.now() + timedelta(days=1, minutes=1)):
            scene.also()


class TestWhoDecides:
    def test_those_who_answer_for_the_body_but_whose_link_it_is(self, scene: Referring) -> None:
        assert scene.also(who=scene.con).body == scene.department
        assert answers_of(scene.advisory) == {"Dep"}

    def test_whoever_is_spoken_of_does_not(self, scene: Referring) -> None:
        said = scene.also("Con", "con@example.org")
        assert answers_of(scene.advisory) == {"Dep"}
        assert not scene.con.has_perm("alerts.decide_referral", said)
        with pytest.raises(Refused, match="not yours"):
            deciding.pass_on(said.pk, scene.con)

    def test_the_nearest_body_above_where_their_own_has_nobody(self, scene: Referring) -> None:
        assert scene.also(who=scene.meg).body == scene.department
        Membership.objects.filter(person__in=[scene.con, scene.dep]).update(until=timezone.now())
        assert scene.also(email="o@example.org", who=scene.meg).body == scene.office.government
        assert answers_of(scene.advisory) == {"Con", "Dep", "Top"}

    def test_an_administrator_where_nobody_above_does_and_of_whoever_may_do_much(self, scene: Referring) -> None:
        Membership.objects.filter(person=scene.con, role="contact").update(role="head")
        assert scene.say("left", scene.con).body is None
        Membership.objects.filter(role__in=("contact", "deputy", "head")).update(until=timezone.now())
        assert scene.also().body is None
        assert answers_of(scene.advisory) == {"Root"}

    def test_somebody_whom_mail_does_not_reach_is_not_waited_for(self, scene: Referring) -> None:
        Person.objects.filter(pk__in=[scene.con.pk, scene.dep.pk]).update(bounced_at=timezone.now())
        assert scene.also().body == scene.office.government

    def test_who_may(self, scene: Referring) -> None:
        said = scene.also()
        auditor = Person.objects.create(email="a@x.example", written="a", name="A", is_auditor=True)
        people = [scene.con, scene.dep, scene.top, scene.root, scene.bea, scene.cas, scene.office.ada, auditor]
        may = [who.name for who in people if who.has_perm("alerts.decide_referral", said)]
        assert may == ["Con", "Dep", "Top", "Root"]
        assert not scene.top.has_perm("alerts.decide_referral", None)

    def test_much_said_within_an_hour_is_one_mail_and_what_comes_after_it_one_more(self, scene: Referring) -> None:
        mails = Message.objects.filter(kind="referral", person=scene.con)
        with time_machine.travel("2026-06-01T10:05:00Z", tick=False):
            scene.also(email="a@example.org")
            scene.also(email="b@example.org")
            assert mails.count() == 1
            mails.update(state="sent")
        with time_machine.travel("2026-06-01T10:20:00Z", tick=False):
            scene.also(email="c@example.org")
            scene.also(email="d@example.org")
        assert [str(one.batch.not_before.hour) for one in mails.order_by("pk")] == ["10", "11"]

    @committed
    def test_the_mail_leads_to_the_page_and_names_nobody(self, scene: Referring, server: Server) -> None:
        scene.also()
        while deliver():
            pass
        mail = next(
            mail for mail in server.mails if mail.recipients == ["con@example.org"] and "decide" in mail.subject
        )
        assert "/referrals/" in mail.text
        assert "nia" not in mail.text.lower()

    def test_it_does_not_leave_once_nothing_waits(self, scene: Referring) -> None:
        deciding.decline(scene.also().pk, scene.con, "No.")
        assert not Message.objects.filter(kind="referral", state="waiting").exists()


class TestNotMe:
    def test_another_recipient_is_mailed_their_own_link_once(self, scene: Referring) -> None:
        form = form_of(scene.recipient(), "not-me")
        for _ in range(2):
            scene.say("not-me", form=form, name="Meg", email="Meg@Example.org")
        mail = Message.objects.get(kind="own-link")
        assert mail.key == own_links.key_of(scene.recipient(scene.meg).pk, timezone.now())
        assert (mail.person, mail.batch.about, mail.batch.rank) == (scene.meg, scene.advisory, ANSWER_RANK)
        assert not scene.recipient(scene.meg).answered_revision

    def test_through_however_many_links_they_are_mailed_it_once_a_day(self, scene: Referring) -> None:
        mails = Message.objects.filter(kind="own-link", person=scene.meg)
        for day, so_far in (("2026-06-01", 1), ("2026-06-02", 2)):
            with time_machine.travel(f"{day}T10:00:00Z", tick=False):
                for who in (scene.cas, scene.con, scene.dep, scene.top):
                    for _ in range(2):
                        scene.say("not-me", who, name="Meg", email="meg@example.org")
            assert mails.count() == so_far

    @pytest.mark.parametrize("who", ["somebody else in the directory", "nobody", "not told yet", "left"])
    def test_nobody_else_is(self, scene: Referring, who: str) -> None:
        if who == "not told yet":
            Recipient.objects.filter(person=scene.meg).update(told_revision=0)
        if who == "left":
            Person.objects.filter(pk=scene.meg.pk).update(left_at=timezone.now())
        email = {"nobody": "n@example.org", "somebody else in the directory": "root@example.org"}.get(
            who, "meg@example.org"
        )
        scene.say("not-me", name="M", email=email)
        assert not Message.objects.filter(kind="own-link").exists()

    def test_the_contact_passes_it_on_to_who_they_are(self, scene: Referring) -> None:
        said = scene.say("not-me", name="Nia New", email="nia@example.org")
        deciding.pass_on(said.pk, scene.con)
        scene.go()
        assert scene.mails("Nia New") == 1


class TestPassingOn:
    def test_somebody_new_has_a_place_is_named_and_is_told_once(self, scene: Referring) -> None:
        done = scene.passed()
        assert "Nia New is put in" in done.said
        nia = Person.objects.get(email="nia@example.org")
        assert sits(nia) == {"department"}
        assert wanting() == [scene.advisory.pk]
        scene.go()
        scene.go()
        assert scene.mails("Nia New") == 1
        assert Recipient.objects.get(person=nia).targeted
        assert Seat.objects.get(recipient__person=nia).counts
        named = Named.objects.get(person=nia)
        assert (named.by, named.why) == (scene.con, "passed on in A Department, on a reader's word")
        assert entries(nia, [scene.advisory.pk])[0].named == named
        assert "passed it on for A Department" in life_of(scene.advisory)[0].what
        assert Record.objects.get(kind="passed on").details["person"] == nia.pk

    def test_somebody_of_a_body_that_is_told_but_in_no_role_that_was_asked_hears_it_at_once(
        self, office: Office
    ) -> None:
        scene = Referring(office, audience={"branches": ["government"], "roles": ["contact"]})
        assert not Recipient.objects.filter(person=scene.meg).exists()
        said = scene.also("Meg", "meg@example.org", who=scene.con)
        deciding.pass_on(said.pk, scene.dep)
        scene.go()
        assert (scene.mails("Meg"), sits(scene.meg)) == (1, {"agency"})
        assert Recipient.objects.get(person=scene.meg).targeted

    def test_at_green_somebody_elsewhere_hears_it_where_they_sit_and_gets_no_place_here(self, scene: Referring) -> None:
        oz = scene.office.person("oz", scene.office.outside, "member")
        scene.passed("Oz", "oz@example.org")
        scene.go()
        assert (scene.mails("Oz"), sits(oz)) == (1, {"committee"})
        assert Relay.objects.get(advisory=scene.advisory, body=scene.office.outside).purpose == "named"

    def test_whoever_has_it_already_is_sent_nothing_more(self, scene: Referring) -> None:
        assert "already" in scene.passed("Meg", "meg@example.org").said
        scene.go()
        assert scene.mails("Meg") == 1
        assert not Named.objects.exists()
        assert Referral.objects.get().decision == "done"

    def test_somebody_elsewhere_is_passed_it_in_the_same_words_whether_they_have_it_or_not(
        self, scene: Referring
    ) -> None:
        """Whether another branch's people have a warning is nothing for this contact. (What they had, they have once.)"""
        scene.office.person("oz", scene.office.outside, "member")
        heard = {scene.passed(who, f"{who}@example.org").said.replace(who, "they") for who in ("bea", "oz")}
        assert len(heard) == 1
        assert Record.objects.filter(kind="passed on").count() == 2
        scene.go()
        assert (scene.mails("Bea"), scene.mails("Oz")) == (1, 1)

    def test_why_it_goes_no_further_is_said_alike_of_whoever_is_not_ones_own(self, office: Office) -> None:
        scene = marked(office, "AMBER")
        scene.office.person("oz", scene.office.outside, "member")
        heard = set()
        for email in ("bea@example.org", "oz@example.org", "root@example.org", "nobody@example.org"):
            with pytest.raises(Refused, match="nobody with that address") as refused:
                scene.passed("N", email)
            heard.add(str(refused.value))
        assert len(heard) == 1
        with pytest.raises(Refused, match="Oz sits in China Committee"):
            deciding.pass_on(Referral.objects.get(email="oz@example.org").pk, scene.root)

    def test_a_readers_words_do_not_rename_somebody(self, scene: Referring) -> None:
        known = Person.objects.create(
            email="box@example.org", written="box@example.org", name="The Committee's Box", shared=True, telephone="1"
        )
        assert "The Committee's Box is put in" in scene.passed("Evil Name", "box@example.org").said
        known.refresh_from_db()
        assert (known.name, known.shared, known.telephone) == ("The Committee's Box", True, "1")
        assert sits(known) == {"department"}

    def test_two_readers_who_name_the_same_person_are_one_mail(self, scene: Referring) -> None:
        first, second = scene.also(), scene.also(who=scene.meg)
        for said in (first, second):
            deciding.pass_on(said.pk, scene.con)
        scene.go()
        assert scene.mails("Nia New") == 1

    @committed
    def test_a_pass_that_looked_before_it_was_committed_does_not_lose_it(self, scene: Referring) -> None:
        said = scene.also("Oz", scene.office.person("oz", scene.office.outside, "member").email)
        scene.go()
        seen = Advisory.objects.get(pk=scene.advisory.pk).seen
        deciding.pass_on(said.pk, scene.con)
        assert Advisory.objects.get(pk=scene.advisory.pk).seen == seen
        scene.go()
        assert scene.mails("Oz") == 1

    @pytest.mark.parametrize(
        ("marking", "who", "refused"),
        [
            ("CLEAR", "new", False),
            ("CLEAR", "beside", False),
            ("GREEN", "new", False),
            ("AMBER", "new", True),
            ("AMBER", "beside", True),
            ("AMBER", "below", False),
            ("AMBER", "here", False),
            ("AMBER", "below and elsewhere", True),
            ("AMBER+STRICT", "new", True),
            ("AMBER+STRICT", "below", True),
            ("AMBER+STRICT", "here", False),
        ],
    )
    def test_no_further_than_the_marking(self, office: Office, marking: str, who: str, *, refused: bool) -> None:
        scene = Referring(office, marking=marking, audience={"branches": ["government"], "roles": ["contact"]})
        Recipient.objects.filter(person=scene.con).update(targeted=True)
        place = {"beside": scene.beside, "here": scene.department}.get(who, scene.agency)
        if who != "new":
            one = office.person("nia", place, "member")
            if who == "below and elsewhere":
                Membership.objects.create(person=one, body=office.outside)
        said = scene.also(who=scene.con)
        if refused:
            with pytest.raises(Refused, match=f"TLP:{marking}".replace("+", r"\+")):
                deciding.pass_on(said.pk, scene.dep)
            assert not Named.objects.exists()
            assert Referral.objects.get().decision == ""
            return
        deciding.pass_on(said.pk, scene.dep)
        scene.go()
        assert Message.objects.filter(advisory=scene.advisory, person__email="nia@example.org").count() == 1

    @pytest.mark.parametrize("decider", ["top", "root"])
    def test_it_stays_with_the_readers_own_bodies_however_far_up_it_is_decided(
        self, office: Office, decider: str
    ) -> None:
        scene = Referring(office, marking="AMBER", audience={"branches": ["department"]})
        Membership.objects.filter(person__in=[scene.con, scene.dep]).update(until=timezone.now())
        said = scene.also("Bea", "bea@example.org")
        assert said.body == office.government
        by = {"top": scene.top, "root": scene.root}[decider]
        with pytest.raises(Refused, match=r"in A Department or below alone, and Bea sits in Another Department"):
            deciding.pass_on(said.pk, by)
        office.person("nia", scene.agency, "member")
        deciding.pass_on(scene.also().pk, by)

    def test_at_red_nobody_is_named_by_readers_and_nobody_is_passed_it(self, office: Office) -> None:
        scene = marked(office, "RED")
        with pytest.raises(Refused, match="ask The Centre"):
            scene.also()
        said = scene.say("not-me", name="N", email="n@example.org")
        with pytest.raises(Refused, match="RED"):
            deciding.pass_on(said.pk, scene.con)
        assert not Person.objects.filter(email="n@example.org").exists()

    def test_who_was_left_out_by_name_is_not_put_in_by_a_reader(self, scene: Referring) -> None:
        oz = scene.office.person("oz", scene.office.outside, "member")
        Exclusion.objects.create(
            advisory=scene.advisory, body=scene.office.outside, reason="told otherwise", by=scene.office.ada
        )
        with pytest.raises(Refused, match=r"left out of .* on purpose"):
            scene.passed("Oz", oz.email)

    def test_nobody_is_reached_beyond_the_branch_that_the_issuer_may_warn(self, scene: Referring) -> None:
        Body.objects.filter(pk=scene.office.centre.pk).update(may_issue=False)
        Body.objects.filter(pk=scene.beside.pk).update(may_issue=True)
        with pytest.raises(Refused, match="beyond the branch"):
            scene.passed("Oz", scene.office.person("oz", scene.office.outside, "member").email)

    def test_a_leaver_is_not_brought_back_by_it(self, scene: Referring) -> None:
        Person.objects.create(email="nia@example.org", written="x", name="N", left_at=timezone.now())
        with pytest.raises(Refused, match="left the directory"):
            scene.passed()
        assert not Named.objects.exists()

    @pytest.mark.parametrize("state", ["stood down", "expired"])
    def test_of_what_is_over_nobody_else_is_told(self, scene: Referring, state: str) -> None:
        said = scene.also()
        if state == "expired":
            Advisory.objects.update(state="expired")
        else:
            stand_down(scene.advisory, scene.office.ada, "It is over.")
        with pytest.raises(Refused, match=state):
            deciding.pass_on(said.pk, scene.con)
        with pytest.raises(Refused, match=state):
            scene.also(email="o@example.org")
        assert scene.say("left").decision == ""

    def test_of_a_stopped_one_they_hear_once_it_goes_on(self, scene: Referring) -> None:
        Advisory.objects.update(stopped_at=timezone.now())
        assert "once it goes on" in scene.passed().said


class TestLeft:
    def test_they_left_on_that_day_and_their_seat_ends(self, scene: Referring) -> None:
        said = scene.say("left", text="2026-01-05")
        assert said.text == "2026-01-05"
        assert Person.objects.get(pk=scene.cas.pk).left_at is None
        done = deciding.confirm_left(said.pk, scene.con, timezone.localdate())
        assert "Cas has left" in done.said
        assert Person.objects.get(pk=scene.cas.pk).left_at is not None
        scene.go()
        assert not Seat.objects.filter(recipient__person=scene.cas, ended_at=None).exists()
        assert scene.recipient().person.left_at is not None

    def test_whoever_took_over_is_passed_it_where_the_contact_says_so(self, scene: Referring) -> None:
        said = scene.say("left", name="Nia New", email="nia@example.org")
        done = deciding.confirm_left(said.pk, scene.con, timezone.localdate(), successor=True)
        assert "Cas has left" in done.said
        assert "Nia New is put in" in done.said
        scene.go()
        assert scene.mails("Nia New") == 1

    def test_otherwise_they_are_not(self, scene: Referring) -> None:
        said = scene.say("left", name="Nia New", email="nia@example.org")
        deciding.confirm_left(said.pk, scene.con, timezone.localdate())
        assert not Named.objects.exists()

    def test_where_the_successor_can_not_be_nobody_leaves_either(self, office: Office) -> None:
        scene = marked(office, "AMBER")
        said = scene.say("left", name="Nia New", email="nia@example.org")
        with pytest.raises(Refused, match="AMBER"):
            deciding.confirm_left(said.pk, scene.con, timezone.localdate(), successor=True)
        assert Person.objects.get(pk=scene.cas.pk).left_at is None

    def test_places_for_which_the_contact_does_not_answer_are_for_others_to_end(self, scene: Referring) -> None:
        Membership.objects.create(person=scene.cas, body=scene.office.outside)
        said = scene.say("left")
        done = deciding.confirm_left(said.pk, scene.con, timezone.localdate())
        assert "China Committee" in done.said
        assert sits(scene.cas) == {"committee"}
        assert Person.objects.get(pk=scene.cas.pk).left_at is None

    def test_a_contact_takes_no_powers_from_anybody(self, scene: Referring) -> None:
        said = scene.say("left")
        Membership.objects.create(person=scene.cas, body=scene.department, role=Role.OFFICER)
        with pytest.raises(Refused, match="for an administrator"):
            deciding.confirm_left(said.pk, scene.con, timezone.localdate())
        deciding.confirm_left(said.pk, scene.root, timezone.localdate())
        assert Person.objects.get(pk=scene.cas.pk).left_at is not None

    def test_whoever_left_meanwhile_is_no_trouble(self, scene: Referring) -> None:
        said = scene.say("left")
        Person.objects.filter(pk=scene.cas.pk).update(left_at=timezone.now())
        assert "already" in deciding.confirm_left(said.pk, scene.con, timezone.localdate()).said
        assert Referral.objects.get().decision == "done"

    def test_a_day_to_come_is_refused(self, scene: Referring) -> None:
        said = scene.say("left")
        with pytest.raises(Refused, match="still to come"):
            deciding.confirm_left(said.pk, scene.con, timezone.localdate() + timedelta(days=1))
        assert Referral.objects.get().decision == ""


class TestDecidingOnce:
    def test_the_second_hears_who_decided(self, scene: Referring) -> None:
        said = scene.also()
        deciding.pass_on(said.pk, scene.con)
        for again in (deciding.pass_on, lambda pk, by: deciding.decline(pk, by, "No.")):
            with pytest.raises(AlreadyDecided, match=r"^Con "):
                again(said.pk, scene.dep)
        assert Record.objects.filter(kind="passed on").count() == 1

    @committed
    def test_two_contacts_at_once_decide_once(self, scene: Referring) -> None:
        said = scene.also()
        heard = at_once(
            lambda: deciding.pass_on(said.pk, scene.con), lambda: deciding.decline(said.pk, scene.dep, "No.")
        )
        assert sorted(type(one).__name__ for one in heard) == ["AlreadyDecided", "Decided"]
        assert Record.objects.filter(kind__startswith="referral").count() == 1

    @committed
    def test_two_readers_name_the_same_person_and_two_contacts_pass_it_on_at_once(self, scene: Referring) -> None:
        first, second = scene.also(), scene.also(who=scene.meg)
        heard = at_once(lambda: deciding.pass_on(first.pk, scene.con), lambda: deciding.pass_on(second.pk, scene.dep))
        assert [type(one).__name__ for one in heard] == ["Decided", "Decided"]
        scene.go()
        assert scene.mails("Nia New") == 1

    def test_declining_wants_a_reason_that_stands_with_it_and_not_in_the_record(self, scene: Referring) -> None:
        said = scene.also()
        for reason in (" ", "x" * 2_001):
            with pytest.raises(Refused):
                deciding.decline(said.pk, scene.con, reason)
        deciding.decline(said.pk, scene.con, "A stranger.")
        said.refresh_from_db()
        assert (said.decision, said.decided_by, said.reason) == ("declined", scene.con, "A stranger.")
        assert "stranger" not in str(Record.objects.get(kind="referral declined").details)

    def test_what_was_said_is_decided_as_it_was_said(self, scene: Referring) -> None:
        left, also = scene.say("left"), scene.also()
        with pytest.raises(Refused):
            deciding.pass_on(left.pk, scene.con)
        with pytest.raises(Refused):
            deciding.confirm_left(also.pk, scene.con, timezone.localdate())


def at_once(*acts: Callable[[], object]) -> list[object]:
    """What each came to, an exception where it raised one."""
    heard: list[object] = []

    def act(one: Callable[[], object]) -> None:
        try:
            heard.append(one())
        except Exception as error:
            heard.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=act, args=(one,)) for one in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return heard
