"""Writing: saved as it is typed, by several people at once, and nobody's words are lost."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connections
from django.utils import timezone

from alerts.models import Advisory, Draft, Message, Record
from alerts.publishing.approving import approve, give_back, submit
from alerts.publishing.draft import drop, empty, marks_of, save, set_material, settle_aside, start
from alerts.publishing.publish import publish_draft
from alerts.publishing.targeting import add_branch
from departments.models import Person
from departments.refusal import Refused
from tests.office import Office

pytestmark = pytest.mark.django_db

WORDS = {
    "title": "Do not use Zoom",
    "summary": "Meetings may be overheard.",
    "severity": "high",
    "marking": "GREEN",
    "topics": ["china"],
    "earlier": "",
}


@pytest.fixture
def draft(office: Office) -> Draft:
    return a_draft(office)


def a_draft(office: Office, **content: object) -> Draft:
    """A draft of Ada's, for the government."""
    made = start(office.centre, office.ada, {**empty(), **WORDS, **content}, exercise=False)
    add_branch(made.advisory, office.government, office.ada)
    return fresh(made)


def fresh(draft: Draft) -> Draft:
    return Draft.objects.select_related("advisory__issuer").get(pk=draft.pk)


class Page:
    """The writing page as one person opened it: it knows what stood in each field."""

    def __init__(self, draft: Draft, person: Person) -> None:
        self.draft, self.person = draft, person
        content = fresh(draft).content
        self.base = marks_of(content, {**content, "open_title": "", "use_instead": []})

    def types(self, **typed: Any) -> Any:
        return save(self.draft, self.person, typed, self.base)


def words(draft: Draft, key: str) -> Any:
    return fresh(draft).content.get(key)


def aside(draft: Draft) -> list[tuple[str, str, Any]]:
    return [(one["name"], one["field"], one["text"]) for one in fresh(draft).set_aside]


def numbers(draft: Draft) -> list[int]:
    return [one["n"] for one in fresh(draft).set_aside]


class TestTwoWriters:
    def test_in_different_fields_both_stand_and_each_is_told(self, office: Office, draft: Draft) -> None:
        ada, ben = Page(draft, office.ada), Page(draft, office.ben)
        ada.types(title="Stop using Zoom")
        saved = ben.types(title="Do not use Zoom", summary="Others may listen.")
        assert (words(draft, "title"), words(draft, "summary")) == ("Stop using Zoom", "Others may listen.")
        assert (saved.met, saved.elsewhere, saved.who) == ([], ["title"], "Ada")

    def test_in_the_same_field_the_first_stands_and_the_second_stands_beside_it(
        self, office: Office, draft: Draft
    ) -> None:
        ada, ben = Page(draft, office.ada), Page(draft, office.ben)
        ada.types(title="Ada's title")
        saved = ben.types(title="Ben's title")
        assert (saved.met, saved.changed, saved.who) == (["title"], False, "Ada")
        assert words(draft, "title") == "Ada's title"
        assert aside(draft) == [("Ben", "title", "Ben's title")]

    def test_who_goes_on_typing_there_has_their_last_words_beside_it_once(self, office: Office, draft: Draft) -> None:
        ada, ben = Page(draft, office.ada), Page(draft, office.ben)
        ada.types(title="Ada's title")
        for typed in ("Ben's", "Ben's ti", "Ben's title"):
            ben.types(title=typed)
        assert aside(draft) == [("Ben", "title", "Ben's title")]

    def test_a_third_loses_nothing_either(self, office: Office, draft: Draft) -> None:
        cleo = office.person("cleo", office.centre, "officer")
        pages = [Page(draft, who) for who in (office.ada, office.ben, cleo)]
        for page in pages:
            page.types(title=f"{page.person.name}'s title")
        assert words(draft, "title") == "Ada's title"
        assert aside(draft) == [("Ben", "title", "Ben's title"), ("Cleo", "title", "Cleo's title")]

    def test_a_page_that_lost_what_it_saw_overwrites_nobody(self, office: Office, draft: Draft) -> None:
        save(draft, office.ben, {"title": "Ben's", "open_title": "Advice"}, {})
        assert words(draft, "title") == "Do not use Zoom"
        assert words(draft, "open_title") == "Advice"  # nothing stood there
        assert aside(draft) == [("Ben", "title", "Ben's")]
        # Ben saved last, and goes on in a page that knows nothing.
        save(draft, office.ben, {"open_title": "Advice on video"}, {})
        assert words(draft, "open_title") == "Advice on video"

    @pytest.mark.django_db(transaction=True)
    def test_typing_at_the_same_moment_loses_no_word(self, office: Office, draft: Draft) -> None:
        people = [office.ada, office.ben, *(office.person(f"o{n}", office.centre, "officer") for n in range(2))]
        pages = [Page(draft, person) for person in people]
        at_once(
            *(
                lambda page=page: page.types(title=f"{page.person.name}'s", **{f"extra{page.person.pk}": "x"})
                for page in pages
            )
        )
        found = {words(draft, "title"), *(text for _, field, text in aside(draft) if field == "title")}
        assert found == {f"{person.name}'s" for person in people}
        assert all(words(draft, f"extra{person.pk}") == "x" for person in people)


