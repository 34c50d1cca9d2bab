"""Odd addresses: whatever is typed behind the host is answered, never with an error of ours."""

from typing import Any

import pytest
from django.test import Client, RequestFactory
from django.test.client import ClientHandler
from pytest_django.live_server_helper import LiveServer

from config.odd import in_our_charset
from tests.browser import LOOKS, faults, open_page
from tests.clients import signed_in
from tests.rows import body, person

pytestmark = pytest.mark.django_db

HUGE = "9" * 25
ODD = [
    "/bodies/%00/",
    "/bodies/%00/change/",
    "/bodies/?open=%00",
    "/bodies/?open=" + "a," * 3_000,
    "/bodies/?q=%00",
    f"/bodies/top/?people={HUGE}",
    f"/bodies/top/hold/{HUGE}/",
    "/directory/readiness/?lack=%00",
    f"/directory/readiness/?page={HUGE}",
    "/directory/suggest/?under=%00",
    f"/directory/load/{HUGE}/",
    "/people/?q=%00&page=1e9",
    "/people/?list=%00",
    f"/people/{HUGE}/",
    f"/people/places/{HUGE}/",
    "/people/in/%00/add/",
    "/ask-contacts/%00/",
    "/advisories/%00/",
    "/advisories/%00/coverage/",
    "/check?reference=%00",
    "/a/%00",
    "/c/%00",
    "/c/" + "a" * 5_000,
    "/admin/departments/person/?q=%00",
    "/admin/departments/body/?q=%ff",
]


@pytest.mark.parametrize("address", ODD, ids=range(len(ODD)))
def test_an_odd_address_is_answered_to_everybody(address: str) -> None:
    body("top")
    for client in (signed_in(person(is_administrator=True)), Client()):
        client.raise_request_exception = False
        assert client.get(address).status_code < 500
        assert client.post(address).status_code < 500


def test_a_charset_that_decodes_no_address_is_passed_over_on_every_page() -> None:
    """Django decodes an address before anything of ours is asked: what gunicorn serves keeps it from that."""
    cookie = signed_in(person(is_administrator=True)).cookies["sessionid"].value
    factory, handler = RequestFactory(HTTP_COOKIE=f"sessionid={cookie}"), ClientHandler(enforce_csrf_checks=False)
    answers: list[str] = []

    def there(environ: dict[str, Any], _: Any) -> list[bytes]:
        answers.append(str(handler(environ).status_code))
        return []

    application = in_our_charset(there)

    def answer(environ: dict[str, Any], said: str) -> int:
        list(application(environ | {"CONTENT_TYPE": said}, lambda status, *_: answers.append(status)))
        return int(answers.pop()[:3])

    odd = ("hex", '"rot13"', "idna;a=b", "raw-unicode-escape", "utf-16", "nonsense")
    for path in ("/bodies/", "/people/", "/check", "/coverage/", "/figures/", "/accounts/login/"):
        asked = factory.get(f"{path}?q=%5Cud800&code=%5Cud800&name=x").environ
        for said in (*(f"text/html; Charset={one}" for one in odd), "x/y; charset*=hex''x"):
            assert answer(asked, said) < 500, (path, said)
    form = factory.post("/accounts/login/", "login=x", "application/x-www-form-urlencoded").environ
    assert answer(form, "application/x-www-form-urlencoded; charset=hex") < 500


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS.keys())
def test_a_page_that_is_not_there_can_be_read_by_anybody(live_server: LiveServer, look: dict[str, Any]) -> None:
    """Our own page, as outside of development: there Django shows its own."""
    with open_page(**look) as page:
        assert faults(page, f"{live_server.url}/no-such-page-{'x' * 200}/") == []
        assert page.inner_text("h1") == "There is no such page"
