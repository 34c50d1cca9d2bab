"""When an advisory last went on, after something of it was due: before that it could not have moved."""

# Step by step back to then and no further, since each answer and each part that was sent is an entry. Index: record_subject.
BACK_TO = """
WITH RECURSIVE back AS (
    SELECT 9223372036854775807 AS id, 'infinity'::timestamptz AS at, NULL::timestamptz AS went_on
    UNION ALL
    SELECT step.id, step.at, step.went_on
    FROM back
    CROSS JOIN LATERAL (
        SELECT min(e.id) AS id, min(e.at) AS at, max(e.at) FILTER (WHERE e.kind IN ({kinds})) AS went_on
        FROM (
            SELECT id, kind, at FROM alerts_record
            WHERE subject = {{reference}} AND id < back.id ORDER BY id DESC LIMIT 500
        ) e
    ) step
    WHERE back.went_on IS NULL AND back.at > {{since}} AND step.id IS NOT NULL
)
SELECT max(went_on) AS at FROM back
"""
WENT_ON = BACK_TO.format(kinds="'went on', 'reviewed'")
