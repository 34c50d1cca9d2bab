"""The writing page: what is typed is kept, whoever types beside one, and however wrong it is."""

import html as markup
import json
import re
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from alerts.models import Advisory, Branch, Draft, Look, Message
from alerts.publishing.draft import empty, start
from alerts.publishing.starters import content_of_starter
from departments.models import Person
from tests.clients import signed_in
from tests.office import Office

pytestmark = pytest.mark.django_db(transaction=True)

FIELD = re.compile(r'name="([^"]+)"[^>]*? value="([^"]*)"')
WORDS = {
    "title": "Do not use Teamly for casework",
    "severity": "high",
    "marking": "GREEN",
    "open_title": "",
    "summary": "Calls go abroad.",
    "do_not_use_for": "Casework\r\nAnything about a person",
    "still_fine_for": "Public calls",
    "use_instead": "",
    "action-0-text": "Move casework",
    "action-0-due_n": "7",
    "action-0-due_unit": "days",
    "action-0-of": "person",
    "action-0-at": "",
    "action-0-key": "",
    "guidance": "## Why",
    "topics": "china",
    "acknowledge_n": "",
    "acknowledge_unit": "days",
    "review_day": "",
    "rule": "all",
    "supersedes": "",
}


class Desk:
    """A draft that Ada has begun, and the browsers in which it is open."""

    def __init__(self, office: Office) -> None:
        self.office = office
        self.draft = start(office.centre, office.ada, empty(), exercise=False)
        self.advisory = self.draft.advisory
        Branch.objects.create(advisory=self.advisory, body=office.government)
        self.url = f"/advisories/{self.advisory.reference}/write/"

    def opened(self, by: Person) -> "Window":
        return Window(self, by)

    def content(self) -> dict[str, Any]:
        content: dict[str, Any] = Draft.objects.get(pk=self.draft.pk).content
        return content


class Window:
    """The page as one officer has it open: what it came with, and what is typed into it."""

    def __init__(self, desk: Desk, by: Person) -> None:
        self.desk, self.client = desk, signed_in(by)
        self.base = base_of(self.client.get(desk.url).content.decode())

    def types(self, **typed: str) -> str:
        """Saved by a script, as one types; what stands below the words then."""
        answer = self.client.post(self.desk.url, {**typed, "base": self.base}, headers={"HX-Request": "true"})
        assert answer.status_code in (200, 422)
        page = answer.content.decode()
        self.base = base_of(page)
        return page

    def presses(self, button: str, value: str = "yes", **typed: str) -> Any:
        """A button of the page, with everything that is typed in it."""
        return self.client.post(self.desk.url, {**typed, "base": self.base, button: value})


def base_of(page: str) -> str:
    found = re.search(r'name="base" id="base" value="([^"]*)"', page)
    assert found is not None
    return markup.unescape(found[1])


@pytest.fixture
def desk() -> Desk:
    return Desk(Office())


def test_an_officer_begins_from_a_starting_text(desk: Desk) -> None:
    client = signed_in(desk.office.ada)
    assert "Product advice" in client.get("/advisories/new/").content.decode()
    answer = client.post("/advisories/new/", {"starter": "exploited", "exercise": "yes"})
    draft = Draft.objects.select_related("advisory").latest("pk")
    assert answer["Location"] == f"/advisories/{draft.advisory.reference}/write/"
    assert draft.advisory.reference.startswith("EX-")
    assert draft.content["title"] == content_of_starter("exploited")["title"]
    assert "EXERCISE" in client.get(answer["Location"]).content.decode()


def test_what_is_typed_is_saved_and_stands_there_when_the_page_is_opened_again(desk: Desk) -> None:
    window = desk.opened(desk.office.ada)
    assert "Saved at" in window.types(**WORDS)
    assert desk.content()["do_not_use_for"] == ["Casework", "Anything about a person"]
    assert desk.content()["actions"] == [{"key": "action-1", "text": "Move casework", "of": "person", "due": "P7D"}]
    page = window.client.get(desk.url).content.decode()
    for words in ("Do not use Teamly for casework", "Anything about a person", "Move casework", "## Why"):
        assert words in page


def test_saving_what_is_saved_changes_nothing(desk: Desk) -> None:
    window = desk.opened(desk.office.ada)
    window.types(**WORDS)
    before = Draft.objects.get(pk=desk.draft.pk).version
    assert "All is saved" in window.types(**WORDS)
    assert Draft.objects.get(pk=desk.draft.pk).version == before


