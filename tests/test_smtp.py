"""The SMTP route against a real server: each mail its own answer; trouble of the route blames nobody's address."""

import asyncio
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
import trustme
from aiosmtpd.smtp import SMTP, Envelope, Session
from pytest_django.fixtures import Settings

from alerts.letters.letters import Personal, Skeleton
from alerts.routing.routes import ways
from alerts.senders import Mail, Outcome, QuotaSpent, RouteDown, RouteSlow, Sender, open_sender
from alerts.senders.pipelining import dotted
from tests.smtp import Server

MANNERS = {"one by one": (), "pipelined": ("PIPELINING",), "streamed": ("PIPELINING", "CHUNKING")}


@pytest.fixture(params=MANNERS)
def offers(request: pytest.FixtureRequest) -> tuple[str, ...]:
    """What the server offers beyond RFC 5321."""
    return MANNERS[request.param]


@pytest.fixture
def server(settings: Settings, offers: tuple[str, ...]) -> Iterator[Server]:
    with Server(offers=offers) as running:
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
    return Mail(number, personal, Fixed(content), f"alerts+{number}@tocsin.example")


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
    settings: Settings, offers: tuple[str, ...], address: str
) -> None:
    with Server(utf8=False, offers=offers) as server:
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
        outcomes, trouble = send(mails("a@example.org", address, "c@example.org"))
    found = {outcome.id: outcome for outcome in outcomes}
    assert [found[number].kind for number in (1, 2, 3)] == ["sent", "refused", "sent"]
    assert "SMTPUTF8" in found[2].text
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


def trouble_of(batch: list[Mail]) -> tuple[list[int], RouteDown]:
    """Who was settled, and what became of the route."""
    settled: list[int] = []
    try:
        with open_route() as sender:
            for outcome in sender.send(batch):
                settled.append(outcome.id)  # what came before the trouble must be kept
    except RouteDown as down:
        return settled, down
    pytest.fail("the route had no trouble")


def test_every_mail_has_its_own_return_path_and_one_recipient(server: Server) -> None:
    server.answers["c@example.org"] = "550 5.1.1 No such mailbox"
    server.after_data["e@example.org"] = "554 5.6.0 Not this"
    letters = "abcdefghijklmnopqrstuvwxyz"
    outcomes, trouble = send(mails(*(f"{letter}@example.org" for letter in letters)))
    assert trouble == ""
    assert {outcome.id for outcome in outcomes if outcome.kind == "refused"} == {3, 5}
    got = [(mail.sender, mail.recipients) for mail in server.mails]
    due = [(number, letter) for number, letter in enumerate(letters, 1) if letter not in "ce"]
    assert got == [(f"alerts+{number}@tocsin.example", [f"{letter}@example.org"]) for number, letter in due]


@pytest.mark.parametrize("offers", [("PIPELINING",)], indirect=False)
def test_a_server_that_asks_for_a_content_that_nobody_is_to_get_is_given_none(server: Server) -> None:
    server.goes_on_for_nobody = True
    server.answers |= {"b@example.org": "550 5.1.1 No such mailbox", "d@example.org": "450 4.2.1 Later"}
    outcomes, trouble = send(mails(*(f"{letter}@example.org" for letter in "abcd")))
    assert [outcome.kind for outcome in outcomes] == ["sent", "refused", "sent", "later"]
    assert [mail.recipients for mail in server.mails] == [["a@example.org"], ["c@example.org"]]
    assert trouble == ""


@pytest.mark.parametrize("offers", [("PIPELINING",)], indirect=False)
def test_the_next_envelope_goes_with_the_content_of_the_mail_before(server: Server) -> None:
    # The refused one is asked for its content as well, since nobody waited for the answer.
    server.answers["b@example.org"] = "550 5.1.1 No such mailbox"
    send(mails("a@example.org", "b@example.org"))
    assert server.asked_for == [["a@example.org"], []]


