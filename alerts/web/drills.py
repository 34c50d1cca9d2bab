"""What a drill reached: its readiness report, beside the last one; and all drills in a list."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.utils.http import urlencode
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_safe

from alerts import exports, marking, rules
from alerts.chasing import drills
from alerts.chasing.drills import GOAL, HOUR, SAID, Drill, Listed, Reached, Report, compared, missing, share
from alerts.hold_words import lasted
from alerts.models import Advisory
from alerts.web.asking import find, signed_in, title_of, with_titles
from alerts.web.coverage.estate import sees_estate
from alerts.web.coverage.scoping import Looked, looked_at
from alerts.web.coverage.tables import send
from alerts.web.numbers import count, people
from departments.rules import is_administrator, is_auditor

SHOWN = 200
"""Branches on the page; the file has all of them."""
STOOD_DOWN = "when it was stood down"
SIZE = 50
"""Drills on a page of the list."""
COLUMNS = (
    "body", "name", "own_people_alone", "people", "told", "cannot_be_reached", "answered",
    "within_15_minutes", "within_60_minutes", "within_a_day", "half_took_minutes", "nine_in_ten_took_minutes",
    "bodies", "bodies_covered", "bodies_with_nobody_to_tell",
    "last_drill", "last_people", "last_told", "last_within_15_minutes", "last_within_60_minutes", "last_within_a_day",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Cell:
    """How many had answered within one of the times."""

    said: str
    """The time: "15 minutes"."""
    number: int | None
    """None: the time has not begun to tell anything."""
    percent: str = ""
    so_far: str = ""
    """Where the time has not passed: "so far", or that the drill was stood down before."""
    beside: str = ""
    """ "12 points more than 49% last time"; "" where there is nothing to stand beside."""
    short: bool = False
    """Whether it is below the goal that there is for this time."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the report's table."""

    body: str
    """The slug; "" for everything."""
    name: str
    own: bool
    reached: Reached
    told: str
    """In percent."""
    told_beside: str
    """The same beside the last drill; "" where there is none."""
    cells: list[Cell]
    half: str
    new: bool
    """It was not in the last drill, and there was one."""

    @property
    def bodies(self) -> str:
        """ "3 of 5 bodies covered"; "" of one body."""
        of = self.reached.bodies
        return f"{of.covered:,} of {count(of.targeted, 'body', 'bodies')} covered" if of.targeted > 1 else ""


@require_safe
@never_cache
@login_required
def drill(request: HttpRequest, reference: str) -> HttpResponse:
    """For whoever sees the drill's coverage, of what they see of it: `?in=` and `own=` narrow it as there."""
    advisory, looked, found = _asked(request, reference)
    viewer = signed_in(request)
    rows = list(_rows(found)) if found else []
    wrong, rest = _verdict(found) if found else ("", "")
    context = {
        "advisory": advisory,
        "title": title_of(advisory, viewer),
        "marked": _marked(advisory, found),
        "looked": looked,
        "found": found,
        "scoped": urlencode(looked.query),
        "wrong": wrong,
        "rest": rest,
        "yardstick": _yardstick(found) if found else "",
        "last_title": title_of(found.last.advisory, viewer) if found and found.last else "",
        "last_time": _last_time(found) if found else "",
        "stood_down": lasted(found.drill.after) if found and found.drill.ended else "",
        "running": found is not None and found.drill.ended is None and not found.drill.over[-1],
        "rows": rows[: SHOWN + 1],
        "more": max(len(rows) - SHOWN - 1, 0),
        "dark_more": found.whole.bodies.dark - len(found.dark) if found else 0,
        "times": SAID,
        "as_at": timezone.now(),
        "lists": sees_estate(viewer),
    }
    return render(request, "alerts/drill.html", context)


@require_GET
@never_cache
@login_required
def drill_table(request: HttpRequest, reference: str, kind: str) -> HttpResponseBase:
    """The same as CSV or JSON: all of it, then each branch. What a time says that has not passed yet is left empty."""
    advisory, looked, found = _asked(request, reference)
    if kind not in exports.TYPES or found is None:
        raise Http404
    where = looked.body.slug if looked.body else "everything" if looked.everything else "own branches"
    head = {
        "reference": reference,
        "marking": _marked(advisory, found),
        "as_at": timezone.now(),
        "scope": f"{where}, its own people" if looked.scope.own else where,
        "table": "drill",
        "exercise": True,
        "revision": found.drill.revision,
        "began": found.drill.began,
        "stood_down": found.drill.ended,
        "goal_percent_within_60_minutes": GOAL,
        "last_drill": found.last.advisory.reference if found.last else None,
    }
    subject = f"{reference}-{looked.body.slug}" if looked.body else reference
    return send(request, subject, head, COLUMNS, _cells(found), kind)


