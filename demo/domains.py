"""Whose mail lives where: one `.example` domain an organisation; its teams and committees use their parent's."""

from demo.bodies import ancestry, tree

# What a visitor would recognise; every other organisation is called after its slug.
_SHORT = {
    "attorney-generals-office": "ago",
    "bank-of-england": "boe",
    "biotechnology-biological-sciences-research-council": "bbsrc",
    "board-of-trustees-of-the-royal-botanic-gardens-kew": "kew",
    "centre-for-environment-fisheries-and-aquaculture-science": "cefas",
    "children-and-family-court-advisory-and-support-service": "cafcass",
    "committee-on-climate-change": "ccc",
    "committee-on-toxicity-of-chemicals-in-food-consumer-products-and-the-environment": "cot",
    "competition-and-markets-authority": "cma",
    "crown-prosecution-service": "cps",
    "defence-equipment-and-support": "des.mod",
    "defence-science-and-technology-laboratory": "dstl",
    "department-for-business-and-trade": "dbt",
    "department-for-culture-media-and-sport": "dcms",
    "department-for-education": "education",
    "department-for-energy-security-and-net-zero": "desnz",
    "department-for-environment-food-rural-affairs": "defra",
    "department-for-science-innovation-and-technology": "dsit",
    "department-for-transport": "dft",
    "department-for-work-pensions": "dwp",
    "department-of-health-and-social-care": "dhsc",
    "driver-and-vehicle-licensing-agency": "dvla",
    "driver-and-vehicle-standards-agency": "dvsa",
    "financial-conduct-authority": "fca",
    "foreign-commonwealth-development-office": "fcdo",
    "government-communications-headquarters": "gchq",
    "his-majestys-government": "hmg",
    "hm-courts-and-tribunals-service": "hmcts",
    "hm-prison-and-probation-service": "hmpps",
    "hm-revenue-customs": "hmrc",
    "hm-treasury": "treasury",
    "home-office": "homeoffice",
    "independent-monitoring-boards-of-prisons-immigration-removal-centres-and-short-term-holding-rooms": "imb",
    "information-commissioner-s-office": "ico",
    "medicines-and-healthcare-products-regulatory-agency": "mhra",
    "ministry-of-defence": "mod",
    "ministry-of-housing-communities-local-government": "communities",
    "ministry-of-justice": "justice",
    "national-audit-office": "nao",
    "national-crime-agency": "nca",
    "national-cyber-security-centre": "ncsc",
    "national-institute-for-clinical-excellence": "nice",
    "nhs-blood-and-transplant": "nhsbt.nhs",
    "nhs-business-services-authority": "nhsbsa.nhs",
    "nhs-counter-fraud-authority": "nhscfa.nhs",
    "nhs-england": "nhs",
    "nhs-resolution": "resolution.nhs",
    "nuclear-decommissioning-authority": "nda",
    "office-for-budget-responsibility": "obr",
    "office-for-national-statistics": "ons",
    "office-for-nuclear-regulation": "onr",
    "prime-ministers-office-10-downing-street": "no10",
    "science-and-technology-facilities-council": "stfc",
    "secret-intelligence-service": "sis",
    "single-financial-guidance-body": "maps",
    "the-electoral-commission": "electoralcommission",
    "the-parliamentary-and-health-service-ombudsman": "ombudsman",
    "the-scottish-government": "gov.scot",
    "the-security-service-mi5": "mi5",
    "the-water-services-regulation-authority": "ofwat",
    "uk-health-security-agency": "ukhsa",
    "uk-research-and-innovation": "ukri",
    "welsh-government": "gov.wales",
    "westminster-foundation-for-democracy": "wfd",
}
_ON_THEIR_PARENTS_DOMAIN = {
    "advisory body", "board", "college", "command", "committee", "council", "court", "delegation", "diplomatic post",
    "directorate", "house", "joint committee", "office", "regulator", "sub-committee", "team", "tribunal",
}  # fmt: skip


def _own(slug: str) -> str | None:
    if slug in _SHORT:
        return f"{_SHORT[slug]}.example"
    body = tree()[slug]
    if body.kind in _ON_THEIR_PARENTS_DOMAIN and body.parent:
        return None
    return f"{slug[:60].strip('-')}.example"


DOMAINS: dict[str, str] = {slug: domain for slug in tree() if (domain := _own(slug))}


def domain_of(slug: str) -> str:
    """The mail domain that a body's people use: its own, or the nearest one above it."""
    return next(DOMAINS[above] for above in ancestry(slug) if above in DOMAINS)
