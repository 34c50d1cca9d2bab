"""The SMTP route against a real server: each mail its own answer; trouble of the route blames nobody's address."""

from collections.abc import Iterator
from contextlib import AbstractContextManager

import pytest
from pytest_django.fixtures import Settings

from alerts.letters import Personal, Skeleton
from alerts.routes import ways
from alerts.senders import Mail, Outcome, RouteDown, Sender, open_sender
from tests.smtp import Server


@pytest.fixture
def server(settings: Settings) -> Iterator[Server]:
    with Server() as running:
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", running.port
        yield running


class Fixed(Skeleton):
    """A mail that is the same for everybody."""

    def __init__(self, content: bytes) -> None:
        self.content = content

    def fill(self, personal: Personal) -> bytes:
        return self.content


def a_mail(number: int, address: str, content: bytes) -> Mail:
    personal = Personal(f"key:{number}", "Name", address, (), "", "", "")
    return Mail(number, personal, Fixed(content), f"alerts+{number}@tocsin.example", str(number))


def mails(*addresses: str, body: str = "Hello") -> list[Mail]:
    return [
        a_mail(number, address, f"To: {address}\r\nSubject: x\r\n\r\n{body}\r\n".encode())
        for number, address in enumerate(addresses, start=1)
    ]


def open_route() -> AbstractContextManager[Sender]:
    return open_sender(ways()[0])


def send(batch: list[Mail]) -> tuple[list[Outcome], str]:
    """What was settled, and the route's trouble, if it had any."""
    settled: list[Outcome] = []
    try:
        with open_route() as sender:
            settled.extend(sender.send(batch))
    except RouteDown as down:
        return settled, str(down)
    return settled, ""


def send_slowly(batch: list[Mail]) -> tuple[list[int], str]:
    """The ids of what was settled before the route's trouble."""
    settled = []
    try:
        with open_route() as sender:
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


def test_a_refusal_of_our_own_sender_blames_nobodys_address(server: Server) -> None:
    server.sender_answer = "530 5.7.0 Authentication required"
    settled, trouble = send_slowly(mails("a@example.org", "b@example.org"))
    assert settled == []
    assert "530 5.7.0 Authentication required" in trouble


def test_a_mail_refused_after_its_data_leaves_the_next_unharmed(server: Server) -> None:
    server.after_data |= {"a@example.org": "554 5.6.0 Not this", "b@example.org": "452 4.3.1 Full"}
    outcomes, trouble = send(mails("a@example.org", "b@example.org", "c@example.org"))
    assert [(outcome.kind, outcome.code, outcome.text) for outcome in outcomes] == [
        ("refused", 554, "5.6.0 Not this"),
        ("later", 452, "4.3.1 Full"),
        ("sent", 250, "Kept"),
    ]
    assert [mail.recipients for mail in server.mails] == [["c@example.org"]]
    assert trouble == ""


def test_421_after_the_data_is_the_routes_trouble(server: Server) -> None:
    server.after_data["b@example.org"] = "421 4.3.2 Closing"
    settled, trouble = send_slowly(mails("a@example.org", "b@example.org", "c@example.org"))
    assert settled == [1]
    assert "Closing" in trouble


def test_a_server_that_refuses_and_hangs_up_has_refused(server: Server) -> None:
    server.hang_up_after.add("b@example.org")
    server.answers["b@example.org"] = "550 5.1.1 No such mailbox"
    settled, trouble = send_slowly(mails("a@example.org", "b@example.org", "c@example.org"))
    assert settled == [1, 2]
    assert trouble


@pytest.mark.parametrize("address", ["zoë@example.org", "用户@example.org"])
def test_an_address_beyond_ascii_is_refused_in_words_where_the_server_takes_none(
    settings: Settings, address: str
) -> None:
    with Server(utf8=False) as server:
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
        outcomes, trouble = send(mails("a@example.org", address, "c@example.org"))
    assert [outcome.kind for outcome in outcomes] == ["sent", "refused", "sent"]
    assert "SMTPUTF8" in outcomes[1].text
    assert trouble == ""
    assert len(server.mails) == 2


def test_an_address_beyond_ascii_is_told_where_the_server_takes_it(server: Server) -> None:
    outcomes, trouble = send(mails("a@example.org", "zoë@example.org", "c@example.org"))
    assert [outcome.kind for outcome in outcomes] == ["sent", "sent", "sent"]
    assert server.mails[1].recipients == ["zoë@example.org"]
    assert trouble == ""


def test_a_letter_goes_through_octet_for_octet(server: Server) -> None:
    content = b"To: a@example.org\r\n\r\n" + b".\r\n..\r\n...x\r\n=C3=AB \t\r\n\r\n.\r\n" * 500
    with open_route() as sender:
        assert [outcome.kind for outcome in sender.send([a_mail(1, "a@example.org", content)])] == ["sent"]
    assert server.mails[0].content == content
