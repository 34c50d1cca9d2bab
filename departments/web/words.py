"""A body's history in words."""

from departments.models import BodyEvent


def told(event: BodyEvent) -> str:
    """What happened, as a sentence without its subject."""
    before, after = event.before, event.after
    top = "the top"
    match event.what:
        case "created":
            return f"came into the directory as {after.get('name')}, under {after.get('parent') or top}"
        case "moved":
            return f"moved from {before.get('parent') or top} to {after.get('parent') or top}"
        case "renamed":
            return f"renamed from {before.get('name')} to {after.get('name')}"
        case "became":
            return f"became {after.get('kind')}; was {before.get('kind')}"
        case "sponsored":
            return f"sponsored by {after.get('sponsor')} as well"
        case "no longer sponsored":
            return f"no longer sponsored by {before.get('sponsor')}"
        case other:
            return other
