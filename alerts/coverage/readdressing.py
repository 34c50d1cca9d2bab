"""Readdressing a list: everybody of it at one mail domain has their mail at another one.

Before: people of an advisory whose mail does not reach them, since their domain is written wrong or was renamed. After: the
directory has each at the right one (`departments.readdressing`), and the next pass of the cascade writes anew what they
missed, of this advisory and of every other. Twice: the second finds nobody there any more. Raises `Refused` with a sentence;
then nothing was changed.
"""

import time
from dataclasses import dataclass

from django.db import transaction

from alerts import record
from alerts.coverage.readdressing_sql import DOMAINS, PEOPLE
from alerts.coverage.selection import Selection
from alerts.models import Advisory
from alerts.statements import run
from alerts.wake import wake_cascade
from departments import readdressing as directory
from departments.models import Person
from departments.readdressing import Moving

AT_ONCE = 5_000  # people in one transaction
LONGEST = 15.0  # seconds of one press
NAMED = 5  # mail domains
LOOKED_AT = 10_000  # people, to find these


@dataclass(frozen=True, slots=True)
class Moved:
    """What a press did, in people."""

    old: str
    new: str
    people: int
    taken: int = 0
    """Were left as they are: somebody else has the address that would be theirs."""
    powers: int = 0
    """Were left as they are: they have powers of their own."""
    left: int = 0
    """Are still at the old domain, and had to wait for another press."""

    @property
    def says(self) -> str:
        """In sentences for whoever pressed."""
        if not (self.people or self.taken or self.powers):
            return f"Nobody of these has an address at {self.old}, but perhaps yourself; nothing was changed."
        who = "1 person has" if self.people == 1 else f"{self.people:,} people have" if self.people else "Nobody has"
        said = [f"{who} their mail at {self.new} now, not at {self.old}."]
        if self.people:
            said.append("What they missed is written anew within a few minutes.")
        if self.taken:
            were = "1 was" if self.taken == 1 else f"{self.taken:,} were"
            said.append(f"{were} left as they are: somebody else has that address at {self.new} already.")
        if self.powers:
            are = "is" if self.powers == 1 else "are"
            said.append(f"{self.powers:,} with powers of their own {are} to be corrected one by one.")
        if self.left:
            said.append(f"{self.left:,} more are at {self.old}: press once more for these.")
        return " ".join(said)


def would_move(selection: Selection, old_domain: str, new_domain: str, by: Person) -> Moving:
    """Whom it would move; changes nothing."""
    query, values = selection.sql()
    return directory.would_move(PEOPLE.format(selection=query), values, old_domain, new_domain, by)


def move_domain(selection: Selection, old_domain: str, new_domain: str, by: Person) -> Moved:
    """Have the mail of everybody of the list who is at one domain go to the other; `by` is an administrator."""
    advisory = Advisory.objects.only("reference", "severity").get(pk=selection.scope.advisory_id)
    query, values = selection.sql()
    people = PEOPLE.format(selection=query)
    old, new = directory.domain_of(old_domain), directory.domain_of(new_domain)
    done, until = 0, time.monotonic() + LONGEST
    moved = AT_ONCE
    while moved == AT_ONCE and time.monotonic() < until:
        # So many and what is said of them together: whatever comes in between later, what was done stands in the record.
        with transaction.atomic():
            moved = directory.move_some(people, values, old_domain, new_domain, by, AT_ONCE)
            if moved:
                record.write("addresses moved", advisory.reference, by, people=moved, old=old, new=new)
                wake_cascade(advisory)
        done += moved
    rest = directory.would_move(people, values, old_domain, new_domain, by)
    return Moved(rest.old, rest.new, done, rest.taken, rest.powers, rest.people)


def domains(selection: Selection) -> list[str]:
    """The mail domains at which most of these people are, as far as the first of them show: a few, to be proposed."""
    query, values = selection.sql()
    found = run(DOMAINS.format(selection=query), **values, named=NAMED, looked_at=LOOKED_AT)
    return [row[0] for row in found]
