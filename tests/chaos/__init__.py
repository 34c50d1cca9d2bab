"""Chaos: real processes, killed at random moments of a large cascade. A seed decides what happens to whom, and when.

`country` says who must be told; `machine` runs the processes and kills them; `smtp_server` keeps what was really sent, and
misbehaves when asked to; `events` is what may happen; `round` lets it happen; `checks` says whether anything was lost.
"""
