"""How many people a body of the demo has, and which bodies are out of the ordinary."""

# (fewest, most) people, by kind; what is not named here is a small office.
SIZES: dict[str, tuple[int, int]] = {
    "ministerial department": (24, 40),
    "non-ministerial department": (11, 19),
    "executive agency": (8, 14),
    "public corporation": (6, 11),
    "health authority": (9, 14),
    "devolved government": (12, 20),
    "department": (8, 14),
    "public body": (5, 10),
    "intelligence agency": (10, 16),
    "centre": (9, 15),
    "police force": (9, 15),
    "council": (7, 12),
    "team": (4, 9),
    "advisory body": (3, 9),
    "government": (3, 3),
    "parliament": (3, 3),
    "house": (4, 4),
}
SMALL = (2, 5)
# The one whose every address bounces is worth seeing.
LARGE = {"westminster-foundation-for-democracy": (22, 26)}

# Kinds with an accountable head; kinds with a deputy as well; kinds with a security officer who may publish.
HEADED = set(SIZES) - {"team"} | {"office", "inspectorate", "regulator", "command", "college", "diplomatic post"}
DEPUTISED = {"ministerial department", "non-ministerial department", "executive agency", "health authority"}
OFFICERED = {"ministerial department", "devolved government"}

# A team's people mostly sit in the body above it as well.
SHARES_ITS_PARENTS_PEOPLE = {"team", "board", "diplomatic post", "directorate"}

# Nobody is written down for these: no warning can reach them, and no branch above them is ever complete.
DARK = frozenset(
    {
        "advisory-committee-on-conscientious-objectors",
        "committee-on-fuel-poverty",
        "great-britain-china-centre",
        "independent-adviser-on-ministerial-standards",
        "intelligence-and-security-committee-of-parliament",
        "joint-committee-on-consolidation-bills",
        "licensing-appeals-panel",
        "london-bridge-research-ethics-committee",
        "marshall-aid-commemoration-commission",
        "security-vetting-appeals-panel",
        "sub-committee-on-economic-security-arms-and-export-controls",
        "technical-advisory-board",
    }
)

# A liaison person is known, and nobody behind them.
CONTACTS_ONLY = frozenset(
    {
        "advisory-committee-on-business-appointments",
        "animals-in-science-committee",
        "committee-on-radioactive-waste-management",
        "commonwealth-scholarship-commission-in-the-uk",
        "defence-and-security-media-advisory-committee",
        "disabled-persons-transport-advisory-committee",
        "export-guarantees-advisory-council",
        "independent-commission-for-aid-impact",
        "low-pay-commission",
        "privy-council-office",
        "royal-mint-advisory-committee",
        "social-security-advisory-committee",
        "technology-advisory-panel",
        "uk-council-for-internet-safety",
    }
)

# One mailbox that several people read is all there is.
MAILBOX_ONLY = frozenset(
    {"british-pharmacopoeia", "house-of-lords-appointments-commission", "school-teachers-review-body"}
)

# The only person on the list has gone.
GONE = frozenset({"groceries-code-adjudicator", "office-of-the-registrar-of-consultant-lobbyists"})

# Its mail domain changed and nobody told the directory: everything sent there comes back.
MOVED_DOMAIN = "wfd.example"
