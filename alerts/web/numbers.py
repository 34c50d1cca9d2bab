"""A number with its noun, as it is said."""


def count(number: int, one: str, many: str) -> str:
    """ "1 body", "2,000 bodies"."""
    return f"{number:,} {one if number == 1 else many}"


def people(number: int) -> str:
    """ "1 person", "2,000 people"."""
    return count(number, "person", "people")


def has(number: int) -> str:
    """ "1 person has", "2,000 people have"."""
    return f"{number:,} {'has' if number == 1 else 'have'}"
