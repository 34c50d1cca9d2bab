"""The people behind the demo's doors. All of them are made up."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Player:
    """Somebody whom a visitor may become; `places` are (body, role), `may` is one sentence for the door."""

    email: str
    name: str
    may: str
    places: tuple[tuple[str, str], ...]


OFFICER = Player(
    "morag.sinclair-okafor@ncsc.example",
    "Morag Sinclair-Okafor",
    "Writes advisories for the National Cyber Security Centre and watches where they have got to.",
    (("national-cyber-security-centre", "officer"),),
)
APPROVER = Player(
    "tomasz.wisniewski-hale@ncsc.example",
    "Tomasz Wiśniewski-Hale",
    "Reads what another officer wrote and approves it: nobody publishes alone without a reason.",
    (("national-cyber-security-centre", "officer"),),
)
CLERK = Player(
    "bethan.llewelyn-price@parliament.example",
    "Bethan Llewelyn-Price",
    "Sees on a phone who of the Foreign Affairs Committee has answered, and rings those who have not.",
    (("foreign-affairs-committee", "contact"), ("select-committee-team", "member")),
)
MP = Player(
    "rhian.prosser.mp@parliament.example",
    "Rhian Prosser MP",
    "Sits on four committees, gets one mail for all of them, and has an office that may answer for her.",
    (
        ("house-of-commons", "member"),
        ("foreign-affairs-committee", "member"),
        ("international-development-committee", "member"),
        ("joint-committee-on-the-national-security-strategy", "member"),
        ("uk-delegation-to-the-nato-parliamentary-assembly", "member"),
    ),
)
MP_OFFICE = Player(
    "office.rhian.prosser@parliament.example",
    "Office of Rhian Prosser MP",
    "Opens her mail and may answer for her.",
    (("members-offices", "member"),),
)
ADMINISTRATOR = Player(
    "harpreet.dhaliwal-moss@cabinet-office.example",
    "Harpreet Dhaliwal-Moss",
    "Keeps the directory of bodies and people, and cannot publish.",
    (("government-security-group", "member"),),
)
OPERATOR = Player(
    "declan.o-briain@dsit.example",
    "Declan Ó Briain",
    "Looks after the system itself: its queues, its mail routes and what went wrong.",
    (("government-technology-and-collaboration-team", "member"),),
)
AUDITOR = Player(
    "priscilla.wren-foster@nao.example",
    "Priscilla Wren-Foster",
    "Reads everything, changes nothing.",
    (("national-audit-office", "member"),),
)
HOLDER = Player(
    "gwilym.tudor-pryce@ukri.example",
    "Gwilym Tudor-Pryce",
    "May hold a warning on its way to the research councils, add a note, and release it.",
    (("uk-research-and-innovation", "contact"),),
)

CAST = (OFFICER, APPROVER, CLERK, MP, MP_OFFICE, ADMINISTRATOR, OPERATOR, AUDITOR, HOLDER)
