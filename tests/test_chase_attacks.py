"""What somebody who means harm tries on the pages and mails of the chase, and does not get."""

from __future__ import annotations

import email
import email.policy
import json
import re
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import pytest
import time_machine
from django.conf import settings
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django.utils.html import escape

from alerts import tokens
from alerts.answering import acknowledge
from alerts.calling import calling
from alerts.cascading.cascade import cascade
from alerts.chasing.tending import tend
from alerts.delivery.deliver import deliver
from alerts.letters import letters
from alerts.letters.letter_blocks import Entry, Line
from alerts.models import Acknowledgement, Advisory, Call, ChaseStep, Clock, Message, Recipient, Relay, Reply
from alerts.publishing.publish import publish_draft
from departments.models import Membership, Person
from departments.refusal import Refused
from tests import rows
from tests.chased import at, team
from tests.clients import signed_in
from tests.drilling import Drill
from tests.office import Office
from tests.smtp import Received, Server
from tests.test_chase_letters import html_of

pytestmark = pytest.mark.django_db(transaction=True)

SECRET = "the door of room 101 stands open"
HARM = "<script>alert(1)</script>\u202e\x00\ud800\r\nBcc: eve@example.org".encode(errors="surrogatepass")
PAGES = ("chase", "chase_live", "chase_end", "asking", "calls", "calls_live", "drill")


@pytest.fixture
def advisory() -> Advisory:
    """A critical drill that is chased: its treasury and its home office are silent."""
    made = rows.advisory(exercise=True)
    fields = {"severity": "critical", "acknowledge_within": timedelta(hours=4), "clocked": 1}
    Advisory.objects.filter(pk=made.pk).update(**fields)
    top = rows.relay(made, "government", purpose="between")
    for slug in ("treasury", "home-office"):
        place = rows.relay(made, slug, top)
        rows.recipient(made, place, who=rows.person(f"Con of {slug}", telephone="020 7946 0001"), role="contact")
        rows.recipient(made, place, who=rows.person(f"Mia of {slug}"))
    Recipient.objects.update(told_revision=1)
    Membership.objects.create(person=made.written_by, body=made.issuer, role="officer")
    return Advisory.objects.get(pk=made.pk)


@pytest.fixture
def officer(advisory: Advisory) -> Person:
    return advisory.written_by


@pytest.fixture
def contact(advisory: Advisory) -> Person:
    return Person.objects.get(name="Con of treasury")


@pytest.fixture
def stranger() -> Person:
    """An officer of another issuer, who is a contact there as well: with every duty, and none here."""
    who = rows.person("Stan Stranger")
    for role in ("officer", "contact", "head"):
        Membership.objects.create(person=who, body=rows.body(f"elsewhere-{role}"), role=role)
    return who


def administrator() -> Person:
    return rows.person("Addie Administrator", is_administrator=True)


def a_step(of: Advisory, **fields: object) -> ChaseStep:
    now = timezone.now()
    clock = Clock.objects.filter(advisory=of).first() or Clock.objects.create(
        advisory=of, material=1, kind="answer", calendar="", starts_at=now, by=now + timedelta(hours=4)
    )
    due = now + timedelta(hours=2)
    values = {"what": "remind", "n": 1, "planned_at": due, "due_at": due, "since": now, **fields}
    return ChaseStep.objects.create(clock=clock, **values)


def place(slug: str) -> Relay:
    return Relay.objects.get(body__slug=slug, advisory__reference="ADV-2020-0017")


def asks(recipient: Recipient, text: str = "which?") -> Acknowledgement:
    current = recipient.advisory.current
    assert current is not None
    fields: dict[str, Any] = {"read": "help", "text": text, "form_id": uuid4(), "at": timezone.now()}
    return Acknowledgement.objects.create(recipient=recipient, revision=current, **fields)


def mia(of: str = "treasury") -> Recipient:
    return Recipient.objects.get(person__name=f"Mia of {of}")


def url(of: Advisory, name: str, *more: object) -> str:
    return reverse(f"alerts:{name}", args=[of.reference, *more])


