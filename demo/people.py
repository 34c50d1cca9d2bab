"""The demo's made-up people: the same on every start, at `.example` addresses only.

`rows()` is what `load_people` reads. What a CSV cannot say of them (leavers, shared mailboxes ...) is in
`demo.particulars`, out of the same register.
"""

from collections.abc import Iterator
from functools import cache

from demo import parliament, staffing
from demo.bodies import Body, tree
from demo.cast import CAST
from demo.domains import domain_of
from demo.names import plain
from demo.register import Register

SEED = 20200424

# Sits in nine bodies and gets one mail.
BUSIEST = "Winifred Postlethwaite-Achebe"
BUSIEST_SITS_IN = (
    "social-mobility-commission",
    "advisory-council-on-the-misuse-of-drugs",
    "armed-forces-pay-review-body",
    "boundary-commission-for-england",
    "british-museum",
    "civil-justice-council",
    "migration-advisory-committee",
    "royal-mint",
    "uk-national-screening-committee",
)

# Their members are elected or appointed, and never come by way of a team.
_HOUSES = {parliament.COMMONS, parliament.LORDS}


def rows() -> Iterator[tuple[str, str, str, str]]:
    """(email, name, body slug, role), each place once; somebody in several bodies stands in several rows."""
    made = register()
    for email, places in made.places.items():
        for body, role in places.items():
            yield email, made.names[email], body, role


@cache
def register() -> Register:
    """Everybody, made once a process."""
    made = Register.seeded(SEED)
    for player in CAST:
        email = made.person(player.name, *player.email.split("@"))
        for place, role in player.places:
            made.seat(email, place, role)
    parliament.elect(made)
    for body in tree().values():
        if body.slug not in staffing.DARK and not parliament.sits(body):
            _staff(made, body)
    _wanted_everywhere(made)
    _wear(made)
    return made


def _staff(made: Register, body: Body) -> None:
    if body.slug in staffing.MAILBOX_ONLY:
        made.seat(made.mailbox("secretariat", f"{body.name}: secretariat", body), body.slug, "contact")
        return
    _contact(made, body)
    if body.slug in staffing.CONTACTS_ONLY | staffing.GONE:
        return
    if body.kind in staffing.HEADED:
        made.seat(made.newcomer(body), body.slug, "head")
    if body.kind in staffing.DEPUTISED:
        made.seat(made.newcomer(body), body.slug, "deputy")
    if body.kind in staffing.OFFICERED:
        made.seat(made.newcomer(body), body.slug, "officer")
    fewest, most = staffing.LARGE.get(body.slug) or staffing.SIZES.get(body.kind, staffing.SMALL)
    for _ in range(made.rng.randint(fewest, most)):
        made.seat(_member(made, body), body.slug)


def _contact(made: Register, body: Body) -> None:
    if "contact" not in made.roles(body.slug):
        made.seat(made.newcomer(body), body.slug, "contact")
    if body.kind in staffing.OFFICERED or (body.kind in staffing.HEADED and made.rng.random() < 0.2):
        made.seat(made.mailbox("security", f"{body.name}: security desk", body), body.slug, "contact")


def _member(made: Register, body: Body) -> str:
    colleagues = [email for email in made.staff.get(body.parent, []) if email not in made.shared]
    if body.kind in staffing.SHARES_ITS_PARENTS_PEOPLE and colleagues and made.rng.random() < 0.5:
        return made.rng.choice(colleagues)
    newcomer = made.newcomer(body)
    if body.kind == "team" and body.parent and made.rng.random() < 0.35 and body.parent not in _HOUSES:
        made.seat(newcomer, body.parent)
    return newcomer


def _wanted_everywhere(made: Register) -> None:
    """Public life knows the same few people: on boards and advisory bodies of several departments."""
    boards = [
        body.slug
        for body in tree().values()
        if body.kind in {"advisory body", "board", "public body"}
        and body.slug not in staffing.DARK | staffing.CONTACTS_ONLY | staffing.MAILBOX_ONLY | staffing.GONE
    ]
    busiest = made.person(BUSIEST, plain(BUSIEST), domain_of(BUSIEST_SITS_IN[0]))
    for body in BUSIEST_SITS_IN:
        made.seat(busiest, body)
    for body in boards:
        if made.rng.random() < 0.5:
            already = made.rng.choice(made.staff[made.rng.choice(boards)])
            if already not in made.shared:
                made.seat(already, body)


def _wear(made: Register) -> None:
    """What happens to every directory: people leave, addresses stop working, and nobody writes it down."""
    spared = {player.email for player in CAST} | made.shared
    ordinary = [email for email in made.names if email not in spared]
    gone = {email for body in staffing.GONE for email in made.staff[body]}
    made.leavers |= gone | set(made.rng.sample(ordinary, 55))
    staying = [email for email in ordinary if email not in made.leavers]
    made.bouncing |= set(made.rng.sample(staying, 50))
    made.bouncing |= {email for email in made.names if email.endswith(f"@{staffing.MOVED_DOMAIN}")}
