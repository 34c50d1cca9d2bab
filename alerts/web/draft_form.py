"""What the writing page holds, as its form's fields and as the draft's keys; neither is checked here."""

import re
from datetime import datetime, timedelta
from typing import Any

from django.http import QueryDict
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from alerts.models import Draft
from alerts.publishing.contract import LISTS, duration_of

TEXTS = (
    "title",
    "open_title",
    "severity",
    "marking",
    "summary",
    "guidance",
    "rule",
    "office",
    "supersedes",
    "what_changed",
    "earlier",
)
HOURS_A_DAY = 24
SPARE_ACTIONS = 2
UNITS = {"days": "P{}D", "hours": "PT{}H", "minutes": "PT{}M"}
MOST_ROWS = 60
CLOSE_OF_DAY = "17:00"


def typed(posted: QueryDict) -> dict[str, Any]:
    """The draft's keys as they were typed; only those whose fields the page had."""
    found: dict[str, Any] = {key: _clean(posted.get(key, "")) for key in TEXTS if key in posted}
    found |= {key: _lines(posted.get(key, "")) for key in LISTS if key in posted}
    if "topics" in posted:
        found["topics"] = [word for word in re.split(r"[\s,;]+", _clean(posted.get("topics", ""))) if word]
    if "acknowledge_n" in posted:
        was = _clean(posted.get("acknowledge_was", ""))
        pieces = (_clean(posted.get("acknowledge_n", "")), posted.get("acknowledge_unit", ""))
        found["acknowledge_within"] = was if was and pieces == _as_posted(was) else _duration(posted, "acknowledge")
    if "review_day" in posted:
        day, was = _clean(posted.get("review_day", "")), _clean(posted.get("review_was", ""))
        found["review_by"] = was if was and day == _day(was) else _moment(f"{day}T{CLOSE_OF_DAY}") if day else ""
    if "action-0-text" in posted:
        found["actions"] = _actions(posted)
    return found


def shown(draft: Draft) -> dict[str, Any]:
    """The fields' values as the draft has them."""
    content = draft.content
    values: dict[str, Any] = {key: _text(content.get(key)) for key in TEXTS}
    values |= {key: "\n".join(_texts(content.get(key))) for key in LISTS}
    values["topics"] = " ".join(_texts(content.get("topics")))
    values["acknowledge"] = _pieces(content.get("acknowledge_within"))
    values["review_day"], values["review_was"] = _day(content.get("review_by")), _text(content.get("review_by"))
    given = content.get("actions")
    actions = [one for one in given if isinstance(one, dict)] if isinstance(given, list) else []
    rows = [*actions, *({} for _ in range(SPARE_ACTIONS))][:MOST_ROWS]
    values["actions"] = [
        {
            "number": number,
            "text": _text(row.get("text")),
            "of": row.get("of", "person"),
            "key": _text(row.get("key")),
            "due": _pieces(row.get("due")),
            "at": _local(row.get("due")),
            "was": _text(row.get("due")),
        }
        for number, row in enumerate(rows)
    ]
    return values


def in_words(value: object) -> str:
    """A key's value as somebody would read it: lists a line each, actions with their times."""
    if isinstance(value, list):
        return "\n".join(in_words(one) for one in value)
    if isinstance(value, dict):
        return f"{_text(value.get('text'))} ({_text(value.get('due')) or 'no time'}, each {_text(value.get('of'))})"
    return _text(value)


def _actions(posted: QueryDict) -> list[dict[str, str]]:
    """Rows with words, each under a key of its own that survives revisions."""
    rows: list[dict[str, str]] = []
    for number in range(MOST_ROWS):
        text = _clean(posted.get(f"action-{number}-text", ""))
        if not text:
            continue
        due = _due(posted, f"action-{number}")
        key = _clean(posted.get(f"action-{number}-key", ""))[:40]
        rows.append({"key": key, "text": text, "of": posted.get(f"action-{number}-of", "person"), "due": due})
    taken = {row["key"] for row in rows if row["key"]}
    for row in rows:
        if not row["key"]:
            row["key"] = next(name for n in range(1, MOST_ROWS * 2) if (name := f"action-{n}") not in taken)
            taken.add(row["key"])
    return rows


def _due(posted: QueryDict, row: str) -> str:
    """When, as it was typed; what nobody touched stays to the letter, seconds and all."""
    at, was = _clean(posted.get(f"{row}-at", "")), _clean(posted.get(f"{row}-was", ""))
    pieces = (_clean(posted.get(f"{row}-due_n", "")), posted.get(f"{row}-due_unit", ""))
    if was and at == _local(was) and (at or pieces == _as_posted(was)):
        return was
    return _moment(at) if at else _duration(posted, f"{row}-due")


def _as_posted(value: str) -> tuple[str, str]:
    pieces = _pieces(value)
    return pieces["n"], pieces["unit"]


def _duration(posted: QueryDict, name: str) -> str:
    number = _clean(posted.get(f"{name}_n", ""))
    if not number:
        return ""
    return UNITS.get(posted.get(f"{name}_unit", ""), UNITS["days"]).format(number)


def _pieces(value: object) -> dict[str, str]:
    """A duration as a number and its unit, and as it stands in the draft; of what is none, what was typed."""
    was, length = _text(value), duration_of(value)
    if length is None:
        typed_so = re.fullmatch(r"P(.*)(D)|PT(.*)([HM])", was)
        number, letter = [part for part in typed_so.groups() if part is not None] if typed_so else ("", "D")
        unit = {"D": "days", "H": "hours", "M": "minutes"}[letter]
    elif length % timedelta(days=1) == timedelta(0):
        number, unit = str(length.days), "days"
    elif length % timedelta(minutes=30) and not length % timedelta(minutes=1):
        number, unit = str(length // timedelta(minutes=1)), "minutes"
    else:
        number, unit = f"{length / timedelta(hours=1):g}", "hours"
    return {"n": number, "unit": unit, "was": was}


def _moment(local: str) -> str:
    """A moment of this site's time zone, with its zone; what can't be read stays as it was typed."""
    try:
        at = parse_datetime(local)
    except ValueError:
        return local
    return timezone.make_aware(at).isoformat() if at is not None and timezone.is_naive(at) else local


def _at(value: object) -> datetime | None:
    try:
        at = parse_datetime(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return at if at is not None and timezone.is_aware(at) else None


def _day(value: object) -> str:
    at = _at(value)
    return timezone.localtime(at).strftime("%Y-%m-%d") if at else ""


def _local(value: object) -> str:
    at = _at(value)
    return timezone.localtime(at).strftime("%Y-%m-%dT%H:%M") if at else ""


def _lines(text: str) -> list[str]:
    return [line.strip() for line in _clean(text).splitlines() if line.strip()]


def _texts(value: object) -> list[str]:
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _clean(text: str) -> str:
    """PostgreSQL's JSON keeps neither NUL nor half a character; browsers end lines with CRLF."""
    return text.replace("\0", "").replace("\r\n", "\n").encode("utf-8", "replace").decode().strip()