def presses(of: Advisory, step: ChaseStep, call: Call) -> list[tuple[str, dict[str, str]]]:
    """Every press there is, as its page would send it."""
    return [
        (url(of, "chase_step", step.pk), {"press": "skip", "reason": "why not"}),
        (url(of, "chase_step", step.pk), {"press": "hasten", "reason": "why not"}),
        (url(of, "chase_end"), {"press": "end", "reason": "why not"}),
        (url(of, "asking_reply", mia().pk), {"press": "answer", "text": "all", "seen": f"{asked_last()}.0"}),
        (url(of, "asking_reply", mia().pk), {"press": "settle", "text": "", "seen": f"{asked_last()}.0"}),
        (url(of, "call_take"), {"relay": "next"}),
        (url(of, "call_take"), {"relay": str(place("home-office").pk)}),
        (url(of, "call", call.pk), {"press": "let-go", "note": "mine now"}),
        (url(of, "call", call.pk), {"press": "note", "result": "told", "person": "other", "note": "them"}),
    ]


def asked_last() -> int:
    return Acknowledgement.objects.order_by("-pk").values_list("pk", flat=True).first() or 0


def everything() -> list[list[tuple[Any, ...]]]:
    """All that a press could change."""
    of = (ChaseStep, Call, Reply, Acknowledgement, Message)
    ended = Advisory.objects.order_by("pk").values_list("pk", "chase_ended_at")
    return [list(ended), *(list(model.objects.order_by("pk").values_list()) for model in of)]


@pytest.fixture
def pressed(advisory: Advisory, officer: Person) -> list[tuple[str, dict[str, str]]]:
    asks(mia())
    call = calling.take(place("treasury").pk, officer, timezone.now()).call
    return presses(advisory, a_step(advisory), call)


class TestWhoMay:
    def test_nobody_sees_or_presses_anything_without_signing_in(
        self, advisory: Advisory, pressed: list[tuple[str, dict[str, str]]]
    ) -> None:
        before = everything()
        for name in PAGES:
            assert Client().get(url(advisory, name)).status_code == 302, name
        assert Client().get(url(advisory, "drill_table", "csv")).status_code == 302
        for where, form in pressed:
            assert Client().post(where, form).status_code == 302, (where, form)
        assert everything() == before

    def test_whoever_has_duties_elsewhere_alone_has_none_here(
        self, advisory: Advisory, stranger: Person, pressed: list[tuple[str, dict[str, str]]]
    ) -> None:
        before = everything()
        for name in PAGES:
            assert signed_in(stranger).get(url(advisory, name)).status_code == 403, name
        for kind in ("csv", "json"):
            assert signed_in(stranger).get(url(advisory, "drill_table", kind)).status_code == 403
        for where, form in pressed:
            assert signed_in(stranger).post(where, form).status_code == 403, (where, form)
        assert everything() == before

    def test_an_auditor_and_a_contact_steer_nothing_and_answer_nobody(
        self, contact: Person, pressed: list[tuple[str, dict[str, str]]]
    ) -> None:
        before = everything()
        for who in (contact, rows.person("Audrey Auditor", is_auditor=True)):
            for where, form in pressed[:5]:
                assert signed_in(who).post(where, form).status_code == 403, (where, form)
        assert everything() == before

    def test_an_auditor_takes_no_body(self, advisory: Advisory) -> None:
        auditor = rows.person("Audrey Auditor", is_auditor=True)
        for relay in ("next", str(place("treasury").pk)):
            signed_in(auditor).post(url(advisory, "call_take"), {"relay": relay})
        assert not Call.objects.exists()

    def test_whoever_left_sees_nothing_more(self, advisory: Advisory, officer: Person) -> None:
        client = signed_in(officer)
        Person.objects.filter(pk=officer.pk).update(left_at=timezone.now())
        for name in PAGES:
            assert client.get(url(advisory, name)).status_code in (302, 403), name

    def test_a_look_changes_nothing_whatever_its_address_says(
        self, officer: Person, pressed: list[tuple[str, dict[str, str]]]
    ) -> None:
        before = everything()
        for where, form in pressed:
            assert signed_in(officer).get(where, form).status_code in (200, 405), where
        assert everything() == before

    def test_no_press_counts_without_the_forms_own_token(
        self, officer: Person, pressed: list[tuple[str, dict[str, str]]]
    ) -> None:
        before = everything()
        client = Client(enforce_csrf_checks=True)
        client.force_login(officer, "departments.signing_in.DutyBackend")
        for where, form in pressed:
            assert client.post(where, form).status_code == 403, where
        assert everything() == before

    def test_no_page_is_kept_by_anything_on_the_way(self, advisory: Advisory, officer: Person) -> None:
        for name in PAGES:
            assert "no-store" in signed_in(officer).get(url(advisory, name))["Cache-Control"], name
        assert "no-store" in signed_in(officer).get(url(advisory, "drill_table", "csv"))["Cache-Control"]
        assert "no-store" in signed_in(officer).get(reverse("drills"))["Cache-Control"]


