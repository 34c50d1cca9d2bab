"""Members of both Houses, their offices, and who sits on which committee. All names are made up."""

from collections.abc import Iterator

from demo.bodies import Body, ancestry, tree
from demo.cast import MP, MP_OFFICE
from demo.names import plain
from demo.register import Register
from demo.staffing import DARK

COMMONS, LORDS = "house-of-commons", "house-of-lords"
MPS = 650
PEERS = 310
OFFICES = 70
DOMAIN = "parliament.example"

_SITTINGS = {"committee", "joint committee", "sub-committee", "delegation"}
_PLACES = [
    "Nether Stowey",
    "Upper Slaughter",
    "Great Snoring",
    "Wetwang",
    "Mousehole",
    "Ballachulish",
    "Llanrhaeadr",
    "Crossmaglen",
    "Appletreewick",
    "Kirkby Malzeard",
    "Much Hadham",
    "Portmahomack",
    "Ystradgynlais",
    "Magherafelt",
    "Thorpe-le-Soken",
    "Blubberhouses",
    "Zeal Monachorum",
]


def sits(body: Body) -> bool:
    """Whether this is a committee or delegation of Parliament, so that its members are MPs and peers."""
    return body.kind in _SITTINGS and "parliament" in ancestry(body.slug)


def elect(register: Register) -> None:
    """Fills both Houses, gives some MPs an office that opens their mail, and puts people on the committees."""
    _mps(register)
    _peers(register)
    _offices(register)
    # Half of each House sits on nothing; the same people are wanted everywhere.
    pools = {house: register.staff[house][: len(register.staff[house]) // 2] for house in (COMMONS, LORDS)}
    for body in tree().values():
        if sits(body) and body.slug not in DARK:
            _members(register, body, pools)
            _clerk(register, body)


def _mps(register: Register) -> None:
    while len(register.staff.get(COMMONS, [])) < MPS:  # the cast's MP is one of the 650
        name = register.new_name()
        register.seat(register.person(f"{name} MP", f"{plain(name)}.mp", DOMAIN), COMMONS)


def _peers(register: Register) -> None:
    rng = register.rng
    for _ in range(PEERS):
        given, _, family = register.new_name().partition(" ")
        place = f" of {rng.choice(_PLACES)}" if rng.random() < 0.6 else ""
        title = rng.choice(("Lord", "Baroness"))
        email = register.person(f"{title} {family}{place}", f"{plain(family)}{plain(given)[:1]}", DOMAIN)
        register.seat(email, LORDS)


def _offices(register: Register) -> None:
    register.shared.add(MP_OFFICE.email)
    register.delegates.append((MP.email, MP_OFFICE.email))
    others = [email for email in register.staff[COMMONS] if email != MP.email]
    for email in register.rng.sample(others, OFFICES):
        local = f"office.{email.partition('@')[0].removesuffix('.mp')}"
        office = register.mailbox(local, f"Office of {register.names[email]}", tree()["members-offices"])
        register.seat(office, "members-offices")
        register.delegates.append((email, office))


def _houses(body: Body) -> Iterator[str]:
    above = set(ancestry(body.slug))
    single = above & {COMMONS, LORDS}
    yield from sorted(single or {COMMONS, LORDS})


def _members(register: Register, body: Body, pools: dict[str, list[str]]) -> None:
    houses = list(_houses(body))
    seats = register.rng.randint(5, 7) if body.kind == "sub-committee" else register.rng.randint(10, 14)
    for house in houses:
        # A sub-committee is drawn from its committee's members, not from its clerks.
        pool = pools[house]
        if body.kind == "sub-committee":
            pool = [email for email in register.staff[body.parent] if house in register.places[email]]
        for email in register.rng.sample(pool, min(len(pool), seats // len(houses))):
            register.seat(email, body.slug, "member" if "head" in register.roles(body.slug) else "head")


def _clerk(register: Register, body: Body) -> None:
    if "contact" in register.roles(body.slug):
        return
    clerk = register.newcomer(body)
    register.seat(clerk, body.slug, "contact")
    if COMMONS in ancestry(body.slug):
        register.seat(clerk, "select-committee-team")
    if register.rng.random() < 0.3:
        register.seat(register.mailbox(f"{body.slug[:50]}", body.name, body), body.slug, "contact")
