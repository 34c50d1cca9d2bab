"""Answers over time, as a part of the coverage page: the picture, how long people took, and a table that says the same."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

import structlog
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.safestring import SafeString, mark_safe
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from alerts.coverage import fingerprint
from alerts.coverage.tide import Line, OverTime, over_time
from alerts.hold_words import clock, lasted
from alerts.models import Advisory
from alerts.pictures import drawing, over_time_words
from alerts.pictures.drawing import Busy, NotDrawn
from alerts.pictures.over_time import specification
from alerts.pictures.shelf import Shelf
from alerts.web.asking import find
from alerts.web.coverage import pictures
from alerts.web.coverage.scoping import Looked, looked_at

log = structlog.get_logger(__name__)

COLUMNS = 6
"""Times in the table."""


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the picture in the table."""

    name: str
    body: str
    targeted: int
    cells: list[tuple[str, int, str]]
    """A time, how many had answered by then, and which share that is."""
    half: str
    """How long half of those who answered took; "" where nobody did."""
    nine: str


@dataclass(frozen=True, slots=True)
class Part:
    """What is drawn once for all who look at the same."""

    html: SafeString
    table: SafeString
    seen: str


_parts: Shelf[Part] = Shelf()


@require_safe
@never_cache
@login_required
def coverage_over_time(request: HttpRequest, reference: str) -> HttpResponse:
    """For whoever may see the coverage page, of what they see of it. 204 while it is the same as what was `seen`."""
    advisory = find(request, reference, "alerts.view_coverage")
    looked = looked_at(request, advisory)
    try:
        part = _parts.get(looked.scope, lambda: fingerprint(advisory), lambda: _part(advisory, looked))
    except Busy:
        return pictures.not_now(pictures.TOO_MANY, 5)
    if request.GET.get("seen") == part.seen:
        return HttpResponse(status=204)
    poll = urlencode({**looked.query, "seen": part.seen})
    return render(
        request, "alerts/coverage_parts/over_time_drawn.html", {"advisory": advisory, "part": part, "poll": poll}
    )


def _part(advisory: Advisory, looked: Looked) -> Part:
    found = over_time(looked.scope, timezone.now())
    pictures = _pictures(advisory, found) if found else None
    html = render_to_string("alerts/coverage_parts/over_time_part.html", {"found": found, "pictures": pictures})
    table = SafeString("")
    if found is not None:
        context = {"times": _times(found), "rows": [_row(line, found) for line in [found.whole, *found.branches]]}
        table = render_to_string("alerts/coverage_parts/over_time_table.html", context)
    return Part(html, table, hashlib.sha256(f"{html}{table}".encode()).hexdigest()[:16])


def _pictures(advisory: Advisory, found: OverTime) -> tuple[SafeString, SafeString] | None:
    """For a wide page and for a telephone; None where they could not be drawn."""
    title = f"{advisory.reference}, answers over time"
    try:
        wide, narrow = (drawing.svg(specification(found, narrow=narrow, title=title)) for narrow in (False, True))
    except Busy:
        raise
    except NotDrawn as error:
        log.error("picture_not_drawn", advisory=advisory.pk, picture="answers", why=str(error)[:500])
        return None
    # Of our own making, with every name in it escaped (`alerts.pictures.drawing`).
    return mark_safe(wide), mark_safe(narrow)  # noqa: S308


def _places(found: OverTime) -> list[int]:
    """Which of the moments stand in the table: as far apart as may be, the last one among them; of one minute, its last."""
    last = len(found.moments) - 1
    many = min(COLUMNS, last)
    said = {_said(found.moments[place], found): place for place in (last * n // many for n in range(1, many + 1))}
    return sorted(said.values())


def _times(found: OverTime) -> list[str]:
    return [_said(found.moments[place], found) for place in _places(found)]


def _said(moment: datetime, found: OverTime) -> str:
    return clock(moment, found.now).removesuffix(f" {timezone.localtime(moment).year}")


def _row(line: Line, found: OverTime) -> Row:
    return Row(
        name=line.name,
        body=line.body,
        targeted=line.targeted,
        cells=[
            (
                _said(found.moments[place], found),
                line.counts[place],
                over_time_words.percent(line.counts[place], line.targeted),
            )
            for place in _places(found)
        ],
        half=lasted(line.times.half) if line.times else "",
        nine=lasted(line.times.nine) if line.times else "",
    )
