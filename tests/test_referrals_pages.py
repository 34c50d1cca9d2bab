"""The pages of what readers say: behind the link for them, behind the sign-in for those who decide."""

import re
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django.live_server_helper import LiveServer

from alerts.cascading import deciding
from alerts.models import Advisory, Message, Named, Recipient, Record, Referral
from alerts.publishing.stopping import stand_down
from departments.models import Membership, Person
from tests.browser import faults_in_every_look, open_page
from tests.clients import signed_in
from tests.office import Office
from tests.referring import Referring, browser, form_of

pytestmark = pytest.mark.django_db
KINDS = ("not-me", "left", "also")
SECRET = "Do not use Zoom"


@pytest.fixture
def scene(office: Office) -> Referring:
    return Referring(office)


def red(office: Office) -> Referring:
    return Referring(office, marking="RED", audience={"people": ["cas@example.org"]})


def read(scene: Referring, kind: str, who: Person | None = None) -> str:
    answer = browser().get(f"{scene.link(who)}/{kind}")
    assert answer.status_code == 200
    return answer.content.decode()


def post(scene: Referring, kind: str, **typed: str) -> Any:
    form = {"form": form_of(scene.recipient(), kind), "hand": "seen", **typed}
    return browser().post(f"{scene.link()}/{kind}", form)


def rows() -> list[int]:
    return [model.objects.count() for model in (Referral, Message, Record, Person, Membership, Named)]


class TestTheReadersSide:
    def test_opening_them_writes_nothing_and_keeps_nothing(self, scene: Referring) -> None:
        before = rows()
        for kind in KINDS:
            for ask in (browser().get, browser().head):
                answer = ask(f"{scene.link()}/{kind}")
                assert answer.status_code == 200
                assert answer["Cache-Control"] == "no-store, private"
                assert answer["Referrer-Policy"] == "no-referrer"
                assert not answer.cookies
        assert rows() == before

    @pytest.mark.parametrize("kind", KINDS)
    def test_what_is_said_is_there_once_and_the_page_says_so(self, scene: Referring, kind: str) -> None:
        typed = {} if kind == "left" else {"name": "Nia New", "email": "nia@example.org"}
        form = form_of(scene.recipient(), kind)
        for _ in range(2):
            answer = post(scene, kind, form=form, **typed)
            assert (answer.status_code, answer["Location"]) == (303, f"{scene.link()}/{kind}#said")
        assert Referral.objects.get().kind == kind
        page = read(scene, kind)
        assert "Thank you: it is here" in page
        assert "nia" not in page.lower()

    def test_a_wrong_form_comes_back_with_all_that_was_typed(self, scene: Referring) -> None:
        answer = post(scene, "also", name="", email="n<ia", text="Because <b>\nof it")
        page = answer.content.decode()
        assert answer.status_code == 422
        assert re.findall(r'href="#(\w+)">', page.partition('role="alert"')[2].partition("</div>")[0]) == [
            "name",
            "email",
        ]
        assert "n&lt;ia" in page
        assert "Because &lt;b&gt;" in page
        assert not Referral.objects.exists()

    def test_nobody_learns_who_is_in_the_directory(self, scene: Referring) -> None:
        """A recipient, somebody who is none, a contact, a leaver and nobody: the same words, status and headers."""
        Person.objects.create(email="gone@example.org", written="x", name="Gone", left_at=timezone.now())
        heard = set()
        for kind in ("not-me", "also"):
            for email in (
                "meg@example.org",
                "root@example.org",
                "con@example.org",
                "gone@example.org",
                "x@example.org",
            ):
                Referral.objects.update(decision="declined", decided_by=scene.con, decided_at=timezone.now())
                answer = post(scene, kind, name="Nia", email=email)
                page = re.sub(r'name="form" value="[^"]+"|\d\d:\d\d', "", read(scene, kind))
                heard.add((kind, answer.status_code, answer["Location"], page))
        assert len(heard) == 2
        assert Message.objects.filter(kind="own-link").count() == 2  # the recipients' own: Meg's and Con's

    @pytest.mark.parametrize("kind", KINDS)
    def test_a_machines_press_writes_nothing_and_a_person_presses_once_more(self, scene: Referring, kind: str) -> None:
        before = rows()
        typed = {"name": "Nia", "email": "nia@example.org"}
        own = form_of(scene.recipient(), kind)
        machine = Client(headers={"user-agent": "Mozilla/5.0 Proofpoint"})
        answer = machine.post(f"{scene.link()}/{kind}", {"form": own, **typed})
        page = answer.content.decode()
        assert (answer.status_code, rows()) == (422, before)
        assert 'href="#proof"' in page
        assert 'id="proof"' in page
        assert "nia@example.org" in page
        answer = machine.post(f"{scene.link()}/{kind}", {"form": own, "proof": scene.advisory.reference[-4:], **typed})
        assert answer.status_code == 303

    def test_a_sixth_is_refused_and_kept_on_the_page(self, scene: Referring) -> None:
        for number in range(5):
            assert post(scene, "also", name="N", email=f"n{number}@example.org").status_code == 303
        answer = post(scene, "also", name="N", email="nia@example.org")
        assert answer.status_code == 429
        assert "nia@example.org" in answer.content.decode()

    @pytest.mark.parametrize("token", ["x", "7Qm2vX9cKpT4nR8sWd1yZb0", "a" * 5_000])
    def test_a_link_that_is_not_ours_asks_no_database(
        self, client: Client, token: str, django_assert_num_queries: Any
    ) -> None:
        for kind in KINDS:
            with django_assert_num_queries(0):
                assert client.get(f"/a/{token}/{kind}").status_code == 404
                assert client.post(f"/a/{token}/{kind}", {"name": "x"}).status_code == 404

    def test_what_is_too_long_to_be_read_is_answered(self, scene: Referring) -> None:
        answer = post(scene, "also", name="N", email="n@example.org", text="x" * 10_000_000)
        assert answer.status_code == 413
        assert not Referral.objects.exists()


