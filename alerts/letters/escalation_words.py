"""What the chase says to whoever answers for bodies: who of them is silent, why, and what can be done."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from urllib.parse import urlencode

from django.conf import settings

from alerts.letters.chased_parts import Chased, Read, count, moment, promised_for
from alerts.letters.deliver_escalations_sql import MOST_NAMES
from alerts.letters.letter_blocks import Entry, Line
from alerts.letters.letter_words import short
from alerts.spelling import one_line
from departments.models import Role

LONGEST_WHY = 120  # characters of what a mail server said

_DUTY: dict[str, str] = {
    Role.CONTACT: "a contact of",
    Role.DEPUTY: "a deputy of the contact of",
    Role.HEAD: "the head of",
    Role.OFFICER: "an officer of",
}


def escalation(read: Read, now: datetime) -> Chased:
    """From the bodies that were looked at (`rows`), and how many more there were, for each thing that they are (`rest`)."""
    rows, rest = read["rows"] or [], read["rest"] or []
    if not rows and not rest:
        return Chased()
    own = [row for row in rows if row["own"]]
    own_rest = [one for one in rest if one["own"]]
    below: defaultdict[tuple[int, str], tuple[list[Read], list[Read]]] = defaultdict(lambda: ([], []))
    for n, found in enumerate((rows, rest)):
        for one in found:
            if not one["own"]:
                below[one["at"], one["role"]][n].append(one)
    entries, left = [], MOST_NAMES
    for row in own:
        entries.append(_own(row, now, left))
        left = max(left - len(row["names"] or ()), 0)
    if own_rest:
        entries.append(_own_rest(own_rest, also=bool(own)))
    entries += [_below(looked_at, others) for looked_at, others in below.values()]
    why = [_why_own(row) for row in own] or [_why_own_rest(one) for one in own_rest]
    why += [_why_below([*looked_at, *others][0]) for looked_at, others in below.values()]
    return Chased(_silent(rows, rest), "", "\n".join(dict.fromkeys(why)), "", tuple(entries), _next([*rows, *rest]))


def _silent(rows: Sequence[Read], rest: Sequence[Read]) -> str:
    """ "12 people have not answered", "3 bodies have not answered", or both; for the subject, so without a name.

    Of very many it is said when that was so.
    """
    people = sum(row["silent"] for row in rows if row["own"] and row["silent"])
    bodies = sum(1 for row in rows if not row["own"] or not row["silent"]) + sum(one["bodies"] for one in rest)
    who = " and ".join(
        said
        for number, said in ((people, count(people, "person", "people")), (bodies, count(bodies, "body", "bodies")))
        if number
    )
    has = "had" if rest else "has" if people + bodies == 1 else "have"
    return f"{who} {has} not {_not_yet([*rows, *rest])}{_since(rest)}"


def _not_yet(rows: Sequence[Read]) -> str:
    return "done what was asked" if all(row["kind"] == "act" for row in rows) else "answered"


def _since(rest: Sequence[Read]) -> str:
    """When it was written down of bodies that were not looked at again."""
    return f" on {short(min(datetime.fromisoformat(one['since']) for one in rest))}" if rest else ""


def _others(rest: Sequence[Read], one: str, many: str) -> str:
    """Bodies that were not looked at again, as they were: a sentence, which may follow "And"."""
    bodies, people, dark = (sum(found[what] for found in rest) for what in ("bodies", "silent", "dark"))
    which = f", in which {count(people, 'person', 'people')}" if people else ""
    said = f"{count(bodies, one, many)}{which} had not {_not_yet(rest)}{_since(rest)}"
    return f"{said}; {dark:,} of these bodies {'was' if dark == 1 else 'were'} dark." if dark else f"{said}."


def _own_rest(rest: Sequence[Read], *, also: bool) -> Entry:
    """Of somebody's very many own bodies those that were not looked at again; `also`: beside some that were."""
    page = f"{settings.SITE_URL}/advisories/{rest[0]['reference']}/coverage/"
    return Entry(
        heading="More of your bodies" if also else "Your bodies",
        said=(f"And {_others(rest, 'more body', 'more bodies')}" if also else _others(rest, "body", "bodies"),),
        links=(Line("See them body by body, with what can be done", page),),
    )


