"""What is heard of mails after they left: do the canaries' arrive, is the mailbox of bounces read, are events matched?"""

from collections.abc import Iterator
from datetime import timedelta

from django.conf import settings

from alerts import tokens
from alerts.routing import canary
from alerts.statements import run
from alerts.watching.view import SAID, Finding, View

AWAY_FOR = timedelta(minutes=15)
# After an hour matching gives up what is nobody's of ours; a little for it to do so.
MATCHED_WITHIN = timedelta(hours=1, minutes=5)
LOOKED_AT = 500  # events

# What was said of mails long ago and is matched to none, the oldest first. Index: event_unmatched.
UNMATCHED_EVENTS = """
SELECT id, received_at, token FROM alerts_trackingevent
WHERE matched_at IS NULL AND received_at <= %(before)s
ORDER BY received_at, id
LIMIT %(most)s
"""

# Those of them that are about a mail of ours which left, or was refused: by our own token, or by the provider's id of it.
# Indexes: alerts_message's primary key, message_provider.
EVENTS_OF_OURS = """
SELECT e.received_at
FROM unnest(%(ids)s::bigint[], %(messages)s::bigint[]) AS w(id, message)
JOIN alerts_trackingevent e ON e.id = w.id AND e.matched_at IS NULL
WHERE EXISTS (SELECT FROM alerts_message m WHERE m.id = w.message AND m.state IN ('sent', 'failed'))
   OR e.token = '' AND e.provider_id <> '' AND EXISTS (
       SELECT FROM alerts_message m
       WHERE m.provider_id = e.provider_id AND m.provider_id <> '' AND m.state IN ('sent', 'failed')
   )
"""


def canaries(view: View) -> Iterator[Finding]:
    """Canaries whose mail did not arrive."""
    for seen in canary.seen(view.now):
        if not seen.blind:
            yield Finding("canary", seen.domain, seen.since, seen.says, seen.words[:SAID])


def mailbox(view: View) -> Iterator[Finding]:
    """The mailbox of bounces, where it is not read."""
    if settings.MAILBOX is None:
        return
    # As `alerts.inbound.mailbox` writes them: when it was last read, and since when it can't be.
    read, away = (view.heartbeats.get(process) for process in ("mailbox", "mailbox away"))
    if away is not None and view.now - away > AWAY_FOR:
        says = "The mailbox of bounces can't be read: look at MAILBOX_URL, and for mailbox in the workers' logs."
        yield Finding("mailbox", "", away, says)
    elif read is not None and view.now - read > AWAY_FOR:
        says = (
            "The mailbox of bounces is not read any more: nobody does, or each time breaks off. See to the beat and the "
            "workers, and look for mailbox in their logs."
        )
        yield Finding("mailbox", "", read, says)


def events(view: View) -> Iterator[Finding]:
    """Events of our mails that are matched to none."""
    found = run(UNMATCHED_EVENTS, before=view.now - MATCHED_WITHIN, most=LOOKED_AT)
    if not found:
        return
    named = [tokens.read_32(token, tokens.RETURN) if token else None for _, _, token in found]
    ours = run(EVENTS_OF_OURS, ids=[row[0] for row in found], messages=[one[0] if one else None for one in named])
    if ours:
        number = f"{len(ours):,}{' or more' if len(found) == LOOKED_AT else ''}"
        are = "event of what became of our mails is" if number == "1" else "events of what became of our mails are"
        says = (
            f"{number} {are} matched to no mail, so that pages say less than is known: see to the workers, and look for "
            "match_events in their logs."
        )
        yield Finding("events", "", min(at for (at,) in ours), says)
