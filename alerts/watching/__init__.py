"""What the watchdog (`alerts.watching.watch`) looks at, a file for each family of checks. Reads only; writes nothing.

A check is a function that finds in a `View` what is not well. Work that has no time of its own gives signs: how far it is.

    view        what one look reads, each thing once; what it finds, and how it knows that work stands still
    processes   Redis, the beat, the workers, the auditor
    mail        mail that may leave and does not
    routes      how each route stands
    heard       what is heard of mails after they left: canaries, the mailbox of bounces, events
    cascade     holds, the wave, cascades, changes of the directory, figures
    chase       steps that are due, mails of the chase

The SQL of a family stands beside it, whole. Each question is asked once for all advisories, and reads what is undone only.
`OFFSET 0` keeps the planner to the index that is named: it would rather walk all that waits, or every batch from the last
one back, to find one row.
"""
