"""By when: durations are working time wherever a moment is made of them, the preview says it first, and each has its zone."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from alerts import tokens
from alerts.delivery.deliver import deliver
from alerts.letters.answer_times import longer, words
from alerts.letters.letter_proof import proof_of
from alerts.letters.letter_words import short
from alerts.models import Advisory, Branch, Message, Recipient, Revision
from alerts.publishing.comparing import text_of_draft
from alerts.publishing.contract import calendar_of, moment_of
from alerts.publishing.draft import empty, start, update_from_file
from alerts.publishing.publish import publish_draft
from alerts.templatetags.tocsin import exact
from alerts.web.waiting import waiting_of
from departments.models import Body, Person
from tests.chased import LONDON, at, run_on
from tests.clients import signed_in
from tests.holding import Holding
from tests.office import Office, an_advisory
from tests.smtp import Server

pytestmark = pytest.mark.django_db(transaction=True)

FRIDAY = at("2026-11-27 15:00")
MONDAY_AFTER = at("2026-11-30 15:00")
ASKED = [{"text": "Look", "due": "P1D"}, {"text": "Ring", "due": "PT2H", "of": "body"}]


def published(office: Office, when: datetime = FRIDAY, **changes: object) -> Revision:
    given = {"acknowledge_within": "P1D", "actions": ASKED, **changes}
    with time_machine.travel(when, tick=False):
        return office.publish(**given)


def dues(revision: Revision) -> list[datetime]:
    return [one.due for one in revision.actions.order_by("order")]


class TestPublishing:
    def test_a_day_to_answer_on_a_friday_afternoon_ends_on_monday_afternoon(self, office: Office) -> None:
        revision = published(office)
        advisory = Advisory.objects.get(pk=revision.advisory_id)
        assert (advisory.acknowledge_by, advisory.acknowledge_within) == (MONDAY_AFTER, timedelta(days=1))
        assert dues(revision) == [MONDAY_AFTER, at("2026-11-27 17:00")]

    def test_a_critical_one_is_asked_for_in_hours_that_pass(self, office: Office) -> None:
        revision = published(office, severity="critical")
        advisory = Advisory.objects.get(pk=revision.advisory_id)
        assert advisory.acknowledge_by == at("2026-11-28 15:00")
        assert dues(revision) == [at("2026-11-28 15:00"), at("2026-11-27 17:00")]

    @pytest.mark.parametrize(
        ("severity", "by"),
        [
            ("critical", "2026-11-27 19:00"),
            ("high", "2026-11-30 15:00"),
            ("medium", "2026-12-02 15:00"),
            ("low", "2026-12-08 15:00"),
        ],
    )
    def test_what_a_severity_asks_for_is_counted_so_too(self, office: Office, severity: str, by: str) -> None:
        revision = published(office, severity=severity, acknowledge_within="")
        assert Advisory.objects.get(pk=revision.advisory_id).acknowledge_by == at(by)

    def test_the_holidays_are_those_of_the_body_that_issues_it(self, office: Office) -> None:
        Body.objects.filter(pk=office.centre.pk).update(calendar="scotland")
        office.centre.refresh_from_db()
        revision = published(office)
        assert Advisory.objects.get(pk=revision.advisory_id).acknowledge_by == at("2026-12-01 15:00")
        assert dues(revision)[0] == at("2026-12-01 15:00")

    def test_a_moment_stays_what_it_is_be_it_a_sunday_night(self, office: Office) -> None:
        sunday = "2026-12-06T23:30:00+00:00"
        assert dues(published(office, actions=[{"text": "Look", "due": sunday}])) == [datetime.fromisoformat(sunday)]

    def test_when_it_is_looked_at_again_is_in_plain_days(self, office: Office) -> None:
        revision = published(office, review_by="P10D")
        assert Advisory.objects.get(pk=revision.advisory_id).review_by == FRIDAY + timedelta(days=10)

    def test_across_a_clock_change_a_working_day_has_its_eight_hours(self, office: Office) -> None:
        revision = published(office, at("2026-10-23 15:00"), severity="high")
        by = Advisory.objects.get(pk=revision.advisory_id).acknowledge_by
        assert by == datetime(2026, 10, 26, 15, tzinfo=UTC)

    def test_a_material_update_sets_the_time_anew_and_begins_a_chase_that_was_ended(self, office: Office) -> None:
        advisory = Advisory.objects.get(pk=published(office).advisory_id)
        ended = {"chase_ended_at": FRIDAY, "chase_ended_by": office.ada, "chase_ended_why": "a drill"}
        for material, still in ((False, True), (True, False)):
            Advisory.objects.filter(pk=advisory.pk).update(**ended)
            file = an_advisory(what_changed="More.", earlier="holds", acknowledge_within="P2D")
            with time_machine.travel(at("2026-12-01 10:00"), tick=False):
                draft = update_from_file(advisory, file, office.ada, material=material)
                publish_draft(draft, office.ben, accept_gaps="told otherwise")
            advisory.refresh_from_db()
            assert (advisory.chase_ended_at is not None, advisory.chase_ended_why == "a drill") == (still, still)
            assert (advisory.chase_ended_by == office.ada) is still
            assert advisory.acknowledge_by == (MONDAY_AFTER if still else at("2026-12-03 10:00"))
            assert advisory.acknowledge_within == timedelta(days=1 if still else 2)


class TestBeforePublishing:
    """What an officer reads beforehand is what publishing then sets, to the minute."""

    @pytest.mark.parametrize("severity", ["critical", "high"])
    def test_the_preview_the_mail_and_the_comparison_say_the_moment_that_publishing_sets(
        self, office: Office, severity: str
    ) -> None:
        with time_machine.travel(FRIDAY, tick=False):
            draft = office.draft(severity=severity, acknowledge_within="P1D", actions=ASKED)
            waiting, proof, text = waiting_of(draft.advisory, office.ben), proof_of(draft, FRIDAY), text_of_draft(draft)
            page = signed_in(office.ben).get(f"/advisories/{draft.advisory.reference}/reach/").content.decode()
            revision = publish_draft(draft, office.ben, accept_gaps="told otherwise")
        by = Advisory.objects.get(pk=revision.advisory_id).acknowledge_by
        assert by is not None
        assert waiting is not None
        assert waiting.answers_due == by
        assert [due for _, due, _ in waiting.actions] == dues(revision)
        assert f"Answers would be due {exact(by)}." in page
        assert f"answer by {short(by)}" in proof.subject
        flat = " ".join(proof.text.split())
        for due, line in zip(dues(revision), text["actions"], strict=True):
            assert f"by {short(due)}" in flat
            assert f"{timezone.localtime(due):%H:%M\u00a0%Z}" in line


class TestTheWritingPage:
    @pytest.fixture
    def draft_url(self, office: Office) -> str:
        draft = start(office.centre, office.ada, {**empty(), "severity": "high", "marking": "GREEN"}, exercise=False)
        Branch.objects.create(advisory=draft.advisory, body=office.government)
        return f"/advisories/{draft.advisory.reference}/write/"

    def comes_to(self, page: str) -> str:
        found = re.search(r'id="comes-to"[^>]*>([^<]*)<', page)
        assert found is not None
        return found[1]

    def typed(self, client: Client, url: str, **fields: str) -> str:
        with time_machine.travel(FRIDAY, tick=False):
            answer = client.post(url, fields, headers={"HX-Request": "true"})
        assert answer.status_code == 200
        return self.comes_to(answer.content.decode())

    def test_beside_the_time_to_answer_it_says_what_moment_it_comes_to_as_one_types(
        self, office: Office, draft_url: str
    ) -> None:
        client = signed_in(office.ada)
        with time_machine.travel(FRIDAY, tick=False):
            page = client.get(draft_url).content.decode()
        assert self.comes_to(page) == "If it is published now: by Mon 30 November, 15:00 GMT."
        assert 'aria-describedby="within-hint comes-to"' in page
        assert "answer within 1 working day, looked at again within 30 days" in page
        assert "answer within 4 hours, looked at again within 7 days" in page
        said = self.typed(client, draft_url, acknowledge_n="2", acknowledge_unit="days")
        assert said == "If it is published now: by Tue 1 December, 15:00 GMT."
        said = self.typed(client, draft_url, acknowledge_n="3", acknowledge_unit="hours")
        assert said == "If it is published now: by Mon 30 November, 10:00 GMT."
        assert self.typed(client, draft_url, severity="critical").endswith("by Fri 27 November, 18:00 GMT.")
        assert self.typed(client, draft_url, acknowledge_n="soon", acknowledge_unit="days") == ""

    def test_where_a_bank_holiday_gives_some_bodies_longer_it_says_which_and_why(
        self, office: Office, draft_url: str
    ) -> None:
        client = signed_in(office.ada)
        Body.objects.create(
            slug="elsewhere", name="Elsewhere", kind="agency", parent=office.centre, calendar="scotland"
        )
        assert "Scotland" not in self.typed(client, draft_url, acknowledge_n="1", acknowledge_unit="days")
        Body.objects.create(
            slug="glasgow", name="Glasgow", kind="agency", parent=office.government, calendar="scotland"
        )
        assert self.typed(client, draft_url, acknowledge_n="1", acknowledge_unit="days") == (
            "If it is published now: by Mon 30 November, 15:00 GMT; Scotland: Tue 1 December, 15:00 GMT, as "
            "Mon 30 November is a bank holiday there."
        )
        assert "Scotland" not in self.typed(client, draft_url, severity="critical")

    def test_over_a_new_year_it_names_each_holiday(self, office: Office, draft_url: str) -> None:
        Body.objects.filter(pk=office.department.pk).update(calendar="scotland")
        advisory = Advisory.objects.select_related("issuer").get()
        [one] = longer(advisory, timedelta(days=2), at("2025-12-31 10:00"))
        assert (one.calendar.label, one.by) == ("Scotland", at("2026-01-06 10:00"))
        assert words(advisory, timedelta(days=2), at("2025-12-31 10:00")).endswith(
            "Scotland: Tue 6 January, 10:00 GMT, as Fri 2 January is a bank holiday there"
        )

    def test_an_update_that_asks_nobody_names_no_moment(self, office: Office) -> None:
        advisory = published(office).advisory
        update_from_file(advisory, an_advisory(what_changed="More.", earlier="holds"), office.ada, material=False)
        client = signed_in(office.ada)
        assert self.comes_to(client.get(f"/advisories/{advisory.reference}/write/").content.decode()) == ""


def test_a_length_that_is_no_length_is_no_moment_in_working_time_either() -> None:
    for wrong in ("P", "PT0S", "1 day", "", None, 7):
        assert moment_of(wrong, FRIDAY, "scotland") is None
    assert moment_of("P1D", FRIDAY, "scotland") == at("2026-12-01 15:00")
    assert moment_of("P1W", FRIDAY, "england-and-wales") == at("2026-12-08 15:00")
    assert calendar_of(Advisory(severity="critical")) == ""


# --- no moment without its zone ---

# A time of day, seconds and all, with no zone behind it. With one it is "17:00 BST", "14:05 today (GMT)", "09:00 tomorrow, 25
# November (GMT)". A length is no time.
TIME = re.compile(
    r"(?<![\d:+])(?<! days, )\d{1,2}:\d\d(?::\d\d)?(?![\d:])(?!\s(?:GMT|BST|UTC)\b)"
    r"(?! (?:today|tomorrow|on)[\w, ]{0,30}\((?:GMT|BST)\))"
)
# A rule, and no moment.
RULES = ("09:00 to 17:00",)


def bare(page: str) -> list[str]:
    """Each time of day in what a page shows (titles that are hovered over included) that has no zone, with its neighbours."""
    shown = re.sub(r"<(script|style|svg)\b.*?</\1>", " ", page, flags=re.S)
    titles = " ".join(re.findall(r'\b(?:title|aria-label)="([^"]*)"', shown))
    text = html.unescape(" ".join([re.sub(r"<[^>]*>", " ", shown), titles]))
    text = " ".join(text.split())
    for rule in RULES:
        text = text.replace(rule, "")
    return [text[max(found.start() - 60, 0) : found.end() + 30] for found in TIME.finditer(text)]


def test_the_test_finds_a_time_without_its_zone() -> None:
    assert bare("<p>by Monday, 17:00.</p>")
    assert bare('<time title="Monday, 09:05">soon</time>')
    assert bare("at 14:05 on 28 April 2020")
    assert bare("by <del>10:30</del> <ins>10:50</ins> GMT")
    assert not bare('<time datetime="2026-11-27T15:00:00+00:00">15:00 GMT</time>, 09:00 tomorrow, 25 November (GMT)')


class Rendered:
    """A warning that a department holds, and everything that anybody can open or get of it."""

    def __init__(self, office: Office, when: datetime) -> None:
        self.office, self.when = office, when
        for officer in (office.ada, office.ben):
            Person.objects.filter(pk=officer.pk).update(is_administrator=True)
        office.person("dee", office.government, "contact")
        with time_machine.travel(when, tick=False):
            self.held = Holding(office, severity="high", acknowledge_within="P2D", actions=ASKED)
            self.advisory = self.held.advisory
        run_on(self.advisory, when)
        self.own = Recipient.objects.filter(advisory=self.advisory).order_by("pk")

    def pages(self) -> Iterator[tuple[str, str]]:
        reference = self.advisory.reference
        below = f"/advisories/{reference}/"
        client = signed_in(Person.objects.get(pk=self.office.ada.pk))
        update = {**an_advisory(what_changed="More.", earlier="holds"), "actions": ASKED}
        yield from self.opened(client, ["/", below, f"{below}coverage/", f"{below}coverage/live/", f"{below}where/"])
        yield from self.opened(client, [f"{below}coverage/people/?is=targeted", f"{below}coverage/bodies/?is=held"])
        yield from self.opened(client, ["/coverage/", "/operations/", f"{below}people/{self.held.relay.pk}/"])
        yield from self.opened(client, [f"{below}coverage/table/bodies.csv", "/coverage/table.csv"], table=True)
        yield from self.opened(client, [f"/people/{one.person_id}/" for one in self.own])
        yield from self.opened(
            client,
            [f"/admin/alerts/{table}/" for table in ("advisory", "relay", f"advisory/{self.advisory.pk}/change")],
        )
        yield from self.opened(signed_in(self.held.ann), [f"{below}note/{self.held.relay.pk}/"])
        reader = Client(headers={"user-agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/120"})
        links = [f"/a/{tokens.make(one.pk, one.token_issue)}" for one in self.own]
        yield from self.opened(reader, links)
        yield from self.opened(reader, [f"{links[0]}/left", f"/check?code={reference}"])
        draft = update_from_file(self.advisory, update, self.office.ada, material=True)
        yield from self.opened(client, [below, f"{below}write/", f"{below}letter/", f"{below}compare/?from=1&to=draft"])
        yield "the mail before it leaves", proof_of(draft, timezone.now()).html

    def opened(self, client: Client, urls: list[str], *, table: bool = False) -> Iterator[tuple[str, str]]:
        for url in urls:
            answer: Any = client.get(url)
            assert answer.status_code == 200, url
            content = answer.getvalue().decode() if answer.streaming else answer.content.decode()
            # A table for machines has each moment as ISO 8601, which bears its offset.
            yield url, re.sub(r"T\d\d:\d\d:\d\d[+-]\d\d:\d\d", "", content) if table else content


@pytest.mark.parametrize("when", ["2026-11-24 10:30", "2026-07-07 10:30"])
def test_on_no_page_stands_a_time_without_its_zone_in_winter_or_in_summer(office: Office, when: str) -> None:
    rendered = Rendered(office, at(when))
    with time_machine.travel(at(when) + timedelta(minutes=20), tick=False):
        pages = dict(rendered.pages())
    assert {url: found for url, page in pages.items() if (found := bare(page))} == {}
    by = f"{at(when).astimezone(LONDON) + timedelta(days=2):%H:%M %Z}"
    assert by == ("10:30 GMT" if when.startswith("2026-11") else "10:30 BST")
    said = [url for url, page in pages.items() if by in page]
    assert len(said) > len(pages) / 2, "they do say by when"


@pytest.mark.parametrize("when", ["2026-11-24 10:30", "2026-07-07 10:30"])
def test_in_no_mail_stands_a_time_without_its_zone(office: Office, server: Server, when: str) -> None:
    with time_machine.travel(at(when), tick=False):
        held = Holding(office, severity="high", acknowledge_within="P2D", actions=ASKED)
        while deliver():
            pass
        assert Message.objects.filter(advisory=held.advisory, state="sent").exists()
    assert server.mails
    for mail in server.mails:
        parts = [str(part.get_content()) for part in mail.message.walk() if part.get_content_maintype() == "text"]
        assert [bare(part) for part in (mail.subject, *parts)] == [[] for _ in (mail.subject, *parts)]
        assert "answer by" in mail.subject.lower()
