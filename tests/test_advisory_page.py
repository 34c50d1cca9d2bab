"""An advisory's own page, its officers' buttons, and the first page."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from alerts.models import Advisory, Draft, Recipient, Revision
from departments.models import Body, Membership, Person
from tests import rows

pytestmark = pytest.mark.django_db

CONTENT = {
    "title": "Do not use Zoom for confidential business",
    "summary": "Meetings may be overheard.",
    "guidance": "# Why\n\n**Because** <script>alert(1)</script>",
    "do_not_use_for": ["closed meetings"],
    "still_fine_for": ["public meetings"],
    "use_instead": ["the approved service"],
    "topics": [],
    "what_changed": "",
    "actions": [{"key": "move", "text": "Move closed meetings", "due": "P7D", "of": "person"}],
    "acknowledge_within": "P1D",
}


def member(name: str, body: Body, role: str) -> Person:
    person = rows.person(name)
    Membership.objects.create(person=person, body=body, role=role)
    return person


def signed_in(person: Person) -> Client:
    client = Client()
    client.force_login(person, backend="departments.signing_in.DutyBackend")
    return client


def url(name: str, of: Advisory) -> str:
    return reverse(f"alerts:{name}", args=[of.reference])


def page(person: Person, of: Advisory) -> str:
    found = signed_in(person).get(url("advisory", of))
    assert found.status_code == 200
    return found.content.decode()


@pytest.fixture
def advisory() -> Advisory:
    made = rows.advisory()
    rows.revise(made, **CONTENT)  # type: ignore[arg-type]  # no key of it is `kind`
    top = rows.relay(made, "treasury")
    made.branches.create(body=top.body)
    member("Mia Member", top.body, "member")
    rows.leave_out(made, rows.body("devolved", top.body))
    return made


@pytest.fixture
def ada(advisory: Advisory) -> Person:
    return member("Ada Officer", advisory.issuer, "officer")


@pytest.fixture
def ben(advisory: Advisory) -> Person:
    return member("Ben Officer", advisory.issuer, "officer")


@pytest.fixture
def draft(advisory: Advisory, ada: Person) -> Draft:
    content = {**CONTENT, "what_changed": "Zoom is fine again for public meetings."}
    return Draft.objects.create(advisory=advisory, content=content, saved_by=ada, submitted_by=ada)


def test_the_page_says_what_is_forbidden_fine_and_to_be_used_and_how_it_was_published(
    advisory: Advisory, ada: Person
) -> None:
    html = page(ada, advisory)
    for said in ("closed meetings", "public meetings", "the approved service", "Meetings may be overheard."):
        assert said in html
    assert "<strong>Because</strong>" in html
    assert "<script>alert" not in html
    assert "published alone:</b> test" in html
    assert "Treasury, and everything below it" in html
    assert "“told through their own centre” Signed by Olive Officer" in html


def test_a_waiting_draft_shows_what_changes_and_how_far_it_goes(advisory: Advisory, draft: Draft, ben: Person) -> None:
    html = page(ben, advisory)
    assert "Revision 3 is waiting: what changes" in html
    assert "Zoom is fine again for public meetings." in html
    assert "It reaches 1 person in 1 body." in html
    assert "Approve and publish revision 3" in html
    assert "alone_reason" not in html


def test_whoever_submitted_it_is_asked_why_alone_and_refused_without(
    advisory: Advisory, draft: Draft, ada: Person
) -> None:
    assert 'name="alone_reason"' in page(ada, advisory)
    client = signed_in(ada)
    refused = client.post(url("publish_draft", advisory), {"version": draft.shown_as}, follow=True).content.decode()
    assert "Let a second officer approve it" in refused
    assert advisory.revisions.count() == 2
    client.post(url("publish_draft", advisory), {"version": draft.shown_as, "alone_reason": "nobody else is awake"})
    assert Revision.objects.get(advisory=advisory, number=3).alone_reason == "nobody else is awake"
    assert "published alone:</b> nobody else is awake" in page(ada, advisory)


def test_a_second_officer_publishes_once_and_a_second_press_is_told_so(
    advisory: Advisory, draft: Draft, ben: Person
) -> None:
    client = signed_in(ben)
    sent = {"version": draft.shown_as}
    assert "Revision 3" in client.post(url("publish_draft", advisory), sent, follow=True).content.decode()
    again = client.post(url("publish_draft", advisory), sent, follow=True).content.decode()
    assert "was published or dropped meanwhile" in again
    assert advisory.revisions.count() == 3


@pytest.mark.parametrize("version", ["{pk}.1", "1", "", "x", "-1", "{pk}.-1", "{pk}", "99999999999999999999.1"])
def test_a_draft_that_changed_since_it_was_looked_at_is_not_published(
    advisory: Advisory, draft: Draft, ben: Person, version: str
) -> None:
    Draft.objects.update(version=2)
    answer = (
        signed_in(ben)
        .post(url("publish_draft", advisory), {"version": version.format(pk=draft.pk)}, follow=True)
        .content.decode()
    )
    assert "Look at the page again" in answer
    assert advisory.revisions.count() == 2


def test_an_officer_stops_it_lets_it_go_on_and_stands_it_down(advisory: Advisory, ben: Person) -> None:
    client = signed_in(ben)
    assert "nothing else leaves" in client.post(url("stop", advisory), follow=True).content.decode()
    assert "is stopped already" in client.post(url("stop", advisory), follow=True).content.decode()
    assert "goes on: what was not sent" in client.post(url("go_on", advisory), follow=True).content.decode()
    assert "Say why it is stood down" in client.post(url("stand_down", advisory), follow=True).content.decode()
    done = client.post(url("stand_down", advisory), {"reason": "Zoom mended it"}, follow=True).content.decode()
    assert "is stood down; everybody" in done
    advisory.refresh_from_db()
    assert advisory.state == "stood-down"


def test_only_officers_of_the_issuer_press_the_buttons_and_only_by_post(
    advisory: Advisory, draft: Draft, ada: Person
) -> None:
    treasury = Body.objects.get(slug="treasury")
    contact = member("Connie Contact", treasury, "contact")
    auditor = rows.person("Audrey Auditor", is_auditor=True)
    assert "Revision 3 is waiting" not in page(contact, advisory)
    assert "told through their own centre" not in page(contact, advisory)
    assert "Revision 3 is waiting" in page(auditor, advisory)
    for name in ("publish_draft", "stop", "go_on", "stand_down"):
        for person in (contact, auditor):
            assert signed_in(person).post(url(name, advisory)).status_code == 403
        assert signed_in(ada).get(url(name, advisory)).status_code == 405
        assert Client().post(url(name, advisory))["Location"].startswith(reverse("account_login"))
    assert "Stop sending" not in page(auditor, advisory)


def test_without_the_token_of_its_own_form_nothing_is_stopped(advisory: Advisory, ben: Person) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(ben, backend="departments.signing_in.DutyBackend")
    assert client.post(url("stop", advisory)).status_code == 403
    advisory.refresh_from_db()
    assert advisory.stopped_at is None


def test_a_contact_elsewhere_is_refused(advisory: Advisory) -> None:
    stranger = member("Ella Elsewhere", rows.body("elsewhere"), "contact")
    assert signed_in(stranger).get(url("advisory", advisory)).status_code == 403


def test_the_first_page_shows_what_is_under_way_and_what_waits(advisory: Advisory, draft: Draft, ben: Person) -> None:
    html = signed_in(ben).get("/").content.decode()
    assert "for you" in html
    assert advisory.reference in html
    stranger = member("Ella Elsewhere", rows.body("elsewhere"), "contact")
    elsewhere = signed_in(stranger).get("/").content.decode()
    assert "Nothing is under way that concerns you" in elsewhere
    assert advisory.reference not in elsewhere
    assert Client().get("/")["Location"].startswith(reverse("account_login"))


def test_many_drafts_are_counted_and_those_that_wait_for_me_come_first(
    advisory: Advisory, ada: Person, ben: Person
) -> None:
    """Ada's and Ben's in turn; of Ben's, the one that Ada submitted for him."""

    def begun(number: int, **fields: object) -> None:
        made = Advisory.objects.create(
            reference=f"ADV-2021-{number:04d}", issuer=advisory.issuer, severity="high", marking="GREEN", written_by=ada
        )
        content = {**CONTENT, "title": f"Draft {number}", "guidance": "x" * 1000}
        Draft.objects.create(**{"advisory": made, "content": content, "stage": "writing", "saved_by": ada, **fields})

    def first_page() -> tuple[str, int]:
        with CaptureQueriesContext(connection) as queries:
            html = signed_in(ben).get("/").content.decode()
        assert not any('"alerts_draft"."content",' in query["sql"] for query in queries)
        return html, len(queries)

    begun(0, stage="submitted", submitted_by=ada)
    begun(1)
    few, asked = first_page()
    assert few.index("Draft 0") < few.index("Draft 1")
    for number in range(2, 27):
        begun(number, saved_by=ben)
        begun(100 + number)
    html, asked_now = first_page()
    assert asked_now == asked + 2  # to count the others of each
    assert html.count('<b class="chip">for you</b>') == 20
    assert html.rindex("for you") < html.index("Draft 126")
    assert "and 6 more for you" in html
    assert "and 6 more</li>" in html
    assert "Draft 1</a>" not in html


