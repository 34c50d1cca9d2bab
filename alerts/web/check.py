"""`/check`: is this reference genuine? For anybody, without the link."""

import re
import unicodedata

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from alerts.answering.reader import replacing
from alerts.models import Advisory, State
from alerts.web.limits import too_many

PUBLISHED = (State.LIVE, State.STOOD_DOWN, State.EXPIRED)
LONGEST = 40
LONGEST_PASTED = 200  # with all that is not seen
# What stands in place of a dash, alone or with spaces, and in place of nothing: what a mail program puts there to break a line.
_DASH = re.compile(r"[\s\-\u2010-\u2015\u2212]+")
_AROUND = re.compile(r"^[\W_]+|[\W_]+$")
# As people say one to each other: its series, which is ADV where none is said, its year, its number without zeros.
_SAID = re.compile(r"(?:(ADV|EX)-?)?([0-9]{4})-([0-9]+)")
MOST = 30  # a minute, from one address


@require_safe
@never_cache
def check(request: HttpRequest) -> HttpResponse:
    """Anybody may ask. By whom it was issued, when, whether it holds, and which one replaces it: no text, no title, no names.

    What does not exist and what may not be shown get the same answer; a draft that is to replace it is not named.
    """
    typed = as_written(request.GET.get("reference", ""))
    context: dict[str, object] = {"typed": typed}
    if typed and too_many(request, "check", MOST):
        return render(request, "alerts/check.html", {**context, "too_many": True}, status=429)
    if typed:
        found = Advisory.objects.filter(reference=typed, state__in=PUBLISHED).select_related("issuer").first()
        context["found"] = found
        context["replaced_by"] = replacing(found).replaced_by if found else ()
    return render(request, "alerts/check.html", context)


def as_written(typed: str) -> str:
    """A reference as we write it, from what somebody typed, or pasted from a mail with what stood around it.

    "adv 2026 1" and "2026-0001" are ADV-2026-0001: a genuine warning is not called suspect for a zero.
    """
    folded = unicodedata.normalize("NFKC", typed[:LONGEST_PASTED])
    # Line breaks and tabs are unseen as well, and part words.
    seen = "".join(one for one in folded if one.isspace() or unicodedata.category(one) not in ("Cc", "Cf"))
    written = _AROUND.sub("", _DASH.sub("-", seen))[:LONGEST].upper()
    if said := _SAID.fullmatch(written):
        series, year, number = said.groups()
        return f"{series or 'ADV'}-{year}-{number:0>4}"
    return written