def test_a_request_that_was_saved_but_never_answered_is_no_quarrel_with_oneself(desk: Desk) -> None:
    window = desk.opened(desk.office.ada)
    lost = window.base
    window.types(title="Do not use Team")
    window.base = lost
    assert "Saved at" in window.types(title="Do not use Team", summary="It leaks.")
    assert Draft.objects.get(pk=desk.draft.pk).set_aside == []


def test_two_officers_in_two_fields_keep_both(desk: Desk) -> None:
    ada, ben = desk.opened(desk.office.ada), desk.opened(desk.office.ben)
    ada.types(title="Ada's title", summary="")
    said = ben.types(title="", summary="Ben's summary")
    assert "Ada changed Title meanwhile" in said
    assert (desk.content()["title"], desk.content()["summary"]) == ("Ada's title", "Ben's summary")


def test_two_officers_in_one_field_lose_no_word(desk: Desk) -> None:
    ada, ben = desk.opened(desk.office.ada), desk.opened(desk.office.ben)
    ada.types(title="Ada's title")
    assert "yours are kept beside it" in ben.types(title="Ben's title")
    assert desk.content()["title"] == "Ada's title"
    page = ben.client.get(desk.url).content.decode()
    assert "Ben’s words for “Title”" in page
    assert "Ben&#x27;s title" in page
    settle = re.search(r'action="([^"]*/aside/\d+/)"', page)
    assert settle is not None
    ben.client.post(settle[1], {"do": "use"})
    assert desk.content()["title"] == "Ben's title"
    again = ben.client.post(settle[1], {"do": "use"}, follow=True).content.decode()
    assert "used or dropped already" in again
    assert "What stood in “Title” before" in again


def test_whoever_meets_words_while_submitting_is_told_and_nothing_is_submitted(desk: Desk) -> None:
    ada, ben = desk.opened(desk.office.ada), desk.opened(desk.office.ben)
    ada.types(**{**WORDS, "title": "Ada's title"})
    answer = ben.presses("submit", **WORDS)
    assert "Somebody else wrote here meanwhile" in answer.content.decode()
    assert Draft.objects.get(pk=desk.draft.pk).stage == Draft.Stage.WRITING


def test_a_refused_submission_shows_what_somebody_else_wrote_and_saving_on_keeps_it(desk: Desk) -> None:
    ada, ben = desk.opened(desk.office.ada), desk.opened(desk.office.ben)
    ben.types(still_fine_for="Ben's line")
    answer = ada.presses("submit", **{**WORDS, "title": "", "still_fine_for": ""})
    page = answer.content.decode()
    assert answer.status_code == 422
    assert "Ben changed Still fine for meanwhile" in page
    assert "Ben&#x27;s line" in page
    ada.base = base_of(page)
    ada.types(summary="Ada goes on.", still_fine_for="Ben's line")
    assert desk.content()["still_fine_for"] == ["Ben's line"]


def test_nobody_submits_words_that_their_page_did_not_show(desk: Desk) -> None:
    ada, ben = desk.opened(desk.office.ada), desk.opened(desk.office.ben)
    ada.types(**WORDS)
    ben.base = base_of(ben.client.get(desk.url).content.decode())
    ada.types(**{**WORDS, "summary": "Changed meanwhile."})
    answer = ben.presses("submit", **WORDS)
    assert answer.status_code == 422
    assert "read it, then submit it" in answer.content.decode()
    assert Draft.objects.get(pk=desk.draft.pk).stage == Draft.Stage.WRITING


@pytest.mark.parametrize(
    "due", ["2026-12-01T09:30:17.123456+00:00", "2027-10-31T01:30:00+00:00", "PT24H", "PT45M", "P2W", "soon"]
)
def test_an_action_that_nobody_touched_stays_to_the_letter(desk: Desk, due: str) -> None:
    content = {"actions": [{"key": "a", "text": "Move", "of": "person", "due": due}], "acknowledge_within": "PT24H"}
    Draft.objects.filter(pk=desk.draft.pk).update(content={**desk.content(), **content, "review_by": due})
    window = desk.opened(desk.office.ada)
    page = window.client.get(desk.url).content.decode()
    fields = {name: markup.unescape(value) for name, value in FIELD.findall(page)}
    units = {name: chosen(page, name) for name in ("action-0-due_unit", "acknowledge_unit")}
    posted = {
        **{name: value for name, value in fields.items() if name.startswith(("action-0", "ack", "review"))},
        **units,
    }
    window.types(**posted, **{"action-0-of": "person"})
    assert desk.content()["actions"][0]["due"] == due
    assert desk.content()["acknowledge_within"] == "PT24H"


