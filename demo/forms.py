"""Forms as a browser knows them: found in a page, filled in with sensible choices, ready to be sent."""

import random
from dataclasses import dataclass, field
from datetime import date, timedelta
from html.parser import HTMLParser

# How often each choice is made where there is one of that name; anything else is chosen as the page orders it.
_WEIGHTS = {"done": 46, "will": 30, "by": 9, "na": 6, "later": 9, "yes": 94, "help": 6}
_REASONS = (
    "We have never used it",
    "Our meetings are all in person",
    "We use another service already",
    "Nid ydym yn ei ddefnyddio",
    "The committee isn't meeting this month; I'll look again when it does",
)


@dataclass
class Form:
    """One form: where it goes, what it holds, and its radio groups with their values in the page's order."""

    action: str = ""
    method: str = "get"
    fields: list[tuple[str, str, str]] = field(default_factory=list)
    """(name, type, value) of everything that a browser would send or a person fill in, radio buttons excepted."""
    radios: dict[str, list[str]] = field(default_factory=dict)


class _Finder(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self._form: Form | None = None
        self._select: str | None = None
        self._area: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        a = {name: value or "" for name, value in attrs}
        has = {name for name, _ in attrs}
        if tag == "form":
            self._form = Form(a.get("action", ""), a.get("method", "get").lower())
            self.forms.append(self._form)
        elif self._form is None or "disabled" in has:
            return
        elif tag == "input" and a.get("name"):
            self._input(self._form, a, has)
        elif tag == "button" and a.get("name") and a.get("type", "submit") == "submit":
            self._form.fields.append((a["name"], "submit", a.get("value", "")))
        elif tag == "textarea":
            self._area = a.get("name")
            if self._area:
                self._form.fields.append((self._area, "text", ""))
        elif tag == "select":
            self._select = a.get("name")
        elif tag == "option" and self._select:
            self._option(self._form, self._select, a.get("value", ""), "selected" in has)

    @staticmethod
    def _input(form: Form, a: dict[str, str], has: set[str]) -> None:
        kind = a.get("type", "text").lower()
        if kind == "radio":
            form.radios.setdefault(a["name"], []).append(a.get("value", "on"))
        elif kind != "checkbox" or "checked" in has:
            form.fields.append((a["name"], kind, a.get("value", "on" if kind == "checkbox" else "")))

    @staticmethod
    def _option(form: Form, name: str, value: str, selected: bool) -> None:
        there = next((at for at, known in enumerate(form.fields) if known[:2] == (name, "select")), None)
        if there is None:
            form.fields.append((name, "select", value))
        elif selected:
            form.fields[there] = (name, "select", value)

    def handle_data(self, data: str) -> None:
        if self._form is not None and self._area:
            name, kind, before = self._form.fields[-1]
            self._form.fields[-1] = (name, kind, before + data)

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._form = None
        elif tag == "textarea":
            self._area = None
        elif tag == "select":
            self._select = None


def question(page: str) -> Form | None:
    """The form of a page that asks something: posted, with radio buttons; the one that asks `read` before any other."""
    finder = _Finder()
    finder.feed(page)
    asking = [form for form in finder.forms if form.method == "post" and form.radios]
    return next((form for form in asking if "read" in form.radios), asking[0] if asking else None)


def fill(form: Form, chance: random.Random, today: date) -> list[tuple[str, str]]:
    """The pairs to send: a choice in each group, what the choice asks further, and the rest as the page had it."""
    chosen = {name: _choose(values, chance) for name, values in form.radios.items()}
    pairs, pressed = list(chosen.items()), False
    for name, kind, value in form.fields:
        if kind in {"reset", "button", "image", "file"} or (kind == "submit" and pressed):
            continue
        pressed = pressed or kind == "submit"
        pairs.append((name, value if kind in {"hidden", "submit"} else _follow_up(name, value, chosen, chance, today)))
    return pairs


def _choose(values: list[str], chance: random.Random) -> str:
    return chance.choices(values, [_WEIGHTS.get(value, 10 / place) for place, value in enumerate(values, 1)])[0]


def _follow_up(name: str, value: str, chosen: dict[str, str], chance: random.Random, today: date) -> str:
    group = max((asked for asked in chosen if name.startswith(f"{asked}-")), key=len, default=None)
    if group is None:
        return value
    about = name[len(group) + 1 :]
    soon = today + timedelta(days=chance.randint(3, 20))
    if chosen[group] == "by":
        parts = {"date": soon.isoformat(), "day": str(soon.day), "month": str(soon.month), "year": str(soon.year)}
        return parts.get(about.rpartition("-")[2], value)
    if chosen[group] == "na" and about == "why":
        return chance.choice(_REASONS)
    return value
