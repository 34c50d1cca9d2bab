"""Finding bodies and people by what one remembers of them: a piece of a name, an abbreviation, a name with a slip.

The best first. Nothing here writes. Trigram indexes (pg_trgm) carry what is like a name, an index on initials what it is
called for short.
"""

from django.db import connection, transaction
from django.db.models import F, Func, QuerySet, Value

from departments.models import Body, Person

LONGEST = 200  # characters; the rest is not looked at
MOST = 200
# A word that thousands are called is not looked at to the end: whoever types goes on typing.
LOOKED_AT = 3_000
# Names that are only alike are looked for where fewer than so many have the words themselves.
ENOUGH = 50
# How much of a word's trigrams have to be found in a name (0 to 1): two slips in a word of eight letters still pass.
LIKENESS = "0.45"
TRIGRAM = 3  # letters; a piece of a name shorter than this is in no index, the beginning of a word is

# Indexes: body's slug, body_capitals, body_initials, body_name_trigram, alias_trigram. {name} and {text}: see `_holding`.
# OFFSET 0 keeps the planner, which can't know how few were found, from reading the whole table to join it.
BODIES = """
    WITH named(id, rank, likeness) AS (
        SELECT id, 0, 1 FROM departments_body WHERE slug = %(words)s
        UNION ALL
        SELECT id, 1, 1 FROM departments_body
        WHERE lower(regexp_replace(name, '[^A-Z0-9]', '', 'g')) = lower(%(letters)s)
            OR lower(regexp_replace(name, '(\\y\\w|[A-Z])|.', '\\1', 'g')) = lower(%(letters)s)
        UNION ALL
        SELECT id, 2, 1 FROM departments_body
        WHERE lower(regexp_replace(name, '[^A-Z0-9]', '', 'g')) LIKE %(letters_so_far)s
            OR lower(regexp_replace(name, '(\\y\\w|[A-Z])|.', '\\1', 'g')) LIKE %(letters_so_far)s
        UNION ALL
        SELECT body_id, 1, 1 FROM departments_bodyalias WHERE text ILIKE %(exact)s
        UNION ALL
        (SELECT id, 2, word_similarity(%(words)s, name) FROM departments_body
        WHERE name ILIKE %(start)s LIMIT %(looked)s)
        UNION ALL
        (SELECT id, 3, word_similarity(%(words)s, name) FROM departments_body WHERE {name} LIMIT %(looked)s)
        UNION ALL
        (SELECT body_id, 3, word_similarity(%(words)s, text) FROM departments_bodyalias WHERE {text} LIMIT %(looked)s)
        UNION ALL
        (SELECT id, 3, 0 FROM departments_body WHERE slug LIKE %(slug)s LIMIT %(looked)s)
    ), found AS (
        SELECT * FROM named
        UNION ALL
        (SELECT id, 4, word_similarity(%(words)s, name) FROM departments_body
        WHERE name %%> %(words)s AND (SELECT count(*) FROM named) < %(enough)s LIMIT %(looked)s)
        UNION ALL
        (SELECT body_id, 4, word_similarity(%(words)s, text) FROM departments_bodyalias
        WHERE text %%> %(words)s AND (SELECT count(*) FROM named) < %(enough)s LIMIT %(looked)s)
    )
    SELECT b.id
    FROM (SELECT id, min(rank) AS rank, max(likeness) AS likeness FROM found GROUP BY id) f
    CROSS JOIN LATERAL (SELECT * FROM departments_body WHERE id = f.id OFFSET 0) b
    ORDER BY b.closed IS NOT NULL, f.rank, f.likeness DESC, length(b.name), b.name, b.id
    LIMIT %(most)s
"""

# Indexes: the address's, by pattern; person_name_trigram.
PEOPLE = """
    WITH named(id, rank, likeness) AS (
        (SELECT id, CASE WHEN email = lower(%(words)s) THEN 0 ELSE 1 END, 1 FROM departments_person
        WHERE email LIKE lower(%(start)s) ORDER BY email LIMIT %(looked)s)
        UNION ALL
        (SELECT id, 2, word_similarity(%(words)s, name) FROM departments_person WHERE {name} LIMIT %(looked)s)
    ), found AS (
        SELECT * FROM named
        UNION ALL
        (SELECT id, 3, word_similarity(%(words)s, name) FROM departments_person
        WHERE name %%> %(words)s AND (SELECT count(*) FROM named) < %(enough)s LIMIT %(looked)s)
    )
    SELECT p.id
    FROM (SELECT id, min(rank) AS rank, max(likeness) AS likeness FROM found GROUP BY id) f
    CROSS JOIN LATERAL (SELECT * FROM departments_person WHERE id = f.id OFFSET 0) p
    ORDER BY p.left_at IS NOT NULL, f.rank, f.likeness DESC, p.name, p.id
    LIMIT %(most)s
"""


def bodies_like(words: str) -> QuerySet[Body]:
    """Bodies like this, the best first and closed ones last: by name, other name, initials or slug. None for no words."""
    ids = _found(BODIES, words)
    return Body.objects.filter(pk__in=ids).order_by(_place(ids))


def people_like(words: str) -> QuerySet[Person]:
    """People like this, the best first and those who left last: by name, or by how an address begins. None for no words."""
    ids = _found(PEOPLE, words)
    return Person.objects.filter(pk__in=ids).order_by(_place(ids))


def _found(statement: str, typed: str) -> list[int]:
    words = " ".join(typed.replace("\0", " ").encode("utf-8", "replace").decode()[:LONGEST].split())
    if not words:
        return []
    plain, pieces = _plain(words), words.split()[:8]
    values: dict[str, str | int] = {
        "words": words,
        "letters": words.replace(".", ""),
        "letters_so_far": _plain(words.replace(".", "").lower()) + ("%" if len(words) > 1 else ""),
        "exact": plain,
        "start": f"{plain}%",
        "slug": f"{_plain(words.lower().replace(' ', '-'))}%",
        "most": MOST,
        "looked": LOOKED_AT,
        "enough": ENOUGH,
        **_patterns(pieces),
    }
    statement = statement.format(name=_holding("name", pieces), text=_holding("text", pieces))
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT set_config('pg_trgm.word_similarity_threshold', %s, true)", [LIKENESS])
        cursor.execute(statement, values)
        return [row[0] for row in cursor.fetchall()]


def _holding(column: str, pieces: list[str]) -> str:
    """That a column holds each piece. One condition each: no index serves `ILIKE ALL`."""
    conditions = [
        f"{column} ILIKE %(piece_{number})s"
        if len(piece) >= TRIGRAM
        else f"({column} ILIKE %(first_{number})s OR {column} ILIKE %(later_{number})s)"
        for number, piece in enumerate(pieces)
    ]
    return " AND ".join(conditions)


def _patterns(pieces: list[str]) -> dict[str, str]:
    """A piece anywhere; one too short for that at the beginning of a word."""
    patterns: dict[str, str] = {}
    for number, piece in enumerate(map(_plain, pieces)):
        patterns |= {f"piece_{number}": f"%{piece}%", f"first_{number}": f"{piece}%", f"later_{number}": f"% {piece}%"}
    return patterns


def _plain(text: str) -> str:
    """As a pattern that means just itself."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _place(ids: list[int]) -> Func:
    return Func(Value(ids), F("pk"), function="array_position", template="%(function)s(%(expressions)s)")