class TestOfAnother:
    @pytest.fixture
    def another(self, officer: Person) -> Advisory:
        """Of another issuer, whose officer this one is as well."""
        made = rows.advisory("ADV-2020-0018")
        Advisory.objects.filter(pk=made.pk).update(severity="critical")
        Membership.objects.create(person=officer, body=made.issuer, role="officer")
        return made

    def test_nothing_of_one_advisory_is_pressed_under_the_name_of_another(
        self, advisory: Advisory, another: Advisory, officer: Person, pressed: list[tuple[str, dict[str, str]]]
    ) -> None:
        before = everything()
        for where, form in pressed:
            if form.get("relay") == "next" or where.endswith("/end/"):
                continue
            there = where.replace(advisory.reference, another.reference)
            assert signed_in(officer).post(there, form).status_code == 404, (there, form)
        assert everything() == before

    def test_numbers_of_nothing_are_not_found(self, advisory: Advisory, officer: Person) -> None:
        client = signed_in(officer)
        for number in ("0", str(2**63), "9" * 40):
            for name in ("chase/step", "asking", "calls"):
                where = f"/advisories/{advisory.reference}/{name}/{number}/"
                assert client.post(where, {"press": "answer"}).status_code == 404, where
            assert client.post(url(advisory, "call_take"), {"relay": number}).status_code == 404, number

    @pytest.mark.parametrize("odd", ["%00", "%ED%A0%80", "%E2%80%AE", "x" * 5_000])
    def test_odd_words_in_an_address_are_no_fault_of_ours(self, odd: str, advisory: Advisory, officer: Person) -> None:
        client = signed_in(officer)
        for name in ("chase", "chase/live", "chase/end", "asking", "calls", "calls/live", "drill"):
            assert client.get(f"/advisories/{odd}/{name}/").status_code in (400, 404), name
            there = f"/advisories/{advisory.reference}/{name}/"
            # Those that may be found to be nothing stand alone: all that follows would not be looked at.
            for asked in (["in"], ["call"], ["seen", "wrong", "own", "page"]):
                said = "&".join(f"{one}={odd}" for one in asked)
                assert client.get(f"{there}?{said}").status_code in (200, 400, 404), (name, asked)

    def test_a_page_of_nothing_is_some_page(self, advisory: Advisory, officer: Person) -> None:
        client = signed_in(officer)
        for page in ("0", "-1", "9" * 30, "٣", "1e9", "x", "99999"):
            for where in (*[url(advisory, name) for name in PAGES], reverse("drills")):
                assert client.get(where, {"page": page}).status_code == 200, (where, page)

    def test_nobody_notes_or_lets_go_what_somebody_else_has_in_hand(
        self, advisory: Advisory, officer: Person, contact: Person
    ) -> None:
        call = calling.take(place("treasury").pk, officer, timezone.now()).call
        for press in ("note", "let-go", "longer"):
            form = {"press": press, "result": "told", "person": "other", "note": "me"}
            assert signed_in(contact).post(url(advisory, "call", call.pk), form).status_code == 404
        signed_in(contact).post(url(advisory, "call_take"), {"relay": str(place("treasury").pk)})
        call.refresh_from_db()
        assert (call.caller, call.ended_at, call.note) == (officer, None, "")
        assert Call.objects.count() == 1

    def test_a_call_puts_down_no_answer_for_somebody_who_sits_elsewhere(
        self, advisory: Advisory, officer: Person
    ) -> None:
        call = calling.take(place("treasury").pk, officer, timezone.now()).call
        form = {"press": "note", "result": "told", "person": str(mia("home-office").person_id), "note": "yes"}
        assert signed_in(officer).post(url(advisory, "call", call.pk), form).status_code == 422
        assert not Acknowledgement.objects.exists()


