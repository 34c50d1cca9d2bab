"""A body's history in words."""

from departments.models import BodyEvent, Calendar


def told(event: BodyEvent) -> str:
    """What happened, as a sentence without its subject."""
    before, after = event.before, event.after
    top = "the top"
    match event.what:
        case "created":
            return f"came into the directory as {after.get('name')}, under {after.get('parent') or top}"
        case "moved":
            why = f" ({after['why']})" if after.get("why") else ""
            return f"moved from {before.get('parent') or top} to {after.get('parent') or top}{why}"
        case "renamed":
            return f"renamed from {before.get('name')} to {after.get('name')}"
        case "became":
            return f"became {after.get('kind')}; was {before.get('kind')}"
        case "sponsored":
            return f"sponsored by {after.get('sponsor')} as well"
        case "no longer sponsored":
            return f"no longer sponsored by {before.get('sponsor')}"
        case "closed":
            return f"closed on {after.get('on')}: {after.get('why')}{_left(after)}"
        case "merged":
            return f"closed on {after.get('on')} and merged into {after.get('successor')}: {after.get('why')}{_left(after)}"
        case "took over":
            return f"took over from {after.get('from')}"
        case "reopened":
            return f"opened again after it was closed on {before.get('closed')}: {after.get('why')}"
        case _:
            return _particular(event)


def _particular(event: BodyEvent) -> str:
    before, after = event.before, event.after
    match event.what:
        case "mail domain":
            return f"mail domain {after.get('domain') or 'no longer noted'}; was {before.get('domain') or 'not noted'}"
        case "opened on":
            return f"noted as opened on {after.get('on') or 'an unknown day'}"
        case "bank holidays":
            above = f", with everything below {after['with']}" if after.get("with") else ""
            return f"keeps the bank holidays of {_calendar(after)}; those of {_calendar(before)} before{above}"
        case "bank holidays below":
            number = after.get("bodies", 0)
            bodies = f"{number:,} bod{'y' if number == 1 else 'ies'} below {'keeps' if number == 1 else 'keep'}"
            return f"{bodies} the bank holidays of {_calendar(after)} too"
        case "may issue":
            return "may warn beyond its own branch from now on"
        case "may issue no more":
            return "may no longer warn beyond its own branch"
        case "other names":
            return f"other names: {_list(after.get('names'))}"
        case "remit":
            return f"remit: {_list(after.get('topics'))}; was {_list(before.get('topics'))}"
        case "asked to hold":
            return f"asked to hold warnings for up to {after.get('hours')} h: {after.get('why')}"
        case "may hold":
            return f"may hold warnings for up to {after.get('hours')} h, as its parent body consents"
        case "may not hold":
            return f"may not hold warnings for {after.get('hours')} h: its parent body did not consent"
        case "holds for less":
            return f"holds warnings for up to {after.get('hours')} h only: {after.get('why')}"
        case "holds no more":
            return "passes warnings on at once from now on"
        case other:
            return other


def _left(after: dict[str, int]) -> str:
    """How much it handed on; a step of a time before this was counted says nothing of it."""
    said = []
    if places := after.get("places"):
        said.append(f"{places:,} place{'s' if places > 1 else ''} ended")
    if children := after.get("children"):
        said.append(f"{children:,} bod{'ies' if children > 1 else 'y'} below moved")
    return f" ({', '.join(said)})" if said else ""


def _calendar(said: dict[str, str]) -> str:
    kept = said.get("calendar", "")
    return str(Calendar(kept).label) if kept in Calendar else kept


def _list(entries: list[str] | None) -> str:
    return ", ".join(entries or []) or "none"
