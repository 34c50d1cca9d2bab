"""The SMTP route against a real server: each mail its own answer; trouble of the route blames nobody's address."""

from collections.abc import Iterator

import pytest
from pytest_django.fixtures import Settings

from alerts.senders import Mail, Outcome, RouteDown, open_sender
from tests.smtp import Server


@pytest.fixture
def server(settings: Settings) -> Iterator[Server]:
    with Server() as running:
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", running.port
        yield running


def mails(*addresses: str, body: str = "Hello") -> list[Mail]:
    return [
        Mail(number, address, f"To: {address}\r\nSubject: x\r\n\r\n{body}\r\n".encode())
        for number, address in enumerate(addresses, start=1)
    ]


def send(batch: list[Mail]) -> tuple[list[Outcome], str]:
    """What was settled, and the route's trouble, if it had any."""
    settled: list[Outcome] = []
    try:
        with open_sender() as sender:
            settled.extend(sender.send(batch))
    except RouteDown as down:
        return settled, str(down)
    return settled, ""


def send_slowly(batch: list[Mail]) -> tuple[list[int], str]:
    """The ids of what was settled before the route's trouble."""
    settled = []
    try:
        with open_sender() as sender:
            for outcome in sender.send(batch):
                settled.append(outcome.id)  # what came before the trouble must be kept
    except RouteDown as down:
        return settled, str(down)
    return settled, ""


def test_one_refused_of_many_leaves_its_neighbours_unharmed(server: Server) -> None:
    server.answers |= {"b@example.org": "550 5.1.1 No such mailbox", "d@example.org": "451 4.7.1 Later, please"}
    outcomes, trouble = send(mails(*(f"{letter}@example.org" for letter in "abcde")))
    assert [outcome.kind for outcome in outcomes] == ["sent", "refused", "sent", "later", "sent"]
    assert (outcomes[1].code, outcomes[1].text) == (550, "5.1.1 No such mailbox")
    assert [mail.recipients for mail in server.mails] == [["a@example.org"], ["c@example.org"], ["e@example.org"]]
    assert trouble == ""


def test_421_is_the_routes_trouble_and_what_was_settled_stays_settled(server: Server) -> None:
    server.answers["b@example.org"] = "421 4.3.2 Closing"
    settled, trouble = send_slowly(mails("a@example.org", "b@example.org", "c@example.org"))
    assert settled == [1]
    assert "Closing" in trouble


def test_a_server_that_goes_in_the_middle_leaves_the_rest_unsettled(server: Server) -> None:
    server.drop_after = 1
    settled, trouble = send_slowly(mails("a@example.org", "b@example.org", "c@example.org"))
    assert settled == [1]
    assert trouble


def test_no_server_is_the_routes_trouble(settings: Settings) -> None:
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    outcomes, trouble = send(mails("a@example.org"))
    assert outcomes == []
    assert "ConnectionRefusedError" in trouble


def test_dots_at_the_start_of_a_line_arrive_as_they_were(server: Server) -> None:
    send(mails("a@example.org", body=".\r\n..\r\n.end"))
    assert server.mails[0].content.endswith(b"\r\n.\r\n..\r\n.end\r\n")
