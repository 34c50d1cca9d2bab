"""What a mail says that carries no advisory: whether somebody is still the contact, what this system is, a one-time code,
whether mail arrives at all, what goes with answers, and what several warnings, or several people, have in common.

Of the advisory whose page a code opens, its mail names the reference and who issued it, whatever the marking, and no more. So
do a canary's, with the severity, and those that go with answers; what was answered is a receipt's personal part.
"""

import textwrap
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from django.conf import settings

from alerts import marking
from alerts.models import Advisory, Message

WIDTH = 64  # columns of the text part
# Stand in the subject of a mail of the chase: what it is, before the title, and after it what is to be done by when.
HEAD, TAIL = "PERSONALPARTHEADPERSONALPART", "PERSONALPARTTAILPERSONALPART"


@dataclass(frozen=True)
class PlainWords:
    """What everybody is told alike; the headers' part of `letter_words.Words`, and the names that people check."""

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
    in_mail: bool = True
    """The marking lets a mail carry words."""
    marking: str = ""
    name: str = ""
    """Of a list of who is silent: the advisory's title, within its marking."""

    @property
    def template(self) -> str:
        """The templates' name under `alerts/mail/`."""
        return self.kind

    @property
    def subject(self) -> str:
        """As the title says; a drill's is marked. What a mail of the chase is about is each reader's own part of it."""
        if self.kind == Message.Kind.DIGEST:
            return HEAD
        if self.kind == Message.Kind.ESCALATION:
            return f"{'[EXERCISE] ' if self.exercise else ''}[{self.severity_name}] {HEAD}: {self.name}"
        return f"[EXERCISE] {self.title}" if self.exercise else self.title

    @property
    def headed(self) -> bool:
        """Its subject has personal parts: `HEAD`."""
        return self.kind in (Message.Kind.DIGEST, Message.Kind.ESCALATION)

    @property
    def name_lines(self) -> str:
        """The advisory's title as the text part shouts it."""
        return textwrap.fill(self.name.upper(), WIDTH, break_on_hyphens=False)


_TITLES = {
    Message.Kind.CHECK.value: "Are you still the contact?",
    Message.Kind.INTRODUCTION.value: "How security warnings will reach you",
    Message.Kind.CODE.value: "Your code for",
    Message.Kind.CANARY.value: "Test of the way:",
    Message.Kind.RECEIPT.value: "Receipt for your answer to",
    Message.Kind.UNCLEAR.value: "We could not take your reply as an answer to",
    Message.Kind.OWN_LINK.value: "Your own link for",
    Message.Kind.ANSWERED.value: "Your question about {} was answered",
    Message.Kind.DIGEST.value: "Warnings that wait for you",
    Message.Kind.ESCALATION.value: "Who has not answered",
}


def plain_words(kind: str, about: Advisory | None = None, severity: str = "") -> PlainWords:
    """The words of a kind of mail that carries no revision; `about`: the advisory whose page a code opens, before whose mails a
    canary's leaves, which was answered, or was not. `severity`: of what a digest is most of all about."""
    site = urlsplit(settings.SITE_URL)
    words = PlainWords(
        kind=kind,
        title=_TITLES[kind],
        sender=settings.ALERTS_FROM,
        site=site.netloc,
        check=f"{site.netloc}/check",
    )
    if kind == Message.Kind.DIGEST and severity:
        words = replace(words, severity=severity)
    if about is None:
        return words
    if kind == Message.Kind.UNCLEAR:
        words = replace(words, code=marking.needs_code(about.marking), kept=settings.MAILBOX is not None)
    if kind == Message.Kind.ANSWERED:
        words = replace(words, code=marking.needs_code(about.marking), in_mail=marking.text_in_mail(about.marking))
    if kind == Message.Kind.ESCALATION:
        words = replace(
            words, name=_name_of(about), marking=f"TLP:{about.marking}", in_mail=marking.text_in_mail(about.marking)
        )
    if kind in (Message.Kind.CANARY, Message.Kind.ESCALATION):
        words = replace(words, severity=about.severity, severity_name=about.get_severity_display())
    return replace(
        words,
        title=words.title.format(about.reference) if "{}" in words.title else f"{words.title} {about.reference}",
        reference=about.reference,
        issuer=about.issuer.name,
        exercise=about.exercise,
    )


def _name_of(about: Advisory) -> str:
    """Its title; from AMBER up the open title."""
    content = about.current.content if about.current else {}
    if marking.text_in_mail(about.marking):
        return " ".join(str(content.get("title") or about.reference).split())
    return str(content.get("open_title") or about.open_title or about.reference)