@require_safe
@never_cache
@login_required
def drill_list(request: HttpRequest) -> HttpResponse:
    """For administrators and auditors; for officers the drills of their own bodies. The latest first."""
    person = signed_in(request)
    if not sees_estate(person):
        raise PermissionDenied
    issuing = rules.issuing(person)
    shown = Advisory.objects.filter(exercise=True, material__isnull=False)
    if not (is_administrator(person) or is_auditor(person)):
        shown = shown.filter(issuer__in=issuing)
    pages = max(-(-shown.count() // SIZE), 1)
    asked = request.GET.get("page", "")
    page = min(max(int(asked) if asked.isascii() and asked.isdecimal() and len(asked) < 6 else 1, 1), pages)
    advisories = list(
        with_titles(shown)
        .select_related("material")
        .defer("material__content")
        .order_by("-material__at", "-pk")[(page - 1) * SIZE : page * SIZE]
    )
    context = {
        "lines": [
            (line, title_of(line.advisory, person, issuing), _percent(line.told, line.people), _times_of(line))
            for line in drills.listed(advisories, timezone.now())
        ],
        "page": page,
        "pages": pages,
        "times": SAID,
        "goal": GOAL,
        "everything": is_administrator(person) or is_auditor(person),
        "writes": bool(issuing),
    }
    return render(request, "alerts/drills.html", context)


def _asked(request: HttpRequest, reference: str) -> tuple[Advisory, Looked, Report | None]:
    advisory = find(request, reference, "alerts.view_coverage")
    if not advisory.exercise:
        raise Http404("This is no drill.")
    looked = looked_at(request, advisory)
    return advisory, looked, drills.report(advisory, timezone.now(), looked.scope)


def _marked(advisory: Advisory, found: Report | None) -> str:
    """No lower than the drill, nor than the last one whose figures stand beside it."""
    last = found.last.advisory.marking if found and found.last else advisory.marking
    return last if marking.is_stricter(last, than=advisory.marking) else advisory.marking


def _verdict(found: Report) -> tuple[str, str]:
    """What is wrong, and the rest of the sentence."""
    whole, dark = found.whole, found.whole.bodies.dark
    wrong = f"{count(dark, 'body has', 'bodies have')} nobody to tell" if dark else ""
    joined = "; " if wrong else ""
    if not whole.people:
        return wrong, f"{joined}nobody is to be told." if wrong else "Nobody is to be told."
    after, over = lasted(found.drill.after), found.drill.over[HOUR]
    number = whole.within[HOUR] if over else whole.answered
    said = f"{_percent(number, whole.people)} ({number:,} of {whole.people:,})"
    if over:
        return wrong, f"{joined}{said} had answered within 60 minutes."
    if found.drill.ended:
        return wrong, f"{joined}{said} had answered when it was stood down, after {after}."
    return wrong, f"{joined}{'so' if wrong else 'So'} far, after {after}, {said} have answered."


def _yardstick(found: Report) -> str:
    """The goal, and how far from it this is."""
    goal = f"A good drill reaches {GOAL}% within 60 minutes"
    if not found.whole.people:
        return f"{goal}."
    if not found.drill.over[HOUR]:
        short = missing(found.whole.answered, found.whole.people)
        if found.drill.ended:
            then = "when it was stood down"
            return f"{goal}: {people(short)} short of it here {then}." if short else f"{goal}, and this one had {then}."
        return f"{goal}: {people(short)} to come." if short else f"{goal}, and this one has."
    if short := missing(found.whole.within[HOUR], found.whole.people):
        return f"{goal}: {people(short)} short of it here."
    dark = ", but for the bodies with nobody to tell: no share counts them" if found.whole.bodies.dark else ""
    return f"{goal}, and this one did{dark}."


def _last_time(found: Report) -> str:
    """ "49% had answered within 60 minutes then (98 of 200)"."""
    if found.last is None or found.before is None:
        return ""
    before, over = found.before, found.last.over[HOUR]
    number = before.within[HOUR] if over else before.answered
    said = f"{_percent(number, before.people)} ({number:,} of {before.people:,})"
    if over:
        return f"{said} had answered within 60 minutes then"
    if found.last.ended:
        return f"{said} had answered when it was stood down, after {lasted(found.last.after)}"
    return f"{said} have answered it so far"


def _rows(found: Report) -> Iterator[Row]:
    """Everything, then each branch; of one that is everything, no second line."""
    yield _row(found, "", "All of it", found.whole, found.before, own=False)
    if len(found.branches) > 1:
        for one in found.branches:
            yield _row(found, one.body, one.name, one.reached, one.before, own=one.own)


def _row(found: Report, body: str, name: str, reached: Reached, before: Reached | None, *, own: bool) -> Row:
    told, then = share(reached.told, reached.people), share(before.told, before.people) if before else None
    return Row(
        body=body,
        name=name,
        own=own,
        reached=reached,
        told=_percent(reached.told, reached.people),
        told_beside=_beside(told, then),
        cells=list(_within(found, reached, before)),
        half=lasted(reached.half) if reached.half is not None else "",
        new=found.last is not None and before is None,
    )


def _within(found: Report, reached: Reached, before: Reached | None) -> Iterator[Cell]:
    """For each time; the first that has not passed says how it stands so far, and those after it nothing."""
    shares, running = reached.shares, False
    for place, said in enumerate(SAID):
        if running or not reached.people:
            yield Cell(said, None)
        elif not found.drill.over[place]:
            running = True
            until = STOOD_DOWN if found.drill.ended else "so far"
            yield Cell(said, reached.answered, _percent(reached.answered, reached.people), so_far=until)
        else:
            known = found.last is not None and found.last.over[place]
            beside = _beside(shares[place], before.shares[place]) if before and known else ""
            short = place == HOUR and missing(reached.within[HOUR], reached.people) > 0
            number = reached.within[place]
            yield Cell(said, number, _percent(number, reached.people), beside=beside, short=short)


def _beside(now: int | None, before: int | None) -> str:
    """ "12 points more than 49% last time", "the same as last time"."""
    said = compared(now, before)
    if not said:
        return ""
    return "the same as last time" if said == "the same" else f"{said} than {before}% last time"


def _percent(part: int, whole: int) -> str:
    """ "61%"; "" of nobody."""
    found = share(part, whole)
    return "" if found is None else f"{found}%"


def _times_of(line: Listed) -> list[tuple[str, str, str, bool]]:
    """Each time, the share that had answered by then, what is to be known of it, and whether that is below the goal.

    Of the time that runs, or ran when it was stood down, it is the share so far; of those after it there is none to tell.
    """
    running = next((place for place, over in enumerate(line.over) if not over), len(SAID))
    return [
        (
            said,
            _percent(line.within[place], line.people) if place <= running else "",
            (STOOD_DOWN if line.stood_down else "so far") if place == running and line.people else "",
            place == HOUR and line.over[place] and (line.shares[place] or 0) < GOAL,
        )
        for place, said in enumerate(SAID)
    ]


def _cells(found: Report) -> Iterator[tuple[object, ...]]:
    yield _line(found, None, "All of it", found.whole, found.before, own=False)
    for one in found.branches:
        yield _line(found, one.body, one.name, one.reached, one.before, own=one.own)


def _line(
    found: Report, body: str | None, name: str, reached: Reached, before: Reached | None, *, own: bool
) -> tuple[object, ...]:
    last = found.last.advisory.reference if found.last and before else None
    then = (before.people, before.told, *_passed(found.last, before)) if found.last and before else (None,) * 5
    return (
        *(body, name, own, reached.people, reached.told, reached.unreachable, reached.answered),
        *_passed(found.drill, reached),
        *(_minutes(reached.half), _minutes(reached.nine)),
        *(reached.bodies.targeted, reached.bodies.covered, reached.bodies.dark, last, *then),
    )


def _passed(drill: Drill, reached: Reached) -> tuple[int | None, ...]:
    return tuple(number if over else None for number, over in zip(reached.within, drill.over, strict=True))


def _minutes(time: timedelta | None) -> int | None:
    return None if time is None else int(time.total_seconds() // 60)