def _own(row: Read, now: datetime, left: int) -> Entry:
    """The silent people of a body for which its own contact, deputy or head is told."""
    names = row["names"] or []
    shown = names[:left]
    said = [_owed(row, now)]
    if row["dark"]:
        said.append("It has nobody who can be told. Name somebody there, and they get it within two minutes.")
    elif row["silent"]:
        said.append(
            "What you can do: ring them, have them reminded, correct an address, or put down what they tell you by telephone."
        )
    more = row["silent"] - len(shown)
    if row["open"] and more > 0 and names:
        said.append(f"{'The first of them' if shown else 'They'} stand here; and {more:,} more on the page.")
    return Entry(
        heading=one_line(row["body"]) if row["body"] else "Your body",
        said=tuple(said),
        listed=tuple(_person(one) for one in shown),
        links=tuple(_remedies(row)),
    )


def _owed(row: Read, now: datetime) -> str:
    by = datetime.fromisoformat(row["by"])
    was = "was asked for by" if by < now else "is asked for by"
    if row["kind"] != "act":
        if not row["silent"]:
            return f"Nobody there could be told{_by_mail(row)}. An answer {was} {short(by)}."
        return f"{count(row['silent'], 'person has', 'people have')} not answered. An answer {was} {short(by)}."
    texts = [f"“{one_line(one['text'])}”" if one["text"] else f"action {one['place']}" for one in row["actions"] or ()]
    what = ", ".join(texts) or "what was asked"
    who = (
        f"{count(row['silent'], 'person', 'people')} {'has' if row['silent'] == 1 else 'have'} not said that it is done"
        if row["silent"]
        else "it was not said for the body that it is done"
    )
    if row["promised"]:
        return f"What was promised for {promised_for(row['promised'])}: {who}."
    return f"{what[0].upper()}{what[1:]}: {who}. It {was} {short(by)}."


def _by_mail(row: Read) -> str:
    """Of a body with nobody to tell: that somebody was told of it by telephone all the same."""
    rung = row["rung"]
    if not rung:
        return ""
    at = short(datetime.fromisoformat(rung["at"]))
    return f" by mail; {one_line(rung['name']) if rung['name'] else 'somebody'} was told by telephone on {at}"


def _person(one: Read) -> Line:
    number = f" Telephone {one_line(one['telephone'])}." if one["telephone"] else ""
    return Line(f"{one_line(one['name'])}{' (you)' if one['you'] else ''}", f"{_how(one)}.{number}")


def _how(one: Read) -> str:
    at = moment(one["at"])
    since = f" since {short(at)}" if at else ""
    why = one_line(one["why"] or "")
    said = f" ({why if len(why) <= LONGEST_WHY else why[:LONGEST_WHY] + '…'})" if why else ""
    match one["how"]:
        case "unreachable":
            return f"never reached, the address was refused{said}"
        case "bounced":
            return f"never reached, the mail came back{said}"
        case "suppressed":
            return f"never reached, the provider sends nothing there{said}"
        case "untold":
            return "not told yet"
        case "suspect":
            return f"silent{since}; an answer came that looks like a machine\N{RIGHT SINGLE QUOTATION MARK}s"
        case "office":
            return f"told through their office{f', silent{since}' if since else ''}"
        case "former":
            return f"answered an earlier text, silent{since}"
        case "act":
            return "has not said that it is done"
    return f"silent{since}"


def _remedies(row: Read) -> Iterable[Line]:
    """The pages that put it right, behind the sign-in; from AMBER up their addresses name no body either."""
    page = f"{settings.SITE_URL}/advisories/{row['reference']}"
    where = {"in": row["slug"], "own": "1"} if row["slug"] else {}
    if row["dark"]:
        yield Line(
            "Name somebody who can be told", f"{page}/coverage/bodies/?{urlencode({'is': 'dark'} | _in(row['slug']))}"
        )
        return
    if row["kind"] == "answer":
        for number, figure, label in (
            (row["told"], "silent", "Remind those who are silent"),
            (row["unsure"], "unsure", "Remind those of whom there is no word"),
            (row["unreachable"], "unreachable", "Correct the addresses of those never reached"),
        ):
            if number:
                yield Line(label, f"{page}/coverage/people/?{urlencode({'is': figure} | where)}")
    yield Line("See them all, and put down an answer given by telephone", f"{page}/people/{row['relay']}/")


