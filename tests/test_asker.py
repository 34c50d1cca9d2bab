"""Whose address it is: behind proxies of ours, of whoever asked them, and of a network where one person has it all."""

from secrets import token_hex
from typing import Any

import pytest
from django.http import HttpRequest
from django.test import Client, RequestFactory

from alerts.models import Acknowledgement
from alerts.web.client import answering
from config.asker import asker
from departments.signing_in import DutyAdapter
from tests import rows
from tests.referring import AGENT


def asked(by: str = "", connected: str = "192.0.2.9") -> HttpRequest:
    sent = {"x-forwarded-for": by} if by else {}
    return RequestFactory().get("/check", REMOTE_ADDR=connected, headers=sent)


def network() -> str:
    """One of its own, which no other test asks from."""
    return f"2001:db8:{token_hex(2)}:{token_hex(2)}"


@pytest.mark.parametrize(
    ("proxies", "by", "address"),
    [
        (0, "198.51.100.1", "192.0.2.9"),
        (1, "", "192.0.2.9"),
        (1, "198.51.100.1", "198.51.100.1"),
        (1, "203.0.113.7, 198.51.100.1", "198.51.100.1"),
        (2, "203.0.113.7, 198.51.100.1,10.0.0.1", "198.51.100.1"),
        (2, "198.51.100.1", "198.51.100.1"),
        (1, "198.51.100.1:50123", "198.51.100.1"),
        (1, "[2001:db8:1:2:3:4:5:6]:50123", "2001:db8:1:2::"),
        (1, "::ffff:198.51.100.1", "198.51.100.1"),
        (1, "198.51.100.1, unknown", "192.0.2.9"),
        (1, "198.51.100.1, " + "x" * 9_000, "192.0.2.9"),
        (1, ",", "192.0.2.9"),
    ],
)
def test_it_is_what_the_outermost_proxy_of_ours_wrote_down(settings: Any, proxies: int, by: str, address: str) -> None:
    settings.PROXIES = proxies
    assert asker(asked(by)) == address
    assert DutyAdapter().get_client_ip(asked(by)) == address, "tries to sign in are limited by the same"


def test_an_ipv6_address_stands_for_its_network_and_a_socket_for_itself(settings: Any) -> None:
    settings.PROXIES = 0
    assert asker(asked(connected="2001:db8::1")) == asker(asked(connected="2001:db8::ffff:2")) == "2001:db8::"
    assert asker(asked(connected="2001:db8:0:1::1")) != asker(asked(connected="2001:db8::1"))
    assert asker(asked(connected="fe80::1%eth0")) == "fe80::"
    assert asker(asked(connected="")) == ""


@pytest.mark.django_db
def test_people_behind_the_sites_own_proxy_are_not_one_machine(settings: Any) -> None:
    settings.PROXIES = 1
    for number in range(5):
        sent = {"user-agent": AGENT, "x-forwarded-for": f"{network()}::1"}
        request = RequestFactory().post("/a/x", REMOTE_ADDR="127.0.0.1", headers=sent)
        assert answering(request, number, "ADV-2020-0017").others == 0
    assert not Acknowledgement.objects.exists()


@pytest.mark.django_db
def test_the_check_page_is_not_closed_to_all_by_one(settings: Any) -> None:
    settings.PROXIES = 1
    reference = rows.advisory().reference
    many, other = (Client(headers={"x-forwarded-for": f"{network()}::1"}, REMOTE_ADDR="127.0.0.1") for _ in "12")
    assert [many.get("/check?reference=ADV-1").status_code for _ in range(31)][-2:] == [200, 429]
    assert other.get(f"/check?reference={reference}").status_code == 200


@pytest.mark.django_db
def test_a_limit_is_of_a_network_not_of_one_of_its_addresses() -> None:
    where = network()
    seen = [Client(REMOTE_ADDR=f"{where}::{n:x}").get(f"/a/{'x' * 30}").status_code for n in range(1, 62)]
    assert seen == [404] * 60 + [429]
