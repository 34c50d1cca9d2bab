"""Who sees and does what with an advisory: at TLP:RED, of those it names, and every page and press of every role."""

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import Settings as SettingsWrapper

from alerts import coverage
from alerts.cascading.cascade import cascade
from alerts.models import Advisory, Draft, Exclusion, Message, Record
from alerts.publishing import gaps
from alerts.publishing.draft import start_update
from alerts.publishing.stopping import stand_down
from departments.models import Body, Person
from tests.clients import signed_in
from tests.test_drafts import a_draft
from tests.test_gaps import Wide, told

pytestmark = pytest.mark.django_db(transaction=True)
SECRET = "Minister's telephone is overheard"
SAID = "telephone is overheard"
OPEN = "Advice on telephones"


@pytest.fixture
def office() -> Wide:
    return Wide()


def auditor() -> Person:
    return Person.objects.create(email="aud@example.org", written="aud@example.org", name="Aud", is_auditor=True)


def red(office: Wide, marking: str = "RED") -> Advisory:
    """For Cas by name, of a department below the government."""
    words = {"title": SECRET, "open_title": OPEN, "guidance": SECRET, "audience": {"people": ["cas@example.org"]}}
    advisory = office.publish(marking=marking, **words).advisory
    cascade(advisory.pk)
    return Advisory.objects.get(pk=advisory.pk)


def html(who: Person, url: str) -> str:
    answer = signed_in(who).get(url)
    assert answer.status_code == 200
    return answer.content.decode()


class TestRed:
    def test_only_who_is_named_is_mailed(self, office: Wide) -> None:
        office.person("con", office.department, "contact")
        office.person("gov", office.government, "contact")
        assert told(red(office)) == {"Cas"}

    def test_who_was_left_out_and_lapses_hears_nothing_of_it(self, office: Wide) -> None:
        office.person("gov", office.government, "contact")
        audience = {"people": ["cas@example.org"], "exclusions": [{"body": "government", "reason": "x"}]}
        advisory = office.publish(marking="RED", title=SECRET, audience=audience).advisory
        assert told(advisory) == {"Cas"}
        now = timezone.now()
        Exclusion.objects.update(look_again_at=now)
        gaps.lapse(advisory, now)
        assert told(advisory) == {"Cas"}

    @pytest.mark.parametrize("role", ["contact", "deputy", "head", "officer"])
    def test_whoever_has_a_duty_where_it_passes_sees_its_open_title_and_figures_only(
        self, office: Wide, role: str
    ) -> None:
        who = office.person("con", office.government, role)
        reference = red(office).reference
        pages = (f"/advisories/{reference}/", f"/advisories/{reference}/coverage/", "/", "/bodies/department/")
        for url in (*pages, f"/people/{office.cas.pk}/"):
            shown = html(who, url)
            assert SAID not in shown
            assert OPEN in shown
        assert "of 1 person" in html(who, pages[1])

    def test_its_updates_are_compared_for_those_who_read_it_alone(self, office: Wide) -> None:
        head = office.person("con", office.government, "head")
        advisory = red(office)
        start_update(advisory, office.ada, {"what_changed": "It is a second one.", "earlier": "holds"})
        url = f"/advisories/{advisory.reference}/compare/?from=1&to=draft"
        assert "It is a second one." in html(office.ben, url)
        for other in (head, office.root):
            assert signed_in(other).get(url).status_code == 403

    def test_officers_and_auditors_read_it_and_administrators_its_open_title(self, office: Wide) -> None:
        reference, aud = red(office).reference, auditor()
        for url in (f"/advisories/{reference}/", f"/advisories/{reference}/coverage/", "/"):
            for who in (office.ada, aud):
                assert SAID in html(who, url)
            assert SAID not in html(office.root, url)
            assert OPEN in html(office.root, url)

    def test_a_draft_of_it_is_nothing_for_administrators(self, office: Wide) -> None:
        draft = office.draft(marking="RED", title=SECRET, guidance=SECRET, audience={"people": ["cas@example.org"]})
        where = f"/advisories/{draft.advisory.reference}/"
        for page in ("", "reach/"):
            assert SAID not in html(office.root, where + page)
        for page in ("letter/", "letter/html/"):
            assert signed_in(office.root).get(where + page).status_code == 403
        assert SAID in html(auditor(), where)

    def test_its_words_stand_in_no_table_of_an_administrator(self, office: Wide) -> None:
        advisory = red(office)
        stand_down(advisory, office.ben, SECRET)
        pages = [f"/admin/alerts/revision/{pk}/change/" for pk in advisory.revisions.values_list("pk", flat=True)]
        entries = Record.objects.filter(subject=advisory.reference).values_list("pk", flat=True)
        pages += [f"/admin/alerts/record/{pk}/change/" for pk in entries]
        aud = auditor()
        assert not [url for url in pages if SAID in html(office.root, url)]
        assert len([url for url in pages if SAID in html(aud, url)]) >= 3

    def test_where_operators_ask_for_a_code_at_amber_strict_it_is_the_same(
        self, office: Wide, settings: SettingsWrapper
    ) -> None:
        head = office.person("con", office.government, "head")
        url = f"/advisories/{red(office, 'AMBER+STRICT').reference}/"
        assert SAID in html(head, url)
        settings.AMBER_STRICT_NEEDS_CODE = True
        assert SAID not in html(head, url)

    def test_the_bodies_that_it_passes_are_not_dark_and_say_that_nobody_there_was_told(self, office: Wide) -> None:
        head = office.person("gov", office.government, "head")
        office.person("con", office.government, "contact")
        advisory = red(office)
        found = coverage.read(advisory)
        states = {row.body: row.state for row in found.rows if row.relay_id}
        assert states == {"government": "information", "department": "waiting"}
        assert found.whole.figures.targeted == 1
        assert "passed through; nobody here was told" in html(head, "/bodies/government/")


