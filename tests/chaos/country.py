"""The country of a chaos run: its bodies and people, as files. Who must be told is reckoned from here, never from tables."""

import csv
import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

ROOT = "chaos"
OFFICER = "officer@chaos.example"
PER_DEPARTMENT = 50
HOLDING = 5  # bodies that hold a warning
REFUSED = 40  # people whose mail server takes nothing


@dataclass
class Country:
    """`people` is who sits where: an address, and bodies; `above` is each body's parent."""

    above: dict[str, str] = field(default_factory=dict)
    people: dict[str, set[str]] = field(default_factory=dict)
    holding: list[str] = field(default_factory=list)

    @classmethod
    def made(cls, seed: int, people: int, bodies: int) -> "Country":
        """So many people over so many bodies, three levels deep; a tenth sits in a second body."""
        dice, country = random.Random(seed), cls()
        country.above[ROOT] = ""
        for number in range(bodies - 1):
            department = f"{ROOT}-{number // PER_DEPARTMENT}"
            country.above.setdefault(department, ROOT)
            country.above.setdefault(f"{ROOT}-{number // PER_DEPARTMENT}-{number % PER_DEPARTMENT}", department)
        country.people[OFFICER] = {ROOT}
        places = [body for body in country.above if body != ROOT]
        for number in range(people - 1):
            name = f"refused-{number}" if number < REFUSED else f"person-{number}"
            seats = {places[number % len(places)]} | ({dice.choice(places)} if dice.random() < 0.1 else set())
            country.people[f"{name}@chaos.example"] = seats
        country.holding = dice.sample([body for body in places if body.count("-") == 2], HOLDING)
        return country

    def departments(self) -> list[str]:
        """The bodies right below the root."""
        return [body for body, parent in self.above.items() if parent == ROOT]

    def audience(self, branch: str) -> set[str]:
        """Everybody who sits in this branch."""
        below = {body for body in self.above if branch in self._line(body)}
        return {address for address, seats in self.people.items() if seats & below}

    def _line(self, body: str) -> list[str]:
        line = []
        while body:
            line.append(body)
            body = self.above[body]
        return line

    def join(self, dice: random.Random, name: str, many: int) -> list[str]:
        """Further people, in bodies by chance; their addresses."""
        places = [body for body in self.above if body != ROOT]
        new = [f"{name}-{number}@chaos.example" for number in range(many)]
        self.people |= {address: {dice.choice(places)} for address in new}
        return new

    def write_bodies(self, path: Path) -> None:
        """As `load_bodies` reads it."""
        rows = ([body, body.title(), "public body", parent, ""] for body, parent in self.above.items())
        _write(path, ["slug", "name", "kind", "parent", "topics"], rows)

    def write_people(self, path: Path, who: Iterable[str]) -> None:
        """As `load_people` reads it. In a body that holds, the first is its contact."""
        contacts = set(self.holding)
        rows = []
        for address in who:
            for body in sorted(self.people[address]):
                role = "officer" if address == OFFICER else "contact" if body in contacts else "member"
                contacts.discard(body)
                rows.append([address, address.partition("@")[0].title(), body, role])
        _write(path, ["email", "name", "body", "role"], rows)


def _write(path: Path, head: list[str], rows: Iterable[list[str]]) -> None:
    with path.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(head)
        table.writerows(rows)
