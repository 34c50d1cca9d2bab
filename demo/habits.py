"""What a made-up person does with a mail: seeded by their address, so the same person does the same on every start."""

import random
from dataclasses import dataclass

from demo.cast import CAST
from demo.people import register

# The people behind the doors are the visitor's to play.
_PLAYED = frozenset(player.email for player in CAST)
_SHARED = frozenset(register().shared)


@dataclass(frozen=True)
class Habits:
    """`opens` and `reads` are in seconds: from the mail to opening it, from opening it to answering."""

    answers: bool
    opens: float
    reads: float
    scanned: bool
    doubts: bool = False
    """Takes it for phishing, and says so instead of answering."""
    through: float = 1.0
    """Below a half, somebody whom they named answers for them, if anybody; below a fiftieth, somebody of their office."""


def habits(address: str, subject: str) -> Habits:
    """What this person does with this mail: about three in four answer, most within ten minutes."""
    domain = random.Random(f"domain {address.partition('@')[2]}")
    # Before anybody sees a mail, some organisations' gateways open each link in it.
    scanned, slow = domain.random() < 0.06, domain.random() < 0.2
    chance = random.Random(f"{address} {subject}")
    keen = random.Random(address).random()
    answers = address not in _PLAYED and keen < (0.55 if address in _SHARED else 0.78)
    if keen < 0.02:
        opens = chance.uniform(2, 20)
    elif keen > 0.72:
        opens = chance.uniform(600, 2400)
    else:
        opens = chance.triangular(20, 600, 120)
    reads = chance.uniform(4, 8) if keen < 0.04 else chance.uniform(6, 45)
    doubts = address not in _PLAYED and not answers and keen > 0.985
    waits = opens * (2 if slow and keen >= 0.02 else 1)
    return Habits(answers, waits, reads, scanned, doubts, through=chance.random())
