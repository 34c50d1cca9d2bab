"""How each route stands, where that is not well."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from alerts.routing import route_state
from alerts.statements import run
from alerts.watching.view import SAID, Finding, Sign, View, once
from config.logs import scrub

# A pause may be meant.
PAUSED = timedelta(minutes=5)
SLOWED = timedelta(minutes=10)
# Condemned so often within an hour: it goes up and down.
OFTEN, AN_HOUR = 3, timedelta(hours=1)

# Whether any mail waits that may leave. Index: batch_outbox.
WAITS = """
SELECT EXISTS (
    SELECT FROM alerts_batch b
    LEFT JOIN alerts_advisory a ON a.id = coalesce(b.advisory_id, CASE WHEN b.kind = 'escalation' THEN b.about_id END)
    WHERE b.done_at IS NULL AND a.stopped_at IS NULL AND b.not_before <= %(now)s
)
"""

# How often each route was condemned lately, and since when; of the last of what is known of it. Index: record_subject.
CONDEMNED = """
SELECT n.name, count(*), min(e.at)
FROM unnest(%(names)s::text[]) AS n(name)
CROSS JOIN LATERAL (SELECT kind, at FROM alerts_record WHERE subject = left(n.name, 60) ORDER BY id DESC LIMIT 200) e
WHERE e.kind = 'route condemned' AND e.at > %(since)s
GROUP BY n.name
"""


def wrong(view: View) -> Iterator[Finding]:
    """Routes that take no mail, or go up and down, or are slow for too long."""
    often = {name: (times, since) for name, times, since in _often(view)}
    for stand in view.stands:
        since, words = stand.since or view.now, scrub(stand.words)[:SAID]
        if stand.state == "paused" and since <= view.now - PAUSED:
            says = f"{stand.name} {stand.says}, and nothing leaves by it: resume it, or switch to another route."
            yield Finding("route", stand.name, since, says)
        elif stand.state == "condemned":
            says = (
                f"{stand.name} {stand.says}. {_meanwhile(view)} See to that server, and to what it says of us; where it is "
                "well again, have it tried now."
            )
            yield Finding("route", stand.name, since, says, words)
        elif stand.state == "spent" and _mail_waits(view):
            says = (
                f"{stand.name} {stand.says}. {_meanwhile(view)} It takes mail again after midnight (UTC): raise its quota if "
                "it may be given more, or switch to another route."
            )
            yield Finding("route", stand.name, since, says)
        elif stand.name in often and often[stand.name][0] >= OFTEN:
            times, first = often[stand.name]
            says = f"{stand.name} {stand.says}, but was condemned {times} times within an hour: see to that server."
            yield Finding("route", stand.name, first, says, words)
        else:
            slow = any(sign.subject == stand.name for sign in signs(view))
            mark, noted = view.notes.get(("slowed", stand.name), ("", view.now)) if slow else ("", view.now)
            if mark and noted <= view.now - SLOWED:
                says = (
                    f"{stand.name} {stand.says}, and has been slow for more than 10 minutes while mail waits: ask its operator "
                    "for more, or switch to another route."
                )
                yield Finding("route", stand.name, noted, says, scrub(stand.route.why)[:SAID])


def _often(view: View) -> list[tuple[Any, ...]]:
    return run(CONDEMNED, names=[stand.name for stand in view.stands], since=view.now - AN_HOUR)


def _meanwhile(view: View) -> str:
    """What leaves by another one."""
    takes = [choice for choice in route_state.choices(view.stands, view.now) if not choice.trying and choice.free]
    if not takes:
        return "No mail leaves meanwhile."
    which = route_state.severities(takes[0].down_to).capitalize()
    return f"{which} mail goes by {takes[0].free} meanwhile."


@once
def signs(view: View) -> list[Sign]:
    """The routes that are slowed while mail waits."""
    return [
        Sign("slowed", stand.name, "slow", stand.says)
        for stand in view.stands
        if stand.route.pace is not None and stand.state in ("slowed", "resting") and _mail_waits(view)
    ]


@once
def _mail_waits(view: View) -> bool:
    return bool(run(WAITS, now=view.now)[0][0])
