"""What was really sent: the mail server's own log, read as it grows."""

import re
from collections import Counter, defaultdict
from pathlib import Path

DRILL = re.compile(r"drill-([\w.]+)-r(\d+)")  # in every title of a chaos run


class Mails:
    """How often each address got each revision of each drill, so far."""

    def __init__(self, log: Path) -> None:
        self.accepted: defaultdict[str, Counter[tuple[str, int]]] = defaultdict(Counter)
        self.reminded: defaultdict[str, Counter[tuple[str, str]]] = defaultdict(Counter)
        self.total = 0
        self._log, self._read = log, 0

    def look(self) -> int:
        """Read what is new; how many drills' mails were accepted in all."""
        try:
            with self._log.open("rb") as file:
                file.seek(self._read)
                new = file.read()
        except FileNotFoundError:
            return 0
        whole = new[: new.rfind(b"\n") + 1]
        self._read += len(whole)
        for line in whole.decode().splitlines():
            address, subject, message = line.split("\t")
            if not (found := DRILL.search(subject)):
                continue
            if "Reminder:" in subject:
                # Of what they hold: a mail of its own beside the one that told them, and doubled where it comes twice.
                self.reminded[found[1]][address, message] += 1
            else:
                self.accepted[found[1]][address, int(found[2])] += 1
                self.total += 1
        return self.total

    def told(self, drill: str, revision: int) -> set[str]:
        """Who got this revision."""
        return {address for address, number in self.accepted[drill] if number == revision}

    def told_any(self, drill: str) -> set[str]:
        """Who got any."""
        return {address for address, _ in self.accepted[drill]}

    def doubled(self, drill: str) -> int:
        """Mails that somebody got once too often."""
        return sum(times - 1 for of in (self.accepted, self.reminded) for times in of[drill].values())
