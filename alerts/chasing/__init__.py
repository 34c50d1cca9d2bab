"""The chase: reminders, then escalation up the line of accountability.

Before: a live advisory that somebody has not answered, or not acted on. After: as of that moment, each reminder and each list
of who is silent that was due is in the outbox. `tend` is called each minute; twice, late, from two beats or across a clock
change it writes once, since a step is a row and whom it reached are rows under unique keys.

    clocks      time begins to run for bodies, and for people who were told late
    ladder      when each step of a clock is due
    stepping    due steps: reminders (`reminding_sql`), lists to whoever answers for a body (`escalating_sql`); promises
    posting     one mail a person for all that waits, within their hours and no more than a day bears
    steering    an officer looks ahead, skips, hastens or ends; `outlook` is what the page shows of it, `history` what was done
"""