def _in(slug: str | None) -> dict[str, str]:
    return {"in": slug} if slug else {}


def _below(rows: Sequence[Read], rest: Sequence[Read]) -> Entry:
    """The bodies below one for which somebody answers, the dark ones first; and how many more there were."""
    first = [*rows, *rest][0]
    dark = sum(1 for row in rows if row["dark"])
    people = sum(row["silent"] for row in rows)
    said = []
    if rows:
        who = count(len(rows), "body has", "bodies have")
        in_all = f": {count(people, 'person', 'people')} in all" if people else ""
        said.append(f"{who} not {_not_yet(rows)}{in_all}.")
    if dark:
        said.append(f"{dark:,} of them {'is' if dark == 1 else 'are'} dark: nobody there can be told.")
    if rest:
        said.append(f"And {_others(rest, 'more body', 'more bodies')}" if rows else _others(rest, "body", "bodies"))
    shown = [row for row in rows if row["open"]][:MOST_NAMES]
    more = len(rows) - len(shown) + sum(one["bodies"] for one in rest)
    if shown and more:
        said.append(f"The first {len(shown)} stand here; and {more:,} more on the page.")
    page = f"{settings.SITE_URL}/advisories/{first['reference']}/coverage/"
    scope = {} if first["role"] == Role.OFFICER else _in(first["above_slug"])
    links = [Line("See them body by body, with what can be done", f"{page}?{urlencode(scope)}" if scope else page)]
    if dark or any(one["dark"] for one in rest):
        links.append(Line("Name somebody in those that are dark", f"{page}bodies/?{urlencode({'is': 'dark'} | scope)}"))
    return Entry(
        heading=_heading_below(first),
        said=tuple(said),
        listed=tuple(Line(one_line(row["body"]), _body(row)) for row in shown),
        links=tuple(links),
    )


def _heading_below(row: Read) -> str:
    if row["role"] == Role.OFFICER:
        return "Bodies that have not answered"
    return f"Bodies below {one_line(row['above'])}" if row["above"] else "Bodies below yours"


def _body(row: Read) -> str:
    if row["dark"]:
        return f"DARK: it has nobody who can be told{_by_mail(row)}."
    if row["kind"] == "act":
        return f"{count(row['silent'], 'person', 'people')} to act." if row["silent"] else "Its own action is not done."
    return f"{count(row['silent'], 'person has', 'people have')} not answered."


def _why_own(row: Read) -> str:
    """Why this person gets it, and whom the steps before told."""
    where = one_line(row["body"]) if row["body"] else "a body that was warned"
    said = f"You get this because you are {_DUTY[row['role']]} {where}."
    before = [_earlier(one) for one in row["before"] or ()]
    return f"{said} Before you we told {'; '.join(before)}." if before else said


def _why_own_rest(one: Read) -> str:
    return f"You get this because you are {_DUTY[one['role']]} bodies that were warned."


def _earlier(one: Read) -> str:
    name = f", {one_line(one['name'])}," if one["name"] else ""
    return f"its {one['role']}{name} on {short(datetime.fromisoformat(one['at']))}"


def _why_below(row: Read) -> str:
    if row["role"] == Role.OFFICER:
        return "You get this because you are an officer of its issuer, to whom all of them lead up."
    where = one_line(row["above"]) if row["above"] else "a body that was warned"
    return f"You get this because you are {_DUTY[row['role']]} {where}, to which these bodies answer."


def _next(rows: Sequence[Read]) -> str:
    """When whoever is next in line is told."""
    due = [datetime.fromisoformat(row["next"]) for row in rows if row["next"]]
    if due:
        return f"If nothing changes, whoever is next in line is told on {short(min(due))}."
    return "Nobody further up is told of it after you." if all(row["last"] for row in rows) else ""
