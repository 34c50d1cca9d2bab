"""The reader's page: opening it changes nothing, an explicit choice counts, and nothing that was typed is lost."""

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django.utils.formats import date_format

from alerts import suspicion, tokens
from alerts.cascading.cascade import cascade
from alerts.models import Acknowledgement, Advisory, Recipient, Record
from alerts.publishing.contract import EARLIER_SAID
from alerts.publishing.draft import update_from_file
from alerts.publishing.publish import publish_draft
from alerts.publishing.reviewing import expire
from alerts.publishing.stopping import stand_down, stop
from alerts.web.check import as_written
from tests.office import Office, an_advisory

pytestmark = pytest.mark.django_db(transaction=True)

AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/120 Safari/537.36"


@pytest.fixture(autouse=True)
def _no_haste(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suspicion, "FASTEST_PERSON", 0)


@pytest.fixture
def client() -> Client:
    return Client(headers={"user-agent": AGENT})


def recipient_of(advisory: Advisory) -> Recipient:
    cascade(advisory.pk)
    return Recipient.objects.get(advisory=advisory)


@pytest.fixture
def recipient(office: Office) -> Recipient:
    return recipient_of(office.publish().advisory)


def link(recipient: Recipient) -> str:
    return f"/a/{tokens.make(recipient.pk, recipient.token_issue)}"


def rows() -> list[int]:
    """How many rows there are in every table that answering might touch."""
    with connection.cursor() as cursor:
        counts = []
        for table in (
            "alerts_acknowledgement",
            "alerts_actionanswer",
            "alerts_record",
            "alerts_delta",
            "django_session",
        ):
            cursor.execute(f"SELECT count(*) FROM {table}")
            counts.append(cursor.fetchone()[0])
        cursor.execute("SELECT sum(xmin::text::bigint) FROM alerts_recipient")
        return [*counts, cursor.fetchone()[0]]


def form_of(client: Client, recipient: Recipient) -> dict[str, str]:
    found = re.search(r'name="form" value="([^"]+)"', client.get(link(recipient)).content.decode())
    assert found is not None
    return {"form": found[1]}


def test_opening_it_changes_nothing(client: Client, recipient: Recipient) -> None:
    before = rows()
    assert client.get(link(recipient)).status_code == 200
    assert client.head(link(recipient)).status_code == 200
    assert rows() == before


def test_an_explicit_choice_counts(client: Client, recipient: Recipient) -> None:
    answer = {**form_of(client, recipient), "read": "yes", "a-action-1": "done"}
    response = client.post(link(recipient), answer)
    assert response.status_code == 303
    recipient.refresh_from_db()
    assert (recipient.answered_revision, recipient.acted_revision) == (1, 1)
    page = client.get(link(recipient)).content.decode()
    assert "Thank you" in page
    assert Acknowledgement.objects.get().form_id.hex[:8].upper() in page


def test_a_double_press_is_one_answer(client: Client, recipient: Recipient) -> None:
    answer = {**form_of(client, recipient), "read": "yes", "a-action-1": "done"}
    assert [client.post(link(recipient), answer).status_code for _ in range(2)] == [303, 303]
    assert Acknowledgement.objects.count() == 1
    assert Record.objects.filter(kind="acknowledged").count() == 1


def test_a_wrong_form_comes_back_with_all_that_was_typed(client: Client, recipient: Recipient) -> None:
    answer = {**form_of(client, recipient), "a-action-1": "na", "a-action-1-why": "We <never> meet"}
    response = client.post(link(recipient), answer)
    page = response.content.decode()
    assert response.status_code == 422
    assert 'role="alert"' in page
    assert 'href="#read"' in page
    assert "We &lt;never&gt; meet" in page
    assert re.search(r'value="na" checked', page)
    assert not Acknowledgement.objects.exists()


def test_nothing_is_chosen_beforehand(client: Client, recipient: Recipient) -> None:
    assert " checked" not in client.get(link(recipient)).content.decode()


def test_a_form_of_another_link_is_not_taken(client: Client, office: Office, recipient: Recipient) -> None:
    other = recipient_of(office.publish(title="Another").advisory)
    answer = {**form_of(client, other), "read": "yes", "a-action-1": "done"}
    assert client.post(link(recipient), answer).status_code == 422
    assert not Acknowledgement.objects.exists()