class TestBeyondTheirBranch:
    def test_a_contact_does_not_learn_by_its_number_which_body_has_a_turn(
        self, advisory: Advisory, contact: Person
    ) -> None:
        form = {"relay": str(place("home-office").pk), "result": "told", "note": "let me see"}
        answer = signed_in(contact).post(url(advisory, "call_take"), form)
        assert answer.status_code == 404
        assert "Home Office" not in answer.content.decode()

    def test_a_contact_looks_at_no_branch_in_which_they_see_nothing(self, advisory: Advisory, contact: Person) -> None:
        for name in ("calls", "calls_live", "drill"):
            answer = signed_in(contact).get(url(advisory, name), {"in": "home-office"})
            assert answer.status_code == 404, name
            assert "Home Office" not in answer.content.decode()

    def test_but_at_theirs_under_the_name_that_the_list_gives_it(self, advisory: Advisory, contact: Person) -> None:
        for slug in ("treasury", "government"):
            html = signed_in(contact).get(url(advisory, "calls"), {"in": slug}).content.decode()
            assert "Con of treasury" in html
            assert "home-office" not in html

    def test_a_contact_reads_of_nobody_else_who_asks_or_is_silent(self, advisory: Advisory, contact: Person) -> None:
        asks(mia("home-office"), SECRET)
        for name in ("chase", "asking", "calls", "drill"):
            html = signed_in(contact).get(url(advisory, name)).content.decode()
            assert SECRET not in html
            assert "of home-office" not in html
            assert "Home Office" not in html


class TestMarkings:
    def test_a_reason_is_not_for_whoever_may_not_read_the_warning(self, advisory: Advisory, officer: Person) -> None:
        now = timezone.now()
        a_step(advisory, done_at=now, skipped_by=officer, reason=SECRET)
        a_step(advisory, n=2, hastened_by=officer, reason=SECRET)
        for ended in (None, now):
            Advisory.objects.update(
                marking="RED",
                open_title="A door",
                chase_ended_at=ended,
                chase_ended_by=officer if ended else None,
                chase_ended_why=SECRET if ended else "",
            )
            for name in ("chase", "chase_live"):
                assert SECRET not in signed_in(administrator()).get(url(advisory, name)).content.decode()
                assert SECRET in signed_in(officer).get(url(advisory, name)).content.decode()
        stood = reverse("admin:alerts_advisory_change", args=[advisory.pk])
        assert SECRET not in signed_in(administrator()).get(stood).content.decode()

    def test_nor_what_was_asked_answered_or_noted(self, advisory: Advisory, officer: Person) -> None:
        Advisory.objects.update(marking="RED", open_title="A door")
        said = asks(mia(), SECRET)
        Reply.objects.create(recipient=mia(), to=said, text=SECRET, by=officer, at=timezone.now())
        call = calling.take(place("home-office").pk, officer, timezone.now()).call
        calling.note_result(call.pk, officer, "again", SECRET, None, timezone.now())
        for name in ("asking", "calls", "calls_live"):
            assert SECRET not in signed_in(administrator()).get(url(advisory, name)).content.decode(), name

    def test_a_locked_page_shows_no_thread(self, advisory: Advisory, officer: Person) -> None:
        said = asks(mia(), SECRET)
        Reply.objects.create(recipient=mia(), to=said, text=SECRET, by=officer, at=timezone.now())
        assert SECRET in Client().get(f"/a/{tokens.make(mia().pk, 0)}").content.decode()
        Advisory.objects.update(marking="RED", open_title="A door")
        assert SECRET not in Client().get(f"/a/{tokens.make(mia().pk, 0)}").content.decode()

    def test_nobody_reads_on_their_page_what_somebody_else_was_answered(
        self, advisory: Advisory, officer: Person
    ) -> None:
        said = asks(mia(), SECRET)
        Reply.objects.create(recipient=mia(), to=said, text=SECRET, by=officer, at=timezone.now())
        for other in Recipient.objects.exclude(pk=mia().pk):
            assert SECRET not in Client().get(f"/a/{tokens.make(other.pk, 0)}").content.decode()

    def test_no_word_of_what_was_typed_is_in_the_record(self, advisory: Advisory, officer: Person) -> None:
        said = asks(mia(), SECRET)
        form = {"press": "answer", "text": SECRET, "seen": f"{said.pk}.0"}
        assert signed_in(officer).post(url(advisory, "asking_reply", mia().pk), form).status_code == 302
        call = calling.take(place("home-office").pk, officer, timezone.now()).call
        calling.note_result(call.pk, officer, "again", SECRET, None, timezone.now())
        with connection.cursor() as cursor:
            cursor.execute("SELECT details::text FROM alerts_record")
            assert not [row for row in cursor.fetchall() if SECRET in row[0]]

    def test_a_drill_is_marked_on_every_page_of_paper_and_in_the_list(
        self, advisory: Advisory, officer: Person
    ) -> None:
        Advisory.objects.update(marking="AMBER+STRICT", open_title="A door")
        assert "tlp-amber-strict" in signed_in(officer).get(url(advisory, "drill")).content.decode()
        assert "TLP:AMBER+STRICT" in signed_in(officer).get(reverse("drills")).content.decode()

    def test_a_drill_beside_a_stricter_one_is_marked_as_that(self, advisory: Advisory, officer: Person) -> None:
        last = Drill("EX-2019-0001", timedelta(days=-30), advisory.issuer)
        last.answer(last.place(place("treasury").body), silent=2)
        Advisory.objects.filter(pk=last.advisory.pk).update(marking="RED", open_title="A door")
        html = signed_in(officer).get(url(advisory, "drill")).content.decode()
        assert "EX-2019-0001" in html
        assert "tlp-red" in html
        table = b"".join(signed_in(officer).get(url(advisory, "drill_table", "json")).streaming_content)  # type: ignore[attr-defined]
        assert '"RED"' in table.decode()


