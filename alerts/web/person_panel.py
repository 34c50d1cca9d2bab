"""What stands about advisories on a person's own page: what they should have been told, what they were, and who held it."""

from dataclasses import dataclass, replace

from django.core.paginator import Paginator
from django.db.models import F
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from alerts import rules
from alerts.coverage.told import Entry, LeftOut, concerning, entries
from alerts.models import Advisory, Message
from alerts.web import person_words as words
from alerts.web.asking import title_of
from alerts.web.home import visible
from alerts.web.mails import may_read
from alerts.web.person_words import Said
from departments.models import Person
from departments.rules import is_administrator, is_auditor

SHOWN = 50


@dataclass(frozen=True, slots=True)
class Line:
    """One advisory as the page shows it."""

    advisory: Advisory
    title: str
    verdict: Said
    facts: list[Said]
    mails: list[Message]
    """Those that left, where the viewer may read them."""


def told_person(request: HttpRequest, person: Person) -> SafeString:
    """Every published advisory that concerned this person and that the viewer may see, the newest first.

    `?told=2` goes on. A constant number of queries.
    """
    viewer = request.user
    if not isinstance(viewer, Person):
        return SafeString("")
    ids = concerning(person)
    seen = visible(viewer).filter(pk__in=ids).order_by(F("published_at").desc(), "-pk").distinct()
    page = Paginator(seen.values_list("pk", flat=True), SHOWN).get_page(request.GET.get("told"))
    found = entries(person, list(page))
    issuing = rules.issuing(viewer)
    hide = _Reasons(viewer, issuing)
    for entry in found:
        entry.left_out = [hide.unless_seen(entry.advisory, one) for one in entry.left_out]
        if entry.named is not None and not rules.sees_text(viewer, entry.advisory, issuing):
            entry.named.why = ""  # words of whoever wrote it
    context = {
        "lines": [
            _line(entry, person, title_of(entry.advisory, viewer, issuing), _readable(entry, viewer, person, issuing))
            for entry in found
        ],
        "page": page,
        "told": sum(1 for entry in found if entry.recipient is not None and entry.recipient.told_revision),
        "answered": sum(1 for entry in found if entry.recipient is not None and entry.recipient.answered_revision),
        "hidden": len(ids) - page.paginator.count,
        "person": person,
    }
    return render_to_string("alerts/parts/person_told.html", context, request)


def _readable(entry: Entry, viewer: Person, person: Person, issuing: set[int]) -> list[Message]:
    if not may_read(viewer, person, entry.advisory, issuing):
        return []
    return [one for one in entry.messages if one.state == Message.State.SENT and one.personal is not None]


def _line(entry: Entry, person: Person, title: str, mails: list[Message]) -> Line:
    facts = [*words.should_have(entry, person), *words.held(entry), *words.mails(entry), *words.answers(entry)]
    return Line(entry.advisory, title, words.verdict(entry), facts, mails)


class _Reasons:
    """Why a body was left out is for its own branch, and for those who see the whole of the advisory."""

    def __init__(self, viewer: Person, issuing: set[int]) -> None:
        self.everything = is_administrator(viewer) or is_auditor(viewer)
        self.own = set() if self.everything else rules.own_branches(viewer)
        self.issuing = issuing

    def unless_seen(self, advisory: Advisory, one: LeftOut) -> LeftOut:
        """Without its reason and its name where this viewer may not read them."""
        if self.everything or one.body_id in self.own or advisory.issuer_id in self.issuing:
            return one
        return replace(one, reason="", by="", through="")