@pytest.mark.parametrize("token", ["x", "7Qm2vX9cKpT4nR8sWd1yZb0", "z" * 35, "٣" * 30, "a" * 5_000])
def test_a_link_that_is_not_ours_asks_no_database(
    client: Client, token: str, django_assert_num_queries: pytest.FixtureRequest
) -> None:
    with django_assert_num_queries(0):  # type: ignore[operator]
        response = client.get(f"/a/{token}")
    assert response.status_code == 404
    assert "This link does not work" in response.content.decode()


def test_a_revoked_link_works_no_more(client: Client, recipient: Recipient) -> None:
    old = link(recipient)
    Recipient.objects.filter(pk=recipient.pk).update(token_issue=1)
    assert client.get(old).status_code == 404


def test_the_page_is_private_and_runs_no_script_but_the_one_that_looks_for_a_hand(
    client: Client, recipient: Recipient
) -> None:
    response = client.get(link(recipient))
    assert "no-store" in response["Cache-Control"]
    assert "noindex" in response["X-Robots-Tag"]
    assert response["Referrer-Policy"] == "no-referrer"
    page = response.content.decode()
    assert re.findall("<script[^>]*>", page) == ['<script src="/static/alerts/hand.js" defer>']
    assert not re.search(r"<[^>]+\son[a-z]+=", page)
    title = re.search(r"<title>(.*?)</title>", page)
    assert title is not None
    assert recipient.person.name not in title[1]


def test_from_amber_up_the_page_tells_and_at_red_it_does_not(client: Client, office: Office) -> None:
    amber = recipient_of(office.publish(marking="AMBER").advisory)
    assert "Meetings may be overheard." in client.get(link(amber)).content.decode()
    people = {"people": [office.cas.email]}
    red = recipient_of(office.publish(marking="RED", audience=people).advisory)
    page = client.get(link(red)).content.decode()
    assert "Meetings may be overheard." not in page
    assert "Do not use Zoom" not in page
    assert "Advice on video meetings" in page


def test_whoever_was_stopped_or_stood_down_is_told_so(client: Client, office: Office, recipient: Recipient) -> None:
    stop(recipient.advisory, office.ben)
    assert "Sending was stopped" in client.get(link(recipient)).content.decode()
    stand_down(recipient.advisory, office.ben, "It was a mistake.")
    page = client.get(link(recipient)).content.decode()
    assert "Stood down" in page
    assert "It was a mistake." in page
    assert "Send my answer" not in page


def test_an_answer_that_looks_like_a_machines_is_asked_for_again(client: Client, recipient: Recipient) -> None:
    answer = {**form_of(client, recipient), "read": "yes", "a-action-1": "done"}
    response = Client(headers={"user-agent": "MailGatewayLinkScanner/2.1"}).post(link(recipient), answer)
    assert response.status_code == 200
    assert "Was that you?" in response.content.decode()
    recipient.refresh_from_db()
    assert recipient.answered_revision == 0
    assert "Was that you?" in client.get(link(recipient)).content.decode()


# --- what changed, what replaces it, and what it came to ---


def update(office: Office, of: Recipient, **changes: object) -> str:
    """The page after an update."""
    draft = update_from_file(of.advisory, an_advisory(**changes), office.ada, material=True)
    publish_draft(draft, office.ben)
    return Client(headers={"user-agent": AGENT}).get(link(of)).content.decode()


@pytest.mark.parametrize("earlier", list(EARLIER_SAID))
def test_an_update_says_what_changed_and_then_whether_the_earlier_advice_holds(
    office: Office, recipient: Recipient, earlier: str
) -> None:
    page = update(office, recipient, what_changed="Version 5 is out.", earlier=earlier)
    places = [page.index(words) for words in ("Version 5 is out.", EARLIER_SAID[earlier], "Meetings may be overheard.")]
    assert places == sorted(places)
    assert len([said for said in EARLIER_SAID.values() if said in page]) == 1


def test_an_update_that_does_not_say_claims_nothing_of_the_earlier_advice(office: Office, recipient: Recipient) -> None:
    page = update(office, recipient, what_changed="Version 5 is out.")
    assert "Version 5 is out." in page
    assert "What we told you before" not in page


