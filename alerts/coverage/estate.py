"""The whole estate: how many advisories stand at one moment, and which bodies are dark in more than one. Writes nothing.

One statement, whatever the number of advisories; each figure is the same that the advisory's own page shows.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils import timezone

from alerts.coverage.estate_sql import COUNTED, ESTATE, PULSE
from alerts.coverage.figures import Bodies, Figures
from alerts.coverage.held import people_held
from alerts.models import Advisory, State
from alerts.statements import run

NAMED = 100
"""Bodies dark in more than one advisory that are named."""


@dataclass(frozen=True, slots=True)
class Standing:
    """One advisory, or of one that its viewer sees a part of, that part."""

    figures: Figures
    """Those that a state and the bar are made of; the others are 0."""
    bodies: Bodies
    """What was left out on purpose is not counted here."""
    waits: int
    """People who wait behind a held body."""
    next_until: datetime | None
    """When the first of the held bodies goes on by itself."""
    everything: bool
    """Whether its viewer sees all of it: each person counts once."""


@dataclass(frozen=True, slots=True)
class Often:
    """A body that is dark in more than one advisory."""

    body: str
    """The slug."""
    name: str
    advisories: tuple[int, ...]
    """Their ids, the latest first."""


@dataclass(frozen=True, slots=True)
class Estate:
    """How many advisories stand, of one moment."""

    as_at: datetime
    standings: Mapping[int, Standing]
    """By an advisory's id."""
    often: list[Often]
    """The first of them, dark in most advisories first."""
    often_all: int
    """How many there are."""


_NOWHERE = Standing(Figures(), Bodies(), 0, None, everything=True)


def estate(advisories: Iterable[Advisory], whole: Collection[int], bodies: Collection[int] = ()) -> Estate:
    """How these advisories stand. `whole`: the ids of those of which all is seen; of the others, only these `bodies`.

    Whoever is dark in a drill, or in what has expired, is not counted among those that are dark more than once.
    """
    asked = list(advisories)
    if not asked:
        return Estate(timezone.now(), {}, [], 0)
    values = {
        "ids": [advisory.pk for advisory in asked],
        "whole": sorted(whole),
        "bodies": sorted(bodies),
        "together": [advisory.pk for advisory in asked if advisory.state == State.LIVE and not advisory.exercise],
        "named": NAMED,
    }
    said = json.loads(run(ESTATE, **values)[0][0])
    held = people_held({row["id"]: row["waits"] or 0 for row in said["advisories"] if row["id"] in whole})
    for row in said["advisories"]:
        row["waits"] = held.get(row["id"], row["waits"])
    return Estate(
        as_at=datetime.fromisoformat(said["at"]),
        standings={row["id"]: _standing(row, row["id"] in whole) for row in said["advisories"]},
        often=[Often(row["slug"], row["name"], tuple(row["ids"])) for row in said["often"]],
        often_all=said["number"],
    )


def standing_of(found: Estate, advisory: Advisory) -> Standing:
    """How this one stands; before it has any relay, that nobody is to be told."""
    return found.standings.get(advisory.pk, _NOWHERE)


def pulse(ids: Collection[int]) -> str:
    """Changes whenever a figure or a state of these advisories does; cheap enough to be asked every few seconds."""
    return str(run(PULSE, ids=sorted(ids))[0][0] or "") if ids else "none"


def _standing(row: Mapping[str, Any], everything: bool) -> Standing:
    counted = {name: row[name] or 0 for name in ("targets", "covered", "dark", "held", "waits")}
    until = row["next_until"]
    return Standing(
        figures=Figures(**{name: row[name] for name in COUNTED}),
        bodies=Bodies(*(counted[name] for name in ("targets", "covered", "dark", "held"))),
        waits=counted["waits"],
        next_until=datetime.fromisoformat(until) if until else None,
        everything=everything,
    )