def test_what_was_submitted_by_nobody_known_waits_for_every_officer(
    advisory: Advisory, ada: Person, ben: Person
) -> None:
    Draft.objects.create(advisory=advisory, content=CONTENT, saved_by=ada, submitted_by=None, stage="submitted")
    for officer in (ada, ben):
        assert signed_in(officer).get("/").content.decode().count("for you") == 1


def test_many_expired_advisories_are_counted(advisory: Advisory, ben: Person) -> None:
    for number in range(23):
        made = Advisory.objects.create(
            reference=f"ADV-2021-{number:04d}", issuer=advisory.issuer, severity="high", marking="GREEN", written_by=ben
        )
        rows.revise(made, title=f"Old {number}")
        Advisory.objects.filter(pk=made.pk).update(state="expired", review_by=timezone.now())
    html = signed_in(ben).get("/").content.decode()
    assert html.count(">Old ") == 20
    assert "and 3 more" in html


def test_an_administrator_sees_how_many_bodies_have_nobody_to_tell(advisory: Advisory) -> None:
    administrator = rows.person("Alma Administrator", is_administrator=True)
    html = signed_in(administrator).get("/").content.decode()
    assert "2 bodies have nobody to tell." in html


def test_a_bodys_page_says_what_it_was_told_to_those_who_may_know(advisory: Advisory, ben: Person) -> None:
    held = signed_in(ben).get("/bodies/treasury/").content.decode()
    assert "What this body was told" in held
    assert reverse("alerts:coverage", args=[advisory.reference]) in held
    stranger = member("Ella Elsewhere", rows.body("elsewhere"), "contact")
    assert advisory.reference not in signed_in(stranger).get("/bodies/treasury/").content.decode()