def at_once(*works: Callable[[], object]) -> list[BaseException]:
    """Each in a thread of its own, begun together; what they raised."""
    failures: list[BaseException] = []
    ready = threading.Barrier(len(works))

    def run(work: Callable[[], object]) -> None:
        try:
            ready.wait()
            work()
        except BaseException as failure:
            failures.append(failure)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=[work]) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return failures


class TestWordsThatWereSetAside:
    @pytest.fixture
    def number(self, office: Office, draft: Draft) -> int:
        ada, ben = Page(draft, office.ada), Page(draft, office.ben)
        ada.types(title="Ada's title")
        ben.types(title="Ben's title")
        return numbers(draft)[0]

    def test_used_they_change_places_with_those_that_stood_there(
        self, office: Office, draft: Draft, number: int
    ) -> None:
        settle_aside(draft, office.ben, number, use=True)
        assert words(draft, "title") == "Ben's title"
        assert aside(draft) == [("Ada", "title", "Ada's title")]
        settle_aside(draft, office.ada, numbers(draft)[0], use=True)
        assert words(draft, "title") == "Ada's title"
        assert aside(draft) == [("Ben", "title", "Ben's title")]

    def test_what_made_room_is_its_writers_and_stays_whatever_is_typed_in_another_window(
        self, office: Office, draft: Draft, number: int
    ) -> None:
        ben = Page(draft, office.ben)
        ben.types(summary="Ben saved last")
        settle_aside(draft, office.ben, number, use=True)
        ben.types(title="Ben's title, once more")
        settle_aside(
            draft, office.ben, next(one["n"] for one in fresh(draft).set_aside if one["name"] == "Ben"), use=True
        )
        assert words(draft, "title") == "Ben's title, once more"
        assert aside(draft) == [("Ada", "title", "Ada's title"), ("Ben", "title", "Ben's title")]

    def test_of_three_writers_each_keeps_their_words(self, office: Office, draft: Draft, number: int) -> None:
        cleo = office.person("cleo", office.centre, "officer")
        Page(draft, cleo).types(summary="Cleo saved last")
        settle_aside(draft, cleo, number, use=True)
        Page(draft, office.ada).types(title="Ada's second")
        assert {words(draft, "title"), *(text for _, _, text in aside(draft))} >= {"Ada's title", "Ada's second"}

    def test_dropped_they_are_gone_and_the_draft_is_as_it_was(self, office: Office, draft: Draft, number: int) -> None:
        version = fresh(draft).version
        settle_aside(draft, office.ada, number, use=False)
        assert (aside(draft), words(draft, "title"), fresh(draft).version) == ([], "Ada's title", version)

    @pytest.mark.parametrize("use", [True, False])
    def test_a_second_press_settles_nothing_else(self, office: Office, draft: Draft, number: int, use: bool) -> None:
        Page(draft, office.ada).types(summary="Ada's summary")
        Page(draft, office.ben)  # opens it now, and types nothing
        save(draft, office.ben, {"summary": "Ben's summary"}, {"summary": "what Ben saw before"})
        settle_aside(draft, office.ada, number, use=use)
        left = aside(draft)
        with pytest.raises(Refused, match="used or dropped already"):
            settle_aside(draft, office.ada, number, use=use)
        assert aside(draft) == left
        assert ("Ben", "summary", "Ben's summary") in left

    def test_they_keep_a_draft_from_being_submitted_until_somebody_looks(
        self, office: Office, draft: Draft, number: int
    ) -> None:
        with pytest.raises(Refused, match="Words of Ben wait beside this draft"):
            submit(draft, office.ada, fresh(draft).version)
        settle_aside(draft, office.ada, number, use=False)
        submit(draft, office.ada, fresh(draft).version)

    def test_typed_too_late_they_delay_no_warning_and_stay_in_the_record(self, office: Office, draft: Draft) -> None:
        ada, ben = Page(draft, office.ada), Page(draft, office.ben)
        ada.types(title="Ada's title")
        submitted = submit(draft, office.ada, fresh(draft).version)
        ben.types(title="Ben's title")
        publish_draft(submitted, office.ben)
        assert Record.objects.get(kind="set aside").details["words"][0]["text"] == "Ben's title"

    def test_there_is_an_end_to_what_is_kept_and_it_is_said_not_done(
        self, office: Office, draft: Draft, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("alerts.publishing.draft.MOST_SET_ASIDE", 1)
        page = Page(draft, office.ben)
        Page(draft, office.ada).types(title="Ada's", summary="Ada's")
        page.types(title="Ben's")
        with pytest.raises(Refused, match="still in this page"):
            page.types(summary="Ben's")
        assert aside(draft) == [("Ben", "title", "Ben's")]


class TestSaving:
    def test_what_is_saved_already_changes_nothing(self, office: Office, draft: Draft) -> None:
        page, before = Page(draft, office.ben), fresh(draft)
        saved = page.types(**before.content)
        assert not saved.changed
        after = fresh(draft)
        assert (after.version, after.saved_by, after.saved_at) == (before.version, office.ada, before.saved_at)

    @pytest.mark.parametrize("approved", [False, True])
    def test_changing_what_was_submitted_takes_it_back(self, office: Office, draft: Draft, approved: bool) -> None:
        submit(draft, office.ada, draft.version)
        if approved:
            approve(draft, office.ben, draft.version)
        Page(draft, office.ben).types(summary="Others listen.")
        after = fresh(draft)
        assert (after.stage, after.submitted_by, after.decided_by) == ("writing", None, None)
        assert after.version == draft.version + 1
        assert Record.objects.filter(kind="taken back", actor=office.ben).count() == 1
        assert not Message.objects.filter(kind="approve", state="waiting").exists()

    def test_saving_the_same_words_again_leaves_it_approved(self, office: Office, draft: Draft) -> None:
        submit(draft, office.ada, draft.version)
        approve(draft, office.ben, draft.version)
        Page(draft, office.ada).types(**draft.content)
        assert fresh(draft).stage == "approved"

    def test_what_was_returned_says_why_until_it_is_submitted_again(self, office: Office, draft: Draft) -> None:
        submit(draft, office.ada, draft.version)
        give_back(draft, office.ben, draft.version, "Too long.")
        Page(draft, office.ada).types(summary="Shorter.")
        after = fresh(draft)
        assert (after.stage, after.reason, after.decided_by) == ("returned", "Too long.", office.ben)
        submit(draft, office.ada, after.version)
        assert fresh(draft).reason == ""

    def test_another_answer_to_whether_everybody_is_asked_takes_it_back(self, office: Office, draft: Draft) -> None:
        submit(draft, office.ada, draft.version)
        approve(draft, office.ben, draft.version)
        set_material(draft, office.ada, material=True)
        assert fresh(draft).stage == "approved"
        set_material(draft, office.ada, material=False)
        after = fresh(draft)
        assert (after.stage, after.material, after.decided_by) == ("writing", False, None)

    def test_an_advisory_is_no_larger_than_it_may_be(self, office: Office, draft: Draft) -> None:
        for number in range(2):
            Page(draft, office.ada).types(**{f"part{number}": "x" * 700_000})
        with pytest.raises(Refused, match="Shorten it"):
            Page(draft, office.ada).types(part2="x" * 700_000)
        assert words(draft, "part2") is None

    def test_after_publication_it_says_so_and_what_to_do(self, office: Office, draft: Draft) -> None:
        page = Page(draft, office.ada)
        publish_draft(submit(draft, office.ada, draft.version), office.ben)
        with pytest.raises(Refused, match="What you typed is still in this page: copy it"):
            page.types(title="Too late")
        with pytest.raises(Refused, match="published or dropped"):
            set_material(draft, office.ada, material=False)
        with pytest.raises(Refused, match="published or dropped"):
            drop(draft, office.ada)

    def test_nobody_else_writes(self, office: Office, draft: Draft) -> None:
        member, stranger = office.cas, office.person("sam", office.department, "officer")
        for who in (member, stranger):
            for press in (
                lambda who=who: Page(draft, who).types(title="Mine"),
                lambda who=who: set_material(draft, who, material=False),
                lambda who=who: drop(draft, who),
                lambda who=who: submit(draft, who, draft.version),
                lambda who=who: start(office.centre, who, empty(), exercise=False),
            ):
                with pytest.raises(Refused, match="not an officer of"):
                    press()
        assert fresh(draft).content == draft.content
        assert Advisory.objects.count() == 1

    def test_the_advisory_is_called_and_marked_as_it_is_typed(self, office: Office, draft: Draft) -> None:
        Page(draft, office.ada).types(
            marking="AMBER", open_title=" Advice\non \x00video ", severity="critical", rule="any"
        )
        found = fresh(draft).advisory
        assert (found.marking, found.open_title, found.severity, found.rule) == (
            "AMBER",
            "Advice on video",
            "critical",
            "any",
        )
        Page(draft, office.ada).types(marking="PURPLE", severity=7, rule=None, open_title=["x"])
        again = fresh(draft).advisory
        assert (again.marking, again.severity, again.rule) == ("AMBER", "critical", "any")

    def test_a_closed_body_issues_nothing(self, office: Office) -> None:
        above = office.person("top", office.government, "officer")
        office.department.closed = "2020-01-01"
        office.department.save()
        with pytest.raises(Refused, match="closed, and issues nothing"):
            start(office.department, above, empty(), exercise=False)


@pytest.mark.django_db(transaction=True)
def test_numbers_are_given_once_and_drills_count_apart(office: Office) -> None:
    made: list[str] = []
    failures = at_once(
        *(
            lambda drill=drill: made.append(
                start(office.centre, office.ada, empty(), exercise=drill).advisory.reference
            )
            for drill in (False, False, False, True)
        )
    )
    year = timezone.now().year
    assert failures == []
    assert sorted(made) == [*(f"ADV-{year}-{number:04d}" for number in (1, 2, 3)), f"EX-{year}-0001"]
