"""Routes: ways for mail to leave. One file a kind of route; what they share is here."""

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Literal, Protocol


@dataclass(frozen=True)
class Mail:
    """One mail for one address, whole."""

    id: int
    address: str
    content: bytes


@dataclass(frozen=True)
class Outcome:
    """What became of a mail: `sent` (handed over), `later` (refused for now) or `refused`; the server's code and words."""

    id: int
    kind: Literal["sent", "later", "refused"]
    code: int
    text: str
    provider_id: str = ""


class RouteDown(Exception):
    """The route as a whole can't be had. Mails without an outcome may be tried again; nobody's address is to blame."""


class Sender(Protocol):
    """An open route."""

    def send(self, mails: Iterable[Mail]) -> Iterator[Outcome]:
        """Hand over mails one after another, an outcome each; raises `RouteDown` after what was settled."""
        ...


def open_sender() -> AbstractContextManager[Sender]:
    """The configured route, open for as long as the context is; entering it raises `RouteDown`."""
    from alerts.senders.smtp import SmtpSender

    return SmtpSender()


def reports_delivery() -> bool:
    """Whether the route says later what arrived. SMTP does not: pages then say "handed over", never "delivered"."""
    return False
