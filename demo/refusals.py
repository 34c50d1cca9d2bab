"""What the demo's mail server answers to an address that bounces. A set look-up: it needs no database."""

from demo.people import register
from demo.staffing import MOVED_DOMAIN

_BOUNCING = frozenset(register().bouncing)
_ANSWERS = (
    "550 5.1.1 No such mailbox here",
    "550 5.1.1 No such mailbox here",
    "550 5.7.1 This mailbox takes no mail from outside",
    "552 5.2.2 Mailbox full",
)


def refusal(address: str) -> str | None:
    """The SMTP reply to RCPT for an address that bounces, else None; the same at every try, whatever its case."""
    address = address.strip().lower()
    if address.endswith(f"@{MOVED_DOMAIN}"):
        return f"550 5.1.2 {MOVED_DOMAIN} takes no mail any more"
    if address in _BOUNCING:
        return _ANSWERS[sum(address.encode()) % len(_ANSWERS)]
    return None