def test_a_time_may_be_given_in_minutes(desk: Desk) -> None:
    window = desk.opened(desk.office.ada)
    window.types(**{**WORDS, "acknowledge_n": "90", "acknowledge_unit": "minutes", "action-0-due_n": "45",
                    "action-0-due_unit": "minutes"})  # fmt: skip
    assert desk.content()["acknowledge_within"] == "PT90M"
    assert desk.content()["actions"][0]["due"] == "PT45M"
    page = window.client.get(desk.url).content.decode()
    assert chosen(page, "action-0-due_unit") == "minutes"
    assert 'name="action-0-due_n" value="45"' in page


def chosen(page: str, name: str) -> str:
    """The option that a select shows."""
    select = re.search(rf'name="{name}".*?</select>', page, re.DOTALL)
    assert select is not None
    picked = re.search(r'value="(\w+)" selected', select[0])
    return picked[1] if picked else "days"


def test_a_time_that_is_none_is_asked_for_in_plain_words(desk: Desk) -> None:
    answer = desk.opened(desk.office.ada).presses("submit", **{**WORDS, "acknowledge_n": "-3", "action-0-due_n": "abc"})
    page = answer.content.decode()
    assert "ISO" not in page
    assert page.count("give a whole number of days, hours or minutes") == 2


def test_errors_stand_in_the_order_of_the_page(desk: Desk) -> None:
    page = desk.opened(desk.office.ada).presses("submit", **{**WORDS, "title": "", "summary": "", "action-0-due_n": ""})
    said = page.content.decode()
    places = [said.index(f'href="#{where}"') for where in ("title", "summary", "actions[1].due")]
    assert places == sorted(places)


def test_whoever_is_signed_out_gets_back_what_they_sent(desk: Desk) -> None:
    answer = Client().post(desk.url, {**WORDS, "save": "yes"})
    assert answer.status_code == 401
    assert "Anything about a person" in answer.content.decode()
    assert "Chinese" not in answer.content.decode()


def test_at_medium_the_writer_is_told_what_is_still_to_be_decided(desk: Desk) -> None:
    answer = desk.opened(desk.office.ada).presses("submit", **{**WORDS, "severity": "medium"})
    page = signed_in(desk.office.ada).get(answer["Location"])
    assert answer.status_code == 302
    assert page.status_code == 200
    assert "still open" in page.content.decode()


def test_a_window_of_an_earlier_draft_writes_nothing_into_the_next(desk: Desk) -> None:
    window = desk.opened(desk.office.ada)
    answer = window.client.post(desk.url, {"title": "Old", "base": window.base, "draft": desk.draft.pk + 999})
    assert answer.status_code == 422
    assert "Old" in answer.content.decode()
    assert desk.content()["title"] == ""


def test_a_wrong_text_comes_back_with_where_to_mend_it_and_all_that_was_typed(desk: Desk) -> None:
    typed = {
        **WORDS,
        "title": "",
        "summary": "Kept all the same.",
        "action-0-due_n": "soon",
        "review_day": "2001-01-01",
    }
    answer = desk.opened(desk.office.ada).presses("submit", **typed)
    page = answer.content.decode()
    assert answer.status_code == 422
    assert 'href="#title"' in page
    assert 'href="#actions[1].due"' in page
    assert 'id="actions[1].due"' in page
    assert "is in the past (1 January 2001, 17:00 GMT). Choose a later time." in page
    assert "Kept all the same." in page
    assert 'value="soon"' in page
    assert not Message.objects.exists()


def test_a_megabyte_of_guidance_is_kept_and_refused_in_words(desk: Desk) -> None:
    answer = desk.opened(desk.office.ada).presses("submit", **{**WORDS, "guidance": "x" * 1_000_000})
    assert answer.status_code == 422
    assert "has 1,000,000 characters; 100,000 is the most." in answer.content.decode()
    assert len(desk.content()["guidance"]) == 1_000_000


def test_more_than_a_draft_holds_is_refused_and_still_stands_in_the_page(desk: Desk) -> None:
    window = desk.opened(desk.office.ada)
    window.types(**WORDS)
    answer = window.presses("submit", **{**WORDS, "guidance": "y" * 1_600_000})
    assert answer.status_code == 422
    assert "Not saved: an advisory is at most" in answer.content.decode()
    assert "y" * 1_000 in answer.content.decode()
    assert desk.content()["guidance"] == "## Why"


