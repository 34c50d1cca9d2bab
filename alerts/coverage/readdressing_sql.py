"""The SQL of readdressing a list: its people, and at which mail domains they are. `{selection}` yields recipients (`id`)."""

# Index: recipient's primary key.
PEOPLE = """
SELECT r.person_id AS id FROM ({selection}) chosen
CROSS JOIN LATERAL (SELECT person_id FROM alerts_recipient WHERE id = chosen.id OFFSET 0) r
"""

# Of the first so many: to be proposed, not to be counted on.
DOMAINS = f"""
SELECT split_part(p.email, '@', -1)
FROM ({PEOPLE} LIMIT %(looked_at)s) people
CROSS JOIN LATERAL (SELECT email FROM departments_person WHERE id = people.id AND left_at IS NULL OFFSET 0) p
GROUP BY 1
ORDER BY count(*) DESC, 1
LIMIT %(named)s
"""
