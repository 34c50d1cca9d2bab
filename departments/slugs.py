"""What a body may be called: the limits and the letters of slugs, names, kinds and topics, wherever they come from."""

import re
from collections.abc import Iterator

LONGEST_SLUG = 400
LONGEST_NAME = 500
LONGEST_KIND = 100
LONGEST_TOPIC = 100
SLUG = re.compile(r"[A-Za-z0-9_-]+")


def wrong_with(slug: str, name: str, kind: str) -> Iterator[str]:
    """Why a body can't be called so, each reason with what to do."""
    if not slug:
        yield "no slug"
    elif len(slug) > LONGEST_SLUG:
        yield f"a slug of {len(slug)} characters: at most {LONGEST_SLUG}"
    elif not SLUG.fullmatch(slug):
        yield f"the slug {slug!r}: letters a to z, digits, hyphens and underscores only"
    if not name:
        yield "no name"
    elif len(name) > LONGEST_NAME:
        yield f"a name of {len(name)} characters: at most {LONGEST_NAME}"
    if not kind:
        yield "no kind: say what it is, such as committee"
    elif len(kind) > LONGEST_KIND:
        yield f"a kind of {len(kind)} characters: at most {LONGEST_KIND}"