def test_a_bodys_page_says_where_nobody_could_be_told(advisory: Advisory, ben: Person) -> None:
    relay = advisory.relays.get()
    relay.released_at = timezone.now()
    relay.save()

    def said() -> str:
        return signed_in(ben).get("/bodies/treasury/").content.decode().split("What this body was told")[1]

    assert "reached, but nobody here could be told" in said()
    recipient = rows.recipient(advisory, relay)
    assert "released <time" in said()
    Recipient.objects.filter(pk=recipient.pk).update(outcome="unreachable")
    assert "reached, but nobody here could be told" in said()
    Recipient.objects.filter(pk=recipient.pk).update(told_revision=1)
    assert "released <time" in said()


def test_a_press_that_is_refused_keeps_what_was_typed(advisory: Advisory, draft: Draft, ben: Person) -> None:
    client = signed_in(ben)
    for press, typed in (
        ("give_back", {"version": f"{draft.pk}.9", "reason": "too long by half"}),
        ("stand_down", {"reason": "it is over: ‹why›"}),
        ("publish_draft", {"version": f"{draft.pk}.9", "accept_gaps": "told by telephone"}),
    ):
        answer = client.post(url(press, advisory), typed)
        assert answer.status_code == 422
        if press != "publish_draft":
            assert typed["reason"] in answer.content.decode()
