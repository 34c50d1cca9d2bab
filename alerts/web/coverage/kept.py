"""What a citation keeps of a coverage page, and how it is read again: names, figures and words as they stood.

Nothing in here is looked up again when it is shown: names, bodies and people may be called otherwise by then, or be gone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

import structlog
from django.utils import timezone

from alerts import marking, rules
from alerts.coverage.glance import look
from alerts.coverage.scope import Scope, scope
from alerts.models import Advisory, Citation, Relay
from alerts.pictures import drawing
from alerts.pictures.icicle import icicle
from alerts.routing.routes import reports_delivery
from alerts.web import words
from alerts.web.asking import title_of
from alerts.web.numbers import count, has, people
from alerts.web.parts import Parts, parts_of
from alerts.web.record_words import called
from departments.models import Person
from departments.tree import branches

log = structlog.get_logger(__name__)

if TYPE_CHECKING:
    from alerts.web.coverage.funnel import Step
    from alerts.web.coverage.held import Passed
    from alerts.web.coverage.lines import Line
    from alerts.web.coverage.view import CoverageView
    from alerts.web.left_out import LeftOut

VERSION = 1
"""Of the shape of what is kept; a page that reads it knows every one there ever was."""
LINES = 1000
"""So many rows of the tree are kept, as far as it was open."""
NAMES = 200
"""So many names are kept of a list of bodies; of the others how many they are."""


def content_of(advisory: Advisory, view: CoverageView, by: Person) -> dict[str, Any]:
    """What `by` was shown, to be kept."""
    wrong, rest = words.verdict(view)
    current = advisory.current
    return {
        "v": VERSION,
        "reference": advisory.reference,
        "title": title_of(advisory, by),
        "whole_title": rules.sees_text(by, advisory),
        "open_title": advisory.open_title,
        "called": called(advisory),
        "issuer": advisory.issuer.name,
        "severity": advisory.severity,
        "severity_name": advisory.get_severity_display(),
        "marking": advisory.marking,
        "exercise": advisory.exercise,
        "state": advisory.state,
        "stopped": advisory.stopped,
        "revision": current.number if current else 0,
        "revised_at": _said(current.at if current else None),
        "published_at": _said(advisory.published_at),
        "acknowledge_by": _said(advisory.acknowledge_by),
        "by": by.name,
        "everything": view.everything,
        "body": {"slug": view.of.slug, "name": view.of.name} if view.of else None,
        "own": view.own,
        "record": words.for_the_record(advisory, view),
        "wrong": wrong,
        "rest": rest,
        "reports_delivery": view.reports_delivery,
        "parts": view.parts._asdict(),
        "figures": view.figures._asdict(),
        "bodies": view.bodies._asdict(),
        "reasons": list(_reasons(view)),
        "apart": list(view.apart),
        "steps": [_step(step) for step in view.steps],
        "beside": [_step(step) for step in view.beside],
        "lines": [_line(line) for line in view.lines[:LINES]],
        "held_before": _held_before(view.passed) if view.passed else None,
        "left_out": [_left_out(item) for item in view.left_out],
        "undecided": _names(body.name for body in view.undecided),
    }


def shown(citation: Citation, viewer: Person) -> dict[str, Any]:
    """The same for a page: its moments as moments, its words, and its title as far as this viewer may read it."""
    kept: Mapping[str, Any] = citation.content
    advisory, record = citation.advisory, str(kept["record"])
    whole = not kept["whole_title"] or rules.sees_text(viewer, advisory)
    open_title = kept["open_title"] or advisory.open_title or kept["reference"]
    by_now = max(kept["marking"], advisory.marking, key=list(marking.TABLE).index)
    # Marked more strictly since: a paragraph goes wherever somebody puts it, and says no more than it might today.
    raised = marking.text_in_mail(kept["marking"]) and not marking.text_in_mail(by_now)
    if kept["called"] and (raised or not whole):
        record = record.replace(f"“{kept['called']}”", f"“{open_title}”", 1)
    record = record.replace(f"TLP:{kept['marking']}.", f"TLP:{by_now}.", 1)
    return {
        **kept,
        "title": kept["title"] if whole else open_title,
        "record": record,
        "marking": by_now,
        "revised_at": _moment(kept["revised_at"]),
        "published_at": _moment(kept["published_at"]),
        "acknowledge_by": _moment(kept["acknowledge_by"]),
        "left_out": [{**one, "at": _moment(one["at"]), "until": _moment(one["until"])} for one in kept["left_out"]],
        "key": _key(kept),
        "total": sum(kept["parts"].values()),
    }


def picture_stands(citation: Citation) -> bool:
    """Whether the marking that is drawn in its picture is still as strict as the advisory's."""
    return not marking.is_stricter(citation.advisory.marking, citation.content["marking"])


def _key(kept: Mapping[str, Any]) -> list[tuple[str, int, str]]:
    """What the bar says: kind, number and words of each part that there is."""
    parts, words_of_sent = kept["parts"], "sent" if kept["reports_delivery"] else "handed over, silent"
    said = {
        "answered": "answered",
        "told": "told, silent",
        "sent": words_of_sent,
        "held": "held",
        "waiting": "waiting to be sent",
        "dark": "cannot be reached",
    }
    return [(kind, parts[kind], words_) for kind, words_ in said.items() if parts[kind] or kind == "answered"]


COLUMNS = (
    "body",
    "level",
    "state",
    "not_told",
    "answered",
    "told_and_silent",
    "sent",
    "held",
    "waiting",
    "cannot_be_reached",
    "to_be_told",
    "why",
)


