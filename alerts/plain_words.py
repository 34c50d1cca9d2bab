"""What a mail says that belongs to no advisory: whether somebody is still the contact, and what this system is."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from django.conf import settings

from alerts.models import Message


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
    reference: str = ""
    number: int = 0
    exercise: bool = False

    @property
    def template(self) -> str:
        """The templates' name under `alerts/mail/`."""
        return self.kind

    @property
    def subject(self) -> str:
        """As the title says."""
        return self.title


_TITLES = {
    Message.Kind.CHECK.value: "Are you still the contact?",
    Message.Kind.INTRODUCTION.value: "How security warnings will reach you",
}


def plain_words(kind: str) -> PlainWords:
    """The words of a kind of mail that carries no revision."""
    site = urlsplit(settings.SITE_URL)
    return PlainWords(
        kind=kind,
        title=_TITLES[kind],
        sender=settings.ALERTS_FROM,
        site=site.netloc,
        check=f"{site.netloc}/check",
    )