def test_a_first_warning_says_nothing_of_an_earlier_one(client: Client, office: Office) -> None:
    first = recipient_of(office.publish(earlier="holds").advisory)
    assert "What we told you before" not in client.get(link(first)).content.decode()


def test_whoever_answered_reads_what_it_came_to_and_is_thanked(
    client: Client, office: Office, recipient: Recipient
) -> None:
    client.post(link(recipient), {**form_of(client, recipient), "read": "yes", "a-action-1": "done"})
    stand_down(recipient.advisory, office.ben, "The fault is mended.")
    page = client.get(link(recipient)).content.decode()
    assert "The fault is mended." in page
    assert "What it came to" in page
    assert "1 of 1 person answered." in page
    assert "done by 1 person." in page
    assert "Thank you for answering" in page
    assert "You can change it" not in page
    assert "What we told you before" not in page


def test_whoever_did_not_answer_reads_what_changed_and_is_not_thanked(
    client: Client, office: Office, recipient: Recipient
) -> None:
    other = office.person("dee", office.department, "member")
    cascade(recipient.advisory_id)
    client.post(link(recipient), {**form_of(client, recipient), "read": "yes", "a-action-1": "done"})
    stand_down(recipient.advisory, office.ben, "The fault is mended.")
    page = client.get(link(Recipient.objects.get(person=other))).content.decode()
    assert "The fault is mended." in page
    assert "What it came to" not in page
    assert "Thank you" not in page


def test_an_advisory_that_nobody_looked_at_in_time_says_so_and_asks_for_nothing(
    client: Client, office: Office, recipient: Recipient
) -> None:
    ann = office.person("ann", office.department, "contact")
    review_by = recipient.advisory.review_by
    assert review_by is not None
    expire(review_by + timedelta(days=31))
    page = client.get(link(recipient)).content.decode()
    assert "This may no longer hold." in page
    assert f"since {date_format(timezone.localtime(review_by), 'j F Y')}" in page
    assert f"ask The Centre or your contact, <bdi>{ann.name}</bdi>" in page
    assert "Meetings may be overheard." in page
    assert "Send my answer" not in page


@pytest.mark.parametrize("marking", ["GREEN", "AMBER"])
def test_each_of_two_says_which_one_replaces_the_other(client: Client, office: Office, marking: str) -> None:
    old = recipient_of(office.publish(marking=marking).advisory)
    draft = office.draft(title="Do use Zoom 5", marking=marking, supersedes=old.advisory.reference)
    assert "Replaced by" not in client.get(link(old)).content.decode()
    new = recipient_of(publish_draft(draft, office.ben, accept_gaps="told otherwise").advisory)
    page, _, also = client.get(link(old)).content.decode().partition('id="also"')
    assert f"Replaced by {new.advisory.reference}:" in page
    assert "you get that separately if it is for you" in page
    assert "Zoom 5" not in page
    assert ("Zoom 5" in also) == (marking == "GREEN")
    assert f"Replaces {old.advisory.reference}." in client.get(link(new)).content.decode()


def test_a_drill_replaces_nothing_real(client: Client, office: Office, recipient: Recipient) -> None:
    office.publish(supersedes=recipient.advisory.reference, exercise=True)
    assert "Replaced by" not in client.get(link(recipient)).content.decode()


def test_the_page_takes_as_many_questions_to_the_database_whatever_it_says(
    client: Client, office: Office, recipient: Recipient
) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as asked:
            client.get(link(recipient))
        return len(asked)

    before = queries()
    for _ in range(3):
        office.publish(supersedes=recipient.advisory.reference)
    assert queries() == before


