"""The reader's page: opening it changes nothing, an explicit choice counts, and nothing that was typed is lost."""

import re

import pytest
from django.db import connection
from django.test import Client

from alerts import suspicion, tokens
from alerts.cascade import cascade
from alerts.models import Acknowledgement, Advisory, Recipient, Record
from alerts.stopping import stand_down, stop
from tests.test_publish import Office

pytestmark = pytest.mark.django_db(transaction=True)

AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/120 Safari/537.36"


@pytest.fixture(autouse=True)
def _no_haste(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suspicion, "FASTEST_PERSON", 0)


@pytest.fixture
def client() -> Client:
    return Client(headers={"user-agent": AGENT})


@pytest.fixture
def office() -> Office:
    return Office()


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


def test_the_page_is_private_and_runs_no_script(client: Client, recipient: Recipient) -> None:
    response = client.get(link(recipient))
    assert "no-store" in response["Cache-Control"]
    assert "noindex" in response["X-Robots-Tag"]
    assert response["Referrer-Policy"] == "no-referrer"
    page = response.content.decode()
    assert "<script" not in page
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
    assert Client(headers={"user-agent": "MailGatewayLinkScanner/2.1"}).post(link(recipient), answer).status_code == 303
    recipient.refresh_from_db()
    assert recipient.answered_revision == 0
    assert "Was that you?" in client.get(link(recipient)).content.decode()


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

    def test_a_draft_and_what_does_not_exist_get_the_same_answer(self, client: Client, office: Office) -> None:
        draft = office.draft().advisory.reference
        names = (draft, "ADV-1999-0001")
        pages = [client.get("/check", {"reference": name}).content.decode() for name in names]
        answers = {page.replace(names[0], "").replace(names[1], "") for page in pages}
        assert len(answers) == 1
        assert "We know of no warning" in answers.pop()
