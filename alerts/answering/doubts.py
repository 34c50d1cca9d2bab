"""Doubts, and cries for help: readers whose last word asks for somebody. A doubt is no answer; it goes to the issuer.

Before `tell` and `tell_help`: what they said was kept. After: the issuer's officers have a desk mail that leads to the queue of
those who ask (`alerts.answering.threads`), of either kind at most one in an hour for an advisory, however many ask. `raised` is
what the advisory's page shows of them. A machine's is in none of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone

from alerts.answering.answers import Question
from alerts.answering.threads_sql import CONTACT, PLACE, WAITS
from alerts.last_word import last_word
from alerts.models import Acknowledgement, Advisory, Message
from alerts.officers import approvers
from alerts.publishing import desk
from alerts.statements import run

SHOWN = 20
"""Of each kind, the newest."""

# Whoever last asked for help, or last said that it looks like phishing, to whichever revision: of each kind the newest, how
# many there are, and how many of those nobody has answered yet. Where they sit is looked up of those who are shown.
# Index: acknowledgement_asking (revision, -id), acknowledgement_last, alerts_seat(recipient).
RAISED = f"""
WITH asking AS (
    SELECT k.id, k.read, k.at, k.text, k.recipient_id, k.how, k.by_id, k.name_given, w.number,
           count(*) OVER (PARTITION BY k.read) AS many, count(*) FILTER (WHERE {WAITS}) OVER (PARTITION BY k.read) AS waiting,
           row_number() OVER (PARTITION BY k.read ORDER BY k.id DESC) AS n
    FROM alerts_revision w
    JOIN alerts_acknowledgement k ON k.revision_id = w.id AND k.read IN ('help', 'phishing')
    WHERE w.advisory_id = %(advisory)s AND k.id = {last_word("k.recipient_id")}
)
SELECT a.read, a.many, a.waiting, p.id, p.name, place.name, place.slug, a.at, a.text, a.number, a.how, b.name, a.name_given,
       p.telephone, contact.name, contact.telephone
FROM asking a
JOIN alerts_recipient r ON r.id = a.recipient_id
JOIN departments_person p ON p.id = r.person_id
LEFT JOIN departments_person b ON b.id = a.by_id
{PLACE.format(within="")}
{CONTACT}
WHERE a.n <= %(shown)s
ORDER BY a.id DESC
"""


@dataclass(frozen=True, slots=True)
class Voice:
    """One person whose last word asks for somebody."""

    person_id: int
    name: str
    body: str | None
    """One body through which they are told; None where they sit nowhere."""
    slug: str | None
    at: datetime
    text: str
    number: int
    """The revision of which they spoke."""
    how: str
    by: str | None
    """Who spoke for them, where somebody else did."""
    name_given: str
    telephone: str
    contact: str | None
    """A contact of that body, to be rung where they have no number of their own; None where there is none with one."""
    contact_telephone: str | None


@dataclass(frozen=True, slots=True)
class Raised:
    """The newest of one kind, how many there are, and how many of those wait for an answer."""

    voices: Sequence[Voice]
    count: int
    waiting: int

    @property
    def more(self) -> int:
        """How many are not shown."""
        return self.count - len(self.voices)


def tell(of: Question) -> None:
    """Tell the issuer's officers and the advisory's owner that somebody doubts it. Within a transaction."""
    _tell(of, Message.Kind.PHISHING)


def tell_help(of: Question) -> None:
    """Tell them that somebody needs help with it. Within a transaction."""
    _tell(of, Message.Kind.HELP)


def _tell(of: Question, kind: Message.Kind) -> None:
    advisory = Advisory.objects.select_related("issuer", "owner").get(pk=of.advisory_id)
    people = set(approvers(advisory).values_list("pk", flat=True))
    if advisory.owner is not None and advisory.owner.left_at is None:
        people.add(advisory.owner.pk)
    now = timezone.now()
    desk.put(kind, advisory, people, f"{now:%Y%m%d%H}", now)


def raised(advisory: Advisory) -> tuple[Raised, Raised]:
    """Who needs help, and who takes it for phishing: those whose last word says so, the newest first."""
    found = run(RAISED, advisory=advisory.pk, shown=SHOWN)
    help_, doubts = (
        [(row[1], row[2], Voice(*row[3:])) for row in found if row[0] == read]
        for read in (Acknowledgement.Read.HELP, Acknowledgement.Read.PHISHING)
    )
    return _raised(help_), _raised(doubts)


def _raised(found: list[tuple[int, int, Voice]]) -> Raised:
    many, waiting = found[0][:2] if found else (0, 0)
    return Raised([voice for _, _, voice in found], many, waiting)
