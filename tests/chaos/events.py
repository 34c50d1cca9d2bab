"""What may happen in a round, by name."""

from collections.abc import Callable

from tests.chaos.machine import PATIENCE
from tests.chaos.round import Round

# A statement of each verb, as pg_stat_activity shows it: of those that every advisory goes through but once, and of those
# that go on for as long as there is mail.
ONCE = {
    "planning": "INSERT INTO alerts_relay",
    "seating": "INSERT INTO alerts_seat",
    "queueing": "INSERT INTO alerts_message",
}
ON_AND_ON = {
    "claiming": "UPDATE alerts_batch SET leased_until",
    "taking a part": "FROM alerts_message m LEFT JOIN alerts_advisory a",
    "noting": "UPDATE alerts_message m",
    "folding": "DELETE FROM alerts_delta",
}


def _kill_worker(round_: Round) -> None:
    round_.machine.kill_worker()


def _kill_worker_while(words: str, *, once: str = "") -> Callable[[Round], None]:
    """`once`: the verb that something further has to be published for."""

    def happens(round_: Round) -> None:
        if once:
            branch = round_.dice.choice(round_.country.departments())
            round_.publish_meanwhile(round_.drill(once, branch), "critical")
        round_.until_statement(words, 20.0 if once else 5.0)
        round_.machine.kill_worker()

    return happens


def _kill_pool_child(round_: Round) -> None:
    round_.machine.kill_pool_child(round_.dice.randrange(2))


def _kill_beat(round_: Round) -> None:
    round_.machine.kill("beat")
    round_.machine.start_beat()


def _kill_web(round_: Round) -> None:
    round_.machine.kill("web")
    round_.machine.start_web()


def _empty_redis(round_: Round) -> None:
    with round_.machine.redis() as redis:
        redis.flushall()


def _kill_redis(round_: Round) -> None:
    round_.machine.kill_redis()


def _kill_postgresql(round_: Round) -> None:
    round_.machine.kill_postgresql()


def _restart_postgresql(round_: Round) -> None:
    round_.machine.restart_postgresql()


def _kill_smtp(round_: Round) -> None:
    round_.machine.kill_smtp()


def _fault(kind: str, most: int, **more: float) -> Callable[[Round], None]:
    def happens(round_: Round) -> None:
        round_.machine.fault(kind, round_.dice.randint(1, most), seed=round_.dice.random(), **more)

    return happens


def _update(round_: Round) -> None:
    words = round_.updating(round_.drills[0], material=round_.dice.random() < 0.5)
    round_.meanwhile(words, round_.published(round_.drills[0]))


def _critical(round_: Round) -> None:
    branch = round_.dice.choice(round_.country.departments())
    round_.publish_meanwhile(round_.drill("critical", branch), "critical")


def _join(round_: Round) -> None:
    path = round_.machine.place / f"join-{round_.seed}.csv"
    new = round_.country.join(round_.dice, f"join-{round_.seed}", 100)
    round_.country.write_people(path, new)
    for drill in round_.drills:
        drill.audience |= round_.country.audience(drill.branch)
    last = "SELECT count(*) FROM departments_person WHERE email = %s"
    round_.meanwhile(["load_people", str(path)], lambda: round_.machine.query(last, new[-1]) == [(1,)])


def _holds_end(round_: Round) -> None:
    round_.machine.query_update("UPDATE alerts_relay SET held_until = now() WHERE state = 'held'")


def _kill_publish(round_: Round) -> None:
    """The command that publishes, in the middle; nothing of it is there, and it is run again."""
    words = round_.updating(round_.drills[0], material=True)
    published = round_.published(round_.drills[0])
    begun = round_.machine.begin(*words)
    steps = ['INSERT INTO "alerts_draft"', 'INSERT INTO "alerts_revision"', "DELETE FROM alerts_counter"]
    round_.until_statement(round_.dice.choice(steps), 20.0)
    # Whoever waits to note behind a publication that dies may wait for longer than a lease lasts.
    round_.machine.killed += 1
    begun.kill()
    begun.wait()
    if not published():
        round_.meanwhile(words, published)


FAULTS: dict[str, Callable[[Round], None]] = {
    "421 to whoever connects": _fault("greet", 3),
    "421 to MAIL": _fault("mail", 3),
    "451 to some": _fault("later", 300, share=0.2),
    "the mail server hangs": _fault("hang", 2, seconds=PATIENCE + 1),
    "the mail server is slow": _fault("slow", 3, seconds=PATIENCE / 2),
    "the mail server cuts a mail off": _fault("cut", 3),
    "Redis is emptied": _empty_redis,
}
LIFE: dict[str, Callable[[Round], None]] = {
    "an update": _update,
    "people join": _join,
    "something critical": _critical,
    "holds end": _holds_end,
}
KILLS: dict[str, Callable[[Round], None]] = {
    "kill -9 the worker": _kill_worker,
    "kill -9 one of the pool": _kill_pool_child,
    "kill -9 beat": _kill_beat,
    "kill -9 web": _kill_web,
    "kill -9 Redis": _kill_redis,
    "kill -9 PostgreSQL": _kill_postgresql,
    "restart PostgreSQL": _restart_postgresql,
    "kill -9 the mail server": _kill_smtp,
}
IN_A_VERB: dict[str, Callable[[Round], None]] = {
    **{f"kill -9 the worker while {verb}": _kill_worker_while(words, once=verb) for verb, words in ONCE.items()},
    **{f"kill -9 the worker while {verb}": _kill_worker_while(words) for verb, words in ON_AND_ON.items()},
    "kill -9 the publishing": _kill_publish,
}
EVENTS = FAULTS | LIFE | KILLS | IN_A_VERB
