"""Who should hear an advisory: one rule in SQL.

`AUDIENCE` says which bodies it reaches and how, `SEATS` who of them hears it. The preview counts with it
(`alerts.publishing.reach`) and the cascade plans with it, so that what was shown before publishing is what then happens.
"""

# From the branches of the audience down along accountability and sponsorship, from a closed body to whoever took over,
# and not through an excluded one; then the bodies between, up from each target, but for the issuer's own line. UNION
# ends the cycles that sponsors and successors can make.
AUDIENCE = """
WITH RECURSIVE excluded(body_id) AS (
    SELECT body_id FROM alerts_exclusion WHERE advisory_id = %(advisory)s AND lapsed_at IS NULL
), reached(body_id) AS (
    SELECT body_id FROM alerts_branch
    WHERE advisory_id = %(advisory)s AND body_id NOT IN (SELECT body_id FROM excluded)
    UNION
    SELECT c.body_id
    FROM reached r
    CROSS JOIN LATERAL (
        SELECT b.id AS body_id FROM departments_body b WHERE b.parent_id = r.body_id
        UNION ALL
        SELECT s.body_id FROM departments_sponsor s WHERE s.sponsor_id = r.body_id
        UNION ALL
        SELECT o.successor_id FROM departments_body o
        WHERE o.id = r.body_id AND o.closed IS NOT NULL AND o.successor_id IS NOT NULL
    ) c
    WHERE c.body_id NOT IN (SELECT body_id FROM excluded)
), target(body_id) AS (
    SELECT r.body_id
    FROM reached r
    JOIN departments_body b ON b.id = r.body_id AND b.closed IS NULL
    WHERE NOT EXISTS (SELECT FROM alerts_audiencetopic WHERE advisory_id = %(advisory)s)
       OR EXISTS (
            SELECT FROM alerts_audiencetopic t
            JOIN departments_remit m ON m.topic_id = t.topic_id
            WHERE t.advisory_id = %(advisory)s AND m.body_id = r.body_id
       )
), named(body_id) AS (
    SELECT DISTINCT m.body_id
    FROM alerts_named n
    JOIN departments_membership m ON m.person_id = n.person_id AND m.until IS NULL
    JOIN departments_body b ON b.id = m.body_id AND b.closed IS NULL
    WHERE n.advisory_id = %(advisory)s
      AND m.body_id NOT IN (SELECT body_id FROM target)
), issuing(body_id) AS (
    SELECT issuer_id FROM alerts_advisory WHERE id = %(advisory)s
    UNION
    SELECT b.parent_id FROM issuing i JOIN departments_body b ON b.id = i.body_id WHERE b.parent_id IS NOT NULL
), above(body_id) AS (
    SELECT b.parent_id
    FROM (SELECT body_id FROM target UNION SELECT body_id FROM named) t
    JOIN departments_body b ON b.id = t.body_id
    WHERE b.parent_id IS NOT NULL
    UNION
    SELECT b.parent_id FROM above a JOIN departments_body b ON b.id = a.body_id WHERE b.parent_id IS NOT NULL
), audience(body_id, purpose) AS (
    SELECT body_id, 'target' FROM target
    UNION ALL
    SELECT body_id, 'named' FROM named
    UNION ALL
    SELECT a.body_id, 'between'
    FROM above a
    JOIN departments_body b ON b.id = a.body_id AND b.closed IS NULL
    WHERE a.body_id NOT IN (SELECT body_id FROM target UNION ALL SELECT body_id FROM named)
      AND a.body_id NOT IN (SELECT body_id FROM issuing)
      AND a.body_id NOT IN (SELECT body_id FROM excluded)
)
"""

# The members of a place: of many, joined as the database sees fit; of a few, looked up by their key one after another.
MEMBERS = "JOIN departments_membership m ON m.body_id = p.body_id AND m.until IS NULL"
MEMBERS_BY_KEY = """CROSS JOIN LATERAL (
        SELECT person_id, role FROM departments_membership WHERE body_id = p.body_id AND until IS NULL OFFSET 0
    ) m"""

# Who sits at a place (a row with body_id and purpose) of the audience, whether it counts, and whether as its contact.
# At TLP:RED only the named: it isn't for the contacts of the bodies through which it passes.
SEATS = """
    SELECT p.place, m.person_id,
           bool_or(
               (p.purpose = 'target'
                AND (NOT EXISTS (SELECT FROM alerts_audiencerole WHERE advisory_id = %(advisory)s)
                     OR m.role IN (SELECT role FROM alerts_audiencerole WHERE advisory_id = %(advisory)s)))
               OR m.person_id IN (SELECT person_id FROM alerts_named WHERE advisory_id = %(advisory)s)
           ) AS counts,
           bool_or(m.role = 'contact') AS contact
    FROM {places} p
    {members}
    JOIN departments_person who ON who.id = m.person_id AND who.left_at IS NULL
    WHERE ((SELECT marking FROM alerts_advisory WHERE id = %(advisory)s) <> 'RED'
           AND (m.role = 'contact'
                OR (p.purpose = 'target'
                    AND (NOT EXISTS (SELECT FROM alerts_audiencerole WHERE advisory_id = %(advisory)s)
                         OR m.role IN (SELECT role FROM alerts_audiencerole WHERE advisory_id = %(advisory)s)))))
       OR m.person_id IN (SELECT person_id FROM alerts_named WHERE advisory_id = %(advisory)s)
    GROUP BY p.place, m.person_id
"""
