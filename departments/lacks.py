"""What a body may lack that is needed to warn it: each with its reason and its remedy, in words for an administrator."""

from datetime import timedelta

from django.db.models import TextChoices

# A contact who confirmed nothing for longer than this may have moved on.
CONFIRMED_FOR = timedelta(days=90)
ENOUGH_CONTACTS = 2
# Mail that was put off arrives within so long or comes back (RFC 5321, section 4.5.4.1); no word means that it arrived.
LATE_FOR = timedelta(days=5)


class Lack(TextChoices):
    """Reasons why a warning may not arrive, the gravest first."""

    NOBODY = "nobody", "nobody to tell"
    NO_CONTACT = "no-contact", "no contact who can be told"
    ONE_CONTACT = "one-contact", "only one contact"
    NO_HEAD = "no-head", "no head who can be told"
    REFUSED = "refused", "an address that refuses mail"
    CAME_BACK = "came-back", "an address from which mail comes back"
    SUPPRESSED = "suppressed", "an address to which the mail provider sends nothing"
    COMPLAINED = "complained", "somebody who reported our mail as spam"
    LATE = "late", "an address where mail is late"
    UNCONFIRMED = "unconfirmed", "a contact not confirmed for 90 days"
    NO_NIGHT = "no-night", "nobody out of hours"

    @property
    def remedy(self) -> str:
        """What to do about it."""
        return _REMEDIES[self]


_REMEDIES = {
    Lack.NOBODY: "Somebody is to be named here. Until then no warning reaches this body.",
    Lack.NO_CONTACT: "Name a contact: who is told first, passes on and chases.",
    Lack.ONE_CONTACT: "Name a second contact, for when the first is away.",
    Lack.NO_HEAD: "Name the head: who answers for it when the contact is silent.",
    Lack.REFUSED: "Correct the address, or name somebody else.",
    Lack.CAME_BACK: "Correct the address, or name somebody else.",
    Lack.SUPPRESSED: (
        "Make sure of the address, ask the mail provider to take it off its suppression list, then press "
        "“Mail reaches them again” on their page."
    ),
    Lack.COMPLAINED: "Ring them and ask; if it was a mistake, press “Mail reaches them again” on their page.",
    Lack.LATE: "Wait: it is tried again. If it does not end, ring them.",
    Lack.UNCONFIRMED: "Ask whether they are still the contact, or ring them and note it.",
    Lack.NO_NIGHT: "Give an address that is read at night and at weekends.",
}


def in_order(lacks: list[str]) -> list[Lack]:
    """These lacks, the gravest first."""
    return [lack for lack in Lack if lack.value in lacks]