class TestCheck:
    """`/check`, for anybody."""

    def test_it_says_by_whom_and_whether_it_is_open_and_nothing_else(self, client: Client, office: Office) -> None:
        advisory = office.publish().advisory
        page = client.get("/check", {"reference": f" {advisory.reference.lower()} "}).content.decode()
        assert "is genuine" in page
        assert "The Centre" in page
        assert "Zoom" not in page
        stand_down(advisory, office.ada, "over")
        assert "stood down" in client.get("/check", {"reference": advisory.reference}).content.decode()

    @pytest.mark.parametrize(
        "pasted",
        [
            "adv\u2011{year}\u20110001",
            "ADV\u2013{year}\u20130001",
            "ADV-{year}-0001\u200b",
            "\uff21\uff24\uff36-{year}-0001",
            "\u201cADV-{year}-0001\u201d.",
            "ADV - {year} -\xad 0001",
            "ADV {year}\xa00001,\n",
            "*ADV\u2212{year}-0001*" + "\u2060" * 60,
        ],
    )
    def test_it_knows_a_reference_as_people_paste_it(self, client: Client, office: Office, pasted: str) -> None:
        _, year, number = office.publish().advisory.reference.split("-")
        assert number == "0001"
        assert "is genuine" in client.get("/check", {"reference": pasted.format(year=year)}).content.decode()

    def test_it_knows_a_reference_without_its_zeros_or_its_prefix(self, client: Client, office: Office) -> None:
        for typed in ("adv 2026 1", "2026-0001", "adv-2026-1", "ADV2026-01", " 2026 1 ", "Adv \u2013 2026 \u2013 001."):
            assert as_written(typed) == "ADV-2026-0001", typed
        # A drill is one only by its own prefix; what has a number too long is read as it was written.
        assert as_written("ex 2026 1") == "EX-2026-0001"
        assert as_written("2026-00011") == "ADV-2026-00011"
        assert as_written("ADV20260001") == "ADV20260001"
        reference = office.publish().advisory.reference
        short = reference.removeprefix("ADV-").replace("-000", " ")
        assert f"{reference} is genuine" in client.get("/check", {"reference": short}).content.decode()

    def test_what_is_nothing_but_marks_is_a_reference_of_nothing(self, client: Client, office: Office) -> None:
        reference = office.publish().advisory.reference
        for typed in ("-", "\u200b", "\ufdfa" * 40, reference.replace("-", ""), reference + "1", "٣" * 40):
            assert "is genuine" not in client.get("/check", {"reference": typed}).content.decode()

    def test_a_draft_and_what_does_not_exist_get_the_same_answer(self, client: Client, office: Office) -> None:
        draft = office.draft().advisory.reference
        names = (draft, "ADV-1999-0001")
        pages = [client.get("/check", {"reference": name}).content.decode() for name in names]
        # However it is spelt.
        assert client.get("/check", {"reference": names[0][4:].replace("-000", " ")}).content.decode() == pages[0]
        answers = {page.replace(names[0], "").replace(names[1], "") for page in pages}
        assert len(answers) == 1
        assert "We know of no warning" in answers.pop()

    def test_it_says_when_nobody_looked_at_it_in_time(self, client: Client, office: Office) -> None:
        advisory = office.publish().advisory
        assert advisory.review_by is not None
        expire(advisory.review_by + timedelta(days=31))
        page = client.get("/check", {"reference": advisory.reference}).content.decode()
        assert "is genuine" in page
        assert "may no longer hold" in page
        assert "it still holds" not in page

    @pytest.mark.parametrize("marking", ["GREEN", "RED"])
    def test_it_names_what_replaces_it_and_no_draft(self, client: Client, office: Office, marking: str) -> None:
        old = office.publish().advisory
        draft = office.draft(
            title="Secret", marking=marking, supersedes=old.reference, audience={"people": [office.cas.email]}
        )
        new = draft.advisory.reference
        page = client.get("/check", {"reference": old.reference}).content.decode()
        assert new not in page
        assert "Replaced by" not in page
        assert "it still holds" in page
        publish_draft(draft, office.ben, accept_gaps="told otherwise")
        page = client.get("/check", {"reference": old.reference}).content.decode()
        assert f"Replaced by {new}." in page
        assert "it still holds" not in page
        for words in ("Secret", "Zoom", "video", "Cas"):
            assert words not in page

    def test_a_marking_that_locks_the_page_changes_nothing_here(self, client: Client, office: Office) -> None:
        red = office.publish(marking="RED", audience={"people": [office.cas.email]}).advisory
        page = client.get("/check", {"reference": red.reference}).content.decode()
        assert "is genuine" in page
        assert "video" not in page
