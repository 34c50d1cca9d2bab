"""Who hears it and who does not: decided on one page, by name."""

from datetime import timedelta

import pytest
from django.utils import timezone

from alerts.models import Advisory, Branch, Exclusion, Gap
from alerts.publishing.draft import start
from departments.models import Body, Person, Remit, Topic
from tests.clients import signed_in
from tests.office import Office

pytestmark = pytest.mark.django_db(transaction=True)
NEXT_WEEK = (timezone.now() + timedelta(days=7)).strftime("%Y-%m-%d")


@pytest.fixture
def advisory(office: Office) -> Advisory:
    return office.draft().advisory


def page(who: Person, advisory: Advisory) -> str:
    answer = signed_in(who).get(f"/advisories/{advisory.reference}/reach/")
    assert answer.status_code == 200
    return answer.content.decode()


def press(who: Person, advisory: Advisory, **posted: object) -> str:
    """What the page says after a press."""
    url = f"/advisories/{advisory.reference}/reach/change/"
    answer = signed_in(who).post(url, posted, follow=True)
    assert answer.status_code in (200, 422)
    return answer.content.decode()


def test_it_says_first_who_will_not_hear(office: Office, advisory: Advisory) -> None:
    html = page(office.ada, advisory)
    assert "2 bodies will not hear this." in html
    assert html.index("China Committee") < html.index("Who it is for")
    assert "remit: china" in html
    assert "1 is yours to decide" in html
    assert "1 has nobody who can be told" in html
    assert "Answers would be due" in html


def test_one_press_puts_a_body_in(office: Office, advisory: Advisory) -> None:
    html = press(office.ada, advisory, **{"put-in": office.outside.pk})
    assert "Put in, with all below it." in html
    assert Branch.objects.filter(advisory=advisory, body=office.outside).exists()
    assert "China Committee, and everything below it" in html


def test_a_body_is_left_out_with_a_reason_a_name_and_a_day(office: Office, advisory: Advisory) -> None:
    said = {"do": "leave-out", "gap": office.outside.pk, "until": NEXT_WEEK}
    assert "Say why it is left out" in press(office.ada, advisory, **said)
    refused = press(office.ada, advisory, **{**said, "reason": "told by telephone", "until": "soon"})
    assert "Give a day" in refused
    assert "told by telephone" in refused
    assert f'value="{office.outside.pk}" checked' in refused
    html = press(office.ada, advisory, **said, reason="told by telephone")
    assert "1 left out, with your name under it." in html
    assert "“told by telephone” Signed by Ada" in html
    assert "yours to decide" not in html
    gap = Gap.objects.get(body=office.outside)
    assert (gap.decision, gap.by) == (Gap.Decision.SIGNED, office.ada)


def test_ten_are_shown_and_the_rest_stand_behind_a_press(office: Office, advisory: Advisory) -> None:
    topic = Topic.objects.get(slug="china")
    for number in range(12):
        body = Body.objects.create(slug=f"c{number}", name=f"Committee {number:02}", kind="committee")
        Remit.objects.create(body=body, topic=topic)
    html = page(office.ada, advisory)
    shown, rest = html.split("<summary>3 more</summary>")
    assert shown.count('name="gap"') == 10
    assert rest.count('name="gap"') == 3


def test_odd_presses_are_answered_in_words_and_change_nothing(office: Office, advisory: Advisory) -> None:
    client, before = signed_in(office.ada), Branch.objects.count()
    for do in ("add", "exclude", "drop", "take-back", "name", "unname", "put-in", "leave-out", "", "x"):
        for junk in ("", "no such body", "\0", "9" * 30, "-1"):
            posted = {
                "do": do,
                "body": junk,
                "address": junk,
                "person": junk,
                "gap": junk,
                "reason": junk,
                "until": junk,
            }
            answer = client.post(f"/advisories/{advisory.reference}/reach/change/", posted)
            assert answer.status_code in (302, 422)
    assert Branch.objects.count() == before
    assert not Exclusion.objects.exists()


def test_an_empty_audience_is_asked_for_before_anything_is_decided(office: Office) -> None:
    advisory = start(office.centre, office.ada, {"title": "x", "topics": ["china"]}, exercise=False).advisory
    html = page(office.ada, advisory)
    assert "Nobody is in the audience yet." in html
    assert "China Committee" not in html


def test_what_is_the_administrators_stands_apart_from_what_is_the_officer_s(office: Office, advisory: Advisory) -> None:
    html = page(office.ada, advisory)
    assert (
        html.index("China Committee")
        < html.index("That is for the directory’s administrators")
        < html.index("nobody to tell</b>")
    )


def test_a_body_is_found_as_the_question_writes_it(office: Office, advisory: Advisory) -> None:
    assert "China Committee and everything below it" in press(
        office.ada, advisory, do="add", body="China Committee (committee)"
    )


def test_nothing_ticked_is_said_so(office: Office, advisory: Advisory) -> None:
    assert "Tick at least one body first." in press(office.ada, advisory, do="leave-out", reason="x", until=NEXT_WEEK)


def test_a_press_that_takes_a_submission_back_says_so(office: Office) -> None:
    draft = office.draft()
    html = press(office.ben, draft.advisory, **{"put-in": office.outside.pk})
    assert "it is to be submitted and read anew" in html


def test_the_audience_is_put_together_here(office: Office, advisory: Advisory) -> None:
    assert "China Committee and everything below it" in press(office.ada, advisory, do="add", body="china committee")
    assert "Cas is to hear it by name." in press(office.ada, advisory, do="name", address="Cas@Example.org")
    press(office.ada, advisory, do="narrow", role=["contact"], topics="china")
    html = page(office.ada, advisory)
    assert "only people in this role: contact" in html
    assert "only bodies with this remit: china" in html
    assert "Taken out." in press(office.ada, advisory, do="drop", body="committee")
    assert "Not named any more." in press(office.ada, advisory, do="unname", person=office.cas.pk)


def test_a_live_advisory_is_widened_and_its_omissions_signed_anew(office: Office) -> None:
    advisory = office.publish().advisory
    html = page(office.ada, advisory)
    assert "Left out on purpose" in html
    assert "told otherwise" in html
    assert "Add a branch" not in html
    html = press(office.ben, advisory, do="leave-out", gap=office.outside.pk, reason="asked twice", until=NEXT_WEEK)
    assert "“asked twice” Signed by Ben" in html
    press(office.ben, advisory, **{"put-in": office.outside.pk})
    assert Branch.objects.filter(advisory=advisory, body=office.outside).exists()


def test_administrators_look_and_change_nothing(office: Office, advisory: Advisory) -> None:
    keeper = Person.objects.create(email="k@example.org", written="k@example.org", name="Kit", is_administrator=True)
    assert "Put it in" not in page(keeper, advisory)
    url = f"/advisories/{advisory.reference}/reach/change/"
    assert signed_in(keeper).post(url, {"put-in": office.outside.pk}).status_code == 403
    assert signed_in(office.ada).get(url).status_code == 405
