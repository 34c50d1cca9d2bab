"""A press means what was on the screen, and nothing that came after it."""

import json

import pytest

from alerts.cascading.cascade import cascade
from alerts.models import Advisory, Draft
from alerts.publishing import stopping
from alerts.publishing.approving import submit
from alerts.publishing.draft import drop, marks_of, save, start_update, update_from_file
from alerts.publishing.publish import publish_draft
from departments.refusal import Refused
from tests.clients import signed_in
from tests.office import an_advisory
from tests.test_gaps import Wide

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def office() -> Wide:
    return Wide()


def published(office: Wide) -> Advisory:
    advisory = office.publish().advisory
    cascade(advisory.pk)
    return Advisory.objects.get(pk=advisory.pk)


def written(office: Wide, advisory: Advisory, title: str) -> Draft:
    """Begun, typed and submitted by Ada."""
    draft = start_update(advisory, office.ada, {})
    save(draft, office.ada, {"title": title, "what_changed": title, "earlier": "holds"}, {})
    draft.refresh_from_db()
    return submit(draft, office.ada, draft.version)


def number_of(advisory: Advisory) -> int:
    advisory.refresh_from_db()
    assert advisory.current is not None
    return advisory.current.number


class TestADraftThatIsGone:
    @pytest.mark.parametrize("press", ["publish", "approve"])
    def test_a_press_on_one_that_was_thrown_away_does_nothing_to_the_next(self, office: Wide, press: str) -> None:
        advisory = published(office)
        seen = written(office, advisory, "What Ben has on his screen")
        page = signed_in(office.ben).get(f"/advisories/{advisory.reference}/").content.decode()
        assert f'name="version" value="{seen.shown_as}"' in page
        drop(seen, office.ada)
        after = written(office, advisory, "What Ben never saw")
        assert after.version == seen.version
        signed_in(office.ben).post(f"/advisories/{advisory.reference}/{press}/", {"version": seen.shown_as})
        assert number_of(advisory) == 1
        assert Draft.objects.get().stage == "submitted"

    def test_nor_does_a_press_on_one_that_is_published(self, office: Wide) -> None:
        advisory = published(office)
        seen = written(office, advisory, "Second")
        publish_draft(Draft.objects.get(pk=seen.pk), office.person("cleo", office.centre, "officer"))
        advisory.refresh_from_db()
        written(office, advisory, "Third, which Ben never saw")
        signed_in(office.ben).post(f"/advisories/{advisory.reference}/publish/", {"version": seen.shown_as})
        assert number_of(advisory) == 2

    def test_what_is_typed_in_its_window_does_not_land_in_the_next(self, office: Wide) -> None:
        advisory = published(office)
        seen = written(office, advisory, "Second")
        base = json.dumps(marks_of(Draft.objects.get().content, {"title": "", "summary": ""}))
        publish_draft(Draft.objects.get(pk=seen.pk), office.ben)
        advisory.refresh_from_db()
        start_update(advisory, office.ben, {})
        answer = signed_in(office.ada).post(
            f"/advisories/{advisory.reference}/write/",
            {"title": "Typed in an old window", "base": base, "draft": seen.pk},
            headers={"HX-Request": "true"},
        )
        assert answer.status_code == 422
        assert Draft.objects.get().content["title"] == "Second"


def test_a_press_from_before_a_stop_does_not_undo_it(office: Wide) -> None:
    advisory = published(office)
    update = an_advisory(what_changed="x", earlier="holds")
    seen = Draft.objects.get(pk=update_from_file(advisory, update, office.ada, material=False).pk)
    stopping.stop(advisory, office.ada)
    with pytest.raises(Refused):
        publish_draft(seen, office.ben)
    assert Advisory.objects.get(pk=advisory.pk).stopped
