"""Are those there who are to do the work, and those who watch it?"""

from collections.abc import Iterator
from datetime import timedelta

from django.conf import settings

from alerts.watching import watch_workers
from alerts.watching.view import Finding, View, audit_every


def broker(view: View) -> Iterator[Finding]:
    """Redis, where it does not answer."""
    if view.broker is None:
        says = "Redis does not answer; mail goes on by the beat as soon as it does. Check REDIS_URL and the server."
        yield Finding("broker", "", view.now, says)


def beat(view: View) -> Iterator[Finding]:
    """The beat, where it does not ring."""
    at = view.heartbeats.get("beat")
    if at is None:
        yield Finding("beat", "", view.now, "No beat was ever seen: start one (celery -A config beat), and a worker.")
    elif view.now - at > timedelta(seconds=settings.BEAT_SILENT):
        works = any(seen.there and not seen.wrong for seen in view.workers)
        says = f"The beat has been silent for {(view.now - at).total_seconds():.0f} s: {_BEAT if works else _BEAT_OR_WORKERS}"
        yield Finding("beat", "", at, says)


_BEAT = "start it anew (celery -A config beat), one of it. Until then only what is rung for at once goes on."
_BEAT_OR_WORKERS = "look at the workers first, since one of them runs what it rings for, then at celery -A config beat."


def workers(view: View) -> Iterator[Finding]:
    """Workers that are gone or hang; that there is none."""
    if view.broker is None:
        return
    for seen in view.workers:
        if seen.wrong:
            short = watch_workers.process_of(seen.name).removeprefix(watch_workers.PREFIX)
            yield Finding("worker", short, seen.since, seen.wrong)
    # A Redis that was emptied a moment ago knows nobody, but their pulses were heard.
    if not any(seen.there or not seen.wrong for seen in view.workers):
        since = max((seen.since for seen in view.workers), default=view.now)
        yield Finding("workers", "", since, "There is no worker: start one or more (celery -A config worker).")


def audit(view: View) -> Iterator[Finding]:
    """The auditor, where it does not run."""
    at, longest = view.heartbeats.get("audit"), 2.5 * audit_every()
    # Whoever rings for it must have been there for that long.
    if view.broker and any(timedelta(seconds=worker.known) > longest for worker in view.broker.workers.values()):
        if at is None:
            yield Finding("audit", "", view.now, "The auditor never ran; look for audit in the workers' logs.")
        elif view.now - at > longest:
            yield Finding("audit", "", at, "The auditor has not run for too long; look for audit in the workers' logs.")
