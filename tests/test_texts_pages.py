"""Pages that show an advisory's texts: two revisions compared, a draft as its mail will look, its life."""

import pytest

from alerts.cascading.cascade import cascade
from alerts.models import Advisory, Draft
from alerts.publishing.draft import save, start_update, update_from_file
from alerts.publishing.publish import publish_draft
from alerts.publishing.stopping import stand_down
from departments.models import Person
from tests.clients import signed_in
from tests.office import Office, an_advisory

pytestmark = pytest.mark.django_db(transaction=True)


def revised(office: Office, **first: object) -> str:
    """An advisory with two revisions; its reference."""
    advisory = office.publish(**first).advisory
    changes = {"title": "Zoom is fine again", "what_changed": "It is mended.", "earlier": "replaced"}
    publish_draft(update_from_file(advisory, an_advisory(**changes), office.ada, material=True), office.ben)
    return advisory.reference


def page(who: Person, url: str) -> str:
    answer = signed_in(who).get(url)
    assert answer.status_code == 200
    return answer.content.decode()


class TestComparing:
    def test_any_two_revisions_are_compared(self, office: Office) -> None:
        html = page(office.ben, f"/advisories/{revised(office)}/compare/?from=1&to=2")
        assert "Do not use Zoom for confidential business" in html
        assert "Zoom is fine again" in html
        assert "<h2>Title</h2>" in html
        assert "<h2>Use instead</h2>" not in html
        back = page(office.ben, f"/advisories/{revised(office)}/compare/?from=2&to=2")
        assert "Nothing: both say the same." in back

    @pytest.mark.parametrize("query", ["from=1&to=9", "from=x&to=2", "from=draft&to=1"])
    def test_a_revision_that_is_not_there_is_not_found(self, office: Office, query: str) -> None:
        assert signed_in(office.ben).get(f"/advisories/{revised(office)}/compare/?{query}").status_code == 404

    def test_the_draft_is_compared_for_those_who_see_the_whole_only(self, office: Office) -> None:
        reference = office.publish().advisory.reference
        head = office.person("head", office.department, "head")
        advisory = Advisory.objects.get(reference=reference)
        cascade(advisory.pk)
        draft = start_update(advisory, office.ada, {})
        save(draft, office.ada, {"title": "Secret until it is published"}, {})
        url = f"/advisories/{reference}/compare/?from=1&to=draft"
        assert "Secret until it is published" in page(office.ben, url)
        assert signed_in(head).get(url).status_code == 404


class TestTheMail:
    def test_a_draft_is_shown_as_its_mail_will_look(self, office: Office) -> None:
        draft = office.draft()
        url = f"/advisories/{draft.advisory.reference}/letter/"
        html = page(office.ben, url)
        assert "[High] Do not use Zoom for confidential business: answer by" in html
        assert "DO NOT USE ZOOM FOR CONFIDENTIAL" in html
        assert "Move closed meetings, by" in html
        frame = signed_in(office.ben).get(f"{url}html/")
        assert "Meetings may be overheard." in frame.content.decode()
        assert "sandbox" in frame["Content-Security-Policy"]
        assert "script-src" not in frame["Content-Security-Policy"]

    def test_from_amber_up_the_author_sees_that_nothing_of_the_text_leaves(self, office: Office) -> None:
        draft = office.draft(marking="AMBER")
        url = f"/advisories/{draft.advisory.reference}/letter/"
        for html in (page(office.ben, url).split("</h1>")[1], page(office.ben, f"{url}html/")):
            assert "Advice on video meetings" in html
            assert "overheard" not in html
            assert "Move closed meetings" not in html

    def test_an_update_says_first_what_changed(self, office: Office) -> None:
        advisory = office.publish().advisory
        draft = start_update(advisory, office.ada, {"what_changed": "Version 5 is out.", "earlier": "holds"})
        html = page(office.ben, f"/advisories/{advisory.reference}/letter/")
        assert "Update 2: " in html
        assert "CHANGED: Version 5 is out." in html
        assert "What we told you before still holds." in html
        assert draft.advisory_id == advisory.pk

    def test_a_draft_in_which_nothing_is_right_is_shown_all_the_same(self, office: Office) -> None:
        draft = office.draft()
        wrong = {"title": "", "actions": [{"text": "", "due": 7}, 3], "topics": {"x": 1}, "guidance": "x" * 200_000}
        Draft.objects.filter(pk=draft.pk).update(content=wrong)
        for where in ("letter/", "letter/html/", "write/", "reach/", ""):
            page(office.ben, f"/advisories/{draft.advisory.reference}/{where}")


class TestItsLife:
    def test_each_step_stands_there_by_whom(self, office: Office) -> None:
        reference = revised(office)
        stand_down(Advisory.objects.get(reference=reference), office.ben, "It is over.")
        html = page(office.ada, f"/advisories/{reference}/")
        for step in ("began a draft", "published revision 1", "published revision 2", "stood it down"):
            assert step in html
        assert "<b>Ben</b> stood it down, with revision 3" in html

    def test_publishing_alone_is_shown_for_ever(self, office: Office) -> None:
        advisory = publish_draft(office.draft(), office.ada, alone_reason="nobody else is awake").advisory
        publish_draft(update_from_file(advisory, an_advisory(), office.ada, material=False), office.ben)
        stand_down(advisory, office.ben, "It is over.")
        html = page(office.ben, f"/advisories/{advisory.reference}/")
        assert "Published by one officer alone." in html
        assert "nobody else is awake" in html

    def test_standing_down_is_no_publishing_alone(self, office: Office) -> None:
        advisory = office.publish().advisory
        stand_down(advisory, office.ben, "It is over.")
        assert "alone" not in page(office.ada, f"/advisories/{advisory.reference}/")

    def test_a_contact_of_a_branch_sees_neither_the_draft_nor_the_steps(self, office: Office) -> None:
        advisory = office.publish().advisory
        cascade(advisory.pk)
        head = office.person("head", office.department, "head")
        start_update(advisory, office.ada, {})
        html = page(head, f"/advisories/{advisory.reference}/")
        assert "What happened" not in html
        assert "is being written" not in html
