"""What is posted and is no form of ours: a page says what to do, nothing is kept, and nothing is an error of ours."""

from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest
from django.core.files.uploadhandler import TemporaryFileUploadHandler
from django.core.handlers.wsgi import WSGIRequest
from django.http import HttpResponse
from django.test import Client, RequestFactory
from django.utils import timezone

from alerts import tokens
from alerts.models import Acknowledgement, ContactCheck, Referral
from alerts.web import contact_check, reader, referring
from tests import rows
from tests.clients import signed_in
from tests.office import Office
from tests.referring import Referring, browser

pytestmark = pytest.mark.django_db
PAGES = ["", "/not-me", "/left", "/also"]
CHARSETS = ["hex", "idna", "punycode", "undefined", "utf-16", "zlib", "base64", "rot13", "iso-8859-1", "nonsense"]
FORM = "multipart/form-data; boundary=x"


@pytest.fixture
def scene(office: Office) -> Referring:
    return Referring(office)


@pytest.fixture
def check(scene: Referring) -> str:
    made = ContactCheck.objects.create(person=scene.con, asked_at=timezone.now())
    return f"/c/{tokens.make(made.pk, made.issue, tokens.CHECK)}"


def helps(answer: Any, status: int = 400) -> None:
    """The page that says what to do, told to nobody else."""
    assert answer.status_code == status
    assert "nothing is lost" in answer.content.decode()
    assert "no-store" in answer["Cache-Control"]
    assert answer["Referrer-Policy"] == "no-referrer"


def file(number: int = 0, content: str = "x") -> str:
    return f'--x\r\nContent-Disposition: form-data; name="f{number}"; filename="f{number}"\r\n\r\n{content}\r\n'


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("files", [1, 300])
def test_files_are_refused_however_many(scene: Referring, page: str, files: int) -> None:
    body = "".join(map(file, range(files))) + "--x--\r\n"
    helps(browser().post(scene.link() + page, body.encode(), content_type=FORM))


def test_a_file_is_kept_nowhere_and_a_form_with_one_says_nothing(
    scene: Referring, check: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: list[int] = []
    monkeypatch.setattr(TemporaryFileUploadHandler, "receive_data_chunk", lambda *args: kept.append(len(args[1])))
    read = '--x\r\nContent-Disposition: form-data; name="read"\r\n\r\nyes\r\n'
    body = f"{read}{file(0, 'x' * 5_000_000)}--x--\r\n".encode()
    for where in (scene.link(), f"/a/{'x' * 30}", check):
        helps(browser().generic("POST", where, body, FORM))
    assert not kept
    assert not Acknowledgement.objects.exists()


@pytest.mark.parametrize("charset", CHARSETS)
def test_a_charset_that_is_not_ours_is_no_error_of_ours(scene: Referring, check: str, charset: str) -> None:
    body = b'--x\r\nContent-Disposition: form-data; name="read"\r\n\r\n\xff\xfeyes\xc3\x28\r\n--x--\r\n'
    for where in (*(scene.link() + page for page in PAGES), check):
        for content, kind in ((body, FORM), (b"read=%ff", "application/x-www-form-urlencoded")):
            answer = browser().generic("POST", where, content, f"{kind}; charset={charset}")
            # What no codec knows is read as what we send.
            if charset != "nonsense":
                helps(answer)
            assert answer.status_code < 500
        assert browser().generic("GET", f"{where}?as=1", b"", f"text/plain; charset={charset}").status_code < 500
    assert not Acknowledgement.objects.exists()


def test_the_odd_names_of_a_parts_charset_are_no_error_of_ours(scene: Referring) -> None:
    body = b"--x\r\nContent-Disposition: form-data; name*=hex''%41\r\n\r\nyes\r\n--x--\r\n"
    assert browser().generic("POST", scene.link(), body, FORM).status_code < 500


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", FORM])
def test_whoever_goes_away_in_the_middle_of_it_is_no_error_of_ours(scene: Referring, check: str, kind: str) -> None:
    class Cut(BytesIO):
        def read(self, *_: object) -> bytes:
            raise OSError("gone")

    views: list[tuple[Callable[..., HttpResponse], str]] = [
        (reader.reader, scene.link()),
        (referring.also, scene.link()),
        (contact_check.contact_check, check),
    ]
    for view, link in views:
        sent = RequestFactory().generic("POST", link, b"read=yes", kind)
        helps(view(WSGIRequest({**sent.environ, "wsgi.input": Cut()}), token=link[3:]))


def test_too_much_for_a_contact_check_is_said_as_well(check: str) -> None:
    helps(browser().post(check, {"hint": "x" * 10_000_000}), 413)


# --- behind the sign-in ---


def test_what_a_contact_puts_down_may_be_too_long_and_they_are_told_what_to_do() -> None:
    advisory = rows.advisory()
    place = rows.relay(advisory, "treasury")
    whose = rows.recipient(advisory, place)
    con = rows.person("Con Contact")
    rows.recipient(advisory, place, who=con, role="contact")
    where = f"/advisories/{advisory.reference}/people/{place.pk}/{whose.pk}/"
    answer = signed_in(con).post(where, {"text": "x" * 10_000_000})
    page = answer.content.decode()
    assert (answer.status_code, "Shorten" in page, "Sign out" in page) == (413, True, True)
    assert "no-store" in answer["Cache-Control"]
    assert 'name="text" rows="3" maxlength="2000"' in signed_in(con).get(where).content.decode()
    assert signed_in(con).generic("POST", where, f"{file()}--x--\r\n", FORM).status_code == 400
    assert Client().post(where, {"text": "x" * 10_000_000}).status_code == 302
    assert not Acknowledgement.objects.exists()


def test_a_reason_for_declining_may_be_too_long_too(scene: Referring) -> None:
    said = scene.also()
    answer = signed_in(scene.con).post(f"/referrals/{said.pk}/", {"press": "decline", "reason": "x" * 10_000_000})
    assert (answer.status_code, "Shorten" in answer.content.decode()) == (413, True)
    assert Referral.objects.get().decision == ""


def test_these_forms_need_a_csrf_token_all_the_same(scene: Referring) -> None:
    relay = scene.advisory.relays.get(body=scene.department)
    said = scene.also()
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(scene.con, "departments.signing_in.DutyBackend")
    people = f"/advisories/{scene.advisory.reference}/people/{relay.pk}/{scene.recipient().pk}/"
    for where, what in ((f"/referrals/{said.pk}/", {"press": "pass"}), (people, {"read": "yes"})):
        assert strict.post(where, what).status_code == 403
    page = strict.get(people)
    token = page.context["csrf_token"]
    assert strict.post(people, {"read": "yes", "csrfmiddlewaretoken": str(token)}).status_code == 422
    assert Referral.objects.get().decision == ""
