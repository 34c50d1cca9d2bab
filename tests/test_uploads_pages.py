"""The pages of loading a file: who may, what they say at each step, with scripts and without."""

import threading
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries
from pytest_django.live_server_helper import LiveServer

from departments import uploads
from departments.models import Body, Membership, Person, Role, Upload
from departments.web import upload_limit
from tests.browser import open_page
from tests.rows import body, person
from tests.test_uploads import BODIES, BROKEN, a_turn, client_of, compared, loaded, put, text

pytestmark = pytest.mark.django_db


@pytest.fixture
def ann() -> Person:
    """An administrator."""
    return person("Ann Administrator", is_administrator=True)


def posted(client: Client, content: bytes = BODIES, what: str = "bodies", name: str = "estate.csv") -> Any:
    return client.post(reverse("uploads:list"), {"what": what, "file": SimpleUploadedFile(name, content)})


def test_a_file_put_in_on_the_page_is_compared_and_then_loaded(ann: Person) -> None:
    client = client_of(ann)
    answer = posted(client)
    made = Upload.objects.get()
    assert (answer.status_code, answer["Location"]) == (303, reverse("uploads:one", args=[made.pk]))
    waiting = text(client, made)
    assert 'hx-trigger="every 2s"' in waiting
    assert "Look again" in waiting
    uploads.run_waiting()
    page = text(client, made)
    assert "every 2s" not in page
    assert "What would change" in page
    assert "new: ministry" in page
    answer = client.post(reverse("uploads:decide", args=[made.pk]), {"do": "load"})
    assert answer.status_code == 303
    assert "It is being loaded." in text(client, made)
    uploads.run_waiting()
    assert "2 new, 1 topics added." in text(client, made)
    assert "Loaded: 2 new" in " ".join(client.get(reverse("uploads:list")).content.decode().split())


def test_htmx_gets_only_what_changed(ann: Person) -> None:
    client, made = client_of(ann), put(ann)
    address, asked = reverse("uploads:one", args=[made.pk]), {"HX-Request": "true"}
    part = client.get(address, headers=asked)
    assert part.content.decode().startswith('<div id="upload"')
    seen = part.context["seen"]
    assert client.get(address, {"seen": seen}, headers=asked).status_code == 204
    uploads.run_waiting()
    after = client.get(address, {"seen": seen}, headers=asked)
    assert after.status_code == 200
    assert "hx-trigger" not in after.content.decode()


def test_what_is_being_done_right_now_is_shown(ann: Person) -> None:
    made = put(ann)
    uploads._teller(made.pk)("comparing 2 bodies")
    assert "Right now: comparing 2 bodies." in text(client_of(ann), made)
    uploads.run_waiting()
    assert uploads.step_of(made) == ""


def test_without_redis_the_page_only_lacks_the_step(ann: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*args: object) -> None:
        raise ConnectionRefusedError

    for name in ("get", "set", "delete"):
        monkeypatch.setattr(f"departments.uploads.cache.{name}", away)
    made = put(ann)
    assert "Being compared" in text(client_of(ann), made)
    uploads.run_waiting()
    assert "What would change" in text(client_of(ann), made)


def test_a_file_that_is_not_understood_shows_each_line_and_what_to_do(ann: Person) -> None:
    page = text(client_of(ann), compared(ann, BROKEN))
    assert "Nothing was loaded." in page
    assert "Line 2" in page
    assert "Load it" not in page


def test_a_file_that_changes_nothing_says_so_and_has_no_load_button(ann: Person) -> None:
    loaded(ann)
    page = text(client_of(ann), compared(ann))
    assert "It changes nothing" in page
    assert 'value="load"' not in page


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"what": "bodies"}, "No file was chosen"),
        ({"what": "bodies", "file": SimpleUploadedFile("x.csv", b"")}, "The file is empty"),
        ({"what": "cats", "file": SimpleUploadedFile("x.csv", BODIES)}, "cats is not one of the available choices"),
        ({}, "No file was chosen"),
    ],
)
def test_what_is_wrong_with_the_form_is_said_on_it(ann: Person, fields: dict[str, object], said: str) -> None:
    answer = client_of(ann).post(reverse("uploads:list"), fields)
    assert answer.status_code == 422
    assert said in answer.content.decode()
    assert not Upload.objects.exists()


