"""The way down the tree: holds past their time, the wave, cascades with work left, changes of the directory, figures."""

import hashlib
from collections.abc import Iterator

from alerts.statements import run
from alerts.watching.cascade_sql import HELD, LEFT, UNFOLDED, WAVE
from alerts.watching.view import Finding, Sign, View, once


def held(view: View) -> Iterator[Finding]:
    """Bodies that are held past their time."""
    for reference, bodies, since in run(HELD, late=view.late):
        says = f"{_bodies(bodies)} of {reference} should have been released over by now: {_RESTART}"
        yield Finding("held", reference, since, says)


def wave(view: View) -> Iterator[Finding]:
    """Bodies below a released one that are not reached."""
    for reference, bodies, since in run(WAVE, late=view.late):
        says = f"{_bodies(bodies)} of {reference} should have been reached by now: {_RESTART}"
        yield Finding("wave", reference, since, says)


_RESTART = "restart the workers, and look for cascade in their logs if that does not help."


def _bodies(number: int) -> str:
    return f"{number:,} {'body' if number == 1 else 'bodies'}"


def cascades(view: View) -> Iterator[Finding]:
    """Cascades with work left that do not get on."""
    return view.still("cascade", signs(view))


def changes(view: View) -> Iterator[Finding]:
    """Advisories that do not look at changes of the directory."""
    return view.still("changes", signs(view))


def figures(view: View) -> Iterator[Finding]:
    """Figures that nobody adds up."""
    return view.still("figures", figure_signs(view))


@once
def signs(view: View) -> list[Sign]:
    """What each cascade has left, and where nobody has looked at the changes of the directory."""
    found = []
    # A pass makes way for one that is more severe, so those before it moving is as good as its own moving.
    moved = hashlib.sha256()
    for reference, stale, first_stale, upto, tell, first_tell, unqueued, notes, last_batch, changed, seen in run(LEFT):
        left = [
            f"{_bodies(stale)} to be compared" if stale else "",
            f"{_bodies(tell)} to be told" if tell else "",
            "its latest text to be queued" if unqueued else "",
            f"{notes} {'note' if notes == 1 else 'notes'} to be mailed" if notes else "",
        ]
        at_work = any(left)
        if at_work:
            mark = (reference, stale, first_stale, upto, tell, first_tell, unqueued, notes, last_batch)
            moved.update(repr(mark).encode())
            says = f"The cascade of {reference} stands still with {', '.join(filter(None, left))}: {_RESTART}"
            found.append(Sign("cascade", reference, moved.hexdigest()[:16], says))
        # A pass plans, compares and tells in turn, and notes the changes only once all of these are planned: as long as it
        # gets on with any of it they are being looked at. Nobody has looked yet (`seen` is empty) and something is planned:
        # if that stands still the cascade does, which is said above.
        if changed and not (seen is None and at_work):
            says = f"Changes of the directory are not looked at for {reference}: {_RESTART}"
            found.append(Sign("changes", reference, f"{seen} {moved.hexdigest()[:16]}", says))
    return found


@once
def figure_signs(view: View) -> list[Sign]:
    """Figures that wait to be added up."""
    says = "Figures of {} are not added up, and its pages grow slow: look for fold in the workers' logs."
    return [Sign("figures", reference, str(oldest), says.format(reference)) for reference, oldest in run(UNFOLDED)]
