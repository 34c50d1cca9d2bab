"""A round: an advisory to the whole country, and what befalls the machine while it travels. A seed decides all of it."""

import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.chaos import checks
from tests.chaos.checks import Drill
from tests.chaos.country import OFFICER, ROOT, Country
from tests.chaos.machine import Machine
from tests.stack import until

STALL = 1.0  # seconds without a mail after which a hurried round brings the clock forward
GIVE_UP = 30.0  # seconds without a mail after which the next event is not waited for any more
TRIES = 5  # of a command that meets a database that is away


@dataclass
class Round:
    """`hurry`: what a deadline or the beat's minute would do soon is done at once, by moving the clock in the tables."""

    machine: Machine
    country: Country
    seed: int
    events: "Mapping[str, Callable[[Round], None]]"
    hurry: bool = False
    within: float = 240.0  # seconds from the last event until all is quiet

    drills: list[Drill] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.dice = random.Random(self.seed)
        self.began, self.from_mails, self.from_killed = time.monotonic(), self.machine.mails.look(), self.machine.killed
        self.running: list[tuple[subprocess.Popen[bytes], list[str], Callable[[], bool]]] = []

    def run(self) -> None:
        """Publish, let all events happen at their moments, wait until all is quiet, and check."""
        self.say(f"CHAOS_SEED={self.seed}")
        self.drills.append(self.drill("main", ROOT))
        # Where there is an update, it is a second mail to each.
        span = (1.6 if "an update" in self.events else 0.95) * len(self.drills[0].audience)
        names = self.dice.sample(sorted(self.events), len(self.events))
        moments = sorted(int(self.dice.uniform(0, span)) for _ in names)
        self.machine.manage(*self.publishing(self.drills[0], "high"))
        for name, moment in zip(names, moments, strict=True):
            self.until_sent(moment)
            self.say(f"{name} (planned at {moment})")
            self.events[name](self)
        self.until_quiet()
        self.check()

    def check(self) -> None:
        """Fail with everything that is wrong, and with the seed."""
        found = checks.faults(self.machine, self.drills, self.machine.killed - self.from_killed)
        self.say("the end")
        if found:
            raise AssertionError("\n".join([f"CHAOS_SEED={self.seed}", *found, "What happened:", *self.said]))

    # --- what events use ---

    def say(self, words: str) -> None:
        """One line, on the screen and in a failure."""
        mails = self.machine.mails.look() - self.from_mails
        doubled = sum(self.machine.mails.doubled(drill.name) for drill in self.drills)
        killed = self.machine.killed - self.from_killed
        line = f"{time.monotonic() - self.began:6.1f} s {mails:6} mails {doubled:4} doubled {killed:2} killed  {words}"
        self.said.append(line)
        sys.stderr.write(f"{line}\n")

    def drill(self, name: str, branch: str) -> Drill:
        """An advisory of this round for this branch."""
        return Drill(f"{self.seed}.{name}", 1, branch, self.country.audience(branch))

    def publish_meanwhile(self, drill: Drill, severity: str) -> None:
        """The same, while everything else goes on."""
        self.drills.append(drill)
        self.meanwhile(self.publishing(drill, severity), self.published(drill))

    def updating(self, drill: Drill, *, material: bool) -> list[str]:
        """The command for the next revision of a drill, after those that are under way."""
        self.until_commands_end()
        drill.revision += 1
        weight = "--material" if material else "--minor"
        return [*self.publishing(drill, "high"), "--update", self.reference(drill), weight]

    def publishing(self, drill: Drill, severity: str) -> list[str]:
        """The command that publishes the latest revision of a drill."""
        path = self.machine.place / f"{drill.title(drill.revision)}.json"
        said: dict[str, Any] = {
            "title": drill.title(drill.revision),
            "severity": severity,
            "marking": "GREEN",
            "summary": "A drill of the machinery.",
        }
        if drill.revision == 1:
            said["audience"] = {"branches": [drill.branch]}
        else:
            said["what_changed"] = "The number of the drill."
        path.write_text(json.dumps(said))
        return ["publish", str(path), "--as", OFFICER, "--alone", "a drill", "--accept-gaps", "a drill"]

    def reference(self, drill: Drill) -> str:
        """The advisory's."""
        [(reference,)] = self.machine.query(
            "SELECT a.reference FROM alerts_advisory a JOIN alerts_revision r ON r.advisory_id = a.id"
            " WHERE r.content->>'title' = %s",
            drill.title(1),
        )
        return str(reference)

    def published(self, drill: Drill) -> Callable[[], bool]:
        """Whether what is the latest revision now has been published, asked later."""
        asked, title = "SELECT count(*) FROM alerts_revision WHERE content->>'title' = %s", drill.title(drill.revision)
        return lambda: self.machine.query(asked, title) == [(1,)]

    def meanwhile(self, words: list[str], done: Callable[[], bool]) -> None:
        """A management command beside everything else; where it fails it is run again, as an operator would."""
        self.running.append((self.machine.begin(*words), words, done))

    def until_commands_end(self) -> None:
        """Wait for the commands begun, and run again those that met a database that was away."""
        while self.running:
            begun, words, done = self.running.pop(0)
            for _ in range(TRIES):
                if begun.wait(60) == 0 or done():
                    break
                self.say(f"again: {' '.join(words[:2])}")
                begun = self.machine.begin(*words)
            assert done(), f"{words} was not done: {self.machine.place / 'manage.log'}"

    def until_sent(self, moment: int) -> None:
        """Until so many mails of this round were accepted, or nothing moves any more."""
        mails, moved = -1, time.monotonic()
        while (now := self.machine.mails.look() - self.from_mails) < moment:
            if now != mails:
                mails, moved = now, time.monotonic()
            self.keep()
            idle = time.monotonic() - moved
            if self.hurry and idle > STALL:
                self.bring_forward()
            if idle > (4 * STALL if self.hurry else GIVE_UP):
                return
            time.sleep(0.02)

    def until_quiet(self) -> None:
        """Until everybody has the latest revision and nothing lies about; what does not come is said by `check`."""
        self.until_commands_end()
        end = time.monotonic() + self.within
        while time.monotonic() < end:
            self.keep()
            # Whatever is held, or comes to be held now: its hour passes.
            self.machine.query_update("UPDATE alerts_relay SET held_until = now() WHERE held_until > now()")
            if not checks.lying(self.machine) and not any(checks.unheard(self.machine, one) for one in self.drills):
                return
            if self.hurry:
                self.bring_forward()
            time.sleep(0.5)

    def keep(self) -> None:
        """What ended by itself is started again, and said."""
        if said := self.machine.keep():
            self.say(said)

    def bring_forward(self) -> None:
        """A retry that is due in a minute is due now, and the beat's next rings come now."""
        self.machine.query_update(
            "UPDATE alerts_batch SET not_before = now() WHERE done_at IS NULL AND not_before > now()"
        )
        self.machine.ring("alerts.tasks.deliver", "alerts.tasks.cascade_all", "alerts.tasks.fold_all")

    def until_statement(self, words: str, within: float) -> None:
        """Until a worker is at a statement with these words."""
        if not self.machine.wait_for_statement(words, within):
            self.say(f"nobody was at {words!r}")


def prepare(machine: Machine, country: Country) -> None:
    """Load the country into a machine."""
    bodies, people = machine.place / "bodies.csv", machine.place / "people.csv"
    country.write_bodies(bodies)
    country.write_people(people, country.people)
    machine.manage("load_bodies", str(bodies))
    machine.manage("load_people", str(people))
    machine.query_update(
        "UPDATE departments_body SET policy = 'hold', hold_hours = 1 WHERE slug IN ("
        + ", ".join(f"'{slug}'" for slug in country.holding)
        + ")"
    )
    until("the directory's readiness is reckoned", machine.is_well)


def seeds(many: int) -> list[int]:
    """So many by chance; or the one in CHAOS_SEED."""
    if given := os.environ.get("CHAOS_SEED"):
        return [int(given)]
    return [random.SystemRandom().randrange(10**6) for _ in range(many)]