def test_a_body_of_a_request_that_is_too_large_is_never_kept(ann: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upload_limit, "LARGEST", 10)
    monkeypatch.setattr(upload_limit, "AROUND", 20)
    answer = posted(client_of(ann))
    assert answer.status_code == 413
    assert "more than 64 MB" in answer.content.decode()
    assert not answer.wsgi_request.FILES
    assert not Upload.objects.exists()


def test_nothing_is_done_without_one_of_the_two_buttons_or_by_a_link(ann: Person) -> None:
    made, client = compared(ann), client_of(ann)
    client.post(reverse("uploads:decide", args=[made.pk]), {"do": "both"})
    assert client.get(reverse("uploads:decide", args=[made.pk])).status_code == 405
    assert client.post(reverse("uploads:one", args=[made.pk])).status_code == 405
    made.refresh_from_db()
    assert made.state == "compared"
    assert "Press one of the two buttons" in text(client, made)


def test_a_second_press_that_comes_too_late_is_told_so(ann: Person) -> None:
    made, client = compared(ann), client_of(ann)
    for pressed in ("aside", "load"):
        client.post(reverse("uploads:decide", args=[made.pk]), {"do": pressed})
    assert "It was put aside by Ann Administrator already" in text(client, made)


@pytest.mark.parametrize("pk", [10**6, 10**30])
def test_an_upload_that_is_not_there_is_not_found(ann: Person, pk: int) -> None:
    assert client_of(ann).get(f"/directory/load/{pk}/").status_code == 404


def test_the_pages_are_for_administrators(ann: Person, client: Client) -> None:
    made, top = compared(ann), body("top")
    contact = person("Connie Contact")
    Membership.objects.create(person=contact, body=top, role=Role.CONTACT)
    auditor = person("Audrey Auditor", is_auditor=True)
    for name, args in (("list", []), ("one", [made.pk]), ("decide", [made.pk])):
        address = reverse(f"uploads:{name}", args=args)
        assert client.post(address)["Location"].startswith(reverse("account_login"))
        for who in (contact, auditor):
            assert client_of(who).post(address, {"do": "load"}).status_code == 403
            assert client_of(who).get(address).status_code == 403
    made.refresh_from_db()
    assert made.state == "compared"


def test_a_long_list_of_uploads_costs_no_more_queries(
    ann: Person, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(30):
        put(person(f"Another {_}", is_administrator=True))
    client = client_of(ann)
    with django_assert_max_num_queries(6):
        answer = client.get(reverse("uploads:list"))
    assert "Next 25" in answer.content.decode()
    assert "?page=2" in answer.content.decode()


def test_names_out_of_a_file_are_no_markup(ann: Person) -> None:
    made = compared(ann, b"slug,name,kind,parent,topics\nx,<script>alert(1)</script>,team,,\n")
    page = text(client_of(ann), made)
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page


# --- in a browser ---


def work() -> None:
    """A worker's turn, beside the browser."""
    worker = threading.Thread(target=a_turn)
    worker.start()
    worker.join(30)


@pytest.mark.parametrize("scripts", [True, False])
@pytest.mark.django_db(transaction=True)
def test_a_file_is_loaded_in_a_browser_with_and_without_scripts(live_server: LiveServer, scripts: bool) -> None:
    ann = person("Ann Administrator", is_administrator=True)
    cookie = client_of(ann).cookies["sessionid"].value
    said: list[str] = []
    with open_page(java_script_enabled=scripts) as page:
        page.context.add_cookies([{"name": "sessionid", "value": cookie, "url": live_server.url}])
        page.on("console", lambda line: said.append(line.text))
        page.goto(live_server.url + reverse("uploads:list"))
        page.get_by_label("The file").set_input_files({"name": "x.csv", "mimeType": "text/csv", "buffer": BODIES})
        for press, then in (("Compare", "What would change"), ("Load it", "2 new, 1 topics added.")):
            page.get_by_role("button", name=press).click()
            page.get_by_role("link", name="Look again").wait_for()
            work()
            if not scripts:
                page.get_by_role("link", name="Look again").click()
            page.get_by_text(then).wait_for()
    assert said == []
    assert set(Body.objects.values_list("slug", flat=True)) == {"ministry", "agency"}
