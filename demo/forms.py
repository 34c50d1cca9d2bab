"""Forms as a browser knows them: found in a page, filled in with sensible choices, ready to be sent."""

import random
import re
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
_HELP = (
    "Which service is approved for us?",
    "Does this hold for the app on my telephone as well?",
    "I can't install anything on this machine. Who can?",
    "Beth yw'r gwasanaeth cymeradwy?",
)
_DOUBTS = ("", "I did not expect this mail", "It asks me to follow a link, and we are told never to")
# Of whoever answers for somebody, or for a mailbox that several people read.
_NAMES = ("Sam Clerk", "Jo Diary", "Robin Desk", "Alex Casework", "Nia Swyddfa")
# How many of those who answer for several bodies answer for each of them, though one press does for all.
_EACH = 0.1
# The page's own script would fill it once it saw a hand on the mouse or the keys.
HAND = ("hand", "hidden")


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


def doubt(page: str) -> Form | None:
    """The form of a page on which somebody says that it looks like phishing."""
    finder = _Finder()
    finder.feed(page)
    return next((form for form in finder.forms if ("press", "hidden", "phishing") in form.fields), None)


def doors(page: str) -> list[str]:
    """Who else may answer, as the page offers it: the ids of delegates, and "office"."""
    return re.findall(r'href="[^"?]*\?as=([0-9]+|office)"', page)


def fill(form: Form, chance: random.Random, today: date) -> list[tuple[str, str]]:
    """The pairs to send: a choice in each group, what the choice asks further, and the rest as the page had it."""
    each = chance.random() < _EACH
    asked = {name: values for name, values in form.radios.items() if each or not _one_of_all(name, form)}
    chosen = {name: _choose(values, chance) for name, values in asked.items()}
    pairs, pressed = list(chosen.items()), False
    for name, kind, value in form.fields:
        if kind in {"reset", "button", "image", "file"} or (kind == "submit" and pressed):
            continue
        pressed = pressed or kind == "submit"
        if (name, kind) == HAND:
            pairs.append((name, "seen"))
        elif kind in {"hidden", "submit"}:
            pairs.append((name, value))
        else:
            pairs.append((name, _follow_up(name, value, chosen, chance, today)))
    return pairs


def _one_of_all(name: str, form: Form) -> bool:
    """Whether it asks of one body what another group asks of all at once."""
    return f"{name.rpartition('-')[0]}-all" in form.radios and not name.endswith("-all")


def _choose(values: list[str], chance: random.Random) -> str:
    return chance.choices(values, [_WEIGHTS.get(value, 10 / place) for place, value in enumerate(values, 1)])[0]


def _follow_up(name: str, value: str, chosen: dict[str, str], chance: random.Random, today: date) -> str:
    if name == "name":
        return chance.choice(_NAMES)
    if name == "text":
        said = chosen.get("read")
        return chance.choice(_HELP) if said == "help" else value if said else chance.choice(_DOUBTS)
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