def rows(said: Mapping[str, Any]) -> Iterator[list[str | int]]:
    """The table for a file: all of it, then each body that was shown."""
    told = ("held", "waiting", "dark", *(("sent",) if said["reports_delivery"] else ()))
    parts, whole = said["parts"], said["body"]["name"] if said["body"] else "all that was shown"
    yield [whole, 0, "", sum(parts[name] for name in told), *_in_order(parts), f"{said['wrong']}{said['rest']}"]
    for line in said["lines"]:
        why = "; ".join([*(one["text"] for one in line["why"]), *([line["lowest"]] if line["lowest"] else [])])
        yield [line["name"], line["level"] + 1, line["state"], line["not_told"], *_in_order(line["parts"]), why]


def head(said: Mapping[str, Any]) -> dict[str, str | bool]:
    """What stands above the table in a file."""
    return {
        "reference": said["reference"],
        "title": said["title"],
        "marking": f"TLP:{said['marking']}",
        "exercise": said["exercise"],
        "revision": str(said["revision"]),
        "kept_by": said["by"],
        "record": said["record"],
    }


def pictures(of: Scope, advisory: Advisory) -> tuple[str, bytes]:
    """The tree as it is drawn at this moment, as SVG and as PNG; neither where nothing can be drawn."""
    try:
        found = icicle(advisory, of, timezone.now())
        if found is None:
            return "", b""
        drawn = drawing.svg(found)
        return drawn, drawing.png(drawn)
    except drawing.NotDrawn as error:
        log.warning("no picture was kept", advisory=advisory.reference, reason=str(error)[:200])
        return "", b""


def since(citation: Citation) -> str:
    """What became of these figures since, in a sentence; "" where they still stand."""
    said, advisory = citation.content, citation.advisory
    number = advisory.current.number if advisory.current else 0
    revised = (
        f" It has been revised, and this is about revision {said['revision']}." if number != said["revision"] else ""
    )
    of = _scope_of(citation)
    if of is None:
        return f"{said['body']['name']} is not in this advisory any more.{revised}"
    delivery = reports_delivery()
    glance = look(of, reports=delivery)
    parts = parts_of(glance.figures, glance.waits)
    if said["parts"] == parts._asdict() and said["bodies"] == glance.bodies._asdict() and not revised:
        return ""
    answered = f"{parts.answered:,} of {people(parts.total)} {'has' if parts.answered == 1 else 'have'} answered"
    return f"By now {answered}, and {has(parts.not_told(delivery))} not been told.{revised}"


def _scope_of(citation: Citation) -> Scope | None:
    """The same part of the advisory, as it stands today; None where it is in it no more."""
    tops = citation.content.get("tops", citation.bodies)
    bodies = None if tops is None else branches(tops)
    if citation.body_id is None:
        return scope(citation.advisory_id, bodies)
    relays = Relay.objects.filter(advisory=citation.advisory_id, body=citation.body_id).exclude(
        purpose=Relay.Purpose.LEFT
    )
    relay = relays.values_list("pk", flat=True).first()
    return None if relay is None else scope(citation.advisory_id, bodies, relay, own=citation.content["own"])


def _in_order(parts: Mapping[str, int]) -> list[int]:
    return [*(parts[name] for name in Parts._fields), sum(parts.values())]


def _step(step: Step) -> dict[str, Any]:
    return {"words": step.words, "figure": step.figure, "people": step.people, "bodies": step.bodies, "note": step.note}


def _line(line: Line) -> dict[str, Any]:
    return {
        "body": line.row.body,
        "name": line.row.name,
        "state": line.row.state,
        "not_told": line.not_told,
        "parts": line.parts._asdict(),
        "level": line.level,
        "total": line.parts.total,
        "nobody": line.row.bodies.dark,
        "why": [{"text": why.text, "dark": why.dark} for why in line.why],
        "lowest": line.lowest,
    }


def _reasons(view: CoverageView) -> Iterable[dict[str, Any]]:
    """Why who was not told, each with its count, in the order in which the page has them."""
    dark = view.bodies.dark
    named = (f"{row.name} ({row.rung.said})" if row.rung else row.name for row in view.dark_named)
    names = words.listed([*named, *_further(dark - len(view.dark_named))])
    parts, mail = view.parts, view.mail
    for kind, number, said in (
        ("dark", len(view.undecided), f"{_bodies(len(view.undecided))} outside the audience, undecided"),
        ("dark", dark, f"{_bodies(dark)} with nobody to tell: {names}"),
        ("dark", view.unreachable, view.out_of_reach),
        ("dark", mail.complained, "reported it as spam"),
        ("sent", mail.late, "delayed by their mail servers"),
        ("held", parts.held, f"held by the contacts of {count(view.bodies.held, 'body', 'bodies')}"),
        ("waiting", parts.waiting, "waiting to be sent"),
        ("sent", view.unsure, "sent, no word of delivery yet"),
    ):
        if number:
            yield {"kind": kind, "count": number, "words": said}


def _bodies(number: int) -> str:
    return "body" if number == 1 else "bodies"


def _further(number: int) -> list[str]:
    return [f"{number:,} more"] if number > 0 else []


def _held_before(passed: Passed) -> dict[str, Any]:
    return {"words": passed.words[:NAMES], "more": passed.count - len(passed.words[:NAMES])}


def _left_out(item: LeftOut) -> dict[str, Any]:
    return {
        **_names(body.name for body in item.bodies),
        "reason": item.reason,
        "by": item.by.name,
        "at": _said(item.at),
        "until": _said(item.until),
    }


def _names(names: Iterable[str]) -> dict[str, Any]:
    every = list(names)
    return {"names": every[:NAMES], "more": len(every[NAMES:])}


def _said(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def _moment(said: str | None) -> datetime | None:
    return datetime.fromisoformat(said) if said else None