def test_whose_mail_left_without_an_answer_is_said(server: Server) -> None:
    server.drop_after = 1
    settled, down = trouble_of(mails(*(f"{letter}@example.org" for letter in "abcd")))
    assert settled == [1]
    assert down.unknown == (2,)


def test_whose_content_never_left_is_not_in_doubt(server: Server, offers: tuple[str, ...]) -> None:
    server.hang_up_after.add("b@example.org")
    server.answers["b@example.org"] = "550 5.1.1 No such mailbox"
    settled, down = trouble_of(mails(*(f"{letter}@example.org" for letter in "abc")))
    assert settled == [1, 2]
    # Where whole mails follow one another the third was under way when the server went.
    assert set(down.unknown) <= ({3} if "CHUNKING" in offers else set())


@pytest.mark.parametrize("where", ["rcpt", "data", "mail"])
def test_421_slows_the_route_and_leaves_nobody_in_doubt(server: Server, where: str) -> None:
    if where == "rcpt":
        server.answers["b@example.org"] = "421 4.7.0 Too many"
    elif where == "data":
        server.after_data["b@example.org"] = "421 4.7.0 Too many"
    else:
        server.sender_answer = "421 4.7.0 Too many"
    _, down = trouble_of(mails("a@example.org", "b@example.org"))
    assert isinstance(down, RouteSlow)
    assert (str(down), down.unknown) == ("421 4.7.0 Too many", ())


@pytest.mark.parametrize(
    ("answer", "trouble"),
    [
        ("550 5.4.5 Daily user sending quota exceeded. x - gsmtp", QuotaSpent),
        ("550 5.7.1 Daily SMTP relay limit exceeded for customer.", QuotaSpent),
        ("454 Throttling failure: Daily message quota exceeded", QuotaSpent),
        ("554 5.2.0 STOREDRV.Submission.Exception:SubmissionQuotaExceededException", QuotaSpent),
        ("550 5.7.233 - Your tenant has exceeded its daily limit", QuotaSpent),
        ("454 Throttling failure: Maximum sending rate exceeded", RouteSlow),
        ("450 4.2.1 Peak SMTP relay limit exceeded for customer.", RouteSlow),
    ],
)
def test_a_quota_that_is_spent_is_nobodys_address(server: Server, answer: str, trouble: type[RouteDown]) -> None:
    server.after_data["b@example.org"] = answer
    settled, down = trouble_of(mails("a@example.org", "b@example.org"))
    assert (type(down), settled) == (trouble, [1])


@pytest.mark.parametrize("answer", ["452 4.2.2 The mailbox is over its quota", "552 5.2.2 Mailbox quota exceeded"])
def test_a_mailbox_that_is_full_is_its_own(server: Server, answer: str) -> None:
    server.answers["b@example.org"] = answer
    outcomes, trouble = send(mails("a@example.org", "b@example.org", "c@example.org"))
    assert [outcome.kind for outcome in outcomes] == ["sent", "later" if answer[0] == "4" else "refused", "sent"]
    assert trouble == ""


def test_who_stops_in_the_middle_has_sent_whole_mails_and_no_others(server: Server) -> None:
    with open_route() as sender:
        for outcome in sender.send(mails(*(f"{letter}@example.org" for letter in "abcdef"))):
            if outcome.id == 2:
                break
    assert all(mail.content.endswith(b"Hello\r\n") for mail in server.mails)
    assert len(server.mails) < 6


