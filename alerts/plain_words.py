"""What a mail says that carries no advisory: whether somebody is still the contact, what this system is, a one-time code,
whether mail arrives at all, and what goes with answers.

Of the advisory whose page a code opens, its mail names the reference and who issued it, whatever the marking, and no more. So
do a canary's, with the severity, and those that go with answers; what was answered is a receipt's personal part.
"""

from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from django.conf import settings

from alerts import marking
from alerts.models import Advisory, Message


@dataclass(frozen=True)
class PlainWords:
    """What everybody is told alike; the headers' part of `alerts.letter_words.Words`, and the names that people check."""

    kind: str
    title: str
    sender: str
    site: str
    check: str
    issuer: str = settings.SITE_NAME
    severity: str = "medium"
    severity_name: str = ""
    reference: str = ""
    number: int = 0
    exercise: bool = False
    code: bool = False
    """Its page shows the text only after a one-time code."""
    kept: bool = False
    """A reply that is no answer lies in a mailbox, where people may read it."""

    @property
    def template(self) -> str:
        """The templates' name under `alerts/mail/`."""
        return self.kind

    @property
    def subject(self) -> str:
        """As the title says; a drill's is marked."""
        return f"[EXERCISE] {self.title}" if self.exercise else self.title


_TITLES = {
    Message.Kind.CHECK.value: "Are you still the contact?",
    Message.Kind.INTRODUCTION.value: "How security warnings will reach you",
    Message.Kind.CODE.value: "Your code for",
    Message.Kind.CANARY.value: "Test of the way:",
    Message.Kind.RECEIPT.value: "Receipt for your answer to",
    Message.Kind.UNCLEAR.value: "We could not take your reply as an answer to",
    Message.Kind.OWN_LINK.value: "Your own link for",
}


def plain_words(kind: str, about: Advisory | None = None) -> PlainWords:
    """The words of a kind of mail that carries no revision; `about`: the advisory whose page a code opens, before whose mails a
    canary's leaves, or which was answered."""
    site = urlsplit(settings.SITE_URL)
    words = PlainWords(
        kind=kind,
        title=_TITLES[kind],
        sender=settings.ALERTS_FROM,
        site=site.netloc,
        check=f"{site.netloc}/check",
    )
    if about is None:
        return words
    if kind == Message.Kind.UNCLEAR:
        words = replace(words, code=marking.needs_code(about.marking), kept=settings.MAILBOX is not None)
    if kind == Message.Kind.CANARY:
        words = replace(words, severity=about.severity, severity_name=about.get_severity_display())
    return replace(
        words,
        title=f"{words.title} {about.reference}",
        reference=about.reference,
        issuer=about.issuer.name,
        exercise=about.exercise,
    )
