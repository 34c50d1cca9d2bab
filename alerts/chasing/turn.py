"""One at a time: whoever chases an advisory, whether a person presses or the clock does."""

from alerts.chasing.chase_sql import TAKE_TURN
from alerts.statements import run


def take_turn(advisory_id: int) -> None:
    """Wait for the turn at this advisory; it is ours until the transaction ends."""
    run(TAKE_TURN, advisory=advisory_id)


def take_post() -> None:
    """Wait for the turn at the post; it is ours until the transaction ends."""
    run("SELECT pg_advisory_xact_lock(hashtext('alerts.chasing.post'))")
    no_hurry()


def no_hurry() -> None:
    """Do not wait for the disk at the end of this transaction: what a crash takes back is done by the next look.

    Nothing leaves meanwhile. Whoever sends one of its mails writes that down first, and waits for the disk with all before it.
    """
    run("SELECT set_config('synchronous_commit', 'off', true)")
