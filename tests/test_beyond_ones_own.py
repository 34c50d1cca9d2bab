"""What an officer of a small body may say and learn of others' warnings."""

import pytest
from django.test import Client

from alerts.cascading.cascade import cascade
from alerts.models import Advisory
from alerts.publishing.approving import submit
from alerts.publishing.contract import NotUnderstood
from alerts.publishing.draft import from_file, save, start
from alerts.publishing.reach import reach
from departments.models import Body, Person
from tests.clients import signed_in
from tests.office import an_advisory
from tests.test_drafts import a_draft
from tests.test_gaps import Wide

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def office() -> Wide:
    return Wide()


@pytest.fixture
def small(office: Wide) -> Body:
    return Body.objects.create(slug="small", name="Small", kind="quango")


@pytest.fixture
def eve(office: Wide, small: Body) -> Person:
    return office.person("eve", small, "officer")


def published(office: Wide, **changes: object) -> Advisory:
    advisory = office.publish(**changes).advisory
    cascade(advisory.pk)
    return advisory


def similar(advisory: Advisory) -> list[tuple[Body, str]]:
    """Who is a gap since similar warnings reached them, and what is said of it."""
    return [(gap.body, gap.why) for gap in reach(advisory).choices() if gap.kind == "similar"]


class TestReplacing:
    def test_nobody_says_from_a_file_that_theirs_replaces_what_they_may_not_approve(
        self, office: Wide, small: Body, eve: Person
    ) -> None:
        real = published(office)
        words = an_advisory(supersedes=real.reference, audience={"branches": ["small"]})
        with pytest.raises(NotUnderstood, match="only its officers, or those above"):
            from_file(words, eve, small)
        html = Client().get("/check", {"reference": real.reference}).content.decode()
        assert real.reference in html
        assert not Advisory.objects.filter(issuer=small).exists()

    def test_nor_in_a_page(self, office: Wide, small: Body, eve: Person) -> None:
        real = published(office)
        draft = start(small, eve, a_draft(office).content, exercise=False)
        draft.advisory.branches.create(body=small)
        draft = save(draft, eve, {"supersedes": real.reference}, {}).draft
        with pytest.raises(NotUnderstood, match="only its officers, or those above"):
            submit(draft, eve, draft.version)
        assert Advisory.objects.get(pk=draft.advisory_id).supersedes is None

    def test_what_was_never_published_is_replaced_by_nothing(self, office: Wide) -> None:
        begun = a_draft(office).advisory
        with pytest.raises(NotUnderstood, match="there is no published advisory"):
            office.draft(supersedes=begun.reference)

    def test_its_own_officers_do(self, office: Wide) -> None:
        real = published(office)
        assert office.draft(supersedes=real.reference).advisory.supersedes == real


class TestSimilarWarnings:
    def test_whom_they_reached_elsewhere_is_told_to_nobody(self, office: Wide, small: Body, eve: Person) -> None:
        theirs = published(office, marking="AMBER+STRICT")
        made = start(small, eve, {"topics": ["china"]}, exercise=False).advisory
        assert similar(made) == []
        html = signed_in(eve).get(f"/advisories/{made.reference}/reach/").content.decode()
        assert theirs.reference not in html

    def test_whom_they_reached_in_ones_own_branch_is_a_gap(self, office: Wide, small: Body, eve: Person) -> None:
        below = Body.objects.create(slug="below", name="Below", kind="team", parent=small)
        office.person("bea", below, "member")
        theirs = published(office, audience={"branches": ["below"]})
        made = start(small, eve, {"topics": ["china"]}, exercise=False).advisory
        assert similar(made) == [(below, f"told of {theirs.reference} on the same subject")]
