"""Links with more behind them than belongs there, as programs and people lengthen them."""

from typing import Any

import pytest

from alerts.models import Acknowledgement, Referral
from tests.office import Office
from tests.referring import Referring, browser

pytestmark = pytest.mark.django_db
CHECK = "/c/" + "x" * 30


@pytest.fixture
def scene(office: Office) -> Referring:
    return Referring(office)


def is_private(answer: Any) -> bool:
    return ("no-store" in answer["Cache-Control"], answer["Referrer-Policy"], "noindex" in answer["X-Robots-Tag"]) == (
        True,
        "no-referrer",
        True,
    )


@pytest.mark.parametrize("page", ["", "/not-me", "/left", "/also"])
def test_a_slash_at_its_end_leads_to_the_right_page(scene: Referring, page: str) -> None:
    right = scene.link() + page
    for slashes in ("/", "//"):
        answer = browser().get(f"{right}{slashes}")
        assert (answer.status_code, answer["Location"], is_private(answer)) == (302, right, True)
    assert browser().get(f"{right}/?as=office")["Location"] == f"{right}?as=office"
    assert browser().get(right).status_code == 200


@pytest.mark.parametrize("more", ["/x", "/not-me/x", "/x/", "/also/also/", "/%3E", "//x", "/?"])
def test_anything_else_is_no_link_and_says_what_to_do(scene: Referring, more: str) -> None:
    answer = browser().get(scene.link() + more, follow=True)
    assert is_private(answer)
    if more != "/?":
        assert (answer.status_code, "copy the whole link" in answer.content.decode()) == (404, True)


def test_what_is_posted_there_is_not_taken_and_not_lost_in_silence(scene: Referring) -> None:
    for more in ("/", "/also/", "/x"):
        answer = browser().post(scene.link() + more, {"read": "yes"})
        assert (answer.status_code, is_private(answer)) == (404, True)
    assert not Acknowledgement.objects.exists()
    assert not Referral.objects.exists()


def test_the_link_of_a_contact_check_is_helped_the_same_way() -> None:
    answer = browser().get(f"{CHECK}/")
    assert (answer.status_code, answer["Location"], is_private(answer)) == (302, CHECK, True)
    answer = browser().get(f"{CHECK}/x")
    assert (answer.status_code, is_private(answer)) == (404, True)