class TestWithinTheMarking:
    @pytest.mark.parametrize(
        ("marking", "shown"), [("CLEAR", True), ("GREEN", True), ("AMBER", False), ("AMBER+STRICT", False)]
    )
    def test_no_more_than_the_mail_did(self, office: Office, marking: str, *, shown: bool) -> None:
        scene = Referring(office, marking=marking)
        for kind in KINDS:
            page = read(scene, kind)
            assert (SECRET in page) == shown
            assert ("Advice on video meetings" in page) != shown
            assert "Meetings may be overheard" not in page
            assert "Cas" in page

    def test_at_red_they_work_while_it_is_locked_and_say_nothing_of_it(self, office: Office) -> None:
        scene = red(office)
        for kind in KINDS:
            page = read(scene, kind)
            assert SECRET not in page
            assert "Advice on video meetings" not in page
        assert post(scene, "left").status_code == 303

    def test_at_red_nobody_is_named_and_the_page_says_whom_to_ask(self, office: Office) -> None:
        scene = red(office)
        page = read(scene, "also")
        assert "<form" not in page
        assert "ask The Centre" in page
        assert post(scene, "also", name="N", email="n@example.org").status_code == 403
        assert not Referral.objects.exists()

    def test_after_it_was_stood_down_nobody_is_named_and_the_rest_is_taken(self, scene: Referring) -> None:
        stand_down(scene.advisory, scene.office.ada, "It is over.")
        assert "stood down" in read(scene, "also")
        assert post(scene, "also", name="N", email="n@example.org").status_code == 403
        assert post(scene, "left").status_code == 303

    def test_how_far_it_may_go_is_said(self, office: Office) -> None:
        assert "of A Department and below alone" in " ".join(read(Referring(office, marking="AMBER"), "also").split())