def test_who_else_is_named_is_listed_to_those_who_see_everything_alone(office: Wide) -> None:
    con = office.person("con", office.department, "contact")
    audience = {"branches": ["department"], "people": ["mia@example.org"]}
    advisory = office.publish(marking="AMBER", audience=audience).advisory
    cascade(advisory.pk)
    url = f"/advisories/{advisory.reference}/"
    shown = html(con, url)
    assert "Mia" not in shown
    assert "people by name" in shown
    assert "by name: Mia" in html(office.ada, url)


GET = ["", "write/", "letter/", "letter/html/", "compare/", "reach/"]
POST = ["write/", "preview/", "looking/", "drop/", "update/", "reach/change/", "approve/", "give-back/", "confirm/",
        "publish/", "stop/", "go-on/", "stand-down/", "aside/1/"]  # fmt: skip


class TestEveryPageAndPress:
    @pytest.mark.parametrize("who", ["contact", "elsewhere", "nobody", "administrator", "auditor", "anonymous"])
    def test_whoever_is_no_officer_of_it_changes_nothing_and_reads_no_draft(self, office: Wide, who: str) -> None:
        other = Body.objects.create(slug="other", name="Other", kind="agency")
        first = office.publish(marking="AMBER").advisory
        cascade(first.pk)
        live = start_update(Advisory.objects.get(pk=first.pk), office.ada, {"title": SECRET}).advisory
        fresh = a_draft(office, title=SECRET).advisory
        client = Client()
        match who:
            case "contact":
                client = signed_in(office.person("contact", office.department, "contact"))
            case "elsewhere":
                client = signed_in(office.person("elsewhere", other, "officer"))
            case "nobody":
                client = signed_in(office.cas)
            case "administrator":
                client = signed_in(office.root)
            case "auditor":
                client = signed_in(auditor())
        signs_in = who in ("anonymous", "nobody")

        def kept() -> object:
            return list(Draft.objects.values()), list(Advisory.objects.order_by("pk").values()), Message.objects.count()

        before = kept()
        for found in (live, fresh):
            where = f"/advisories/{found.reference}/"
            for page in GET:
                shown = SAID in client.get(where + page).content.decode()
                assert not shown or who in ("administrator", "auditor"), page
            for press in POST:
                status = client.post(where + press, {"do": "name", "reason": "x", "version": 1}).status_code
                assert status in ((302, 401) if signs_in else (403, 404)), (press, status)
                assert client.get(where + press).status_code in (302, 403, 404, 405), press
        assert kept() == before

    def test_each_press_wants_the_token_of_its_own_form(self, office: Wide) -> None:
        fresh = a_draft(office).advisory
        client = Client(enforce_csrf_checks=True)
        client.force_login(office.ada, "departments.signing_in.DutyBackend")
        for press in [f"/advisories/{fresh.reference}/{press}" for press in POST] + ["/whatif/", "/advisories/new/"]:
            assert client.post(press, {}).status_code == 403, press