class TestKeys:
    def test_what_is_kept_of_a_mail_for_several_has_nobodys_key(self) -> None:
        own = f"{settings.SITE_URL}/a/{tokens.make(7, 0)}"
        page = f"{settings.SITE_URL}/advisories/ADV-2020-0017/people/3/"
        entry = Entry("Critical: A door", links=(Line("Read", own), Line("See them all", page)))
        mail = letters.Personal("digest:1", "Cas", "cas@example.org", (), "", "", "", reply="key", entries=(entry,))
        kept = json.dumps(mail.to_json())
        assert own not in kept
        assert "key" not in mail.to_json().get("reply", "")
        assert page in kept
        shown = letters.plain_skeleton("digest").fill(letters.Personal.from_json(json.loads(kept)))
        assert tokens.make(7, 0).encode() not in shown

    def test_nobody_adds_a_header_by_what_a_thing_is_called(self) -> None:
        evil = "Eve\r\nBcc: eve@example.org\n\n<script>"
        entry = Entry(evil, said=(evil,), listed=(Line(evil, evil),), links=(Line(evil, f"{settings.SITE_URL}/a/x"),))
        about = rows.advisory(open_title=evil)
        assert about.current is not None
        about.current.content["title"] = evil
        for kind in ("digest", "escalation"):
            mail = letters.Personal("k:1", evil, "cas@example.org", (evil,), "", evil, evil, head=evil, tail=evil)
            made = letters.plain_skeleton(kind, about if kind == "escalation" else None).fill(
                replace(mail, reminded=evil, more=evil, entries=(entry,))
            )
            read = email.message_from_bytes(made, policy=email.policy.default)
            assert read["Bcc"] is None
            html = read.get_body(("html",))
            assert html is not None
            assert "<script>" not in html.get_content()