class TestThoseWhoDecide:
    def press(self, scene: Referring, said: Referral, who: Person, **form: str) -> Any:
        return signed_in(who).post(f"/referrals/{said.pk}/", form, follow=True)

    def test_who_may_look_and_press(self, scene: Referring) -> None:
        said = scene.also()
        auditor = Person.objects.create(email="a@x.example", written="a", name="A", is_auditor=True)
        looks = {who.name: self.press(scene, said, who, press="what?").status_code for who in (scene.con, scene.dep)}
        assert looks == {"Con": 422, "Dep": 422}
        for who, sees, presses in (
            (scene.con, True, 422),
            (scene.top, True, 422),
            (scene.root, True, 422),
            (auditor, True, 403),
            (scene.bea, False, 404),
        ):
            page = signed_in(who).get("/referrals/").content.decode()
            assert ("nia@example.org" in page) == sees
            assert self.press(scene, said, who, press="what?").status_code == presses
        assert signed_in(scene.office.ada).get("/referrals/").status_code == 403
        assert Client().get("/referrals/").status_code == 302
        assert Client().post(f"/referrals/{said.pk}/", {"press": "pass"}).status_code == 302
        assert signed_in(scene.con).get(f"/referrals/{said.pk}/").status_code == 405
        assert signed_in(scene.con).post("/referrals/0/", {"press": "pass"}).status_code == 404
        assert Referral.objects.get().decision == ""

    def test_each_press_says_what_it_did(self, scene: Referring) -> None:
        also, left, not_me = (
            scene.also(),
            scene.say("left", scene.meg),
            scene.say("not-me", name="N", email="n@example.org"),
        )
        page = signed_in(scene.con).get("/referrals/").content.decode()
        assert page.index(f"said-{not_me.pk}") < page.index(f"said-{left.pk}") < page.index(f"said-{also.pk}")
        today = timezone.localdate().isoformat()
        assert "Nia New is put in" in self.press(scene, also, scene.con, press="pass").content.decode()
        assert "Meg has left" in self.press(scene, left, scene.dep, press="left", on=today).content.decode()
        assert (
            "nothing changed" in self.press(scene, not_me, scene.con, press="decline", reason="Why?").content.decode()
        )
        page = self.press(scene, also, scene.dep, press="pass").content.decode()
        assert "Con saw to it that they have it" in page
        assert "Nothing more was done" in page
        assert "“Why?”" in page
        assert "Nothing waits for you" in page

    def test_what_is_refused_keeps_what_was_typed_and_changes_nothing(self, scene: Referring) -> None:
        said = scene.say("left", name="N", email="n@example.org")
        answer = self.press(scene, said, scene.con, press="left", on="sometime", successor="yes")
        assert answer.status_code == 422
        page = answer.content.decode()
        assert "Give the day" in page
        assert 'value="yes" checked' in page
        answer = self.press(scene, said, scene.con, press="decline", reason="x" * 2_001)
        assert "x" * 2_001 in answer.content.decode()
        assert Referral.objects.get().decision == ""

    def test_whoever_has_it_is_shown_as_having_it(self, scene: Referring) -> None:
        scene.say("not-me", name="Meg", email="meg@example.org")
        page = signed_in(scene.con).get("/referrals/").content.decode()
        assert "their own link was mailed to them once more" in page
        assert "Nothing more to do" in page

    def test_who_has_it_elsewhere_is_said_to_whoever_sees_everything_alone(self, office: Office) -> None:
        """Of another branch's people a contact hears neither that they have a RED warning nor that they are there at all."""
        scene = Referring(office, marking="RED", audience={"people": ["cas@example.org", "bea@example.org"]})
        for email in ("bea@example.org", "root@example.org", "nobody@example.org"):
            scene.say("not-me", name="B", email=email)
        said = ("told of this warning themselves", "In the directory as", "Nobody in the directory", "own link")
        page = signed_in(scene.con).get("/referrals/").content.decode()
        assert not [words for words in said if words in page]
        page = signed_in(scene.root).get("/referrals/").content.decode()
        assert [words for words in said if words in page] == list(said)

    def test_what_came_by_ones_own_link_is_for_somebody_else_to_look_at(self, scene: Referring) -> None:
        """Or a contact would look up any address by typing it behind their own link."""
        said = scene.also("x", "bea@example.org", who=scene.con)
        assert "bea@example.org" not in signed_in(scene.con).get("/referrals/").content.decode()
        assert self.press(scene, said, scene.con, press="pass").status_code == 404
        assert "bea@example.org" in signed_in(scene.dep).get("/referrals/").content.decode()

    def test_after_it_was_stood_down_there_is_no_button_and_the_press_is_refused(self, scene: Referring) -> None:
        said = scene.also()
        stand_down(scene.advisory, scene.office.ada, "It is over.")
        assert 'value="pass"' not in signed_in(scene.con).get("/referrals/").content.decode()
        assert "stood down" in self.press(scene, said, scene.con, press="pass").content.decode()

    def test_at_red_the_title_is_for_its_readers(self, office: Office) -> None:
        scene = red(office)
        scene.say("left")
        page = signed_in(scene.con).get("/referrals/").content.decode()
        assert SECRET not in page
        assert "Advice on video meetings" in page

    def test_the_first_page_says_that_something_waits(self, scene: Referring) -> None:
        assert "/referrals/" not in signed_in(scene.con).get("/").content.decode()
        said = scene.also()
        assert "1 reader says" in signed_in(scene.con).get("/").content.decode()
        auditor = Person.objects.create(email="a@x.example", written="a", name="A", is_auditor=True)
        page = signed_in(auditor).get("/").content.decode()
        assert "1 reader says" in page
        assert ">Decide<" not in page
        assert "/referrals/" not in signed_in(scene.bea).get("/").content.decode()
        deciding.decline(said.pk, scene.con, "No.")
        assert "/referrals/" not in signed_in(scene.con).get("/").content.decode()

    def test_a_page_of_many_costs_no_more(self, scene: Referring) -> None:
        def cost() -> int:
            with CaptureQueriesContext(connection) as queries:
                assert signed_in(scene.con).get("/referrals/").status_code == 200
            return len(queries)

        for number in range(2):
            scene.also(email=f"n{number}@example.org")
        few = cost()
        for who in Recipient.objects.exclude(person__in=[scene.cas, scene.con]).select_related("person"):
            for number in range(5):
                scene.also(email=f"m{number}@example.org", who=who.person)
        assert Referral.objects.count() > 15
        assert cost() == few

    def test_they_are_paged(self, scene: Referring, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("alerts.web.referrals.ON_A_PAGE", 2)
        for number in range(3):
            scene.also(email=f"n{number}@example.org")
        first, second = (signed_in(scene.con).get(f"/referrals/?page={n}").content.decode() for n in (1, 2))
        assert "n2@" in first
        assert "n0@" not in first
        assert "n0@" in second


@pytest.mark.django_db(transaction=True)
def test_all_of_them_are_well_made_in_every_look(office: Office, live_server: LiveServer) -> None:
    scene = Referring(office, marking="AMBER")
    long = "Wolfeschlegelsteinhausenbergerdorff-" * 5
    Person.objects.filter(pk=scene.cas.pk).update(name=long)
    scene.say("left", name=long, email="n@example.org", text="2026-01-05")
    deciding.decline(scene.also(long, f"{'n' * 60}@{'example-' * 7}a.org").pk, scene.con, "A stranger here.")
    scene.say("not-me", name="Meg", email="meg@example.org")
    scene.say("also", name="Nia", email="nia@example.org", text="She runs the meetings.\n" * 5)
    cookie = signed_in(scene.con).cookies["sessionid"].value
    link = scene.link()
    wrong = []
    with open_page() as page:
        page.context.add_cookies([{"name": "sessionid", "value": cookie, "url": live_server.url}])
        for address in (*(f"{link}/{kind}" for kind in KINDS), "/referrals/"):
            wrong += faults_in_every_look(page, f"{live_server.url}{address}")
        page.goto(f"{live_server.url}{link}/also")
        page.get_by_label("Their name").press_sequentially("Oz")
        page.get_by_role("button", name="Ask the contact").click()
        page.get_by_role("link", name="Type the e-mail address.").click()
        assert page.evaluate("document.activeElement.id") == "email"
        wrong += [f"wrong: {fault}" for fault in faults_in_every_look(page, "")]
        page.goto(f"{live_server.url}/referrals/")
        page.get_by_role("button", name="Nothing more to do").click()
        page.get_by_text("Meg is told of").wait_for()
    assert wrong == []
    assert Advisory.objects.count() == 1