def test_a_connection_takes_so_many_mails_and_then_there_is_another(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("alerts.senders.smtp.A_CONNECTION", 102)
    with open_route() as sender:
        for _ in range(4):
            assert all(outcome.kind == "sent" for outcome in sender.send(mails("a@example.org", "b@example.org")))
    assert (server.connections, len(server.mails)) == (2, 8)


def test_a_server_that_hung_up_while_nothing_was_said_is_called_again(server: Server) -> None:
    with open_route() as sender:
        assert [outcome.kind for outcome in sender.send(mails("a@example.org"))] == ["sent"]
        server.hang_up()
        assert [outcome.kind for outcome in sender.send(mails("b@example.org"))] == ["sent"]
    assert server.connections == 2


@pytest.mark.parametrize(
    "address", ["a@example.org>\r\nRCPT TO:<b@example.org", "a b@example.org", "<a@example.org", ""]
)
def test_what_is_no_address_is_never_said(server: Server, address: str) -> None:
    outcomes, trouble = send([a_mail(1, address, b"x\r\n"), *mails("c@example.org", "d@example.org")[1:]])
    assert {outcome.id: outcome.kind for outcome in outcomes} == {1: "refused", 2: "sent"}
    assert [mail.recipients for mail in server.mails] == [["d@example.org"]]
    assert trouble == ""


@pytest.mark.parametrize(
    ("content", "sent"),
    [
        (b".\r\n", b"..\r\n.\r\n"),
        (b"a\r\n.b\r\n..\r\n", b"a\r\n..b\r\n...\r\n.\r\n"),
        (b"a", b"a\r\n.\r\n"),
        (b"", b"\r\n.\r\n"),
        (b"a\n.\nb\r\n", b"a\r\n..\r\nb\r\n.\r\n"),
        (b"a\r.\rb\r\n", b"a\r\n..\r\nb\r\n.\r\n"),
    ],
)
def test_no_line_of_a_mail_is_taken_for_its_end(content: bytes, sent: bytes) -> None:
    assert dotted(content) == sent


# --- a server that answers as it likes ---


@contextmanager
def saying(settings: Settings, *said: bytes, then: bytes = b"") -> Iterator[None]:
    """A server that says this, one after another, whatever it is told; then `then`, slowly, for as long as it is heard."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        settings.EMAIL_HOST, settings.EMAIL_PORT = listening.getsockname()[:2]
        over = threading.Event()

        def answer() -> None:
            talk, _ = listening.accept()
            with talk:
                for one in said:
                    talk.sendall(one)
                    talk.recv(65_536)
                try:
                    while then and not over.wait(0.05):
                        talk.sendall(then)
                except OSError:
                    pass

        thread = threading.Thread(target=answer)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()


def test_421_instead_of_a_greeting_slows_the_route(settings: Settings) -> None:
    with saying(settings, b"421 4.7.0 Too many connections\r\n"):
        _, down = trouble_of(mails("a@example.org"))
    assert isinstance(down, RouteSlow)
    assert str(down) == "421 4.7.0 Too many connections"


@pytest.mark.parametrize("offer", [b"250 mail\r\n", b"250-mail\r\n250-PIPELINING\r\n250 CHUNKING\r\n"])
def test_a_server_that_drips_is_left_when_the_time_for_a_mail_is_up(settings: Settings, offer: bytes) -> None:
    settings.EMAIL_TIMEOUT = 0.4
    with saying(settings, b"220 mail\r\n", offer, then=b"2"):
        settled, down = trouble_of(mails("a@example.org"))
    assert settled == []
    assert "timed out" in str(down)
    assert down.unknown == ((1,) if b"CHUNKING" in offer else ())


@pytest.mark.parametrize("words", [b"hello\r\n", b"200" * 9000, b"250-x\r\n" * 200, b"250?x\r\n"])
def test_what_is_not_smtp_is_the_routes_trouble(settings: Settings, words: bytes) -> None:
    with saying(settings, b"220 mail\r\n", b"250 mail\r\n", words):
        settled, down = trouble_of(mails("a@example.org"))
    assert settled == []
    assert "not SMTP" in str(down)


# --- TLS and logging in ---


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> trustme.CA:
    """Who signs the certificates that are trusted here."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "authority.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
    return authority


def a_context(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    certificate.configure_cert(context)
    return context


@contextmanager
def secured(settings: Settings, certificate: trustme.LeafCert, manner: str) -> Iterator[Server]:
    with Server(
        tls=a_context(certificate), implicit=manner == "implicit", auth=True, offers=("PIPELINING", "CHUNKING")
    ) as server:
        settings.EMAIL_HOST, settings.EMAIL_PORT = "localhost", server.port
        settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = "alerts", "right"
        settings.EMAIL_USE_SSL, settings.EMAIL_USE_TLS = manner == "implicit", manner == "starttls"
        yield server


@pytest.mark.parametrize("manner", ["starttls", "implicit"])
def test_mail_leaves_over_tls_to_who_shows_a_certificate(
    settings: Settings, authority: trustme.CA, manner: str
) -> None:
    with secured(settings, authority.issue_cert("localhost"), manner) as server:
        outcomes, trouble = send(mails(*(f"{letter}@example.org" for letter in "abcdefgh")))
    assert trouble == ""
    assert [outcome.kind for outcome in outcomes] == ["sent"] * 8
    assert server.logins == [("alerts", "right")]
    assert server.connections == (1 if manner == "implicit" else 2)  # greeted once more after STARTTLS, never again


@pytest.mark.parametrize("manner", ["starttls", "implicit"])
@pytest.mark.parametrize("wrong", ["another name", "nobody we trust", "expired"])
def test_who_shows_a_wrong_certificate_is_told_no_password(
    settings: Settings, authority: trustme.CA, manner: str, wrong: str
) -> None:
    certificate = {
        "another name": lambda: authority.issue_cert("mail.example.org"),
        "nobody we trust": lambda: trustme.CA().issue_cert("localhost"),
        "expired": lambda: authority.issue_cert("localhost", not_after=datetime(2020, 1, 1, tzinfo=UTC)),
    }[wrong]()
    with secured(settings, certificate, manner) as server:
        settled, trouble = send_slowly(mails("a@example.org"))
    assert settled == []
    assert "SSLCertVerificationError" in trouble
    assert (server.logins, server.mails) == ([], [])


def test_a_server_without_starttls_is_told_nothing_where_the_setting_asks_for_it(settings: Settings) -> None:
    with Server(auth=True) as server:
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
        settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD, settings.EMAIL_USE_TLS = "alerts", "right", True
        settled, trouble = send_slowly(mails("a@example.org"))
    assert (settled, server.logins, server.mails) == ([], [], [])
    assert "STARTTLS" in trouble


def test_a_password_never_goes_over_a_network_that_can_be_read(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Server(auth=True) as server:
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
        settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = "alerts", "right"
        outcomes, _ = send(mails("a@example.org"))
        assert [outcome.kind for outcome in outcomes] == ["sent"]  # on this very machine there is no network
        monkeypatch.setattr("alerts.senders.smtp._is_loopback", lambda _: False)
        settled, trouble = send_slowly(mails("b@example.org"))
    assert (settled, server.logins) == ([], [("alerts", "right")])
    assert "without TLS" in trouble


def test_a_wrong_password_is_the_routes_trouble_and_not_said(settings: Settings) -> None:
    with Server(auth=True) as server:
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
        settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = "alerts", "a-wrong-secret"
        settled, trouble = send_slowly(mails("a@example.org"))
    assert settled == []
    assert trouble.startswith("535")
    assert "secret" not in trouble


@pytest.mark.parametrize("offers", [("PIPELINING",), ("PIPELINING", "CHUNKING")])
def test_each_of_several_mails_under_way_has_its_own_time(settings: Settings, offers: tuple[str, ...]) -> None:
    class Slow(Server):
        async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
            await asyncio.sleep(0.3)
            return await super().handle_DATA(server, session, envelope)

    settings.EMAIL_TIMEOUT = 0.5
    with Slow(offers=offers) as server:
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
        outcomes, trouble = send(mails("a@example.org", "b@example.org", "c@example.org"))
    assert ([outcome.kind for outcome in outcomes], trouble) == (["sent"] * 3, "")
    assert len(server.mails) == 3
