"""The pad on which the demo's people are written down while they are made up."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from demo.bodies import Body
from demo.domains import domain_of
from demo.names import AWKWARD, namer, plain


@dataclass
class Register:
    """Everybody made so far: names, and roles by body, by address. All chance comes from `rng` and `new_name`."""

    rng: random.Random
    new_name: Callable[[], str]
    names: dict[str, str] = field(default_factory=dict)
    places: dict[str, dict[str, str]] = field(default_factory=dict)
    staff: dict[str, list[str]] = field(default_factory=dict)
    shared: set[str] = field(default_factory=set)
    leavers: set[str] = field(default_factory=set)
    bouncing: set[str] = field(default_factory=set)
    delegates: list[tuple[str, str]] = field(default_factory=list)
    awkward: list[str] = field(default_factory=lambda: list(AWKWARD))

    @classmethod
    def seeded(cls, seed: int) -> "Register":
        """An empty one that always fills in the same way."""
        rng = random.Random(seed)
        return cls(rng, namer(rng))

    def person(self, name: str, local: str, domain: str) -> str:
        """A new person; their address, numbered where somebody has it already."""
        number, email = 1, f"{local}@{domain}"
        while email in self.names:
            number += 1
            email = f"{local}{number}@{domain}"
        self.names[email] = name
        self.places[email] = {}
        return email

    def newcomer(self, body: Body) -> str:
        """Somebody made up at a body's mail domain, now and then with a name that breaks other people's systems."""
        awkward = self.awkward and self.rng.random() < 0.01
        name = self.awkward.pop() if awkward else self.new_name()
        return self.person(name, plain(name), domain_of(body.slug))

    def mailbox(self, local: str, name: str, body: Body) -> str:
        """A shared mailbox at a body's mail domain."""
        email = self.person(name, local, domain_of(body.slug))
        self.shared.add(email)
        return email

    def seat(self, email: str, body: str, role: str = "member") -> None:
        """Puts somebody into a body; whoever sits there already keeps the role that they have."""
        if body not in self.places[email]:
            self.places[email][body] = role
            self.staff.setdefault(body, []).append(email)

    def roles(self, body: str) -> set[str]:
        """The roles that are taken in a body."""
        return {self.places[email][body] for email in self.staff.get(body, [])}
