"""Senders: how mail leaves by a route. One file a kind of route; what they share is here."""

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from typing import Literal, Protocol

from alerts.letters.letters import Personal, Skeleton
from alerts.routing.routes import Way


@dataclass(frozen=True)
class Mail:
    """One mail for one address: what all of its kind have (`skeleton`), and what is this person's own."""

    id: int
    personal: Personal
    skeleton: Skeleton
    sender: str
    """The return path: where a bounce goes (RFC 5321, section 4.4)."""

    @property
    def token(self) -> str:
        """The message's own, which a provider hands back with each event."""
        return self.personal.token

    @property
    def address(self) -> str:
        """Whom it is for."""
        return self.personal.address

    @property
    def content(self) -> bytes:
        """The whole MIME message."""
        return self.skeleton.fill(self.personal)


@dataclass(frozen=True)
class Outcome:
    """What became of a mail: `sent` (handed over), `later` (refused for now), `refused`, or `suppressed` (the provider
    sends nothing to this address); the server's code and words."""

    id: int
    kind: Literal["sent", "later", "refused", "suppressed"]
    code: int
    text: str
    provider_id: str = ""
    about: Literal["address", "mail"] = "address"
    """Of a refusal: whether it says something of the address, or only of this mail (its content, its size)."""


class RouteDown(Exception):
    """The route as a whole can't be had. Mails without an outcome may be tried again; nobody's address is to blame.

    `unknown` are the ids of those that may have left all the same: they leave by no other route.
    """

    def __init__(self, reason: str, *, unknown: Iterable[int] = ()) -> None:
        super().__init__(reason)
        self.unknown = tuple(unknown)


class RouteSlow(RouteDown):
    """It was asked for too much (SMTP 421, HTTP 429): `retry_after` is after how many seconds it may be asked again."""

    def __init__(self, reason: str, *, unknown: Iterable[int] = (), retry_after: float | None = None) -> None:
        super().__init__(reason, unknown=unknown)
        self.retry_after = retry_after


class QuotaSpent(RouteDown):
    """It takes no more mail today."""


class Sender(Protocol):
    """An open route."""

    most: int
    """How many mails it likes to be handed at once."""
    soon: bool
    """Whether its next outcome, or the end of them, comes at once: those before it need not be noted on their own."""

    def send(self, mails: Iterable[Mail]) -> Iterator[Outcome]:
        """Hand over mails, an outcome each, in any order; raises `RouteDown` after what was settled."""
        ...


class Senders:
    """The routes that a worker has open: one connection for many mails, and for many batches."""

    def __init__(self) -> None:
        self._way: Way | None = None
        self._open = ExitStack()
        self._sender: Sender | None = None

    def __enter__(self) -> "Senders":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def of(self, way: Way) -> Sender:
        """This route, open; raises `RouteDown`. Another one that was open is closed."""
        if self._sender is None or self._way != way:
            self.close()
            self._sender, self._way = self._open.enter_context(open_sender(way)), way
        return self._sender

    def close(self) -> None:
        """Say goodbye, where there is anybody to say it to."""
        self._sender = None
        self._open.close()


def open_sender(way: Way) -> AbstractContextManager[Sender]:
    """This route, open for as long as the context is; entering it raises `RouteDown`."""
    if way.is_smtp:
        from alerts.senders.smtp import SmtpSender

        return SmtpSender(way)
    from alerts.senders.provider import ProviderSender

    return ProviderSender(way)