class TestWhatIsTyped:
    def test_harm_is_shown_as_it_was_typed_and_starts_nothing(self, advisory: Advisory, officer: Person) -> None:
        step, said = a_step(advisory), asks(mia())
        forms: list[tuple[str, dict[str, str | bytes]]] = [
            (url(advisory, "chase_step", step.pk), {"press": "skip", "reason": HARM}),
            (url(advisory, "asking_reply", mia().pk), {"press": "answer", "text": HARM, "seen": f"{said.pk}.0"}),
            (url(advisory, "call_take"), {"relay": str(place("treasury").pk), "note": HARM, "told-at": HARM}),
        ]
        for where, form in forms:
            assert _typed(officer, where, form).status_code < 400, where
        call = url(advisory, "call", Call.objects.get().pk)
        names = ("result", "person", "note", "told-at", "revision", "needs-help")
        wrong = _typed(officer, call, {"press": "note", **dict.fromkeys(names, HARM)})
        assert (wrong.status_code, "<script>alert" in wrong.content.decode()) == (422, False)
        assert _typed(officer, call, {"press": "note", "result": "again", "note": HARM}).status_code == 302
        assert _typed(officer, url(advisory, "chase_end"), {"press": "end", "reason": HARM}).status_code == 302
        pages = [signed_in(officer).get(url(advisory, name)).content.decode() for name in PAGES]
        pages.append(Client().get(f"/a/{tokens.make(mia().pk, 0)}").content.decode())
        assert not [page for page in pages if "<script>alert" in page or "\u202e" in page]
        assert [escape("<script>alert(1)</script>") in page for page in pages] == [True] * 6 + [False, True]

    @pytest.mark.parametrize("most", [3_000_000, 20_000])
    def test_more_than_fits_is_refused_and_changes_nothing(
        self, most: int, officer: Person, pressed: list[tuple[str, dict[str, str]]]
    ) -> None:
        before = everything()
        for where, form in pressed[:5] + pressed[7:]:
            filled = {**form, "reason": "x" * most, "text": "x" * most, "note": "x" * most}
            assert signed_in(officer).post(where, filled).status_code in (413, 422, 409), where
        assert everything() == before

    @pytest.mark.parametrize(
        "moment",
        [
            "0001-01-01T00:00",
            "9999-12-31T23:59",
            "99999999-01-01T00:00",
            "-1",
            "2020-02-30T10:00",
            "2020-W01",
            "x" * 9_999,
        ],
    )
    def test_nobody_was_told_in_another_age(self, moment: str, advisory: Advisory, officer: Person) -> None:
        call = calling.take(place("treasury").pk, officer, timezone.now()).call
        form = {"press": "note", "result": "told", "person": str(mia().person_id), "told-at": moment, "revision": "1"}
        assert signed_in(officer).post(url(advisory, "call", call.pk), form).status_code == 422
        assert not Acknowledgement.objects.exists()


class TestTwice:
    def test_a_press_that_is_sent_again_writes_and_mails_once(self, advisory: Advisory, officer: Person) -> None:
        said = asks(mia())
        form = {"press": "answer", "text": "All of them.", "seen": f"{said.pk}.0"}
        with ThreadPoolExecutor(4) as several:
            list(several.map(lambda _: _post(officer, url(advisory, "asking_reply", mia().pk), form), range(4)))
        assert (Reply.objects.count(), Message.objects.filter(kind="answered").count()) == (1, 1)

    def test_a_step_is_steered_once(self, advisory: Advisory, officer: Person) -> None:
        step = a_step(advisory)
        # Somebody is left for it to remind.
        Relay.objects.filter(pk=place("treasury").pk).update(clock=step.clock)
        Recipient.objects.filter(pk=mia().pk).update(told_revision=1)
        form = {"press": "hasten", "reason": "now"}
        with ThreadPoolExecutor(4) as several:
            codes = list(several.map(lambda _: _post(officer, url(advisory, "chase_step", step.pk), form), range(4)))
        assert sorted(codes) == [302, 422, 422, 422]

    def test_nobody_has_two_bodies_in_hand_by_pressing_at_once(self, advisory: Advisory, officer: Person) -> None:
        for number in range(6):
            rows.recipient(advisory, rows.relay(advisory, f"team-{number}", place("treasury")))
        relays = [place(f"team-{number}").pk for number in range(6)]
        with ThreadPoolExecutor(6) as several:
            list(several.map(lambda pk: _take(pk, officer), relays))
        assert Call.objects.filter(caller=officer, ended_at=None).count() == 1


