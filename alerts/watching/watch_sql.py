"""The SQL with which the auditor keeps what it found, and what it remembers of work that has no time of its own."""

# What the auditor remembers of work that has no time of its own. Index: trouble_open_once.
NOTED = "SELECT kind, subject, says, began_at FROM alerts_trouble WHERE over_at IS NULL AND kind LIKE 'note:%%'"

# A mark that moved starts anew.
NOTE = """
INSERT INTO alerts_trouble (kind, subject, says, began_at, seen_at)
SELECT 'note:' || n.kind, n.subject, n.mark, %(now)s, %(now)s
FROM unnest(%(kinds)s::text[], %(subjects)s::text[], %(marks)s::text[]) AS n(kind, subject, mark)
ORDER BY n.kind, n.subject
ON CONFLICT (kind, subject) WHERE over_at IS NULL DO UPDATE
SET seen_at = excluded.seen_at,
    began_at = CASE WHEN alerts_trouble.says = excluded.says THEN alerts_trouble.began_at ELSE excluded.began_at END,
    says = excluded.says
"""

UNNOTE = "DELETE FROM alerts_trouble WHERE over_at IS NULL AND kind LIKE 'note:%%' AND seen_at < %(now)s"

# It began when it was first seen to have begun: what comes again while it lasts does not make it younger.
OPEN = """
INSERT INTO alerts_trouble (kind, subject, says, began_at, seen_at)
SELECT t.kind, t.subject, t.says, t.since, %(now)s
FROM unnest(%(kinds)s::text[], %(subjects)s::text[], %(says)s::text[], %(since)s::timestamptz[])
    AS t(kind, subject, says, since)
ORDER BY t.kind, t.subject
ON CONFLICT (kind, subject) WHERE over_at IS NULL DO UPDATE SET seen_at = excluded.seen_at, says = excluded.says
"""

CLOSE = """
UPDATE alerts_trouble SET over_at = %(now)s
WHERE over_at IS NULL AND kind NOT LIKE 'note:%%' AND seen_at < %(now)s
"""

FORGET = "DELETE FROM alerts_trouble WHERE over_at < %(long_ago)s"