def test_a_title_with_a_line_break_is_refused(desk: Desk) -> None:
    answer = desk.opened(desk.office.ada).presses("submit", **{**WORDS, "title": "Zoom\r\nBcc: everybody@example.org"})
    assert answer.status_code == 422
    assert "line break" in answer.content.decode()


def test_guidance_is_shown_as_it_will_look_and_nothing_in_it_runs(desk: Desk) -> None:
    client = signed_in(desk.office.ada)
    nasty = "**Bold** <script>x</script><iframe src=//a></iframe> [a](javascript:b) [c](data:text/html,d)"
    shown = client.post(f"/advisories/{desk.advisory.reference}/preview/", {"guidance": nasty}).content.decode()
    assert "<strong>Bold</strong>" in shown
    assert not re.search(r"<script|<iframe|href=\"(javascript|data):", shown)
    long = client.post(f"/advisories/{desk.advisory.reference}/preview/", {"guidance": "x" * 100_001})
    assert "100,000 is the most" in long.content.decode()


def test_submitting_mails_everybody_else_who_may_approve(desk: Desk) -> None:
    answer = desk.opened(desk.office.ada).presses("submit", **WORDS)
    assert answer.status_code == 302
    assert list(Message.objects.filter(kind="approve").values_list("person", flat=True)) == [desk.office.ben.pk]


def test_the_buttons_beside_save_keep_what_was_typed_and_lead_on(desk: Desk) -> None:
    window = desk.opened(desk.office.ada)
    assert window.presses("save", "reach", **WORDS)["Location"].endswith("/reach/")
    assert window.presses("save", "letter", **WORDS)["Location"].endswith("/letter/")
    assert desk.content()["title"] == WORDS["title"]


def test_a_page_that_is_open_says_so_to_others_and_opening_it_writes_nothing(desk: Desk) -> None:
    url = f"/advisories/{desk.advisory.reference}/looking/"
    ada, ben = signed_in(desk.office.ada), signed_in(desk.office.ben)
    ada.get(desk.url)
    assert not Look.objects.exists()
    ada.post(url)
    assert "<b>Ada</b> is looking at it now" in ben.post(url).content.decode()
    assert ben.get(url).status_code == 405


def test_an_audience_that_was_warned_often_is_pointed_out_beside_the_severity(desk: Desk) -> None:
    client = signed_in(desk.office.ada)
    assert "They had no other advisory in the last 30 days." in client.get(desk.url).content.decode()


def test_nobody_else_writes_or_reads_a_draft(desk: Desk) -> None:
    stranger = signed_in(desk.office.person("head", desk.office.department, "head"))
    for where in ("write", "reach", "letter", "looking", "preview", "drop"):
        url = f"/advisories/{desk.advisory.reference}/{where}/"
        assert stranger.post(url).status_code in (403, 405)
        assert stranger.get(url).status_code in (403, 405)
    assert stranger.get("/advisories/new/").status_code == 403
    assert Client().get(desk.url).status_code == 302


def test_a_script_of_somebody_signed_out_is_told_so_instead_of_the_sign_in_page(desk: Desk) -> None:
    answer = Client().post(desk.url, {"title": "x"}, headers={"HX-Request": "true"})
    assert answer.status_code == 401


def test_a_draft_that_was_published_meanwhile_is_not_written_over(desk: Desk) -> None:
    window = desk.opened(desk.office.ada)
    Draft.objects.all().delete()
    assert window.client.post(desk.url, {"title": "x", "base": json.dumps({})}).status_code == 404
    assert Advisory.objects.get().reference in desk.url
    assert timezone.now() > desk.advisory.created_at


def test_whoever_only_looks_is_told_that_somebody_else_changed_it(desk: Desk) -> None:
    url = f"/advisories/{desk.advisory.reference}/looking/"
    ada, ben = desk.opened(desk.office.ada), desk.opened(desk.office.ben)
    version = Draft.objects.get(pk=desk.draft.pk).shown_as
    assert "changed it" not in ben.client.post(url, {"version": version}).content.decode()
    ada.types(title="Ada's title")
    assert "Ada changed it at" in ben.client.post(url, {"version": version}).content.decode()
    assert "changed it" not in ada.client.post(url, {"version": version}).content.decode()
