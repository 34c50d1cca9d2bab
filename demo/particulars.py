"""What the two CSV contracts cannot say of the demo's bodies and people, as plain data for whoever loads them."""

from demo.bodies import ancestry, tree
from demo.cast import ADMINISTRATOR, AUDITOR, OPERATOR
from demo.domains import DOMAINS
from demo.people import register

__all__ = [
    "ADMINISTRATORS",
    "AUDITORS",
    "CALENDARS",
    "DELEGATES",
    "DOMAINS",
    "HOLDS",
    "LEAVERS",
    "MAY_ISSUE",
    "SHARED",
    "SPONSORS",
    "TELEPHONES",
]

# (body, sponsor): whom a body answers to besides its parent.
SPONSORS: list[tuple[str, str]] = [
    ("animal-and-plant-health-agency", "the-scottish-government"),
    ("animal-and-plant-health-agency", "welsh-government"),
    ("awe-nuclear-security-technologies", "defence-nuclear-organisation"),
    ("centre-for-connected-and-autonomous-vehicles", "department-for-business-and-trade"),
    ("flood-forecasting-centre", "environment-agency"),
    ("national-cyber-force", "government-communications-headquarters"),
    ("national-cyber-force", "secret-intelligence-service"),
    ("national-infrastructure-and-service-transformation-authority", "cabinet-office"),
    ("office-for-life-sciences", "department-for-science-innovation-and-technology"),
    ("office-for-zero-emission-vehicles", "department-for-energy-security-and-net-zero"),
    ("public-sector-fraud-authority", "hm-treasury"),
    ("the-adjudicator-s-office", "home-office"),
    ("the-adjudicator-s-office", "valuation-office-agency"),
    ("uk-council-for-internet-safety", "department-for-science-innovation-and-technology"),
    ("uk-council-for-internet-safety", "home-office"),
    ("uk-national-screening-committee", "the-scottish-government"),
    ("uk-national-screening-committee", "welsh-government"),
]

# (body, hours): contacts here may hold a warning before it goes further down.
HOLDS: list[tuple[str, int]] = [("uk-research-and-innovation", 2), ("hm-prison-and-probation-service", 1)]

# Whose bank holidays a body keeps, with all below it; the others keep those of England and Wales.
CALENDARS: dict[str, list[str]] = {
    "scotland": [
        *("the-scottish-government", "scotland-office", "office-of-the-advocate-general-for-scotland"),
        *("network-rail-scotland", "ofcom-advisory-committee-for-scotland"),
    ],
    "northern-ireland": ["northern-ireland-executive", "northern-ireland-office"],
}

# Issuing authorities: may warn beyond their own branch.
MAY_ISSUE: list[str] = ["national-cyber-security-centre"]

ADMINISTRATORS: list[str] = [ADMINISTRATOR.email, OPERATOR.email]
AUDITORS: list[str] = [AUDITOR.email]

SHARED: list[str] = sorted(register().shared)
LEAVERS: list[str] = sorted(register().leavers)
# (person, delegate), both by address.
DELEGATES: list[tuple[str, str]] = list(register().delegates)

# Numbers that Ofcom keeps for drama: nobody is ever rung. (where, prefix, first, how many)
_RANGES = [
    ("wales", "029 2018 ", 0, 1000),
    ("scotland", "0131 496 ", 0, 1000),
    ("northern-ireland", "028 9649 ", 6000, 1000),
    ("", "020 7946 ", 0, 1000),
    ("", "01632 960", 0, 1000),
    ("", "07700 900", 0, 1000),
]


def _telephones() -> dict[str, str]:
    lines = {
        where: [
            f"{prefix}{number:0{3 if prefix.endswith('0') else 4}d}"
            for place, prefix, first, count in _RANGES
            if place == where
            for number in range(first, first + count)
        ]
        for where, *_ in _RANGES
    }
    given: dict[str, str] = {}

    def give(email: str, bodies: list[str]) -> None:
        topics = {topic for body in bodies for above in ancestry(body) for topic in tree()[above].topics}
        where = next((place for place in lines if place in topics), "")
        if lines[where]:
            given[email] = lines[where].pop(0)

    members = []
    for email, places in register().places.items():
        on_duty = [body for body, role in places.items() if role in {"contact", "deputy", "head", "officer"}]
        # One contact in ten never wrote down a number.
        if on_duty and sum(email.encode()) % 10:
            give(email, on_duty)
        elif not on_duty:
            members.append((email, list(places)))
    # Of the members fewer did, and those of Parliament first, whose clerks ring them.
    for email, bodies in sorted(members, key=lambda member: "@parliament." not in member[0]):
        if sum(email.encode()) % 5:
            give(email, bodies)
    return given


TELEPHONES: dict[str, str] = _telephones()
