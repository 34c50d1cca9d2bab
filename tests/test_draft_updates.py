"""How writing begins and ends: starting texts, updates of what was published, drafts that are thrown away."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from alerts.letters.letter_words import words_of
from alerts.models import Advisory, Draft, Message, Record
from alerts.publishing.approving import submit
from alerts.publishing.contract import NotUnderstood, Reader, read_content, read_head
from alerts.publishing.draft import drop, empty, start, start_update, update_from_file
from alerts.publishing.publish import publish_draft
from alerts.publishing.starters import BLANK, STARTERS, blanks, content_of_starter, starters
from alerts.publishing.stopping import stand_down, stop
from departments.refusal import Refused
from tests.office import Office, an_advisory
from tests.test_drafts import Page, a_draft, at_once, fresh

pytestmark = pytest.mark.django_db


@pytest.fixture
def draft(office: Office) -> Draft:
    return a_draft(office)


class TestStartingTexts:
    @pytest.mark.parametrize("starter", STARTERS, ids=lambda one: one.key)
    def test_each_passes_once_its_blanks_are_filled(self, starter: Any) -> None:
        def filled(value: Any) -> Any:
            if isinstance(value, str):
                return BLANK.sub("Zoom", value)
            if isinstance(value, list):
                return [filled(one) for one in value]
            return {key: filled(one) for key, one in value.items()} if isinstance(value, dict) else value

        assert blanks(starter.content)
        whole = {**empty(), **(starter.content if starter.of == "new" else {**an_advisory(), **starter.content})}
        whole.pop("audience", None)
        reader = Reader(filled(whole), timezone.now())
        read_content(reader)
        read_head(reader)
        reader.done()
        assert blanks(filled(whole)) == []

    def test_a_blank_is_not_submitted_and_not_published_by_standing_down(self, office: Office, draft: Draft) -> None:
        Page(draft, office.ada).types(title="Do not use ‹product›", summary="‹Product› is open; so is ‹product›.")
        with pytest.raises(NotUnderstood) as refused:
            submit(draft, office.ada, fresh(draft).version)
        assert refused.value.sentences == [
            "title: ‹product› still stands there: fill it in.",
            "summary: ‹Product›, ‹product› still stand there: fill them in.",
        ]
        live = office.publish().advisory
        with pytest.raises(Refused, match="‹What made the warning necessary› still stands there"):
            stand_down(live, office.ada, content_of_starter("withdrawn")["what_changed"])

    def test_each_kind_of_writing_has_some_and_an_unknown_one_is_empty(self) -> None:
        assert [[one.key for one in starters(of)] for of in ("new", "update", "stand-down")] == [
            ["product", "exploited"],
            ["changed", "error"],
            ["withdrawn"],
        ]
        assert content_of_starter("nothing") == {}


class TestUpdates:
    def test_an_update_begins_with_the_words_as_they_stand(self, office: Office) -> None:
        advisory = office.publish().advisory
        made = start_update(advisory, office.ben, {"earlier": "replaced"})
        assert made.content["title"] == "Do not use Zoom for confidential business"
        assert made.content["earlier"] == "replaced"
        assert [action["key"] for action in made.content["actions"]] == ["action-1", "action-2"]
        assert "audience" not in made.content
        with pytest.raises(NotUnderstood, match="what_changed: is missing"):
            submit(made, office.ben, made.version)
        Page(made, office.ben).types(what_changed="Version 5 is out.")
        published = publish_draft(submit(made, office.ben, fresh(made).version), office.ada)
        assert published.number == 2
        assert published.content["what_changed"] == "Version 5 is out."

    def test_an_action_that_is_due_already_wants_a_new_time(self, office: Office) -> None:
        advisory = office.publish().advisory
        with time_machine.travel(timezone.now() + timedelta(days=10), tick=False):
            made = start_update(advisory, office.ada, {"what_changed": "x", "earlier": "holds"})
            with pytest.raises(NotUnderstood) as refused:
                submit(made, office.ada, made.version)
        assert [one.where for one in refused.value.wrong] == ["actions[1].due"]

    @pytest.mark.django_db(transaction=True)
    def test_two_who_begin_one_go_on_with_the_same(self, office: Office) -> None:
        advisory = office.publish().advisory
        made: list[Draft] = []
        at_once(*(lambda who=who: made.append(start_update(advisory, who, {})) for who in (office.ada, office.ben)))
        assert len({draft.pk for draft in made}) == Draft.objects.count() == 1

    def test_a_correction_begins_while_it_is_stopped(self, office: Office) -> None:
        advisory = office.publish().advisory
        stop(advisory, office.ada)
        made = start_update(advisory, office.ada, dict(content_of_starter("error")))
        assert blanks(made.content) == ["what was wrong"]

    def test_what_is_stood_down_is_not_updated(self, office: Office) -> None:
        advisory = office.publish().advisory
        stand_down(advisory, office.ada, "Over.")
        with pytest.raises(Refused, match="write a new advisory instead"):
            start_update(advisory, office.ada, {})
        with pytest.raises(Refused, match="write a new advisory instead"):
            update_from_file(advisory, an_advisory(), office.ada, material=True)

    def test_a_file_throws_nobody_s_draft_away(self, office: Office) -> None:
        advisory = office.publish().advisory
        start_update(advisory, office.ben, {})
        with pytest.raises(Refused, match="waits already, last saved by Ben"):
            update_from_file(advisory, an_advisory(), office.ada, material=True)

    def test_a_file_of_somebody_else_s_officer_updates_nothing(self, office: Office) -> None:
        advisory = office.publish().advisory
        stranger = office.person("sam", office.department, "officer")
        with pytest.raises(Refused, match="not an officer of"):
            update_from_file(advisory, an_advisory(), stranger, material=True)


class TestThrownAway:
    def test_an_advisory_that_never_was_more_keeps_its_number_and_is_begun_anew(
        self, office: Office, draft: Draft
    ) -> None:
        submit(draft, office.ada, draft.version)
        drop(draft, office.ben)
        advisory = Advisory.objects.get()
        assert not Draft.objects.exists()
        assert not Message.objects.filter(state="waiting").exists()
        assert Record.objects.get(kind="dropped").actor == office.ben
        other = start(office.centre, office.ada, empty(), exercise=False)
        assert other.advisory.reference != advisory.reference
        again = start_update(advisory, office.ada, {})
        assert (again.stage, again.content["title"], again.content["marking"]) == ("writing", "", "GREEN")
        assert advisory.branches.get().body == office.government

    def test_an_update_leaves_the_advisory_as_it_was(self, office: Office) -> None:
        advisory = office.publish().advisory
        drop(start_update(advisory, office.ada, {}), office.ada)
        assert start_update(advisory, office.ada, {}).content["title"] == "Do not use Zoom for confidential business"

    def test_standing_down_says_that_the_update_in_hand_is_gone(self, office: Office) -> None:
        advisory = office.publish().advisory
        start_update(advisory, office.ben, {})
        stand_down(advisory, office.ada, "Over.")
        assert Record.objects.get(kind="dropped").actor == office.ada


@pytest.mark.django_db(transaction=True)
def test_a_correction_mends_an_open_title_that_gave_something_away(office: Office) -> None:
    advisory = office.publish(marking="AMBER", open_title="A hole in Zoom").advisory
    changes = {"what_changed": "x", "earlier": "holds", "open_title": "Advice on video meetings"}
    made = start_update(advisory, office.ada, changes)
    with pytest.raises(NotUnderstood, match="confirm that it gives nothing away"):
        submit(made, office.ada, made.version)
    second = publish_draft(submit(made, office.ada, made.version, gives_nothing_away=True), office.ben)
    first = advisory.revisions.get(number=1)
    assert "Advice on video meetings" in words_of(second, "update").subject
    assert "A hole in Zoom" in words_of(first, "notice").subject