def _typed(who: Person, where: str, form: Mapping[str, str | bytes]) -> Any:
    """As a browser might send it, and as none does: bytes are sent as they are."""
    return signed_in(who).post(where, urlencode(form), content_type="application/x-www-form-urlencoded")


def _post(who: Person, where: str, form: dict[str, str]) -> int:
    try:
        return signed_in(who).post(where, form).status_code
    finally:
        connection.close()


def _take(relay: int, by: Person) -> None:
    try:
        calling.take(relay, by, timezone.now())
    except Refused:
        pass
    finally:
        connection.close()


class TestAWholeChase:
    """Two warnings that nobody answers, out of a real mail server, from the first notice to the officers of the issuer."""

    @pytest.fixture
    def mails(self, office: Office, server: Server) -> list[Received]:
        for name, role in (("dora", "contact"), ("dan", "deputy"), ("hal", "head")):
            office.person(name, office.department, role)
        team(office, "cellar", office.department, ("tess", "contact"), ("tim", "member"))
        words: dict[str, Any] = {"title": SECRET, "summary": SECRET, "guidance": SECRET, "do_not_use_for": [SECRET]}
        words |= {"actions": [{"text": SECRET, "due": "P1D"}]}
        audiences: dict[str, dict[str, list[str]]] = {
            "RED": {"people": ["tim@example.org", "cas@example.org"]},
            "AMBER": {"branches": ["department"]},
        }
        began = at("2026-11-30 10:00")
        for marking, audience in audiences.items():
            with time_machine.travel(began, tick=False):
                draft = office.draft(**words, audience=audience, marking=marking, open_title=f"A door at {marking}")
                revision = publish_draft(draft, office.ben, accept_gaps="told otherwise")
                while not cascade(revision.advisory_id):
                    pass
                deliver_all()
        for hours in (0.2, 3, 5, 6.5, *range(24, 24 * 9, 4)):
            with time_machine.travel(began + timedelta(hours=hours), tick=False):
                tend(timezone.now())
                deliver_all()
        return server.mails

    def test_says_no_word_of_the_text_names_nobody_to_others_and_leads_nobody_to_anothers_page(
        self, mails: list[Received]
    ) -> None:
        kinds = set(Message.objects.filter(state="sent").values_list("kind", flat=True))
        assert {"notice", "digest", "escalation"} <= kinds
        for mail in mails:
            whole = f"{mail.message['Subject']}\n{mail.text}\n{html_of(mail)}"
            assert SECRET not in " ".join(whole.split())
        of_chase = [mail for mail in mails if "not answered" in mail.subject or "not done" in mail.subject]
        assert {mail.recipients[0] for mail in of_chase} >= {"tess@example.org", "hal@example.org", "ada@example.org"}
        for mail in of_chase:
            whole = f"{mail.message['Subject']}\n{mail.text}\n{html_of(mail)}"
            assert not re.search(r"\b(Tim|Tess|Cas|Dan|Cellar|cellar)\b", whole.replace(_called(mail), ""))
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT personal::text FROM alerts_message UNION ALL SELECT content::text FROM alerts_letter"
                " UNION ALL SELECT details::text FROM alerts_record"
            )
            kept = [row[0] for row in cursor.fetchall() if row[0]]
        assert not [one for one in kept if SECRET in one]
        assert not [one for one in kept if "/a/" in one]
        found = 0
        for mail in mails:
            assert (len(mail.recipients), mail.message["Cc"], mail.message["Bcc"]) == (1, None, None)
            for token in re.findall(r"/a/(\w+)", f"{mail.text}\n{html_of(mail)}"):
                recipient = acknowledge.find(token)
                assert recipient is not None
                assert recipient.person.email == mail.recipients[0]
                found += 1
        assert found > 20


def _called(mail: Received) -> str:
    """Its own reader's name."""
    return mail.recipients[0].partition("@")[0].title()


def deliver_all() -> None:
    while deliver():
        pass
