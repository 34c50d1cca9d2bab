"""What stands between a body and having answered, in a short phrase."""

from datetime import datetime

from django.utils import formats, timezone

from alerts.coverage.figures import Figures


def why(state: str, own: Figures, relay_state: str, held_until: datetime | None, holder: str, reason: str) -> str:
    """What stands between this body and having answered."""
    if state == "excluded":
        return f"left out on purpose: {reason}"
    if state == "dark":
        return "nobody to tell" if not own.targeted else out_of_reach(own)
    parts = []
    if state == "held":
        parts.append(f"held by its contacts until {_spoken(held_until)}" if held_until else "held by its contacts")
    elif relay_state == "planned" and state != "covered":
        parts.append(f"not yet reached: held above by {holder}" if holder else "not yet reached")
    elif state == "waiting" and not own.targeted:
        parts.append("its people are being looked up")
    elif own.waiting and state != "covered":
        parts.append(f"{own.waiting:,} of {own.targeted:,} not yet sent")
    if own.unreachable:
        parts.append(out_of_reach(own))
    if own.suspect:
        parts.append(f"{own.suspect:,} answered like a machine" if own.suspect > 1 else "1 answered like a machine")
    return "; ".join(parts)


def out_of_reach(own: Figures) -> str:
    if own.targeted == 1:
        return "its only person cannot be reached"
    if own.unreachable == own.targeted:
        return f"none of its {own.targeted:,} people can be reached"
    return f"{own.unreachable:,} of {own.targeted:,} people cannot be reached"


def _spoken(moment: datetime) -> str:
    local = timezone.localtime(moment)
    return f"{formats.date_format(local, 'H:i')} {local.tzname()} on {formats.date_format(local, 'j F')}"
