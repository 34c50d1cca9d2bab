"""The shapes of coverage: what is counted of people, of their mail and of bodies."""

from typing import NamedTuple


class Figures(NamedTuple):
    """Counts of people, as `alerts.models.figures` says them.

    `targeted` is always `waiting` + `sent` + `unreachable`; the others overlap with these. `acknowledged`, `silent`, `unsent`
    and `unreachable` share nobody.
    """

    targeted: int = 0
    waiting: int = 0
    sent: int = 0
    delivered: int = 0
    unreachable: int = 0
    suspect: int = 0
    acknowledged: int = 0
    acted: int = 0
    office: int = 0
    """Told through their office, and they themselves have not answered."""
    behalf: int = 0
    """Acknowledged, by an answer that their contact put down for them."""
    silent: int = 0
    """Told beyond doubt, by a mail that was delivered or through their office, and not acknowledged."""
    unsent: int = 0
    """Waiting, and nothing was heard of them."""
    former: int = 0
    """Answered an earlier revision, and this one not."""


# What `manage.py coverage --json` says of them: people's scripts rest on it.
CONTRACT = ("targeted", "waiting", "sent", "delivered", "unreachable", "suspect", "acknowledged", "acted")


class MailStates(NamedTuple):
    """Counts of people by what the route said last. The first three together are those who can't be reached."""

    refused: int = 0
    came_back: int = 0
    suppressed: int = 0
    """The provider sends nothing there."""
    late: int = 0
    """Put off by their mail server."""
    complained: int = 0
    """Delivered, and reported as spam."""


class Bodies(NamedTuple):
    """Counts of bodies in a branch, itself among them: those whose people are `targeted`, and rows by their state."""

    targeted: int = 0
    covered: int = 0
    dark: int = 0
    held: int = 0
    excluded: int = 0
